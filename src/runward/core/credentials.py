"""Tokens that `runward login` keeps for this user: one for each server, in a file that nobody else may read."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import stat
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from runward.errors import InvalidError, StoreError

_FORMAT = 1


class Saved(msgspec.Struct, frozen=True):
    """A token for a server."""

    token: str
    id: str = ""
    """Its id on the server; empty for one that was brought along."""
    member: str = ""
    expires_at: datetime | None = None


class _File(msgspec.Struct, frozen=True):
    version: int
    servers: dict[str, Saved]


def credentials_path() -> Path:
    """Where they are kept: ``RUNWARD_CREDENTIALS``, else in the user's folder for settings."""
    if named := os.environ.get("RUNWARD_CREDENTIALS", ""):
        return Path(named)
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "runward" / "credentials.json"


def server_of(url: str) -> str:
    """A server's address as it is written in the file: scheme, host in lower case, port, path. Raises: InvalidError."""
    parts = urlsplit(url if "://" in url else f"https://{url}")
    try:
        port = parts.port
    except ValueError as error:
        raise InvalidError(f"server URL {url!r}: {error}", hint="write it like https://host") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise InvalidError(
            f"server URL {url!r} is not understood", hint="write it like https://host or http://host:4747"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    is_usual = port in (None, 443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{host}{'' if is_usual else f':{port}'}{parts.path.rstrip('/')}"


def saved() -> dict[str, Saved]:
    """All that is kept, by server. Raises: InvalidError (others may read the file), StoreError."""
    path = credentials_path()
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from error
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise InvalidError(
            f"{path} can be read by others: its mode is {stat.S_IMODE(mode):04o}",
            hint=f"chmod 600 {path}; others may have its tokens: runward logout, then login again",
        )
    try:
        return msgspec.json.decode(data, type=_File).servers
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidError(f"{path} is not understood: {error}", hint="move it away, then runward login URL") from error


def token_for(url: str) -> str:
    """The token that is kept for a server; empty for none. Raises: as :func:`saved`."""
    found = saved().get(server_of(url))
    return found.token if found else ""


def keep(url: str, entry: Saved | None) -> None:
    """Keep a token for a server, or forget it. Raises: as :func:`saved`."""
    entries = saved()
    if entry is None:
        entries.pop(server_of(url), None)
    else:
        entries[server_of(url)] = entry
    path = credentials_path()
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    data = json.dumps(msgspec.to_builtins(_File(_FORMAT, entries)), indent=1, sort_keys=True).encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
