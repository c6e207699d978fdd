"""All SQL on standards: a project keeps what it says itself, and every version of it."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from runward.config.merge import lay_over
from runward.core.clock import from_us
from runward.review.model import Standards, StandardsVersion
from runward.review.standards_model import FIELDS, StandardsValue
from runward.review.standards_text import own_document
from runward.store.database import Tx

# Of each project upwards the newest version; the nearest project first.
_LAYERS = """WITH RECURSIVE up(id, parent_id, path, depth) AS (
  SELECT id, parent_id, path, 0 FROM projects WHERE id = ?
  UNION ALL SELECT p.id, p.parent_id, p.path, up.depth + 1 FROM projects p JOIN up ON p.id = up.parent_id)
  SELECT up.path, s.version, s.document, s.author, s.at FROM up JOIN standards s ON s.project_id = up.id
  WHERE s.version = (SELECT max(n.version) FROM standards n WHERE n.project_id = up.id) ORDER BY up.depth"""


_TABLES = frozenset({"projects", "standards"})


class Layer(NamedTuple):
    """What one project says itself."""

    project: str
    version: int
    document: dict[str, Any]
    author: str
    at: int


def layers(tx: Tx, project_id: str) -> list[Layer]:
    """What a project and those above it say, the nearest first; only those that say anything."""
    rows = tx.once(_TABLES, ("layers", project_id), lambda: tx.all(_LAYERS, (project_id,)))
    return [Layer(row[0], row[1], msgspec.json.decode(row[2]), row[3], row[4]) for row in rows]


def standards_for(tx: Tx, project_id: str) -> StandardsVersion | None:
    """The standards in force: the nearest project's say, and what it leaves open from those above it."""
    found = layers(tx, project_id)
    if not found:
        return None
    nearest = found[0]
    standards = msgspec.convert(_merged(found)[0], Standards)
    return StandardsVersion(nearest.project, nearest.version, standards, nearest.author, from_us(nearest.at))


def values_in_force(tx: Tx, project_id: str) -> list[StandardsValue]:
    """Every value in force by dotted key, with the project that said it; what nobody said has none."""
    found = layers(tx, project_id)
    values, origins = _merged(found)
    versions = {layer.project: layer.version for layer in found}
    said = [StandardsValue(key, _at(values, key), project, versions[project]) for key, project in origins.items()]
    default = msgspec.to_builtins(Standards())
    unsaid = [StandardsValue(name, default[name], "", 0) for name in FIELDS if name not in values]
    place = {name: index for index, name in enumerate(FIELDS)}
    return sorted([*said, *unsaid], key=lambda value: (place[value.key.partition(".")[0]], value.key))


def _merged(found: list[Layer]) -> tuple[dict[str, Any], dict[str, str]]:
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer in reversed(found):
        lay_over(values, layer.document, layer.project, origins)
    return values, origins


def _at(values: dict[str, Any], key: str) -> Any:
    """The value of a dotted key; a key that has a dot itself is found too."""
    if key in values:
        return values[key]
    parts = key.split(".")
    for cut in range(1, len(parts)):
        inner = values.get(".".join(parts[:cut]))
        if isinstance(inner, dict):
            return _at(inner, ".".join(parts[cut:]))
    return None


def lock_project(tx: Tx, project_id: str) -> None:
    """Let no other transaction give the project a version until this one ends."""
    tx.one(f"SELECT id FROM projects WHERE id = ?{tx.for_update}", (project_id,))


def own_standards(tx: Tx, project_id: str, version: int | None = None) -> list[StandardsVersion]:
    """What a project said itself, newest first, or one version of it. ``inherits`` says what it left open."""
    condition, params = ("", [project_id]) if version is None else (" AND s.version = ?", [project_id, version])
    rows = tx.all(
        f"""SELECT p.path, s.version, s.document, s.author, s.at FROM standards s JOIN projects p ON p.id = s.project_id
            WHERE s.project_id = ?{condition} ORDER BY s.version DESC""",
        params,
    )
    return [StandardsVersion(row[0], row[1], _own(row[2]), row[3], from_us(row[4])) for row in rows]


def _own(text: str) -> Standards:
    document: dict[str, Any] = msgspec.json.decode(text)
    document["inherits"] = [name for name in FIELDS if name not in document]
    return msgspec.convert(document, Standards)


def add_standards(tx: Tx, project_id: str, standards: Standards, author: str, now: int) -> None:
    """Store a new version of what a project says itself."""
    lock_project(tx, project_id)
    version = int(tx.scalar("SELECT COALESCE(max(version), 0) FROM standards WHERE project_id = ?", (project_id,)))
    tx.execute(
        "INSERT INTO standards (project_id, version, document, author, at) VALUES (?, ?, ?, ?, ?)",
        (project_id, version + 1, msgspec.json.encode(own_document(standards)).decode(), author, now),
    )
