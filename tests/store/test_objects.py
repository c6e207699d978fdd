"""Blobs in object storage: an S3 API (moto), with multipart and signed addresses."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from runward.core.hashing import digest_bytes
from runward.core.ids import Digest
from runward.core.remote import put_at
from runward.errors import CorruptedError, InvalidError, NotFoundError, StoreError
from runward.store.blobs import Blobs
from runward.store.folder import FolderBlobs
from runward.store.objects import open_blobs
from runward.testing.objects import ObjectStorage


@pytest.fixture
def place(object_storage: ObjectStorage) -> str:
    return object_storage.place()


@pytest.fixture
def blobs(place: str, tmp_path: Path) -> Blobs:
    return open_blobs(place, tmp_path / "spool")


def test_bytes_come_back_under_their_digest(blobs: Blobs, tmp_path: Path) -> None:
    for data in (b"", b"x", os.urandom(100_000)):
        digest, size = blobs.put_stream([data[:10], data[10:]])
        assert (digest, size, blobs.size(digest)) == (digest_bytes(data), len(data), len(data))
        assert blobs.read(digest) == b"".join(blobs.chunks(digest)) == data
        assert len(data) < 9 or b"".join(blobs.chunks(digest, 3, 9)) == data[3:9]
        blobs.copy_to(digest, tmp_path / "copy")
        assert (tmp_path / "copy").read_bytes() == data
    assert {size for _, size, _ in blobs.stored()} == {0, 1, 100_000}
    assert not list((tmp_path / "spool").iterdir())


def test_a_large_file_travels_in_parts(blobs: Blobs, tmp_path: Path) -> None:
    data = os.urandom(1 << 20) * 40
    (tmp_path / "large").write_bytes(data)
    digest = blobs.put_file(tmp_path / "large")
    assert blobs.size(digest) == len(data)
    assert digest_bytes(b"".join(blobs.chunks(digest))) == digest


def test_what_is_not_there_is_not_found(blobs: Blobs, tmp_path: Path) -> None:
    digest = digest_bytes(b"nothing")
    assert not blobs.has(digest)
    assert not blobs.touch(digest)
    assert not blobs.remove([digest], 1e12)
    for attempt in (blobs.read, blobs.size, blobs.chunks, lambda d: blobs.copy_to(d, tmp_path / "x")):
        with pytest.raises(NotFoundError):
            attempt(digest)


def test_another_digest_than_announced_keeps_nothing(blobs: Blobs) -> None:
    with pytest.raises(InvalidError, match="announced"):
        blobs.put_stream([b"these"], digest_bytes(b"those"))
    assert not list(blobs.stored())


def test_garbage_collection_takes_what_is_old(blobs: Blobs) -> None:
    digest = blobs.put_bytes(b"old")
    ((_, _, written),) = blobs.stored()
    assert blobs.touch(digest)
    assert not blobs.remove([digest], written - 1)
    assert blobs.remove([digest], written + 1) == {digest}
    assert not blobs.has(digest)


def test_a_client_puts_and_gets_beside_the_server(blobs: Blobs, tmp_path: Path) -> None:
    """Bytes count only when their digest was checked."""
    data = os.urandom(5000)
    (tmp_path / "file").write_bytes(data)
    upload, url = blobs.begin_upload("project1")
    put_at(url, tmp_path / "file")
    assert not list(blobs.stored())
    with pytest.raises(NotFoundError, match="nothing was put"):
        blobs.finish_upload("project2", upload, digest_bytes(data))
    assert blobs.finish_upload("project1", upload, digest_bytes(data)) == 5000
    with urllib.request.urlopen(blobs.link(digest_bytes(data)), timeout=30) as answer:
        assert answer.read() == data
    with pytest.raises(NotFoundError):
        blobs.finish_upload("project1", upload, digest_bytes(data))


def test_other_bytes_than_announced_are_removed(blobs: Blobs, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"poison")
    upload, url = blobs.begin_upload("p")
    put_at(url, tmp_path / "file")
    with pytest.raises(InvalidError, match="announced"):
        blobs.finish_upload("p", upload, digest_bytes(b"good"))
    assert not blobs.has(digest_bytes(b"good"))
    assert blobs.sweep(1e12) == 0


@pytest.mark.parametrize("upload", ["", "..", "../ab", "a/b", "x" * 65])
def test_an_upload_is_named_by_its_id_only(blobs: Blobs, upload: str) -> None:
    with pytest.raises(NotFoundError):
        blobs.finish_upload("p", upload, digest_bytes(b"good"))


def test_an_upload_that_was_never_finished_is_swept(blobs: Blobs, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abandoned")
    put_at(blobs.begin_upload("p")[1], tmp_path / "file")
    assert blobs.sweep(0) == 0
    assert blobs.sweep(1e12) == 9
    assert blobs.sweep(1e12) == 0


def test_bytes_that_changed_are_never_handed_out(blobs: Blobs, place: str, tmp_path: Path) -> None:
    upload, url = blobs.begin_upload("p")
    digest = digest_bytes(b"good")
    (tmp_path / "file").write_bytes(b"evil")
    # Whoever may write to the bucket itself.
    put_at(url.replace(f"incoming/p/{upload}", f"{digest[:2]}/{digest[2:]}"), tmp_path / "file")
    with pytest.raises(CorruptedError):
        blobs.read(Digest(digest))


@pytest.mark.parametrize(
    ("place", "what"),
    [
        ("ftp://x/y", "is not understood"),
        ("s3://", "is not understood"),
        ("s3://key:secret@bucket/x", "AWS_ACCESS_KEY_ID"),
        ("s3://bucket/x?nonsense=1", "nonsense"),
    ],
)
def test_a_wrong_address_is_told(object_storage: ObjectStorage, tmp_path: Path, place: str, what: str) -> None:
    with pytest.raises(InvalidError) as caught:
        open_blobs(place, tmp_path)
    assert what in f"{caught.value.message} {caught.value.hint}"


def test_a_bucket_that_is_not_there_is_told_at_the_start(object_storage: ObjectStorage, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="bucket"):
        open_blobs(f"s3://no-such-bucket/x?endpoint={object_storage.endpoint}", tmp_path)


@pytest.mark.slow
def test_credentials_that_nobody_set_are_named(
    object_storage: ObjectStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    with pytest.raises(StoreError) as caught:
        open_blobs("s3://bucket/x?region=eu-west-1&metadata_endpoint=http://127.0.0.1:9", tmp_path)
    assert "AWS_ACCESS_KEY_ID" in caught.value.hint


def test_a_folder_is_a_folder(tmp_path: Path) -> None:
    assert isinstance(open_blobs(tmp_path, tmp_path), FolderBlobs)
