"""Certificates whose content was written anew because it named a person who was erased: stated again, and signed again."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Set
from typing import Any

import msgspec

from runward.core.hashing import digest_bytes
from runward.core.signing import public_key_of
from runward.errors import CorruptedError
from runward.repro import certificate

REISSUED = "reissued"


def reissued(
    stored: str,
    private_key: bytes,
    digests: Mapping[str, str],
    rewrite: Callable[[str], str],
    why: Mapping[str, Any],
    gone: Set[str] = frozenset(),
) -> str | None:
    """A stored certificate as it reads now, signed by this workspace.

    Args:
        stored: The envelope as JSON.
        private_key: The workspace's, in PEM.
        digests: Digests after by digest before.
        rewrite: Puts the pseudonym into a text.
        gone: Digests of files that were removed: they are no subjects any more, and are named apart.
        why: Why it was stated again, without a person's data; the digest of the former statement is added.

    Returns: None where the certificate was signed by another key: nobody here can state it again. What does not change
    stays as it is, with its signature.
    """
    envelope = msgspec.json.decode(stored, type=certificate.Envelope)
    payload = base64.b64decode(envelope.payload)
    text = rewrite(payload.decode())
    for old, new in digests.items():
        text = text.replace(old, new)
    if text == payload.decode() and not any(digest in text for digest in gone):
        return stored
    try:
        certificate.verify(envelope, public_key_of(private_key))
    except CorruptedError:
        return None
    statement = msgspec.json.decode(text, type=certificate.Statement)
    kept = [one for one in statement.subject if gone.isdisjoint(one.digest.values())]
    removed = sorted(one.name for one in statement.subject if not gone.isdisjoint(one.digest.values()))
    noted = {**why, "statement_before": digest_bytes(payload), "removed": removed}
    predicate = {**statement.predicate, REISSUED: noted}
    made = certificate.sign(msgspec.structs.replace(statement, subject=kept, predicate=predicate), private_key)
    return json.dumps(msgspec.to_builtins(made))
