"""Passwords: argon2id with the parameters that OWASP recommends (19 MiB, 2 passes, 1 lane)."""

from __future__ import annotations

import threading
from typing import Any

from runward.errors import InvalidError, MissingExtraError

MIN_LENGTH = 12
MAX_LENGTH = 1024
LEAST_GUESSES = 10**8
"""What withstands guessing online even where nothing limits it (zxcvbn's "safely unguessable" begins there)."""
_LOOKED_AT = 72
# Each hash takes 19 MiB: without a bound, many sign-ins at once would be a way to exhaust the memory.
_AT_ONCE = threading.BoundedSemaphore(4)


def _hasher() -> Any:
    try:
        from argon2 import PasswordHasher
    except ImportError as error:
        raise MissingExtraError("passwords need argon2-cffi", hint="pip install 'runward[server]'") from error
    return PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def check_password(password: str, name: str) -> None:
    """See that a password is long enough and not one of those that are tried first.

    Args:
        password: What was chosen.
        name: The member's name: a password made of it is no secret.

    Raises: InvalidError, MissingExtraError.
    """
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise InvalidError(
            f"the password has {len(password)} characters; it needs {MIN_LENGTH} to {MAX_LENGTH:,}",
            hint="a few words in a row are easy to keep",
        )
    try:
        from zxcvbn import zxcvbn
    except ImportError as error:
        raise MissingExtraError("passwords need zxcvbn", hint="pip install 'runward[server]'") from error
    found = zxcvbn(password[:_LOOKED_AT], user_inputs=["runward", *name.split(), name.replace(" ", "")])
    if found["guesses"] < LEAST_GUESSES:
        why = found["feedback"]["warning"] or "It is easy to guess."
        raise InvalidError(
            f"the password is too easy to guess: {why}", hint="take a few words that do not belong together"
        )


def hash_password(password: str, name: str = "") -> str:
    """The stored form of a password. Raises: InvalidError (too short, too long, too common), MissingExtraError."""
    check_password(password, name)
    with _AT_ONCE:
        return str(_hasher().hash(password))


def password_matches(stored: str | None, password: str) -> bool:
    """Whether a password is the stored one. Takes the same time when nothing is stored."""
    from argon2.exceptions import Argon2Error, InvalidHashError

    with _AT_ONCE:
        hasher = _hasher()
        if stored is None or len(password) > MAX_LENGTH:
            hasher.hash("no such member")
            return False
        try:
            return bool(hasher.verify(stored, password))
        except (Argon2Error, InvalidHashError):
            return False
