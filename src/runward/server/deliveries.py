"""What leaves the house, sent beside the requests: web hooks, and what forges are told."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

from runward.coordination.hooks import hook_request
from runward.coordination.queue import forget, is_due
from runward.coordination.sending import Prepare, deliver_one
from runward.core.beats import Beats
from runward.core.clock import to_us, utc_now
from runward.core.outbound import Network
from runward.review.forges.service import forge_request
from runward.store.database import Database

INTERVAL_S = 1.0
THREADS = 4
"""So many receivers may be slow before others wait."""
_FORGET_EVERY = 3600
PREPARE: Final[Mapping[str, Prepare]] = {"hook": hook_request, "forge": forge_request}
"""What makes the request of a delivery, by the kind of its target."""


class Deliveries:
    """Threads that send what is due. Several servers over one database may do so at once.

    Args:
        database: Of the workspace.
        allowed: Networks that may be reached although they are not public.
        beats: Where it is noted how the work goes.
    """

    def __init__(self, database: Database, allowed: Sequence[Network] = (), beats: Beats | None = None) -> None:
        self._beats = beats or Beats()
        self._database, self._allowed = database, allowed
        self._stop, self._busy = threading.Event(), threading.Event()
        self._threads = [
            threading.Thread(target=self._loop, args=(number,), name=f"runward-deliveries-{number}", daemon=True)
            for number in range(THREADS)
        ]

    @contextlib.asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Runs while the application does."""
        for thread in self._threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._busy.set()

    def _loop(self, number: int) -> None:
        rounds = 0
        # One looks; the others, and their connections to the database, come to life when there is something to do.
        while not self._stop.wait(0.0 if number else INTERVAL_S):
            if number and not self._busy.wait(INTERVAL_S):
                continue
            # The border of a worker: a database that is away is back later, and what was due is due then.
            with self._beats.attempt("deliveries"):
                if number == 0:
                    self._look(rounds)
                while not self._stop.is_set() and deliver_one(self._database, self._allowed, PREPARE):
                    pass
            self._busy.clear()
            rounds += 1

    def _look(self, rounds: int) -> None:
        now = to_us(utc_now())
        with self._database.transaction(write=False) as tx:
            if is_due(tx, now):
                self._busy.set()
        if rounds % _FORGET_EVERY == 0:
            with self._database.transaction(write=True) as tx:
                forget(tx, now)
