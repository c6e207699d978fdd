"""Names, texts and values of other tools as Runward can hold them; each change is counted."""

from __future__ import annotations

import functools
import re
from collections import Counter
from typing import Any

from runward.errors import InvalidError
from runward.governance.names import check_name
from runward.tracking.capture.redact import is_secret_name, redact

_SHORT = 20
"""No secret that is known by its looks alone is shorter; others follow one of the telling characters."""
_TELLING = re.compile(r"[=:@\s]")
_NUMBER = re.compile(r"[-+.\deE]*")
_MAX_TEXT = 100_000
_NO_NAMES = ("unnamed", ".", "..")
_UNUSABLE = re.compile(r"[^\w .\-/@+,()\[\]=%#&!~']+")


class Cleaner:
    """Makes foreign names and values storable, and counts what it changed."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def name(self, text: str, limit: int = 250) -> str:
        """A run's name or a key."""
        found = usable(text, limit)
        if found != text:
            self.counts["renamed"] += 1
        return found

    def path(self, text: str) -> str:
        """An artifact's path: relative, without what other systems take for something else."""
        parts = [usable(part.replace("\\", "_"), 250) for part in text.replace("\\", "/").split("/")]
        parts = [part for part in parts if part not in (".", "..") and part.strip()]
        if parts and ":" in parts[0]:
            parts[0] = parts[0].replace(":", "_")
        found = "/".join(parts)[-1000:].lstrip("/") or "file"
        self.counts["renamed"] += found != text
        return found

    def text(self, text: str, limit: int = _MAX_TEXT) -> str:
        """A tag's value, an error, a line of output: without secrets, NUL and halves of character pairs."""
        hidden = without_secrets(text)
        if hidden != text:
            self.counts["redacted"] += 1
        return storable(hidden)[:limit]

    def value(self, key: str, value: Any) -> Any:
        """A param's value; one whose key speaks of a secret is hidden whole."""
        if isinstance(value, str):
            if value and is_secret_name(key) and not value.startswith("[redacted"):
                self.counts["redacted"] += 1
                return "[redacted:param]"
            return self.text(value)
        if isinstance(value, dict):
            return {storable(str(inner)): self.value(str(inner), item) for inner, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(key, item) for item in value]
        return value if isinstance(value, bool | int | float) or value is None else self.text(str(value))


@functools.lru_cache(maxsize=8192)
def usable(text: str, limit: int) -> str:
    """A text that may be a name: what cannot be shown becomes ``�``, and a long one ends early."""
    try:
        return check_name(text, "", limit=limit)
    except InvalidError:
        shown = "".join(character if _is_usable(character) else "�" for character in str(text)[:limit])
        return shown if shown.strip() else "unnamed"


def _is_usable(character: str) -> bool:
    try:
        check_name(f"x{character}", "")
    except InvalidError:
        return False
    return True


@functools.lru_cache(maxsize=8192)
def without_secrets(text: str) -> str:
    """The text with secrets masked."""
    if _NUMBER.fullmatch(text) or (len(text) < _SHORT and not _TELLING.search(text)):
        return text
    return redact(text)


def storable(text: str) -> str:
    """The text without NUL and halves of character pairs."""
    if "\0" not in text and text.isascii():
        return text
    return text.replace("\0", "␀").encode(errors="replace").decode()


def project_path(root: str, place: str) -> str:
    """Where runs of an experiment go: below ``root``, by a path that :func:`check_project_path` takes."""
    parts = [usable(part.strip(), 100).replace(":", "-") for part in _UNUSABLE.sub("-", place).split("/")]
    below = "/".join(part for part in parts if part.strip() and part not in _NO_NAMES)
    return "/".join(part for part in (root, below) if part)
