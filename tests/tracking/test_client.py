"""What training code holds: it warns once for each reason, and training goes on."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runward.core.hashing import digest_bytes
from runward.errors import NotFoundError, RunwardWarning
from runward.testing.worlds import BAD_NAMES
from runward.tracking import client
from runward.tracking import journal as j
from runward.tracking.client import ActiveRun
from runward.tracking.media import plain
from runward.tracking.uploader import gather


@pytest.fixture
def run(tmp_path: Path) -> Iterator[ActiveRun]:
    found = ActiveRun("run1", tmp_path / "run1")
    yield found
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found.finish()


def _frames(run: ActiveRun) -> list[list[Any]]:
    found = []
    for path in j.journals_in(run.folder):
        reader = j.JournalReader(path)
        found += [[frame.kind, *frame.fields] for frame in reader.frames()]
        reader.close()
    return found


def _points(run: ActiveRun) -> dict[str, list[tuple[int, float]]]:
    columns = gather(j.journals_in(run.folder)).columns
    return {key: list(zip(found.steps, found.values, strict=True)) for key, found in columns.items()}


@pytest.mark.parametrize("value", ["0.5", b"x", None, [1.0], {}, object(), 1 + 2j])
def test_a_metric_that_is_no_number_is_refused_and_training_goes_on(run: ActiveRun, value: Any) -> None:
    """One warning that names the key and the value; what stands beside it is logged."""

    def train() -> None:
        for step in range(3):
            run.log_metrics({"loss": value, "acc": 0.5}, step)

    with pytest.warns(RunwardWarning, match="'loss'") as caught:
        train()
    assert len(caught) == 1
    assert _points(run) == {"acc": [(0, 0.5), (1, 0.5), (2, 0.5)]}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.0, 5e-324, 1e308])
def test_every_float_is_a_legal_value(run: ActiveRun, value: float) -> None:
    run.log_metric("v", value, 1)
    assert repr(_points(run)["v"]) == repr([(1, value)])


def test_numbers_of_other_kinds_count(run: ActiveRun) -> None:
    """Whole numbers, truth values, what has a float of its own; what is too large is infinite."""

    class Scalar:
        def __float__(self) -> float:
            return 2.5

    run.log_metrics({"i": 3, "t": True, "s": Scalar(), "huge": 10**400, "low": -(10**400)}, 0)  # type: ignore[dict-item]
    assert {key: found[0][1] for key, found in _points(run).items()} == {
        "i": 3.0,
        "t": 1.0,
        "s": 2.5,
        "huge": math.inf,
        "low": -math.inf,
    }


@pytest.mark.parametrize("step", [2**63, -(2**63) - 1, 1.5, math.nan, math.inf, "3", 1e400])
def test_a_step_that_is_no_int64_is_refused_by_name(run: ActiveRun, step: Any) -> None:
    with pytest.warns(RunwardWarning, match="step"):
        run.log_metric("v", 1.0, step)
    run.log_metric("v", 2.0, 2**63 - 1)
    run.log_metric("v", 3.0, -(2**63))
    assert _points(run) == {"v": [(2**63 - 1, 2.0), (-(2**63), 3.0)]}


@pytest.mark.parametrize("key", [*BAD_NAMES, 7, None])
def test_a_key_that_the_store_would_refuse_is_refused_here(run: ActiveRun, key: Any) -> None:
    """Otherwise it would refuse the whole journal, and with it every good value."""

    def train() -> None:
        for _ in range(3):
            run.log_metrics({key: 1.0, "good": 1.0}, 0)

    with pytest.warns(RunwardWarning, match="key") as caught:
        train()
    assert len(caught) == 1
    assert list(_points(run)) == ["good"]


@pytest.mark.parametrize("key", BAD_NAMES)
def test_bad_keys_of_params_and_tags_are_refused_here(run: ActiveRun, key: str) -> None:
    with pytest.warns(RunwardWarning, match="param key"):
        run.log_params({key: 1, "good": 2})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RunwardWarning)
        run.set_tag(key, "v")
    assert _frames(run) == [[j.PARAMS, {"good": 2}]]


@pytest.mark.parametrize("value", ["a\0b", "x" * 100_001])
def test_a_tag_that_the_store_would_refuse_is_refused_here(run: ActiveRun, value: str) -> None:
    with pytest.warns(RunwardWarning, match="'note'"):
        run.set_tag("note", value)
    assert _frames(run) == []


def test_an_entry_without_measure_costs_only_itself(run: ActiveRun) -> None:
    with pytest.warns(RunwardWarning, match="artifact"):
        run.log_param("huge", "x" * (1 << 25))
    run.log_metric("v", 1.0)
    assert _points(run) == {"v": [(0, 1.0)]}


@pytest.mark.parametrize("name", ["../up", "a/../b", "/etc/passwd"])
def test_an_artifact_path_that_leads_out_is_refused(run: ActiveRun, name: str) -> None:
    with pytest.warns(RunwardWarning, match="without '..'"):
        run.log_bytes(b"x", name)
    assert _frames(run) == []


def test_an_artifact_that_is_not_there_is_named(run: ActiveRun, tmp_path: Path) -> None:
    with pytest.warns(RunwardWarning, match=r"nothing\.pt"):
        run.log_artifact(tmp_path / "nothing.pt")


def test_an_artifact_is_kept_as_it_was_when_it_was_logged(run: ActiveRun, tmp_path: Path) -> None:
    """Files and folders; links are not followed out of the folder."""
    folder = tmp_path / "out"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a.txt").write_text("one")
    (folder / "link").symlink_to("/etc/passwd")
    with pytest.warns(RunwardWarning, match="links are not followed"):
        run.log_artifact(folder)
    (folder / "sub" / "a.txt").write_text("two")
    run.log_artifact(folder / "sub" / "a.txt", "later.txt")
    frames = [frame[1:] for frame in _frames(run) if frame[0] == j.ARTIFACT]
    assert [(name, digest == digest_bytes(data), data, kind) for name, digest, kind, data in frames] == [
        ("out/sub/a.txt", True, b"one", "text/plain"),
        ("later.txt", True, b"two", "text/plain"),
    ]


def test_steps_count_for_each_key_from_its_last_one(run: ActiveRun) -> None:
    run.log_metric("a", 1.0)
    run.log_metric("a", 1.0)
    run.log_metric("b", 1.0)
    run.log_metric("a", 1.0, 10)
    run.log_metrics({"a": 1.0, "b": 1.0})
    assert {key: [step for step, _ in found] for key, found in _points(run).items()} == {
        "a": [0, 1, 10, 11],
        "b": [0, 1],
    }


def test_logging_after_the_end_warns_and_does_not_raise(run: ActiveRun) -> None:
    run.finish()
    run.finish("failed")
    with pytest.warns(RunwardWarning):
        run.log_metric("v", 1.0)
    assert [frame[:2] for frame in _frames(run)] == [[j.END, "finished"]]


def test_an_exception_ends_the_run_as_failed(tmp_path: Path) -> None:
    for error, status in ((ValueError("boom"), "failed"), (KeyboardInterrupt(), "cancelled")):
        run = ActiveRun("r", tmp_path / status)
        with pytest.raises(type(error)), run:
            raise error
        assert _frames(run)[-1][1] == status


def test_a_forked_child_writes_a_journal_of_its_own(run: ActiveRun) -> None:
    """With one file for both, one would overwrite the other: all points of both are there."""
    run.log_metric("v", 0.0, 0)
    pid = os.fork()
    if pid == 0:
        for step in range(1, 401):
            run.log_metric("v", 1.0, step)
        os._exit(0)
    for step in range(401, 801):
        run.log_metric("v", 2.0, step)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert sorted(step for step, _ in _points(run)["v"]) == list(range(801))


def test_without_a_run_the_way_to_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_active", [])
    monkeypatch.setattr(client, "_over", [])
    monkeypatch.delenv(client.JOURNAL_VARIABLE, raising=False)
    with pytest.raises(NotFoundError, match="no run is active") as caught:
        client.log_metric("v", 1.0)
    assert "runward.start" in caught.value.hint


def test_values_become_plain_data() -> None:
    assert plain({"a": (1, 2.5, None, True), 3: {"x": math.nan}, "big": 2**70, "o": Path("p")}) == {
        "a": [1, 2.5, None, True],
        "3": {"x": "nan"},
        "big": str(2**70),
        "o": "p",
    }
