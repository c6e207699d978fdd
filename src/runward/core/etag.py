"""ETags: which state of an object somebody saw who wants to change it.

An ETag is made of the fields that a read declares as its state: one short word a field, so that it can be told which of them
changed. It is worked out from what is stored and never stored itself, so that no way to change an object can forget it.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from runward.core.operation import ANY, Operation, Precondition, declared_at
from runward.errors import InvalidError

HEADER, CONDITION = "ETag", "If-Match"
ANYTHING = "*"
_QUOTED = re.compile(r'(?:W/)?"([!#-~]*)"')
_BYTES = 6
_encode = msgspec.msgpack.Encoder(order="deterministic").encode


def tag_of(read: Callable[..., Any], value: Any) -> str:
    """The ETag of what a read answered, as ``tag_of(Registry.get_model, model)``. Raises: TypeError (it has none)."""
    return tag(values_of(declared_at(read), value))


def values_of(state: Sequence[str], value: Any) -> list[Any]:
    """What a read's answer says in the fields of its state; of a list, one value with those of all items."""
    if isinstance(value, list):
        return [[values_of(state, item) for item in value]]
    return [field_of(value, field) for field in state]


def field_of(value: Any, field: str) -> Any:
    """A field by its dotted name; None where it lies in what is not there."""
    for name in field.split("."):
        value = None if value is None else getattr(value, name)
    return value


def tag(values: Sequence[Any]) -> str:
    """The ETag of a state: numbers as they are, of everything else 48 bits of a digest."""
    return ".".join(str(value) if type(value) is int else _digest(value) for value in values)


def _digest(value: Any) -> str:
    if value is None:
        return "-"
    digest = hashlib.blake2b(_encode(value), digest_size=_BYTES).digest()
    return base64.urlsafe_b64encode(digest).decode()


def changed_fields(state: Sequence[str], seen: Sequence[str], present: str) -> list[str]:
    """Which fields differ between the ETag that somebody sent and the present one; none where that cannot be told."""
    now = present.split(".")
    then = next((words for words in (one.split(".") for one in seen) if len(words) == len(now) == len(state)), now)
    return [field.rpartition(".")[2] for field, old, new in zip(state, then, now, strict=False) if old != new]


def written(match: Precondition) -> str:
    """A precondition as the value of ``If-Match``."""
    return ANYTHING if match is ANY else ", ".join(f'"{one}"' for one in match)


def parse(header: str) -> Precondition:
    """The value of ``If-Match``. Raises: InvalidError.

    A proxy that packs answers marks their ETags as weak ones. Ours name a state and not bytes, so they count all the same.
    """
    if header.strip() == ANYTHING:
        return ANY
    found = _QUOTED.findall(header)
    if not found:
        raise InvalidError(
            f"{CONDITION} {header[:100]!r} is no ETag",
            hint=f"send it as it came, with its quotation marks; {ANYTHING} overwrites whatever is there",
        )
    return tuple(found)


def filled(path: str, read: Operation, arguments: Mapping[str, Any]) -> str:
    """A path with its parameters, for people."""
    for param in read.params:
        path = path.replace(f"{{{param.name}}}", str(arguments[param.name]))
    return path


def path_of(read: Operation, arguments: Mapping[str, Any]) -> str:
    """Where an ETag is read, for people."""
    query = [
        f"{p.name}={arguments[p.name]}" for p in read.params if p.place == "query" and arguments[p.name] != p.default
    ]
    return filled(read.path, read, arguments) + ("?" + "&".join(query) if query else "")
