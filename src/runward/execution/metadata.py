"""An experiment's metadata: a dict that is checked and kept on every change."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from typing import Any

from runward.errors import InvalidError


class Metadata(dict[str, Any]):
    """A dict of JSON-able values with text keys. Every change is checked, counted and handed on.

    A change inside a nested dict or list is noticed when the experiment starts and ends.

    Raises:
        InvalidError: A key is not text, or a value is not JSON-able; nothing is changed then.
    """

    def __init__(self, initial: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.version = 1
        """Counts changes, from 1."""
        self.on_change: Callable[[], None] = lambda: None
        super().update(_checked(initial or {}))

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __delitem__(self, key: str) -> None:
        super().__delitem__(key)
        self._changed()

    def __ior__(self, other: Any) -> Metadata:  # type: ignore[override,misc]
        self.update(other)
        return self

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set several keys at once: one new version."""
        super().update(_checked(dict(*args, **kwargs)))
        self._changed()

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value of a key, set to the default if it is not there."""
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key: str, *default: Any) -> Any:
        """Remove a key and return its value."""
        had = key in self
        value = super().pop(key, *default)
        if had:
            self._changed()
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove and return the last pair."""
        pair = super().popitem()
        self._changed()
        return pair

    def clear(self) -> None:
        """Remove everything."""
        super().clear()
        self._changed()

    def __reduce__(self) -> tuple[Any, ...]:
        return Metadata, (dict(self),)

    def snapshot(self) -> dict[str, Any]:
        """A checked copy as a plain dict."""
        return _checked(self)

    def _changed(self) -> None:
        self.version += 1
        self.on_change()


def _checked(values: Mapping[Any, Any]) -> dict[str, Any]:
    for key, value in values.items():
        _check_key(key, "metadata")
        _check(value, f"metadata[{key!r}]")
    return copy.deepcopy(dict(values))


def _check_key(key: Any, path: str) -> None:
    if not isinstance(key, str):
        raise InvalidError(f"a key of {path} must be text, got {key!r}")
    _check_text(key, f"the key {key!r:.80} of {path}")


def _check_text(text: str, path: str) -> None:
    """Refuse here what a store would refuse later, when the runs are done."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidError(f"{path} has a NUL character or half of a character pair", hint="leave it out")


def _check(value: Any, path: str) -> None:
    if isinstance(value, str):
        _check_text(value, path)
        return
    if value is None or isinstance(value, bool | int):
        return
    if isinstance(value, float) and math.isfinite(value):
        return
    if isinstance(value, dict):
        for key, item in value.items():
            _check_key(key, path)
            _check(item, f"{path}[{key!r}]")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _check(item, f"{path}[{index}]")
    else:
        raise InvalidError(
            f"{path} must be JSON-able, got {type(value).__name__} {value!r:.60}",
            hint="use text, finite numbers, true/false, None, lists and dicts of these",
        )
