"""The contract of health."""

from __future__ import annotations

from typing import ClassVar, Protocol

from runward.core.operation import ON_WORKSPACE, operation
from runward.insights.health_model import Health


class WorkspaceHealth(Protocol):
    """Thread-safe."""

    room: ClassVar[str] = "health"

    @operation("GET", "/health", may="server.read", on=ON_WORKSPACE)
    def health(self) -> Health:
        """Whether database, files, audit trail, backups and the work beside the requests are well, and what to do if not.

        It reads no history, so it answers as quickly for a workspace that holds much. Where the database is away there is no
        answer (503), because nobody can be told from anybody else.
        """
        ...
