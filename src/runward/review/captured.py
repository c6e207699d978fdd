"""The code that a run ran with, from its capture: what a review looks at, and the repository around it."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any, NamedTuple

from runward.errors import NotFoundError
from runward.governance.calling import Call
from runward.review.code.tree import Tree
from runward.store.blobs import check_digest
from runward.tracking.captured import document_of
from runward.tracking.files import find_blob, find_capture

_MAX_FILES = 60
_MAX_FILE_BYTES = 400_000
_MAX_READS = 500
_KINDS = (".py", ".ipynb")


class CapturedCode(NamedTuple):
    """Files of a capture by their paths from its root."""

    subject: dict[str, str]
    """The entry, and what was not committed: the run's author answers for them."""
    rest: dict[str, str]
    """Further code that the run ran with; only its safety is looked at."""
    tree: Tree


def captured_code(call: Call, run_id: str) -> CapturedCode:
    """The code of a run; empty where none was captured."""
    document = captured_document(call, run_id, "code")
    entries = {
        e["path"]: e
        for e in document.get("files", [])
        if e.get("mode") != "symlink" and e.get("size", 0) <= _MAX_FILE_BYTES
    }
    reads = 0

    def read(path: str) -> str:
        nonlocal reads
        reads += 1
        return _text(call, run_id, entries[path]["digest"]) if reads <= _MAX_READS else ""

    tree = Tree(entries, read)
    touched = {*document.get("changed", []), *document.get("untracked", [])}
    touched.add(_entry(document.get("subfolder", ""), captured_document(call, run_id, "process").get("entry", "")))
    code = [path for path in entries if path.endswith(_KINDS)]
    code.sort(key=lambda path: (path not in touched, "test" in path, path.count("/"), path))
    chosen = {path: tree.read(path) for path in code[:_MAX_FILES]}
    subject = {path: text for path, text in chosen.items() if path in touched} or chosen
    return CapturedCode(subject, {path: text for path, text in chosen.items() if path not in subject}, tree)


def touched_files(call: Call, run_id: str) -> dict[str, str]:
    """Digests, by path, of the entry of a run and of what was not committed when it started."""
    document = captured_document(call, run_id, "code")
    entry = _entry(document.get("subfolder", ""), captured_document(call, run_id, "process").get("entry", ""))
    wanted = {*document.get("changed", []), *document.get("untracked", []), entry}
    return {
        e["path"]: e["digest"] for e in document.get("files", []) if e["path"] in wanted and e.get("mode") != "symlink"
    }


def captured_document(call: Call, run_id: str, kind: str) -> dict[str, Any]:
    """A captured document of a run; empty where there is none."""
    try:
        stored = find_capture(call, run_id, kind)
    except NotFoundError:
        return {}
    return document_of(kind, call.blobs.read(stored.digest))


def _entry(folder: str, entry: str) -> str:
    """The path of ``train.py`` or ``-m pkg.train`` from the root of the capture."""
    name = f"{entry[3:].replace('.', '/')}.py" if entry.startswith("-m ") else entry
    return PurePosixPath(folder, name).as_posix() if name else ""


def _text(call: Call, run_id: str, digest: str) -> str:
    # The document comes from a client: only bytes of the run's own project are opened.
    return call.blobs.read(find_blob(call, run_id, check_digest(digest)).digest).decode("utf-8", errors="replace")
