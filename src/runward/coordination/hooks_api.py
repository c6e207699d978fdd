"""The contract of web hooks."""

from __future__ import annotations

from typing import ClassVar, Protocol

from runward.coordination.hooks_model import Delivery, Hook, HookSecret, NewHook
from runward.core.operation import operation


class Hooks(Protocol):
    """Thread-safe. A delivery is queued in its event's own transaction; a server sends it, at least once."""

    room: ClassVar[str] = "hooks"

    @operation("GET", "/projects/{project}/hooks", may="hook.manage", on="project")
    def list_project_hooks(self, project: str) -> list[Hook]:
        """The web hooks of a project, newest first."""
        ...

    @operation("POST", "/projects/{project}/hooks", may="hook.manage", on="project")
    def create_project_hook(self, project: str, new: NewHook) -> HookSecret:
        """Tell an address of events in a project and those below it. The secret is shown once.

        Raises: InvalidError (naming the field).
        """
        ...

    @operation("GET", "/teams/{team}/hooks", may="hook.manage", on="team")
    def list_team_hooks(self, team: str) -> list[Hook]:
        """The web hooks of a team, newest first."""
        ...

    @operation("POST", "/teams/{team}/hooks", may="hook.manage", on="team")
    def create_team_hook(self, team: str, new: NewHook) -> HookSecret:
        """Tell an address of events in all of a team's projects, of its models and pages. The secret is shown once."""
        ...

    @operation("DELETE", "/hooks/{hook_id}", may="hook.manage", on="hook_id")
    def delete_hook(self, hook_id: str) -> None:
        """Remove a web hook; what waits for it is not sent."""
        ...

    @operation("POST", "/hooks/{hook_id}/test", may="hook.manage", on="hook_id")
    def send_test(self, hook_id: str) -> Delivery:
        """Queue a ``hook.test`` for a web hook, and turn it on again if it was off."""
        ...

    @operation("GET", "/hooks/{hook_id}/deliveries", may="hook.manage", on="hook_id")
    def list_deliveries(self, hook_id: str, limit: int = 50) -> list[Delivery]:
        """The deliveries of a web hook with what became of them, newest first."""
        ...

    @operation("GET", "/deliveries/{delivery_id}", may="hook.manage", on="delivery_id")
    def get_delivery(self, delivery_id: str) -> Delivery:
        """One delivery, to a web hook or a forge."""
        ...

    @operation("POST", "/deliveries/{delivery_id}/again", may="hook.manage", on="delivery_id")
    def deliver_again(self, delivery_id: str) -> Delivery:
        """Queue a delivery anew, under its old id."""
        ...
