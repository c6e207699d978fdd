"""``runward why``: what makes two results differ, shown by reruns."""

from __future__ import annotations

import platform
import time
from typing import Any

import click
import msgspec

from runward.cli.output import UNDECIDED, YES, Output, pass_output, seconds, span, with_json
from runward.errors import RunwardError
from runward.face import current_workspace
from runward.repro.findings_model import ExplanationReport, NewExplanation
from runward.repro.why import why as find_out
from runward.workspace import Workspace


@click.command()
@click.argument("first", metavar="RUN")
@click.argument("second", metavar="[OTHER]", default="")
@click.option("--budget", default="10m", show_default=True, callback=span, help="Time for all reruns together.")
@click.option("--timeout", default="1h", show_default=True, callback=seconds, help="Time until one rerun is ended.")
@click.option(
    "--level",
    type=click.Choice(["basic", "environment"]),
    default="environment",
    show_default=True,
    help="Rebuild the packages, or use the captured interpreter.",
)
@click.option("--no-sandbox", is_flag=True, help="Rerun without isolation.")
@click.option("--network", is_flag=True, help="Let reruns use the network.")
@with_json
@pass_output
def why(
    output: Output, first: str, second: str, budget: float, timeout: float, level: str, no_sandbox: bool, network: bool
) -> int:
    """Name the smallest set of differences that, put back, lets OTHER give the result of RUN.

    With one run only: run it again, and where it does not repeat, name the setting under which it does. What reruns
    showed is kept: the same call goes on where the last one stopped. The answer is recorded with its reruns and shown in
    the browser. Exit code 0: answered; 3: it could not be decided.
    """
    begun, space = time.monotonic(), current_workspace()
    found = find_out(
        space,
        first,
        second,
        budget_s=budget,
        timeout_s=timeout,
        level=level,
        sandbox=not no_sandbox,
        network=network,
        say=output.say,
    )
    kept = _recorded(output, space, found, time.monotonic() - begun)
    document: dict[str, Any] = msgspec.to_builtins(found)
    output.result({**document, "explanation": kept or None}, _story(found))
    if kept:
        output.hint(
            f"as a page: {f'{space.place}/why/{kept}' if space.is_remote else f'/why/{kept} of `runward server`'}"
        )
    return UNDECIDED if found.answer == "undecided" else YES


def _recorded(output: Output, space: Workspace, found: ExplanationReport, seconds: float) -> str:
    """The id of the recorded explanation; empty where it could not be recorded, which costs nobody the answer."""
    try:
        made = space.findings.record_explanation(found.first, NewExplanation(found, seconds, platform.node()))
    except RunwardError as error:
        output.say(f"the answer could not be recorded: {error.message}")
        return ""
    return made.explanation.id


def _story(found: ExplanationReport) -> list[str]:
    sign = {"shown": "✓", "nothing_differs": "≡", "undecided": "?"}[found.answer]
    lines = [f"{sign} {found.reason}"]
    for one in found.cause:
        lines += [f"  {one.title}", *_shown("-", one.before), *_shown("+", one.after)]
    if not found.cause and found.differences:
        titles = ", ".join(one.title for one in found.differences[:20])
        lines.append(f"  {len(found.differences)} difference{'' if len(found.differences) == 1 else 's'}: {titles}")
    lines += [f"  not tried: {text}" for text in found.not_tried]
    remembered = sum(run.remembered for run in found.reruns)
    kept = f", {remembered} of them earlier" if remembered else ""
    lines.append(
        f"  evidence: {len(found.reruns)} rerun{'' if len(found.reruns) == 1 else 's'}{kept}, {sum(run.seconds for run in found.reruns):.0f} s"
    )
    return lines


def _shown(sign: str, text: str) -> list[str]:
    return [f"    {sign} {line}" for line in text.splitlines()[:6]]
