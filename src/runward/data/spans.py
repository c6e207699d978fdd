"""Which versions of a dataset hold which contents.

A content is held from one version until before another, so a dataset of many versions has few more rows than files. Every
empty file has the same content, which says nothing of where a file comes from: it is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from runward.core.hashing import digest_bytes
from runward.core.ids import Digest
from runward.data.model import Manifest, read_manifest
from runward.errors import CorruptedError, NotFoundError
from runward.store.blobs import Blobs
from runward.store.database import Database, Tx

NO_BYTES = digest_bytes(b"")


class Span(NamedTuple):
    """A range of versions by number, the last of which is the one before ``past``; None while it goes on."""

    first: int
    past: int | None


def contents_of(manifest: Manifest) -> set[str]:
    """What a version holds."""
    return {item.digest for item in manifest.files} - {NO_BYTES}


def is_known(tx: Tx, dataset_id: str) -> bool:
    """Whether the ranges of a dataset were found; until then only that some version holds a content."""
    return bool(tx.scalar("SELECT spanned FROM datasets WHERE id = ?", (dataset_id,)))


def next_number(tx: Tx, dataset_id: str) -> int:
    """The number of the next version: higher than any that a range ends at, so a removed one's is not taken again there."""
    newest = tx.scalar("SELECT max(number) FROM dataset_versions WHERE dataset_id = ?", (dataset_id,)) or 0
    ended = tx.scalar("SELECT max(past) FROM dataset_spans WHERE dataset_id = ?", (dataset_id,)) or 0
    return max(int(newest) + 1, int(ended))


def record(tx: Tx, dataset_id: str, number: int, contents: set[str]) -> None:
    """Note what a new version holds, the newest of its dataset."""
    rows = tx.all("SELECT digest FROM dataset_spans WHERE dataset_id = ? AND past IS NULL", (dataset_id,))
    before = {row[0] for row in rows}
    tx.many(
        "UPDATE dataset_spans SET past = ? WHERE dataset_id = ? AND digest = ? AND past IS NULL",
        [(number, dataset_id, digest) for digest in sorted(before - contents)],
    )
    _insert(tx, dataset_id, [(digest, Span(number, None)) for digest in sorted(contents - before)])


def _insert(tx: Tx, dataset_id: str, spans: Iterable[tuple[str, Span]]) -> None:
    rows = ((dataset_id, digest, *span) for digest, span in spans)
    tx.many("INSERT INTO dataset_spans (dataset_id, digest, first, past) VALUES (?, ?, ?, ?)", rows)


_EMPTY = """dataset_id = ? AND NOT EXISTS (SELECT 1 FROM dataset_versions v
  WHERE v.dataset_id = dataset_spans.dataset_id AND v.number >= dataset_spans.first
  AND (dataset_spans.past IS NULL OR v.number < dataset_spans.past))"""


def empty(tx: Tx, dataset_id: str) -> list[str]:
    """Contents of a dataset that no version holds any more."""
    return [row[0] for row in tx.all(f"SELECT DISTINCT digest FROM dataset_spans WHERE {_EMPTY}", (dataset_id,))]


def drop_empty(tx: Tx, dataset_id: str) -> None:
    """Forget contents that no version holds any more."""
    tx.execute(f"DELETE FROM dataset_spans WHERE {_EMPTY}", (dataset_id,))


def held(tx: Tx, dataset_id: str, digests: Sequence[str]) -> set[str]:
    """Those of some contents that versions of a dataset hold."""
    sql = "SELECT digest FROM dataset_spans WHERE dataset_id = ? AND digest IN ({})"
    return {row[0] for row in tx.listed(sql, digests, before=(dataset_id,))}


# ranges that an older format did not have -----------------------------------------------------------------------------


def find_spans(tx: Tx, blobs: Blobs, dataset_id: str) -> Iterator[tuple[str, Span]]:
    """The ranges of a dataset, from its manifests. One that is lost counts as empty."""
    began: dict[str, int] = {}
    sql = "SELECT number, digest FROM dataset_versions WHERE dataset_id = ? ORDER BY number"
    for number, digest in tx.all(sql, (dataset_id,)):
        try:
            contents = contents_of(read_manifest(blobs.read(Digest(digest))))
        except (NotFoundError, CorruptedError):
            contents = set()
        for gone in [content for content in began if content not in contents]:
            yield gone, Span(began.pop(gone), number)
        for content in contents:
            began.setdefault(content, number)
    yield from ((content, Span(first, None)) for content, first in began.items())


def make_known(tx: Tx, blobs: Blobs, dataset_id: str) -> None:
    """Store the ranges of a dataset, unless they are known."""
    if not is_known(tx, dataset_id):
        spans = list(find_spans(tx, blobs, dataset_id))
        tx.execute("DELETE FROM dataset_spans WHERE dataset_id = ?", (dataset_id,))
        _insert(tx, dataset_id, spans)
        tx.execute("UPDATE datasets SET spanned = 1 WHERE id = ?", (dataset_id,))


def find_due(database: Database, blobs: Blobs, limit: int = 1) -> int:
    """Find the ranges of datasets that an older format left, at most ``limit``; returns how many were looked at."""
    with database.transaction(write=False) as tx:
        due = [row[0] for row in tx.all("SELECT id FROM datasets WHERE spanned = 0 LIMIT ?", (limit,))]
    for dataset_id in due:
        with database.transaction(write=True) as tx:
            # Whoever adds to a dataset waits for this, as for each other.
            tx.all(f"SELECT id FROM datasets WHERE id = ?{tx.for_update}", (dataset_id,))
            make_known(tx, blobs, dataset_id)
    return len(due)


def datasets_read(tx: Tx, run_id: str) -> list[str]:
    """The names of the datasets whose contents a run read."""
    rows = tx.all(
        """SELECT DISTINCT d.name FROM run_reads r JOIN dataset_spans s ON s.digest = r.digest
           JOIN datasets d ON d.id = s.dataset_id WHERE r.run_id = ? ORDER BY d.name""",
        (run_id,),
    )
    return [str(row[0]) for row in rows]


def unversioned_reads(tx: Tx, run_id: str, most: int = 1000) -> list[str] | None:
    """Paths of files that a run read and no dataset of its team holds; None where its reads were not captured."""
    if tx.scalar("SELECT 1 FROM captures WHERE run_id = ? AND kind = 'reads'", (run_id,)) is None:
        return None
    rows = tx.all(
        """SELECT DISTINCT u.path FROM run_reads u JOIN runs r ON r.id = u.run_id
           JOIN projects p ON p.id = r.project_id WHERE u.run_id = ? AND NOT EXISTS (
             SELECT 1 FROM dataset_spans s JOIN datasets d ON d.id = s.dataset_id
             JOIN projects x ON x.id = d.project_id WHERE s.digest = u.digest AND x.team_id = p.team_id)
           ORDER BY u.path LIMIT ?""",
        (run_id, most),
    )
    return [str(row[0]) for row in rows]
