"""Verifications as they are stored and listed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from runward.core.ids import RunId, VerificationId


class NewVerification(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A verification that was carried out."""

    verdict: str
    """``reproduced``, ``not_reproduced`` or ``undecided``."""
    level: str
    """``none``, ``basic`` or ``environment``."""
    reason: str
    report: dict[str, Any]
    """The report with its two axes, inputs and result."""
    duration_s: float
    host: str = ""


class Verification(msgspec.Struct, frozen=True):
    """A verification as lists show it."""

    id: VerificationId
    run_id: RunId
    run_name: str
    project: str
    verdict: str
    level: str
    reason: str
    by: str
    host: str
    at: datetime
    duration_s: float
    outdated: bool
    """True when the run changed since."""


class VerificationDetail(msgspec.Struct, frozen=True):
    """A verification with its evidence."""

    verification: Verification
    report: dict[str, Any]
    certificate: dict[str, Any] | None
    """A DSSE envelope around an in-toto statement; None when nothing was earned."""


class SigningKey(msgspec.Struct, frozen=True):
    """The public half of the key that signs a workspace's certificates."""

    key_id: str
    """As certificates name it (``keyid``)."""
    public_key: str
    """Ed25519, in PEM."""
