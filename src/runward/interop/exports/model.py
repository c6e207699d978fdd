"""What every way out is given, and what an export says at its end."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from runward.errors import InvalidError, RunwardError
from runward.tracking.model import Artifact, Run, RunDetail, Series
from runward.tracking.points import Columns
from runward.workspace import Workspace

_PAGE = 500
_KEYS = 100


class Problem(msgspec.Struct, frozen=True):
    """A run that did not get out, and why."""

    run: str
    message: str


class Report(msgspec.Struct):
    """What an export did."""

    format: str
    target: str
    runs: int = 0
    unchanged: int = 0
    """Runs that were there already."""
    points: int = 0
    files: int = 0
    lost: dict[str, int] = {}
    """What the format has no place for, and how often it was met."""
    problems: list[Problem] = []


class Whole(NamedTuple):
    """A run with the ways to its series and files."""

    space: Workspace
    detail: RunDetail

    @property
    def run(self) -> Run:
        """The run."""
        return self.detail.run

    @property
    def keys(self) -> list[str]:
        """The keys of all series."""
        return [metric.key for metric in self.detail.metrics]

    def series(self) -> Iterator[tuple[str, Columns]]:
        """All series by key, in order of step; not all of them in memory at once."""
        keys = self.keys
        for start in range(0, len(keys), _KEYS):
            for series in self.space.tracking.series(self.run.id, keys[start : start + _KEYS]).series:
                yield series.key, columns_of(series)

    def content(self, artifact: Artifact) -> Iterator[bytes]:
        """The bytes of an artifact."""
        return self.space.files.artifact(self.run.id, artifact.path)

    def save(self, artifact: Artifact, path: Path) -> None:
        """Write an artifact into a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            for chunk in self.content(artifact):
                file.write(chunk)


class Writer(Protocol):
    """One form of export."""

    format: str
    target: str
    lost: Counter[str]

    def write(self, whole: Whole) -> bool:
        """Take a run in; False where it was there already. Raises: RunwardError (this run cannot get out)."""
        ...

    def close(self) -> None:
        """Finish what was written."""
        ...


def columns_of(series: Series) -> Columns:
    """A series' columns; NaN and the infinities are themselves again."""
    values = array("d", [math.nan if value is None else value for value in series.values])
    for position, word in series.special.items():
        values[int(position)] = float(word)
    return Columns(array("q", series.steps), array("d", series.times), values)


def chosen_runs(space: Workspace, refs: Iterable[str], project: str = "", where: str = "") -> Iterator[str]:
    """Ids of the runs that are meant: by reference, and those of a project or search, page by page."""
    refs = list(refs)
    if not refs and not project and not where:
        raise InvalidError("no runs are chosen", hint="name runs, or give --project or --where")
    for ref in refs:
        yield space.tracking.resolve_run(ref).id
    if project or where:
        cursor: str | None = None
        while True:
            page = space.tracking.search_runs(project, where, limit=_PAGE, cursor=cursor)
            yield from (run.id for run in page.runs)
            cursor = page.next_cursor
            if cursor is None:
                return


def export_runs(space: Workspace, run_ids: Iterable[str], writer: Writer) -> Report:
    """Write runs, one after the other; one that cannot get out keeps nobody back."""
    report = Report(writer.format, writer.target)
    try:
        for run_id in dict.fromkeys(run_ids):
            whole = Whole(space, space.tracking.get_run(run_id))
            try:
                if not writer.write(whole):
                    report.unchanged += 1
                    continue
            except (RunwardError, OSError) as error:
                if isinstance(error, RunwardError) and error.retryable:
                    raise
                report.problems.append(Problem(run_id, str(error)))
                continue
            report.runs += 1
            report.points += sum(metric.n for metric in whole.detail.metrics)
            report.files += len(whole.detail.artifacts)
    finally:
        writer.close()
    report.lost = dict(sorted(writer.lost.items()))
    return report
