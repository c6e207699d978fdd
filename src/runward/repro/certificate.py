"""Certificates: in-toto Statements in DSSE envelopes, signed with Ed25519, that others check offline."""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec

from runward.core.canonical import canonical_json
from runward.core.hashing import digest_bytes
from runward.errors import CorruptedError, InvalidError, MissingExtraError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:runward:verification:v1"


class Signature(msgspec.Struct, frozen=True):
    """One signature of an envelope."""

    keyid: str
    sig: str


class Envelope(msgspec.Struct, frozen=True, rename={"payload_type": "payloadType"}):
    """A DSSE envelope: the payload in base64 and who signed it."""

    payload_type: str
    payload: str
    signatures: list[Signature]


class Subject(msgspec.Struct, frozen=True):
    """What a statement is about: a name and its digests by algorithm."""

    name: str
    digest: dict[str, str]


class Statement(msgspec.Struct, frozen=True, rename={"type": "_type", "predicate_type": "predicateType"}):
    """An in-toto Statement: subjects, and what is claimed about them."""

    subject: list[Subject]
    predicate: dict[str, Any]
    predicate_type: str = PREDICATE_TYPE
    type: str = STATEMENT_TYPE


def sign(statement: Statement, private_key: bytes) -> Envelope:
    """Sign a statement with an Ed25519 private key in PEM. Raises: InvalidError, MissingExtraError."""
    key = _private(private_key)
    payload = canonical_json(statement)
    signature = Signature(key_id(_public_pem(key.public_key())), _encode(key.sign(_pae(PAYLOAD_TYPE, payload))))
    return Envelope(PAYLOAD_TYPE, _encode(payload), [signature])


def verify(envelope: Envelope, public_key: bytes) -> Statement:
    """Check an envelope against an Ed25519 public key in PEM and return what it states.

    Raises:
        CorruptedError: No signature of that key fits, or the payload is not such a statement.
        InvalidError: The key is not an Ed25519 public key.
        MissingExtraError: ``cryptography`` is not installed.
    """
    key = _public(public_key)
    try:
        payload = base64.b64decode(envelope.payload, validate=True)
        signatures = [base64.b64decode(item.sig, validate=True) for item in envelope.signatures]
    except binascii.Error as error:
        raise CorruptedError(f"certificate: not valid base64: {error}") from error
    if not any(_fits(key, signature, _pae(envelope.payload_type, payload)) for signature in signatures):
        raise CorruptedError(
            "certificate: no signature of this key fits the content",
            hint="It was changed, or signed by somebody else: ask the signer for the key's id.",
        )
    return _statement(envelope, payload)


def create_key(path: Path) -> bytes:
    """Write a new private key, readable by its owner only, and return the public key in PEM.

    Raises:
        InvalidError: The file exists; a signing key is never overwritten.
        MissingExtraError: ``cryptography`` is not installed.
    """
    ed25519, serialization = _cryptography()
    key = ed25519.Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise InvalidError(f"path: {path} exists already", hint="A signing key is never overwritten.") from error
    with os.fdopen(handle, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    return _public_pem(key.public_key())


def public_key_of(private_key: bytes) -> bytes:
    """The public key in PEM that belongs to a private one. Raises: InvalidError, MissingExtraError."""
    return _public_pem(_private(private_key).public_key())


def key_id(public_key: bytes) -> str:
    """A short name of a public key: the start of its digest."""
    return digest_bytes(public_key.strip())[:16]


def _pae(payload_type: str, payload: bytes) -> bytes:
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def _statement(envelope: Envelope, payload: bytes) -> Statement:
    try:
        statement = msgspec.json.decode(payload, type=Statement)
    except msgspec.DecodeError as error:
        raise CorruptedError(f"certificate: the payload is not a statement: {error}") from error
    kinds = (envelope.payload_type, statement.type, statement.predicate_type)
    if kinds != (PAYLOAD_TYPE, STATEMENT_TYPE, PREDICATE_TYPE):
        raise CorruptedError(f"certificate: signed, but not a verification: {', '.join(kinds)}")
    return statement


def _fits(key: Ed25519PublicKey, signature: bytes, message: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature

    with contextlib.suppress(InvalidSignature):
        key.verify(signature, message)
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
            "certificates need the `cryptography` package", hint="pip install 'runward[sign]'"
        ) from error
    return ed25519, serialization


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
