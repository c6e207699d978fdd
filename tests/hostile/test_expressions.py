"""Regular expressions on text that was written to be slow: ours, and those that users give us."""

from __future__ import annotations

import contextlib
import itertools
import re
import time
from collections.abc import Callable

import pytest

from runward.core.patterns import LIMIT_S, check_pattern, fits
from runward.errors import GateClosedError, InvalidError
from runward.insights.markdown import to_html
from runward.interop.mlflow.errors import MlflowError
from runward.interop.mlflow.filters import Comparison, Language, holds, parse_filter
from runward.repro.model import Tolerance
from runward.repro.printed import compare_stdout
from runward.review.model import Standards
from runward.team.declared import _CLAUSE
from runward.tracking.model import NewProject, NewRun
from runward.tracking.searchwords import tokenise
from runward.workspace import FolderWorkspace

_LANGUAGE = Language(frozenset({"name"}), frozenset())
_SHORT, _TIMES = 2_000, 8


def _searched(text: str) -> None:
    for read in (lambda: tokenise(text), lambda: parse_filter(text, _LANGUAGE)):
        with contextlib.suppress(InvalidError, MlflowError):
            read()


def _like(text: str) -> None:
    holds(Comparison("tag", "a", "LIKE", "%a" * 15 + "%b"), text)


def _cost(work: Callable[[str], object], text: str) -> float:
    """The least of some measurements: other programs only ever add to it."""
    found = []
    for _ in range(5):
        began = time.process_time()
        work(text)
        found.append(time.process_time() - began)
    return min(found)


PUMPS = ("0", "a", " ", "#", "-", "|", ":-", "`", "*", "> ", "[a](", "'a'", "(", ",", "a.", "%", "=", "\\", "0.", "_")
READERS: dict[str, Callable[[str], object]] = {
    "markdown": to_html,
    "a table's second line": lambda text: to_html(f"a|b\n{text}"),
    "a heading": lambda text: to_html(f"# {text}x"),
    "a search and an MLflow filter": _searched,
    "LIKE in an MLflow filter": _like,
    "printed output": lambda text: compare_stdout(f"{text}x", f"{text}y", Tolerance()),
    "a declared version": _CLAUSE.fullmatch,
}


@pytest.mark.parametrize("reader", READERS)
def test_no_text_is_slow_to_read(reader: str) -> None:
    """Eight times the text takes about eight times as long; what was tried in all divisions took 64 times and more."""
    work, slow = READERS[reader], {}
    for pump, end in itertools.product(PUMPS, ("", "!", "x")):
        short, long = (pump * (size // len(pump)) + end for size in (_SHORT, _SHORT * _TIMES))
        # What takes so little even when long tells nothing by its growth.
        if (took := _cost(work, long)) > 0.05 and took > 4 * _TIMES * _cost(work, short):
            slow[pump + end] = took
    assert slow == {}


@pytest.mark.parametrize(
    "pattern", ["(a+)+b", "(a|a)*b", "(a|aa)+b", "(.*a){20}b", "(?:a?){300}a{300}b", "a*" * 100 + "b"]
)
def test_a_rule_of_a_team_cannot_stop_the_server(pattern: str) -> None:
    """Python's own engine would search for longer than the universe is old, and no other thread could go on."""
    began = time.process_time()
    assert not fits(pattern, "a" * 250)
    assert time.process_time() - began < 20 * LIMIT_S


def test_rules_that_are_none_are_refused_by_field() -> None:
    for pattern in ("[", "(?P<a>", "*", "a" * 3000):
        with pytest.raises(InvalidError, match="naming"):
            check_pattern(pattern, "naming")


def test_a_slow_rule_refuses_the_name_and_says_itself(folder_workspace: FolderWorkspace) -> None:
    """Whoever made it reads in the refusal what to change."""
    folder_workspace.tracking.create_project(NewProject("p"))
    folder_workspace.review.set_standards("p", Standards(name="strict", naming="(?:a?){300}a{300}b"))
    with pytest.raises(GateClosedError, match=re.escape("(?:a?){300}")):
        folder_workspace.tracking.create_run(NewRun(project="p", name="a" * 250))


@pytest.mark.parametrize(
    ("pattern", "text", "fit"),
    [
        ("%", "", True), ("", "", True), ("a", "a", True), ("a", "b", False), ("%a", "ba", True), ("%a", "ab", False),
        ("a%", "ab", True), ("a%b", "ab", True), ("a%b", "a", False), ("a%a", "a", False), ("%ab%ab%", "abab", True),
        ("%ab%ab%", "aab", False), ("_%_", "ab", True), ("_%_", "a", False), ("%a_c%", "xxabc", True),
        ("%aab", "aaab", True), ("a.c", "abc", False), ("%\n%", "a\nb", True), ("%%a%%", "bab", True),
    ],
)  # fmt: skip
def test_like_is_what_it_was(pattern: str, text: str, fit: bool) -> None:
    assert holds(Comparison("tag", "a", "LIKE", pattern), text) is fit
