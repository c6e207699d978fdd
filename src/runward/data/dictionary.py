"""A data dictionary proposed from the data: types, missing values, ranges, and where personal data may be."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

import msgspec

from runward.data.model import ColumnDoc, Table
from runward.data.tables import polars, scan_table, word_of
from runward.errors import InvalidError

Pii = Literal["", "none", "email", "phone", "name", "address", "id", "ip", "card", "birth date", "other"]
_WRITTEN = ("unit", "description", "pii")
_SAMPLE = 1000
_SHARE = 0.8
"""A column holds a kind of personal data where so much of a sample of its values looks like it."""
_NAMED: tuple[tuple[Pii, re.Pattern[str]], ...] = (
    ("email", re.compile(r"e-?mail")),
    ("phone", re.compile(r"phone|mobile|telefon|\btel\b|fax")),
    ("birth date", re.compile(r"birth|\bdob\b|geburt")),
    ("card", re.compile(r"card.?num|credit.?card|iban|\bpan\b")),
    ("ip", re.compile(r"\bip\b|ip.?addr")),
    ("address", re.compile(r"address|street|zip.?code|post.?code|\bplz\b|latitude|longitude")),
    ("id", re.compile(r"\bssn\b|passport|social.?sec|tax.?id|national.?id|licen[cs]e.?n")),
    ("name", re.compile(r"(first|last|full|sur|given|family|middle|person|user|patient|customer).?name")),
)
_LOOKS: tuple[tuple[Pii, re.Pattern[str]], ...] = (
    ("email", re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}")),
    ("ip", re.compile(r"(?:\d{1,3}\.){3}\d{1,3}")),
    ("id", re.compile(r"\d{3}-\d{2}-\d{4}")),
    ("card", re.compile(r"(?:\d{4}[ -]?){3}\d{3,4}")),
    ("phone", re.compile(r"\+\d[\d ()/.-]{6,18}\d|\(\d{2,5}\) ?[\d -]{5,12}")),
)


def propose(table: Table, place: str | Path, known: list[ColumnDoc]) -> list[ColumnDoc]:
    """The dictionary of a table: counted from the data, what people wrote kept.

    Raises: MissingExtraError, InvalidError.
    """
    pl = polars()
    written = {line.column: line for line in known if line.table == table.path}
    try:
        frame = scan_table(place, table.format).collect()
        return [_line(table.path, frame[name], written.get(name)) for name in frame.columns]
    except pl.exceptions.PolarsError as error:
        raise InvalidError(f"{table.path} cannot be read as {table.format}: {error}") from error


def _line(table: str, column: Any, written: ColumnDoc | None) -> ColumnDoc:
    nested = column.dtype.is_nested()
    values = column.drop_nulls()
    counted = ColumnDoc(
        table=table,
        column=column.name,
        type=word_of(column.dtype),
        missing=column.null_count() + (int(column.is_nan().sum()) if column.dtype.is_float() else 0),
        distinct=None if nested else values.n_unique(),
        least="" if nested or values.is_empty() else str(values.min())[:200],
        greatest="" if nested or values.is_empty() else str(values.max())[:200],
        pii=guess_pii(column.name, [str(value) for value in values.head(_SAMPLE)]),
    )
    said = {name: getattr(written, name) for name in _WRITTEN if written is not None and getattr(written, name)}
    line = msgspec.structs.replace(counted, **said)
    # The extremes of personal data are personal data.
    return line if line.pii in ("", "none") else msgspec.structs.replace(line, least="", greatest="")


def guess_pii(name: str, sample: list[str]) -> Pii:
    """What personal data a column seems to hold, by its values, else by its name; empty where nothing looks like it."""
    for kind, pattern in _LOOKS:
        hits = sum(pattern.fullmatch(value.strip()) is not None for value in sample)
        if sample and hits >= _SHARE * len(sample):
            return kind
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).replace("_", " ").replace("-", " ").lower()
    return next((kind for kind, pattern in _NAMED if pattern.search(words)), "")
