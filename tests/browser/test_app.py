"""The web app as people use it: a real server, a real browser, the pages that matter."""

from __future__ import annotations

import re
from typing import Any

import pytest

from runward.tracking.model import Batch, NewProject, NewRun
from tests.browser.conftest import Site, Visitor, barriers
from tests.browser.seed import PROJECT, fill_many, points

pytestmark = pytest.mark.browser
TABLE = f"/projects/{PROJECT}"


def pages(site: Site) -> list[str]:
    """The main pages, each with something on it."""
    run, nan = site.seeded.runs["lr-sweep-1"], site.seeded.runs["nan"]
    tabs = ["summary", "metrics", "config", "code", "environment", "artifacts", "output", "history"]
    return [
        "/projects",
        TABLE,
        f"{TABLE}?q=metrics.los+%3C+1",
        *(f"/runs/{run}/{tab}" for tab in tabs),
        f"/runs/{nan}",
        f"/runs/{site.seeded.runs['long']}",
        f"/compare?run={run}&run={nan}",
        "/reviews?state=all",
        f"/reviews/{site.seeded.review}",
        "/reproductions",
        f"/reproductions/{site.seeded.verification}",
        "/models",
        "/knowledge",
        "/knowledge?q=learning",
        f"/knowledge/{site.seeded.page}",
        "/inbox?show=all",
        "/queue",
        "/insights",
        "/admin/members",
        "/admin/tokens",
        "/admin/tokens?of=everybody",
        "/account",
        "/login",
        "/admin/audit",
        "/admin/health",
        "/legend",
        "/nowhere",
    ]


def settled(page: Any) -> None:
    """Wait until nothing on the page is still a placeholder."""
    page.wait_for_function("() => !document.querySelector('.bone')")


def rows(page: Any) -> list[str]:
    """Names in the run table, from the top."""
    names: list[str] = page.locator("[data-run-row]").all_text_contents()
    return names


def test_who_is_signed_out_comes_back_to_the_wanted_page(chromium: Any, site: Site) -> None:
    """The sign-in page keeps the address; a one-time link works once; a wrong password says so."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{site.url}{TABLE}?q=metrics.loss+%3C+1")
    page.wait_for_url("**/sign-in?next=*")
    page.get_by_label("Name").fill("grace")
    page.locator("input[type=password]").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("Name or password is wrong.").wait_for()
    link = site.link()
    page.goto(link)
    page.wait_for_url("**/projects")
    assert "#" not in page.url
    page.goto(link)
    page.get_by_role("heading", name="The link does not work").wait_for()
    page.goto(f"{site.url}/sign-in?next=//example.org")
    context.close()


def test_an_invited_member_chooses_a_password_and_signs_in_with_it(chromium: Any, site: Site) -> None:
    """The link of an invitation leads to the choice of a password, which then opens the wanted page."""
    from runward.governance.model import NewMember

    invitation = site.workspace.governance.create_member(NewMember("lin", role="contributor"))
    context = chromium.new_context()
    page = context.new_page()
    page.goto(f"{site.url}/welcome#{invitation.secret}")
    page.locator("input[type=password]").first.fill("four quiet words here")
    page.locator("input[type=password]").last.fill("four quiet words here")
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**/projects")
    context.clear_cookies()
    page.goto(f"{site.url}{TABLE}")
    page.wait_for_url("**/sign-in?next=*")
    page.get_by_label("Name").fill("lin")
    page.locator("input[type=password]").fill("four quiet words here")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**{TABLE}")
    context.close()


def test_filter_sort_select_compare(visit: Visitor) -> None:
    """The table answers a condition exactly, mends a wrong one, sorts, and takes the selection to the comparison."""
    page = visit.open("/projects")
    page.locator('main a[href="/projects/vision/digits"]').click()
    page.get_by_text("10 runs").wait_for()
    box = page.get_by_role("combobox", name="Filter runs")
    box.fill("metrics.los < 0.12")
    box.press("Enter")
    page.get_by_text("All runs are shown until the condition is mended.").wait_for()
    page.get_by_role("button", name="metrics.loss", exact=True).click()
    page.wait_for_url(re.compile("metrics.loss"))
    page.get_by_text(re.compile(r"^[1-9] runs?$")).wait_for()
    page.get_by_role("button", name="Clear the filter").click()
    page.get_by_text("10 runs").wait_for()
    page.get_by_role("button", name="lr", exact=True).click()
    page.wait_for_url("**sort=-params.lr**")
    page.wait_for_function("() => document.querySelector('[data-run-row]').textContent === 'still running'")
    page.get_by_role("checkbox", name="Select lr-sweep-1").check()
    page.get_by_role("checkbox", name="Select lr-sweep-2").check()
    page.get_by_role("button", name="Compare").click()
    page.get_by_role("heading", name="Compare 2 runs").wait_for()
    page.get_by_role("cell", name="differs: 0.03").wait_for()
    assert page.get_by_text("batch_size").count() == 0
    page.get_by_label("Show what is the same, too").check()
    page.get_by_text("batch_size").wait_for()


def test_the_table_by_keyboard_alone(visit: Visitor) -> None:
    """/ filters, j and k move, x selects, c compares, Enter opens, ? helps, Ctrl-K goes."""
    page = visit.open(TABLE)
    page.locator("[data-run-row]").first.wait_for()
    for key in "jxjjkxc":
        page.keyboard.press(key)
    page.get_by_role("heading", name="Compare 2 runs").wait_for()
    page.keyboard.press("?")
    page.get_by_role("dialog").get_by_text("Compare the selected runs").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    page.keyboard.press("Control+k")
    page.wait_for_function("() => document.activeElement.getAttribute('aria-label') === 'Go to, do, search'")
    page.keyboard.type("vision/dig")
    page.get_by_role("option", name="vision/digits").wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{TABLE}")
    page.locator("[data-run-row]").first.wait_for()
    page.keyboard.press("/")
    page.wait_for_function("() => document.activeElement.getAttribute('aria-label') === 'Filter runs'")
    page.keyboard.press("Escape")
    page.get_by_role("combobox", name="Filter runs").blur()
    page.keyboard.press("j")
    page.wait_for_function("() => document.activeElement.hasAttribute('data-run-row')")
    page.keyboard.press("Enter")
    page.wait_for_url("**/runs/*")


def test_the_skip_link_is_first_and_leads_to_the_content(visit: Visitor) -> None:
    """Somebody who uses the keyboard does not walk through the rail."""
    page = visit.open("/projects")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


@pytest.mark.parametrize(
    ("tab", "text"),
    [
        ("summary", "How it came to be"),
        ("metrics", "val/accuracy"),
        ("config", "the project’s standards"),
        ("code", "warm_up = 5"),
        ("environment", "EPYC 7763"),
        ("artifacts", "plots/confusion.png"),
        ("output", "epoch 19"),
        ("history", "run.ended"),
    ],
)
def test_each_tab_shows_what_was_captured(visit: Visitor, site: Site, tab: str, text: str) -> None:
    """All parts of the run are addresses and show the captured content."""
    page = visit.open(f"/runs/{site.seeded.runs['lr-sweep-1']}/{tab}")
    page.get_by_text(text).first.wait_for()


def test_artifacts_are_previewed_and_downloaded(visit: Visitor, site: Site) -> None:
    """A picture is shown, a text is shown as text, and a download carries the stored bytes."""
    page = visit.open(f"/runs/{site.seeded.runs['lr-sweep-1']}/artifacts?file=plots/confusion.png")
    page.wait_for_function("() => document.querySelector('img.preview')?.naturalWidth > 0")
    page.get_by_role("button", name="report.csv").click()
    page.get_by_text("digit,accuracy").wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download model.bin").click()
    assert download.value.path().read_bytes() == b"\0" * 4096


def test_what_is_not_finite_is_marked(visit: Visitor, site: Site) -> None:
    """NaN is no zero and no gap without a word."""
    page = visit.open(f"/runs/{site.seeded.runs['nan']}/metrics")
    page.get_by_text("× 3 values not finite").wait_for()
    page.get_by_text("NaN", exact=True).wait_for()


def test_curves_follow_a_running_run(visit: Visitor, site: Site) -> None:
    """A point that is stored is on the open page soon after, without a reload."""
    run_id = site.seeded.runs["running"]
    page = visit.open(f"/runs/{run_id}/metrics?m=live")
    page.get_by_text("0 metrics").wait_for()
    site.workspace.tracking.append(run_id, Batch("live", 0, 1, points=[points("live", [1.0, 2.0])]))
    page.get_by_text("1 metric", exact=True).wait_for(timeout=5000)
    site.workspace.tracking.append(run_id, Batch("live", 1, 1, points=[points("live", [42.5], 2)]))
    page.locator(".chart-legend").get_by_text("42.5").wait_for(timeout=5000)


def test_a_change_between_a_page_and_its_stream_is_not_lost(visit: Visitor, site: Site) -> None:
    """The page was asked for before, the stream begins after: nobody tells it of what was in between."""
    site.workspace.tracking.create_project(NewProject(path="between", exist_ok=True))
    run = site.workspace.tracking.create_run(NewRun(project="between", name="between"))
    held = list[Any]()
    visit.page.route("**/api/v1/stream", lambda route: held.append(route))  # noqa: PLW0108 - Playwright looks at its attributes
    page = visit.open(f"/runs/{run.id}/metrics")
    page.get_by_text("No metric logged").wait_for()
    site.workspace.tracking.append(run.id, Batch("live", 0, 1, points=[points("live", [1.0, 2.0])]))
    held[0].continue_()
    page.get_by_text("1 metric", exact=True).wait_for()


def test_a_review_is_read_discussed_and_approved(visit: Visitor, site: Site) -> None:
    """The page says what is missing, shows file and line, and the approval makes a team result."""
    page = visit.open(f"/reviews/{site.seeded.review}")
    page.get_by_text("Still missing").wait_for()
    page.get_by_text("train.py:2").first.wait_for()
    page.get_by_label("Comment", exact=True).fill("Why **five** epochs?")
    page.get_by_role("button", name="Comment", exact=True).click()
    page.locator(".conversation strong", has_text="five").wait_for()
    page.get_by_text("Threads to resolve: train.py:2").wait_for()
    page.get_by_role("button", name="Resolve", exact=True).click()
    page.get_by_text("resolved by").wait_for()
    page.locator("h1").click()
    page.keyboard.press("a")
    page.get_by_text("Applied: the run is a team result.").wait_for()
    visit.open(f"/runs/{site.seeded.runs['ada']}")
    page.get_by_role("link", name="team result").wait_for()


def test_who_started_a_run_cannot_approve_it(visit: Visitor, site: Site) -> None:
    """The page asks for a review, and then says who may approve instead."""
    page = visit.open(f"/runs/{site.seeded.runs['lr-sweep-4']}")
    page.keyboard.press("r")
    page.get_by_label("Title").fill("Mine")
    page.get_by_role("dialog").get_by_role("button", name="Request review").click()
    page.get_by_role("heading", name="Mine").wait_for()
    assert page.get_by_role("button", name="Approve").is_disabled()


def test_search_finds_pages_and_shows_them_safely(visit: Visitor, site: Site) -> None:
    """Markdown is laid out, HTML in it stays text, evidence leads to the run."""
    page = visit.open("/knowledge")
    page.get_by_role("searchbox").fill("diverges warm")
    page.get_by_role("link", name="Warm up the learning rate").click()
    page.wait_for_url(f"**/knowledge/{site.seeded.page}")
    page.get_by_text("<script>alert('no')</script>").wait_for()
    assert page.locator("a[href^='javascript']").count() == 0
    page.get_by_role("link", name=re.compile("^run ")).click()
    page.wait_for_url(f"**/runs/{site.seeded.runs['lr-sweep-1']}")


def test_an_experiment_leads_to_its_runs(visit: Visitor) -> None:
    """Search finds the experiment; its address is the project's table with exactly its runs."""
    page = visit.open("/knowledge?q=learning+rate")
    page.get_by_role("link", name="learning rate", exact=True).click()
    page.get_by_text("5 runs").wait_for()
    assert sorted(rows(page)) == [f"lr-sweep-{i}" for i in range(5)]


@pytest.mark.parametrize("visit", [{"width": 400}], indirect=True)
def test_a_phone_reaches_every_place(visit: Visitor) -> None:
    """What the rail holds on a desk is behind 'More' on a phone, the theme and the way out too."""
    page = visit.open("/projects")
    page.get_by_role("button", name="More").click()
    for place in ("Reproductions", "Models & data", "Queue", "Insights", "Admin", "Sign out"):
        page.get_by_role("menuitem", name=place).wait_for()
    page.get_by_role("menuitem", name="Dark").click()
    page.wait_for_function("() => document.documentElement.dataset.mantineColorScheme === 'dark'")


def test_the_verification_shows_its_matrix(visit: Visitor, site: Site) -> None:
    """Inputs that differ come first, what was not checked is said."""
    page = visit.open(f"/reproductions?project={PROJECT}")
    page.get_by_role("link", name="lr-sweep-1").first.click()
    page.wait_for_url(f"**/reproductions/{site.seeded.verification}")
    page.get_by_text("2 same, 1 differ, 1 unchecked").wait_for()
    page.get_by_text("data digits.csv: too large to digest").wait_for()


def test_an_absent_server_is_said_and_forgotten(visit: Visitor) -> None:
    """The page keeps what it has, says since when, and recovers."""
    page = visit.open("/projects")
    page.locator('main a[href="/projects/vision/digits"]').wait_for()
    page.route("**/api/**", lambda route: route.abort())
    page.get_by_role("link", name="Reviews").click()
    page.get_by_text("The server does not answer.").first.wait_for(timeout=15_000)
    page.unroute("**/api/**")
    page.get_by_role("button", name="Try again").first.click()
    page.locator(".banner").wait_for(state="detached")


@pytest.mark.slow
def test_ten_thousand_runs_scroll(visit: Visitor, site: Site) -> None:
    """The exact number is shown, the first rows at once, the last ones by scrolling, few rows in the page."""
    fill_many(site.workspace, "load/many", 10_000)
    page = visit.open("/projects/load/many?charts=off&sort=name")
    page.get_by_text("10,000 runs").wait_for()
    assert rows(page)[0] == "run-00000"
    grid = page.get_by_role("region", name="Runs, scrollable")
    scroll = (
        "node => { node.scrollTo(0, node.scrollHeight); return node.querySelector('[data-run-row=\"9999\"]') !== null }"
    )
    for _ in range(100):
        if grid.evaluate(scroll):
            break
        page.wait_for_timeout(100)
    assert rows(page)[-1] == "run-09999"
    assert len(rows(page)) < 100


@pytest.mark.slow
@pytest.mark.parametrize(
    "visit", [{"scheme": "light"}, {"scheme": "dark"}, {"scheme": "light", "width": 400}], indirect=True
)
def test_no_page_shuts_anybody_out(visit: Visitor, site: Site) -> None:
    """Axe finds nothing serious on any page, and none scrolls sideways: light, dark, and on a phone of 400 px."""
    found = []
    for path in pages(site):
        page = visit.open(path)
        settled(page)
        found += barriers(page, path)
    assert found == []
