"""What differs between two captured trees, and what was not committed: for people to read, never executed."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable

from runward.tracking.captured import document_of
from runward.tracking.model import CapturePart, CodeFile, FileChange, Plain
from runward.tracking.notebooks import outputs, read_cells, sources
from runward.tracking.patches import reverted

MAX_BYTES = 400_000
Read = Callable[[str], bytes | None]
"""Digest -> content, or None for what is not stored in the run's project or larger than MAX_BYTES.

A captured document is data from a client: the digests in it must never open another project's bytes.
"""


def _text(read: Read, digest: str | None) -> str | None:
    """A blob as text; None for what is binary, very large or not stored."""
    if digest is None:
        return ""
    data = read(digest)
    return None if data is None or b"\0" in data else data.decode("utf-8", errors="replace")


def _files(capture: bytes) -> dict[str, tuple[str | None, str]]:
    """Path -> (digest of the content, mode) of a captured tree."""
    document = document_of("code", capture)
    return {item["path"]: (item.get("digest"), item.get("mode", "")) for item in document.get("files", [])}


def changed_files(read: Read, before: bytes, after: bytes) -> list[FileChange]:
    """The files that two captures do not share, with unified diffs of the text among them."""
    old, new = _files(before), _files(after)
    changes = []
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) == new.get(path):
            continue
        kind = "removed" if path not in new else "added" if path not in old else "modified"
        was, now = (old.get(path) or (None, ""))[0], (new.get(path) or (None, ""))[0]
        changes += [FileChange(name, kind, diff) for name, diff in _diffs(read, path, was, now)]  # type: ignore[arg-type]
    return changes


def _diffs(read: Read, path: str, was: str | None, now: str | None) -> list[tuple[str, str]]:
    """A file's diff by its path; of a notebook that of its cells, and apart from it that of its outputs."""
    before, after = _text(read, was), _text(read, now)
    if before is None or after is None:
        return [(path, "")]
    by_cell = _notebook_diffs(path, before, after) if path.endswith(".ipynb") else []
    return by_cell or [(path, _unified(path, before, after))]


def _notebook_diffs(path: str, before: str, after: str) -> list[tuple[str, str]]:
    """The diff of a notebook's cells, and apart from it that of its outputs; nothing for what is no notebook."""
    old, new = ([] if not text else read_cells(text) for text in (before, after))
    if old is None or new is None:
        return []
    printed = _unified(path, outputs(old), outputs(new))
    shown = [(path, _unified(path, sources(old), sources(new), context=20))]
    return shown + ([(f"{path} (outputs)", printed)] if printed else [])


def _unified(path: str, before: str, after: str, context: int = 3) -> str:
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{path}", f"b/{path}", n=context
    )
    return "".join(line if line.endswith("\n") else line + "\n" for line in lines)


def file_changes(read: Read, capture: bytes) -> list[FileChange]:
    """What was not committed when the capture was made, one entry a file."""
    document = document_of("code", capture)
    text = _text(read, document.get("diff")) or ""
    pieces = _split(text)
    digests = {item["path"]: item.get("digest") for item in document.get("files", [])}
    changes = []
    for group, kind in (("changed", "modified"), ("untracked", "added"), ("deleted", "removed")):
        for path in document.get(group) or []:
            shown = [(path, pieces.get(path, ""))]
            if group == "untracked":
                shown = _diffs(read, path, None, digests[path]) if digests.get(path) else [(path, "")]
            elif group == "changed" and path.endswith(".ipynb"):
                now = _text(read, digests.get(path)) or ""
                before = reverted(now, pieces.get(path, ""))
                shown = shown if before is None else _notebook_diffs(path, before, now) or shown
            changes += [FileChange(name, kind, diff) for name, diff in shown]  # type: ignore[arg-type]
    return changes


def code_text(read: Read, capture: bytes, path: str) -> CodeFile | None:
    """A captured file as people read it; None where there is none of this path."""
    document = document_of("code", capture)
    item = next((one for one in document.get("files", []) if one["path"] == path), None)
    if item is None:
        return None
    text = (_text(read, item.get("digest")) or "") if item.get("mode") != "symlink" else ""
    cells = read_cells(text) if path.endswith(".ipynb") and text else None
    return CodeFile(path, text if cells is None else sources(cells), int(item.get("size", 0)))


def _split(text: str) -> dict[str, str]:
    pieces: dict[str, str] = {}
    for piece in ("\n" + text).split("\ndiff --git ")[1:]:
        head = piece.partition("\n")[0]
        pieces[head.rpartition(" b/")[2]] = "diff --git " + piece
    return pieces


def environment_of(parts: Iterable[CapturePart]) -> dict[str, Plain]:
    """What the captures of environment and machine say, flat."""
    found: dict[str, Plain] = {}
    for part in parts:
        if part.kind not in ("environment", "machine"):
            continue
        for key, value in part.summary.items():
            found.update(
                {f"{key}.{name}": item for name, item in value.items()} if isinstance(value, dict) else {key: value}
            )
    return found
