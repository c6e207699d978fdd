"""A training's own database: capturing it takes no lock of the training's away."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import runward
from runward.core import apart
from runward.core.hashing import digest_bytes
from runward.workspace import open_folder
from tests.conftest import stop_uploads

_ASK = """
import sqlite3, sys
try:
    sqlite3.connect(sys.argv[1], timeout=0.1, isolation_level=None).execute("BEGIN IMMEDIATE")
    print("free")
except sqlite3.OperationalError as error:
    print(error)
"""


@pytest.fixture
def study(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """``study.db`` in the working folder, in the middle of a transaction."""
    with contextlib.closing(sqlite3.connect(tmp_path / "study.db", isolation_level=None)) as study:
        study.execute("CREATE TABLE trials (value REAL)")
        study.execute("BEGIN IMMEDIATE")
        yield study


def asked(path: Path) -> str:
    """Whether another process may write to a database."""
    done = subprocess.run([sys.executable, "-c", _ASK, str(path)], capture_output=True, text=True, timeout=60)
    return done.stdout.strip()


def test_a_run_leaves_the_transaction_of_its_program_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Studies of Optuna are such files, which many processes write: without its lock two of them would write at once."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNWARD_DIR", str(tmp_path / "ws"))
    with runward.start(project="p") as run:
        study = sqlite3.connect("study.db", isolation_level=None)
        study.execute("CREATE TABLE trials (value REAL)")
        study.execute("BEGIN IMMEDIATE")
        assert asked(tmp_path / "study.db") == "database is locked"
        run.log_artifact("study.db")
        assert asked(tmp_path / "study.db") == "database is locked"
    assert asked(tmp_path / "study.db") == "database is locked"
    study.execute("ROLLBACK")
    assert asked(tmp_path / "study.db") == "free"
    study.close()
    with contextlib.closing(open_folder(tmp_path / "ws")) as space:
        (artifact,) = space.tracking.get_run(run.id).artifacts
        assert artifact.digest == digest_bytes((tmp_path / "study.db").read_bytes())
        stop_uploads(space)


def test_an_open_database_is_read_by_another_process(tmp_path: Path, study: sqlite3.Connection) -> None:
    path = tmp_path / "study.db"
    assert apart.is_open_here(path)
    with apart.reading(path) as file:
        data = file.read()
    assert apart.digest_of(path) == digest_bytes(data)
    # Whoever wants no more of it than the beginning hears of no error.
    with apart.reading(path) as file:
        assert file.read(15) == b"SQLite format 3"
    assert asked(path) == "database is locked"
    study.execute("ROLLBACK")
    assert data == path.read_bytes()


def test_what_cannot_be_read_apart_is_an_error(
    tmp_path: Path, study: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cat").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "cat").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OSError, match="could not read it to the end"):
        apart.digest_of(tmp_path / "study.db")
    with pytest.raises(FileNotFoundError):
        apart.digest_of(tmp_path / "gone.db")


@pytest.mark.parametrize("size", [0, 1, 512, 4096, 5000])
def test_any_other_file_is_read_here(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a file"
    path.write_bytes(b"x" * size)
    assert not apart.is_open_here(path)
    assert apart.digest_of(path) == digest_bytes(b"x" * size)
