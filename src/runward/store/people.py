"""The keys that wrap the keys of people: a small file each, beside the database and in none of its backups.

One of them counts. When a person's key is destroyed another one takes its place, and the old one's file stays as long as backups
of the database do; then neither they nor what the database left on the disk can bring the person's key back.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path

import msgspec

from runward.core.files import replace_secret, wipe
from runward.errors import CorruptedError, KeyMissingError
from runward.store.ciphers import new_secret
from runward.store.rootkey import RootKey

PLACE = "RUNWARD_PEOPLE_KEYS"
RootOf = Callable[[Collection[str]], RootKey]
"""One of the root keys with these ids. Raises: KeyMissingError."""


class PeopleKey(msgspec.Struct, frozen=True):
    """A key's file."""

    id: str
    created_at: datetime
    wrapped: dict[str, bytes]
    """The key, by the id of the root key that wraps it: two of them during a rotation."""
    expires_at: datetime | None = None
    """From then on nobody opens anything with it, and its file is removed. It is never put off."""


def _about(key_id: str) -> bytes:
    return f"runward people key {key_id}".encode()


class PeopleKeys:
    """The files of a workspace. Servers of one database need the same ones: ``RUNWARD_PEOPLE_KEYS`` names their folder."""

    def __init__(self, folder: Path) -> None:
        named = os.environ.get(PLACE, "")
        self.folder = Path(named) if named else folder / "keys" / "people"

    def _path(self, key_id: str) -> Path:
        return self.folder / f"{key_id}.json"

    def create(self, key_id: str, root: RootKey, now: datetime) -> None:
        """Make a key, durable when this returns. Raises: OSError."""
        self._write(PeopleKey(key_id, now, {root.id: root.wrap(new_secret(), _about(key_id))}))

    def _write(self, key: PeopleKey) -> None:
        replace_secret(self._path(key.id), msgspec.json.encode(key) + b"\n")

    def all(self) -> list[PeopleKey]:
        """Every key that is there, expired or not. Raises: CorruptedError."""
        return [self._read(path) for path in sorted(self.folder.glob("*.json"))]

    def several(self) -> bool:
        """Whether there may be something to tend. Most workspaces never destroy a key, and have one at most."""
        return self.folder.is_dir() and len(os.listdir(self.folder)) > 1

    def open(self, key_id: str, root_of: RootOf, now: datetime) -> bytes:
        """A key's secret. Raises: KeyMissingError, CorruptedError."""
        try:
            found = self._read(self._path(key_id))
        except FileNotFoundError:
            found = None
        if found is None or (found.expires_at is not None and found.expires_at <= now):
            raise KeyMissingError(
                f"the people key {key_id} is not in {self.folder}: it has expired, or was not put beside the database",
                hint="copy keys/people from where the workspace was; what expired stays unreadable",
            )
        root = root_of(found.wrapped)
        return root.unwrap(found.wrapped[root.id], _about(key_id))

    def expire(self, key: PeopleKey, at: datetime) -> PeopleKey:
        """Let a key end. Raises: OSError."""
        ending = msgspec.structs.replace(key, expires_at=at)
        self._write(ending)
        return ending

    def remove(self, key: PeopleKey) -> None:
        """Overwrite a key's file and remove it. Raises: OSError."""
        wipe(self._path(key.id))

    def wrap_also(self, root_of: RootOf, new: RootKey, now: datetime) -> None:
        """Let a second root key open all of them. Raises: KeyMissingError, CorruptedError, OSError."""
        for key in self.all():
            if new.id not in key.wrapped and not (key.expires_at and key.expires_at <= now):
                wrapped = new.wrap(self.open(key.id, root_of, now), _about(key.id))
                self._write(msgspec.structs.replace(key, wrapped={**key.wrapped, new.id: wrapped}))

    def wrap_only(self, root: RootKey) -> None:
        """Forget what other root keys wrapped. Raises: OSError."""
        for key in self.all():
            if root.id in key.wrapped and len(key.wrapped) > 1:
                self._write(msgspec.structs.replace(key, wrapped={root.id: key.wrapped[root.id]}))

    def _read(self, path: Path) -> PeopleKey:
        try:
            return msgspec.json.decode(path.read_bytes(), type=PeopleKey)
        except msgspec.DecodeError as error:
            raise CorruptedError(f"{path} is no people key: {error}", hint="put it back from a copy") from error
