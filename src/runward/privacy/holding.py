"""Legal holds: what they are on is not deleted, collected, taken by rules or erased until they are lifted."""

from __future__ import annotations

from runward.core.call import Event
from runward.core.clock import from_us
from runward.core.ids import new_id
from runward.errors import ConflictError, InvalidError, InvalidTransitionError, NotFoundError
from runward.governance.calling import Call
from runward.governance.scopes import projects_below
from runward.privacy.inventory import TABLES
from runward.privacy.model import Hold, NewHold
from runward.store.database import Row, Tx
from runward.tracking.checks import check_text

_HELD_PROJECTS = """(WITH RECURSIVE held(id) AS (
  SELECT object_id FROM holds WHERE lifted_at IS NULL AND object_kind = 'project'
  UNION SELECT c.id FROM projects c JOIN held ON c.parent_id = held.id) SELECT id FROM held)"""
HELD_RUNS = f"""SELECT r.id AS run_id FROM runs r WHERE r.project_id IN {_HELD_PROJECTS}
  OR r.id IN (SELECT object_id FROM holds WHERE lifted_at IS NULL AND object_kind = 'run')"""
"""The ids of the runs that a hold is on, or on a project above."""
_HOLD = """SELECT h.id, h.object_kind, h.object_id, COALESCE(p.path, r.name, ''), h.reason, h.author, h.at, h.lifted_at,
  h.lifted_by, h.lifted_reason FROM holds h LEFT JOIN projects p ON h.object_kind = 'project' AND p.id = h.object_id
  LEFT JOIN runs r ON h.object_kind = 'run' AND r.id = h.object_id"""


def set_hold(call: Call, new: NewHold) -> Hold:
    """Raises: NotFoundError, InvalidError."""
    if bool(new.project) == bool(new.run_id):
        raise InvalidError("a hold is on a project or on a run", hint="give project or run_id, one of them")
    _check_reason(new.reason)
    hold_id = new_id()
    if new.project:
        kind, object_id = "project", str(call.project(new.project).id)
    else:
        kind, object_id = "run", new.run_id
        if call.role_on("run", object_id) is None:
            raise NotFoundError(f"there is no run {object_id!r}", hint="check the id")
    call.about = ("hold", hold_id)
    call.tx.insert(
        "holds",
        {
            "id": hold_id,
            "object_kind": kind,
            "object_id": object_id,
            "reason": new.reason,
            "author": call.actor.name,
            "author_id": call.actor.member_id,
            "at": call.now_us,
            "lifted_at": None,
            "lifted_by": "",
            "lifted_reason": "",
        },
    )
    return _hold(call.tx, hold_id)


def lift(call: Call, hold_id: str, reason: str) -> Hold:
    """Raises: NotFoundError, InvalidTransitionError, InvalidError."""
    _check_reason(reason)
    found = _hold(call.tx, hold_id)
    call.about = ("hold", hold_id)
    if found.lifted_at is not None:
        raise InvalidTransitionError(f"hold {hold_id} was lifted {found.lifted_at:%Y-%m-%d}", hint="set another one")
    call.tx.execute(
        "UPDATE holds SET lifted_at = ?, lifted_by = ?, lifted_reason = ? WHERE id = ?",
        (call.now_us, call.actor.name, reason, hold_id),
    )
    return _hold(call.tx, hold_id)


def holds(tx: Tx, *, lifted: bool) -> list[Hold]:
    """The holds, newest first."""
    where = "" if lifted else "WHERE h.lifted_at IS NULL"
    return [_shown(row) for row in tx.all(f"{_HOLD} {where} ORDER BY h.at DESC, h.id")]


def _hold(tx: Tx, hold_id: str) -> Hold:
    row = tx.one(f"{_HOLD} WHERE h.id = ?", (hold_id,))
    if row is None:
        raise NotFoundError(f"there is no hold {hold_id!r}", hint="`runward hold list` shows all")
    return _shown(row)


def _shown(row: Row) -> Hold:
    lifted = None if row[7] is None else from_us(row[7])
    return Hold(row[0], row[1], row[2], row[3], row[4], row[5], from_us(row[6]), lifted, row[8], row[9])


def _check_reason(reason: str) -> None:
    check_text(reason, "the reason")
    if not reason.strip():
        raise InvalidError("the reason is empty", hint="say why: it is what the next person reads")


def held_runs(tx: Tx) -> set[str]:
    """The ids of all held runs."""
    return {row[0] for row in tx.all(HELD_RUNS)}


def refuse_held_run(call: Call, event: Event) -> None:
    """A hook: a held run is neither deleted nor moved. Raises: ConflictError."""
    run_id, came_from = event.object_id, str(event.data.get("from", ""))
    held = call.tx.scalar(f"SELECT 1 FROM ({HELD_RUNS}) x WHERE x.run_id = ?", (run_id,))
    if not held and came_from:
        held = call.tx.scalar(f"SELECT 1 FROM projects WHERE id = ? AND id IN {_HELD_PROJECTS}", (came_from,))
    if held:
        raise _refused(f"run {run_id}")


def refuse_held_project(call: Call, event: Event) -> None:
    """A hook: a project with something that is held is neither deleted nor moved. Raises: ConflictError."""
    below = projects_below(event.object_id)
    inside = call.tx.scalar(
        f"""SELECT 1 FROM holds h WHERE h.lifted_at IS NULL AND (h.object_id IN {below.sql}
            OR h.object_id IN (SELECT r.id FROM runs r WHERE r.project_id IN {below.sql})) LIMIT 1""",
        (*below.params, *below.params),
    )
    above = call.tx.scalar(f"SELECT 1 FROM projects WHERE id = ? AND id IN {_HELD_PROJECTS}", (event.object_id,))
    from_path = str(event.data.get("from", ""))
    # It was moved already: what held it there counts too.
    parent = from_path.rpartition("/")[0]
    left = parent and call.tx.scalar(f"SELECT 1 FROM projects WHERE path = ? AND id IN {_HELD_PROJECTS}", (parent,))
    if inside or above or left:
        raise _refused(f"project {from_path or event.data.get('path', event.object_id)}")


def refuse_held_place(call: Call, event: Event) -> None:
    """A hook: what lies in a held project is not deleted. Raises: ConflictError."""
    if call.tx.scalar(f"SELECT 1 FROM projects WHERE id = ? AND id IN {_HELD_PROJECTS}", (event.project_id,)):
        raise _refused(f"{event.object_kind} {event.object_id}")


def _refused(what: str) -> ConflictError:
    return ConflictError(
        f"{what} is under a legal hold: nothing of it is deleted or moved",
        hint="`runward hold list` says why; an admin lifts it with `runward hold lift`",
    )


def hinders(tx: Tx, member_id: str, name: str) -> str:
    """Why a person cannot be erased because of holds, in words; empty where they can."""
    runs = held_runs(tx)
    projects = {row[0] for row in tx.all(f"SELECT id FROM projects WHERE id IN {_HELD_PROJECTS}")}
    if not runs and not projects:
        return ""
    for table, of in TABLES.items():
        whose = [(column, member_id) for column, kind in of.columns.items() if kind == "member"]
        whose += [(column, name) for column, kind in of.columns.items() if kind == "name"]
        place = (
            "id"
            if table in ("runs", "projects")
            else next((c for c in ("run_id", "project_id") if c in of.columns), "")
        )
        if not whose or not place or of.owner:
            continue
        condition = " OR ".join(f"{column} = ?" for column, _ in whose)
        for (found,) in tx.all(
            f"SELECT DISTINCT {place} FROM {table} WHERE {condition}", [value for _, value in whose]
        ):
            if found in runs or found in projects:
                return f"{of.what} of theirs are under a legal hold ({place.removesuffix('_id')} {found})"
    return ""
