"""The contract of coordination: the inbox."""

from __future__ import annotations

from typing import ClassVar, Protocol

from runward.coordination.model import Inbox, TeamMessage
from runward.core.operation import ON_SELF, operation


class Coordination(Protocol):
    """Thread-safe."""

    room: ClassVar[str] = "coordination"

    @operation("GET", "/inbox", may="session.use", on=ON_SELF)
    def inbox(self, unread: bool = False, limit: int = 100) -> Inbox:
        """The caller's notifications, unread ones first, oldest first among them."""
        ...

    @operation("POST", "/inbox/read", may="session.use", on=ON_SELF, audit=False)
    def mark_read(self, ids: list[int]) -> Inbox:
        """Mark notifications as read; an empty list marks all."""
        ...

    @operation("POST", "/team-messages", may="comment.write", on="message.team")
    def notify_team(self, message: TeamMessage) -> int:
        """Put a message into the inbox of every member of a team; returns how many it reached."""
        ...
