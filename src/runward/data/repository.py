"""All SQL on datasets, their versions and names, and on what runs read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

import msgspec

from runward.core.clock import from_us
from runward.data.model import ColumnDoc, Dataset, DatasetLine, DatasetVersion, Summary, VersionLine
from runward.data.spans import Span
from runward.governance.scopes import Clause, find_project
from runward.store.database import Row, Tx, placeholders

_DATASET = """SELECT d.id, d.name, p.path, d.description, d.created_by, d.created_at, d.updated_at
  FROM datasets d JOIN projects p ON p.id = d.project_id"""
_VERSION = """SELECT v.id, v.dataset_id, v.digest, COALESCE(u.digest, ''), v.files, v.bytes, v.note, v.summary,
  v.dictionary, v.created_by, v.created_at FROM dataset_versions v LEFT JOIN dataset_versions u ON u.id = v.parent_id"""


class Place(NamedTuple):
    """Where a dataset lies."""

    id: str
    project_id: str
    project: str
    name: str


def find_dataset(tx: Tx, reference: str) -> Place | None:
    """A dataset by id, or by its project's path and its name; ``:`` may stand for ``/``."""
    sql = """SELECT d.id, p.id, p.path, d.name FROM datasets d JOIN projects p ON p.id = d.project_id
             WHERE p.deleted_at IS NULL AND """
    row = tx.one(f"{sql}d.id = ?", (reference,))
    if row is None:
        project, _, name = reference.replace(":", "/").rpartition("/")
        found = find_project(tx, project) if project else None
        row = tx.one(f"{sql}d.project_id = ? AND d.name = ?", (found.id, name)) if found else None
    return Place(*row) if row else None


def datasets(tx: Tx, where: Clause) -> list[Dataset]:
    """Datasets that match a clause over ``d``, by name."""
    rows = tx.all(f"{_DATASET} WHERE {where.sql} ORDER BY d.name", where.params)
    return [_dataset(tx, row) for row in rows]


def _dataset(tx: Tx, row: Row) -> Dataset:
    names = tx.all(
        """SELECT n.name, v.digest FROM dataset_names n JOIN dataset_versions v ON v.id = n.version_id
           WHERE n.dataset_id = ? ORDER BY n.name""",
        (row[0],),
    )
    digests = tx.all(
        "SELECT digest FROM dataset_versions WHERE dataset_id = ? ORDER BY created_at DESC, id DESC", (row[0],)
    )
    return Dataset(
        id=row[0],
        name=row[1],
        project=row[2],
        description=row[3],
        versions=len(digests),
        latest=digests[0][0] if digests else "",
        names={row[0]: row[1] for row in names},
        created_by=row[4],
        created_at=from_us(row[5]),
        updated_at=from_us(row[6]),
    )


_SUMMARY = msgspec.json.Decoder(Summary)


def dataset_lines(tx: Tx, visible: Clause, search: str, after: str, limit: int) -> tuple[int, list[DatasetLine]]:
    """How many datasets of some projects have a text in their path, and some of them, by project and name."""
    source = "datasets d JOIN projects p ON p.id = d.project_id"
    condition, params = f"p.deleted_at IS NULL AND d.project_id IN {visible.sql}", list(visible.params)
    if search:
        pattern = "%" + search.replace("!", "!!").replace("%", "!%").replace("_", "!_") + "%"
        condition, params = (
            f"{condition} AND lower(p.path || '/' || d.name) LIKE lower(?) ESCAPE '!'",
            [*params, pattern],
        )
    total = int(tx.scalar(f"SELECT count(*) FROM {source} WHERE {condition}", params))
    if last := tx.one(f"SELECT p.path, d.name FROM {source} WHERE d.id = ?", (after,)) if after else None:
        condition, params = f"{condition} AND (p.path > ? OR (p.path = ? AND d.name > ?))", [*params, last[0], *last]
    rows = tx.all(
        f"""SELECT d.id, d.name, p.path, d.description, d.updated_at,
              (SELECT count(*) FROM dataset_versions c WHERE c.dataset_id = d.id),
              v.id, v.digest, v.files, v.bytes, v.summary
            FROM {source} LEFT JOIN dataset_versions v ON v.id = (SELECT n.id FROM dataset_versions n
              WHERE n.dataset_id = d.id ORDER BY n.created_at DESC, n.id DESC LIMIT 1)
            WHERE {condition} ORDER BY p.path, d.name LIMIT ?""",
        [*params, limit],
    )
    names = _names_of(tx, [row[6] for row in rows if row[6]])
    return total, [
        DatasetLine(
            id=row[0],
            name=row[1],
            project=row[2],
            description=row[3],
            updated_at=from_us(row[4]),
            versions=row[5],
            latest=row[7] or "",
            names=names.get(row[6], []),
            files=row[8] or 0,
            bytes=row[9] or 0,
            rows=_rows_in(_SUMMARY.decode(row[10])) if row[10] else None,
        )
        for row in rows
    ]


def version_lines(tx: Tx, dataset_id: str, before: str, limit: int) -> list[VersionLine]:
    """Some of a dataset's versions, newest first; those older than the one with a digest."""
    condition, params = "v.dataset_id = ?", [dataset_id]
    if last := (
        tx.one("SELECT created_at, id FROM dataset_versions WHERE dataset_id = ? AND digest = ?", (dataset_id, before))
        if before
        else None
    ):
        condition = f"{condition} AND (v.created_at < ? OR (v.created_at = ? AND v.id < ?))"
        params = [dataset_id, last[0], *last]
    rows = tx.all(f"{_VERSION} WHERE {condition} ORDER BY v.created_at DESC, v.id DESC LIMIT ?", [*params, limit])
    names = _names_of(tx, [row[0] for row in rows])
    return [_version_line(row, names.get(row[0], [])) for row in rows]


def _version_line(row: Row, names: list[str]) -> VersionLine:
    summary = _SUMMARY.decode(row[7])
    return VersionLine(
        digest=row[2],
        parent=row[3],
        names=names,
        files=row[4],
        bytes=row[5],
        tables=len(summary.tables),
        rows=_rows_in(summary),
        note=row[6],
        created_by=row[9],
        created_at=from_us(row[10]),
    )


def _names_of(tx: Tx, version_ids: list[str]) -> dict[str, list[str]]:
    if not version_ids:
        return {}
    found: dict[str, list[str]] = {}
    sql = f"SELECT version_id, name FROM dataset_names WHERE version_id IN ({placeholders(version_ids)}) ORDER BY set_at, name"
    for version_id, name in tx.all(sql, version_ids):
        found.setdefault(version_id, []).append(name)
    return found


def _rows_in(summary: Summary) -> int | None:
    return sum(table.rows for table in summary.tables) if summary.tables else None


class VersionRow(NamedTuple):
    """A version as stored."""

    id: str
    digest: str
    created_at: int


def version_rows(tx: Tx, dataset_id: str) -> list[VersionRow]:
    """A dataset's versions, newest first."""
    sql = "SELECT id, digest, created_at FROM dataset_versions WHERE dataset_id = ? ORDER BY created_at DESC, id DESC"
    return [VersionRow(*row) for row in tx.all(sql, (dataset_id,))]


def named(tx: Tx, dataset_id: str, name: str) -> str | None:
    """The digest of the version that bears a name."""
    found = tx.scalar(
        """SELECT v.digest FROM dataset_names n JOIN dataset_versions v ON v.id = n.version_id
           WHERE n.dataset_id = ? AND n.name = ?""",
        (dataset_id, name),
    )
    return str(found) if found else None


def versions(tx: Tx, place: Place, digest: str = "") -> list[DatasetVersion]:
    """A dataset's versions, newest first, or the one with a digest."""
    condition, params = (" AND v.digest = ?", [place.id, digest]) if digest else ("", [place.id])
    rows = tx.all(f"{_VERSION} WHERE v.dataset_id = ?{condition} ORDER BY v.created_at DESC, v.id DESC", params)
    names: dict[str, list[str]] = {}
    for name, version_id in tx.all(
        "SELECT name, version_id FROM dataset_names WHERE dataset_id = ? ORDER BY set_at, name", (place.id,)
    ):
        names.setdefault(version_id, []).append(name)
    return [
        DatasetVersion(
            dataset=f"{place.project}/{place.name}",
            dataset_id=row[1],
            digest=row[2],
            parent=row[3],
            names=names.get(row[0], []),
            files=row[4],
            bytes=row[5],
            note=row[6],
            summary=msgspec.json.decode(row[7], type=Summary),
            dictionary=msgspec.json.decode(row[8], type=list[ColumnDoc]),
            created_by=row[9],
            created_at=from_us(row[10]),
        )
        for row in rows
    ]


def lock_project(tx: Tx, project_id: str) -> None:
    """Let those who add to a project's datasets follow each other (SQLite has one writer anyway)."""
    tx.all(f"SELECT id FROM projects WHERE id = ?{tx.for_update}", (project_id,))


def touch(tx: Tx, dataset_id: str, now: int) -> None:
    """Note that a dataset changed."""
    tx.execute("UPDATE datasets SET updated_at = ? WHERE id = ?", (now, dataset_id))


def set_name(tx: Tx, dataset_id: str, name: str, version_id: str | None, who: str, now: int) -> None:
    """Point a name at a version; None removes it."""
    tx.execute("DELETE FROM dataset_names WHERE dataset_id = ? AND name = ?", (dataset_id, name))
    if version_id is not None:
        values = {"dataset_id": dataset_id, "name": name, "version_id": version_id, "set_by": who, "set_at": now}
        tx.insert("dataset_names", values)


def delete_version(tx: Tx, version_id: str) -> None:
    """Remove a version; its children become its parent's."""
    tx.execute(
        """UPDATE dataset_versions SET parent_id = (SELECT parent_id FROM dataset_versions WHERE id = ?)
           WHERE parent_id = ?""",
        (version_id, version_id),
    )
    tx.execute("DELETE FROM dataset_versions WHERE id = ?", (version_id,))


# what runs read -------------------------------------------------------------------------------------------------------


def set_reads(tx: Tx, run_id: str, reads: Iterable[tuple[str, str]]) -> None:
    """Add the (digest, path) of files that a run read. What it read once it has read, whatever it says later."""
    tx.many(
        "INSERT INTO run_reads (digest, run_id, path) VALUES (?, ?, ?) ON CONFLICT (digest, run_id, path) DO NOTHING",
        [(digest, run_id, path) for digest, path in dict.fromkeys(reads)],
    )


class RunRow(NamedTuple):
    """A run as a graph shows it."""

    id: str
    name: str
    status: str
    created_at: int


def run(tx: Tx, run_id: str, seen: Clause) -> RunRow | None:
    """A run that the caller may see."""
    row = tx.one(
        f"SELECT id, name, status, created_at FROM runs WHERE id = ? AND deleted_at IS NULL AND project_id IN {seen.sql}",
        (run_id, *seen.params),
    )
    return RunRow(*row) if row else None


Use = Literal["read", "made"]
_USES: dict[Use, str] = {"read": "run_reads", "made": "artifacts"}
"""What joins runs to files, by digest."""


class Part(NamedTuple):
    """How much of what a run read or made lies in a range of a dataset's versions."""

    dataset_id: str
    span: Span
    files: int


def parts_read(tx: Tx, run_id: str, seen: Clause) -> list[Part]:
    """What a run read of datasets that the caller may see; a content may be in several ranges."""
    sql = f"""SELECT s.dataset_id, s.first, s.past, count(DISTINCT u.digest) FROM run_reads u
              JOIN dataset_spans s ON s.digest = u.digest JOIN datasets d ON d.id = s.dataset_id
              WHERE u.run_id = ? AND d.project_id IN {seen.sql} GROUP BY s.dataset_id, s.first, s.past"""
    return [Part(row[0], Span(row[1], row[2]), row[3]) for row in tx.all(sql, (run_id, *seen.params))]


def parts_made(tx: Tx, run_id: str, seen: Clause) -> list[Part]:
    """What a run made of datasets that the caller may see, each content in its first range."""
    sql = f"""SELECT x.dataset_id, x.first, count(*) FROM (SELECT s.dataset_id, u.digest, min(s.first) AS first
              FROM artifacts u JOIN dataset_spans s ON s.digest = u.digest JOIN datasets d ON d.id = s.dataset_id
              WHERE u.run_id = ? AND d.project_id IN {seen.sql} GROUP BY s.dataset_id, u.digest) x
              GROUP BY x.dataset_id, x.first"""
    return [Part(row[0], Span(row[1], None), row[2]) for row in tx.all(sql, (run_id, *seen.params))]


def contents(tx: Tx, use: Use, run_id: str, dataset_id: str) -> list[str]:
    """The contents of a dataset that a run read or made."""
    sql = f"""SELECT DISTINCT u.digest FROM {_USES[use]} u JOIN dataset_spans s ON s.digest = u.digest
              WHERE u.run_id = ? AND s.dataset_id = ?"""
    return [row[0] for row in tx.all(sql, (run_id, dataset_id))]


def users(tx: Tx, use: Use, dataset_id: str, number: int, seen: Clause, limit: int) -> list[str]:
    """Ids of the runs that read or made something that a version holds, newest first."""
    sql = f"""SELECT DISTINCT x.id, x.created_at FROM dataset_spans s JOIN {_USES[use]} u ON u.digest = s.digest
              JOIN runs x ON x.id = u.run_id WHERE s.dataset_id = ? AND s.first <= ?
              AND (s.past IS NULL OR s.past > ?) AND x.deleted_at IS NULL
              AND x.project_id IN {seen.sql} ORDER BY x.created_at DESC, x.id LIMIT ?"""
    return [row[0] for row in tx.all(sql, (dataset_id, number, number, *seen.params, limit))]


class Card(NamedTuple):
    """A version as a graph shows it."""

    number: int
    digest: str
    parent: str
    names: list[str]
    files: int
    bytes: int
    created_at: int


def cards(tx: Tx, dataset_id: str) -> list[Card]:
    """A dataset's versions, oldest first."""
    rows = tx.all(
        """SELECT v.id, v.number, v.digest, COALESCE(u.digest, ''), v.files, v.bytes, v.created_at
           FROM dataset_versions v LEFT JOIN dataset_versions u ON u.id = v.parent_id
           WHERE v.dataset_id = ? ORDER BY v.number""",
        (dataset_id,),
    )
    names: dict[str, list[str]] = {}
    sql = "SELECT version_id, name FROM dataset_names WHERE dataset_id = ? ORDER BY set_at, name"
    for version_id, name in tx.all(sql, (dataset_id,)):
        names.setdefault(version_id, []).append(name)
    return [Card(row[1], row[2], row[3], names.get(row[0], []), *row[4:]) for row in rows]


class FileRow(NamedTuple):
    """An artifact as a graph shows it."""

    run_id: str
    path: str
    digest: str
    size: int
    created_at: int


def artifact(tx: Tx, run_id: str, path: str, seen: Clause) -> FileRow | None:
    """An artifact of a run that the caller may see."""
    row = tx.one(
        f"""SELECT a.run_id, a.path, a.digest, a.size, a.created_at FROM artifacts a JOIN runs x ON x.id = a.run_id
            WHERE a.run_id = ? AND a.path = ? AND x.deleted_at IS NULL AND x.project_id IN {seen.sql}""",
        (run_id, path, *seen.params),
    )
    return FileRow(*row) if row else None


def artifacts_read(tx: Tx, run_id: str, seen: Clause) -> list[FileRow]:
    """Artifacts of other runs whose bytes a run read before it was over, oldest first.

    A file that a dataset holds is not among them: the dataset stands for it.
    """
    sql = f"""SELECT DISTINCT a.run_id, a.path, a.digest, a.size, a.created_at FROM run_reads u
              JOIN runs r ON r.id = u.run_id JOIN artifacts a ON a.digest = u.digest JOIN runs x ON x.id = a.run_id
              WHERE u.run_id = ? AND a.run_id <> u.run_id AND x.deleted_at IS NULL AND x.project_id IN {seen.sql}
              AND (r.ended_at IS NULL OR a.created_at <= r.ended_at) AND {_in_no_dataset(seen)}
              ORDER BY a.created_at, a.run_id, a.path"""
    return [FileRow(*row) for row in tx.all(sql, (run_id, *seen.params, *seen.params))]


def artifact_readers(tx: Tx, run_id: str, seen: Clause, limit: int, path: str | None = None) -> list[str]:
    """Ids of other runs that read the bytes of a run's artifacts, or of one, newest first."""
    one, params = ("", []) if path is None else (" AND a.path = ?", [path])
    sql = f"""SELECT DISTINCT x.id, x.created_at FROM artifacts a JOIN run_reads u ON u.digest = a.digest
              JOIN runs x ON x.id = u.run_id WHERE a.run_id = ?{one} AND u.run_id <> a.run_id AND x.deleted_at IS NULL
              AND x.project_id IN {seen.sql} AND {_in_no_dataset(seen)} ORDER BY x.created_at DESC, x.id LIMIT ?"""
    return [row[0] for row in tx.all(sql, (run_id, *params, *seen.params, *seen.params, limit))]


def _in_no_dataset(seen: Clause) -> str:
    return f"""NOT EXISTS (SELECT 1 FROM dataset_spans s JOIN datasets d ON d.id = s.dataset_id
               WHERE s.digest = a.digest AND d.project_id IN {seen.sql})"""


def models_of(tx: Tx, run_id: str, teams: Clause) -> list[tuple[str, int]]:
    """(name, version) of the models that came of a run, of teams that the caller may read."""
    sql = f"""SELECT m.name, v.version FROM model_versions v JOIN models m ON m.id = v.model_id
              WHERE v.run_id = ? AND m.team_id IN {teams.sql} ORDER BY m.name, v.version"""
    return [(row[0], row[1]) for row in tx.all(sql, (run_id, *teams.params))]


def run_of_model(tx: Tx, name: str, version: int, teams: Clause) -> str | None:
    """The id of the run that a model's version came of; empty for none, None where there is no such version."""
    found = tx.scalar(
        f"""SELECT v.run_id FROM model_versions v JOIN models m ON m.id = v.model_id
            WHERE m.name = ? AND v.version = ? AND m.team_id IN {teams.sql}""",
        (name, version, *teams.params),
    )
    return None if found is None else str(found)
