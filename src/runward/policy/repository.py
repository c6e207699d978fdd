"""All SQL on labels and terms, and on what they are carried along."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import msgspec

from runward.policy.model import LabelledKind, Terms
from runward.store.database import Row, Tx

_LABELS = frozenset({"labels", "kept_labels"})
_EMPTY = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
"""The digest of no bytes: that two hold an empty file says nothing."""
ThingKind = Literal[LabelledKind, "content"]
Thing = tuple[ThingKind, str]
"""Kind and id. A content that left what restricted it is a thing of its own."""


_RESTRICTS = "SELECT 1 FROM labels WHERE label >= 2 UNION ALL SELECT 1 FROM kept_labels LIMIT 1"


class OwnLabel(NamedTuple):
    """What somebody said of a thing."""

    label: int
    released: bool
    reason: str
    set_by: str
    set_at: int


def restricts_anything(tx: Tx) -> bool:
    """Whether any thing is restricted at all; where none is, nothing needs to be followed."""
    found = tx.once(_LABELS, "restricts", lambda: tx.scalar(_RESTRICTS))
    return found is not None


def own_labels(tx: Tx, kind: ThingKind, ids: Sequence[str]) -> dict[str, OwnLabel]:
    """Labels by id."""
    if kind == "content":
        kept = tx.listed("SELECT id, label, at FROM kept_labels WHERE id IN ({})", ids)
        return {row[0]: OwnLabel(row[1], False, "", "", row[2]) for row in kept}
    sql = "SELECT object_id, label, released, reason, set_by, set_at FROM labels WHERE object_kind = ? AND object_id IN ({})"
    return {row[0]: OwnLabel(row[1], bool(row[2]), *row[3:]) for row in tx.listed(sql, ids, before=(kind,))}


def put_label(tx: Tx, thing: Thing, own: OwnLabel) -> None:
    """Store what somebody says of a thing."""
    tx.execute(
        """INSERT INTO labels (object_kind, object_id, label, released, reason, set_by, set_at) VALUES (?, ?, ?, ?, ?, ?, ?)
           ON CONFLICT (object_kind, object_id) DO UPDATE SET label = excluded.label, released = excluded.released,
           reason = excluded.reason, set_by = excluded.set_by, set_at = excluded.set_at""",
        (*thing, own.label, int(own.released), *own[2:]),
    )


def terms_of(tx: Tx, ids: Sequence[str]) -> dict[str, Terms]:
    """Terms by dataset."""
    rows = tx.listed("SELECT dataset_id, terms FROM dataset_terms WHERE dataset_id IN ({})", ids)
    return {row[0]: msgspec.json.decode(row[1], type=Terms) for row in rows}


def put_terms(tx: Tx, dataset_id: str, terms: Terms, author: str, now: int) -> None:
    """Store a dataset's terms."""
    tx.execute(
        """INSERT INTO dataset_terms (dataset_id, terms, set_by, set_at) VALUES (?, ?, ?, ?)
           ON CONFLICT (dataset_id) DO UPDATE SET terms = excluded.terms, set_by = excluded.set_by, set_at = excluded.set_at""",
        (dataset_id, msgspec.json.encode(terms).decode(), author, now),
    )


_KEPT = {
    "run": """SELECT DISTINCT 'content', k.id FROM kept_labels k JOIN run_reads x ON x.digest = k.digest
      JOIN runs r ON r.id = x.run_id JOIN projects p ON p.id = r.project_id AND p.team_id = k.team_id WHERE r.id IN ({})""",
    "dataset": """SELECT DISTINCT 'content', k.id FROM kept_labels k JOIN dataset_spans x ON x.digest = k.digest
      JOIN datasets d ON d.id = x.dataset_id JOIN projects p ON p.id = d.project_id AND p.team_id = k.team_id
      WHERE d.id IN ({})""",
}


def made_of(tx: Tx, kind: ThingKind, ids: Sequence[str]) -> Iterator[Thing]:
    """What some things were made of: what runs read, who made a dataset's files, where models come from."""
    if kind == "run":
        sql = f"""SELECT DISTINCT 'dataset', c.dataset_id FROM run_reads r JOIN dataset_spans c ON c.digest = r.digest
                  WHERE r.digest <> '{_EMPTY}' AND r.run_id IN ({{}})"""
        yield from _things(tx.listed(sql, ids))
        # What somebody made later was not what was read.
        sql = f"""SELECT DISTINCT 'run', a.run_id FROM run_reads r JOIN artifacts a ON a.digest = r.digest
                  JOIN runs maker ON maker.id = a.run_id JOIN runs reader ON reader.id = r.run_id
                  WHERE r.digest <> '{_EMPTY}' AND a.run_id <> r.run_id AND maker.created_at <= reader.created_at
                  AND r.run_id IN ({{}})"""
        yield from _things(tx.listed(sql, ids))
        yield from _things(tx.listed(_KEPT[kind], ids))
    elif kind == "dataset":
        sql = f"""SELECT DISTINCT 'run', a.run_id FROM dataset_spans c JOIN artifacts a ON a.digest = c.digest
                  WHERE c.digest <> '{_EMPTY}' AND c.dataset_id IN ({{}})"""
        yield from _things(tx.listed(sql, ids))
        yield from _things(tx.listed(_KEPT[kind], ids))
    elif kind == "model":
        sql = "SELECT DISTINCT 'run', run_id FROM model_versions WHERE run_id IS NOT NULL AND model_id IN ({})"
        yield from _things(tx.listed(sql, ids))


def _things(rows: Iterator[Row]) -> Iterator[Thing]:
    return ((row[0], row[1]) for row in rows)


class RunSaid(NamedTuple):
    """What of a run decides whether it may use restricted data."""

    purpose: str
    began_at: int
    """Microseconds; when it was recorded, where it does not say when it began."""
    team_id: str


def run_said(tx: Tx, run_id: str) -> RunSaid | None:
    """What a run says of itself."""
    row = tx.one(
        """SELECT r.purpose, COALESCE(r.started_at, r.created_at), p.team_id FROM runs r
           JOIN projects p ON p.id = r.project_id WHERE r.id = ?""",
        (run_id,),
    )
    return RunSaid(*row) if row else None


def datasets_of_team(tx: Tx, team_id: str, ids: Sequence[str]) -> set[str]:
    """Those of some datasets that belong to a team."""
    sql = """SELECT d.id FROM datasets d JOIN projects p ON p.id = d.project_id
             WHERE p.team_id = ? AND d.id IN ({})"""
    return {row[0] for row in tx.listed(sql, ids, before=(team_id,))}


def holders(tx: Tx, digest: str, team_id: str) -> list[Thing]:
    """Which runs and datasets of a team hold some bytes, all of them; and the bytes themselves, where they have a label.

    What another team holds was stored there by itself, and says nothing of what this one may do.
    """
    if digest == _EMPTY:
        return []
    sql = """SELECT DISTINCT 'dataset', d.id FROM dataset_spans x JOIN datasets d ON d.id = x.dataset_id
               JOIN projects p ON p.id = d.project_id WHERE x.digest = ? AND p.team_id = ?
             UNION ALL SELECT DISTINCT 'run', r.id FROM artifacts x JOIN runs r ON r.id = x.run_id
               JOIN projects p ON p.id = r.project_id WHERE x.digest = ? AND p.team_id = ?
             UNION ALL SELECT 'content', id FROM kept_labels WHERE digest = ? AND team_id = ?"""
    return list(_things(iter(tx.all(sql, (digest, team_id) * 3))))


_IS_HIGHER = """ON CONFLICT (id) DO UPDATE SET label = excluded.label, object_kind = excluded.object_kind,
  object_id = excluded.object_id, at = excluded.at WHERE excluded.label > kept_labels.label"""


def keep_for_contents(tx: Tx, thing: Thing, label: int, parts: Sequence[str] | None, now: int) -> None:
    """Note a thing's label for the contents that it holds: all, or a run's at some paths, or some of a dataset's by digest."""
    of = "artifacts WHERE run_id" if thing[0] == "run" else "dataset_spans WHERE dataset_id"
    sql = f"SELECT DISTINCT digest FROM {of} = ? AND digest <> '{_EMPTY}'"
    if parts is None:
        held = [row[0] for row in tx.all(sql, (thing[1],))]
    else:
        which = "path" if thing[0] == "run" else "digest"
        held = [row[0] for row in tx.listed(f"{sql} AND {which} IN ({{}})", parts, before=(thing[1],))]
    table = "runs" if thing[0] == "run" else "datasets"
    team_id = tx.scalar(
        f"SELECT p.team_id FROM {table} x JOIN projects p ON p.id = x.project_id WHERE x.id = ?", thing[1:]
    )
    sql = (
        "INSERT INTO kept_labels (id, digest, team_id, label, object_kind, object_id, at) VALUES (?, ?, ?, ?, ?, ?, ?)"
    )
    rows = [(f"{team_id}:{digest}", digest, team_id, label, *thing, now) for digest in dict.fromkeys(held)]
    tx.many(f"{sql} {_IS_HIGHER}", rows)


def let_go_by(tx: Tx, content_id: str) -> Thing:
    """What had the label of a content when it let it go."""
    row = tx.one("SELECT object_kind, object_id FROM kept_labels WHERE id = ?", (content_id,))
    assert row is not None
    return row[0], row[1]


def datasets_in(tx: Tx, project_id: str) -> list[str]:
    """The ids of a project's datasets."""
    return [row[0] for row in tx.all("SELECT id FROM datasets WHERE project_id = ?", (project_id,))]


def name_of(tx: Tx, thing: Thing) -> str:
    """What people call a thing; empty where it is gone."""
    sql = {
        "dataset": "SELECT p.path || ':' || d.name FROM datasets d JOIN projects p ON p.id = d.project_id WHERE d.id = ?",
        "run": "SELECT name FROM runs WHERE id = ?",
        "model": "SELECT name FROM models WHERE id = ?",
        "page": "SELECT title FROM pages WHERE id = ?",
    }[thing[0]]
    return str(tx.scalar(sql, (thing[1],)) or "")
