"""Documents and files of foreign protocols: functions over a :class:`Call`, used behind a declared door."""

from __future__ import annotations

from runward.core.ids import Digest
from runward.governance.calling import Call
from runward.governance.scopes import Clause
from runward.registry import repository as sql
from runward.registry.model import Document
from runward.registry.repository import StoredFile
from runward.store.database import parts, placeholders

__all__ = ["StoredFile", "delete", "delete_files", "files_below", "find", "get", "get_many", "named", "put", "put_file"]


def put(call: Call, item: Document) -> None:
    """Store a document; one of that kind and id is replaced."""
    sql.put_document(call.tx, item)


def get(call: Call, kind: str, document_id: str) -> Document | None:
    """A document by kind and id."""
    found = sql.documents(call.tx, Clause("kind = ? AND id = ?", (kind, document_id)))
    return found[0] if found else None


def get_many(call: Call, kind: str, ids: list[str]) -> dict[str, Document]:
    """Documents of a kind by id; those that are not there are left out."""
    return {item.id: item for item in (get(call, kind, one) for one in ids) if item is not None}


def find(call: Call, kind: str, *, projects: list[str] | None = None, runs: list[str] | None = None) -> list[Document]:
    """Documents of a kind in some projects or of some runs, newest first."""
    found: list[Document] = []
    column, ids = ("project_id", projects) if projects is not None else ("run_id", runs or [])
    for part in parts(ids):
        found += sql.documents(call.tx, Clause(f"kind = ? AND {column} IN ({placeholders(part)})", (kind, *part)))
    return sorted(found, key=lambda item: -item.at)


def named(call: Call, kind: str, name: str) -> list[Document]:
    """Documents of a kind that bear a name, wherever they are, newest first. The caller checks what may be seen."""
    return sql.documents(call.tx, Clause("kind = ? AND name = ?", (kind, name)))


def delete(call: Call, kind: str, ids: list[str]) -> int:
    """Remove documents; returns how many were there."""
    return sql.delete_documents(call.tx, kind, ids)


def put_file(call: Call, project_id: str, path: str, digest: Digest, size: int) -> None:
    """Give bytes that were uploaded to a project a name there."""
    sql.put_file(call.tx, project_id, StoredFile(path, digest, size), call.now_us)


def files_below(call: Call, project_id: str, folder: str) -> list[StoredFile]:
    """The files below a folder (or the file of that name), by path."""
    return sql.files_below(call.tx, project_id, folder)


def delete_files(call: Call, project_id: str, folder: str) -> int:
    """Forget the files below a folder; returns how many."""
    return sql.delete_files(call.tx, project_id, folder)
