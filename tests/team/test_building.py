"""Shared configurations, components, documented experiments, standards: what teams build experiments from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from runward import face
from runward.config.standards import TeamConfig, Threshold
from runward.errors import AlreadyExistsError, GateClosedError, InvalidError, NotFoundError, TaskFailedError
from runward.execution.entry import set_entry_point
from runward.review.model import MetricRule, Standards
from runward.review.standards_model import StandardsEdit
from runward.team.components import ExperimentComponent, TeamExperimentBuilder
from runward.team.knowledge import search_knowledge
from runward.team.library import SharedModelConfig, TeamConfigLibrary
from runward.team.standards import as_standards, get_standards, get_team_config, merge_team_config, set_standards
from runward.team.workflow import code_review_workflow, team_experiment_workflow
from tests.team import jobs
from tests.team.stages import double, entry, load
from tests.team.study import Study


def model(**settings: Any) -> dict[str, Any]:
    return settings


@pytest.mark.parametrize(("size", "layers", "width"), [("small", 6, 512), ("base", 12, 768), ("large", 24, 1024)])
def test_transformer_presets(size: str, layers: int, width: int) -> None:
    assert TeamConfigLibrary.get_transformer_config(size).hidden_sizes == [width] * layers
    assert TeamConfigLibrary.get_transformer_config(size, num_layers=2).hidden_sizes == [width] * 2
    assert TeamConfigLibrary.get_transformer_config(size, hidden_size=8).hidden_sizes == [8] * layers


def test_other_presets_keep_their_arguments() -> None:
    cnn = TeamConfigLibrary.get_cnn_config(1, 5).to_config(model).build()
    assert (cnn["input_channels"], cnn["num_classes"], cnn["hidden_sizes"]) == (1, 5, [64, 128, 256, 512])
    mlp = TeamConfigLibrary.get_mlp_config(784, 10).to_config(model).build()
    assert (mlp["input_size"], mlp["output_size"], mlp["hidden_sizes"]) == (784, 10, [512, 256, 128])


@pytest.mark.parametrize(
    "make",
    [
        lambda: TeamConfigLibrary.get_transformer_config("huge"),
        lambda: TeamConfigLibrary.get_transformer_config("base", 0),
        lambda: TeamConfigLibrary.get_transformer_config("base", 2, -1),
        lambda: SharedModelConfig("mlp", [True]),
        lambda: SharedModelConfig("mlp", [8], dropout_rate=1.0),
        lambda: TeamConfigLibrary().get("ours"),
    ],
)
def test_wrong_model_settings_are_refused(make: Any) -> None:
    with pytest.raises(InvalidError):
        make()


def test_a_team_registers_its_own() -> None:
    library = TeamConfigLibrary()
    library.register("tiny", SharedModelConfig("mlp", [4]))
    assert library.list_configs() == ["tiny"]
    assert library.get("tiny").to_config(model).build()["hidden_sizes"] == [4]
    with pytest.raises(AlreadyExistsError):
        library.register("tiny", SharedModelConfig("mlp", [5]))


def builder() -> TeamExperimentBuilder:
    made = TeamExperimentBuilder()
    made.register_component(ExperimentComponent("double", double, ["load"]).set_description("Doubles"))
    made.register_component(ExperimentComponent("load", load).set_parameters({"path": "abc"}))
    return made


def test_dependencies_are_the_graph() -> None:
    """The first is named last, and taken in even if nobody names it."""
    for names in (["double", "load"], ["double"]):
        experiment = builder().create_experiment(names)
        assert experiment.plan().order == ["load", "double"]
        assert experiment.run().outputs["double"] == [6]
    assert builder().list_components() == {"double": "Doubles", "load": ""}


def test_what_cannot_be_built_is_refused() -> None:
    made = builder()
    with pytest.raises(InvalidError, match="Unknown component: 'doubel'") as caught:
        made.create_experiment(["doubel"])
    assert "double" in caught.value.hint
    made.register_component(ExperimentComponent("orphan", load, ["nobody"]))
    with pytest.raises(InvalidError, match="Unknown component: 'nobody'"):
        made.create_experiment(["orphan"])
    with pytest.raises(AlreadyExistsError):
        made.register_component(ExperimentComponent("load", load))
    made.register_component(ExperimentComponent("load", load, ["double"], version="2.0.0").set_parameters({"path": ""}))
    with pytest.raises(InvalidError, match="circle"):
        made.create_experiment(["load"])


def test_a_documented_experiment_keeps_its_promises() -> None:
    study = Study()
    experiment = study.create_experiment({"name": "a"}, require_dependencies=True)
    assert experiment.metadata == {"author": "Ann", "version": "2.0.0", "notes": "Small."}
    assert experiment.run().metrics == {"loss": 0.5}
    with pytest.raises(TaskFailedError, match="promised the output loss"):
        study.create_experiment({"name": "forgetful"}).run()
    with pytest.raises(TaskFailedError, match="promised the output loss as float and returned str"):
        study.create_experiment({"name": "wordy"}).run()
    with pytest.raises(InvalidError, match="declares no parameter 'rat'"):
        study.create_experiment({"rat": 1})


def test_an_experiment_that_says_nothing_is_refused_where_documentation_is_required() -> None:
    study = Study()
    assert study.check_documentation() == []
    study.create_experiment({}, require_documentation=True)
    study.description = "TODO"
    study.add_parameter("depth", "  ").add_expected_output("acc", "tbd", "float")
    assert study.check_documentation() == [
        "the description says nothing",
        "parameter 'depth' says nothing",
        "output 'acc' says nothing",
    ]
    with pytest.raises(GateClosedError, match="parameter 'depth' says nothing"):
        study.create_experiment({}, require_documentation=True)


def test_the_documentation_has_its_six_sections() -> None:
    text = Study().generate_documentation()
    for line in ("# study", "**Author:** Ann", "## Description\nWhich rate?", "- msgspec\n", "## Notes\nSmall."):
        assert line in text
    assert "- **rate**: Step size (default: 0.5)\n- **name**: A label\n" in text
    assert "- **loss** (float): The loss" in text


def test_declared_dependencies_are_compared_with_what_is_installed() -> None:
    study = Study().add_dependency("msgspec", "0.0.1").add_dependency("no-such-package-of-ours")
    problems = study.check_dependencies()
    assert [problem.split()[0] for problem in problems] == ["msgspec", "no-such-package-of-ours"]
    assert study.create_experiment({}).metadata["dependency_problems"] == problems
    with pytest.raises(GateClosedError, match="no-such-package-of-ours is not installed"):
        study.create_experiment({}, require_dependencies=True)


@dataclass
class TheirConfig:
    team_name: str = "Vision"
    project_name: str = "lab/digits"
    default_hyperparameters: dict[str, Any] = field(default_factory=lambda: {"rate": 0.1, "net": {"width": 8}})
    required_metrics: list[str] = field(default_factory=lambda: ["accuracy"])
    performance_thresholds: dict[str, float] = field(default_factory=lambda: {"accuracy": 0.9, "training_time": 60})


def test_a_teams_own_dataclass_becomes_the_projects_standards() -> None:
    version = set_standards(TheirConfig())
    assert (version.version, version.standards.name) == (1, "Vision")
    assert get_standards("lab/digits").thresholds == [
        MetricRule("accuracy", ">=", 0.9),
        MetricRule("training_time", "<=", 60),
    ]
    assert set_standards(TheirConfig()).version == 1
    face.current_workspace().standards.edit("lab/digits", StandardsEdit(values={"approvals": 3}))
    assert set_standards(TheirConfig(required_metrics=["f1"])).version == 3
    assert get_standards("lab/digits").approvals == 3
    fetched = get_team_config("lab/digits")
    assert (fetched.team_name, fetched.required_metrics, fetched.project_name) == ("Vision", ["f1"], "lab/digits")
    assert fetched.performance_thresholds == {"accuracy": {"min": 0.9}, "training_time": {"max": 60}}
    assert set_standards(fetched).version == 3
    with pytest.raises(NotFoundError):
        get_standards("nowhere")


def test_standards_keep_inclusive_limits_only() -> None:
    config = TeamConfig("t", "p", {}, [], {"accuracy": Threshold("accuracy", ">", 0.9)})
    with pytest.raises(InvalidError, match=r"accuracy > 0\.9 uses >"):
        as_standards(config)
    kept = Standards(name="x")
    assert as_standards(kept) is kept


def test_settings_merge_with_their_origins() -> None:
    run = {"rate": 0.9}
    merged = merge_team_config(run, user={"rate": 0.8, "seed": 1}, project={"net": {"depth": 2}}, team=TheirConfig())
    assert merged.values == {"rate": 0.9, "seed": 1, "net": {"width": 8, "depth": 2}}
    assert {key: str(origin) for key, origin in merged.origins.items()} == {
        "rate": "run",
        "seed": "user",
        "net.depth": "project",
        "net.width": "team",
    }
    assert run == {"rate": 0.9}
    assert merge_team_config(project=Standards(default_hyperparameters={"a": 1})).values == {"a": 1}


def test_the_workflow_applies_the_teams_standards() -> None:
    set_entry_point(entry)
    config = {"rate": 0.95}
    results = team_experiment_workflow("try", "ann", config, TheirConfig(), description="Higher rate?")
    assert config == {"rate": 0.95}
    assert results.config == {"rate": 0.95, "net": {"width": 8}}
    assert {name: gate.verdict for name, gate in results.gates.items() if hasattr(gate, "verdict")} == {
        "quality_check": "pass",
        "documentation": "pass",
    }
    [hit] = search_knowledge("try", "team_experiments/Vision")
    assert face.current_workspace().knowledge.get_page(hit["id"]).data["experiment_id"] == results.experiment_id


def test_the_workflow_obeys_the_teams_flags() -> None:
    team = TeamConfig("Vision", "lab", {}, ["recall"], documentation_required=False, sharing_enabled=False)
    results = team_experiment_workflow("try", "ann", {"rate": 0.5}, team, entry=entry)
    assert results.gates["quality_check"].verdict == "fail"
    assert "documentation" not in results.gates
    assert search_knowledge("try", "team_experiments/Vision") == []


def test_the_review_workflow_looks_at_what_it_is_given() -> None:
    standards = TheirConfig()
    metrics = {"accuracy": 0.95, "training_time": 10.0}
    report = code_review_workflow(jobs.train_well, "bea", standards=standards, metrics=metrics)
    assert report["overall_score"] == 100.0
    assert report["approval_status"] == "needs_review"
    assert set(report["checks"]) == {
        "static_analysis",
        "performance_check",
        "security_validation",
        "documentation_check",
    }
    set_entry_point(jobs.train_well)
    assert code_review_workflow({"sizes": [1]}, "bea")["checks"]["static_analysis"]["verdict"] == "pass"
    set_entry_point(None)
    with pytest.raises(InvalidError, match="no source code"):
        code_review_workflow({"sizes": [1]}, "bea")
