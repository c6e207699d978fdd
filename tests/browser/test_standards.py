"""Standards with who said what, an editor that names the wrong field, and shared configurations with their versions."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from runward.knowledge.libraries_model import NewRelease
from runward.review.standards_model import StandardsEdit
from runward.tracking.model import NewProject, NewRun, RunParam
from tests.browser.conftest import Site, Visitor, barriers

pytestmark = pytest.mark.browser
BOTH = pytest.mark.parametrize("visit", [{"width": 1280}, {"width": 400, "scheme": "dark"}], indirect=True)
PROJECT = "asked/figures"
EDITED = "asked/edited"
NAME = "team/transformer-base"


def _picture(page: Any, name: str) -> None:
    """Kept where somebody wants to look at the pages."""
    if folder := os.environ.get("RUNWARD_PICTURES"):
        page.screenshot(path=str(Path(folder) / f"{name}-{page.viewport_size['width']}.png"), full_page=True)


@pytest.fixture(scope="session")
def asked(site: Site) -> Site:
    space = site.workspace
    for path in ("asked", PROJECT, EDITED, "asked/empty"):
        space.tracking.create_project(NewProject(path, exist_ok=True))
    team = {
        "required_metrics": ["accuracy", "loss"],
        "thresholds": {"accuracy": ">=0.9", "latency_ms": "<=40"},
        "default_hyperparameters": {"learning_rate": 0.001, "batch_size": 64},
        "workflow": "gitflow",
        "release_process": "Tag `v1.2`, then **promote** the model.",
    }
    space.standards.edit("asked", StandardsEdit(values=team))
    for values in ({"approvals": 1}, {"approvals": 2, "default_hyperparameters.epochs": 10}):
        for path in (PROJECT, EDITED):
            space.standards.edit(path, StandardsEdit(values=values))
    base = {"layers": 12, "hidden_size": 768, "optimizer": {"name": "adamw", "lr": 0.0003}}
    for version, document, notes in (
        ("1.0.0", base, ""),
        ("1.1.0", {**base, "layers": 24, "dropout": 0.1}, "Deeper, with dropout."),
    ):
        docs = "# Our default\n\nFor sequences up to **512** tokens."
        space.libraries.publish(NewRelease(name=NAME, version=version, document=document, docs=docs, notes=notes))
    params = [RunParam("model.layers", 24, f"library {NAME} 1.1.0"), RunParam("epochs", 10, f"project {PROJECT} v2")]
    space.tracking.create_run(
        NewRun(project=PROJECT, name="user-of-it", params=params, tags={f"library.{NAME}": "1.1.0"})
    )
    return site


@BOTH
def test_a_project_shows_who_said_what(asked: Site, visit: Visitor) -> None:
    page = visit.open(f"/standards/{PROJECT}")
    row = page.get_by_role("row").filter(has_text="Default hyperparameters: learning_rate")
    row.get_by_role("link", name="asked").wait_for()
    assert "here, v2" in page.get_by_role("row").filter(has_text="Approvals").first.inner_text()
    page.get_by_text("promote").wait_for()
    assert barriers(page, "standards") == []
    _picture(page, "standards")
    page.get_by_role("button", name="Version 1").click()
    page.get_by_role("button", name="Say this again").wait_for()
    assert barriers(page, "standards, an old version") == []
    page = visit.open("/standards/asked/empty")
    page.get_by_text("said nothing itself").wait_for()
    assert barriers(page, "empty standards") == []


@BOTH
def test_the_editor_names_the_wrong_field_and_makes_a_version(asked: Site, visit: Visitor) -> None:
    space = asked.workspace
    before = len(space.standards.list_versions(EDITED))
    page = visit.open(f"/standards/{EDITED}?edit=1")
    approvals = page.get_by_label("Approvals", exact=True)
    approvals.fill("many")
    page.get_by_role("button", name="Save as a new version").click()
    page.get_by_text("Write a number.").wait_for()
    assert barriers(page, "editor") == []
    _picture(page, "standards-editor")
    approvals.fill("99")
    page.get_by_role("button", name="Save as a new version").click()
    page.get_by_text("0 to 20 can be asked").wait_for()
    assert page.evaluate("document.activeElement.id") == "field-approvals"
    approvals.fill(str(before))
    page.locator("#field-thresholds").fill("accuracy >= 0.95")
    page.get_by_role("button", name="Save as a new version").press("Enter")
    page.get_by_role("heading", name="In force").wait_for()
    found = space.standards.list_versions(EDITED)
    assert len(found) == before + 1
    assert found[0].standards.approvals == before
    assert found[0].standards.default_hyperparameters == {"epochs": 10}
    assert [rule.value for rule in found[0].standards.thresholds] == [0.95]


@BOTH
def test_a_change_is_proposed_where_standards_change_by_review(asked: Site, visit: Visitor) -> None:
    space = asked.workspace
    project = f"asked/held-{visit.page.viewport_size['width']}"
    space.tracking.create_project(NewProject(project, exist_ok=True))
    space.standards.edit(project, StandardsEdit(values={"change_by_review": True}))
    page = visit.open(f"/standards/{project}?edit=1")
    page.get_by_text("change only by a review").first.wait_for()
    assert page.get_by_role("button", name="Save as a new version").count() == 0
    page.locator("#field-max_wall_s").fill("60")
    page.get_by_role("button", name="Propose for review").click()
    page.wait_for_url("**/reviews/*")
    page.get_by_text(f"Standards of {project}").first.wait_for()


@BOTH
def test_a_shared_configuration_tells_its_versions_and_users(asked: Site, visit: Visitor) -> None:
    page = visit.open("/libraries")
    page.get_by_role("link", name=NAME).wait_for()
    assert barriers(page, "libraries") == []
    _picture(page, "libraries")
    page.keyboard.press("j")
    page.keyboard.press("o")
    page.wait_for_url(f"**/libraries/{NAME}")
    page.get_by_text("For sequences up to").wait_for()
    page.get_by_role("row").filter(has_text="dropout").wait_for()
    page.get_by_role("link", name="user-of-it").wait_for()
    assert barriers(page, "a library") == []
    _picture(page, "library")
    page.get_by_role("button", name="1.0.0").click()
    page.get_by_text("Runs that used 1.0.0").wait_for()
    page.get_by_text("None that you may see").wait_for()


@BOTH
def test_a_run_names_where_its_values_came_from(asked: Site, visit: Visitor) -> None:
    run = asked.workspace.tracking.resolve_run("user-of-it", PROJECT)
    page = visit.open(f"/runs/{run.id}/config")
    page.get_by_role("link", name=PROJECT).first.wait_for()
    page.get_by_role("link", name=NAME).click()
    page.wait_for_url(f"**/libraries/{NAME}")
