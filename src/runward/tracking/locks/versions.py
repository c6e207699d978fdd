"""Versions as keys in whose order texts sort as the versions do, and what markers and specifiers say of them."""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Callable, Collection, Mapping

from runward.errors import InvalidError

_VERSION = re.compile(
    r"""v?(?:(?P<epoch>\d+)!)?(?P<release>\d+(?:\.\d+)*)
    (?:[-_.]?(?P<pre>alpha|beta|preview|pre|rc|a|b|c)[-_.]?(?P<pre_n>\d*))?
    (?P<post>-(?P<post_bare>\d+)|[-_.]?(?:post|rev|r)[-_.]?(?P<post_n>\d*))?
    (?P<dev>[-_.]?dev[-_.]?(?P<dev_n>\d*))?
    (?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?""",
    re.VERBOSE | re.IGNORECASE,
)
_PHASES = {"alpha": "a", "a": "a", "beta": "b", "b": "b"}
_MAX_DIGITS = 20

Environment = Mapping[str, str | Collection[str]]
"""The values of marker variables (PEP 508), ``extras`` and ``dependency_groups`` as collections."""


@functools.lru_cache(maxsize=8192)
def version_key(version: str) -> str:
    """A text that orders by code point as versions do (PEP 440); what is no such version comes after all that are.

    ``1.0`` and ``1.0.0`` have the same key.
    """
    match = _VERSION.fullmatch(version.strip())
    if match is None or re.search(rf"\d{{{_MAX_DIGITS + 1}}}", version):
        return f"~{version}"
    release = [int(number) for number in match["release"].split(".")]
    while len(release) > 1 and not release[-1]:
        release.pop()
    key = f"{_number(match['epoch'])}!" + ".".join(_number(number) for number in release)
    # What may follow a release sorts, by its first character, below the dot of a longer one.
    if match["pre"]:
        key += f"#{_PHASES.get(match['pre'].lower(), 'c')}{_number(match['pre_n'])}"
    if match["post"]:
        key += f"-{_number(match['post_bare'] or match['post_n'])}"
    if match["dev"]:
        key += f"!{_number(match['dev_n'])}"
    return f"{key}+{_local(match['local'] or '')}"


def _number(value: str | int | None) -> str:
    """Digits after their count: ``b9`` sorts before ``c10``."""
    digits = str(int(value or 0))
    return f"{chr(97 + len(digits))}{digits}"


def _local(text: str) -> str:
    parts = re.split(r"[-_.]", text.lower()) if text else []
    return "".join(f".{'~' + _number(part) if part.isdigit() else part}" for part in parts)


def same_version(first: str, second: str) -> bool:
    """Whether two spellings are one version."""
    return version_key(first) == version_key(second)


_COMPARED: dict[str, Callable[[str, str], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_SPECIFIER = re.compile(r"\s*(===|~=|==|!=|<=|>=|<|>)\s*([^\s,]+)\s*")


def satisfies(version: str, specifier: str) -> bool:
    """Whether a version is among those of a specifier such as ``>=3.11,<3.15``. Raises: InvalidError (no specifier)."""
    return all(_one(version, part) for part in specifier.split(",") if part.strip())


def _one(version: str, part: str) -> bool:
    match = _SPECIFIER.fullmatch(part)
    if match is None:
        raise InvalidError(f"version specifier {part[:60]!r} is not understood", hint="such as >=3.11,<3.15")
    sign, wanted = match.groups()
    if sign == "~=":
        return _one(version, f">={wanted}") and _one(version, f"=={wanted.rpartition('.')[0]}.*")
    if wanted.endswith(".*"):
        begins = [int(number) for number in re.findall(r"\d+", wanted)]
        return (_release(version)[: len(begins)] == begins) == (sign == "==")
    if sign == "===":
        return version == wanted
    return _COMPARED[sign](version_key(version), version_key(wanted))


def _release(version: str) -> list[int]:
    match = _VERSION.fullmatch(version.strip())
    return [*map(int, match["release"].split(".")), 0, 0, 0] if match else []


_TOKEN = re.compile(
    r"\s*(?:(?P<string>'[^']*'|\"[^\"]*\")|(?P<op>===|~=|==|!=|<=|>=|<|>|not\s+in\b|in\b)"
    r"|(?P<word>and\b|or\b|[a-z_.]+)|(?P<punct>[()]))"
)
_MAX_MARKER = 20_000


def applies(marker: str, environment: Environment) -> bool:
    """Whether a marker (PEP 508) is true in an environment. Raises: InvalidError (it is not understood)."""
    try:
        return _Marker(marker, environment).whole()
    except RecursionError:
        raise InvalidError("a marker is nested too deeply") from None


class _Marker:
    """Recursive descent over the words of a marker."""

    def __init__(self, marker: str, environment: Environment) -> None:
        self.marker, self.environment, self.at = marker, environment, 0
        self.tokens = list[tuple[str, str]]()
        position = 0
        while position < len(marker.rstrip()):
            match = _TOKEN.match(marker, position)
            if match is None or match.lastgroup is None or len(marker) > _MAX_MARKER:
                raise self.fail()
            self.tokens.append((match.lastgroup, match[match.lastgroup]))
            position = match.end()
        self.tokens.append(("end", ""))

    def fail(self) -> InvalidError:
        return InvalidError(f"marker {self.marker[:80]!r} is not understood")

    def take(self) -> tuple[str, str]:
        token = self.tokens[self.at]
        self.at += token[0] != "end"
        return token

    def word(self, word: str) -> bool:
        found = self.tokens[self.at] == ("word", word)
        self.at += found
        return found

    def whole(self) -> bool:
        found = self.either()
        if self.tokens[self.at][0] != "end":
            raise self.fail()
        return found

    def either(self) -> bool:
        found = self.both()
        while self.word("or"):
            found = self.both() or found
        return found

    def both(self) -> bool:
        found = self.single()
        while self.word("and"):
            found = self.single() and found
        return found

    def single(self) -> bool:
        if self.tokens[self.at] == ("punct", "("):
            self.take()
            found = self.either()
            if self.take() != ("punct", ")"):
                raise self.fail()
            return found
        left, (kind, sign), right = self.operand(), self.take(), self.operand()
        if kind != "op":
            raise self.fail()
        return self.compared(left, " ".join(sign.split()), right)

    def operand(self) -> str | Collection[str]:
        kind, text = self.take()
        if kind == "string":
            return text[1:-1]
        if kind != "word" or text not in self.environment:
            raise self.fail()
        return self.environment[text]

    def compared(self, left: str | Collection[str], sign: str, right: str | Collection[str]) -> bool:
        if sign in ("in", "not in"):
            return (left in right) == (sign == "in")
        if not (isinstance(left, str) and isinstance(right, str)):
            raise self.fail()
        if _VERSION.fullmatch(left) and _VERSION.fullmatch(right.removesuffix(".*")):
            return _one(left, f"{sign}{right}")
        if sign not in _COMPARED:
            raise self.fail()
        return _COMPARED[sign](left, right)
