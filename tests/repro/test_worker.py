"""A worker with real reruns: it records what it finds, and lets go of everything when it is told to."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runward.errors import NotFoundError, ReproError, StoreError, UnauthenticatedError
from runward.governance.model import NewMember, NewToken
from runward.governance.scopes import readable_projects
from runward.repro import worker as worker_module
from runward.repro.jobs_model import JobOptions, JobState, NewVerificationJob, VerificationJob
from runward.repro.jobs_repository import claimable
from runward.repro.replication import Limits
from runward.repro.worker import Isolation, Worker, verify_as_asked
from runward.server.run import LOOPBACK, RunningServer, listen
from runward.workspace import FolderWorkspace, Workspace, open_folder, open_url
from tests.repro.test_rerun import gone

STUCK = """
import os, subprocess, sys, time
print("begun", len(open("local.csv").read()), flush=True)
if os.path.exists({flag!r}):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    with open({pids!r} + ".new", "w") as file:
        file.write(f"{{os.getpid()}} {{child.pid}}")
    os.rename({pids!r} + ".new", {pids!r})
    time.sleep(600)
"""
BASIC = NewVerificationJob("basic", options=JobOptions(sandbox=False))


class Bench:
    """A workspace with the run of a script that ends at once, or, once the flag is there, never."""

    def __init__(self, folder: Path) -> None:
        self.flag, self.pids, self.repository = folder / "flag", folder / "pids", folder / "repo"
        self.repository.mkdir()
        (self.repository / "stuck.py").write_text(STUCK.format(flag=str(self.flag), pids=str(self.pids)))
        (self.repository / "local.csv").write_text("1,2,3")
        (self.repository / ".gitignore").write_text("local.csv\n")
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.invalid"]
        for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
            subprocess.run([*git, *command], cwd=self.repository, check=True)
        self.env = {**os.environ, "RUNWARD_DIR": str(folder / "ws")}
        command = [sys.executable, "-m", "runward", "run", "-n", "one", "--", sys.executable, "stuck.py"]
        subprocess.run(command, cwd=self.repository, env=self.env, check=True, capture_output=True)
        self.space = open_folder(folder / "ws")
        self.run_id = self.space.tracking.resolve_run("one").id

    def queue(self, new: NewVerificationJob = BASIC) -> VerificationJob:
        return self.space.jobs.request_verification(self.run_id, new)

    def begun(self) -> list[int]:
        """The processes of a rerun that is stuck, once they are there."""
        deadline = time.monotonic() + 60
        while not self.pids.exists():
            assert time.monotonic() < deadline, "the rerun did not begin"
            time.sleep(0.02)
        return [int(pid) for pid in self.pids.read_text().split()]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = Bench(tmp_path_factory.mktemp("bench"))
    team = bench.space.tracking.get_project(bench.space.tracking.get_run(bench.run_id).run.project).team
    bench.space.governance.create_member(NewMember(name="worker", role="contributor", team=team))
    yield bench
    bench.space.close()


@pytest.fixture
def bench(shared: Bench) -> Iterator[Bench]:
    """The bench with an empty queue and a script that ends."""
    yield shared
    shared.flag.unlink(missing_ok=True)
    shared.pids.unlink(missing_ok=True)
    for job in shared.space.jobs.list_verification_jobs(state="open"):
        shared.space.jobs.cancel_verification_job(job.id)


@pytest.fixture(params=["folder", "server"])
def space(request: pytest.FixtureRequest, bench: Bench) -> Iterator[Workspace]:
    """The same workspace, as it is and by HTTP in the hands of a contributor."""
    if request.param == "folder":
        yield bench.space
        return
    owner: FolderWorkspace = bench.space
    with RunningServer(owner.dispatcher, listen("127.0.0.1", 0), LOOPBACK) as server:
        yield open_url(server.url, owner.governance.create_token(NewToken("t", member="worker")).secret)


def worker_of(space: Workspace, leave: threading.Event | None = None, said: list[str] | None = None) -> Worker:
    tell = (said if said is not None else []).append
    return Worker(space, "w1", "", leave or threading.Event(), tell, Isolation(unsandboxed=True))


def test_a_worker_records_what_it_finds(bench: Bench, space: Workspace) -> None:
    job = bench.queue()
    (done,) = worker_of(space).work(idle_s=0)
    assert (done.id, done.state, done.verdict) == (job.id, JobState.DONE, "reproduced")
    assert done.verification_id is not None
    report = bench.space.repro.get_verification(done.verification_id).report
    assert (report["level"], report["conditions"]["sandbox"]) == ("basic", "none")
    mark = next(m for m in bench.space.tracking.get_run(bench.run_id).run.marks if m.kind == "verification")
    assert (mark.label, mark.ref) == ("basic", done.verification_id)


def test_a_worker_elsewhere_needs_nothing_of_the_place_where_it_ran(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code and the data that git ignores come from the server."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    owner, away = bench.space, bench.repository.with_name("away")
    bench.queue()
    bench.repository.rename(away)
    try:
        with RunningServer(owner.dispatcher, listen("127.0.0.1", 0), LOOPBACK) as server:
            token = owner.governance.create_token(NewToken("t", member="worker")).secret
            (done,) = worker_of(open_url(server.url, token)).work(idle_s=0)
    finally:
        away.rename(bench.repository)
    assert (done.state, done.verdict) == (JobState.DONE, "reproduced"), done.reason
    report = owner.repro.get_verification(str(done.verification_id)).report
    assert ("data", "local.csv", "same") in [(i["kind"], i["name"], i["status"]) for i in report["inputs"]]


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
@pytest.mark.parametrize("how", ["cancelled", "leaving"])
def test_a_worker_lets_go_and_leaves_nothing_running(bench: Bench, space: Workspace, how: str) -> None:
    """Within two seconds, also of what left the rerun's session; a worker that leaves gives the job back."""
    bench.flag.touch()
    job, leave, said = bench.queue(), threading.Event(), list[str]()
    before = len(bench.space.repro.list_verifications(run_id=bench.run_id))
    done = list[VerificationJob]()
    own = worker_of(space, leave, said)
    thread = threading.Thread(target=lambda: done.extend(own.work(once=True)))
    thread.start()
    pids = bench.begun()
    asked = time.monotonic()
    if how == "cancelled":
        bench.space.jobs.cancel_verification_job(job.id)
    else:
        leave.set()
    thread.join(30)
    assert time.monotonic() - asked < 5.0, "two seconds, and what a busy machine adds"
    assert all(gone(pid) for pid in pids)
    assert not thread.is_alive()
    found = bench.space.jobs.get_verification_job(job.id)
    assert (found.state, found.attempts) == ((JobState.CANCELLED, 1) if how == "cancelled" else (JobState.QUEUED, 0)), (
        said
    )
    assert done == []
    assert len(bench.space.repro.list_verifications(run_id=bench.run_id)) == before


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="no setpriv (util-linux)")
def test_a_rerun_without_isolation_dies_with_its_worker(bench: Bench) -> None:
    """Killed, a worker can clean up nothing: the kernel does."""
    bench.flag.touch()
    bench.queue()
    command = [sys.executable, "-m", "runward", "worker", "--once", "--unsandboxed"]
    worker = subprocess.Popen(command, env=bench.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    own, child = bench.begun()
    worker.kill()
    worker.wait()
    try:
        assert gone(own)
    finally:
        os.kill(child, signal.SIGKILL)  # It left the session by itself, out of everybody's reach.


def test_what_cannot_be_verified_fails_and_the_next_job_is_taken(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A metric that is not there by its reason, a defect by its type; neither ends the worker."""
    own = worker_of(bench.space)
    bench.queue(NewVerificationJob("statistical", options=JobOptions(metrics=["nosuch"])))
    (wrong,) = own.work(idle_s=0)
    assert (wrong.state, wrong.verification_id) == (JobState.FAILED, None)
    assert "'nosuch'" in wrong.reason
    for level in ("basic", "environment"):
        bench.queue(NewVerificationJob(level))

    def defect(*args: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(worker_module, "verify_as_asked", defect)
    assert [job.reason for job in own.work(idle_s=0)] == ["ZeroDivisionError: oh"] * 2
    assert "oh" in caplog.text


def test_a_job_that_was_taken_over_is_left_alone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who holds the job now records and ends it; this worker's report is not stored beside that."""
    job = bench.queue()
    before = len(bench.space.repro.list_verifications(run_id=bench.run_id))
    said, own = list[str](), worker_of(bench.space)
    finish = own.jobs.finish_verification_job

    def taken_over_meanwhile(*args: Any, **made: Any) -> VerificationJob:
        with bench.space.dispatcher.database.transaction(write=True) as tx:
            tx.execute("UPDATE verification_jobs SET claim = 'another', worker = 'w2' WHERE id = ?", (job.id,))
        return finish(*args, **made)

    monkeypatch.setattr(own.jobs, "finish_verification_job", taken_over_meanwhile)
    own.say = said.append
    assert own.work(once=True) == []
    assert "no longer holds" in said[-1]
    assert bench.space.jobs.get_verification_job(job.id).worker == "w2"
    assert len(bench.space.repro.list_verifications(run_id=bench.run_id)) == before


@pytest.mark.parametrize("arrives", [True, False], ids=["answer lost", "request lost"])
def test_what_was_found_is_handed_in_once_the_workspace_is_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, arrives: bool
) -> None:
    """A server that starts anew costs no rerun, and what it was told twice is recorded once."""
    job = bench.queue()
    before = len(bench.space.repro.list_verifications(run_id=bench.run_id))
    own, lost = worker_of(bench.space), [True]
    finish = own.jobs.finish_verification_job

    def away_at_first(*args: Any, **made: Any) -> VerificationJob:
        if arrives or not lost:
            answer = finish(*args, **made)
        if lost:
            lost.clear()
            raise StoreError("away")
        return answer

    monkeypatch.setattr(own.jobs, "finish_verification_job", away_at_first)
    monkeypatch.setattr(worker_module, "LOOK_S", 0.01)
    (done,) = own.work(once=True)
    assert (done.id, done.state, done.verdict) == (job.id, JobState.DONE, "reproduced")
    assert len(bench.space.repro.list_verifications(run_id=bench.run_id)) == before + 1
    assert "away" in caplog.text


def test_a_workspace_that_is_away_ends_a_worker_only_at_its_beginning(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Later it is waited for; a failure that no waiting mends is never passed over."""
    nowhere = open_url("http://127.0.0.1:9")
    with pytest.raises(StoreError):
        worker_of(nowhere).work(once=True, idle_s=0)
    own = worker_of(bench.space)
    answers: list[Exception | None] = [None, StoreError("away"), UnauthenticatedError("revoked")]

    def answer(*args: object) -> None:
        if (error := answers.pop(0)) is not None:
            raise error

    monkeypatch.setattr(own, "jobs", SimpleNamespace(claim_verification_job=answer))
    monkeypatch.setattr(worker_module, "LOOK_S", 0.01)
    with pytest.raises(UnauthenticatedError):
        own.work()
    assert answers == []
    assert "away" in caplog.text


def test_the_owner_of_a_machine_decides_what_reruns_may_do_there(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker runs what others wrote: no job asks it out of its isolation, and without any it does not begin."""
    asked: list[tuple[bool, bool]] = []

    def noted(space: object, ref: str, level: str, options: JobOptions, *more: object) -> None:
        asked.append((options.sandbox, options.network))
        raise NotFoundError("enough")

    monkeypatch.setattr(worker_module, "verify_as_asked", noted)
    monkeypatch.setattr(worker_module, "probe_bubblewrap", lambda: "")
    for limits in (None, Isolation(network=True), Isolation(unsandboxed=True), Isolation(True, True)):
        bench.queue(NewVerificationJob("basic", options=JobOptions(sandbox=False, network=True)))
        Worker(bench.space, "w1", "", threading.Event(), lambda text: None, limits).work(once=True)
    assert asked == [(True, False), (True, True), (False, False), (False, True)]
    monkeypatch.setattr(worker_module, "probe_bubblewrap", lambda: "it is not installed")
    with pytest.raises(ReproError, match="it is not installed"):
        Worker(bench.space, "w1", "", threading.Event(), lambda text: None).work(once=True)


def test_options_reach_the_level_that_has_a_use_for_them(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}
    monkeypatch.setattr(worker_module, "verify_statistically", lambda space, ref, **given: asked.update(given))
    options = JobOptions(
        margins={"acc": 0.1}, metrics=["acc"], test_sizes={"acc": 9}, baseline=["one"],
        timeout_s=5.0, budget_s=60.0, max_runs=7, sandbox=False,
    )  # fmt: skip
    verify_as_asked(bench.space, "one", "statistical", options)
    assert asked.pop("limits") == Limits(60.0, 5.0, 7, False)
    assert {name: asked[name] for name in ("metrics", "margins", "test_sizes", "baseline")} == {
        "metrics": ["acc"], "margins": {"acc": 0.1}, "test_sizes": {"acc": 9}, "baseline": ["one"],
    }  # fmt: skip


def test_waiting_jobs_are_found_without_looking_at_the_history(bench: Bench) -> None:
    """Workers ask every second: what they ask must not grow with what was done, nor with the number of runs."""
    asked: list[tuple[str, tuple[object, ...]]] = []
    with bench.space.dispatcher.database.transaction(write=False) as tx:

        class Heard:
            dialect = tx.dialect

            def one(self, sql: str, params: tuple[object, ...]) -> None:
                asked.append((sql, params))

        claimable(Heard(), "", readable_projects(bench.space.actor), 5)  # type: ignore[arg-type]
        ((sql, params),) = asked
        plan = [str(row[-1]) for row in tx.all(f"EXPLAIN QUERY PLAN {sql}", params)]
    assert "verification_jobs_open" in plan[0], plan
    assert plan[1].startswith("SEARCH r USING"), plan
