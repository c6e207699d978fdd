"""Differences and three-way merges of documents."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from runward.config.threeway import difference, merge3

SCALARS = st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["a", "b"]) | st.lists(st.integers(0, 1))
DOCUMENTS: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    st.sampled_from("xyz"),
    st.recursive(SCALARS, lambda inner: st.dictionaries(st.sampled_from("pq"), inner, max_size=2)),
)


@given(DOCUMENTS, DOCUMENTS)
def test_one_side_alone_is_taken_as_it_is(base: dict[str, Any], changed: dict[str, Any]) -> None:
    for mine, new in ((base, changed), (changed, base), (changed, changed)):
        found = merge3(base, mine, new)
        assert found.conflicts == []
        if mine is new or mine is base:
            assert found.values == changed or difference(found.values, changed) == []


@given(DOCUMENTS, DOCUMENTS, DOCUMENTS)
def test_no_change_is_lost_unseen(base: dict[str, Any], mine: dict[str, Any], new: dict[str, Any]) -> None:
    """A key that I changed is mine in the result, or a conflict names it; preferring a side leaves no conflict."""
    found = merge3(base, mine, new)
    conflicts = {one.key.partition(".")[0] for one in found.conflicts}
    for key, own in mine.items():
        if key not in conflicts and difference({key: base.get(key)}, {key: new.get(key)}) == [] and key in base:
            assert difference({key: found.values.get(key)}, {key: own}) == []
    assert merge3(base, mine, new, "mine").conflicts == merge3(base, mine, new, "new").conflicts == []
    assert {c.key for c in found.taken} == {c.key for c in difference(mine, found.values)}


def test_numbers_truth_and_text_are_told_apart() -> None:
    assert [c.key for c in difference({"a": 1, "b": True}, {"a": True, "b": 1})] == ["a", "b"]
    changed = difference({"a": {"x": 1, "y": [1]}, "gone": 0}, {"a": {"x": 2, "y": [1]}, "new": None})
    assert [(c.key, c.how) for c in changed] == [("a.x", "changed"), ("gone", "removed"), ("new", "added")]
