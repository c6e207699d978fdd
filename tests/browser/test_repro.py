"""Reproductions: rates, the queue, a verdict with all that it stands on, seeds, and why results differ."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from runward.repro.equivalence import Evidence, Sample, Statistics
from runward.repro.findings_model import (
    ExplainedDifference,
    ExplainedRerun,
    ExplanationReport,
    NewExplanation,
)
from runward.repro.model import Conditions
from runward.repro.records import NewVerification
from runward.repro.statistical import decide_statistically, result_of
from runward.testing.findings import shown
from runward.tracking.model import Batch, CapturePart, NewProject, NewRun, RunEnd, RunParam, RunStatus
from tests.browser.conftest import Site, Visitor, barriers
from tests.browser.seed import points

pytestmark = pytest.mark.browser
PROJECT = "vision/repeated"
HOSTILE = "<img src=x onerror=alert(1)> " + "תוצאה " * 30


@dataclass
class Filled:
    """Ids of what was put in."""

    runs: list[str] = field(default_factory=list)
    differs: str = ""
    statistical: str = ""
    shown: str = ""
    repeats: str = ""


def _run(site: Site, name: str, seed: int, tree: str = "tree", project: str = PROJECT) -> str:
    space = site.workspace
    new = NewRun(project=project, name=name, seed=seed, params=[RunParam("lr", 0.1)])
    run = space.tracking.create_run(new)
    space.tracking.append(run.id, Batch("seed", 0, 1, points=[points("accuracy", [0.5, 0.9 + seed / 100])]))
    facts = space.files.put_bytes(project, b"{}")
    summaries: dict[str, dict[str, Any]] = {"code": {"digest": tree}, "process": {"argv": ["python", "train.py"]}}
    space.tracking.put_captures(run.id, [CapturePart(kind, facts, said) for kind, said in summaries.items()])  # type: ignore[arg-type]
    space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED, 0))
    return run.id


def _record(
    site: Site, run_id: str, verdict: str, level: str, attempted: str, report: dict[str, Any] | None = None
) -> str:
    new = NewVerification(verdict, level, f"because {HOSTILE}", report or {}, 12.0, "ci-7", attempted)
    return site.workspace.repro.record(run_id, new).verification.id


def _matrix(run_id: str) -> dict[str, Any]:
    """A report with very many inputs, one of which differs in a line of text."""
    inputs: list[dict[str, Any]] = [
        {"kind": "package", "name": f"{i:03} {HOSTILE}", "status": "same", "before": "1.0", "after": "1.0"}
        for i in range(300)
    ]
    inputs.append({"kind": "code", "name": "train.py:3", "status": "different", "before": "lr = 0.1\nx\n", "after": "lr = 0.2\nx\n"})  # fmt: skip
    inputs.append({"kind": "machine", "name": "gpu", "status": "unchecked", "before": "A100", "after": None})
    metrics = [{"name": "accuracy", "status": "different", "points": 2, "max_difference": 0.25, "first_step": 1}]
    return {
        "run": run_id, "inputs": inputs, "cause": ["code train.py:3"], "unchecked": ["machine gpu"],
        "conditions": {"environment_rebuilt": True, "sandbox": "bubblewrap"},
        "variation": {"name": "1 thread", "status": "different", "variables": {"OMP_NUM_THREADS": "1"}, "used": {"threads": "1"}},
        "result": {"status": "different", "metrics": metrics, "exit_code": {"status": "identical", "detail": "0"}},
    }  # fmt: skip


def _statistical(run_id: str) -> NewVerification:
    """Seven reruns that are far beyond the margin, and one that diverged."""
    baseline = [Sample(run_id if i == 0 else "", i, 0.9 + i / 1000) for i in range(7)]
    candidate = [Sample("", i, 0.5 + i / 1000) for i in range(6)] + [Sample("", 6, None)]
    evidence = Evidence(
        metric="accuracy",
        margin=0.02,
        margin_from="declared",
        declared_on=3,
        baseline=baseline,
        candidate=candidate,
    )
    decision, found = decide_statistically([evidence], [], Conditions(environment_rebuilt=True))
    report = {
        "statistics": Statistics(metrics=[evidence], found=found),
        "result": result_of([evidence], found),
        "inputs": [],
        "conditions": Conditions(environment_rebuilt=True),
    }
    return NewVerification(
        str(decision.verdict),
        str(decision.level),
        decision.reason,
        msgspec.to_builtins(report),
        9.0,
        "ci-7",
        "statistical",
    )


def _explain(site: Site, first: str, second: str) -> str:
    lr = ExplainedDifference("code", "train.py:3", "lr = 0.1\nx\n", "lr = 0.2\nx\n")
    other = ExplainedDifference("config", HOSTILE, "1", "2")
    reruns = [
        ExplainedRerun([], "as the second run", 2.0),
        ExplainedRerun(sorted([lr.title, other.title]), "as the first run", 2.0),
        ExplainedRerun([lr.title], "as the first run", 1.5),
    ]
    reason = "code train.py:3: put back, restores the first result"
    report = shown(first, second, reason=reason, cause=[lr], differences=[lr, other], reruns=reruns)
    return site.workspace.findings.record_explanation(first, NewExplanation(report, 6.0, "ci-7")).explanation.id


def _repeats(site: Site, run_id: str) -> str:
    report = ExplanationReport(
        format=1,
        first=run_id,
        second=run_id,
        answer="nothing_differs",
        reason="run again twice, it gives the recorded result both times",
        reruns=[ExplainedRerun([], "as recorded, both times", 2.0)],
    )
    return site.workspace.findings.record_explanation(run_id, NewExplanation(report, 6.0)).explanation.id


@pytest.fixture(scope="session")
def filled(site: Site) -> Filled:
    """Five seeds of one experiment, verified in every way."""
    site.workspace.tracking.create_project(NewProject(PROJECT, exist_ok=True))
    found = Filled([_run(site, f"seed-{seed}", seed) for seed in range(5)])
    runs = found.runs
    _record(site, runs[0], "reproduced", "environment", "environment")
    found.differs = _record(site, runs[1], "not_reproduced", "none", "environment", _matrix(runs[1]))
    _record(site, runs[2], "reproduced", "basic", "basic")
    site.workspace.tracking.append(runs[2], Batch("seed", 1, 1, points=[points("accuracy", [0.99], 2)]))
    found.statistical = site.workspace.repro.record(runs[3], _statistical(runs[3])).verification.id
    found.shown = _explain(site, runs[0], runs[1])
    found.repeats = _repeats(site, runs[0])
    return found


def test_rates_stand_beside_what_was_attempted(visit: Visitor, filled: Filled) -> None:
    """Attempted of eligible, reproduced of attempted; each count leads to the verifications behind it."""
    page = visit.open(f"/reproductions?project={PROJECT}")
    page.get_by_text("4 attempted of 5 eligible runs").wait_for()
    row = page.get_by_role("row", name=re.compile("^≡? ?Environment"))
    assert row.get_by_role("cell").all_text_contents()[:2] == ["1 of 2", "50 %"]
    assert "0 of 1" in (page.get_by_role("row", name=re.compile("^≡? ?Basic")).text_content() or "")
    row.get_by_role("link", name="1", exact=True).click()
    page.wait_for_url(re.compile("level=environment.*verdict=not_reproduced|verdict=not_reproduced.*level=environment"))
    page.get_by_text("1 verification", exact=True).wait_for()
    page.get_by_role("link", name="seed-1").click()
    page.wait_for_url(f"**/reproductions/{filled.differs}")


def test_many_verifications_are_read_in_pieces(visit: Visitor, site: Site) -> None:
    """The newest fifty, then older ones; the keyboard walks them."""
    site.workspace.tracking.create_project(NewProject("vision/often", exist_ok=True))
    run_id = _run(site, "often", 77, "another tree", "vision/often")
    for _ in range(55):
        _record(site, run_id, "undecided", "none", "basic")
    page = visit.open(f"/reproductions?run={run_id}")
    page.get_by_text("50 verifications and more").wait_for()
    page.get_by_role("button", name="Show older ones").click()
    page.get_by_text("55 verifications", exact=True).wait_for()
    page.keyboard.press("j")
    page.keyboard.press("o")
    page.wait_for_url("**/reproductions/*")


def test_two_axes_are_shown_beside_each_other(visit: Visitor, filled: Filled) -> None:
    """Inputs by kind, what differs is open; the result for itself; differences line by line; the other machine in words."""
    page = visit.open(f"/reproductions/{filled.differs}")
    inputs = page.get_by_role("region", name="Inputs", exact=True)
    inputs.get_by_text("300 same, 1 differ, 1 unchecked").wait_for()
    inputs.get_by_text("train.py:3").wait_for()
    inputs.locator("summary", has_text="package").click()
    inputs.get_by_role("button", name="Show all 300").click()
    inputs.get_by_text("299 ").wait_for()
    result = page.get_by_role("region", name="Result", exact=True)
    result.get_by_text("2 points, largest difference 0.250, first at step 1").wait_for()
    both = page.get_by_role("region", name="code train.py:3")
    assert both.get_by_role("row").nth(1).get_by_role("cell").all_text_contents() == ["−", "lr = 0.1", "+", "lr = 0.2"]
    assert both.get_by_role("row").nth(2).get_by_role("cell").all_text_contents() == ["", "x", "", "x"]
    page.get_by_text("It was run once more with 1 thread: the result changed").wait_for()


def test_statistical_evidence_is_drawn_and_told(visit: Visitor, filled: Filled) -> None:
    """Both sides' values, the margin, the interval, the looks, and what diverged."""
    page = visit.open(f"/reproductions/{filled.statistical}")
    page.get_by_role("img", name="Values of accuracy").wait_for()
    assert page.locator(".dots-recorded circle").count() == 7
    assert page.locator(".dots-rerun circle").count() == 6
    for text in ("declared before the reruns", "after 3, 5, 7 runs per side", "0 of the baseline, 1 of the reruns"):
        page.get_by_text(text).wait_for()


def test_a_badge_opens_its_evidence(visit: Visitor, filled: Filled) -> None:
    """In the run list: who, when, where, why; Escape gives the focus back; outdated is said."""
    page = visit.open(f"/projects/{PROJECT}?charts=off&q=name+%3D+%22seed-1%22")
    badge = page.get_by_role("button", name="differs")
    badge.click()
    box = page.get_by_role("dialog", name="How it was verified")
    box.get_by_text("because <img").wait_for()
    box.get_by_text("on ci-7").wait_for()
    page.keyboard.press("Escape")
    box.wait_for(state="detached")
    assert badge.evaluate("node => node === document.activeElement")
    page = visit.open(f"/runs/{filled.runs[2]}")
    page.get_by_role("button", name="outdated").click()
    page.get_by_role("dialog").get_by_text("it no longer counts").wait_for()
    page.get_by_role("dialog").get_by_role("link", name="All of its evidence").click()
    page.wait_for_url("**/reproductions/*")


def test_a_verification_is_asked_for_and_cancelled(visit: Visitor, filled: Filled) -> None:
    """From the run's page into the queue; asking twice says what waits; the queue lets it go."""
    page = visit.open(f"/runs/{filled.runs[4]}")
    page.get_by_text("Nobody has tried to reproduce it.").wait_for()
    page.get_by_role("button", name="Verify…").click()
    page.get_by_role("menuitem", name="Environment").click()
    page.get_by_text("it waits for a worker").wait_for()
    page.get_by_role("button", name="Verify…").click()
    page.get_by_role("menuitem", name="Environment").click()
    page.get_by_role("alert").wait_for()
    page = visit.open(f"/reproductions?project={PROJECT}")
    page.get_by_role("button", name="Cancel the verification of seed-4").click()
    page.get_by_role("heading", name="Queue").wait_for(state="detached")


def test_seeds_have_mean_and_interval(visit: Visitor, site: Site, filled: Filled) -> None:
    """Over the runs that differ in nothing else, each of them a link away; alone it is not enough."""
    page = visit.open(f"/runs/{filled.runs[0]}")
    page.get_by_text("5 runs that differ in nothing but the seed").wait_for()
    row = page.get_by_role("row", name=re.compile("^accuracy 0.9 0.934"))
    row.wait_for()
    assert row.locator("circle").count() == 5
    page.get_by_role("link", name="seed 3").click()
    page.wait_for_url(f"**/runs/{filled.runs[3]}")
    page = visit.open(f"/runs/{site.seeded.runs['lr-sweep-1']}")
    page.get_by_text("one run tells no spread").wait_for()


def test_why_is_told_as_a_story(visit: Visitor, filled: Filled) -> None:
    """Found from the comparison: the answer, the cause side by side, the reruns that show it, what was not tried."""
    page = visit.open(f"/compare?run={filled.runs[0]}&run={filled.runs[1]}&tab=pair")
    page.get_by_role("link", name="code train.py:3: put back").click()
    page.wait_for_url(f"**/why/{filled.shown}")
    page.get_by_text("seed-1 gives the result of seed-0 again once code train.py:3 is put back.").wait_for()
    both = page.get_by_role("region", name="code train.py:3 in both runs")
    assert both.get_by_role("row").nth(1).get_by_role("cell").all_text_contents() == ["−", "lr = 0.1", "+", "lr = 0.2"]
    ladder = page.get_by_role("row").filter(has_text="this shows the answer")
    assert ladder.count() == 1
    page.get_by_text("Differs too, and is not needed for it").wait_for()
    page.get_by_text("the machine", exact=True).wait_for()
    page = visit.open(f"/why/{filled.repeats}")
    page.get_by_role("heading", name="Does seed-0 repeat?").wait_for()
    page.get_by_text("seed-0 repeats: run again").wait_for()
    page = visit.open("/why/nothing12345")
    page.get_by_role("alert").get_by_text("Not here").wait_for()


@pytest.mark.slow
@pytest.mark.parametrize(
    "visit", [{"scheme": "light"}, {"scheme": "dark"}, {"scheme": "dark", "width": 400}], indirect=True
)
def test_nobody_is_shut_out(visit: Visitor, filled: Filled) -> None:
    """No serious fault on any page, nor with the evidence open, and none scrolls sideways."""
    found: list[Any] = []
    paths = ["/reproductions", *(f"/reproductions/{one}" for one in (filled.differs, filled.statistical))]
    for path in [*paths, *(f"/why/{one}" for one in (filled.shown, filled.repeats)), f"/runs/{filled.runs[1]}"]:
        page = visit.open(path)
        page.wait_for_function("() => !document.querySelector('.bone')")
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
        found += barriers(page, path)
    page.get_by_role("button", name="differs").first.click()
    page.get_by_role("dialog").get_by_text("because").wait_for()
    assert found + barriers(page, "evidence") == []
