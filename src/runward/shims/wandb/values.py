"""``wandb.config`` and ``wandb.summary``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from runward.errors import InvalidError
from runward.tracking.media import plain

Changed = Callable[[dict[str, Any]], None]


def as_mapping(values: Any) -> dict[str, Any]:
    """A config as a dict: from a mapping, absl's flags, a YAML file's path, or the attributes of anything else.

    Raises: InvalidError (it is none of these).
    """
    if values is None:
        return {}
    if isinstance(values, str | Path):
        read = yaml.safe_load(Path(values).read_text(encoding="utf-8")) or {}
        # W&B's own files have `key: {value: …}`.
        return {key: v["value"] if isinstance(v, dict) and "value" in v else v for key, v in as_mapping(read).items()}
    if hasattr(values, "flag_values_dict"):
        return dict(values.flag_values_dict())
    if isinstance(values, Mapping):
        return {str(key): value for key, value in values.items()}
    if hasattr(values, "__dict__"):
        return dict(vars(values))
    raise InvalidError(
        f"config is a {type(values).__name__}", hint="give a dict, an object with attributes or a YAML file"
    )


class _Values(MutableMapping[str, Any]):
    """Values as a dict and as attributes; whoever is told of changes is told by ``update``."""

    _values: dict[str, Any]
    _changed: Changed

    def __init__(self, changed: Changed, **more: Any) -> None:
        for name, value in {"_values": {}, "_changed": changed, **more}.items():
            object.__setattr__(self, name, value)

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __setattr__(self, key: str, value: Any) -> None:
        self[key] = value

    def __repr__(self) -> str:
        return repr(self._values)


class Config(_Values):
    """Parameters of a run, as a dict and as attributes. A value that is set stays, unless a change is allowed."""

    def __init__(self, changed: Changed, *, may_change: bool = False) -> None:
        super().__init__(changed, _may_change=may_change, _settled=frozenset())

    _may_change: bool
    _settled: frozenset[str]

    def settle(self, values: Mapping[str, Any]) -> None:
        """Set what a sweep has drawn: whatever the script sets for these keys, they stay (as W&B does)."""
        self.update(values, allow_val_change=True)
        object.__setattr__(self, "_settled", frozenset(values))

    def update(self, d: Any = None, allow_val_change: bool | None = None, **more: Any) -> None:  # type: ignore[override]
        """Set several. Raises: InvalidError (one has another value already, and no change is allowed)."""
        given = {key.strip("-"): value for key, value in {**as_mapping(d), **more}.items()}
        given = {key: value for key, value in given.items() if key not in self._settled}
        if not (self._may_change if allow_val_change is None else allow_val_change):
            for key, value in given.items():
                if key in self._values and plain(self._values[key]) != plain(value):
                    raise InvalidError(
                        f"config key {key!r} is {self._values[key]!r:.80} and would become {value!r:.80}",
                        hint="config.update(…, allow_val_change=True)",
                    )
        self._values.update(given)
        if given:
            self._changed(given)

    def setdefaults(self, d: Any) -> None:
        """Set what is not set yet."""
        self.update({key: value for key, value in as_mapping(d).items() if key not in self._values})

    def as_dict(self) -> dict[str, Any]:
        """All values."""
        return dict(self._values)

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __delitem__(self, key: str) -> None:
        raise InvalidError(f"config key {key!r} cannot be removed", hint="what a run was given is a fact about it")

    def __getattr__(self, key: str) -> Any:
        try:
            return self._values[key]
        except KeyError as error:
            raise AttributeError(f"config has no {key!r}; it has {sorted(self._values)}") from error


class Summary(_Values):
    """The last value of each key, or as ``define_metric(…, summary=…)`` says (``summary["loss"]["min"]``), or as it is set.

    Keys of nested dicts are nested here too: ``summary["train"]["loss"]``.
    """

    def __init__(self, changed: Changed) -> None:
        super().__init__(changed, _modes={}, _counts={})

    _modes: dict[str, tuple[str, ...]]
    _counts: dict[str, int]

    def define(self, pattern: str, modes: tuple[str, ...]) -> None:
        """Summarise keys by ``min``, ``max``, ``mean``, ``first``, ``last`` or several of them; ``none`` for not at all."""
        self._modes[pattern] = modes

    def note(self, key: str, value: Any) -> None:
        """A value was logged."""
        modes = next((modes for pattern, modes in self._modes.items() if fnmatchcase(key, pattern)), None)
        if modes is None:
            self._values[key] = value
            return
        count = self._counts[key] = self._counts.get(key, 0) + 1
        for mode in modes:
            if mode != "none":
                before = self._values.setdefault(key, {}).setdefault(mode, value)
                self._values[key][mode] = _combine(mode, before, value, count)

    def update(self, d: Any = None, **more: Any) -> None:  # type: ignore[override]
        """Set several."""
        given = {**as_mapping(d), **more}
        self._values.update(given)
        self._changed(given)

    def __getitem__(self, key: str) -> Any:
        if key in self._values:
            return self._values[key]
        below = {name[len(key) + 1 :]: value for name, value in self._values.items() if name.startswith(f"{key}.")}
        if not below:
            raise KeyError(key)
        found = Summary(lambda _: None)
        found._values.update(below)
        return found

    def __delitem__(self, key: str) -> None:
        del self._values[key]

    def __getattr__(self, key: str) -> Any:
        try:
            return self[key]
        except KeyError as error:
            raise AttributeError(f"summary has no {key!r}; it has {sorted(self._values)}") from error


def _combine(mode: str, before: Any, value: Any, count: int) -> Any:
    if mode in ("min", "max"):
        return (min if mode == "min" else max)(before, value)
    if mode == "mean":
        return before + (value - before) / count
    return before if mode == "first" else value
