"""A person's data in the web: taken out, erased by two; rules of retention and legal holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runward.core.ids import MemberId, new_id
from runward.governance.model import Actor, NewMember
from runward.governance.scopes import member_by_name
from runward.privacy.model import NewErasure
from runward.tracking.model import NewArtifact, NewProject, NewRun, RunEnd, RunStatus
from runward.workspace import FolderWorkspace
from tests.browser.conftest import Site, Visitor, barriers

BOTH = [{"width": 1280}, {"width": 400}]


def _enter(site: Site, name: str) -> FolderWorkspace:
    with site.workspace.dispatcher.database.transaction(write=False) as tx:
        member = member_by_name(tx, name)
    assert member is not None
    return site.workspace.as_member(Actor(MemberId(member), name, verified=True, via="session"))


def _person(site: Site) -> str:
    """A member with a run and a file that is no text, in which their name stands."""
    name, path = f"person-{new_id()}", f"of-{new_id()}"
    site.workspace.governance.create_member(NewMember(name, role="admin", team="*"))
    space = _enter(site, name)
    space.tracking.create_project(NewProject(path=path))
    run = space.tracking.create_run(NewRun(project=path, name=f"by {name}"))
    digest = space.files.put_bytes(path, b"\x80\x02\xff" + name.encode() + b"\x00\x01")
    space.tracking.add_artifact(run.id, NewArtifact("model.bin", digest))
    space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))
    return name


@pytest.mark.parametrize("visit", BOTH, indirect=True)
def test_a_person_is_erased_by_two(visit: Visitor, site: Site) -> None:
    """Looked at, asked for by one, confirmed by another, decided where a file needs it, and certified."""
    name, officer = _person(site), f"officer-{new_id()}"
    site.workspace.governance.create_member(NewMember(officer, role="admin", team="*"))
    page = visit.open("/admin/erasure")
    who = page.get_by_role("combobox", name="Who")
    who.click()
    who.fill(name)
    page.get_by_role("option", name=name).click()
    page.get_by_role("button", name="Look what is there").click()
    page.get_by_text("Nothing stands in the way").wait_for()
    page.get_by_text("1 file names them").wait_for()
    assert barriers(page, "survey") == []
    asked = _enter(site, officer).privacy.request_erasure(NewErasure(name, "asked by mail"))
    page.reload()
    page.get_by_role("button", name=f"Confirm {asked.pseudonym}").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("It cannot be undone").wait_for()
    assert barriers(page, "confirm") == []
    dialog.get_by_role("button", name="Erase for good").click()
    page.get_by_role("button", name=f"Decide on files of {asked.pseudonym}").click(timeout=60_000)
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox", name="What becomes of").click()
    page.get_by_role("option", name="keep it, because").click()
    assert dialog.get_by_role("button", name="Go on").is_disabled()
    dialog.get_by_role("textbox", name="Reason").fill("needed for case 7")
    assert barriers(page, "decide") == []
    dialog.get_by_role("button", name="Go on").click()
    certificate = page.get_by_role("button", name=f"Certificate of {asked.pseudonym}")
    certificate.wait_for(timeout=60_000)
    with page.expect_download() as got:
        certificate.click()
    assert json.loads(Path(got.value.path()).read_text())["payloadType"] == "application/vnd.in-toto+json"
    assert barriers(page, "erasures") == []
    page = visit.open("/admin/members")
    page.get_by_text(asked.pseudonym).first.wait_for()
    assert name not in page.content()


@pytest.mark.parametrize("visit", BOTH, indirect=True)
def test_ones_own_request_is_not_confirmed_but_withdrawn(visit: Visitor, site: Site) -> None:
    """The page offers what may be done, and says who has to do the rest."""
    name = _person(site)
    page = visit.open("/admin/erasure")
    who = page.get_by_role("combobox", name="Who")
    who.click()
    who.fill(name)
    page.get_by_role("option", name=name).click()
    page.get_by_role("button", name="Look what is there").click()
    page.get_by_role("textbox", name="Why").fill("they left")
    page.get_by_role("button", name=f"Ask for {name} to be erased").click()
    page.get_by_text("Somebody else who holds erase confirms it").wait_for()
    asked = next(one for one in site.workspace.privacy.list_erasures() if one.state == "requested")
    assert page.get_by_role("button", name=f"Confirm {asked.pseudonym}").count() == 0
    page.get_by_role("button", name=f"Withdraw {asked.pseudonym}").click()
    page.locator("tr", has_text=asked.pseudonym).get_by_text("withdrawn").wait_for()


@pytest.mark.parametrize("visit", BOTH, indirect=True)
def test_rules_and_holds(visit: Visitor, site: Site) -> None:
    """A rule is set, what it takes is shown with the bytes, a hold spares it, and both are taken away again."""
    path = f"kept-{new_id()}"
    space = site.workspace
    space.tracking.create_project(NewProject(path=path))
    run = space.tracking.create_run(NewRun(project=path, name="old"))
    space.tracking.add_artifact(run.id, NewArtifact("a.bin", space.files.put_bytes(path, path.encode() * 100)))
    space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))
    page = visit.open("/admin/retention")
    project = page.get_by_role("combobox", name="Project, with those below it")
    project.click()
    project.fill(path)
    page.get_by_role("option", name=path).click()
    page.get_by_role("textbox", name="Days after a run’s end").fill("0")
    page.get_by_role("button", name="Set", exact=True).click()
    page.locator("tr", has_text=path).get_by_text("1 from 1 run").wait_for()
    hold = page.get_by_role("combobox", name="Hold a project")
    hold.click()
    hold.fill(path)
    page.get_by_role("option", name=path).click()
    page.get_by_role("textbox", name="Why").fill("case 7")
    page.get_by_role("button", name="Hold", exact=True).click()
    page.get_by_role("button", name=f"Lift the hold on {path}").wait_for()
    assert barriers(page, "retention") == []
    page.reload()
    page.get_by_text("1 run under a hold").wait_for()
    page.get_by_role("button", name=f"Lift the hold on {path}").click()
    page.get_by_role("textbox", name="Why it counts no more").fill("settled")
    page.get_by_role("button", name="Lift", exact=True).click()
    page.get_by_role("button", name=f"Lift the hold on {path}").wait_for(state="detached")
    page.get_by_role("button", name=f"Remove the rule for artifacts of {path}").click()
    page.get_by_role("button", name=f"Remove the rule for artifacts of {path}").wait_for(state="detached")


@pytest.mark.parametrize("visit", BOTH, indirect=True)
def test_ones_own_data_is_taken_out(visit: Visitor) -> None:
    """One file with every row by table."""
    page = visit.open("/account")
    with page.expect_download() as got:
        page.get_by_role("button", name="Take out your data").click()
    page.get_by_text("in grace.json").wait_for()
    told = json.loads(Path(got.value.path()).read_text())
    assert told["person"] == "grace"
    assert {"members", "runs", "audit_events"} <= told["tables"].keys()
    assert barriers(page, "account") == []
