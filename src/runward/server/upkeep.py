"""What a server does beside its requests: blocks of points, cards of values and, if asked, tables of points (Parquet)."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Sequence

from runward.core.beats import Beats
from runward.data.spans import find_due
from runward.governance.checkpoints import Checkpointer
from runward.interop.tables import write_tables
from runward.store.blobs import Blobs
from runward.store.database import Database
from runward.store.keys import Keyring
from runward.tracking.cards import make_cards
from runward.tracking.compaction import compact_due
from runward.tracking.listing import list_locks

INTERVAL_S = 2.0
TABLES_EVERY = 15
"""Rounds between two looks for runs that are to become Parquet."""
CHECKPOINT_EVERY = 30
"""Rounds between two checkpoints of the audit trail, and between two looks for keys whose end has come."""


_END_S = 20.0


class Upkeep:
    """A thread that works through what is due. Several servers over one database may do so at once.

    Args:
        database: Of the workspace.
        blobs: Its bytes.
        checkpoints: Of its audit trail.
        keyring: Its keys.
        tables_after_s: Seconds after its end at which a run's points are written as Parquet; None for never.
        further: What rooms have to do: (what it is called, rounds between two of it, what is done until it returns 0).
        beats: Where it is noted how each kind of work goes.
    """

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        checkpoints: Checkpointer,
        keyring: Keyring,
        tables_after_s: float | None = None,
        further: Sequence[tuple[str, int, Callable[[], int]]] = (),
        beats: Beats | None = None,
    ) -> None:
        self._database, self._blobs, self._tables_after_s = database, blobs, tables_after_s
        self._checkpoints, self._keyring, self._further = checkpoints, keyring, further
        self._beats = beats or Beats()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="runward-upkeep", daemon=True)

    @contextlib.asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Runs while the application does."""
        self._thread.start()
        try:
            yield
        finally:
            self._stop.set()
            # Its last words are a checkpoint: whoever closes the workspace next must not meet them.
            await asyncio.to_thread(self._thread.join, _END_S)

    def _list_locks(self, database: Database) -> int:
        return list_locks(database, self._blobs)

    def _find_spans(self, database: Database) -> int:
        return find_due(database, self._blobs)

    def _loop(self) -> None:
        own = {
            "points": compact_due,
            "cards": make_cards,
            "locks": self._list_locks,
            "dataset spans": self._find_spans,
        }
        rounds = 0
        while not self._stop.wait(INTERVAL_S):
            rounds += 1
            # A database that is away is back in two seconds or later; what was due is due then.
            for name, due in own.items():
                with self._beats.attempt(name):
                    while due(self._database) and not self._stop.is_set():
                        pass
            for name, every, task in self._further:
                if rounds % every == 0:
                    with self._beats.attempt(name):
                        while task() and not self._stop.is_set():
                            pass
            if rounds % CHECKPOINT_EVERY == 0:
                with self._beats.attempt("audit checkpoints"):
                    self._checkpoints.write()
                with self._beats.attempt("keys"):
                    self._keyring.tend()
            if self._tables_after_s is not None and rounds % TABLES_EVERY == 0:
                with self._beats.attempt("tables"):
                    write_tables(
                        self._database, self._blobs, self._tables_after_s, go_on=lambda: not self._stop.is_set()
                    )
        with self._beats.attempt("audit checkpoints"):
            self._checkpoints.write()
