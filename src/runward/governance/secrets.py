"""Tokens and one-time secrets: random, checksummed, stored only as hashes."""

from __future__ import annotations

import hashlib
import re
import secrets
import zlib

_TOKEN = re.compile(r"rwd_([A-Za-z0-9_-]{32})([0-9a-f]{8})")


def new_token() -> str:
    """A token: ``rwd_``, 192 random bits, and a checksum that tells a mistyped one before any look-up."""
    body = secrets.token_urlsafe(24)
    return f"rwd_{body}{zlib.crc32(body.encode()):08x}"


def is_well_formed(token: str) -> bool:
    """Whether a text is a token by shape and checksum."""
    match = _TOKEN.fullmatch(token)
    return match is not None and f"{zlib.crc32(match[1].encode()):08x}" == match[2]


def new_secret() -> str:
    """A secret for a link or a session: 256 random bits."""
    return secrets.token_urlsafe(32)


def fingerprint(secret: str) -> str:
    """What is stored of a secret. The secrets are long and random, so a plain SHA-256 is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()
