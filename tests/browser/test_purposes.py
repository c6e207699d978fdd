"""Restricted data and pages in the browser: for what they are read, and what is left out for those who may not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from runward.governance.model import NewMember
from runward.governance.signin import new_link
from runward.insights.model import NewReport
from runward.knowledge.model import NewPage
from runward.policy.model import Terms
from runward.review.model import Proposal
from runward.testing.data import read_by, store
from runward.tracking.model import NewProject, NewRun
from tests.browser.conftest import Site, Visitor, barriers

pytestmark = pytest.mark.browser
PROJECT = "vision/purposes"
SIZES = [{"scheme": "light"}, {"scheme": "dark", "width": 400}]


def _picture(page: Any, name: str) -> None:
    if folder := os.environ.get("RUNWARD_PICTURES"):
        page.screenshot(path=str(Path(folder) / f"{name}-{page.viewport_size['width']}.png"), full_page=True)


@pytest.fixture(scope="session", autouse=True)
def _project(site: Site) -> None:
    site.workspace.tracking.create_project(NewProject(path=PROJECT))


@pytest.fixture(scope="session")
def dataset(site: Site) -> str:
    """A personal dataset with two purposes and two versions; a run read it for another one."""
    space = site.workspace
    made = store(space, PROJECT, "scans", {"a.csv": b"id,age\n1,30\n"})
    found = space.data.get_dataset(made.dataset.replace("/", ":")).id
    store(space, PROJECT, "scans", {"a.csv": b"id,age\n1,31\n2,40\n"})
    space.policy.set_label(f"dataset:{found}", "personal")
    terms = Terms(purposes=["triage research", "quality audits"], legal_basis="consent, GDPR Art. 6(1)(a)")
    space.policy.set_terms(found, terms)
    run = space.tracking.create_run(NewRun(project=PROJECT, name="advertiser", purpose="advertising"))
    read_by(space, run.id, PROJECT, b"id,age\n1,31\n2,40\n")
    return found


@pytest.mark.parametrize("visit", SIZES, indirect=True)
def test_files_are_read_for_something(visit: Visitor, dataset: str) -> None:
    """Nothing is handed out before its reader said for what; the choice is in the address."""
    page = visit.open(f"/data/{dataset}/files")
    page.get_by_text("say for what", exact=True).first.wait_for()
    assert page.get_by_role("link", name="Download a.csv").count() == 0
    _picture(page, "purpose-asked")
    page.get_by_role("combobox", name="You read it for").click()
    page.get_by_role("option", name="quality audits").click()
    link = page.get_by_role("link", name="Download a.csv")
    link.wait_for()
    assert str(link.get_attribute("href")).endswith("?purpose=quality%20audits")
    assert "for=quality" in page.url
    _picture(page, "purpose-said")
    assert barriers(page, "files") == []
    with page.expect_download() as got:
        link.click()
    assert Path(got.value.path()).read_bytes() == b"id,age\n1,31\n2,40\n"


@pytest.mark.parametrize("visit", SIZES, indirect=True)
def test_a_run_says_what_it_read_without_a_purpose_for_it(visit: Visitor, site: Site, dataset: str) -> None:
    """A badge beside the name; behind it the data, the run's purpose and theirs."""
    page = visit.open(f"/runs/{site.workspace.tracking.resolve_run('advertiser').id}")
    page.get_by_role("button", name="data use").click()
    box = page.get_by_role("dialog", name="Label")
    box.get_by_text("it may be used for: triage research; quality audits").wait_for()
    assert box.get_by_role("link", name=f"{PROJECT}:scans").first.is_visible()
    assert barriers(page, "data use") == []
    _picture(page, "run-data-use")


@pytest.mark.parametrize("visit", SIZES, indirect=True)
def test_a_proposal_of_a_restricted_page_is_withheld(
    visit: Visitor, chromium: Any, site: Site, request: pytest.FixtureRequest
) -> None:
    """Who may read the page sees the change; a reviewer who may not is told so, and sees no word of it."""
    space, width = site.workspace, request.node.callspec.params["visit"].get("width", 1280)
    new = NewPage(title=f"Salaries {width}", body="They are what they are")
    page_id = space.knowledge.publish(new).id
    space.policy.set_label(f"page:{page_id}", "restricted")
    proposed = NewPage(title=new.title, body="They are zimzum high")
    review = space.review.propose(PROJECT, Proposal(page=proposed)).review.id
    space.review.comment(review, "is zimzum right?", "page.md:6")
    page = visit.open(f"/reviews/{review}")
    page.get_by_text("They are zimzum high").first.wait_for()
    invited = space.governance.create_member(NewMember(name=f"rita-{width}", role="reviewer"))
    member = next(one for one in space.governance.list_members() if one.name == invited.member)
    context = chromium.new_context(viewport={"width": width, "height": 860})
    context.set_default_timeout(10_000)
    page = context.new_page()
    page.goto(f"{site.url}/enter#{new_link(space.dispatcher.database, member.id)}")
    page.wait_for_url("**/projects")
    page.goto(f"{site.url}/reviews/{review}")
    page.get_by_text("The text, and what was said of it, are left out").wait_for()
    page.get_by_text("which you may not read").first.wait_for()
    _picture(page, "withheld")
    assert "zimzum" not in page.content()
    assert barriers(page, "withheld") == []
    context.close()


@pytest.mark.parametrize("visit", SIZES, indirect=True)
def test_who_sees_a_thing_and_who_reads_its_content(visit: Visitor, site: Site, dataset: str) -> None:
    """Of what is restricted both; reviews and reports say it as runs, data, models and pages do."""
    space = site.workspace
    grant = NewMember(name=f"vic-{visit.page.viewport_size['width']}", role="viewer")
    space.governance.create_member(grant)
    page = visit.open(f"/data/{dataset}")
    page.get_by_role("button", name="Who can see this").click()
    box = page.get_by_role("dialog", name="Who can see this")
    box.get_by_text("It is personal: its content is read by").wait_for()
    rows = {name: box.get_by_role("row", name=name) for name in ("grace", grant.name)}
    assert "reads it" in rows["grace"].inner_text()
    assert "withheld" in rows[grant.name].inner_text()
    assert barriers(page, "who sees") == []
    _picture(page, "who-sees")
    proposal = Proposal(page=NewPage(title=f"Open {grant.name}", body="x"))
    review = space.review.propose(PROJECT, proposal).review.id
    report = space.reports.create_report(NewReport(PROJECT, f"Of {grant.name}")).id
    for path in (f"/reviews/{review}", f"/reports/{report}"):
        page = visit.open(path)
        page.get_by_role("button", name="Who can see this").click()
        box.get_by_role("row", name=grant.name).wait_for()
        assert "Content" not in box.inner_text()
