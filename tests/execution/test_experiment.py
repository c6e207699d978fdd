"""Experiments end to end on the local executor."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from runward.config.buildable import Config, Partial
from runward.errors import (
    AlreadyExistsError,
    InvalidError,
    InvalidTransitionError,
    NotFoundError,
    SubmitError,
    TaskFailedError,
)
from runward.execution.backend import NullBackend
from runward.execution.entry import set_entry_point
from runward.execution.experiment import Experiment
from runward.execution.model import Results, Script, Task, TaskState
from tests.execution import jobs

FACTOR = 3


def run_one(what: Any, **options: Any) -> Results:
    return Experiment([Task("only", what, **options)]).run(raise_on_failure=False)


def wait_for(path: Path) -> str:
    deadline = time.monotonic() + 10
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.005)
    return path.read_text()


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_results_of_a_partial_with_a_nested_config() -> None:
    results = Experiment([Task("train", Partial(jobs.scaled, Config(jobs.Scale, 2.5), x=4.0))], name="exp").run()
    assert results.status == "succeeded"
    assert results.metrics["result"] == 10.0
    task = results.tasks["train"]
    assert task.value["built_in_task"]
    assert task.value["pid"] != os.getpid()
    assert (task.state, task.exit_code, task.attempts) == (TaskState.SUCCEEDED, 0, 1)
    assert results.config["scale"] == {"_target_": "tests.execution.jobs.Scale", "by": 2.5}
    assert results.config["x"] == 4.0
    assert datetime.fromisoformat(results.timestamp).tzinfo == UTC
    assert task.started_at is not None
    assert task.ended_at is not None
    assert task.started_at <= task.ended_at <= results.timestamp
    assert results.experiment_id
    assert results.gates == {}


@pytest.mark.parametrize(
    "value",
    [
        None,
        0,
        -1.5,
        "ünïcode",
        [1, {"a": None}],
        (1, (2,)),
        {1: "x"},
        b"\0",
        {1, 2},
        jobs.Pair(1, 2),
        10**400,
    ],
)
def test_values_come_back_exactly(value: Any) -> None:
    results = run_one(Partial(jobs.value, value))
    assert results.outputs["only"] == value
    assert type(results.outputs["only"]) is type(value)


def test_lambdas_bound_methods_and_local_functions() -> None:
    class Documented:
        def __init__(self, name: str) -> None:
            self.name = name

        def _execute(self, config: dict[str, Any]) -> dict[str, Any]:
            return {"by": self.name, "score": config["n"] * FACTOR}

    offset = 5
    results = Experiment(
        [
            Task("lambda", Partial(lambda n: n + offset, n=1)),
            Task("bound", Partial(Documented("me")._execute, {"n": 2})),
            Task("class", Partial(Documented, "x")),
            Task("builtin", Partial("a-b".split, "-")),
        ],
        name="kinds",
    ).run()
    assert results.outputs["lambda"] == 6
    assert results.outputs["bound"] == {"by": "me", "score": 6}
    assert results.outputs["class"].name == "x"
    assert type(results.outputs["class"]) is Documented
    assert results.outputs["builtin"] == ["a", "b"]


def test_the_source_of_a_function_is_kept_beside_it(workspace: Path) -> None:
    run_one(lambda: "find me")
    (source,) = workspace.rglob("source.py")
    assert "find me" in source.read_text()


def test_results_are_handed_on_to_parameters_named_like_the_dependency() -> None:
    exp = Experiment("chain")
    exp.add(Partial(jobs.value, 1), name="first")
    exp.add(jobs.add_one, name="second step", dependencies=["first"])
    exp.add(lambda second_step, first=0: (second_step, first), name="third", dependencies=["second step"])
    exp.add(Partial(jobs.add_one, first=40), name="own", dependencies=["first"])
    results = exp.run()
    assert results.outputs == {"first": 1, "second step": 2, "third": (2, 0), "own": 41}


def test_sixteen_stages_run_in_order(tmp_path: Path) -> None:
    log = tmp_path / "order"
    tasks = [Task("s0", Partial(jobs.note, str(log), "0"))]
    tasks += [Task(f"s{i}", Partial(jobs.note, str(log), str(i)), dependencies=[f"s{i - 1}"]) for i in range(1, 16)]
    exp = Experiment(tasks[::-1], name="stages", slots=4)
    assert exp.plan().order == [f"s{i}" for i in range(16)]
    exp.run()
    assert log.read_text().split() == [word for i in range(16) for word in (f"+{i}", f"-{i}")]


def test_independent_tasks_run_at_once_and_slots_are_the_cap(tmp_path: Path) -> None:
    a, b, log = str(tmp_path / "a"), str(tmp_path / "b"), tmp_path / "log"
    both = [Task("a", Partial(jobs.meet, a, b)), Task("b", Partial(jobs.meet, b, a))]
    assert Experiment(both, name="two", slots=2).run().outputs == {"a": True, "b": True}
    many = [Task(f"t{i}", Partial(jobs.note, str(log), str(i))) for i in range(6)]
    Experiment(many, name="one at a time", slots=1).run()
    words = log.read_text().split()
    assert [word[1:] for word in words[::2]] == [word[1:] for word in words[1::2]]


def test_a_task_of_several_slots_runs_alone(tmp_path: Path) -> None:
    log = tmp_path / "log"
    tasks = [Task(f"t{i}", Partial(jobs.note, str(log), str(i)), resources={"slots": 2}) for i in range(4)]
    Experiment(tasks, name="wide", slots=3).run()
    words = log.read_text().split()
    assert [word[1:] for word in words[::2]] == [word[1:] for word in words[1::2]]


def test_a_failure_is_loud_and_names_task_exit_code_and_log() -> None:
    with pytest.raises(TaskFailedError) as caught:
        Experiment([Task("boom", Partial(jobs.fail, "out of luck"))]).run()
    text = str(caught.value)
    assert "'boom' failed, exit code 1: RuntimeError: out of luck" in text
    assert "about to fail" in text
    assert text.rstrip().endswith("RuntimeError: out of luck")
    assert "worker.py" not in text
    assert caught.value.details["exit_code"] == 1


def test_only_the_last_twenty_log_lines_are_shown() -> None:
    results = run_one(Script(inline="for i in $(seq 100); do echo line $i; done; exit 3"))
    assert results.tasks["only"].log_tail.splitlines() == [f"line {i}" for i in range(81, 101)]
    assert (results.status, results.tasks["only"].exit_code) == (TaskState.FAILED, 3)


def test_tasks_behind_a_failed_one_are_skipped_and_others_run() -> None:
    tasks = [
        Task("bad", jobs.fail),
        Task("behind", jobs.value, dependencies=["bad"]),
        Task("far behind", jobs.value, dependencies=["behind"]),
        Task("good", jobs.value),
    ]
    results = Experiment(tasks, name="mixed").run(raise_on_failure=False)
    states = {name: str(task.state) for name, task in results.tasks.items()}
    assert states == {"bad": "failed", "behind": "skipped", "far behind": "skipped", "good": "succeeded"}
    assert "task 'bad' failed" in results.tasks["behind"].error
    assert results.status is TaskState.FAILED


@pytest.mark.parametrize(
    ("what", "exit_code", "words"),
    [
        (Partial(jobs.leave, 3), 3, "3"),
        (Partial(jobs.leave, "sorry"), 1, "sorry"),
        (Partial(jobs.die, 0), 0, "exit code 0 and no result"),
        (Partial(jobs.die, 9), 9, "exit code 9"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), -9, "SIGKILL (out of memory?)"),
    ],
)
def test_every_bad_end_is_a_failure(what: Any, exit_code: int, words: str) -> None:
    task = run_one(what).tasks["only"]
    assert (task.state, task.exit_code) == (TaskState.FAILED, exit_code)
    assert words in task.error


def test_an_async_function_runs_and_a_generator_is_refused() -> None:
    async def work() -> int:
        return 5

    assert run_one(work).outputs == {"only": 5}
    task = run_one(lambda: (n for n in range(3))).tasks["only"]
    assert task.state is TaskState.FAILED
    assert "nothing of it has run" in task.error


def test_sys_exit_zero_is_a_success() -> None:
    assert run_one(Partial(jobs.leave, 0)).outputs == {"only": None}


def test_retries_until_it_works_and_a_run_for_each_attempt(tmp_path: Path, workspace: Path) -> None:
    results = run_one(Partial(jobs.fail_until, str(tmp_path / "count"), 2), retries=3)
    task = results.tasks["only"]
    assert (task.state, task.attempts, task.value) == (TaskState.SUCCEEDED, 3, 3)
    assert len(list(workspace.rglob("log.txt"))) == 3


def test_retries_run_out(tmp_path: Path) -> None:
    task = run_one(Partial(jobs.fail_until, str(tmp_path / "count"), 9), retries=1).tasks["only"]
    assert (task.state, task.attempts, task.error) == (TaskState.FAILED, 2, "RuntimeError: attempt 2")


def test_a_timeout_ends_the_whole_process_group(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    script = Script(inline=f"sleep 60 & echo $! > {mark}; wait")
    task = run_one(script, timeout_s=0.5).tasks["only"]
    assert task.state is TaskState.TIMED_OUT
    assert "longer than 0.5 s" in task.error
    assert is_gone(int(mark.read_text()))


def test_cancel_from_another_thread(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    exp = Experiment(
        [
            Task("long", Partial(jobs.hang, str(mark))),
            Task("next", jobs.value, dependencies=["long"]),
        ],
        name="cancelled",
    )

    def cancel_when_running() -> None:
        wait_for(mark)
        exp.cancel()

    thread = threading.Thread(target=cancel_when_running)
    thread.start()
    results = exp.run(raise_on_failure=False)
    thread.join()
    assert {str(task.state) for task in results.tasks.values()} == {"cancelled"}
    assert results.status is TaskState.CANCELLED
    assert is_gone(int(mark.read_text()))
    assert exp.status() == {"long": TaskState.CANCELLED, "next": TaskState.CANCELLED}


def test_cancelling_what_never_started_is_refused() -> None:
    with pytest.raises(InvalidTransitionError, match="not been started"):
        Experiment("idle").cancel()


def test_the_task_lives_in_a_world_like_the_drivers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLOR", "red")
    world = run_one(jobs.world).outputs["only"]
    assert world["executable"] == sys.executable
    assert world["cwd"] == os.getcwd()
    assert world["argv"] == sys.argv
    assert world["path"] == [entry or os.getcwd() for entry in sys.path]
    assert world["color"] == "red"
    assert run_one(jobs.world, env={"COLOR": "blue"}).outputs["only"]["color"] == "blue"


def test_a_seed_makes_tasks_repeat() -> None:
    def draw(seed: int | None, task_seed: int | None = None) -> tuple[Any, ...]:
        exp = Experiment([Task("w", jobs.world, seed=task_seed)], name="seeded", seed=seed)
        world = exp.run().outputs["w"]
        return world["hash"], world["random"]

    assert draw(7) == draw(7) == draw(1, task_seed=7)
    assert draw(7) != draw(8)
    assert draw(None) != draw(None)


def test_scripts(tmp_path: Path) -> None:
    file = tmp_path / "job.sh"
    file.write_text('echo "file $1 $WORD"')
    exp = Experiment("scripts")
    exp.add(Script(inline="echo $0 $1 $RUNWARD_SEED", args=["one"]), name="inline", seed=4)
    exp.add(Script(path=str(file), args=["two"], env={"WORD": "w"}), name="file")
    exp.add(
        Script(inline="import sys; print(sys.argv, sys.executable)", entrypoint="python", args=["x"]),
        name="py",
    )
    exp.add(Script(path="json.tool", m=True, entrypoint="python", args=["--help"]), name="module")
    exp.run()
    assert exp.logs("inline") == "bash one 4\n"
    assert exp.logs("file") == "file two w\n"
    assert exp.logs("py") == f"['-c', 'x'] {sys.executable}\n"
    assert "usage" in exp.logs("module")
    with pytest.raises(NotFoundError, match="tasks: inline, file, py, module"):
        exp.logs("nope")


def test_echo_shows_the_output_by_task_and_still_keeps_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    exp = Experiment([Task("speak", Script(inline="echo one; echo two >&2"))])
    exp.run(echo=True)
    assert capfd.readouterr().out == "speak | one\nspeak | two\n"
    assert exp.logs("speak") == "one\ntwo\n"
    exp.run(echo=False)
    assert capfd.readouterr().out == ""


def test_metrics_are_the_numbers_of_the_returned_dict() -> None:
    results = run_one(Partial(jobs.report, 0.25))
    assert results.metrics == {"loss": 0.25, "accuracy": 0.5, "deep.f1": 0.1}


def test_metrics_of_several_tasks_do_not_hide_each_other() -> None:
    exp = Experiment("two")
    exp.add(Partial(jobs.report, 0.1), name="a")
    exp.add(Partial(lambda: {"loss": 0.2, "only_b": 1}), name="b")
    results = exp.run()
    assert results.metrics == {"a.loss": 0.1, "b.loss": 0.2, "accuracy": 0.5, "deep.f1": 0.1, "only_b": 1.0}
    assert set(results.config) == {"a", "b"}


# plain dicts of parameters


def test_a_dict_without_an_entry_function_is_refused_with_the_way_out() -> None:
    with pytest.raises(InvalidError) as caught:
        Experiment("e").add({"lr": 0.1}, name="main")
    assert all(way in str(caught.value) for way in ("entry=", "set_entry_point", "project", "_target_"))


@pytest.mark.parametrize(
    "entry",
    [
        lambda params: params["loss"],
        lambda loss, accuracy: loss,
        lambda loss, **rest: loss,
        lambda config, seed=1: config["loss"],
    ],
)
def test_a_dict_is_handed_to_the_entry_function(entry: Any) -> None:
    parameters = {"loss": 0.5, "accuracy": 0.9}
    with Experiment("params", entry=entry) as exp:
        task = exp.add(parameters, name="main_experiment")
        parameters["loss"] = 99
        results = exp.run()
    assert results.outputs == {"main_experiment": 0.5}
    assert results.config == {"loss": 0.5, "accuracy": 0.9} == task.config


def test_other_places_for_the_entry_function() -> None:
    set_entry_point(jobs.report)
    assert _run_params({"loss": 1}).metrics["loss"] == 1
    set_entry_point("tests.execution.jobs.report")
    assert _run_params({"loss": 2}).metrics["loss"] == 2
    set_entry_point(None)
    assert _run_params({"_target_": "tests.execution.jobs.report", "loss": 3}).metrics["loss"] == 3


def _run_params(parameters: dict[str, Any]) -> Results:
    exp = Experiment("params")
    exp.add(parameters)
    return exp.run()


def test_a_dict_that_the_entry_function_does_not_take_is_refused() -> None:
    with pytest.raises(InvalidError, match="did you mean 'accuracy'"):
        Experiment("e", entry=jobs.report).add({"loss": 1, "accurracy": 2})
    with pytest.raises(InvalidError, match="function or its import path"):
        Experiment("e", entry=3)  # type: ignore[arg-type]


def test_a_function_not_found_on_the_executor_is_named() -> None:
    exp = Experiment("missing")
    exp.add({"_target_": "tests.execution.jobs.no_such"}, name="main")
    with pytest.raises(TaskFailedError, match=r"'tests\.execution\.jobs\.no_such' cannot be imported"):
        exp.run()


def test_a_module_that_fails_on_the_executor_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "picky.py").write_text(
        "import os\nif 'IN_TASK' in os.environ:\n    raise ImportError('no driver')\ndef fn():\n    return 1\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import picky  # type: ignore[import-not-found]

    assert run_one(picky.fn).outputs == {"only": 1}
    task = run_one(picky.fn, env={"IN_TASK": "1"}).tasks["only"]
    assert task.state is TaskState.FAILED
    assert "picky.fn is not found on the executor: ImportError: no driver" in task.error


def test_a_function_of_a_module_without_file_goes_by_value() -> None:
    module = ModuleType("made_by_hand")
    exec("K = 4\ndef fn():\n    return helper()\ndef helper():\n    return K", vars(module))
    sys.modules["made_by_hand"] = module
    try:
        assert run_one(module.fn).outputs == {"only": 4}
    finally:
        del sys.modules["made_by_hand"]


# gates


def test_checks_run_after_the_tasks_and_see_the_results() -> None:
    with Experiment("gated") as exp:
        exp.add(Config(jobs.check_loss, limit=0.2), name="quality_check")
        exp.add(Partial(jobs.report, 0.5), name="main")
        exp.add(jobs.check_loss, name="loose")
        assert exp.plan().order == ["main", "quality_check", "loose"]
        results = exp.run()
    assert results.gates["quality_check"] == {"passed": False, "seen": ["main"]}
    assert results.gates["loose"]["passed"]
    assert list(results.tasks) == ["main"]
    assert results.status is TaskState.SUCCEEDED


def test_a_check_that_cannot_be_evaluated_is_no_pass() -> None:
    exp = Experiment("gated")
    exp.add(jobs.value, name="main")
    exp.add(jobs.check_loss, name="gate")
    gate = exp.run().gates["gate"]
    assert (gate.passed, bool(gate), gate.state) == (False, False, "error")
    assert "KeyError" in gate.reason
    failing = Experiment([Task("main", jobs.fail), Task("gate", jobs.check_loss)], name="f")
    assert failing.run(raise_on_failure=False).gates["gate"].state == "skipped"


def test_a_check_that_ends_the_program_is_no_pass_and_keeps_no_other_from_being_asked() -> None:
    exp = Experiment("gated")
    exp.add(Partial(jobs.report, 0.5), name="main")
    exp.add(jobs.check_by_exit, name="exits")
    exp.add(jobs.check_loss, name="later")
    gates = exp.run().gates
    assert (gates["exits"].passed, gates["exits"].state) == (False, "error")
    assert "SystemExit: 0" in gates["exits"].reason
    assert gates["later"]["passed"]


def test_checks_that_were_interrupted_are_recorded_as_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the one that hung and of those that were to come."""
    kept: dict[str, Any] = {}
    monkeypatch.setattr(NullBackend, "end_experiment", lambda _self, _id, _state, gates: kept.update(gates))
    exp = Experiment("gated")
    exp.add(Partial(jobs.report, 0.5), name="main")
    exp.add(jobs.check_interrupted, name="hangs")
    exp.add(jobs.check_loss, name="later")
    with pytest.raises(KeyboardInterrupt):
        exp.run()
    assert {name: gate.passed for name, gate in kept.items()} == {"hangs": False, "later": False}


def test_a_check_that_nobody_marked_is_told_how() -> None:
    exp = Experiment("gated")
    exp.add(Config(jobs.unmarked_check), name="mine")
    with pytest.raises(InvalidError) as caught:
        exp.plan()
    assert "@runward.check" in str(caught.value.hint)


def test_an_experiment_of_checks_only_runs_them() -> None:
    exp = Experiment("code_review")
    exp.add(jobs.check_loss, name="static_analysis")
    results = exp.run()
    assert set(results.gates) == {"static_analysis"}
    assert (results.status, results.metrics, results.config) == (TaskState.SUCCEEDED, {}, {})


# what is refused before anything starts


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda: Experiment(""), InvalidError, "experiment name"),
        (lambda: Experiment([]), InvalidError, "a name or tasks"),
        (Experiment, InvalidError, "a name or tasks"),
        (lambda: Experiment({"a": 1}), InvalidError, "got dict"),  # type: ignore[dict-item]
        (lambda: Experiment(3), InvalidError, "got int"),  # type: ignore[arg-type]
        (lambda: Experiment("a", name="b"), InvalidError, "two names"),
        (lambda: Experiment(["task"]), InvalidError, "expected a Task, got str"),  # type: ignore[list-item]
        (lambda: Experiment("a", slots=0), InvalidError, "slots"),
        (lambda: Experiment("a", seed=-1), InvalidError, "seed"),
        (lambda: Experiment("a", tags="x"), InvalidError, "tags"),
        (lambda: Experiment("a").plan(), InvalidError, "no tasks"),
        (lambda: Experiment("a").run(), InvalidError, "no tasks"),
        (lambda: Experiment("a").add(3), InvalidError, "got int 3"),
        (lambda: Experiment("a").add(Task("t", jobs.value), name="u"), InvalidError, "complete"),
        (lambda: Task("t", 3), InvalidError, "task 't'.*got int 3"),
        (lambda: Task("t", jobs.value, dependencies="abc"), InvalidError, r"\['abc'\]"),
        (lambda: Task("t", jobs.value, retries=-1), InvalidError, "retries"),
        (lambda: Task("t", jobs.value, retries=True), InvalidError, "retries"),
        (lambda: Task("t", jobs.value, timeout_s=0), InvalidError, "timeout_s"),
        (lambda: Task("t", jobs.value, timeout_s=float("nan")), InvalidError, "timeout_s"),
        (lambda: Task("t", jobs.value, env={"A": 1}), InvalidError, r"env\['A'\]"),  # type: ignore[dict-item]
        (lambda: Task("t", jobs.value, env={"A=B": "1"}), InvalidError, "A=B"),
        (lambda: Task("t", jobs.value, resources={"slots": 0}), InvalidError, "slots"),
        (lambda: Task("t", jobs.value, seed=1.5), InvalidError, "seed"),  # type: ignore[arg-type]
        (Script, InvalidError, "either path or inline"),
        (lambda: Script(path="a", inline="b"), InvalidError, "either path or inline"),
        (lambda: Script(inline="a", args="b c"), InvalidError, "args"),
        (lambda: Script(inline="a", m=True), InvalidError, "module"),
        (lambda: Script(inline="a", env={"X": None}), InvalidError, "env"),  # type: ignore[dict-item]
    ],
)
def test_wrong_input_is_refused(build: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        build()


@pytest.mark.parametrize(
    "name",
    ["", "  ", "a\0b", "a\nb", "a\tb", "a\x1b[31m", "abc\u202etxt", "a\u2028b", "x" * 251, "\ud800", 3, None],
)
def test_names_that_people_cannot_live_with_are_refused(name: Any) -> None:
    with pytest.raises(InvalidError, match="task name"):
        Task(name, jobs.value)


@pytest.mark.parametrize("name", ["a/b", "../up", "ünïcode 名前", "x" * 250, "名" * 250, "-rf", "a b:c*?", "."])
def test_names_that_only_look_odd_work(name: str) -> None:
    results = Experiment([Task(name, jobs.value)]).run()
    assert results.outputs == {name: 1}


def _plan(*tasks: Task) -> Any:
    return Experiment(list(tasks), name="p").plan()


def test_two_tasks_of_one_name_are_refused() -> None:
    with pytest.raises(AlreadyExistsError, match="already has a task 'a'"):
        _plan(Task("a", jobs.value), Task("a", jobs.value))


def test_wrong_dependencies_are_refused_and_circles_shown(workspace: Path) -> None:
    with pytest.raises(InvalidError, match=r"'frist'.*\n.*did you mean 'first'"):
        _plan(Task("first", jobs.value), Task("b", jobs.value, dependencies=["frist"]))
    a = Task("a", jobs.value, dependencies=["c"])
    b = Task("b", jobs.value, dependencies=[a])
    c = Task("c", jobs.value, dependencies=["b"])
    with pytest.raises(InvalidError, match="a -> c -> b -> a"):
        _plan(Task("x", jobs.value), a, b, c)
    with pytest.raises(InvalidError, match="b -> b"):
        _plan(Task("b", jobs.value, dependencies=["b"]))
    with pytest.raises(InvalidError, match="checks run last"):
        _plan(Task("gate", jobs.check_loss), Task("b", jobs.value, dependencies=["gate"]))
    assert not workspace.exists()


def test_a_missing_argument_stops_everything_before_it_starts(workspace: Path) -> None:
    exp = Experiment("early", slots=2)
    exp.add(jobs.value)
    exp.add(jobs.add_one)
    with pytest.raises(InvalidError, match=r"'add_one'.*misses 'first'.*\n.*dependency 'first'"):
        exp.run()
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(InvalidError, match="'x' contains itself"):
        _plan(Task("loop", Partial(jobs.value, loop)))
    nested = Task("n", Partial(jobs.scaled, Config(jobs.Scale)))
    with pytest.raises(InvalidError, match=r"misses 'scale\.by'"):
        _plan(nested)
    assert not workspace.exists()


def test_missing_scripts_and_programs_are_found_before(workspace: Path) -> None:
    with pytest.raises(InvalidError, match=r"no script 'nope\.sh'"):
        _plan(Task("s", Script(path="nope.sh")))
    with pytest.raises(InvalidError, match="'no-such-shell' is not on PATH"):
        _plan(Task("s", Script(inline="x", entrypoint="no-such-shell")))
    assert not workspace.exists()


def test_what_cannot_be_pickled_is_named() -> None:
    lock = threading.Lock()
    task = run_one(lambda: lock).tasks["only"]
    assert task.state is TaskState.FAILED
    assert "cannot be sent to its process" in task.error
    with pytest.raises(SubmitError):
        Experiment([Task("d", lambda: lock)]).run(detach=True)


def test_a_value_that_cannot_be_kept_is_said_and_the_task_still_succeeds() -> None:
    results = run_one(threading.Lock)
    task = results.tasks["only"]
    assert task.state is TaskState.SUCCEEDED
    assert "cannot be kept" in task.log_tail
    with pytest.raises(NotFoundError, match="could not be kept"):
        _ = task.value


def test_the_plan_is_a_table_without_side_effects(workspace: Path) -> None:
    exp = Experiment("planned", slots=2)
    exp.add(Partial(jobs.report, 0.5), name="train", resources={"slots": 2})
    exp.add(Script(inline="true"), name="report", dependencies=["train"])
    exp.add(jobs.check_loss, name="gate")
    plan = exp.plan()
    assert plan.waves == [["train"], ["report"], ["gate"]]
    lines = str(plan).splitlines()
    assert lines[0] == "planned: 3 tasks, 2 at once"
    assert lines[2].split()[:5] == ["1", "train", "function", "-", "2"]
    assert "loss=0.5" in lines[2]
    assert [line.split()[2] for line in lines[2:]] == ["function", "script", "check"]
    assert not workspace.exists()
    assert exp.status() == {"train": TaskState.PENDING, "report": TaskState.PENDING}
    with pytest.raises(NotFoundError):
        exp.logs("train")


# metadata and state


def test_metadata_is_checked_kept_and_versioned(workspace: Path) -> None:
    exp = Experiment([Task("t", jobs.value)])
    exp.metadata.update({"researcher": "alice", "team": "ML"})
    exp.metadata["nested"] = {"a": [1]}
    for bad in ({1: 2}, {"a": {1: 2}}, {"a": {1, 2}}, {"a": float("nan")}, {"a": [object()]}):
        with pytest.raises(InvalidError, match="metadata"):
            exp.metadata.update(bad)
    assert exp.metadata == {"researcher": "alice", "team": "ML", "nested": {"a": [1]}}
    assert exp.metadata.version == 3
    exp.run()
    exp.metadata["after"] = True
    del exp.metadata["team"]
    kept = [json.loads(line) for line in next(workspace.rglob("metadata.jsonl")).read_text().splitlines()]
    assert [entry["version"] for entry in kept] == [1, 4, 5]
    assert kept[-1]["metadata"] == {"researcher": "alice", "nested": {"a": [1]}, "after": True}


def test_metadata_behaves_like_a_dict() -> None:
    exp = Experiment("m")
    exp.metadata = {"a": 1}
    exp.metadata |= {"b": 2}
    assert exp.metadata.setdefault("c", 3) == 3
    assert exp.metadata.pop("a") == 1
    assert exp.metadata.pop("a", None) is None
    assert exp.metadata.popitem() == ("c", 3)
    assert exp.metadata == {"b": 2}
    exp.metadata.clear()
    assert exp.metadata == {}


def test_the_state_on_disk_tells_another_process(workspace: Path) -> None:
    results = Experiment([Task("a", jobs.value), Task("b", jobs.fail)], name="s").run(raise_on_failure=False)
    state = json.loads(next(workspace.rglob("state.json")).read_text())
    assert (state["experiment_id"], state["state"]) == (results.experiment_id, "failed")
    assert {name: task["state"] for name, task in state["tasks"].items()} == {"a": "succeeded", "b": "failed"}


def test_an_experiment_can_run_again() -> None:
    exp = Experiment([Task("t", jobs.value)])
    assert exp.run().experiment_id != exp.run().experiment_id
