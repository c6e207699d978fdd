"""Overrides, merging with origins, and a team's standards."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runward.config.buildable import Config, Partial
from runward.config.merge import Merged, Origin, merge
from runward.config.overrides import apply_overrides
from runward.config.serialise import from_yaml, to_yaml
from runward.config.standards import TeamConfig, Threshold, thresholds
from runward.errors import InvalidError
from tests.config import sample
from tests.config.sample import Model, Optimizer


def test_overrides_are_typed_by_yaml_and_annotation() -> None:
    base = Partial(sample.train, Config(Model, 1, optimizer=Config(Optimizer), layers=[1, {"units": 2}]))
    changed = apply_overrides(
        base,
        [
            "model.optimizer.lr=1",
            "model.optimizer.name=1",
            "model.optimizer.betas=[0, 0.5]",
            "model.mode=eval",
            "model.layers.1.units=7",
            "epochs=12",
            "seed=null",
        ],
    )
    optimizer = changed.model.optimizer
    assert (optimizer.lr, type(optimizer.lr)) == (1.0, float)
    assert (optimizer.name, optimizer.betas) == ("1", (0.0, 0.5))
    assert (changed.model.mode, changed.model.layers, changed.epochs, changed.seed) == (
        "eval",
        [1, {"units": 7}],
        12,
        None,
    )
    assert base.model.optimizer.arguments == {}
    assert base.model.layers == [1, {"units": 2}]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("epochs", ["'epochs'", "key=value"]),
        ("=3", ["key=value"]),
        ("epoch=3", ["'epoch'", "did you mean 'epochs'"]),
        ("model.optimizr.lr=3", ["optimizr", "did you mean 'optimizer'"]),
        ("model.optimizer.lrr=3", ["lrr", "did you mean 'lr'"]),
        ("epochs=many", ["'epochs'", "int", "many"]),
        ("epochs=1.5", ["int"]),
        ("model.mode=test", ["model.mode", "test"]),
        ("model.layers.5=1", ["'5'", "list of 1"]),
        ("model.layers.0.unit=1", ["'unit'", "did you mean 'units'"]),
        ("model.width.x=1", ["no 'x'"]),
        ("epochs=[1", ["YAML"]),
    ],
)
def test_wrong_overrides_are_named(override: str, words: list[str]) -> None:
    base = Partial(sample.train, Config(Model, 1, optimizer=Config(Optimizer), layers=[{"units": 2}]))
    with pytest.raises(InvalidError) as caught:
        apply_overrides(base, [override])
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_overrides_of_plain_dicts_and_read_configs() -> None:
    assert apply_overrides({"a": {"b": 1}}, ["a.b=2"]) == {"a": {"b": 2}}
    read = from_yaml(to_yaml(Config(Optimizer, lr=0.1)))
    assert apply_overrides(read, ["lr=0.5"]).build() == Optimizer(0.5)


_LEAVES = st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2)
_LAYERS = st.recursive(
    st.dictionaries(st.sampled_from("abc"), _LEAVES, max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner | _LEAVES, max_size=3),
    max_leaves=8,
)


def _leaves(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and value:
            found |= _leaves(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


@given(st.lists(st.tuples(st.sampled_from(Origin), _LAYERS), max_size=5))
def test_every_merged_value_comes_from_the_layer_that_its_origin_names(layers: Any) -> None:
    merged = merge(layers)
    leaves = _leaves(merged.values)
    assert set(leaves) == set(merged.origins)
    for path, value in leaves.items():
        origin = merged.origins[path]
        assert any(_leaves(given_values).get(path) == value for where, given_values in layers if where is origin)


@given(st.lists(st.tuples(st.sampled_from(Origin), _LAYERS), max_size=5, unique_by=lambda layer: layer[0]))
def test_the_strongest_layer_always_wins_whatever_the_order(layers: Any) -> None:
    merged = merge(layers)
    assert merge(layers[::-1]) == merged
    if layers:
        strongest = min(layers, key=lambda layer: list(Origin).index(layer[0]))
        for path, value in _leaves(strongest[1]).items():
            if value != {}:
                assert merged.origins[path] is strongest[0]


def test_merge_of_the_documents_case_keeps_the_users_value() -> None:
    merged = merge(
        [
            (Origin.USER, {"learning_rate": 0.01, "optimizer": {"name": "adam"}}),
            (Origin.TEAM, {"learning_rate": 0.001, "optimizer": {"name": "sgd", "betas": [0.9]}}),
        ]
    )
    assert merged.values == {"learning_rate": 0.01, "optimizer": {"name": "adam", "betas": [0.9]}}
    assert merged.origins == {
        "learning_rate": Origin.USER,
        "optimizer.name": Origin.USER,
        "optimizer.betas": Origin.TEAM,
    }
    assert merge([]) == Merged()


def test_merge_refuses_what_is_no_mapping_of_text() -> None:
    with pytest.raises(InvalidError, match="user layer must be a mapping"):
        merge([(Origin.USER, [1])])  # type: ignore[list-item]
    with pytest.raises(InvalidError, match="key 1 in the team layer"):
        merge([(Origin.TEAM, {1: 2})])  # type: ignore[dict-item]


@dataclass
class TheirTeamConfig:
    """The dataclass of the documents, as a user writes it."""

    team_name: str
    project_name: str
    default_hyperparameters: dict[str, Any]
    required_metrics: list[str]
    performance_thresholds: dict[str, float] = field(default_factory=dict)
    review_required: bool = True
    documentation_required: bool = True
    sharing_enabled: bool = True


def test_the_documents_team_config_is_taken_as_it_is() -> None:
    theirs = TheirTeamConfig(
        team_name="ML Research Team",
        project_name="Neural Network Optimization",
        default_hyperparameters={"learning_rate": 0.001},
        required_metrics=["accuracy", "loss", "training_time"],
        performance_thresholds={"accuracy": 0.95, "training_time": 3600},
    )
    ours = TeamConfig.from_object(theirs)
    assert ours == TeamConfig(**vars(theirs))
    assert thresholds(theirs) == [Threshold("accuracy", ">=", 0.95), Threshold("training_time", "<=", 3600.0)]
    assert TeamConfig.from_object(ours) is ours
    assert TeamConfig.from_object(vars(theirs)) == ours
    research = TeamConfig("Neural Network Research", "Optimization", {"optimizer": "adam"}, ["accuracy"])
    assert (research.performance_thresholds, research.review_required) == ({}, True)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"team_name": ""}, "team_name must be text"),
        ({"required_metrics": "accuracy"}, "required_metrics must be a list"),
        ({"default_hyperparameters": [1]}, "default_hyperparameters must be a mapping"),
        ({"review_required": "yes"}, "review_required must be true or false"),
        ({"naming": "("}, "not a regular expression"),
        ({"performance_thresholds": {"score": 3}}, r"'score' is 3.*direction"),
    ],
)
def test_wrong_team_configs_are_refused(change: dict[str, Any], words: str) -> None:
    good = {"team_name": "t", "project_name": "p", "default_hyperparameters": {}, "required_metrics": []}
    with pytest.raises(InvalidError, match=words):
        TeamConfig(**{**good, **change})


def test_a_team_config_without_a_required_field_is_named() -> None:
    with pytest.raises(InvalidError, match="no 'project_name'"):
        TeamConfig.from_object({"team_name": "t"})


def _limits(declared: dict[str, Any]) -> list[str]:
    return [str(limit) for limit in thresholds(TeamConfig("t", "p", {}, [], declared))]


@pytest.mark.parametrize(
    ("metric", "value", "expected"),
    [
        ("accuracy", 0.95, ["accuracy >= 0.95"]),
        ("val_accuracy", 1, ["val_accuracy >= 1"]),
        ("macro_f1", 0.5, ["macro_f1 >= 0.5"]),
        ("val/loss", 0.5, ["val/loss <= 0.5"]),
        ("latency", 20, ["latency <= 20"]),
        ("score", ">= 3", ["score >= 3"]),
        ("score", "<1e-3", ["score < 0.001"]),
        ("score", {"min": 1, "max": 2}, ["score >= 1", "score <= 2"]),
        ("loss", ">=1", ["loss >= 1"]),
    ],
)
def test_threshold_directions(metric: str, value: Any, expected: list[str]) -> None:
    assert _limits({metric: value}) == expected


@pytest.mark.parametrize("metric", ["score", "loss_scale", "latency_p99", "time_to_failure", "x", "_"])
def test_an_ambiguous_direction_is_refused_with_the_way_out(metric: str) -> None:
    with pytest.raises(InvalidError, match=r'">=0.9"'):
        _limits({metric: 0.5})


@pytest.mark.parametrize("value", ["0.9", "=0.9", {}, {"least": 1}, True, math.nan, ">= nan", ">= x", None, [1]])
def test_thresholds_that_are_no_limit_are_refused(value: Any) -> None:
    with pytest.raises(InvalidError, match="accuracy"):
        _limits({"accuracy": value})


@pytest.mark.parametrize(
    ("op", "below", "equal", "above"),
    [
        (">=", False, True, True),
        ("<=", True, True, False),
        (">", False, False, True),
        ("<", True, False, False),
    ],
)
def test_a_threshold_passes_only_on_a_measured_number(op: str, below: bool, equal: bool, above: bool) -> None:
    limit = Threshold("m", op, 1.0)
    assert [limit.passes(0.5), limit.passes(1.0), limit.passes(1.5)] == [below, equal, above]
    assert not limit.passes(math.nan)
    assert not limit.passes(None)
