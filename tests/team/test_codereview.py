"""The review checklist is computed from code: what good code earns, and what careless code does not."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runward.config.buildable import Config
from runward.errors import GateClosedError, InvalidError
from runward.execution.experiment import Experiment
from runward.execution.model import Task
from runward.team.codereview import CodeReviewChecklist, TeamCodeReview, create_reviewed_experiment
from tests.team import jobs

HERE = Path(__file__).parent


def experiment_of(fn: Any, *args: Any, name: str = "good_experiment", task: str = "train") -> Experiment:
    return Experiment([Task(task, Config(fn, *args))], name=name)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """A repository with one module, `lab_code`, and no tests."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "pyproject.toml").write_text("")

    def write(text: str) -> Any:
        (tmp_path / "lab_code.py").write_text(text)
        return importlib.import_module("lab_code")

    yield write
    sys.modules.pop("lab_code", None)


def test_train_well_refuses_no_layers() -> None:
    """This test is also what the review finds for `train_well`."""
    with pytest.raises(ValueError, match="no layer"):
        jobs.train_well([], {})


def test_good_code_meets_the_required_items() -> None:
    review = TeamCodeReview()
    review.add_reviewer("bea")
    found = review.review_experiment(experiment_of(jobs.train_well, [1], {"rate": 0.1}))
    assert found["approved"], found["comments"]
    assert found["reviewers"] == ["bea"]
    [where] = found["checks"]["unit_tests_written"].evidence
    assert Path(where.file).parent == HERE
    assert not review.checklist.memory_usage_optimized


def test_careless_code_is_refused_item_by_item(project: Callable[[str], Any]) -> None:
    module = project("def Run(x):\n    return x\n")
    review = TeamCodeReview()
    found = review.review_experiment(experiment_of(module.Run, 1, name="my experiment!", task="t"))
    assert not found["approved"]
    assert len(review.checklist.get_missing_items()) == 6
    text = "\n".join(found["comments"])
    assert "lab_code.py:1: Run has no docstring" in text
    assert "Task should have a descriptive name: t" in text
    assert "Experiment name should use letters, digits, _ and - only: my experiment!" in text
    assert "no test function uses Run" in text


@pytest.mark.parametrize(
    ("test", "good"),
    [
        ("def test_it():\n    assert lab_code.run(1) == 1\n", True),
        ("def test_it():\n    assert run(1) == 1\n", True),
        ("def test_it():\n    'run'\n", False),
        ("def helper():\n    run(1)\n", False),
        ("def test_it(:\n", False),
    ],
)
def test_a_test_counts_only_if_it_uses_the_function(
    project: Callable[[str], Any], tmp_path: Path, test: str, good: bool
) -> None:
    module = project("def run(x: int) -> int:\n    return x\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_lab.py").write_text(test)
    review = TeamCodeReview()
    review.review_experiment(experiment_of(module.run, 1))
    assert review.checklist.unit_tests_written is good
    elsewhere = TeamCodeReview(tests=[tmp_path / "nowhere"])
    elsewhere.review_experiment(experiment_of(module.run, 1))
    assert not elsewhere.checklist.unit_tests_written


def test_a_task_without_source_earns_nothing() -> None:
    scope: dict[str, Any] = {"__name__": "prompt"}
    exec("def typed(): pass", scope)
    review = TeamCodeReview()
    found = review.review_experiment(experiment_of(scope["typed"]))
    assert vars(review.checklist) == vars(CodeReviewChecklist())
    assert "train: Python does not have its source text" in found["comments"]


def test_a_person_answers_what_code_cannot_show(project: Callable[[str], Any]) -> None:
    module = project("def run(x: int) -> int:\n    return x\n")
    review = TeamCodeReview()
    review.review_experiment(experiment_of(module.run, 1))
    review.confirm("memory_usage_optimized", by="bea", note="profiled, 40 MB")
    review.review_experiment(experiment_of(module.run, 1))
    assert review.checklist.memory_usage_optimized
    assert review.confirmations["memory_usage_optimized"] == {"by": "bea", "note": "profiled, 40 MB"}
    review.review_experiment(experiment_of(jobs.train_well, [1], {}))
    assert not review.checklist.memory_usage_optimized


@pytest.mark.parametrize(
    ("item", "by", "words"),
    [
        ("type_hints_used", "bea", "not for a person"),
        ("charm", "bea", "not for a person"),
        ("execution_efficient", " ", "a name and a reason"),
    ],
)
def test_what_is_computed_cannot_be_confirmed(item: str, by: str, words: str) -> None:
    review = TeamCodeReview()
    review.review_experiment(experiment_of(jobs.train_well, [1], {}))
    with pytest.raises(InvalidError, match=words):
        review.confirm(item, by=by, note="looks fine")


def test_a_reviewed_experiment_runs() -> None:
    experiment = create_reviewed_experiment([2], {"rate": 0.25}, jobs.train_well)
    assert experiment.name == "team_standard_training_experiment"
    assert experiment.run().metrics == {"accuracy": 0.9, "loss": 0.25}


def test_an_experiment_below_the_standard_is_refused() -> None:
    review = TeamCodeReview(tests=[HERE / "nowhere"])
    with pytest.raises(GateClosedError) as caught:
        create_reviewed_experiment([2], {"rate": 0.25}, jobs.train_well, review=review)
    assert isinstance(caught.value, ValueError)
    assert caught.value.details["gates"] == ["unit_tests_written"]
    assert "no test function uses train_well" in caught.value.hint
