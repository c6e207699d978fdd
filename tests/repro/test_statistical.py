"""Statistical verifications: what is decided from evidence, and whole ones with real reruns."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from runward.errors import InvalidError
from runward.repro import attempt
from runward.repro.environment import RebuiltEnvironment
from runward.repro.equivalence import Evidence, Sample
from runward.repro.model import Conditions, InputCheck
from runward.repro.replication import Limits, verify_statistically
from runward.repro.statistical import decide_statistically
from runward.testing.worlds import batch
from runward.tracking.model import NewProject, NewRun, RunEnd, RunStatus
from runward.workspace import FolderWorkspace, open_folder

REBUILT = Conditions(environment_rebuilt=True, sandbox="bubblewrap")


def evidence(before: list[float], after: list[float], *, recorded: int = 10, margin: float = 3.0) -> Evidence:
    return Evidence(
        metric="acc", margin=margin, margin_from="declared", declared_on=3,
        baseline=[Sample(f"r{i}" if i < recorded else "", i, value) for i, value in enumerate(before)],
        candidate=[Sample("", 100 + i, value) for i, value in enumerate(after)],
    )  # fmt: skip


def gauss(seed: int, n: int, mean: float = 0.0) -> list[float]:
    noise = random.Random(seed)
    return [noise.gauss(mean, 1.0) for _ in range(n)]


def test_equal_groups_earn_the_level_and_say_by_what() -> None:
    decision, found = decide_statistically([evidence(gauss(1, 10), gauss(2, 10))], [], REBUILT)
    assert (decision.verdict, decision.level) == ("reproduced", "statistical")
    assert found[0].outcome == "equivalent"
    assert "within ±3 (declared), Welch t" in decision.reason


@pytest.mark.parametrize(
    ("inputs", "conditions", "verdict", "word"),
    [
        ([InputCheck(kind="data", name="x", status="different")], REBUILT, "undecided", "not the same experiment"),
        ([InputCheck(kind="package", name="numpy", status="different")], REBUILT, "reproduced", "equivalent"),
        ([], Conditions(environment_rebuilt=True, timed_out=True), "undecided", "in time"),
        ([], Conditions(), "reproduced", "no level is earned"),
    ],
    ids=["data", "package", "time", "not-rebuilt"],
)
def test_the_level_asks_for_more_than_numbers(
    inputs: list[InputCheck], conditions: Conditions, verdict: str, word: str
) -> None:
    decision, _ = decide_statistically([evidence(gauss(1, 10), gauss(2, 10))], inputs, conditions)
    assert (decision.verdict, word in decision.reason) == (verdict, True), decision.reason
    assert (decision.level == "statistical") == ((inputs == [] and conditions == REBUILT) or "package" in str(inputs))


def test_another_mean_is_not_reproduced_and_too_few_runs_say_how_many_more() -> None:
    far, _ = decide_statistically([evidence(gauss(1, 10), gauss(2, 10, 8.0))], [], REBUILT)
    assert (far.verdict, far.level) == ("not_reproduced", "none")
    few, found = decide_statistically([evidence(gauss(1, 3), gauss(2, 3), margin=1.5)], [], REBUILT)
    assert few.verdict == "undecided"
    assert few.reason.endswith(f"needs about {found[0].more} more per side, which is beyond the 20 that are looked at")
    wide, found = decide_statistically([evidence(gauss(1, 3), gauss(2, 3), margin=4.0)], [], REBUILT)
    assert wide.reason.endswith(f"needs about {found[0].more} more per side")
    none, _ = decide_statistically([evidence([1.0], [1.0])], [], REBUILT)
    assert (none.verdict, "1 runs per side" in none.reason) == ("undecided", True)


def test_copies_are_no_repetitions() -> None:
    """Seeds that do not reach the result give one value many times."""
    decision, _ = decide_statistically([evidence([0.5] * 10, [0.5] * 10)], [], REBUILT)
    assert (decision.verdict, decision.level) == ("undecided", "none")
    assert "copies" in decision.reason


def test_a_recorded_best_of_many_is_not_confirmed_by_its_reruns() -> None:
    """One recorded value must be such as the reruns give; three or more are a baseline of their own."""
    values = [6.0, *gauss(1, 9)]
    lucky, _ = decide_statistically([evidence(values, gauss(2, 10), recorded=1)], [], REBUILT)
    assert (lucky.verdict, "best of many" in lucky.reason) == ("undecided", True)
    honest, _ = decide_statistically([evidence([0.3, *gauss(1, 9)], gauss(2, 10), recorded=1)], [], REBUILT)
    assert honest.level == "statistical"


def test_a_default_margin_is_the_default() -> None:
    """Nobody says so of a wider one."""
    given = msgspec.structs.replace(evidence(gauss(1, 10), gauss(2, 10)), margin_from="default", margin=50.0)
    with pytest.raises(InvalidError, match="the default is"):
        decide_statistically([given], [], REBUILT)
    with pytest.raises(InvalidError, match="not from three"):
        decide_statistically([msgspec.structs.replace(given, declared_on=2)], [], REBUILT)


SCRIPT = """
import random, sys
import runward as run
offset = float(open("offset.txt").read())
with run.start(project="p", name=f"s{sys.argv[2]}", seed=int(sys.argv[2])):
    run.log_metric("acc", 10.0 + offset + random.gauss(0.0, 0.1) + random.SystemRandom().random() * 1e-3)
    run.log_metric("train_time_s", 1.0)
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository; the environment is taken to be rebuilt, which tests/repro/test_environment.py does for real."""
    folder = tmp_path / "repo"
    folder.mkdir()
    (folder / ".gitignore").write_text("offset.txt\n")
    (folder / "offset.txt").write_text("0")
    (folder / "train.py").write_text(SCRIPT)
    os.utime(folder / "offset.txt", (1_000_000_000, 1_000_000_000))
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.invalid"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
        subprocess.run([*git, *command], cwd=folder, check=True)
    built = RebuiltEnvironment(python=Path(sys.executable), digest="d", created=False)
    monkeypatch.setattr(attempt, "rebuild_environment", lambda *args, **kwargs: built)
    return folder


def record(place: Path, *seeds: int) -> FolderWorkspace:
    env = {**os.environ, "RUNWARD_DIR": str(place.parent / "ws")}
    for seed in seeds:
        command = [sys.executable, "train.py", "--seed", str(seed)]
        subprocess.run(command, cwd=place, env=env, check=True, capture_output=True)
    return open_folder(place.parent / "ws")


def test_recorded_replicates_are_rerun_with_their_own_seeds(place: Path) -> None:
    """The same seed gives the same value here, so pairs decide at once; all replicates count."""
    space = record(place, 1, 2, 3)
    group = space.repro.replicates(space.tracking.resolve_run("s2").id)
    assert [run.seed for run in group.runs] == [2, 1, 3]
    assert group.metrics[0].n == 3
    found = verify_statistically(space, "s2", limits=Limits(sandbox=False))
    report = found.report
    assert (report.verdict, report.level) == ("reproduced", "statistical"), report.reason
    assert report.statistics is not None
    metric = report.statistics.metrics[0]
    assert all(item.run for item in metric.baseline)
    assert [item.value for item in metric.candidate] == pytest.approx(
        [item.value for item in metric.baseline], abs=0.01
    )
    assert report.statistics.found[0].method == "paired t"
    assert metric.metric == "acc", "durations do not count"
    assert found.record.verification.level == "statistical"
    marks = space.tracking.get_run(report.run).run.marks
    assert ("verification", "statistical") in [(mark.kind, mark.label) for mark in marks]


@pytest.mark.slow
def test_a_few_more_are_made_with_other_seeds_and_kept(place: Path) -> None:
    """Also where the script names its seed itself; the next call goes on from there."""
    space = record(place, 7)
    said: list[str] = []
    few = {"margins": {"acc": 0.5}, "say": said.append}
    first = verify_statistically(space, "s7", limits=Limits(sandbox=False, max_runs=3), **few).report  # type: ignore[arg-type]
    assert first.statistics is not None
    metric = first.statistics.metrics[0]
    assert [bool(item.run) for item in metric.baseline] == [True, False, False]
    assert len({item.value for item in metric.baseline}) == 3
    assert sum(text.startswith("rerun") for text in said) == 5
    again = verify_statistically(space, "s7", limits=Limits(budget_s=0.0, sandbox=False, max_runs=3), **few).report  # type: ignore[arg-type]
    assert sum(text.startswith("rerun") for text in said) == 5
    assert again.statistics == first.statistics


def test_changed_data_is_another_experiment_and_little_time_is_told(place: Path) -> None:
    space = record(place, 1, 2, 3)
    nothing = verify_statistically(space, "s1", limits=Limits(budget_s=0.0, sandbox=False)).report
    assert (nothing.verdict, "used up" in nothing.reason) == ("undecided", True)
    (place / "offset.txt").write_text("0.000001")
    report = verify_statistically(space, "s1", limits=Limits(sandbox=False, max_runs=3)).report
    assert (report.verdict, report.level) == ("undecided", "none")
    assert "offset.txt" in report.reason
    assert report.statistics is not None
    assert len(report.statistics.metrics[0].candidate) == 1, "what follows would be of another experiment too"


def test_metrics_and_margins_are_checked_before_anything_runs(tmp_path: Path) -> None:
    space = open_folder(tmp_path / "ws")
    space.tracking.create_project(NewProject(path="p"))
    run = space.tracking.create_run(NewRun(project="p"))
    space.tracking.append(run.id, batch(0, {f"m{i}": [(0, 1.0)] for i in range(11)}))
    with pytest.raises(InvalidError, match="still running"):
        verify_statistically(space, run.id)
    space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))
    with pytest.raises(InvalidError, match="did not log 'acc'"):
        verify_statistically(space, run.id, metrics=["acc"])
    with pytest.raises(InvalidError, match="11 metrics"):
        verify_statistically(space, run.id)
    report = verify_statistically(space, run.id, metrics=["m1"]).report
    assert (report.verdict, "not captured" in report.reason) == ("undecided", True)


OWN_GENERATOR = """
import random, sys
import runward as run
noise = random.Random(int(sys.argv[1]))
with run.start(project="p", name=f"s{sys.argv[1]}", seed=int(sys.argv[1])):
    run.log_metric("acc", 10.0 + noise.gauss(0.0, 0.1))
"""


def test_a_seed_that_the_command_names_is_varied_there(place: Path) -> None:
    """Also one without an option, where the recorded replicates show which word it is."""
    (place / "train.py").write_text(OWN_GENERATOR)
    env = {**os.environ, "RUNWARD_DIR": str(place.parent / "ws")}
    for seed in ("1", "2", "3"):
        subprocess.run([sys.executable, "train.py", seed], cwd=place, env=env, check=True, capture_output=True)
    space = open_folder(place.parent / "ws")
    found = verify_statistically(space, "s2", margins={"acc": 0.02}, limits=Limits(sandbox=False, max_runs=5))
    assert found.report.statistics is not None
    metric = found.report.statistics.metrics[0]
    assert len(metric.candidate) == len({item.value for item in metric.candidate})
    assert len(metric.baseline) == len({item.value for item in metric.baseline})


def test_reruns_that_their_seeds_do_not_tell_apart_are_no_evidence(place: Path) -> None:
    """One recorded run of a script that seeds itself gives copies, however often it is rerun."""
    (place / "train.py").write_text(OWN_GENERATOR)
    env = {**os.environ, "RUNWARD_DIR": str(place.parent / "ws")}
    subprocess.run([sys.executable, "train.py", "1"], cwd=place, env=env, check=True, capture_output=True)
    space = open_folder(place.parent / "ws")
    report = verify_statistically(space, "s1", margins={"acc": 0.5}, limits=Limits(sandbox=False)).report
    assert (report.verdict, report.level) == ("undecided", "none")
    assert "copies" in report.reason
