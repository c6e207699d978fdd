"""``runward env``: show, diff, lock."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec
import pytest

from runward.face import current_workspace
from runward.repro.pylock import WrittenLock
from runward.testing.environments import captured
from runward.tracking.model import CapturePart
from tests.cli.conftest import Cli

PYLOCK = (Path(__file__).parents[1] / "locks" / "samples" / "pylock.toml").read_text()


@pytest.fixture
def two_runs(cli: Cli, folder: Path) -> None:
    cli("projects", "create", "demo")
    space = current_workspace()
    files = {"pylock.toml": PYLOCK, "renv.lock": "{"}
    captured(space, "demo", "one", "3.11.7", {"six": "1.16.0", "iniconfig": "2.1.0"}, files)
    captured(space, "demo", "two", "3.12.1", {"six": "1.17.0"}, {})


@pytest.mark.usefixtures("two_runs")
def test_show(cli: Cli) -> None:
    """What ran, and what its locks say."""
    text = cli("env", "show", "one").out
    assert "CPython 3.11.7 on Linux" in text
    assert "pylock.toml  (pylock, " in text
    assert "six 1.16.0" in text
    assert "gpus: H100 (driver driver of 3.11.7)" in text
    assert cli.json("env", "show", "one")["locks"][0]["path"] == "pylock.toml"
    shown = cli.json("env", "show", "one", "--lock", "pylock.toml")
    assert [package["name"] for package in shown["packages"]] == ["colorama", "iniconfig", "six", "snowballstemmer"]
    assert "cannot be read" in cli("env", "show", "one", "--lock", "renv.lock").out
    assert cli("env", "show", "one", "--lock", "gone").code == 2


@pytest.mark.usefixtures("two_runs")
def test_diff(cli: Cli) -> None:
    """Exit code 1 where anything differs."""
    said = cli("env", "diff", "one", "two")
    assert said.code == 1
    lines = [
        "python: 3.11.7 → 3.12.1",
        "variable LANG: one → two",
        "python iniconfig: 2.1.0 → –",
        "python six: 1.16.0 → 1.17.0",
    ]
    assert [line for line in said.out.splitlines() if line in lines] == lines
    assert "removed pylock.toml (pylock)" in said.out
    assert cli("env", "diff", "one", "one").out == "nothing differs\n"
    assert cli("env", "diff", "one", "one", "--json").json["packages"] == []


@pytest.mark.usefixtures("two_runs")
def test_a_stored_lock(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is taken as it is where it is whole; one with gaps is written anew, and stays where that gives nothing better."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    assert "pylock.toml: not stored with the run" in cli("env", "show", "one").out
    space = current_workspace()
    run_id = space.tracking.resolve_run("two").id

    def store(text: str, left_out: dict[str, str]) -> None:
        lock = WrittenLock(text=text, digest="d", packages=1, left_out=left_out)
        digest = space.files.put_bytes("demo", msgspec.json.encode(lock))
        part = CapturePart("pylock", digest, {"packages": 1, "left_out": list(left_out)})
        space.tracking.put_captures(run_id, [part])

    store("# stored\n", {})
    shown = cli("env", "show", "two").out
    assert "pylock.toml: stored with the run, 1 package (`runward env lock` prints it)" in shown
    assert cli("env", "lock", "two").out == "# stored\n"
    fresh = cli("env", "lock", "two", "--fresh")
    assert fresh.code == 1
    assert "# stored" not in fresh.out
    store("# with a gap\n", {"six==1.17.0": "the index was away"})
    assert "1 package, without six==1.17.0" in cli("env", "show", "two").out
    said = cli("env", "lock", "two")
    assert (said.code, said.out) == (1, "# with a gap\n")
    assert "left out six==1.17.0: the index was away" in said.err


@pytest.mark.usefixtures("two_runs")
def test_lock(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the hashes of the run's own lock; what nobody knows the files of is named."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    target = tmp_path / "pylock.toml"
    said = cli("env", "lock", "one", "-o", str(target))
    assert said.code == 0
    assert "2 packages" in said.out
    assert {package["name"] for package in tomllib.loads(target.read_text())["packages"]} == {"six", "iniconfig"}
    assert tomllib.loads(cli("env", "lock", "one").out)["lock-version"] == "1.0"
    said = cli("env", "lock", "two", "--json")
    assert said.code == 1
    assert said.json["left_out"] == {"six==1.17.0": "uv was not asked"}
    assert "pylock.NAME.toml" in cli("env", "lock", "one", "-o", str(tmp_path / "x.toml")).err
