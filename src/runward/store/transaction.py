"""A running transaction: statements as text with `?` for parameters, on SQLite and PostgreSQL."""

from __future__ import annotations

import contextlib
import functools
import itertools
import operator
import re
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar, cast

from runward.errors import InvalidError, StoreError

Dialect = Literal["sqlite", "postgresql"]
Row = tuple[Any, ...]
T = TypeVar("T")
_LISTED = 500
_KEPT = 100_000
_WORD = re.compile(r"\w+")


def placeholders(values: Collection[object]) -> str:
    """As many ``?`` as there are values, with commas between them."""
    return ", ".join("?" * len(values))


def parts(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """A list in pieces that a statement takes: databases limit how many parameters one may have."""
    for start in range(0, len(values), _LISTED):
        yield values[start : start + _LISTED]


class Tx:
    """A running transaction. Not thread-safe: it belongs to the thread that opened it."""

    def __init__(self, connection: Any, dialect: Dialect, kept: set[Hashable] | None = None) -> None:
        self._connection = connection
        self.dialect = dialect
        self._found: dict[tuple[frozenset[str], Hashable], Any] = {}
        self._kept: set[Hashable] = set() if kept is None else kept
        self._new: set[Hashable] = set()
        self.changes = 0
        """Statements that may have changed rows."""
        self._later: dict[str, tuple[Mapping[str, str], str, int, list[Row]]] = {}
        self.is_snapshot = False
        # One for all statements of PostgreSQL whose answers are read before the next one, and one for those whose are not:
        # making one takes longer than a small statement.
        self._cursor: Any = None
        self._sender: Any = None
        self._pipeline: Any = None
        self._ahead = contextlib.ExitStack()

    def once(self, tables: frozenset[str], key: Hashable, find: Callable[[], T]) -> T:
        """What was found before, as long as no statement of this transaction named one of the tables it comes from.

        Args:
            tables: All tables that the answer depends on.
            key: What it is the answer to.
            find: Reads it.
        """
        if (tables, key) not in self._found:
            self._found[tables, key] = find()
        return cast(T, self._found[tables, key])

    def is_kept(self, fact: Hashable) -> bool:
        """Whether a fact is known that never ceases to hold, from this transaction or one that was committed before."""
        return fact in self._kept or fact in self._new

    def keep(self, facts: Iterable[Hashable]) -> None:
        """Remember facts that hold once this transaction is committed, for as long as the database is there."""
        self._new.update(facts)

    def committed(self) -> None:
        """The transaction holds, and so do its facts."""
        if len(self._kept) + len(self._new) > _KEPT:
            self._kept.clear()
        self._kept |= self._new

    def _changes(self, sql: str) -> None:
        if sql.startswith("ROLLBACK"):
            self._found.clear()
            self._new.clear()
            self._later.clear()
        elif self._found:
            words = _words(sql)
            for found in [found for found in self._found if not words.isdisjoint(found[0])]:
                del self._found[found]

    def begin(self) -> None:
        """PostgreSQL: begin to write. What is not asked for its answer is sent without waiting for one.

        An error shows at a later statement, at the latest at the end; the whole transaction is undone then in any case.
        """
        self._pipeline = self._ahead.enter_context(self._connection.pipeline())
        self._send("BEGIN", ())

    def end(self) -> None:
        """PostgreSQL: commit what was begun. Raises: StoreError (an error before was passed over), driver's errors."""
        self.settle()
        self._send("COMMIT", ())
        self.wait()
        if self._sender.statusmessage != "COMMIT":
            raise StoreError("PostgreSQL undid the transaction", hint="try again: nothing of it is stored")

    def wait(self) -> None:
        """PostgreSQL: wait for all answers, and from now on for each. Raises: driver's errors."""
        self._pipeline = None
        self._ahead.close()

    def execute(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Run a statement."""
        self._changes(sql)
        self.changes += 1
        if self._pipeline is None:
            self._run(sql, params)
        else:
            self.settle(sql)
            self._send(sql, _storable(params))

    def touched(self, sql: str, params: Sequence[Any] = ()) -> int:
        """Run a statement; returns the number of rows it touched."""
        self._changes(sql)
        done = self._run(sql, params)
        if self._pipeline is not None:
            self._pipeline.sync()
        self.changes += done.rowcount != 0
        return int(done.rowcount)

    @property
    def for_update(self) -> str:
        """What ends a SELECT whose rows stay locked until the commit (SQLite has one writer anyway)."""
        return " FOR UPDATE" if self.dialect == "postgresql" else ""

    def insert(self, table: str, values: Mapping[str, Any]) -> None:
        """Store a row; keys are column names."""
        self.execute(
            f"INSERT INTO {table} ({', '.join(values)}) VALUES ({placeholders(values)})", tuple(values.values())
        )

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement once per row of parameters."""
        rows = list(rows)
        if not rows:
            return
        for row in rows:
            _storable(row)
        self.settle(sql)
        self._changes(sql)
        self.changes += 1
        if self.dialect == "sqlite":
            self._connection.executemany(sql, rows)
        elif len(rows) == 1:
            self._send(sql, rows[0])
        else:
            with self._connection.cursor() as cursor:
                cursor.executemany(_to_psycopg(sql), rows)

    def put(
        self, table: str, columns: Mapping[str, str], rows: Sequence[Row], conflict: str = "", unique: int = 2
    ) -> None:
        """Insert some rows at once.

        Args:
            table: The table.
            columns: PostgreSQL's types by the names of the columns.
            rows: A value for each column.
            conflict: What is done with rows that are there (``ON CONFLICT …``).
            unique: So many first columns tell rows apart.
        """
        statement = f"INSERT INTO {table} ({', '.join(columns)})"
        if self.dialect == "sqlite" or len({row[:unique] for row in rows}) < len(rows):
            self.many(f"{statement} VALUES ({placeholders(columns)}) {conflict}", rows)
        elif rows:
            # One statement and one parameter a column: a statement a row takes several times as long.
            lists = ", ".join(f"?::{kind}[]" for kind in columns.values())
            for row in rows:
                _storable(row)
            values = [_array(column) for column in zip(*rows, strict=True)]
            self.execute(f"{statement} SELECT * FROM unnest({lists}) {conflict}", values)

    def later(
        self, table: str, columns: Mapping[str, str], rows: Sequence[Row], conflict: str = "", unique: int = 2
    ) -> None:
        """Insert some rows at the end of the transaction, or before a statement that names their table: many at once.

        The arguments are those of :meth:`put`; all but ``rows`` are the same whenever it is called for a table.
        """
        if rows:
            self._changes(table)
            self.changes += 1
            self._later.setdefault(table, (columns, conflict, unique, []))[3].extend(rows)

    def settle(self, sql: str = "") -> None:
        """Insert what was left for later: all of it, or what a statement needs that names one of its tables."""
        if not self._later:
            return
        if not sql or sql.startswith("SAVEPOINT"):
            due = set(self._later)
        else:
            words = _words(sql)
            due = {table for table in self._later if table in words}
            if "runs" in self._later and (due or "run_id" in words):
                # Other rows refer to runs.
                due.add("runs")
        for table in sorted(due, key=lambda table: (table != "runs", table)):
            columns, conflict, unique, rows = self._later.pop(table)
            if conflict:
                # In one order: transactions that insert the same keys wait for each other at most one way round.
                rows.sort(key=operator.itemgetter(slice(unique)))
            self.put(table, columns, rows, conflict, unique)

    def bulk(self, table: str, columns: str, rows: Iterable[Sequence[Any]]) -> int:
        """Insert many rows, which need not fit into memory, by the fastest way there is; returns how many."""
        self.settle(table)
        self._changes(table)
        self.changes += 1
        if self.dialect == "sqlite":
            chosen = placeholders(columns.split(","))
            done = self._connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({chosen})", rows)
            return int(done.rowcount)
        # It is no statement that could wait for others.
        self.wait()
        count = 0
        with self._connection.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
                count += 1
        return count

    def all(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""
        return list(self._run(sql, params).fetchall())

    def returning(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """The rows of a statement that changes them (``… RETURNING``)."""
        self._changes(sql)
        self.changes += 1
        return self.all(sql, params)

    def each(self, sql: str, params: Sequence[Any] = ()) -> Iterator[Row]:
        """The rows of a query one by one: a long answer does not lie in memory as a whole (SQLite, and in a snapshot)."""
        if self.dialect == "sqlite":
            yield from self._run(sql, params)
        else:
            self.settle(sql)
            # Not the cursor of the others: it is read while they run. One with a name stays on the server.
            named = {"name": "each", "binary": True} if self.is_snapshot else {"binary": True}
            with self._connection.cursor(**named) as cursor:
                yield from cursor.execute(_to_psycopg(sql), _storable(params))

    def listed(
        self, sql: str, values: Sequence[Any], before: Sequence[Any] = (), after: Sequence[Any] = ()
    ) -> Iterator[Row]:
        """The rows of a query for a list of any length, a part at a time; it says ``IN ({})`` wherever the list belongs."""
        times = sql.count("IN ({})")
        for part in parts(values):
            if self.dialect == "postgresql":
                # One parameter whatever their number: planning hundreds takes longer than looking them up.
                lists = [list(part)] * times
                yield from self._run(sql.replace("IN ({})", "= ANY(?)"), (*before, *lists, *after)).fetchall()
            else:
                yield from self._run(
                    sql.replace("{}", placeholders(part)), (*before, *itertools.chain(*[part] * times), *after)
                )

    def among(self, values: Sequence[Any]) -> tuple[str, Sequence[Any]]:
        """What follows a column that is one of some values, few enough for one statement, and its parameters."""
        # On PostgreSQL one parameter whatever their number, and so one statement to be planned.
        return (
            ("= ANY(?)", [list(values)]) if self.dialect == "postgresql" else (f"IN ({placeholders(values)})", values)
        )

    def one(self, sql: str, params: Sequence[Any] = ()) -> Row | None:
        """The first row of a query, or None."""
        row: Row | None = self._run(sql, params).fetchone()
        return row

    def scalar(self, sql: str, params: Sequence[Any] = ()) -> Any:
        """The first column of the first row, or None."""
        row = self.one(sql, params)
        return row[0] if row else None

    def _run(self, sql: str, params: Sequence[Any]) -> Any:
        params = _storable(params)
        self.settle(sql)
        if self.dialect == "sqlite":
            return self._connection.execute(sql, params)
        if self._cursor is None:
            self._cursor = self._connection.cursor(binary=True)
        return self._cursor.execute(_to_psycopg(sql), params)

    def _send(self, sql: str, params: Sequence[Any]) -> None:
        if self._sender is None:
            self._sender = self._connection.cursor(binary=True)
        self._sender.execute(_to_psycopg(sql), params)


def _storable(params: Sequence[Any]) -> Sequence[Any]:
    """The parameters, if both databases can hold them. Raises: InvalidError (the caller's value, not the store's fault)."""
    for value in params:
        # Most values by far, asked in this order: an import looks at thousands a run.
        if (kind := type(value)) is float or value is None:
            continue
        if kind is str and value.isascii() and "\0" not in value:
            continue
        if isinstance(value, str):
            if "\0" in value or not (value.isascii() or _is_unicode(value)):
                raise InvalidError(
                    f"text {value[:40]!r} has a NUL character or half of a character pair", hint="leave it out"
                )
        elif isinstance(value, int):
            if not -(2**63) <= value < 2**63:
                raise InvalidError(f"number {value:.6e} does not fit into 64 bits", hint="give a smaller one")
        elif isinstance(value, list):
            _storable(value)
    return params


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _array(values: Sequence[str | bytes | float | None]) -> str:
    """Values as PostgreSQL writes an array: psycopg's way of making one takes twice as long as sending the statement."""
    return f"{{{','.join(map(_element, values))}}}"


def _element(value: str | bytes | float | None) -> str:
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, bytes):
        return f'"\\\\x{value.hex()}"'
    return "NULL" if value is None else repr(value)


@functools.lru_cache(maxsize=1024)
def _words(sql: str) -> frozenset[str]:
    return frozenset(_WORD.findall(sql))


@functools.lru_cache(maxsize=1024)
def _to_psycopg(sql: str) -> str:
    return sql.replace("%", "%%").replace("?", "%s")
