"""A whole workspace into another database and another store of bytes."""

from __future__ import annotations

from collections.abc import Callable
from graphlib import TopologicalSorter

from runward.errors import ConflictError
from runward.store.blobs import Blobs
from runward.store.database import Database, Tx
from runward.store.migrations import check_schema

Progress = Callable[[str, int], None]
"""Told what was copied and how many of it."""


def copy_blobs(source: Blobs, target: Blobs, progress: Progress) -> int:
    """Copy all bytes that are not in the target yet; returns how many blobs were written.

    Each one's digest is checked on the way, and an interrupted copy goes on where it was.

    Raises: InvalidError (bytes of the source do not have their digest any more), StoreError.
    """
    written = 0
    for digest, _, _ in source.stored():
        if not target.has(digest):
            target.put_stream(source.chunks(digest), digest)
            written += 1
            progress("files", written)
    return written


def copy_rows(source: Database, target: Database, progress: Progress) -> int:
    """Copy every table into an empty database, all or nothing; returns the number of rows.

    They are those of one moment, whoever writes to the source meanwhile.

    Args:
        source: A workspace of this version's format.
        target: An empty database; its tables are made.
        progress: Told each table when it is copied.

    Raises: ConflictError (the target is not empty), StoreError, MigrationNeededError.
    """
    check_schema(source)
    check_schema(target)
    copied = 0
    with source.snapshot() as read, target.transaction(write=True) as write:
        tables = _tables(read)
        for table in tables:
            # A new database has the beginnings of its audit trail's chains and of its history of grants: the copied ones
            # take their place.
            if table in _BEGUN:
                write.execute(f"DELETE FROM {table} WHERE {_BEGUN[table]}")
            if write.scalar(f"SELECT 1 FROM {table} LIMIT 1"):
                raise ConflictError(
                    f"the database is not empty: its table {table} has rows", hint="give an empty database"
                )
        if write.dialect == "sqlite":
            write.execute("PRAGMA defer_foreign_keys = ON")
        for table in tables:
            columns = _columns(read, table)
            names = ", ".join(columns)
            count = write.bulk(table, names, read.each(f"SELECT {names} FROM {table} ORDER BY 1"))
            if write.dialect == "postgresql" and columns[0] == "id":
                _set_counter(write, table)
            copied += count
            progress(table, count)
        # Tables of points stay where they are; the new place writes its own.
        write.execute("UPDATE runs SET tabled = 0 WHERE tabled <> 0")
    return copied


_BEGUN = {"audit_heads": "seq = 0", "workspace": "key = 'grants_known_since'"}


def _tables(tx: Tx) -> list[str]:
    """All tables, each after those that it refers to."""
    if tx.dialect == "sqlite":
        found = tx.all("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        names = [row[0] for row in found if row[0] != "schema_version"]
        referred = {name: {row[2] for row in tx.all(f"PRAGMA foreign_key_list({name})")} - {name} for name in names}
        return list(TopologicalSorter(referred).static_order())
    found = tx.all("SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename")
    referred = {row[0]: set() for row in found if row[0] != "schema_version"}
    pairs = tx.all(
        """SELECT c.relname, f.relname FROM pg_constraint x JOIN pg_class c ON c.oid = x.conrelid
           JOIN pg_class f ON f.oid = x.confrelid WHERE x.contype = 'f'"""
    )
    for table, other in pairs:
        if table in referred and other in referred and table != other:
            referred[table].add(other)
    return list(TopologicalSorter(referred).static_order())


def _columns(tx: Tx, table: str) -> list[str]:
    if tx.dialect == "sqlite":
        return [row[1] for row in tx.all(f"PRAGMA table_info({table})")]
    rows = tx.all(
        """SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = ?
           ORDER BY ordinal_position""",
        (table,),
    )
    return [row[0] for row in rows]


def _set_counter(tx: Tx, table: str) -> None:
    """Let new rows be numbered after the copied ones."""
    sequence = tx.scalar("SELECT pg_get_serial_sequence(?, 'id')", (table,))
    if sequence is not None:
        tx.execute(f"SELECT setval('{sequence}', (SELECT COALESCE(max(id), 1) FROM {table}))")
