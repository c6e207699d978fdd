"""What a server does beside its requests: it folds the points of runs into blocks."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import AsyncIterator

from runward.store.database import Database
from runward.tracking.compaction import compact_due

INTERVAL_S = 2.0


class Upkeep:
    """A thread that works through what is due. Several servers over one database may do so at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
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

    def _loop(self) -> None:
        while not self._stop.wait(INTERVAL_S):
            with contextlib.suppress(Exception):
                # A database that is away is back in two seconds or later; what was due is due then.
                while compact_due(self._database) and not self._stop.is_set():
                    pass
