"""``runward export``: take runs out in forms that other tools read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from runward.cli.output import NO, Output, pass_output, span, with_json
from runward.errors import ConflictError
from runward.face import current_workspace
from runward.interop.exports.json_file import JsonFile
from runward.interop.exports.mlflow import MlflowDatabaseWriter, MlflowFolderWriter
from runward.interop.exports.mlflow_rest import MlflowServerWriter
from runward.interop.exports.model import Writer, chosen_runs, export_runs
from runward.interop.exports.parquet import ParquetWriter
from runward.interop.exports.rocrate import RoCrateWriter
from runward.interop.exports.tensorboard import TensorboardWriter
from runward.interop.tables import write_tables
from runward.workspace import FolderWorkspace


def _mlflow(target: str) -> Writer:
    if target.startswith(("http://", "https://")):
        return MlflowServerWriter(target)
    path = Path(target.removeprefix("sqlite:///").removeprefix("file://"))
    if target.startswith("sqlite:") or path.suffix in (".db", ".sqlite", ".sqlite3") or path.is_file():
        return MlflowDatabaseWriter(path)
    return MlflowFolderWriter(path)


FORMATS: dict[str, Callable[[str], Writer]] = {
    "mlflow": _mlflow,
    "tensorboard": lambda target: TensorboardWriter(Path(target)),
    "parquet": lambda target: ParquetWriter(Path(target)),
    "json": lambda target: JsonFile(Path(target)),
    "rocrate": lambda target: RoCrateWriter(Path(target)),
}
"""What each format writes to."""


@click.command("export")
@click.argument("form", metavar="FORMAT", type=click.Choice(list(FORMATS)))
@click.argument("refs", metavar="RUN…", nargs=-1)
@click.option("--output", "-o", "target", required=True, help="A folder, a file, or the URL of an MLflow server.")
@click.option("--project", "-p", default="", help="Also all runs of this project and those below it.")
@click.option("--where", "-w", default="", help="Only those that match: 'metrics.loss < 0.3'.")
@with_json
@pass_output
def export_command(output: Output, /, form: str, refs: tuple[str, ...], target: str, project: str, where: str) -> int:
    """Export runs: ids, names, @last, or all of a project or search.

    mlflow: a folder mlruns, an SQLite file (FILE.db) or a server's URL. tensorboard, parquet, rocrate: a folder. json: a file.
    Into MLflow, a second time writes only what is not there yet. Exit code 1 if a run could not be written.
    """
    space = current_workspace()
    chosen = list(chosen_runs(space, refs, project, where))
    report = export_runs(space, chosen, FORMATS[form](target))
    lines = [
        f"{report.runs:,} runs with {report.points:,} points and {report.files:,} files in {report.target}"
        + (f"; {report.unchanged:,} were there already" if report.unchanged else ""),
        *(f"  left out: {count:,} × {what}" for what, count in report.lost.items()),
        *(f"✗ {problem.run}: {problem.message}" for problem in report.problems),
    ]
    output.result(report, lines)
    return NO if report.problems else 0


@click.command()
@click.option("--after", callback=span, default="0", help="Only runs that have been over for so long: 1h, 2d.")
@with_json
@pass_output
def tables(output: Output, after: float) -> int:
    """Write the points of finished runs as Parquet, one file a run, for DuckDB, Polars and Spark.

    A second time writes only what is new or changed, and removes the files of deleted runs. A server does it by itself:
    `runward server --tables-after 1h`. Exit code 1 if a run could not be read.
    """
    space = current_workspace()
    if not isinstance(space, FolderWorkspace):
        raise ConflictError(
            f"{space.place} is a server, which writes its tables itself", hint="start it with --tables-after 1h"
        )
    done = write_tables(space.dispatcher.database, space.dispatcher.blobs, after)
    lines = [f"{done.runs:,} runs with {done.points:,} points in {done.place}"]
    if done.removed:
        lines.append(f"{done.removed:,} runs are deleted or have no points: no file")
    if done.failed:
        lines.append(f"✗ {done.failed:,} runs could not be read; `runward doctor` says more")
    output.result(done, lines)
    return NO if done.failed else 0
