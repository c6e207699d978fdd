"""The words of a query, and errors that point at one of them."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from runward.errors import InvalidError

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<ago>-\d+(?:\.\d+)?[smhdw]\b)
    |(?P<number>[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|inf\b))
    |(?P<word>[A-Za-z_](?:[\w\-/.]|`[^`]*`)*)
    |(?P<op><=|>=|!=|==|=|<|>)
    |(?P<punct>[(),-]))""",
    re.VERBOSE,
)


class Token(NamedTuple):
    """A word of the query and where it stands."""

    kind: str
    text: str
    at: int


class Given(NamedTuple):
    """A value of the query, and the word that it was."""

    value: Any
    token: Token


def misplaced(query: str, at: int, length: int, problem: str, hint: str = "") -> InvalidError:
    """An error that repeats the query with a mark under the word that is wrong."""
    pointer = " " * at + "^" * max(length, 1)
    message = f"{problem}\n  {query}\n  {pointer}" if len(query) <= 200 else f"{problem} (at character {at})"
    return InvalidError(message, hint=hint, at=at, length=length)


def tokenise(query: str) -> list[Token]:
    """The query's words. Raises: InvalidError pointing at a character that fits nowhere."""
    tokens, at = list[Token](), 0
    while at < len(query.rstrip()):
        match = _TOKEN.match(query, at)
        if match is None or match.lastgroup is None:
            start = at + len(query[at:]) - len(query[at:].lstrip())
            if query[start] in "\"'":
                raise misplaced(
                    query, start, 1, "the text that begins here has no end", f"close it with {query[start]}"
                )
            raise misplaced(query, start, 1, f"{query[start]!r} was not expected here")
        tokens.append(Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
        at = match.end()
    return tokens
