"""Three-way merge of text, line by line: what two people made of the same text becomes one proposal. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Final, NamedTuple

MARKS: Final = ("<<<<<<<", "=======", ">>>>>>>")
"""Begin of mine, between both, end of theirs; each stands at the beginning of a line, as git writes them."""


class MergedText(NamedTuple):
    """A proposal; where both changed the same lines differently, both stand there between marks."""

    text: str
    conflicts: int


def merge_text(base: str, mine: str, theirs: str, names: tuple[str, str] = ("mine", "theirs")) -> MergedText:
    """Bring two changes of a text together.

    Args:
        base: What both began with.
        mine: One's own text.
        theirs: The other one's.
        names: What the marks of a conflict call the two.
    """
    parts, conflicts = list[str](), 0
    for before, ours, others in _chunks(*(text.splitlines(keepends=True) for text in (base, mine, theirs))):
        if others in (before, ours):
            parts += ours
        elif ours == before:
            parts += others
        else:
            conflicts += 1
            parts += [*_ended(parts), f"{MARKS[0]} {names[0]}\n", *ours, *_ended(ours), f"{MARKS[1]}\n"]
            parts += [*others, *_ended(others), f"{MARKS[2]} {names[1]}\n"]
    return MergedText("".join(parts), conflicts)


def has_marks(text: str) -> bool:
    """Whether a conflict in a text was not settled yet."""
    return any(line.startswith((f"{MARKS[0]} ", f"{MARKS[2]} ")) for line in text.splitlines())


def _ended(lines: Sequence[str]) -> list[str]:
    """The line end that is missing before a mark."""
    return ["\n"] if lines and not lines[-1].endswith("\n") else []


def _chunks(base: list[str], mine: list[str], theirs: list[str]) -> Iterator[tuple[list[str], list[str], list[str]]]:
    """The three texts in pieces, by turns: what at least one changed, and what both left as it was."""
    done = (0, 0, 0)
    for start, of_mine, of_theirs, length in _kept(base, mine, theirs):
        yield base[done[0] : start], mine[done[1] : of_mine], theirs[done[2] : of_theirs]
        same = base[start : start + length]
        yield same, same, same
        done = (start + length, of_mine + length, of_theirs + length)


def _kept(base: list[str], mine: list[str], theirs: list[str]) -> Iterator[tuple[int, int, int, int]]:
    """(place in base, in mine, in theirs, length) of what both kept; the end of all three is the last one."""
    # The shortcut for frequent lines keeps a text of a thousand empty lines from taking minutes.
    left, right = (SequenceMatcher(None, base, one).get_matching_blocks() for one in (mine, theirs))
    i = j = 0
    while i < len(left) and j < len(right):
        one, other = left[i], right[j]
        start, end = max(one.a, other.a), min(one.a + one.size, other.a + other.size)
        if start < end:
            yield start, one.b + start - one.a, other.b + start - other.a, end - start
        if one.a + one.size < other.a + other.size:
            i += 1
        else:
            j += 1
    yield len(base), len(mine), len(theirs), 0
