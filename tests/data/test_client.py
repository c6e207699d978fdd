"""Folders become versions and come back: whole, cheaply, and nothing of the user's is lost."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runward.core.hashing import digest_file
from runward.data import checkout, scan
from runward.errors import ConflictError, InvalidError, NotFoundError, StoreError
from runward.store import folder as store_folder
from runward.store.folder import FolderBlobs
from runward.workspace import FolderWorkspace, open_folder
from tests.conftest import own_blobs


@pytest.fixture
def space(tmp_path: Path) -> Iterator[FolderWorkspace]:
    found = open_folder(tmp_path / "ws", "owner")
    yield found
    found.close()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with small and large files, whose times are long past."""
    root = tmp_path / "tree"
    (root / "sub").mkdir(parents=True)
    (root / "a.txt").write_bytes(b"one")
    (root / "sub" / "large.bin").write_bytes(os.urandom(300_000))
    (root / "empty").touch()
    settle(root)
    return root


def settle(root: Path) -> None:
    """As if the files had been there for a while: their change times are beyond a test's reach, so those are trusted."""
    for path in root.rglob("*"):
        if path.is_file():
            os.utime(path, (1e9, 1e9))


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "_SETTLED_NS", -(10**12))


def content(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def stored_bytes(blobs: FolderBlobs) -> int:
    return sum(size for _, size, _ in blobs.stored())


def test_a_folder_is_added_once(space: FolderWorkspace, tree: Path, settled: None) -> None:
    first = space.datasets.add(tree, "p", note="first")
    assert (first.is_new, first.read, first.version.files, first.version.bytes) == (True, 3, 3, 300_003)
    before = stored_bytes(own_blobs(space))
    again = space.datasets.add(tree, "p")
    assert (again.is_new, again.read, again.stored_bytes, again.version) == (False, 0, 0, first.version)
    assert stored_bytes(own_blobs(space)) == before
    (tree / "a.txt").write_bytes(b"two")
    second = space.datasets.add(tree, "p")
    assert (second.is_new, second.read, second.stored_bytes) == (True, 1, 3)
    assert second.version.parent == first.version.digest


def test_a_copy_elsewhere_is_the_same_version(space: FolderWorkspace, tree: Path, tmp_path: Path) -> None:
    first = space.datasets.add(tree, "p", "d")
    tree.rename(tmp_path / "other")
    assert space.datasets.add(tmp_path / "other", "p", "d").version == first.version


def test_a_version_comes_back(space: FolderWorkspace, tree: Path, tmp_path: Path) -> None:
    space.datasets.add(tree, "p", "d")
    was = content(tree)
    (tree / "a.txt").unlink()
    (tree / "new").write_bytes(b"new")
    space.datasets.add(tree, "p", "d")
    out = tmp_path / "deep" / "out"
    done = space.datasets.checkout("p/d", target=out)
    assert (done.written, done.kept, content(out)) == (3, 0, content(tree))
    done = space.datasets.checkout("p/d", "latest", out)
    assert (done.written, done.kept, done.removed) == (0, 3, 0)
    first = space.data.list_versions("p:d")[-1]
    done = space.datasets.checkout("p/d", first.digest, out)
    assert (done.written, done.kept, done.removed, content(out)) == (1, 2, 1, was)
    assert [path.name for path in out.parent.iterdir()] == ["out"]


def test_one_file_is_a_dataset_too(space: FolderWorkspace, tmp_path: Path) -> None:
    (tmp_path / "table.bin").write_bytes(b"1")
    version = space.datasets.add(tmp_path / "table.bin", "p").version
    assert version.dataset == "p/table.bin"
    target = tmp_path / "back.bin"
    assert space.datasets.checkout("p/table.bin", target=target).written == 1
    assert target.read_bytes() == b"1"
    target.write_bytes(b"mine")
    with pytest.raises(ConflictError, match="would be lost"):
        space.datasets.checkout("p/table.bin", target=target)
    assert space.datasets.checkout("p/table.bin", target=target, force=True).written == 1
    folder = tmp_path / "folder"
    folder.mkdir()
    space.datasets.checkout("p/table.bin", target=folder)
    assert content(folder) == {"table.bin": b"1"}


def test_changed_files_are_not_overwritten(space: FolderWorkspace, tree: Path) -> None:
    """Nor is anything else changed; what stands in nobody's way stays even when forced."""
    space.datasets.add(tree, "p", "d")
    (tree / "a.txt").write_bytes(b"precious")
    (tree / "empty").unlink()
    (tree / "sub" / "notes").write_bytes(b"mine")
    before = content(tree)
    with pytest.raises(ConflictError, match=r"a\.txt") as caught:
        space.datasets.checkout("p/d", target=tree)
    assert "--force" in caught.value.hint
    assert content(tree) == before
    done = space.datasets.checkout("p/d", target=tree, force=True)
    assert (done.written, done.foreign) == (2, 1)
    assert content(tree)["a.txt"] == b"one"
    assert content(tree)["sub/notes"] == b"mine"


def test_a_folder_stands_where_a_file_belongs(space: FolderWorkspace, tree: Path) -> None:
    """And a file where a folder does: what is in them would be lost, so it takes force."""
    space.datasets.add(tree, "p", "d")
    was = content(tree)
    (tree / "a.txt").unlink()
    (tree / "a.txt").mkdir()
    (tree / "a.txt" / "inside").write_bytes(b"x")
    (tree / "sub" / "large.bin").unlink()
    (tree / "sub").rmdir()
    (tree / "sub").write_bytes(b"y")
    with pytest.raises(ConflictError, match="2 files would be lost"):
        space.datasets.checkout("p/d", target=tree)
    space.datasets.checkout("p/d", target=tree, force=True)
    assert content(tree) == was
    (tree / "file").write_bytes(b"z")
    with pytest.raises(ConflictError, match="is a file"):
        space.datasets.checkout("p/d", target=tree / "file")


def test_links_are_followed_but_not_in_circles(space: FolderWorkspace, tree: Path) -> None:
    (tree / "link").symlink_to("a.txt")
    (tree / "folder").symlink_to("sub")
    version = space.datasets.add(tree, "p", "d").version
    assert [item.path for item in space.data.get_manifest("p:d", version.digest).files] == [
        "a.txt",
        "empty",
        "folder/large.bin",
        "link",
        "sub/large.bin",
    ]
    (tree / "sub" / "up").symlink_to("..")
    with pytest.raises(InvalidError, match="leads back"):
        space.datasets.add(tree, "p", "d")
    (tree / "sub" / "up").unlink()
    (tree / "nowhere").symlink_to("nothing")
    with pytest.raises(InvalidError, match="nowhere"):
        space.datasets.add(tree, "p", "d")
    (tree / "nowhere").unlink()
    (tree / "self").symlink_to("self")
    with pytest.raises(InvalidError, match="self"):
        space.datasets.add(tree, "p", "d")


def test_what_is_no_file_is_refused(space: FolderWorkspace, tree: Path, tmp_path: Path) -> None:
    os.mkfifo(tree / "pipe")
    with pytest.raises(InvalidError, match="pipe"):
        space.datasets.add(tree, "p", "d")
    with pytest.raises(NotFoundError):
        space.datasets.add(tmp_path / "nothing", "p", "d")
    with pytest.raises(InvalidError, match="neither"):
        space.datasets.add(tree / "pipe", "p", "d")


def test_any_name_comes_back(space: FolderWorkspace, tmp_path: Path) -> None:
    r"""Bytes that are no UTF-8, backslashes that look like our way to write those, line ends."""
    root = tmp_path / "odd"
    names = [b"\xff\xfe.bin", rb"a\xff", b"two\nlines", "día".encode(), b" ", b"-rf"]
    root.mkdir()
    for index, name in enumerate(names):
        Path(os.fsdecode(os.fsencode(root) + b"/" + name)).write_bytes(b"%d" % index)
    space.datasets.add(root, "p", "odd")
    space.datasets.checkout("p/odd", target=tmp_path / "back")
    assert content(tmp_path / "back") == content(root)
    assert len(content(root)) == len(names)


def test_nothing_is_a_version_too(space: FolderWorkspace, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    version = space.datasets.add(tmp_path / "none", "p").version
    assert (version.files, version.bytes) == (0, 0)
    assert space.datasets.checkout("p/none", target=tmp_path / "back").written == 0
    assert list((tmp_path / "back").iterdir()) == []


def test_a_file_that_is_being_written_is_read_again(
    space: FolderWorkspace, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is stored is what was there at one moment; a file that never rests is refused."""
    real, writes = FolderBlobs.put_new, [3]

    def meanwhile(self: FolderBlobs, paths: object) -> object:
        done = real(self, paths)  # type: ignore[arg-type]
        if writes[0]:
            writes[0] -= 1
            (tree / "a.txt").write_bytes(b"longer and longer" * (5 - writes[0]))
        return done

    monkeypatch.setattr(FolderBlobs, "put_new", meanwhile)
    version = space.datasets.add(tree, "p", "d").version
    item = space.data.get_manifest("p:d", version.digest).by_path()["a.txt"]
    assert (item.size, item.digest) == ((tree / "a.txt").stat().st_size, digest_file(tree / "a.txt"))
    writes[0] = 4
    (tree / "a.txt").write_bytes(b"other")
    with pytest.raises(ConflictError, match="being written"):
        space.datasets.add(tree, "p", "d")
    assert len(space.data.list_versions("p:d")) == 1


def test_two_additions_at_once_are_one_version(space: FolderWorkspace, tree: Path) -> None:
    done, barrier = list[str](), threading.Barrier(4)

    def work() -> None:
        barrier.wait()
        done.append(space.datasets.add(tree, "p", "d").version.digest)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(done) == 4
    assert len(set(done)) == 1
    assert len(space.data.list_versions("p:d")) == 1


def _full(*_: object) -> object:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_leaves_nothing_half_done(
    space: FolderWorkspace, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space.datasets.add(tree, "p", "d")
    (tree / "sub" / "large.bin").write_bytes(os.urandom(300_000))
    with monkeypatch.context() as patch:
        patch.setattr(store_folder, "sync_filesystem", _full)
        with pytest.raises(StoreError, match="No space"):
            space.datasets.add(tree, "p", "d")
    assert list(own_blobs(space).root.glob(".new-*")) == []
    assert len(space.data.list_versions("p:d")) == 1
    out = tmp_path / "out"
    space.datasets.checkout("p/d", target=out)
    before = content(out)
    space.datasets.add(tree, "p", "d")
    with monkeypatch.context() as patch:
        patch.setattr(checkout, "fetch_all", _full)
        with pytest.raises(StoreError, match="No space"):
            space.datasets.checkout("p/d", target=out)
    assert content(out) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "tree", "ws"]


@pytest.mark.parametrize("where", ["_make", "_exchange"])
def test_an_interrupted_checkout_changes_nothing(
    where: str, space: FolderWorkspace, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space.datasets.add(tree, "p", "d")
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine").write_bytes(b"mine")

    def interrupted(*arguments: object) -> None:
        real(*arguments)
        raise KeyboardInterrupt

    real: Callable[..., None] = getattr(checkout, where) if where == "_make" else lambda *_: None
    monkeypatch.setattr(checkout, where, interrupted)
    with pytest.raises(KeyboardInterrupt):
        space.datasets.checkout("p/d", target=out)
    assert content(out) == {"mine": b"mine"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "tree", "ws"]


def test_what_somebody_writes_during_a_checkout_is_not_lost(
    space: FolderWorkspace, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space.datasets.add(tree, "p", "d")
    out, real = tmp_path / "out", checkout._make
    out.mkdir()

    def meanwhile(*arguments: object) -> None:
        real(*arguments)  # type: ignore[arg-type]
        (out / "mine").write_bytes(b"mine")

    monkeypatch.setattr(checkout, "_make", meanwhile)
    with pytest.raises(ConflictError, match="changed during"):
        space.datasets.checkout("p/d", target=out)
    assert content(out) == {"mine": b"mine"}


def test_without_an_exchange_the_folder_is_renamed(
    space: FolderWorkspace, tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkout, "_exchanged", lambda made, root: False)
    space.datasets.add(tree, "p", "d")
    (tmp_path / "out").mkdir()
    space.datasets.checkout("p/d", target=tmp_path / "out")
    assert content(tmp_path / "out") == content(tree)


def test_links_share_their_bytes_and_are_read_only(space: FolderWorkspace, tree: Path, tmp_path: Path) -> None:
    space.datasets.add(tree, "p", "d")
    space.datasets.checkout("p/d", target=tmp_path / "copy", link="copy")
    space.datasets.checkout("p/d", target=tmp_path / "linked", link="hardlink")
    copy, linked = (tmp_path / name / "sub" / "large.bin" for name in ("copy", "linked"))
    blob = own_blobs(space).path_of(digest_file(copy))
    assert os.path.samefile(linked, blob)
    assert not os.path.samefile(copy, blob)
    assert linked.stat().st_mode & 0o222 == 0
    with contextlib.suppress(StoreError):
        # Where the file system clones, a clone is a file of its own.
        space.datasets.checkout("p/d", target=tmp_path / "clone", link="reflink")
        assert not os.path.samefile(tmp_path / "clone" / "sub" / "large.bin", blob)


def test_the_present_folder_is_not_taken_away(
    space: FolderWorkspace, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space.datasets.add(tree, "p", "d")
    monkeypatch.chdir(tree / "sub")
    with pytest.raises(ConflictError, match="present folder"):
        space.datasets.checkout("p/d", target=tree)


def test_bytes_that_were_collected_are_stored_again(space: FolderWorkspace, tree: Path, settled: None) -> None:
    """What is remembered of a file does not stand for its bytes."""
    space.datasets.look(tree)
    assert stored_bytes(own_blobs(space)) == 0
    assert space.datasets.add(tree, "p", "d").read == 0
    space.data.get_version("p:d", "latest")
    space.datasets.checkout("p/d", target=tree.parent / "out")
    assert content(tree.parent / "out") == content(tree)
