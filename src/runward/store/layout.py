"""What tables there are, as the database itself tells it."""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import Final

from runward.store.transaction import Tx

OWN_TABLES: Final = """SELECT t.oid, t.relname FROM pg_class t
  WHERE t.relnamespace = current_schema()::regnamespace AND t.relkind IN ('r', 'p')
  AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = t.oid AND d.deptype = 'e')"""
"""PostgreSQL's tables of the schema: neither views nor what an extension brought (PostGIS, pg_stat_statements)."""


def tables_of(tx: Tx) -> list[str]:
    """All tables but the one with the schema's version, each after those that it refers to."""
    if tx.dialect == "sqlite":
        found = tx.all("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        names = [row[0] for row in found if row[0] != "schema_version"]
        referred = {name: {row[2] for row in tx.all(f"PRAGMA foreign_key_list({name})")} - {name} for name in names}
        return list(TopologicalSorter(referred).static_order())
    found = tx.all(f"SELECT relname FROM ({OWN_TABLES}) own ORDER BY relname")
    referred = {row[0]: set() for row in found if row[0] != "schema_version"}
    pairs = tx.all(
        """SELECT c.relname, f.relname FROM pg_constraint x JOIN pg_class c ON c.oid = x.conrelid
           JOIN pg_class f ON f.oid = x.confrelid WHERE x.contype = 'f'"""
    )
    for table, other in pairs:
        if table in referred and other in referred and table != other:
            referred[table].add(other)
    return list(TopologicalSorter(referred).static_order())


def columns_of(tx: Tx, table: str) -> list[str]:
    """The columns of a table, in its order."""
    if tx.dialect == "sqlite":
        return [row[1] for row in tx.all(f"PRAGMA table_info({table})")]
    rows = tx.all(
        """SELECT column_name FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = ?
           ORDER BY ordinal_position""",
        (table,),
    )
    return [row[0] for row in rows]


def primary_key(tx: Tx, table: str) -> tuple[str, ...]:
    """The columns of a table's primary key, in its order."""
    if tx.dialect == "sqlite":
        rows = [(row[5], row[1]) for row in tx.all(f"PRAGMA table_info({table})") if row[5]]
    else:
        rows = tx.all(
            """SELECT k.ordinal_position, k.column_name FROM information_schema.key_column_usage k
               JOIN information_schema.table_constraints c USING (constraint_schema, constraint_name)
               WHERE c.constraint_type = 'PRIMARY KEY' AND k.constraint_schema = current_schema() AND c.table_name = ?""",
            (table,),
        )
    return tuple(name for _, name in sorted(rows))
