"""Callables as data, and what differs between two configurations. Nothing is built or imported."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Iterator
from typing import Any

from runward.config.buildable import MISSING, Buildable, Change, as_buildable, is_buildable
from runward.config.targets import Opaque, Reference, display_name, import_location
from runward.config.tree import join
from runward.core.hashing import digest_value


def identify(fn: Any) -> Reference | Opaque:
    """The callable as data: its import path when that is enough, otherwise name, source and digest."""
    if isinstance(fn, Reference | Opaque):
        return fn
    location = import_location(fn)
    if location is not None:
        return Reference(f"{location[0]}.{location[1]}")
    name, source = display_name(fn), source_of(fn)
    return Opaque(name, source, digest_value([name, source or _fingerprint(fn)]))


def source_of(fn: Any) -> str:
    """The source text of a callable, or "" when Python does not have it."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    try:
        return inspect.getsource(inspect.unwrap(fn))
    except (OSError, TypeError, ValueError, SyntaxError, IndexError):
        return ""


def _fingerprint(fn: Any) -> str:
    code = getattr(fn, "__code__", None)
    if code is None:
        return f"{type(fn).__module__}.{type(fn).__qualname__}"
    return repr((code.co_code.hex(), code.co_names, [c for c in code.co_consts if not hasattr(c, "co_code")]))


def changes(before: Any, after: Any, path: str = "") -> Iterator[Change]:
    """Walk two values side by side and yield each difference. Never builds or imports anything."""
    if before is after:
        return
    if is_buildable(before) and is_buildable(after):
        yield from _buildable_changes(as_buildable(before), as_buildable(after), path)
    elif type(before) is dict and type(after) is dict:
        yield from _mapping_changes(before, after, path)
    elif type(before) is type(after) and isinstance(before, list | tuple):
        yield from _mapping_changes(dict(enumerate(before)), dict(enumerate(after)), path)
    elif not _same(before, after):
        yield Change(path, before, after)


def _buildable_changes(before: Buildable, after: Buildable, path: str) -> Iterator[Change]:
    if type(before) is not type(after):
        yield Change(path, before, after)
        return
    if before.fn is not after.fn and before.fn != after.fn and identify(before.fn) != identify(after.fn):
        yield Change(join(path, "_target_"), before.fn, after.fn)
    yield from _mapping_changes(dict(enumerate(before.__positional__)), dict(enumerate(after.__positional__)), path)
    yield from _mapping_changes(before.arguments, after.arguments, path)


def _mapping_changes(before: dict[Any, Any], after: dict[Any, Any], path: str) -> Iterator[Change]:
    for key in [*before, *(key for key in after if key not in before)]:
        place = join(path, key if isinstance(key, str | int) else repr(key))
        if key not in before or key not in after:
            yield Change(place, before.get(key, MISSING), after.get(key, MISSING))
        else:
            yield from changes(before[key], after[key], place)


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, Reference | Opaque) or isinstance(after, Reference | Opaque):
        return _is_target(before) and _is_target(after) and identify(before) == identify(after)
    if type(before) is not type(after):
        return False
    if isinstance(before, float) and math.isnan(before):
        return math.isnan(after)
    try:
        if before == after:
            return True
    except (TypeError, ValueError):  # arrays and frames do not say yes or no
        return False
    return callable(before) and _is_target(before) and identify(before) == identify(after)


def _is_target(value: Any) -> bool:
    return callable(value) or isinstance(value, Reference | Opaque)
