"""AES-256-GCM (NIST SP 800-38D), by `cryptography`: who has no key can neither read what is sealed nor change it unnoticed."""

from __future__ import annotations

import importlib.util
import secrets
from typing import TYPE_CHECKING

from runward.errors import CorruptedError, MissingExtraError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES, TAG_BYTES = 12, 16


def new_secret() -> bytes:
    """A new key."""
    return secrets.token_bytes(KEY_BYTES)


def available() -> bool:
    """Whether anything can be sealed here."""
    return importlib.util.find_spec("cryptography") is not None


def cipher(secret: bytes) -> AESGCM:
    """What seals and opens under a key. Raises: MissingExtraError (``cryptography`` is not installed)."""
    try:
        # Loading it takes 40 ms, which most commands need not wait for.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError as error:
        raise MissingExtraError(
            "encryption needs the `cryptography` package", hint="pip install 'runward[sign]'"
        ) from error

    return AESGCM(secret)


def seal(under: AESGCM, data: bytes, about: bytes) -> bytes:
    """A random nonce, and the data encrypted and bound to what it is about.

    Under one key at most 2^32 times: beyond that two random nonces may be the same (SP 800-38D, 8.3).
    """
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + under.encrypt(nonce, data, about)


def unseal(under: AESGCM, sealed: bytes, about: bytes) -> bytes:
    """What was sealed. Raises: CorruptedError (another key, or it was changed, or is about something else)."""
    return decrypted(under, sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], about)


def decrypted(under: AESGCM, nonce: bytes, data: bytes | memoryview, about: bytes | None) -> bytes:
    """What was encrypted with a nonce. Raises: CorruptedError (another key, or it was changed, or is about something else)."""
    from cryptography.exceptions import InvalidTag

    try:
        return under.decrypt(nonce, data, about)
    except (InvalidTag, ValueError):
        raise CorruptedError(
            "sealed bytes do not fit their key: they were changed, or moved here from elsewhere",
            hint="restore them from a backup",
        ) from None
