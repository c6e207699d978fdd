"""Configurations as plain data and YAML, both ways, without importing anything that they name.

====================== =====================================================================
value                  plain form
====================== =====================================================================
Config / Partial       ``{"_target_": "pkg.mod.fn", "_partial_": true, "_args_": […], name: …}``
the same Config again  ``{"_same_": "path.of.the.first"}``
a callable as a value  ``{"_ref_": "pkg.mod.fn"}``
a callable by no name  ``{"_callable_": {"name", "source", "digest"}}``: not rebuildable by name
tuple, set, frozenset  ``{"_tuple_": […]}``, ``{"_set_": […]}``, ``{"_frozenset_": […]}``
bytes, paths           ``{"_bytes_": base64}``, ``{"_path_": text}``
nan, inf, -inf         ``{"_float_": "nan"}`` (in YAML: ``.nan``)
odd dict keys          ``{"_items_": [[key, value], …]}``
====================== =====================================================================

Anything else is refused with its path; :func:`describe` instead keeps a short description of it.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any

from runward.config import yaml12
from runward.config.buildable import Buildable, Config, Partial, as_buildable, is_buildable, unchecked
from runward.config.identity import identify
from runward.config.settings import Settings
from runward.config.targets import Opaque, Reference
from runward.config.tree import join
from runward.errors import InvalidError

_WORDS = {
    "_target_",
    "_partial_",
    "_args_",
    "_same_",
    "_ref_",
    "_callable_",
    "_tuple_",
    "_set_",
    "_frozenset_",
    "_bytes_",
    "_path_",
    "_float_",
    "_items_",
    "_object_",
}
_MAX_NODES = 1_000_000
Scalar = str | int | float | bool | None


def to_plain(value: Any) -> Any:
    """The value as JSON-able data from which :func:`from_plain` makes an equal value.

    Raises:
        InvalidError: Something has no plain form (the message names its path), or the value contains itself.
    """
    return _Encoder().value(value, "")


def describe(value: Any) -> Any:
    """Like :func:`to_plain`, but an object without a plain form becomes ``{"_object_": {type, repr}}``."""
    return _Encoder(lenient=True).value(value, "")


def from_plain(data: Any) -> Any:
    """The value of its plain form. Targets become :class:`Reference`; nothing is imported.

    Raises:
        InvalidError: The data has a reserved key with a wrong value, or is unreasonably large.
    """
    return _Decoder().value(data, "")


def to_yaml(value: Any) -> str:
    """The value as YAML for people to read, review and edit.

    Raises:
        InvalidError: As :func:`to_plain`.
    """
    return yaml12.dump(_Encoder(native_floats=True).value(value, ""))


def from_yaml(text: str) -> Any:
    """The value of YAML text. Nothing is imported: targets are resolved by ``.build()`` only.

    Raises:
        InvalidError: Not YAML, duplicate keys, or as :func:`from_plain`.
    """
    return from_plain(yaml12.load(text))


class _Encoder:
    def __init__(self, *, lenient: bool = False, native_floats: bool = False) -> None:
        self._lenient = lenient
        self._native_floats = native_floats
        self._seen: dict[int, str] = {}
        self._keep: list[Any] = []
        self._open: set[int] = set()

    def value(self, item: Any, path: str) -> Any:
        if item is None or type(item) in (bool, int, str):
            return item
        if type(item) is float:
            return item if math.isfinite(item) or self._native_floats else {"_float_": repr(item)}
        if type(item) in (bytes, PurePath) or isinstance(item, PurePath):
            return _encode_text(item)
        if isinstance(item, Reference | Opaque):
            return _encode_callable(identify(item))
        return self._guarded(item, path)

    def _guarded(self, item: Any, path: str) -> Any:
        if id(item) in self._open:
            raise InvalidError(f"the value at {path!r} contains itself", hint="break the cycle")
        self._open.add(id(item))
        try:
            return self._container(item, path)
        finally:
            self._open.remove(id(item))

    def _container(self, item: Any, path: str) -> Any:
        if is_buildable(item):
            return self._buildable(item, path)
        if type(item) is list:
            return self._items(item, path)
        if type(item) is tuple:
            return {"_tuple_": self._items(item, path)}
        if type(item) in (set, frozenset):
            parts = self._items(item, path)
            return {f"_{type(item).__name__}_": sorted(parts, key=lambda part: json.dumps(part, sort_keys=True))}
        if type(item) in (dict, Settings):
            return self._mapping(item, path)
        if callable(item) and hasattr(item, "__qualname__"):
            return _encode_callable(identify(item))
        return self._unknown(item, path)

    def _items(self, items: Any, path: str) -> list[Any]:
        return [self.value(item, join(path, index)) for index, item in enumerate(items)]

    def _mapping(self, item: dict[Any, Any], path: str) -> dict[str, Any]:
        if all(type(key) is str for key in item) and not _WORDS & item.keys():
            return {key: self.value(part, join(path, key)) for key, part in item.items()}
        pairs = [[self.value(key, path), self.value(part, join(path, str(key)))] for key, part in item.items()]
        return {"_items_": pairs}

    def _buildable(self, item: Any, path: str) -> Any:
        if id(item) in self._seen:
            return {"_same_": self._seen[id(item)]}
        self._seen[id(item)] = path
        self._keep.append(item)
        mine = as_buildable(item)
        target = identify(mine.fn)
        encoded: dict[str, Any] = {
            "_target_": target.path if isinstance(target, Reference) else _encode_callable(target)
        }
        if isinstance(mine, Partial):
            encoded["_partial_"] = True
        if mine.__positional__:
            encoded["_args_"] = self._items(mine.__positional__, join(path, "_args_"))
        return encoded | self._arguments(mine, path)

    def _arguments(self, item: Buildable, path: str) -> dict[str, Any]:
        clash = _WORDS & item.arguments.keys()
        if clash:
            raise InvalidError(f"the parameter name {join(path, min(clash))!r} is reserved in plain data")
        return {key: self.value(part, join(path, key)) for key, part in item.arguments.items()}

    def _unknown(self, item: Any, path: str) -> Any:
        kind = f"{type(item).__module__}.{type(item).__qualname__}"
        if self._lenient:
            return {"_object_": {"type": kind, "repr": f"{item!r:.200}"}}
        raise InvalidError(
            f"the value at {path or 'the top'!r} has no plain form: {kind}",
            hint="pass a number, text, list, dict or a Config that builds the object",
        )


def _encode_text(item: Any) -> dict[str, str]:
    if isinstance(item, bytes):
        return {"_bytes_": base64.b64encode(item).decode("ascii")}
    return {"_path_": str(item)}


def _encode_callable(target: Reference | Opaque) -> dict[str, Any]:
    if isinstance(target, Reference):
        return {"_ref_": target.path}
    return {"_callable_": {"name": target.name, "source": target.source, "digest": target.digest}}


class _Decoder:
    def __init__(self) -> None:
        self._made: dict[str, Any] = {}
        self._nodes = 0
        self._single: dict[str, Callable[[Any, str], Any]] = {
            "_same_": self._same,
            "_ref_": lambda part, path: Reference(_text(part, path)),
            "_callable_": _decode_callable,
            "_tuple_": lambda part, path: tuple(self._items(part, path)),
            "_set_": lambda part, path: set(self._items(part, path)),
            "_frozenset_": lambda part, path: frozenset(self._items(part, path)),
            "_bytes_": _decode_bytes,
            "_path_": lambda part, path: Path(_text(part, path)),
            "_float_": _decode_float,
            "_items_": self._pairs,
        }

    def value(self, data: Any, path: str) -> Any:
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise InvalidError(f"the configuration has more than {_MAX_NODES:,} values")
        if isinstance(data, list):
            return self._items(data, path)
        if not isinstance(data, dict):
            return data
        if "_target_" in data:
            return self._buildable(data, path)
        if len(data) == 1:
            word, part = next(iter(data.items()))
            if word in self._single:
                return self._special(word, part, path)
        return {
            key: self.value(part, join(path, key if isinstance(key, str) else str(key))) for key, part in data.items()
        }

    def _special(self, word: str, part: Any, path: str) -> Any:
        try:
            return self._single[word](part, path)
        except (TypeError, ValueError, KeyError) as error:
            if isinstance(error, InvalidError):
                raise
            raise InvalidError(f"{word!r} at {path or 'the top'!r} has a wrong value: {error}") from None

    def _items(self, data: Any, path: str) -> list[Any]:
        if not isinstance(data, list):
            raise TypeError(f"expected a list, got {type(data).__name__}")
        return [self.value(item, join(path, index)) for index, item in enumerate(data)]

    def _pairs(self, data: Any, path: str) -> dict[Any, Any]:
        return {self.value(key, path): self.value(part, join(path, str(key))) for key, part in data}

    def _same(self, part: Any, path: str) -> Any:
        if part not in self._made:
            raise InvalidError(f"{path!r} points at {part!r}, where no configuration stands before it")
        return self._made[part]

    def _buildable(self, data: dict[str, Any], path: str) -> Buildable:
        target = data["_target_"]
        fn = self.value(target, path) if isinstance(target, dict) else Reference(_text(target, join(path, "_target_")))
        if not isinstance(fn, Reference | Opaque):
            raise InvalidError(f"'_target_' at {path or 'the top'!r} must be an import path, got {target!r}")
        kind: type[Buildable] = Partial if data.get("_partial_") is True else Config
        made = self._made[path] = unchecked(kind, fn, (), {})
        extra = self._special("_tuple_", data.get("_args_", []), join(path, "_args_"))
        object.__setattr__(made, "_positional", extra)
        for key, part in data.items():
            if key not in ("_target_", "_partial_", "_args_"):
                made.arguments[_text(key, path)] = self.value(part, join(path, key))
        return made


def _text(data: Any, path: str) -> str:
    if not isinstance(data, str) or not data:
        raise InvalidError(f"expected text at {path or 'the top'!r}, got {data!r}")
    return data


def _decode_callable(part: Any, path: str) -> Opaque:
    return Opaque(str(part["name"]), str(part["source"]), str(part["digest"]))


def _decode_bytes(part: Any, path: str) -> bytes:
    try:
        return base64.b64decode(part, validate=True)
    except binascii.Error as error:
        raise InvalidError(f"'_bytes_' at {path or 'the top'!r} is not base64: {error}") from None


def _decode_float(part: Any, path: str) -> float:
    if part not in ("nan", "inf", "-inf"):
        raise InvalidError(f"'_float_' at {path or 'the top'!r} must be nan, inf or -inf, got {part!r}")
    return float(part)


def flatten(value: Any) -> dict[str, Scalar]:
    """The value as dotted params for tracking: ``{"opt._target_": "torch.optim.Adam", "opt.lr": 0.1}``.

    Lists of scalars become one JSON text; lists of configurations are indexed (``layers.0.units``).

    Raises:
        InvalidError: Two values would get the same dotted name.
    """
    flat: dict[str, Scalar] = {}
    _flatten(_Encoder(lenient=True, native_floats=True).value(value, ""), "", flat)
    return flat


def flatten_plain(data: Any) -> dict[str, Scalar]:
    """Like :func:`flatten`, for a value that is in its plain form already (:func:`describe`)."""
    flat: dict[str, Scalar] = {}
    _flatten(data, "", flat)
    return flat


def _flatten(data: Any, prefix: str, flat: dict[str, Scalar]) -> None:
    if isinstance(data, dict) and data and not _is_leaf(data):
        for key, part in data.items():
            _flatten(part, f"{prefix}.{key}" if prefix else str(key), flat)
    elif isinstance(data, list) and any(isinstance(part, dict | list) and part for part in data):
        for index, part in enumerate(data):
            _flatten(part, f"{prefix}.{index}" if prefix else str(index), flat)
    elif prefix in flat:
        raise InvalidError(f"two values have the name {prefix!r}", hint="rename the key that contains a dot")
    else:
        flat[prefix] = _leaf(data)


def _is_leaf(data: dict[str, Any]) -> bool:
    return len(data) == 1 and next(iter(data)) in _WORDS - {"_target_", "_partial_", "_args_"}


def _leaf(data: Any) -> Scalar:
    if isinstance(data, dict) and data:
        word, part = next(iter(data.items()))
        if word in ("_ref_", "_path_", "_same_", "_bytes_"):
            return str(part)
        if word == "_callable_":
            return f"{part['name']} ({part['digest'][:12]})"
        if word == "_object_":
            return str(part["repr"])
        return json.dumps(part)
    return json.dumps(data) if isinstance(data, list | dict) else data
