"""One small port over SQLite and PostgreSQL: SQL as text, `?` for parameters, explicit transactions.

Why text and not a query builder: `docs/decisions/0002-sql-as-text.md`. The SQL is the portable subset of both
(``ON CONFLICT``, ``RETURNING``, recursive CTEs); what differs in types is filled in by the migrations.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import sqlite3
import threading
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar, cast

from runward.errors import ConflictError, InvalidError, MissingExtraError, StoreError

Dialect = Literal["sqlite", "postgresql"]
Row = tuple[Any, ...]
_BUSY_S = 30.0
_PLANNING = ("SET jit = off", "SET random_page_cost = 1.1")
"""Our queries take milliseconds: compiling them costs more than they do; and disks that seek are gone."""
T = TypeVar("T")
_LISTED = 500
_KEPT = 100_000
_WORD = re.compile(r"\w+")
_WORTHWHILE = 5
"""A database file is written anew when at least one in so many of its pages is free."""


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
        self.is_snapshot = False
        # One for all statements of PostgreSQL, whose answers are read before the next one: making it takes longer than
        # a small statement.
        self._cursor: Any = None

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
        elif self._found:
            words = _words(sql)
            for found in [found for found in self._found if not words.isdisjoint(found[0])]:
                del self._found[found]

    def execute(self, sql: str, params: Sequence[Any] = ()) -> int:
        """Run a statement; returns the number of rows it touched."""
        self._changes(sql)
        touched = int(self._run(sql, params).rowcount)
        self.changes += touched != 0
        return touched

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
        self._changes(sql)
        self.changes += 1
        if self.dialect == "sqlite":
            self._connection.executemany(sql, rows)
        elif len(rows) == 1:
            self._run(sql, rows[0])
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

    def bulk(self, table: str, columns: str, rows: Iterable[Sequence[Any]]) -> int:
        """Insert many rows, which need not fit into memory, by the fastest way there is; returns how many."""
        self._changes(table)
        self.changes += 1
        if self.dialect == "sqlite":
            chosen = placeholders(columns.split(","))
            done = self._connection.executemany(f"INSERT INTO {table} ({columns}) VALUES ({chosen})", rows)
            return int(done.rowcount)
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
            # Not the cursor of the others: it is read while they run. One with a name stays on the server.
            named = {"name": "each", "binary": True} if self.is_snapshot else {"binary": True}
            with self._connection.cursor(**named) as cursor:
                yield from cursor.execute(_to_psycopg(sql), _storable(params))

    def listed(
        self, sql: str, values: Sequence[Any], before: Sequence[Any] = (), after: Sequence[Any] = ()
    ) -> Iterator[Row]:
        """The rows of a query for a list of any length, a part at a time; it says ``IN ({})`` where the list belongs."""
        for part in parts(values):
            if self.dialect == "postgresql":
                # One parameter whatever their number: planning hundreds takes longer than looking them up.
                yield from self._run(sql.replace("IN ({})", "= ANY(?)"), (*before, list(part), *after)).fetchall()
            else:
                yield from self._run(sql.format(placeholders(part)), (*before, *part, *after))

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
        if self.dialect == "sqlite":
            return self._connection.execute(sql, params)
        if self._cursor is None:
            self._cursor = self._connection.cursor(binary=True)
        return self._cursor.execute(_to_psycopg(sql), params)


def _storable(params: Sequence[Any]) -> Sequence[Any]:
    """The parameters, if both databases can hold them. Raises: InvalidError (the caller's value, not the store's fault)."""
    for value in params:
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


def _array(values: Sequence[str | float | None]) -> str:
    """Values as PostgreSQL writes an array: psycopg's way of making one takes twice as long as sending the statement."""
    return f"{{{','.join(map(_element, values))}}}"


def _element(value: str | float | None) -> str:
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return "NULL" if value is None else repr(value)


@functools.lru_cache(maxsize=1024)
def _words(sql: str) -> frozenset[str]:
    return frozenset(_WORD.findall(sql))


@functools.lru_cache(maxsize=1024)
def _to_psycopg(sql: str) -> str:
    return sql.replace("%", "%%").replace("?", "%s")


class Database(Protocol):
    """Thread-safe. Every access happens inside :meth:`transaction`."""

    dialect: Dialect
    url: str

    def transaction(self, *, write: bool) -> contextlib.AbstractContextManager[Tx]:
        """Commit at the end, roll back on any exception. A writing SQLite transaction takes the write lock at once.

        An acknowledged commit is fsynced.

        Raises: StoreError (database away or busy), ConflictError (constraint).
        """
        ...

    def snapshot(self) -> contextlib.AbstractContextManager[Tx]:
        """Read what was committed at one moment, however long the reading takes. Raises: StoreError."""
        ...

    def compact(self) -> tuple[int, str]:
        """Give free space back to the machine where that is worthwhile; (bytes, what happened in words)."""
        ...

    def close(self) -> None:
        """Close this database's connections."""
        ...


class ClashError(StoreError):
    """Two transactions waited for each other, and this one was undone. Done again it will pass."""


class SqliteDatabase:
    """A workspace's database in one file: WAL, ``synchronous=FULL``, one connection per thread."""

    dialect: Dialect = "sqlite"

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.url = f"sqlite:///{self.path}"
        self._local = threading.local()
        self._writing = threading.RLock()
        self._opened: list[sqlite3.Connection] = []
        self._kept = set[Hashable]()

    def _connect(self) -> sqlite3.Connection:
        # A connection must not cross a fork: the child would share file locks with its parent.
        if getattr(self._local, "pid", None) == os.getpid():
            connection: sqlite3.Connection = self._local.connection
            return connection
        try:
            connection = sqlite3.connect(
                self.path,
                timeout=_BUSY_S,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=512,
            )
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA foreign_keys=ON")
            connection.execute("PRAGMA cache_size=-32000")
            # Pages that many commits change go back into the file once: an import takes two thirds of the time. The
            # log, which is what a commit flushes, grows to 32 MB.
            connection.execute("PRAGMA wal_autocheckpoint=8000")
            # Reads come straight from the page cache: searches over 100,000 runs take 60 % of the time.
            connection.execute("PRAGMA mmap_size=2000000000")
        except sqlite3.Error as error:
            raise _sqlite_error(error, self.path) from error
        self._local.connection, self._local.pid = connection, os.getpid()
        self._opened.append(connection)
        return connection

    @contextlib.contextmanager
    def transaction(self, *, write: bool) -> Iterator[Tx]:
        """See :meth:`Database.transaction`."""
        connection = self._connect()
        # Threads of one process queue on a lock instead of polling SQLite's busy handler.
        with self._writing if write else contextlib.nullcontext():
            tx = Tx(connection, self.dialect, self._kept)
            try:
                connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                try:
                    yield tx
                except BaseException:
                    connection.execute("ROLLBACK")
                    raise
                connection.execute("COMMIT")
                tx.committed()
            except sqlite3.Error as error:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise _sqlite_error(error, self.path) from error

    def snapshot(self) -> contextlib.AbstractContextManager[Tx]:
        """See :meth:`Database.snapshot`: any transaction is one, in WAL."""
        return self.transaction(write=False)

    def compact(self) -> tuple[int, str]:
        """See :meth:`Database.compact`. The file is written anew, so it has to be worth it and nobody may write."""
        connection = self._connect()
        free = connection.execute("PRAGMA freelist_count").fetchone()[0]
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        if free * _WORTHWHILE < pages:
            return 0, f"{free * size:,} bytes are free inside the file and are used again: too little to write it anew"
        before = self._bytes_on_disk()
        try:
            with self._writing:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            return 0, f"the file could not be written anew ({error}); {free * size:,} free bytes in it are used again"
        freed = max(before - self._bytes_on_disk(), 0)
        return freed, f"the file was written anew, {freed:,} bytes smaller"

    def _bytes_on_disk(self) -> int:
        """The file with its log, in which new pages wait."""
        found = (self.path, self.path.with_name(f"{self.path.name}-wal"))
        return sum(path.stat().st_size for path in found if path.exists())

    def close(self) -> None:
        """Close all connections that this object opened."""
        for connection in self._opened:
            connection.close()
        self._opened.clear()
        self._local = threading.local()


def _sqlite_error(error: sqlite3.Error, path: Path) -> StoreError | ConflictError:
    text = str(error)
    if isinstance(error, sqlite3.IntegrityError):
        return ConflictError(f"the database refused the change: {text}")
    hints = {
        "disk is full": "free some space; nothing was written and journals keep what is not stored yet",
        "readonly": f"make {path.parent} writable for this user",
        "unable to open": f"check that {path.parent} exists and is writable",
        "locked": "another process has been writing for a long time; try again",
    }
    hint = next((hint for part, hint in hints.items() if part in text), "run `runward doctor`")
    return StoreError(f"the database {path} could not do it: {text}", hint=hint)


class PostgresDatabase:
    """A workspace's database in PostgreSQL, by psycopg 3, with one connection per thread."""

    dialect: Dialect = "postgresql"

    def __init__(self, url: str) -> None:
        try:
            import psycopg
        except ImportError as error:
            raise MissingExtraError(
                "PostgreSQL needs psycopg, which is not installed", hint="pip install 'runward[postgres]'"
            ) from error
        self._psycopg = psycopg
        self._clashes = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)
        self.url = url
        self._local = threading.local()
        self._opened: list[Any] = []
        self._kept = set[Hashable]()

    def _connect(self) -> Any:
        connection = getattr(self._local, "connection", None)
        if connection is not None and not connection.closed and self._local.pid == os.getpid():
            return connection
        try:
            connection = self._psycopg.connect(self.url, autocommit=True, connect_timeout=10)
            for setting in _PLANNING:
                connection.execute(setting)
        except self._clashes as error:
            raise ClashError(
                f"PostgreSQL undid it for another transaction: {error}", hint="try again: nothing of it is stored"
            ) from error
        except self._psycopg.Error as error:
            raise StoreError(
                f"PostgreSQL is not reachable: {error}", hint="check --database and that it runs"
            ) from error
        self._local.connection, self._local.pid = connection, os.getpid()
        self._opened.append(connection)
        return connection

    @contextlib.contextmanager
    def transaction(self, *, write: bool) -> Iterator[Tx]:
        """See :meth:`Database.transaction`."""
        connection = self._connect()
        tx = Tx(connection, self.dialect, self._kept)
        try:
            # A statement of PostgreSQL sees what is committed when it begins, in a transaction or not: a reader needs
            # none, and saves two trips.
            with connection.transaction() if write else contextlib.nullcontext():
                yield tx
            tx.committed()
        except self._psycopg.IntegrityError as error:
            raise ConflictError(f"the database refused the change: {error}") from error
        except self._clashes as error:
            raise ClashError(
                f"PostgreSQL undid it for another transaction: {error}", hint="try again: nothing of it is stored"
            ) from error
        except self._psycopg.Error as error:
            raise StoreError(
                f"PostgreSQL could not do it: {error}", hint="try again, or run `runward doctor`"
            ) from error

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Tx]:
        """See :meth:`Database.snapshot`."""
        with self.transaction(write=True) as tx:
            tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            tx.is_snapshot = True
            yield tx

    def compact(self) -> tuple[int, str]:
        """See :meth:`Database.compact`. PostgreSQL's autovacuum does that itself."""
        return 0, "PostgreSQL uses free space again by itself (autovacuum)"

    def close(self) -> None:
        """Close all connections that this object opened."""
        for connection in self._opened:
            connection.close()
        self._opened.clear()
        self._local = threading.local()


def open_database(url: str) -> Database:
    """A database by URL: ``sqlite:///path`` or ``postgresql://…``.

    Raises: InvalidError (unknown scheme), MissingExtraError.
    """
    if url.startswith("sqlite:///"):
        return SqliteDatabase(url.removeprefix("sqlite:///"))
    if url.startswith(("postgresql://", "postgres://")):
        return PostgresDatabase(url)
    raise InvalidError(
        f"database URL {url!r} is not understood", hint="use sqlite:///path or postgresql://user@host/name"
    )
