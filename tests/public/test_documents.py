"""Every Python block of the two documents, run as a reader would: with our import line, and through the shim.

Where a sample cannot work as it is written, one test shows how it fails and another what the reader changes;
``docs/documents.md`` lists each.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import runward as run
from runward import shims
from runward.errors import GateClosedError, InvalidError
from runward.face import current_workspace
from tests.public import stubs

DOCUMENTS = Path(__file__).parent / "documents"
WORKFLOWS, BEST_PRACTICES = "team-workflows", "team-collaboration"
HELPERS = {
    WORKFLOWS: [
        "quality_check_config",
        "documentation_config",
        "code_quality_config",
        "performance_validation_config",
        "security_check_config",
        "doc_review_config",
        "notify_team",
        "calculate_review_score",
        "identify_issues",
        "generate_recommendations",
        "determine_approval_status",
    ],
    BEST_PRACTICES: [],
}
"""What a document calls as if it were there: the reader writes ``from runward import …``."""
FIXES = {
    (WORKFLOWS, 3): ("class TeamKnowledgeBase:", "class TeamKnowledgeBase(run.TeamKnowledgeBase):"),
    (WORKFLOWS, 4): ("# Team setup", "from runward import TeamConfig"),
    (BEST_PRACTICES, 4): (
        "from typing import Dict, Any, List",
        "from datetime import datetime\nfrom typing import Dict, Any, List",
    ),
}
"""The one line that a reader changes where the block cannot work as it stands."""


def blocks(document: str) -> list[str]:
    text = (DOCUMENTS / f"{document}.md").read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


class Reader:
    """Somebody who types a document's blocks into one module, one after the other."""

    def __init__(self, document: str, way: str, folder: Path) -> None:
        self.document, self.way, self.folder = document, way, folder
        self.module = ModuleType(f"reader_of_{document.replace('-', '_')}")
        sys.modules[self.module.__name__] = self.module
        for name in ("create_model", "train_model", "load_dataset", "preprocess_data"):
            setattr(self.module, name, getattr(stubs, name))
        for name in HELPERS[document]:
            setattr(self.module, name, getattr(run, name))

    def run(self, index: int, *, fixed: bool = True) -> None:
        text = blocks(self.document)[index]
        if fixed and (fix := FIXES.get((self.document, index))):
            assert text.count(fix[0]) == 1
            text = text.replace(*fix)
        if self.way == "import runward":
            text = text.replace("import nemo_run", "import runward")
        path = self.folder / f"block_{index}.py"
        path.write_text(text, encoding="utf-8")
        exec(compile(text, str(path), "exec"), vars(self.module))

    def run_all(self) -> Any:
        for index in range(len(blocks(self.document))):
            self.run(index)
        return self.module


@pytest.fixture(params=["import runward", "import nemo_run"])
def reader(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], Reader]]:
    run.set_entry_point(stubs.entry)
    if request.param == "import nemo_run":
        shims.install()
    readers: list[Reader] = []

    def make(document: str) -> Reader:
        readers.append(Reader(document, request.param, tmp_path))
        return readers[-1]

    yield make
    shims.uninstall()
    for item in readers:
        del sys.modules[item.module.__name__]


def test_the_documents_have_eleven_blocks() -> None:
    """No block is left out."""
    assert [len(blocks(name)) for name in (WORKFLOWS, BEST_PRACTICES)] == [6, 5]


def test_all_blocks_of_team_workflows_run(reader: Callable[[str], Reader]) -> None:
    """The whole page, in order, and its figures are in the team's repository afterwards."""
    page = reader(WORKFLOWS).run_all()
    assert page.results.status == "succeeded"
    assert {"accuracy", "loss", "training_time", "precision", "recall", "latency"} <= page.results.metrics.keys()
    assert page.results.config["feature"] == "personalization"
    assert page.results.timestamp
    assert page.results.experiment_id
    stored = run.search_knowledge("accuracy training_time", "team_experiments/ML Research Team")
    assert {hit["kind"] for hit in stored} == {"result"}
    assert len(stored) == 2


def test_a_shared_practice_is_found_and_recommended(reader: Callable[[str], Reader]) -> None:
    page = reader(WORKFLOWS).run_all()
    [found] = page.knowledge_base.search_knowledge("overfitting")
    assert found["name"] == "Early Stopping with Validation"
    assert found["tags"] == ["validation", "loss", "early", "stopping", "prevent", "overfitting"]
    [advice] = page.knowledge_base.get_recommendations({"monitor": "validation loss"})
    assert advice["name"] == "Early Stopping with Validation"
    assert "loss" in advice["reason"]
    assert "EarlyStoppingCallback" in advice["code_example"]


def test_the_gates_of_the_sample_say_what_they_need(reader: Callable[[str], Reader]) -> None:
    """Nobody told the library the standards, and the sample documents nothing: neither gate passes."""
    page = reader(WORKFLOWS).run_all()
    gates = page.results.gates
    assert gates["quality_check"].verdict == "undecided"
    assert "run.set_standards" in gates["quality_check"].message
    assert not gates["documentation"]
    assert page.determine_approval_status(page.results) != "approved"


def test_the_samples_standards_decide_once_they_are_set(reader: Callable[[str], Reader]) -> None:
    """The document's own dataclass is taken as it is."""
    page = reader(WORKFLOWS)
    for index in (0, 1):
        page.run(index)
    run.set_standards(page.module.team_config, project="lab")
    with run.Experiment("measured", project="lab", description="Reads the figures") as exp:
        exp.add({"model": "mlp"}, name="main_experiment")
        exp.add(run.quality_check_config, name="quality_check")
        gate = exp.run().gates["quality_check"]
    assert gate.verdict == "pass"
    assert {item.metric for item in gate.evidence} == {"accuracy", "loss", "training_time"}
    space = current_workspace()
    (measured,) = space.tracking.search_runs("lab", "name = 'main_experiment'").runs
    assert [(kept.name, kept.verdict) for kept in space.feedback.list_ci_results(measured.id)] == [
        ("quality_check", "pass")
    ]


def test_the_code_review_workflow_reports(reader: Callable[[str], Reader]) -> None:
    """The sample hands its configuration to nobody, so the four gates have nothing to look at and say so."""
    page = reader(WORKFLOWS).run_all()
    report = page.code_review_workflow({"lr": 0.1}, "bob")
    assert report["reviewer"] == "bob"
    assert report["overall_score"] == 0.0
    assert {issue["verdict"] for issue in report["issues"]} == {"undecided"}
    assert report["approval_status"] == "needs_review"
    assert len(report["recommendations"]) >= 2


def test_mistake_missing_methods_of_the_knowledge_base(reader: Callable[[str], Reader]) -> None:
    """As written the class calls a method that nobody defines."""
    page = reader(WORKFLOWS)
    page.run(0)
    with pytest.raises(AttributeError, match="extract_tags"):
        page.run(3, fixed=False)


def test_mistake_missing_thresholds(reader: Callable[[str], Reader]) -> None:
    """As written the second team configuration misses a required field; ours gives it a default."""
    page = reader(WORKFLOWS)
    page.run(0)
    page.run(1)
    with pytest.raises(TypeError, match="performance_thresholds"):
        page.run(4, fixed=False)
    page.run(4)
    assert page.module.research_team.performance_thresholds == {}


def test_mistake_team_defaults_overwrite_the_users_values(reader: Callable[[str], Reader]) -> None:
    """The sample's update loses the researcher's value; ours keeps it and says where each value is from."""
    page = reader(WORKFLOWS)
    page.run(0)
    page.run(1)
    mine = {"learning_rate": 0.5}
    assert page.module.team_experiment_workflow("theirs", "alice", mine).metrics["learning_rate"] == 0.001
    results = run.team_experiment_workflow("ours", "alice", {"learning_rate": 0.5}, page.module.team_config)
    assert results.metrics["learning_rate"] == 0.5
    assert results.config["batch_size"] == 64


def test_mistake_the_workflow_reads_one_global_team(reader: Callable[[str], Reader]) -> None:
    """In ours the team in force is the caller's."""
    page = reader(WORKFLOWS).run_all()
    results = run.team_experiment_workflow("ours", "alice", {"model": "mlp"}, page.research_team)
    assert results.config["optimizer"] == "adam"
    gate = results.gates["quality_check"]
    assert gate.verdict == "fail"
    assert any("convergence_time is required" in item.message for item in gate.evidence)


def test_all_blocks_of_team_collaboration_run(
    reader: Callable[[str], Reader], capsys: pytest.CaptureFixture[str]
) -> None:
    page = reader(BEST_PRACTICES).run_all()
    page.setup_team_workflow()
    printed = capsys.readouterr().out
    assert "Feature branch: feature/new_model_training_" in printed
    assert "tests/test_new_model_training.py" in printed
    compile(printed.partition("Experiment template:\n")[2], "template.py", "exec")


@pytest.mark.parametrize(("model", "layers"), [("transformer", 12), ("cnn", 4), ("mlp", 3)])
def test_a_shared_configuration_becomes_a_run(reader: Callable[[str], Reader], model: str, layers: int) -> None:
    page = reader(BEST_PRACTICES)
    page.run(0)
    experiment = page.module.create_team_experiment(model, "mnist", page.module.TeamConfigLibrary())
    assert experiment.name == f"team_{model}_training"
    assert experiment.run().metrics == {"loss": 0.1, "layers": layers}


def test_components_that_are_lambdas_run(reader: Callable[[str], Reader]) -> None:
    page = reader(BEST_PRACTICES)
    page.run(1)
    builder = page.module.setup_team_components()
    assert builder.list_components()["preprocess"] == "Preprocess loaded data"
    builder.components["load_data"].set_parameters({"dataset_path": "a.csv"})
    assert builder.create_experiment(["load_data"]).run().outputs == {"load_data": [5, 2, 3]}
    with pytest.raises(ValueError, match="Unknown component: evaluate"):
        builder.create_experiment(["evaluate"])


def test_mistake_component_dependencies_are_ignored(reader: Callable[[str], Reader]) -> None:
    """The sample's builder drops the dependencies, so a stage's input is missing and refused before anything runs."""
    page = reader(BEST_PRACTICES)
    page.run(1)
    builder = page.module.setup_team_components()
    builder.components["load_data"].set_parameters({"dataset_path": "a.csv"})
    with pytest.raises(InvalidError, match=r"preprocess.*misses 'data'"):
        builder.create_experiment(["load_data", "preprocess"]).run()
    ours = run.TeamExperimentBuilder()
    ours.register_component(
        run.ExperimentComponent("data", stubs.load_dataset).set_parameters({"dataset_path": "a.csv"})
    )
    ours.register_component(run.ExperimentComponent("preprocess", stubs.preprocess_data, ["data"]))
    assert ours.create_experiment(["preprocess"]).run().outputs["preprocess"] == [10, 4, 6]


def test_a_documented_experiment_runs_and_documents_itself(reader: Callable[[str], Reader]) -> None:
    """A bound method of a class that only this module knows runs in a process of its own."""
    page = reader(BEST_PRACTICES)
    page.run(2)
    experiment = page.module.TeamTrainingExperiment()
    text = experiment.generate_documentation()
    headings = ["# team_model_training", "## Description", "## Dependencies", "## Parameters", "## Expected Outputs"]
    assert [heading in text for heading in [*headings, "## Notes"]] == [True] * 6
    results = experiment.create_experiment({"epochs": 1}).run()
    assert results.outputs == {"team_model_training": {"model": None, "metrics": {}}}


def test_the_checklist_of_the_sample(reader: Callable[[str], Reader]) -> None:
    page = reader(BEST_PRACTICES)
    page.run(3)
    checklist = page.module.CodeReviewChecklist()
    assert len(vars(checklist)) == 15
    assert checklist.get_missing_items() == run.CodeReviewChecklist().get_missing_items()
    assert not checklist.is_approved()


def test_mistake_the_sample_review_always_refuses(reader: Callable[[str], Reader]) -> None:
    """Four of six required items are never set; with ours it depends on the code."""
    page = reader(BEST_PRACTICES)
    page.run(3)
    model = run.Config(stubs.create_model, "mlp", [8], 0.1, "relu")
    with pytest.raises(ValueError, match=r"does not meet team standards.*Type hints not used"):
        page.module.create_reviewed_experiment(model, {"epochs": 2})
    with pytest.raises(GateClosedError, match="Unit tests not written") as caught:
        run.create_reviewed_experiment(model, {"epochs": 2}, page.module.train_model_with_validation)
    assert "naming_conventions_followed" not in caught.value.details["gates"]


def test_mistake_the_template_misses_an_import(reader: Callable[[str], Reader]) -> None:
    page = reader(BEST_PRACTICES)
    page.run(4, fixed=False)
    with pytest.raises(NameError, match="datetime"):
        page.module.setup_team_workflow()
    assert "Author: ML Team" in run.TeamExperimentTemplate.create_experiment_template("New Model", "ML Team")


def test_mistake_two_arguments_are_ignored(reader: Callable[[str], Reader]) -> None:
    page = reader(BEST_PRACTICES)
    page.run(0)
    theirs = page.module.TeamConfigLibrary.get_transformer_config("small", num_layers=2, hidden_size=64)
    assert theirs.hidden_sizes == [512] * 6
    assert run.TeamConfigLibrary.get_transformer_config("small", 2, 64).hidden_sizes == [64, 64]
    assert run.TeamConfigLibrary.get_transformer_config("small").hidden_sizes == [512] * 6


def test_the_shim_is_the_face() -> None:
    shims.install()
    try:
        nemo_run = importlib.import_module("nemo_run")
        assert nemo_run.Config is run.Config
        assert nemo_run.store_results is run.store_results
    finally:
        shims.uninstall()
