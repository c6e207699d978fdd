"""What may be a name: one rule for projects, runs, experiments, members and pages."""

from __future__ import annotations

import unicodedata

from runward.errors import InvalidError

MAX_NAME = 250
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def check_name(name: object, what: str, *, limit: int = MAX_NAME) -> str:
    """The name itself, if it can be shown, typed and stored anywhere.

    Raises: InvalidError naming the field and the first character that cannot stay.
    """
    if not isinstance(name, str):
        raise InvalidError(f"{what} must be text, not {name!r:.80}", hint="give it a name")
    if not name.strip():
        raise InvalidError(f"{what} is empty", hint="give it a name")
    if len(name) > limit:
        raise InvalidError(f"{what} has {len(name):,} characters, at most {limit} are allowed: {name[:40]!r}…")
    if name.isascii() and name.isprintable():
        return name
    for position, character in enumerate(name):
        if character in _BIDI or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
            raise InvalidError(
                f"{what} has a character that cannot be shown (U+{ord(character):04X}) at position {position}: "
                f"{name[:40]!r}",
                hint="leave out control characters, line ends and direction marks",
            )
    return name
