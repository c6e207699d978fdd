"""Standards over time and over the tree of projects: values with who said them, edits, changes."""

from __future__ import annotations

from typing import Any

import msgspec

from runward.review.model import Standards

FIELDS: tuple[str, ...] = tuple(name for name in Standards.__struct_fields__ if name != "inherits")
"""What standards can say."""
PRESENT = -1
"""As a version: the newest, or none yet."""


class StandardsValue(msgspec.Struct, frozen=True):
    """One value in force and who said it."""

    key: str
    """Dotted: ``approvals``, ``default_hyperparameters.lr``."""
    value: Any
    project: str
    """Path of the project whose standards say so; empty where nobody did, and the value is Runward's own."""
    version: int
    """Of that project's standards; 0 where nobody said it."""


class StandardsInForce(msgspec.Struct, frozen=True):
    """The standards of a project as they are in force, and where every value comes from."""

    project: str
    version: int
    """Of the project's own standards; 0 where it has none."""
    standards: Standards
    values: list[StandardsValue]


class StandardsEdit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change of what a project says itself; the rest of its document stays."""

    values: dict[str, Any] = {}
    """Fields, dotted keys (``default_hyperparameters.lr``), and the words of a TeamConfig."""
    leave: list[str] = []
    """Fields or dotted keys to leave to the projects above."""
    start: int = PRESENT
    """The version to start from: -1 for the newest, 0 for an empty document. An older one goes back to it."""
