"""A second implementation: another author, no shared code, the same data, and the same statistics."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from runward.core.hashing import digest_bytes
from runward.errors import InvalidError
from runward.repro import attempt
from runward.repro.environment import RebuiltEnvironment
from runward.repro.independence import Implementation, compare_implementations, not_independent, reached_code
from runward.repro.model import VerificationReport
from runward.repro.records import NewVerification
from runward.repro.replication import Limits, verify_statistically
from runward.tracking.capture.model import FileEntry
from runward.workspace import FolderWorkspace, open_folder

FIRST = """
import random, sys
import runward as run
rows = [float(line) for line in open(sys.argv[1])]
with run.start(project="p", name=f"first{sys.argv[2]}", seed=int(sys.argv[2])):
    mean = sum(rows) / len(rows)
    noise = random.gauss(0.0, 0.1)
    run.log_metric("acc", mean + noise)
"""
SECOND = """
import runward as run
import random, statistics, sys

def main(path, seed):
    with open(path) as source:
        numbers = list(map(float, source))
    with run.start(project="p", name=f"second{seed}", seed=seed) as active:
        draw = random.Random(random.random())
        active.log_metric("acc", statistics.fmean(numbers) + draw.gauss(0.0, 0.1) + SHIFT)

main(sys.argv[1], int(sys.argv[2]))
"""


def second(shift: float) -> str:
    """Bob's program, whose result is off by something."""
    return SECOND.replace("SHIFT", str(shift))


class Place:
    """Two people's folders, one data file and one workspace."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "numbers.txt"
        self.data.write_text("9\n10\n11\n")
        os.utime(self.data, (1_000_000_000, 1_000_000_000))
        self.space: FolderWorkspace | None = None

    def record(self, who: str, program: str, *, data: Path | None = None, **files: str) -> None:
        """Three runs of a program by a person."""
        tree = self.folder / who
        tree.mkdir(exist_ok=True)
        for name, text in {"train": program, **files}.items():
            (tree / f"{name}.py").write_text(text)
        env = {**os.environ, "RUNWARD_DIR": str(self.folder / "ws"), "GIT_AUTHOR_NAME": who}
        for seed in (1, 2, 3):
            command = [sys.executable, "train.py", str(data or self.data), str(seed)]
            subprocess.run(command, cwd=tree, env=env, check=True, capture_output=True)
        self.space = open_folder(self.folder / "ws")

    def verify(self, **more: object) -> VerificationReport:
        assert self.space is not None
        limits = Limits(sandbox=False, max_runs=7)
        found = verify_statistically(self.space, "first1", second="second1", limits=limits, **more)  # type: ignore[arg-type]
        return found.report


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The environment is taken to be rebuilt, which tests/repro/test_environment.py does for real."""
    built = RebuiltEnvironment(python=Path(sys.executable), digest="d", created=False)
    monkeypatch.setattr(attempt, "rebuild_environment", lambda *args, **kwargs: built)
    place = Place(tmp_path)
    place.record("ann", FIRST)
    return place


def test_somebody_elses_implementation_earns_the_level(place: Place) -> None:
    place.record("bob", second(0))
    report = place.verify(margins={"acc": 0.6})
    assert (report.verdict, report.level) == ("reproduced", "conceptual"), report.reason
    assert [(check.kind, check.status) for check in report.inputs[:2]] == [("author", "different"), ("dataset", "same")]
    assert report.statistics is not None
    assert report.statistics.found[0].method == "Welch t"
    assert place.space is not None
    assert report.other == place.space.tracking.resolve_run("second1").id


def test_a_second_implementation_with_another_result_is_no_reproduction(place: Place) -> None:
    place.record("bob", second(5))
    report = place.verify(margins={"acc": 0.6})
    assert (report.verdict, report.level) == ("not_reproduced", "none")


@pytest.mark.parametrize("what", ["author", "code", "data"])
def test_what_is_no_second_implementation_is_undecided(place: Place, what: str, tmp_path: Path) -> None:
    """Nothing is rerun for it."""
    other = tmp_path / "other.txt"
    other.write_text("10\n10\n")
    if what == "author":
        place.record("ann", second(0))
    elif what == "code":
        place.record("bob", FIRST.replace("first", "second"))
    else:
        place.record("bob", second(0), data=other)
    report = place.verify(margins={"acc": 0.6})
    assert (report.verdict, report.level) == ("undecided", "none")
    assert {"author": "same person", "code": "train.py", "data": "numbers.txt"}[what] in report.reason
    assert report.statistics is not None
    assert report.statistics.metrics == []


def test_the_server_looks_author_code_and_data_up_itself(place: Place) -> None:
    place.record("bob", second(0))
    report = place.verify(margins={"acc": 0.6})
    assert place.space is not None
    theirs = place.space.tracking.resolve_run("second1").id
    place.record("ann", second(0))
    own = place.space.tracking.resolve_run("second1").id
    assert own != theirs
    forged = msgspec.structs.replace(report, other=own)
    new = NewVerification("reproduced", "conceptual", "r", msgspec.to_builtins(forged), 1.0)
    with pytest.raises(InvalidError, match="not what was captured"):
        place.space.repro.record(report.run, new)
    with pytest.raises(InvalidError, match="level"):
        place.space.repro.record(report.run, msgspec.structs.replace(new, report={**new.report, "other": ""}))


def _side(author: str, **files: str) -> Implementation:
    texts = {digest_bytes(text.encode()): text.encode() for text in files.values()}
    entries = [
        FileEntry(path=f"{name}.py", mode="file", size=len(text), digest=digest_bytes(text.encode()))
        for name, text in files.items()
    ]
    return Implementation(author, entries, {"x.csv": "d"}, lambda digest: texts[digest])  # type: ignore[index]


EVALUATE = (
    "def score(y, p):\n    hits = sum(a == b for a, b in zip(y, p))\n    total = len(y)\n    return hits / total\n"
)


def test_shared_code_is_found_under_another_name_and_edited() -> None:
    lines = [f"step_{n} = transform(step_{n - 1}, {n})" for n in range(1, 30)]
    first = _side("ann", model="\n".join(lines), evaluate=EVALUATE)
    edited = "\n".join([*lines[:12], "other = 1", *lines[12:24], "more = 2"])
    checks = compare_implementations(first, _side("bob", net=edited, metrics=EVALUATE))
    assert [check.name for check in checks if check.kind == "shared_code"] == ["net.py", "metrics.py"]
    assert "2 files of code are shared" in not_independent(checks)
    allowed = compare_implementations(
        first, _side("bob", net="x = 1\n" * 9, metrics=EVALUATE), ["evaluate.py", "metrics.py"]
    )
    assert not_independent(allowed) == ""
    assert [(check.name, check.status) for check in allowed if check.kind == "evaluation"] == [("metrics.py", "same")]


@pytest.mark.parametrize(
    ("train", "reached"),
    [
        ("import model", {"train.py", "model.py", "pkg/deep.py", "pkg/__init__.py"}),
        ("from pkg import deep", {"train.py", "pkg/deep.py", "pkg/__init__.py"}),
        ("import numpy, os", {"train.py"}),
        ("import importlib", None),
        ("exec(open('other.py').read())", None),
        ("import subprocess", None),
        ("this is no Python", None),
    ],
)
def test_only_code_that_the_program_can_reach_is_its_own(train: str, reached: set[str] | None) -> None:
    """Two implementations may live in one repository; where code may come in otherwise, all of it counts."""
    texts = {
        "train.py": train,
        "model.py": "from pkg.deep import f",
        "pkg/__init__.py": "",
        "pkg/deep.py": "from . import gone",
        "other.py": "import model",
    }
    files = [FileEntry(path=path, mode="file", size=9, digest=digest_bytes(path.encode())) for path in texts]
    read = {digest_bytes(path.encode()): text.encode() for path, text in texts.items()}
    found = {file.path for file in reached_code(files, "train.py", lambda digest: read[digest])}  # type: ignore[index]
    assert found == (set(texts) if reached is None else reached)
    assert len(reached_code(files, "-m train", lambda digest: b"")) == len(texts)


def test_two_implementations_in_one_repository(place: Place) -> None:
    """Each is its own script and what it imports."""
    place.record("ann", FIRST, other=second(0))
    assert place.space is not None
    env = {**os.environ, "RUNWARD_DIR": str(place.folder / "ws"), "GIT_AUTHOR_NAME": "bob"}
    for seed in ("1", "2", "3"):
        command = [sys.executable, "other.py", str(place.data), seed]
        subprocess.run(command, cwd=place.folder / "ann", env=env, check=True, capture_output=True)
    report = place.verify(margins={"acc": 0.6})
    assert (report.verdict, report.level) == ("reproduced", "conceptual"), report.reason


def test_without_data_that_was_seen_nothing_says_that_both_used_the_same() -> None:
    first = _side("ann", a="x = 1")._replace(data={})
    assert "no data file" in not_independent(compare_implementations(first, _side("bob", b="y = 2")))
