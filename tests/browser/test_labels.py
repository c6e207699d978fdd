"""Labels: seen beside the name, explained, changed."""

from __future__ import annotations

import pytest

from runward.testing.data import read_by, store
from runward.tracking.model import NewProject, NewRun
from tests.browser.conftest import Site, Visitor, barriers

pytestmark = pytest.mark.browser
PROJECT = "vision/labelled"


@pytest.fixture(scope="session")
def labelled(site: Site) -> tuple[str, str]:
    """A dataset, and a run that read it."""
    space = site.workspace
    space.tracking.create_project(NewProject(path=PROJECT))
    made = store(space, PROJECT, "patients", {"a.csv": b"of people"})
    run = space.tracking.create_run(NewRun(project=PROJECT, name="reader"))
    read_by(space, run.id, PROJECT, b"of people")
    return space.data.get_dataset(made.dataset.replace("/", ":")).id, run.id


@pytest.mark.parametrize("visit", [{"scheme": "light"}, {"scheme": "dark", "width": 400}], indirect=True)
def test_a_label_is_set_and_carried(visit: Visitor, labelled: tuple[str, str]) -> None:
    """A dataset's label is on the run that read it, which says why; a lower one asks for a reason."""
    dataset, run = labelled
    page = visit.open(f"/data/{dataset}")
    page.get_by_role("button", name="Label:").click()
    box = page.get_by_role("dialog", name="Label")
    box.get_by_role("combobox", name="Its own label").click()
    page.get_by_role("option", name="personal").click()
    box.get_by_role("textbox", name="Reason").fill("it is")
    box.get_by_role("button", name="Set label").click()
    page.get_by_role("button", name="Label: personal").wait_for()
    page = visit.open(f"/runs/{run}")
    page.get_by_role("button", name="Label: personal").click()
    box = page.get_by_role("dialog", name="Label")
    box.get_by_text("personal from dataset").wait_for()
    assert barriers(page, "label") == []
    box.get_by_role("checkbox", name="It carries nothing").check()
    box.get_by_role("button", name="Set label").click()
    box.get_by_text("reason is empty").wait_for()
    box.get_by_role("textbox", name="Reason").fill("sums of many")
    box.get_by_role("button", name="Set label").click()
    page.get_by_role("button", name="Label: internal").wait_for()
    box.wait_for(state="detached")
    # As it was, for whoever comes next.
    page.get_by_role("button", name="Label: internal").click()
    box.get_by_role("checkbox", name="It carries nothing").uncheck()
    box.get_by_role("button", name="Set label").click()
    page.get_by_role("button", name="Label: personal").wait_for()
