"""``runward migrate`` is killed at any of its writes, up or down: the database is in one format or the other, whole."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runward.errors import MigrationNeededError
from runward.governance.signin import folder_actor
from runward.review.model import NewReview
from runward.server.run import open_store
from runward.store.database import Database, open_database
from runward.store.migrations import LATEST, migrate, schema_version
from runward.testing.worlds import batch
from runward.tracking.model import NewArtifact, NewProject, NewRun, RunEnd, RunStatus
from runward.tracking.organise_model import NewComment
from runward.workspace import FolderWorkspace
from tests.cli.test_push import content
from tests.durability.conftest import Told
from tests.durability.site import Verdict, times, wait_for

pytestmark = pytest.mark.slow
_RUNS, _POINTS = 20, 1000


def _fill(folder: Path, database: str) -> None:
    store = open_store(folder, database)
    with contextlib.closing(FolderWorkspace(store, "", folder, folder_actor(store.database, "owner"))) as space:
        space.tracking.create_project(NewProject(path="p"))
        for number in range(_RUNS):
            run = space.tracking.create_run(NewRun(project="p", name=f"run {number}"))
            space.tracking.append(run.id, batch(0, {"v": [(step, 1.0) for step in range(_POINTS)]}))
            space.tracking.add_artifact(run.id, NewArtifact("a", space.files.put_bytes("p", b"%d" % number)))
            space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))
            space.organise.add_comment(run.id, NewComment("why?"))
            space.review.request_review(NewReview(run.id, "look"))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of a filled workspace."""
    postgres = str(request.getfixturevalue("postgres_url")) if request.param == "postgresql" else ""
    _fill(tmp_path / "ws", postgres)
    return postgres or f"sqlite:///{tmp_path / 'ws' / 'runward.db'}"


@contextlib.contextmanager
def _opened(url: str) -> Iterator[Database]:
    database = open_database(url)
    try:
        yield database
    finally:
        database.close()


def _lowest(database: Database) -> int:
    """The oldest format that has a place for all of it; the database is then in that one."""
    for version in range(LATEST - 1, 0, -1):
        try:
            migrate(database, version)
        except MigrationNeededError:
            return version + 1
    return 1


def _settled(database: Database) -> None:
    """PostgreSQL has noticed that who spoke to it is gone."""
    others = """SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'
                AND datname = current_database() AND pid <> pg_backend_pid()"""

    def alone() -> bool:
        with database.transaction(write=False) as tx:
            return bool(tx.scalar(others) == 0)

    if database.dialect == "postgresql":
        wait_for(alone, "the end of a connection")


def _state(url: str) -> tuple[int, dict[str, list[tuple[object, ...]]]]:
    with _opened(url) as database:
        _settled(database)
        with database.transaction(write=False) as tx:
            version = schema_version(tx)
        return version, content(database)


def _migrate(url: str, target: int, faults: Path, at: int) -> int:
    below = "socket:" if url.startswith("postgresql") else url.removeprefix("sqlite:///")
    env = {**os.environ, "LD_PRELOAD": str(faults), "FAULT_BELOW": below, "FAULT_KILL": str(at)}
    command = [sys.executable, "-m", "runward", "migrate", "--to", str(target), "--database", url]
    return subprocess.run(command, env=env, capture_output=True, check=False, timeout=120).returncode


def test_a_killed_migration_leaves_one_format_or_the_other(url: str, faults: Path, told: Told) -> None:
    """With every row of it; the next one does what this one did not."""
    with _opened(url) as database:
        before = content(database)
        lowest = _lowest(database)
        whole = {lowest: content(database)}
        migrate(database)
        whole[LATEST] = content(database)
    assert lowest < LATEST
    kept = ("runs", "artifacts", "metrics", "segments", "comments", "comment_versions", "reviews", "audit_events")
    assert {name: len(whole[LATEST][name]) for name in kept} == {name: len(before[name]) for name in kept}
    kills, version, arrived = 0, LATEST, set[int]()
    for at in _moments():
        if len(arrived) == len(whole):
            break
        # Up and down in turns: what one of them leaves is what the next begins with.
        target = lowest if version == LATEST else LATEST
        code = _migrate(url, target, faults, at)
        assert code in (0, -signal.SIGKILL)
        version, found = _state(url)
        assert found == whole[version]
        if code == 0:
            assert version == target
            arrived.add(target)
        kills += code != 0
    told("kill -9 of a migration", kills, Verdict(_RUNS * _POINTS, _RUNS, 2 * _RUNS, 0, 0, 0))
    assert kills >= 4
    with _opened(url) as database:
        migrate(database)
    assert _state(url) == (LATEST, whole[LATEST])


def _moments() -> Iterator[int]:
    """Which of its writes is never done: a dozen in CI, each of the first hundred and many later ones in the full round."""
    at = 1
    while True:
        yield at
        at += max(1, at // times(2, 100))
