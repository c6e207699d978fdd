"""What captured documents name: bytes that must be in the store with them."""

from __future__ import annotations

from typing import Any

import msgspec

from runward.core.ids import Digest
from runward.store.folder import FolderBlobs
from runward.tracking.model import CapturePart


def referenced(blobs: FolderBlobs, part: CapturePart) -> list[Digest]:
    """The digests that a captured document needs beside it: files of trees, diffs, edited files, data, a task's payload."""
    document = msgspec.json.decode(blobs.read(part.digest))
    found: list[str] = []
    if part.kind == "code":
        found = _of_tree(document)
    elif part.kind == "spec":
        found = list(document.get("blobs", {}).values())
    elif part.kind == "environment":
        found = [digest for tree in document.get("sources", {}).values() for digest in _of_tree(tree)]
        found += [digest for package in document["packages"] for digest in package.get("edited", {}).values()]
    elif part.kind == "reads":
        found = [read["digest"] for read in document["reads"] if read.get("kept")]
    return [Digest(digest) for digest in dict.fromkeys(found)]


def _of_tree(document: dict[str, Any]) -> list[str]:
    digests = [entry["digest"] for entry in document["files"] if entry["mode"] != "symlink"]
    return [digest for digest in [*digests, document.get("diff")] if digest]
