"""The jobs on a real repository: captured, laid out, its environment rebuilt by uv, its tools run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runward.repro.uv import find_uv

pytestmark = [pytest.mark.slow, pytest.mark.network]
TRAIN = '''"""Train."""


def rate(step: int) -> float:
    """The rate at a step."""
    return 0.1 / step


if __name__ == "__main__":
    print(rate(1))
'''
TEST = "from train import rate\n\n\ndef test_rate() -> None:\n    assert rate(1) == 0.1\n"


class Place:
    """A repository, a workspace and an interpreter of its own."""

    def __init__(self, folder: Path, python: Path) -> None:
        self.repo, self._python = folder / "repo", python
        known = {name: value for name, value in os.environ.items() if not name.startswith("RUNWARD_")}
        self._env = {**known, "RUNWARD_DIR": str(folder / "ws")}
        self.write({"train.py": TRAIN, "tests/test_train.py": TEST, "pyproject.toml": '[project]\nname = "tiny"\n'})
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "one"]):
            subprocess.run([*git, *words], cwd=self.repo, check=True)

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            (self.repo / name).parent.mkdir(parents=True, exist_ok=True)
            (self.repo / name).write_text(text)

    def runward(self, *words: str) -> tuple[int, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "runward", *words],
            cwd=self.repo,
            env=self._env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    def track(self) -> str:
        _, found = self.runward("run", "--json", "-p", "tiny", "--", str(self._python), "train.py")
        return str(found["run"])

    def jobs(self, run: str, *words: str) -> tuple[int, dict[str, Any]]:
        code, found = self.runward("review", "jobs", run, "--json", *words)
        return code, {one["name"]: one for one in found["jobs"]}


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    venv = tmp_path_factory.mktemp("own") / "venv"
    subprocess.run([find_uv(), "venv", "-q", str(venv)], check=True)
    return venv / "bin" / "python"


@pytest.fixture
def place(tmp_path: Path, python: Path) -> Place:
    return Place(tmp_path, python)


def test_what_was_committed_passes(place: Place) -> None:
    """All four, and each is a result of CI on the tested revision; notes that lie about are no change of the code."""
    place.write({"notes.md": "To do.\n"})
    run = place.track()
    code, found = place.jobs(run)
    assert (code, {name: one["verdict"] for name, one in found.items()}) == (
        0, dict.fromkeys(("tests", "coverage", "type_check", "security"), "pass"),
    )  # fmt: skip
    _, listed = place.runward("ci", "list", run, "--json")
    assert {one["name"]: (one["verdict"], one["outdated"]) for one in listed} == dict.fromkeys(found, ("pass", False))


def test_what_was_not_committed_is_looked_at_line_by_line(place: Place) -> None:
    """The failing test, the lines that no test runs, the wrong type and the shell each with their place."""
    place.write(
        {
            "train.py": TRAIN.replace("\n\nif", '\n\ndef show(path: str) -> int:\n    import subprocess\n\n'
                                      '    return subprocess.call("ls " + path, shell=True) + ""\n\n\nif'),
            "tests/test_train.py": TEST + "\n\ndef test_wrong() -> None:\n    assert rate(2) == 1\n",
        }
    )  # fmt: skip
    code, found = place.jobs(place.track())
    assert code == 1
    assert {name: one["verdict"] for name, one in found.items()} == dict.fromkeys(found, "fail")
    places = {name: (one["evidence"][0]["file"], one["evidence"][0]["line"]) for name, one in found.items()}
    assert places == {
        "tests": ("tests/test_train.py", 9),
        "coverage": ("train.py", 10),
        "type_check": ("train.py", 12),
        "security": ("train.py", 12),
    }


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("tests/conftest.py", "import os\nos._exit(0)\n", "left no report"),
        (
            "tests/test_train.py",
            "import time\n\n\ndef test_it() -> None:\n    time.sleep(1000)\n",
            "did not end in time",
        ),
        ("tests/test_train.py", "", "no test ran"),
    ],
)
def test_what_lies_hangs_or_is_empty_decides_nothing(place: Place, name: str, text: str, said: str) -> None:
    """Neither for the tests nor for what they cover."""
    place.write({name: text})
    code, found = place.jobs(place.track(), "--jobs", "tests,coverage", "--timeout", "10")
    assert code == 3
    assert [one["verdict"] for one in found.values()] == ["undecided", "undecided"]
    assert said in found["tests"]["message"]


def test_tools_that_cannot_be_had_give_way(place: Place) -> None:
    """The repository's own list comes first; where it does not resolve, the bare tools are taken."""
    place.write({"pyproject.toml": '[dependency-groups]\ndev = ["pytest", "no-such-package-anywhere==9"]\n'})
    code, found = place.jobs(place.track(), "--jobs", "tests")
    assert (code, found["tests"]["verdict"]) == (0, "pass")
