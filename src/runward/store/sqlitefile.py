"""SQLite files of other tools: read without changing them, or written anew."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from runward.errors import InvalidError, StoreError
from runward.store.database import Row, parts, placeholders

LISTED = 500
"""Values that one ``IN (…)`` may name."""


class SqliteFile:
    """An SQLite file that is not a workspace's. Not thread-safe.

    Raises: InvalidError (no SQLite file), in every method that reads.
    """

    def __init__(self, path: Path, *, write: bool = False) -> None:
        self.path = path
        if not write and not path.is_file():
            raise InvalidError(f"there is no file {path}", hint="give the path of an SQLite file")
        mode = "rwc" if write else "ro"
        self._connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=30, isolation_level=None
        )

    def rows(self, sql: str, params: Sequence[Any] = ()) -> Iterator[Row]:
        """The rows of a query, one by one."""
        with self._errors():
            yield from self._connection.execute(sql, params)

    def all(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """The rows of a query."""
        with self._errors():
            return self._connection.execute(sql, params).fetchall()

    def of(self, sql: str, values: Sequence[Any]) -> Iterator[Row]:
        """The rows of a query with ``{}`` in the place of a list of values, which may be long."""
        for part in parts(values):
            yield from self.all(sql.format(f"({placeholders(part)})"), part)

    def columns(self, table: str) -> list[str]:
        """A table's columns; none where there is no such table."""
        return [str(row[1]) for row in self.rows(f'PRAGMA table_info("{table}")')]

    def count(self, table: str) -> int:
        """How many rows a table has; 0 where there is no such table."""
        return int(self.all(f'SELECT count(*) FROM "{table}"')[0][0]) if self.columns(table) else 0

    def execute(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Run a statement."""
        with self._errors():
            self._connection.execute(sql, params)

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement once per row of parameters."""
        with self._errors():
            self._connection.executemany(sql, rows)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All of what is written inside, or nothing."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
                raise StoreError(
                    f"{self.path} is locked by another program", hint="try again when it is idle"
                ) from None
            raise InvalidError(
                f"{self.path} could not be read as the SQLite file it should be: {error}",
                hint="check that the path is right and the file whole (sqlite3 FILE 'pragma integrity_check')",
            ) from None
