"""The checklist on source code: each item with evidence by file and line, from the syntax tree alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runward.review.checks import REQUIRED, check_sources
from runward.review.model import CheckResult, Verdict

GOOD = '''"""Trains a model.

Usage:
    python train.py --lr 0.1
"""


def train(lr: float, steps: int = 10) -> float:
    """Train.

    Args:
        lr: The learning rate.
        steps: How many.

    Example:
        >>> train(0.1)
    """
    if lr <= 0:
        raise ValueError(f"lr is {lr}")
    return lr * steps
'''


def _check(source: str) -> dict[str, CheckResult]:
    return {result.name: result for result in check_sources({"train.py": source})}


def test_good_code_passes_every_item_that_a_file_can_answer() -> None:
    results = _check(GOOD)
    assert {r.verdict for r in results.values()} == {Verdict.PASS, Verdict.NEEDS_PERSON}
    assert {name for name, r in results.items() if r.verdict is Verdict.NEEDS_PERSON} >= {"unit_tests_written"}
    assert all(r.verdict is Verdict.PASS for name, r in results.items() if name in REQUIRED)


@pytest.mark.parametrize(
    ("item", "source", "line"),
    [
        ("type_hints_used", "def f(a, b, c):\n    return a\n", 1),
        ("functions_documented", "x = 1\n\n\ndef f(a: int) -> int:\n    return a\n", 4),
        ("parameters_documented", 'def f(alpha: int) -> int:\n    """Do."""\n    return alpha\n', 1),
        ("configuration_validated", "x = 1\n", 1),
        ("environment_specific_code_avoided", "x = 1\npath = '/home/me/data.csv'\n", 2),
        ("environment_specific_code_avoided", "device = 'cuda:0'\n", 1),
        ("environment_specific_code_avoided", "import os\nx = os.environ['HOME_OF_ME']\n", 2),
        ("examples_provided", "x = 1\n", 1),
        ("naming_conventions_followed", "class my_class:\n    pass\n", 1),
        ("naming_conventions_followed", "def DoIt() -> None: ...\n", 1),
        ("naming_conventions_followed", "def do(myArg: int) -> None: ...\n", 1),
        ("error_handling_implemented", "try:\n    f()\nexcept Exception:\n    pass\n", 3),
        ("error_handling_implemented", "try:\n    f()\nexcept:\n    raise\n", 3),
        ("loads_safely", "import pickle\nwith open('x', 'rb') as f:\n    pickle.load(f)\n", 3),
        ("loads_safely", "import torch\ntorch.load('x.pt')\n", 2),
        ("loads_safely", "import yaml\nyaml.load(text)\n", 2),
        ("loads_safely", "eval('1')\n", 1),
        ("loads_safely", "import subprocess\nsubprocess.run('ls', shell=True)\n", 2),
        ("no_secrets", "x = 1\ntoken = 'ghp_0123456789abcdefghijklmnopqrstuvwxyzAB'\n", 2),
    ],
)
def test_what_is_wrong_is_found_at_its_line(item: str, source: str, line: int) -> None:
    result = _check(source)[item]
    assert result.verdict is Verdict.FAIL
    assert (result.evidence[0].file, result.evidence[0].line) == ("train.py", line)
    assert result.message


@pytest.mark.parametrize(
    "source",
    [
        "api_key = 'a1b2c3d4e5f6g7h8'\n",
        "password = 'swordfish!'\n",
        "connect(access_token='0123456789abcdef')\n",
        "headers = {'Authorization': 'Bearer a1b2c3d4e5f6g7h8'}\n",
        "get('https://host/?token=ghp_0123456789abcdefghijklmnopqrstuvwxyzAB')\n",
        "# ghp_0123456789abcdefghijklmnopqrstuvwxyzAB\n",
        "os.environ['HF_TOKEN'] = 'hf_0123456789abcdefghijklmnopqrstuvwxyz'\n",
    ],
)
def test_secrets_in_code_are_found(source: str) -> None:
    result = _check(source)["no_secrets"]
    assert (result.verdict, result.evidence[0].line) == (Verdict.FAIL, 1)


@pytest.mark.parametrize(
    "source",
    [
        "tokens = inputs['input_ids'][0].tolist()\n",
        '"""Basic introduction to training."""\n',
        "image_pull_secrets: list[str] = field(default_factory=list)\n",
        "eos_token = '<|endoftext|>'\n",
        "api_key = 'your-key-here-123'\n",
        "token = os.environ.get('HF_TOKEN')\n",
        "token_type = 'word_piece_2'\n",
    ],
)
def test_words_about_tokens_are_no_secrets(source: str) -> None:
    assert _check(source)["no_secrets"].verdict is Verdict.PASS


@pytest.mark.parametrize(
    "source",
    ["import torch\ntorch.load('x', weights_only=True)\n", "import yaml\nyaml.load(t, Loader=yaml.SafeLoader)\n"],
)
def test_safe_forms_are_not_accused(source: str) -> None:
    assert _check(source)["loads_safely"].verdict is Verdict.PASS


@pytest.mark.parametrize("source", ["def f(:\n", "x = 'a\0b'", "(" * 100_000, "x = " + "-" * 100_000 + "1"])
def test_a_file_that_does_not_parse_is_a_required_failure_and_no_crash(source: str) -> None:
    results = check_sources({"bad.py": source, "good.py": GOOD})
    broken = next(r for r in results if r.name == "parses")
    assert (broken.verdict, broken.required) == (Verdict.FAIL, True)
    assert broken.evidence[0].file == "bad.py"
    assert len(results) > 1


def test_nothing_is_imported_or_run(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    _check(f"open({str(mark)!r}, 'w').close()\nraise SystemExit(3)\n")
    assert not mark.exists()


def test_no_files_no_items() -> None:
    assert check_sources({}) == []


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=200))
def test_any_text_is_answered(source: str) -> None:
    assert all(result.message for result in check_sources({"x.py": source}))


@pytest.mark.parametrize(
    "source", ["x" + ".a" * 3000 + "()\n", "x = " + "f(" * 80 + ")" * 80, "y = " + "+".join(["1"] * 5000)]
)
def test_code_without_measure_is_answered(source: str) -> None:
    """A reviewer's server is not brought down by generated code."""
    assert {result.name for result in check_sources({"deep.py": source})}
