"""One run in several hands: resumed, forked, spawned, ranks of one training, threads, notebooks."""

from __future__ import annotations

import builtins
import contextlib
import importlib
import multiprocessing
import os
import shutil
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import runward
from runward import face
from runward.errors import AlreadyExistsError, InvalidError, NotFoundError, RunwardWarning, StoreError
from runward.tracking import client
from runward.tracking.adoption import adopt
from runward.tracking.client import ActiveRun
from runward.tracking.journal import journals_in
from runward.tracking.model import RunDetail, RunEnd, RunStatus
from runward.workspace import FolderWorkspace
from tests.conftest import stop_uploads
from tests.extras import needs


@pytest.fixture(autouse=True)
def space(folder_workspace: FolderWorkspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[FolderWorkspace]:
    """The workspace that this process works in."""
    monkeypatch.setattr(face, "_current", [folder_workspace])
    monkeypatch.setattr(face, "_adopted", {folder_workspace.place})
    monkeypatch.setattr(client, "_active", [])
    monkeypatch.setenv("RUNWARD_DIR", folder_workspace.place)
    monkeypatch.delenv(client.ACTIVE_VARIABLE, raising=False)
    yield folder_workspace
    for run in client.open_runs():
        run.finish()
    stop_uploads(folder_workspace)


def start(run_id: str = "", **more: Any) -> ActiveRun:
    return runward.start(run_id=run_id, project=more.pop("project", "p"), capture=False, **more)


def points(space: FolderWorkspace, run_id: str, key: str = "v") -> list[tuple[int, float | None]]:
    found = space.tracking.series(run_id, [key]).series[0]
    return list(zip(found.steps, found.values, strict=True))


def detail(space: FolderWorkspace, run_id: str) -> RunDetail:
    return space.tracking.get_run(run_id)


def die(run: ActiveRun) -> None:
    """As if the process were killed: the journal stays, nobody holds it, nothing is said."""
    run.journal.abandon()
    client._active.remove(run)
    os.environ.pop(client.ACTIVE_VARIABLE, None)


# taken up again -----------------------------------------------------------------------------------------------------


def test_a_finished_run_goes_on_after_its_last_steps(space: FolderWorkspace) -> None:
    """Metrics count on, media go beside what is there, params are added, and it ends anew."""
    with start("first", name="mine", params={"lr": 0.1}) as run:
        for value in range(3):
            run.log_metric("v", value)
        run.log_text("sample", "a")
        run.log_text("sample", "b", step=7)
    assert detail(space, "first").run.status is RunStatus.FINISHED
    with start("first", name="other", params={"epochs": 2}, tags={"t": "x"}) as run:
        assert detail(space, "first").run.status is RunStatus.RUNNING
        run.log_metric("v", 3)
        run.log_text("sample", "c")
        run.log_text("sample", "d", step=7)
    found = detail(space, "first")
    assert (found.run.name, found.run.status, found.run.params) == (
        "mine",
        RunStatus.FINISHED,
        {"lr": 0.1, "epochs": 2},
    )
    assert points(space, "first") == [(0, 0.0), (1, 1.0), (2, 2.0), (3, 3.0)]
    assert {artifact.path for artifact in found.artifacts} == {
        f"media/sample/{name}.txt" for name in ("0", "7", "7-2", "8")
    }
    assert found.run.tags["t"] == "x"
    assert found.run.tags["runward.resumed"]


def test_a_killed_run_goes_on_after_what_was_not_yet_stored(space: FolderWorkspace) -> None:
    """The steps in its journal count, and both journals are stored, once."""
    run = start("killed")
    stop_uploads(space)
    for value in range(5):
        run.log_metric("v", value)
    die(run)
    with start("killed") as run:
        run.log_metric("v", 5)
    assert points(space, "killed") == [(step, float(step)) for step in range(6)]
    assert detail(space, "killed").run.status is RunStatus.FINISHED
    assert journals_in(space.state_dir / "journals") == []


class _Away:
    """A tracking room that can be out of reach."""

    def __init__(self, room: Any) -> None:
        self._room, self.is_away = room, True

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            if self.is_away:
                raise StoreError("the server is away")
            return getattr(self._room, name)(*args, **kwargs)

        return call


def test_a_run_that_was_begun_and_taken_up_without_a_server_is_stored_once(
    space: FolderWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two sessions and no connection in either: sync stores both in order, and a second one finds nothing."""
    away = _Away(space.tracking)
    monkeypatch.setattr(space, "tracking", away)
    for session in range(2):
        with pytest.warns(RunwardWarning, match="kept on disk"):
            run = start("offline", params={f"session{session}": True})
        for value in range(1000):
            run.log_metric("v", session * 1000 + value)
        run.finish("failed" if session == 0 else "finished")
    assert adopt(space.state_dir / "journals", space)[0] == 0
    away.is_away = False
    assert adopt(space.state_dir / "journals", space) == (2, [])
    assert adopt(space.state_dir / "journals", space) == (0, [])
    assert points(space, "offline") == [(step, float(step)) for step in range(2000)]
    found = detail(space, "offline").run
    assert (found.status, found.params) == (RunStatus.FINISHED, {"session0": True, "session1": True})


def test_a_run_that_is_kept_offline_asks_for_nothing(space: FolderWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even whether it may begin; sync brings it, both of its sessions, once."""
    away = _Away(space.tracking)
    monkeypatch.setattr(space, "tracking", away)
    for value in range(2):
        with start("kept", offline=True, params={f"p{value}": value}) as run:
            run.log_metric("v", float(value))
    assert space.place not in face._uploaders
    away.is_away = False
    with pytest.raises(NotFoundError):
        space.tracking.get_run("kept")
    assert face.sync() == (2, [])
    assert face.sync() == (0, [])
    assert points(space, "kept") == [(0, 0.0), (1, 1.0)]
    found = detail(space, "kept").run
    assert (found.status, found.params) == (RunStatus.FINISHED, {"p0": 0, "p1": 1})


def test_a_resumed_session_that_dies_is_ended_as_failed(space: FolderWorkspace) -> None:
    start("r").finish()
    die(start("r"))
    assert adopt(space.state_dir / "journals", space)[1] == []
    assert detail(space, "r").run.status is RunStatus.FAILED


def test_what_another_machine_left_behind_does_not_end_a_run_that_was_resumed_here(
    space: FolderWorkspace, tmp_path: Path
) -> None:
    """Its points are stored when they arrive; the run goes on."""
    run = start("moved")
    run.log_metric("v", 1.0)
    elsewhere = tmp_path / "other machine" / "moved"
    elsewhere.mkdir(parents=True)
    stop_uploads(space)
    die(run)
    for path in journals_in(run.folder):
        path.rename(elsewhere / path.name)
    space.tracking.end_run("moved", RunEnd(RunStatus.FAILED))
    again = start("moved")
    again.log_metric("v", 2.0, 1)
    assert adopt(elsewhere.parent, space) == (1, [])
    assert detail(space, "moved").run.status is RunStatus.RUNNING
    again.finish()
    assert sorted(points(space, "moved")) == [(0, 1.0), (1, 2.0)]
    assert detail(space, "moved").run.status is RunStatus.FINISHED


def test_a_run_id_in_the_environment_counts(space: FolderWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(client.RUN_VARIABLE, "from-outside")
    with start() as run:
        assert run.id == "from-outside"
    assert detail(space, "from-outside").run.status is RunStatus.FINISHED


def test_the_same_id_again_in_one_process_is_the_same_run() -> None:
    """A notebook's cell that is executed again goes on with its run."""
    run = start("cell")
    assert start("cell", params={"again": 1}) is run


@pytest.mark.parametrize("run_id", ["../up", "a/b", "", "-x", "x" * 33, "ä", 7, "a:b"])
def test_an_id_that_is_no_file_name_is_refused(run_id: Any) -> None:
    if run_id == "":
        assert start(run_id).id
        return
    with pytest.raises(InvalidError, match="run id"):
        start(run_id)


def test_another_project_and_a_deleted_run_are_refused(space: FolderWorkspace) -> None:
    """Nothing is written to the wrong place; without a project the run's own counts."""
    start("r").finish()
    with pytest.raises(InvalidError, match="is of project 'p', not 'q'"):
        start("r", project="q")
    start("r", project="").finish()
    space.tracking.delete_run("r")
    with pytest.raises(AlreadyExistsError, match="was deleted"):
        start("r")
    with pytest.raises(NotFoundError):
        space.tracking.get_run("r")


# several processes --------------------------------------------------------------------------------------------------

_WRITER = """
    import os, sys
    import runward as run
    active = run.start(project="p", run_id="shared")
    rank = os.environ["RANK"] if "RANK" in os.environ else sys.argv[1]
    for step in range(200):
        run.log_metric(f"rank{rank}", step, step)
    print("ready", flush=True)
    order = sys.stdin.readline().strip()
    if order == "fail":
        raise ValueError("broken")
    run.finish()
    print("left", flush=True)
    sys.stdin.readline()
"""


class _Process:
    def __init__(self, program: str, folder: Path, *args: str, env: dict[str, str] | None = None) -> None:
        path = folder / "writer.py"
        path.write_text(textwrap.dedent(program))
        self.process = subprocess.Popen(
            [sys.executable, str(path), *args],
            env={**os.environ, **(env or {})},
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def says(self, word: str) -> None:
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        assert line == word, self.process.communicate()[1]

    def tell(self, word: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def end(self) -> int:
        self.process.communicate("\n", timeout=60)
        return self.process.returncode


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., _Process]]:
    running = []

    def make(*args: str, program: str = _WRITER, env: dict[str, str] | None = None) -> _Process:
        running.append(_Process(program, tmp_path, *args, env=env))
        return running[-1]

    yield make
    for started in running:
        if started.process.poll() is None:
            started.process.kill()
        started.process.communicate()


def test_two_writers_of_one_run_are_one_run(space: FolderWorkspace, launch: Callable[..., _Process]) -> None:
    """Every point of both, once; the run ends with the last of them."""
    both = [launch(name) for name in ("a", "b")]
    for process in both:
        process.says("ready")
    both[0].tell("go")
    both[0].says("left")
    assert detail(space, "shared").run.status is RunStatus.RUNNING
    both[1].tell("go")
    both[1].says("left")
    assert [process.end() for process in both] == [0, 0]
    assert detail(space, "shared").run.status is RunStatus.FINISHED
    for name in ("a", "b"):
        assert points(space, "shared", f"rank{name}") == [(step, float(step)) for step in range(200)]
    assert journals_in(space.state_dir / "journals") == []


def test_ranks_are_one_run_that_rank_0_describes(space: FolderWorkspace, launch: Callable[..., _Process]) -> None:
    """As torchrun starts them. One capture; rank 0 may leave first; the end comes with the last."""
    ranks = [launch(env={"RANK": str(rank), "WORLD_SIZE": "2", "GROUP_RANK": "0"}) for rank in range(2)]
    for process in ranks:
        process.says("ready")
    for process in ranks:
        process.tell("go")
        process.says("left")
    assert [process.end() for process in ranks] == [0, 0]
    found = detail(space, "shared")
    assert found.run.status is RunStatus.FINISHED
    assert {part.kind for part in found.captures} >= {"code", "environment", "machine"}
    assert [points(space, "shared", f"rank{rank}")[-1] for rank in range(2)] == [(199, 199.0)] * 2


def test_a_rank_that_fails_ends_the_run_as_failed(space: FolderWorkspace, launch: Callable[..., _Process]) -> None:
    """At once, with its error; the others' points are stored all the same."""
    ranks = [launch(env={"RANK": str(rank)}) for rank in range(2)]
    for process in ranks:
        process.says("ready")
    ranks[1].tell("fail")
    assert ranks[1].end() == 1
    failed = detail(space, "shared").run
    assert (failed.status, failed.error) == (RunStatus.FAILED, "ValueError: broken")
    ranks[0].tell("go")
    ranks[0].says("left")
    assert ranks[0].end() == 0
    assert detail(space, "shared").run.status is RunStatus.FAILED
    assert len(points(space, "shared", "rank0")) == 200


def test_another_machine_does_not_end_the_run(space: FolderWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training over several machines ends where its first rank is; a failure counts anywhere."""
    monkeypatch.setenv("GROUP_RANK", "1")
    start("far").finish()
    assert detail(space, "far").run.status is RunStatus.RUNNING
    start("far").finish("failed")
    assert detail(space, "far").run.status is RunStatus.FAILED


_CHILD = """
    import runward as run
    run.log_metric("v", 1.0, 1)
    run.finish()
"""


def test_a_spawned_process_logs_to_the_run_of_who_started_it(
    space: FolderWorkspace, launch: Callable[..., _Process]
) -> None:
    """Without a call of start; it does not end the run."""
    run = start()
    run.log_metric("v", 0.0, 0)
    assert launch(program=_CHILD).end() == 0
    run.log_metric("v", 2.0, 2)
    run.finish()
    assert points(space, run.id) == [(0, 0.0), (1, 1.0), (2, 2.0)]
    assert detail(space, run.id).run.status is RunStatus.FINISHED
    lonely = launch(program=_CHILD)
    assert "no run is active" in lonely.process.communicate(timeout=60)[1]


def _in_a_fork(work: Callable[[], None]) -> int:
    """The exit code of a forked child that does some work; 9 when it hangs."""
    pid = os.fork()
    if pid == 0:
        code = 1
        threading.Timer(20, os._exit, (9,)).start()
        with contextlib.suppress(BaseException):
            work()
            code = 0
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_does_not_end_its_parents_run(space: FolderWorkspace) -> None:
    """However it ends: what it logged is there, the run goes on."""
    run = start()

    def child() -> None:
        run.log_metric("v", 1.0, 1)
        run.finish("failed")
        face._finish_all()

    assert _in_a_fork(child) == 0
    assert _in_a_fork(face._finish_all) == 0
    run.log_metric("v", 2.0, 2)
    run.finish()
    assert points(space, run.id) == [(1, 1.0), (2, 2.0)]
    assert detail(space, run.id).run.status is RunStatus.FINISHED
    assert journals_in(run.folder) == []


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_may_begin_a_run_of_its_own(space: FolderWorkspace) -> None:
    """Also when it was forked while the parent's threads held every lock."""
    parent = start()
    uploader = face._uploaders[space.place]

    def child() -> None:
        with start("childs-own") as run:
            run.log_metric("v", 1.0)

    with face._lock, uploader._pushing, uploader._lock:
        assert _in_a_fork(child) == 0
    parent.finish()
    assert points(space, "childs-own") == [(0, 1.0)]
    assert [detail(space, run_id).run.status for run_id in ("childs-own", parent.id)] == [RunStatus.FINISHED] * 2


def _log_in_a_pool(step: int) -> None:
    runward.log_metric("v", float(step), step)


def test_a_pool_of_spawned_workers_logs_to_one_run(space: FolderWorkspace) -> None:
    run = start()
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.map(_log_in_a_pool, range(20))
        pool.close()
        pool.join()
    run.finish()
    assert sorted(points(space, run.id)) == [(step, float(step)) for step in range(20)]


def test_a_folder_that_is_gone_does_not_end_the_training_with_an_error(space: FolderWorkspace) -> None:
    """Somebody has tidied up; what was stored before stays."""
    run = start()
    run.log_metric("v", 1.0)
    face._uploaders[space.place].push()
    shutil.rmtree(run.folder)
    run.log_metric("v", 2.0)
    run.finish()
    assert points(space, run.id)[0] == (0, 1.0)


# threads ------------------------------------------------------------------------------------------------------------


def test_threads_count_the_steps_of_a_key_together(space: FolderWorkspace) -> None:
    """No step is given twice and none is left out, by either way of logging."""
    run = start()
    begin = threading.Barrier(8)

    def log(number: int) -> None:
        begin.wait()
        for _ in range(500):
            if number % 2:
                run.log_metric("v", 1.0)
            else:
                run.log_metrics({"v": 1.0, "w": 2.0})

    threads = [threading.Thread(target=log, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.finish()
    assert [step for step, _ in points(space, run.id)] == list(range(4000))
    assert [step for step, _ in points(space, run.id, "w")] == list(range(2000))


# notebooks ----------------------------------------------------------------------------------------------------------


def test_a_cell_that_is_executed_again_ends_its_earlier_run(
    space: FolderWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As finished; what a with block holds is left to the block."""
    monkeypatch.setattr(builtins, "__IPYTHON__", True, raising=False)
    first = start()
    first.log_metric("v", 1.0)
    second = start()
    assert detail(space, first.id).run.status is RunStatus.FINISHED
    assert client.open_runs() == [second]
    with second:
        third = start()
        assert client.open_runs() == [second, third]


_CELLS = """
import sys
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance()
cell = "import runward as run, mine\\nactive = run.start(project='p', capture=False)\\nrun.log_metric('v', mine.VALUE)"
cells = ["%load_ext autoreload", "%autoreload 2", cell, "import pathlib, importlib", CHANGE, cell, "run.log_metric('v', 7.0)"]
for code in cells:
    shell.run_cell(code).raise_error()
"""
_CHANGE = "pathlib.Path('mine.py').write_text('VALUE = 22.0  # changed\\n')"


def test_a_real_notebooks_cells(space: FolderWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """IPython with autoreload: a module changes, its cell is executed again; the second run is the one that goes on."""
    needs("IPython")
    (tmp_path / "mine.py").write_text("VALUE = 1.0\n")
    environment = {**os.environ, "IPYTHONDIR": str(tmp_path / "ipython")}
    program = _CELLS.replace("CHANGE", repr(_CHANGE))
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    second, first = space.tracking.search_runs().runs
    assert [run.status for run in (first, second)] == [RunStatus.FINISHED] * 2
    assert (points(space, first.id), points(space, second.id)) == ([(0, 1.0)], [(0, 22.0), (1, 7.0)])


def test_in_a_script_a_second_run_leaves_the_first_open(space: FolderWorkspace) -> None:
    """What is logged goes to the latest that is open."""
    outer = start()
    inner = start()
    runward.log_metric("v", 1.0)
    inner.finish()
    runward.log_metric("v", 2.0)
    outer.finish()
    assert (points(space, inner.id), points(space, outer.id)) == ([(0, 1.0)], [(0, 2.0)])


def test_reloading_the_package_keeps_the_run() -> None:
    """What autoreload does to a module that was imported."""
    run = start()
    importlib.reload(runward)
    assert runward.active_run() is run
