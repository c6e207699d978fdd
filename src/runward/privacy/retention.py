"""Rules of retention: what a project keeps how long. The nearest project that says something about a kind counts.

What is over its time is put out of sight first: runs like any deleted run, files and output aside. Until the grace of `gc` is over
it can be brought back.
"""

from __future__ import annotations

import json
from typing import Final, NamedTuple

from runward.core.call import Event
from runward.core.clock import from_us
from runward.errors import InvalidError, NotFoundError
from runward.governance.calling import Call
from runward.governance.scopes import readable_projects
from runward.privacy.holding import held_runs
from runward.privacy.model import RetentionDue, RetentionKind, RetentionRule, SetAside
from runward.store.database import Row, Tx, parts, placeholders
from runward.tracking.media import TABLE_TYPE

DAY_US: Final = 86_400_000_000
MOST_DAYS: Final = 36_500
MOST_RUNS: Final = 200
"""So many runs are taken in one transaction."""
_RULE = """SELECT p.path, r.kind, r.after_us, r.results, r.author, r.at, r.project_id FROM retention_rules r
  JOIN projects p ON p.id = r.project_id"""
# A team result, a version of a model, and what led to it: repetitions, the data's own run, the run that it repeats.
_RESULTS = """SELECT run_id FROM marks WHERE kind = 'team_result' UNION SELECT run_id FROM model_versions
  WHERE run_id <> '' UNION SELECT run_id FROM review_runs UNION SELECT run_id FROM reviews WHERE run_id IS NOT NULL
  AND state IN ('draft', 'open', 'changes_requested', 'approved')"""


class _Rule(NamedTuple):
    project_id: str
    after_us: int | None
    results: bool


def set_rule(
    call: Call, project: str, kind: RetentionKind, after_days: float | None, *, results: bool
) -> RetentionRule:
    """Raises: NotFoundError, InvalidError."""
    if after_days is not None and not 0 <= after_days <= MOST_DAYS:
        raise InvalidError(f"after_days is {after_days}", hint=f"0 to {MOST_DAYS:,}, or none to keep for ever")
    found = call.project(project)
    after_us = None if after_days is None else int(after_days * DAY_US)
    call.tx.execute(
        """INSERT INTO retention_rules (project_id, kind, after_us, results, author, author_id, at)
           VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (project_id, kind) DO UPDATE SET after_us = excluded.after_us,
           results = excluded.results, author = excluded.author, author_id = excluded.author_id, at = excluded.at""",
        (found.id, kind, after_us, int(results), call.actor.name, call.actor.member_id, call.now_us),
    )
    row = call.tx.one(f"{_RULE} WHERE r.project_id = ? AND r.kind = ?", (found.id, kind))
    assert row is not None
    return _shown(row)


def remove_rule(call: Call, project: str, kind: RetentionKind) -> None:
    """Raises: NotFoundError."""
    found = call.project(project)
    if not call.tx.touched("DELETE FROM retention_rules WHERE project_id = ? AND kind = ?", (found.id, kind)):
        raise NotFoundError(
            f"project {found.path!r} has no rule of its own for {kind}", hint="`runward retention list` shows all"
        )


def rules(call: Call, project: str) -> list[RetentionRule]:
    """The rules in force for a project, or all that the caller may read."""
    if project:
        found = call.project(project)
        scope = call.project_scope(found.id)
        above = scope.projects if scope else (found.id,)
        rows = call.tx.all(f"{_RULE} WHERE r.project_id IN ({placeholders(above)}) ORDER BY r.kind", above)
        nearest: dict[str, Row] = {}
        for row in sorted(rows, key=lambda row: above.index(row[6])):
            nearest.setdefault(row[1], row)
        return [_shown(row) for row in nearest.values()]
    visible = readable_projects(call.actor)
    rows = call.tx.all(
        f"{_RULE} WHERE p.deleted_at IS NULL AND p.id IN {visible.sql} ORDER BY p.path, r.kind", visible.params
    )
    return [_shown(row) for row in rows]


def _shown(row: Row) -> RetentionRule:
    days = None if row[2] is None else row[2] / DAY_US
    return RetentionRule(row[0], row[1], days, bool(row[3]), row[4], from_us(row[5]))


def _in_force(tx: Tx) -> dict[str, dict[str, _Rule]]:
    """The rule that counts, by kind and project; projects without one are left out."""
    own = {(row[0], row[1]): _Rule(row[0], row[2], bool(row[3]))
           for row in tx.all("SELECT project_id, kind, after_us, results FROM retention_rules")}  # fmt: skip
    parents: dict[str, str | None] = dict(tx.all("SELECT id, parent_id FROM projects"))
    found: dict[str, dict[str, _Rule]] = {}
    for kind in {kind for _, kind in own}:
        for project_id in parents:
            at: str | None = project_id
            while at is not None and (at, kind) not in own:
                at = parents.get(at)
            if at is not None and own[at, kind].after_us is not None:
                found.setdefault(kind, {})[project_id] = own[at, kind]
    return found


class _Due(NamedTuple):
    """What a rule takes from a project now."""

    project_id: str
    kind: RetentionKind
    runs: list[str]
    items: int
    bytes: int
    spared_results: int
    spared_held: int


_EXPIRED = """SELECT r.id FROM runs r WHERE r.project_id = ? AND r.deleted_at IS NULL AND r.ended_at IS NOT NULL
  AND r.ended_at <= ?"""
_FILES = f"SELECT 1 FROM artifacts a WHERE a.run_id = r.id AND a.media_type %s '{TABLE_TYPE}'"
_HAVING: Final[dict[str, str]] = {
    "runs": "",
    "artifacts": f"AND EXISTS ({_FILES % '<>'})",
    "tables": f"AND EXISTS ({_FILES % '='})",
    "logs": "AND EXISTS (SELECT 1 FROM outputs o WHERE o.run_id = r.id)",
}


def _due(call: Call, limit: int | None = None) -> list[_Due]:
    tx, found = call.tx, list[_Due]()
    force = _in_force(tx)
    if not force:
        return []
    needed, held = _needed_by_results(tx), held_runs(tx)
    for kind, projects in sorted(force.items()):
        for project_id, rule in sorted(projects.items()):
            assert rule.after_us is not None
            rows = tx.all(
                f"{_EXPIRED} {_HAVING[kind]} ORDER BY r.ended_at, r.id", (project_id, call.now_us - rule.after_us)
            )
            all_runs = [row[0] for row in rows]
            free = [run for run in all_runs if run not in held]
            taken = [run for run in free if rule.results or run not in needed]
            spared = len(free) - len(taken), len(all_runs) - len(free)
            taken = taken if limit is None else taken[:limit]
            if all_runs:
                items, size = _weight(tx, kind, taken)
                found.append(_Due(project_id, kind, taken, items, size, *spared))  # type: ignore[arg-type]
    return found


def _needed_by_results(tx: Tx) -> set[str]:
    """Runs that results stand on: approved or under review, registered, and those whose files they read or that they repeat."""
    needed, new = set[str](), {row[0] for row in tx.all(_RESULTS)}
    while new:
        needed |= new
        further = set[str]()
        for part in parts(sorted(new)):
            of = placeholders(part)
            rows = tx.all(
                f"""SELECT a.run_id FROM artifacts a JOIN run_reads d ON d.digest = a.digest WHERE d.run_id IN ({of})
                    UNION SELECT rerun_of FROM runs WHERE id IN ({of}) AND rerun_of IS NOT NULL AND rerun_of <> ''""",
                (*part, *part),
            )
            further |= {row[0] for row in rows}
        new = further - needed
    return needed


def _weight(tx: Tx, kind: str, runs: list[str]) -> tuple[int, int]:
    """(how many things, how many bytes) of a kind some runs have."""
    items = size = 0
    for part in parts(runs):
        of = placeholders(part)
        if kind == "logs":
            sql = f"SELECT count(*), COALESCE(sum(length(text)), 0) FROM outputs WHERE run_id IN ({of})"
        else:
            which = {"artifacts": f"AND media_type <> '{TABLE_TYPE}'", "tables": f"AND media_type = '{TABLE_TYPE}'"}
            sql = f"SELECT count(*), COALESCE(sum(size), 0) FROM artifacts WHERE run_id IN ({of}) {which.get(kind, '')}"
        row = tx.one(sql, part)
        items, size = items + int(row[0] if row else 0), size + int(row[1] if row else 0)
    return (len(runs) if kind == "runs" else items), size


def due(call: Call) -> list[RetentionDue]:
    """What the rules would take now."""
    return [_told(call.tx, one) for one in _due(call)]


def _told(tx: Tx, one: _Due) -> RetentionDue:
    path = str(tx.scalar("SELECT path FROM projects WHERE id = ?", (one.project_id,)))
    return RetentionDue(path, one.kind, len(one.runs), one.items, one.bytes, one.spared_results, one.spared_held)


def apply(call: Call) -> list[RetentionDue]:
    """Put out of sight what the rules take now, at most some hundred runs of each project and kind."""
    done = []
    for one in _due(call, MOST_RUNS):
        for run_id in one.runs:
            if one.kind == "runs":
                _delete(call, run_id)
            else:
                _set_aside(call, run_id, one.kind)
        if one.runs:
            call.note(f"retention.{one.kind}", "project", one.project_id)
            done.append(_told(call.tx, one))
    return done


def _delete(call: Call, run_id: str) -> None:
    call.tx.execute("UPDATE runs SET deleted_at = ?, revision = revision + 1 WHERE id = ?", (call.now_us, run_id))
    project_id, team_id = call.tx.one(
        "SELECT r.project_id, p.team_id FROM runs r JOIN projects p ON p.id = r.project_id WHERE r.id = ?", (run_id,)
    ) or ("", "")
    call.publish(Event("run.deleted", "run", run_id, project_id, team_id, {"by": "retention"}))


_ARTIFACT = ("path", "digest", "size", "media_type", "created_at")
_OUTPUT = ("stream", "at", "text")


def _set_aside(call: Call, run_id: str, kind: RetentionKind) -> None:
    tx, rows = call.tx, list[tuple[object, ...]]()
    if kind == "logs":
        lines = tx.all(f"SELECT {', '.join(_OUTPUT)} FROM outputs WHERE run_id = ? ORDER BY id", (run_id,))
        text = json.dumps([list(line) for line in lines])
        size = sum(len(line[2].encode()) for line in lines)
        rows.append((run_id, kind, f"{call.now_us}", "", size, text, call.now_us))
        tx.execute("DELETE FROM outputs WHERE run_id = ?", (run_id,))
    else:
        call.let_go("run", run_id)
        same = "=" if kind == "tables" else "<>"
        where = f"run_id = ? AND media_type {same} '{TABLE_TYPE}'"
        for row in tx.all(f"SELECT {', '.join(_ARTIFACT)} FROM artifacts WHERE {where}", (run_id,)):
            rows.append((run_id, kind, row[0], row[1], row[2], json.dumps(list(row[3:])), call.now_us))
        tx.execute(f"DELETE FROM artifacts WHERE {where}", (run_id,))
    tx.many(
        """INSERT INTO set_aside (run_id, kind, name, digest, size, row, at) VALUES (?, ?, ?, ?, ?, ?, ?)
           ON CONFLICT (run_id, kind, name) DO UPDATE SET digest = excluded.digest, size = excluded.size,
           row = excluded.row, at = excluded.at""",
        rows,
    )
    tx.execute("UPDATE runs SET revision = revision + 1 WHERE id = ?", (run_id,))


def aside(tx: Tx, run_id: str) -> list[SetAside]:
    """What rules took from a run and can be brought back."""
    rows = tx.all("SELECT kind, count(*), sum(size), min(at) FROM set_aside WHERE run_id = ? GROUP BY kind ORDER BY kind",
                  (run_id,))  # fmt: skip
    return [SetAside(row[0], int(row[1]), int(row[2]), from_us(row[3])) for row in rows]


def bring_back(call: Call, run_id: str, kind: RetentionKind) -> list[SetAside]:
    """Raises: NotFoundError."""
    tx = call.tx
    rows = tx.all("SELECT name, digest, size, row FROM set_aside WHERE run_id = ? AND kind = ?", (run_id, kind))
    if not rows:
        raise NotFoundError(f"no {kind} of run {run_id} are set aside", hint="the grace may be over, or they are there")
    for name, digest, size, row in rows:
        values = json.loads(row)
        if kind == "logs":
            tx.many(
                "INSERT INTO outputs (run_id, stream, at, text) VALUES (?, ?, ?, ?)", [(run_id, *v) for v in values]
            )
        else:
            tx.execute(
                """INSERT INTO artifacts (run_id, path, digest, size, media_type, created_at) VALUES (?, ?, ?, ?, ?, ?)
                   ON CONFLICT (run_id, path) DO NOTHING""",
                (run_id, name, digest, size, *values),
            )
    tx.execute("DELETE FROM set_aside WHERE run_id = ? AND kind = ?", (run_id, kind))
    tx.execute("UPDATE runs SET revision = revision + 1 WHERE id = ?", (run_id,))
    return aside(tx, run_id)


def forget_aside(tx: Tx, before: int) -> int:
    """Let go of what was set aside before a time, but not of what is held; how many things."""
    held = held_runs(tx)
    rows = tx.all("SELECT DISTINCT run_id FROM set_aside WHERE at <= ?", (before,))
    return sum(
        tx.touched("DELETE FROM set_aside WHERE run_id = ? AND at <= ?", (run_id, before))
        for (run_id,) in rows
        if run_id not in held
    )
