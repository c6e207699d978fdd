"""Exports a workspace's runs into stores of MLflow, one of which MLflow makes itself, and prints what MLflow reads."""

import logging
import sys
from pathlib import Path

import mlflow
from mlflow.tracking import MlflowClient
from write_mlflow import tell

from runward.interop.exports.mlflow import MlflowDatabaseWriter, MlflowFolderWriter
from runward.interop.exports.model import chosen_runs, export_runs
from runward.workspace import open_folder

if __name__ == "__main__":
    logging.disable(logging.WARNING)
    space, out = open_folder(sys.argv[1]), Path(sys.argv[2])
    targets = {(out / "mlruns").as_uri(): MlflowFolderWriter(out / "mlruns")}
    targets[f"sqlite:///{out / 'new.db'}"] = MlflowDatabaseWriter(out / "new.db")
    for uri, writer in targets.items():
        report = export_runs(space, chosen_runs(space, [], "old"), writer)
        assert (report.runs, report.problems) == (5, []), report
        mlflow.set_tracking_uri(uri)
        tell(MlflowClient(uri))
        sys.stdout.write("\n")
    space.close()
