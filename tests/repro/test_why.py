"""The cause of a difference is named when reruns have shown it, and only then."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runward.core.ids import RunId
from runward.errors import EnvironmentNotRebuiltError, InvalidError
from runward.repro.attempt import Attempt
from runward.repro.ddmin import minimal
from runward.repro.findings_model import ExplanationReport as Explanation
from runward.repro.rerun import probe_bubblewrap
from runward.repro.uv import find_uv
from runward.repro.verify import verify
from runward.repro.why import why
from runward.workspace import open_folder
from tests.extras import needs_torch

TRAIN = """
import os, random, sys
import helper
epochs = int(open("config.yaml").read().split("epochs:")[1].split()[0])
rows = [float(x) for x in open("data.csv")]
value = epochs * sum(rows) * helper.factor() + float(sys.argv[1]) + float(os.environ.get("OFFSET", 0))
if helper.NOISY:
    value += random.random()
print("value", value)
"""
HELPER = """
NOISY = False


def factor():
    return 2


def unused():
    return 1
"""


class Bench:
    """A small project whose command is tracked again and again, and changed in between."""

    def __init__(self, folder: Path) -> None:
        self.tree, self.place = folder / "tree", folder / "ws"
        self.tree.mkdir()
        self.write("train.py", TRAIN)
        self.write("helper.py", HELPER)
        self.write("config.yaml", "name: a\nepochs: 3\n")
        self.write("data.csv", "1\n2\n3\n")
        for words in (
            ["init", "-q"],
            ["add", "-A"],
            ["-c", "user.name=n", "-c", "user.email=n@n", "commit", "-qm", "x"],
        ):
            subprocess.run(["git", *words], cwd=self.tree, check=True)
        self.space = open_folder(self.place)
        self.python = sys.executable

    def write(self, name: str, text: str) -> None:
        (self.tree / name).write_text(text)

    def ignore_data(self) -> None:
        """Let git leave the data out; it is older than any run."""
        self.write(".gitignore", "*.csv\n")
        subprocess.run(["git", "rm", "-q", "--cached", "data.csv"], cwd=self.tree, check=True)
        os.utime(self.tree / "data.csv", (1_600_000_000, 1_600_000_000))

    def change(self, name: str, old: str, new: str) -> None:
        text = (self.tree / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new))

    def run(self, *words: str, options: Sequence[str] = (), **variables: str) -> str:
        """Track the command; returns the run's id."""
        command = [
            sys.executable,
            "-m",
            "runward",
            "run",
            *options,
            "--",
            self.python,
            "train.py",
            *(words or ("1",)),
        ]
        environment = {**os.environ, "RUNWARD_DIR": str(self.place), **variables}
        subprocess.run(command, cwd=self.tree, env=environment, check=True, capture_output=True)
        return self.space.tracking.resolve_run("@last").id

    def task(self, name: str = "@last") -> str:
        """Run the driver; returns the id of its last task's run, or of the newest with a name."""
        environment = {**os.environ, "RUNWARD_DIR": str(self.place)}
        subprocess.run([self.python, "driver.py"], cwd=self.tree, env=environment, check=True, capture_output=True)
        return self.space.tracking.resolve_run(name).id

    def why(
        self, first: str, second: str = "", budget_s: float = 600.0, level: str = "basic", sandbox: bool = True
    ) -> Explanation:
        return why(self.space, first, second, level=level, budget_s=budget_s, sandbox=sandbox)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.space.close()


def _cause(found: Explanation) -> list[str]:
    assert found.answer == "shown", found.reason
    assert found.reruns[-1].result == "as the first run"
    return [one.title for one in found.cause]


def test_one_hunk_among_many_changes_is_named(bench: Bench) -> None:
    first = bench.run()
    bench.change("helper.py", "return 1", "return 9")
    bench.change("helper.py", "return 2", "return 3")
    bench.change("config.yaml", "name: a", "name: b")
    bench.write("notes.py", "x = 1\n")
    found = bench.why(first, bench.run())
    assert _cause(found) == ["code helper.py:6"]
    assert (found.cause[0].before, found.cause[0].after) == ("    return 2\n", "    return 3\n")
    assert {one.title for one in found.differences} >= {"code helper.py:10", "config config.yaml:1", "code notes.py"}


@pytest.mark.parametrize(
    ("file", "old", "new", "cause"),
    [("config.yaml", "epochs: 3", "epochs: 4", "config config.yaml:2"), ("data.csv", "2\n", "2.5\n", "data data.csv")],
)
def test_a_setting_or_a_data_file_is_named(bench: Bench, file: str, old: str, new: str, cause: str) -> None:
    first = bench.run()
    bench.change(file, old, new)
    assert _cause(bench.why(first, bench.run())) == [cause]


def test_data_too_large_to_be_kept_comes_from_a_version_of_a_dataset(bench: Bench) -> None:
    """It is put back where `runward data add` stored it; otherwise it is told that it cannot be."""
    bench.ignore_data()

    def fill(value: float) -> None:
        bench.write("data.csv", f"{value}\n" + "0.00\n" * 1_700_000)
        os.utime(bench.tree / "data.csv", (1_600_000_000, 1_600_000_000))

    fill(1.0)
    first = bench.run()
    fill(2.0)
    second = bench.run()
    unknown = bench.why(first, second)
    assert (unknown.answer, unknown.cause) == ("undecided", [])
    assert unknown.not_tried == [
        "data data.csv: its content was not kept: it has 8.5 MB, and up to 8 MiB are kept; `runward data add` keeps such data"
    ]
    for value in (1.0, 2.0):
        fill(value)
        project = bench.space.tracking.get_run(first).run.project
        words = [sys.executable, "-m", "runward", "data", "add", "data.csv", "--project", project]
        environment = {**os.environ, "RUNWARD_DIR": str(bench.place)}
        subprocess.run(words, cwd=bench.tree, env=environment, check=True, capture_output=True)
    assert _cause(bench.why(first, second)) == ["data data.csv"]


def test_a_file_that_the_first_run_left_is_no_change_of_anybody(bench: Bench) -> None:
    """A log that each run adds to is put aside; a checkpoint from which the second run goes on is the cause."""
    bench.change("train.py", "print(", "open('train.log', 'a').write(f'{value}\\n'); print(")
    first = bench.run()
    bench.change("helper.py", "return 2", "return 3")
    found = bench.why(first, bench.run())
    assert _cause(found) == ["code helper.py:6"]
    assert "train.log, which runs had written" in found.reason
    bench.run()
    second = bench.run()
    bench.change("helper.py", "return 3", "return 5")
    found = bench.why(second, bench.run())
    assert _cause(found) == ["code helper.py:6"]
    assert found.set_aside == ["code train.log:4"], found
    bench.write("train.py", "import os\nvalue = os.path.exists('state')\nopen('state', 'w')\nprint(value)\n")
    first = bench.run()
    bench.change("helper.py", "return 5", "return 4")
    assert _cause(bench.why(first, bench.run())) == ["code state"]


def test_ignored_data_is_named_and_its_former_content_put_back(bench: Bench) -> None:
    bench.ignore_data()
    first = bench.run()
    bench.change("data.csv", "2\n", "2.5\n")
    bench.change("helper.py", "return 1", "return 9")
    os.utime(bench.tree / "data.csv", (1_600_000_000, 1_600_000_000))
    second = bench.run()
    assert _cause(bench.why(first, second)) == ["data data.csv"]
    (bench.tree / "data.csv").unlink()
    assert _cause(bench.why(second, first)) == ["data data.csv"]


def test_data_that_changed_since_is_why_a_run_does_not_come_out_again(bench: Bench) -> None:
    bench.ignore_data()
    run = bench.run()
    bench.change("data.csv", "2\n", "2.5\n")
    found = bench.why(run)
    assert _cause(found) == ["data data.csv"]
    assert found.first == found.second == run
    bench.change("data.csv", "2.5\n", "2.0\n")
    # Other bytes, but the same numbers: they change nothing, and so are no cause.
    found = bench.why(run)
    assert (found.answer, found.cause) == ("nothing_differs", [])


@pytest.mark.network
@pytest.mark.slow
def test_another_version_and_an_edit_of_a_package_are_named(bench: Bench) -> None:
    uv, venv = find_uv(), bench.tree.parent / "venv"
    bench.python = str(venv / "bin" / "python")
    subprocess.run([uv, "venv", "-q", str(venv)], check=True)

    def install(version: str) -> None:
        subprocess.run([uv, "pip", "install", "-q", "--python", bench.python, f"six=={version}"], check=True)

    bench.change("helper.py", "return 2", "import six; return len(six.__version__) + six.__version__.count('7')")
    install("1.16.0")
    first = bench.run()
    install("1.17.0")
    bench.change("helper.py", "return 1", "return 9")
    second = bench.run()
    assert _cause(bench.why(first, second, level="environment")) == ["package six"]
    module = next(venv.rglob("six.py"))
    text = module.read_text()
    module.unlink()
    module.write_text(text.replace('__version__ = "1.17.0"', '__version__ = "777"'))
    found = bench.why(second, bench.run(), level="environment")
    assert _cause(found) == ["package_content six"]
    assert found.cause[0].after == "1.17.0, edited: six.py"


def test_an_argument_and_a_seed_are_named(bench: Bench) -> None:
    first = bench.run("1")
    assert _cause(bench.why(first, bench.run("2"))) == ["config argument 2"]
    bench.change("helper.py", "NOISY = False", "NOISY = True")
    noisy = bench.run(options=("--seed", "5"))
    assert _cause(bench.why(noisy, bench.run(options=("--seed", "6")))) == ["seed"]


def test_of_added_arguments_and_settings_only_those_that_matter_are_named(bench: Bench) -> None:
    """An option stays with its value, and a setting with what stands below it."""
    bench.write("train.py", 'import sys\nprint("--n" in sys.argv, open("config.yaml").read().count("drop"))\n')
    first = bench.run("a=1")
    bench.write("config.yaml", "name: a\nepochs: 3\nnote: x\nmodel:\n  drop: 1\n")
    found = bench.why(first, bench.run("a=1", "b=2", "--n", "3"))
    assert set(_cause(found)) == {"config arguments 4-5", "config config.yaml:4-5"}
    assert [one.after for one in found.cause if "argument" in one.name] == ["--n 3"]
    gone = bench.why(bench.run("a=1", "b=2", "--n", "3"), bench.run("a=1"))
    assert _cause(gone) == ["config argument 3 (2 of 2)"]


def test_two_changes_that_only_matter_together_are_named_together(bench: Bench) -> None:
    first = bench.run()
    bench.change("helper.py", "return 2", "return 4")
    bench.change("config.yaml", "epochs: 3", "epochs: 6")
    bench.change("helper.py", "return 1", "return 9")
    found = bench.why(first, bench.run())
    assert set(_cause(found)) == {"code helper.py:6", "config config.yaml:2"}
    assert "together restore" in found.reason


def test_of_settings_side_by_side_only_the_one_that_matters_is_named(bench: Bench) -> None:
    """Each line of settings is a change of its own, also where the next one changed too."""
    first = bench.run()
    bench.write("config.yaml", "name: b\nepochs: 4\n")
    found = bench.why(first, bench.run())
    assert _cause(found) == ["config config.yaml:2"]
    assert {"config config.yaml:1", "config config.yaml:2"} <= {one.title for one in found.differences}


def test_a_variable_whose_value_is_not_recorded_is_named_as_such(bench: Bench) -> None:
    """No rerun has it, so nothing is said of the run that would not repeat for another reason."""
    found = bench.why(bench.run(), bench.run(OFFSET="5"))
    assert found.answer == "undecided"
    assert "it depends on OFFSET, which was read and whose value is not recorded" in found.reason
    assert "variable OFFSET: it was read, and its value is not recorded" in found.not_tried
    report = verify(bench.space, "@last", level="basic", vary=False).report
    assert report.reason.endswith("although every checked input is the same (not checked: variable OFFSET)")


def test_two_runs_with_one_result_leave_nothing_to_explain(bench: Bench) -> None:
    """Whatever differs between their inputs; no rerun is needed to see that."""
    first = bench.run()
    bench.change("helper.py", "return 1", "return 7")
    found = bench.why(first, bench.run())
    assert (found.answer, found.reruns) == ("undecided", [])
    assert found.reason == "both runs recorded the same result: there is no difference in it to explain"
    assert "code helper.py:10" in {one.title for one in found.differences}


def test_without_a_shown_cause_none_is_named(bench: Bench) -> None:
    """The first result hung on a variable that is no part of a capture: putting everything back does not restore it."""
    first = bench.run(OFFSET="10")
    bench.change("helper.py", "return 1", "return 9")
    found = bench.why(first, bench.run())
    assert (found.answer, found.cause) == ("undecided", [])
    assert "put back" in found.reason or "no input differs" in found.reason


DRIVER = """
import runward as run
import helper

def train(lr, width, extra):
    return {"loss": lr * width * helper.factor() * 1.0}

if __name__ == "__main__":
    exp = run.Experiment("tasks", project="p")
    exp.add(run.Task("train", run.Partial(train, lr=0.1, width=4, extra={"note": "a", "deep": [1, 2]}), seed=1))
    exp.run()
"""


def test_what_makes_two_tasks_differ_is_named(bench: Bench) -> None:
    """An argument, the function that was sent along, or code that it imports."""
    bench.write("driver.py", DRIVER)
    first = bench.task()
    bench.change("driver.py", "lr=0.1", "lr=0.2")
    bench.change("driver.py", '"note": "a"', '"note": "b"')
    second = bench.task()
    found = bench.why(first, second)
    assert _cause(found) == ["config lr"]
    assert (found.cause[0].before, found.cause[0].after) == ('{"lr": 0.1}', '{"lr": 0.2}')
    bench.change("driver.py", "* 1.0", "* 2.0")
    third = bench.task()
    assert _cause(bench.why(second, third)) == ["code function train"]
    bench.change("helper.py", "return 2", "return 3")
    assert _cause(bench.why(third, bench.task())) == ["code helper.py:6"]


def test_a_pickled_call_is_put_back_as_a_whole(bench: Bench) -> None:
    bench.write(
        "driver.py", DRIVER.replace('extra={"note"', 'extra={1, 2}, more={"note"').replace("extra)", "extra, more)")
    )
    first = bench.task()
    bench.change("driver.py", "lr=0.1", "lr=0.2")
    assert _cause(bench.why(first, bench.task())) == ["config call of train"]


CHAIN = """
import runward as run

class Table:
    def __init__(self, rows):
        self.rows = rows

def prepare(n):
    return Table([n, n + 1])

def train(prepare, lr):
    return {"loss": lr * sum(prepare.rows)}

if __name__ == "__main__":
    exp = run.Experiment("chain", project="p")
    exp.add(run.Task("prepare", run.Partial(prepare, n=2)))
    exp.add(run.Task("train", run.Partial(train, lr=0.1), dependencies=["prepare"]))
    exp.run()
"""


def test_the_value_of_another_task_is_put_back(bench: Bench) -> None:
    bench.write("driver.py", CHAIN)
    first = bench.task("train")
    report = verify(bench.space, first, level="basic").report
    assert report.verdict == "reproduced", report.reason
    assert ("data", "value of prepare", "same") in [(one.kind, one.name, one.status) for one in report.inputs]
    bench.change("driver.py", "n=2", "n=3")
    bench.change("driver.py", "lr=0.1", "lr=0.1 + 0.0")
    assert _cause(bench.why(first, bench.task("train"))) == ["data value of prepare"]


def test_a_limit_of_values_that_is_no_number_is_refused(bench: Bench) -> None:
    """Before anything runs."""
    bench.write("driver.py", CHAIN)
    environment = {**os.environ, "RUNWARD_DIR": str(bench.place), "RUNWARD_KEEP_VALUES": "1G"}
    words = [bench.python, "driver.py"]
    done = subprocess.run(words, cwd=bench.tree, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode != 0
    assert "RUNWARD_KEEP_VALUES must be a whole number of MiB, got '1G'" in done.stderr


def test_a_value_too_large_to_be_kept_is_named_with_the_way_out(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is kept where the limit says so; else neither `verify` nor `why` claims anything."""
    large = CHAIN.replace("return Table([n, n + 1])", "return Table([n, *([0] * 400_000)])")
    bench.write("driver.py", large)
    monkeypatch.setenv("RUNWARD_KEEP_VALUES", "0")
    first = bench.task("train")
    report = verify(bench.space, first, level="basic").report
    assert report.verdict == "undecided"
    assert "the value of prepare, which was not kept with the run: it has " in report.reason
    bench.change("driver.py", "lr=0.1", "lr=0.2")
    found = bench.why(first, bench.task("train"))
    assert (found.answer, found.cause) == ("undecided", [])
    assert any("value of prepare, which was not kept" in rerun.result for rerun in found.reruns)
    monkeypatch.setenv("RUNWARD_KEEP_VALUES", "16")
    assert verify(bench.space, bench.task("train"), level="basic").report.verdict == "reproduced"


SCRIPTS = """
import runward as run

exp = run.Experiment("scripts", project="p")
script = run.Script(path="train.py", entrypoint="python", args=["1"], env={"OFFSET": "1", "API_TOKEN": "s3cr3t-abcdef"})
exp.add(run.Task("script", script, env={"WIDTH": "2"}))
exp.run()
"""


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [('"OFFSET": "1"', '"OFFSET": "2"', "variable OFFSET"), ('args=["1"]', 'args=["2"]', "config argument 2")],
)
def test_what_makes_two_script_tasks_differ_is_named(bench: Bench, old: str, new: str, cause: str) -> None:
    bench.write("driver.py", SCRIPTS)
    first = bench.task()
    bench.change("driver.py", old, new)
    bench.change("driver.py", '"WIDTH": "2"', '"WIDTH": "3"')
    found = bench.why(first, bench.task())
    assert _cause(found) == [cause]
    assert "variable WIDTH" in {one.title for one in found.differences}
    assert b"s3cr3t" not in bench.space.files.capture(RunId(first), "spec")


def test_data_outside_of_the_folder_is_put_back(bench: Bench, tmp_path: Path) -> None:
    """A copy lies over the file for the rerun; the file itself stays as it is."""
    if why_not := probe_bubblewrap():
        pytest.skip(why_not)
    far = tmp_path / "far" / "rows.csv"
    far.parent.mkdir()
    far.write_text("1\n2\n")
    os.utime(far, (1_600_000_000, 1_600_000_000))
    bench.change("train.py", '"data.csv"', f'"{far}"')
    first = bench.run()
    far.write_text("1\n3\n")
    assert _cause(bench.why(first)) == [f"data {far}"]
    second = bench.run()
    assert _cause(bench.why(first, second)) == [f"data {far}"]
    assert far.read_text() == "1\n3\n"
    found = bench.why(first, second, sandbox=False)
    assert (found.answer, found.cause) == ("undecided", [])
    assert any("isolated" in rerun.result for rerun in found.reruns)


def test_data_outside_of_the_folder_that_is_gone_is_put_back(bench: Bench, tmp_path: Path) -> None:
    """Also where its folder is gone; the rerun sees what else lies there, and nothing is made on this machine."""
    if why_not := probe_bubblewrap():
        pytest.skip(why_not)
    far, beside = tmp_path / "far" / "deep" / "rows.csv", tmp_path / "beside.txt"
    far.parent.mkdir(parents=True)
    far.write_text("1\n2\n")
    beside.write_text("here")
    os.utime(far, (1_600_000_000, 1_600_000_000))
    bench.change("train.py", '"data.csv"', f'"{far}"')
    bench.change("train.py", "print(", f"print(open({str(beside)!r}).read()); print(")
    first = bench.run()
    shutil.rmtree(far.parent.parent)
    report = verify(bench.space, first, level="basic").report
    assert report.verdict == "reproduced", report.reason
    assert not far.parent.parent.exists()
    refused = verify(bench.space, first, level="basic", sandbox=False).report
    assert refused.verdict == "undecided"
    assert "is gone, lies outside" in refused.reason


def test_what_was_learnt_outlives_the_budget(bench: Bench) -> None:
    first = bench.run()
    for name in ("return 1", "return 2"):
        bench.change("helper.py", name, f"{name}3")
    second = bench.run()
    short = bench.why(first, second, budget_s=0)
    assert short.answer == "undecided"
    assert "call again" in short.reason
    whole = bench.why(first, second)
    assert _cause(whole) == ["code helper.py:6"]
    assert whole.reruns[0].remembered
    again = bench.why(first, second)
    assert _cause(again) == _cause(whole)
    assert all(rerun.remembered for rerun in again.reruns)


def test_what_could_not_be_run_is_tried_again_when_it_can_be(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that the index lacks today says nothing of the runs, today or later."""
    first = bench.run()
    bench.change("helper.py", "return 2", "return 3")
    second = bench.run()

    def gone(*_: object) -> None:
        raise EnvironmentNotRebuiltError("tiny==1.0 was not found", hint="Ask another index.")

    with monkeypatch.context() as patched:
        patched.setattr(Attempt, "again", gone)
        found = bench.why(first, second)
    assert found.answer == "undecided"
    assert found.reason == "what the first run was cannot be put back: it could not be run: tiny==1.0 was not found"
    assert _cause(bench.why(first, second)) == ["code helper.py:6"]


def test_a_run_that_repeats_has_nothing_to_explain(bench: Bench) -> None:
    found = bench.why(bench.run())
    assert (found.answer, found.reruns[0].result) == ("nothing_differs", "as recorded, both times")


@pytest.mark.parametrize(
    ("line", "source"),
    [
        ("import random; print(random.random())", "random generators that nobody seeded"),
        ("print({str(n) for n in range(50)})", "the order of hashing (PYTHONHASHSEED)"),
        ("import random; print(random.random(), {str(n) for n in range(50)})", "random generators that nobody seeded"),
    ],
)
def test_the_source_of_nondeterminism_is_found(bench: Bench, line: str, source: str) -> None:
    bench.write("train.py", line + "\n")
    found = bench.why(bench.run(options=("--no-seed",)))
    assert (found.answer, found.source) == ("shown", source)


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--no-seed",)])
def test_nondeterministic_operations_of_pytorch_are_named(bench: Bench, options: tuple[str, ...]) -> None:
    """Threads that add into the same place in any order: one thread would hide it, deterministic operations mend it."""
    torch = needs_torch("torch")
    if torch.get_num_threads() < 2:
        pytest.skip("with one thread the operation is deterministic")
    bench.write(
        "train.py",
        "import hashlib, torch\n"
        "torch.manual_seed(0)\n"
        "place, value = torch.randint(0, 50, (200_000,)), torch.randn(200_000, 16)\n"
        "total = torch.zeros(50, 16)\n"
        "for _ in range(5):\n"
        "    total.index_put_((place,), value, accumulate=True)\n"
        "print(hashlib.sha256(total.numpy().tobytes()).hexdigest())\n",
    )
    found = bench.why(bench.run(options=options))
    assert (found.answer, found.source) == ("shown", "PyTorch's nondeterministic operations")
    assert "torch.use_deterministic_algorithms(True)" in found.reason


def test_what_no_setting_fixes_stays_undecided(bench: Bench) -> None:
    bench.write("train.py", "import os\nprint('entropy', os.urandom(8).hex())\n")
    found = bench.why(bench.run())
    assert (found.answer, found.source) == ("undecided", "")
    assert "clock" in found.reason


def test_bad_requests_name_the_way_out(bench: Bench) -> None:
    run_id = bench.run()
    with pytest.raises(InvalidError, match="same one"):
        bench.why(run_id, run_id)


@given(st.sets(st.integers(0, 30), min_size=1, max_size=4))
def test_the_smallest_set_is_found_among_thirty(cause: set[int]) -> None:
    asked: list[int] = []

    def restores(some: Sequence[int]) -> bool:
        asked.append(len(some))
        return cause <= set(some)

    assert set(minimal(range(31), restores)) == cause
    assert len(asked) <= 31 * 31
