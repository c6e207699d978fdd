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

EXPERIMENT = f"stock/digits-{time.time_ns()}"
MAJOR = int(mlflow.__version__.split(".", maxsplit=1)[0])


def tracking(client: MlflowClient) -> None:
    experiment_id = mlflow.set_experiment(EXPERIMENT).experiment_id
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
    found = mlflow.search_runs(experiment_names=[EXPERIMENT], filter_string="datasets.name = 'tiny'")
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
    experiment_id = mlflow.get_experiment_by_name(EXPERIMENT).experiment_id
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


def prompts(client: MlflowClient) -> None:
    if MAJOR < 3:
        return
    name = f"greeting-{time.time_ns()}"
    for text in ("Hello {{name}}", "Good day, {{name}}"):
        mlflow.genai.register_prompt(name=name, template=text, commit_message="a try", tags={"tone": "kind"})
    mlflow.genai.set_prompt_alias(name, "production", 2)
    assert mlflow.genai.load_prompt(f"prompts:/{name}@production").format(name="Ada") == "Good day, Ada"
    assert mlflow.genai.load_prompt(f"prompts:/{name}/1").template == "Hello {{name}}"
    assert name in [prompt.name for prompt in mlflow.genai.search_prompts()]
    assert name not in [model.name for model in client.search_registered_models()]
    mlflow.genai.delete_prompt_alias(name, "production")


def evaluation(client: MlflowClient) -> None:
    if MAJOR < 3:
        return
    experiment_id = mlflow.get_experiment_by_name(EXPERIMENT).experiment_id
    data = mlflow.genai.create_dataset(name="questions", experiment_id=experiment_id, tags={"team": "vision"})
    data.merge_records([{"inputs": {"q": "why"}, "expectations": {"a": "WHY"}}, {"inputs": {"q": "how"}}])
    data.merge_records([{"inputs": {"q": "why"}, "expectations": {"b": 1}}])
    again = mlflow.genai.get_dataset(dataset_id=data.dataset_id)
    records = {row["inputs"]["q"]: row["expectations"] for _, row in again.to_df().iterrows()}
    assert records["why"] == {"a": "WHY", "b": 1} and not records["how"], records
    found = mlflow.genai.search_datasets(experiment_ids=[experiment_id], filter_string="tags.team = 'vision'")
    assert [item.dataset_id for item in found] == [data.dataset_id], found
    with mlflow.start_span("assessed") as span:
        span.set_attribute("topic", "mass")
    mlflow.flush_trace_async_logging()
    feedback = mlflow.log_feedback(trace_id=span.trace_id, name="right", value=True, rationale="it is")
    mlflow.log_expectation(trace_id=span.trace_id, name="facts", value={"n": [1, 2]})
    mlflow.override_feedback(trace_id=span.trace_id, assessment_id=feedback.assessment_id, value=False)
    assessments = mlflow.get_trace(span.trace_id).info.assessments
    assert {a.valid: a.value for a in assessments if a.name == "right"} == {True: False, False: True}, assessments
    assert [a.value for a in assessments if a.name == "facts"] == [{"n": [1, 2]}], assessments
    with mlflow.start_run(run_name="judged") as active:
        client.link_traces_to_run([span.trace_id], active.info.run_id)
    by_run = client.search_traces([experiment_id], filter_string=f"attributes.run_id = '{active.info.run_id}'")
    assert [trace.info.trace_id for trace in by_run] == [span.trace_id], by_run
    mlflow.genai.delete_dataset(dataset_id=data.dataset_id)
    assert mlflow.genai.search_datasets(experiment_ids=[experiment_id]) == []


def main() -> None:
    client = MlflowClient()
    parts = {
        "tracking": lambda: tracking(client),
        "datasets": datasets,
        "models": lambda: models(client),
        "traces": traces,
        "prompts": lambda: prompts(client),
        "evaluation": lambda: evaluation(client),
    }
    wanted = sys.argv[1:] or list(parts)
    mlflow.set_experiment(EXPERIMENT)
    for name in wanted:
        parts[name]()
        print(f"{name}: ok", flush=True)


if __name__ == "__main__":
    main()
