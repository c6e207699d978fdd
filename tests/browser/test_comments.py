"""What is said about runs, points, charts and files: written, seen where it belongs, changed and settled."""

from __future__ import annotations

import re

import pytest

from runward.tracking.model import NewArtifact
from runward.tracking.organise_model import Anchor, NewComment
from tests.browser.conftest import Site, Visitor, barriers
from tests.browser.seed import fill_sweep

pytestmark = pytest.mark.browser


@pytest.fixture
def run_id(site: Site) -> str:
    """A run with curves and a file, of which nothing was said yet."""
    run_id = fill_sweep(site.workspace, "vision/talk")[0]
    digest = site.workspace.files.put_bytes("vision/talk", b"a,b\n1,2\n")
    site.workspace.tracking.add_artifact(run_id, NewArtifact("table.csv", digest))
    return run_id


def test_a_point_of_a_chart_is_discussed(visit: Visitor, site: Site, run_id: str) -> None:
    """By keyboard from the chart in focus; the marker tells on focus and leads back to the thread."""
    page = visit.open(f"/runs/{run_id}/metrics?m=loss")
    chart = page.get_by_role("group", name=re.compile("^loss: "))
    chart.locator(".u-over").wait_for()
    chart.focus()
    page.keyboard.press("t")
    panel = page.get_by_role("complementary", name="Conversation about loss")
    panel.get_by_label("At step").fill("2")
    panel.get_by_label("New thread").fill("why does it jump? @gra")
    panel.get_by_role("option", name="grace").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.type("look")
    page.keyboard.press("Control+Enter")
    # In the thread: the text of the field is found too, from the moment that it is typed.
    panel.get_by_role("region", name="Thread about loss at step 2").get_by_text(
        "why does it jump? @grace look"
    ).wait_for()
    (said,) = site.workspace.organise.list_comments(run_id)
    assert (said.anchor, said.body) == (Anchor("metric", "loss", 2), "why does it jump? @grace look")
    panel.get_by_role("button", name="Close the conversation").click()
    marker = page.get_by_role("button", name=re.compile("^Comment at step 2. grace: why"))
    marker.focus()
    page.locator(".mark-text", has_text="why does it jump?").wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(f"thread={said.id}"))
    assert "about=chart%3Aloss" in page.url


def test_a_click_on_the_chart_chooses_the_point(visit: Visitor, run_id: str) -> None:
    """Only while the conversation is open."""
    page = visit.open(f"/runs/{run_id}/metrics?m=loss")
    over = page.locator(".u-over").first
    over.wait_for()
    over.click()
    assert "at=" not in page.url
    page.get_by_role("button", name="Discuss loss, 0 open").click()
    over.click()
    page.wait_for_url(re.compile(r"at=\d+"))
    assert page.get_by_label("At step").input_value() == re.findall(r"at=(\d+)", page.url)[0]


def test_comments_are_answered_edited_removed_and_settled(visit: Visitor, site: Site, run_id: str) -> None:
    """Nothing that happened to a comment is hidden."""
    first = site.workspace.organise.add_comment(run_id, NewComment("the *first* word"))
    page = visit.open(f"/runs/{run_id}/discussion")
    page.get_by_role("button", name="Answer").click()
    page.get_by_label("Answer").fill("an answer")
    page.keyboard.press("Control+Enter")
    page.locator(".answers").get_by_text("an answer").wait_for()
    page.get_by_role("button", name="Edit").first.click()
    page.get_by_label("Your comment").fill("the second word")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="edited").click()
    page.locator(".said-one", has_text="the second word").wait_for()
    page.get_by_role("list", name="Versions").get_by_text("first").wait_for()
    page.locator(".answers").get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Remove it").click()
    page.get_by_text("was removed by grace").wait_for()
    page.get_by_role("button", name="Settle").click()
    page.get_by_text("No such thread.").wait_for()
    page.get_by_text("Settled 1").click()
    page.get_by_text("settled by grace").wait_for()
    assert site.workspace.organise.list_comments(run_id)[0].resolved_by == "grace"
    page.get_by_role("button", name="Open again").click()
    page.get_by_text("Open 1").click()
    page.get_by_text("the second word").wait_for()
    assert first.id == site.workspace.organise.list_comments(run_id)[0].id


def test_what_others_say_appears_by_itself(visit: Visitor, site: Site, run_id: str) -> None:
    """About a file, beside the file, without a reload."""
    page = visit.open(f"/runs/{run_id}/artifacts?file=table.csv")
    page.get_by_role("button", name="Discuss table.csv, 0 open").click()
    page.get_by_text("Nobody has said anything about this yet.").wait_for()
    site.workspace.organise.add_comment(run_id, NewComment("a column is missing", Anchor("artifact", "table.csv")))
    page.get_by_text("a column is missing").wait_for()
    page.get_by_role("button", name="Discuss table.csv, 1 open").wait_for()


@pytest.mark.slow
@pytest.mark.parametrize("visit", [{"scheme": "light"}, {"scheme": "dark", "width": 400}], indirect=True)
def test_conversations_shut_nobody_out(visit: Visitor, site: Site, run_id: str) -> None:
    """Axe finds nothing serious, and nothing scrolls sideways."""
    space = site.workspace.organise
    one = space.add_comment(run_id, NewComment("why? " + "x" * 300, Anchor("metric", "loss", 2)))
    space.add_comment(run_id, NewComment("because", thread_id=one.id))
    space.edit_comment(one.id, "why? @grace " + "x" * 300, 1)
    space.resolve_comment(space.add_comment(run_id, NewComment("fine")).id)
    found = []
    for path in ("discussion?show=all", f"metrics?m=loss&about=chart:loss&thread={one.id}"):
        page = visit.open(f"/runs/{run_id}/{path}")
        page.get_by_text("because").wait_for()
        found += barriers(page, path)
    assert found == []
