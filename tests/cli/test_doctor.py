"""``runward doctor``: lock against environment, with an exit code."""

from __future__ import annotations

import sys
import venv
from pathlib import Path

import pytest

from runward.face import current_workspace
from runward.testing.environments import captured
from tests.cli.conftest import Cli
from tests.locks.live import install


@pytest.fixture(autouse=True)
def _no_active_environment(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    (folder.parent / ".git").mkdir()
    venv.create(folder.parent / ".venv", symlinks=True)
    install(next(folder.parent.glob(".venv/lib/python*/site-packages")), "six", "1.16.0")


def test_no_lock_is_said(cli: Cli) -> None:
    """And changes nothing."""
    said = cli("doctor", "--drift", "--json")
    assert (said.code, said.json["drift"]) == (0, None)
    assert "there is none" in cli("doctor", "--drift").out
    assert "journals" in cli("doctor").out


def test_drift_has_an_exit_code(cli: Cli, folder: Path) -> None:
    """0 where the lock holds, 1 where it does not, 3 where it cannot be read."""
    lock = folder.parent / "requirements.txt"
    lock.write_text("six==1.16.0\n")
    assert cli("doctor", "--drift").code == 0
    lock.write_text("six==0.1\nno-such-package==1.0\n")
    said = cli("doctor", "--drift", "--json")
    assert said.code == 1
    drift = said.json["drift"]
    assert drift["different"] == [{"name": "six", "locked": "0.1", "installed": "1.16.0"}]
    assert drift["missing"] == [{"name": "no-such-package", "locked": "1.0"}]
    assert (drift["lock"], drift["python"]["chosen_by"]) == ("requirements.txt", "the project's .venv")
    text = cli("doctor", "--drift").out
    assert "six: lock 0.1 ≠ installed 1.16.0" in text
    assert "→ uv pip install -r requirements.txt" in text
    lock.unlink()
    (folder.parent / "uv.lock").write_text("not toml [")
    said = cli("doctor", "--drift", "--json")
    assert (said.code, said.json["drift"]["verdict"]) == (3, "undecided")


def test_lock_and_python_by_name(cli: Cli, folder: Path, tmp_path: Path) -> None:
    """A lock elsewhere; another interpreter."""
    lock, environment = tmp_path / "other" / "pylock.toml", str(tmp_path / ".venv")
    lock.parent.mkdir()
    lock.write_text(
        'lock-version = "1.0"\n[[packages]]\nname = "idna"\nversion = "3.10"\nmarker = "os_name == \'x\'"\n'
    )
    named = ("doctor", "--drift", "--lock", str(lock), "--python", environment)
    said = cli(*named, "--json")
    assert (said.code, said.json["drift"]["python"]["chosen_by"]) == (0, "--python")
    assert said.json["drift"]["extra"] == [{"name": "six", "installed": "1.16.0"}]
    assert cli(*named, "--strict").code == 1
    assert cli("doctor", "--drift", "--lock", str(lock), "--python", "/no/such/python").code == 3
    assert cli("doctor", "--lock", str(lock), "--run", "x").code == 2
    assert cli("doctor", "--drift", "--lock", str(tmp_path / "gone.lock"), "--python", sys.executable).code == 3


def test_a_run_instead_of_a_lock(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was installed for it, against the environment of the folder one stands in."""
    cli("projects", "create", "demo")
    run_id = captured(current_workspace(), "demo", "one", "3.0.1", {"six": "1.15.0"}, {})
    (folder.parent / "inner").mkdir()
    monkeypatch.chdir(folder.parent / "inner")
    said = cli("doctor", "--drift", "--run", "one", "--json")
    assert said.code == 1
    drift = said.json["drift"]
    assert (drift["lock"], drift["kind"], drift["python"]["ok"]) == (run_id, "run", False)
    assert drift["different"] == [{"name": "six", "locked": "1.15.0", "installed": "1.16.0"}]
    assert f"runward env lock {run_id} -o pylock.toml" in cli("doctor", "--drift", "--run", "one").out


def test_the_server_is_asked_after_its_health(cli: Cli, folder: Path) -> None:
    """What needs a look is told with its way out and is no failure; what does not work is."""
    said = cli("doctor", "--server")
    assert said.code == 0
    assert "✓ database: answers" in said.out
    assert "! backup: none by `runward backup` is known of" in said.out
    assert cli.json("doctor", "--server")["state"] == "ailing"
    (folder / "blobs").write_text("no folder")
    said = cli("doctor", "--server")
    assert (said.code, "✗ files: cannot be used" in said.out) == (1, True)
