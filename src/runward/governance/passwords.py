"""Passwords: argon2id with the parameters that OWASP recommends (19 MiB, 2 passes, 1 lane)."""

from __future__ import annotations

import threading
from typing import Any

from runward.errors import InvalidError, MissingExtraError

MIN_LENGTH = 10
# Each hash takes 19 MiB: without a bound, many sign-ins at once would be a way to exhaust the memory.
_AT_ONCE = threading.BoundedSemaphore(4)


def _hasher() -> Any:
    try:
        from argon2 import PasswordHasher
    except ImportError as error:
        raise MissingExtraError("passwords need argon2-cffi", hint="pip install 'runward[server]'") from error
    return PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def hash_password(password: str) -> str:
    """The stored form of a password. Raises: InvalidError (too short or too long), MissingExtraError."""
    if not MIN_LENGTH <= len(password) <= 1024:
        raise InvalidError(f"the password has {len(password)} characters; it needs {MIN_LENGTH} to 1,024")
    with _AT_ONCE:
        return str(_hasher().hash(password))


def password_matches(stored: str | None, password: str) -> bool:
    """Whether a password is the stored one. Takes the same time when nothing is stored."""
    from argon2.exceptions import Argon2Error, InvalidHashError

    with _AT_ONCE:
        hasher = _hasher()
        if stored is None or len(password) > 1024:
            hasher.hash("no such member")
            return False
        try:
            return bool(hasher.verify(stored, password))
        except (Argon2Error, InvalidHashError):
            return False
