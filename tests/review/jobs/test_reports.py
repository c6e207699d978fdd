"""Verdicts from what tools wrote and how they ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runward.review.jobs.lines import changed_lines, spans
from runward.review.jobs.model import Ended, JobOutcome
from runward.review.jobs.reports import of_coverage, of_security, of_tests, of_types, read_report
from runward.review.jobs.tools import types_configured, wanted_tools
from runward.tracking.model import FileChange

CLEAN, DIED = Ended(0, False, ""), Ended(-9, False, "Killed")
PASSED = '<testcase classname="tests.test_x" name="test_a" file="tests/test_x.py" line="3"/>'
SKIPPED = '<testcase classname="t" name="b"><skipped message="later"/></testcase>'
FAILED = (
    '<testcase classname="tests.test_x" name="test_c" file="tests/test_x.py" line="7"><failure message="assert 1 == 2">'
    "def test_c():\n&gt; f()\n\ntests/test_x.py:9: \n_ _ _\nsrc/x.py:3: AssertionError</failure></testcase>"
)
BROKEN = '<testcase classname="" name="tests.test_y"><error message="collection failure">ImportError</error></testcase>'


def xml(*cases: str) -> bytes:
    return f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>".encode()


def same(path: str) -> str:
    return path


@pytest.mark.parametrize(
    ("report", "ended", "verdict", "said"),
    [
        (xml(PASSED, SKIPPED), CLEAN, "pass", "1 passed, 0 failed, 1 skipped"),
        (xml(PASSED, FAILED), Ended(1, False, ""), "fail", "1 passed, 1 failed, 0 skipped"),
        (xml(PASSED, FAILED), CLEAN, "fail", "1 failed"),
        (xml(BROKEN), Ended(2, False, ""), "fail", "1 failed"),
        (xml(PASSED), Ended(1, False, ""), "undecided", "ended with exit code 1"),
        (xml(PASSED), DIED, "undecided", "exit code -9"),
        (xml(SKIPPED), CLEAN, "undecided", "no test ran"),
        (xml(), Ended(5, False, ""), "undecided", "no test ran"),
        (xml(), CLEAN, "undecided", "no test ran"),
        (None, CLEAN, "undecided", "left no report"),
        (b"", CLEAN, "undecided", "left no report"),
        (b"<testsuites>", CLEAN, "undecided", "left no report"),
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]>" + xml(PASSED), CLEAN, "undecided", "left no report"),
        (xml(PASSED), Ended(-9, True, ""), "undecided", "did not end in time"),
    ],
)
def test_a_pass_needs_a_report_and_an_exit_that_agree(
    report: bytes | None, ended: Ended, verdict: str, said: str
) -> None:
    """What hangs, dies or lies decides nothing; a failure that is reported counts whatever the exit code says."""
    found = of_tests(report, ended, same)
    assert (found.verdict, said in found.message) == (verdict, True), found.message


def test_a_failure_stands_where_it_happened() -> None:
    """At the last place of its traceback, else where the test begins, else with its name alone."""
    bare = FAILED.replace("src/x.py:3: ", "").replace("tests/test_x.py:9: ", "")
    found = of_tests(xml(FAILED, bare, BROKEN), Ended(1, False, ""), same).evidence
    assert [(item.file, item.line) for item in found] == [("src/x.py", 3), ("tests/test_x.py", 8), ("", 0)]
    assert found[0].message == "tests.test_x.test_c: assert 1 == 2"
    assert "collection failure" in found[2].message


def covered(**files: tuple[list[int], list[int]]) -> bytes:
    named = {f"{name}.py": {"executed_lines": ran, "missing_lines": missed} for name, (ran, missed) in files.items()}
    return json.dumps({"files": named}).encode()


GOOD = JobOutcome("tests", "pass", "")


@pytest.mark.parametrize(
    ("report", "changed", "verdict", "said"),
    [
        (covered(a=([1, 2, 3, 4], [5])), None, "pass", "80.0 % of 5 lines are covered"),
        (covered(a=([1, 2], [3])), None, "fail", "66.7 %"),
        (covered(a=([1], [2]), b=([1, 2], [])), {"b.py": {1, 2, 9}}, "pass", "100.0 % of 2 lines changed since base"),
        (covered(a=([1], [2, 3])), {"a.py": {2}}, "fail", "0.0 % of 1"),
        (covered(a=([1], [2])), {"README.md": {1}}, "undecided", "nothing to cover"),
        (covered(), None, "undecided", "nothing to cover"),
        (None, None, "undecided", "left no report"),
        (b"{}", None, "undecided", "left no report"),
        (b'{"files": {"a.py": {}}}', None, "undecided", "left no report"),
    ],
)
def test_coverage_counts_what_changed(report: bytes | None, changed: Any, verdict: str, said: str) -> None:
    """Of the lines that hold code."""
    found = of_coverage(report, GOOD, changed, 80, same, "base")
    assert (found.verdict, said in found.message) == (verdict, True), found.message


def test_uncovered_lines_are_named_in_spans() -> None:
    """Each at its first line; without tests that ran nothing was measured."""
    found = of_coverage(covered(a=([1], [3, 4, 5, 8])), GOOD, None, 80, same, "")
    assert [(item.file, item.line, item.message) for item in found.evidence] == [
        ("a.py", 3, "lines 3-5 are not run by any test"),
        ("a.py", 8, "line 8 is not run by any test"),
    ]
    stuck = JobOutcome("tests", "undecided", "they hang")
    assert of_coverage(covered(a=([1], [])), stuck, None, 80, same, "").verdict == "undecided"


ERROR = "src/a.py:4: error: Incompatible types  [assignment]\n"


@pytest.mark.parametrize(
    ("report", "printed", "ended", "verdict", "said"),
    [
        (b"<x/>", "Success: no issues found in 3 source files\n", CLEAN, "pass", "no errors in 3 files"),
        (
            b"<x/>",
            ERROR + "Found 1 error in 1 file (checked 3 source files)\n",
            Ended(1, False, ""),
            "fail",
            "1 errors",
        ),
        (b"<x/>", "src/a.py:4:7: error: Invalid syntax  [syntax]\n", Ended(2, False, ""), "fail", "1 errors"),
        (None, "Success: no issues found in 3 source files\n", CLEAN, "undecided", "no clear answer"),
        (b"<x/>", "", CLEAN, "undecided", "no clear answer"),
        (b"<x/>", ERROR, CLEAN, "undecided", "no clear answer"),
        (b"<x/>", "Success: no issues found in 3 source files\n", DIED, "undecided", "exit code -9"),
        (None, "mypy: can't read file\n", Ended(2, False, ""), "undecided", "exit code 2"),
        (b"<x/>", ERROR, Ended(1, True, ""), "undecided", "did not end in time"),
    ],
)
def test_types_pass_only_by_a_clear_answer(
    report: bytes | None, printed: str, ended: Ended, verdict: str, said: str
) -> None:
    """Report, summary and exit code together."""
    found = of_types(report, printed, ended, None, same)
    assert (found.verdict, said in found.message) == (verdict, True), found.message


def test_errors_on_changed_lines_come_first() -> None:
    """They are counted apart."""
    printed = "a.py:1: error: old  [misc]\na.py:9: error: new  [misc]\na.py:9: note: see there\n"
    found = of_types(b"<x/>", printed, Ended(1, False, ""), {"a.py": {9}}, same)
    assert found.message == "mypy: 2 errors, 1 on changed lines"
    assert [item.line for item in found.evidence] == [9, 1]


def bandit(*found: tuple[int, str], errors: tuple[str, ...] = (), read: int = 1) -> bytes:
    results = [
        {"filename": "a.py", "line_number": n, "issue_severity": s, "issue_text": "bad", "test_id": "B602"}
        for n, s in found
    ]
    metrics: dict[str, Any] = {name: {} for name in [*map(str, range(read)), "_totals"]}
    broken = [{"filename": name, "reason": "syntax"} for name in errors]
    return json.dumps({"results": results, "metrics": metrics, "errors": broken}).encode()


FOUND = Ended(1, False, "")


@pytest.mark.parametrize(
    ("report", "ended", "changed", "verdict", "said"),
    [
        (bandit(), CLEAN, None, "pass", "nothing in 1 files"),
        (bandit((3, "HIGH"), (5, "LOW")), FOUND, None, "fail", "1 findings and 1 of low severity"),
        (bandit((3, "HIGH")), FOUND, {"a.py": {4}}, "pass", "nothing on changed lines"),
        (bandit((3, "LOW")), FOUND, None, "pass", "1 findings of low severity"),
        (bandit((3, "MEDIUM")), FOUND, {"a.py": {3}}, "fail", "1 findings on changed lines"),
        (bandit(errors=("b.py",)), CLEAN, None, "undecided", "could not read b.py"),
        (bandit(read=0), CLEAN, None, "undecided", "read 0 files"),
        (bandit(), FOUND, None, "undecided", "exit code 1"),
        (bandit((3, "LOW")), CLEAN, None, "undecided", "exit code 0"),
        (None, CLEAN, None, "undecided", "left no report"),
        (b"[]", CLEAN, None, "undecided", "left no report"),
        (bandit(), Ended(-9, True, ""), None, "undecided", "did not end in time"),
    ],
)
def test_bandit_counts_on_changed_lines(
    report: bytes | None, ended: Ended, changed: Any, verdict: str, said: str
) -> None:
    """By severity, with the same caution."""
    found = of_security(report, ended, changed, same)
    assert (found.verdict, said in found.message) == (verdict, True), found.message


def test_changed_lines_are_those_of_the_new_file() -> None:
    """Of several hunks, of new files and not of removed or binary ones."""
    diff = "--- a/x.py\n+++ b/x.py\n@@ -1,3 +1,4 @@\n a\n+b\n-c\n+d\n e\n\\ No newline\n@@ -10 +11,2 @@\n f\n+g\n"
    changes = [
        FileChange("x.py", "modified", diff),
        FileChange("new.py", "added", "--- /dev/null\n+++ b/new.py\n@@ -0,0 +1,2 @@\n+a\n+b\n"),
        FileChange("gone.py", "removed", "@@ -1 +0,0 @@\n-a\n"),
        FileChange("data.bin", "modified", ""),
    ]
    assert changed_lines(changes) == {"x.py": {2, 3, 12}, "new.py": {1, 2}}
    assert spans({5, 1, 2, 7}) == [(1, 2), (5, 5), (7, 7)]


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({}, [["mypy", "pytest"]]),
        (
            {"pyproject.toml": '[project]\nname = "Own_Name"\n[dependency-groups]\nci = ["tox"]\n'
             'test = ["pytest>=8", "hypothesis"]\ndev = [{include-group = "test"}, "ruff"]'},
            [["pytest>=8", "hypothesis", "mypy"], ["mypy", "pytest"]],
        ),
        (
            {"pyproject.toml": '[project]\nname = "Own_Name"\n[project.optional-dependencies]\n'
             'dev = ["own-name[test]", "mypy==1.11", "x @ https://e.org/x.whl"]'},
            [["mypy==1.11", "pytest"], ["mypy", "pytest"]],
        ),
        ({"requirements-dev.txt": "# tools\n-r requirements.txt\npytest==8 # as CI\n"}, [["pytest==8", "mypy"], ["mypy", "pytest"]]),
        ({"pyproject.toml": '[dependency-groups]\ndev = [{include-group = "dev"}, "pytest"]'}, [["pytest", "mypy"], ["mypy", "pytest"]]),
        ({"pyproject.toml": "this is no TOML"}, [["mypy", "pytest"]]),
    ],
)  # fmt: skip
def test_the_repository_says_which_tools(tmp_path: Path, files: dict[str, str], wanted: list[list[str]]) -> None:
    """By groups, extras and files; what is missing is added, and a list without its own words comes second."""
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert wanted_tools(tmp_path, ["tests", "type_check"]) == wanted


@pytest.mark.parametrize(
    ("name", "text", "configured"),
    [
        ("pyproject.toml", '[tool.mypy]\nfiles = ["src"]', True),
        ("pyproject.toml", "[tool.mypy]\nstrict = true", False),
        ("mypy.ini", "[mypy]\nstrict = True\nfiles = src\n", True),
        ("setup.cfg", "[mypy]\nstrict = True\n[other]\nfiles = src\n", False),
        ("README", "", False),
    ],
)
def test_mypys_own_settings_are_found(tmp_path: Path, name: str, text: str, configured: bool) -> None:
    """Only those that name what to check."""
    (tmp_path / name).write_text(text)
    assert types_configured(tmp_path) is configured


def test_a_report_is_a_file(tmp_path: Path) -> None:
    """A link would let the code under test choose what is read here."""
    (tmp_path / "real").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert read_report(tmp_path / "real") == b"x"
    assert read_report(tmp_path / "link") is None
    assert read_report(tmp_path) is None
