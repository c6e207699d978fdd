"""Overrides from a command line: ``optimizer.lr=0.1``, typed by YAML and by the parameter's annotation."""

from __future__ import annotations

import typing
from collections.abc import Iterable
from typing import Any

import msgspec

from runward.config import yaml12
from runward.config.buildable import Buildable, as_buildable, copy_of, is_buildable
from runward.config.targets import Opaque, Reference, did_you_mean, signature_of
from runward.errors import InvalidError


def apply_overrides(config: Any, overrides: Iterable[str]) -> Any:
    """A copy of a Config, Partial or dict with ``key.path=value`` settings applied in order.

    Values follow YAML (``0.1``, ``true``, ``[1, 2]``, ``null``, ``text``) and are converted to the
    annotated type of the parameter where there is one: ``name: str`` takes ``name=1`` as ``"1"``.

    Raises:
        InvalidError: No ``=``, an unknown key (with the closest known ones), or a value of a wrong type.
    """
    changed = _fresh(config)
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not key.strip():
            raise InvalidError(f"the override {override!r} is not key=value", hint="write e.g. optimizer.lr=0.1")
        _set(changed, key.strip(), text.strip())
    return changed


def _fresh(config: Any) -> Any:
    return copy_of(as_buildable(config) if is_buildable(config) else config)


def _set(config: Any, key: str, text: str) -> None:
    *steps, last = key.split(".")
    holder = config
    for step in steps:
        holder = _get(holder, step, key)
    if isinstance(holder, Buildable):
        _set_argument(holder, last, text, key)
    elif isinstance(holder, list):
        holder[_index(holder, last, key)] = yaml12.load(text)
    else:
        _known(last, holder if isinstance(holder, dict) else {}, key)
        holder[last] = yaml12.load(text)


def _get(holder: Any, step: str, key: str) -> Any:
    if isinstance(holder, list):
        return holder[_index(holder, step, key)]
    if isinstance(holder, Buildable):
        # A foreign configuration is replaced by ours, so that the change lands in the copy.
        _known(step, holder.arguments, key)
        if is_buildable(holder.arguments[step]):
            holder.arguments[step] = as_buildable(holder.arguments[step])
        return holder.arguments[step]
    _known(step, holder if isinstance(holder, dict) else {}, key)
    return holder[step]


def _known(step: str, known: Iterable[str], key: str) -> None:
    names = list(known)
    if step not in names:
        raise InvalidError(f"there is nothing to override at {key!r}: no {step!r}", hint=did_you_mean(step, names))


def _index(holder: list[Any], step: str, key: str) -> int:
    if not step.isdecimal() or int(step) >= len(holder):
        raise InvalidError(
            f"{step!r} in {key!r} is no index of a list of {len(holder)}", hint=f"use 0 to {len(holder) - 1}"
        )
    return int(step)


def _set_argument(holder: Buildable, name: str, text: str, key: str) -> None:
    value = yaml12.load(text)
    kind = _annotation(holder.fn, name)
    if kind is not None:
        value = _convert(value, text, kind, key)
    try:
        # Construction checks the name against the signature.
        type(holder)(holder.fn, **{name: value})
    except InvalidError as error:
        raise InvalidError(f"cannot override {key!r}: {error.message}", hint=error.hint) from None
    holder.arguments[name] = value


def _annotation(fn: Any, name: str) -> Any:
    if isinstance(fn, Reference | Opaque) or signature_of(fn) is None:
        return None
    target = vars(fn).get("__init__", fn) if isinstance(fn, type) else fn
    try:
        return typing.get_type_hints(target).get(name)
    except (NameError, TypeError, AttributeError):
        return None


def _convert(value: Any, text: str, kind: Any, key: str) -> Any:
    if kind is str and not isinstance(value, str):
        return text
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        shown = getattr(kind, "__name__", str(kind)) if isinstance(kind, type) else str(kind)
        raise InvalidError(f"{key!r} must be {shown}, got {text!r}: {error}") from None
    except TypeError:
        return value  # an annotation that msgspec does not know promises nothing
