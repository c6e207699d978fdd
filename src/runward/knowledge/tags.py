"""Words that matter: one deterministic way to take tags and search terms out of text."""

from __future__ import annotations

import re
from collections import Counter

_WORD = re.compile(r"[\w][\w\-]*", re.UNICODE)
_STOP_TEXT = (
    "a about after again all also always an and any are as at be because been before being between both but by "
    "can could did do does done down during each for from had has have he her here his how i if in into is it "
    "its just like make many may more most much must my no nor not of off on once one only or other our out "
    "over own per same she should so some such than that the their them then there these they this those "
    "through to too under until up use used uses using very was we were what when where which while who why "
    "will with within without would you your "
)
_STOP = frozenset(_STOP_TEXT.split())


def words_of(text: str) -> list[str]:
    """The lower-case words of a text that are no filler, in order, with repeats."""
    return [word for word in _WORD.findall(text.lower().replace("_", " ")) if word not in _STOP and len(word) > 1]


def extract_tags(text: str, limit: int = 8) -> list[str]:
    """Tags for a text: its most frequent words that carry meaning, the earlier first among equals.

    The same text gives the same tags everywhere; nothing is asked or downloaded.
    """
    found = [word for word in words_of(text) if len(word) > 3 and not word.isdigit()]
    counts = Counter(found)
    first = {word: index for index, word in reversed(list(enumerate(found)))}
    return sorted(counts, key=lambda word: (-counts[word], first[word]))[:limit]
