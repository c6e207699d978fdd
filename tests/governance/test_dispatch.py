"""One way into a room: together or alone, a call is stored exactly when it is acknowledged."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from runward.core.operation import Operation
from runward.errors import ConflictError, InvalidTransitionError, NotFoundError, RunwardError
from runward.governance.calling import Call
from runward.governance.dispatch import Pending
from runward.testing.worlds import batch
from runward.tracking.model import Batch, NewProject, NewRun, RunEnd, RunStatus
from runward.tracking.service import TrackingService
from runward.workspace import FolderWorkspace


@pytest.fixture
def run_id(folder_workspace: FolderWorkspace) -> str:
    folder_workspace.tracking.create_project(NewProject(path="p"))
    return folder_workspace.tracking.create_run(NewRun(project="p")).id


def _together(space: FolderWorkspace, calls: list[tuple[str, Batch]]) -> list[Any]:
    """Results (or errors) of appends that wait for one commit, which is made as soon as all wait."""
    dispatcher = space.dispatcher
    op = dispatcher.operations["tracking.append"]
    found: list[Any] = [None] * len(calls)

    def send(index: int, run_id: str, sent: Batch) -> None:
        try:
            found[index] = dispatcher.call(op, space.actor, {"run_id": run_id, "batch": sent})
        except (RunwardError, ZeroDivisionError) as error:
            found[index] = error

    dispatcher._is_led = True
    threads = [threading.Thread(target=send, args=(i, *call)) for i, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    while len(dispatcher._waiting) < len(calls):
        threading.Event().wait(0.001)
    dispatcher._lead()
    for thread in threads:
        thread.join(10)
    return found


def test_a_failing_call_of_a_group_is_rolled_back_alone(folder_workspace: FolderWorkspace, run_id: str) -> None:
    found = _together(
        folder_workspace,
        [
            (run_id, batch(0, {"v": [(0, 1.0)]}, client="good")),
            (run_id, batch(9, {"v": [(0, 2.0)]}, client="gap")),
            ("nosuchrun", batch(0, {"v": [(0, 3.0)]}, client="lost")),
            (run_id, batch(0, {"v": [(1, 4.0)]}, client="better")),
        ],
    )
    assert [found[0].next, found[3].next] == [1, 1]
    assert isinstance(found[1], ConflictError)
    assert isinstance(found[2], NotFoundError)
    assert folder_workspace.tracking.series(run_id, ["v"]).series[0].values == [1.0, 4.0]


def test_a_defect_in_one_call_acknowledges_no_other_one_unstored(
    folder_workspace: FolderWorkspace, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that nobody foresaw rolls the whole group back; then each call stands for itself."""
    append: Callable[[TrackingService, str, Batch], Any] = TrackingService.append

    def defect(self: TrackingService, run_id: str, batch: Batch) -> Any:
        if batch.client == "bad":
            raise ZeroDivisionError
        return append(self, run_id, batch)

    monkeypatch.setattr(TrackingService, "append", defect)
    found = _together(
        folder_workspace,
        [(run_id, batch(0, {"v": [(i, float(i))]}, client=name)) for i, name in enumerate(["one", "bad", "two"])],
    )
    assert isinstance(found[1], ZeroDivisionError)
    assert [found[0].next, found[2].next] == [1, 1]
    assert folder_workspace.tracking.series(run_id, ["v"]).series[0].values == [0.0, 2.0]


def test_what_a_refused_call_of_a_group_had_changed_is_undone_alone(
    folder_workspace: FolderWorkspace, run_id: str
) -> None:
    """Refused late, after its points were stored in the transaction that it shares: they go, those of the others stay."""
    space = folder_workspace
    over = space.tracking.create_run(NewRun(project="p")).id
    space.tracking.end_run(over, RunEnd(RunStatus.FINISHED))
    late = msgspec.structs.replace(batch(0, {"v": [(0, 9.0)]}), end=RunEnd(RunStatus.FAILED))
    found = _together(
        space,
        [
            (run_id, batch(0, {"v": [(0, 1.0)]}, client="one")),
            (over, late),
            (run_id, batch(0, {"v": [(1, 2.0)]}, client="two")),
            (over, late),
        ],
    )
    assert [found[0].next, found[2].next] == [1, 1]
    assert [type(found[1]), type(found[3])] == [InvalidTransitionError] * 2
    assert space.tracking.series(run_id, ["v"]).series[0].values == [1.0, 2.0]
    assert space.tracking.series(over, ["v"]).series[0].n == 0


def test_calls_made_together_say_each_what_became_of_it(folder_workspace: FolderWorkspace, run_id: str) -> None:
    """And what was refused is on the trail."""
    space = folder_workspace
    op = space.dispatcher.operations["tracking.end_run"]
    calls = [Pending(op, space.actor, {"run_id": it, "end": RunEnd(RunStatus.FINISHED)}) for it in (run_id, "lost")]
    space.dispatcher.call_together(calls)
    assert (calls[0].value.status, calls[0].error) == (RunStatus.FINISHED, None)
    assert (calls[1].value, type(calls[1].error)) == (None, NotFoundError)
    shown = {(event.object_id, event.outcome) for event in space.governance.audit().events}
    assert shown >= {(run_id, "ok"), ("lost", "not_found")}


def test_a_failed_operation_leaves_nothing_but_its_audit_row(folder_workspace: FolderWorkspace) -> None:
    """The refusal is on the trail although the transaction was rolled back."""
    space = folder_workspace
    with pytest.raises(NotFoundError):
        space.tracking.create_run(NewRun(project="nowhere"))
    event = space.governance.audit().events[0]
    assert (event.operation, event.object_id, event.outcome) == ("tracking.create_run", "nowhere", "not_found")


def test_every_write_is_audited_and_no_read(folder_workspace: FolderWorkspace, run_id: str) -> None:
    """But for writes that declare why not: ingest, what only looks, and workers' signs of life."""
    quiet = {op.id for op in folder_workspace.dispatcher.operations.values() if op.writes and not op.audited}
    assert quiet == {
        "tracking.append",
        "tracking.missing_blobs",
        "reports.preview_report",
        "knowledge.recommend",
        "coordination.mark_read",
        "review.mark_seen",
        "organise.set_favourite",
        "jobs.claim_verification_job",
        "jobs.renew_verification_job",
    }
    before = len(folder_workspace.governance.audit().events)
    folder_workspace.tracking.get_run(run_id)
    folder_workspace.tracking.append(run_id, batch(0))
    assert len(folder_workspace.governance.audit().events) == before


def test_what_fails_late_takes_everything_with_it(folder_workspace: FolderWorkspace) -> None:
    """An operation that wrote, and then an error in the same transaction: nothing stays."""
    space = folder_workspace
    op: Operation = space.dispatcher.operations["tracking.create_project"]

    def fail() -> None:
        with space.dispatcher.database.transaction(write=True) as tx:
            space.dispatcher._run(Call(space.dispatcher, tx, space.actor), op, {"new": NewProject(path="gone")})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert space.tracking.list_projects() == []


def test_calls_of_many_threads_are_all_carried_out(folder_workspace: FolderWorkspace, run_id: str) -> None:
    """Whoever comes while a group is committed leads the next one or is in it; nobody waits for ever."""
    space = folder_workspace

    def send(client: int) -> None:
        for frame in range(20):
            space.tracking.append(run_id, batch(frame, {"v": [(frame, 1.0)]}, client=f"c{client}"))

    threads = [threading.Thread(target=send, args=(client,)) for client in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert space.tracking.series(run_id, ["v"]).series[0].n == 8 * 20
    assert (space.dispatcher._waiting, space.dispatcher._is_led) == ([], False)


def _ended(space: FolderWorkspace, count: int) -> list[str]:
    """The statements that it takes to let some runs end with one commit; each of them has its gates then."""
    runs = [space.tracking.create_run(NewRun(project="p")).id for _ in range(count)]
    asked: list[str] = []
    database = space.dispatcher.database
    with database.transaction(write=True) as tx:
        tx._connection.set_trace_callback(asked.append)
    op = space.dispatcher.operations["tracking.append"]
    end = msgspec.structs.replace(batch(0, {"v": [(0, 1.0)]}), end=RunEnd(RunStatus.FINISHED))
    calls = [Pending(op, space.actor, {"run_id": it, "batch": end}) for it in runs]
    space.dispatcher.call_together(calls)
    with database.transaction(write=True) as tx:
        tx._connection.set_trace_callback(None)
    assert [call.error for call in calls] == [None] * count
    for it in runs:
        report = space.review.gates(it)
        assert (report.passed, report.outdated) == (True, False)
        assert [mark.label for mark in space.tracking.get_run(it).run.marks if mark.kind == "gates"] == ["passed"]
    return asked


def test_runs_that_end_together_are_read_together(folder_workspace: FolderWorkspace, run_id: str) -> None:
    """What is read for their gates does not grow with their number."""
    # What is read only once for a workspace is known after the first.
    _, few, many = (_ended(folder_workspace, count) for count in (2, 2, 9))
    reads = [sum(sql.startswith(("SELECT", "WITH")) for sql in asked) for asked in (few, many)]
    assert reads[0] == reads[1] > 0
