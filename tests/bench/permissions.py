"""What a permission check costs in the process, beside what it is a check of."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

from runward.core.matrix import HOLDERS, answer
from runward.governance.calling import Call
from runward.tracking.model import NewProject, NewRun
from runward.workspace import open_folder

Row = tuple[str, str, str, str]
_CALLS = 2_000
_ROUNDS = 15


def measure(folder: str) -> list[Row]:
    """All measurements of this part."""
    space = open_folder(Path(folder) / "permissions")
    space.tracking.create_project(NewProject(path="a/b/c"))
    runs = [space.tracking.create_run(NewRun(project="a/b/c")).id for _ in range(200)]
    dispatcher = space.dispatcher
    op, granted = dispatcher.operations["tracking.get_run"], HOLDERS[-1]
    alone = list[float]()
    checked, first, worked = list[float](), list[float](), list[float]()
    for _ in range(_ROUNDS):
        with dispatcher.database.transaction(write=False) as tx:
            call = Call(dispatcher, tx, space.actor)
            for run_id in runs:
                began = time.process_time_ns()
                dispatcher.authorise(call, op, {"run_id": run_id})
                first.append((time.process_time_ns() - began) / 1e3)
            scope = dispatcher.scope_of(call, "run", runs[0])
            assert scope is not None
            began = time.process_time_ns()
            for _ in range(_CALLS):
                call._role_at(scope, op.may)
            checked.append((time.process_time_ns() - began) / 1e3 / _CALLS)
        for run_id in runs:
            with dispatcher.database.transaction(write=False) as tx:
                call = Call(dispatcher, tx, space.actor)
                began = time.process_time_ns()
                dispatcher.authorise(call, op, {"run_id": run_id})
                alone.append((time.process_time_ns() - began) / 1e3)
        began = time.process_time_ns()
        for _ in range(_CALLS):
            answer(op, granted)
        worked.append((time.process_time_ns() - began) / 1e3 / _CALLS)
    space.close()
    return [
        ("a check whose place and roles are known", _us(checked), "≤ 5 µs", "CPU time; the decision itself"),
        ("a check of one run after another, in one call", _us(first), "", "finds each run's project in SQLite"),
        ("the first check of a call", _us(alone), "", "finds the run, its projects and the roles: three statements"),
        ("an answer of the matrix", _us(worked), "", "worked out from the declaration"),
    ]


def _us(times: list[float]) -> str:
    return f"{statistics.median(times):.1f} µs"
