"""The contract of forges."""

from __future__ import annotations

from typing import ClassVar, Protocol

from runward.coordination.hooks_model import Delivery
from runward.core.operation import operation
from runward.review.forges.model import Forge, ForgeSecret, NewForge


class Forges(Protocol):
    """Thread-safe. What is told to a forge travels through the same queue as web hooks."""

    room: ClassVar[str] = "forges"

    @operation(
        "GET",
        "/projects/{project}/forge",
        may="hook.manage",
        on="project",
        state=("kind", "repository", "api_url", "at"),
        signed=("author", "at"),
    )
    def get_forge(self, project: str) -> Forge:
        """A project's own forge. Raises: NotFoundError (it has none of its own)."""
        ...

    @operation("PUT", "/projects/{project}/forge", may="hook.manage", on="project", revises="get_forge")
    def set_forge(self, project: str, new: NewForge) -> ForgeSecret:
        """Say where a project's code lives, and that of those below it: reviews are then shown at their commits.

        The secret for its web hooks is new each time and shown once. Raises: InvalidError (naming the field).
        """
        ...

    @operation("DELETE", "/projects/{project}/forge", may="hook.manage", on="project", revises="get_forge")
    def remove_forge(self, project: str) -> None:
        """Forget a project's forge with its token; what waits for it is not sent."""
        ...

    @operation("GET", "/projects/{project}/forge/deliveries", may="hook.manage", on="project")
    def forge_deliveries(self, project: str, limit: int = 50) -> list[Delivery]:
        """What was told to a project's forge and what became of it, newest first."""
        ...
