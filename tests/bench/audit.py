"""The audit trail: what an event costs beside the change that it is about, how fast a million are read and searched."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec import structs

from runward.core.clock import to_us, utc_now
from runward.governance.trail import Noted, append
from runward.store.database import Tx
from runward.workspace import FolderWorkspace, open_folder

Row = tuple[str, str, str, str]
_BATCH = 100
_EVENTS = 1_000_000
_OBJECTS = 5_000


def _noted(space: FolderWorkspace, number: int, at: int) -> Noted:
    run = f"run{number % _OBJECTS:09}"
    return Noted(at, space.actor.member_id, "token:abcdefgh", "tracking.update_run", "run", run, "ok")


def _change(tx: Tx, number: int) -> None:
    """About what a small operation changes."""
    run = f"run{number % _OBJECTS:09}"
    for key in range(4):
        tx.execute(
            """INSERT INTO tags (run_id, key, value) VALUES (?, ?, ?)
               ON CONFLICT (run_id, key) DO UPDATE SET value = excluded.value""",
            (run, f"k{key}", str(number)),
        )


def _side_by_side(space: FolderWorkspace, ways: Sequence[Callable[[Tx], object]]) -> list[float]:
    """Seconds a batch, written durably, of each way to note what was changed; they take turns."""
    taken: list[list[float]] = [[] for _ in ways]
    for turn in range(100 * len(ways)):
        note, times = ways[turn % len(ways)], taken[turn % len(ways)]
        began = time.perf_counter()
        with space.dispatcher.database.transaction(write=True) as tx:
            for number in range(_BATCH):
                _change(tx, turn * _BATCH + number)
            note(tx)
        times.append(time.perf_counter() - began)
    return [statistics.median(times) for times in taken]


def measure(folder: str) -> list[Row]:
    """All measurements of this part."""
    space = open_folder(Path(folder) / "audit")
    # As on a server: whoever comes over the network is who they say, and their name is encrypted.
    space = space.as_member(structs.replace(space.actor, verified=True, address="203.0.113.7"))
    with space.dispatcher.database.transaction(write=True) as tx:
        # The tags here belong to no run.
        tx.execute("DROP TABLE tags")
        tx.execute("CREATE TABLE tags (run_id TEXT, key TEXT, value TEXT, PRIMARY KEY (run_id, key))")
    key, now = space.dispatcher.audit_key, to_us(utc_now())
    plain = "INSERT INTO audit_events (at, actor_id, via, operation, object_kind, object_id, outcome, actor) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    without, chained = _side_by_side(
        space,
        [
            lambda tx: tx.many(plain, [(*_noted(space, n, now), space.actor.name) for n in range(_BATCH)]),
            lambda tx: append(tx, key, [(space.actor, _noted(space, n, now)) for n in range(_BATCH)]),
        ],
    )
    with space.dispatcher.database.transaction(write=True) as tx:
        # In a chain or not at all: else the trail has events that somebody added to it.
        tx.execute("DELETE FROM audit_events WHERE lane IS NULL")
    begin = utc_now() - timedelta(days=365)
    step = 365 * 86_400 * 1_000_000 // _EVENTS
    for first in range(0, _EVENTS, 10_000):
        with space.dispatcher.database.transaction(write=True) as tx:
            numbers = range(first, first + 10_000)
            append(tx, key, [(space.actor, _noted(space, n, to_us(begin) + n * step)) for n in numbers])
    cpu, began = time.process_time(), time.perf_counter()
    proof = space.governance.prove_audit()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - began
    assert proof.holds
    since = datetime.fromtimestamp(begin.timestamp() + 100 * 86_400, UTC)
    began = time.perf_counter()
    found = space.governance.audit(object_id="run000000042", since=since, until=since + timedelta(days=30), limit=1000)
    searched = time.perf_counter() - began
    assert found.events
    space.close()
    return [
        ("a change and its event, in batches of 100", f"{without / _BATCH * 1e6:.0f} µs", "", "events without a chain"),
        (
            "the same, chained",
            f"{chained / _BATCH * 1e6:.0f} µs, {(chained / without - 1) * 100:+.0f} %",
            "≤ +20 %",
            "SQLite; a change is four tags",
        ),
        ("the whole trail proved", f"{proof.events / cpu:,.0f} events/s CPU, {wall:.1f} s", "≥ 300,000 events/s", f"{proof.events:,} events"),
        ("events on one object in one month", f"{searched * 1e3:.0f} ms", "< 2 s", f"of {_EVENTS:,}"),
    ]  # fmt: skip
