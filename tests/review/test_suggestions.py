"""A suggestion changes what it was made for, and nothing else."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from runward.errors import ConflictError, InvalidError, NotFoundError
from runward.review.suggestions import edited_config, edited_lines

LINE = st.text(st.characters(codec="ascii", categories=("L", "N", "P")), max_size=6)


@given(before=st.lists(LINE), old=st.lists(LINE, min_size=1), after=st.lists(LINE), new=st.lists(LINE))
def test_lines_are_replaced_and_the_rest_stays(
    before: list[str], old: list[str], after: list[str], new: list[str]
) -> None:
    text = "".join(f"{line}\n" for line in [*before, *old, *after])
    changed = edited_lines(text, old, len(before) + 1, "".join(f"{line}\n" for line in new))
    assert changed == "".join(f"{line}\n" for line in [*before, *new, *after])


def test_the_nearest_of_equal_places_is_taken() -> None:
    text = "a\nx = 1\nb\nx = 1\n"
    assert edited_lines(text, ["x = 1"], 4, "x = 2\n") == "a\nx = 1\nb\nx = 2\n"
    assert edited_lines(text, ["x = 1"], 1, "x = 2\n") == "a\nx = 2\nb\nx = 1\n"


def test_line_ends_stay_as_they_are() -> None:
    assert edited_lines("a\r\nb\r\n", ["b"], 2, "c\nd\n") == "a\r\nc\r\nd\r\n"
    assert edited_lines("a\nb", ["b"], 2, "c\n") == "a\nc"
    with pytest.raises(ConflictError, match="not in the file any more"):
        edited_lines("a\n", ["b"], 1, "c\n")


CONFIG = "# ours\nmodel:\n  depth: 3  # layers\noptim: {lr: 0.1, name: 'adam'}\na.b: 1\nlist:\n- 1\n"


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("model.depth", "5", "  depth: 5  # layers"),
        ("optim.lr", "0.01", "optim: {lr: 0.01, name: 'adam'}"),
        ("optim.name", '"sgd"', 'optim: {lr: 0.1, name: "sgd"}'),
        ("a.b", "2", "a.b: 2"),
    ],
)
def test_one_value_of_a_config_changes(key: str, value: str, line: str) -> None:
    """Its comments stay, and the file says what was suggested."""
    changed = edited_config(CONFIG, key, value)
    differing = [new for old, new in zip(CONFIG.splitlines(), changed.splitlines(), strict=True) if old != new]
    assert differing == [line]
    yaml.safe_load(changed)


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        ("model.width", "5", NotFoundError),
        ("depth", "5", NotFoundError),
        ("model", "5", InvalidError),
        ("list", "5", InvalidError),
        ("model.depth", "{a: 1}", InvalidError),
        ("model.depth", "1\nevil: 2", InvalidError),
        ("model.depth", "[", InvalidError),
    ],
)
def test_what_stands_for_no_single_value_is_refused(key: str, value: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        edited_config(CONFIG, key, value)
