"""Package lists: stored once, read from locks beside the requests, forgotten with the last run."""

from __future__ import annotations

from pathlib import Path

import pytest

from runward.errors import InvalidError
from runward.testing.environments import captured
from runward.tracking.listing import list_locks
from runward.tracking.model import CapturePart, NewProject
from runward.tracking.organise_model import Collect
from runward.tracking.packages import locks_of
from runward.workspace import FolderWorkspace, open_folder

RENV = b'{"Packages": {"BH": {"Version": "1.72.0-3"}}}'


@pytest.fixture
def space(tmp_path: Path) -> FolderWorkspace:
    found = open_folder(tmp_path / "ws")
    found.tracking.create_project(NewProject(path="p"))
    return found


def count(space: FolderWorkspace, table: str) -> int:
    with space.dispatcher.database.transaction(write=False) as tx:
        return int(tx.scalar(f"SELECT count(*) FROM {table}"))


def with_locks(space: FolderWorkspace, name: str, locks: dict[str, bytes]) -> str:
    run_id = captured(space, "p", name, "3.11.7", {"six": "1.16.0", "idna": "3.10"}, {})
    named = {path: space.files.put_bytes("p", data) for path, data in locks.items()}
    document = space.files.put_bytes("p", b'{"files": []}')
    space.tracking.put_captures(run_id, [CapturePart("code", document, {"locks": {**named, "odd.lock": "x"}})])
    return run_id


def test_a_list_is_stored_once(space: FolderWorkspace) -> None:
    """However many runs share it."""
    for name in "abc":
        captured(space, "p", name, "3.11.7", {"six": "1.16.0", "idna": "3.10"}, {})
    assert (count(space, "package_sets"), count(space, "packages"), count(space, "run_packages")) == (1, 2, 3)


def test_lock_files_are_listed_beside_the_requests(space: FolderWorkspace) -> None:
    """Each distinct file once; what is broken has no packages; what is stored nowhere is not looked for."""
    with_locks(space, "a", {"renv.lock": RENV, "sub/uv.lock": b"not toml ["})
    run_id = with_locks(space, "b", {"x/renv.lock": RENV})
    with pytest.raises(InvalidError, match="no run has locks yet"):
        space.tracking.search_runs("p", 'locks.BH = "1"')
    database, blobs = space.dispatcher.database, space.dispatcher.blobs
    assert list_locks(database, blobs) == 2
    assert list_locks(database, blobs) == 0
    assert space.tracking.search_runs("p", 'locks.BH >= "1.72"').total == 2
    document = space.files.put_bytes("p", b'{"files": []}')
    space.tracking.put_captures(run_id, [CapturePart("code", document, {"locks": {}})])
    assert [run.name for run in space.tracking.search_runs("p", "locks.BH is not null").runs] == ["a"]


def test_two_locks_of_a_run_name_it_once(space: FolderWorkspace) -> None:
    """In totals and pages."""
    with_locks(space, "a", {"renv.lock": RENV, "sub/renv.lock": RENV.replace(b"1.72.0-3", b"1.73")})
    space.tidy()
    found = space.tracking.search_runs("p", "locks.BH is not null")
    assert (found.total, len(found.runs)) == (1, 1)
    assert space.tracking.search_runs("p", 'locks.BH = "1.73"').total == 1


def test_garbage_collection_forgets_the_lists_of_no_run(space: FolderWorkspace) -> None:
    """And keeps those that another run has."""
    gone = with_locks(space, "gone", {"renv.lock": RENV})
    captured(space, "p", "kept", "3.11.7", {"six": "1.17.0"}, {})
    space.tidy()
    space.tracking.delete_run(gone)
    while space.organise.collect_garbage(Collect(grace_days=0)).more:
        pass
    assert (count(space, "package_sets"), count(space, "packages"), count(space, "run_packages")) == (1, 1, 1)


def test_what_a_client_says_of_locks_is_checked() -> None:
    """Only names of locks, in bounds."""
    assert locks_of({"locks": {"uv.lock": "a", "x.py": "b"}}) == {"uv.lock": "a"}
    assert locks_of({"locks": "x"}) == {}
    assert len(locks_of({"locks": {f"{n}/uv.lock": "a" for n in range(80)}})) == 50
