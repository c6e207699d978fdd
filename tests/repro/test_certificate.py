"""Certificates verify with the signer's key, and with nothing changed."""

from __future__ import annotations

import base64
import json
import stat
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runward.core.signing import create_key, key_id, public_key_of
from runward.errors import CorruptedError, InvalidError, MissingExtraError
from runward.repro.certificate import (
    PAYLOAD_TYPE,
    Envelope,
    Signature,
    Statement,
    Subject,
    sign,
    verify,
)


@pytest.fixture
def statement() -> Statement:
    predicate = {"level": "basic", "verdict": "reproduced", "unchecked": ["data x.csv"], "inputs": {"code": "aa"}}
    return Statement([Subject("metrics", {"blake3": "bb"})], predicate)


@pytest.fixture
def keys(tmp_path: Path) -> tuple[bytes, bytes]:
    public = create_key(tmp_path / "signing.pem")
    return (tmp_path / "signing.pem").read_bytes(), public


def test_what_is_signed_is_what_is_read(statement: Statement, keys: tuple[bytes, bytes]) -> None:
    """Through JSON, in the standard's shape."""
    private, public = keys
    wire = msgspec.json.encode(sign(statement, private))
    assert verify(msgspec.json.decode(wire, type=Envelope), public) == statement
    shape = json.loads(wire)
    assert shape["payloadType"] == PAYLOAD_TYPE
    payload = json.loads(base64.b64decode(shape["payload"]))
    assert payload["_type"] == "https://in-toto.io/Statement/v1"
    assert payload["subject"] == [{"name": "metrics", "digest": {"blake3": "bb"}}]
    assert payload["predicate"] == statement.predicate
    assert shape["signatures"][0]["keyid"] == key_id(public)


def test_a_third_party_can_check_the_signature(statement: Statement, keys: tuple[bytes, bytes]) -> None:
    """With the DSSE rules written out, without our code."""
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    private, public = keys
    envelope = sign(statement, private)
    payload = base64.b64decode(envelope.payload)
    message = b"DSSEv1 28 application/vnd.in-toto+json " + str(len(payload)).encode() + b" " + payload
    key: Any = load_pem_public_key(public)
    key.verify(base64.b64decode(envelope.signatures[0].sig), message)


def test_any_change_is_seen(statement: Statement, keys: tuple[bytes, bytes]) -> None:
    """Every byte of payload and signature, and the type."""
    private, public = keys
    envelope = sign(statement, private)
    payload, signature = base64.b64decode(envelope.payload), base64.b64decode(envelope.signatures[0].sig)
    forged = [
        msgspec.structs.replace(envelope, payload_type="text/plain"),
        msgspec.structs.replace(envelope, signatures=[]),
    ]
    for position in range(0, len(payload), 7):
        changed = payload[:position] + bytes([payload[position] ^ 1]) + payload[position + 1 :]
        forged.append(msgspec.structs.replace(envelope, payload=base64.b64encode(changed).decode()))
    for position in range(len(signature)):
        changed = signature[:position] + bytes([signature[position] ^ 1]) + signature[position + 1 :]
        forged.append(
            msgspec.structs.replace(
                envelope, signatures=[Signature(key_id(public), base64.b64encode(changed).decode())]
            )
        )
    for item in forged:
        with pytest.raises(CorruptedError, match="no signature of this key"):
            verify(item, public)


def test_another_key_does_not_fit(statement: Statement, keys: tuple[bytes, bytes], tmp_path: Path) -> None:
    """Also when the envelope claims the right key id."""
    private, _ = keys
    stranger = create_key(tmp_path / "other.pem")
    envelope = sign(statement, private)
    claimed = msgspec.structs.replace(envelope, signatures=[Signature(key_id(stranger), envelope.signatures[0].sig)])
    with pytest.raises(CorruptedError):
        verify(claimed, stranger)


def test_a_signed_text_of_another_kind_is_no_certificate(statement: Statement, keys: tuple[bytes, bytes]) -> None:
    """The same key may sign other things."""
    private, public = keys
    other = msgspec.structs.replace(statement, predicate_type="https://slsa.dev/provenance/v1")
    with pytest.raises(CorruptedError, match="no verification or erasure"):
        verify(sign(other, private), public)


def test_damaged_base64(statement: Statement, keys: tuple[bytes, bytes]) -> None:
    """An error of ours, not of the library."""
    private, public = keys
    with pytest.raises(CorruptedError, match="base64"):
        verify(msgspec.structs.replace(sign(statement, private), payload="%%%"), public)


def test_key_file_is_private_and_never_overwritten(tmp_path: Path) -> None:
    """Mode 0600 from the first moment."""
    path = tmp_path / "keys" / "signing.pem"
    public = create_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert public_key_of(path.read_bytes()) == public
    with pytest.raises(InvalidError, match="exists already"):
        create_key(path)
    assert public_key_of(path.read_bytes()) == public


def test_wrong_keys_are_named(statement: Statement, keys: tuple[bytes, bytes]) -> None:
    """Garbage, and keys of another kind."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    private, _ = keys
    elliptic = ec.generate_private_key(ec.SECP256R1())
    pem = elliptic.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = elliptic.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for wrong in (b"garbage", pem):
        with pytest.raises(InvalidError, match="private_key"):
            sign(statement, wrong)
    for wrong in (b"garbage", public):
        with pytest.raises(InvalidError, match="public_key"):
            verify(sign(statement, private), wrong)


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The message says what to install."""
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives", None)
    with pytest.raises(MissingExtraError, match=r"runward\[sign\]"):
        create_key(tmp_path / "key.pem")
