"""Garbage collection: what was deleted long ago, and the bytes that nothing names any more.

One step is one transaction and bounded, so an interrupted collection is simply continued. Bytes go in two steps: first
a project's note of them, then, in a later transaction, the file, unless somebody noted the bytes again in between.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping, Sequence

from runward.core.ids import Digest
from runward.errors import NotFoundError
from runward.governance.calling import Call
from runward.store.database import Tx, parts, placeholders
from runward.store.layout import Reference, references
from runward.tracking.organise_model import Collect, Collected
from runward.tracking.packages import forget_unused
from runward.tracking.storage import table_of

YOUNG_US = 3_600_000_000
"""Bytes noted less than an hour ago are never taken: whoever uploaded them is about to name them."""
MAX_RUNS = 20
MAX_BLOBS = 2000
_DIGEST = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


def step(call: Call, how: Collect) -> Collected:
    """Take (or count) what one transaction should. Raises: StoreError."""
    before = call.now_us - int(how.grace_days * 86_400_000_000)
    runs = _expired_runs(call, before, 1_000_000 if how.dry_run else MAX_RUNS)
    if how.dry_run:
        return _would_take(call, runs, before)
    if runs:
        # Where somebody else collects too, one of both waits here, and finds what the other one left.
        found = call.tx.all(
            f"SELECT id, project_id, tabled FROM runs WHERE id IN ({placeholders(runs)}) ORDER BY id{call.tx.for_update}",
            runs,
        )
        for run_id, project_id, tabled in found:
            if tabled:
                call.blobs.drop_table(table_of(project_id, run_id))
        delete_rows(call.tx, "runs", [run_id for run_id, _, _ in found])
        lock(call.tx, shared=False)
        forget_unused(call.tx)
        return Collected(len(found), 0, 0, 0, more=True)
    if projects := _expired_projects(call.tx, before)[:MAX_RUNS]:
        delete_rows(call.tx, "projects", projects)
        return Collected(0, len(projects), 0, 0, more=True)
    _lapse(call, before)
    return _take_bytes(call)


def _lapse(call: Call, before: int) -> int:
    """What rooms put out of sight themselves, before a time."""
    return sum(lapse(call.tx, before) for room in call.dispatcher.rooms for lapse in room.lapses)


# rows -----------------------------------------------------------------------------------------------------------------


def _expired_runs(call: Call, before: int, limit: int) -> list[str]:
    kept = "".join(
        f" AND id NOT IN (SELECT x.run_id FROM ({query}) x WHERE x.run_id IS NOT NULL)"
        for room in call.dispatcher.rooms
        for query in room.keeps
    )
    sql = f"SELECT id FROM runs WHERE deleted_at IS NOT NULL AND deleted_at <= ?{kept} ORDER BY deleted_at, id LIMIT ?"
    return [row[0] for row in call.tx.all(sql, (before, limit))]


def _expired_projects(tx: Tx, before: int) -> list[str]:
    """Deleted projects without runs and without projects below them: the innermost first, step by step."""
    rows = tx.all(
        """SELECT p.id FROM projects p WHERE p.deleted_at IS NOT NULL AND p.deleted_at <= ?
           AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.project_id = p.id)
           AND NOT EXISTS (SELECT 1 FROM projects c WHERE c.parent_id = p.id) ORDER BY p.id""",
        (before,),
    )
    return [row[0] for row in rows]


def delete_rows(tx: Tx, table: str, ids: Sequence[str]) -> None:
    """Delete rows and all that refers to them, as the foreign keys of the schema say."""
    keys: dict[str, list[Reference]] = {}
    for key in references(tx):
        if key.table != key.to:
            keys.setdefault(key.to, []).append(key)
    for part in parts(ids):
        _delete(tx, keys, table, f"id IN ({placeholders(part)})", part)


def _delete(tx: Tx, keys: Mapping[str, Sequence[Reference]], table: str, condition: str, params: Sequence[str]) -> None:
    for key in keys.get(table, ()):
        rows = f"{key.column} IN (SELECT {key.to_column} FROM {table} WHERE {condition})"
        _delete(tx, keys, key.table, rows, params)
    tx.execute(f"DELETE FROM {table} WHERE {condition}", params)


# bytes ----------------------------------------------------------------------------------------------------------------


def digests_in(data: bytes) -> set[str]:
    """Every digest that a text names."""
    return {found.decode() for found in _DIGEST.findall(data)}


def named_by(call: Call, digests: Iterable[str]) -> set[str]:
    """What documents name, as far as they are stored."""
    found: set[str] = set()
    for digest in digests:
        with contextlib.suppress(NotFoundError):
            found |= digests_in(call.blobs.read(Digest(digest)))
    return found


def live_digests(call: Call) -> set[str]:
    """Every digest that some room names."""
    found: set[str] = set()
    for room in call.dispatcher.rooms:
        for reference in room.blobs:
            texts = call.tx.all(reference.sql)
            named = {digest for row in texts for digest in digests_in(str(row[0]).encode())}
            found |= named | (named_by(call, named) if reference.documents else set())
    return found


def live_of_runs(call: Call, run_id: str) -> set[str]:
    """Every digest that a run names."""
    rows = call.tx.all("SELECT digest FROM captures WHERE run_id = ?", (run_id,))
    captures = {row[0] for row in rows}
    rows = call.tx.all("SELECT digest FROM artifacts WHERE run_id = ?", (run_id,))
    return captures | {row[0] for row in rows} | named_by(call, captures)


def _stale(call: Call, live: set[str]) -> list[tuple[str, int]]:
    """(name, bytes) of stored blobs that nothing names and nobody noted or wrote within the hour."""
    limit = call.now_us - YOUNG_US
    rows = call.tx.all("SELECT DISTINCT digest FROM blobs WHERE created_at > ?", (limit,))
    wanted = call.blobs.aliases(live | {row[0] for row in rows})
    return [
        (name, size) for name, size, written in call.blobs.stored() if name not in wanted and written * 1e6 <= limit
    ]


def _would_take(call: Call, runs: list[str], before: int) -> Collected:
    """What a whole collection would take: the expired runs are deleted and the transaction's change undone."""
    call.tx.execute("SAVEPOINT dry_run")
    delete_rows(call.tx, "runs", runs)
    projects = 0
    while found := _expired_projects(call.tx, before):
        projects += len(found)
        delete_rows(call.tx, "projects", found)
    _lapse(call, before)
    stale = _stale(call, live_digests(call))
    call.tx.execute("ROLLBACK TO SAVEPOINT dry_run")
    call.tx.execute("RELEASE SAVEPOINT dry_run")
    return Collected(len(runs), projects, len(stale), sum(size for _, size in stale), more=False)


def lock(tx: Tx, *, shared: bool) -> None:
    """Keep notes of bytes and their collection apart until the commit (SQLite has one writer anyway)."""
    if tx.dialect == "postgresql":
        tx.execute(f"SELECT pg_advisory_xact_lock{'_shared' if shared else ''}(4748)")


def _take_bytes(call: Call) -> Collected:
    lock(call.tx, shared=False)
    stale = _stale(call, live_digests(call))
    noted = call.blobs.aliases(row[0] for row in call.tx.all("SELECT DISTINCT digest FROM blobs"))
    forgotten = list(dict.fromkeys(noted[name] for name, _ in stale if name in noted))
    if forgotten:
        call.tx.many("DELETE FROM blobs WHERE digest = ?", [(digest,) for digest in forgotten])
        return Collected(0, 0, 0, 0, more=True)
    sizes = {Digest(name): size for name, size in stale[:MAX_BLOBS]}
    gone = call.blobs.remove(list(sizes), (call.now_us - YOUNG_US) / 1e6)
    freed = sum(sizes[name] for name in gone)
    if len(stale) <= MAX_BLOBS:
        freed += call.blobs.sweep((call.now_us - YOUNG_US) / 1e6)
    return Collected(0, 0, len(gone), freed, more=len(stale) > MAX_BLOBS)
