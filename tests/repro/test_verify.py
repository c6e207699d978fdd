"""Verifications of whole runs, as `runward verify` carries them out at level basic."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from runward.core.hashing import digest_file
from runward.errors import EnvironmentNotRebuiltError
from runward.repro import variation
from runward.repro.attempt import Attempt
from runward.repro.environment import RebuiltEnvironment
from runward.repro.model import Variation
from runward.repro.uv import find_uv
from runward.repro.verify import verify
from runward.tracking.capture.model import Capture
from runward.tracking.capture.preload import shim
from runward.tracking.capture.watch import Testimony
from runward.workspace import FolderWorkspace, open_folder

SCRIPT = """
import runward as run
data = open("local.csv").read()
with run.start(project="p", name="early", seed=1):
    run.log_metric("n", float(len(data)))
"""
DRIVER = """
import runward as run
exp = run.Experiment("scripts", project="p")
exp.add(run.Script(inline="echo fixed"), name="script")
exp.run()
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A repository whose data is ignored by git."""
    folder = tmp_path / "repo"
    folder.mkdir()
    (folder / ".gitignore").write_text("local.csv\n")
    (folder / "local.csv").write_text("1,2,3")
    (folder / "script.py").write_text(SCRIPT)
    (folder / "driver.py").write_text(DRIVER)
    (folder / "plain.py").write_text("print(len(open('local.csv').read()))\n")
    os.utime(folder / "local.csv", (1_000_000_000, 1_000_000_000))
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.invalid"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
        subprocess.run([*git, *command], cwd=folder, check=True)
    return folder


def _run(place: Path, *command: str) -> FolderWorkspace:
    env = {**os.environ, "RUNWARD_DIR": str(place.parent / "ws")}
    subprocess.run([sys.executable, *command], cwd=place, env=env, check=True, capture_output=True)
    return open_folder(place.parent / "ws")


def test_what_a_command_writes_at_once_is_not_taken_for_its_code(place: Path) -> None:
    """The tree is read before the command begins, however long that takes it."""
    for number in range(1_000):
        (place / f"note{number}.txt").write_text(f"{number}")
    space = _run(place, "-m", "runward", "run", "-n", "cmd", "--", "sh", "-c", "echo new > early.txt; rm note7.txt")
    capture = json.loads(space.files.capture(space.tracking.resolve_run("cmd").id, "code"))
    paths = {entry["path"] for entry in capture["files"]}
    assert "early.txt" not in paths
    assert "note7.txt" in paths


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["script.py"], "early"),
        (["-m", "runward", "run", "-n", "cmd", "--", sys.executable, "plain.py"], "cmd"),
        (["driver.py"], "script"),
    ],
    ids=["read-before-start", "command", "script-task"],
)
def test_what_a_run_read_comes_along(place: Path, command: list[str], name: str) -> None:
    """Ignored data that was read, before the run began too, is placed; a script task is rerun as that script."""
    report = verify(_run(place, *command), name, level="basic").report
    assert (report.verdict, report.level) == ("reproduced", "basic"), report.reason


@pytest.mark.parametrize("way", ["command", "tracked", "task"])
def test_a_folder_for_results_that_was_there_is_there_again(place: Path, way: str) -> None:
    """An ignored or empty one, which no version control holds; one that the run makes is left to it."""
    (place / ".gitignore").write_text("local.csv\nresults/\nown/\n")
    (place / "results" / "deep").mkdir(parents=True)
    work = "import os; os.mkdir('own'); open('own/a.txt', 'w').write('1'); open('results/deep/b.txt', 'w').write('2')"
    (place / "plain.py").write_text(f"{work}\nprint('done')\n")
    (place / "script.py").write_text(f"import runward\n{work}\n{SCRIPT}")
    command = ["-m", "runward", "run", "-n", "early", "--", sys.executable, "plain.py"]
    if way == "tracked":
        command = ["script.py"]
    if way == "task":
        (place / "driver.py").write_text(DRIVER.replace('inline="echo fixed"', 'path="plain.py", entrypoint="python"'))
        command = ["driver.py"]
    report = verify(_run(place, *command), "script" if way == "task" else "early", level="basic").report
    assert (report.verdict, report.level) == ("reproduced", "basic"), report.reason


def test_changed_data_is_named_and_missing_data_comes_from_the_store(place: Path) -> None:
    space = _run(place, "script.py")
    (place / "local.csv").write_text("1,2,3,4,5")
    changed = verify(space, "early", level="basic").report
    assert (changed.verdict, changed.cause) == ("not_reproduced", ["data local.csv"])
    (place / "local.csv").unlink()
    missing = verify(space, "early", level="basic").report
    assert (missing.verdict, missing.cause) == ("reproduced", [])


def test_changed_data_that_is_opened_to_be_read_and_written_is_no_output(place: Path) -> None:
    """As every SQLite database is: the rerun wrote nothing to it, so the input differs and the result does not."""
    (place / "plain.py").write_text("print(len(open('local.csv', 'r+').read()) > 0)\n")
    space = _run(place, "-m", "runward", "run", "-n", "cmd", "--", sys.executable, "plain.py")
    (place / "local.csv").write_text("1,2,3,4,5")
    report = verify(space, "cmd", level="basic").report
    assert (report.verdict, report.cause, report.result.status) == ("undecided", ["data local.csv"], "identical")


def test_missing_data_that_was_not_kept_is_undecided(place: Path) -> None:
    """It lies outside of the run's folder and is no data by its name, so nothing but its digest is known."""
    far = place.parent / "far.settings"
    far.write_text("1,2,3")
    (place / "script.py").write_text(SCRIPT.replace("local.csv", str(far)))
    space = _run(place, "script.py")
    far.unlink()
    report = verify(space, "early", level="basic").report
    assert report.verdict == "undecided"
    assert (
        f"data {far} is gone from here, and its content was not kept: it lies outside of the run's folder"
        in report.reason
    )


def test_a_rerun_touches_no_workspace(place: Path) -> None:
    """The rerun's own records stay in its folder."""
    space = _run(place, "driver.py")
    before = space.tracking.search_runs().total
    verify(space, "script", level="basic", sandbox=False)
    assert space.tracking.search_runs().total == before


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """An environment of its own with nothing in it but an editable install from a folder beside it."""
    try:
        uv = find_uv()
    except EnvironmentNotRebuiltError as error:
        pytest.skip(str(error))
    venv = tmp_path / "bare"
    subprocess.run([uv, "venv", "-q", "--offline", "--python", sys.executable, str(venv)], check=True)
    source = tmp_path / "lib" / "src"
    (source / "tiny").mkdir(parents=True)
    (source / "tiny" / "__init__.py").write_text("VALUE = 1\n")
    site = next(venv.glob("lib/python*/site-packages"))
    (site / "tiny.pth").write_text(f"{source}\n")
    info = site / "tiny-1.0.dist-info"
    info.mkdir()
    (info / "RECORD").write_text("tiny.pth,,\n")
    origin = {"url": f"file://{tmp_path / 'lib'}", "dir_info": {"editable": True}}
    (info / "direct_url.json").write_text(json.dumps(origin))
    return venv


def test_an_editable_install_comes_back_as_it_was(place: Path, bare: Path) -> None:
    """Its tree is captured with the run; where the live one is used instead, the change in it is named."""
    (place / "plain.py").write_text("import tiny\nprint('value', tiny.VALUE)\n")
    space = _run(place, "-m", "runward", "run", "-n", "cmd", "--", str(bare / "bin" / "python"), "plain.py")
    (bare.parent / "lib/src/tiny/__init__.py").write_text("VALUE = 2\n")
    again = verify(space, "cmd", level="environment").report
    assert (again.verdict, again.level) == ("reproduced", "environment"), again.reason
    live = verify(space, "cmd", level="basic").report
    assert (live.verdict, live.cause) == ("not_reproduced", ["code tiny (editable)"])


def test_the_environment_of_the_command_is_captured_not_ours(place: Path, bare: Path) -> None:
    space = _run(place, "-m", "runward", "run", "-n", "cmd", "--", str(bare / "bin" / "python"), "plain.py")
    run = space.tracking.resolve_run("cmd").id
    found = msgspec.json.decode(space.files.capture(run, "environment"))
    assert found["executable"] == str(bare / "bin" / "python")
    assert [package["name"] for package in found["packages"]] == ["tiny"]


def test_outputs_of_a_command_become_artifacts(place: Path) -> None:
    """Files that it left in its tree, neither what was there nor what it cleared away."""
    (place / "plain.py").write_text(
        "import os\nopen('local.csv').read()\nopen('model.txt', 'w').write('1')\n"
        "open('scratch', 'w').write('2')\nos.unlink('scratch')\n"
    )
    space = _run(place, "-m", "runward", "run", "-n", "cmd", "--", sys.executable, "plain.py")
    detail = space.tracking.get_run(space.tracking.resolve_run("cmd").id)
    assert [artifact.path for artifact in detail.artifacts] == ["outputs/model.txt"]


def test_a_script_task_is_seeded_and_its_reads_are_seen(place: Path) -> None:
    """Native readers' too, where the shim is there; the rerun draws the same."""
    (place / "task.sh").write_text("cat local.csv > /dev/null; python3 -c 'import random; print(random.random())'\n")
    (place / "driver.py").write_text(DRIVER.replace('inline="echo fixed"', 'inline="sh task.sh"'))
    space = _run(place, "driver.py")
    run = space.tracking.resolve_run("script").id
    reads = msgspec.json.decode(space.files.capture(run, "reads"))["reads"]
    if shim().path is not None:
        assert [read["relative"] for read in reads if read["method"] == "preload"] == ["local.csv", "task.sh"]
    report = verify(space, "script", level="basic").report
    assert (report.verdict, report.level) == ("reproduced", "basic"), report.result


@pytest.mark.parametrize(
    ("kernels", "threads", "name"),
    [
        ({"libopenblas.so": "SkylakeX"}, {"libgomp": 8}, "AVX2 kernels"),
        ({"torch": "AVX512"}, {}, "AVX2 kernels"),
        ({"libopenblas.so": "Haswell"}, {"libgomp": 8}, "one thread"),
        ({}, {"libgomp": 1}, None),
    ],
)
def test_what_is_varied(kernels: dict[str, str], threads: dict[str, int], name: str | None) -> None:
    """Kernels before threads; nothing where there is nothing to vary."""
    chosen = variation.choose(Testimony(kernels=kernels, threads=threads))
    assert (chosen.name if chosen else None) == name


def test_a_variation_stands_in_the_report_and_costs_no_level(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "plain.py").write_text("import os\nprint('threads', os.environ.get('OMP_NUM_THREADS'))\n")
    monkeypatch.setattr(variation, "choose", lambda heard: Variation(name="one thread", variables=variation.ONE_THREAD))
    space = _run(place, "-m", "runward", "run", "-n", "cmd", "--", sys.executable, "plain.py")
    monkeypatch.setattr(Attempt, "_environment", lambda self, capture, restored, level: _captured(capture))
    report = verify(space, "cmd", level="environment").report
    assert report.level == "environment"
    assert report.variation is not None
    assert (report.variation.status, "'threads None' became 'threads 1'" in report.variation.detail) == (
        "different",
        True,
    )
    assert verify(space, "cmd", level="environment", vary=False).report.variation is None


def _captured(capture: Capture) -> RebuiltEnvironment:
    return RebuiltEnvironment(python=Path(capture.environment.executable), digest="", created=True)


def test_native_reads_that_nobody_saw_are_said(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNWARD_PRELOAD", "0")
    space = _run(place, "-m", "runward", "run", "-n", "cmd", "--", sys.executable, "plain.py")
    report = verify(space, "cmd", level="basic").report
    assert [text for text in report.unchecked if "native readers" in text]
    assert report.conditions.reads_seen == {"audit-hook": 1}


def test_a_certificate_names_what_went_in_and_what_was_varied(place: Path) -> None:
    space = _run(place, "script.py")
    envelope = verify(space, "early", level="basic").record.certificate
    assert envelope is not None
    statement = json.loads(base64.b64decode(envelope["payload"]))
    predicate = statement["predicate"]
    assert predicate["data"] == {"local.csv": digest_file(place / "local.csv")}
    assert set(predicate["inputs"]) >= {"code", "environment", "reads"}
    assert (predicate["different"], predicate["varied"]) == ([], {})
    assert [subject["name"] for subject in statement["subject"]] == ["run"]


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import socket\nsocket.create_connection(('example.invalid', 80), 5)\n", "network"),
        ("raise RuntimeError('No CUDA GPUs are available')\n", "needs a GPU"),
        ("raise OSError(28, 'No space left on device')\n", "disk was full"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n", "killed by the system"),
        ("raise ValueError('my own mistake')\n", "exit code 1: ValueError: my own mistake"),
        ("api_key = 'a1b2c3d4e5f6a7b8c9'\nraise ValueError(api_key)\n", "secrets in fails.py were not recorded"),
    ],
    ids=["network", "gpu", "disk", "memory", "own", "secret"],
)
def test_what_the_machine_lacks_is_no_result(place: Path, program: str, reason: str) -> None:
    """A rerun that fails by itself is not reproduced; one that lacks something says so and decides nothing."""
    (place / "fails.py").write_text(
        f"import os\nif os.environ['HOME'].startswith({str(place.parent)!r}):\n    print(1)\nelse:\n    "
    )
    with (place / "fails.py").open("a") as file:
        file.write("\n    ".join(program.strip().splitlines()) + "\n")
    env = {**os.environ, "RUNWARD_DIR": str(place.parent / "ws"), "HOME": str(place.parent)}
    command = [sys.executable, "-m", "runward", "run", "-n", "fails", "--", sys.executable, "fails.py"]
    subprocess.run(command, cwd=place, env=env, check=True, capture_output=True)
    report = verify(open_folder(place.parent / "ws"), "fails", level="basic").report
    assert report.verdict == ("not_reproduced" if "own" in reason else "undecided")
    assert reason in report.reason


def test_an_input_that_the_run_took_away_is_no_result(place: Path) -> None:
    """Nothing is left of it that could be recorded; a file of which something is known is missed by the code alone."""
    (place / "plain.py").write_text("import os; print(open('local.csv').read()); os.unlink('local.csv')\n")
    space = _run(place, "-m", "runward", "run", "-n", "cmd", "--", sys.executable, "plain.py")
    report = verify(space, "cmd", level="basic").report
    assert (report.verdict, "it found no local.csv" in report.reason) == ("undecided", True)
    flag = place.parent / "flag"
    (place / "plain.py").write_text(
        f"import os; os.path.exists('{flag}') and os.unlink('script.py'); print(len(open('script.py').read()))\n"
    )
    space = _run(place, "-m", "runward", "run", "-n", "own", "--", sys.executable, "plain.py")
    flag.touch()
    report = verify(space, "own", level="basic").report
    assert (report.verdict, "No such file" in report.reason) == ("not_reproduced", True)


def test_a_captured_file_that_changed_since_is_told(place: Path) -> None:
    """The rerun reads the captured one, so it holds; whoever reads the report learns that the folder has moved on."""
    (place / "settings.yaml").write_text("1")
    (place / "plain.py").write_text("print(open('settings.yaml').read())\n")
    space = _run(place, "-m", "runward", "run", "-n", "cmd", "--", sys.executable, "plain.py")
    assert verify(space, "cmd", level="basic").report.conditions.changed_since == []
    (place / "settings.yaml").write_text("2")
    report = verify(space, "cmd", level="basic").report
    assert (report.level, report.conditions.changed_since) == ("basic", ["settings.yaml"])
