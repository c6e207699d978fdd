"""All SQL on models, versions, aliases, documents and stored files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from runward.core.clock import from_us
from runward.governance.scopes import Clause
from runward.registry.model import AliasEvidence, AliasMove, Document, Model, ModelVersion
from runward.registry.version_model import Deployment, DeploymentEvidence, Format, Handoff, ModelFile
from runward.store.database import Row, Tx

_MODEL = """SELECT m.id, m.name, t.name, m.description, m.created_by, m.created_at, m.updated_at, m.protected, p.path
  FROM models m JOIN teams t ON t.id = m.team_id LEFT JOIN projects p ON p.id = m.project_id"""
_VERSION = """SELECT m.name, v.version, v.source, v.run_id, v.logged_model_id, v.description, v.stage, v.created_by,
  v.created_at, v.updated_at FROM model_versions v JOIN models m ON m.id = v.model_id"""
_MOVE = """SELECT m.name, a.alias, a.version, a.previous, a.how, a.reason, a.review_id, a.evidence, a.author, a.at
  FROM alias_moves a JOIN models m ON m.id = a.model_id"""
_DOCUMENT = "SELECT kind, id, project_id, run_id, name, version, status, at, body FROM documents"


class StoredFile(NamedTuple):
    """A file that belongs to no run."""

    path: str
    digest: str
    size: int


class CardRow(NamedTuple):
    """A card as it was written once."""

    number: int
    fields: dict[str, str]
    author: str
    at_us: int


def model_place(tx: Tx, reference: str) -> tuple[str, str] | None:
    """(id, team id) of a model by name or id."""
    row = tx.one("SELECT id, team_id FROM models WHERE name = ? OR id = ?", (reference, reference))
    return (row[0], row[1]) if row else None


def models(tx: Tx, where: Clause) -> list[Model]:
    """Models that match a clause over ``m``, by name."""
    rows = tx.all(f"{_MODEL} WHERE {where.sql} ORDER BY m.name", where.params)
    return [_model(tx, row) for row in rows]


def _model(tx: Tx, row: Row) -> Model:
    pointing = tx.all("SELECT alias, version FROM model_aliases WHERE model_id = ? ORDER BY alias", (row[0],))
    newest: dict[str, ModelVersion] = {}
    for version in versions(tx, row[0]):
        newest.setdefault(version.stage, version)
    return Model(
        id=row[0],
        name=row[1],
        team=row[2],
        description=row[3],
        created_by=row[4],
        created_at=from_us(row[5]),
        updated_at=from_us(row[6]),
        tags=_tags(tx, row[0]).get(0, {}),
        aliases={row[0]: row[1] for row in pointing},
        latest=list(newest.values()),
        protected=json.loads(row[7]),
        project=row[8] or "",
    )


def _tags(tx: Tx, model_id: str) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    for version, key, value in tx.all("SELECT version, key, value FROM model_tags WHERE model_id = ?", (model_id,)):
        found.setdefault(version, {})[key] = value
    return found


def versions(tx: Tx, model_id: str, version: int | None = None) -> list[ModelVersion]:
    """A model's versions, newest first, or the one with a number."""
    condition, params = ("", [model_id]) if version is None else (" AND v.version = ?", [model_id, version])
    rows = tx.all(f"{_VERSION} WHERE v.model_id = ?{condition} ORDER BY v.version DESC", params)
    tags = _tags(tx, model_id) if rows else {}
    pointing = tx.all("SELECT alias, version FROM model_aliases WHERE model_id = ? ORDER BY alias", (model_id,))
    return [
        ModelVersion(
            model=row[0],
            version=row[1],
            source=row[2],
            run_id=row[3],
            logged_model_id=row[4],
            description=row[5],
            stage=row[6],
            created_by=row[7],
            created_at=from_us(row[8]),
            updated_at=from_us(row[9]),
            tags=tags.get(row[1], {}),
            aliases=[alias for alias, number in pointing if number == row[1]],
        )
        for row in rows
    ]


def take_number(tx: Tx, model_id: str, now: int) -> int:
    """The number of a model's next version; it is used up."""
    tx.execute("UPDATE models SET next_version = next_version + 1, updated_at = ? WHERE id = ?", (now, model_id))
    return int(tx.scalar("SELECT next_version FROM models WHERE id = ?", (model_id,))) - 1


def set_columns(tx: Tx, model_id: str, version: int, values: dict[str, Any]) -> None:
    """Set columns of a model (version 0) or of one of its versions."""
    columns = ", ".join(f"{name} = ?" for name in values)
    if version:
        where = (*values.values(), model_id, version)
        tx.execute(f"UPDATE model_versions SET {columns} WHERE model_id = ? AND version = ?", where)
    else:
        tx.execute(f"UPDATE models SET {columns} WHERE id = ?", (*values.values(), model_id))


def set_tags(tx: Tx, model_id: str, version: int, tags: dict[str, str | None]) -> None:
    """Store tags of a model (version 0) or a version; None removes one."""
    tx.many(
        "DELETE FROM model_tags WHERE model_id = ? AND version = ? AND key = ?",
        [(model_id, version, key) for key in tags],
    )
    tx.many(
        "INSERT INTO model_tags (model_id, version, key, value) VALUES (?, ?, ?, ?)",
        [(model_id, version, key, value) for key, value in tags.items() if value is not None],
    )


def lock_model(tx: Tx, model_id: str) -> None:
    """Let no other transaction move the model's aliases until this one ends."""
    tx.one(f"SELECT id FROM models WHERE id = ?{tx.for_update}", (model_id,))


def alias_target(tx: Tx, model_id: str, alias: str) -> int:
    """The version that an alias points at; 0 for none."""
    found = tx.scalar("SELECT version FROM model_aliases WHERE model_id = ? AND alias = ?", (model_id, alias))
    return int(found or 0)


def moves(tx: Tx, where: Clause, limit: int) -> list[AliasMove]:
    """Moves of aliases that match a clause over ``a``, newest first."""
    rows = tx.all(f"{_MOVE} WHERE {where.sql} ORDER BY a.id DESC LIMIT ?", (*where.params, limit))
    return [_move(row) for row in rows]


def _move(row: Row) -> AliasMove:
    evidence = msgspec.json.decode(row[7], type=AliasEvidence)
    return AliasMove(
        model=row[0],
        alias=row[1],
        version=row[2] or None,
        previous=row[3] or None,
        how=row[4],
        reviewed=evidence.review > 0,
        reason=row[5],
        review_id=row[6],
        evidence=evidence,
        by=row[8],
        at=from_us(row[9]),
    )


def set_alias(tx: Tx, model_id: str, alias: str, version: int | None) -> None:
    """Point an alias at a version; None removes it."""
    tx.execute("DELETE FROM model_aliases WHERE model_id = ? AND alias = ?", (model_id, alias))
    if version is not None:
        tx.insert("model_aliases", {"model_id": model_id, "alias": alias, "version": version})


def store_files(tx: Tx, model_id: str, version: int, files: Sequence[ModelFile]) -> None:
    """Note the files of a version."""
    tx.many(
        "INSERT INTO version_files (model_id, version, path, digest, size, format) VALUES (?, ?, ?, ?, ?, ?)",
        [(model_id, version, f.path, f.digest, f.size, msgspec.json.encode(f.format).decode()) for f in files],
    )


def files(tx: Tx, model_id: str, version: int) -> list[ModelFile]:
    """The files that were noted of a version, by path."""
    rows = tx.all(
        "SELECT path, digest, size, format FROM version_files WHERE model_id = ? AND version = ? ORDER BY path",
        (model_id, version),
    )
    return [
        ModelFile(path=row[0], digest=row[1], size=row[2], format=msgspec.json.decode(row[3], type=Format))
        for row in rows
    ]


def described(tx: Tx, model_id: str, version: int) -> tuple[str, str, str]:
    """Signature, input example and expected output of a version, as JSON text; empty for none."""
    row = tx.one(
        "SELECT signature, input_example, expected_output FROM model_versions WHERE model_id = ? AND version = ?",
        (model_id, version),
    )
    return (row[0], row[1], row[2]) if row else ("", "", "")


def add_card(tx: Tx, model_id: str, version: int, values: dict[str, Any]) -> None:
    """Store what a version's card says now."""
    tx.insert("model_cards", {"model_id": model_id, "version": version, **values})


def cards(tx: Tx, model_id: str, version: int, number: int | None = None) -> list[CardRow]:
    """What a version's card said each time that it was written, newest first; or the one time with a number."""
    condition, params = ("", ()) if number is None else (" AND number = ?", (number,))
    rows = tx.all(
        f"""SELECT number, fields, author, at FROM model_cards WHERE model_id = ? AND version = ?{condition}
            ORDER BY number DESC""",
        (model_id, version, *params),
    )
    return [CardRow(row[0], json.loads(row[1]), row[2], row[3]) for row in rows]


def deployments(tx: Tx, where: Clause, limit: int = 100_000) -> list[Deployment]:
    """Records of deployments that match a clause over ``d``, newest first."""
    rows = tx.all(
        f"""SELECT d.id, m.name, d.version, d.target, d.state, d.alias, d.url, d.note, d.reviewed, d.warnings, d.evidence,
            d.author, d.at FROM deployments d JOIN models m ON m.id = d.model_id
            WHERE {where.sql} ORDER BY d.id DESC LIMIT ?""",
        (*where.params, limit),
    )
    return [
        Deployment(
            id=row[0],
            model=row[1],
            version=row[2],
            target=row[3],
            state=row[4],
            alias=row[5],
            url=row[6],
            note=row[7],
            reviewed=bool(row[8]),
            warnings=json.loads(row[9]),
            evidence=msgspec.json.decode(row[10], type=DeploymentEvidence),
            by=row[11],
            at=from_us(row[12]),
        )
        for row in rows
    ]


def handoffs(tx: Tx, where: Clause) -> list[Handoff]:
    """Bundles that match a clause over ``h``, newest first."""
    rows = tx.all(
        f"""SELECT h.id, m.name, h.version, h.digest, h.author, h.at, h.accepted_by, h.accepted_at, h.note FROM handoffs h
            JOIN models m ON m.id = h.model_id WHERE {where.sql} ORDER BY h.at DESC, h.id LIMIT 1000""",
        where.params,
    )
    return [
        Handoff(
            id=row[0],
            model=row[1],
            version=row[2],
            digest=row[3],
            by=row[4],
            at=from_us(row[5]),
            accepted_by=row[6],
            accepted_at=from_us(row[7]) if row[7] else None,
            note=row[8],
        )
        for row in rows
    ]


def accept_handoff(tx: Tx, handoff_id: str, by: str, note: str, now: int) -> None:
    """Note who accepted a bundle."""
    tx.execute(
        "UPDATE handoffs SET accepted_by = ?, accepted_at = ?, note = ? WHERE id = ?", (by, now, note, handoff_id)
    )


def delete_version(tx: Tx, model_id: str, version: int) -> None:
    """Remove a version with its tags and the aliases on it."""
    for table in ("model_aliases", "model_tags", "version_files", "model_cards", "model_versions"):
        tx.execute(f"DELETE FROM {table} WHERE model_id = ? AND version = ?", (model_id, version))


def delete_model(tx: Tx, model_id: str) -> None:
    """Remove a model with all that is its own."""
    for table in ("model_aliases", "model_tags", "version_files", "model_cards", "model_versions"):
        tx.execute(f"DELETE FROM {table} WHERE model_id = ?", (model_id,))
    # The moves of its aliases stay: what happened happened.
    tx.execute("DELETE FROM models WHERE id = ?", (model_id,))


# documents and files ----------------------------------------


def put_document(tx: Tx, item: Document) -> None:
    """Store a document; one of that kind and id is replaced."""
    tx.execute("DELETE FROM documents WHERE kind = ? AND id = ?", (item.kind, item.id))
    body = json.dumps(item.body, ensure_ascii=False)
    tx.insert(
        "documents",
        {
            "kind": item.kind,
            "id": item.id,
            "project_id": item.project_id,
            "run_id": item.run_id,
            "name": item.name,
            "version": item.version,
            "status": item.status,
            "at": item.at,
            "body": body,
        },
    )


def documents(tx: Tx, where: Clause, limit: int = 1_000_000) -> list[Document]:
    """Documents that match a clause, newest first."""
    rows = tx.all(f"{_DOCUMENT} WHERE {where.sql} ORDER BY at DESC, id LIMIT ?", (*where.params, limit))
    return [
        Document(
            kind=row[0],
            id=row[1],
            project_id=row[2],
            run_id=row[3],
            name=row[4],
            version=row[5],
            status=row[6],
            at=row[7],
            body=json.loads(row[8]),
        )
        for row in rows
    ]


def delete_documents(tx: Tx, kind: str, ids: Sequence[str]) -> int:
    """Remove documents of a kind; returns how many were there."""
    return sum(tx.touched("DELETE FROM documents WHERE kind = ? AND id = ?", (kind, item)) for item in ids)


def put_file(tx: Tx, project_id: str, file: StoredFile, now: int) -> None:
    """Store a file's name; the one that had it is replaced."""
    tx.execute("DELETE FROM stored_files WHERE project_id = ? AND path = ?", (project_id, file.path))
    tx.insert("stored_files", {"project_id": project_id, **file._asdict(), "created_at": now})


def files_below(tx: Tx, project_id: str, folder: str) -> list[StoredFile]:
    """The files below a folder (or the file of that name), by path."""
    rows = tx.all(
        """SELECT path, digest, size FROM stored_files WHERE project_id = ?
           AND (path = ? OR substr(path, 1, ?) = ? OR ? = '') ORDER BY path""",
        (project_id, folder, len(folder) + 1, f"{folder}/", folder),
    )
    return [StoredFile(*row) for row in rows]


def delete_files(tx: Tx, project_id: str, folder: str) -> int:
    """Forget the files below a folder; returns how many."""
    found = files_below(tx, project_id, folder)
    tx.many("DELETE FROM stored_files WHERE project_id = ? AND path = ?", [(project_id, file.path) for file in found])
    return len(found)
