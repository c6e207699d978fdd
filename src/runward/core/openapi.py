"""The OpenAPI document, from the operations' declarations alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from runward._version import __version__
from runward.core.etag import CONDITION, HEADER
from runward.core.operation import Operation
from runward.core.permissions import PERMISSIONS
from runward.core.remote import API

_REF = "#/components/schemas/{name}"
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "hint": {"type": "string"},
        "details": {"type": "object"},
        "request_id": {"type": "string", "description": "under which the server's log has the request"},
    },
}
_TAG = {"type": "string", "pattern": r'^"[!#-~]*"$'}
_CONDITION = {
    "name": CONDITION,
    "in": "header",
    "required": True,
    "schema": {"type": "string"},
    "description": "The ETag of what was read, so that nobody's change in between gets lost; `*` overwrites what is there.",
}
_EDITED = {"412": "somebody changed it since it was read", "428": "the header If-Match is missing"}
_ERRORS = {
    "401": "nobody is signed in",
    "403": "the role does not suffice",
    "404": "no such object, or not visible",
    "409": "it does not fit the present state",
    "422": "the input is wrong",
    "429": "a limit is used up, for as many seconds as the header Retry-After says",
    "503": "the store is away",
}


def openapi(operations: Iterable[Operation]) -> dict[str, Any]:
    """The document for a set of operations (OpenAPI 3.1)."""
    ops = list(operations)
    types = [kind for op in ops for kind in (op.returns, op.body, *(p.type for p in op.params)) if kind is not None]
    _, components = msgspec.json.schema_components(types, ref_template=_REF)
    paths: dict[str, dict[str, Any]] = {}
    for op in ops:
        paths.setdefault(API + op.path, {})[op.method.lower()] = _operation(op)
    reads = {op.id: f"{op.method} {API}{op.path}" for op in ops if op.state}
    for op in (op for op in ops if op.revises):
        paths[API + op.path][op.method.lower()]["x-revises"] = reads.get(op.revises, "")
    return {
        "openapi": "3.1.0",
        "info": {"title": "Runward", "version": __version__, "description": "ML experiments that a team can trust."},
        "paths": paths,
        "components": {
            "schemas": {**components, "Problem": _PROBLEM},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "runward_session"},
            },
        },
        "security": [{"token": []}, {"session": []}],
    }


def _schema(kind: Any) -> dict[str, Any]:
    return msgspec.json.schema_components([kind], ref_template=_REF)[0][0]


def _operation(op: Operation) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": "done"}
    if op.returns is not type(None):
        answer["content"] = {"application/json": {"schema": _schema(op.returns)}}
    if op.state:
        changes = ", ".join(f"`{field.rpartition('.')[2]}`" for field in op.state)
        answer["headers"] = {HEADER: {"description": f"Changes with {changes}.", "schema": _TAG}}
    found: dict[str, Any] = {
        "operationId": op.id,
        "tags": [op.room],
        "summary": op.summary,
        "description": f"{op.description}\n\nPermission: `{op.may}` (role {PERMISSIONS[op.may].label} or higher).",
        "x-permission": op.may,
        "x-permission-on": op.on,
        "parameters": [
            {
                "name": param.name,
                "in": param.place,
                "required": param.place == "path" or param.required,
                "schema": _schema(param.type),
            }
            for param in op.params
            if param.place != "body"
        ]
        + [_CONDITION] * bool(op.revises),
        "responses": {
            "200": answer,
            **{
                status: {
                    "description": text,
                    "content": {"application/problem+json": {"schema": {"$ref": _REF.format(name="Problem")}}},
                }
                for status, text in (_ERRORS | _EDITED if op.revises else _ERRORS).items()
            },
        },
    }
    if op.blind:
        found["x-blind"] = op.blind
    if op.body is not None:
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": _schema(op.body)}}}
    return found
