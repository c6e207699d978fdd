"""What somebody declared, compared with what is there: version specifiers, and names of types."""

from __future__ import annotations

import re
from typing import Any

from runward.errors import InvalidError

_CLAUSE = re.compile(r"\s*+(==|!=|>=|<=|~=|>|<|===)?\s*+v?([0-9][^\s,]*)\s*")
_VERSION = re.compile(
    r"(?:(\d+)!)?(\d+(?:\.\d+)*)(?:[-_.]?(a|alpha|b|beta|c|rc|pre|preview)[-_.]?(\d*))?(?:[-_.]?(?:post|rev|r)[-_.]?(\d*))?"
    r"(?:[-_.]?dev[-_.]?(\d*))?(?:\+[\w.]+)?",
    re.IGNORECASE,
)
_STAGES = {"a": 0, "alpha": 0, "b": 1, "beta": 1, "c": 2, "rc": 2, "pre": 2, "preview": 2}
_DEV, _RELEASE = -1, 3
_NEVER = 1 << 62
_ALIASES = {"np": "numpy", "pd": "pandas", "tf": "tensorflow", "builtins": "", "typing": ""}
_BUILTIN: dict[str, tuple[type, ...]] = {
    "float": (float, int),
    "int": (int,),
    "bool": (bool,),
    "str": (str,),
    "string": (str,),
    "bytes": (bytes, bytearray),
    "list": (list,),
    "tuple": (tuple,),
    "dict": (dict,),
    "set": (set, frozenset),
    "none": (type(None),),
}
"""Types that a declaration may name without their module."""

Key = tuple[int, tuple[int, ...], int, int, int, int]


def version_key(version: str) -> Key | None:
    """A version in the order of PEP 440, without its local part; None for what is no such version."""
    match = _VERSION.fullmatch(version.strip().removeprefix("v"))
    if match is None:
        return None
    epoch, release, stage, number, post, dev = match.groups()
    numbers = [int(part) for part in release.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    # A development release comes before everything that it leads to, unless it leads to another pre-release.
    place = _STAGES[stage.lower()] if stage else _DEV if dev is not None and post is None else _RELEASE
    after = -1 if post is None else int(post or 0)
    before = int(dev or 0) if dev is not None else _NEVER
    return int(epoch or 0), tuple(numbers), place, int(number or 0), after, before


def version_problem(wanted: str, installed: str) -> str:
    """Why an installed version does not meet what is wanted; empty where it does.

    Args:
        wanted: A version, which has to be the same one, or clauses of PEP 440 such as ``>=1.12,<3``, ``~=2.1``, ``==1.*``.
        installed: The version that is there.

    Raises:
        InvalidError: ``wanted`` is neither.
    """
    have = version_key(installed)
    for clause in wanted.split(","):
        match = _CLAUSE.fullmatch(clause)
        if match is None or not _is_version(match[1] or "==", match[2]):
            raise InvalidError(
                f"version {wanted!r} is no version and no specifier", hint="1.12.0, or clauses such as >=1.12,<3"
            )
        operator, version = match[1] or "==", match[2]
        met = installed == version if have is None or operator == "===" else _meets(have, operator, version)
        if not met:
            return f"{installed}, declared is {wanted}"
    return ""


def _is_version(operator: str, version: str) -> bool:
    if version.endswith(".*"):
        return operator in ("==", "!=") and version_key(version[:-2]) is not None
    return version_key(version) is not None and not (operator == "~=" and "." not in version)


def _meets(have: Key, operator: str, version: str) -> bool:
    if version.endswith(".*"):
        return _begins(have, version[:-2]) is (operator == "==")
    wanted = version_key(version)
    assert wanted is not None
    match operator:
        case "==":
            return have == wanted
        case "!=":
            return have != wanted
        case ">=":
            return have >= wanted
        case "<=":
            return have <= wanted
        case ">":
            # A post-release of a version is not above it, and a pre-release not below it.
            return have > wanted and not (have[:4] == wanted[:4] and have[4] >= 0 and wanted[4] == -1)
        case "<":
            return have < wanted and not (have[:2] == wanted[:2] and _is_early(have) and _is_final(wanted))
        case _:
            release = re.sub(r"[^\d.!].*", "", version.replace("_", ".").replace("-", "."))
            return have >= wanted and _begins(have, release.rstrip(".").rpartition(".")[0])


def _is_early(key: Key) -> bool:
    return key[2] < _RELEASE or key[5] != _NEVER


def _is_final(key: Key) -> bool:
    return not _is_early(key) and key[4] == -1


def _begins(have: Key, release: str) -> bool:
    """Whether a version's release begins with these numbers; zeros at its end are not written in a key."""
    wanted = [int(part) for part in re.findall(r"\d+", release.partition("!")[2] or release)]
    padded = [*have[1], *[0] * len(wanted)]
    return padded[: len(wanted)] == wanted


def type_problem(declared: str, value: Any) -> str:
    """What a value is instead of the declared type; empty where it fits, or where the words name no type that is known.

    None is taken for a value that is not there yet, which is for the caller to say.

    Args:
        declared: Such as ``float``, ``dict[str, float]``, ``torch.nn.Module``, ``float | None``; of generics the outer type counts.
        value: What was returned.
    """
    wanted = [part.strip() for part in _parts(declared)]
    if not wanted or value is None or any(_fits(part, value) is not False for part in wanted):
        return ""
    return _name(type(value))


def _parts(declared: str) -> list[str]:
    """The alternatives of a declaration, each without what is in brackets."""
    inside = re.fullmatch(r"(?:typing\.)?(?:Optional|Union)\[(.*)\]", declared.strip())
    bare = re.sub(r"\[[^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*\]", "", inside[1] if inside else declared)
    return [part for part in re.split(r"[|,]|\bor\b", bare) if part.strip()]


def _fits(word: str, value: Any) -> bool | None:
    """Whether a value is of the type that a word names; None where it names none that is known."""
    module, _, name = word.rpartition(".")
    known = _BUILTIN.get(name.lower()) if _ALIASES.get(module, module) == "" else None
    if known is not None:
        return isinstance(value, known) and (bool in known or not isinstance(value, bool))
    if not module or not re.fullmatch(r"[\w.]+", word):
        return None
    top = module.partition(".")[0]
    root = _ALIASES.get(top, top)
    # Packages show their classes in other places than they define them: the outermost name and the class tell enough.
    return any(kind.__name__ == name and kind.__module__.partition(".")[0] == root for kind in type(value).__mro__)


def _name(kind: type) -> str:
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
