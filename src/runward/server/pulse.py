"""Live changes: one look at the database for all open pages, twice a second while somebody watches."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import msgspec

from runward.core.clock import to_us, utc_now
from runward.governance.model import Actor
from runward.governance.scopes import visible_ids
from runward.store.database import Database, Tx

INTERVAL_S = 0.4
# On PostgreSQL a lower id may become visible after a higher one: look back a little and pass over what was seen.
_LOOK_BACK = 200
BEGIN = b"event: begin\ndata: {}\n\n"
"""What a page is told first: every later change will be."""
_RECENT_S = 15
"""Changes that are not older are told to a new page: it was asked for before it could hear of any."""


class Change(NamedTuple):
    """Something that open pages may want to read again."""

    kind: str
    object_kind: str
    object_id: str
    project_id: str
    team_id: str

    def encode(self) -> bytes:
        """The change as an SSE message."""
        data = {k: v for k, v in self._asdict().items() if k != "team_id"}
        return b"event: change\ndata: " + msgspec.json.encode(data) + b"\n\n"


class _Tail:
    """Follows a table with growing ids."""

    def __init__(self, table: str, columns: str) -> None:
        self.table, self.columns = table, columns
        self.last = 0
        self.seen: set[int] = set()

    def skip(self, tx: Tx) -> None:
        """Everything up to now is old."""
        self.last = int(tx.scalar(f"SELECT COALESCE(max(id), 0) FROM {self.table}"))
        self.passed(self.rows(tx))

    def fresh(self, tx: Tx) -> list[tuple[Any, ...]]:
        """Rows that `passed` was not told of."""
        return [row for row in self.rows(tx) if row[0] not in self.seen]

    def passed(self, rows: list[tuple[Any, ...]]) -> None:
        """These rows were delivered."""
        self.seen |= {row[0] for row in rows}
        self.last = max([self.last, *self.seen])
        self.seen = {row for row in self.seen if row > self.last - _LOOK_BACK}

    def rows(self, tx: Tx) -> list[tuple[Any, ...]]:
        """The newest rows: those that are not old, and some that are."""
        since = self.last - _LOOK_BACK
        return tx.all(f"SELECT id, {self.columns} FROM {self.table} WHERE id > ? ORDER BY id LIMIT 5000", (since,))


class Pulse:
    """Thread-safe. Subscribers get the changes that their member may see."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._tails = (
            _Tail("events", "kind, object_kind, object_id, project_id, team_id, at"),
            _Tail("segments", "run_id"),
            _Tail("outputs", "run_id"),
        )
        self._subscribers: dict[queue.SimpleQueue[list[Change]], Actor] = {}
        self._mutex = threading.Lock()
        # Held while the tails move, so that who subscribes knows from where on changes are told.
        self._looking = threading.Lock()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.stopping = self._stop

    @contextlib.asynccontextmanager
    async def lifespan(self, app: object) -> AsyncIterator[None]:
        """Runs while the application does."""
        self._thread = threading.Thread(target=self._loop, name="runward-pulse", daemon=True)
        self._thread.start()
        try:
            yield
        finally:
            self._stop.set()
            self._wake.set()

    @property
    def watching(self) -> int:
        """Open pages that are told of changes."""
        return len(self._subscribers)

    def wake(self) -> None:
        """Look now: something was changed through this server."""
        self._wake.set()

    def subscribe(self, actor: Actor) -> queue.SimpleQueue[list[Change]]:
        """A queue for one open page: every change after this call arrives there, behind those of a moment ago.

        Reads the database; end it by `leave`.
        """
        mine: queue.SimpleQueue[list[Change]] = queue.SimpleQueue()
        with self._looking, self.database.transaction(write=False) as tx:
            if not self._subscribers:
                for tail in self._tails:
                    tail.skip(tx)
            events, segments, outputs = self._tails
            since = to_us(utc_now()) - _RECENT_S * 1_000_000
            # Points have no time, and output only its program's: points count that no block has taken up yet, and the
            # newest output.
            happened = [row for row in events.rows(tx) if row[-1] >= since]
            recent = _changes(tx, happened, segments.rows(tx), outputs.rows(tx))
            if own := _seen_by(tx, actor, recent):
                mine.put(own)
            with self._mutex:
                self._subscribers[mine] = actor
        self._wake.set()
        return mine

    def leave(self, mine: queue.SimpleQueue[list[Change]]) -> None:
        """The page was closed."""
        with self._mutex:
            self._subscribers.pop(mine, None)

    def _loop(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(INTERVAL_S if self._subscribers else None)
            self._wake.clear()
            if self._subscribers and not self._stop.is_set():
                with contextlib.suppress(Exception), self._looking:
                    # The next look comes in less than a second; a database that is away must not end live updates.
                    self._look(*self._tails)
                self._stop.wait(0.1)

    def _look(self, events: _Tail, segments: _Tail, outputs: _Tail) -> None:
        with self.database.transaction(write=False) as tx:
            happened, stored, printed = events.fresh(tx), segments.fresh(tx), outputs.fresh(tx)
            changes = _changes(tx, happened, stored, printed)
            if not changes:
                return
            with self._mutex:
                subscribers = list(self._subscribers.items())
            own: dict[tuple[str, tuple[str, str]], list[Change]] = {}
            for mine, actor in subscribers:
                who = (actor.member_id, actor.within)
                if who not in own:
                    own[who] = _seen_by(tx, actor, changes)
                if own[who]:
                    mine.put(own[who])
        events.passed(happened)
        segments.passed(stored)
        outputs.passed(printed)


def _seen_by(tx: Tx, actor: Actor, changes: list[Change]) -> list[Change]:
    """Those of some changes that a member may hear of."""
    projects, teams = visible_ids(tx, actor) if changes else (set(), set())
    return [c for c in changes if c.project_id in projects or (not c.project_id and c.team_id in teams)]


def _changes(
    tx: Tx, happened: list[tuple[Any, ...]], stored: list[tuple[Any, ...]], printed: list[tuple[Any, ...]]
) -> list[Change]:
    """What rows of the tails tell. Who hears of a run's points asks for its output, too."""
    logged = dict.fromkeys(row[1] for row in stored)
    kinds = {**{row[1]: "run.output" for row in printed}, **dict.fromkeys(logged, "run.points")}
    project_of: dict[str, str] = dict(tx.listed("SELECT id, project_id FROM runs WHERE id IN ({})", list(kinds)))
    runs = [Change(kind, "run", run_id, project_of.get(run_id, ""), "") for run_id, kind in kinds.items()]
    return [*(Change(*row[1:-1]) for row in happened), *runs]


def heartbeat() -> bytes:
    """A comment that keeps proxies from closing the stream."""
    return f": {utc_now().isoformat()}\n\n".encode()
