"""What a check of one's own returned, as it is kept with the runs."""

from __future__ import annotations

from typing import Any

import pytest

from runward.execution.model import Unevaluated
from runward.recording import kept_verdict
from runward.review.model import Verdict
from runward.team.verdicts import CheckVerdict


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (True, "pass"),
        (False, "fail"),
        ({"passed": True, "seen": 3}, "pass"),
        ({"passed": False}, "fail"),
        ({"passed": "yes"}, "undecided"),
        ({}, "undecided"),
        (None, "undecided"),
        (1, "undecided"),
        (float("nan"), "undecided"),
        ("pass", "undecided"),
        (CheckVerdict("c", Verdict.PASS, "good"), "pass"),
        (CheckVerdict("c", Verdict.WARN, "good enough"), "pass"),
        (CheckVerdict("c", Verdict.FAIL, "bad"), "fail"),
        (CheckVerdict("c", Verdict.UNDECIDED, "who knows"), "undecided"),
        (Unevaluated("c", "could not be evaluated: KeyError: 'acc'"), "undecided"),
    ],
)
def test_nothing_but_a_clear_yes_is_a_pass(found: Any, verdict: str) -> None:
    """And what it said is kept in words."""
    kept = kept_verdict("c", found)
    assert (kept.name, kept.verdict) == ("c", verdict)
    assert kept.message
