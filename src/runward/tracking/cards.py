"""Cards: the keyed values of a run that is over, in one row beside its tables, so that long lists read one row a run.

A card belongs to one revision of its run. Whatever changes a run counts its revision up, so a card never has to be
thrown away: it no longer holds, and a new one is due.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from runward.core.zstd import compress
from runward.store.database import Database, Tx
from runward.tracking.keyed import Keys, Values, everything_of, marks_of, values_of
from runward.tracking.model import Mark, Run
from runward.tracking.points import decoded

MAX_VALUES = 5_000
"""A run of more values has no card: few lists show them all."""
FEW = 8
"""For so many runs the tables are as quick."""
CARD = "(SELECT c.data FROM run_cards c WHERE c.run_id = r.id AND r.carded = r.revision)"
"""SQL of the card of a run ``r``, if it has one that holds."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Values)


def fill(tx: Tx, found: list[Run], keys: Keys | None = None, cards: Mapping[str, bytes] | None = None) -> list[Run]:
    """The runs with their marks and keyed values (only some ``keys`` where given), out of those ``cards`` that there are.

    Raises: CorruptedError.
    """
    if keys is None and not cards and len(found) == 1:
        of = everything_of(tx, [found[0].id])[found[0].id]
        return [filled(found[0], of.values, of.marks)]
    ids = [item.id for item in found]
    values = {run_id: decoded(_decoder, bytes(data)) for run_id, data in (cards or {}).items()}
    if missing := [run_id for run_id in ids if run_id not in values]:
        values |= values_of(tx, missing, keys)
    marks = marks_of(tx, ids)
    return [filled(item, values[item.id], marks.get(item.id, [])) for item in found]


def filled(item: Run, of: Values, marks: list[Mark]) -> Run:
    """A run with what belongs to it."""
    return msgspec.structs.replace(item, params=of.params, metrics=of.metrics, tags=of.tags, marks=marks)


def make_cards(database: Database, limit: int = 200) -> int:
    """Make the cards that are due, at most ``limit``; returns how many runs were looked at.

    Several processes may do so at once: the revision is read before the values, so a change in between is seen.
    """
    with database.transaction(write=False) as tx:
        # Word for word the condition of the index runs_to_card.
        sql = "SELECT id, revision FROM runs WHERE carded <> revision AND ended_at IS NOT NULL LIMIT ?"
        due: dict[str, int] = {row[0]: row[1] for row in tx.all(sql, (limit,))}
        rows = dict(_rows(tx, list(due)))
    if due:
        with database.transaction(write=True) as tx:
            newer = "ON CONFLICT (run_id) DO UPDATE SET data = excluded.data"
            tx.put("run_cards", {"run_id": "text", "data": "bytea"}, list(rows.items()), newer, unique=1)
            tx.many("DELETE FROM run_cards WHERE run_id = ?", [(run_id,) for run_id in due if run_id not in rows])
            # Most runs have the same few revisions: a statement for each of these, and not for each run.
            for revision in set(due.values()):
                chosen, ids = tx.among([run_id for run_id, read in due.items() if read == revision])
                tx.execute(f"UPDATE runs SET carded = ? WHERE id {chosen}", (revision, *ids))
    return len(due)


def _rows(tx: Tx, ids: list[str]) -> list[tuple[str, bytes]]:
    sizes: dict[str, int] = {}
    for table in ("params", "metrics", "tags"):
        sql = f"SELECT run_id, count(*) FROM {table} WHERE run_id IN ({{}}) GROUP BY run_id"
        for run_id, count in tx.listed(sql, ids):
            sizes[run_id] = sizes.get(run_id, 0) + count
    rows = []
    for run_id, values in values_of(tx, [i for i in ids if sizes.get(i, 0) <= MAX_VALUES]).items():
        try:
            data = _encoder.encode(values)
        except OverflowError:
            continue  # A param of more than 64 bits.
        rows.append((run_id, compress(data)))
    return rows
