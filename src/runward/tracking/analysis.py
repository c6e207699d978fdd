"""The rules of analysis: many runs read with few queries, however many keys they have."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple

from runward.core.call import Room
from runward.core.ids import RunId
from runward.errors import InvalidError, NotFoundError
from runward.governance.calling import Call
from runward.store.database import Tx, placeholders
from runward.tracking import repository as sql
from runward.tracking.analysis_api import Analysis
from runward.tracking.analysis_model import DifferenceRow, DifferenceRows, Differences, MediaFile, RunCurves, RunMedia
from runward.tracking.codediff import environment_of
from runward.tracking.compaction import read_series
from runward.tracking.groups import Groups
from runward.tracking.keyed import Keys, decode, keys_of
from runward.tracking.media import parse_media_path
from runward.tracking.model import Plain, Run
from runward.tracking.points import pack_columns, reduce_columns, special_name

MAX_COMPARED = 200
MAX_DRAWN = 1000
MAX_SERIES = 10_000
MAX_ROWS = 1000
MAX_WIDTH = 4000


class _Key(NamedTuple):
    """A key of a table over several runs."""

    key: str
    differs: bool
    points: int


class _Page(NamedTuple):
    """Which keys are wanted."""

    search: str
    same: bool
    limit: int
    offset: int
    only: Sequence[str] | None

    def cut(
        self, keys: list[_Key], values: Callable[[list[str]], dict[tuple[str, str], Plain]], ids: list[str]
    ) -> DifferenceRows:
        """The wanted keys with their values."""
        found = [one for one in keys if self.search in one.key.lower() and (self.only is None or one.key in self.only)]
        wanted = [one for one in found if self.same or one.differs or self.only is not None]
        shown = wanted[self.offset : self.offset + self.limit]
        cells = values([one.key for one in shown]) if shown else {}
        rows = [DifferenceRow(k.key, [cells.get((k.key, i)) for i in ids], k.differs, k.points) for k in shown]
        return DifferenceRows(rows, len(found), sum(one.differs for one in found))


class AnalysisService(Groups, Analysis):
    """See :class:`Analysis`."""

    room: ClassVar[str] = "analysis"

    def __init__(self, call: Call) -> None:
        self.call, self.tx = call, call.tx

    def differences(
        self,
        run_ids: list[str],
        search: str = "",
        same: bool = False,
        limit: int = 200,
        offset: int = 0,
        only: str = "",
    ) -> Differences:
        """See the contract."""
        runs = self._readable(run_ids, MAX_COMPARED)
        ids: list[str] = [run.id for run in runs]
        wanted = keys_of(only) or Keys()
        size = min(max(limit, 1), MAX_ROWS)

        def page(keys: Sequence[str] | None) -> _Page:
            return _Page(search.lower(), same, size, max(offset, 0), keys)

        environment = [environment_of(sql.captures(self.tx, run_id)) for run_id in ids]
        return Differences(
            runs=runs,
            params=page(wanted.params).cut(_texts(self.tx, "params", ids), _cells(self.tx, "params", ids), ids),
            metrics=page(wanted.metrics).cut(
                _metrics(self.tx, ids, wanted.metrics), _cells(self.tx, "metrics", ids), ids
            ),
            tags=page(wanted.tags).cut(_texts(self.tx, "tags", ids), _cells(self.tx, "tags", ids), ids),
            environment=_of_environment(page(None), environment, ids),
        )

    def curves(self, run_ids: list[str], keys: list[str], width: int = 0) -> list[RunCurves]:
        """See the contract."""
        if len(run_ids) * len(keys) > MAX_SERIES:
            raise InvalidError(f"{len(run_ids) * len(keys):,} series were asked for; at most {MAX_SERIES:,} at once")
        width = min(max(width, 0), MAX_WIDTH)
        found = []
        for run in self._readable(run_ids, MAX_DRAWN):
            series = read_series(self.tx, run.id, keys, width)
            present = [(key, n, reduce_columns(columns, width)) for key, (n, columns) in series.items() if n]
            points = [pack_columns(key, columns) for key, _, columns in present]
            found.append(RunCurves(run.id, points, [n for _, n, _ in present]))
        return found

    def media(self, run_ids: list[str]) -> list[RunMedia]:
        """See the contract."""
        ids = [run.id for run in self._readable(run_ids, MAX_COMPARED)]
        found: dict[str, list[MediaFile]] = {run_id: [] for run_id in ids}
        rows = self.tx.all(
            f"""SELECT run_id, path, media_type, size FROM artifacts
                WHERE run_id IN {_in(ids)} AND substr(path, 1, 6) = 'media/'""",
            ids,
        )
        for run_id, path, media_type, size in rows:
            if parsed := parse_media_path(path):
                found[run_id].append(MediaFile(parsed.key, parsed.step, parsed.n, path, media_type, size))
        return [RunMedia(run_id, sorted(found[run_id], key=lambda one: (one.key, one.step, one.n))) for run_id in ids]

    def _readable(self, run_ids: list[str], most: int) -> list[Run]:
        """The heads of runs. Raises: NotFoundError (there is none, or it is not visible), InvalidError (too many)."""
        ids = list(dict.fromkeys(run_ids))
        if not 1 <= len(ids) <= most:
            raise InvalidError(f"{len(ids)} runs were given; 1 to {most:,} are read at once")
        visible = self.call.visible_projects()
        query = f"SELECT id FROM runs WHERE id IN {_in(ids)} AND deleted_at IS NULL AND project_id IN {visible.sql}"
        present = {row[0] for row in self.tx.all(query, (*ids, *visible.params))}
        if missing := [run_id for run_id in ids if run_id not in present]:
            raise NotFoundError(
                f"there is no run {missing[0]!r}", hint="give whole ids; `runward runs list` shows them"
            )
        return sql.runs_by_id(self.tx, [RunId(run_id) for run_id in ids], Keys((), (), None))


def _in(ids: Sequence[str]) -> str:
    return f"({placeholders(ids)})"


def _texts(tx: Tx, table: str, ids: list[str]) -> list[_Key]:
    """The keys of params or tags; what some run lacks differs."""
    rows = tx.all(
        f"SELECT key, count(*), min(value), max(value) FROM {table} WHERE run_id IN {_in(ids)} GROUP BY key ORDER BY key",
        ids,
    )
    return [_Key(key, n < len(ids) or low != high, 0) for key, n, low, high in rows]


def _metrics(tx: Tx, ids: list[str], keys: Sequence[str] | None) -> list[_Key]:
    """The keys of metrics, counted by the database: 200 runs of 12,000 keys have 2.4 million values."""
    if keys is not None and not keys:
        return []
    some = f" AND key IN {_in(keys)}" if keys else ""
    rows = tx.all(
        f"""SELECT key, count(*), count(last), min(last), max(last), max(n) FROM metrics
            WHERE run_id IN {_in(ids)}{some} GROUP BY key ORDER BY key""",
        (*ids, *(keys or ())),
    )
    # NaN is stored as NULL: it equals only NaN.
    return [
        _Key(key, n < len(ids) or 0 < known < n or low != high, points) for key, n, known, low, high, points in rows
    ]


def _cells(tx: Tx, table: str, ids: list[str]) -> Callable[[list[str]], dict[tuple[str, str], Plain]]:
    """Reads (key, run) -> value for some keys."""
    column = "last" if table == "metrics" else "value"
    decoders: dict[str, Callable[[Any], Plain]] = {"metrics": _number, "params": decode, "tags": str}
    shown = decoders[table]

    def read(keys: list[str]) -> dict[tuple[str, str], Plain]:
        query = f"SELECT key, run_id, {column} FROM {table} WHERE run_id IN {_in(ids)} AND key IN {_in(keys)}"
        return {(key, run_id): shown(value) for key, run_id, value in tx.each(query, (*ids, *keys))}

    return read


def _number(value: float | None) -> Plain:
    """A figure, or the name of what is none."""
    return "NaN" if value is None else special_name(value) or value


def _of_environment(page: _Page, found: list[dict[str, Plain]], ids: list[str]) -> DifferenceRows:
    keys = sorted({key for one in found for key in one})
    columns = {key: [one.get(key) for one in found] for key in keys}
    known = [_Key(key, len({json.dumps(v, sort_keys=True) for v in columns[key]}) > 1, 0) for key in keys]
    return page.cut(known, lambda some: {(k, i): v for k in some for i, v in zip(ids, columns[k], strict=True)}, ids)


ROOM = Room(Analysis, AnalysisService, {}, {})
