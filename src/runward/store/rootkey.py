"""The organisation's key, which wraps all others: in a file, in a variable, or wrapped by a key management service.

It is never in the database and never in a backup. Where it is looked for:

- ``RUNWARD_ROOT_KEY_COMMAND``: a command, which is run as ``COMMAND wrap`` or ``COMMAND unwrap`` and turns base64 on its
  standard input into base64 on its standard output (the client of a key management service). ``keys/root.wrapped`` in the
  workspace's folder then holds the key as the command wrapped it.
- ``RUNWARD_ROOT_KEY``: the key itself, as 64 hexadecimal digits; a new one during a rotation in ``RUNWARD_ROOT_KEY_NEXT``.
- a file with the 64 digits, which nobody but its owner may read: the one that ``RUNWARD_ROOT_KEY_FILE`` names, else
  ``keys/root.key`` in the workspace's folder.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
import shlex
import subprocess
from pathlib import Path
from typing import Protocol

from runward.core.files import others_may_read, sync_folder, write_secret
from runward.errors import InvalidError, KeyMissingError
from runward.store.ciphers import KEY_BYTES, cipher, new_secret, seal, unseal

COMMAND, VARIABLE, FILE = "RUNWARD_ROOT_KEY_COMMAND", "RUNWARD_ROOT_KEY", "RUNWARD_ROOT_KEY_FILE"
_NEXT_VARIABLE = f"{VARIABLE}_NEXT"
_COMMAND_S = 60.0


class RootKey:
    """A root key in memory. Thread-safe."""

    def __init__(self, secret: bytes) -> None:
        self.secret = secret
        self.id = hashlib.blake2b(b"runward root key", key=secret, digest_size=4).hexdigest()
        """A short name, from which the key cannot be guessed."""
        self._cipher = cipher(secret)

    def __repr__(self) -> str:
        return f"RootKey({self.id})"

    def wrap(self, secret: bytes, about: bytes) -> bytes:
        """Another key, to be kept where everybody may see it."""
        return seal(self._cipher, secret, about)

    def unwrap(self, wrapped: bytes, about: bytes) -> bytes:
        """The other key. Raises: CorruptedError."""
        return unseal(self._cipher, wrapped, about)


class RootPlace(Protocol):
    """Where the root key is. Every method raises KeyMissingError where it cannot be had."""

    @property
    def where(self) -> str:
        """In words, for messages."""
        ...

    def read(self) -> list[RootKey]:
        """The key, and during a rotation the next one too; empty where there is none yet."""
        ...

    def create(self) -> RootKey:
        """A new key, durable; the one that is there, if somebody else was faster."""
        ...

    def prepare(self) -> RootKey:
        """The next key of a rotation, durable: that of an interrupted one, else a new one."""
        ...

    def settle(self) -> None:
        """The rotation is done: the next key takes the place of the one before."""
        ...


class RootFile:
    """A file with the key in hexadecimal digits."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._next = path.with_name(f"{path.name}.next")

    @property
    def where(self) -> str:
        """See :class:`RootPlace`."""
        return f"the file {self.path}"

    def read(self) -> list[RootKey]:
        """See :class:`RootPlace`."""
        return [self._read(path) for path in (self.path, self._next) if path.exists()]

    def create(self) -> RootKey:
        """See :class:`RootPlace`."""
        return self._made(self.path)

    def prepare(self) -> RootKey:
        """See :class:`RootPlace`."""
        return self._made(self._next)

    def settle(self) -> None:
        """See :class:`RootPlace`."""
        if self._next.exists():
            os.replace(self._next, self.path)
            sync_folder(self.path.parent)

    def _made(self, path: Path) -> RootKey:
        # Two that begin together: one makes the key, and both use it.
        with contextlib.suppress(FileExistsError):
            write_secret(path, self._written(new_secret()))
        return self._read(path)

    def _read(self, path: Path) -> RootKey:
        try:
            if others_may_read(path):
                raise KeyMissingError(
                    f"the root key {path} can be read or changed by others than its owner (mode {path.stat().st_mode & 0o777:o})",
                    hint=f"chmod 600 {path}; if others may have read it: runward keys rotate --root",
                )
            return RootKey(self._secret(path))
        except OSError as error:
            raise KeyMissingError(
                f"the root key {path} cannot be read: {error.strerror}", hint="run as the user whose file it is"
            ) from error

    def _written(self, secret: bytes) -> bytes:
        return secret.hex().encode() + b"\n"

    def _secret(self, path: Path) -> bytes:
        return _digits(path.read_text("ascii", errors="replace"), f"the file {path}")


class RootCommand(RootFile):
    """A file with the key as a command wrapped it."""

    def __init__(self, command: str, path: Path) -> None:
        super().__init__(path)
        try:
            self._argv = shlex.split(command)
        except ValueError as error:
            raise InvalidError(f"{COMMAND} {command!r} is no command line: {error}") from error

    @property
    def where(self) -> str:
        """See :class:`RootPlace`."""
        return f"the file {self.path}, unwrapped by the command {self._argv[0]!r} ({COMMAND})"

    def _written(self, secret: bytes) -> bytes:
        wrapped = self._ask("wrap", secret)
        if wrapped == secret:
            raise KeyMissingError(
                f"the command {self._argv[0]!r} ({COMMAND}) gave the key back as it was",
                hint="it has to encrypt what it is given",
            )
        return base64.b64encode(wrapped) + b"\n"

    def _secret(self, path: Path) -> bytes:
        try:
            wrapped = base64.b64decode(path.read_bytes().strip(), validate=True)
        except binascii.Error:
            raise KeyMissingError(f"{path} is no wrapped root key: it has to hold base64") from None
        secret = self._ask("unwrap", wrapped)
        if len(secret) != KEY_BYTES:
            raise KeyMissingError(
                f"the command {self._argv[0]!r} ({COMMAND}) gave {len(secret)} bytes, the root key has {KEY_BYTES}"
            )
        return secret

    def _ask(self, what: str, data: bytes) -> bytes:
        failed = f"the command {self._argv[0]!r} ({COMMAND}) could not {what} the root key"
        try:
            done = subprocess.run(
                [*self._argv, what],
                input=base64.b64encode(data) + b"\n",
                capture_output=True,
                timeout=_COMMAND_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise KeyMissingError(f"{failed}: {error}", hint="check that it runs by itself") from error
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2][:300]
            raise KeyMissingError(f"{failed}: exit code {done.returncode}: {said}", hint="check its credentials")
        try:
            return base64.b64decode(done.stdout.strip(), validate=True)
        except binascii.Error:
            raise KeyMissingError(f"{failed}: its output is not base64") from None


class RootVariable:
    """A variable of the environment."""

    def __init__(self, name: str = VARIABLE, next_name: str = _NEXT_VARIABLE) -> None:
        self._name, self._next_name = name, next_name

    @property
    def where(self) -> str:
        """See :class:`RootPlace`."""
        return f"the variable {self._name}"

    def read(self) -> list[RootKey]:
        """See :class:`RootPlace`."""
        return [self._given(name) for name in (self._name, self._next_name) if os.environ.get(name)]

    def create(self) -> RootKey:
        """See :class:`RootPlace`: somebody has to have set it."""
        return self._given(self._name)

    def prepare(self) -> RootKey:
        """See :class:`RootPlace`: somebody has to have set it."""
        return self._given(self._next_name)

    def _given(self, name: str) -> RootKey:
        if text := os.environ.get(name):
            return RootKey(_digits(text, f"the variable {name}"))
        raise KeyMissingError(f"the root key is missing: {name} is not set", hint=f"{name}=$(openssl rand -hex 32)")

    def settle(self) -> None:
        """The variables are not ours to change."""


def root_place(folder: Path) -> RootPlace:
    """Where the environment says that the root key of a workspace's folder is. Raises: InvalidError (in two places)."""
    named = [name for name in (COMMAND, VARIABLE, FILE) if os.environ.get(name)]
    if len(named) > 1:
        raise InvalidError(f"{' and '.join(named)} are set", hint="set one: the root key is in one place")
    if named == [COMMAND]:
        return RootCommand(os.environ[COMMAND], folder / "keys" / "root.wrapped")
    if named == [VARIABLE]:
        return RootVariable()
    return RootFile(Path(os.environ[FILE]) if named else folder / "keys" / "root.key")


def _digits(text: str, where: str) -> bytes:
    try:
        secret = bytes.fromhex(text.strip())
    except ValueError:
        secret = b""
    if len(secret) != KEY_BYTES:
        raise KeyMissingError(
            f"{where} holds no root key: it has to hold {KEY_BYTES * 2} hexadecimal digits", hint="openssl rand -hex 32"
        )
    return secret
