"""Saved views, comparisons with a baseline and discussions, in a browser."""

from __future__ import annotations

import pytest

from runward.tracking.organise_model import NewBaseline, NewView
from tests.browser.conftest import Site, Visitor
from tests.browser.seed import PROJECT

pytestmark = pytest.mark.browser


def test_a_saved_view_opens_the_list_as_it_was_saved(site: Site, visit: Visitor) -> None:
    """The link turns into the list's own address, which holds the whole state."""
    saved = site.workspace.organise.save_view(NewView(PROJECT, "failed ones", 'status = "failed"', "-started_at"))
    visit.page.goto(f"{site.url}/views/{saved.id}")
    visit.page.wait_for_url("**/projects/**")
    assert "status" in visit.page.url
    assert "sort=-started_at" in visit.page.url


def test_a_run_shows_its_distance_from_the_baseline_and_what_is_said_of_it(site: Site, visit: Visitor) -> None:
    """A difference without spread says so; a comment appears once it is written."""
    runs = site.seeded.runs
    site.workspace.organise.set_baseline(PROJECT, NewBaseline([runs["lr-sweep-2"]]))
    page = visit.page
    try:
        page.goto(f"{site.url}/runs/{runs['lr-sweep-1']}")
        page.get_by_text("Against the baseline").wait_for()
        page.get_by_text("one run says nothing about spread").first.wait_for()
        page.goto(f"{site.url}/runs/{runs['lr-sweep-1']}/discussion")
        page.get_by_label("New thread about the run").fill("why does it **jump**?")
        page.get_by_role("button", name="Comment", exact=True).click()
        page.locator(".thread strong", has_text="jump").wait_for()
    finally:
        site.workspace.organise.set_baseline(PROJECT, NewBaseline())
