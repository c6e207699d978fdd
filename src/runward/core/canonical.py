"""Canonical JSON: one text per value, so that a digest of it means something."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec

_ENCODER = msgspec.json.Encoder(order="sorted")


def canonical_json(value: Any) -> bytes:
    """Encode a plain value or Struct with sorted keys and no spaces; NaN and ±inf become tagged objects.

    JSON has no NaN; plain encoders write ``null``, which would give a missing and a diverged value one digest.
    """
    plain = msgspec.to_builtins(value)
    try:
        json.dumps(plain, allow_nan=False)
    except ValueError:
        plain = _plain(plain)
    return _ENCODER.encode(plain)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": repr(value)}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
