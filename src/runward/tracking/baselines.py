"""What a project's runs are measured against, and how far a run is from it."""

from __future__ import annotations

import json
import math

from runward.core.clock import from_us
from runward.errors import InvalidError, NotFoundError
from runward.governance.calling import Call
from runward.governance.scopes import Clause, projects_below
from runward.store.database import Tx
from runward.tracking import lifecycle, repository
from runward.tracking.deltas import interval
from runward.tracking.finding import ProjectKeys, find_page
from runward.tracking.model import Plain, Run, RunStatus
from runward.tracking.organise_model import Baseline, Delta, Deltas, NewBaseline
from runward.tracking.search import compile_query

MAX_GROUP = 200
"""Most runs on either side of a comparison."""
_NEAREST = """WITH RECURSIVE up(id, parent_id, depth) AS (
  SELECT id, parent_id, 0 FROM projects WHERE id = ?
  UNION ALL SELECT p.id, p.parent_id, up.depth + 1 FROM projects p JOIN up ON p.id = up.parent_id
) SELECT p.id, p.path, b.run_ids, b.condition, b.author, b.at FROM up JOIN baselines b ON b.project_id = up.id
  JOIN projects p ON p.id = up.id ORDER BY up.depth LIMIT 1"""


class Baselines:
    """The part of the service that knows baselines."""

    call: Call
    tx: Tx

    def set_baseline(self, project: str, baseline: NewBaseline) -> Baseline | None:
        """See the contract."""
        found, ids = self.call.project(project), list(dict.fromkeys(baseline.run_ids))
        if ids and baseline.where:
            raise InvalidError("a baseline is named runs or a search, not both", hint="leave one of them out")
        below = projects_below(found.id)
        if baseline.where:
            compile_query(baseline.where, "", ProjectKeys(self.tx, below))
        places = lifecycle.run_projects(self.tx, ids)
        inside = {row[0] for row in self.tx.all(f"SELECT id FROM projects WHERE id IN {below.sql}", below.params)}
        if missing := [run_id for run_id in ids if places.get(run_id) not in inside]:
            raise NotFoundError(f"there is no run {missing[0]!r} in project {found.path!r}")
        self.tx.execute("DELETE FROM baselines WHERE project_id = ?", (found.id,))
        if ids or baseline.where:
            self.tx.execute(
                "INSERT INTO baselines (project_id, run_ids, condition, author, at) VALUES (?, ?, ?, ?, ?)",
                (found.id, json.dumps(ids), baseline.where, self.call.actor.name, self.call.now_us),
            )
        return self.baseline_of(found.id)

    def baseline_of(self, project_id: str) -> Baseline | None:
        """The baseline of a project: its own, else that of the nearest project above."""
        row = self.tx.one(_NEAREST, (project_id,))
        return Baseline(row[1], json.loads(row[2]), row[3], row[4], from_us(row[5])) if row else None

    def deltas(self, run_id: str) -> Deltas:
        """See the contract."""
        run = repository.run(self.tx, run_id)
        baseline, theirs = measured_against(self.tx, run.project_id)
        if baseline is None:
            return Deltas(None, [run.id], [], [])
        ours = self._repetitions(run)
        keys = [key for key in run.metrics if any(key in other.metrics for other in theirs)]
        metrics = [delta for key in keys if (delta := _delta(key, ours, theirs)) is not None]
        return Deltas(baseline, [item.id for item in ours], [item.id for item in theirs], metrics)

    def _repetitions(self, run: Run) -> list[Run]:
        """The run and the finished ones that differ from it only in the seed: same project, code and params."""
        where = Clause(
            """r.project_id = ? AND r.git_commit = ? AND r.status = ? AND r.deleted_at IS NULL
               AND r.archived_at IS NULL AND r.id <> ?""",
            (run.project_id, run.commit, RunStatus.FINISHED, run.id),
        )
        newest = Clause("r.created_at DESC, r.id", ())
        others = repository.find_runs(self.tx, where, newest, MAX_GROUP)
        seen, group = {_seed(run)}, [run]
        for other in others:
            if _unseeded(other) == _unseeded(run) and _seed(other) not in seen:
                seen.add(_seed(other))
                group.append(other)
        return group


def measured_against(tx: Tx, project_id: str) -> tuple[Baseline | None, list[Run]]:
    """The baseline of a project, its own or that of the nearest one above, and the runs that it names now."""
    row = tx.one(_NEAREST, (project_id,))
    if row is None:
        return None, []
    baseline = Baseline(row[1], json.loads(row[2]), row[3], row[4], from_us(row[5]))
    if not baseline.where:
        alive = lifecycle.run_projects(tx, baseline.run_ids)
        return baseline, repository.runs_by_id(tx, [run_id for run_id in baseline.run_ids if run_id in alive])
    below = projects_below(row[0])
    query = compile_query(baseline.where, "", ProjectKeys(tx, below))
    return baseline, repository.runs_by_id(tx, find_page(tx, below, query, MAX_GROUP, None, ()).ids)


def is_seed(key: str) -> bool:
    """Whether a param only says which repetition a run is."""
    return key.rpartition(".")[2] == "seed"


def _seed(run: Run) -> Plain:
    return run.seed if run.seed is not None else run.params.get("seed")


def _unseeded(run: Run) -> dict[str, Plain]:
    return {key: value for key, value in run.params.items() if not is_seed(key)}


def _delta(key: str, ours: list[Run], theirs: list[Run]) -> Delta | None:
    """One metric; None where no number can be compared (NaN, infinities)."""
    a, b = _values(key, ours), _values(key, theirs)
    if not a or not b:
        return None
    found = interval(a, b)
    mean, base = math.fsum(a) / len(a), math.fsum(b) / len(b)
    return Delta(key, mean, base, found.difference, len(a), len(b), found.low, found.high, found.verdict)


def _values(key: str, runs: list[Run]) -> list[float]:
    last = [run.metrics[key].last for run in runs if key in run.metrics]
    return [value for value in last if value is not None]
