"""What a run used, and the gates on it, where people look for them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from runward.core.usage import Usage
from runward.review.feedback_model import NewCiResult
from runward.review.model import EvidenceItem, NewReview, Standards
from runward.tracking.model import NewProject, NewRun, RunEnd, RunStatus
from tests.browser.conftest import Site, Visitor, barriers

pytestmark = pytest.mark.browser
BOTH = pytest.mark.parametrize("visit", [{"width": 1280}, {"width": 400, "scheme": "dark"}], indirect=True)
PROJECT = "gated"


def _picture(page: Any, name: str) -> None:
    """Kept where somebody wants to look at the pages."""
    if folder := os.environ.get("RUNWARD_PICTURES"):
        page.screenshot(path=str(Path(folder) / f"{name}-{page.viewport_size['width']}.png"), full_page=True)


@pytest.fixture(scope="session")
def gated(site: Site) -> tuple[str, str]:
    """The ids of a run and of its review."""
    space = site.workspace
    space.tracking.create_project(NewProject(PROJECT, exist_ok=True))
    space.review.set_standards(
        PROJECT, Standards(max_peak_memory="8 GiB", max_gpu_memory="40 GiB", max_wall_s=60, required_ci=["tests"])
    )
    run = space.tracking.create_run(NewRun(project=PROJECT, name="large"))
    space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED, 0, usage=Usage(9 << 30, 125.5, 12 << 30, 71.5)))
    places = [
        EvidenceItem("tests.test_train.test_wrong: assert 0.05 == 1", "tests/test_train.py", 9),
        EvidenceItem("tests.test_train.test_other: KeyError: 'lr'", "src/train.py", 120),
    ]
    space.feedback.report_ci(run.id, NewCiResult("tests", "fail", "298 passed, 2 failed, 0 skipped", evidence=places))
    return run.id, space.review.request_review(NewReview(run.id, title="Large, but good")).review.id


@BOTH
def test_a_run_shows_what_it_used(gated: tuple[str, str], visit: Visitor) -> None:
    page = visit.open(f"/runs/{gated[0]}")
    page.get_by_text("9.00 GiB memory · 2 min 06 s CPU · 12.0 GiB GPU memory · GPU 71.5 % busy").wait_for()
    page.get_by_text("memory <= 8 GiB").first.wait_for()
    _picture(page, "run-usage")
    assert not barriers(page, "run with usage")


@pytest.mark.parametrize("visit", [{"width": 1280}], indirect=True)
def test_a_list_has_columns_for_it(gated: tuple[str, str], visit: Visitor) -> None:
    page = visit.open(f"/projects/{PROJECT}?cols=status,peak_memory_bytes,cpu_s,peak_gpu_memory_bytes,gpu_percent")
    page.get_by_text("9.00 GiB").first.wait_for()
    _picture(page, "list-usage")


@BOTH
def test_a_review_shows_the_limits_that_a_run_broke(gated: tuple[str, str], visit: Visitor) -> None:
    page = visit.open(f"/reviews/{gated[1]}")
    page.get_by_text("it used 9 GiB of memory at most").first.wait_for()
    page.get_by_text("tests/test_train.py:9").first.wait_for()
    _picture(page, "review-gates")
    assert not barriers(page, "review with limits")
