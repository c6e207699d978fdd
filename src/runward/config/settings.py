"""Parameters that know where each of their values came from. Pure data: nothing is imported or built."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

LIBRARY_TAG = "library."
"""What the tag begins with that says which version of a shared configuration a run used: ``library.team/transformer``."""


class Settings(dict[str, Any]):
    """A dict of parameters with the origin of every value; use and change it like any dict.

    A value that was changed counts as given to the run. Origins are recorded when the dict goes into a run or a task.

    Args:
        values: The parameters.
        origins: Where each came from, by dotted key.
        libraries: Version of each shared configuration that values came from, by its name.
    """

    def __init__(
        self, values: Mapping[str, Any], origins: Mapping[str, str], libraries: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(copy.deepcopy(dict(values)))
        self.libraries = dict(libraries or {})
        self._origins = dict(origins)
        self._given = dict(_leaves(copy.deepcopy(dict(values))))

    @property
    def origins(self) -> dict[str, str]:
        """Where the present values came from, by dotted key; ``run`` for those that were changed or added."""
        present = dict(_leaves(self))
        unchanged = {key for key, value in present.items() if key in self._given and self._given[key] == value}
        return {key: self._origins.get(key, "run") if key in unchanged else "run" for key in present}


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def flat_items(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The values with dotted keys where they hold :class:`Settings`, so that each can have an origin of its own."""
    return dict(_leaves(values)) if origins_in(values) else values


def origins_in(value: Any, prefix: str = "") -> dict[str, str]:
    """Origins of the values of all :class:`Settings` inside a value, by dotted key; empty where there are none."""
    if isinstance(value, Settings):
        return {f"{prefix}{key}": origin for key, origin in value.origins.items()}
    return {key: origin for name, part in _parts(value) for key, origin in origins_in(part, f"{prefix}{name}.").items()}


def libraries_in(value: Any) -> dict[str, str]:
    """Versions of the shared configurations inside a value, by name."""
    own = value.libraries if isinstance(value, Settings) else {}
    return {**own, **{name: version for _, part in _parts(value) for name, version in libraries_in(part).items()}}


def library_tags(value: Any) -> dict[str, str]:
    """The tags of a run that uses a value: one for each shared configuration inside it."""
    return {f"{LIBRARY_TAG}{name}": version for name, version in libraries_in(value).items()}


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    # A Config or Partial: told by what it has, so that a script that has none does not load their module.
    if hasattr(type(value), "__positional__"):
        yield from value.arguments.items()
    elif isinstance(value, Mapping):
        yield from ((str(key), part) for key, part in value.items())
    elif isinstance(value, list | tuple):
        yield from ((str(index), part) for index, part in enumerate(value))


def origin_of(key: str, origins: Mapping[str, str]) -> str:
    """The origin of a flat parameter: its own, or that of the list it is a part of; ``run`` by default."""
    while key not in origins and "." in key:
        key = key.rpartition(".")[0]
    return origins.get(key, "run")
