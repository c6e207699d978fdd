"""What several forges do alike."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import msgspec

from runward.core.outbound import Outgoing

NOBODY = "0" * 40
"""What stands for no commit: a branch that appears or goes away."""


def json_request(url: str, headers: dict[str, str], content: dict[str, Any]) -> Outgoing:
    """A request with JSON; what is empty is left out."""
    body = msgspec.json.encode({key: value for key, value in content.items() if value != ""})
    return Outgoing(url, {"Content-Type": "application/json", **headers}, body)


def same(given: str, expected: str) -> bool:
    """Whether two secrets are the same, in a time that tells nothing."""
    return bool(expected) and hmac.compare_digest(given.encode(), expected.encode())


def signed(given: str, body: bytes, secret: str) -> bool:
    """Whether ``sha256=…`` is the HMAC of a body."""
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return same(given, f"sha256={expected}") and bool(secret)


def branch_of(ref: str) -> str:
    """The branch that a ref names; empty for a tag."""
    return ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else ""


def cut(text: str, limit: int) -> str:
    """A text in so many characters."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
