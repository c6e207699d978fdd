"""Writes into an MLflow store with MLflow itself, and prints what MLflow then reads, as JSON lines."""

import json
import logging
import math
import sys
from pathlib import Path

import mlflow
from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking import MlflowClient

VALUES = [0.1, float("nan"), -0.0, 5e-324, 1e308, -1.5]


def write(client: MlflowClient) -> None:
    first = client.create_experiment("vision/digits")
    second = client.create_experiment("/Users/ann@example.org/a:b")
    parent = client.create_run(first, run_name="parent", tags={"team": "vision"}, start_time=1_600_000_000_123)
    for number, state in enumerate(("FINISHED", "FAILED", "KILLED", "RUNNING")):
        run = client.create_run(
            second if number % 2 else first,
            run_name=f"child-{number}",
            tags={"mlflow.parentRunId": parent.info.run_id},
            start_time=1_700_000_000_000 + number,
        ).info.run_id
        points = [Metric("loss", value, 1_700_000_000_000 + 7 * step, step) for step, value in enumerate(VALUES)]
        far = [Metric("far/deep key", 0.25, 5, step) for step in (-5, 2**53 + 1, 3)]
        client.log_batch(
            run,
            metrics=[*points, *far],
            params=[Param("lr", " 0.10 "), Param("lines", "a\nb"), Param("api_key", "sk-abcdefghijklmnopqrstuv")],
            tags=[RunTag("note", "é☃\n"), RunTag("url", "https://ann:secret@host/x")],
        )
        if state != "RUNNING":
            client.set_terminated(run, state, end_time=1_700_000_100_000 + number)
        text = Path(f"weights-{number}.txt")
        text.write_text(f"weights {number}" * number)
        client.log_artifact(run, str(text), "model/files")
    client.set_terminated(parent.info.run_id, end_time=1_600_000_100_123)
    gone = client.create_run(first, run_name="gone")
    client.delete_run(gone.info.run_id)


def tell(client: MlflowClient) -> None:
    for experiment in client.search_experiments():
        for run in client.search_runs([experiment.experiment_id], max_results=1000):
            series = {
                key: [[p.step, p.timestamp, repr(p.value)] for p in client.get_metric_history(run.info.run_id, key)]
                for key in run.data.metrics
            }
            info = run.info
            said = [info.run_id, info.run_name, info.status, info.start_time, info.end_time, info.user_id]
            folder = Path(mlflow.artifacts.download_artifacts(run_id=info.run_id, dst_path=f"got-{info.run_id}"))
            files = {
                path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()
            }
            document = [experiment.name, said, run.data.params, run.data.tags, series, files]
            sys.stdout.write(json.dumps(document) + "\n")


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    assert math.isnan(VALUES[1])
    command, *uris = sys.argv[1:]
    for uri in uris:
        mlflow.set_tracking_uri(uri)
        client = MlflowClient(uri)
        if command == "write":
            write(client)
        tell(client)
        sys.stdout.write("\n")
