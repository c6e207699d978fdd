"""Where a remark belongs: a line of code, a cell, a param, a metric, an artifact; and whether that is still there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import msgspec

from runward.config.targets import did_you_mean
from runward.core.hashing import digest_value
from runward.errors import InvalidError
from runward.review.code.tree import Tree
from runward.tracking.model import RunDetail
from runward.tracking.notebooks import code_cells

_LINES = re.compile(r"(?P<path>.+):(?P<first>\d{1,9})(?:-(?P<last>\d{1,9}))?")
_CELL = re.compile(r"(?P<path>.+\.ipynb)#(?P<cell>\d{1,9})")
_STEP = re.compile(r"(?P<of>metrics\..+)@(?P<step>\d{1,30})")
_SUGGESTION = re.compile(r"^```suggestion[^\n]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
_MOST_LINES = 200
_AROUND = 3
_TELLING = 8
"""So many characters and a line is recognised without its neighbours."""

State = Literal["", "here", "moved", "outdated"]


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a remark was written about, as it was then."""

    value: str = ""
    """Of a param, a metric or an artifact: what it was."""
    line: int = 0
    lines: list[str] = []
    before: list[str] = []
    after: list[str] = []


class Found(NamedTuple):
    """Where the same thing is now."""

    state: State
    line: int = 0


class Source(NamedTuple):
    """What places are looked up in."""

    values: Callable[[], Mapping[str, str]]
    """Digests of params, metrics and artifacts by their anchors."""
    code: Callable[[], Tree]
    """Files; read when a place in them is asked for."""
    steps: Callable[[], Mapping[str, int]] = dict
    """The greatest steps of metrics by their anchors."""


def values_of(detail: RunDetail) -> dict[str, str]:
    """What of a run a remark can be about, beside its code."""
    run = detail.run
    return {
        **{f"params.{key}": digest_value(value) for key, value in run.params.items()},
        **{f"metrics.{key}": digest_value([m.n, m.last, m.last_special]) for key, m in run.metrics.items()},
        **{f"artifacts/{item.path}": item.digest for item in detail.artifacts},
    }


def steps_of(detail: RunDetail) -> dict[str, int]:
    """How far the metrics of a run go."""
    return {f"metrics.{key}": metric.last_step for key, metric in detail.run.metrics.items()}


def suggestion_of(body: str) -> str | None:
    """What a remark suggests instead; None where it suggests nothing."""
    found = _SUGGESTION.search(body)
    return found[1] if found else None


def place_of(anchor: str, source: Source) -> Place:
    """What an anchor points at. Raises: InvalidError (there is no such thing; with what there is)."""
    if not anchor:
        return Place()
    if (value := _value(anchor, source)) is not None:
        _check_step(anchor, source)
        return Place(value=value)
    if _named(anchor):
        raise InvalidError(f"anchor {anchor!r}: the run has no such thing", hint=did_you_mean(anchor, source.values()))
    if cell := _CELL.fullmatch(anchor):
        return _cell_place(anchor, cell["path"], int(cell["cell"]), source)
    path, first, last = _range(anchor)
    lines = source.code().read(path).splitlines()
    if not lines:
        raise _no_file(anchor, path, source)
    if not 1 <= first <= last <= len(lines) or last - first >= _MOST_LINES:
        raise InvalidError(f"anchor {anchor!r}: {path} has {len(lines)} lines, up to {_MOST_LINES} may be named")
    before, after = lines[max(first - 1 - _AROUND, 0) : first - 1], lines[last : last + _AROUND]
    return Place(line=first, lines=lines[first - 1 : last], before=before, after=after)


def _check_step(anchor: str, source: Source) -> None:
    step = None if anchor in source.values() else _STEP.fullmatch(anchor)
    if step and int(step["step"]) > (greatest := source.steps()[step["of"]]):
        raise InvalidError(
            f"anchor {anchor[:200]!r}: {step['of']} ends at step {greatest}", hint=f"{step['of']}@{greatest}"
        )


def _cell_place(anchor: str, path: str, number: int, source: Source) -> Place:
    cells = code_cells(source.code().read(path))
    if not cells:
        raise _no_file(anchor, path, source)
    if not 1 <= number <= len(cells):
        raise InvalidError(f"anchor {anchor!r}: {path} has {len(cells)} code cells")
    return Place(line=number, lines=cells[number - 1].splitlines()[:_MOST_LINES])


def _no_file(anchor: str, path: str, source: Source) -> InvalidError:
    return InvalidError(
        f"anchor {anchor!r}: no readable file {path!r} was captured", hint=did_you_mean(path, source.code().paths)
    )


def find_again(anchor: str, place: Place, source: Source) -> Found:
    """Whether what a remark was written about is still there, and where."""
    if not anchor:
        return Found("")
    if place.value:
        return Found("here" if _value(anchor, source) == place.value else "outdated")
    if not place.lines:
        return Found("")
    if cell := _CELL.fullmatch(anchor):
        return _find_cell(place, code_cells(source.code().read(cell["path"])))
    return _find_lines(place, source.code().read(_range(anchor)[0]).splitlines())


def _find_cell(place: Place, cells: list[str]) -> Found:
    """By its whole source; the cell of its number first."""
    same = [i for i, cell in enumerate(cells, 1) if cell.splitlines()[:_MOST_LINES] == place.lines]
    if not same:
        return Found("outdated")
    number = min(same, key=lambda i: abs(i - place.line))
    return Found("here" if number == place.line else "moved", number)


def _find_lines(place: Place, present: list[str]) -> Found:
    count = len(place.lines)
    if present[place.line - 1 : place.line - 1 + count] == place.lines:
        return Found("here", place.line)
    starts = [i for i in range(len(present) - count + 1) if present[i : i + count] == place.lines]
    if not starts:
        return Found("outdated")
    best = max(starts, key=lambda i: (_alike(place, present, i, count), -abs(i + 1 - place.line)))
    telling = any(len(line.strip()) >= _TELLING for line in place.lines)
    if not _alike(place, present, best, count) and not (telling and len(starts) == 1):
        return Found("outdated")
    return Found("moved", best + 1)


def _alike(place: Place, present: list[str], start: int, count: int) -> int:
    """How many of the neighbours are the same."""
    above = present[max(start - len(place.before), 0) : start]
    below = present[start + count : start + count + len(place.after)]
    same = zip([*reversed(above), *below], [*reversed(place.before), *place.after], strict=False)
    return sum(one == other for one, other in same)


def _named(anchor: str) -> bool:
    return anchor.startswith(("params.", "metrics.", "artifacts/"))


def _value(anchor: str, source: Source) -> str | None:
    """The digest of a param, metric or artifact; None where the anchor names none that exists."""
    if not _named(anchor):
        return None
    values, step = source.values(), _STEP.fullmatch(anchor)
    return values.get(anchor) or (values.get(step["of"]) if step else None)


def _range(anchor: str) -> tuple[str, int, int]:
    """Path, first and last line of an anchor in code. Raises: InvalidError."""
    found = _LINES.fullmatch(anchor)
    if found is None:
        raise InvalidError(
            f"anchor {anchor[:200]!r} names no place",
            hint="train.py:12, train.py:12-14, nb.ipynb#3, params.lr, metrics.loss@10 or artifacts/model.bin",
        )
    first = int(found["first"])
    return found["path"], first, int(found["last"] or first)
