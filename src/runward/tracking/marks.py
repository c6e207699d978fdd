"""What upper rooms note on a run. Not an operation: no client can set a mark, only a room's own rules can."""

from __future__ import annotations

from runward.core.call import Event
from runward.governance.calling import Call
from runward.tracking import repository as sql

OUTDATED = "outdated"
"""The label of a mark whose evidence is about content that the run no longer has."""


def set_mark(call: Call, run_id: str, kind: str, label: str, ref: str) -> None:
    """Note what a room found out about a run, with the id of the evidence."""
    sql.set_mark(call.tx, run_id, (kind, label, ref), call.now_us)


def clear_mark(call: Call, run_id: str, kind: str) -> None:
    """Take a mark away: what it said is so no more."""
    call.tx.execute("DELETE FROM marks WHERE run_id = ? AND kind = ?", (run_id, kind))


def run_place(call: Call, run_id: str) -> tuple[str, str]:
    """(project id, team id) of a run."""
    row = call.tx.one(
        "SELECT r.project_id, p.team_id FROM runs r JOIN projects p ON p.id = r.project_id WHERE r.id = ?", (run_id,)
    )
    assert row is not None
    return str(row[0]), str(row[1])


def publish_on_run(
    call: Call, kind: str, object_kind: str, object_id: str, run_id: str, data: dict[str, object]
) -> None:
    """Publish an event of an upper room in the place of its run."""
    publish_at(call, run_place(call, run_id), kind, object_kind, object_id, run_id, data)


def publish_at(
    call: Call,
    place: tuple[str, str],
    kind: str,
    object_kind: str,
    object_id: str,
    run_id: str,
    data: dict[str, object],
) -> None:
    """Publish an event of an upper room on a run whose (project, team) is known."""
    project_id, team_id = place
    call.publish(Event(kind, object_kind, object_id, project_id, team_id, {**data, "run_id": run_id}))
