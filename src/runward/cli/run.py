"""``runward run -- COMMAND``: track any command with its output."""

from __future__ import annotations

import codecs
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

import click

from runward import face
from runward.cli.output import Output, pass_output, with_json
from runward.core.seeding import chosen_seed
from runward.core.usage import Meter, wait
from runward.errors import InvalidError
from runward.recording import PLAN_VARIABLE
from runward.tracking.capture.preload import Shim, shim
from runward.tracking.capture.redact import Lines
from runward.tracking.capture.watch import seeding_environment, watched_environment
from runward.tracking.client import JOURNAL_VARIABLE, RUN_VARIABLE, ActiveRun


@click.command(context_settings={"ignore_unknown_options": False})
@click.option("--name", "-n", default="", help="What to call the run.")
@click.option("--project", "-p", default="", help="Path of the project, made where missing.")
@click.option("--experiment", "-e", default="", help="Id of the experiment it belongs to.")
@click.option("--tag", "-t", multiple=True, metavar="KEY=VALUE", help="A tag; may be given several times.")
@click.option("--purpose", default="", help="Why it is run, in a sentence.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=None, help="Set for Python, numpy, torch; recorded.")
@click.option("--no-seed", is_flag=True, help="Leave generators and PYTHONHASHSEED as they are.")
@click.option("--plan", is_flag=True, help="Show what the script's experiments would do; start nothing.")
@with_json
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@pass_output
def run(
    output: Output,
    name: str,
    project: str,
    experiment: str,
    tag: tuple[str, ...],
    purpose: str,
    seed: int | None,
    no_seed: bool,
    plan: bool,
    command: tuple[str, ...],
) -> int:
    """Track any command: its output, its code, its environment and how it ended. The exit code is passed through."""
    if plan:
        return subprocess.run(command, env={**os.environ, PLAN_VARIABLE: "1"}, check=False).returncode
    seed = _seed(seed, no_seed)
    native = shim()
    active = face.begin_command(
        name or Path(command[0]).name,
        list(command),
        project=project,
        experiment_id=experiment or None,
        tags=dict(_pair(text) for text in tag),
        purpose=purpose,
        seed=seed,
        shim=native,
    )
    output.say(f"run {active.id}")
    # With --json the answer is ours: what the command prints is talk then.
    code = _follow(active, list(command), seed, native, sys.stderr.buffer if output.json else sys.stdout.buffer)
    status = "finished" if code == 0 else ("cancelled" if code in (130, -2) else "failed")
    active.finish(status, code, "" if code == 0 else f"the command ended with exit code {code}")
    if output.json:
        output.result({"run": active.id, "status": status, "exit_code": code})
    return code if code >= 0 else 128 - code


def _pair(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign or not key:
        raise InvalidError(f"tag {text!r} is not KEY=VALUE")
    return key, value


def _seed(given: int | None, no_seed: bool) -> int | None:
    """The seed that was asked for, or a fresh one that the run records; none where nobody wants one."""
    if given is not None and no_seed:
        raise InvalidError(f"--seed {given} and --no-seed contradict each other")
    return None if no_seed else chosen_seed(given)


def _follow(active: ActiveRun, command: list[str], seed: int | None, native: Shim, stdout: IO[bytes]) -> int:
    env = {**os.environ, JOURNAL_VARIABLE: str(active.folder), RUN_VARIABLE: active.id}
    env |= seeding_environment(seed, env) | watched_environment(active.folder, env, native)
    env.setdefault("PYTHONUNBUFFERED", "1")
    try:
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except OSError as error:
        active.log_output("stderr", f"{command[0]}: {error.strerror}\n")
        click.echo(f"error: {command[0]}: {error.strerror}", err=True)
        return 127
    meter = Meter(process.pid)
    assert process.stdout is not None
    assert process.stderr is not None
    pumps = [
        threading.Thread(target=_pump, args=(active, "stdout", process.stdout, stdout)),
        threading.Thread(target=_pump, args=(active, "stderr", process.stderr, sys.stderr.buffer)),
    ]
    for pump in pumps:
        pump.start()
    # Ctrl-C and a termination reach the command, whose end then decides how the run ended.
    previous = signal.signal(signal.SIGTERM, lambda number, frame: process.terminate())
    while True:
        try:
            code, used = wait(process)
            break
        except KeyboardInterrupt:
            continue
    active.measure = lambda: meter.stop(used, active.gpu_bytes)
    for pump in pumps:
        pump.join()
    signal.signal(signal.SIGTERM, previous)
    return code


def _pump(active: ActiveRun, stream: str, source: IO[bytes], target: IO[bytes]) -> None:

    decode, lines = codecs.getincrementaldecoder("utf-8")(errors="replace"), Lines()
    while chunk := source.read1(65536):  # type: ignore[attr-defined]
        target.write(chunk)
        target.flush()
        active.log_output(stream, lines.feed(decode.decode(chunk)))
    active.log_output(stream, lines.rest())
