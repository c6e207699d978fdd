"""Reruns: isolation, limits, and nothing left running."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from runward.core.hashing import digest_bytes
from runward.errors import InvalidError, SourceMissingError
from runward.repro.command import Relocation, clean_environment, place_inputs, relocation, rerun_command
from runward.repro.rerun import RerunOutcome, probe_bubblewrap, rerun
from runward.repro.stop import StoppedError, run_tool, stoppable
from runward.tracking.capture.model import FileRead
from tests.capture.stores import MemoryBlobs
from tests.extras import disk_of
from tests.repro.captures import make_capture

ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin"}


@pytest.fixture
def bubblewrap() -> None:
    """Skip where bubblewrap does not isolate, unless everything must be tested."""
    probe_bubblewrap.cache_clear()
    reason = probe_bubblewrap()
    if reason and os.environ.get("RUNWARD_TEST_ALL"):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MB."""
    with disk_of("64m", tmp_path / "small") as folder:
        yield folder


def go(tmp_path: Path, program: str, *, sandbox: bool = False, timeout_s: float = 60, **options: Any) -> RerunOutcome:
    work = tmp_path / "work"
    work.mkdir(exist_ok=True)
    return rerun(
        [sys.executable, "-c", program], work, ENV, timeout_s,
        writable=work, output_dir=tmp_path / "out", sandbox=sandbox, **options,
    )  # fmt: skip


def test_output_and_exit_code(tmp_path: Path) -> None:
    """Both streams, apart, and the code passed through."""
    outcome = go(tmp_path, "import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)")
    assert (outcome.exit_code, outcome.timed_out, outcome.truncated) == (7, False, False)
    assert outcome.stdout_path.read_text() == "out\n"
    assert outcome.stderr_path.read_text() == "err\n"
    assert outcome.wall_s > 0


def test_without_isolation_it_says_so_loudly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Switched off, or not installed."""
    outcome = go(tmp_path, "pass")
    assert outcome.sandbox == "none"
    assert "NOT ISOLATED" in outcome.sandbox_note
    probe_bubblewrap.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    outcome = go(tmp_path, "pass", sandbox=True)
    assert (outcome.sandbox, outcome.exit_code) == ("none", 0)
    assert "bubblewrap is not installed" in outcome.sandbox_note
    probe_bubblewrap.cache_clear()


def test_environment_is_what_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this session leaks in."""
    monkeypatch.setenv("MY_TOKEN", "x")
    outcome = go(tmp_path, "import os; print(sorted(os.environ))")
    assert "MY_TOKEN" not in outcome.stdout_path.read_text()
    assert "PATH" in outcome.stdout_path.read_text()


def test_output_is_capped(tmp_path: Path) -> None:
    """A command that prints without end fills no disk, and is not blocked either."""
    outcome = go(tmp_path, "import sys; sys.stdout.write('x' * 1_000_000); sys.stderr.write('done')", output_bytes=1000)
    assert outcome.stdout_path.stat().st_size == 1000
    assert outcome.stderr_path.read_text() == "done"
    assert (outcome.truncated, outcome.exit_code) == (True, 0)


SPAWN = """
import os, subprocess, sys, time
inherit = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
escaped = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print(inherit.pid, escaped.pid, flush=True)
"""


def gone(pid: int) -> bool:
    """Whether a process ended, given a moment to be reaped."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
def test_timeout_kills_everything(tmp_path: Path) -> None:
    """Also a child that made a session of its own."""
    outcome = go(tmp_path, SPAWN + "time.sleep(600)", timeout_s=1.5)
    assert outcome.timed_out
    assert outcome.exit_code == -signal.SIGKILL
    assert all(gone(int(pid)) for pid in outcome.stdout_path.read_text().split())


def test_a_command_that_fills_the_disk_is_ended_before(tmp_path: Path, small_disk: Path) -> None:
    """Half of what was free stays free where that is less than a gibibyte."""
    program = (
        "import time\nfile = open('big', 'wb')\nwhile True: file.write(bytes(1 << 20)); file.flush(); time.sleep(0.02)"
    )
    outcome = go(small_disk, program)
    assert (outcome.out_of_space, outcome.timed_out) == (True, False)
    assert shutil.disk_usage(small_disk).free > 0


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
def test_orphans_of_an_ended_command_are_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They hold its output open, and must not hold up the rerun."""
    monkeypatch.setattr("runward.repro.rerun._DRAIN_S", 0.1)
    outcome = go(tmp_path, SPAWN, timeout_s=60)
    assert (outcome.exit_code, outcome.timed_out) == (0, False)
    assert outcome.wall_s < 30
    assert all(gone(int(pid)) for pid in outcome.stdout_path.read_text().split())


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
@pytest.mark.parametrize("closed", ["", "os.close(1); os.close(2); "], ids=["printing", "silent"])
def test_a_stop_from_outside_kills_everything(tmp_path: Path, closed: str) -> None:
    """At once, wherever the rerun stands; nothing more is begun."""
    pids = tmp_path / "work" / "pids"
    tell = "open('new', 'w').write(f'{inherit.pid} {escaped.pid}'); os.rename('new', 'pids'); "
    with stoppable(pids.exists):
        begun = time.monotonic()
        with pytest.raises(StoppedError):
            go(tmp_path, SPAWN + tell + closed + "time.sleep(600)")
        assert time.monotonic() - begun < 10
        assert all(gone(int(pid)) for pid in pids.read_text().split())
        with pytest.raises(StoppedError):
            go(tmp_path, "print('again')")
    assert go(tmp_path, "print('again')").exit_code == 0


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
def test_a_tool_that_takes_its_time_still_gets_all_of_its_input(tmp_path: Path) -> None:
    """More than a pipe holds, read after the first look."""
    program = "import sys, time; time.sleep(0.5); print(len(sys.stdin.read()))"
    done = run_tool([sys.executable, "-c", program], ENV, tmp_path, 30.0, "x" * 300_000)
    assert done.stdout == "300000\n"


def test_a_tool_ends_with_who_waits_for_it(tmp_path: Path) -> None:
    """By a stop or its time limit, with its children; else it answers."""
    pids = tmp_path / "pids"
    command = ["sh", "-c", f"sleep 600 & echo $! $$ > {pids}; wait"]
    with stoppable(lambda: pids.exists() and pids.read_text().endswith("\n")), pytest.raises(StoppedError):
        run_tool(command, ENV, tmp_path, 60)
    assert all(gone(int(pid)) for pid in pids.read_text().split())
    with pytest.raises(subprocess.TimeoutExpired):
        run_tool(["sleep", "600"], ENV, tmp_path, 0.1)
    done = run_tool(["sh", "-c", "echo out; echo err >&2; exit 3"], ENV, tmp_path, 60)
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")


def test_closed_output_is_not_the_end(tmp_path: Path) -> None:
    """A command that closes its streams is still waited for."""
    outcome = go(tmp_path, "import os, time; os.close(1); os.close(2); time.sleep(0.3); os._exit(5)")
    assert (outcome.exit_code, outcome.timed_out) == (5, False)


def test_command_that_does_not_exist(tmp_path: Path) -> None:
    """Reported like a shell does, not raised."""
    outcome = rerun(["/no/such"], tmp_path, ENV, 10, writable=tmp_path, output_dir=tmp_path / "out", sandbox=False)
    assert outcome.exit_code == 127
    assert "/no/such" in outcome.stderr_path.read_text()


def test_working_folder_must_be_writable(tmp_path: Path) -> None:
    """Otherwise the command could not even run where it should."""
    with pytest.raises(InvalidError, match="not below"):
        rerun(["true"], tmp_path, ENV, 10, writable=tmp_path / "other", output_dir=tmp_path, sandbox=False)


@pytest.mark.usefixtures("bubblewrap")
def test_sandbox_allows_one_folder_and_no_network(tmp_path: Path) -> None:
    """Writes elsewhere fail, the host's loopback is not reachable, its processes are not seen."""
    (tmp_path / "outside").write_text("kept")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        program = f"""
import os, socket
open("inside", "w").write("yes")
def attempt(what, action):
    try: action()
    except OSError as error: print(what, "refused")
    else: print(what, "allowed")
attempt("write", lambda: open({str(tmp_path / "outside")!r}, "w"))
attempt("etc", lambda: open("/etc/runward-test", "w"))
attempt("network", lambda: socket.create_connection(("127.0.0.1", {port}), 2))
print(len([name for name in os.listdir("/proc") if name.isdigit()]) < 5)
print(open({str(tmp_path / "outside")!r}).read())
"""
        outcome = go(tmp_path, program, sandbox=True)
    assert outcome.stdout_path.read_text().split("\n")[:5] == [
        "write refused", "etc refused", "network refused", "True", "kept",
    ], outcome.stderr_path.read_text()  # fmt: skip
    assert (outcome.sandbox, outcome.exit_code) == ("bubblewrap", 0)
    assert (tmp_path / "work" / "inside").read_text() == "yes"


@pytest.mark.usefixtures("bubblewrap")
def test_sandbox_timeout_leaves_nothing(tmp_path: Path) -> None:
    """The process namespace dies as a whole, also what escaped the session."""
    mark = f"mark-{time.monotonic_ns()}"
    program = SPAWN.replace("time.sleep(600)", f"time.sleep(600)  # {mark}") + "time.sleep(600)"
    outcome = go(tmp_path, program, sandbox=True, timeout_s=1.5)
    assert outcome.timed_out
    found = [
        int(path.name)
        for path in Path("/proc").iterdir()
        if path.name.isdigit() and int(path.name) != os.getpid() and mark.encode() in _cmdline(path)
    ]
    assert all(gone(pid) for pid in found)


def _cmdline(path: Path) -> bytes:
    try:
        return (path / "cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.usefixtures("bubblewrap")
def test_rerun_from_a_thread(tmp_path: Path) -> None:
    """A worker's threads may run verifications."""
    outcomes: list[RerunOutcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(go(tmp_path, "print(1)", sandbox=True)))
    thread.start()
    thread.join(60)
    assert outcomes[0].stdout_path.read_text() == "1\n"


MOVE = Relocation(captured_root="/w", root=Path("/new"), captured_prefix="/w/.venv", python=Path("/env/bin/python"))


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["python", "train.py"], ["/env/bin/python", "train.py"]),
        (["/w/.venv/bin/python3", "/w/a.py"], ["/env/bin/python", "/new/a.py"]),
        (["/w/.venv/bin/tool", "--data=/w/d"], ["/env/bin/tool", "--data=/w/d"]),
        (["./run.sh", "/w", "/work"], ["./run.sh", "/new", "/work"]),
        ([], []),
    ],
)
def test_command_for_the_restored_tree(argv: list[str], expected: list[str]) -> None:
    """The rebuilt Python, and paths of the old tree in the new one."""
    assert rerun_command(argv, MOVE) == expected


def test_secret_arguments_cannot_be_rerun() -> None:
    """They were not recorded, and the message says what to do."""
    with pytest.raises(SourceMissingError, match="word 2") as caught:
        rerun_command(["python", "a.py", "[redacted:argument]"], MOVE)
    assert "environment variable" in caught.value.hint


def test_relocation_of_a_capture() -> None:
    """Taken from what was recorded."""
    assert relocation(make_capture(), Path("/new"), Path("/env/bin/python")) == MOVE


def test_clean_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Captured variables, moved search path, private home, caches that exist, nothing else."""
    cache = tmp_path / "hf"
    cache.mkdir()
    monkeypatch.setenv("HF_HOME", str(cache))
    monkeypatch.setenv("SECRET_THING", "x")
    captured = {
        "OMP_NUM_THREADS": "2",
        "PYTHONPATH": "/w/src:/else",
        "LD_PRELOAD": "/evil.so",
        "JAX_KEY": "[redacted:variable]",
    }
    env = clean_environment(captured, MOVE, tmp_path / "home", [Path("/extra")])
    assert env["PYTHONPATH"] == "/extra:/new/src:/else"
    assert env["PATH"].startswith("/env/bin:")
    assert env["HOME"] == str(tmp_path / "home")
    assert Path(env["TMPDIR"]).is_dir()
    assert (env["OMP_NUM_THREADS"], env["HF_HOME"]) == ("2", str(cache))
    assert not {"SECRET_THING", "LD_PRELOAD", "JAX_KEY"} & env.keys()


def test_inputs_are_placed_and_checked(tmp_path: Path) -> None:
    """Ignored data comes along; a changed file is brought and flagged; a hostile path goes nowhere."""
    old, new = tmp_path / "old", tmp_path / "new"
    (old / "data").mkdir(parents=True)
    new.mkdir()
    (new / "escape").symlink_to(tmp_path)
    for name in ("same", "changed"):
        (old / "data" / name).write_text(name)

    def read(relative: str, content: bytes) -> FileRead:
        return FileRead(path=str(old / relative), relative=relative, size=1, digest=digest_bytes(content))

    hostile = [
        FileRead(path=str(old / "data" / "same"), relative="../owned", size=1, digest="x"),
        FileRead(path=str(old / "data" / "same"), relative="escape/owned", size=1, digest="x"),
    ]
    reads = [
        read("data/same", b"same"),
        read("data/changed", b"before"),
        read("data/gone", b"x"),
        read("train.py", b""),
    ]
    checks = place_inputs(make_capture(reads=[*reads, *hostile], root=str(old)), new, MemoryBlobs()).checks
    assert [(check.name, check.status) for check in checks[:3]] == [
        ("data/same", "same"), ("data/changed", "different"), ("data/gone", "unchecked"),
    ]  # fmt: skip
    assert (new / "data" / "changed").read_text() == "changed"
    assert not (tmp_path / "owned").exists()
    assert "train.py" not in {check.name for check in checks}


def test_folders_that_were_there_are_there_again(tmp_path: Path) -> None:
    """Empty, as version control leaves them out; never outside of the tree, and never in the place of a file."""
    new = tmp_path / "new"
    new.mkdir()
    (new / "escape").symlink_to(tmp_path)
    (new / "file").write_text("kept")
    folders = ["results/a", "../owned", "escape/owned", "/owned-by-nobody", "file", "file/below"]
    capture = structs.replace(make_capture(root=str(tmp_path)), folders=folders)
    place_inputs(capture, new, MemoryBlobs())
    assert (new / "results" / "a").is_dir()
    assert not (tmp_path / "owned").exists()
    assert not Path("/owned-by-nobody").exists()
    assert (new / "file").read_text() == "kept"


def test_data_that_was_kept_comes_back(tmp_path: Path) -> None:
    """What is gone always; what changed only where the recorded content is asked for, else the change would go unseen."""
    old, blobs = tmp_path / "old", MemoryBlobs()
    old.mkdir()
    (old / "changed").write_text("after")
    kept = [
        FileRead(path=str(old / name), relative=name, size=6, digest=blobs.put_bytes(b"before"), kept=True)
        for name in ("changed", "gone")
    ]
    capture = make_capture(reads=kept, root=str(old))
    for as_recorded, text, status in ((False, "after", "different"), (True, "before", "same")):
        new = tmp_path / status
        new.mkdir()
        checks = place_inputs(capture, new, blobs, as_recorded=as_recorded).checks
        assert [check.status for check in checks] == [status, "same"]
        assert ((new / "changed").read_text(), (new / "gone").read_text()) == (text, "before")
