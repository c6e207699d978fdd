"""What only shows between processes: unguarded drivers, Ctrl-C, and experiments that outlive their driver."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runward.config.buildable import Partial
from runward.errors import JobLostError, NotFoundError, TaskFailedError
from runward.execution.experiment import Experiment
from runward.execution.handle import Handle
from runward.execution.model import Script, Task, TaskState
from tests.execution import jobs
from tests.execution.test_experiment import is_gone, wait_for


def driver(tmp_path: Path, body: str) -> list[str]:
    script = tmp_path / "driver.py"
    script.write_text(textwrap.dedent(body))
    return [sys.executable, str(script)]


HEAD = """
from runward.config.buildable import Config, Partial
from runward.execution.experiment import Experiment
from runward.execution.model import Script, Task
"""


def test_a_driver_without_a_guard_does_not_run_itself_again(tmp_path: Path) -> None:
    body = HEAD + textwrap.dedent("""
        from pathlib import Path
        with Path("runs").open("a") as file:
            file.write("driver ")

        class Model:
            def __init__(self, width):
                self.width = width

        def train(model, extra):
            with Path("runs").open("a") as file:
                file.write("task ")
            return {"width": model.width, **extra}

        results = Experiment([Task("train", Partial(train, Config(Model, 3), {"x": 1}))]).run()
        print(results.metrics)
        """)
    done = subprocess.run(driver(tmp_path, body), cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("{'width': 3.0, 'x': 1.0}\n", "")
    assert (tmp_path / "runs").read_text() == "driver task "


def test_a_failed_task_makes_the_driver_fail(tmp_path: Path) -> None:
    body = HEAD + 'Experiment([Task("bad", Script(inline="echo why; exit 7"))]).run()\n'
    done = subprocess.run(driver(tmp_path, body), cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "task 'bad' failed, exit code 7" in done.stderr
    assert done.stderr.rstrip().endswith("why")


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143)])
def test_an_interrupted_driver_leaves_no_child_behind(
    tmp_path: Path, workspace: Path, number: int, exit_code: int
) -> None:
    mark, inner = tmp_path / "pid", tmp_path / "inner"
    body = HEAD + textwrap.dedent(f"""
        def hang():
            import os, time
            from pathlib import Path
            if os.fork() == 0:
                Path({str(inner)!r}).write_text(str(os.getpid()))
                time.sleep(60)
            Path({str(mark)!r}).write_text(str(os.getpid()))
            time.sleep(60)

        tasks = [Task("hang", hang), Task("next", Script(inline="true"), dependencies=["hang"])]
        Experiment(tasks, name="x").run()
        """)
    process = subprocess.Popen(driver(tmp_path, body), cwd=tmp_path, stderr=subprocess.PIPE)
    children = [int(wait_for(mark)), int(wait_for(inner))]
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == exit_code
    assert all(map(is_gone, children))
    state = json.loads(next(workspace.rglob("state.json")).read_text())
    assert state["state"] == "cancelled"
    assert {task["state"] for task in state["tasks"].values()} == {"cancelled"}


def test_what_ignores_sigterm_is_killed_on_a_second_ctrl_c(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    body = HEAD + textwrap.dedent(f"""
        from tests.execution import jobs
        Experiment([Task("stubborn", Partial(jobs.ignore_sigterm, {str(mark)!r}))]).run()
        """)
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen(driver(tmp_path, body), cwd=tmp_path, env=env, stderr=subprocess.PIPE)
    child = int(wait_for(mark))
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        time.sleep(0.05)
    process.communicate(timeout=30)
    assert is_gone(child)
    assert time.monotonic() - begin < 4.5, "the grace of 5 s was not cut short"


@pytest.fixture
def threads_end() -> Iterator[None]:
    """Detached supervisors are reaped before the next test."""
    yield
    for thread in threading.enumerate():
        if thread.name == "runward-reap":
            thread.join(timeout=30)


@pytest.mark.usefixtures("threads_end")
class TestDetached:
    def test_results_come_through_the_handle(self) -> None:
        exp = Experiment([Task("a", Partial(jobs.report, 0.5)), Task("gate", jobs.check_loss)], name="detached")
        exp.add(lambda: 3, name="lambda")
        handle = exp.run(detach=True)
        results = handle.wait(timeout_s=30)
        assert results.metrics["loss"] == 0.5
        assert results.outputs["lambda"] == 3
        assert results.gates["gate"]["passed"]
        assert results.experiment_id == exp.experiment_id == handle.experiment_id
        assert handle.logs("a") == exp.logs("a") == "loss 0.5\n"
        assert handle.state is TaskState.SUCCEEDED
        assert exp.status() == {"a": TaskState.SUCCEEDED, "lambda": TaskState.SUCCEEDED}
        handle.cancel()

    def test_a_failure_is_as_loud_as_without(self) -> None:
        handle = Experiment([Task("bad", jobs.fail)]).run(detach=True)
        with pytest.raises(TaskFailedError, match="'bad' failed, exit code 1"):
            handle.wait()
        assert handle.wait(raise_on_failure=False).status is TaskState.FAILED

    def test_it_survives_its_driver(self, tmp_path: Path, workspace: Path) -> None:
        go = tmp_path / "go"
        body = HEAD + textwrap.dedent(f"""
            import os

            def patient():
                import time
                from pathlib import Path
                while not Path({str(go)!r}).exists():
                    time.sleep(0.01)
                return "done"

            def after(patient):
                return patient + "!"

            tasks = [Task("patient", patient), Task("after", after, dependencies=["patient"])]
            handle = Experiment(tasks, name="long").run(detach=True)
            print(handle.folder, flush=True)
            os.kill(os.getpid(), 9)
            """)
        done = subprocess.run(driver(tmp_path, body), cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == -signal.SIGKILL
        handle = Handle.open(done.stdout.strip())
        with pytest.raises(TimeoutError):
            handle.wait(timeout_s=0.05)
        assert not handle.state.is_terminal
        go.write_text("now")
        assert handle.wait(timeout_s=30).outputs == {"patient": "done", "after": "done!"}

    def test_cancel_through_a_handle_opened_again(self, tmp_path: Path) -> None:
        mark = tmp_path / "pid"
        tasks = [
            Task("hang", Partial(jobs.hang, str(mark))),
            Task("next", Script(inline="true"), dependencies=["hang"]),
        ]
        exp = Experiment(tasks, name="c")
        handle = Handle.open(exp.run(detach=True).folder)
        child = int(wait_for(mark))
        handle.cancel()
        results = handle.wait(timeout_s=30, raise_on_failure=False)
        assert results.status is TaskState.CANCELLED
        assert set(handle.status().values()) == {TaskState.CANCELLED}
        assert is_gone(child)

    def test_a_cancel_before_the_supervisor_is_ready_is_not_lost(self) -> None:
        handle = Experiment([Task("hang", jobs.hang)]).run(detach=True)
        handle.cancel()
        assert handle.wait(timeout_s=30, raise_on_failure=False).status is TaskState.CANCELLED

    def test_a_killed_supervisor_is_a_lost_job(self, tmp_path: Path) -> None:
        mark = tmp_path / "pid"
        handle = Experiment([Task("hang", Partial(jobs.hang, str(mark)))]).run(detach=True)
        child = int(wait_for(mark))
        os.kill(int((handle.folder / "supervisor.lock").read_text()), signal.SIGKILL)
        with pytest.raises(JobLostError, match="ended without results"):
            handle.wait(timeout_s=30)
        assert handle.state is TaskState.FAILED
        os.kill(child, signal.SIGKILL)

    def test_opening_what_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(NotFoundError, match="no detached experiment"):
            Handle.open(tmp_path)
