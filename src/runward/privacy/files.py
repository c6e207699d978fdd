"""Stored bytes that name a person: found, decided on, and written anew; and the documents that lead to them."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from runward.core.hashing import digest_bytes, digest_value
from runward.core.ids import Digest
from runward.privacy.content import Move, Moves
from runward.privacy.model import FoundFile
from runward.privacy.words import Words
from runward.store.blobs import Blobs
from runward.store.database import Tx, parts

MOST_REPLACED = 64 << 20
"""A larger file is not written anew: it is deleted or kept."""
INSTEAD = b"A file that stood here was removed: it named a person who was erased.\n"
_ROOTS = """SELECT DISTINCT digest FROM captures UNION SELECT digest FROM dataset_versions"""
_SHOWN = 5


def documents(tx: Tx) -> set[str]:
    """The digests of captured documents and of datasets' manifests: they are always written anew."""
    return {row[0] for row in tx.all(_ROOTS)}


def stored(tx: Tx, blobs: Blobs) -> set[Digest]:
    """The digests of all stored bytes: encrypted ones lie under names from which only who knows a digest finds it."""
    names = (name for name, _, _ in blobs.stored())
    if not blobs.is_sealed:
        return set(names)
    known = [row[0] for row in tx.all(f"SELECT digest FROM blobs UNION {_ROOTS}")]
    digests = blobs.aliases(known)
    return {Digest(digests[name]) for name in names if name in digests}


def files(tx: Tx, blobs: Blobs, after: str) -> list[Digest]:
    """The digests of all stored bytes but documents after one, in order."""
    apart = documents(tx)
    return sorted(digest for digest in stored(tx, blobs) if digest > after and digest not in apart)


def put(tx: Tx, blobs: Blobs, olds: Iterable[str], data: bytes) -> Digest:
    """Store bytes for every team that has one of some others, in whose place they come."""
    digest = digest_bytes(data)
    if not blobs.is_sealed:
        return blobs.put_bytes(data)
    sql = "SELECT DISTINCT p.team_id FROM blobs b JOIN projects p ON p.id = b.project_id WHERE b.digest IN ({})"
    for team in {row[0] for row in tx.listed(sql, list(olds))}:
        blobs.of(team).put_bytes(data)
    return digest


def named_files(words: Words, blobs: Blobs, digests: Iterable[Digest]) -> Iterator[tuple[Digest, int]]:
    """(digest, how often the person is named) of each."""
    for digest in digests:
        yield digest, words.found_in(blobs.chunks(digest))


def found_file(tx: Tx, words: Words, blobs: Blobs, digest: Digest, hits: int) -> FoundFile:
    """What the confirmer is shown of a file that names the person."""
    rows = tx.all("SELECT run_id, path FROM artifacts WHERE digest = ? ORDER BY run_id LIMIT ?", (digest, _SHOWN))
    places = [f"artifact {path} of run {run_id}" for run_id, path in rows]
    rows = tx.all("SELECT model_id, version, path FROM version_files WHERE digest = ? LIMIT ?", (digest, _SHOWN))
    places += [f"file {path} of version {version} of model {model}" for model, version, path in rows]
    rows = tx.all("SELECT path FROM stored_files WHERE digest = ? LIMIT ?", (digest, _SHOWN))
    places += [f"file {path}" for (path,) in rows]
    rows = tx.all("SELECT run_id, path FROM run_reads WHERE digest = ? LIMIT ?", (digest, _SHOWN))
    places += [f"{path}, read by run {run_id}" for run_id, path in rows]
    size = blobs.size(digest)
    shown = [words.replace(place) for place in places] or ["captured code, a dataset or unused bytes"]
    return FoundFile(digest, size, hits, shown, replaceable(words, blobs, digest, size) is not None)


def replaceable(words: Words, blobs: Blobs, digest: Digest, size: int) -> bytes | None:
    """A file with the pseudonym in it; None where that cannot be done without breaking it (no text, too large)."""
    if size > MOST_REPLACED:
        return None
    data = blobs.read(digest)
    if not _is_text(data):
        return None
    new = words.replace_bytes(data)
    return None if words.found_in([new]) else new


def _is_text(data: bytes) -> bool:
    # Nearly any bytes could be UTF-16: only what says so is.
    code = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"
    try:
        return "\0" not in data.decode(code)
    except UnicodeDecodeError:
        return False


def keep_moved(tx: Tx, blobs: Blobs, old: str, new: bytes | None, now_us: int) -> Move:
    """Store what takes the place of some bytes, noted for the same projects."""
    if new is None:
        return Move("", 0)
    digest = put(tx, blobs, [old], new)
    tx.execute(
        """INSERT INTO blobs (project_id, digest, size, created_at) SELECT project_id, ?, ?, ? FROM blobs WHERE digest = ?
           ON CONFLICT (project_id, digest) DO UPDATE SET created_at = excluded.created_at""",
        (digest, len(new), now_us, old),
    )
    return Move(digest, len(new))


def rewritten(words: Words, data: bytes, moves: Moves, instead: Move) -> bytes:
    """A document with the pseudonym in it, and with the digests of what was written anew.

    Args:
        words: What names the person.
        data: The document; JSON as a rule.
        moves: What was written anew.
        instead: What documents name in the place of removed bytes.
    """
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return words.replace_bytes(data)
    named = {old: move if move.new else instead for old, move in moves.items()}
    new = _walked(words, document, named)
    return data if new == document else msgspec.json.encode(new)


def _walked(words: Words, value: Any, moves: Moves) -> Any:
    if isinstance(value, str):
        if value in moves:
            return moves[value].new
        return words.replace(value) if words.may_be_in(value) else value
    if isinstance(value, list):
        return [_walked(words, item, moves) for item in value]
    if not isinstance(value, dict):
        return value
    new = {_walked(words, key, {}): _walked(words, item, moves) for key, item in value.items()}
    digest = value.get("digest")
    if isinstance(digest, str) and digest in moves and "size" in new:
        new["size"] = moves[digest].size
    if new != value and _is_tree(new):
        if "digest" in value:
            # One digest for the tree: paths, modes and contents (`tree_digest`).
            new["digest"] = digest_value(
                sorted((item["path"], item.get("mode", "file"), item["digest"]) for item in new["files"])
            )
        new["files"] = sorted(new["files"], key=lambda item: item["path"])
    return new


def _is_tree(value: Mapping[str, Any]) -> bool:
    listed = value.get("files")
    return isinstance(listed, list) and all(
        isinstance(item, dict) and isinstance(item.get("path"), str) and isinstance(item.get("digest"), str)
        for item in listed
    )


_FOLLOW: Sequence[tuple[str, bool]] = (
    ("version_files", True),
    ("stored_files", True),
    ("dataset_versions", False),
    ("dataset_spans", False),
    ("run_reads", False),
    ("package_sets", False),
)


_KEPT = """UPDATE kept_labels SET digest = ?, id = team_id || ':' || ? WHERE digest = ? AND NOT EXISTS (
  SELECT 1 FROM kept_labels k WHERE k.digest = ? AND k.team_id = kept_labels.team_id)"""


def follow(tx: Tx, old: str, move: Move, instead: Move) -> None:
    """Let what is no content of a run name the new bytes. Runs follow with their evidence."""
    for table, sized in _FOLLOW:
        if not move.new and table in ("version_files", "stored_files"):
            tx.execute(f"DELETE FROM {table} WHERE digest = ?", (old,))
            continue
        to = move if move.new else instead
        if sized:
            tx.execute(f"UPDATE {table} SET digest = ?, size = ? WHERE digest = ?", (to.new, to.size, old))
        else:
            tx.execute(f"UPDATE {table} SET digest = ? WHERE digest = ?", (to.new, old))
    if move.new:
        tx.execute(_KEPT, (move.new, move.new, old, move.new))


def remove(tx: Tx, blobs: Blobs, digests: Sequence[Digest]) -> int:
    """Remove bytes and the projects' notes of them; returns how many were there."""
    tx.many("DELETE FROM blobs WHERE digest = ?", [(digest,) for digest in digests])
    names = [Digest(name) for name in blobs.aliases(digests)]
    return sum(len(blobs.remove(part, float("inf"))) for part in parts(names))
