"""The seed replicates of a run: finished runs of its project that differ from it in nothing but the seed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from runward.governance.calling import Call
from runward.governance.scopes import Clause
from runward.tracking import repository as sql
from runward.tracking.baselines import is_seed
from runward.tracking.captured import document_of
from runward.tracking.model import CapturePart, Run, RunStatus

_MOST = 200
_SEED_OPTION = re.compile(r"(?i)^-{0,2}(?:[\w.-]*[._-])?seed(?:=.*)?$")


class Replicates(NamedTuple):
    """Runs of equal content apart from the seed."""

    finished: list[Run]
    """The run itself first, then the others, oldest first; one of each seed."""
    failed: list[Run]
    """Those that did not finish: they have no result, and are told so that nobody overlooks them."""


def replicates_of(call: Call, run_id: str) -> Replicates:
    """Runs with the same code, parameters, command, packages and data, as far as they were captured."""
    run = sql.run(call.tx, run_id)
    where = Clause(
        "r.project_id = ? AND r.git_commit = ? AND r.status <> ? AND r.deleted_at IS NULL AND r.id <> ?",
        (run.project_id, run.commit, RunStatus.RUNNING, run.id),
    )
    others = sql.find_runs(call.tx, where, Clause("r.created_at, r.id", ()), _MOST)
    content = _content(call, run)
    same = [other for other in others if _same(content, _content(call, other))] if content is not None else []
    seen, finished = {seed_of(run)}, [run]
    for other in same:
        if other.status == RunStatus.FINISHED and (seed_of(other) is None or seed_of(other) not in seen):
            seen.add(seed_of(other))
            finished.append(other)
    return Replicates(finished, [other for other in same if other.status != RunStatus.FINISHED])


def seed_of(run: Run) -> int | None:
    """The seed that tells a run from its replicates: its own, else a parameter of that name."""
    named = (value for key, value in sorted(run.params.items()) if is_seed(key))
    given = run.seed if run.seed is not None else next(named, None)
    return given if isinstance(given, int) and not isinstance(given, bool) else None


class _Content(NamedTuple):
    """What makes a run, without its seed."""

    parts: tuple[Any, ...]
    argv: list[str]
    seed: str
    reads: dict[str, str]


def _content(call: Call, run: Run) -> _Content | None:
    """None where the code was not captured: such a run equals no other."""
    captured = {part.kind: part for part in sql.captures(call.tx, run.id)}
    code, environment, process = (_summary(captured, kind) for kind in ("code", "environment", "process"))
    if not code.get("digest"):
        return None
    params = {key: value for key, value in run.params.items() if not is_seed(key)}
    parts = (code["digest"], environment.get("python"), environment.get("packages"), params)
    argv = _unseeded(process.get("argv") or [])
    return _Content(parts, argv, str(seed_of(run)), _reads(call, captured.get("reads")))


def _same(one: _Content, other: _Content | None) -> bool:
    """A file that only one of them read says nothing; one that both read must have been the same."""
    if other is None or one.parts != other.parts or len(one.argv) != len(other.argv):
        return False
    words = zip(one.argv, other.argv, strict=True)
    if any(a != b and (a, b) != (one.seed, other.seed) for a, b in words):
        return False
    return all(other.reads.get(path, digest) == digest for path, digest in one.reads.items())


def seed_words(argvs: Sequence[Sequence[str]]) -> list[int]:
    """Where a command names its seed: after options of that name, and where its replicates' commands differ.

    Args:
        argvs: The command's words, then those of its replicates, equally many.
    """
    first, found = argvs[0], set[int]()
    for at, word in enumerate(first):
        if _SEED_OPTION.match(word):
            found.add(at if "=" in word else at + 1)
    found |= {
        at for other in argvs[1:] if len(other) == len(first) for at in range(len(first)) if other[at] != first[at]
    }
    return sorted(at for at in found if at < len(first))


def _summary(captured: dict[Any, CapturePart], kind: str) -> dict[str, Any]:
    return captured[kind].summary if kind in captured else {}


def _unseeded(argv: Sequence[str]) -> list[str]:
    """A command without the seeds that it names: ``--seed 3``, ``--seed=3``, ``train.seed=3``."""
    kept: list[str] = []
    for word in argv:
        if kept and kept[-1] == "<seed>" and word.isdigit():
            continue
        kept.append("<seed>" if _SEED_OPTION.match(word) else word)
    return kept


def _reads(call: Call, part: CapturePart | None) -> dict[str, str]:
    if part is None:
        return {}
    document = document_of("reads", call.blobs.read(part.digest))
    found: Iterable[dict[str, Any]] = document.get("reads", [])
    return {str(read.get("path")): read["digest"] for read in found if read.get("digest") and not read.get("changed")}
