"""What names a person is found however it is written, and nothing else is touched."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runward.errors import InvalidError
from runward.privacy.words import Words, cores

PSEUDONYM = "erased-abcd2345"
NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=3, max_size=30
).filter(lambda name: len(name.strip()) >= 3 and not name.strip().casefold().startswith("erased"))


def _words(*words: str, others: tuple[str, ...] = ()) -> Words:
    return Words(words, PSEUDONYM, others)


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("by ann.", f"by {PSEUDONYM}."),
        ("ANN and Ann", f"{PSEUDONYM} and {PSEUDONYM}"),
        ("@ann: /home/ann/x_ann_y", f"@{PSEUDONYM}: /home/{PSEUDONYM}/x_{PSEUDONYM}_y"),
        ("planning, hannah, anna, ann1", "planning, hannah, anna, ann1"),
        ("ann-lee wrote to ann", f"ann-lee wrote to {PSEUDONYM}"),
        ('{"by": "ann", "text": "a\\nann b"}', f'{{"by": "{PSEUDONYM}", "text": "a\\n{PSEUDONYM} b"}}'),
        ("a@b.org, ann@b.org", f"a@b.org, {PSEUDONYM}"),
    ],
)
def test_a_short_word_counts_where_it_stands_alone(text: str, after: str) -> None:
    words = _words("ann", "ann@b.org", others=("ann-lee", "joanna"))
    assert words.replace(text) == after
    assert (words.count(text) > 0) == (text != after)
    assert words.replace_bytes(text.encode()).decode() == after


def test_a_long_word_counts_inside_of_others() -> None:
    assert _words("zoltanquirke").replace("xzoltanquirkes2") == f"x{PSEUDONYM}s2"


@pytest.mark.parametrize("words", [[], ["  "], ["a"]])
def test_a_word_needs_two_characters(words: list[str]) -> None:
    with pytest.raises(InvalidError, match="words to forget"):
        Words(words, PSEUDONYM)


@given(name=NAMES, before=st.integers(0, 5), after=st.integers(0, 5))
@example(name="anx\\", before=0, after=0)
def test_nothing_is_left_in_any_encoding(name: str, before: int, after: int) -> None:
    """Text, JSON of both kinds, UTF-16 and base64 at every place; and JSON stays JSON."""
    words, pad = _words(name), " " * before + "|"
    text = f"{pad}{name}|{' ' * after}"
    assert words.count(text) >= 1
    assert words.count(words.replace(text)) == 0
    for ascii_only in (True, False):
        told = json.dumps({"by": text, "n": 1}, ensure_ascii=ascii_only)
        after_it = words.replace(told)
        assert words.count(after_it) == 0
        assert json.loads(after_it)["n"] == 1
    for code in ("utf-8", "utf-16-le", "utf-16-be"):
        raw = text.encode(code)
        assert words.found_in([raw]) >= 1
        assert words.found_in([words.replace_bytes(raw)]) == 0
    if all(cores(word.encode()) for word in words.words):
        encoded = base64.b64encode(text.encode()).decode()
        assert words.count(encoded) >= 1
        assert words.count(words.replace(encoded)) == 0
        assert base64.b64decode(words.replace(encoded))


@given(cut=st.integers(0, 40))
def test_a_name_is_found_across_two_pieces(cut: int) -> None:
    raw = b"x" * 10 + b" z.quirke@example.org " + b"y" * 10
    assert _words("z.quirke@example.org").found_in([raw[:cut], raw[cut:]]) == 1
