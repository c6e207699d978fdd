"""Two changes of one text become one proposal, and nothing that anybody wrote gets lost in it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runward.core.textmerge import has_marks, merge_text

_TEXTS = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "\n", "d"]), max_size=8).map("".join)


def test_changes_in_different_places_fit_together() -> None:
    base = "# Title\n\none\ntwo\nthree\n"
    found = merge_text(base, base.replace("one", "ONE"), base.replace("three", "THREE\nfour"))
    assert found == ("# Title\n\nONE\ntwo\nTHREE\nfour\n", 0)
    assert not has_marks(found.text)


def test_changes_of_the_same_line_stand_beside_each_other_between_marks() -> None:
    """With the end of a last line that has none."""
    found = merge_text("x\none", "x\nmine", "x\ntheirs", ("yours", "version 2 by ann"))
    assert found == ("x\n<<<<<<< yours\nmine\n=======\ntheirs\n>>>>>>> version 2 by ann\n", 1)
    assert has_marks(found.text)
    assert merge_text("one\n", "", "two\n").conflicts == 1


@given(_TEXTS, _TEXTS)
def test_who_changed_nothing_changes_nothing(base: str, text: str) -> None:
    assert merge_text(base, base, text) == (text, 0)
    assert merge_text(base, text, base) == (text, 0)
    assert merge_text(base, text, text) == (text, 0)


@given(_TEXTS, _TEXTS, _TEXTS)
def test_what_two_wrote_is_in_the_proposal(base: str, mine: str, theirs: str) -> None:
    """Every line that somebody wrote anew, and the same number of conflicts from both sides."""
    found = merge_text(base, mine, theirs)
    kept = found.text.splitlines()
    for text in (mine, theirs):
        assert {line for line in text.splitlines() if line not in base.splitlines()} <= set(kept)
    assert (found.conflicts == 0) == (merge_text(base, theirs, mine).conflicts == 0)


@pytest.mark.parametrize("line", ["\n", "x\n"])
def test_a_thousand_lines_that_are_alike_take_no_minutes(line: str) -> None:
    base, began = line * 20_000, time.process_time()
    assert merge_text(base, f"a\n{base}", f"{base}b\n").text
    assert time.process_time() - began < 5
