"""``runward standards``: what a team asks of results, who said it, and what it was before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from runward.cli.output import Output, pass_output, with_json
from runward.cli.review import find_review, story
from runward.config.merge import ValueChange
from runward.config.yaml12 import dump, load
from runward.core.etag import tag
from runward.core.operation import matching
from runward.errors import InvalidError
from runward.face import current_workspace, default_project
from runward.review.model import Proposal
from runward.review.standards_model import PRESENT, StandardsEdit
from runward.review.standards_text import edited, own_document
from runward.team.files import Forge, Rules, standards_files, write_files


@click.group()
def standards() -> None:
    """What a team asks of results: show, set, history, diff. A project inherits what it does not say itself."""


def _project(context: click.Context, parameter: click.Parameter, value: str) -> str:
    return value or default_project()


_path = click.argument("project", default="", callback=_project)


@standards.command("show")
@_path
@with_json
@pass_output
def show(output: Output, project: str) -> None:
    """The standards in force, and the project that said each value."""
    found = current_workspace().standards.in_force(project)
    rows = [[v.key, text_of(v.value), f"{v.project} v{v.version}" if v.project else "default"] for v in found.values]
    own = f"version {found.version}" if found.version else "nothing of its own"
    output.table(found, ["value", "is", "said by"], rows, f"standards of {found.project}: {own}")


@standards.command("set")
@click.argument("project")
@click.argument("values", metavar="[FILE | KEY=VALUE]…", nargs=-1)
@click.option("--leave", multiple=True, metavar="KEY", help="Leave this to the projects above; may be repeated.")
@click.option("--back-to", type=int, metavar="VERSION", help="Say again what this version said, as a new version.")
@click.option("--expect", type=int, default=PRESENT, metavar="VERSION", help="Only if this is the newest version now.")
@with_json
@pass_output
def set_(
    output: Output, project: str, values: tuple[str, ...], leave: tuple[str, ...], back_to: int | None, expect: int
) -> None:
    """Set standards as a new version: from a YAML or JSON file (all that the project says), or single values.

    VALUE is YAML: approvals=2, default_hyperparameters.lr=1e-3, thresholds.accuracy='>=0.9'. The fields of a TeamConfig
    are understood.
    """
    file, edits = _read(values)
    if not (values or leave or back_to):
        raise InvalidError("there is nothing to set", hint="give a file, KEY=VALUE, --leave KEY or --back-to VERSION")
    start = PRESENT if back_to is None else back_to
    edit = StandardsEdit(values={**(file or {}), **edits}, leave=list(leave), start=0 if file is not None else start)
    space = current_workspace().standards
    if expect != PRESENT:
        space = matching(space, tag([expect]))
    before = next((version.version for version in space.list_versions(project)), 0)
    found = space.edit(project, edit)
    lines = [f"  {line}" for line in told(space.compare(project, before, found.version))]
    head = f"standards of {found.project}, version {found.version}"
    output.result(found, [head, *lines] if found.version != before else [f"{head} say that already"])


@standards.command("propose")
@click.argument("project")
@click.argument("values", metavar="[FILE | KEY=VALUE]…", nargs=-1, required=True)
@click.option("--title", default="")
@click.option("--description", "-m", default="", help="Why.")
@click.option("--revise", metavar="REVIEW", default="", help="Propose this instead, in a review that is under way.")
@with_json
@pass_output
def propose(output: Output, project: str, values: tuple[str, ...], title: str, description: str, revise: str) -> None:
    """Ask for a review of standards, written as for `set`; its last approval sets them."""
    file, edits = _read(values)
    space = current_workspace()
    newest = next(iter(space.standards.list_versions(project)), None)
    start = {} if file is not None or newest is None else own_document(newest.standards)
    edit = StandardsEdit(values={**(file or {}), **edits})
    made = edited(start, edit, space.review.get_standards(project).standards)
    proposal = Proposal(standards=made, title=title, description=description)
    if revise:
        found = space.review.revise(find_review(space, revise), proposal)
    else:
        found = space.review.propose(project, proposal)
    output.result(found, story(found))


def _read(values: tuple[str, ...]) -> tuple[Mapping[str, Any] | None, dict[str, Any]]:
    """The file's document, if one was named, and the single values."""
    file: Mapping[str, Any] | None = None
    edits: dict[str, Any] = {}
    for word in values:
        key, equals, text = word.partition("=")
        if equals and not Path(word).exists():
            # A limit such as >=0.9 would begin a block of text in YAML.
            edits[key.strip()] = text if text.startswith((">", "<")) else load(text)
        elif file is not None:
            raise InvalidError(f"{word!r}: one file at most", hint="single values are written KEY=VALUE")
        else:
            file = _document(Path(word))
    return file, edits


def _document(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        raise InvalidError(f"there is no file {str(path)!r}", hint="give a YAML or JSON file, or KEY=VALUE")
    document = load(path.read_text(encoding="utf-8"))
    if not isinstance(document, Mapping):
        raise InvalidError(f"{path} is not a mapping of fields", hint="for example: approvals: 2")
    return document


@standards.command("history")
@_path
@with_json
@pass_output
def history(output: Output, project: str) -> None:
    """Every version of what a project says itself, newest first: who, when, and what changed."""
    space = current_workspace().standards
    found = space.list_versions(project)
    rows = [
        [v.version, v.author, f"{v.at:%Y-%m-%d %H:%M}" if v.at else "", "; ".join(told(_changes(project, v.version)))]
        for v in found
    ]
    output.table(found, ["version", "by", "at", "changed"], rows)


def _changes(project: str, version: int) -> list[ValueChange]:
    return current_workspace().standards.compare(project, version - 1, version)


@standards.command("diff")
@click.argument("project")
@click.argument("before", type=int, required=False)
@click.argument("after", type=int, required=False)
@with_json
@pass_output
def diff(output: Output, project: str, before: int | None, after: int | None) -> int:
    """What differs between two versions; by default between the last two. Exit code 1 where anything does."""
    space = current_workspace().standards
    newest = next((version.version for version in space.list_versions(project)), 0)
    last = newest if after is None else after
    found = space.compare(project, max(newest - 1, 0) if before is None else before, last)
    output.result(found, told(found) or ["no difference"])
    return 1 if found else 0


@standards.command("export")
@_path
@with_json
@pass_output
def export(output: Output, project: str) -> None:
    """What the project says itself, as YAML that `runward standards set PROJECT FILE` takes."""
    found = current_workspace().standards.list_versions(project)
    document = own_document(found[0].standards) if found else {}
    output.result(document, dump(document).rstrip())


@standards.command("files")
@_path
@click.option("--hooks/--no-hooks", default=True, help="The hooks of pre-commit.")
@click.option("--ci", "forge", type=click.Choice(["github", "gitlab"]), help="Also the CI of this forge.")
@click.option("--dir", "folder", type=click.Path(path_type=Path), default=Path(), help="Where; default: here.")
@click.option("--replace", is_flag=True, help="Write over files that have another content.")
@with_json
@pass_output
def files(output: Output, project: str, hooks: bool, forge: Forge | None, folder: Path, replace: bool) -> None:
    """Write the files that hold the standards in a repository: pre-commit hooks, CI of GitHub or GitLab."""
    found = current_workspace().review.get_standards(project)
    rules = Rules(found.project or project, found.version, found.standards)
    written = write_files(standards_files(rules, hooks=hooks, forge=forge), folder, replace=replace)
    output.result({"files": [str(path) for path in written]}, [str(path) for path in written])
    if hooks:
        output.hint(
            'next: pip install pre-commit "runward[review]" && pre-commit install -t pre-commit -t commit-msg -t pre-push'
        )


def told(changes: list[ValueChange]) -> list[str]:
    """Each change in a line."""
    words = {
        "added": lambda c: f"{c.key}: {text_of(c.after)}",
        "removed": lambda c: f"{c.key}: no longer said (was {text_of(c.before)})",
        "changed": lambda c: f"{c.key}: {text_of(c.before)} → {text_of(c.after)}",
    }
    return [words[change.how](change) for change in changes]


def text_of(value: Any) -> str:
    """A value as people write it: text as it is, the rest as JSON."""
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
