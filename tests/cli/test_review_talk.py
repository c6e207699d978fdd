"""A review from the command line: drafts, threads, suggestions that become commits, the next attempt."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from runward.core.permissions import Role
from runward.governance.signin import ensure_member
from runward.workspace import open_folder
from tests.cli.conftest import Cli

TRAIN = """import sys

import runward as run


def rate(step: int) -> float:
    return 0.1 / step


with run.start(sys.argv[1], project="vision", params={"lr": 0.1}):
    run.log_metric("acc", rate(1))
"""


def _git(repo: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=repo, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repo(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a script, as the working folder."""
    place = tmp_path / "code"
    place.mkdir()
    (place / "train.py").write_text(TRAIN)
    (place / "config.yaml").write_text("lr: 0.1  # rate\n")
    _git(place, "init", "-q")
    for key, value in (("user.name", "ana"), ("user.email", "ana@example.org")):
        _git(place, "config", key, value)
    _git(place, "add", ".")
    _git(place, "commit", "-q", "-m", "first")
    monkeypatch.chdir(place)
    monkeypatch.setenv("GIT_AUTHOR_NAME", "ana")
    return place


def _train(repo: Path, name: str) -> None:
    subprocess.run([sys.executable, "train.py", name], cwd=repo, check=True, capture_output=True)


def _as(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str) -> None:
    with open_folder(folder).dispatcher.database.transaction(write=True) as tx:
        ensure_member(tx, name, kind="local", role=Role.ADMIN)
    monkeypatch.setenv("GIT_AUTHOR_NAME", name)


def test_a_suggestion_becomes_a_commit_and_the_next_attempt(
    cli: Cli, repo: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ben suggests, Ana takes it, runs again, and gives the review its new subject; the thread is seen to be met."""
    _train(repo, "one")
    assert cli.json("review", "request", "one", "--draft")["review"]["state"] == "draft"
    assert cli.json("review", "open", "1")["review"]["state"] == "open"
    _as(monkeypatch, folder, "ben")
    body = "Zero?\n\n```suggestion\n    return 0.1 / max(step, 1)\n```\n"
    thread = cli.json("review", "comment", "1", "-m", body, "--anchor", "train.py:7")["comments"][0]["id"]
    lower = "```suggestion\n0.05\n```"
    param = cli.json("review", "comment", "1", "-m", lower, "--anchor", "params.lr")["comments"][1]["id"]
    assert "Threads to resolve: train.py:7 (ben), params.lr (ben)." in cli("review", "show", "1").out
    monkeypatch.setenv("GIT_AUTHOR_NAME", "ana")
    taken = cli.json("review", "take", "1", str(thread))
    assert taken["commit"] == _git(repo, "rev-parse", "HEAD")
    assert "max(step, 1)" in _git(repo, "show", "HEAD:train.py")
    assert _git(repo, "log", "-1", "--format=%B").endswith("Review: #1 Review of one")
    assert cli("review", "take", "1", str(thread)).code == 2
    assert "--config" in cli("review", "take", "1", str(param)).err
    cli.json("review", "take", "1", str(param), "--config", "config.yaml", "--no-commit")
    assert (repo / "config.yaml").read_text() == "lr: 0.05  # rate\n"
    _train(repo, "two")
    updated = cli.json("review", "update", "1", "two", "-m", "done")
    assert [c["place"] for c in updated["comments"]] == ["outdated", "here", ""]
    monkeypatch.setenv("GIT_AUTHOR_NAME", "ben")
    for one in (thread, param):
        cli.json("review", "resolve", "1", str(one))
    assert [r["number"] for r in cli.json("review", "list", "--waiting")] == [1]
    assert cli.json("review", "approve", "1")["review"]["state"] == "applied"
    assert cli.json("review", "list", "--waiting") == []
    assert "changed since" not in cli("review", "show", "1").out
    space = open_folder(folder, "ana")
    space.tracking.resume_run(updated["review"]["run_id"])
    assert "two changed since: what was decided is about other content" in cli("review", "show", "1").out


def test_what_stands_in_the_way_is_waived_or_overridden_in_words(
    cli: Cli, repo: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A maintainer's waiver and an admin's override are told where the review is."""
    _train(repo, "one")
    (repo / "s.yaml").write_text("thresholds: [{metric: acc, op: '>=', value: 0.9}]\napply_by_hand: true\n")
    cli.json("standards", "set", "vision", "s.yaml")
    cli.json("review", "request", "one")
    _as(monkeypatch, folder, "ben")
    assert "waived: not for this one (ben)" in cli("review", "waive", "1", "acc >= 0.9", "-m", "not for this one").out
    assert cli("review", "resolve", "1", "99").code == 2
    assert cli("review", "apply", "1").code == 1
    assert cli("review", "approve", "1").code == 1
    assert cli.json("review", "apply", "1")["review"]["state"] == "applied"
    monkeypatch.setenv("GIT_AUTHOR_NAME", "ana")
    _train(repo, "two")
    cli.json("review", "request", "two")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "ben")
    said = cli("review", "override", "2", "-m", "the demo is today")
    assert "[applied, not reviewed]" in said.out
    assert "because: the demo is today" in said.out
    assert "trust: ! team result, not reviewed" in cli("runs", "show", "two").out
    monkeypatch.setenv("GIT_AUTHOR_NAME", "ana")
    _train(repo, "three")
    cli.json("review", "request", "three")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "ben")
    assert cli.json("review", "reject", "3", "-m", "wrong split")["review"]["ending"] == "wrong split"
