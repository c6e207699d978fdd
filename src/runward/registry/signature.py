"""What a model takes and gives: declared by whoever registers it, or read from MLflow's ``MLmodel``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from runward.config.yaml12 import load
from runward.errors import InvalidError
from runward.registry.model import Signature, TensorField

_MAX_FIELDS = 2000
_MAX_EXAMPLE = 256_000
_MAX_NAME = 200


def checked_signature(found: Signature) -> Signature:
    """A signature that can be shown. Raises: InvalidError."""
    for side, fields in (("inputs", found.inputs), ("outputs", found.outputs)):
        names = [field.name for field in fields if field.name]
        if len(fields) > _MAX_FIELDS:
            raise InvalidError(f"signature: {len(fields):,} {side}; at most {_MAX_FIELDS:,} are kept")
        if len(set(names)) != len(names):
            raise InvalidError(f"signature: two {side} have one name", hint="give each its own")
        for field in fields:
            if not field.dtype or len(field.dtype) > _MAX_NAME or len(field.name) > _MAX_NAME:
                raise InvalidError(
                    f"signature: the dtype {field.dtype[:40]!r} of {side} {field.name[:40]!r} cannot be used",
                    hint="a name such as float32, int64, string",
                )
            if any(not text.isprintable() for text in (field.dtype, field.name)):
                raise InvalidError(
                    f"signature: {side} {field.name[:40]!r} has a character that cannot be shown", hint="leave it out"
                )
            if any(size < -1 for size in field.shape or ()):
                raise InvalidError(f"signature: shape {field.shape} of {field.name!r}", hint="-1 stands for any length")
    return found


def encoded_example(value: Any, what: str) -> str:
    """An example as JSON text; empty for none. Raises: InvalidError (too long, no JSON)."""
    if value is None:
        return ""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidError(f"{what} is no JSON: {error}", hint="lists, dicts, text, finite numbers") from None
    if len(text) > _MAX_EXAMPLE:
        raise InvalidError(
            f"{what} has {len(text):,} characters, at most {_MAX_EXAMPLE:,} are kept", hint="give a few rows"
        )
    return text


class MlflowFacts(msgspec.Struct, frozen=True):
    """What an ``MLmodel`` says."""

    signature: Signature | None = None
    example_path: str = ""
    """The file that has the input example, by its path from the model's folder; empty for none."""


def read_mlmodel(text: str) -> MlflowFacts:
    """Signature and example of an ``MLmodel``; what cannot be read is left out."""
    try:
        document = load(text, short=True)
    except InvalidError:
        return MlflowFacts()
    if not isinstance(document, dict):
        return MlflowFacts()
    return MlflowFacts(_signature(document.get("signature")), _example_path(document.get("saved_input_example_info")))


def _example_path(info: Any) -> str:
    path = info.get("artifact_path") if isinstance(info, dict) else None
    return path if isinstance(path, str) else ""


def _signature(found: Any) -> Signature | None:
    if not isinstance(found, Mapping):
        return None
    sides = [_fields(found.get(name)) for name in ("inputs", "outputs")]
    if not any(sides):
        return None
    try:
        return checked_signature(Signature(*sides))
    except InvalidError:
        return None


def _fields(text: Any) -> list[TensorField]:
    try:
        listed = json.loads(text) if isinstance(text, str) else []
    except (ValueError, RecursionError):
        return []
    items = listed if isinstance(listed, list) else []
    return [_field(item) for item in items if isinstance(item, dict)]


def _field(item: dict[str, Any]) -> TensorField:
    tensor = item.get("tensor-spec")
    required = item.get("required") is not False
    name = str(item.get("name") or "")
    if isinstance(tensor, dict):
        said = tensor.get("shape")
        shape = [int(size) for size in said if isinstance(size, int)] if isinstance(said, list) else []
        return TensorField(str(tensor.get("dtype", "")), name, shape, required)
    kind = item.get("type")
    return TensorField(kind if isinstance(kind, str) else "object", name, None, required)
