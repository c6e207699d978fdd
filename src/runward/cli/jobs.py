"""``runward verifications`` and ``runward worker``: verifications that others carry out."""

from __future__ import annotations

import os
import platform
import threading
import time

import click

from runward.cli.output import Output, pass_output, shown, span, with_json
from runward.core.stopping import told_to_stop
from runward.errors import InvalidError, ReproError, StoreError
from runward.face import current_workspace
from runward.repro.attempt import Say
from runward.repro.jobs_model import JobFilter, JobState, PolicyLevel, VerificationJob, VerificationPolicy
from runward.repro.records import VerificationDetail
from runward.repro.worker import LOOK_S, Isolation, Worker
from runward.workspace import Workspace

_STATES = ["open", "queued", "running", "done", "failed", "cancelled"]


def waits_for(job: VerificationJob) -> str:
    """Whom a job waits for, in words."""
    return f"a worker of pool {job.pool}" if job.pool else "any worker"


def wait_for(space: Workspace, job: VerificationJob, say: Say) -> VerificationDetail:
    """What a job's verification found, once some worker carried it out. Ctrl-C cancels the job.

    Raises: ReproError (it failed or was cancelled).
    """
    say(f"job {job.id} waits for {waits_for(job)}")
    try:
        while not job.state.is_terminal:
            time.sleep(LOOK_S)
            before, job = job, _looked_at(space, job, say)
            if job.claimed_at not in (None, before.claimed_at):
                say(f"{job.worker} on {job.host} took it")
            if job.state is JobState.QUEUED and before.state is JobState.RUNNING:
                say(f"{job.worker} gave it back; it waits for {waits_for(job)}")
    except KeyboardInterrupt:
        space.jobs.cancel_verification_job(job.id, "cancelled by who waited for it")
        raise
    if job.verification_id is None:
        raise ReproError(f"job {job.id} {job.state}: {job.reason}", hint=f"runward verifications show {job.id}")
    return space.repro.get_verification(job.verification_id)


def _looked_at(space: Workspace, job: VerificationJob, say: Say) -> VerificationJob:
    """The job as it is now, or as it was where the server is away for a while."""
    try:
        return space.jobs.get_verification_job(job.id)
    except StoreError as error:
        if not error.retryable:
            raise
        say(f"still waiting: {error.message}")
        return job


@click.group()
def verifications() -> None:
    """Verifications as jobs. `runward verify RUN --queue` or a project's policy adds one, `runward worker` takes it."""


@verifications.command("list")
@click.option("--project", "-p", default="")
@click.option("--run", "run", default="", metavar="RUN", help="Only those of one run.")
@click.option("--state", type=click.Choice(_STATES), default=None, help="open: those that wait or run.")
@click.option("--limit", default=200, show_default=True)
@with_json
@pass_output
def list_jobs(output: Output, project: str, run: str, state: JobFilter | None, limit: int) -> None:
    """Jobs, newest first."""
    space = current_workspace()
    run_id = space.tracking.resolve_run(run, project).id if run else ""
    found = space.jobs.list_verification_jobs(project, run_id, state, limit=limit)
    rows = [
        [job.id, job.run_name, job.level, job.pool, job.state, job.worker, job.verdict.replace("_", " "), job.reason]
        for job in found
    ]
    output.table(found, ["id", "run", "level", "pool", "state", "worker", "verdict", "reason"], rows)


@verifications.command("show")
@click.argument("job_id", metavar="JOB")
@with_json
@pass_output
def show(output: Output, job_id: str) -> None:
    """A job: who asked, who has it, what came of it."""
    job = current_workspace().jobs.get_verification_job(job_id)
    lines = [
        f"job {job.id}: {job.state}" + (f": {shown(job.reason)}" if job.reason else ""),
        f"  run {job.run_name} ({job.run_id}) in {job.project}, level {job.level}, for {waits_for(job)}",
        f"  asked by {job.requested_by} ({job.trigger}) at {job.requested_at:%Y-%m-%d %H:%M:%S} UTC",
    ]
    if job.worker:
        lines.append(f"  worker {job.worker} on {job.host}, attempt {job.attempts}")
    if job.verification_id:
        lines.append(f"  verification {job.verification_id}: {job.verdict.replace('_', ' ')}")
    output.result(job, lines)


@verifications.command("cancel")
@click.argument("job_id", metavar="JOB")
@click.option("--reason", default="")
@with_json
@pass_output
def cancel(output: Output, job_id: str, reason: str) -> None:
    """Cancel a job that waits or runs; a worker that has it ends the rerun."""
    job = current_workspace().jobs.cancel_verification_job(job_id, reason)
    output.result(job, f"job {job.id} is cancelled")


@verifications.command("policy")
@click.argument("project")
@click.option("--level", type=click.Choice(["basic", "environment", "statistical"]), help="Verify what finishes so.")
@click.option("--on", "pool", default="", metavar="POOL", help="By a worker of this pool; default: any.")
@click.option("--margin", "-m", multiple=True, metavar="METRIC=ABS", help="Allowed absolute difference of a metric.")
@click.option("--clear", is_flag=True, help="Verify nothing by itself any more.")
@with_json
@pass_output
def policy(
    output: Output, project: str, level: PolicyLevel | None, pool: str, margin: tuple[str, ...], clear: bool
) -> None:
    """Show or set what is queued when a captured run of a project, or below it, finishes."""
    jobs = current_workspace().jobs
    if level is None and (pool or margin):
        raise InvalidError("--level is missing", hint="say which level is to be verified")
    if clear:
        jobs.clear_verification_policy(project)
    elif level is not None:
        new = VerificationPolicy(level, "" if pool == "any" else pool, dict(margin_of(text) for text in margin))
        jobs.set_verification_policy(project, new)
    found = jobs.get_verification_policy(project)
    if found is None:
        output.result(None, f"{project}: nothing is verified by itself")
        return
    by = f"by a worker of pool {found.policy.pool}" if found.policy.pool else "by any worker"
    output.result(found, f"{found.project}: what finishes is verified at level {found.policy.level} {by}")


def margin_of(text: str) -> tuple[str, float]:
    """(metric, allowed difference) from ``METRIC=NUMBER``. Raises: InvalidError."""
    name, _sign, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        raise InvalidError(f"margin {text!r} is not METRIC=NUMBER", hint="for example -m accuracy=0.01") from None


@click.command()
@click.option("--pool", default="", help="Take the jobs of this pool too; default: only those for any worker.")
@click.option("--name", default=lambda: f"{platform.node()}:{os.getpid()}", show_default="host:pid")
@click.option("--once", is_flag=True, help="Leave after one job, or where none waits.")
@click.option("--idle-exit", callback=span, metavar="30s", help="Leave after so long without a job.")
@click.option("--network", is_flag=True, help="Let reruns use the network where their jobs ask for it.")
@click.option(
    "--unsandboxed", is_flag=True, help="Rerun without isolation where a job asks for it, or none works here."
)
@with_json
@pass_output
def worker(
    output: Output, pool: str, name: str, once: bool, idle_exit: float | None, network: bool, unsandboxed: bool
) -> None:
    """Carry out verifications that wait, until told to stop (Ctrl-C, SIGTERM): then the job at hand goes back."""
    leave = threading.Event()
    own = Worker(current_workspace(), name, pool, leave, output.say, Isolation(unsandboxed, network))
    with told_to_stop(leave):
        done = own.work(once=once, idle_s=0.0 if once and idle_exit is None else idle_exit)
    lines = [f"job {job.id}: {job.state} {job.verdict.replace('_', ' ')} {job.reason}".rstrip() for job in done]
    output.result(done, lines or "no job was carried out")
