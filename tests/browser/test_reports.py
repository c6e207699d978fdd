"""Reports: written beside their preview, pinned, shared with somebody who has no account, and taken away again."""

from __future__ import annotations

import re
from typing import Any

import pytest

from runward.insights.model import Block, NewReport
from tests.browser.conftest import WIDER, Site, Visitor, barriers
from tests.browser.seed import fill_media, fill_sweep

pytestmark = pytest.mark.browser
PROJECT = "vision/reported"


@pytest.fixture(scope="session")
def run_ids(site: Site) -> list[str]:
    """Runs of a study, one of them with media."""
    ids = fill_sweep(site.workspace, PROJECT)
    fill_media(site.workspace, ids[0])
    return ids


def _write(site: Site, run_ids: list[str], title: str = "What we found") -> str:
    blocks = [
        Block("text", text="# Question\n\nDoes a *higher rate* help? `<b>`"),
        Block("runs", title="The runs", sort="-metrics.loss", keys=["params.lr", "metrics.loss", "metrics.loss.min"], limit=5),
        Block("curves", title="Curves", keys=["loss"], limit=6, smooth=0.5),
        Block("groups", title="Groups", by=["params.lr"], keys=["loss"], sort="metrics.loss"),
        Block("params", title="Params", run_ids=run_ids[:3]),
        Block("media", title="Media", run_ids=run_ids[:1], keys=["drawing", "samples", "says", "tone", "weights", "words"]),
        Block("runs", title="Gone", run_ids=["nothing12345"]),
    ]  # fmt: skip
    return site.workspace.reports.create_report(NewReport(PROJECT, title, blocks)).id


def test_a_report_is_written_for_chosen_runs(visit: Visitor, site: Site, run_ids: list[str]) -> None:
    """From the run list; the preview follows; Ctrl S saves; the list has it."""
    chosen = "&".join(f"run={run_id}" for run_id in run_ids[:2])
    page = visit.open(f"/reports/new?project={PROJECT}&{chosen}&metric=loss")
    preview = page.get_by_role("region", name="Preview")
    preview.get_by_role("row").nth(2).wait_for()
    page.get_by_label("Title").fill("Rates compared")
    page.get_by_label("Text").first.fill("It **does** help")
    preview.locator("strong", has_text="does").wait_for()
    page.get_by_role("button", name="Add a block").click()
    page.get_by_role("menuitem", name="Groups").click()
    group = page.get_by_role("group", name="4. Groups")
    group.get_by_label("By").fill("params.lr")
    page.keyboard.press("Enter")
    group.get_by_label("Metrics").fill("loss")
    page.keyboard.press("Enter")
    preview.get_by_role("columnheader", name="lr").wait_for()
    page.keyboard.press("Control+s")
    page.wait_for_url(re.compile(r"/reports/\w{12}$"))
    page.get_by_role("heading", name="Rates compared").wait_for()
    (made,) = [one for one in site.workspace.reports.list_reports(PROJECT) if one.title == "Rates compared"]
    blocks = site.workspace.reports.get_report(made.id).blocks
    assert [(block.kind, block.run_ids) for block in blocks[:2]] == [("text", []), ("runs", run_ids[:2])]
    assert (blocks[3].by, blocks[3].keys) == (["params.lr"], ["loss"])
    visit.open(f"/reports?project={PROJECT}").get_by_role("link", name="Rates compared").wait_for()


def test_what_is_wrong_is_said_where_it_is(visit: Visitor, run_ids: list[str]) -> None:
    """The preview goes on; saving is refused with the reason."""
    page = visit.open(f"/reports/new?project={PROJECT}&q=params.lr%20=%200.1")
    page.get_by_label("Condition").first.fill("params.")
    page.get_by_role("note").wait_for()
    page.get_by_label("Title").fill("Wrong")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("alert").wait_for()


def test_a_pinned_report_stays_and_says_so(visit: Visitor, site: Site, run_ids: list[str]) -> None:
    """Pinned, edited since, as it would be now, live again."""
    report_id = _write(site, run_ids)
    page = visit.open(f"/reports/{report_id}")
    page.get_by_text("● live").wait_for()
    page.get_by_text("not here any more: 1 of 1 runs").wait_for()
    page.wait_for_function("() => document.querySelectorAll('.report .u-over').length === 1")
    page.get_by_role("button", name="More").click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="Download as HTML").click()
    assert b"<h3>Question</h3>" in download.value.path().read_bytes()
    # What is gone cannot be pinned: the block has to go first.
    page.keyboard.press("e")
    page.get_by_role("button", name="Remove block 7").click()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Pin", exact=True).click()
    page.get_by_text("◆ pinned").wait_for()
    pinned = site.workspace.reports.get_report(report_id).report
    assert pinned.pin is not None
    page.keyboard.press("e")
    page.get_by_label("Title").fill("Another title")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("edited since").wait_for()
    page.get_by_role("heading", name="What we found", exact=True).wait_for()
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Make it live again").click()
    page.get_by_role("heading", name="Another title").wait_for()


def test_a_link_shows_the_report_to_a_stranger_until_it_is_revoked(
    visit: Visitor, site: Site, chromium: Any, run_ids: list[str]
) -> None:
    """Without an account, without a script, without a request beyond the page itself."""
    report_id = _write(site, run_ids)
    page = visit.open(f"/reports/{report_id}")
    page.get_by_role("button", name="Share").click()
    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_role("region", name="link").inner_text().strip()
    assert link.startswith(f"{site.url}/shared/")
    context = chromium.new_context()
    stranger, asked = context.new_page(), []
    stranger.on("request", lambda request: asked.append(request.url) if not request.url.startswith("data:") else None)
    stranger.goto(link)
    stranger.get_by_role("heading", name="What we found").wait_for()
    stranger.get_by_role("img", name=re.compile("^loss of 6 runs")).wait_for()
    assert stranger.evaluate("[...document.images].every(image => image.naturalWidth > 0)")
    assert stranger.locator("script").count() == 0
    assert stranger.locator(f"a[href*='{site.url}'], a[href^='/']").count() == 0
    assert [url for url in asked if not url.endswith("/favicon.ico")] == [link]
    page.get_by_role("button", name=re.compile("^Revoke link")).click()
    page.get_by_text("revoked").wait_for()
    assert stranger.goto(link).status == 404
    context.close()


def test_a_deleted_report_can_be_brought_back(visit: Visitor, site: Site, run_ids: list[str]) -> None:
    report_id = _write(site, run_ids, "Thrown away")
    page = visit.open(f"/reports/{report_id}")
    page.get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("button", name="Bring it back").click()
    page.get_by_role("link", name="Thrown away").wait_for()


@pytest.mark.slow
@pytest.mark.parametrize("visit", [{"scheme": "light"}, {"scheme": "dark", "width": 400}], indirect=True)
def test_reports_shut_nobody_out(visit: Visitor, site: Site, run_ids: list[str]) -> None:
    """Axe finds nothing serious, and nothing scrolls sideways; the shared page too."""
    report_id = _write(site, run_ids, "A title " + "that is long " * 20)
    found = []
    paths = [f"/reports/{report_id}", f"/reports/{report_id}?edit=1", f"/reports?project={PROJECT}"]
    for path in [*paths, site.workspace.reports.share_report(report_id).path]:
        page = visit.open(path)
        page.wait_for_function("() => !document.querySelector('.bone')")
        if "/shared/" not in path:
            found += barriers(page, path)
        elif page.evaluate(WIDER):  # No script runs there, not even ours.
            found.append(f"{path}: scrolls sideways")
    assert found == []
