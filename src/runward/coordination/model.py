"""What waits for whom."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Notification(msgspec.Struct, frozen=True):
    """A line in a member's inbox."""

    id: int
    at: datetime
    kind: str
    """``review.requested``, ``run.failed``, ``page.published``, ``team.message`` …"""
    title: str
    body: str
    object_kind: str
    object_id: str
    actor: str
    read: bool


class Inbox(msgspec.Struct, frozen=True):
    """Notifications, oldest unread first, with the number unread."""

    items: list[Notification]
    unread: int


class TeamMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A message to every member of a team."""

    title: str
    team: str = ""
    body: str = ""
    object_kind: str = ""
    object_id: str = ""
