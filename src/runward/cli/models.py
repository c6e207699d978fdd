"""``runward model``: registered models, their versions and aliases, and how an alias may move."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from runward.cli.output import Output, pass_output, with_json
from runward.cli.review import story
from runward.core.etag import tag_of
from runward.core.operation import matching
from runward.errors import InvalidError, NotFoundError, StaleVersionError
from runward.face import current_workspace
from runward.registry.api import Registry
from runward.registry.model import AliasMove, Model
from runward.review.model import NewReview
from runward.workspace import Workspace

_WORDS = {
    "set": "set",
    "review": "approved",
    "rollback": "rolled back",
    "override": "PAST THE REVIEW",
    "deletion": "version deleted",
}


_reason = click.option("--reason", "-m", default="", help="For the history.")


@click.command("list")
@with_json
@pass_output
def list_models(output: Output) -> None:
    """Models with their newest version and their aliases."""
    found = current_workspace().registry.list_models()
    rows = [[m.name, max((v.version for v in m.latest), default=0), _aliases(m), m.team, m.project] for m in found]
    output.table(found, ["model", "newest", "aliases", "team", "project"], rows)


@click.command("alias")
@click.argument("name")
@click.argument("alias")
@click.argument("version", type=int, required=False)
@click.option("--remove", is_flag=True, help="Take the alias away.")
@click.option("--expect", type=int, default=-1, help="Only if it points at this version now (0: at none).")
@_reason
@with_json
@pass_output
def alias(output: Output, name: str, alias: str, version: int | None, remove: bool, expect: int, reason: str) -> None:
    """Point an alias at a version. A protected one is refused: ask for a review with `runward model request`."""
    if remove == (version is not None):
        raise InvalidError("give a version, or --remove", hint="runward model alias NAME candidate 3")
    _moved(output, lambda space: _expecting(space, name, alias, expect).set_alias(name, alias, version, reason), alias)


def _expecting(space: Workspace, name: str, alias: str, expect: int) -> Registry:
    """The registry; it moves the alias only while it points where it was expected. Raises: StaleVersionError."""
    if expect < 0:
        return space.registry
    model = space.registry.get_model(name)
    if (present := model.aliases.get(alias, 0)) != expect:
        raise StaleVersionError(
            f"alias {alias!r} points at version {present or 'none'}, not at {expect or 'none'}",
            hint="look again, then decide",
        )
    return matching(space.registry, tag_of(Registry.get_model, model))


@click.command("request")
@click.argument("name")
@click.argument("version", type=int)
@click.argument("alias")
@click.option("--title", default="")
@click.option("--description", default="")
@click.option("--reviewer", multiple=True, help="Whom to tell; default: the team.")
@with_json
@pass_output
def request(
    output: Output, name: str, version: int, alias: str, title: str, description: str, reviewer: tuple[str, ...]
) -> None:
    """Ask for a review that gives a version an alias as soon as it is applied."""
    space = current_workspace()
    made = next((one for one in space.registry.list_versions(name) if one.version == version), None)
    if made is None:
        raise NotFoundError(f"model {name!r} has no version {version}", hint=f"runward model show {name}")
    if not made.run_id:
        raise InvalidError(
            f"version {version} of {name!r} names no run, so there is nothing to review",
            hint=f"register it from its run: runward model register {name} RUN",
        )
    asked = NewReview(made.run_id, title, description, list(reviewer), name, version, alias)
    found = space.review.request_review(asked)
    output.result(found, story(found))


@click.command("history")
@click.argument("name")
@click.option("--alias", default="", help="Of this alias only.")
@click.option("--at", default="", metavar="DATE", help="What was in force then: 2026-11-21, or with a time.")
@with_json
@pass_output
def history(output: Output, name: str, alias: str, at: str) -> None:
    """Every move of a model's aliases: who decided, when, on what evidence."""
    found = current_workspace().registry.alias_history(name, alias, moment(at) if at else None)
    if output.json:
        output.result(found)
        return
    output.result(found, [line for move in found for line in told(move)] or "no alias was in force")


def told(move: AliasMove) -> list[str]:
    """A move of an alias in lines."""
    target = f"version {move.version}" if move.version else "nothing"
    before = f" (before: version {move.previous})" if move.previous else ""
    evidence, lines = move.evidence, [f"{when(move.at)}  {move.alias} → {target}{before}"]
    how = f"  {_WORDS[move.how]} by {move.by}"
    if move.how == "review":
        how = f"  review #{evidence.review}, approved by {', '.join(evidence.approved_by)}"
    lines.append(how + (f": {move.reason}" if move.reason else ""))
    if evidence.run_id:
        level = f"reproduced, level {evidence.level}" if evidence.level else "not verified"
        commit = f", commit {evidence.commit[:10]}" if evidence.commit else ""
        lines.append(
            f"  run {evidence.run_name} ({evidence.run_id}), content {evidence.revision[:12]}{commit}, {level}"
        )
    return lines


@click.command("protect")
@click.argument("name")
@click.option("--alias", "aliases", multiple=True, help="A protected alias; several times for several.")
@click.option("--none", is_flag=True, help="Protect no alias.")
@click.option("--project", default="", help="Whose standards and reviewers count.")
@with_json
@pass_output
def protect(output: Output, name: str, aliases: tuple[str, ...], none: bool, project: str) -> None:
    """Say which aliases move only by a review (maintainers)."""
    if none and aliases:
        raise InvalidError("--none and --alias exclude each other", hint="give one of them")
    space = current_workspace()
    kept = list(aliases) if aliases or none else space.registry.get_model(name).protected
    found = space.registry.protect_model(name, kept, project)
    output.result(
        found, f"{found.name}: protected {', '.join(found.protected) or 'none'}; project {found.project or 'none yet'}"
    )


@click.command("rollback")
@click.argument("name")
@click.argument("alias")
@_reason
@with_json
@pass_output
def rollback(output: Output, name: str, alias: str, reason: str) -> None:
    """Point an alias back at the version that had it before (maintainers)."""
    _moved(output, lambda space: space.registry.rollback_alias(name, alias, reason), alias)


@click.command("override")
@click.argument("name")
@click.argument("version", type=int)
@click.argument("alias")
@_reason
@with_json
@pass_output
def override(output: Output, name: str, version: int, alias: str, reason: str) -> None:
    """Point a protected alias at a version past its review (admins). The history says so for ever."""
    _moved(output, lambda space: space.registry.override_alias(name, alias, version, reason), alias)


def _moved(output: Output, move: Callable[[Any], Model], alias: str) -> None:
    found = move(current_workspace())
    output.result(found, f"{found.name}: {alias} → {found.aliases.get(alias, 'nothing')}")


def _aliases(found: Model) -> str:
    return ", ".join(f"{alias} → {version}" for alias, version in found.aliases.items())


def when(moment: datetime) -> str:
    """A time as people here read it."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")


END_OF_DAY = timedelta(days=1, microseconds=-1)
"""The last moment of a day, from its beginning."""


def moment(text: str, option: str = "--at", day: timedelta = END_OF_DAY) -> datetime:
    """A time; a date alone means the moment that lies ``day`` after its beginning. Raises: InvalidError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidError(f"{option} {text!r} is no date", hint="2026-11-21, or 2026-11-21T14:00") from None
    if len(text) <= len("2026-11-21"):
        found += day
    return (found if found.tzinfo else found.astimezone()).astimezone(UTC)
