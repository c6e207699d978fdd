"""Files that a run opens are seen; code, system files and its own outputs are not inputs."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runward.core.hashing import digest_bytes
from runward.tracking.capture.reads import ReadRecorder, unrecorded


@pytest.fixture
def recorder() -> Iterator[ReadRecorder]:
    recorder = ReadRecorder()
    recorder.start()
    yield recorder
    recorder.stop()


def names(recorder: ReadRecorder, root: Path) -> list[str]:
    return [read.relative for read in recorder.collect(root) if read.relative]


def make(path: Path, content: bytes = b"data") -> Path:
    with unrecorded():
        path.write_bytes(content)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    return path


def test_every_way_of_opening(recorder: ReadRecorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By text, bytes, path object, relative path, file descriptor call, database; several threads too."""
    for name in ("text", "bytes", "path", "relative", "descriptor", "thread", "update"):
        make(tmp_path / name)
    sqlite3.connect(":memory:").close()
    unseen = ReadRecorder()
    open(str(tmp_path / "text")).close()
    open(os.fsencode(tmp_path / "bytes"), "rb").close()
    (tmp_path / "path").read_text()
    monkeypatch.chdir(tmp_path)
    open("relative").close()
    monkeypatch.chdir("/")
    os.close(os.open(tmp_path / "descriptor", os.O_RDONLY))
    thread = threading.Thread(target=(tmp_path / "thread").read_bytes)
    thread.start()
    thread.join()
    open(tmp_path / "update", "r+b").close()
    assert names(recorder, tmp_path) == [
        "bytes",
        "descriptor",
        "path",
        "relative",
        "text",
        "thread",
        "update",
    ]
    assert unseen.collect(tmp_path) == []


def test_sqlite_database_is_an_input(recorder: ReadRecorder, tmp_path: Path) -> None:
    """Also when named by a URI."""
    for name in ("a.db", "b.db"):
        connection = sqlite3.connect(tmp_path / name)
        connection.execute("create table t (x)")
        connection.close()
    fresh = ReadRecorder()
    fresh.start()
    sqlite3.connect(tmp_path / "a.db").close()
    sqlite3.connect(f"file:{tmp_path / 'b.db'}?mode=ro", uri=True).close()
    fresh.stop()
    assert names(fresh, tmp_path) == ["a.db", "b.db"]


def test_digest_size_and_change(recorder: ReadRecorder, tmp_path: Path) -> None:
    """A file modified after the start is flagged, because the run may have read something else."""
    make(tmp_path / "old", b"abc").read_bytes()
    make(tmp_path / "new").read_bytes()
    os.utime(tmp_path / "new", (time.time() + 10, time.time() + 10))
    new, old = recorder.collect(tmp_path)
    assert (old.size, old.digest, old.changed, old.path) == (
        3,
        digest_bytes(b"abc"),
        False,
        str(tmp_path / "old"),
    )
    assert (new.relative, new.changed) == ("new", True)


def test_outputs_are_not_inputs(recorder: ReadRecorder, tmp_path: Path) -> None:
    """What the run wrote first is its own, also when it reads it again; what it read first stays an input."""
    make(tmp_path / "input")
    (tmp_path / "output").write_text("x")
    (tmp_path / "output").read_text()
    (tmp_path / "input").read_text()
    (tmp_path / "input").write_text("y")
    with open(tmp_path / "log", "a"):
        pass
    os.close(os.open(tmp_path / "raw", os.O_WRONLY | os.O_CREAT))
    (tmp_path / "raw").read_bytes()
    (read,) = [read for read in recorder.collect(tmp_path) if read.relative]
    assert (read.relative, read.changed) == ("input", True)


def test_code_system_and_own_files_are_filtered(recorder: ReadRecorder, tmp_path: Path) -> None:
    """Installed packages, the standard library, /proc, sources, and the workspace's folder."""
    make(tmp_path / "module.py").read_text()
    (tmp_path / ".runward").mkdir()
    make(tmp_path / ".runward" / "journal").read_text()
    Path(os.__file__).read_text()
    Path(pytest.__file__).with_name("py.typed").read_text()
    Path("/proc/self/stat").read_text()
    Path("/etc/hostname").exists()
    with pytest.raises(FileNotFoundError):
        (tmp_path / "missing").read_text()
    assert recorder.collect(tmp_path) == []


def test_unrecorded_threads(recorder: ReadRecorder, tmp_path: Path) -> None:
    """Our own reading does not count; nesting ends with the outermost."""
    with unrecorded():
        with unrecorded():
            make(tmp_path / "a").read_bytes()
        make(tmp_path / "b").read_bytes()
    assert recorder.collect(tmp_path) == []
    (tmp_path / "a").read_bytes()
    assert names(recorder, tmp_path) == ["a"]


def test_two_runs_in_one_process(recorder: ReadRecorder, tmp_path: Path) -> None:
    """Each sees what was opened in its own time."""
    second = ReadRecorder()
    make(tmp_path / "first").read_bytes()
    second.start()
    make(tmp_path / "both").read_bytes()
    second.stop()
    make(tmp_path / "last").read_bytes()
    assert names(second, tmp_path) == ["both"]
    assert names(recorder, tmp_path) == ["both", "first", "last"]


def test_too_large_is_not_hashed(recorder: ReadRecorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its size is recorded."""
    monkeypatch.setattr("runward.tracking.capture.reads._MAX_DIGEST_BYTES", 3)
    make(tmp_path / "large", b"12345").read_bytes()
    (read,) = [read for read in recorder.collect(tmp_path) if read.relative]
    assert (read.size, read.digest) == (5, "")


def test_a_removed_working_folder_breaks_no_open(tmp_path: Path) -> None:
    """The hook never raises into the run."""
    program = (
        "import os, sys\n"
        "from runward.tracking.capture.reads import ReadRecorder\n"
        "recorder = ReadRecorder(); recorder.start()\n"
        "os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')\n"
        "try: open('x')\n"
        "except FileNotFoundError: print('as without')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stdout == "as without\n", done.stderr
