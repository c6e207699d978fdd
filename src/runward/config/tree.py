"""Paths into a tree of configurations, and the walks that need them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def join(path: str, step: str | int) -> str:
    """One step deeper: ``a.b``, ``a[0]``, or ``a['odd key']`` so that no two places share a path."""
    if isinstance(step, int):
        return f"{path}[{step}]"
    if step.isidentifier():
        return f"{path}.{step}" if path else step
    return f"{path}[{step!r}]"


def map_container(value: Any, path: str, change: Callable[[Any, str], Any]) -> Any:
    """Apply ``change`` to the items of a list, tuple or dict; the same object if nothing changed."""
    if type(value) is dict:
        items = {
            key: change(item, join(path, key if isinstance(key, str | int) else str(key)))
            for key, item in value.items()
        }
        return items if any(items[key] is not value[key] for key in value) else value
    if type(value) is list or isinstance(value, tuple):
        parts = [change(item, join(path, index)) for index, item in enumerate(value)]
        if all(new is old for new, old in zip(parts, value, strict=True)):
            return value
        return _as_type(value, parts)
    return value


def _as_type(value: Any, parts: list[Any]) -> Any:
    if type(value) is list:
        return parts
    return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
