"""Many runs side by side: what differs, curves, coordinates, groups, and any two line by line."""

from __future__ import annotations

import re

import pytest

from tests.browser.conftest import Site, Visitor, barriers
from tests.browser.seed import fill_sweep

pytestmark = pytest.mark.browser
TABS = ["", "curves", "parallel", "scatter", "groups&sort=metrics.loss", "pair"]


@pytest.fixture(scope="session")
def sweep(site: Site) -> list[str]:
    """Four settings with five seeds each."""
    return fill_sweep(site.workspace, "vision/compared")


def address(ids: list[str], tab: str = "") -> str:
    """The comparison of some runs."""
    return "/compare?" + "&".join(f"run={run_id}" for run_id in ids) + (f"&tab={tab}" if tab else "")


def test_only_what_differs_until_all_is_asked_for(visit: Visitor, sweep: list[str]) -> None:
    """Twenty columns; keys are searched; what is the same comes on request."""
    page = visit.open(address(sweep))
    page.get_by_role("table", name="20 runs side by side").wait_for()
    page.get_by_role("rowheader", name="width").wait_for()
    assert page.get_by_role("rowheader", name="optimizer").count() == 0
    page.get_by_label("Show what is the same, too").check()
    page.get_by_role("rowheader", name="optimizer").wait_for()
    page.get_by_label("Search in keys").fill("ACCU")
    page.get_by_role("rowheader", name="width").wait_for(state="detached")
    page.get_by_role("rowheader", name="val/accuracy").wait_for()
    page.wait_for_url("**q=ACCU**")


def test_colours_stand_for_what_somebody_chose(visit: Visitor, sweep: list[str]) -> None:
    """In curves and in the scatter plot, with the address; a legend says what they mean, and so does each run's name."""
    page = visit.open(address(sweep, "curves"))
    page.get_by_label("Colour", exact=True).select_option("params.width")
    legend = page.get_by_role("list", name="Colours of width")
    legend.get_by_text("12 runs").wait_for()
    assert legend.get_by_text("8 runs").count() == 1
    page.get_by_role("img", name=re.compile("^Chart of loss.* · 64")).wait_for()
    page.get_by_role("link", name="Scatter").click()
    assert "color=params.width" in page.url
    legend.wait_for()
    page.get_by_role("link", name=re.compile(", width 64$")).first.wait_for()
    assert barriers(page, "scatter") == []


def test_curves_of_all_runs_come_with_one_request(visit: Visitor, sweep: list[str]) -> None:
    """Axis, smoothing and zoom are in the address; the keyboard moves and zooms."""
    asked: list[str] = []
    visit.page.on("request", lambda request: asked.append(request.url) if "/curves?" in request.url else None)
    page = visit.open(address(sweep, "curves"))
    chart = page.get_by_role("group", name=re.compile("^loss: arrows move"))
    chart.locator("canvas").wait_for()
    page.get_by_text("and 8 more lines: point at one to see its name").first.wait_for()
    assert len(asked) == 1
    page.get_by_label("By", exact=True).select_option("relative")
    page.get_by_role("img", name=re.compile("^Chart of loss by relative time. 20 lines")).wait_for()
    page.get_by_label("Log y").check()
    chart.focus()
    page.keyboard.press("+")
    page.wait_for_url("**x=**")
    page.keyboard.press("0")
    page.wait_for_function("() => !location.search.includes('x=')")
    for part in ("axis=relative", "log=1"):
        assert part in page.url
    assert len(asked) == 1


def test_a_range_on_an_axis_keeps_the_runs_inside(visit: Visitor, sweep: list[str]) -> None:
    """Ranges are dragged or typed, and the runs inside become the comparison."""
    page = visit.open(address(sweep, "parallel"))
    page.get_by_text("20 of 20 runs").wait_for()
    page.get_by_text("Ranges as numbers").click()
    page.get_by_label("lr at most").fill("0.2")
    page.get_by_label("lr at most").press("Enter")
    page.get_by_text("10 of 20 runs").wait_for()
    zone = page.locator(".svg-brush-zone").nth(1)
    box = zone.bounding_box()
    assert box
    x = box["x"] + box["width"] / 2
    page.mouse.move(x, box["y"] + box["height"] - 1)
    page.mouse.down()
    page.mouse.move(x, box["y"] + box["height"] * 0.7, steps=4)
    page.mouse.up()
    page.get_by_text("6 of 20 runs").wait_for()
    page.get_by_role("button", name="Compare only these").click()
    page.get_by_role("heading", name="Compare 6 runs").wait_for()


def test_any_two_values_against_each_other(visit: Visitor, sweep: list[str]) -> None:
    """One point a run with its figures in words, and what the ranks say."""
    page = visit.open(address(sweep, "scatter"))
    page.get_by_label("Across", exact=True).select_option("metrics.loss")
    page.get_by_label("Up", exact=True).select_option("metrics.val/accuracy")
    page.get_by_text("Rank correlation -1.00 over 20 runs").wait_for()
    assert page.get_by_role("link", name=re.compile("^lr0.1-seed0: loss 0.")).count() == 1


def test_seeds_become_one_row_with_a_test(visit: Visitor, sweep: list[str]) -> None:
    """By a parameter the verdict is as honest as in the run list."""
    page = visit.open(address(sweep, "groups&sort=metrics.loss"))
    page.get_by_label("Group by").select_option("params.lr")
    page.get_by_role("columnheader", name="lr", exact=True).wait_for()
    verdicts = page.locator("tbody .verdict").all_text_contents()
    assert verdicts == ["best", "not distinguishable", "higher, p < 0.001", "higher, p < 0.001"]


def test_any_two_runs_line_by_line(visit: Visitor, sweep: list[str]) -> None:
    """The pair is in the address; code, configuration and environment are those of the two."""
    page = visit.open(address(sweep, "pair"))
    page.get_by_label("To", exact=True).select_option(label="lr0.2-seed3")
    page.get_by_text("train.py", exact=True).first.wait_for()
    page.get_by_role("cell", name="differs: 0.2").wait_for()
    assert "b=" in page.url


@pytest.mark.slow
@pytest.mark.parametrize("visit", [{"scheme": "light"}, {"scheme": "dark", "width": 400}], indirect=True)
def test_no_way_to_compare_shuts_anybody_out(visit: Visitor, sweep: list[str]) -> None:
    """Axe finds nothing serious in any tab, and none scrolls sideways."""
    found = []
    for tab in TABS:
        page = visit.open(address(sweep, tab))
        page.wait_for_function("() => !document.querySelector('.bone')")
        found += barriers(page, tab)
    assert found == []
