"""The keys in the browser: whether files are encrypted, whose keys there are, and what to do next."""

from __future__ import annotations

import pytest

from runward.core.clock import to_us, utc_now
from runward.store.sealed import SEALED_SINCE
from tests.browser.conftest import Site, Visitor, barriers

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("visit", [{}, {"scheme": "dark", "width": 400}], indirect=True)
def test_an_admin_sees_the_state_of_the_keys(site: Site, visit: Visitor) -> None:
    """No secrets; where nothing is encrypted, the commands that change it."""
    database, ring = site.workspace.dispatcher.database, site.workspace.dispatcher.keyring
    page = visit.open("/admin/keys")
    page.get_by_text("Not encrypted").wait_for()
    page.get_by_text("runward keys init").wait_for()
    assert barriers(page, "keys of a workspace that is not encrypted") == []
    team = site.workspace.governance.list_teams()[0]
    ring.current("team", team.id)
    ring.seal("person", site.workspace.actor.member_id, b"x")
    with database.transaction(write=True) as tx:
        tx.insert("workspace", {"key": SEALED_SINCE, "value": str(to_us(utc_now()))})
    try:
        page = visit.open("/admin/keys")
        page.get_by_text("✓ Encrypted").wait_for()
        page.get_by_text(f"runward keys rotate --team {team.name}").first.wait_for(state="attached")
        # Tests before this one may have given keys to others.
        people = len({key.owner_id for key in ring.all_keys() if key.kind == "person" and key.destroyed_at is None})
        page.get_by_text(f"{people} {'person' if people == 1 else 'people'} with a key").wait_for()
        page.get_by_text(f"Root key {ring.present_root()}").wait_for()
        assert barriers(page, "keys") == []
    finally:
        with database.transaction(write=True) as tx:
            tx.execute("DELETE FROM workspace WHERE key = ?", (SEALED_SINCE,))
