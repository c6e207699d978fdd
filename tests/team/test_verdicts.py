"""From verdicts to score, issues, advice and status: people approve, not figures."""

from __future__ import annotations

from typing import Any

import pytest

from runward.execution.model import Results, TaskResult, TaskState, Unevaluated
from runward.review.model import EvidenceItem, Verdict
from runward.team.verdicts import (
    CheckVerdict,
    calculate_review_score,
    determine_approval_status,
    generate_recommendations,
    generate_review_report,
    identify_issues,
    read_verdict,
    worst,
)

PASS = CheckVerdict("a", Verdict.PASS, "good")
WARN = CheckVerdict("b", Verdict.WARN, "hm", (EvidenceItem("long line", "train.py", 7),))
FAIL = CheckVerdict(
    "c", Verdict.FAIL, "bad", (EvidenceItem("no type", "train.py", 3), EvidenceItem("low", metric="acc"))
)
OPEN = CheckVerdict("d", Verdict.UNDECIDED, "no standards")


def results_of(*gates: Any, status: TaskState = TaskState.SUCCEEDED) -> Results:
    tasks = {"train": TaskResult("train", status, error="" if status is TaskState.SUCCEEDED else "boom")}
    named = {f"gate{index}": gate for index, gate in enumerate(gates)}
    return Results("e", "e", status, "2025-01-01T00:00:00+00:00", {}, {}, {}, named, tasks)


@pytest.mark.parametrize(
    ("gates", "score"),
    [
        ((), 0.0),
        ((PASS,), 100.0),
        ((PASS, WARN), 75.0),
        ((PASS, FAIL), 50.0),
        ((PASS, OPEN, WARN), 50.0),
        ((OPEN,), 0.0),
    ],
)
def test_the_score_follows_its_formula(gates: tuple[Any, ...], score: float) -> None:
    assert calculate_review_score(results_of(*gates)) == score


def test_a_failed_task_scores_nothing() -> None:
    assert calculate_review_score(results_of(PASS, status=TaskState.FAILED)) == 0.0


@pytest.mark.parametrize(
    ("gates", "with_review", "without"),
    [
        ((PASS,), "needs_review", "approved"),
        ((PASS, WARN), "needs_review", "approved"),
        ((PASS, OPEN), "needs_review", "needs_review"),
        ((PASS, FAIL), "changes_requested", "changes_requested"),
        ((), "needs_review", "needs_review"),
    ],
)
def test_the_status_is_never_given_by_score_alone(gates: tuple[Any, ...], with_review: str, without: str) -> None:
    assert determine_approval_status(results_of(*gates)) == with_review
    assert determine_approval_status(results_of(*gates), review_required=False) == without


def test_a_failed_task_wants_changes() -> None:
    results = results_of(PASS, status=TaskState.FAILED)
    assert determine_approval_status(results, review_required=False) == "changes_requested"
    assert identify_issues(results)[0]["message"] == "task 'train' failed: boom"


def test_issues_come_with_their_place_failures_first() -> None:
    issues = identify_issues(results_of(WARN, OPEN, FAIL, PASS))
    assert [(issue["verdict"], issue["file"], issue["line"], issue["metric"]) for issue in issues] == [
        ("fail", "train.py", 3, ""),
        ("fail", "", 0, "acc"),
        ("undecided", "", 0, ""),
        ("warn", "train.py", 7, ""),
    ]


def test_each_issue_has_its_advice_once() -> None:
    advice = generate_recommendations(results_of(FAIL, OPEN, WARN))
    assert advice == [
        "Mend gate0: no type (train.py:3)",
        "Mend gate0: low",
        "Decide gate1: no standards",
        "Look at gate2: long line (train.py:7)",
    ]
    assert generate_recommendations(results_of(PASS)) == []
    assert "quality_check_config" in generate_recommendations(results_of())[0]


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (True, Verdict.PASS),
        (False, Verdict.FAIL),
        ("warn", Verdict.WARN),
        ("splendid", Verdict.UNDECIDED),
        ({"verdict": "fail"}, Verdict.FAIL),
        ({"passed": True}, Verdict.PASS),
        ({}, Verdict.UNDECIDED),
        (None, Verdict.UNDECIDED),
        (1, Verdict.UNDECIDED),
        (Unevaluated("x", "it raised"), Verdict.UNDECIDED),
        (PASS, Verdict.PASS),
    ],
)
def test_any_gate_is_read_and_the_unknown_is_no_pass(value: Any, verdict: Verdict) -> None:
    assert read_verdict(value) is verdict


def test_the_whole_is_as_bad_as_its_worst_part() -> None:
    assert worst([]) is Verdict.UNDECIDED
    assert worst([Verdict.PASS, Verdict.NEEDS_PERSON]) is Verdict.UNDECIDED
    assert worst([Verdict.WARN, Verdict.PASS]) is Verdict.WARN
    assert worst([Verdict.UNDECIDED, Verdict.FAIL]) is Verdict.FAIL


def test_the_report_is_the_same_for_the_same_results() -> None:
    results = results_of(PASS, FAIL)
    report = generate_review_report(results, "bea")
    assert report == generate_review_report(results, "bea")
    assert report["timestamp"] == results.timestamp
    assert report["checks"]["gate1"] == {"verdict": "fail", "message": "bad"}
    assert (report["overall_score"], report["approval_status"]) == (50.0, "changes_requested")
