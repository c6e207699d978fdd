"""What a stock MLflow client does, as a program of its own: ``python client_program.py`` with MLFLOW_TRACKING_URI set.

It runs under several versions of ``mlflow``, which cannot share an environment, so it imports nothing of Runward.
"""

from __future__ import annotations

import math
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import mlflow
from mlflow.tracking import MlflowClient

MAJOR = int(mlflow.__version__.split(".", maxsplit=1)[0])


def tracking(client: MlflowClient) -> None:
    experiment_id = mlflow.set_experiment("stock/digits").experiment_id
    with mlflow.start_run(run_name="first", tags={"team": "vision"}) as active:
        mlflow.log_param("lr", 0.1)
        mlflow.log_params({"depth": 3, "name": "ä b"})
        mlflow.log_metric("loss", float("nan"), step=0)
        mlflow.log_metrics({"loss": 0.25, "acc": 0.75}, step=1)
        for step in range(20):
            mlflow.log_metric("curve", step / 2, step=step)
        mlflow.set_tag("stage", "draft")
        mlflow.log_text("hello", "notes/hello.txt")
        mlflow.log_dict({"a": [1, 2]}, "config.json")
        try:
            mlflow.log_param("lr", 0.2)
        except mlflow.exceptions.MlflowException as error:
            assert "Changing param values is not allowed" in str(error), error
        else:
            raise AssertionError("a param was overwritten")
    run = mlflow.get_run(active.info.run_id)
    assert run.info.status == "FINISHED" and run.info.run_name == "first", run.info
    assert run.data.params == {"lr": "0.1", "depth": "3", "name": "ä b"}, run.data.params
    assert run.data.metrics["acc"] == 0.75 and run.data.tags["stage"] == "draft", run.data
    history = client.get_metric_history(run.info.run_id, "loss")
    assert [point.step for point in history] == [0, 1] and math.isnan(history[0].value), history
    assert len(client.get_metric_history(run.info.run_id, "curve")) == 20
    assert {item.path for item in client.list_artifacts(run.info.run_id)} == {"notes", "config.json"}
    assert mlflow.artifacts.load_text(f"{run.info.artifact_uri}/notes/hello.txt") == "hello"
    with tempfile.TemporaryDirectory() as folder:
        assert (Path(client.download_artifacts(run.info.run_id, "notes", folder)) / "hello.txt").read_text() == "hello"
    found = mlflow.search_runs([experiment_id], "metrics.acc > 0.5 and params.depth = '3' and tags.team LIKE 'vis%'")
    assert list(found["run_id"]) == [run.info.run_id], found
    client.delete_run(run.info.run_id)
    assert client.search_runs([experiment_id]) == []
    client.restore_run(run.info.run_id)
    assert len(client.search_runs([experiment_id])) == 1


def datasets() -> None:
    import pandas

    data = mlflow.data.from_pandas(pandas.DataFrame({"x": [1, 2]}), name="tiny")
    with mlflow.start_run(run_name="with data") as active:
        mlflow.log_input(data, context="training")
    inputs = mlflow.get_run(active.info.run_id).inputs.dataset_inputs
    assert [item.dataset.name for item in inputs] == ["tiny"], inputs
    found = mlflow.search_runs(experiment_names=["stock/digits"], filter_string="datasets.name = 'tiny'")
    assert list(found["run_id"]) == [active.info.run_id], found


def models(client: MlflowClient) -> None:
    import numpy
    from sklearn.linear_model import LogisticRegression

    name = f"digits-{MAJOR}-{time.time_ns()}"
    data = numpy.array([[0.0], [1.0], [2.0], [3.0]])
    labels = numpy.array([0, 0, 1, 1])
    mlflow.sklearn.autolog(log_models=False, silent=True)
    with mlflow.start_run(run_name="autologged") as active:
        model = LogisticRegression().fit(data, labels)
        kind: dict[str, Any] = {"name": "model"} if MAJOR >= 3 else {"artifact_path": "model"}
        if MAJOR >= 3 and hasattr(mlflow.sklearn, "log_model"):
            kind["serialization_format"] = "cloudpickle"
        mlflow.sklearn.log_model(
            model, registered_model_name=name, input_example=data[:1], pip_requirements=["scikit-learn"], **kind
        )
    run = mlflow.get_run(active.info.run_id)
    assert run.data.params["C"] == "1.0" and "training_accuracy_score" in run.data.metrics, run.data
    client.set_registered_model_alias(name, "champion", "1")
    client.set_model_version_tag(name, "1", "checked", "yes")
    loaded = mlflow.sklearn.load_model(f"models:/{name}@champion")
    assert list(loaded.predict(data)) == list(model.predict(data))
    assert list(mlflow.pyfunc.load_model(f"models:/{name}/1").predict(data)) == list(model.predict(data))
    version = client.get_model_version_by_alias(name, "champion")
    assert (str(version.version), version.run_id) == ("1", active.info.run_id), version
    assert version.tags == {"checked": "yes"}, version
    assert [item.name for item in client.search_registered_models(f"name = '{name}'")] == [name]
    assert [str(item.version) for item in client.search_model_versions(f"name = '{name}'")] == ["1"]
    if MAJOR >= 3:
        found = mlflow.search_logged_models([run.info.experiment_id], output_format="list")
        assert [item.source_run_id for item in found] == [active.info.run_id], found
    client.delete_registered_model_alias(name, "champion")
    client.delete_registered_model(name)
    assert client.search_registered_models(f"name = '{name}'") == []


def traces() -> None:
    @mlflow.trace(name="answer")
    def answer(question: str) -> str:
        with mlflow.start_span("look up") as span:
            span.set_attribute("source", "memory")
        return question.upper()

    assert answer("why") == "WHY"
    if MAJOR >= 3:
        mlflow.flush_trace_async_logging()
    experiment_id = mlflow.get_experiment_by_name("stock/digits").experiment_id
    deadline = time.monotonic() + 20
    found: list[Any] = []
    while not found and time.monotonic() < deadline:
        kind: dict[str, Any] = {"return_type": "list"} if MAJOR >= 3 else {}
        listed = mlflow.search_traces(experiment_ids=[experiment_id], filter_string="status = 'OK'", **kind)
        found = listed if isinstance(listed, list) else list(listed.get("trace", listed.index))
    assert len(found) == 1, found
    trace = found[0]
    assert sorted(span.name for span in trace.data.spans) == ["answer", "look up"], trace.data
    if MAJOR >= 3:
        mlflow.set_trace_tag(trace.info.trace_id, "reviewed", "yes")
        assert mlflow.get_trace(trace.info.trace_id).info.tags["reviewed"] == "yes"


def main() -> None:
    client = MlflowClient()
    parts = {
        "tracking": lambda: tracking(client),
        "datasets": datasets,
        "models": lambda: models(client),
        "traces": traces,
    }
    wanted = sys.argv[1:] or ["tracking", "datasets", "models", "traces"]
    mlflow.set_experiment("stock/digits")
    for name in wanted:
        parts[name]()
        print(f"{name}: ok", flush=True)


if __name__ == "__main__":
    main()
