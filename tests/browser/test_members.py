"""Admin pages of members and tokens, the own account, and a command line that is let in."""

from __future__ import annotations

import re
from typing import Any

import pytest

from runward.core.ids import new_id
from runward.governance.model import NewMember, NewToken
from tests.browser.conftest import Site, Visitor, barriers
from tests.server.http import Client


@pytest.mark.parametrize("visit", [{"width": 1280}, {"width": 400}], indirect=True)
def test_a_member_is_added_and_deactivated(visit: Visitor, site: Site) -> None:
    """The one-time link is shown once; the page says what ends and what stays; being let in again takes a click."""
    name = f"lee-{new_id()}"
    page = visit.open("/admin/members")
    page.get_by_role("textbox", name="Name").fill(name)
    page.get_by_role("button", name="Add", exact=True).click()
    shown = page.get_by_role("region", name="one-time link")
    shown.wait_for()
    assert re.fullmatch(rf"{re.escape(visit.url)}/welcome#[\w-]{{43}}", shown.inner_text().strip())
    secret = site.workspace.governance.create_token(NewToken("t", member=name)).secret
    page.get_by_role("button", name=f"Deactivate {name}").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("What they made stays").wait_for()
    assert barriers(page, "deactivate") == []
    dialog.get_by_role("button", name=f"Deactivate {name}").click()
    page.get_by_role("button", name=f"Let in again: {name}").wait_for()
    assert Client(site.url, secret).get("/api/v1/me").status == 401
    assert barriers(page, "members") == []
    page.get_by_role("button", name=f"Let in again: {name}").click()
    page.get_by_role("button", name=f"Roles of {name}").click()
    roles = page.get_by_role("dialog")
    roles.get_by_role("button", name="Give").click()
    roles.get_by_role("button", name="Take away: contributor", exact=True).wait_for()
    assert barriers(page, "roles") == []
    roles.get_by_role("button", name="Take away: contributor of team").click()
    roles.get_by_role("button", name="Take away: contributor of team").wait_for(state="detached")
    roles.get_by_role("button", name="Close").click()
    page.get_by_role("button", name=f"New link for {name}").click()
    page.get_by_role("region", name="one-time link").wait_for()


@pytest.mark.parametrize("visit", [{"width": 1280}, {"width": 400}], indirect=True)
def test_a_token_is_made_used_and_revoked(visit: Visitor, site: Site) -> None:
    """For a service account, shown once, listed among everybody's without its secret."""
    robot, label = f"robot-{new_id()}", f"nightly-{new_id()}"
    site.workspace.governance.create_member(NewMember(name=robot, kind="service"))
    page = visit.open("/admin/tokens")
    page.get_by_role("textbox", name="What it is for").fill(label)
    whose = page.get_by_placeholder("your own")
    whose.click()
    whose.fill(robot)
    page.get_by_role("option", name=robot).click()
    page.get_by_role("button", name="Make", exact=True).click()
    shown = page.get_by_role("region", name="token")
    shown.wait_for()
    secret = shown.inner_text().rpartition("RUNWARD_TOKEN=")[2].strip()
    assert Client(site.url, secret).get("/api/v1/me").json["name"] == robot
    page.get_by_label("Everybody’s").check()
    row = page.locator("tr", has_text=label)
    row.get_by_text(robot).wait_for()
    assert secret not in row.inner_text()
    row.get_by_role("button", name=f"Revoke {label}").click()
    row.get_by_text("revoked").wait_for()
    assert barriers(page, "tokens") == []
    assert Client(site.url, secret).get("/api/v1/me").status == 401


@pytest.mark.parametrize("visit", [{"width": 1280}, {"width": 400}], indirect=True)
def test_a_command_line_is_let_in_after_a_look(visit: Visitor, site: Site) -> None:
    """The page says what asks from where; nothing is let in by opening the address."""
    asking = Client(site.url).post("/api/v1/session/logins", {"label": "ann on gpu-box-7"}).json

    def fetched() -> Any:
        return Client(site.url).post("/api/v1/session/logins/token", {"device": asking["device"]}).json

    page = visit.open(asking["path"])
    page.get_by_text("ann on gpu-box-7").wait_for()
    page.get_by_text(asking["code"]).wait_for()
    assert barriers(page, "login") == []
    assert fetched()["pending"] is True
    page.get_by_role("button", name="Let it in").click()
    page.get_by_role("heading", name="Let in").wait_for()
    page.get_by_text("goes on by itself").wait_for()
    assert fetched()["member"] == "grace"


def test_a_password_is_changed_on_the_own_page(chromium: Any, site: Site) -> None:
    """A wrong present one and an easy new one are said beside the field; afterwards the session goes on."""
    name = f"pat-{new_id()}"
    invitation = site.workspace.governance.create_member(NewMember(name))
    context = chromium.new_context()
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.goto(f"{site.url}/welcome#{invitation.secret}")
    for field in (page.locator("input[type=password]").first, page.locator("input[type=password]").last):
        field.fill("four quiet words here")
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**/projects")
    page.goto(f"{site.url}/account")
    present, fresh = page.get_by_label("Present password"), page.get_by_label("New password")
    present.fill("not this one at all")
    fresh.fill("password1234")
    page.get_by_role("button", name="Change it").click()
    page.get_by_text("It is wrong.").wait_for()
    present.fill("four quiet words here")
    page.get_by_role("button", name="Change it").click()
    page.get_by_text("too easy to guess").wait_for()
    fresh.fill("five other quiet words now")
    page.get_by_role("button", name="Change it").click()
    page.get_by_text("Your other sessions have ended").wait_for()
    assert barriers(page, "account") == []
    page.reload()
    page.get_by_text(name).first.wait_for()
    context.close()


@pytest.mark.parametrize("visit", [{"width": 1280}, {"width": 400}], indirect=True)
def test_a_single_permission_is_given_and_who_can_see_a_run_is_told(visit: Visitor, site: Site) -> None:
    """Beside the roles of a member; a run's page names everybody whom a role lets see it."""
    name = f"eve-{new_id()}"
    site.workspace.governance.create_member(NewMember(name, role="viewer"))
    page = visit.open("/admin/members")
    page.get_by_role("button", name=f"Roles of {name}").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Allow").click()
    dialog.get_by_role("button", name="Take away: audit.read", exact=True).wait_for()
    assert barriers(page, "single permissions") == []
    run = site.workspace.tracking.search_runs(limit=1).runs[0]
    page = visit.open(f"/runs/{run.id}")
    page.get_by_role("button", name="Who can see this").click()
    told = page.get_by_role("dialog").locator("tr", has_text=name)
    told.get_by_text("viewer, audit.read").wait_for()
    assert barriers(page, "who can see this") == []
