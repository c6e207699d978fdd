"""A backup that is taken while clients write, put back in an empty place: all that was acknowledged before it began is in it."""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from runward.errors import RunwardError
from runward.testing.postgres import PostgresServer
from tests.durability.conftest import Told
from tests.durability.site import ServerProcess, Traffic, Verdict, times

pytestmark = pytest.mark.slow


@contextlib.contextmanager
def _checkpoints(server: ServerProcess) -> Iterator[None]:
    """The audit trail is noted outside of the database all the time, as a server does every minute."""
    over, space = threading.Event(), server.connect()

    def note() -> None:
        while not over.wait(0.05):
            with contextlib.suppress(RunwardError):
                space.governance.checkpoint_audit()

    thread = threading.Thread(target=note)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(40)


@pytest.mark.parametrize("kind", ["folder", "encrypted folder", "PostgreSQL"])
def test_a_backup_of_a_busy_workspace_comes_back_whole(
    request: pytest.FixtureRequest, tmp_path: Path, told: Told, kind: str
) -> None:
    """The first one, and those that bring it to the present; each is put back, checked and asked for everything."""
    postgres: PostgresServer | None = request.getfixturevalue("postgres_server") if kind == "PostgreSQL" else None
    server = ServerProcess(
        tmp_path / "ws", database=postgres.create_database() if postgres else "", encrypted=kind == "encrypted folder"
    )
    server.start()
    verdicts = list[Verdict]()
    try:
        # One that writes points: what others write while a backup is taken has to be copied by the next.
        traffic = Traffic(server, ("a",))
        with traffic.running(), _checkpoints(server):
            for turn in range(times(2 if kind == "folder" else 1, 10)):
                traffic.wait_for_more(10)
                before = traffic.acknowledged()
                made = server.runward("backup", str(tmp_path / "backup"), *server.place, "--json")
                assert msgspec.json.decode(made)["problems"] == []
                back = ServerProcess.restored(
                    tmp_path / f"back{turn}", tmp_path / "backup", postgres.create_database() if postgres else ""
                )
                if kind == "encrypted folder":
                    shutil.copy(tmp_path / "ws" / "keys" / "root.key", back.folder / "keys" / "root.key")
                with contextlib.closing(back.open()) as space:
                    verdicts.append(before.judge(space))
                back.runward("doctor", "--deep", "--drift", *back.place)
                shutil.rmtree(back.folder)
    finally:
        server.kill()
    told(f"backup while clients write ({kind})", len(verdicts), verdicts[-1])
    assert verdicts[-1].points > 900
    assert [verdict for verdict in verdicts if not verdict.is_good] == []
