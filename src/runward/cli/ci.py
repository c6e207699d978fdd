"""``runward ci``: what a CI job found out becomes a check of the reviews of its commit."""

from __future__ import annotations

import os
from typing import Literal

import click

from runward.cli.output import Output, pass_output, with_json
from runward.errors import InvalidError
from runward.face import current_workspace
from runward.review.feedback_model import NewCiResult

_PAGES = (
    "CI_JOB_URL",  # GitLab
    "BUILD_URL",  # Jenkins
    "CIRCLE_BUILD_URL",
)
_COMMITS = ("CI_COMMIT_SHA", "BITBUCKET_COMMIT", "BUILD_SOURCEVERSION", "GIT_COMMIT", "CIRCLE_SHA1", "GITHUB_SHA")


def job_page() -> str:
    """The page of the CI job that this runs in, by the variables of its system; empty elsewhere."""
    known = os.environ
    if known.get("GITHUB_RUN_ID"):
        return (
            f"{known.get('GITHUB_SERVER_URL')}/{known.get('GITHUB_REPOSITORY')}/actions/runs/{known['GITHUB_RUN_ID']}"
        )
    return next((known[name] for name in _PAGES if known.get(name)), "")


def job_commit() -> str:
    """The commit that the CI job works on; empty elsewhere."""
    return next((os.environ[name] for name in _COMMITS if os.environ.get(name)), "")


@click.group()
def ci() -> None:
    """Results of CI on runs and their reviews."""


@ci.command("result")
@click.argument("run", metavar="[RUN]", default="")
@click.option("--name", required=True, help="Which job: tests, lint …; `required_ci` of the standards names it.")
@click.option("--verdict", type=click.Choice(["pass", "fail", "undecided"]), required=True)
@click.option("--message", "-m", default="", help="What was found out, in a sentence.")
@click.option("--url", default=None, help="The job's page; default: that of the CI job that this runs in.")
@click.option("--project", "-p", default="", help="Instead of RUN: every run of the commit that is under review here.")
@click.option("--commit", default="", help="With --project: the commit; default: that of the CI job.")
@click.option("--revision", default="", help="With RUN: the revision that was tested; refused if there is a newer one.")
@with_json
@pass_output
def result(
    output: Output,
    run: str,
    name: str,
    verdict: Literal["pass", "fail", "undecided"],
    message: str,
    url: str | None,
    project: str,
    commit: str,
    revision: str,
) -> None:
    """Post a result on the present content of RUN, or of all runs of a commit that are under review."""
    if bool(run) == bool(project):
        raise InvalidError("a result is about a run, or about a commit", hint="give RUN, or --project")
    space = current_workspace()
    new = NewCiResult(name, verdict, message, job_page() if url is None else url, revision)
    if run:
        found = [space.feedback.report_ci(space.tracking.resolve_run(run).id, new)]
    else:
        commit = commit or job_commit()
        if not commit:
            raise InvalidError(
                "no commit is given, and this is no CI job that names one", hint="--commit $(git rev-parse HEAD)"
            )
        found = space.feedback.report_ci_on_commit(project, commit, new)
    lines = [f"{one.name} {one.verdict} on run {one.run_id}, revision {one.revision[:12]}" for one in found]
    output.result(found, lines or f"no run of {commit[:12]} is under review in {project}")


@ci.command("list")
@click.argument("run", metavar="RUN")
@with_json
@pass_output
def list_results(output: Output, run: str) -> None:
    """The results of CI on a run, newest first."""
    space = current_workspace()
    found = space.feedback.list_ci_results(space.tracking.resolve_run(run).id)
    rows = [
        [one.name, one.verdict, "outdated" if one.outdated else "", one.author, one.message, one.url] for one in found
    ]
    output.table(found, ["name", "verdict", "", "by", "", "page"], rows)
