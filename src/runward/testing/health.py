"""What every backend says of its own health."""

from __future__ import annotations

import pytest

from runward.errors import ForbiddenError
from runward.governance.model import NewToken
from runward.store.migrations import LATEST
from runward.testing.worlds import World, name_of


class HealthSuite:
    """The health of a workspace."""

    def test_a_workspace_that_works_says_what_works(self, world: World) -> None:
        """Its parts with their figures, and a sentence on each; the whole is as well as the worst of them."""
        found = world.owner.health.health()
        said = {check.name: check for check in found.checks}
        for part in ("database", "files"):
            assert said[part].state == "well", said[part]
        assert {"audit trail", "backup", "disk", "deliveries", "verification jobs"} <= set(said)
        order = ["failing", "ailing", "well"]
        assert [order.index(check.state) for check in found.checks] == sorted(
            order.index(check.state) for check in found.checks
        )
        assert found.state == found.checks[0].state
        assert all(check.hint for check in found.checks if check.state != "well")
        assert (found.database.format, found.database.newest_format) == (LATEST, LATEST)
        assert (found.database.size_bytes or 0) > 0
        assert found.database.connections > 0
        assert abs(found.database.clock_ahead_s) < 1
        assert found.blobs.is_reachable
        assert found.disk is not None
        assert 0 < found.disk.free_bytes <= found.disk.total_bytes
        assert found.audit.uncovered >= 0
        assert found.audit.places[0].is_own

    def test_health_is_for_who_looks_after_the_server(self, world: World) -> None:
        """An admin of the workspace, or who was given that alone; whoever belongs to a team only is told nothing."""
        for space in (world.member("admin"), world.outsider()):
            with pytest.raises(ForbiddenError, match=r"server\.read"):
                space.health.health()
        watcher = world.member("viewer")
        world.owner.governance.grant_verb(name_of(watcher), "workspace", "", "server.read")
        secret = world.owner.governance.create_token(
            NewToken("w", member=name_of(watcher), only=["server.read"])
        ).secret
        assert world.hold(secret).health.health().version
