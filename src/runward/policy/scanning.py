"""A look for obvious personal data and secrets. It finds what shows by its form; a name in a sentence it does not find."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

import msgspec

from runward.core.ids import Digest
from runward.data.model import ColumnDoc, FileItem, read_manifest
from runward.governance.calling import Call
from runward.policy.model import ScanFinding
from runward.policy.tablescan import read_tables
from runward.tracking.capture.redact import find_secrets

MAX_OUTPUT = 4 << 20
"""Characters of what a run printed, from its beginning."""


def _luhn(text: str) -> bool:
    """The check digit of payment cards (ISO/IEC 7812-1, annex B)."""
    digits = [int(one) for one in text if one.isdigit()][::-1]
    total = sum(digits[::2]) + sum(sum(divmod(2 * one, 10)) for one in digits[1::2])
    return len(digits) >= 13 and total % 10 == 0 and len(set(digits)) > 1


def _iban(text: str) -> bool:
    """The check digits of ISO 13616: the number that the letters stand for leaves 1 when divided by 97."""
    plain = re.sub(r"\s", "", text)
    return int("".join(str(int(one, 36)) for one in plain[4:] + plain[:4])) % 97 == 1


def _public_address(text: str) -> bool:
    parts = [int(one) for one in text.split(".")]
    local = parts[0] in (0, 10, 127) or parts[0] >= 224 or parts[:2] in ([192, 168], [169, 254])
    return all(part < 256 for part in parts) and not local and not (parts[0] == 172 and 16 <= parts[1] < 32)


def _any(text: str) -> bool:
    return True


_KINDS: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
    ("email", re.compile(r"(?<![\w.+%-])[\w.+%-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b"), _any),
    ("iban", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"), _iban),
    ("card", re.compile(r"(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d.])"), _luhn),
    ("national id", re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])"), _any),
    ("phone", re.compile(r"(?<![\w+])\+\d{1,3}[ (./-]{1,2}\d[\d ()/.-]{5,16}\d(?!\w)"), _any),
    ("ip", re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])"), _public_address),
)


def find_personal(text: str) -> Iterator[tuple[str, str]]:
    """(kind, what was found) of everything in a text that looks like personal data or like a secret."""
    for kind, pattern, fits in _KINDS:
        for match in pattern.finditer(text):
            if fits(match[0]):
                yield kind, match[0]
    for kind, start, end in find_secrets(text):
        yield f"secret: {kind}", text[start:end]


def masked(text: str) -> str:
    """A finding as it is shown: enough to find it again, too little to use it."""
    return f"{text[:2]}…{text[-2:]}" if len(text) > 8 else "…"


def gathered(texts: Iterable[tuple[str, str]]) -> list[ScanFinding]:
    """What is in some texts, each with its place: one finding for a kind in a place."""
    counts: dict[tuple[str, str], int] = {}
    examples: dict[tuple[str, str], str] = {}
    for place, text in texts:
        for kind, found in find_personal(text):
            key = (place, kind)
            counts[key] = counts.get(key, 0) + 1
            examples.setdefault(key, masked(found))
    return [ScanFinding(place, kind, count, examples[place, kind]) for (place, kind), count in sorted(counts.items())]


def scan_run(call: Call, run_id: str) -> tuple[list[ScanFinding], list[str]]:
    """(what was found, what was looked at) in a run's texts and in the tables among its artifacts."""
    tx = call.tx
    name, purpose, error = tx.one("SELECT name, purpose, error FROM runs WHERE id = ?", (run_id,)) or ("", "", "")
    texts = [("name", name), ("purpose", purpose), ("error", error)]
    params = tx.all("SELECT key, value FROM params WHERE run_id = ? ORDER BY key", (run_id,))
    tags = tx.all("SELECT key, value FROM tags WHERE run_id = ? ORDER BY key", (run_id,))
    texts += [(f"param {key}", f"{key} {value}") for key, value in params]
    texts += [(f"tag {key}", f"{key} {value}") for key, value in tags]
    output, length = list[str](), 0
    for (text,) in tx.each("SELECT text FROM outputs WHERE run_id = ? ORDER BY id", (run_id,)):
        output.append(text)
        length += len(text)
        if length >= MAX_OUTPUT:
            break
    artifacts = tx.all("SELECT path, size, digest FROM artifacts WHERE run_id = ? ORDER BY path", (run_id,))
    tables = read_tables(call.blobs, (FileItem(*row) for row in artifacts), _luhn)
    inside = [("output", "".join(output)[:MAX_OUTPUT]), *tables.texts]
    looked_at = [
        "name, purpose and error",
        f"{len(params)} params",
        f"{len(tags)} tags",
        f"{min(length, MAX_OUTPUT):,} characters of output",
        tables.looked_at,
    ]
    return [*gathered(texts), *_inside(call, ("run", run_id), inside)], looked_at


def scan_dataset(call: Call, dataset_id: str) -> tuple[list[ScanFinding], list[str]]:
    """(what was found, what was looked at) in a dataset's words, in the dictionary of its newest version, and in its tables."""
    tx = call.tx
    description = str(tx.scalar("SELECT description FROM datasets WHERE id = ?", (dataset_id,)) or "")
    row = tx.one(
        "SELECT dictionary, digest FROM dataset_versions WHERE dataset_id = ? ORDER BY created_at DESC, id DESC LIMIT 1",
        (dataset_id,),
    )
    columns = msgspec.json.decode(row[0], type=list[ColumnDoc]) if row else []
    files = read_manifest(call.blobs.read(Digest(row[1]))).files if row else []
    tables = read_tables(call.blobs, files, _luhn)
    texts = [("description", description)]
    for line in columns:
        texts.append((f"column {line.table}:{line.column}", f"{line.description} {line.least} {line.greatest}"))
    described = {
        (f"column {line.table}:{line.column}", line.pii): line for line in columns if line.pii not in ("", "none")
    }
    found = {
        (one.place, one.kind): one for one in [*gathered(texts), *_inside(call, ("dataset", dataset_id), tables.texts)]
    }
    found |= {
        key: ScanFinding(*key, found[key].count if key in found else 1, "by the column's name or values")
        for key in described
    }
    looked_at = [
        "description",
        f"{len(columns)} columns of the data dictionary (runward data describe writes it)",
        tables.looked_at,
    ]
    return [found[key] for key in sorted(found)], looked_at


def _inside(call: Call, thing: tuple[str, str], texts: list[tuple[str, str]]) -> list[ScanFinding]:
    """What is in the content of a thing: who may not read that hears of it, and sees no example."""
    found = gathered(texts)
    if found and not call.may_read_content(*thing):
        return [msgspec.structs.replace(one, example="withheld") for one in found]
    return found
