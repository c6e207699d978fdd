"""Numbered schema changes, run up and down on both databases.

Each module ``mNNNN_*.py`` has ``UP`` and ``DOWN``, lists of statements in the portable subset of SQL. What the two
databases call differently is written as ``{serial}``, ``{int}``, ``{real}``, ``{blob}`` and ``{clustered}`` (rows in the order of
the primary key, where the database can). ``KEEPS`` lists (query, words) of what ``DOWN`` would lose: where the query
finds something, the way down is refused. ``ONLY`` names the one database that has to change.
"""

from __future__ import annotations

from types import ModuleType
from typing import Literal

from runward.errors import MigrationNeededError
from runward.store.database import Database, Dialect, Tx
from runward.store.layout import OWN_TABLES, tables_of
from runward.store.migrations import (
    m0001_first_light,
    m0002_strength,
    m0003_registry,
    m0004_places,
    m0005_code_points,
    m0006_tables,
    m0007_reports,
    m0008_cards,
    m0009_data,
    m0010_verification_jobs,
    m0011_findings,
    m0012_packages,
    m0013_promotion,
    m0014_spans,
    m0015_hidden_runs,
    m0016_conversation,
    m0017_versions,
    m0018_deliveries,
    m0019_libraries,
    m0020_review_groups,
    m0021_audit_chain,
    m0022_usage,
    m0023_sign_in,
    m0024_keys,
    m0025_verbs,
    m0026_policy,
    m0027_forgetting,
    m0028_kept_labels,
    m0029_signed_zero,
)

MIGRATIONS: list[ModuleType] = [
    m0001_first_light,
    m0002_strength,
    m0003_registry,
    m0004_places,
    m0005_code_points,
    m0006_tables,
    m0007_reports,
    m0008_cards,
    m0009_data,
    m0010_verification_jobs,
    m0011_findings,
    m0012_packages,
    m0013_promotion,
    m0014_spans,
    m0015_hidden_runs,
    m0016_conversation,
    m0017_versions,
    m0018_deliveries,
    m0019_libraries,
    m0020_review_groups,
    m0021_audit_chain,
    m0022_usage,
    m0023_sign_in,
    m0024_keys,
    m0025_verbs,
    m0026_policy,
    m0027_forgetting,
    m0028_kept_labels,
    m0029_signed_zero,
]
"""All migrations in order; the position (from 1) is the schema's version."""

LATEST = len(MIGRATIONS)

_TYPES: dict[Dialect, dict[str, str]] = {
    "sqlite": {
        "serial": "INTEGER PRIMARY KEY AUTOINCREMENT",
        "int": "INTEGER",
        "real": "REAL",
        "blob": "BLOB",
        "clustered": " WITHOUT ROWID",
    },
    "postgresql": {
        "serial": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        "int": "BIGINT",
        "real": "DOUBLE PRECISION",
        "blob": "BYTEA",
        "clustered": "",
    },
}

_BY_CODE_POINT = f"""DO $$ DECLARE c record; BEGIN
  FOR c IN SELECT table_name, column_name FROM information_schema.columns
    WHERE table_schema = current_schema() AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'
    AND table_name IN (SELECT relname FROM ({OWN_TABLES}) own)
  LOOP EXECUTE format('ALTER TABLE %I ALTER COLUMN %I TYPE TEXT COLLATE "C"', c.table_name, c.column_name); END LOOP;
END $$"""
"""Both databases then order text alike, and PostgreSQL compares ids and keys several times faster than by a locale."""


def schema_version(tx: Tx) -> int:
    """The schema's version; 0 for an empty database."""
    if tx.dialect == "sqlite":
        found = tx.scalar("SELECT count(*) FROM sqlite_master WHERE name = 'schema_version'")
    else:
        found = tx.scalar(f"SELECT count(*) FROM ({OWN_TABLES}) own WHERE relname = 'schema_version'")
    return int(tx.scalar("SELECT version FROM schema_version")) if found else 0


def migrate(database: Database, target: int = LATEST) -> int:
    """Bring the schema to a version, up or down, in one transaction; returns the version before.

    Raises: MigrationNeededError (made by a newer Runward).
    """
    with database.transaction(write=True) as tx:
        if tx.dialect == "postgresql":
            # Two servers that start together must not both create the tables.
            tx.execute("SELECT pg_advisory_xact_lock(4747)")
        before = schema_version(tx)
        if before > LATEST:
            raise MigrationNeededError(
                f"this workspace has format {before}, this Runward knows formats up to {LATEST}",
                hint="upgrade Runward: pip install --upgrade runward",
            )
        if not before and (others := tables_of(tx)):
            raise MigrationNeededError(
                f"this database holds other tables: {', '.join(others[:3])}{', …' if len(others) > 3 else ''}",
                hint="give Runward a database of its own (createdb runward), or a schema by `?options=-csearch_path%3Dname`",
            )
        for number in range(before + 1, target + 1):
            _apply(tx, _statements(tx, number, "UP"), number)
        for number in range(before, target, -1):
            _check_down(tx, MIGRATIONS[number - 1], number)
            _apply(tx, _statements(tx, number, "DOWN"), number - 1)
    return before


def _check_down(tx: Tx, module: ModuleType, version: int) -> None:
    """Raise MigrationNeededError where the older format has no place for what is stored."""
    for sql, what in getattr(module, "KEEPS", []):
        if tx.scalar(sql):
            raise MigrationNeededError(
                f"format {version - 1} cannot hold {what}", hint="restore a copy made before the upgrade"
            )


def _statements(tx: Tx, version: int, way: Literal["UP", "DOWN"]) -> list[str]:
    module = MIGRATIONS[version - 1]
    return getattr(module, way) if getattr(module, "ONLY", tx.dialect) == tx.dialect else []


def _apply(tx: Tx, statements: list[str], version: int) -> None:
    for statement in statements:
        tx.execute(statement.format(**_TYPES[tx.dialect]))
    if tx.dialect == "postgresql":
        tx.execute(_BY_CODE_POINT)
    if version:
        tx.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
        tx.execute("DELETE FROM schema_version")
        tx.execute("INSERT INTO schema_version (version) VALUES (?)", (version,))
    else:
        tx.execute("DROP TABLE IF EXISTS schema_version")


def check_schema(database: Database) -> None:
    """Make sure that the schema is this version's; an empty database is filled. Raises: MigrationNeededError."""
    with database.transaction(write=False) as tx:
        version = schema_version(tx)
    if version == 0 or version > LATEST:
        migrate(database)
    elif version < LATEST:
        raise MigrationNeededError(
            f"this workspace has format {version}, this Runward needs {LATEST}",
            hint="make a copy of it, then run `runward migrate`",
        )
