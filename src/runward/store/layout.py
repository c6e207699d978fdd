"""What tables there are, as the database itself tells it."""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import Final, NamedTuple

from runward.store.transaction import Tx

OWN_TABLES: Final = """SELECT t.oid, t.relname FROM pg_class t
  WHERE t.relnamespace = current_schema()::regnamespace AND t.relkind IN ('r', 'p')
  AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = t.oid AND d.deptype = 'e')"""
"""PostgreSQL's tables of the schema: neither views nor what an extension brought (PostGIS, pg_stat_statements)."""


class Reference(NamedTuple):
    """A foreign key of one column, which all of ours are."""

    table: str
    column: str
    to: str
    to_column: str


def references(tx: Tx) -> list[Reference]:
    """All foreign keys."""
    if tx.dialect == "sqlite":
        sql = """SELECT m.name, k."from", k."table", COALESCE(k."to", 'id')
                 FROM sqlite_master m, pragma_foreign_key_list(m.name) k WHERE m.type = 'table'"""
    else:
        # Not the information_schema, which takes a tenth of a second to answer this.
        sql = """SELECT c.relname, a.attname, f.relname, b.attname FROM pg_constraint x
                 JOIN pg_class c ON c.oid = x.conrelid JOIN pg_attribute a ON (a.attrelid, a.attnum) = (c.oid, x.conkey[1])
                 JOIN pg_class f ON f.oid = x.confrelid JOIN pg_attribute b ON (b.attrelid, b.attnum) = (f.oid, x.confkey[1])
                 WHERE x.contype = 'f' AND x.connamespace = current_schema()::regnamespace ORDER BY x.oid"""
    return [Reference(*row) for row in tx.all(sql)]


def tables_of(tx: Tx) -> list[str]:
    """All tables but the one with the schema's version, each after those that it refers to."""
    if tx.dialect == "sqlite":
        found = tx.all("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    else:
        found = tx.all(f"SELECT relname FROM ({OWN_TABLES}) own ORDER BY relname")
    referred: dict[str, set[str]] = {row[0]: set() for row in found if row[0] != "schema_version"}
    for one in references(tx):
        if one.table in referred and one.to in referred and one.table != one.to:
            referred[one.table].add(one.to)
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
            """SELECT k.n, a.attname FROM pg_constraint c, unnest(c.conkey) WITH ORDINALITY k (attnum, n), pg_attribute a
               WHERE c.contype = 'p' AND c.conrelid = to_regclass(?) AND (a.attrelid, a.attnum) = (c.conrelid, k.attnum)""",
            (table,),
        )
    return tuple(name for _, name in sorted(rows))
