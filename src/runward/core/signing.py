"""Ed25519 keys and signatures, by `cryptography`."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from runward.core.files import write_secret
from runward.core.hashing import digest_bytes
from runward.errors import InvalidError, MissingExtraError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


def new_key() -> bytes:
    """A new private key in PEM. Raises: MissingExtraError (``cryptography`` is not installed)."""
    ed25519, serialization = _cryptography()
    key: bytes = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return key


def create_key(path: Path) -> bytes:
    """Write a new private key, readable by its owner only, and return the public key in PEM.

    Raises:
        InvalidError: The file exists; a signing key is never overwritten.
        MissingExtraError: ``cryptography`` is not installed.
    """
    key = new_key()
    try:
        write_secret(path, key)
    except FileExistsError as error:
        raise InvalidError(f"path: {path} exists already", hint="A signing key is never overwritten.") from error
    return public_key_of(key)


def public_key_of(private_key: bytes) -> bytes:
    """The public key in PEM that belongs to a private one. Raises: InvalidError, MissingExtraError."""
    return _public_pem(_private(private_key).public_key())


def key_id(public_key: bytes) -> str:
    """A short name of a public key: the start of its digest."""
    return digest_bytes(public_key.strip())[:16]


def sign_bytes(private_key: bytes, message: bytes) -> bytes:
    """The signature of a message by a private key in PEM. Raises: InvalidError, MissingExtraError."""
    return _private(private_key).sign(message)


def fits(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether a signature is of this message by the key whose public part is given in PEM.

    Raises: InvalidError (no such key), MissingExtraError.
    """
    from_key = _public(public_key)
    from cryptography.exceptions import InvalidSignature

    with contextlib.suppress(InvalidSignature):
        from_key.verify(signature, message)
        return True
    return False


def _private(pem: bytes) -> Ed25519PrivateKey:
    ed25519, serialization = _cryptography()
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise InvalidError(
            f"private_key: not a PEM private key: {error}", hint="Create one with create_key."
        ) from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise InvalidError("private_key: not an Ed25519 key", hint="Create one with create_key.")
    return cast("Ed25519PrivateKey", key)


def _public(pem: bytes) -> Ed25519PublicKey:
    ed25519, serialization = _cryptography()
    try:
        key = serialization.load_pem_public_key(pem)
    except ValueError as error:
        raise InvalidError(f"public_key: not a PEM public key: {error}", hint="Ask the signer for it.") from error
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise InvalidError("public_key: not an Ed25519 key", hint="Ask the signer for it.")
    return cast("Ed25519PublicKey", key)


def _public_pem(key: Ed25519PublicKey) -> bytes:
    _, serialization = _cryptography()
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _cryptography() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise MissingExtraError(
            "signatures need the `cryptography` package", hint="pip install 'runward[sign]'"
        ) from error
    return ed25519, serialization
