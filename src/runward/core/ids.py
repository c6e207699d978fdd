"""Identifiers: short, random, safe in URLs and file names."""

from __future__ import annotations

import secrets
from typing import NewType

RunId = NewType("RunId", str)
ExperimentId = NewType("ExperimentId", str)
ProjectId = NewType("ProjectId", str)
TeamId = NewType("TeamId", str)
MemberId = NewType("MemberId", str)
ReviewId = NewType("ReviewId", str)
PageId = NewType("PageId", str)
VerificationId = NewType("VerificationId", str)
Digest = NewType("Digest", str)
"""A blake3 digest as 64 lower-case hexadecimal digits."""

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_LETTERS = "abcdefghjkmnpqrstvwxyz"


def new_id() -> str:
    """A random 12-character id (about 59 bits), starting with a letter so that it never looks like a number."""
    # One reading of randomness: the system is asked anew for each choice otherwise.
    bits = secrets.randbits(5 * 11 + 32)
    tail = "".join(_ALPHABET[bits >> 5 * place & 31] for place in range(11))
    return _LETTERS[(bits >> 55) * len(_LETTERS) >> 32] + tail
