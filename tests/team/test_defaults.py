"""Where values come from: run > user > project > team, recorded with the run."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

import runward as run
from runward import face
from runward.config.buildable import Config, Partial
from runward.config.serialise import describe
from runward.config.settings import Settings, libraries_in, origins_in
from runward.defaults import DEFAULTS_VARIABLE, defaults_file
from runward.errors import InvalidError
from runward.review.standards_model import StandardsEdit
from runward.tracking.model import NewProject
from tests.team.stages import entry


def _standards(project: str, **defaults: Any) -> None:
    space = face.current_workspace()
    space.tracking.create_project(NewProject(project, exist_ok=True))
    space.standards.edit(project, StandardsEdit(values={"default_hyperparameters": defaults}))


@pytest.fixture
def user_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "mine.yaml"
    monkeypatch.setenv(DEFAULTS_VARIABLE, str(path))
    return path


def _origins(run_id: str) -> dict[str, tuple[Any, str]]:
    face.sync()
    return {p.key: (p.value, p.origin) for p in face.current_workspace().tracking.get_run(run_id).params}


def test_the_nearest_to_the_run_wins_and_is_named(user_file: Path) -> None:
    """The team's default does not overwrite the researcher's value, and every value says who gave it."""
    _standards("lab", rate=0.001, batch=64, net={"width": 8, "depth": 2}, epochs=100)
    _standards("lab/digits", epochs=10, net={"depth": 3})
    user_file.write_text("hyperparameters: {batch: 32}\nprojects: {lab/digits: {workers: 2}, other: {workers: 9}}\n")
    mine = {"rate": 0.5, "net": {"act": "relu"}}
    found = run.with_defaults(mine, "lab/digits")
    assert found == {
        "rate": 0.5,
        "batch": 32,
        "epochs": 10,
        "workers": 2,
        "net": {"width": 8, "depth": 3, "act": "relu"},
    }
    assert found.origins == {
        "rate": "run",
        "batch": "user",
        "workers": "user",
        "epochs": "project lab/digits v1",
        "net.width": "team lab v1",
        "net.depth": "project lab/digits v1",
        "net.act": "run",
    }
    assert mine == {"rate": 0.5, "net": {"act": "relu"}}


def test_a_script_records_the_origins(user_file: Path) -> None:
    """What was changed afterwards counts as given to the run."""
    _standards("lab", rate=0.001, batch=64, net={"width": 8})
    params = run.with_defaults({"epochs": 3})
    params["batch"] = 16
    with run.start("one", params=params) as active:
        run.log_params({"rate": 0.1})
        run.log_params(run.with_defaults({"seed": 1}))
    assert _origins(active.id) == {
        "epochs": (3, "run"),
        "batch": (64, "project lab v1"),
        "rate": (0.001, "project lab v1"),
        "net.width": (8, "project lab v1"),
        "seed": (1, "run"),
    }
    with run.start("two", params=params) as active:
        run.log_params({"rate": 0.1})
    assert _origins(active.id) == {
        "epochs": (3, "run"),
        "batch": (16, "run"),
        "rate": (0.1, "run"),
        "net.width": (8, "project lab v1"),
    }


def test_a_task_records_the_origins(user_file: Path) -> None:
    """Of a dict of parameters, and of settings inside a Partial."""
    _standards("lab", rate=0.25)
    user_file.write_text("hyperparameters: {size: 4}\n")
    experiment = run.Experiment("e", entry=entry)
    experiment.add({"name": "x"}, name="plain")
    experiment.add(Partial(entry, rate=1, more=run.with_defaults({"k": [1]})), name="nested")
    results = experiment.run()
    by_name = {name: _origins(task.run_id) for name, task in results.tasks.items() if task.run_id}
    assert by_name["plain"] == {"name": ("x", "run"), "rate": (0.25, "project lab v1"), "size": (4, "user")}
    assert by_name["nested"]["more.rate"] == (0.25, "project lab v1")
    assert by_name["nested"]["more.size"] == (4, "user")
    assert by_name["nested"]["more.k"][1] == "run"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hyperparameter: {a: 1}\n", "did you mean 'hyperparameters'"),
        ("hyperparameters: 3\n", "must be a mapping"),
        ("- a\n", "must be a mapping"),
        ("a: [\n", "YAML"),
    ],
)
def test_a_wrong_file_of_ones_own_is_named(user_file: Path, text: str, said: str) -> None:
    user_file.write_text(text)
    with pytest.raises(InvalidError, match=said):
        run.with_defaults({})


def test_where_ones_own_file_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(DEFAULTS_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert defaults_file() == tmp_path / "runward" / "defaults.yaml"


def test_settings_are_a_dict_that_travels() -> None:
    """They pickle, describe themselves as plain data, and say what is inside of larger values."""
    one = Settings({"a": 1, "b": {"c": [2]}}, {"a": "user", "b.c": "team t v1"}, {"t/x": "1.0.0"})
    back = pickle.loads(pickle.dumps(one))
    assert (back, back.origins, back.libraries) == (one, one.origins, one.libraries)
    assert describe(one) == {"a": 1, "b": {"c": [2]}}
    config = Config(dict, model=one, others=[{"deep": one}])
    assert origins_in(config)["others.0.deep.b.c"] == "team t v1"
    assert libraries_in(config) == {"t/x": "1.0.0"}
    one["b"]["c"].append(3)
    assert one.origins == {"a": "user", "b.c": "run"}
