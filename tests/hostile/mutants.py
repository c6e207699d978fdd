"""Calls that would succeed, with one thing wrong: they come further than what is wrong throughout."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

import msgspec
from hypothesis import strategies as st

from runward.core.codec import JSON, encode
from runward.core.etag import ANYTHING, CONDITION
from runward.core.operation import Operation
from runward.core.remote import API
from tests.hostile.values import CONDITIONS, TEXTS, VALUES

Place = tuple[str | int, ...]


class Request(NamedTuple):
    """A request as it goes over the wire."""

    method: str
    target: str
    body: bytes | None
    headers: dict[str, str]


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Where in a document something can be put."""
    yield at
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*at, key))


def put(document: Any, place: Place, value: Any) -> Any:
    """The document with another value at that place."""
    if not place:
        return value
    changed = copy.deepcopy(document)
    inner = changed
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return changed


def whole(kind: Any, value: Any) -> Any:
    """A body with all its fields, also those that its writer leaves at their defaults."""
    filled = msgspec.convert(value, kind)
    told = {name: getattr(filled, name) for name in kind.__struct_fields__}
    return {name: msgspec.to_builtins(found) for name, found in told.items() if found is not msgspec.UNSET}


@st.composite
def mutants(draw: st.DrawFn, op: Operation, arguments: dict[str, Any]) -> Request:
    """A request for an operation with one hostile value in its path, its query or its body."""
    path, query, values = API + op.path, [], {}
    wrong = draw(st.sampled_from([p.name for p in op.params] or [""]), label="wrong")
    for param in op.params:
        value = arguments.get(param.name)
        is_wrong = param.name == wrong and param.place != "body"
        if is_wrong:
            value = draw(st.sampled_from(VALUES if param.place == "query" else TEXTS), label="value")
        elif param.name not in arguments:
            continue
        if param.place == "path":
            text = str(value).encode("utf-8", "surrogatepass").replace(b"/", b":")
            path = path.replace(f"{{{param.name}}}", quote(text, safe=":"))
        elif param.place == "query":
            many = value[:50] if isinstance(value, list) else [value]
            query += [(param.name, str(one)[:30_000].encode("utf-8", "surrogatepass")) for one in many]
        else:
            values[param.name] = value
    body = None
    if op.body is not None:
        given = json.loads(encode(next(iter(values.values())) if op.has_whole_body else values, JSON))
        document = {**whole(op.body, given), **given}
        at = draw(st.sampled_from(list(places(document))), label="at")
        if any(param.name == wrong and param.place == "body" for param in op.params):
            document = put(document, at, draw(st.sampled_from(VALUES), label="value"))
        body = _torn(draw, json.dumps(document).encode())
    headers = {"Content-Type": JSON}
    if op.revises:
        headers[CONDITION] = draw(st.sampled_from([ANYTHING] * (3 * len(CONDITIONS)) + list(CONDITIONS)), label="match")
    return Request(op.method, f"{path}?{urlencode(query)}" if query else path, body, headers)


def _torn(draw: st.DrawFn, body: bytes) -> bytes:
    """A body as it is in most cases, else with bytes missing, doubled or changed."""
    how = draw(st.sampled_from(["whole"] * 6 + ["cut", "byte", "doubled"]), label="how")
    if how == "whole":
        return body
    at = draw(st.integers(0, len(body) - 1), label="where")
    if how == "cut":
        return body[:at]
    if how == "doubled":
        return body[:at] + body[at:] * 2
    return body[:at] + bytes([draw(st.integers(0, 255))]) + body[at + 1 :]
