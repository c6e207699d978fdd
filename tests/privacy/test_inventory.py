"""Nothing that is stored is without an answer to: is it personal, and how is it forgotten?"""

from __future__ import annotations

from typing import get_args

from runward.privacy.inventory import KINDS, STORED, TABLES, Kind
from runward.store.database import Tx
from runward.store.layout import columns_of, primary_key
from runward.tracking.model import CapturePart
from runward.workspace import FolderWorkspace


def _tables(tx: Tx) -> dict[str, set[str]]:
    rows = tx.all("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return {row[0]: set(columns_of(tx, row[0])) for row in rows}


def test_every_column_is_classified_once(folder_workspace: FolderWorkspace) -> None:
    """A table or column that nobody thought about is no secret: this test names it."""
    with folder_workspace.dispatcher.database.transaction(write=False) as tx:
        schema = _tables(tx)
    classified = {name: set(table.columns) for name, table in TABLES.items()}
    missing = {name: columns - classified.get(name, set()) for name, columns in schema.items()}
    gone = {name: columns - schema.get(name, set()) for name, columns in classified.items()}
    assert ({k: v for k, v in missing.items() if v}, {k: v for k, v in gone.items() if v}) == ({}, {})


def test_kinds_are_known_and_explained() -> None:
    used = {kind for table in TABLES.values() for kind in table.columns.values()}
    assert used == set(get_args(Kind)) == set(KINDS)
    assert all(all(KINDS[kind]) for kind in KINDS)


def test_rows_that_go_with_a_member_say_whose_they_are() -> None:
    """And whatever lets somebody in belongs to such a row, or to the account itself, or to no person."""
    for name, table in TABLES.items():
        if table.owner:
            assert table.columns[table.owner] == "member", name
    secret = {name for name, table in TABLES.items() if "secret" in table.columns.values()}
    assert secret - {name for name, table in TABLES.items() if table.owner} == {
        "members", "report_links", "web_hooks", "forges", "keys",
    }  # fmt: skip


def test_every_table_that_is_searched_can_be_gone_through(folder_workspace: FolderWorkspace) -> None:
    """Row by row, by its primary key."""
    with folder_workspace.dispatcher.database.transaction(write=False) as tx:
        without = {name for name in TABLES if not primary_key(tx, name)}
    assert without == {"schema_version"}


def test_every_kind_of_captured_document_is_classified() -> None:
    kinds = get_args(next(f.type for f in __import__("msgspec").structs.fields(CapturePart) if f.name == "kind"))
    assert {f"capture:{kind}" for kind in kinds} <= STORED.keys()
