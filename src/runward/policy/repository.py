"""All SQL on labels and terms, and on what they are carried along."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from runward.policy.model import LabelledKind, Terms
from runward.store.database import Row, Tx

_LABELS = frozenset({"labels"})
_EMPTY = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
"""The digest of no bytes: that two hold an empty file says nothing."""
Thing = tuple[LabelledKind, str]
"""Kind and id."""


class OwnLabel(NamedTuple):
    """What somebody said of a thing."""

    label: int
    released: bool
    reason: str
    set_by: str
    set_at: int


def restricts_anything(tx: Tx) -> bool:
    """Whether any thing is restricted at all; where none is, nothing needs to be followed."""
    found = tx.once(_LABELS, "restricts", lambda: tx.scalar("SELECT 1 FROM labels WHERE label >= 2 LIMIT 1"))
    return found is not None


def own_labels(tx: Tx, kind: LabelledKind, ids: Sequence[str]) -> dict[str, OwnLabel]:
    """Labels by id."""
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


def made_of(tx: Tx, kind: LabelledKind, ids: Sequence[str]) -> Iterator[Thing]:
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
    elif kind == "dataset":
        sql = f"""SELECT DISTINCT 'run', a.run_id FROM dataset_spans c JOIN artifacts a ON a.digest = c.digest
                  WHERE c.digest <> '{_EMPTY}' AND c.dataset_id IN ({{}})"""
        yield from _things(tx.listed(sql, ids))
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


def holders(tx: Tx, digest: str) -> list[Thing]:
    """Which runs and datasets hold some bytes."""
    runs = tx.all("SELECT DISTINCT run_id FROM artifacts WHERE digest = ? LIMIT 200", (digest,))
    datasets = tx.all("SELECT DISTINCT dataset_id FROM dataset_spans WHERE digest = ? LIMIT 200", (digest,))
    return [*(("run", row[0]) for row in runs), *(("dataset", row[0]) for row in datasets)]


def name_of(tx: Tx, thing: Thing) -> str:
    """What people call a thing; empty where it is gone."""
    sql = {
        "dataset": "SELECT p.path || ':' || d.name FROM datasets d JOIN projects p ON p.id = d.project_id WHERE d.id = ?",
        "run": "SELECT name FROM runs WHERE id = ?",
        "model": "SELECT name FROM models WHERE id = ?",
        "page": "SELECT title FROM pages WHERE id = ?",
    }[thing[0]]
    return str(tx.scalar(sql, (thing[1],)) or "")
