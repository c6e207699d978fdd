"""``runward data diff|tag``: what changed, and the name that follows from it."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec
import yaml

from runward.cli.data import asked_for, line_of, with_purpose
from runward.cli.output import NO, Output, pass_output, with_json
from runward.data.diff import DatasetDiff, Options, TableDiff
from runward.data.model import Bump, ColumnDoc, DatasetVersion
from runward.data.names import next_name, semantic
from runward.data.rows import RowChange
from runward.errors import InvalidError
from runward.face import current_workspace, default_project


@click.command("diff")
@click.argument("dataset")
@click.argument("other", required=False)
@click.option(
    "--path", "folder", type=click.Path(path_type=Path), default=None, help="Compare with what lies here now."
)
@click.option("--key", "-k", multiple=True, help="Columns that rows are found by; by default the first unique one.")
@click.option("--sample", "-n", default=5, show_default=True, help="Rows shown of each kind.")
@click.option("--schema-only", is_flag=True, help="Columns and counts, not rows.")
@with_purpose
@with_json
@pass_output
def diff(
    output: Output,
    dataset: str,
    other: str | None,
    folder: Path | None,
    key: tuple[str, ...],
    sample: int,
    schema_only: bool,
    purpose: str,
) -> int:
    """What changed in a version: since OTHER (a version), by default since the one that it follows.

    Files first, then the tables' columns, then their rows, and the bump of the name that follows: columns or rows removed
    are major, added ones minor, changed values a patch. Exit code 1 if anything differs.
    """
    asked, options = asked_for(dataset), Options(not schema_only, key, sample)
    if folder is not None and other:
        raise InvalidError("a version is compared with OTHER or with --path, not with both")
    datasets = current_workspace().datasets.read_for(purpose)
    if folder is not None:
        found = datasets.diff_folder(asked.dataset, asked.version, folder, options)
    else:
        found = datasets.diff(asked.dataset, (other or "").rpartition("@")[2], asked.version, options)
    output.result(found, _diff_lines(found))
    return NO if found.before != found.after else 0


def _diff_lines(found: DatasetDiff) -> list[str]:
    lines = [f"{found.before[:12]} → {found.after[:12]}: {found.same:,} files are the same"]
    for sign, paths in (
        ("+", [item.path for item in found.added]),
        ("-", [item.path for item in found.removed]),
        (">", [f"{move.before} → {move.after}" for move in found.moved]),
        ("~", found.changed),
    ):
        lines += [f"  {sign} {path}" for path in paths[:20]]
        if len(paths) > 20:
            lines.append(f"  {sign} … and {len(paths) - 20:,} more")
    for table in found.tables:
        lines += _table_lines(table)
    if found.reasons:
        lines += [f"proposed: {found.bump}", *(f"  {reason}" for reason in found.reasons[:10])]
    return lines


def _table_lines(table: TableDiff) -> list[str]:
    lines = [f"{table.path}: {table.rows_before:,} → {table.rows_after:,} rows"]
    lines += [f"  + column {column.name} {column.type}" for column in table.columns_added]
    lines += [f"  - column {column.name} {column.type}" for column in table.columns_removed]
    lines += [f"  ~ column {item.name}: {item.before} → {item.after}" for item in table.columns_retyped]
    if table.rows is None:
        return [*lines, f"  rows were not compared: {table.why_no_rows}"]
    rows = table.rows
    by = f"by {', '.join(rows.key)}" if rows.key else "by their whole content"
    lines.append(
        f"  rows {by}: {rows.added:,} added, {rows.removed:,} removed, {rows.changed:,} changed, {rows.same:,} same"
    )
    if rows.columns:
        lines.append("  values changed: " + ", ".join(f"{name} {count:,}" for name, count in rows.columns.items()))
    return lines + [f"    {_row_line(change)}" for change in rows.sample]


def _row_line(change: RowChange) -> str:
    if change.kind == "changed":
        parts = [
            f"{name}: {change.before[name]} → {value}" if change.before[name] != value else f"{name}={value}"
            for name, value in change.after.items()
        ]
        return f"~ row {change.row}: {', '.join(parts)}"
    sign, values = ("+", change.after) if change.kind == "added" else ("-", change.before)
    return f"{sign} row {change.row}: {', '.join(f'{name}={value}' for name, value in values.items())}"


class Named(msgspec.Struct, frozen=True):
    """A version and the name that it bears now."""

    name: str
    version: DatasetVersion
    bump: Bump | None = None
    reasons: list[str] = []


@click.command("tag")
@click.argument("dataset")
@click.argument("name", required=False)
@click.option(
    "--bump", type=click.Choice(["major", "minor", "patch"]), default=None, help="The next number of this kind."
)
@click.option("--remove", is_flag=True, help="Take the name away.")
@click.option("--yes", "-y", is_flag=True, help="Take the proposal without being asked.")
@with_purpose
@with_json
@pass_output
def tag(
    output: Output, dataset: str, name: str | None, bump: Bump | None, remove: bool, yes: bool, purpose: str
) -> int:
    """Give a version a name: a word, a number such as 1.2.0, or the next number.

    Without NAME and --bump, the version is compared with the latest one that bears a number, and the number that follows is
    proposed for you to confirm.
    """
    space, asked = current_workspace(), asked_for(dataset)
    if remove:
        if not name:
            raise InvalidError("--remove needs the name to take away")
        space.data.set_name(asked.dataset, name, None)
        output.result({"removed": name}, f"{name} is taken away")
        return 0
    reasons: list[str] = []
    if not name:
        proposal = space.datasets.read_for(purpose).propose(asked.dataset, asked.version)
        reasons, proposed = proposal.reasons, proposal.bump
        name = next_name(proposal.names, bump or proposed)
        if bump is None and not yes and not _confirmed(output, name, proposed, reasons):
            return NO
        bump = bump or proposed
    space.data.set_name(asked.dataset, name, asked.version)
    version = space.data.get_version(asked.dataset, asked.version)
    output.result(Named(semantic(name) or name, version, bump, reasons), line_of(version))
    return 0


def _confirmed(output: Output, name: str, bump: Bump, reasons: list[str]) -> bool:
    if not sys.stdin.isatty():
        raise InvalidError(
            f"the name {name} ({bump}) is a proposal that a person confirms",
            hint="--yes takes it; --bump KIND says another",
        )
    for reason in reasons[:10]:
        output.say(f"  {reason}")
    return click.confirm(f"name it {name} ({bump})?", default=True, err=True)


@click.command("describe")
@click.argument("dataset")
@click.option(
    "--propose", is_flag=True, help="Count types, missing values, ranges and likely personal data, and keep that."
)
@click.option(
    "--file", "file", type=click.Path(path_type=Path), default=None, help="A YAML list of columns to keep instead."
)
@with_purpose
@with_json
@pass_output
def describe(output: Output, dataset: str, propose: bool, file: Path | None, purpose: str) -> None:
    """The data dictionary of a version: what its columns mean. Later versions begin with the same words."""
    space, asked = current_workspace(), asked_for(dataset)
    if propose and file is not None:
        raise InvalidError("the dictionary is either proposed or read from --file, not both")
    if propose:
        proposed = space.datasets.read_for(purpose).propose_dictionary(*asked)
        space.data.set_dictionary(asked.dataset, asked.version, proposed)
    if file is not None:
        space.data.set_dictionary(asked.dataset, asked.version, _read_dictionary(file))
    found = space.data.get_version(*asked).dictionary
    rows = [
        [
            line.table,
            line.column,
            line.type,
            line.unit,
            line.missing,
            f"{line.least} … {line.greatest}",
            line.pii,
            line.description,
        ]
        for line in found
    ]
    output.table(found, ["table", "column", "type", "unit", "missing", "range", "personal", ""], rows)


def _read_dictionary(file: Path) -> list[ColumnDoc]:
    """Raises: InvalidError."""
    try:
        return msgspec.yaml.decode(file.read_bytes(), type=list[ColumnDoc])
    except (OSError, msgspec.MsgspecError, yaml.YAMLError) as error:
        raise InvalidError(f"{file} is no dictionary: {error}", hint="a YAML list of table, column, unit, …") from error


@click.command("lineage")
@click.argument("of", required=False)
@click.option("--project", "-p", default="", help="Path of the project.")
@with_json
@pass_output
def lineage(output: Output, of: str | None, project: str) -> None:
    """What leads to a thing and what came of it, by what runs read and made.

    OF is a dataset (NAME or NAME@VERSION), run:ID, artifact:RUN/PATH or model:NAME/VERSION; without it all of a
    project's data.
    """
    where, asked = project or default_project(), of or ""
    if of and not of.startswith(("run:", "artifact:", "model:")):
        dataset, version = asked_for(of, project)
        where, _, name = dataset.rpartition(":")
        asked = f"dataset:{name}" + (f"@{version}" if "@" in of else "")
    found = current_workspace().data.lineage(where, asked)
    titles = {node.id: f"{node.kind} {node.title}" for node in found.nodes}
    lines = [
        f"{titles[edge.source]} → {titles[edge.target]}  {edge.kind}"
        + (f", {edge.files:,} files" if edge.files else "")
        for edge in found.edges
    ]
    alone = {node.id for node in found.nodes} - {end for edge in found.edges for end in (edge.source, edge.target)}
    lines += [titles[node] for node in sorted(alone)]
    output.result(found, [*lines, *(["  and more: ask for one thing"] if found.truncated else [])])
