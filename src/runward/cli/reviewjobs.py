"""``runward review jobs``: tests, types, coverage and security of a run's code, in its rebuilt environment."""

from __future__ import annotations

from typing import get_args

import click

from runward.cli.output import NO, UNDECIDED, YES, Output, pass_output, seconds, with_json
from runward.errors import InvalidError
from runward.face import current_workspace
from runward.review.jobs.model import JOBS, JobName
from runward.review.jobs.running import Settings, run_jobs

_SIGNS = {"pass": "✓", "fail": "✗", "undecided": "?"}
_SHOWN = 10


@click.command("jobs")
@click.argument("ref", metavar="RUN")
@click.option("--jobs", "chosen", default=",".join(JOBS), show_default=True, help="Which, by commas.")
@click.option("--base", default="", metavar="RUN", help="Compare the code with this run's; default: the baseline's.")
@click.option("--coverage", "least", default=80.0, show_default=True, help="Per cent of changed lines that tests run.")
@click.option("--timeout", default="30m", show_default=True, callback=seconds, help="Time until a tool is ended.")
@click.option("--no-sandbox", is_flag=True, help="Run without isolation.")
@click.option("--no-post", is_flag=True, help="Only show what was found; do not post it on the run.")
@with_json
@pass_output
def jobs(
    output: Output, ref: str, chosen: str, base: str, least: float, timeout: float, no_sandbox: bool, no_post: bool
) -> int:
    """Run pytest, coverage, mypy and bandit on RUN's code, in its rebuilt environment, and post what they find.

    Each becomes a result of CI of that name, which `required_ci` of the standards asks for. Exit code 0: all pass; 1: one
    fails; 3: one could not be decided.
    """
    names = [_job(word.strip()) for word in chosen.split(",") if word.strip()]
    if not names:
        raise InvalidError("--jobs names none", hint=f"some of {', '.join(JOBS)}")
    settings = Settings(base, least, timeout, sandbox=not no_sandbox, post=not no_post)
    done = run_jobs(current_workspace(), ref, names, settings, output.say)
    lines = []
    for one in done.outcomes:
        lines.append(f"  {_SIGNS[one.verdict]} {one.name}: {one.message}")
        lines += [f"      {f'{e.file}:{e.line} ' if e.file else ''}{e.message}" for e in one.evidence[:_SHOWN]]
    posted = "" if no_post else ", posted"
    document = {
        "run": done.run_id,
        "revision": done.revision,
        "posted": not no_post,
        "jobs": done.outcomes,
        "notes": done.notes,
    }
    lines += [f"  {note}" for note in done.notes]
    output.result(document, [f"run {done.run_id}, revision {done.revision[:12]}{posted}", *lines])
    verdicts = {one.verdict for one in done.outcomes}
    return NO if "fail" in verdicts else UNDECIDED if "undecided" in verdicts else YES


def _job(word: str) -> JobName:
    short = {"types": "type_check"}.get(word, word)
    found = next((name for name in get_args(JobName) if name == short), None)
    if found is None:
        raise InvalidError(f"there is no job {word!r}", hint=f"some of {', '.join(JOBS)}")
    name: JobName = found
    return name
