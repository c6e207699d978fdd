"""The audit trail in the browser: filtered by an address that can be shared, proved by a button."""

from __future__ import annotations

import pytest

from runward.tracking.model import NewProject
from tests.browser.conftest import Site, Visitor, barriers

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("visit", [{}, {"scheme": "dark", "width": 400}], indirect=True)
def test_an_auditor_finds_an_event_and_proves_the_trail(site: Site, visit: Visitor) -> None:
    """What fits nothing says so; a row that was changed is named."""
    site.workspace.tracking.create_project(NewProject("audited", exist_ok=True))
    page = visit.open("/admin/audit")
    page.get_by_label("Operation").fill("tracking.create_project")
    page.get_by_role("button", name="Show", exact=True).click()
    page.wait_for_url("**/admin/audit?operation=tracking.create_project")
    page.get_by_role("row").filter(has_text="tracking.create_project").first.wait_for()
    page.wait_for_function(
        "() => [...document.querySelectorAll('td:nth-child(3)')].every(cell => cell.textContent === 'tracking.create_project')"
    )
    page.get_by_role("button", name="Check the whole trail").click()
    page.get_by_text("As it was written").wait_for()
    assert barriers(page, "the audit trail") == []
    with site.workspace.dispatcher.database.transaction(write=True) as tx:
        event = tx.scalar("SELECT max(id) FROM audit_events WHERE operation = 'tracking.create_project'")
        tx.execute("UPDATE audit_events SET outcome = 'forbidden' WHERE id = ?", (event,))
    page.get_by_role("button", name="Check the whole trail").click()
    page.get_by_text(f"event {event}: it is not as it was written").wait_for()
    with site.workspace.dispatcher.database.transaction(write=True) as tx:
        tx.execute("UPDATE audit_events SET outcome = 'ok' WHERE id = ?", (event,))
    page = visit.open("/admin/audit?actor=nobody-of-this-name")
    page.get_by_text("No such event").wait_for()
