"""The beginnings of table files as text by column: what a look for personal data reads of them."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from runward.core.ids import Digest
from runward.data.model import FileItem
from runward.data.tables import format_of
from runward.store.blobs import Blobs

MAX_BYTES = 4 << 20
"""Of all tables together; nobody waits longer for a look."""
MAX_FILE = 1 << 20
"""Of each table, from its beginning."""
_LONG = re.compile(r"\d{13,19}")
_SHARE = 0.5


class TableTexts(NamedTuple):
    """What was read of some tables."""

    texts: list[tuple[str, str]]
    """(place, text) of each column."""
    looked_at: str
    """How much of them was read, and which were not."""


def read_tables(blobs: Blobs, files: Iterable[FileItem], is_card: Callable[[str], bool]) -> TableTexts:
    """The columns of CSV, TSV and JSONL files. Parquet is not text: its columns are described by ``runward data describe``."""
    texts, read, tables, left = list[tuple[str, str]](), 0, 0, list[str]()
    for file in files:
        form = format_of(file.path)
        if not form:
            continue
        if form == "parquet" or read >= MAX_BYTES:
            left.append(file.path)
            continue
        most = min(MAX_FILE, MAX_BYTES - read)
        data = b"".join(blobs.chunks(Digest(file.digest), 0, min(most, file.size))) if file.size else b""
        read, tables = read + len(data), tables + 1
        # The last line of a part may be half of one.
        text = (data if len(data) == file.size else data.rpartition(b"\n")[0]).decode("utf-8", "replace")
        for column, values in _columns(text, form).items():
            texts.append((f"column {file.path}:{column}", "\n".join([column, *_telling(values, is_card)])))
    unread = f"; {len(left)} table(s) were not read, one is {left[0]}" if left else ""
    return TableTexts(texts, f"{read:,} bytes of {tables} table(s){unread}")


def _columns(text: str, form: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in _rows(text, form):
        for name, value in row:
            found.setdefault(name, []).append(value)
    return found


def _rows(text: str, form: str) -> Iterator[list[tuple[str, str]]]:
    if form == "jsonl":
        for line in text.splitlines():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(row, dict):
                yield [
                    (str(name), value if isinstance(value, str) else json.dumps(value)) for name, value in row.items()
                ]
        return
    lines = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if form == "tsv" else ",")
    try:
        header = next(lines, [])
        for cells in lines:
            yield list(zip(header, cells, strict=False))
    except csv.Error:
        # A field of more than 128 kB, or a NUL: what came before it was read.
        return


def _telling(values: list[str], is_card: Callable[[str], bool]) -> list[str]:
    """Values without long plain numbers of which most are no card's: every tenth id has a card's check digit by chance."""
    longs = [value for value in values if _LONG.fullmatch(value.strip())]
    if longs and sum(map(is_card, longs)) < _SHARE * len(longs):
        return [value for value in values if not _LONG.fullmatch(value.strip())]
    return values
