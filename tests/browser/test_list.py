"""The run list as an instrument: completion, columns, groups with their statistics, views by link."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.browser.conftest import Site, Visitor, barriers
from tests.browser.seed import PROJECT, fill_sweep

pytestmark = pytest.mark.browser
TABLE = f"/projects/{PROJECT}"
SWEEP = "vision/sweep"


@pytest.fixture(scope="session")
def sweep(site: Site) -> list[str]:
    """Four settings with five seeds each."""
    return fill_sweep(site.workspace, SWEEP)


def heads(page: Any) -> list[str]:
    """The heads of the run table, from the left."""
    found: list[str] = page.locator("[role=columnheader]").all_text_contents()
    return found


def test_existing_keys_are_offered_and_taken_by_keyboard(visit: Visitor) -> None:
    """A few letters, an arrow and Enter write a condition; Escape puts the offers away."""
    page = visit.open(TABLE)
    page.get_by_text("10 runs").wait_for()
    page.keyboard.press("/")
    page.keyboard.type("los")
    page.get_by_role("option", name="metrics.loss").wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.type("< 0.12")
    page.keyboard.press("Escape")
    page.wait_for_function("() => !document.querySelector('[role=listbox] [role=option]')")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"q=metrics.loss\+%3C\+0.12"))
    page.get_by_text(re.compile(r"^[1-9] runs$")).wait_for()


def test_columns_are_added_moved_and_kept_in_a_view(visit: Visitor) -> None:
    """What is chosen is in the address; a saved view brings it back by its link."""
    page = visit.open(f"{TABLE}?cols=status,metrics.loss")
    page.locator("[data-run-row]").first.wait_for()
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("button", name="+ params.lr").click()
    page.get_by_role("button", name="Move params.lr up").click()
    page.get_by_role("combobox", name="Which value of metrics.loss").select_option("min")
    page.wait_for_url("**cols=status%2Cparams.lr%2Cmetrics.loss.min")
    assert heads(page) == ["Run", "Status", "lr", "loss.min"]
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Views").click()
    page.get_by_label("Name of the view").fill("losses at their best")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="losses at their best").click()
    page.wait_for_url("**/projects/**cols=**")
    page.locator("[data-run-row]").first.wait_for()
    assert heads(page) == ["Run", "Status", "lr", "loss.min"]


def test_groups_have_intervals_and_an_honest_verdict(visit: Visitor, sweep: list[str]) -> None:
    """Equal settings cannot be told apart, worse ones can; a group opens as exactly its runs."""
    page = visit.open(f"/projects/{SWEEP}?cols=metrics.loss")
    page.get_by_text("20 runs").wait_for()
    page.get_by_role("button", name="Group", exact=True).click()
    page.get_by_label("params.lr").check()
    page.keyboard.press("Escape")
    page.get_by_text("Sort by a metric to test each group against the best one.").wait_for()
    page.get_by_role("button", name="loss", exact=True).click()
    page.wait_for_url("**sort=-metrics.loss**")
    page.get_by_role("button", name="loss", exact=True).click()
    page.wait_for_url("**sort=metrics.loss**")
    page.get_by_role("cell", name="not distinguishable").wait_for()
    verdicts = page.locator("tbody .verdict").all_text_contents()
    assert verdicts == ["best", "not distinguishable", "higher, p < 0.001", "higher, p < 0.001"]
    assert re.fullmatch(r"0\.\d+ ± 0\.\d+", page.locator("tbody .figure").first.text_content())
    for key in "jjx":
        page.keyboard.press(key)
    page.get_by_text("5 selected").wait_for()
    page.keyboard.press("o")
    page.get_by_text("5 runs").wait_for()
    assert "params.lr" in page.get_by_role("combobox", name="Filter runs").input_value()
    page.keyboard.press("c")
    page.get_by_role("heading", name="Compare 5 runs").wait_for()


@pytest.mark.slow
@pytest.mark.parametrize("visit", [{"scheme": "light"}, {"scheme": "dark", "width": 400}], indirect=True)
def test_the_menus_shut_nobody_out(visit: Visitor, sweep: list[str]) -> None:
    """Axe finds nothing serious with groups shown and each of the menus open."""
    page = visit.open(f"/projects/{SWEEP}?group=params.lr&sort=metrics.loss")
    page.get_by_text("not distinguishable").wait_for()
    for name in ("", "Columns", "Views", "Grouped by 1"):
        if name:
            page.get_by_role("button", name=name).click()
            page.locator("[role=dialog]").wait_for()
        assert barriers(page, name) == []
        page.keyboard.press("Escape")
        page.locator("[role=dialog]").wait_for(state="detached")


def test_a_project_is_asked_for_once_and_drawn_with_its_runs(visit: Visitor) -> None:
    """What the address shows is fetched while the program arrives, and neither again nor for somebody else."""
    asked: list[str] = []
    # What other tests changed meanwhile would be asked for again.
    visit.page.route("**/api/v1/stream", lambda route: route.abort())
    visit.page.on("request", lambda request: asked.append(request.url.removeprefix(visit.url)))
    page = visit.open(f"{TABLE}?q=metrics.loss+%3C+0.5&sort=-started_at")
    page.locator("[data-run-row]").first.wait_for()
    runs = [url for url in asked if url.startswith("/api/v1/runs?")]
    assert len(runs) == 1
    assert "where=metrics.loss+%3C+0.5&sort=-started_at&columns=metrics." in runs[0]
    assert [asked.count(url) for url in ("/api/v1/me", "/api/v1/projects/vision%3Adigits/keys")] == [1, 1]
    assert asked.index(runs[0]) < asked.index("/api/v1/projects")


def test_a_refused_condition_in_the_address_is_told(visit: Visitor) -> None:
    """Asking early does not hide what the server says."""
    page = visit.open(f"{TABLE}?q=metrics.los+%3C+0.5")
    page.get_by_role("alert").get_by_text("no run here has metrics.los").wait_for()
    page.get_by_text("All runs are shown until the condition is mended.").wait_for()


def test_nobody_is_sent_to_sign_in_and_back_to_the_project(chromium: Any, site: Site) -> None:
    """A project's address opened without a session keeps its place."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{site.url}{TABLE}?sort=name")
    page.wait_for_url(f"**/sign-in?next={'%2F'.join(TABLE.split('/'))}%3Fsort%3Dname")
    page.locator("h1").wait_for()
    context.close()


def test_head_and_names_stay_in_view(visit: Visitor) -> None:
    """However far the table is scrolled, it is told what a figure is and whose."""
    visit.page.set_viewport_size({"width": 700, "height": 420})
    page = visit.open(f"{TABLE}?charts=off")
    page.locator("[data-run-row]").nth(5).wait_for()
    page.get_by_role("region", name="Runs, scrollable").evaluate("node => node.scrollTo(150, 40)")
    page.wait_for_function(
        """() => {
          const [grid, head, name] = ['.grid', '.grid-head', '.grid-body .stick']
            .map(one => document.querySelector(one).getBoundingClientRect());
          const moved = document.querySelector('.grid').scrollLeft === 150;
          return moved && Math.abs(head.top - grid.top) <= 1 && Math.abs(name.left - grid.left) <= 1;
        }"""
    )
    assert "Run" in heads(page)


def test_a_click_on_a_run_opens_it_without_loading_the_app_again(visit: Visitor) -> None:
    """A row's link is followed within the app; with Ctrl it opens a page of its own."""
    page = visit.open(TABLE)
    link = page.locator("[data-run-row]").first
    link.wait_for()
    page.evaluate("() => { window.kept = true }")
    with page.context.expect_page() as other:
        link.click(modifiers=["Control"])
    other.value.close()
    link.click()
    page.wait_for_url("**/runs/*")
    assert page.evaluate("() => window.kept")
