"""``runward review``: results that are reviewed like code."""

from __future__ import annotations

import contextlib
from statistics import fmean, stdev

import click

from runward.cli.output import NO, UNDECIDED, Output, pass_output, with_json
from runward.errors import ForbiddenError, NotFoundError
from runward.face import current_workspace
from runward.review.model import (
    Change,
    CheckResult,
    NewReview,
    ReviewComment,
    ReviewDetail,
    ReviewState,
    Verdict,
    Vote,
    Waiver,
)
from runward.review.report import WITHHELD
from runward.tracking.marks import OUTDATED
from runward.workspace import Workspace

_SIGNS = {"pass": "✓", "warn": "!", "fail": "✗", "undecided": "?", "needs_person": "☞"}


@click.group()
def review() -> None:
    """Request, check, approve reviews. REVIEW is an id or a number such as 3 or #3."""


def find_review(space: Workspace, ref: str) -> str:
    """A review's id from its id or number. Raises: NotFoundError."""
    number = ref.lstrip("#")
    if not number.isdigit():
        return ref
    for found in space.review.list_reviews(number=int(number)):
        return found.id
    raise NotFoundError(f"there is no review #{number}", hint="`runward review list` shows them")


def check_lines(checks: list[CheckResult]) -> list[str]:
    """Checks with their evidence, for people."""
    lines = []
    for found in checks:
        waived = f"  waived: {found.waived}" if found.waived else ""
        lines.append(f"  {_SIGNS[found.verdict]} {found.name}: {found.message}{waived}")
        if found.verdict in (Verdict.FAIL, Verdict.WARN, Verdict.NEEDS_PERSON):
            lines += [
                f"      {e.file}:{e.line} {e.message}" if e.file else f"      {e.message}" for e in found.evidence[:5]
            ]
    return lines


_PLACES = {"moved": "now {line}", "outdated": "no longer there"}


def _remark_lines(comments: list[ReviewComment]) -> list[str]:
    """Threads with their answers, then what was said in the open."""
    lines = []
    for one in [c for c in comments if not c.thread]:
        place = _PLACES.get(one.place, "").format(line=one.line)
        done = f"resolved by {one.resolved_by}" if one.resolved_at else ""
        told = ", ".join(text for text in (place, done) if text)
        where = f"  [{one.id}: {one.anchor}{f'; {told}' if told else ''}]" if one.anchor else ""
        lines.append(f"  {one.author}: {one.body}{where}")
        lines += [f"    {answer.author}: {answer.body}" for answer in comments if answer.thread == one.id]
    return lines


def story_of(space: Workspace, detail: ReviewDetail) -> list[str]:
    """A review for people, with what was decided on similar changes."""
    similar = space.feedback.similar_rejections(detail.review.id)
    return [*story(detail), *(f"  {one.sentence} ({', '.join(one.shared[:5])})" for one in similar)]


def story(detail: ReviewDetail) -> list[str]:
    """A review for people."""
    r = detail.review
    state = r.state.replace("_", " ") + (", not reviewed" if r.overridden else "")
    base = f", compared with {detail.base.name}" if detail.base else ""
    return [
        f"#{r.number} {r.title}  [{state}]  {r.id}",
        *(
            [f"  {r.model} {r.version} as {r.alias}, in place of {f'version {r.alias_now}' if r.alias_now else 'none'}"]
            if r.model
            else []
        ),
        f"  {f'run {r.run_name} ({r.run_id}) in' if r.run_id else f'{r.proposes} for'} {r.project}, asked by {r.author},"
        f" revision {r.revision[:12]}{base}",
        *_further_lines(detail),
        *(line for change in detail.changes if r.proposes for line in change.diff.splitlines()),
        *([f"  {WITHHELD}"] if detail.withheld else []),
        *([f"  because: {r.ending}"] if r.ending else []),
        *(f"  {name} changed since: what was decided is about other content" for name in _changed_since(detail)),
        *check_lines(detail.checks),
        *(f"  {v.reviewer}: {v.verdict.replace('_', ' ')}{_standing(v)} {v.comment}" for v in detail.votes),
        *_remark_lines(detail.comments),
        *(f"  missing: {text}" for text in detail.missing),
    ]


def _standing(vote: Vote) -> str:
    """Why a vote does not count, where it does not."""
    if vote.outdated:
        return " (outdated)"
    return "" if vote.counts else " (does not count: had a part in it, or may not approve any more)"


def _changed_since(detail: ReviewDetail) -> list[str]:
    """Names of the review's runs that were a team result by it and are none now."""
    runs = [run for run in (detail.run, *detail.further) if run is not None]
    of_this = ("team_result", OUTDATED, detail.review.id)
    return [run.name for run in runs if any((mark.kind, mark.label, mark.ref) == of_this for mark in run.marks)]


def _further_lines(detail: ReviewDetail) -> list[str]:
    """The other runs of the result, and what all of them measured."""
    if detail.run is None or not detail.further:
        return []
    runs = [detail.run, *detail.further]
    lines = [f"  and {', '.join(f'{run.name} ({run.id})' for run in detail.further)}: {len(runs)} runs, one result"]
    for key in sorted(detail.run.metrics):
        values = [metric.last for run in runs if (metric := run.metrics.get(key)) and metric.last is not None]
        if len(values) > 1:
            lines.append(f"  {key}: {fmean(values):.6g} ± {stdev(values):.2g} (sd of {len(values)} runs)")
    return lines


@review.command("request")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option("--title", default="")
@click.option("--description", default="")
@click.option("--reviewer", multiple=True, help="Whom to tell; default: the team.")
@click.option("--base", default="", help="The run to compare with; default: the project's baseline.")
@click.option("--draft", is_flag=True, help="Not to be decided yet: `runward review open` asks the reviewers.")
@with_json
@pass_output
def request(
    output: Output,
    runs: tuple[str, ...],
    title: str,
    description: str,
    reviewer: tuple[str, ...],
    base: str,
    draft: bool,
) -> None:
    """Open a review on a finished run and run its checks; several runs (other seeds, say) are reviewed as one result."""
    space = current_workspace()
    resolve = space.tracking.resolve_run
    base_id = resolve(base).id if base else ""
    first, *also = [str(resolve(run).id) for run in runs]
    new = NewReview(first, title, description, list(reviewer), draft=draft, base_id=base_id, also=also)
    found = space.review.request_review(new)
    output.result(found, story_of(space, found))


@review.command("list")
@click.option("--state", type=click.Choice([state.value for state in ReviewState]), default=None)
@click.option("--project", "-p", default="")
@click.option("--waiting", is_flag=True, help="Only those that wait for your decision, the oldest first.")
@with_json
@pass_output
def list_reviews(output: Output, state: str | None, project: str, waiting: bool) -> None:
    """Reviews, newest first."""
    reviews = current_workspace().review
    found = reviews.list_reviews(ReviewState(state) if state else None, project, waiting=waiting)
    rows = [
        [f"#{r.number}", r.title, r.state, r.run_name, r.author, f"{r.approvals}/{r.approvals_needed}"] for r in found
    ]
    output.table(found, ["", "title", "state", "run", "author", "approvals"], rows)


@review.command("show")
@click.argument("ref", metavar="REVIEW")
@with_json
@pass_output
def show(output: Output, ref: str) -> None:
    """A review with its evidence and what is still missing."""
    space = current_workspace()
    found = space.review.get_review(find_review(space, ref))
    output.result(found, story_of(space, found))


@review.command("approve")
@click.argument("ref", metavar="REVIEW")
@click.option("--comment", "-m", default="")
@click.option("--revision", default="", help="The revision you looked at; refused if there is a newer one.")
@with_json
@pass_output
def approve(output: Output, ref: str, comment: str, revision: str) -> int:
    """Approve; with nothing missing the run becomes a team result. Exit code 1 while something is missing."""
    space = current_workspace()
    review_id = find_review(space, ref)
    present = space.review.get_review(review_id).review.revision
    if revision and present.startswith(revision):
        revision = present
    found = space.review.approve(review_id, revision or present, comment)
    output.result(found, [f"approved revision {present[:12]}", *story(found)])
    return 0 if found.review.state is ReviewState.APPLIED else NO


@review.command("request-changes")
@click.argument("ref", metavar="REVIEW")
@click.option("--comment", "-m", required=True)
@with_json
@pass_output
def request_changes(output: Output, ref: str, comment: str) -> None:
    """Ask for changes."""
    space = current_workspace()
    found = space.review.request_changes(find_review(space, ref), comment)
    output.result(found, story(found))


@review.command("withdraw")
@click.argument("ref", metavar="REVIEW")
@click.option("--reason", "-m", default="")
@with_json
@pass_output
def withdraw(output: Output, ref: str, reason: str) -> None:
    """Withdraw a review of yours."""
    space = current_workspace()
    found = space.review.withdraw(find_review(space, ref), reason)
    output.result(found, story(found))


@review.command("reject")
@click.argument("ref", metavar="REVIEW")
@click.option("--reason", "-m", required=True)
@with_json
@pass_output
def reject(output: Output, ref: str, reason: str) -> None:
    """Reject a result for good."""
    space = current_workspace()
    found = space.review.reject(find_review(space, ref), reason)
    output.result(found, story(found))


@review.command("open")
@click.argument("ref", metavar="REVIEW")
@with_json
@pass_output
def open_draft(output: Output, ref: str) -> None:
    """Ask the reviewers to decide on a draft."""
    space = current_workspace()
    found = space.review.open_draft(find_review(space, ref))
    output.result(found, story(found))


@review.command("update")
@click.argument("ref", metavar="REVIEW")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True)
@click.option("--version", type=int, default=0, help="For a review of a model's version: the one that RUN made.")
@click.option("--comment", "-m", default="", help="What is different now.")
@with_json
@pass_output
def update(output: Output, ref: str, runs: tuple[str, ...], version: int, comment: str) -> None:
    """Give a review the next attempt as its subject: threads are carried over, approvals become outdated."""
    space = current_workspace()
    first, *also = [str(space.tracking.resolve_run(run).id) for run in runs]
    change = Change(first, version, comment, also)
    found = space.review.change_subject(find_review(space, ref), change)
    output.result(found, story(found))


@review.command("apply")
@click.argument("ref", metavar="REVIEW")
@with_json
@pass_output
def apply_review(output: Output, ref: str) -> None:
    """Apply an approved review, where the standards leave that to a person."""
    space = current_workspace()
    found = space.review.apply_review(find_review(space, ref))
    output.result(found, story(found))


@review.command("waive")
@click.argument("ref", metavar="REVIEW")
@click.argument("check")
@click.option("--reason", "-m", required=True)
@with_json
@pass_output
def waive(output: Output, ref: str, check: str, reason: str) -> None:
    """Let a CHECK not count on the present revision. For maintainers who had no part in the result."""
    space = current_workspace()
    review_id = find_review(space, ref)
    present = space.review.get_review(review_id).review.revision
    found = space.review.waive(review_id, Waiver(check, reason, present))
    output.result(found, story(found))


@review.command("override")
@click.argument("ref", metavar="REVIEW")
@click.option("--reason", "-m", required=True)
@with_json
@pass_output
def override(output: Output, ref: str, reason: str) -> None:
    """Apply a review without what is missing. For admins; it counts as not reviewed."""
    space = current_workspace()
    found = space.review.override(find_review(space, ref), reason)
    output.result(found, story(found))


@review.command("gates")
@click.argument("run", metavar="RUN")
@with_json
@pass_output
def gates(output: Output, run: str) -> int:
    """A run's gates against its team's standards. Exit code 1 if one is closed.

    Where the run or the standards changed since, they are evaluated again; who may not write the run is told how they
    were, with exit code 3.
    """
    space = current_workspace()
    run_id = space.tracking.resolve_run(run).id
    found = space.review.gates(run_id)
    if found.outdated:
        with contextlib.suppress(ForbiddenError):
            found = space.review.evaluate_gates(run_id)
    old = ", before the run or the standards changed" if found.outdated else ""
    output.result(found, [("open" if found.passed else "closed") + old, *check_lines(found.results)])
    if found.outdated:
        return UNDECIDED
    return 0 if found.passed else NO
