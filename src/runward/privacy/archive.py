"""All that concerns a person as one archive: rows as JSON lines by table, the list of files that name them, and what it all means."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from runward._version import __version__
from runward.core.clock import utc_now
from runward.errors import StoreError
from runward.privacy.api import Privacy
from runward.privacy.inventory import KINDS, STORED, TABLES
from runward.privacy.model import ExportPart, FoundFile

FORMAT = "person archive 1"


class Archived(NamedTuple):
    """What an archive holds."""

    rows: dict[str, int]
    """How many rows, by table."""
    files: int


def parts(privacy: Privacy, person: str, also: Sequence[str] = ()) -> Iterator[ExportPart]:
    """All parts of what concerns a person. Raises: NotFoundError, ForbiddenError."""
    place = ""
    while True:
        part = privacy.export_person(person, list(also), place)
        yield part
        place = part.place
        if not place:
            return


def export_person(privacy: Privacy, person: str, path: Path, also: Sequence[str] = ()) -> Archived:
    """Write the archive of a person to a file, whole or not at all.

    Args:
        privacy: The room, as ``workspace.privacy``.
        person: The member's name or id, or ``@me``; everybody may take out their own.
        path: The zip file.
        also: Further texts that name them; needs the permission export.

    Raises: NotFoundError, ForbiddenError, StoreError (the file cannot be written).
    """
    part = path.with_name(f".{path.name}.part")
    try:
        try:
            with part.open("wb") as file:
                done = write_archive(parts(privacy, person, also), file)
            part.chmod(0o600)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written: {error.strerror}", hint="give a file in a folder of yours"
        ) from error
    return done


def write_archive(found: Iterator[ExportPart], file: BinaryIO) -> Archived:
    """Write an archive of some parts."""
    rows, files, lines = dict[str, int](), list[FoundFile](), dict[str, list[bytes]]()
    for part in found:
        files += part.files
        for table, told in part.tables.items():
            rows[table] = rows.get(table, 0) + len(told)
            lines.setdefault(table, []).extend(msgspec.json.encode(row) + b"\n" for row in told)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for table in sorted(lines):
            archive.writestr(f"tables/{table}.jsonl", b"".join(lines[table]))
        archive.writestr("files.json", msgspec.json.format(msgspec.json.encode(files), indent=2))
        archive.writestr("schema.json", json.dumps(schema(), indent=2))
        archive.writestr("README.md", readme(rows, len(files)))
    return Archived(rows, len(files))


def schema() -> dict[str, object]:
    """What each table and column of an archive means."""
    return {
        "format": FORMAT,
        "kinds": {kind: {"is": what, "export": export} for kind, (what, export, _) in KINDS.items()},
        "tables": {name: {"is": table.what, "columns": table.columns} for name, table in TABLES.items()},
        "stored": {name: {"is": one.what, "export": one.export} for name, one in STORED.items()},
    }


def readme(rows: dict[str, int], files: int) -> str:
    """What the archive is, for people."""
    listed = "\n".join(
        f"- `tables/{table}.jsonl`: {count:,} rows, {TABLES[table].what}" for table, count in sorted(rows.items())
    )
    return f"""# What this workspace knows of a person

{FORMAT}, made {utc_now():%Y-%m-%d %H:%M} UTC by Runward {__version__}.

A row a line, as JSON. It is here because the person made it, because it is about them, or because a text in it names them.
Times are microseconds since 1970 in UTC; bytes are base64. `schema.json` says what each table and column is. Secrets (passwords'
and tokens' hashes, session keys) are left out.

{listed or "There are no rows."}
- `files.json`: {files:,} stored files that name the person, with their digests and where they are used. The files themselves
  are fetched by `runward runs artifacts` or from the run's page.
"""
