"""Each built-in check passes, fails and stays undecided where it should, with evidence."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runward import face
from runward.config.buildable import Config
from runward.config.standards import TeamConfig
from runward.core.ids import new_id
from runward.errors import InvalidError, NotFoundError
from runward.execution.experiment import Experiment
from runward.execution.model import Results, Script, Task, TaskState
from runward.review.model import Verdict
from runward.team import checks
from runward.team.checks import (
    check,
    code_quality_check,
    doc_review_check,
    documentation_check,
    performance_check,
    quality_check,
    security_check,
)
from runward.team.sources import sources_of
from runward.team.standards import set_standards
from runward.tracking.model import NewExperiment, NewProject, NewRun, RunPatch
from tests.team import jobs

CARELESS = """import pickle
import subprocess

TOKEN = "%s"


def Train(data_path, rate):
    try:
        pickle.load(open(data_path, "rb"))
        subprocess.run("ls " + data_path, shell=True)
    except:
        pass
    return {"accuracy": 0.1}
""" % ("ghp_" + "0123456789abcdefghijklmnopqrstuvwxyzAB")
"""Written to a file by its fixture: a linter, or a scanner for secrets, would not let it stand here."""

TEAM = TeamConfig("Vision", "lab", {}, ["accuracy"], {"accuracy": 0.9, "loss": "<=0.5"})


@pytest.fixture
def careless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    (tmp_path / "careless.py").write_text(CARELESS)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("careless")
    del sys.modules["careless"]


def results_of(metrics: dict[str, float], experiment_id: str = "none") -> Results:
    return Results(experiment_id, "e", TaskState.SUCCEEDED, "2025-01-01T00:00:00+00:00", metrics, {}, {}, {}, {})


def recorded(description: str = "", metadata: dict[str, Any] | None = None) -> str:
    tracking = face.current_workspace().tracking
    tracking.create_project(NewProject("lab", exist_ok=True))
    return tracking.create_experiment(NewExperiment("lab", "e", description, metadata or {})).id


def test_quality_by_the_standards_given() -> None:
    found = quality_check(results_of({"accuracy": 0.95, "loss": 0.2}), TEAM)
    assert (found.verdict, found.passed, bool(found)) == (Verdict.PASS, True, True)
    assert found.message == "Vision: 3 of 3 demands on metrics are met"
    assert {item.value for item in found.evidence} == {0.95, 0.2}


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        ({"loss": 0.2}, "accuracy is required and was not reported"),
        ({"accuracy": 0.8, "loss": 0.2}, "accuracy >= 0.9 does not hold: it is 0.8"),
        ({"accuracy": 0.95, "loss": 0.6}, "loss <= 0.5 does not hold"),
        ({"accuracy": math.nan, "loss": 0.2}, "accuracy is nan"),
        ({"accuracy": 0.95, "loss": 0.2, "extra": math.inf}, "extra is inf"),
    ],
)
def test_quality_fails_with_the_metric_that_is_wrong(metrics: dict[str, float], words: str) -> None:
    found = quality_check(results_of(metrics), TEAM)
    assert found.verdict is Verdict.FAIL
    assert words in found.evidence[0].message


def test_quality_without_standards_is_undecided() -> None:
    found = quality_check(results_of({"accuracy": 1.0}, recorded()))
    assert (found.verdict, bool(found)) == (Verdict.UNDECIDED, False)
    assert "run.set_standards" in found.message


def test_quality_by_the_standards_of_the_project() -> None:
    experiment_id = recorded()
    set_standards(TEAM, "lab")
    assert quality_check(results_of({"accuracy": 0.95, "loss": 0.2}, experiment_id)).verdict is Verdict.PASS
    assert quality_check(results_of({"accuracy": 0.5, "loss": 0.2}, experiment_id)).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("metrics", "verdict"),
    [({"loss": 0.104}, Verdict.PASS), ({"loss": 0.106}, Verdict.FAIL), ({"other": 1.0}, Verdict.FAIL)],
)
def test_performance_against_a_baseline(metrics: dict[str, float], verdict: Verdict) -> None:
    assert performance_check(results_of(metrics), baseline={"loss": 0.1}).verdict is verdict


def test_performance_of_an_unclear_direction_is_undecided() -> None:
    found = performance_check(results_of({"score": 1.0}), baseline={"score": 2.0})
    assert found.verdict is Verdict.UNDECIDED
    assert "does not say whether more is better" in found.evidence[0].message


def test_performance_needs_something_to_compare_with() -> None:
    assert performance_check(results_of({"loss": 1.0})).verdict is Verdict.UNDECIDED
    assert performance_check(results_of({"loss": 1.0}), TEAM).verdict is Verdict.FAIL
    with pytest.raises(NotFoundError):
        performance_check(results_of({"loss": 1.0}), baseline="no-such-run")


def test_documentation_of_a_recorded_experiment() -> None:
    assert documentation_check(results_of({}, recorded())).verdict is Verdict.FAIL
    assert documentation_check(results_of({}, recorded("  "))).verdict is Verdict.FAIL
    assert documentation_check(results_of({}, recorded("Which rate?"))).verdict is Verdict.PASS
    assert documentation_check(results_of({}, recorded("", {"purpose": "why"}))).verdict is Verdict.PASS
    assert documentation_check(results_of({}, recorded("", {"researcher": "ann"}))).verdict is Verdict.FAIL
    assert documentation_check(results_of({}, new_id())).verdict is Verdict.UNDECIDED


def test_documentation_counts_the_purpose_of_a_run() -> None:
    experiment_id = recorded()
    tracking = face.current_workspace().tracking
    run = tracking.create_run(NewRun(project="lab", experiment_id=experiment_id))
    results = run_task(jobs.train_well, [1], {"rate": 0.1})
    results.experiment_id = experiment_id
    [task] = results.tasks.values()
    task.run_id = run.id
    assert documentation_check(results).verdict is Verdict.FAIL
    tracking.update_run(run.id, RunPatch(purpose="To see"))
    assert documentation_check(results).evidence[0].message == "train_well:purpose: To see"


def test_documentation_of_a_given_experiment() -> None:
    assert documentation_check(results_of({}), of=Experiment("e", description="Why")).passed
    assert not documentation_check(results_of({}), of=Experiment("e")).passed


def run_task(what: Any, *args: Any) -> Results:
    experiment = Experiment("e")
    experiment.add(Task(getattr(what, "__name__", "task"), Config(what, *args) if args else what))
    return experiment.run()


def test_code_checks_of_a_good_task_pass() -> None:
    results = run_task(jobs.train_well, [1], {"rate": 0.1})
    for judge in (code_quality_check, security_check, doc_review_check):
        assert judge(results).verdict is Verdict.PASS, judge(results)


def test_code_checks_show_where_a_task_is_wrong(careless: Any) -> None:
    subject = Task("careless", Config(careless.Train, "a", 1))
    found = {judge.__name__: judge(results_of({}), of=subject) for judge in (code_quality_check, security_check)}
    assert {verdict.verdict for verdict in found.values()} == {Verdict.FAIL}
    places = {(item.file.rpartition("/")[2], item.line) for verdict in found.values() for item in verdict.evidence}
    assert {("careless.py", 4), ("careless.py", 7), ("careless.py", 9), ("careless.py", 11)} <= places
    documents = doc_review_check(results_of({}), of=subject)
    assert documents.verdict is Verdict.FAIL
    assert "Train has no docstring" in {item.message for item in documents.evidence}


def test_code_that_cannot_be_read_is_undecided() -> None:
    results = run_task(Script(inline="echo hello"))
    found = code_quality_check(results)
    assert found.verdict is Verdict.UNDECIDED
    assert "not a Python file" in found.evidence[0].message
    assert security_check(results_of({})).verdict is Verdict.UNDECIDED


def test_code_of_functions_without_a_file_is_what_was_sent() -> None:
    """A function typed at a prompt is known to nobody: undecided, not passed."""
    scope: dict[str, Any] = {"__name__": "prompt"}
    exec("def typed():\n    return 1", scope)
    assert doc_review_check(run_task(scope["typed"])).verdict is Verdict.UNDECIDED


def test_a_script_that_is_a_python_file_is_read(careless: Any) -> None:
    assert careless.__file__ in sources_of(Task("s", Script(path=careless.__file__, entrypoint="python"))).files


def test_what_has_no_code_is_refused() -> None:
    with pytest.raises(InvalidError, match="no source code in int"):
        sources_of(3)


@pytest.mark.parametrize("name", [name for name in vars(checks) if name.endswith("_config")])
def test_each_ready_made_check_is_a_gate(name: str) -> None:
    """Added by name alone, it runs after the tasks and leaves its verdict."""
    experiment = Experiment("e")
    experiment.add(Config(jobs.train_well, [1], {"rate": 0.1}), name="task")
    gate = experiment.add(getattr(checks, name), name="gate")
    assert gate.is_check
    verdict = experiment.run().gates["gate"]
    assert verdict.verdict in (Verdict.PASS, Verdict.FAIL, Verdict.UNDECIDED)
    assert verdict.state == verdict.verdict
    assert verdict.message in str(verdict)


def test_a_function_of_ones_own_is_a_check() -> None:
    @check
    def enough(results: Results) -> bool:
        return results.metrics["accuracy"] > 0.8

    experiment = Experiment("e")
    experiment.add(Config(jobs.train_well, [1], {"rate": 0.1}))
    experiment.add(enough, name="enough")
    assert experiment.run().gates["enough"] is True
