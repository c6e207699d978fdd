"""The seams of the room: backend, early stopping, seeding, and the documents' own code."""

from __future__ import annotations

import json
import logging
import math
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runward.config.buildable import Config, Partial
from runward.core.seeding import seed_everything
from runward.errors import InvalidError, StoreError
from runward.execution.backend import NullBackend, RunEnd, RunHandle, RunOutcome, set_backend_factory
from runward.execution.callbacks import EarlyStoppingCallback
from runward.execution.experiment import Experiment
from runward.execution.model import Script, Task, TaskState
from tests.execution import jobs
from tests.execution.test_experiment import is_gone


class Recorder(NullBackend):
    """Writes what it is told into a list, and adds a logged metric of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, ...]] = []
        self.ends: list[RunEnd] = []

    def begin_experiment(self, name: str, project: str | None, about: Mapping[str, Any]) -> str:
        self.calls.append(("begin", name, project, sorted(about)))
        return super().begin_experiment(name, project, about)

    def begin_run(
        self,
        experiment_id: str,
        task_name: str,
        config: Mapping[str, Any],
        tags: Mapping[str, str],
        seed: int | None,
    ) -> RunHandle:
        self.calls.append(("run", task_name, dict(config), dict(tags), seed))
        return RunHandle(f"run-{task_name}", {"RUNWARD_RUN_ID": f"run-{task_name}"})

    def end_run(self, run_id: str, end: RunEnd) -> RunOutcome:
        self.calls.append(("end", run_id, str(end.state)))
        self.ends.append(end)
        return RunOutcome({**end.metrics, "logged": 1.0}, {"model": f"{run_id}/model"}, {"tracked": True})

    def end_experiment(self, experiment_id: str, state: TaskState, gates: Mapping[str, Any]) -> None:
        self.calls.append(("over", str(state), sorted(gates)))

    def entry_point(self, project: str | None) -> str | None:
        return "tests.execution.jobs.report" if project == "vision" else None


def test_the_backend_hears_everything_in_order() -> None:
    recorder = Recorder()
    set_backend_factory(lambda: recorder)
    exp = Experiment("e", project="vision", seed=5)
    exp.add({"loss": 0.5}, name="first", tags={"kind": "main"})
    exp.add(lambda: os.environ["RUNWARD_RUN_ID"], name="second", dependencies=["first"], seed=6)
    exp.add(jobs.check_loss, name="gate")
    results = exp.run()
    assert recorder.calls[:2] == [
        ("begin", "e", "vision", ["description", "metadata", "plan", "seed", "tags"]),
        ("run", "first", {"loss": 0.5}, {"kind": "main"}, 5),
    ]
    assert [call[:2] for call in recorder.calls[2:]] == [
        ("run", "second"),
        ("end", "run-first"),
        ("end", "run-second"),
        ("over", "succeeded"),
    ]
    assert recorder.calls[-1][2] == ["gate", "tracked"]
    assert results.metrics["first.logged"] == 1.0
    assert results.artifacts == {"first.model": "run-first/model", "second.model": "run-second/model"}
    assert results.outputs["second"] == "run-second"
    first = recorder.ends[0]
    assert (first.exit_code, first.error, first.metrics["loss"]) == (0, "", 0.5)
    assert first.log_path is not None
    assert first.log_path.read_text() == "loss 0.5\n"
    assert first.value_folder == first.log_path.parent


def test_each_attempt_is_a_run_of_its_own(tmp_path: Path) -> None:
    recorder = Recorder()
    set_backend_factory(lambda: recorder)
    exp = Experiment("e")
    exp.add(Partial(jobs.fail_until, str(tmp_path / "n"), 1), name="flaky", retries=1)
    exp.run()
    runs = [call[3] for call in recorder.calls if call[0] == "run"]
    assert runs == [{}, {"runward.attempt": "2"}]
    assert [str(end.state) for end in recorder.ends] == ["failed", "succeeded"]


def test_a_run_begins_right_before_its_task_starts() -> None:
    recorder = Recorder()
    set_backend_factory(lambda: recorder)
    exp = Experiment([Task(f"t{i}", jobs.value) for i in range(3)], name="lazy", slots=1)
    exp.run()
    kinds = [call[0] for call in recorder.calls[1:-1]]
    assert kinds == ["run", "run", "end", "run", "end", "end"]


def test_a_backend_that_refuses_a_run_fails_that_task_only() -> None:
    class Full(Recorder):
        def begin_run(self, experiment_id: str, task_name: str, *rest: Any) -> RunHandle:
            if task_name == "bad":
                raise StoreError("the disk is full")
            return super().begin_run(experiment_id, task_name, *rest)

    set_backend_factory(Full)
    exp = Experiment([Task("bad", jobs.value), Task("good", jobs.value)], name="f")
    results = exp.run(raise_on_failure=False)
    assert results.tasks["bad"].error == "the disk is full"
    assert results.tasks["good"].state is TaskState.SUCCEEDED


def test_a_backend_that_breaks_stops_everything_and_is_heard(tmp_path: Path) -> None:
    class Broken(Recorder):
        def end_run(self, run_id: str, end: RunEnd) -> RunOutcome:
            raise RuntimeError("bug")

    set_backend_factory(Broken)
    marks = [tmp_path / str(i) for i in range(3)]
    tasks = [Task(f"hang{i}", Partial(jobs.hang, str(mark))) for i, mark in enumerate(marks)]
    wait = Script(inline=" && ".join(f"until [ -s {mark} ]; do sleep 0.01; done" for mark in marks))
    exp = Experiment([Task("ends", wait), *tasks], name="b", slots=4)
    with pytest.raises(RuntimeError, match="bug"):
        exp.run()
    assert all(is_gone(int(mark.read_text())) for mark in marks)


# early stopping


@pytest.mark.parametrize(
    ("options", "values", "stops_at", "best"),
    [
        ({"patience": 2}, [3, 2, 2, 2, 1], 3, (2.0, 1)),
        ({"patience": 2}, [3, 2, 2.5, 1, 1.5, 1.2], 5, (1.0, 3)),
        ({"patience": 0}, [1, 1], 1, (1.0, 0)),
        ({"patience": 1, "monitor": "val_accuracy"}, [0.1, 0.5, 0.4], 2, (0.5, 1)),
        ({"patience": 1, "mode": "max"}, [1, 2, 2], 2, (2.0, 1)),
        ({"patience": 2, "min_delta": 0.5}, [3, 2.8, 2.6], 2, (3.0, 0)),
        ({"patience": 2}, [1, math.nan, math.nan], 2, (1.0, 0)),
        ({"patience": 2}, [math.nan, math.nan], 1, (None, None)),
        ({"patience": 3}, [5, 4, 3, 2, 1], None, (1.0, 4)),
    ],
)
def test_early_stopping_stops_at_the_right_step(
    options: dict[str, Any], values: list[float], stops_at: int | None, best: tuple[Any, Any]
) -> None:
    stop = EarlyStoppingCallback(**options)
    stopped = next((step for step, value in enumerate(values) if stop.should_stop(value)), None)
    assert stopped == stops_at
    assert (stop.best, stop.best_step) == best
    assert bool(stop.stopped_reason) == (stops_at is not None)


def test_the_reason_names_nan_and_the_best_state_is_kept() -> None:
    stop = EarlyStoppingCallback(patience=1, restore_best_weights=True)
    assert not stop.should_stop(0.5, step=10, state={"w": 1})
    assert stop.should_stop(math.nan, step=20, state={"w": 2})
    assert "NaN" in stop.stopped_reason
    assert "0.5 (step 10)" in stop.stopped_reason
    assert (stop.best_state, stop.best_step) == ({"w": 1}, 10)


class KerasLike:
    stop_training = False

    def __init__(self) -> None:
        self.weights = [0]

    def get_weights(self) -> list[int]:
        return list(self.weights)

    def set_weights(self, weights: list[int]) -> None:
        self.weights = weights


def test_a_keras_like_model_is_stopped_with_its_best_weights() -> None:
    stop = EarlyStoppingCallback(monitor="val_loss", patience=2, restore_best_weights=True)
    model = KerasLike()
    stop.set_model(model)
    stop.set_params({"epochs": 10})
    stop.on_train_begin()
    for epoch, loss in enumerate([3.0, 1.0, 2.0, 2.0]):
        stop.on_epoch_begin(epoch)
        model.weights = [epoch]
        stop.on_epoch_end(epoch, {"val_loss": loss})
    assert model.stop_training
    assert model.weights == [1]
    with pytest.raises(InvalidError, match=r"'val_loss'.*\['loss'\]"):
        stop.on_epoch_end(5, {"loss": 1.0})
    with pytest.raises(AttributeError):
        _ = stop.no_such


@pytest.mark.parametrize(
    "options", [{"patience": -1}, {"patience": 1.5}, {"mode": "up"}, {"monitor": ""}, {"min_delta": math.nan}]
)
def test_wrong_early_stopping_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidError, match=next(iter(options))):
        EarlyStoppingCallback(**options)


# seeding


def test_libraries_are_seeded_now_or_when_they_are_imported(tmp_path: Path) -> None:
    for name in ("numpy", "torch"):
        (tmp_path / f"{name}.py").write_text(
            "class random:\n    seen = []\n    seed = seen.append\ndef manual_seed(n):\n    random.seen.append(n)\n"
        )
    code = (
        "import json, random, numpy\n"
        "from runward.core.seeding import seed_everything\n"
        "first = seed_everything(3)\n"
        "a = random.random(); import torch; seed_everything(3); b = random.random()\n"
        "print(json.dumps([first, a == b, numpy.random.seen, torch.random.seen]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        check=True,
    )
    seeded, same, numpy_seeds, torch_seeds = json.loads(done.stdout)
    assert seeded == {"python": "now", "numpy": "now", "torch": "on import"}
    assert same
    assert numpy_seeds == [3, 3]
    assert torch_seeds == [3, 3]


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, True, "1", None])
def test_wrong_seeds_are_refused(seed: Any) -> None:
    with pytest.raises(InvalidError, match="seed"):
        seed_everything(seed)


# the code of the documents, with their undefined functions filled in


def create_model(**settings: Any) -> dict[str, Any]:
    return settings


def train_model(model_config: Any, training_config: dict[str, Any]) -> dict[str, Any]:
    return {"accuracy": 0.96, "loss": 0.1, "epochs": training_config["epochs"], "model": model_config}


@dataclass
class SharedModelConfig:
    model_type: str
    hidden_sizes: list[int]
    dropout_rate: float = 0.1

    def to_config(self) -> Config:
        return Config(
            create_model,
            model_type=self.model_type,
            hidden_sizes=self.hidden_sizes,
            dropout_rate=self.dropout_rate,
        )


def test_shared_configurations_of_the_documents() -> None:
    nemo_config = SharedModelConfig("mlp", [512, 256]).to_config()
    exp = Experiment([Task("team_mlp_training", Partial(train_model, nemo_config, {"epochs": 10}))])
    assert exp.name == "team_mlp_training"
    assert [task.name for task in exp.tasks] == ["team_mlp_training"]
    results = exp.run()
    assert results.metrics["epochs"] == 10
    assert results.outputs["team_mlp_training"]["model"]["hidden_sizes"] == [512, 256]


def test_modular_components_of_the_documents() -> None:
    components = {
        "load_data": (lambda dataset_path: [dataset_path] * 2, {"dataset_path": "d"}, []),
        "preprocess": (lambda load_data: [*load_data, "x"], {}, ["load_data"]),
    }
    tasks = [
        Task(name, Partial(function, **parameters), dependencies=dependencies)
        for name, (function, parameters, dependencies) in components.items()
    ]
    assert Experiment(tasks).run().outputs == {"load_data": ["d", "d"], "preprocess": ["d", "d", "x"]}


class DocumentedExperiment:
    def __init__(self, name: str) -> None:
        self.name = name

    def create_experiment(self, config: dict[str, Any]) -> Experiment:
        return Experiment([Task(self.name, Partial(self._execute_experiment, config))])

    def _execute_experiment(self, config: dict[str, Any]) -> dict[str, Any]:
        logging.getLogger(__name__).info("Starting experiment: %s", self.name)
        return {"metrics": {"n": config["n"]}, "model": None}


def test_a_documented_experiment_runs_its_bound_method() -> None:
    results = DocumentedExperiment("team_model_training").create_experiment({"n": 3}).run()
    assert results.metrics == {"metrics.n": 3.0}


def test_the_collaborative_workflow_of_the_documents() -> None:
    config: dict[str, Any] = {"model": "transformer", "dataset": "standard_benchmark"}
    with Experiment("research_transformer_alice", entry=lambda params: {"loss": 0.5, "n": len(params)}) as exp:
        exp.metadata.update({"researcher": "alice", "review_required": True})
        config.update({"learning_rate": 0.001})
        exp.add(config, name="main_experiment")
        exp.add(Config(jobs.check_loss), name="quality_check")
        results = exp.run()
    summary = {
        "experiment_id": results.experiment_id,
        "performance": results.metrics,
        "configuration": results.config,
        "timestamp": results.timestamp,
    }
    assert json.loads(json.dumps(summary)) == summary
    assert summary["performance"] == {"loss": 0.5, "n": 3.0}
    assert summary["configuration"] == config
    assert results.gates["quality_check"]["passed"]
