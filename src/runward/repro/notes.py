"""What reruns showed, kept by name beside a workspace, so that an interrupted search goes on where it stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from runward.core.hashing import digest_value
from runward.execution.runner import write_atomically

T = TypeVar("T")


class Notes(Generic[T]):
    """Notes of one type in a folder, which appears with the first of them."""

    def __init__(self, folder: Path, of: type[T]) -> None:
        self._folder, self._type = folder, of

    def find(self, *name: object) -> T | None:
        """The note of that name (any JSON values), if there is one."""
        path = self._path(name)
        return msgspec.json.decode(path.read_bytes(), type=self._type) if path.exists() else None

    def keep(self, note: T, *name: object) -> None:
        """Write a note, whole or not at all."""
        self._folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self._path(name), msgspec.json.encode(note).decode())

    def _path(self, name: tuple[object, ...]) -> Path:
        return self._folder / f"{digest_value(list(name))[:32]}.json"
