"""Models: who pointed which alias at what, and how a version is put up for promotion."""

from __future__ import annotations

import pytest

from runward.registry.model import NewModel, NewVersion
from runward.tracking.model import NewProject, NewRun, RunEnd, RunStatus
from tests.browser.conftest import Site, Visitor, barriers

pytestmark = pytest.mark.browser
PROJECT = "vision/promoted"


def test_a_version_is_put_up_for_promotion_and_its_story_told(site: Site, visit: Visitor) -> None:
    space = site.workspace
    space.tracking.create_project(NewProject(PROJECT, exist_ok=True))
    run = space.tracking.create_run(NewRun(project=PROJECT, name="candidate-run"))
    space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))
    space.registry.create_model(NewModel("promoted"))
    space.registry.create_version("promoted", NewVersion(f"runs:/{run.id}/model", run.id))
    space.registry.set_alias("promoted", "candidate", 1, reason="first")
    space.registry.override_alias("promoted", "production", 1, "the night before")
    space.registry.set_alias("promoted", "production", None)
    page = visit.open("/models/promoted")
    page.get_by_text("past the review").wait_for()
    page.get_by_text("the night before").wait_for()
    assert barriers(page, "the model's page") == []
    page.get_by_role("button", name="Ask for promotion").click()
    dialog = page.get_by_role("dialog")
    assert dialog.get_by_label("Alias").input_value() == "production"
    dialog.get_by_role("button", name="Request review").click()
    page.wait_for_url("**/reviews/*")
    page.get_by_role("link", name="promoted 1").wait_for()
    assert space.review.list_reviews()[0].alias == "production"
