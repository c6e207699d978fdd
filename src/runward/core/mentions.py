"""Names that a text addresses."""

from __future__ import annotations

import re

_MENTION = re.compile(r"(?<![\w@])@([\w.\-]+)")


def mentioned(text: str) -> list[str]:
    """The names that a text addresses as ``@name``, each once, in order."""
    return sorted({name.rstrip(".") for name in _MENTION.findall(text)})
