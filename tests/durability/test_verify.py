"""A worker, or ``runward verify``, is killed in the middle of a verification: it is done once by the next, and nothing is left."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runward.repro.jobs_model import JobOptions, JobState, NewVerificationJob
from runward.repro.rerun import probe_bubblewrap
from runward.testing.plugin import missing
from runward.workspace import FolderWorkspace, open_folder
from tests.durability.conftest import Told
from tests.durability.site import Verdict, times, wait_for

pytestmark = pytest.mark.slow
_SCRIPT = """
import os, pathlib, subprocess, sys, time
print("result", 42)
if os.path.exists({flag!r}):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    pathlib.Path("begun").write_text(str(child.pid))
    time.sleep(600)
"""


class Bench:
    """A workspace with a captured run, and a program that verifies it in a temporary folder of its own."""

    def __init__(self, folder: Path, program: str, *, sandbox: bool) -> None:
        self.flag, self.temporary, self.sandbox = folder / "flag", folder / "tmp", sandbox
        self.is_worker = program == "worker"
        alone = ["verify", "one", "--level", "basic", *([] if sandbox else ["--no-sandbox"])]
        self.words = ["worker", "--once", *([] if sandbox else ["--unsandboxed"])] if self.is_worker else alone
        self.told = f"kill -9 of a {'worker' if self.is_worker else 'verification'}"
        self.temporary.mkdir()
        code = folder / "code"
        code.mkdir()
        (code / "train.py").write_text(_SCRIPT.format(flag=str(self.flag)))
        self.place = folder / "ws"
        self.env = {**os.environ, "RUNWARD_DIR": str(self.place), "TMPDIR": str(self.temporary)}
        self.call("run", "-n", "one", "-p", "p", "--", sys.executable, "train.py", cwd=code)
        self.space: FolderWorkspace = open_folder(self.place)
        self.run_id = self.space.tracking.resolve_run("one").id

    def call(self, *words: str, cwd: Path | None = None) -> None:
        """Run a command to its end."""
        command = [sys.executable, "-m", "runward", *words]
        done = subprocess.run(command, env=self.env, cwd=cwd, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr

    @contextlib.contextmanager
    def started(self, env: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
        """The program, which is killed at the end, if not before."""
        null, command = subprocess.DEVNULL, [sys.executable, "-m", "runward", *self.words]
        process = subprocess.Popen(command, env={**self.env, **(env or {})}, stdout=null, stderr=null)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def ask(self) -> str:
        """A job that waits; its id. Empty for a program that takes none."""
        if not self.is_worker:
            return ""
        options = JobOptions(sandbox=self.sandbox)
        return self.space.jobs.request_verification(self.run_id, NewVerificationJob("basic", options=options)).id

    def let_lease_run_out(self) -> None:
        with self.space.dispatcher.database.transaction(write=True) as tx:
            tx.execute("UPDATE verification_jobs SET lease_until = 1 WHERE state = 'running'")

    def made(self) -> list[str]:
        return [one.id for one in self.space.repro.list_verifications(run_id=self.run_id)]

    def left(self) -> list[str]:
        """Folders of verifications, and processes that know of them."""
        folders = [path.name for path in self.temporary.glob("runward-*")]
        return folders + [str(pid) for pid in _processes_of(self.temporary)]


def _processes_of(temporary: Path) -> list[int]:
    needle, found = re.compile(rb"RUNWARD_RERUN=" + re.escape(os.fsencode(temporary)) + b"/"), list[int]()
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if needle.search(path.read_bytes()):
                found.append(int(path.parent.name))
    return found


_CASES = [("worker", False), ("verify", True), ("worker", True), ("verify", False)]


@pytest.fixture
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    program, sandbox = request.param
    if sandbox and (reason := probe_bubblewrap()):
        missing(reason)
    found = Bench(tmp_path, program, sandbox=sandbox)
    yield found
    found.space.close()


def _in_its_rerun(bench: Bench, process: subprocess.Popen[bytes], turn: int) -> None:
    wait_for(lambda: any(bench.temporary.glob("runward-verify-*/*/tree/begun")), "the rerun", 60)


def _a_while_later(bench: Bench, process: subprocess.Popen[bytes], turn: int) -> None:
    threading.Event().wait(0.15 + 0.07 * turn)


Moment = Callable[[Bench, "subprocess.Popen[bytes]", int], None]
_MOMENTS: list[Moment] = [_in_its_rerun, _a_while_later]


@pytest.mark.parametrize("bench", _CASES[: times(2, 4)], indirect=True, ids=str)
def test_a_killed_verification_is_done_once_by_the_next(bench: Bench, told: Told) -> None:
    """In the middle of its rerun and at any other moment; the next one ends and removes what was left."""
    kills = 0
    for turn in range(times(2, 20)):
        before, job = bench.made(), bench.ask()
        moment = _MOMENTS[turn % len(_MOMENTS)]
        if moment is _in_its_rerun:
            bench.flag.touch()
        with bench.started() as process:
            moment(bench, process, turn)
            process.send_signal(signal.SIGKILL)
            kills += process.wait() == -signal.SIGKILL
        bench.flag.unlink(missing_ok=True)
        _next_one(bench, before, job)
    told(bench.told, kills, _verdict(bench))
    assert kills >= times(2, 20) - 1


@pytest.mark.parametrize("bench", _CASES[: times(1, 2)], indirect=True, ids=str)
def test_a_verification_that_is_killed_while_it_stores(bench: Bench, faults: Path, told: Told) -> None:
    """At writes to the database: its report and the end of its job are there together, or neither is."""
    kills, at = 0, 1
    env = {"LD_PRELOAD": str(faults), "FAULT_BELOW": str(bench.place / "runward.db")}
    while True:
        before, job = bench.made(), bench.ask()
        with bench.started({**env, "FAULT_KILL": str(at)}) as process:
            code = process.wait(120)
        assert code in (0, -signal.SIGKILL)
        _next_one(bench, before, job)
        if code == 0:
            break
        kills, at = kills + 1, at + max(1, times(3 * at, at // 30))
    told(bench.told, kills, _verdict(bench))
    assert kills >= 3


def _next_one(bench: Bench, before: list[str], job: str) -> None:
    recorded = set(bench.made()) - set(before)
    state = bench.space.jobs.get_verification_job(job).state if job else None
    if job:
        # Both or neither, whenever it was killed.
        assert len(recorded) == (state is JobState.DONE)
        bench.let_lease_run_out()
    bench.call(*bench.words)
    new = set(bench.made()) - set(before)
    if job:
        found = bench.space.jobs.get_verification_job(job)
        assert (found.state, found.verdict, {found.verification_id}) == (JobState.DONE, "reproduced", new)
    else:
        assert len(new) == len(recorded) + 1
    if state is not JobState.DONE:
        wait_for(lambda: bench.left() == [], "the end of what a killed one left", 10)


def _verdict(bench: Bench) -> Verdict:
    made = bench.made()
    verdicts = [bench.space.repro.get_verification(one).verification.verdict for one in made]
    lost = sum(verdict != "reproduced" for verdict in verdicts) + (not bench.space.governance.prove_audit().holds)
    return Verdict(0, 0, len(made), lost, len(made) - len(set(made)), 0)
