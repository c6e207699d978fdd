"""A run captured, restored, rebuilt, rerun and compared, as a verification does it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec
import pytest

from runward.core.hashing import digest_file
from runward.errors import EnvironmentNotRebuiltError
from runward.repro.command import clean_environment, place_inputs, relocation, rerun_command
from runward.repro.compare import (
    compare_artifacts,
    compare_exit_codes,
    compare_inputs,
    inputs_of,
    result_report,
)
from runward.repro.environment import rebuild_environment
from runward.repro.levels import decide
from runward.repro.model import Conditions, Decision, Level, Verdict
from runward.repro.printed import compare_stdout
from runward.repro.rerun import rerun
from runward.repro.restore import restore_code
from runward.repro.uv import find_uv
from runward.tracking.capture.environment import environment_digest
from runward.tracking.capture.model import Capture
from runward.tracking.capture.snapshot import start_capture
from tests.capture.stores import MemoryBlobs, Repository

SCRIPT = b"""
import json, random, helper, pathlib
seed = 7 if pathlib.Path("seeded").exists() else None
rows = pathlib.Path("data/x.csv").read_text().split()
value = random.Random(seed).random() + helper.OFFSET + len(rows)
pathlib.Path("out").mkdir(exist_ok=True)
pathlib.Path("out/result.json").write_text(json.dumps({"value": value}))
print("wrote", pathlib.Path("out/result.json").absolute())
"""


class Run:
    """The script in a dirty repository, run once where it was written and once more as a verification."""

    def __init__(self, tmp_path: Path, *, seeded: bool) -> None:
        self.tmp_path = tmp_path
        self.blobs = MemoryBlobs()
        self.repository = Repository(tmp_path / "repo")
        self.repository.write(".gitignore", b"data/\nout/\n")
        self.repository.write("helper.py", b"OFFSET = 0\n")
        self.repository.commit()
        self.repository.write("helper.py", b"OFFSET = 1\n")
        self.repository.write("train.py", SCRIPT)
        if seeded:
            self.repository.write("seeded", b"")
        data = self.repository.write("data/x.csv", b"1 2 3")
        os.utime(data, (1_000_000_000, 1_000_000_000))

    def first(self, seeds: dict[str, int]) -> Capture:
        """Capture and run where it was written."""
        root = self.repository.root
        pending = start_capture(root, self.blobs, argv=[sys.executable, "train.py"])
        (root / "data" / "x.csv").read_text()  # what the tracked process would do
        pending.early(60)
        self.outcome = rerun(
            [sys.executable, "train.py"], root, {"PYTHONDONTWRITEBYTECODE": "1"}, 60,
            writable=root, output_dir=self.tmp_path / "first", sandbox=False,
        )  # fmt: skip
        capture = pending.finish(seeds, 60)
        # The test's own environment is large; the script needs nothing of it.
        environment = msgspec.structs.replace(
            capture.environment, packages=[], digest=environment_digest(capture.environment.python, [])
        )
        return msgspec.structs.replace(capture, environment=environment)

    def verify(self, capture: Capture) -> Decision:
        """Restore, rebuild, rerun, compare, decide."""
        restored = restore_code(capture.code, self.blobs, self.tmp_path / "again" / "tree")
        built = rebuild_environment(capture.environment, self.tmp_path / "cache", offline=True, compile_bytecode=False)
        move = relocation(capture, restored.root, built.python)
        data = place_inputs(capture, restored.root, self.blobs).checks
        env = clean_environment(capture.environment.variables, move, restored.root.parent / "home", built.extra_paths)
        outcome = rerun(
            rerun_command(capture.process.argv, move), restored.cwd, env, 60,
            writable=restored.root.parent, output_dir=self.tmp_path / "second",
        )  # fmt: skip
        files = {
            "first": self.repository.root / "out/result.json",
            "second": restored.root / "out/result.json",
        }
        digests = {name: digest_file(path) for name, path in files.items()}
        result = result_report(
            [],
            compare_artifacts({"result.json": digests["first"]}, {"result.json": digests["second"]}),
            compare_stdout(self.outcome.stdout_path.read_text(), outcome.stdout_path.read_text()),
            compare_exit_codes(0, outcome.exit_code),
        )
        before = inputs_of(capture)
        after = {key: value for key, value in before.items() if key[0] != "data"}
        after |= {("data", check.name): check.after for check in data}
        conditions = Conditions(
            environment_rebuilt=not built.problems, sandbox=outcome.sandbox, sandbox_note=outcome.sandbox_note
        )
        return decide(compare_inputs(before, after), result, conditions)


@pytest.fixture(autouse=True)
def _needs_uv() -> None:
    try:
        find_uv()
    except EnvironmentNotRebuiltError as error:
        pytest.skip(str(error))


def test_seeded_run_is_reproduced(tmp_path: Path) -> None:
    """Uncommitted code, ignored data and a new environment give the same bytes."""
    run = Run(tmp_path, seeded=True)
    decision = run.verify(run.first({"python": 7}))
    assert (decision.verdict, decision.level) == (Verdict.REPRODUCED, Level.ENVIRONMENT), decision


def test_run_without_a_seed_is_not_reproduced(tmp_path: Path) -> None:
    """And the reason says what to do."""
    run = Run(tmp_path, seeded=False)
    decision = run.verify(run.first({}))
    assert (decision.verdict, decision.level) == (Verdict.NOT_REPRODUCED, Level.NONE)
    assert "seed_everything" in decision.reason


def test_changed_data_is_named(tmp_path: Path) -> None:
    """The first input that differs."""
    run = Run(tmp_path, seeded=True)
    capture = run.first({"python": 7})
    run.repository.write("data/x.csv", b"1 2 3 4")
    decision = run.verify(capture)
    assert (decision.verdict, decision.cause) == (Verdict.NOT_REPRODUCED, ["data data/x.csv"])
