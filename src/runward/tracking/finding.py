"""One page of a search: exact total, order, and a cursor that names the last row instead of counting rows.

A page after a cursor costs what the first one costs (keyset paging), and what is added meanwhile shifts nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from runward.errors import InvalidError
from runward.governance.scopes import Clause
from runward.store.database import Row, Tx, placeholders
from runward.tracking import packages
from runward.tracking.model import KnownKeys, State
from runward.tracking.search import Condition, Query, SortTerm

_KINDS = {"metrics": "metric", "params": "param", "tags": "tag"}
_OF_RUN = re.compile(r"\br\.")
_MAX_OFFERED = 10_000
_LISTED = 500
_STRETCH = 20
"""How many values of an index are gone through for each run of a page, before all that matches is sorted instead."""


class ProjectKeys:
    """The keys that the runs of some projects have; see :class:`runward.tracking.search.Keys`."""

    def __init__(self, tx: Tx, projects: Clause) -> None:
        self._tx, self._projects = tx, projects

    def has(self, group: str, key: str) -> bool:
        """Whether a run there has the key."""
        if group in packages.KINDS:
            return packages.has_package(self._tx, group, key, self._projects)
        sql = f"SELECT 1 FROM run_keys WHERE kind = ? AND key = ? AND project_id IN {self._projects.sql} LIMIT 1"
        return self._tx.scalar(sql, (_KINDS[group], key, *self._projects.params)) is not None

    def offered(self, group: str) -> list[str]:
        """Those keys, at most 10,000."""
        if group in packages.KINDS:
            return packages.offered_packages(self._tx, group, self._projects)
        sql = f"""SELECT DISTINCT key FROM run_keys WHERE kind = ? AND project_id IN {self._projects.sql}
                  ORDER BY key LIMIT {_MAX_OFFERED}"""
        return [row[0] for row in self._tx.all(sql, (_KINDS[group], *self._projects.params))]


def known_keys(tx: Tx, projects: Clause) -> KnownKeys:
    """The keys of the runs in some projects, at most 10,000 of a kind."""
    keys = ProjectKeys(tx, projects)
    return KnownKeys(params=keys.offered("params"), metrics=keys.offered("metrics"), tags=keys.offered("tags"))


_STATES: dict[State, str] = {
    "active": "r.deleted_at IS NULL AND r.archived_at IS NULL",
    "archived": "r.deleted_at IS NULL AND r.archived_at IS NOT NULL",
    "deleted": "r.deleted_at IS NOT NULL",
}


class Found(NamedTuple):
    """The ids of a page's runs, how many match in all, and where the next page begins."""

    ids: list[str]
    total: int
    cursor: str | None


def find_page(
    tx: Tx, projects: Clause, query: Query, limit: int, cursor: str | None, said: Sequence[str], state: State = "active"
) -> Found:
    """One page of the runs that match.

    Args:
        tx: The transaction to read in.
        projects: The projects to look in, as a subquery.
        query: The compiled search.
        limit: Most runs of a page.
        cursor: The cursor of the page before.
        said: What was asked, as text: a cursor belongs to one search.
        state: Whether runs in use, archived or deleted ones are looked for.

    Raises: InvalidError (a cursor that no page of this search gave).
    """
    terms = [
        *query.terms,
        SortTerm("r.created_at", True, Clause("", ()), None),
        SortTerm("r.id", False, Clause("", ()), None),
    ]
    search = _Search(tx, projects, query.condition, terms, _signature(said), state)
    rows, total = search.page(limit + 1, search.position(cursor))
    more = len(rows) > limit
    shown = rows[:limit]
    return Found([row[-1] for row in shown], total, search.cursor(shown[-1]) if more else None)


def _signature(said: Sequence[str]) -> str:
    return hashlib.blake2b(json.dumps(list(said)).encode(), digest_size=6).hexdigest()


class _Search:
    def __init__(
        self, tx: Tx, projects: Clause, condition: Condition, terms: list[SortTerm], signature: str, state: State
    ) -> None:
        self._state = _STATES[state]
        self._tx, self._condition, self._terms, self._signature = tx, condition, terms, signature
        ids = [row[0] for row in tx.all(f"SELECT id FROM projects WHERE id IN {projects.sql}", projects.params)]
        # A short list is cheaper to test than a subquery, and a planner knows how long it is.
        self._ids = ids if len(ids) <= _LISTED else []
        self._in = Clause(f"({placeholders(ids)})", tuple(ids)) if self._ids else projects

    def _matching(self, condition: Clause) -> Clause:
        return Clause(
            f"{self._state} AND r.project_id IN {self._in.sql} AND ({condition.sql})",
            (*self._in.params, *condition.params),
        )

    def _from(self) -> tuple[Clause, Clause]:
        """FROM without sort tables, and WHERE: the looked-up runs come first, whatever the planner believes."""
        source, joins = self._condition.source, self._joins
        if source is None:
            return Clause(f"runs r{joins}", ()), self._matching(self._condition.clause)
        where = self._matching(self._condition.rest)
        return (
            Clause(f"{source.sql} f CROSS JOIN runs r{joins}", source.params),
            _early(where._replace(sql=f"r.id = f.run_id AND {where.sql}"), "f"),
        )

    @property
    def _joins(self) -> str:
        """The tables that the search names; a join that is not needed costs as much as the rest."""
        named = " ".join([self._condition.clause.sql, *(term.column for term in self._terms)])
        tables = {
            "p.path": " JOIN projects p ON p.id = r.project_id",
            "e.name": " LEFT JOIN experiments e ON e.id = r.experiment_id",
        }
        return "".join(join for column, join in tables.items() if column in named)

    def page(self, limit: int, after: list[Any] | None) -> tuple[list[Row], int]:
        """(sort values of the next runs, the last one being the id; how many match in all)."""
        tables, where = self._from()
        first, source = self._terms[0], self._condition.source
        rows: list[Row] = []
        has_place = after is None or after[0] is not None
        if first.walk is not None and has_place and source is None:
            rows = self._walk(first, first.walk, limit, after)
        elif first.walk is not None and has_place and source is not None and self._is_long(source, limit):
            rows = self._stretch(first, first.walk, limit, after)
        alone = source is None and (first.walk is not None or first.column == "r.created_at")
        if len(rows) < limit and after is None and not alone:
            rows = self._select(tables, where, self._terms, limit, None, counted=True)
            return [row[:-1] for row in rows], rows[0][-1] if rows else 0
        if len(rows) < limit:
            rows = self._select(tables, where, self._terms, limit, after)
        return rows, self._total(tables, where)

    def _total(self, tables: Clause, where: Clause) -> int:
        """How many runs match. Where their values alone tell, no run is read but those that are out of sight."""
        hidden = self._hidden()
        rest = _early(self._condition.rest, "f")
        source = self._condition.source
        if hidden is None or source is None or _OF_RUN.search(rest.sql):
            return self._count(tables.sql, where.sql, (*tables.params, *where.params))
        params = (*source.params, *rest.params)
        total = self._count(f"{source.sql} f", rest.sql, params)
        if hidden:
            some = f"({rest.sql}) AND f.run_id IN ({placeholders(hidden)})"
            total -= self._count(f"{source.sql} f", some, (*params, *hidden))
        return total

    def _count(self, tables: str, where: str, params: Sequence[object]) -> int:
        return int(self._tx.scalar(f"SELECT count(*) FROM {tables} WHERE {where}", params))

    def _hidden(self) -> list[str] | None:
        """The runs among those looked up that the search leaves out; None where they are many, or nobody knows."""
        if self._condition.key is None or not self._ids or self._state != _STATES["active"]:
            return None
        table, key = self._condition.key
        places = placeholders(self._ids)
        elsewhere = f"SELECT 1 FROM run_keys WHERE kind = ? AND key = ? AND project_id NOT IN ({places}) LIMIT 1"
        if self._tx.scalar(elsewhere, (_KINDS[table], key, *self._ids)) is not None:
            return None
        # The last condition is word for word that of the index runs_hidden.
        sql = f"""SELECT id FROM runs WHERE project_id IN ({places})
                  AND (deleted_at IS NOT NULL OR archived_at IS NOT NULL) LIMIT {_LISTED + 1}"""
        found = [row[0] for row in self._tx.all(sql, self._ids)]
        return found if len(found) <= _LISTED else None

    def _is_long(self, source: Clause, limit: int) -> bool:
        """Whether so many runs may match that a page is found sooner among the first in order than among them all."""
        most = _STRETCH * limit
        sql = f"SELECT count(*) FROM (SELECT 1 FROM {source.sql} f LIMIT ?) first_ones"
        return int(self._tx.scalar(sql, (*source.params, most))) == most

    def _walk(self, first: SortTerm, table: str, limit: int, after: list[Any] | None) -> list[Row]:
        """The page read along the index of the first sort value: the rest of the runs is never looked at."""
        # The table itself and no subquery of it, so that the database stops where the page is full.
        alias = first.column.partition(".")[0]
        valued = Clause(f"{alias}.key = ? AND {first.column} IS NOT NULL", first.join.params)
        return self._along(f"{table} {alias}", valued, limit, after)

    def _stretch(self, first: SortTerm, table: str, limit: int, after: list[Any] | None) -> list[Row]:
        """The page out of the first values in order; empty where it does not come together among these."""
        alias, _, column = first.column.partition(".")
        way, from_here, to_end = ("DESC", "<=", ">=") if first.descending else ("ASC", ">=", "<=")
        start = "" if after is None else f" AND {{}} {from_here} ?"
        params = (*first.join.params, *([] if after is None else after[:1]))
        sql = f"""SELECT {column} FROM {table} WHERE key = ? AND {column} IS NOT NULL{start.format(column)}
                  ORDER BY {column} {way} LIMIT 1 OFFSET ?"""
        end = self._tx.all(sql, (*params, _STRETCH * limit))
        stop = f" AND {first.column} {to_end} ?" if end else ""
        valued = f"{alias}.key = ? AND {first.column} IS NOT NULL{start.format(first.column)}{stop}"
        rows = self._along(f"{table} {alias}", Clause(valued, (*params, *(row[0] for row in end))), limit, after)
        return rows if len(rows) >= limit else []

    def _along(self, values: str, valued: Clause, limit: int, after: list[Any] | None) -> list[Row]:
        """The page of runs that have one of the values, which the database goes through first."""
        alias = self._terms[0].column.partition(".")[0]
        tables = Clause(f"{values} CROSS JOIN runs r{self._joins}", ())
        match = _early(self._matching(self._condition.clause), alias)
        where = Clause(f"r.id = {alias}.run_id AND {valued.sql} AND {match.sql}", (*valued.params, *match.params))
        return self._select(tables, where, self._terms[1:], limit, after, valued=True)

    def _select(
        self,
        tables: Clause,
        where: Clause,
        joined: list[SortTerm],
        limit: int,
        after: list[Any] | None,
        *,
        counted: bool = False,
        valued: bool = False,
    ) -> list[Row]:
        """The rows in order. ``valued``: the conditions leave out the rows in which the first term has no value."""
        names = [f"v{number}" for number in range(len(self._terms))]
        columns = ", ".join(f"{term.column} AS {name}" for term, name in zip(self._terms, names, strict=True))
        joins = "".join(term.join.sql for term in joined)
        params: list[object] = [
            *tables.params,
            *(value for term in joined for value in term.join.params),
            *where.params,
        ]
        condition = where.sql
        if after is not None:
            beyond = _after(self._terms, after)
            condition, params = f"{condition} AND {beyond.sql}", [*params, *beyond.params]
        places = names if counted else [term.column for term in self._terms]
        # PostgreSQL's indexes have missing values first when they are read downwards: said of a term that has none, it
        # would sort all runs instead of reading the first ones.
        nulls = ["" if valued and term is self._terms[0] else _nulls(term) for term in self._terms]
        order = ", ".join(
            f"{place} {'DESC' if term.descending else 'ASC'}{last}"
            for place, term, last in zip(places, self._terms, nulls, strict=True)
        )
        sql = f"SELECT {columns} FROM {tables.sql}{joins} WHERE {condition}"
        if counted:
            # PostgreSQL would plan for the LIMIT alone, as if nothing had to be counted, which takes ten times as long.
            kept = "AS MATERIALIZED" if self._tx.dialect == "postgresql" else "AS"
            sql = f"WITH found {kept} ({sql}) SELECT *, (SELECT count(*) FROM found) FROM found"
        return self._tx.all(f"{sql} ORDER BY {order} LIMIT ?", (*params, limit))

    def cursor(self, row: Row) -> str:
        """The cursor behind a row."""
        text = json.dumps([self._signature, *row], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def position(self, cursor: str | None) -> list[Any] | None:
        """The row behind which a cursor stands. Raises: InvalidError."""
        if cursor is None:
            return None
        try:
            found = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars="-_", validate=True))
        except (binascii.Error, ValueError, RecursionError):
            found = None
        scalars = isinstance(found, list) and all(isinstance(v, str | int | float | None) for v in found)
        if not scalars or len(found) != len(self._terms) + 1 or found[0] != self._signature:
            raise InvalidError(
                f"cursor {cursor[:40]!r} is not one that a page of this search gave",
                hint="start again without a cursor",
            )
        position: list[Any] = found[1:]
        return position


def _early(where: Clause, alias: str) -> Clause:
    """The same tests, on the run that was looked up: they come before the run itself is read."""
    return where._replace(sql=where.sql.replace("x.run_id = r.id", f"x.run_id = {alias}.run_id"))


def _nulls(term: SortTerm) -> str:
    return "" if term.column in ("r.created_at", "r.id") else " NULLS LAST"


def _after(terms: list[SortTerm], values: list[Any]) -> Clause:
    """The rows behind one, in the order of the terms with missing values last."""
    alternatives, params = list[str](), list[object]()
    equal, equal_params = "", list[object]()
    for term, value in zip(terms, values, strict=True):
        if value is not None:
            missing = f" OR {term.column} IS NULL" if _nulls(term) else ""
            alternatives.append(f"({equal}({term.column} {'<' if term.descending else '>'} ?{missing}))")
            params += [*equal_params, value]
        equal += f"{term.column} IS NULL AND " if value is None else f"{term.column} = ? AND "
        equal_params += [] if value is None else [value]
    found = " OR ".join(alternatives)
    if terms[0].column == "r.created_at":
        # Implied, but it lets the database begin at the row instead of before it.
        return Clause(f"r.created_at <= ? AND ({found})", (values[0], *params))
    return Clause(f"({found})", tuple(params))
