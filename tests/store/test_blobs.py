"""Bytes by their digest: whole or not at all, written once, checked when read."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runward.core.hashing import digest_bytes
from runward.core.ids import Digest
from runward.errors import CorruptedError, InvalidError, NotFoundError, StoreError
from runward.store.blobs import check_digest
from runward.store.folder import FolderBlobs
from runward.store.small import SMALL_BYTES


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobs:
    return FolderBlobs(tmp_path / "blobs")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(chunks=st.lists(st.binary(max_size=300), max_size=6))
def test_any_bytes_come_back_under_their_digest(blobs: FolderBlobs, chunks: list[bytes]) -> None:
    """However they are cut into pieces."""
    data = b"".join(chunks)
    digest, size = blobs.put_stream(chunks)
    assert (digest, size) == (digest_bytes(data), len(data))
    assert blobs.read(digest) == data
    assert blobs.size(digest) == len(data)
    assert blobs.put_bytes(data) == digest


def test_the_same_bytes_are_kept_once(blobs: FolderBlobs, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"same")
    assert blobs.put_file(tmp_path / "f") == blobs.put_bytes(b"same")
    stored = [path for path in blobs.root.rglob("*") if path.is_file()]
    assert len(stored) == 1
    assert stored[0].stat().st_mode & 0o222 == 0


def test_a_write_that_breaks_off_leaves_nothing(blobs: FolderBlobs) -> None:
    def breaking() -> object:
        with blobs.writer() as writer:
            writer.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        breaking()
    assert list(blobs.root.rglob("*")) == []


def test_an_announced_digest_must_be_the_contents(blobs: FolderBlobs) -> None:
    with pytest.raises(InvalidError, match="announced"):
        blobs.put_stream([b"other"], expect=digest_bytes(b"announced"))
    assert [path for path in blobs.root.rglob("*") if path.is_file()] == []


def test_bytes_that_changed_on_disk_are_never_handed_out(blobs: FolderBlobs) -> None:
    digest = blobs.put_bytes(b"good")
    path = blobs.path_of(digest)
    path.chmod(0o644)
    path.write_bytes(b"evil")
    with pytest.raises(CorruptedError) as caught:
        blobs.read(digest)
    assert (caught.value.code, caught.value.retryable) == ("corrupted", False)
    assert "backup" in caught.value.hint


def test_what_is_not_there_is_not_found(blobs: FolderBlobs, tmp_path: Path) -> None:
    digest = digest_bytes(b"nothing")
    assert not blobs.has(digest)
    for attempt in (blobs.read, blobs.size, blobs.chunks, lambda d: blobs.copy_to(d, tmp_path / "x")):
        with pytest.raises(NotFoundError):
            attempt(digest)


@pytest.mark.parametrize("text", ["", "0" * 63, "0" * 65, "G" * 64, "A" * 64, "../" * 21 + "x", "0" * 64 + "\n"])
def test_only_a_digest_names_a_path(blobs: FolderBlobs, text: str) -> None:
    with pytest.raises(InvalidError, match="digest"):
        check_digest(text)
    with pytest.raises(InvalidError):
        blobs.path_of(Digest(text))


def test_threads_that_store_the_same_bytes_do_not_disturb_each_other(blobs: FolderBlobs) -> None:
    data = os.urandom(200_000)
    found = list[Digest]()
    threads = [threading.Thread(target=lambda: found.append(blobs.put_bytes(data))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [digest_bytes(data)] * 8
    assert blobs.read(found[0]) == data


def test_a_store_that_cannot_be_written_says_where(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=str(tmp_path)):
        FolderBlobs(tmp_path / "file" / "blobs").put_bytes(b"x")


# many at once ---------------------------------------------------------------------------------------------------------


def _many(blobs: FolderBlobs, contents: list[bytes]) -> list[Digest]:
    digests = [digest_bytes(content) for content in contents]
    sizes = blobs.put_many((digest, [content]) for digest, content in zip(digests, contents, strict=True))
    assert sizes == [len(content) for content in contents]
    return digests


def _files(blobs: FolderBlobs) -> int:
    return len([path for path in blobs.root.glob("??/*") if path.is_file()])


def test_small_blobs_that_come_together_are_no_files_of_their_own(blobs: FolderBlobs, tmp_path: Path) -> None:
    contents = [b"", b"a", os.urandom(SMALL_BYTES), os.urandom(SMALL_BYTES + 1), b"a"]
    digests = _many(blobs, contents)
    assert _files(blobs) == 1
    for digest, content in zip(digests, contents, strict=True):
        assert blobs.read(digest) == b"".join(blobs.chunks(digest)) == content
        assert blobs.size(digest) == len(content)
        assert blobs.has(digest)
        assert blobs.touch(digest)
        assert (blobs.local_path(digest) is None) == (len(content) <= SMALL_BYTES)
        blobs.copy_to(digest, tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == content
    assert blobs.have([*digests, digest_bytes(b"no")]) == set(digests)
    assert sorted(size for _, size, _ in blobs.stored()) == [0, 1, SMALL_BYTES, SMALL_BYTES + 1]
    blobs.put_bytes(b"a")
    _many(blobs, [b"a", contents[3]])
    assert (_files(blobs), len(list(blobs.stored()))) == (1, 4)


def test_a_blob_that_is_a_file_and_a_small_one_is_removed_as_both(blobs: FolderBlobs) -> None:
    digest = blobs.put_bytes(b"a")
    _many(blobs, [b"a"])
    assert blobs.remove([digest], 1e12) == {digest}
    assert not blobs.has(digest)
    assert list(blobs.stored()) == []


def test_a_wrong_digest_among_many_keeps_none_of_them(blobs: FolderBlobs) -> None:
    pairs = [(digest_bytes(b"good"), [b"good"]), (digest_bytes(b"else"), [b"bad"])]
    with pytest.raises(InvalidError, match="announced"):
        blobs.put_many(pairs)
    assert list(blobs.stored()) == []
    assert not blobs.has(pairs[0][0])


def test_small_blobs_are_removed_by_age_and_wanting_them_keeps_them(blobs: FolderBlobs) -> None:
    first, second = _many(blobs, [b"first", b"second"])
    (written,) = {at for _, _, at in blobs.stored()}
    assert blobs.remove([first, second], written - 1) == set()
    with blobs._small._database.transaction(write=True) as tx:
        tx.execute("UPDATE blobs SET wanted = 1000")
    assert blobs.touch(first)
    assert blobs.remove([first, second, digest_bytes(b"no")], 2000) == {second}
    assert [digest for digest, _, _ in blobs.stored()] == [first]
    with pytest.raises(NotFoundError):
        blobs.read(second)


def test_a_damaged_small_blob_is_not_handed_out(blobs: FolderBlobs) -> None:
    (digest,) = _many(blobs, [b"small"])
    with blobs._small._database.transaction(write=True) as tx:
        tx.execute("UPDATE blobs SET data = ?", (b"other",))
    with pytest.raises(CorruptedError):
        blobs.read(digest)


def test_removing_thousands_of_small_blobs_gives_their_bytes_back(blobs: FolderBlobs) -> None:
    digests = _many(blobs, [n.to_bytes(4, "big") * 1000 for n in range(2000)])
    kept = digests[0]
    blobs.remove(digests[1:], 1e12)
    blobs.sweep(0)
    assert (blobs.root / "small.db").stat().st_size < 500_000
    assert blobs.read(kept) == bytes(4000)
