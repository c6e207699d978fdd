"""Whatever a training hands over: it costs a warning, never the training."""

from __future__ import annotations

import os
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runward.errors import RunwardWarning
from runward.tracking import client
from runward.tracking import journal as j
from runward.tracking.adoption import adopt
from runward.tracking.client import ActiveRun
from runward.tracking.journal import Journal, JournalReader, journals_in
from runward.tracking.model import RunStatus
from runward.workspace import FolderWorkspace
from tests.tracking import test_sharing
from tests.tracking.test_sharing import start

space = test_sharing.space


class _Mute:
    """A value that raises whatever is asked of it."""

    def _refuse(self, *_: object) -> Any:
        raise RuntimeError("not even that")

    __str__ = __repr__ = __float__ = __int__ = __len__ = __iter__ = __bool__ = __eq__ = _refuse
    __hash__ = object.__hash__


class _Tensor:
    """As torch's: of several numbers, so that it is none."""

    def __float__(self) -> float:
        raise RuntimeError("a Tensor with 2 elements cannot be converted to Scalar")


_ITSELF: list[Any] = []
_ITSELF.append(_ITSELF)
_DEEP: list[Any] = []
for _ in range(5000):
    _DEEP = [_DEEP]
_WRONG: list[Any] = [
    None, 5, 2**63, 10**5000, 1.5, float("nan"), 1 + 2j, "x", "\0", "\ud800", "x" * 2000, b"\xff", [], {}, {1}, ("a", 1), [("a", 1)],
    {1: 2}, {"a": b"\xff"}, {_Mute(): 1}, {"a": _Mute()}, {"a": _ITSELF}, {"\0": "\0"}, _Mute(), _Tensor(), _ITSELF, _DEEP, object(), lambda: 1,
    range(3), "/nonexistent",
]  # fmt: skip
_CALLS: dict[str, Callable[[ActiveRun, Any], None]] = {
    "log_metric key": lambda run, value: run.log_metric(value, 1.0),
    "log_metric value": lambda run, value: run.log_metric("v", value),
    "log_metric step": lambda run, value: run.log_metric("s", 1.0, value),
    "log_metrics": lambda run, value: run.log_metrics(value),
    "log_metrics step": lambda run, value: run.log_metrics({"q": 1.0}, value),
    "log_param key": lambda run, value: run.log_param(value, 1),
    "log_param value": lambda run, value: run.log_param("p", value),
    "log_params": lambda run, value: run.log_params(value),
    "set_tag key": lambda run, value: run.set_tag(value, 1),
    "set_tag value": lambda run, value: run.set_tag("t", value),
    "log_artifact": lambda run, value: run.log_artifact(value),
    "log_artifact name": lambda run, value: run.log_artifact(__file__, value),
    "log_artifacts": lambda run, value: run.log_artifacts(value),
    "log_bytes": lambda run, value: run.log_bytes(value, "n"),
    "log_bytes name": lambda run, value: run.log_bytes(b"1", value),
    "log_bytes type": lambda run, value: run.log_bytes(b"1", "n", value),
    "log_medium": lambda run, value: run.log_medium("k", value, "video/mp4"),
    "log_medium type": lambda run, value: run.log_medium("k", b"1", value),
    "log_encoded": lambda run, value: run.log_encoded("k", value),
    "log_text key": lambda run, value: run.log_text(value, "x"),
    "log_text": lambda run, value: run.log_text("t", value),
    "log_text step": lambda run, value: run.log_text("t", "x", value),
    "log_image": lambda run, value: run.log_image("i", value),
    "log_figure": lambda run, value: run.log_figure("f", value),
    "log_audio": lambda run, value: run.log_audio("a", value),
    "log_audio rate": lambda run, value: run.log_audio("a", [0.1], sample_rate=value),
    "log_table": lambda run, value: run.log_table("t", value),
    "log_table columns": lambda run, value: run.log_table("t", [[1]], columns=value),
    "log_histogram": lambda run, value: run.log_histogram("h", value),
    "log_histogram bins": lambda run, value: run.log_histogram("h", [1.0], bins=value),
}


@pytest.fixture
def run(tmp_path: Path) -> Iterator[ActiveRun]:
    run = ActiveRun("r1", tmp_path / "r1")
    yield run
    run.finish()


@pytest.mark.parametrize("call", _CALLS)
def test_no_value_raises_into_the_training(run: ActiveRun, call: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for value in _WRONG:
            _CALLS[call](run, value)
    assert {warning.category for warning in caught} <= {RunwardWarning}
    assert {warning.filename for warning in caught} <= {__file__}, "a warning names the line of who logged"


def test_what_any_value_leaves_behind_reaches_the_store(space: FolderWorkspace) -> None:
    """With everything that was right, and the run's end."""
    run = start()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RunwardWarning)
        for log in _CALLS.values():
            for value in _WRONG:
                log(run, value)
        run.log_metrics({"good": 1.0, "bad": _Tensor()})  # type: ignore[dict-item]
        run.log_params({"good": 1, "bad": _Mute()})
    run.finish()
    found = space.tracking.get_run(run.id)
    assert found.run.status is RunStatus.FINISHED
    assert {m.key: m.last for m in found.metrics}["good"] == 1.0
    assert {p.key: p.value for p in found.params}["good"] == 1
    assert not journals_in(run.folder)


@pytest.mark.parametrize("status", ["success", "running", "", None, 5])
def test_an_end_that_there_is_none_of(space: FolderWorkspace, status: Any) -> None:
    run = start()
    with pytest.warns(RunwardWarning, match=r"none of finished, failed, cancelled, timed_out; run .* ends as failed"):
        run.finish(status)
    assert space.tracking.get_run(run.id).run.status is RunStatus.FAILED


def test_a_journal_that_ends_in_no_status_keeps_no_other_out(space: FolderWorkspace) -> None:
    """As earlier clients wrote it, of `finish("success")`."""
    folder = space.state_dir / "journals"
    made = []
    for status in ("success", "finished"):
        run = start(offline=True)
        run.journal.append([j.END, status, None, "", j.now(), {}])
        run.journal.close()
        client._forget(run)
        made.append(run.id)
    assert adopt(folder, space) == (2, [])
    ends = [space.tracking.get_run(run_id).run for run_id in made]
    assert [end.status for end in ends] == [RunStatus.FAILED, RunStatus.FINISHED]
    assert "'success'" in (ends[0].error or "")


def test_what_is_logged_after_the_end_is_said_to_be_lost(space: FolderWorkspace) -> None:
    run = start()
    run.finish()
    with pytest.warns(RunwardWarning, match=f"run {run.id} is over.*start\\(run_id="):
        client.log_metric("late", 1.0)
    client.log_metrics({"late": 1.0})
    client.set_tag("late", "1")
    assert not space.tracking.get_run(run.id).metrics


def test_a_pipe_is_not_waited_for(run: ActiveRun, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.warns(RunwardWarning, match="neither a file nor a folder"):
        run.log_artifact(tmp_path / "pipe")
    with pytest.warns(RunwardWarning, match="neither a file nor a folder"):
        run.log_artifact("/dev/zero")


def test_a_full_disk_leaves_what_was_logged_before(
    run: ActiveRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same bytes again, and this time there is no space for them."""
    data, spool = b"x" * 50_000, run.folder / "blobs"
    run.log_bytes(data, "first")

    def full(_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("runward.tracking.filelog.open", _opening(full), raising=False)
    with pytest.warns(RunwardWarning, match="No space left"):
        run.log_bytes(data, "again")
    assert [path.read_bytes() for path in spool.iterdir()] == [data]


def _opening(write: Callable[[Any], None]) -> Callable[..., Any]:
    class _Full:
        def __init__(self, path: Path, mode: str) -> None:
            self._file = open(path, mode)  # noqa: SIM115

        def __enter__(self) -> _Full:
            return self

        def __exit__(self, *_: object) -> None:
            self._file.close()

        def write(self, data: bytes) -> None:
            self._file.write(data[:100])
            write(data)

    return _Full


def test_a_signal_handler_may_log(tmp_path: Path) -> None:
    """Also while its own thread is in the middle of an entry; nothing is lost, twice or out of order."""
    run, handled, sent = ActiveRun("r2", tmp_path / "r2"), 0, 0

    def handle(*_: object) -> None:
        nonlocal handled
        run.log_metric("signal", float(handled), handled)
        handled += 1
        signal.setitimer(signal.ITIMER_REAL, 0.001)

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    try:
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            run.log_metric("main", float(sent), sent)
            sent += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    run.finish()
    assert handled > 10
    steps: dict[str, list[int]] = {"main": [], "signal": []}
    for frame in JournalReader(run.journal.path).frames(10_000_000):
        if frame.kind == j.POINTS:
            steps[frame.fields[2][0]].append(frame.fields[0])
    assert steps == {"main": list(range(sent)), "signal": list(range(handled))}


class _Interrupted(Journal):
    """A journal whose growth is interrupted by a handler, as a signal may."""

    handler: Callable[[], None] | None = None

    def _grow(self, size: int) -> Any:
        found = super()._grow(size)
        if size and self.handler is not None:
            handler, self.handler = self.handler, None
            handler()
        return found


@given(st.booleans(), st.booleans())
def test_a_handler_in_the_middle_of_an_entry(
    tmp_path_factory: pytest.TempPathFactory, closes: bool, quits: bool
) -> None:
    """It logs, and it may close the journal and end the program: what it logged is there, behind what was whole."""
    journal = _Interrupted(tmp_path_factory.mktemp("j"), "r3")

    def handle() -> None:
        journal.append([j.TAGS, {"by": "handler"}])
        if closes:
            journal.close()
        if quits:
            raise SystemExit(1)

    journal.handler = handle
    large = [j.OUTPUT, "stdout", "x" * (1 << 20), 0.0]
    if quits:
        with pytest.raises(SystemExit):
            journal.append(large)
    else:
        journal.append(large)
    assert journal.is_closed is closes
    found = [frame.kind for frame in JournalReader(journal.path).frames()]
    assert found == ([j.TAGS] if quits else [j.OUTPUT, j.TAGS])
    journal.close()


def _set_tags(run: ActiveRun, n: int) -> None:
    for _ in range(n):
        run.set_tag("t", "x" * 10_000)


def test_a_run_whose_disk_is_full_says_so_and_ends(space: FolderWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written before is there, and nobody takes the run for one that goes on."""
    run = start()
    run.log_metric("v", 0.0)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "posix_fallocate", full)
        with pytest.warns(RunwardWarning, match="No space left"):
            _set_tags(run, 300)
        run.log_metric("v", 1.0)
        run.finish("failed", 1, "x" * 1000)
    found = space.tracking.get_run(run.id).run
    assert (found.status, found.error) == (RunStatus.FAILED, "x" * 1000)
    assert "entries could not be written" in found.tags["runward.lost"]


@pytest.mark.parametrize("size", [0, 5, 63, 64, 70, 1 << 20])
def test_a_journal_without_an_entry_is_put_away(space: FolderWorkspace, size: int) -> None:
    """Its process was killed before the first one, so that nothing is lost; what is no journal of ours is left and named."""
    folder = space.state_dir / "journals"
    journal = Journal(folder / "dead", "dead")
    journal.close()
    with open(journal.path, "r+b") as file:
        file.truncate(size)
    assert adopt(folder, space) == (0, [])
    assert journals_in(folder) == []
    journal.path.write_bytes(b"somebody's own file")
    assert len(adopt(folder, space)[1]) == 1
    assert journals_in(folder) == [journal.path]


def test_a_journal_that_is_about_to_be_written_stays(space: FolderWorkspace) -> None:
    journal = Journal(space.state_dir / "journals" / "young", "young")
    adopt(space.state_dir / "journals", space)
    assert journal.path.exists()
    journal.close()


class _WithGradient:
    """As torch's loss: `float` warns of it, `item` does not."""

    def item(self) -> float:
        return 0.25

    def __float__(self) -> float:
        warnings.warn("Converting a tensor with requires_grad=True to a scalar", UserWarning, stacklevel=2)
        return 0.25


def test_a_loss_is_logged_without_a_word(run: ActiveRun) -> None:
    loss: Any = _WithGradient()
    run.log_metric("loss", loss)
    frames = [frame.fields for frame in JournalReader(run.journal.path).frames()]
    assert [fields[3] for fields in frames] == [[0.25]]
