"""What is said about a workspace's health, in sentences with a way out."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from runward.insights.health_model import Health, HealthCheck, State

HOUR_S = 3600.0
LOW_DISK = 0.1
"""A disk with less than this part free is worth a look."""
FULL_DISK_BYTES = 1 << 30
"""With less than this, the next big upload may find no place."""
CLOCKS_S = 2.0
"""Clocks that are further apart put events of several servers into a wrong order that people notice."""
BACKUP_S = 7 * 24 * HOUR_S
TRAIL_S = 3 * HOUR_S
"""A server writes a checkpoint each minute if there is something to note, and each process one an hour."""
LATE_S = 15 * 60.0
"""Deliveries are sent within a second; one that waits for its receiver is not due."""
_ORDER: tuple[State, ...] = ("well", "ailing", "failing")


def worst(health: Health, said: list[HealthCheck]) -> Health:
    """The health with its checks, and the worst of their states."""
    state = max((one.state for one in said), key=_ORDER.index, default="well")
    return msgspec.structs.replace(health, checks=said, state=state)


def checks(health: Health) -> list[HealthCheck]:
    """All that is said, the worst first."""
    said = [
        *_database(health),
        _blobs(health),
        *_disk(health),
        _trail(health),
        _backup(health),
        *_work(health),
        _deliveries(health),
        _jobs(health),
    ]
    return sorted(said, key=lambda one: -_ORDER.index(one.state))


def _database(health: Health) -> Iterator[HealthCheck]:
    found = health.database
    if found.format != found.newest_format:
        message = f"its tables have format {found.format}, this Runward works with {found.newest_format}"
        yield HealthCheck("database", "failing", message, "back up, stop all servers, then `runward migrate`")
    else:
        yield HealthCheck("database", "well", f"answers; format {found.format}, the newest that this Runward knows")
    if abs(found.clock_ahead_s) > CLOCKS_S:
        which = "ahead of" if found.clock_ahead_s > 0 else "behind"
        message = f"the database's clock is {abs(found.clock_ahead_s):.1f} s {which} the server's"
        yield HealthCheck("clocks", "ailing", message, "keep both in time (chrony, systemd-timesyncd)")


def _blobs(health: Health) -> HealthCheck:
    found = health.blobs
    if not found.is_reachable:
        hint = "make the folder writable for the server" if found.kind == "folder" else "check the bucket and its key"
        return HealthCheck("files", "failing", f"cannot be used: {found.error}", hint)
    return HealthCheck("files", "well", "can be reached" + (", encrypted" if found.is_encrypted else ""))


def _disk(health: Health) -> Iterator[HealthCheck]:
    if (disk := health.disk) is None:
        yield HealthCheck("disk", "failing", "the server's folder cannot be looked at", "see that it is mounted")
        return
    free = f"{disk.free_bytes / 1e9:,.1f} GB of {disk.total_bytes / 1e9:,.1f} GB free"
    if disk.free_bytes < FULL_DISK_BYTES:
        yield HealthCheck("disk", "failing", free, "free some space: `runward gc` gives back what was deleted")
    elif disk.free_bytes < disk.total_bytes * LOW_DISK:
        yield HealthCheck("disk", "ailing", free, "`runward gc` gives back what was deleted")
    else:
        yield HealthCheck("disk", "well", free)


def _trail(health: Health) -> HealthCheck:
    trail = health.audit
    if gone := [place.path for place in trail.places if place.written_at is None and trail.checkpoint_at]:
        message = f"checkpoints do not reach {', '.join(gone)}"
        return HealthCheck("audit trail", "failing", message, "see RUNWARD_AUDIT_CHECKPOINTS: make it writable")
    if trail.uncovered and (trail.age_s is None or trail.age_s > TRAIL_S):
        since = "ever" if trail.age_s is None else f"for {trail.age_s / HOUR_S:.0f} h"
        message = f"{trail.uncovered:,} events, and no checkpoint {since}"
        return HealthCheck("audit trail", "ailing", message, "`runward audit checkpoint` says why, or makes one")
    if all(place.is_own for place in trail.places):
        message = "checkpoints lie in the server's folder alone"
        return HealthCheck("audit trail", "well", message, "RUNWARD_AUDIT_CHECKPOINTS names another disk")
    return HealthCheck("audit trail", "well", f"{len(trail.places)} places hold its checkpoints")


def _backup(health: Health) -> HealthCheck:
    hint = "`runward backup DIR`, each night"
    if health.backup is None:
        return HealthCheck("backup", "ailing", "none by `runward backup` is known of", hint)
    age_s = (health.at - health.backup.at).total_seconds()
    message = f"the last one is {age_s / (24 * HOUR_S):.0f} days old"
    return HealthCheck("backup", "ailing" if age_s > BACKUP_S else "well", message, hint if age_s > BACKUP_S else "")


def _work(health: Health) -> Iterator[HealthCheck]:
    for beat in health.work:
        if beat.failing_since is not None:
            message = f"fails, {beat.failures:,} times in a row: {beat.error}"
            yield HealthCheck(beat.work, "failing", message, "the server's log has the reason")


def _deliveries(health: Health) -> HealthCheck:
    found = health.deliveries
    if found.late_s > LATE_S:
        message = f"{found.waiting:,} wait, one of them for {found.late_s / 60:.0f} minutes too long"
        return HealthCheck("deliveries", "failing", message, "does a server run? its log has the reason")
    if found.given_up:
        message = f"{found.given_up:,} of the last 24 hours were given up"
        return HealthCheck("deliveries", "ailing", message, "`runward hook list` shows which receiver refuses")
    return HealthCheck("deliveries", "well", f"{found.waiting:,} wait")


def _jobs(health: Health) -> HealthCheck:
    found = health.jobs
    message = f"{found.queued:,} queued, {found.running:,} running"
    if found.queued and not found.running and found.waits_s > HOUR_S:
        message += f"; the oldest waits for {found.waits_s / HOUR_S:.0f} h"
        return HealthCheck("verification jobs", "ailing", message, "start a worker: `runward worker`")
    return HealthCheck("verification jobs", "well", message)
