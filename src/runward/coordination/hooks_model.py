"""Web hooks: where events go, and how each delivery went."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal

import msgspec

DeliveryState = Literal["waiting", "delivered", "given_up"]
TEST = "hook.test"
EVENTS: Final[Mapping[str, str]] = {
    "run.ended": "a run ended, in whatever way",
    "review.requested": "somebody asks for a review",
    "review.approved": "somebody approved",
    "review.changes_requested": "somebody asked for changes",
    "review.outdated": "what was approved changed",
    "review.changed": "a review has another subject: the next attempt",
    "review.overridden": "an admin applied a review without what was missing",
    "review.commented": "somebody commented on a review",
    "review.applied": "a run became a team result, or a version got its alias",
    "review.rejected": "a review was rejected for good",
    "review.withdrawn": "a review was withdrawn",
    "ci.reported": "a CI job posted its result on a run",
    "verification.recorded": "a run was rerun and compared",
    "model.alias_set": "an alias of a model moved (web hooks of teams)",
    "page.published": "a page was published (web hooks of teams)",
    "standards.updated": "a project's standards changed",
}
"""What a web hook can be told of."""


class NewHook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A web hook to set up."""

    url: str
    events: list[str] = msgspec.field(default_factory=lambda: ["*"])
    """Kinds of events; ``review.*`` means all of one noun, ``*`` all that there are."""


class Hook(msgspec.Struct, frozen=True):
    """A web hook as lists show it; its secret is not in it."""

    id: str
    url: str
    events: list[str]
    team: str
    project: str
    """Path of the project whose events it hears, with those below it; empty for the whole team."""
    active: bool
    """False once the receiver said that it is gone for good (410)."""
    author: str
    created_at: datetime
    waiting: int
    """Deliveries that are still to come."""
    given_up: int
    """Deliveries of the last 30 days that never arrived."""


class HookSecret(msgspec.Struct, frozen=True):
    """A new web hook with the secret that signs what it is sent. It is shown once."""

    hook: Hook
    secret: str


class Delivery(msgspec.Struct, frozen=True):
    """One event on its way to one receiver."""

    id: str
    """What the receiver sees as ``webhook-id``; the same in each attempt."""
    target: Literal["hook", "forge"]
    target_id: str
    kind: str
    body: str
    """As it is sent."""
    state: DeliveryState
    attempts: int
    created_at: datetime
    next_at: datetime | None
    """When it is tried next; None where it is over."""
    expires_at: datetime
    """When it is given up."""
    status: int
    """The HTTP status of the last attempt; 0 where none came."""
    said: str
    """Why the last attempt failed; empty otherwise."""
    tried_at: datetime | None
