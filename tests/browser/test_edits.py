"""Two people edit the same thing: the second sees both changes before anything is stored, and nothing is overwritten."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from runward.core.ids import new_id
from runward.insights.model import Block, NewReport, ReportChange
from runward.knowledge.model import NewPage, PagePatch
from runward.registry.model import NewModel, NewVersion
from runward.review.standards_model import StandardsEdit
from runward.tracking.model import NewProject
from tests.browser.conftest import Site, Visitor, barriers

pytestmark = pytest.mark.browser
BOTH = pytest.mark.parametrize("visit", [{"width": 1280}, {"width": 400, "scheme": "dark"}], indirect=True)
TEXT = "# Rates\n\nUse 0.01 for small nets.\n\nMeasured on digits.\n"
FIRST = "Somebody was first"


def _picture(page: Any, name: str) -> None:
    """Kept where somebody wants to look at the pages."""
    if folder := os.environ.get("RUNWARD_PICTURES"):
        page.screenshot(path=str(Path(folder) / f"{name}-{page.viewport_size['width']}.png"), full_page=True)


@BOTH
def test_a_page_that_two_edit_is_merged(visit: Visitor, site: Site) -> None:
    """In different places at once; where both changed the same line only after one was chosen."""
    knowledge = site.workspace.knowledge
    made = knowledge.publish(NewPage(title=f"Rates {new_id()}", body=TEXT))
    page = visit.open(f"/knowledge/{made.id}")
    page.get_by_role("button", name="Edit").click()
    text = page.get_by_label("Text", exact=True)
    assert text.input_value() == TEXT
    text.fill(TEXT.replace("0.01", "0.004"))
    page.get_by_role("region", name="Preview").get_by_text("Use 0.004 for small nets.").wait_for()
    knowledge.edit_page(made.id, PagePatch(body=TEXT.replace("digits", "digits and letters")))
    page.get_by_role("button", name="Save as version 2").click()
    note = page.get_by_role("alert").filter(has_text=FIRST)
    note.get_by_text("was changed by grace").wait_for()
    note.get_by_text("Both changes are in it now").wait_for()
    both = TEXT.replace("0.01", "0.004").replace("digits", "digits and letters")
    assert text.input_value() == both
    assert knowledge.get_page(made.id).version == 2
    assert barriers(page, "a merged page") == []
    _picture(page, "merged-page")
    knowledge.edit_page(made.id, PagePatch(body=TEXT.replace("0.01", "0.002")))
    page.get_by_role("button", name="Save as version 3").click()
    page.get_by_text("A conflict is still marked").wait_for()
    marked = text.input_value()
    assert (
        "<<<<<<< yours\nUse 0.004 for small nets.\n=======\nUse 0.002 for small nets.\n>>>>>>> version 3 by" in marked
    )
    assert page.get_by_role("button", name="Save as version 4").is_disabled()
    assert barriers(page, "a page with a conflict") == []
    _picture(page, "conflict-page")
    text.fill(TEXT.replace("0.01", "0.003"))
    page.get_by_role("button", name="Save as version 4").click()
    page.get_by_role("heading", name="History").wait_for()
    assert (knowledge.get_page(made.id).body, knowledge.get_page(made.id).version) == (TEXT.replace("0.01", "0.003"), 4)


def test_fields_of_a_card_do_not_disturb_each_other(visit: Visitor, site: Site) -> None:
    """And a text that both wrote is merged."""
    registry, name = site.workspace.registry, f"edited-{new_id()}"
    registry.create_model(NewModel(name))
    registry.create_version(name, NewVersion("s3://models/m"))
    registry.write_card(name, 1, {"limitations": "Sevens.\n\nNines.", "owner": "Ada"})
    page = visit.open(f"/models/{name}/1")
    page.get_by_role("button", name="Change", exact=True).click()
    page.get_by_label("Limitations").fill("Sevens with a bar.\n\nNines.")
    registry.write_card(name, 1, {"limitations": "Sevens.\n\nNines and fours.", "owner": "Bob"})
    page.get_by_role("button", name="Save the card").click()
    page.get_by_role("alert").filter(has_text=FIRST).wait_for()
    _picture(page, "merged-card")
    assert barriers(page, "a merged card") == []
    page.get_by_role("button", name="Save the card").click()
    page.get_by_role("button", name="Save the card").wait_for(state="detached")
    assert registry.get_card(name, 1).fields == {
        "limitations": "Sevens with a bar.\n\nNines and fours.",
        "owner": "Bob",
    }


def test_blocks_of_a_report_are_merged(visit: Visitor, site: Site) -> None:
    space = site.workspace
    space.tracking.create_project(NewProject("edited", exist_ok=True))
    texts = [Block("text", text="One."), Block("text", text="Two."), Block("text", text="Three.")]
    made = space.reports.create_report(NewReport("edited", "Weekly", texts))
    page = visit.open(f"/reports/{made.id}?edit=1")
    page.get_by_label("Title").first.fill("Weekly, by two")
    theirs = [*texts[:2], Block("text", text="Three, and four.")]
    space.reports.update_report(made.id, ReportChange("Weekly", theirs))
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("alert").filter(has_text=FIRST).wait_for()
    _picture(page, "merged-report")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("button", name="Share").wait_for()
    found = space.reports.get_report(made.id)
    assert (found.report.title, found.report.version, found.blocks) == ("Weekly, by two", 3, theirs)


def test_standards_that_two_edit_keep_both_changes(visit: Visitor, site: Site) -> None:
    """Field by field; what both changed is named."""
    space, project = site.workspace, f"edited-{new_id()}"
    space.tracking.create_project(NewProject(project))
    page = visit.open(f"/standards/{project}?edit=1")
    page.get_by_label("Approvals", exact=True).fill("3")
    space.standards.edit(project, StandardsEdit(values={"approvals": 2, "naming": "a-.*"}))
    page.get_by_role("button", name="Save as a new version").click()
    page.get_by_role("alert").get_by_text("Both changed Approvals").wait_for()
    assert page.get_by_label("Names", exact=True).input_value() == "a-.*"
    _picture(page, "merged-standards")
    assert barriers(page, "merged standards") == []
    page.get_by_role("button", name="Save as a new version").click()
    page.get_by_role("heading", name="In force").wait_for()
    found = space.standards.in_force(project)
    assert (found.version, found.standards.approvals, found.standards.naming) == (2, 3, "a-.*")
