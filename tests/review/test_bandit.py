"""Bandit beside ruff."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from runward.repro.uv import find_uv
from runward.review.checks import check_code
from runward.review.code import bandit
from runward.review.code.source import Source, read_source
from runward.review.model import EvidenceItem

CODE = "import subprocess\nimport tempfile\n\nassert tempfile\nsubprocess.call('ls ' + input(), shell=True)\ntempfile.mktemp()\n"
Answers = Callable[[str], None]


def source(path: str = "pkg/train.py") -> Source:
    found = read_source(path, CODE)
    assert isinstance(found, Source)
    return found


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Answers:
    """A bandit that prints this."""

    def install(text: str) -> None:
        program = tmp_path / "bandit"
        program.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\nexit 1\n")
        program.chmod(0o755)
        monkeypatch.setattr(bandit, "find_bandit", lambda: str(program))

    return install


def issue(rule: str, line: int) -> dict[str, object]:
    return {"test_id": rule, "issue_text": f"{rule} is bad", "filename": "./0.py", "line_number": line}


def test_what_both_find_is_shown_once(answers: Answers) -> None:
    """By number of the rule and place; bandit's own remain, without what says little."""
    answers(json.dumps({"results": [issue("B602", 5), issue("B306", 6), issue("B101", 4), issue("B602", 9)]}))
    ruff = [("S602", EvidenceItem("shell", "pkg/train.py", 5)), ("E501", EvidenceItem("long", "pkg/train.py", 6))]
    assert bandit.with_bandit([source()], ruff) == [
        *ruff,
        ("B306", EvidenceItem("B306 is bad", "pkg/train.py", 6)),
        ("B602", EvidenceItem("B602 is bad", "pkg/train.py", 9)),
    ]


@pytest.mark.parametrize(
    ("comment", "shown"),
    [
        ("", True),
        ("  # noqa", False),
        ("  # noqa: E501, S306", False),
        ("  # noqa: E501", True),
        ("  # NOQA:s306", False),
    ],
)
def test_what_was_silenced_for_ruff_is_silenced(answers: Answers, comment: str, shown: bool) -> None:
    """Whoever said that a line is meant said it to both."""
    answers(json.dumps({"results": [issue("B306", 6)]}))
    read = read_source("pkg/train.py", CODE.replace("mktemp()", f"mktemp(){comment}"))
    assert isinstance(read, Source)
    assert bool(bandit.with_bandit([read], [])) is shown


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"results": [{}]}', "Traceback", '{"results": 5}'])
def test_an_answer_that_is_none_changes_nothing(answers: Answers, text: str) -> None:
    """The findings of others stay."""
    answers(text)
    ruff = [("S602", EvidenceItem("shell", "pkg/train.py", 5))]
    assert bandit.with_bandit([source()], ruff) == ruff


def test_without_bandit_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """And notebooks are nothing that it reads."""
    monkeypatch.setattr(bandit, "find_bandit", lambda: None)
    monkeypatch.setattr(subprocess, "run", lambda *given, **more: pytest.fail("started"))
    assert bandit.with_bandit([source()], []) == []


@pytest.mark.slow
@pytest.mark.network
def test_the_real_one_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed by uv; its findings stand among the others, and ruff's name comes first."""
    for words in (
        ["venv", "-q", str(tmp_path / "venv")],
        ["pip", "install", "-q", "-p", str(tmp_path / "venv"), "bandit"],
    ):
        subprocess.run([find_uv(), *words], check=True)
    monkeypatch.setattr(bandit, "find_bandit", lambda: str(tmp_path / "venv" / "bin" / "bandit"))
    files = {"train.py": CODE + "import torch\n\nmodel = torch.load('x')\nother = torch.load('y')  # nosec\n"}
    found = {(f.rule, f.place.line) for f in check_code(files, {"train.py": "train.py"}).findings}
    assert {("S602", 5), ("B614", 9)} <= found
    assert not {("B602", 5), ("B614", 10)} & found
