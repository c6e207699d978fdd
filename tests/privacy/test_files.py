"""Which files can be written anew, and how documents follow those that were."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from runward.core.ids import Digest
from runward.privacy.content import Move
from runward.privacy.files import replaceable, rewritten
from runward.privacy.words import Words
from runward.store.folder import FolderBlobs
from runward.tracking.capture.model import FileEntry, tree_digest

WORDS = Words(["zoltanquirke"], "erased-abcd2345")


@pytest.mark.parametrize(
    ("data", "after"),
    [
        (b"by zoltanquirke\n", b"by erased-abcd2345\n"),
        ("by zoltanquirke".encode("utf-16"), "by erased-abcd2345".encode("utf-16")),
        (b"\x80\x02\xffzoltanquirke\x01\x02", None),
        (b"\x80\x02\xffzoltanquirke\x01\x02\x03", None),
        (b"PK\x03\x04\x00\x00zoltanquirke", None),
        (b"caf\xe9 zoltanquirke", None),
    ],
)
def test_only_text_is_written_anew(tmp_path: Path, data: bytes, after: bytes | None) -> None:
    """Whatever else it is, other bytes in it would break it."""
    blobs = FolderBlobs(tmp_path)
    digest = blobs.put_bytes(data)
    assert replaceable(WORDS, blobs, digest, len(data)) == after


def test_a_tree_names_what_was_written_anew_with_its_size_and_digest() -> None:
    """In the order of paths, with the digest that a capture of the same files would have."""
    old, new, kept = "1" * 64, "2" * 64, "3" * 64
    files = [
        {"path": "a.py", "mode": "file", "size": 5, "digest": kept},
        {"path": "zoltanquirke.py", "mode": "executable", "size": 9, "digest": old},
    ]
    document = {"kind": "git", "root": "/home/zoltanquirke", "files": files, "digest": "0" * 64, "diff": old}
    told = msgspec.json.decode(rewritten(WORDS, msgspec.json.encode(document), {old: Move(new, 17)}, Move("", 0)))
    assert (told["root"], told["diff"]) == ("/home/erased-abcd2345", new)
    assert told["files"][1] == {"path": "erased-abcd2345.py", "mode": "executable", "size": 17, "digest": new}
    entries = [msgspec.convert(item, FileEntry) for item in told["files"]]
    assert told["digest"] == tree_digest(entries)


def test_what_names_nobody_stays_byte_for_byte() -> None:
    """Also where it is no JSON; and removed bytes are named by what stands in their place."""
    data = b'{ "a" : 1 }'
    assert rewritten(WORDS, data, {}, Move("", 0)) == data
    assert rewritten(WORDS, b"\xff\x00", {}, Move("", 0)) == b"\xff\x00"
    old, instead = "1" * 64, Move(Digest("4" * 64), 70)
    reads = msgspec.json.encode({"reads": [{"path": "x", "digest": old, "size": 5}]})
    told = msgspec.json.decode(rewritten(WORDS, reads, {old: Move("", 0)}, instead))
    assert told["reads"] == [{"path": "x", "digest": instead.new, "size": 70}]
