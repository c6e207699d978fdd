"""``runward library``: the team's shared configurations, components and templates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import click

from runward.cli.output import NO, Output, pass_output, with_json
from runward.cli.standards import text_of, told
from runward.config.yaml12 import dump, load
from runward.errors import AlreadyExistsError, InvalidError
from runward.face import current_workspace
from runward.knowledge.libraries_model import Kind, NewRelease
from runward.team.shared import template_files, upgrade_copy, write_copy


@click.group()
def library() -> None:
    """Shared configurations, components and templates, in versions that never change."""


@library.command("list")
@with_json
@pass_output
def list_items(output: Output) -> None:
    """What your teams share, and how many runs used it."""
    found = current_workspace().libraries.list_items()
    rows = [[i.name, i.kind, i.newest, i.owner, i.team, i.uses, f"{i.updated_at:%Y-%m-%d}"] for i in found]
    note = "" if found else "nothing yet: runward library publish team/NAME FILE --version 1.0.0"
    output.table(found, ["name", "kind", "newest", "owner", "team", "runs", "published"], rows, note)


@library.command("show")
@click.argument("name")
@click.argument("wish", default="", metavar="[VERSION]")
@with_json
@pass_output
def show(output: Output, name: str, wish: str) -> None:
    """A version's content and docs, all versions, and who used them. VERSION as in `use`."""
    libraries = current_workspace().libraries
    item, release, releases = libraries.get_item(name), libraries.get_release(name, wish), libraries.list_releases(name)
    lines = [
        f"{item.name} {release.version}, a {item.kind} of {item.owner} ({item.team})",
        *([release.docs, ""] if release.docs else []),
        *(release.document["files"] if item.kind == "template" else [dump(release.document).rstrip()]),
        "",
        *(
            f"{r.version}  {r.at:%Y-%m-%d} by {r.author}, runs: {r.runs}, experiments: {r.experiments}"
            + (f": {r.notes}" if r.notes else "")
            for r in releases
        ),
    ]
    output.result({"item": item, "release": release, "versions": releases}, lines)


@library.command("publish")
@click.argument("name")
@click.argument("source", metavar="FILE|FOLDER", type=click.Path(path_type=Path, exists=True))
@click.option("--version", required=True, help="MAJOR.MINOR.PATCH; it follows a version that is there.")
@click.option("--docs", default="", help="What it is for, in Markdown; @FILE reads it from a file.")
@click.option("--notes", "-m", default="", help="What is new.")
@click.option("--team", default="", help="Default: your first team.")
@with_json
@pass_output
def publish(output: Output, name: str, source: Path, version: str, docs: str, notes: str, team: str) -> None:
    """Publish a version: of a YAML or JSON file, or of a folder as a template. A file with `_target_` is a component."""
    document, kind = _source(source)
    if docs.startswith("@"):
        docs = Path(docs[1:]).read_text(encoding="utf-8")
    new = NewRelease(name=name, version=version, document=document, docs=docs, notes=notes, kind=kind, team=team)
    found = current_workspace().libraries.publish(new)
    output.result(found, f"{found.name} {found.version} is published")


def _source(source: Path) -> tuple[dict[str, Any], Kind]:
    if source.is_dir():
        return {"files": dict(template_files(source))}, "template"
    document = load(source.read_text(encoding="utf-8"))
    if not isinstance(document, Mapping):
        raise InvalidError(f"{source} is not a mapping", hint="for example: hidden_size: 768")
    return dict(document), "component" if "_target_" in document else "config"


@library.command("use")
@click.argument("name")
@click.argument("wish", default="", metavar="[VERSION]")
@click.option("--output", "-o", "path", type=click.Path(path_type=Path), help="Default: configs/NAME.yaml")
@with_json
@pass_output
def use(output: Output, name: str, wish: str, path: Path | None) -> None:
    """Write a copy of a shared configuration, which `upgrade` brings up to date later.

    VERSION: 1.2.0, 1.2, ^1.2 (below 2.0.0), ~1.2.0 (below 1.3.0); the newest by default.
    """
    release = current_workspace().libraries.get_release(name, wish)
    if release.kind == "template":
        raise InvalidError(f"{name} is a template", hint=f"runward new NAME --template {name}")
    path = path or Path("configs") / f"{name.rpartition('/')[2]}.yaml"
    if path.exists():
        raise AlreadyExistsError(f"{path} is there already", hint=f"runward library upgrade {path}, or give -o")
    write_copy(path, release, release.document)
    output.result({"file": str(path), "release": release}, f"{path}: {release.name} {release.version}")
    output.hint(f"in code: run.load_settings({str(path)!r})")


@library.command("upgrade")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.argument("wish", default="", metavar="[VERSION]")
@click.option("--mine", "prefer", flag_value="mine", help="Where both sides changed a key, keep mine.")
@click.option("--new", "prefer", flag_value="new", help="Where both sides changed a key, take the new one.")
@with_json
@pass_output
def upgrade(output: Output, path: Path, wish: str, prefer: Literal["mine", "new"] | None) -> int:
    """Bring a copy to a newer version: a three-way merge, key by key. Comments in the file are not kept.

    With conflicts nothing is written, they are named, and the exit code is 1; --mine or --new decides them.
    """
    found = upgrade_copy(path, wish, prefer or "")
    lines = [
        f"{path}: {found.name} {found.before} → {found.after}",
        *(f"  {line}" for line in told(found.merged.taken)),
    ]
    for one in found.merged.conflicts:
        lines.append(
            f"  conflict at {one.key}: it was {text_of(one.base)}, here it is {text_of(one.mine)}, "
            f"there it is {text_of(one.new)}"
        )
    if found.before == found.after:
        lines = [f"{path} is {found.name} {found.after} already"]
    output.result(found, lines)
    if found.merged.conflicts:
        output.hint("nothing is written; decide with --mine or --new, or edit the file and try again")
    return NO if found.merged.conflicts else 0


@library.command("diff")
@click.argument("name")
@click.argument("before")
@click.argument("after", default="")
@with_json
@pass_output
def diff(output: Output, name: str, before: str, after: str) -> int:
    """What differs between two versions, key by key. Exit code 1 where anything does."""
    found = current_workspace().libraries.compare(name, before, after)
    output.result(found, told(found) or ["no difference"])
    return NO if found else 0


@library.command("uses")
@click.argument("name")
@click.argument("version", default="")
@with_json
@pass_output
def uses(output: Output, name: str, version: str) -> None:
    """The runs that recorded that they used it, newest first."""
    found = current_workspace().libraries.uses(name, version)
    rows = [[u.version, u.run, u.project, f"{u.at:%Y-%m-%d %H:%M}", u.run_id] for u in found]
    output.table(found, ["version", "run", "project", "at", "id"], rows)
