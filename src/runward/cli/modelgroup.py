"""``runward model``: its commands, each loaded when it is called."""

from __future__ import annotations

import click

from runward.cli.lazy import LazyGroup

_MODELS, _VERSIONS, _CARDS = "runward.cli.models", "runward.cli.modelversions", "runward.cli.modelcards"
_DEPLOY, _HANDOFF = "runward.cli.modeldeploy", "runward.cli.modelhandoff"
_COMMANDS: dict[str, tuple[str, str]] = {
    "list": (f"{_MODELS}:list_models", "Models with their newest version and their aliases."),
    "show": (f"{_VERSIONS}:show", "A model's versions; or what one version is."),
    "register": (f"{_VERSIONS}:register", "Add a version that a run made."),
    "card": (f"{_CARDS}:card", "A version's card: read, write, check it."),
    "alias": (f"{_MODELS}:alias", "Point an alias at a version."),
    "request": (f"{_MODELS}:request", "Ask for a review that gives a version an alias."),
    "history": (f"{_MODELS}:history", "Every move of a model's aliases."),
    "deploy": (f"{_DEPLOY}:deploy", "Write down that a version was deployed somewhere."),
    "deployments": (f"{_DEPLOY}:deployments", "What was deployed where; what served a target on a day."),
    "handoff": (f"{_HANDOFF}:handoff", "Write a version with all that its receiver needs."),
    "accept": (f"{_HANDOFF}:accept", "Check a bundle, and write down that you took it over."),
    "handoffs": (f"{_HANDOFF}:handoffs", "Bundles of a model, and who accepted them."),
    "protect": (f"{_MODELS}:protect", "Say which aliases move only by a review."),
    "rollback": (f"{_MODELS}:rollback", "Point an alias back at the version that had it before."),
    "override": (f"{_MODELS}:override", "Point a protected alias at a version past its review."),
}


@click.group(cls=LazyGroup, commands=_COMMANDS)
def model() -> None:
    """Models: versions, cards, aliases, deployments. A protected alias (production) moves only by an applied review."""
