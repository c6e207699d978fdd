"""Shared configurations, components and templates: named, in versions that never change."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from runward.core.ids import ExperimentId, RunId

Kind = Literal["config", "component", "template"]


class NewRelease(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A version to publish. The first one makes the item."""

    name: str
    """Lower-case words with ``/``, such as ``team/transformer``; one in the whole workspace."""
    version: str
    """Three numbers, ``MAJOR.MINOR.PATCH``; it follows a version that is there."""
    document: dict[str, Any]
    """Plain data, which nothing runs on sight. A component has a ``_target_``; a template has ``files``: text by path."""
    docs: str = ""
    """Markdown: what it is for, what each key means."""
    notes: str = ""
    """What is new in this version."""
    kind: Kind = "config"
    team: str = ""


class LibraryItem(msgspec.Struct, frozen=True, kw_only=True):
    """A shared configuration, component or template."""

    id: str
    name: str
    kind: Kind
    team: str
    owner: str
    """Who answers for it: they, and maintainers of the team, publish its versions."""
    newest: str
    created_at: datetime
    updated_at: datetime
    uses: int = 0
    """Runs of yours to see that recorded that they used it."""


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an item."""

    name: str
    kind: Kind
    version: str
    document: dict[str, Any]
    docs: str
    notes: str
    author: str
    at: datetime
    runs: int = 0
    """Runs of yours to see that recorded this version."""
    experiments: int = 0
    """Experiments that those runs belong to."""


class LibraryUse(msgspec.Struct, frozen=True, kw_only=True):
    """A run that recorded a version."""

    version: str
    run_id: RunId
    run: str
    project: str
    experiment_id: ExperimentId | None
    at: datetime
