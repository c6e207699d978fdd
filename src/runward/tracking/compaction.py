"""Folding segments into blocks, beside everything else: whoever does it twice or dies in the middle changes nothing."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

from runward.errors import ConflictError, CorruptedError
from runward.store.database import Database, Tx
from runward.tracking import storage
from runward.tracking.blocks import BUCKET, Block, BlockReader, build_block
from runward.tracking.points import Columns, collect, empty_columns, extend, in_order

MAX_POINTS = 2_000_000
"""Points of a block at most: what compaction holds in memory at a time (24 bytes each)."""
SMALL_POINTS = 2_000
"""A run that ends with fewer points keeps its segments: a block would not be smaller."""


class _Part(NamedTuple):
    """What one compaction replaces."""

    segments: list[int]
    blocks: list[int]
    block: Block | None


def read_series(tx: Tx, run_id: str, keys: Sequence[str], width: int = 0) -> dict[str, tuple[int, Columns]]:
    """(points in all, columns in order of step) of the asked series of a run.

    With a width, long series come from the blocks' levels: enough points to find the least and the greatest of each of
    ``width`` pixel columns.
    """
    readers = [BlockReader(head, _fetcher(tx, block)) for block, head in storage.blocks(tx, run_id)]
    tail = collect(storage.segments(tx, run_id), set(keys))
    found: dict[str, tuple[int, Columns]] = {}
    for key in dict.fromkeys(keys):
        late = tail.get(key) or empty_columns()
        parts = [reader for reader in readers if key in reader.head.series]
        total = sum(reader.count(key) for reader in parts) + len(late.steps)
        coarse = 0 < width <= total // BUCKET
        pieces = [reader.level(key) if coarse else reader.columns(key) for reader in parts]
        found[key] = total, _joined([*pieces, in_order(late)])
    return found


def _joined(pieces: list[Columns]) -> Columns:
    """Ordered pieces as one series in order of step; usually each begins where the one before ended."""
    pieces = [piece for piece in pieces if len(piece.steps)]
    if len(pieces) == 1:
        return pieces[0]
    whole = empty_columns()
    for piece in pieces:
        extend(whole, piece)
    follows = all(before.steps[-1] <= after.steps[0] for before, after in itertools.pairwise(pieces))
    return whole if follows else in_order(whole)


def _fetcher(tx: Tx, block: int) -> Callable[[int], bytes]:
    return lambda page: storage.block_page(tx, block, page)


def compact_due(database: Database, limit: int = 20) -> int:
    """Compact the runs that need it, at most ``limit``; returns how many could be."""
    with database.transaction(write=False) as tx:
        due = storage.runs_to_compact(tx, limit)
    done = 0
    for run_id, is_over in due:
        # What is damaged in one run is said where it is read; the others need not wait for that.
        with contextlib.suppress(CorruptedError):
            compact_run(database, run_id, keep_small=is_over)
            done += 1
    return done


def compact_run(database: Database, run_id: str, *, keep_small: bool = False) -> bool:
    """Fold a run's segments (as many as fit into a block) and its small last blocks into one block.

    Each block takes in those before it that are less than twice its size, so a run has few blocks and every point is
    written again only a few times (logarithmic in the run's length).

    Returns: whether anything was folded. Another process that does the same at this moment wins or loses as a whole.
    """
    with database.transaction(write=False) as tx:
        part = _fold(tx, run_id, keep_small)
    if not part.segments:
        return False
    try:
        with database.transaction(write=True) as tx:
            if part.block is not None:
                storage.replace_segments(tx, run_id, part.segments, part.blocks, part.block)
            storage.count_folded(tx, run_id, len(part.segments))
    except ConflictError:
        return False
    return part.block is not None


def _fold(tx: Tx, run_id: str, keep_small: bool) -> _Part:
    taken, points = list[int](), 0
    for segment, count in storage.segment_sizes(tx, run_id):
        if taken and points + count > MAX_POINTS:
            break
        taken, points = [*taken, segment], points + count
    blocks = storage.block_sizes(tx, run_id)
    if keep_small and points < SMALL_POINTS and not blocks:
        return _Part(taken, [], None)
    merged = list[int]()
    while blocks and blocks[-1][1] < 2 * points and blocks[-1][1] + points <= MAX_POINTS:
        block, count = blocks.pop()
        merged, points = [block, *merged], points + count
    whole: dict[str, Columns] = {}
    heads = dict(storage.blocks(tx, run_id))
    for block in merged:
        reader = BlockReader(heads[block], _fetcher(tx, block))
        for key in reader.head.series:
            extend(whole.setdefault(key, empty_columns()), reader.columns(key))
    for key, columns in collect(storage.segments(tx, run_id, taken[-1] if taken else 0)).items():
        extend(whole.setdefault(key, empty_columns()), columns)
    return _Part(taken, merged, build_block(whole))
