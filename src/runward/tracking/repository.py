"""All SQL on experiments, runs and what belongs to them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from runward.core.clock import from_us, to_us
from runward.core.ids import ExperimentId, RunId
from runward.governance.scopes import Clause, ProjectRow
from runward.store.database import Row, Tx
from runward.tracking.cards import CARD, FEW, fill, filled
from runward.tracking.keyed import Everything, Keys, decode, encode, everything_of, note_keys
from runward.tracking.model import (
    Artifact,
    CapturePart,
    Experiment,
    HistoryEntry,
    NewRun,
    OutputChunk,
    Plain,
    Project,
    Run,
    RunDetail,
    RunParam,
    RunStatus,
    State,
)


def _time(value: int | None) -> datetime | None:
    return None if value is None else from_us(value)


def number_of(value: Plain) -> float | None:
    """A value's number for indexes: NaN and what is no number have none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return None if math.isnan(number) else number


# projects ----------------------------------------

_PROJECT = """SELECT p.id, p.path, p.name, t.name, p.parent_id, p.description, p.created_by, p.created_at,
  (SELECT count(*) FROM runs r WHERE r.project_id = p.id AND r.deleted_at IS NULL AND r.archived_at IS NULL),
  p.archived_at, p.deleted_at, EXISTS (SELECT 1 FROM favourites f WHERE f.project_id = p.id AND f.member_id = ?)
  FROM projects p JOIN teams t ON t.id = p.team_id"""
_PROJECT_STATES: dict[State, str] = {
    "active": "p.deleted_at IS NULL AND p.archived_at IS NULL",
    "archived": "p.deleted_at IS NULL AND p.archived_at IS NOT NULL",
    "deleted": "p.deleted_at IS NOT NULL",
}


def _project(row: Row) -> Project:
    return Project(
        row[0],
        path_before(row[1]),
        row[2],
        row[3],
        row[4],
        row[5],
        row[6],
        from_us(row[7]),
        row[8],
        archived=row[9] is not None,
        deleted_at=_time(row[10]),
        favourite=bool(row[11]),
    )


def path_before(path: str) -> str:
    """The path of a deleted project as it was: deletion frees a path by putting ``deleted:ID:`` before it."""
    return path.split(":", 2)[2] if path.startswith("deleted:") else path


def projects(tx: Tx, readable: Clause, member_id: str, state: State) -> list[Project]:
    """The readable projects, by path."""
    sql = f"{_PROJECT} WHERE {_PROJECT_STATES[state]} AND p.id IN {readable.sql} ORDER BY p.path"
    found = [_project(row) for row in tx.all(sql, (member_id, *readable.params))]
    # The stored path of a deleted project is not the one that is shown.
    return sorted(found, key=lambda item: item.path) if state == "deleted" else found


def project(tx: Tx, project_id: str, member_id: str = "") -> Project:
    """One project, marked as a favourite or not for a member."""
    row = tx.one(f"{_PROJECT} WHERE p.id = ?", (member_id, project_id))
    assert row is not None
    return _project(row)


def insert_project(
    tx: Tx, project_id: str, team_id: str, parent_id: str | None, path: str, description: str, author: str, now: int
) -> None:
    """Store a project."""
    tx.execute(
        """INSERT INTO projects (id, team_id, parent_id, path, name, description, created_by, created_at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        (project_id, team_id, parent_id, path, path.rpartition("/")[2], description, author, now),
    )


# experiments ----------------------------------------

_EXPERIMENT = """SELECT e.id, e.project_id, p.path, e.name, e.description, e.status, e.metadata, e.metadata_version,
  e.plan, e.created_by, e.created_at, e.ended_at,
  (SELECT count(*) FROM runs r WHERE r.experiment_id = e.id AND r.deleted_at IS NULL)
  FROM experiments e JOIN projects p ON p.id = e.project_id"""


def _experiment(row: Row) -> Experiment:
    return Experiment(
        id=row[0],
        project_id=row[1],
        project=row[2],
        name=row[3],
        description=row[4],
        status=RunStatus(row[5]),
        metadata=decode(row[6]),
        metadata_version=row[7],
        plan=decode(row[8]),
        created_by=row[9],
        created_at=from_us(row[10]),
        ended_at=_time(row[11]),
        runs=row[12],
    )


def experiment(tx: Tx, experiment_id: str) -> Experiment:
    """One experiment."""
    row = tx.one(f"{_EXPERIMENT} WHERE e.id = ?", (experiment_id,))
    assert row is not None
    return _experiment(row)


def experiments(tx: Tx, projects_clause: Clause, limit: int) -> list[Experiment]:
    """Experiments of some projects, newest first."""
    sql = f"{_EXPERIMENT} WHERE p.deleted_at IS NULL AND e.project_id IN {projects_clause.sql} ORDER BY e.created_at DESC LIMIT ?"
    return [_experiment(row) for row in tx.all(sql, (*projects_clause.params, limit))]


def set_metadata(tx: Tx, experiment_id: str, metadata: dict[str, Plain], version: int, author: str, now: int) -> None:
    """Store a version of an experiment's metadata and make its scalar leaves searchable."""
    text = encode(metadata)
    tx.execute("UPDATE experiments SET metadata = ?, metadata_version = ? WHERE id = ?", (text, version, experiment_id))
    tx.execute(
        "INSERT INTO experiment_metadata (experiment_id, version, metadata, author, at) VALUES (?, ?, ?, ?, ?)",
        (experiment_id, version, text, author, now),
    )
    tx.execute("DELETE FROM metadata_values WHERE experiment_id = ?", (experiment_id,))
    tx.many(
        "INSERT INTO metadata_values (experiment_id, key, value, number) VALUES (?, ?, ?, ?)",
        [(experiment_id, key, encode(value), number_of(value)) for key, value in _leaves("", metadata)],
    )


def _leaves(prefix: str, value: Plain) -> Iterable[tuple[str, Plain]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(f"{prefix}.{key}" if prefix else str(key), item)
    elif not isinstance(value, list):
        yield prefix, value


# runs ----------------------------------------

_RUN = """SELECT r.id, r.name, r.project_id, p.path, r.experiment_id, e.name, r.status, r.purpose, r.created_by,
  r.created_at, r.started_at, r.ended_at, r.exit_code, r.error, r.seed, r.git_commit, r.git_branch, r.dirty, r.rerun_of,
  r.fingerprint, r.revision, r.archived_at, r.deleted_at, r.peak_memory_bytes, r.cpu_s, r.peak_gpu_memory_bytes,
  r.gpu_percent"""
_FROM = " FROM runs r JOIN projects p ON p.id = r.project_id LEFT JOIN experiments e ON e.id = r.experiment_id"


def _run(row: Row) -> Run:
    started, ended = row[10], row[11]
    return Run(
        id=RunId(row[0]),
        name=row[1],
        project_id=row[2],
        project=path_before(row[3]),
        experiment_id=ExperimentId(row[4]) if row[4] else None,
        experiment=row[5],
        status=RunStatus(row[6]),
        purpose=row[7],
        created_by=row[8],
        created_at=from_us(row[9]),
        started_at=from_us(started),
        ended_at=_time(ended),
        duration_s=(ended - started) / 1e6 if ended is not None else None,
        exit_code=row[12],
        error=row[13],
        seed=row[14],
        commit=row[15],
        branch=row[16],
        dirty=None if row[17] is None else bool(row[17]),
        rerun_of=RunId(row[18]) if row[18] else None,
        fingerprint=row[19],
        revision=row[20],
        archived=row[21] is not None,
        deleted_at=_time(row[22]),
        peak_memory_bytes=row[23],
        cpu_s=row[24],
        peak_gpu_memory_bytes=row[25],
        gpu_percent=row[26],
    )


def runs_by_id(tx: Tx, ids: Sequence[str], keys: Keys | None = None) -> list[Run]:
    """Runs in the order of their ids, with marks, params, metrics and tags (only some ``keys`` where given)."""
    card = CARD if keys is None and len(ids) > FEW else "NULL"
    rows = {row[0]: row for row in tx.listed(f"{_RUN}, {card}{_FROM} WHERE r.id IN ({{}})", ids)}
    cards = {run_id: row[-1] for run_id, row in rows.items() if row[-1] is not None}
    return fill(tx, [_run(rows[run_id]) for run_id in ids if run_id in rows], keys, cards)


def find_runs(tx: Tx, where: Clause, order: Clause, limit: int) -> list[Run]:
    """Runs that match, with params, metrics, tags and marks."""
    sql = f"{_RUN}{_FROM} WHERE {where.sql} ORDER BY {order.sql} LIMIT ?"
    found = [_run(row) for row in tx.all(sql, (*where.params, *order.params, limit))]
    return fill(tx, found)


def run(tx: Tx, run_id: str) -> Run:
    """One run with params, metrics, tags and marks."""
    return find_runs(tx, Clause("r.id = ?", (run_id,)), Clause("r.id", ()), 1)[0]


def run_detail(tx: Tx, run_id: str) -> RunDetail:
    """Everything about one run but its series."""
    return run_details(tx, [run_id])[run_id]


def run_details(tx: Tx, ids: Sequence[str]) -> dict[str, RunDetail]:
    """Everything about some runs but their series, by id."""
    rows = list(tx.listed(f"{_RUN}{_FROM} WHERE r.id IN ({{}})", ids))
    of = everything_of(tx, ids)
    return {row[0]: _detail(_run(row), of[row[0]]) for row in rows}


def _detail(found: Run, of: Everything) -> RunDetail:
    params = [RunParam(key, value, of.origins[key]) for key, value in of.values.params.items()]
    known = filled(found, of.values, of.marks)
    return RunDetail(known, params, list(of.values.metrics.values()), of.artifacts, of.captures)


_EXPERIMENT_NAME = "SELECT name FROM experiments WHERE id = ?"


_NEW_RUN = {
    **dict.fromkeys(
        ("id", "project_id", "experiment_id", "name", "purpose", "status", "created_by", "creator_id"), "text"
    ),
    **dict.fromkeys(("created_at", "started_at", "seed"), "bigint"),
    **dict.fromkeys(("rerun_of", "error", "git_commit", "git_branch", "fingerprint"), "text"),
    "revision": "bigint",
}


def insert_run(
    tx: Tx, run_id: RunId, project: ProjectRow, new: NewRun, author: tuple[str, str], times: tuple[int, int]
) -> Run:
    """Store a run; ``author`` is (id, name), ``times`` are (created, started). Returns it as it is with params and tags."""
    given = (new.experiment_id, new.name, new.purpose, "running", author[1], author[0], *times, new.seed, new.rerun_of)
    tx.later("runs", _NEW_RUN, [(run_id, project.id, *given, "", "", "", "", 1)], unique=1)
    # Built and not read back: that would take as long as storing it.
    return Run(
        id=run_id,
        name=new.name,
        project_id=project.id,
        project=project.path,
        experiment_id=ExperimentId(new.experiment_id) if new.experiment_id else None,
        experiment=tx.scalar(_EXPERIMENT_NAME, (new.experiment_id,)) if new.experiment_id else None,
        status=RunStatus.RUNNING,
        purpose=new.purpose,
        created_by=author[1],
        created_at=from_us(times[0]),
        started_at=from_us(times[1]),
        ended_at=None,
        duration_s=None,
        exit_code=None,
        error="",
        seed=new.seed,
        commit="",
        branch="",
        dirty=None,
        rerun_of=RunId(new.rerun_of) if new.rerun_of else None,
        fingerprint="",
        revision=1,
        params=dict(sorted({param.key: decode(encode(param.value)) for param in new.params}.items())),
        tags=dict(sorted(new.tags.items())),
    )


def update_run(tx: Tx, run_id: str, values: dict[str, Any]) -> None:
    """Set columns of a run and count its revision up."""
    columns = "".join(f"{name} = ?, " for name in values)
    tx.execute(f"UPDATE runs SET {columns}revision = revision + 1 WHERE id = ?", (*values.values(), run_id))


_PARAMS = {"run_id": "text", "key": "text", "value": "text", "number": "float8", "origin": "text"}


def set_params(tx: Tx, project_id: str, run_id: str, params: Iterable[RunParam]) -> None:
    """Store params; a later value of a key replaces the earlier one."""
    params = list(params)
    note_keys(tx, project_id, "param", [p.key for p in params])
    tx.later(
        "params",
        _PARAMS,
        [(run_id, p.key, encode(p.value), number_of(p.value), p.origin) for p in params],
        """ON CONFLICT (run_id, key) DO UPDATE SET value = excluded.value, number = excluded.number,
           origin = excluded.origin""",
    )


def set_tags(tx: Tx, project_id: str, run_id: str, tags: Mapping[str, str | None]) -> None:
    """Store tags; None removes one."""
    kept = [(run_id, key, value) for key, value in tags.items() if value is not None]
    note_keys(tx, project_id, "tag", [key for _, key, _ in kept])
    tx.many(
        "DELETE FROM tags WHERE run_id = ? AND key = ?", [(run_id, key) for key, value in tags.items() if value is None]
    )
    tx.later(
        "tags",
        {"run_id": "text", "key": "text", "value": "text"},
        kept,
        "ON CONFLICT (run_id, key) DO UPDATE SET value = excluded.value",
    )


_MARKS = {"run_id": "text", "kind": "text", "label": "text", "ref": "text", "at": "bigint"}


def set_mark(tx: Tx, run_id: str, mark: tuple[str, str, str], now: int) -> None:
    """Store (kind, label, ref) of an upper room on a run."""
    tx.later(
        "marks",
        _MARKS,
        [(run_id, *mark, now)],
        """ON CONFLICT (run_id, kind) DO UPDATE SET label = excluded.label, ref = excluded.ref, at = excluded.at""",
    )


# output ----------------------------------------


def insert_output(tx: Tx, run_id: str, chunks: Sequence[OutputChunk]) -> None:
    """Store what a run printed."""
    tx.many(
        "INSERT INTO outputs (run_id, stream, at, text) VALUES (?, ?, ?, ?)",
        # PostgreSQL's text cannot hold NUL; a terminal shows nothing for it either.
        [(run_id, chunk.stream, chunk.at, chunk.text.replace("\0", "␀")) for chunk in chunks],
    )


def output_after(tx: Tx, run_id: str, after: int, limit: int) -> list[tuple[int, OutputChunk]]:
    """(id, chunk) of what a run printed after a chunk."""
    sql = "SELECT id, stream, text, at FROM outputs WHERE run_id = ? AND id > ? ORDER BY id LIMIT ?"
    return [(row[0], OutputChunk(row[1], row[2], row[3])) for row in tx.all(sql, (run_id, after, limit))]


# artifacts and captures ----------------------------------------


def remember_blobs(tx: Tx, project_id: str, blobs: Iterable[tuple[str, int]], now: int) -> None:
    """Note that a project's member uploaded (digest, size): only then can they be attached or read in the project."""
    tx.many(
        """INSERT INTO blobs (project_id, digest, size, created_at) VALUES (?, ?, ?, ?)
           ON CONFLICT (project_id, digest) DO UPDATE SET created_at = excluded.created_at""",
        [(project_id, digest, size, now) for digest, size in blobs],
    )


def touch_blobs(tx: Tx, project_id: str, digests: Sequence[str], now: int) -> None:
    """Note that a client is about to use blobs of a project: they count as uploaded now."""
    tx.many(
        "UPDATE blobs SET created_at = ? WHERE project_id = ? AND digest = ?",
        [(now, project_id, digest) for digest in digests],
    )


def blob_size(tx: Tx, project_id: str, digest: str) -> int | None:
    """Size of a blob of the project; None where it was not uploaded there."""
    found = tx.scalar("SELECT size FROM blobs WHERE project_id = ? AND digest = ?", (project_id, digest))
    return None if found is None else int(found)


def blob_sizes(tx: Tx, project_id: str, digests: Sequence[str]) -> dict[str, int]:
    """The sizes of those of some digests that were uploaded to a project."""
    sql = "SELECT digest, size FROM blobs WHERE project_id = ? AND digest IN ({})"
    return {row[0]: int(row[1]) for row in tx.listed(sql, digests, before=(project_id,))}


def teams_with(tx: Tx, digests: Sequence[str]) -> dict[str, set[str]]:
    """The teams whose projects have each of some contents."""
    found = dict[str, set[str]]()
    sql = (
        "SELECT DISTINCT b.digest, p.team_id FROM blobs b JOIN projects p ON p.id = b.project_id WHERE b.digest IN ({})"
    )
    for digest, team_id in tx.listed(sql, digests):
        found.setdefault(digest, set()).add(team_id)
    return found


def set_artifacts(tx: Tx, run_id: str, artifacts: Iterable[Artifact]) -> None:
    """Attach files to a run; one at the same path is replaced."""
    tx.many(
        """INSERT INTO artifacts (run_id, path, digest, size, media_type, created_at) VALUES (?, ?, ?, ?, ?, ?)
           ON CONFLICT (run_id, path) DO UPDATE SET digest = excluded.digest, size = excluded.size,
           media_type = excluded.media_type, created_at = excluded.created_at""",
        [(run_id, a.path, a.digest, a.size, a.media_type, to_us(a.created_at)) for a in artifacts],
    )


def artifacts(tx: Tx, run_id: str) -> list[Artifact]:
    """A run's files by path."""
    sql = "SELECT path, digest, size, media_type, created_at FROM artifacts WHERE run_id = ? ORDER BY path"
    return [Artifact(row[0], row[1], row[2], row[3], from_us(row[4])) for row in tx.all(sql, (run_id,))]


def set_capture(tx: Tx, run_id: str, part: CapturePart) -> None:
    """Record one captured document."""
    tx.execute(
        """INSERT INTO captures (run_id, kind, digest, summary) VALUES (?, ?, ?, ?)
           ON CONFLICT (run_id, kind) DO UPDATE SET digest = excluded.digest, summary = excluded.summary""",
        (run_id, part.kind, part.digest, encode(part.summary)),
    )


def captures(tx: Tx, run_id: str) -> list[CapturePart]:
    """A run's captured documents."""
    sql = "SELECT kind, digest, summary FROM captures WHERE run_id = ? ORDER BY kind"
    return [CapturePart(row[0], row[1], decode(row[2])) for row in tx.all(sql, (run_id,))]


def events_of(tx: Tx, object_id: str) -> list[HistoryEntry]:
    """What happened to an object, oldest first."""
    rows = tx.all(
        "SELECT id, at, kind, actor, data FROM events WHERE object_id = ? ORDER BY id LIMIT 1000", (object_id,)
    )
    return [HistoryEntry(row[0], from_us(row[1]), row[2], row[3], decode(row[4])) for row in rows]
