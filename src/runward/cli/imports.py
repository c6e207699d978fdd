"""``runward import``: bring in what other tools recorded."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from runward.cli.data import line_of
from runward.cli.datamove import pull_tracked
from runward.cli.output import NO, Output, pass_output, with_json
from runward.data.model import DatasetVersion
from runward.errors import RunwardError
from runward.face import current_workspace
from runward.interop import dvc
from runward.interop.imports.engine import Options, import_runs
from runward.interop.imports.model import Report
from runward.interop.imports.opening import TOOLS, open_source

_SHOWN_PROBLEMS = 20


@click.command("import")
@click.argument("tool", type=click.Choice((*TOOLS, "dvc")))
@click.argument("where", metavar="PATH_OR_URL")
@click.option("--project", "-p", default="", help="Below this project; default: the names that the source has.")
@click.option("--experiment", "-e", multiple=True, metavar="NAME", help="Only this experiment or project; * and ? fit.")
@click.option("--limit", "-n", default=0, metavar="N", type=click.IntRange(0), help="At most N runs.")
@click.option(
    "--artifacts",
    type=click.Path(path_type=Path),
    default=None,
    help="Where MLflow's artifacts or Neptune's files lie.",
)
@click.option(
    "--remote", "-r", default="", help="Of DVC: the remote for what its cache lacks; default: its default one."
)
@click.option("--dry-run", is_flag=True, help="Read everything and store nothing: what would come, what would not.")
@with_json
@pass_output
def import_command(
    output: Output, /, tool: str, where: str, project: str, experiment: tuple[str, ...], limit: int, **given: Any
) -> int:
    """Import runs of another tool: params, metrics, tags, times, artifacts.

    Again, it imports what is missing or has changed; an import that was interrupted is continued that way. Runs that
    cannot be read are listed at the end (exit code 1) and keep nobody back. Secrets are masked.

    Of DVC, the datasets that a repository (or one .dvc or dvc.lock) tracks, from its cache and, what is not there, from
    its remote (a folder, S3, or HTTP).
    """
    if tool == "dvc":
        return _datasets(output, Path(where), project, given["remote"], given["dry_run"])
    source = open_source(tool, where, given["artifacts"])
    options = Options(project.strip("/"), experiment, limit, given["dry_run"])
    show = sys.stderr.isatty() and not output.json
    report = import_runs(current_workspace(), source, options, _show if show else lambda found: None)
    if show:
        click.echo("", err=True)
    output.result(report, _lines(report))
    return NO if report.problems else 0


def _datasets(output: Output, place: Path, project: str, remote: str, dry_run: bool) -> int:
    files, versions, problems = dvc.tracking_files(place), list[DatasetVersion](), list[str]()
    stored = 0
    for file in files:
        try:
            if dry_run:
                output.say(f"{file}: {', '.join(out.path for out in dvc.read_outs(file))}")
                continue
            done = pull_tracked(current_workspace(), file, "", project, remote=remote)
        except RunwardError as error:
            problems.append(f"{file}: {error.message}" + (f" ({error.hint})" if error.hint else ""))
            continue
        versions, stored = [*versions, *done.versions], stored + done.bytes
    document = {"source": "dvc", "files": len(files), "versions": versions, "bytes": stored, "problems": problems}
    lines = [f"{len(versions)} versions from {len(files)} files, {stored:,} bytes were new"]
    output.result(document, [*lines, *map(line_of, versions), *(f"✗ {text}" for text in problems)])
    return NO if problems else 0


def _done(report: Report) -> int:
    return report.created + report.updated + report.unchanged + report.deleted + len(report.problems)


def _show(report: Report) -> None:
    rate = _done(report) / max(report.seconds, 0.001)
    text = (
        f"{_done(report):,} runs, {report.points:,} points, {report.bytes / 1e6:,.1f} MB of files, {rate:,.0f} runs/s"
    )
    click.echo(f"\r{text:<100}", nl=False, err=True)


def _lines(report: Report) -> list[str]:
    would = "would be " if report.dry_run else ""
    counts = [f"{report.created:,} {would}new", f"{report.updated:,} {would}updated", f"{report.unchanged:,} unchanged"]
    return [
        f"{report.runs:,} runs in {report.source}: {', '.join(counts)} ({report.seconds:.1f} s)",
        f"  {report.points:,} points, {report.files:,} files with {report.bytes:,} bytes",
        *([f"  {report.deleted:,} were deleted here and stay deleted"] if report.deleted else []),
        *([f"  {report.redacted:,} values held secrets and are masked"] if report.redacted else []),
        *([f"  {report.renamed:,} names had characters that cannot stay"] if report.renamed else []),
        *(f"  not carried over: {count:,} × {what}" for what, count in report.lost.items()),
        *(f"✗ {problem.run}: {problem.message}" for problem in report.problems[:_SHOWN_PROBLEMS]),
        *([f"✗ and {len(report.problems) - _SHOWN_PROBLEMS:,} more"] if len(report.problems) > _SHOWN_PROBLEMS else []),
    ]
