"""Captured documents as a server reads them: what they are at least, and the bytes that they name."""

from __future__ import annotations

from typing import Any

import msgspec

from runward.core.ids import Digest
from runward.store.blobs import LocalBlobs
from runward.tracking.model import CapturePart


class _File(msgspec.Struct):
    path: str
    mode: str = "file"
    size: int = 0
    digest: str = ""


class _Tree(msgspec.Struct):
    files: list[_File] = []
    changed: list[str] = []
    untracked: list[str] = []
    deleted: list[str] = []
    subfolder: str = ""
    diff: str = ""


class _Package(msgspec.Struct):
    name: str = ""
    version: str = ""
    edited: dict[str, str] = {}


class _Environment(msgspec.Struct):
    packages: list[_Package] = []
    sources: dict[str, _Tree] = {}


class _Read(msgspec.Struct):
    path: str = ""
    digest: str = ""
    kept: bool = False


class _Reads(msgspec.Struct):
    reads: list[_Read] = []


class _Process(msgspec.Struct):
    argv: list[str] = []
    entry: str = ""


_SHAPES: dict[str, Any] = {"code": _Tree, "environment": _Environment, "reads": _Reads, "process": _Process}


def document_of(kind: str, data: bytes) -> dict[str, Any]:
    """A captured document; empty where it is none that a reader could use: any client may have written it."""
    try:
        msgspec.json.decode(data, type=_SHAPES.get(kind, dict[str, Any]))
        found: dict[str, Any] = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found


def referenced(blobs: LocalBlobs, part: CapturePart) -> list[Digest]:
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
