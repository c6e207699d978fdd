"""Folders of verifications: one's own, and those that killed processes left."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from runward.repro.scratch import scratch_folder

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


def test_a_folder_of_that_name_that_holds_no_lock_is_nobodys_to_remove(place: Path) -> None:
    (place / "runward-verify-mine").mkdir()
    (place / "target").mkdir()
    (place / "target" / "lock").touch()
    (place / "runward-verify-link").symlink_to(place / "target")
    with scratch_folder():
        assert {"runward-verify-mine", "runward-verify-link", "target"} <= {path.name for path in place.iterdir()}
        assert (place / "target" / "lock").exists()
