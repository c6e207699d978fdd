"""What runs logged beside numbers, and notebooks: shown for what they are, and never trusted."""

from __future__ import annotations

import re

import pytest

from tests.browser.conftest import Site, Visitor, barriers
from tests.browser.seed import fill_media, fill_sweep

pytestmark = pytest.mark.browser
BLOCKED = "Blocked script execution"


@pytest.fixture(scope="session")
def pictured(site: Site) -> list[str]:
    """Two runs with media of every kind."""
    ids = fill_sweep(site.workspace, "vision/pictured")[:2]
    for run_id in ids:
        fill_media(site.workspace, run_id)
    return ids


def only_blocked(visit: Visitor) -> int:
    """How many scripts the browser refused to run; forgets them, for they are no faults of ours."""
    blocked = [fault for fault in visit.faults if BLOCKED in fault]
    visit.faults = [fault for fault in visit.faults if BLOCKED not in fault]
    return len(blocked)


def test_every_kind_is_shown_for_what_it_is(visit: Visitor, pictured: list[str]) -> None:
    """Pictures load, tables are tables, text is text, and the slider moves through the steps."""
    page = visit.open(f"/runs/{pictured[0]}/media")
    page.wait_for_function("() => [...document.querySelectorAll('img.medium')].every(img => img.naturalWidth > 0)")
    page.get_by_text("the cat at step 20").wait_for()
    page.get_by_role("cell", name="<b>dog</b>").wait_for()
    page.get_by_role("img", name=re.compile("^Histogram from -1 to 1")).wait_for()
    page.get_by_role("img", name="3 steps, values from -1 to 1").wait_for()
    page.wait_for_function("() => document.querySelector('audio').duration > 0.3")
    page.get_by_label("Step of says").focus()
    page.keyboard.press("ArrowLeft")
    page.get_by_text("the cat at step 10").wait_for()
    page.wait_for_url("**step=10")
    only_blocked(visit)


def test_what_a_run_made_cannot_touch_the_page(visit: Visitor, pictured: list[str]) -> None:
    """HTML shows without its scripts; with them it still has no origin; a drawing is only a picture."""
    page = visit.open(f"/runs/{pictured[0]}/media")
    page.frame_locator("iframe").get_by_role("heading", name="made by a run").wait_for()
    assert only_blocked(visit) >= 1
    page.get_by_role("button", name="Run its scripts").click()
    page.wait_for_function("() => document.querySelector('iframe').sandbox.value === 'allow-scripts'")
    page.frame_locator("iframe").get_by_role("heading", name="made by a run").wait_for()
    page.wait_for_function("() => [...document.querySelectorAll('img.medium')].every(img => img.complete)")
    assert "broken out" not in page.title()
    # The script ran and was kept from our document: the browser says so.
    visit.faults = [fault for fault in visit.faults if "frame" not in fault and "origin" not in fault]


def test_runs_are_seen_beside_each_other_at_the_same_step(visit: Visitor, pictured: list[str]) -> None:
    """The step is in the address and common to all runs."""
    page = visit.open(f"/compare?run={pictured[0]}&run={pictured[1]}&tab=media&media=says&step=12")
    page.get_by_text("the cat at step 10").nth(1).wait_for()
    page.get_by_text("1 key", exact=True).wait_for()


def test_a_notebook_is_rendered_and_downloaded(visit: Visitor, pictured: list[str]) -> None:
    """Markdown, code and outputs; HTML output is locked up."""
    page = visit.open(f"/runs/{pictured[0]}/artifacts?file=analysis.ipynb")
    page.locator(".notebook h2, .notebook h3", has_text="A notebook").wait_for()
    page.get_by_text("print('hello')").wait_for()
    page.get_by_role("region", name="Output").get_by_text("hello").wait_for()
    page.wait_for_function("() => document.querySelector('.notebook img').naturalWidth === 48")
    page.frame_locator(".notebook-html").get_by_role("heading", name="made by a run").wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download analysis.ipynb").click()
    assert b"nbformat" in download.value.path().read_bytes()
    assert only_blocked(visit) >= 1
    assert "broken out" not in page.title()


@pytest.mark.slow
@pytest.mark.parametrize("visit", [{"scheme": "light"}, {"scheme": "dark", "width": 400}], indirect=True)
def test_media_shut_nobody_out(visit: Visitor, pictured: list[str]) -> None:
    """Axe finds nothing serious, and nothing scrolls sideways."""
    found = []
    for path in ("media", "artifacts?file=analysis.ipynb"):
        page = visit.open(f"/runs/{pictured[0]}/{path}")
        page.wait_for_function("() => !document.querySelector('.bone')")
        found += barriers(page, path)
    only_blocked(visit)
    assert found == []
