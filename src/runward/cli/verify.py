"""``runward verify``: rerun, compare, certify; or check a certificate offline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec

from runward.cli.jobs import margin_of, wait_for, waits_for
from runward.cli.output import NO, UNDECIDED, YES, Output, pass_output, seconds, span, with_json
from runward.core.signing import key_id
from runward.errors import CorruptedError, InvalidError
from runward.face import current_workspace
from runward.repro import certificate as certificates
from runward.repro.jobs_model import JobLevel, JobOptions, NewVerificationJob
from runward.repro.model import Tolerance, VerificationReport
from runward.repro.records import VerificationDetail
from runward.repro.verify import compare_runs
from runward.repro.worker import verify_as_asked

_CODES = {"reproduced": YES, "not_reproduced": NO, "undecided": UNDECIDED}


@click.command()
@click.argument("ref", metavar="RUN", required=False)
@click.option(
    "--level",
    type=click.Choice(["basic", "environment", "statistical", "conceptual"]),
    default="environment",
    show_default=True,
)
@click.option("--with", "second", metavar="RUN", default="", help="Level conceptual: a second implementation's run.")
@click.option("--evaluation", multiple=True, metavar="PATH", help="Level conceptual: files that both may share.")
@click.option("--margin", "-m", multiple=True, metavar="METRIC=ABS", help="Allowed absolute difference of a metric.")
@click.option("--timeout", default="1h", show_default=True, callback=seconds, help="Time until a rerun is ended.")
@click.option("--metric", multiple=True, metavar="NAME", help="Repeated runs: what the conclusion rests on.")
@click.option("--test-size", multiple=True, metavar="METRIC=N", help="Examples behind a metric that is a proportion.")
@click.option("--baseline", default="group", metavar="RUN,RUN,…", help="All replicates of RUN, by name.")
@click.option("--budget", default="1h", show_default=True, callback=span, help="Repeated runs: time for all of them.")
@click.option(
    "--n", "--max-runs", "max_runs", type=click.IntRange(3, 20), default=20, show_default=True,
    help="Repeated runs: per side, at most.",
)  # fmt: skip
@click.option("--no-sandbox", is_flag=True, help="Rerun without isolation; the report says so.")
@click.option("--network", is_flag=True, help="Let the rerun use the network.")
@click.option("--against", metavar="RUN", help="Compare with this recorded run instead of running anything.")
@click.option("--no-variation", is_flag=True, help="Leave out the second rerun under an emulated change of machine.")
@click.option("--queue", is_flag=True, help="Leave it to a worker (`runward worker`) and print the job.")
@click.option(
    "--on", "pool", default="", metavar="POOL", help="Have a worker of this pool do it, and wait; any; local."
)
@click.option("--certificate", type=click.Path(path_type=Path, exists=True), help="Check a certificate file instead.")
@click.option(
    "--save", type=click.Path(path_type=Path), metavar="FILE", help="Write the certificate of an earned level."
)
@click.option("--key", type=click.Path(path_type=Path, exists=True), help="The signer's public key for --certificate.")
@with_json
@pass_output
def verify(
    output: Output,
    ref: str | None,
    level: JobLevel,
    second: str,
    evaluation: tuple[str, ...],
    margin: tuple[str, ...],
    timeout: float,
    metric: tuple[str, ...],
    test_size: tuple[str, ...],
    baseline: str,
    budget: float,
    max_runs: int,
    no_sandbox: bool,
    network: bool,
    against: str | None,
    no_variation: bool,
    queue: bool,
    pool: str,
    certificate: Path | None,
    save: Path | None,
    key: Path | None,
) -> int:
    """Rerun a run from what was captured of it. Exit code 0: it holds; 1: it does not; 3: it could not be decided."""
    if certificate is not None:
        return _check_certificate(output, certificate, key)
    if ref is None:
        raise InvalidError("RUN is missing", hint="give an id, a name or @last")
    margins = dict(margin_of(text) for text in margin)
    space = current_workspace()
    if against is not None:
        tolerances = {name: Tolerance(abs=allowed) for name, allowed in margins.items()}
        report = compare_runs(space, ref, against, tolerances=tolerances)
        output.result(_document(report), _story(report))
        return _CODES[report.verdict]
    options = JobOptions(
        margins=margins,
        timeout_s=timeout,
        sandbox=not no_sandbox,
        network=network,
        vary=not no_variation,
        metrics=list(metric),
        test_sizes=dict(_size(text) for text in test_size),
        baseline=[] if baseline == "group" else baseline.split(","),
        budget_s=budget,
        max_runs=max_runs,
        second=space.tracking.resolve_run(second).id if second else "",
        evaluation=list(evaluation),
    )
    if queue or pool not in ("", "local"):
        new = NewVerificationJob(level, "" if pool in ("any", "local") else pool, options)
        job = space.jobs.request_verification(space.tracking.resolve_run(ref).id, new)
        if queue:
            output.result(job, f"job {job.id}: {job.run_name} waits for {waits_for(job)}")
            return YES
        record = wait_for(space, job, output.say)
        report = msgspec.convert(record.report, VerificationReport, strict=False)
    else:
        report, record = verify_as_asked(space, ref, level, options, output.say)
    output.result(_document(report, record), [*_story(report), *_signed(record, save)])
    return _CODES[report.verdict]


def _signed(record: VerificationDetail, save: Path | None) -> list[str]:
    """What is said of the certificate of an earned level, which is written to a file where one is named."""
    if record.verification.level == "none":
        return []
    if record.certificate is None:
        return ["  no certificate: the workspace's installation cannot sign; there: pip install 'runward[sign]'"]
    if save is None:
        return ["  certificate: signed (--save FILE writes it to a file)"]
    try:
        save.write_bytes(msgspec.json.encode(record.certificate))
    except OSError as error:
        raise InvalidError(
            f"--save {save}: {error.strerror or error}", hint="name a file that can be written"
        ) from error
    return [f"  certificate: {save}"]


def _document(found: VerificationReport, record: VerificationDetail | None = None) -> dict[str, Any]:
    """The report in the shape that programs rely on; everything about the result stands under ``result``."""
    report: dict[str, Any] = msgspec.to_builtins(found)
    more = {name: report[name] for name in ("reason", "conditions", "variation", "statistics")}
    return {
        **{name: report[name] for name in ("run", "verdict", "level")},
        "result": {**report["result"], **more, "verification": record.verification.id if record else None},
        **{name: report[name] for name in ("inputs", "cause", "unchecked")},
        "certificate": record.certificate if record else None,
    }


def _size(text: str) -> tuple[str, int]:
    name, _sign, value = text.partition("=")
    if not value.isdigit() or int(value) == 0:
        raise InvalidError(f"test size {text!r} is not METRIC=NUMBER", hint="for example --test-size accuracy=10000")
    return name, int(value)


def _story(report: VerificationReport) -> list[str]:
    sign = {"reproduced": "≡", "not_reproduced": "≠", "undecided": "?"}[report.verdict]
    level = f" · level {report.level}" if report.level != "none" else ""
    lines = [f"{sign} {report.verdict.replace('_', ' ')}{level}: {report.reason}"]
    counts: dict[str, int] = {}
    for check in report.inputs:
        counts[check.status] = counts.get(check.status, 0) + 1
    lines.append("  inputs: " + (", ".join(f"{n} {status}" for status, n in sorted(counts.items())) or "none compared"))
    for metric in report.result.metrics:
        detail = f" ({metric.detail})" if metric.detail else ""
        points = f"{metric.points} point{'' if metric.points == 1 else 's'}"
        lines.append(f"  metric {metric.name}: {metric.status.replace('_', ' ')} over {points}{detail}")
    if report.statistics is not None and report.statistics.failed:
        lines.append(f"  not counted, since they did not finish: {', '.join(report.statistics.failed)}")
    for item in report.result.artifacts:
        detail = f" ({item.detail})" if item.detail else ""
        lines.append(f"  artifact {item.name}: {item.status.replace('_', ' ')}{detail}")
    if (printed := report.result.stdout) is not None:
        lines.append(f"  printed: {printed.status.replace('_', ' ')}{f' ({printed.detail})' if printed.detail else ''}")
    lines += [f"  differs: {name}" for name in report.cause]
    if unchecked := list(report.unchecked):
        more = f" and {len(unchecked) - 5} more" if len(unchecked) > 5 else ""
        lines.append(f"  not checked: {'; '.join(unchecked[:5])}{more}")
    if changed := report.conditions.changed_since:
        lines.append(f"  changed since, so the captured ones were read: {', '.join(changed)}")
    if seen := report.conditions.reads_seen:
        lines.append("  reads seen by: " + ", ".join(f"{who} {count}" for who, count in sorted(seen.items())))
    if (varied := report.variation) is not None:
        lines.append(
            f"  with {varied.name}: {varied.status.replace('_', ' ')}{f' ({varied.detail})' if varied.detail else ''}"
        )
    if report.conditions.sandbox_note:  # else nothing was run
        lines.append(f"  isolation: {report.conditions.sandbox} ({report.conditions.sandbox_note})")
    return lines


def _check_certificate(output: Output, path: Path, key: Path | None) -> int:
    try:
        envelope = msgspec.json.decode(path.read_bytes(), type=certificates.Envelope)
    except msgspec.DecodeError as error:
        raise InvalidError(f"{path} is no certificate: {error}") from error
    if key is None:
        raise InvalidError("--key is missing", hint="the signer gets the public key by `runward key > PUBLIC.pem`")
    try:
        statement = certificates.verify(envelope, key.read_bytes())
    except CorruptedError as error:
        output.result({"valid": False, "reason": error.message}, f"✗ {error.message}")
        return NO
    # The envelope's own word for its key is not signed, so the key that fitted is named.
    output.result(statement, [f"✓ signed by {key_id(key.read_bytes())}", *_claims(statement)])
    return YES


def _claims(statement: certificates.Statement) -> list[str]:
    """What a signed statement says, for who has nothing but the file."""
    said = statement.predicate
    lines = [f"  {said.get('reason', '')}"]
    if "verdict" in said:
        what = f"run {said.get('run')}: {str(said['verdict']).replace('_', ' ')}, level {said.get('level')}"
        lines.append(f"  {what}; by {said.get('by')} on {said.get('host')}, {said.get('at')}")
    if varied := (said.get("varied") or {}).get("variation"):
        lines.append(f"  with {varied.get('name')}: {varied.get('status')}")
    lines += [f"  {title}: {'; '.join(said[name])}" for title, name in _NAMED if said.get(name)]
    return [
        *lines,
        *(f"  {one.name}: {kind} {digest}" for one in statement.subject for kind, digest in one.digest.items()),
    ]


_NAMED = (("differs", "different"), ("not checked", "unchecked"))


@click.command()
@with_json
@pass_output
def key(output: Output) -> None:
    """Print the public key that checks this workspace's certificates: runward verify --certificate FILE --key KEY."""
    found = current_workspace().repro.signing_key()
    output.result(found, found.public_key.strip())
    output.hint(f"key id {found.key_id}")
