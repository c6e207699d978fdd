"""What tools left in writing, and how they ended: both have to say the same, or nothing is decided. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from runward.review.jobs.lines import Lines, spans
from runward.review.jobs.model import Ended, JobOutcome, undecided
from runward.review.model import EvidenceItem

_MOST = 50
_MOST_BYTES = 64 << 20
_PLACE = re.compile(r"(?m)^(?P<file>[^\s:][^:\n]*\.py):(?P<line>\d+): ")
_NO_TESTS = 5
_LINE = re.compile(r"(?P<file>.+?):(?P<line>\d+)(?::\d+)?: error: (?P<said>.*)")

Placed = Callable[[str], str]
"""A file's path from the root of the captured tree."""


def of_tests(report: bytes | None, ended: Ended, placed: Placed) -> JobOutcome:
    """What pytest found, by its JUnit report and its exit code."""
    if ended.timed_out:
        return undecided("tests", "the tests did not end in time", ended.said)
    cases = _cases(report)
    if cases is None:
        why = f"pytest ended with exit code {ended.exit_code} and left no report: what it found is not known"
        return undecided("tests", why, ended.said)
    failed = [(case, fault) for case in cases for fault in case if fault.tag in ("failure", "error")]
    skipped = sum(case.find("skipped") is not None for case in cases)
    counts = f"{len(cases) - skipped - len({id(case) for case, _ in failed})} passed, {len(failed)} failed, {skipped} skipped"
    if failed:
        return JobOutcome("tests", "fail", counts, [_fault(case, fault, placed) for case, fault in failed[:_MOST]])
    if ended.exit_code == _NO_TESTS or len(cases) == skipped:
        return undecided("tests", f"no test ran: {counts}", ended.said)
    if ended.exit_code != 0:
        return undecided("tests", f"pytest reports {counts}, but ended with exit code {ended.exit_code}", ended.said)
    return JobOutcome("tests", "pass", counts, [])


def _cases(report: bytes | None) -> list[ElementTree.Element] | None:
    # A report of many millions of entities would be an attack; pytest writes none.
    if report is None or len(report) > _MOST_BYTES or b"<!DOCTYPE" in report[:4096]:
        return None
    try:
        return list(ElementTree.fromstring(report).iter("testcase"))
    except ElementTree.ParseError:
        return None


def _fault(case: ElementTree.Element, fault: ElementTree.Element, placed: Placed) -> EvidenceItem:
    """Where a test failed: the last place of the traceback, else where the test begins."""
    name = ".".join(filter(None, [case.get("classname", ""), case.get("name", "")]))
    said = " ".join((fault.get("message") or fault.text or fault.tag).split())[:300]
    places = [found for found in _PLACE.finditer(fault.text or "") if "site-packages" not in found["file"]]
    if places:
        return EvidenceItem(f"{name}: {said}", placed(places[-1]["file"]), int(places[-1]["line"]))
    line = case.get("line", "")
    return EvidenceItem(f"{name}: {said}", placed(case.get("file", "")), int(line) + 1 if line.isdigit() else 0)


def of_coverage(
    report: bytes | None, tests: JobOutcome, changed: Lines | None, least: float, placed: Placed, against: str
) -> JobOutcome:
    """How much of the changed lines the tests ran; of all lines where no change is known.

    Args:
        report: Of ``coverage json``.
        tests: What came of the tests themselves; without them nothing was measured.
        changed: The changed lines; None where there is nothing to compare with.
        least: Per cent that have to be covered.
        placed: Where files are.
        against: What the code is compared with, in words.
    """
    if tests.verdict == "undecided":
        return undecided("coverage", f"the tests decided nothing: {tests.message}")
    try:
        files: dict[str, Any] = json.loads(report or b"")["files"]
        measured = {placed(path): _measured(found) for path, found in files.items()}
    except (ValueError, KeyError, TypeError):
        return undecided("coverage", "coverage left no report: what the tests ran is not known")
    ran = missed = 0
    evidence = list[EvidenceItem]()
    for path, (executed, missing) in sorted(measured.items()):
        wanted = None if changed is None else set(changed.get(path, ()))
        hit, left = (part if wanted is None else part & wanted for part in (executed, missing))
        ran, missed = ran + len(hit), missed + len(left)
        for first, last in spans(left):
            said = f"line {first} is" if first == last else f"lines {first}-{last} are"
            evidence.append(EvidenceItem(f"{said} not run by any test", path, first))
    what = "lines" if changed is None else f"lines changed since {against}"
    if not ran + missed:
        return undecided("coverage", f"there is nothing to cover: no {what} hold code that was measured")
    share = 100 * ran / (ran + missed)
    message = f"{share:.1f} % of {ran + missed} {what} are covered; {least:g} % are asked"
    return JobOutcome("coverage", "pass" if share >= least else "fail", message, evidence[:_MOST])


def _measured(found: dict[str, Any]) -> tuple[set[int], set[int]]:
    return set(found["executed_lines"]), set(found["missing_lines"])


def of_types(report: bytes | None, printed: str, ended: Ended, changed: Lines | None, placed: Placed) -> JobOutcome:
    """What mypy found, by what it printed, its JUnit report and its exit code; errors on changed lines first."""
    if ended.timed_out:
        return undecided("type_check", "mypy did not end in time", ended.said)
    found = [
        EvidenceItem(match["said"], placed(match["file"]), int(match["line"]))
        for match in map(_LINE.fullmatch, printed.splitlines())
        if match
    ]
    if ended.exit_code in (1, 2) and found:
        new = [item for item in found if item.line in (changed or {}).get(item.file, ())]
        more = f", {len(new)} on changed lines" if changed is not None else ""
        ordered = [*new, *(item for item in found if item not in new)]
        return JobOutcome("type_check", "fail", f"mypy: {len(found)} errors{more}", ordered[:_MOST])
    checked = re.search(r"(?m)^Success: no issues found in (\d+) source files?$", printed)
    if ended.exit_code == 0 and report and not found and checked and int(checked[1]):
        return JobOutcome("type_check", "pass", f"mypy: no errors in {checked[1]} files", [])
    return undecided("type_check", f"mypy ended with exit code {ended.exit_code} and no clear answer", ended.said)


def of_security(report: bytes | None, ended: Ended, changed: Lines | None, placed: Placed) -> JobOutcome:
    """What bandit found on changed lines (on all where no change is known): low severity is told, and fails nothing."""
    if ended.timed_out:
        return undecided("security", "bandit did not end in time", ended.said)
    try:
        document = json.loads(report or b"")
        found = [(_issue(one, placed), one["issue_severity"] != "LOW") for one in document["results"]]
        read, unread = len(document["metrics"]) - 1, [placed(one["filename"]) for one in document["errors"]]
    except (ValueError, KeyError, TypeError):
        why = f"bandit ended with exit code {ended.exit_code} and left no report"
        return undecided("security", why, ended.said)
    kept = [one for one in found if changed is None or one[0].line in changed.get(one[0].file, ())]
    kept.sort(key=lambda one: (not one[1], one[0].file, one[0].line))
    places, grave = [item for item, _ in kept][:_MOST], sum(weighs for _, weighs in kept)
    where = "" if changed is None else " on changed lines"
    if grave:
        more = f" and {len(kept) - grave} of low severity" if len(kept) > grave else ""
        return JobOutcome("security", "fail", f"bandit: {grave} findings{more}{where}", places)
    if unread or not read or ended.exit_code != int(bool(found)):
        gone = f"could not read {', '.join(unread[:3])}" if unread else f"read {read} files"
        return undecided("security", f"bandit {gone} and ended with exit code {ended.exit_code}", ended.said)
    said = f"{len(kept)} findings of low severity" if kept else "nothing"
    return JobOutcome("security", "pass", f"bandit: {said}{where} in {read} files", places)


def _issue(one: dict[str, Any], placed: Placed) -> EvidenceItem:
    said = f"{one['test_id']} {one['issue_text']} ({one['issue_severity'].lower()})"
    return EvidenceItem(said, placed(one["filename"]), int(one["line_number"]))


def read_report(path: Path) -> bytes | None:
    """A report that a tool wrote; None where there is none, or something else in its place."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size > _MOST_BYTES:
        return None
    return path.read_bytes()
