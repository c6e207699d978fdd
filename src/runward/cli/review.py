"""``runward review``: results that are reviewed like code."""

from __future__ import annotations

import click

from runward.cli.output import NO, Output, pass_output, with_json
from runward.errors import NotFoundError
from runward.face import current_workspace
from runward.review.model import CheckResult, NewReview, ReviewDetail, ReviewState, Verdict
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
    for found in space.review.list_reviews(limit=1000):
        if found.number == int(number):
            return found.id
    raise NotFoundError(f"there is no review #{number}", hint="`runward review list` shows them")


def check_lines(checks: list[CheckResult]) -> list[str]:
    """Checks with their evidence, for people."""
    lines = []
    for found in checks:
        lines.append(f"  {_SIGNS[found.verdict]} {found.name}: {found.message}")
        if found.verdict in (Verdict.FAIL, Verdict.WARN, Verdict.NEEDS_PERSON):
            lines += [
                f"      {e.file}:{e.line} {e.message}" if e.file else f"      {e.message}" for e in found.evidence[:5]
            ]
    return lines


def story(detail: ReviewDetail) -> list[str]:
    """A review for people."""
    r = detail.review
    return [
        f"#{r.number} {r.title}  [{r.state.replace('_', ' ')}]  {r.id}",
        *(
            [f"  {r.model} {r.version} as {r.alias}, in place of {f'version {r.alias_now}' if r.alias_now else 'none'}"]
            if r.model
            else []
        ),
        f"  run {r.run_name} ({r.run_id}) in {r.project}, asked by {r.author}, revision {r.revision[:12]}",
        *check_lines(detail.checks),
        *(
            f"  {v.reviewer}: {v.verdict.replace('_', ' ')}" + (" (outdated)" if v.outdated else "") + f" {v.comment}"
            for v in detail.votes
        ),
        *(f"  {c.author}: {c.body}" + (f"  [{c.anchor}]" if c.anchor else "") for c in detail.comments),
        *(f"  missing: {text}" for text in detail.missing),
    ]


@review.command("request")
@click.argument("run", metavar="RUN")
@click.option("--title", default="")
@click.option("--description", default="")
@click.option("--reviewer", multiple=True, help="Whom to tell; default: the team.")
@with_json
@pass_output
def request(output: Output, run: str, title: str, description: str, reviewer: tuple[str, ...]) -> None:
    """Open a review on a finished run and run its checks."""
    space = current_workspace()
    found = space.review.request_review(
        NewReview(space.tracking.resolve_run(run).id, title, description, list(reviewer))
    )
    output.result(found, story(found))


@review.command("list")
@click.option("--state", type=click.Choice([state.value for state in ReviewState]), default=None)
@click.option("--project", "-p", default="")
@with_json
@pass_output
def list_reviews(output: Output, state: str | None, project: str) -> None:
    """Reviews, newest first."""
    found = current_workspace().review.list_reviews(ReviewState(state) if state else None, project)
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
    output.result(found, story(found))


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


@review.command("comment")
@click.argument("ref", metavar="REVIEW")
@click.option("--body", "-m", required=True)
@click.option("--anchor", default="", help="file:line, params.KEY or metrics.KEY@STEP")
@with_json
@pass_output
def comment(output: Output, ref: str, body: str, anchor: str) -> None:
    """Add a remark."""
    space = current_workspace()
    found = space.review.comment(find_review(space, ref), body, anchor)
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


@review.command("gates")
@click.argument("run", metavar="RUN")
@with_json
@pass_output
def gates(output: Output, run: str) -> int:
    """A run's gates against its team's standards. Exit code 1 if one is closed."""
    space = current_workspace()
    found = space.review.gates(space.tracking.resolve_run(run).id)
    output.result(found, ["open" if found.passed else "closed", *check_lines(found.results)])
    return 0 if found.passed else NO
