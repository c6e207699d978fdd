"""Whether a text that a person was asked for says anything."""

from __future__ import annotations

import re

_NOTHING = {
    "", "todo", "tbd", "tba", "fixme", "xxx", "n a", "na", "none yet", "placeholder", "more information needed", "fill in",
    "to be done", "to be written", "to be added", "to be defined", "to be determined", "coming soon", "your text here",
    "insert text here", "description", "lorem ipsum",
}  # fmt: skip
_UNFINISHED = re.compile(r"(todo|tbd|tba|fixme|lorem ipsum|more information needed)\b")


def is_said(text: str, template: str = "") -> bool:
    """Whether a text says anything: it is not empty, not its template, and no note that it is still to be written."""
    text = re.sub(r"<!--.*?-->|\{\{.*?\}\}", " ", text, flags=re.DOTALL)
    bracketed = re.fullmatch(r"\s*\[[^\]]*\]\s*", text) is not None
    words, asked = _words(text), _words(template)
    if asked:
        words = words.replace(asked, " ").strip()
    return not (bracketed or words in _NOTHING or _UNFINISHED.match(words))


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold().replace("_", " ")))
