"""One small port over SQLite and PostgreSQL: SQL as text, `?` for parameters, explicit transactions.

Why text and not a query builder: `docs/decisions/0002-sql-as-text.md`. The SQL is the portable subset of both
(``ON CONFLICT``, ``RETURNING``, recursive CTEs); what differs in types is filled in by the migrations.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from runward.errors import ConflictError, InvalidError, MissingExtraError, StoreError
from runward.store.transaction import Dialect, Row, Tx, parts, placeholders

__all__ = [
    "ClashError",
    "Database",
    "Dialect",
    "PostgresDatabase",
    "Row",
    "SqliteDatabase",
    "Tx",
    "open_database",
    "parts",
    "placeholders",
]

_BUSY_S, _CLOSE_S, _AGAIN_S = 30.0, 10.0, 0.005
_PLANNING = ("SET jit = off", "SET random_page_cost = 1.1")
"""Our queries take milliseconds: compiling them costs more than they do; and disks that seek are gone."""
_LOCK_WAIT_S = 5
_WORTHWHILE = 5
"""A database file is written anew when at least one in so many of its pages is free, a table when of its rows."""
_LEAST_BYTES = 1 << 20
"""A smaller table is not worth it."""


class Database(Protocol):
    """Thread-safe. Every access happens inside :meth:`transaction`."""

    dialect: Dialect
    url: str

    def connections(self) -> int:
        """Open connections of this process. Those of threads that came to their end are closed before."""
        ...

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

    def scrub(self, tables: Sequence[str]) -> str:
        """Overwrite what deleted and changed rows of some tables left behind; what was done and what not, in words.

        Raises: StoreError (somebody reads or writes all the time).
        """
        ...

    def close(self) -> None:
        """Close this database's connections."""
        ...


class ClashError(StoreError):
    """Two transactions waited for each other, and this one was undone. Done again it will pass."""


class _Opened(NamedTuple):
    """A connection and whose it is."""

    connection: Any
    used: Any
    """A lock that is held while the connection is used."""
    thread: threading.Thread
    pid: int


class _Pool:
    """The connections of one process, one a thread. Thread-safe."""

    def __init__(self) -> None:
        self._pid, self._mutex = os.getpid(), threading.Lock()
        self._opened: list[_Opened] = []

    def _lock(self) -> threading.Lock:
        if self._pid != os.getpid():
            # Another thread of the parent may have held it when this process was forked.
            self._pid, self._mutex = os.getpid(), threading.Lock()
        return self._mutex

    def add(self, connection: Any, used: Any) -> None:
        """Keep a connection of this thread."""
        # A server's threads come and go with its load: what the ones before left open would add up to all that there are.
        self.prune()
        with self._lock():
            self._opened.append(_Opened(connection, used, threading.current_thread(), os.getpid()))

    def prune(self) -> int:
        """Close what threads left open that came to their end; how many connections are left."""
        with self._lock():
            # What was opened before a fork is still the parent's.
            here = [one for one in self._opened if one.pid == self._pid]
            # The main thread counts as ended before what it does at the program's end: the last of a run is stored there.
            main = threading.main_thread()
            over = [one for one in here if not (one.thread is main or one.thread.is_alive())]
            self._opened = [one for one in self._opened if one not in over]
        for one in over:
            one.connection.close()
        return len(here) - len(over)

    def close(self, timeout_s: float) -> None:
        """Close all of this process."""
        # Not in the middle of another thread's transaction: the driver would go on with memory that is given back, and take
        # the process with it. One that does not end is left to the end of the process.
        with self._lock():
            opened = [one for one in self._opened if one.pid == self._pid]
            self._opened = [one for one in self._opened if one.pid != self._pid]
        for one in opened:
            if one.used.acquire(timeout=timeout_s):
                try:
                    one.connection.close()
                finally:
                    one.used.release()


class SqliteDatabase:
    """A workspace's database in one file: WAL, ``synchronous=FULL``, one connection per thread."""

    dialect: Dialect = "sqlite"

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.url = f"sqlite:///{self.path}"
        self._local = threading.local()
        self._writing = threading.RLock()
        self._pool = _Pool()
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
            _write_ahead(connection)
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
        self._local.connection, self._local.pid, self._local.used = connection, os.getpid(), threading.RLock()
        self._pool.add(connection, self._local.used)
        return connection

    @contextlib.contextmanager
    def transaction(self, *, write: bool) -> Iterator[Tx]:
        """See :meth:`Database.transaction`."""
        connection = self._connect()
        # Threads of one process queue on a lock instead of polling SQLite's busy handler.
        with self._writing if write else contextlib.nullcontext(), self._local.used:
            tx = Tx(connection, self.dialect, self._kept)
            try:
                connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                try:
                    yield tx
                    tx.settle()
                except BaseException:
                    connection.execute("ROLLBACK")
                    raise
                connection.execute("COMMIT")
                tx.committed()
            except sqlite3.Error as error:
                # Whoever closed the workspace meanwhile has undone it too.
                with contextlib.suppress(sqlite3.ProgrammingError):
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                raise _sqlite_error(error, self.path) from error

    def snapshot(self) -> contextlib.AbstractContextManager[Tx]:
        """See :meth:`Database.snapshot`: any transaction is one, in WAL."""
        return self.transaction(write=False)

    def compact(self, *, always: bool = False) -> tuple[int, str]:
        """See :meth:`Database.compact`. The file is written anew, so nobody may write and it has to be worth it.

        With ``always`` it is in any case: nothing of what was deleted stays in it.
        """
        connection = self._connect()
        free = connection.execute("PRAGMA freelist_count").fetchone()[0]
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        if free * _WORTHWHILE < pages and not always:
            return 0, f"{free * size:,} bytes are free inside the file and are used again: too little to write it anew"
        before = self._bytes_on_disk()
        try:
            with self._writing, self._local.used:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                connection.execute("VACUUM")
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            return 0, f"the file could not be written anew ({error}); {free * size:,} free bytes in it are used again"
        freed = max(before - self._bytes_on_disk(), 0)
        return freed, f"the file was written anew, {freed:,} bytes smaller"

    def scrub(self, tables: Sequence[str]) -> str:
        """See :meth:`Database.scrub`. The whole file is written anew, and its log cut to nothing."""
        connection = self._connect()
        try:
            with self._writing, self._local.used:
                connection.execute("PRAGMA secure_delete = ON")
                for statement in ("PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
                    done = connection.execute(statement).fetchone()
                if done is not None and done[0]:
                    raise StoreError("the log of the database is being read", hint="it is tried again")
                connection.execute("PRAGMA secure_delete = OFF")
        except sqlite3.Error as error:
            raise _sqlite_error(error, self.path) from error
        return "SQLite: the file was written anew and its log emptied"

    def _bytes_on_disk(self) -> int:
        """The file with its log, in which new pages wait."""
        found = (self.path, self.path.with_name(f"{self.path.name}-wal"))
        return sum(path.stat().st_size for path in found if path.exists())

    def connections(self) -> int:
        """See :meth:`Database.connections`."""
        return self._pool.prune()

    def close(self) -> None:
        """Close all connections that this object opened."""
        self._pool.close(_CLOSE_S)
        self._local = threading.local()


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Keep a log instead of a journal. SQLite waits for no other process that makes the same change of a new file."""
    until = time.monotonic() + _BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(_AGAIN_S)


def _sqlite_error(error: sqlite3.Error, path: Path) -> StoreError | ConflictError:
    text = str(error)
    if isinstance(error, sqlite3.IntegrityError):
        return ConflictError(f"the database refused the change: {text}")
    hints = {
        # A full disk has two words: this one, where a file beside the database cannot grow.
        "disk I/O error": "free some space, if the disk is full; else it fails: look at the system's log",
        "disk is full": "free some space; nothing was written and journals keep what is not stored yet",
        "readonly": f"make {path.parent} writable for this user",
        "unable to open": f"check that {path.parent} exists and is writable",
        "closed database": "the workspace was closed; open it again",
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
        self._pool = _Pool()
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
        self._pool.add(connection, connection.lock)
        return connection

    @contextlib.contextmanager
    def transaction(self, *, write: bool) -> Iterator[Tx]:
        """See :meth:`Database.transaction`."""
        tx = Tx(self._connect(), self.dialect, self._kept)
        try:
            # A statement of PostgreSQL sees what is committed when it begins, in a transaction or not: a reader needs
            # none, and saves two trips.
            with self._written(tx) if write else contextlib.nullcontext():
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
    def _written(self, tx: Tx) -> Iterator[None]:
        connection = self._connect()
        try:
            tx.begin()
            yield
            tx.end()
        except BaseException:
            # What did not arrive in time fails too: the reason is known already.
            with contextlib.suppress(self._psycopg.Error):
                tx.wait()
            with contextlib.suppress(self._psycopg.Error):
                if connection.info.transaction_status != self._psycopg.pq.TransactionStatus.IDLE:
                    connection.execute("ROLLBACK")
            raise

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[Tx]:
        """See :meth:`Database.snapshot`."""
        with self.transaction(write=True) as tx:
            # Its cursors stay open from one statement to the next.
            tx.wait()
            tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            tx.is_snapshot = True
            yield tx

    def compact(self) -> tuple[int, str]:
        """See :meth:`Database.compact`. Tables of which much was deleted are written anew; each is locked meanwhile."""
        connection = self._connect()
        size = "SELECT pg_database_size(current_database())"
        try:
            # What this connection deleted a moment ago is counted too.
            connection.execute("SELECT pg_stat_force_next_flush()")
            before = connection.execute(size).fetchone()[0]
            rows = connection.execute(
                """SELECT relname FROM pg_stat_user_tables WHERE schemaname = current_schema() AND n_dead_tup > 0
                   AND n_dead_tup * %s >= n_live_tup + n_dead_tup AND pg_total_relation_size(relid) >= %s""",
                (_WORTHWHILE, _LEAST_BYTES),
            ).fetchall()
            with self._impatient(connection):
                for (table,) in rows:
                    connection.execute(f"VACUUM (FULL, ANALYZE) {table}")
            freed = max(before - connection.execute(size).fetchone()[0], 0)
        except self._psycopg.Error as error:
            return 0, f"no table could be written anew ({error}); free space is used again (autovacuum)"
        if not rows:
            return 0, "PostgreSQL uses free space again by itself (autovacuum)"
        return freed, f"{len(rows)} tables were written anew, {freed:,} bytes smaller"

    @contextlib.contextmanager
    def _impatient(self, connection: Any) -> Iterator[None]:
        """Wait only shortly for a table: who waits to write it anew keeps everybody else waiting behind it."""
        connection.execute(f"SET lock_timeout = '{_LOCK_WAIT_S}s'")
        try:
            yield
        finally:
            connection.execute("RESET lock_timeout")

    def scrub(self, tables: Sequence[str]) -> str:
        """See :meth:`Database.scrub`. The tables are written anew; each is locked meanwhile."""
        connection = self._connect()
        left = list[str]()
        try:
            with self._impatient(connection):
                for table in tables:
                    connection.execute(f"VACUUM (FULL, ANALYZE) {table}")
                # The planner keeps frequent values, and the log what was written; both need rights of their own.
                for statement, what in (
                    ("VACUUM (FULL) pg_catalog.pg_statistic", "statistics of the planner (as owner of the database: VACUUM "
                     "FULL pg_statistic)"),
                    ("SELECT pg_switch_wal()", "its log until it is reused (as superuser: pg_switch_wal, CHECKPOINT)"),
                    ("CHECKPOINT", "its log until the next checkpoint (as superuser: CHECKPOINT)"),
                ):  # fmt: skip
                    try:
                        connection.execute(statement)
                    except self._psycopg.errors.InsufficientPrivilege:
                        left.append(what)
            recycles = connection.execute("SHOW wal_recycle").fetchone()[0]
        except self._psycopg.Error as error:
            raise StoreError(f"PostgreSQL could not write tables anew: {error}", hint="it is tried again") from error
        if recycles == "on":
            left.append("old files of its log until they are reused (wal_recycle = off removes them)")
        rest = f"; what may still be there: {'; '.join(left)}" if left else ""
        return f"PostgreSQL: {len(tables)} tables were written anew{rest}"

    def connections(self) -> int:
        """See :meth:`Database.connections`."""
        return self._pool.prune()

    def close(self) -> None:
        """Close all connections that this object opened."""
        self._pool.close(_CLOSE_S)
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
