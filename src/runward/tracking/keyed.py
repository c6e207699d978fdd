"""The keyed values of runs (params, metric summaries, tags, marks): as stored, and read for many runs at once."""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from runward.core.clock import from_us
from runward.errors import InvalidError
from runward.store.database import Row, Tx, placeholders
from runward.tracking.model import Artifact, CapturePart, Mark, MetricSummary, Plain, RunParam
from runward.tracking.points import special_name

_SHORT = 40
_FIELD = re.compile(r"(?:`[^`]*`|[^,`])+")


_encode = json.JSONEncoder(ensure_ascii=False).encode


def encode(value: Plain) -> str:
    """A value as JSON text; NaN and ±inf by the names that JavaScript gives them."""
    # Most are finite numbers, and x - x is 0 for those only.
    return repr(value) if type(value) is float and value - value == 0 else _encode(value)


def decode(text: str) -> Plain:
    """A value from :func:`encode`; what is not finite comes back as its name, because JSON has no words for it."""
    if len(text) > _SHORT or text.startswith(("[", "{")):
        return json.loads(text, parse_constant=str)
    return _decode_scalar(text)


@functools.lru_cache(maxsize=8192)
def _decode_scalar(text: str) -> Plain:
    # The same few values come again and again: a table of 1,000 runs has 20,000 params and perhaps 100 values.
    return json.loads(text, parse_constant=str)


class Keys(NamedTuple):
    """The keys whose values are wanted; None for all of a kind."""

    params: Sequence[str] | None = None
    metrics: Sequence[str] | None = None
    tags: Sequence[str] | None = None


def keys_of(columns: str) -> Keys | None:
    """The keys that columns such as ``metrics.loss.min,params.lr`` need; None for no columns. Raises: InvalidError."""
    wanted: dict[str, list[str]] = {"params": [], "metrics": [], "tags": []}
    for column in split_fields(columns):
        group, _, key = column.replace("`", "").partition(".")
        if group not in wanted or not key:
            raise InvalidError(f"{column!r} is no column", hint="metrics.KEY, params.KEY or tags.KEY, by commas")
        # The end of a metric's column may say which of its values is shown.
        wanted[group] += [key, key.rpartition(".")[0] or key] if group == "metrics" else [key]
    return Keys(**wanted) if columns.strip() else None


def split_fields(fields: str) -> list[str]:
    """Fields separated by commas; a comma in backticks separates nothing."""
    return [field for field in map(str.strip, _FIELD.findall(fields)) if field]


class Values(NamedTuple):
    """The keyed values of one run."""

    params: dict[str, Plain]
    metrics: dict[str, MetricSummary]
    tags: dict[str, str]


def values_of(tx: Tx, ids: Sequence[str], keys: Keys | None = None) -> dict[str, Values]:
    """The keyed values of runs, read by one query a table and not one a run."""
    wanted = keys or Keys()
    params, metrics = params_of(tx, ids, wanted.params), summaries_of(tx, ids, wanted.metrics)
    tags = tags_of(tx, ids, wanted.tags)
    return {
        run_id: Values({p.key: p.value for p in params.get(run_id, [])}, metrics[run_id], tags.get(run_id, {}))
        for run_id in ids
    }


class Everything(NamedTuple):
    """What belongs to one run."""

    values: Values
    origins: dict[str, str]
    """Who gave each param."""
    marks: list[Mark]
    artifacts: list[Artifact]
    captures: list[CapturePart]


_EVERYTHING = """SELECT run_id, 0, key, value, origin, NULL, NULL, NULL, NULL, NULL FROM params WHERE run_id IN ({})
  UNION ALL SELECT run_id, 1, key, '', '', n, last_step, last, minimum, maximum FROM metrics WHERE run_id IN ({})
  UNION ALL SELECT run_id, 2, key, value, '', NULL, NULL, NULL, NULL, NULL FROM tags WHERE run_id IN ({})
  UNION ALL SELECT run_id, 3, kind, label, ref, at, NULL, NULL, NULL, NULL FROM marks WHERE run_id IN ({})
  UNION ALL SELECT run_id, 4, path, digest, media_type, size, created_at, NULL, NULL, NULL FROM artifacts WHERE run_id IN ({})
  UNION ALL SELECT run_id, 5, kind, digest, summary, NULL, NULL, NULL, NULL, NULL FROM captures WHERE run_id IN ({})
  ORDER BY 1, 2, 3"""


def everything_of(tx: Tx, ids: Sequence[str]) -> dict[str, Everything]:
    """What belongs to some runs, by one query."""
    all_found = {run_id: Everything(Values({}, {}, {}), {}, [], [], []) for run_id in ids}
    for run_id, kind, key, text, ref, n, step, last, low, high in tx.listed(_EVERYTHING, ids):
        found = all_found[run_id]
        if kind == 0:
            found.values.params[key], found.origins[key] = decode(text), ref
        elif kind == 1:
            found.values.metrics[key] = _summary(key, n, last, step, low, high)
        elif kind == 2:
            found.values.tags[key] = text
        elif kind == 3:
            found.marks.append(Mark(key, text, ref, from_us(n)))
        elif kind == 4:
            found.artifacts.append(Artifact(key, text, n, ref, from_us(step)))
        else:
            found.captures.append(CapturePart(key, text, decode(ref)))
    return all_found


def _by_run(
    tx: Tx, columns: str, table: str, ids: Sequence[str], order: str, keys: Sequence[str] | None = None
) -> Iterator[Row]:
    some = "" if keys is None else f" AND key IN ({placeholders(keys)})"
    if keys is None or keys:
        sql = f"SELECT run_id, {columns} FROM {table} WHERE run_id IN ({{}}){some} ORDER BY run_id, {order}"
        yield from tx.listed(sql, ids, after=keys or ())


def params_of(tx: Tx, ids: Sequence[str], keys: Sequence[str] | None = None) -> dict[str, list[RunParam]]:
    """Params by run."""
    found: dict[str, list[RunParam]] = {}
    for run_id, key, value, origin in _by_run(tx, "key, value, origin", "params", ids, "key", keys):
        found.setdefault(run_id, []).append(RunParam(key, decode(value), origin))
    return found


def summaries_of(tx: Tx, ids: Sequence[str], keys: Sequence[str] | None = None) -> dict[str, dict[str, MetricSummary]]:
    """Metric summaries by run and key."""
    found: dict[str, dict[str, MetricSummary]] = {run_id: {} for run_id in ids}
    for run_id, key, n, last, last_step, low, high in _by_run(
        tx, "key, n, last, last_step, minimum, maximum", "metrics", ids, "key", keys
    ):
        found[run_id][key] = _summary(key, n, last, last_step, low, high)
    return found


def _summary(
    key: str, n: int, last: float | None, last_step: int, low: float | None, high: float | None
) -> MetricSummary:
    # x - x is 0 for finite numbers only.
    if last is not None and low is not None and high is not None and last - last == low - low == high - high == 0:
        return MetricSummary(key, n, last, last_step, low, high)
    special = special_name(math.nan if last is None else last)
    return MetricSummary(key, n, None if special else last, last_step, _finite(low), _finite(high), special)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def tags_of(tx: Tx, ids: Sequence[str], keys: Sequence[str] | None = None) -> dict[str, dict[str, str]]:
    """Tags by run."""
    found: dict[str, dict[str, str]] = {}
    for run_id, key, value in _by_run(tx, "key, value", "tags", ids, "key", keys):
        found.setdefault(run_id, {})[key] = value
    return found


def marks_of(tx: Tx, ids: Sequence[str]) -> dict[str, list[Mark]]:
    """Marks by run."""
    found: dict[str, list[Mark]] = {}
    for run_id, kind, label, ref, at in _by_run(tx, "kind, label, ref, at", "marks", ids, "kind"):
        found.setdefault(run_id, []).append(Mark(kind, label, ref, from_us(at)))
    return found


_RUN_KEYS = {"project_id": "text", "kind": "text", "key": "text"}


def note_keys(tx: Tx, project_id: str, kind: str, keys: Iterable[str]) -> None:
    """Remember that runs of a project have keys of a kind (``metric``, ``param``, ``tag``)."""
    # They are never forgotten, so one that was stored once need not be looked for again.
    if not (wanted := sorted({key for key in keys if not tx.is_kept((project_id, kind, key))})):
        return
    sql = "SELECT key FROM run_keys WHERE project_id = ? AND kind = ? AND key IN ({})"
    known = {row[0] for row in tx.listed(sql, wanted, before=(project_id, kind))}
    new = [(project_id, kind, key) for key in wanted if key not in known]
    tx.later("run_keys", _RUN_KEYS, new, "ON CONFLICT DO NOTHING", unique=3)
    tx.keep((project_id, kind, key) for key in wanted)
