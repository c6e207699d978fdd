"""The ``runward`` command: lazy groups, one border for errors."""

from __future__ import annotations

import logging
import sys
from typing import Any

import click

from runward._version import __version__
from runward.cli.lazy import LazyGroup
from runward.cli.output import NO, UNDECIDED, USAGE, Output
from runward.core.codec import problem
from runward.core.opens import BEFORE_START
from runward.errors import ExecutorError, GateClosedError, InvalidError, MissingExtraError, ReproError, RunwardError

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("runward.cli.demo:demo", "The main job on real data: run, verify, review, share."),
    "run": ("runward.cli.run:run", "Track any command: runward run -- python train.py"),
    "verify": ("runward.cli.verify:verify", "Rerun a run from what was captured, and say whether it holds."),
    "verifications": (
        "runward.cli.jobs:verifications",
        "Verifications that wait for a worker or had one; what is verified by itself.",
    ),
    "worker": ("runward.cli.jobs:worker", "Carry out verifications that wait, on this machine."),
    "why": (
        "runward.cli.why:why",
        "Find what makes two results differ, by rerunning with single differences put back.",
    ),
    "key": ("runward.cli.verify:key", "The public key that checks this workspace's certificates."),
    "env": ("runward.cli.env:env", "The environments of runs: show, compare, write as a lock."),
    "runs": ("runward.cli.runs:runs", "List, show, compare and export runs."),
    "data": ("runward.cli.data:data", "Keep versions of data: add, name, compare, put back."),
    "projects": ("runward.cli.projects:projects", "List, create and order projects."),
    "standards": ("runward.cli.standards:standards", "What a team asks of results: show, set, history, diff."),
    "library": ("runward.cli.library:library", "Shared configurations, components and templates."),
    "review": ("runward.cli.reviewgroup:review", "Request, check, approve reviews."),
    "forge": ("runward.cli.forges:forge", "Show reviews at their commits: GitHub, GitLab, Bitbucket, Azure DevOps."),
    "ci": ("runward.cli.ci:ci", "Post what a CI job found out on runs and their reviews."),
    "model": ("runward.cli.modelgroup:model", "Models: versions, cards, aliases, deployments."),
    "evidence": ("runward.cli.evidence:evidence", "Write the pack that an auditor of a model asks for."),
    "label": ("runward.cli.label:label", "Labels: public, internal, restricted, personal; carried along lineage."),
    "scan": ("runward.cli.label:scan", "Look for obvious personal data and secrets in a run or a dataset."),
    "reports": ("runward.cli.reports:reports", "Write, pin, share and export reports."),
    "kb": ("runward.cli.kb:kb", "Publish and find what the team knows."),
    "gc": ("runward.cli.gc:gc", "Give back the space of what was deleted long ago."),
    "import": ("runward.cli.imports:import_command", "Bring in what other tools recorded."),
    "export": ("runward.cli.exports:export_command", "Take runs out in forms that other tools read."),
    "tables": ("runward.cli.exports:tables", "Write points as Parquet beside the bytes, for DuckDB and Polars."),
    "hook": ("runward.cli.hooks:hook", "Tell other programs what happens: web hooks."),
    "inbox": ("runward.cli.kb:inbox", "What waits for you."),
    "login": ("runward.cli.login:login", "Get a token for a server and keep it for this user."),
    "logout": ("runward.cli.login:logout", "Forget the token for a server, and end it."),
    "whoami": ("runward.cli.login:whoami", "Who you are in the workspace that commands would use now."),
    "server": ("runward.cli.server:server", "Serve a workspace to a team."),
    "member": ("runward.cli.members:member", "Members of the workspace on this machine."),
    "team": ("runward.cli.members:team", "Teams of the workspace on this machine."),
    "service": ("runward.cli.members:service", "Service accounts: members for programs, by token only."),
    "token": ("runward.cli.members:token", "Tokens for members of the workspace on this machine."),
    "audit": ("runward.cli.audit:audit", "Who did what: the audit trail, and whether it is as it was written."),
    "keys": ("runward.cli.keys:keys", "Encryption of what is stored: keys, their rotation, and what was there before."),
    "person": ("runward.cli.persons:person", "What is known of a person: take it out, erase it."),
    "retention": ("runward.cli.retention:retention", "How long projects keep runs, artifacts, logs and tables."),
    "hold": ("runward.cli.retention:hold", "Legal holds: what nobody deletes, collects or erases."),
    "new": ("runward.cli.new:new", "Write an experiment with its config, test and page."),
    "branch": ("runward.cli.gitflow:branch", "Name a branch by the team's git workflow, or check one."),
    "commit-message": ("runward.cli.gitflow:message", "Write a commit message by the team's rule, or check one."),
    "sync": ("runward.cli.workspace:sync", "Upload what was kept on disk while the server was away."),
    "push-workspace": ("runward.cli.workspace:push_workspace", "Copy a folder's workspace to a server's stores."),
    "doctor": (
        "runward.cli.doctor:doctor",
        "Health of workspace and environment, drift from the lock, and how to mend it.",
    ),
    "backup": ("runward.cli.backup:backup", "Write the whole workspace into a folder, while it is served."),
    "restore": ("runward.cli.backup:restore_command", "Put a backup into an empty place, or check it."),
    "migrate": ("runward.cli.workspace:migrate_command", "Bring a workspace to this version's format."),
}
"""Each command's place and its line in the help; modules load when they are used."""


@click.group(cls=LazyGroup, commands=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="runward")
@click.pass_context
def cli(context: click.Context) -> None:
    """ML experiments that a team can trust."""
    context.ensure_object(Output)
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s", stream=sys.stderr)


EXTRAS = {
    "argon2": "server",
    "cryptography": "server",
    "httptools": "server",
    "joserfc": "server",
    "prometheus_client": "server",
    "starlette": "server",
    "uvicorn": "server",
    "uvloop": "server",
    "zxcvbn": "server",
    "psycopg": "server,postgres",
    "pyarrow": "parquet",
    "obstore": "objects",
    "polars": "tables",
}
"""Packages that come with an extra of ours, by the name they are imported by."""


def exit_code_of(error: RunwardError) -> int:
    """2 for wrong usage, 1 for a no, 3 for what could not be decided."""
    if isinstance(error, GateClosedError | ExecutorError):
        return NO
    if isinstance(error, ReproError | MissingExtraError) or error.retryable or error.status >= 500:
        return UNDECIDED
    if isinstance(error, InvalidError) or error.status in (401, 403, 404, 409, 412, 422, 428):
        return USAGE
    return UNDECIDED


def _missing(package: str) -> MissingExtraError:
    return MissingExtraError(
        f"this command needs {package}, which is not installed", hint=f"pip install 'runward[{EXTRAS[package]}]'"
    )


def _told(error: RunwardError, output: Output) -> int:
    click.echo(f"error: {error.message}", err=True)
    if error.hint:
        click.echo(f"  {error.hint}", err=True)
    if error.request_id and error.status >= 500:
        click.echo(f"  the server's log has it as request {error.request_id}", err=True)
    if output.json:
        output.result(problem(error))
    return exit_code_of(error)


def main(arguments: list[str] | None = None) -> Any:
    """Entry point of the ``runward`` script."""
    output = Output()
    BEFORE_START.stop()
    try:
        result = cli.main(arguments, prog_name="runward", standalone_mode=False, obj=output)
    except click.exceptions.Exit as request:
        sys.exit(request.exit_code)
    except click.ClickException as error:
        error.show()
        if "--json" in (sys.argv[1:] if arguments is None else arguments):
            output.result(problem(InvalidError(error.format_message())))
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(141)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        sys.exit(_told(_missing(package), output))
    except RunwardError as error:
        sys.exit(_told(error, output))
    sys.exit(result if isinstance(result, int) else 0)


if __name__ == "__main__":
    main()
