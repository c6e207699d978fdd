"""kill -9 at the worst moment, servers that are away: what was logged is stored, once."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import runward
from runward import face
from runward.core.ids import new_id
from runward.errors import RunwardWarning
from runward.tracking import journal as j
from runward.tracking.adoption import adopt
from runward.tracking.journal import journals_in
from runward.tracking.model import NewRun, RunStatus
from runward.workspace import Workspace, open_folder
from tests.durability.conftest import Told
from tests.durability.site import HERE, ServerProcess, Traffic, Verdict, line_of, times, wait_for

pytestmark = pytest.mark.slow


@contextlib.contextmanager
def _process(*command: str, env: dict[str, str], stdin: int | None = None) -> Iterator[subprocess.Popen[str]]:
    pipe, words = subprocess.PIPE, [sys.executable, *command]
    process = subprocess.Popen(words, env={**os.environ, **env}, stdin=stdin, stdout=pipe, stderr=pipe, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        # Not to the end of what it printed: a child that it forked may go on as long as somebody reads.
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        process.wait()


def _train(steps: int, env: dict[str, str], *, hang: bool) -> contextlib.AbstractContextManager[subprocess.Popen[str]]:
    return _process(str(HERE / "train.py"), str(steps), "p", *(["hang"] if hang else []), env=env)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    found = ServerProcess(tmp_path / "server")
    yield found
    found.kill()


def _stored(space: Workspace, run_id: str) -> list[int]:
    return space.tracking.series(run_id, ["step"]).series[0].steps


# the trainer --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("turn", range(times(1, 100)))
def test_a_killed_training_loses_nothing_and_is_marked_failed(tmp_path: Path, told: Told, turn: int) -> None:
    """Everything logged before kill -9 is in the store after the next sync, exactly once."""
    folder = tmp_path / "ws"
    with _train(100_000, {"RUNWARD_DIR": str(folder)}, hang=False) as process:
        run_id = line_of(process)
        logged = -1
        while logged < 700:
            logged = int(line_of(process))
        process.send_signal(signal.SIGKILL)
        # Not communicate(): it would pass over what the text layer has read ahead.
        assert process.stdout is not None
        rest = process.stdout.read()
    logged = max([logged, *(int(line) for line in rest.split("\n")[:-1])])
    with contextlib.closing(open_folder(folder, "owner")) as space:
        stored, problems = adopt(folder / "journals", space)
        assert (stored, problems) == (1, [])
        steps = _stored(space, run_id)
        assert steps[: logged + 1] == list(range(logged + 1))
        assert len(set(steps)) == len(steps) <= logged + 2
        run = space.tracking.get_run(run_id).run
        assert run.status is RunStatus.FAILED
        assert "without finishing" in run.error
        assert adopt(folder / "journals", space) == (0, [])
        assert _stored(space, run_id) == steps
        assert journals_in(folder / "journals") == []
    told("kill -9 of a training", 1, Verdict(2 * (logged + 1), 0, 0, 0, 0, 0))


def test_the_next_start_adopts_what_a_killed_training_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without anybody asking for it."""
    folder = tmp_path / "ws"
    with _train(50, {"RUNWARD_DIR": str(folder)}, hang=True) as process:
        run_id = line_of(process)
        while line_of(process) != "49":
            pass
        process.kill()
    with contextlib.closing(open_folder(folder, "owner")) as space:
        monkeypatch.setattr(face, "_current", [space])
        with runward.start("next", project="p", capture=False):
            wait_for(lambda: space.tracking.get_run(run_id).run.status is RunStatus.FAILED, "the orphan's end")
        assert _stored(space, run_id) == list(range(50))
        face._uploaders.pop(space.place).stop()


# forked after the start ---------------------------------------------------------------------------------------------


class _Said:
    """What two processes say of the points that they have logged, as far as it was read."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.run_id = line_of(process)
        self.last = {"parent": -1, "child": -1}
        self.child = 0
        while not self.child:
            self._read(line_of(process))

    def _read(self, line: str) -> None:
        who, _, step = line.partition(" ")
        if not step:
            self.child = int(who)
            return
        assert int(step) == self.last[who] + 1
        self.last[who] = int(step)

    def read_until(self, steps: int, *names: str) -> None:
        """Return once each of the named has logged so many more."""
        wanted = {name: self.last[name] + steps for name in names}
        while any(self.last[name] < step for name, step in wanted.items()):
            self._read(line_of(self._process))

    def read_rest(self) -> None:
        """What was said before the end."""
        assert self._process.stdout is not None
        for line in self._process.stdout.read().split("\n")[:-1]:
            self._read(line)


@pytest.mark.parametrize("turn", range(times(1, 10)))
@pytest.mark.parametrize("victim", ["child", "parent"])
@pytest.mark.parametrize("how", ["os.fork", "multiprocessing"])
def test_a_killed_process_of_a_run_that_forked_loses_nothing(
    tmp_path: Path, told: Told, how: str, victim: str, turn: int
) -> None:
    """The other one logs on; the run ends as its parent ends, and every point of both is stored once."""
    folder = tmp_path / "ws"
    command = _process(str(HERE / "fork.py"), how, env={"RUNWARD_DIR": str(folder)}, stdin=subprocess.PIPE)
    with command as process, contextlib.closing(open_folder(folder, "owner")) as space:
        said = _Said(process)
        said.read_until(100 + 41 * turn, "parent", "child")
        os.kill(process.pid if victim == "parent" else said.child, signal.SIGKILL)
        other = "child" if victim == "parent" else "parent"
        if victim == "parent":
            process.wait()
            # Another program of the same user looks what is left behind, while the child goes on.
            adopt(folder / "journals", space)
        said.read_until(200, other)
        if victim == "parent":
            os.kill(said.child, signal.SIGKILL)
        else:
            assert process.stdin is not None
            process.stdin.write("enough\n")
            process.stdin.flush()
        said.read_rest()
        process.wait()
        assert adopt(folder / "journals", space)[1] == []
        for name, last in said.last.items():
            steps = space.tracking.series(said.run_id, [name]).series[0].steps
            assert steps[: last + 1] == list(range(last + 1))
            assert len(set(steps)) == len(steps) <= last + 2
        run = space.tracking.get_run(said.run_id).run
        assert run.status is (RunStatus.FAILED if victim == "parent" else RunStatus.FINISHED)
        assert journals_in(folder / "journals") == []
        assert adopt(folder / "journals", space) == (0, [])
    points = sum(last + 1 for last in said.last.values())
    told("kill -9 of a process of a forked training", 1 + (victim == "parent"), Verdict(points, 0, 0, 0, 0, 0))


# the server ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("turn", range(times(2, 20)))
def test_a_killed_server_keeps_every_acknowledged_batch_once(tmp_path: Path, told: Told, turn: int) -> None:
    """Clients send while the server is killed; the acknowledgements are the oracle. Every other turn is encrypted."""
    kills, encrypted = times(1, 25), turn % 2 == 1
    server = ServerProcess(tmp_path / "server", encrypted=encrypted)
    server.start()
    try:
        traffic = Traffic(server)
        with traffic.running():
            for _ in range(kills):
                traffic.wait_for_more(20)
                server.kill()
                server.start()
            traffic.wait_for_more(1)
        verdict = traffic.acknowledged().judge(server.connect())
    finally:
        server.kill()
    told("kill -9 of the server" + ", encrypted" * encrypted, kills, verdict)
    assert verdict.is_good
    assert verdict.points > 5_000
    assert (server.in_clear() == 0) is encrypted


def test_a_server_that_is_away_at_the_start_costs_nothing(
    server: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run is kept on disk, logging does not wait, and sync stores it exactly once."""
    for name, value in server.env(tmp_path / "state").items():
        monkeypatch.setenv(name, value)
    space = server.connect()
    monkeypatch.setattr(face, "_current", [space])
    with pytest.warns(RunwardWarning, match="kept on disk"):
        active = runward.start("offline", project="p", params={"lr": 0.1}, capture=False)
    began = time.monotonic()
    for step in range(2000):
        active.log_metrics({"step": step, "loss": 1.0}, step)
    active.log_bytes(b"weights", "model.bin")
    assert time.monotonic() - began < 2.0
    began = time.monotonic()
    active.finish()
    assert time.monotonic() - began < 8.0
    face._uploaders.pop(space.place).stop()
    stored, problems = face.sync()
    assert stored == 0
    assert problems
    server.start()
    assert face.sync() == (1, [])
    assert face.sync() == (0, [])
    detail = space.tracking.get_run(active.id)
    assert (detail.run.name, detail.run.status, detail.run.params) == ("offline", RunStatus.FINISHED, {"lr": 0.1})
    assert _stored(space, active.id) == list(range(2000))
    assert b"".join(space.files.artifact(active.id, "model.bin")) == b"weights"


def test_a_server_that_goes_away_during_a_run_is_made_up_for(
    server: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logging goes on without waiting, and everything arrives when it is back."""
    for name, value in server.env(tmp_path / "state").items():
        monkeypatch.setenv(name, value)
    server.start()
    space = server.connect()
    monkeypatch.setattr(face, "_current", [space])
    active = runward.start("on and off", project="p", capture=False)
    active.log_metric("step", 0, 0)
    wait_for(lambda: _stored(space, active.id) == [0], "the first point")
    server.kill()
    began = time.monotonic()
    for step in range(1, 3000):
        active.log_metric("step", step, step)
    assert time.monotonic() - began < 2.0
    server.start()
    wait_for(lambda: len(_stored(space, active.id)) == 3000, "the points after the server came back")
    active.finish()
    assert _stored(space, active.id) == list(range(3000))
    assert space.tracking.get_run(active.id).run.status is RunStatus.FINISHED
    face._uploaders.pop(space.place).stop()


def test_journals_of_a_run_that_several_processes_wrote_are_one_run(tmp_path: Path) -> None:
    """A command that was tracked while the server was away ends as it ended, though its child left no end."""
    with contextlib.closing(open_folder(tmp_path / "ws", "owner")) as space:
        state = tmp_path / "elsewhere"
        run_id = _offline_run_of_two_processes(state)
        stored, problems = adopt(state, space)
        assert (stored, problems) == (2, [])
        found = space.tracking.get_run(run_id).run
        assert (found.status, found.exit_code) == (RunStatus.FINISHED, 0)
        assert _stored(space, run_id) == [0, 1, 2]


def _offline_run_of_two_processes(state: Path) -> str:
    run_id = new_id()
    driver = j.Journal(state / run_id, run_id)
    driver.append([j.CREATE, msgspec.to_builtins(NewRun(project="p", id=run_id, name="command"))])
    child = j.Journal(state / run_id, run_id)
    for step in range(3):
        child.append([j.POINTS, step, 1.0, ["step"], [float(step)]])
    child.close()
    driver.append([j.END, "finished", 0, "", 2.0])
    driver.close()
    os.utime(child.path, (1, 1))
    return run_id


def test_sync_says_what_is_in_the_way_and_stores_the_rest(tmp_path: Path) -> None:
    """One damaged journal does not keep the others out."""
    with contextlib.closing(open_folder(tmp_path / "ws", "owner")) as space:
        state = tmp_path / "elsewhere"
        run_id = _offline_run_of_two_processes(state)
        damaged = state / "x" / "damaged.journal"
        damaged.parent.mkdir()
        damaged.write_bytes(b"RUNWARD1" + b"\xff" * 100)
        stored, problems = adopt(state, space)
        assert stored == 2
        assert [str(damaged) in problem for problem in problems] == [True]
        assert _stored(space, run_id) == [0, 1, 2]
        assert damaged.exists()
