"""``runward data``: datasets as versions that are their content."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, get_args

import click
import msgspec

from runward.cli.lazy import LazyGroup
from runward.cli.output import Output, pass_output, span, with_json
from runward.data.files import LinkMode
from runward.data.model import Dataset, DatasetVersion
from runward.data.names import LATEST
from runward.errors import InvalidError
from runward.face import current_workspace, default_project

_COMMANDS = {
    "add": ("runward.cli.data:add", "Store what a folder or file holds now as a version."),
    "list": ("runward.cli.data:list_command", "The datasets of a project."),
    "show": ("runward.cli.data:show", "The versions of a dataset; with @VERSION what is in that one."),
    "checkout": ("runward.cli.data:checkout", "Make a folder or file hold a version, wholly or not at all."),
    "diff": ("runward.cli.datanames:diff", "What changed in a version, or since one in a folder."),
    "tag": ("runward.cli.datanames:tag", "Give a version a name: a word, a number, or the next number."),
    "describe": ("runward.cli.datanames:describe", "The data dictionary of a version: what its columns mean."),
    "terms": ("runward.cli.label:terms", "Say for what a dataset may be used, on what grounds, and how long."),
    "lineage": ("runward.cli.datanames:lineage", "What leads to a thing and what came of it."),
    "push": ("runward.cli.datamove:push", "Copy a version to another workspace, or into a DVC remote."),
    "pull": ("runward.cli.datamove:pull", "Copy a version from another workspace, or what DVC tracks."),
    "remove": ("runward.cli.data:remove", "Forget a dataset, or with @VERSION one version."),
    "gc": ("runward.cli.data:gc", "Forget old versions that bear no name and that no run read."),
}


@click.group(cls=LazyGroup, commands=_COMMANDS)
def data() -> None:
    """Keep versions of data: add, name, compare, put back.

    A dataset is named like a run's project and itself (vision/digits/train), or by its own name in the default project.
    A version follows after @: a digest's beginning, a name, a time, or latest.
    """


class Asked(NamedTuple):
    """A dataset and a version, as somebody typed them."""

    dataset: str
    """As operations take it."""
    version: str


def asked_for(text: str, project: str = "") -> Asked:
    """What ``[PROJECT/]NAME[@VERSION]`` means. Raises: InvalidError."""
    name, at, version = text.partition("@")
    if not name or (at and not version):
        raise InvalidError(f"dataset {text!r} is not understood", hint="write it like vision/digits@1.2.0")
    path = name if "/" in name or ":" in name else f"{project or default_project()}/{name}"
    return Asked(path.replace("/", ":"), version or LATEST)


def size_of(count: int) -> str:
    """Bytes for people."""
    value, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000 or unit == "TB":
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"


def line_of(version: DatasetVersion) -> str:
    """A version in one line."""
    names = f" ({', '.join(version.names)})" if version.names else ""
    return f"{version.dataset}@{version.digest[:12]}{names}: {version.files:,} files, {size_of(version.bytes)}"


class AddReport(msgspec.Struct, frozen=True):
    """What ``runward data add`` found and did."""

    version: DatasetVersion
    is_new: bool
    files_read: int
    stored_bytes: int


@click.command("add")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--name", "-n", default="", help="The dataset; by default named like the folder or file.")
@click.option("--project", "-p", default="", help="Path of the project, made where missing.")
@click.option("--note", "-m", default="", help="What is said of this version.")
@click.option("--parent", default="", help="The version that it follows; by default the newest.")
@click.option("--no-tables", is_flag=True, help="Do not look into table files for columns and rows.")
@with_json
@pass_output
def add(output: Output, path: Path, name: str, project: str, note: str, parent: str, no_tables: bool) -> None:
    """Store what a folder or file holds now as a version. The same bytes are the same version, and cost nothing."""
    datasets = current_workspace().datasets
    done = datasets.add(path, project or default_project(), name, note=note, parent=parent, tables=not no_tables)
    version = done.version
    said = (
        f"{size_of(done.stored_bytes)} were new" if done.is_new else "this version is there already, nothing was stored"
    )
    lines = [line_of(version), f"  {done.read:,} files were read; {said}"]
    for reference in version.summary.references:
        if reference.kind == "git-lfs":
            lines.append(f"  {reference.path} is a Git LFS pointer, not the data: run `git lfs pull` and add again")
        else:
            lines.append(f"  {reference.path} is a Delta table at version {reference.version}")
    output.result(AddReport(version, done.is_new, done.read, done.stored_bytes), lines)
    if done.is_new and version.parent:
        output.hint(f"compare: runward data diff {version.dataset}   name it: runward data tag {version.dataset}")


@click.command("list")
@click.option("--project", "-p", default="", help="Path of the project.")
@with_json
@pass_output
def list_command(output: Output, project: str) -> None:
    """The datasets of a project."""
    found = current_workspace().data.list_datasets(project or default_project())
    rows = [[item.path, _best(item), item.versions, f"{item.updated_at:%F %R}"] for item in found]
    output.table(found, ["dataset", "newest", "versions", "changed"], rows)


def _best(dataset: Dataset) -> str:
    names = [name for name, digest in dataset.names.items() if digest == dataset.latest]
    return names[-1] if names else dataset.latest[:12]


class Shown(msgspec.Struct, frozen=True):
    """A dataset with its versions, newest first."""

    dataset: Dataset
    versions: list[DatasetVersion]


@click.command("show")
@click.argument("dataset")
@click.option("--files", is_flag=True, help="List the files of the version.")
@with_json
@pass_output
def show(output: Output, dataset: str, files: bool) -> None:
    """The versions of a dataset; with @VERSION what is in that one."""
    rooms, asked = current_workspace().data, asked_for(dataset)
    if files:
        manifest = rooms.get_manifest(asked.dataset, asked.version)
        rows = [[item.path, item.size, item.digest[:12]] for item in manifest.files]
        output.table(manifest, ["path", "bytes", "digest"], rows)
    elif "@" in dataset:
        version = rooms.get_version(asked.dataset, asked.version)
        output.result(version, _version_lines(version))
    else:
        found = Shown(rooms.get_dataset(asked.dataset), rooms.list_versions(asked.dataset))
        columns = ["version", "names", "at", "by", "files", "size", "note"]
        output.table(found, columns, [_row(version) for version in found.versions], found.dataset.description)


def _row(version: DatasetVersion) -> list[object]:
    at = f"{version.created_at:%FT%TZ}"
    names = ", ".join(version.names)
    return [version.digest[:12], names, at, version.created_by, version.files, size_of(version.bytes), version.note]


def _version_lines(version: DatasetVersion) -> list[str]:
    lines = [line_of(version), f"  {version.created_at:%FT%TZ} by {version.created_by}  {version.note}".rstrip()]
    if version.parent:
        lines.append(f"  follows {version.parent[:12]}")
    for table in version.summary.tables:
        columns = ", ".join(f"{column.name} {column.type}".rstrip() for column in table.columns)
        lines.append(f"  {table.path}: {table.rows:,} rows; {columns}")
    for item in version.summary.references:
        lines.append(f"  {item.path}: {'Git LFS pointer' if item.kind == 'git-lfs' else f'Delta table {item.version}'}")
    return lines


with_purpose = click.option(
    "--purpose",
    default="",
    help="For what you read it, where it is restricted: one of the purposes of its terms; by default that of the run under way.",
)


@click.command("checkout")
@click.argument("dataset")
@click.argument("target", type=click.Path(path_type=Path), required=False)
@click.option("--force", is_flag=True, help="Overwrite files that are in no version of the dataset.")
@click.option("--link", type=click.Choice(get_args(LinkMode)), default="auto", show_default=True)
@with_purpose
@with_json
@pass_output
def checkout(output: Output, dataset: str, target: Path | None, force: bool, link: LinkMode, purpose: str) -> None:
    """Make a folder or file hold a version, wholly or not at all.

    auto clones where the file system can; else it links files of 1 MB and more, which are then read-only (not for root),
    and copies the others.
    """
    asked = asked_for(dataset)
    datasets = current_workspace().datasets.read_for(purpose)
    done = datasets.checkout(asked.dataset, asked.version, target or "", force=force, link=link)
    foreign = f", {done.foreign:,} of no version stay" if done.foreign else ""
    line = f"{done.target}: {done.written:,} files made, {done.kept:,} right already, {done.removed:,} removed{foreign}"
    output.result({**done._asdict(), "target": str(done.target)}, [line_of(done.version), line])


@click.command("remove")
@click.argument("dataset")
@with_json
@pass_output
def remove(output: Output, dataset: str) -> None:
    """Forget a dataset, or with @VERSION one version that bears no name. `runward gc` then takes the bytes."""
    rooms, asked = current_workspace().data, asked_for(dataset)
    if "@" in dataset:
        rooms.delete_version(asked.dataset, asked.version)
    else:
        rooms.delete_dataset(asked.dataset)
    output.result({"removed": dataset}, f"removed {dataset}")


class Forgotten(msgspec.Struct, frozen=True):
    """Versions that ``runward data gc`` forgot, or would."""

    versions: list[DatasetVersion]
    dry_run: bool


@click.command("gc")
@click.argument("dataset", required=False)
@click.option("--project", "-p", default="", help="All datasets of this project.")
@click.option("--keep", default=3, show_default=True, help="So many of the newest versions stay.")
@click.option("--grace", callback=span, default="30d", show_default=True, help="Younger versions stay.")
@click.option("--dry-run", is_flag=True, help="Only list.")
@with_json
@pass_output
def gc(output: Output, dataset: str | None, project: str, keep: int, grace: float, dry_run: bool) -> None:
    """Forget old versions that bear no name and that no run read. `runward gc` then takes the bytes."""
    rooms = current_workspace().data
    names = (
        [asked_for(dataset).dataset] if dataset else [d.id for d in rooms.list_datasets(project or default_project())]
    )
    before, gone = datetime.now(UTC) - timedelta(seconds=grace), list[DatasetVersion]()
    for name in names:
        found = rooms.get_dataset(name)
        used = {
            edge.source for edge in rooms.lineage(found.project, f"dataset:{found.name}").edges if edge.kind == "read"
        }
        for version in rooms.list_versions(found.id)[max(keep, 1) :]:
            node = f"dataset:{version.dataset_id}@{version.digest}"
            if version.names or version.created_at > before or node in used:
                continue
            gone.append(version)
            if not dry_run:
                rooms.delete_version(found.id, version.digest)
    verb = "would forget" if dry_run else "forgot"
    output.result(Forgotten(gone, dry_run), [f"{verb} {len(gone)} versions", *(f"  {line_of(item)}" for item in gone)])
