"""A reviewer's page: what changed since they looked, threads at lines, keys that decide."""

from __future__ import annotations

import pytest

from runward.governance.model import NewMember
from runward.review.model import Change, NewReview
from runward.testing.reviewrules import coded
from runward.testing.worlds import batch
from runward.tracking.model import NewProject, NewRun, Run, RunEnd, RunStatus
from runward.workspace import FolderWorkspace, open_folder
from tests.browser.conftest import Site, Visitor, barriers

pytestmark = pytest.mark.browser
PROJECT = "vision/reviewed"
CODE = "import sys\n\n\ndef rate(step):\n    return 0.1 / step\n\n\nprint(rate(1), sys.argv)\n"


class _Place:
    """As much of a world as :func:`coded` asks for."""

    project = PROJECT

    def run(self, space: FolderWorkspace, metrics: dict[str, float], params: dict[str, object]) -> Run:
        run = space.tracking.create_run(NewRun(project=PROJECT))
        space.tracking.append(run.id, batch(0, {key: [(0, value)] for key, value in metrics.items()}))
        return run


def _attempt(space: FolderWorkspace, code: str) -> Run:
    return coded(_Place(), space, {"train.py": code})  # type: ignore[arg-type]


def test_a_reviewer_talks_at_lines_and_comes_back(site: Site, visit: Visitor) -> None:
    """A thread with a suggestion begins at a line; after the next attempt the page says what is new, and a key decides."""
    owner = site.workspace
    owner.tracking.create_project(NewProject(PROJECT, exist_ok=True))
    owner.governance.create_member(NewMember(name="ina", role="contributor"))
    ina = open_folder(owner.dispatcher.folder, "ina")
    base, first, second = (_attempt(ina, CODE.replace("0.1", rate)) for rate in ("0.1", "0.2", "0.3"))
    review = ina.review.request_review(NewReview(first.id, "A higher rate", base_id=base.id)).review
    page = visit.open(f"/reviews/{review.id}")
    page.get_by_text("Still missing").wait_for()
    assert barriers(page, "the review") == []
    page.get_by_role("button", name="Say something about train.py:5").click()
    page.get_by_role("button", name="Suggest a change").click()
    field = page.get_by_role("textbox", name="About train.py:5")
    assert "    return 0.2 / step" in field.input_value()
    field.fill(f"Zero?\n{field.input_value()}")
    page.get_by_role("button", name="Begin a thread").click()
    thread = page.get_by_role("region", name="Thread about train.py:5", exact=True)
    with page.expect_response(lambda answer: answer.url.endswith("/seen")):
        thread.get_by_text("runward review take").wait_for()
    ina.review.change_subject(review.id, Change(second.id, comment="higher still"))
    page.reload()
    since = page.get_by_label("Since you looked")
    since.get_by_text("1 new remark").wait_for()
    since.get_by_role("button", name="compare with the one you saw").click()
    page.get_by_text("return 0.3 / step").wait_for()
    page.get_by_text("no longer there").wait_for()
    page.get_by_role("button", name="Resolve", exact=True).click()
    page.get_by_text("resolved by").wait_for()
    page.locator("h1").click()
    page.keyboard.press("e")
    assert page.get_by_label("Comment", exact=True).evaluate("field => field === document.activeElement")
    page.locator("h1").click()
    page.keyboard.press("a")
    page.get_by_text("Applied: the run is a team result.").wait_for()
    ina.tracking.resume_run(second.id)
    page.reload()
    page.get_by_text(f"Applied: the run became a team result. {second.name} changed since").wait_for()
    assert barriers(page, "the applied review") == []


def test_evidence_stands_beside_committed_code(site: Site, visit: Visitor) -> None:
    """Lines that no diff shows are shown where a check is about them, and can be talked about."""
    owner = site.workspace
    owner.tracking.create_project(NewProject(PROJECT, exist_ok=True))
    code = "import pickle\n" + "".join(f"# note {n}\n" for n in range(40)) + "y = pickle.load(open('y', 'rb'))\n"
    run = _attempt(owner, code)
    review = owner.review.request_review(NewReview(run.id, "An unsafe one")).review
    page = visit.open(f"/reviews/{review.id}")
    shown = page.get_by_role("region", name="Code of train.py", exact=True)
    shown.get_by_text("y = pickle.load").wait_for()
    assert shown.get_by_text("# note 20").count() == 0
    assert shown.locator(".line-evidence").filter(has_text="loads safely").count() >= 1
    page.get_by_role("button", name="Whole file").click()
    shown.get_by_text("# note 20").wait_for()
    page.get_by_role("button", name="Say something about train.py:42").click()
    page.get_by_role("textbox", name="About train.py:42").fill("Safetensors?")
    page.get_by_role("button", name="Begin a thread").click()
    page.get_by_role("region", name="Thread about train.py:42", exact=True).get_by_text("Safetensors?").wait_for()
    assert barriers(page, "committed code") == []
    page = visit.open(f"/runs/{run.id}/code")
    page.get_by_role("button", name="train.py").click()
    page.get_by_role("region", name="Code of train.py", exact=True).get_by_text("# note 20").wait_for()


def test_repetitions_are_reviewed_as_one_result(site: Site, visit: Visitor) -> None:
    """Chosen in the project's table; the page shows each run and what all of them measured."""
    owner, project = site.workspace, "vision/together"
    owner.tracking.create_project(NewProject(project, exist_ok=True))
    for seed, acc in enumerate((0.91, 0.93, 0.95)):
        run = owner.tracking.create_run(NewRun(project=project, name=f"repetition-{seed}", seed=seed))
        owner.tracking.append(run.id, batch(0, {"acc": [(0, acc)]}))
        owner.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))
    page = visit.open(f"/projects/{project}")
    for seed in range(3):
        page.get_by_role("checkbox", name=f"Select repetition-{seed}").check()
    page.get_by_role("region", name="Selection").get_by_role("button", name="Review", exact=True).click()
    page.get_by_text("3 runs are reviewed as one result").wait_for()
    page.get_by_label("Title").fill("Three seeds")
    page.get_by_role("button", name="Request review").click()
    page.wait_for_url("**/reviews/*")
    page.get_by_text("and 2 further runs").wait_for()
    row = page.get_by_role("row").filter(has_text="Mean ± standard deviation")
    assert row.get_by_text("0.93", exact=True).count() == 1
    assert row.get_by_text("0.02", exact=True).count() == 1
    assert page.get_by_text("the run is finished (3 of 3 runs)").count() == 1
    assert barriers(page, "a review of several runs") == []
