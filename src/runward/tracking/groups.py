"""Runs that share values: their groups, each metric's mean with its interval, and a test against a reference."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from runward.errors import InvalidError, NotFoundError
from runward.governance.calling import Call
from runward.governance.scopes import Clause
from runward.store.database import Tx
from runward.tracking.analysis_model import Against, GroupMetric, GroupTest, RunGroup, RunGroups
from runward.tracking.baselines import is_seed, measured_against
from runward.tracking.deltas import interval, mean_interval
from runward.tracking.finding import ProjectKeys, find_page
from runward.tracking.keyed import decode, params_of, split_fields
from runward.tracking.lifecycle import in_use
from runward.tracking.model import Plain
from runward.tracking.search import Field, Keys, compile_query, resolve_field
from runward.tracking.searchwords import Token

MAX_RUNS = 100_000
MAX_GROUPS = 500
"""Most groups of an answer; their number is told exactly."""
_SHOWN_IDS = 200


class Group(NamedTuple):
    """The runs that share ``values``; the values by run and metric."""

    values: tuple[Plain, ...]
    ids: list[str]


Values = dict[str, Plain]
"""Run id -> value; runs without one are missing."""


class Groups:
    """The part of the analysis that groups."""

    call: Call
    tx: Tx

    def group_runs(
        self,
        by: list[str],
        project: str = "",
        where: str = "",
        metrics: str = "",
        sort: str = "",
        against: Against = "best",
    ) -> RunGroups:
        """See the contract."""
        if not 1 <= len(by) <= 10:
            raise InvalidError(f"runs are grouped by 1 to 10 values, {len(by)} were given", hint="by=params.lr")
        visible = self.call.visible_projects(project)
        keys, asked = ProjectKeys(self.tx, visible), split_fields(metrics)
        readers = {key: _numbers(self.tx, key, keys) for key in asked}
        groups = self._groups(by, self._matching(project, visible, where, keys), keys)
        order = _Order(sort, by, asked)
        means = {key: _means(groups, read) for key, read in readers.items()}
        order.sort(groups, means)
        kind, ids = self._reference(against, project, groups, order)
        theirs = {key: _finite(readers[key](ids), ids) for key in asked} if ids else {}
        shown = [
            RunGroup(
                values=list(group.values),
                n=len(group.ids),
                seeds=self._seeds(group.ids),
                run_ids=group.ids[:_SHOWN_IDS],  # type: ignore[arg-type]
                where=_condition(by, group.values),
                metrics=[_metric(key, means[key][id(group)], theirs.get(key), group.ids == ids) for key in asked],
                is_reference=group.ids == ids,
            )
            for group in groups[:MAX_GROUPS]
        ]
        runs = sum(len(group.ids) for group in groups)
        return RunGroups(by, shown, len(groups), runs, kind, ids[:_SHOWN_IDS])  # type: ignore[arg-type]

    def _matching(self, project: str, visible: Clause, where: str, keys: Keys) -> list[str]:
        shown = in_use(self.tx, visible, self.call.project(project).id if project else "")
        found = find_page(self.tx, shown, compile_query(where, "", keys), MAX_RUNS, None, ())
        if found.total > MAX_RUNS:
            raise InvalidError(f"{found.total:,} runs match; at most {MAX_RUNS:,} are grouped", hint="narrow `where`")
        return found.ids

    def _groups(self, by: list[str], ids: list[str], keys: Keys) -> list[Group]:
        columns = [_unseeded(self.tx, ids) if name == "params" else _values(self.tx, name, keys)(ids) for name in by]
        groups: dict[str, Group] = {}
        for run_id in ids:
            values = tuple(column.get(run_id) for column in columns)
            groups.setdefault(_key(values), Group(values, [])).ids.append(run_id)
        return _telling(by, list(groups.values()))

    def _seeds(self, ids: list[str]) -> int:
        seeds = {
            row[0] for row in self.tx.listed("SELECT r.seed FROM runs r WHERE r.seed IS NOT NULL AND r.id IN ({})", ids)
        }
        params = "SELECT r.value FROM params r WHERE r.key = 'seed' AND r.run_id IN ({})"
        return len(seeds) or len({row[0] for row in self.tx.listed(params, ids)})

    def _reference(
        self, against: Against, project: str, groups: list[Group], order: _Order
    ) -> tuple[Against, list[str]]:
        if against == "baseline":
            place = self.call.project(project).id if project else ""
            baseline, runs = measured_against(self.tx, place)
            if baseline is None:
                raise NotFoundError(
                    "the project has no baseline", hint="`runward projects baseline PATH RUN…` names one"
                )
            return "baseline", [run.id for run in runs]
        if against == "best" and order.by_metric and groups:
            return "best", groups[0].ids
        return "nothing", []


class _Order:
    """How groups are sorted: by a metric's mean, by a shared value, by size; by default the largest first."""

    def __init__(self, sort: str, by: list[str], metrics: list[str]) -> None:
        self.descending, self.field = sort.startswith("-"), sort.lstrip("+-")
        self.by_metric, self._by = self.field in metrics, by
        if self.field not in ("", "n", *by, *metrics):
            raise InvalidError(
                f"groups cannot be sorted by {self.field!r}", hint=f"one of: n, {', '.join([*by, *metrics])}"
            )

    def sort(self, groups: list[Group], means: dict[str, dict[int, list[float]]]) -> None:
        """Sort in place; groups without the value are last."""
        groups.sort(key=lambda group: -len(group.ids))
        if self.by_metric:
            found = means[self.field]
            rank: Callable[[Group], Any] = lambda group: math.fsum(found[id(group)]) / len(found[id(group)])  # noqa: E731
            missing = [group for group in groups if not found[id(group)]]
        elif self.field in self._by:
            at = self._by.index(self.field)
            rank = lambda group: _rank(group.values[at])  # noqa: E731
            missing = [group for group in groups if group.values[at] is None]
        else:
            if self.field and not self.descending:
                groups.reverse()
            return
        present = [group for group in groups if not any(group is one for one in missing)]
        groups[:] = sorted(present, key=rank, reverse=self.descending) + missing


def _rank(value: Plain) -> tuple[bool, float, str]:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return not is_number, float(value) if is_number else 0.0, "" if is_number else str(value)


def _key(values: tuple[Plain, ...]) -> str:
    """Equal for equal values: 1 and 1.0 are one number."""
    return json.dumps([int(v) if isinstance(v, float) and v.is_integer() else v for v in values], sort_keys=True)


def _field(name: str, keys: Keys) -> Field:
    field = resolve_field(name, Token("word", name, 0), keys)
    if field.is_time:
        raise InvalidError(
            f"runs are not grouped by the time {name!r}", hint="experiment, status, params.KEY, tags.KEY"
        )
    return field


def _values(tx: Tx, name: str, keys: Keys) -> Callable[[Sequence[str]], Values]:
    """Reads one value for each of some runs. Raises: InvalidError pointing at a field that does not exist."""
    field = _field(name, keys)
    table = field.table
    places = " JOIN projects p ON p.id = r.project_id LEFT JOIN experiments e ON e.id = r.experiment_id"
    before: tuple[object, ...] = ()
    if table is None:
        sql = f"SELECT r.id, {field.text} FROM runs r{places} WHERE r.id IN ({{}})"
    else:
        join = f"JOIN {table.name} x ON x.{table.owner} = {table.outer} AND x.{table.key_column} = ?"
        sql, before = f"SELECT r.id, {field.text} FROM runs r {join} WHERE r.id IN ({{}})", (table.key,)
    is_json = name.startswith(("params.", "metadata."))

    def read(ids: Sequence[str]) -> Values:
        found = ((row[0], row[1]) for row in tx.listed(sql, ids, before=before) if row[1] is not None)
        return {run_id: decode(value) if is_json else value for run_id, value in found}

    return read


def _numbers(tx: Tx, name: str, keys: Keys) -> Callable[[Sequence[str]], Values]:
    if not name.startswith("metrics."):
        raise InvalidError(f"{name!r} is no metric", hint="metrics.loss or metrics.loss.min")
    return _values(tx, name, keys)


def _unseeded(tx: Tx, ids: Sequence[str]) -> Values:
    """All params but the seed, by run."""
    return {
        run_id: {param.key: param.value for param in params if not is_seed(param.key)}
        for run_id, params in params_of(tx, ids).items()
    }


def _finite(values: Values, ids: Sequence[str]) -> list[float]:
    return [float(values[run_id]) for run_id in ids if run_id in values and math.isfinite(values[run_id])]


def _means(groups: list[Group], read: Callable[[Sequence[str]], Values]) -> dict[int, list[float]]:
    """The finite values of each group, by the group's identity."""
    values = read([run_id for group in groups for run_id in group.ids])
    return {id(group): _finite(values, group.ids) for group in groups}


def _metric(key: str, ours: list[float], theirs: list[float] | None, is_reference: bool) -> GroupMetric:
    if not ours:
        return GroupMetric(key, 0, None, None, None, None, None, None)
    mean, low, high = mean_interval(ours)
    test = None
    if theirs and not is_reference:
        found = interval(ours, theirs)
        test = GroupTest(found.difference, found.low, found.high, found.p, found.verdict)
    return GroupMetric(key, len(ours), mean, low, high, min(ours), max(ours), test)


def _telling(by: list[str], groups: list[Group]) -> list[Group]:
    """Of all params only those that tell the groups apart; the others are the same in every run."""
    if "params" not in by:
        return groups
    at = by.index("params")
    every = [group.values[at] or {} for group in groups]
    keys = {key for params in every for key in params}
    telling = sorted(key for key in keys if len({_key((params.get(key), key in params)) for params in every}) > 1)
    return [
        Group((*group.values[:at], {key: params.get(key) for key in telling}, *group.values[at + 1 :]), group.ids)
        for group, params in zip(groups, every, strict=True)
    ]


def _condition(by: list[str], values: tuple[Plain, ...]) -> str:
    """What finds exactly the runs of a group; empty where the language has no words for a value."""
    parts: list[tuple[str, Plain]] = []
    for name, value in zip(by, values, strict=True):
        if name == "params":
            parts += [(_named("params", key), one) for key, one in value.items()]
        else:
            parts.append((name, value))
    if any(isinstance(value, list | dict) for _, value in parts):
        return ""
    return " and ".join(f"{name} is null" if value is None else f"{name} = {_literal(value)}" for name, value in parts)


def _named(group: str, key: str) -> str:
    plain = all(char.isascii() and (char.isalnum() or char in "_-/.") for char in key)
    return f"{group}.{key}" if plain else f"{group}.`{key}`"


def _literal(value: Plain) -> str:
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
