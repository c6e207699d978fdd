"""Comparing two runs on two axes, their inputs and their results, neither inferred from the other."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from runward.core.hashing import digest_value
from runward.errors import NotFoundError
from runward.repro.content import compare_content, measures_time, same_bits
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
from runward.repro.moments import without_own_times
from runward.repro.printed import NOWHERE, Around, close
from runward.tracking.capture.model import Capture, FileRead, Package, tree_digest

INPUT_KINDS = (
    "code", "config", "data", "seed", "python", "package", "package_content", "variable", "threads", "kernel",
    "cpu_level", "library", "machine",
)  # fmt: skip
"""Kinds of input, the most telling difference first."""

_INSTRUMENT = "runward"
"""Runward measures; which version of it does is no input of the run."""
_SHIM = "opens-"
"""How the names of Runward's own library begin, which it loads into commands to see what they read."""
_ONE_SIDED = ("data", "kernel", "library")
"""What only one run names of these was only seen there: nothing says that the other had another one."""
_CODE_SUFFIXES = (".py", ".pyi", ".ipynb", ".sh", ".r", ".jl", ".c", ".h", ".cpp", ".cu", ".sql")
_CONFIG_SUFFIXES = (".yaml", ".yml", ".json", ".toml", ".ini", ".cfg", ".conf", ".env", ".properties")
_MOST_CONFIG_BYTES = 1 << 20

Inputs = Mapping[tuple[str, str], str | None]


def inputs_of(capture: Capture, config: Mapping[str, Any] | None = None) -> dict[tuple[str, str], str | None]:
    """The inputs of a run by kind and name; None where a value is not known.

    Args:
        capture: What was recorded about the run.
        config: Its parameters, flattened.
    """
    environment, machine = capture.environment, capture.machine
    inputs: dict[tuple[str, str], str | None] = {
        ("code", "tree"): _tree(capture) or None,
        ("python", environment.implementation): environment.python,
        ("cpu_level", "cpu"): machine.cpu_level or None,
        ("machine", "cpu"): machine.cpu or None,
        ("machine", "architecture"): machine.architecture,
        ("machine", "gpus"): ", ".join(gpu.name for gpu in machine.gpus),
        ("threads", "usable_cpus"): str(machine.usable_cpus),
    }
    tree = {entry.path for entry in capture.code.files}
    inputs |= {("code", f"{name} (editable)"): tree.digest or None for name, tree in environment.sources.items()}
    inputs |= {("config", key): json.dumps(value, sort_keys=True, default=str) for key, value in (config or {}).items()}
    inputs |= {("config", name): value for name, value in arguments_of(capture.process.argv).items()}
    inputs |= {
        (kind_of(read), read.relative or read.path): (read.digest if not read.changed else "") or None
        for read in capture.reads
        if kind_of(read) != "code" or read.relative not in tree
    }
    inputs |= {("seed", name): str(seed) for name, seed in capture.seeds.items()}
    packages = [package for package in environment.packages if package.name != _INSTRUMENT]
    inputs |= {("package", package.name): package.version for package in packages}
    inputs |= {("package_content", item.name): _edits(item) for item in packages if item.edited}
    if environment.library_builds:
        # The process told what it loaded, so its packages were looked into; those not as installed are named.
        inputs["package_content", "all others that were loaded"] = "as installed"
    inputs |= {("threads", name): str(count) for name, count in machine.threads.items()}
    inputs |= {("kernel", name): level for name, level in machine.kernels.items()}
    builds = environment.library_builds.items()
    inputs |= {("library", name): build for name, build in builds if not name.startswith(_SHIM)}
    threads = {name for kind, name in inputs if kind == "threads"}
    inputs |= {("variable", name): value for name, value in environment.variables.items() if name not in threads}
    return inputs | {("variable", name): None for name in capture.variables_read}


def arguments_of(argv: Sequence[str]) -> dict[str, str]:
    """What a command line says beyond the program: options by name, other words by their place after it."""
    words = list(argv[1:])
    if argv and "python" in argv[0].rpartition("/")[2]:
        while words and words[0].startswith("-") and words[0] not in ("-m", "-c"):
            words.pop(0)
        words = words[2:] if words[:1] == ["-m"] else words[1:]
    found: dict[str, str] = {}
    place = 0
    while words:
        name, sign, value = words.pop(0).partition("=")
        if name.startswith("-") and not sign and words and not words[0].startswith("--"):
            value = words.pop(0)
        elif not name.startswith("-"):
            place += 1
            name, value = f"argument {place}", f"{name}{sign}{value}"
        found[name] = value
    return found


def kind_of(read: FileRead) -> Literal["code", "config", "data"]:
    """What a file that was read is; see :func:`kind_of_file`."""
    return kind_of_file(read.path, read.size)


def kind_of_file(path: str, size: int) -> Literal["code", "config", "data"]:
    """``config`` for small files in a language of settings, ``code`` for a program, else ``data``."""
    if path.lower().endswith(_CODE_SUFFIXES):
        return "code"
    return "config" if path.lower().endswith(_CONFIG_SUFFIXES) and size <= _MOST_CONFIG_BYTES else "data"


def _tree(capture: Capture) -> str:
    """The digest of the code: the tree without the data in it, and without what the run itself left there."""
    apart = {read.relative for read in capture.reads if kind_of(read) != "code"}
    apart |= {written.path for written in capture.writes or []}
    if not apart.intersection(entry.path for entry in capture.code.files):
        return capture.code.digest
    return tree_digest(entry for entry in capture.code.files if entry.path not in apart)


def _edits(package: Package) -> str:
    return f"{len(package.edited)} edited files, {digest_value(sorted(package.edited.items()))[:16]}"


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


def compare_artifacts(
    before: Mapping[str, str],
    after: Mapping[str, str],
    read: Callable[[str], bytes] | None = None,
    tolerances: Mapping[str, Tolerance] | None = None,
    around: tuple[Around, Around] = NOWHERE,
) -> list[ArtifactCheck]:
    """Compare artifacts by digest, and by content where the digests differ.

    Args:
        before: Digests of the original run's artifacts by name.
        after: Those of the rerun.
        read: Gives the bytes of a digest; without it only digests are compared.
        tolerances: For the numbers inside of an artifact, by its name.
        around: The surroundings of either run, whose traces in text do not count.
    """

    def look(name: str, first: str, second: str) -> tuple[ItemStatus, str]:
        if read is None:
            return "different", "the digests differ"
        try:
            return compare_content(name, read(first), read(second), (tolerances or {}).get(name), around)
        except NotFoundError:
            return "different", "the digests differ; its bytes are not kept, so that is all that can be said"

    after = _named_alike(before, after, around)
    return [
        _artifact_check(name, before.get(name, ""), after.get(name, ""), look) for name in sorted({*before, *after})
    ]


def _named_alike(
    before: Mapping[str, str], after: Mapping[str, str], around: tuple[Around, Around]
) -> Mapping[str, str]:
    """The rerun's artifacts under the original's names, where only the time of the run in a name tells them apart."""
    plain: dict[str, list[str]] = {}
    for name in before.keys() - after.keys():
        plain.setdefault(_plain_name(name, around[0]), []).append(name)
    renamed: dict[str, str] = {}
    for name in sorted(after.keys() - before.keys()):
        if len(found := plain.get(_plain_name(name, around[1]), [])) == 1:
            renamed[name] = found.pop()
    return {renamed.get(name, name): digest for name, digest in after.items()}


def _plain_name(name: str, around: Around) -> str:
    """A name without the times at which its run ran and the ids of its processes."""
    return re.sub(
        r"\d+", lambda match: "<pid>" if match[0] in around.pids else match[0], without_own_times(name, around.span)
    )


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
    """Put the result axis together.

    Printed text decides too, unless the run recorded metrics: what a training prints beside them is talk.
    """
    statuses = [item.status for item in metrics] + [item.status for item in artifacts]
    recorded = [status for status in statuses if status != "unchecked"]
    printed = [stdout.status] if stdout and all(item.status == "unchecked" for item in metrics) else []
    ended = [exit_code.status] if exit_code and exit_code.status == "different" else []
    status = _result_status([*recorded, *printed, *ended])
    if status != ResultStatus.DIFFERENT and any(item.status == "unchecked" for item in artifacts):
        status = ResultStatus.UNDECIDED  # its digest differs, and whether its content does is not known
    return ResultReport(status=status, metrics=metrics, artifacts=artifacts, stdout=stdout, exit_code=exit_code)


def unchecked_of(inputs: Iterable[InputCheck], result: ResultReport) -> list[str]:
    """Names of everything that could not be compared, inputs first."""
    items = [check.title for check in inputs if check.status == "unchecked"]
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
    one_sided = key[0] in _ONE_SIDED and (key in before) != (key in after)
    status: CheckStatus = "same" if first == second else "different"
    if unknown or one_sided:
        status = "unchecked"
    return InputCheck(kind=key[0], name=key[1], status=status, before=first, after=second)


def _metric_check(name: str, before: Series | None, after: Series | None, tolerance: Tolerance | None) -> MetricCheck:
    if before is None or after is None:
        return MetricCheck(name=name, status="added" if before is None else "missing")
    if before.steps != after.steps:
        detail = f"{len(before.steps)} points became {len(after.steps)}, or their steps differ"
        return MetricCheck(name=name, status="different", points=len(after.steps), detail=detail)
    pairs = list(zip(before.steps, before.values, after.values, strict=True))
    off = [(step, first, second) for step, first, second in pairs if not same_bits(first, second)]
    if not off:
        return MetricCheck(name=name, status="identical", points=len(pairs))
    inside = tolerance is not None and all(close(first, second, tolerance) for _, first, second in off)
    gaps = [abs(second - first) for _, first, second in off if math.isfinite(first) and math.isfinite(second)]
    return MetricCheck(
        name=name,
        status="within_tolerance" if inside else "different",
        points=len(pairs),
        max_difference=max(gaps, default=None),
        first_step=off[0][0],
        detail=f"{len(off)} of {len(pairs)} points differ; first {off[0][1]!r} became {off[0][2]!r}",
    )


def _artifact_check(
    name: str, before: str, after: str, look: Callable[[str, str, str], tuple[ItemStatus, str]]
) -> ArtifactCheck:
    status: ItemStatus = "identical"
    detail = ""
    if not before or not after:
        status = "missing" if before else "added"
    elif before != after:
        status, detail = look(name, before, after)
    return ArtifactCheck(name=name, status=status, before=before, after=after, detail=detail)
