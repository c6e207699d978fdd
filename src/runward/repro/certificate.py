"""Certificates: in-toto Statements in DSSE envelopes, signed with Ed25519, that others check offline."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from runward.core.canonical import canonical_json
from runward.core.signing import fits, key_id, public_key_of, sign_bytes
from runward.errors import CorruptedError

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:runward:verification:v1"
ERASURE_TYPE = "urn:runward:erasure:v1"
"""That a person was erased; see :mod:`runward.privacy`."""


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
    payload = canonical_json(statement)
    signed = sign_bytes(private_key, _pae(PAYLOAD_TYPE, payload))
    signature = Signature(key_id(public_key_of(private_key)), _encode(signed))
    return Envelope(PAYLOAD_TYPE, _encode(payload), [signature])


def verify(envelope: Envelope, public_key: bytes) -> Statement:
    """Check an envelope against an Ed25519 public key in PEM and return what it states.

    Raises:
        CorruptedError: No signature of that key fits, or the payload is not such a statement.
        InvalidError: The key is not an Ed25519 public key.
        MissingExtraError: ``cryptography`` is not installed.
    """
    try:
        payload = base64.b64decode(envelope.payload, validate=True)
        signatures = [base64.b64decode(item.sig, validate=True) for item in envelope.signatures]
    except binascii.Error as error:
        raise CorruptedError(f"certificate: not valid base64: {error}") from error
    if not any(fits(public_key, signature, _pae(envelope.payload_type, payload)) for signature in signatures):
        raise CorruptedError(
            "certificate: no signature of this key fits the content",
            hint="It was changed, or signed by somebody else: ask the signer for the key's id.",
        )
    return _statement(envelope, payload)


def _pae(payload_type: str, payload: bytes) -> bytes:
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def _statement(envelope: Envelope, payload: bytes) -> Statement:
    try:
        statement = msgspec.json.decode(payload, type=Statement)
    except msgspec.DecodeError as error:
        raise CorruptedError(f"certificate: the payload is not a statement: {error}") from error
    kinds = (envelope.payload_type, statement.type, statement.predicate_type)
    if kinds[:2] != (PAYLOAD_TYPE, STATEMENT_TYPE) or kinds[2] not in (PREDICATE_TYPE, ERASURE_TYPE):
        raise CorruptedError(f"certificate: signed, but no verification or erasure: {', '.join(kinds)}")
    return statement


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
