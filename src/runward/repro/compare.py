"""Comparing two runs on two axes, their inputs and their results, neither inferred from the other."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from runward.repro.model import (
    ArtifactCheck,
    CheckStatus,
    InputCheck,
    ItemStatus,
    MetricCheck,
    OutputCheck,
    ResultReport,
    ResultStatus,
    Series,
    Tolerance,
)
from runward.tracking.capture.model import Capture

INPUT_KINDS = (
    "code", "config", "data", "seed", "python", "package", "threads", "cpu_level", "variable", "machine",
)  # fmt: skip
"""Kinds of input, the most telling difference first."""

Inputs = Mapping[tuple[str, str], str | None]

_DURATION = re.compile(
    r"(?:^|[/_. -])(?:time|times|duration|elapsed|runtime|walltime|seconds|secs|latency|throughput|timestamp)"
    r"(?:_s|_ms|_sec|_seconds)?$|(?:^|/)(?:system|sys|times?|timing)/|per_(?:s|sec|second)$",
    re.IGNORECASE,
)
_MASKS = (
    (re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"), "<date>"),
    (re.compile(r"\b\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?\b"), "<time>"),
    (
        re.compile(r"\b\d+(?:[.,]\d+)?\s?(?:ns|us|µs|ms|s|sec|secs|seconds|min|minutes|h|hours)(?:/\w+)?\b"),
        "<duration>",
    ),
    (re.compile(r"\b\d+(?:[.,]\d+)?\s?(?:it|batch|samples?|steps?|examples?)/s(?:ec)?\b"), "<rate>"),
    (re.compile(r"\b0x[0-9a-fA-F]{4,}\b"), "<address>"),
    (re.compile(r"(?i)(?<=pid[ =:])\s*\d+"), "<pid>"),
    (re.compile(r"(?<![\w<])(?:/[\w.@+~-]+){2,}/?"), "<path>"),
)
_CLOSE_BYTES = 8


def inputs_of(capture: Capture, config: Mapping[str, Any] | None = None) -> dict[tuple[str, str], str | None]:
    """The inputs of a run by kind and name; None where a value is not known.

    Args:
        capture: What was recorded about the run.
        config: Its parameters, flattened.
    """
    environment, machine = capture.environment, capture.machine
    files = {entry.path for entry in capture.code.files}
    inputs: dict[tuple[str, str], str | None] = {
        ("code", "tree"): capture.code.digest or None,
        ("python", environment.implementation): environment.python,
        ("cpu_level", "cpu"): machine.cpu_level or None,
        ("machine", "cpu"): machine.cpu or None,
        ("machine", "architecture"): machine.architecture,
        ("machine", "gpus"): ", ".join(gpu.name for gpu in machine.gpus),
        ("threads", "usable_cpus"): str(machine.usable_cpus),
    }
    inputs |= {("config", key): json.dumps(value, sort_keys=True, default=str) for key, value in (config or {}).items()}
    inputs |= {
        ("data", read.relative or read.path): (read.digest if not read.changed else "") or None
        for read in capture.reads
        if read.relative not in files
    }
    inputs |= {("seed", name): str(seed) for name, seed in capture.seeds.items()}
    inputs |= {("package", package.name): package.version for package in environment.packages}
    inputs |= {("threads", name): str(count) for name, count in machine.threads.items()}
    threads = {name for kind, name in inputs if kind == "threads"}
    return inputs | {("variable", name): value for name, value in environment.variables.items() if name not in threads}


def compare_inputs(before: Inputs, after: Inputs) -> list[InputCheck]:
    """Check every input that either run names; what one of them does not know is unchecked.

    A data file that only one run names is unchecked; any other input that only one run has differs.
    """
    keys = sorted({*before, *after}, key=lambda key: (_rank(key[0]), key))
    return [_input_check(key, before, after) for key in keys]


def compare_metrics(
    before: Mapping[str, Series],
    after: Mapping[str, Series],
    tolerances: Mapping[str, Tolerance] | None = None,
    is_duration: Callable[[str], bool] | None = None,
) -> list[MetricCheck]:
    """Compare every metric over all its steps at full precision; NaN equals NaN, 0.0 and -0.0 differ.

    Args:
        before: The series of the original run.
        after: The series of the rerun.
        tolerances: Declared by metric name; without one only identical bits count.
        is_duration: Says which metrics measure time, which no rerun repeats; by default by their name.
    """
    skip = is_duration or measures_time
    return [
        MetricCheck(name=name, status="unchecked", detail="measures time, which no rerun repeats")
        if skip(name)
        else _metric_check(name, before.get(name), after.get(name), (tolerances or {}).get(name))
        for name in sorted({*before, *after})
    ]


def measures_time(name: str) -> bool:
    """Whether a metric of that name is a duration, a rate or a machine's load."""
    return bool(_DURATION.search(name))


def compare_artifacts(
    before: Mapping[str, str],
    after: Mapping[str, str],
    read: Callable[[str], bytes] | None = None,
    tolerance: Tolerance | None = None,
) -> list[ArtifactCheck]:
    """Compare artifacts by digest, and JSON and CSV text by content where the digests differ.

    Args:
        before: Digests of the original run's artifacts by name.
        after: Those of the rerun.
        read: Gives the bytes of a digest; without it only digests are compared.
        tolerance: For numbers inside JSON and CSV.
    """
    return [
        _artifact_check(name, before.get(name, ""), after.get(name, ""), read, tolerance)
        for name in sorted({*before, *after})
    ]


def compare_stdout(before: str, after: str) -> OutputCheck:
    """Compare printed text with dates, times, durations, addresses, process ids and paths masked."""
    if before == after:
        return OutputCheck(status="identical")
    first, second = mask(before).splitlines(), mask(after).splitlines()
    if first == second:
        return OutputCheck(status="identical", detail="identical but for times, addresses and paths")
    line = next((n for n, pair in enumerate(zip(first, second, strict=False)) if pair[0] != pair[1]), None)
    if line is None:
        return OutputCheck(status="different", detail=f"{len(first)} lines before, {len(second)} after")
    return OutputCheck(
        status="different", detail=f"line {line + 1}: {first[line][:120]!r} became {second[line][:120]!r}"
    )


def mask(text: str) -> str:
    """Printed text without what changes from one start to the next."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    for pattern, name in _MASKS:
        text = pattern.sub(name, text)
    return text


def compare_exit_codes(before: int, after: int) -> OutputCheck:
    """Compare the exit codes of two commands."""
    if before == after:
        return OutputCheck(status="identical", detail=str(after))
    return OutputCheck(status="different", detail=f"{before} became {after}")


def result_report(
    metrics: list[MetricCheck],
    artifacts: list[ArtifactCheck],
    stdout: OutputCheck | None = None,
    exit_code: OutputCheck | None = None,
) -> ResultReport:
    """Put the result axis together. Printed text decides only where there are no metrics and no artifacts."""
    statuses = [item.status for item in metrics] + [item.status for item in artifacts]
    recorded = [status for status in statuses if status != "unchecked"]
    printed = [stdout.status] if stdout and not recorded else []
    ended = [exit_code.status] if exit_code and exit_code.status == "different" else []
    status = _result_status([*recorded, *printed, *ended])
    return ResultReport(status=status, metrics=metrics, artifacts=artifacts, stdout=stdout, exit_code=exit_code)


def unchecked_of(inputs: Iterable[InputCheck], result: ResultReport) -> list[str]:
    """Names of everything that could not be compared, inputs first."""
    items = [f"{check.kind} {check.name}" for check in inputs if check.status == "unchecked"]
    items += [f"metric {check.name}" for check in result.metrics if check.status == "unchecked"]
    return items + [f"artifact {check.name}" for check in result.artifacts if check.status == "unchecked"]


def _result_status(statuses: list[ItemStatus]) -> ResultStatus:
    if not statuses:
        return ResultStatus.UNDECIDED
    if any(status in ("different", "missing", "added") for status in statuses):
        return ResultStatus.DIFFERENT
    return ResultStatus.WITHIN_TOLERANCE if "within_tolerance" in statuses else ResultStatus.IDENTICAL


def _rank(kind: str) -> int:
    return INPUT_KINDS.index(kind) if kind in INPUT_KINDS else len(INPUT_KINDS)


def _input_check(key: tuple[str, str], before: Inputs, after: Inputs) -> InputCheck:
    first, second = before.get(key), after.get(key)
    unknown = any(key in side and side[key] is None for side in (before, after))
    one_sided_read = key[0] == "data" and (key in before) != (key in after)
    status: CheckStatus = "same" if first == second else "different"
    if unknown or one_sided_read:
        status = "unchecked"
    return InputCheck(kind=key[0], name=key[1], status=status, before=first, after=second)


def _metric_check(name: str, before: Series | None, after: Series | None, tolerance: Tolerance | None) -> MetricCheck:
    if before is None or after is None:
        return MetricCheck(name=name, status="added" if before is None else "missing")
    if before.steps != after.steps:
        detail = f"{len(before.steps)} points became {len(after.steps)}, or their steps differ"
        return MetricCheck(name=name, status="different", points=len(after.steps), detail=detail)
    pairs = list(zip(before.steps, before.values, after.values, strict=True))
    off = [(step, first, second) for step, first, second in pairs if not _same_bits(first, second)]
    if not off:
        return MetricCheck(name=name, status="identical", points=len(pairs))
    inside = tolerance is not None and all(_close(first, second, tolerance) for _, first, second in off)
    gaps = [abs(second - first) for _, first, second in off if math.isfinite(first) and math.isfinite(second)]
    return MetricCheck(
        name=name,
        status="within_tolerance" if inside else "different",
        points=len(pairs),
        max_difference=max(gaps, default=None),
        first_step=off[0][0],
        detail=f"{len(off)} of {len(pairs)} points differ; first {off[0][1]!r} became {off[0][2]!r}",
    )


def _same_bits(first: float, second: float) -> bool:
    if first != first and second != second:  # noqa: PLR0124 - NaN
        return True
    return struct.pack("<d", first) == struct.pack("<d", second)


def _close(first: float, second: float, tolerance: Tolerance) -> bool:
    if not (math.isfinite(first) and math.isfinite(second)):
        return first == second or (math.isnan(first) and math.isnan(second))
    return abs(second - first) <= tolerance.abs + tolerance.rel * abs(first)


def _artifact_check(
    name: str, before: str, after: str, read: Callable[[str], bytes] | None, tolerance: Tolerance | None
) -> ArtifactCheck:
    status: ItemStatus
    detail = ""
    if not before or not after:
        status = "missing" if before else "added"
    elif before == after:
        status = "identical"
    elif read is None:
        status, detail = "different", "the digests differ"
    else:
        status, detail = _compare_content(name, read(before), read(after), tolerance or Tolerance())
    return ArtifactCheck(name=name, status=status, before=before, after=after, detail=detail)


def _compare_content(name: str, before: bytes, after: bytes, tolerance: Tolerance) -> tuple[ItemStatus, str]:
    parse = _parser(name)
    if parse:
        try:
            return _compare_values(parse(before), parse(after), tolerance)
        except (ValueError, RecursionError, csv.Error):
            pass
    first = next((n for n, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1]), None)
    where = f"first at byte {first}" if first is not None else "one is the start of the other"
    return "different", f"{len(before)} and {len(after)} bytes, {where}"


def _parser(name: str) -> Callable[[bytes], Any] | None:
    lower = name.lower()
    if lower.endswith(".json"):
        return json.loads
    if lower.endswith((".jsonl", ".ndjson")):
        return lambda data: [json.loads(line) for line in data.splitlines() if line.strip()]
    if lower.endswith((".csv", ".tsv")):
        delimiter = "\t" if lower.endswith(".tsv") else ","
        return lambda data: list(csv.reader(io.StringIO(data.decode("utf-8-sig")), delimiter=delimiter))
    return None


def _compare_values(before: Any, after: Any, tolerance: Tolerance) -> tuple[ItemStatus, str]:
    worst: ItemStatus = "identical"
    for path, first, second in _leaves(before, after, ""):
        status = _compare_leaf(first, second, tolerance)
        if status == "different":
            return "different", f"{path or 'value'}: {str(first)[:60]} became {str(second)[:60]}"
        worst = "within_tolerance" if status == "within_tolerance" else worst
    return (
        worst,
        "same content, written differently" if worst == "identical" else "numbers within the tolerance",
    )


def _leaves(before: Any, after: Any, path: str) -> Iterable[tuple[str, Any, Any]]:
    if isinstance(before, dict) and isinstance(after, dict) and before.keys() == after.keys():
        for key in before:
            yield from _leaves(before[key], after[key], f"{path}.{key}".lstrip("."))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, pair in enumerate(zip(before, after, strict=True)):
            yield from _leaves(*pair, f"{path}[{index}]")
    else:
        yield path, before, after


def _compare_leaf(before: Any, after: Any, tolerance: Tolerance) -> ItemStatus:
    if type(before) is type(after) and before == after:
        return "identical"
    first, second = _number(before), _number(after)
    if first is None or second is None:
        return "different"
    if _same_bits(first, second):
        return "identical"
    return "within_tolerance" if _close(first, second, tolerance) else "different"


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None
