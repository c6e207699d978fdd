"""Captured trees come back byte for byte, and hostile manifests write nothing outside."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runward.core.hashing import digest_bytes
from runward.errors import CorruptedError, InvalidError, SourceMissingError
from runward.repro.restore import restore_code
from runward.tracking.capture.code import capture_code
from runward.tracking.capture.model import (
    CodeSnapshot,
    FileEntry,
    FileMode,
    Limits,
    decode_path,
    encode_path,
    tree_digest,
)
from tests.capture.stores import MemoryBlobs, Repository, tree

_NAME_BYTES = st.binary(min_size=1, max_size=12).map(
    lambda data: bytes(byte for byte in data if byte not in b"\0/") or b"n"
)
_NAMES = st.one_of(
    st.sampled_from(
        ["a.py", "ünï — 码.py", "with space", "line\nbreak", "back\\slash", "\\x41", "-option", "tab\t"]
    ).map(os.fsencode),
    _NAME_BYTES,
).filter(
    lambda name: (
        name not in (b".", b"..") and name.lower() not in (b".git", b".gitignore", b".gitmodules", b".gitattributes")
    )
)
_PATHS = st.lists(_NAMES, min_size=1, max_size=3).map(b"/".join)
_CONTENT = st.one_of(st.binary(max_size=200), st.just(b"text\r\nlines\r\n"), st.just(b""))
_FILE = st.one_of(
    st.tuples(st.just("file"), _CONTENT),
    st.tuples(st.just("executable"), _CONTENT),
    st.tuples(st.just("symlink"), st.sampled_from([b"a.py", b"../outside", b"/etc/passwd", b"gone \xff"])),
)
_TREE = st.dictionaries(_PATHS, _FILE, max_size=8)


def put(root: Path, files: dict[bytes, tuple[str, bytes]]) -> None:
    """Write files, skipping those whose place another one took."""
    for path, (mode, content) in files.items():
        full = os.path.join(os.fsencode(root), path)
        parents = [os.path.join(os.fsencode(root), *path.split(b"/")[:n]) for n in range(1, path.count(b"/") + 1)]
        if any(os.path.lexists(p) and (os.path.islink(p) or not os.path.isdir(p)) for p in parents) or os.path.isdir(
            full
        ):
            continue
        os.makedirs(os.path.dirname(full), exist_ok=True)
        if os.path.lexists(full):
            os.unlink(full)
        if mode == "symlink":
            os.symlink(content, full)
        else:
            with open(full, "wb") as file:
                file.write(content)
            os.chmod(full, 0o755 if mode == "executable" else 0o644)


@settings(
    max_examples=200 if os.environ.get("RUNWARD_TEST_ALL") else 25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(committed=_TREE, later=_TREE, data=st.data())
def test_dirty_tree_is_restored_byte_equal(
    committed: dict[bytes, Any], later: dict[bytes, Any], data: st.DataObject
) -> None:
    """Committed, changed, deleted and untracked files, of any name and mode, come back as they were."""
    blobs = MemoryBlobs()
    with tempfile.TemporaryDirectory() as folder:
        repository = Repository(Path(folder, "repo"))
        put(repository.root, committed)
        repository.commit()
        present = sorted(tree(repository.root))
        if present:
            for path in data.draw(st.lists(st.sampled_from(present), unique=True, max_size=3)):
                os.unlink(os.path.join(os.fsencode(repository.root), path))
        put(repository.root, later)
        snapshot = capture_code(repository.root, blobs)
        snapshot = msgspec.json.decode(msgspec.json.encode(snapshot), type=CodeSnapshot)
        secret = {decode_path(left.path) for left in snapshot.left_out}
        restored = restore_code(snapshot, blobs, Path(folder, "restored"))
        expected = {path: item for path, item in tree(repository.root).items() if path not in secret}
        assert tree(restored.root) == expected
        assert snapshot.digest == tree_digest(snapshot.files)


@given(st.binary(max_size=40))
def test_paths_survive_their_escape(path: bytes) -> None:
    """Any bytes, as text that JSON holds, and back."""
    text = encode_path(path)
    assert decode_path(msgspec.json.decode(msgspec.json.encode(text), type=str)) == path


def test_working_folder_is_there(tmp_path: Path) -> None:
    """Also where it held no file."""
    repository = Repository(tmp_path / "repo")
    repository.write("a.py")
    (repository.root / "empty").mkdir()
    blobs = MemoryBlobs()
    restored = restore_code(capture_code(repository.root / "empty", blobs), blobs, tmp_path / "out")
    assert restored.cwd == tmp_path / "out" / "empty"
    assert restored.cwd.is_dir()


def test_submodule_is_refused_by_name(tmp_path: Path) -> None:
    """The message names it and the way out."""
    snapshot = CodeSnapshot(kind="git", root="/x", submodules=["vendor/inner"])
    with pytest.raises(SourceMissingError, match="vendor/inner") as caught:
        restore_code(snapshot, MemoryBlobs(), tmp_path / "out")
    assert caught.value.hint
    assert not (tmp_path / "out").exists()


def test_large_file_is_filled_where_it_still_is(tmp_path: Path) -> None:
    """Only with the same content; otherwise it is missing."""
    repository = Repository(tmp_path / "repo")
    repository.write("run.sh", b"#!" + b"x" * 20, mode=0o755)
    blobs = MemoryBlobs()
    snapshot = capture_code(repository.root, blobs, limits=Limits(file_bytes=10))
    restore_code(snapshot, blobs, tmp_path / "out", fill_from=repository.root)
    assert tree(tmp_path / "out") == tree(repository.root)
    repository.write("run.sh", b"changed", mode=0o755)
    with pytest.raises(SourceMissingError, match=r"run\.sh"):
        restore_code(snapshot, blobs, tmp_path / "out2", fill_from=repository.root)
    with pytest.raises(SourceMissingError, match=r"run\.sh"):
        restore_code(snapshot, blobs, tmp_path / "out3")


def test_left_out_secret_is_reported_missing(tmp_path: Path) -> None:
    """The tree is restored without it, and says so."""
    repository = Repository(tmp_path / "repo")
    repository.write(".env", b"KEY=1")
    repository.write("a.py")
    blobs = MemoryBlobs()
    restored = restore_code(capture_code(repository.root, blobs), blobs, tmp_path / "out")
    assert [left.path for left in restored.missing] == [".env"]


def test_missing_and_damaged_blobs(tmp_path: Path) -> None:
    """A lost blob is a missing source, other bytes are corruption; nothing is left behind."""
    repository = Repository(tmp_path / "repo")
    repository.write("a.py", b"content")
    blobs = MemoryBlobs()
    snapshot = capture_code(repository.root, blobs)
    target = tmp_path / "out"
    target.mkdir()
    blobs.data[snapshot.files[0].digest] = b"tampered"
    with pytest.raises(CorruptedError, match=r"a\.py"):
        restore_code(snapshot, blobs, target)
    blobs.data.clear()
    with pytest.raises(SourceMissingError, match=r"a\.py"):
        restore_code(snapshot, blobs, target)
    assert list(target.iterdir()) == []


@pytest.mark.parametrize("kind", ["file", "full", "link"])
def test_target_must_be_an_empty_folder(tmp_path: Path, kind: str) -> None:
    """Nothing that exists is overwritten or followed."""
    target = tmp_path / "out"
    if kind == "file":
        target.write_text("x")
    elif kind == "full":
        (target / "kept").mkdir(parents=True)
    else:
        (tmp_path / "real").mkdir()
        target.symlink_to(tmp_path / "real")
    with pytest.raises(InvalidError, match="not an empty folder"):
        restore_code(CodeSnapshot(kind="folder", root="/x"), MemoryBlobs(), target)
    assert (target / "kept").exists() == (kind == "full")


def entry(blobs: MemoryBlobs, path: str, mode: FileMode = "file", target: str = "") -> FileEntry:
    return FileEntry(path=path, mode=mode, size=4, digest=blobs.put_bytes(b"evil"), target=target)


@pytest.mark.parametrize(
    "path",
    [
        "../out",
        "/abs",
        "a/../../b",
        "a//b",
        ".",
        "",
        ".git/hooks/post-checkout",
        "a/.GIT/config",
        "nul\0",
        "..",
        "a/",
    ],
)
def test_paths_outside_of_the_tree_are_refused(tmp_path: Path, path: str) -> None:
    """Traversal, absolute paths and git's own folder."""
    blobs = MemoryBlobs()
    snapshot = CodeSnapshot(kind="git", root="/x", files=[entry(blobs, path)])
    with pytest.raises(InvalidError, match="not a path inside"):
        restore_code(snapshot, blobs, tmp_path / "deep" / "out")
    assert [item.name for item in tmp_path.rglob("*")] == []


def test_writing_through_a_symlink_is_refused(tmp_path: Path) -> None:
    """A manifest with a symlink and a file below it would leave the tree."""
    blobs = MemoryBlobs()
    link = FileEntry(path="d", mode="symlink", size=1, digest=digest_bytes(b""), target=str(tmp_path))
    for files in ([link, entry(blobs, "d/owned")], [entry(blobs, "d/owned"), link]):
        with pytest.raises(InvalidError, match="below a file or symlink"):
            restore_code(CodeSnapshot(kind="git", root="/x", files=files), blobs, tmp_path / "out")
    assert not (tmp_path / "owned").exists()


def test_a_path_named_twice_is_refused(tmp_path: Path) -> None:
    """First a symlink, then a file that would be written through it."""
    blobs = MemoryBlobs()
    files = [entry(blobs, "a", "symlink", str(tmp_path / "owned")), entry(blobs, "a")]
    with pytest.raises(InvalidError, match="twice"):
        restore_code(CodeSnapshot(kind="git", root="/x", files=files), blobs, tmp_path / "out")
