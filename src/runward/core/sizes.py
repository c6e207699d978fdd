"""Sizes in words: ``8 GiB`` is 8 times 2^30 bytes, ``8 GB`` is 8 times 10^9."""

from __future__ import annotations

import re

from runward.errors import InvalidError

_UNITS = {"": 1, "b": 1} | {
    f"{letter}{rest}": base**power
    for power, letter in enumerate("kmgt", start=1)
    for rest, base in (("b", 1000), ("ib", 1024))
}
_SIZE = re.compile(r"\s*(?P<number>\d+(?:\.\d+)?|\.\d+)\s*(?P<unit>[A-Za-z]*)\s*")
_STEP = 1024


def bytes_of(text: str, field: str) -> int:
    """The bytes of a size such as ``8 GiB``, ``500MB`` or ``1024``.

    Raises:
        InvalidError: It is no size, or none that is greater than zero; ``field`` names where it stands.
    """
    found = _SIZE.fullmatch(text)
    unit = _UNITS.get(found["unit"].lower()) if found else None
    if found is None or unit is None or not (size := int(float(found["number"]) * unit)):
        hint = "a number above 0 with B, KB, MB, GB, TB or KiB, MiB, GiB, TiB, such as 8 GiB"
        raise InvalidError(f"{field} = {text[:80]!r} is no size", hint=hint, field=field)
    return size


def in_words(size: float) -> str:
    """A size in bytes as people read it, in units of 1024: ``7.5 GiB``."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < _STEP:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.3g} {unit}"
        size /= _STEP
    return f"{size:,.1f} TiB"
