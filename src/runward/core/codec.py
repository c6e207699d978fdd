"""Values on the wire: JSON for people, msgpack for our client, errors as problem+json."""

from __future__ import annotations

import functools
from typing import Any

import msgspec

from runward.errors import (
    BY_CODE,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    RunwardError,
    StoreError,
    UnauthenticatedError,
)

JSON = "application/json"
MSGPACK = "application/msgpack"
PROBLEM = "application/problem+json"


# An answer to HEAD has no body that could name the error.
_BODILESS: dict[int, type[RunwardError]] = {
    kind.status: kind for kind in (UnauthenticatedError, ForbiddenError, NotFoundError, InvalidError)
}


@functools.cache
def _json_decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


@functools.cache
def _msgpack_decoder(kind: Any) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(kind)


def encode(value: Any, media_type: str) -> bytes:
    """A value as a body of that media type."""
    return msgspec.msgpack.encode(value) if media_type == MSGPACK else msgspec.json.encode(value)


def decode(data: bytes, kind: Any, media_type: str) -> Any:
    """A body as a value of a type. Raises: InvalidError naming the field."""
    decoder = _msgpack_decoder(kind) if media_type == MSGPACK else _json_decoder(kind)
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidError(f"the body is not understood: {error}", hint="see /api/v1/openapi.json") from error


def problem(error: RunwardError) -> dict[str, Any]:
    """An error as problem+json (RFC 9457)."""
    return {
        "type": f"urn:runward:error:{error.code}",
        "title": type(error).__name__.removesuffix("Error"),
        "status": error.status,
        "code": error.code,
        "detail": error.message,
        "hint": error.hint,
        "details": {key: value for key, value in error.details.items() if isinstance(value, str | int | float | list)},
    }


def error_from(data: bytes, status: int) -> RunwardError:
    """The error that a server answered with, as the class that it raised. What is no problem+json is a StoreError."""
    if not data and status in _BODILESS:
        return _BODILESS[status](f"the server answered {status}")
    try:
        found = msgspec.json.decode(data)
        kind, message = BY_CODE[found["code"]], str(found["detail"])
        return kind(message, hint=str(found.get("hint", "")), **dict(found.get("details") or {}))
    except (msgspec.DecodeError, RecursionError, KeyError, TypeError):
        return StoreError(f"the server answered {status}: {data[:200].decode(errors='replace')}")
