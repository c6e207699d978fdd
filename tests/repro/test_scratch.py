"""Folders of verifications: one's own, and those that killed processes left."""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from runward.repro.scratch import scratch_folder
from runward.repro.stop import MARKER

HOLDER = """
import sys
from runward.repro.scratch import scratch_folder
with scratch_folder() as folder:
    (folder / "closed").mkdir()
    (folder / "closed" / "data").write_text("x")
    (folder / "closed").chmod(0o500)
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary ones that nobody else uses."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_what_a_killed_verification_left_is_removed_and_what_a_living_one_uses_stays(place: Path) -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", HOLDER], stdin=pipe, stdout=pipe, text=True) as holder:
        assert holder.stdout is not None
        left = Path(holder.stdout.readline().strip())
        with scratch_folder() as own:
            assert own != left
            assert (left / "closed" / "data").read_text() == "x"
        assert not own.exists()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert left.exists()
    with scratch_folder() as own:
        assert list(place.iterdir()) == [own]


def test_what_a_killed_verification_left_running_is_ended_by_the_next(place: Path) -> None:
    """A process that left its group still has the mark of the verification; another one's are left alone."""
    sleep = [sys.executable, "-c", "import sys; print(1, flush=True); sys.stdin.read()"]
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", HOLDER], stdin=pipe, stdout=pipe, text=True) as holder:
        assert holder.stdout is not None
        left = holder.stdout.readline().strip()
        own, other = (
            subprocess.Popen(sleep, stdin=pipe, stdout=pipe, env={**os.environ, MARKER: mark}, start_new_session=True)
            for mark in (f"{left}/tree/1", f"{left}s/tree/1")
        )
        for process in (own, other):
            assert process.stdout is not None
            assert process.stdout.readline() == b"1\n"
        with scratch_folder():
            assert own.poll() is None
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with scratch_folder():
        assert own.wait(20) == -signal.SIGKILL
    assert other.communicate(b"")[0] == b""
    assert other.returncode == 0
    own.communicate()


def test_folders_of_other_kinds_are_swept_where_they_lie(place: Path) -> None:
    """What a killed build left beside the finished environments."""
    environments = place / "environments"
    environments.mkdir()
    held = HOLDER.replace("scratch_folder()", f"scratch_folder(Path({str(environments)!r}), 'building-')")
    command = [sys.executable, "-c", f"from pathlib import Path\n{held}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        left = Path(holder.stdout.readline().strip())
        assert left.parent == environments
        holder.kill()
        holder.wait()
    with scratch_folder():
        assert left.exists()
    with scratch_folder(environments, "building-") as own:
        assert list(environments.iterdir()) == [own]


def test_folders_of_other_machines_are_left_to_them(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a shared file system the locks of one may mean nothing to the others."""
    with subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        left = Path(os.fsdecode(holder.stdout.readline().strip()))
        holder.kill()
        holder.wait()
    with monkeypatch.context() as patch:
        patch.setattr(platform, "node", lambda: "another machine")
        with scratch_folder():
            assert left.exists()
    with scratch_folder():
        assert not left.exists()


def test_where_there_are_no_locks_a_folder_is_used_without(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Lustre that was mounted so: nobody else takes it for a leftover."""

    def unsupported(handle: int, how: int) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", unsupported)
        kept = scratch_folder()
        own = kept.__enter__()
    with scratch_folder():
        assert own.exists()
    kept.__exit__(None, None, None)
    assert not own.exists()


def test_a_folder_of_that_name_that_holds_no_lock_is_nobodys_to_remove(place: Path) -> None:
    (place / "runward-verify-mine").mkdir()
    (place / "target").mkdir()
    (place / "target" / "lock").touch()
    (place / "runward-verify-link").symlink_to(place / "target")
    with scratch_folder():
        assert {"runward-verify-mine", "runward-verify-link", "target"} <= {path.name for path in place.iterdir()}
        assert (place / "target" / "lock").exists()
