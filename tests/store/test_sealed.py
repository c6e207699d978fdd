"""Encrypted bytes: nobody reads them without the key, changes them unnoticed, or learns what another team has."""

from __future__ import annotations

import contextlib
import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runward.core.hashing import digest_bytes
from runward.core.ids import Digest
from runward.errors import ConflictError, CorruptedError, InvalidError, KeyMissingError, NotFoundError
from runward.store.blobs import CHUNK_BYTES, Shelf
from runward.store.ciphers import TAG_BYTES
from runward.store.database import open_database
from runward.store.envelope import BLOCK_BYTES, HEADER_BYTES, content_size, sealed_size
from runward.store.folder import FolderBlobs
from runward.store.keys import Keyring
from runward.store.migrations import check_schema
from runward.store.objects import open_blobs
from runward.store.sealed import LOCAL, SealedBlobs
from runward.store.small import SMALL_BYTES
from runward.testing.objects import ObjectStorage

RED, BLUE = "team-red", "team-blue"
PLAIN = b"the known words of a content "
EDGES = [0, 1, 100, SMALL_BYTES - 1, SMALL_BYTES + 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES]


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.slow)])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Shelf:
    if request.param == "folder":
        return FolderBlobs(tmp_path / "blobs")
    storage: ObjectStorage = request.getfixturevalue("object_storage")
    return open_blobs(storage.place(), tmp_path / "spool")


@pytest.fixture
def ring(tmp_path: Path) -> Iterator[Keyring]:
    database = open_database(f"sqlite:///{tmp_path / 'runward.db'}")
    check_schema(database)
    with contextlib.closing(database):
        yield Keyring(database, tmp_path)


@pytest.fixture
def blobs(shelf: Shelf, ring: Keyring) -> Iterator[SealedBlobs]:
    with contextlib.closing(SealedBlobs(shelf, ring)) as found:
        yield found


@pytest.fixture
def folder(blobs: SealedBlobs) -> FolderBlobs:
    """The folder that the sealed bytes lie in."""
    if not isinstance(blobs.sealed, FolderBlobs):
        pytest.skip("looks into files")
    return blobs.sealed


def _again(blobs: SealedBlobs) -> SealedBlobs:
    """Another process: nothing in memory."""
    return SealedBlobs(blobs.plain, Keyring(blobs.keyring._database, blobs.keyring._folder))


def _files(root: Path) -> dict[Path, tuple[bytes, int]]:
    # SQLite notes in `-shm` who reads.
    found = (path for path in root.rglob("*") if path.is_file() and not path.name.endswith("-shm"))
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in found}


def _alone(blobs: SealedBlobs, digest: Digest) -> Path:
    """The one file in which a content lies."""
    lying = blobs._find(digest)
    assert lying is not None
    assert isinstance(blobs.sealed, FolderBlobs)
    path = blobs.sealed.path_of(lying.name)
    path.chmod(0o644)
    return path


# whatever is put comes back ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", EDGES)
def test_what_is_put_comes_back(blobs: SealedBlobs, tmp_path: Path, size: int) -> None:
    data = random.Random(size).randbytes(size)
    digest, stored = blobs.of(RED).put_stream([data[: size // 3], data[size // 3 :]])
    assert (digest, stored) == (digest_bytes(data), size)
    for one in (blobs, blobs.of(RED), _again(blobs)):
        assert (one.read(digest), one.size(digest), one.has(digest)) == (data, size, True)
        assert b"".join(one.chunks(digest)) == data
    blobs.copy_to(digest, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == data
    assert list(blobs.problems()) == []


@pytest.mark.parametrize("size", EDGES)
def test_the_size_of_a_content_is_known_from_that_of_its_file(size: int) -> None:
    assert content_size(sealed_size(size)) == size


def test_many_come_back_together(blobs: SealedBlobs) -> None:
    contents = [random.Random(n).randbytes(n * 7_001) for n in range(20)] + [b"", b"twice", b"twice"]
    contents += [contents[-4] + b"large", contents[-4] + b"large"]
    digests = [digest_bytes(data) for data in contents]
    red = blobs.of(RED)
    assert red.put_many((digest, [data]) for digest, data in zip(digests, contents, strict=True)) == [len(data) for data in contents]  # fmt: skip
    assert red.have(digests) == set(digests)
    assert list(_again(blobs).read_many(digests)) == contents
    assert red.put_many((digest, [data]) for digest, data in zip(digests, contents, strict=True)) == [len(data) for data in contents]  # fmt: skip


def test_new_files_come_back(blobs: SealedBlobs, tmp_path: Path) -> None:
    for name, size in (("small", 10), ("empty", 0), ("large", 2_500_000)):
        (tmp_path / name).write_bytes(os.urandom(size))
    paths = [tmp_path / name for name in ("small", "empty", "large")]
    told = blobs.of(LOCAL).put_new(os.fsencode(path) for path in paths)
    assert told == [(digest_bytes(path.read_bytes()), path.stat().st_size) for path in paths]
    assert [blobs.read(digest) for digest, _ in told] == [path.read_bytes() for path in paths]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(start=st.integers(0, 3 * CHUNK_BYTES + 20), length=st.integers(0, 2 * CHUNK_BYTES))
def test_any_part_is_read_alone(blobs: SealedBlobs, start: int, length: int) -> None:
    data = random.Random(7).randbytes(3 * CHUNK_BYTES + 10)
    digest = blobs.of(RED).put_bytes(data)
    assert b"".join(blobs.chunks(digest, start, start + length)) == data[start : start + length]


def test_a_part_costs_its_own_chunks_only(blobs: SealedBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = blobs.of(RED).put_bytes(os.urandom(20 * CHUNK_BYTES))
    read, pieces = list[int](), blobs.sealed.pieces

    def counted(name: Digest, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        for piece in pieces(name, start, length):
            read.append(len(piece))
            yield piece

    monkeypatch.setattr(blobs.sealed, "pieces", counted)
    assert len(b"".join(blobs.chunks(digest, 10 * CHUNK_BYTES + 5, 10 * CHUNK_BYTES + 9))) == 4
    assert sum(read) == HEADER_BYTES + BLOCK_BYTES


def test_an_announced_digest_must_be_the_contents(blobs: SealedBlobs) -> None:
    for data in (b"other", os.urandom(3 * SMALL_BYTES)):
        with pytest.raises(InvalidError, match="announced"):
            blobs.of(RED).put_stream([data], expect=digest_bytes(b"announced"))
        with pytest.raises(InvalidError, match="announced"):
            blobs.of(RED).put_many([(digest_bytes(b"announced"), [data])])
    assert list(blobs.stored()) == []


def test_bytes_are_put_for_a_team(blobs: SealedBlobs) -> None:
    with pytest.raises(InvalidError, match="for a team"):
        blobs.put_bytes(b"whose?")
    assert list(blobs.stored()) == []


def test_what_is_not_there_is_not_found(blobs: SealedBlobs, tmp_path: Path) -> None:
    digest = digest_bytes(b"nothing")
    blobs.of(RED).put_bytes(b"something")
    for one in (blobs, blobs.of(RED), blobs.of(BLUE)):
        assert (one.has(digest), one.touch(digest), one.have([digest])) == (False, False, set())
        for attempt in (one.read, one.size, one.chunks, lambda d: blobs.copy_to(d, tmp_path / "x")):
            with pytest.raises(NotFoundError):
                attempt(digest)


# teams ------------------------------------------------------------------------------------------------------------------


def test_the_same_bytes_are_kept_once_in_a_team_and_apart_between_teams(blobs: SealedBlobs) -> None:
    data = PLAIN * 2000
    digest = blobs.of(RED).put_bytes(data)
    assert not blobs.of(BLUE).has(digest)
    assert not blobs.of(BLUE).touch(digest)
    assert blobs.of(BLUE).have([digest]) == set()
    blobs.of(RED).put_bytes(data)
    assert len(list(blobs.stored())) == 1
    blobs.of(BLUE).put_bytes(data)
    names = [name for name, _, _ in blobs.stored()]
    assert len(names) == 2
    assert digest not in names
    assert blobs.aliases([digest]).keys() == {digest, *names}
    # One team's bytes go, the other's stay.
    red = blobs.of(RED)._find(digest)
    assert red is not None
    assert blobs.remove([red.name], float("inf")) == {red.name}
    assert (blobs.read(digest), blobs.of(BLUE).read(digest), blobs.of(RED).has(digest)) == (data, data, False)


def test_nothing_known_is_found_on_the_disk(blobs: SealedBlobs, folder: FolderBlobs, tmp_path: Path) -> None:
    """Neither contents nor their digests: in no file of the workspace's folder."""
    digests = [blobs.of(RED).put_bytes(PLAIN), blobs.of(LOCAL).put_bytes(PLAIN * 50_000)]
    blobs.of(RED).put_many([(digest_bytes(PLAIN + b"more"), [PLAIN + b"more"])])
    wanted = [PLAIN, *(bytes.fromhex(digest) for digest in digests), *(digest.encode() for digest in digests)]
    for path, (data, _) in _files(tmp_path).items():
        assert not any(words in data for words in wanted), path
        assert not any(digest[2:] in str(path) for digest in digests)


# keys -------------------------------------------------------------------------------------------------------------------


def test_new_keys_rewrite_no_bytes(blobs: SealedBlobs, folder: FolderBlobs, ring: Keyring) -> None:
    old = [blobs.of(RED).put_bytes(PLAIN * n) for n in (1, 1000, 100_000)]
    blobs.of(RED).put_many([(digest_bytes(b"small"), [b"small"])])
    before = _files(folder.root)
    ring.rotate_root()
    ring.rotate_team(RED)
    for one in (blobs, _again(blobs)):
        assert [one.read(digest) for digest in old] == [PLAIN * n for n in (1, 1000, 100_000)]
        assert one.read(digest_bytes(b"small")) == b"small"
    assert _files(folder.root) == before
    new = blobs.of(RED).put_bytes(b"after")
    keys = {_alone(blobs, digest).read_bytes()[5:17] for digest in (*old, new)}
    assert len(keys) == 2
    # The same content is still the same one.
    assert blobs.of(RED).put_bytes(PLAIN) == old[0]
    assert len(list(blobs.stored())) == 5


def test_without_the_root_key_nothing_is_read(blobs: SealedBlobs, tmp_path: Path) -> None:
    digest = blobs.of(RED).put_bytes(PLAIN)
    (tmp_path / "keys" / "root.key").unlink()
    with pytest.raises(KeyMissingError, match=r"root key [0-9a-f]{8} is missing"):
        _again(blobs).read(digest)
    with pytest.raises(KeyMissingError):
        _again(blobs).of(RED).put_bytes(b"more")


# changed bytes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [10, CHUNK_BYTES, 2 * CHUNK_BYTES + 9])
def test_each_flipped_bit_is_found(blobs: SealedBlobs, folder: FolderBlobs, size: int) -> None:
    """In the header, in a chunk, in a tag: reading refuses it, and a check of everything names the file."""
    data = os.urandom(size)
    digest = blobs.of(RED).put_bytes(data)
    path, chance = _alone(blobs, digest), random.Random(size)
    good = path.read_bytes()
    places = [*range(HEADER_BYTES), HEADER_BYTES, len(good) - 1, len(good) - TAG_BYTES]
    places += [chance.randrange(len(good)) for _ in range(20)]
    for place in places if size == 10 else places[-20:]:
        bad = bytearray(good)
        bad[place] ^= 1 << chance.randrange(8)
        path.write_bytes(bad)
        with pytest.raises((CorruptedError, NotFoundError)):
            blobs.read(digest)
        with pytest.raises((CorruptedError, NotFoundError)):
            list(blobs.chunks(digest))
        assert [path.name in said for said in blobs.problems()] == [True]
    path.write_bytes(good)
    assert (blobs.read(digest), list(blobs.problems())) == (data, [])


def test_chunks_that_are_missing_doubled_swapped_or_added_are_refused(blobs: SealedBlobs, folder: FolderBlobs) -> None:
    data = os.urandom(4 * CHUNK_BYTES)
    digest = blobs.of(RED).put_bytes(data)
    path = _alone(blobs, digest)
    good = path.read_bytes()
    head, *blocks = (
        good[:HEADER_BYTES],
        *(good[at : at + BLOCK_BYTES] for at in range(HEADER_BYTES, len(good), BLOCK_BYTES)),
    )
    assert len(blocks) == 4
    a, b, c, d = blocks
    for changed in ([a, b, c], [a, b, d], [a, c, b, d], [a, b, b, d], [b, c, d], [a, b, c, d[:-1]], [], [d]):
        path.write_bytes(b"".join([head, *changed]))
        with pytest.raises(CorruptedError):
            list(blobs.chunks(digest))
        assert len(list(blobs.problems())) == 1
    path.write_bytes(good + b"x")
    assert len(list(blobs.problems())) == 1
    path.write_bytes(good[: HEADER_BYTES - 1])
    with pytest.raises(CorruptedError, match="cut off in its header"):
        blobs.read(digest)


def test_one_blob_does_not_pass_for_another(blobs: SealedBlobs, folder: FolderBlobs) -> None:
    """Not even read in pieces, where no digest is compared."""
    first, second = (blobs.of(RED).put_bytes(data * 100) for data in (b"first", b"other"))
    one, two = _alone(blobs, first), _alone(blobs, second)
    swapped = two.read_bytes()
    two.write_bytes(one.read_bytes())
    one.write_bytes(swapped)
    for digest in (first, second):
        with pytest.raises(CorruptedError):
            list(blobs.chunks(digest))
    assert len(list(blobs.problems())) == 2


@pytest.mark.parametrize("size", [1_000, 2_500_000])
def test_what_is_put_again_while_it_is_read(blobs: SealedBlobs, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Another one replaced the whole blob between the header and the chunks: each has a key of its own."""
    data = random.Random(size).randbytes(size)
    digest = blobs.of(RED).put_bytes(data)
    reading, replaced = type(blobs.sealed).pieces, list[Digest]()

    def pieces(shelf: Any, name: Digest, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        found = b"".join(reading(shelf, name, start, length))
        if length == HEADER_BYTES and not replaced:
            replaced.append(name)
            blobs.sealed.remove([name], float("inf"))
            blobs.of(RED).put_bytes(data)
        return iter([found])

    monkeypatch.setattr(type(blobs.sealed), "pieces", pieces)
    for start in (0, size // 3):
        replaced.clear()
        assert (b"".join(blobs.chunks(digest, start)), len(replaced)) == (data[start:], 1)
    replaced.clear()
    assert list(blobs.problems()) == []


# beside the encryption --------------------------------------------------------------------------------------------------


def test_bytes_from_before_are_read_and_not_told_to_teams(blobs: SealedBlobs, tmp_path: Path) -> None:
    digest = blobs.plain.put_bytes(PLAIN)
    assert (blobs.read(digest), blobs.size(digest), blobs.has(digest)) == (PLAIN, len(PLAIN), True)
    assert b"".join(blobs.chunks(digest, 4, 9)) == PLAIN[4:9]
    assert not blobs.of(RED).has(digest)
    assert not blobs.of(RED).touch(digest)
    assert blobs.of(RED).put_bytes(PLAIN) == digest
    assert {name for name, _, _ in blobs.stored()} <= set(blobs.aliases([digest]))
    assert blobs.remove(list(blobs.aliases([digest])), float("inf")) == set(blobs.aliases([digest]))  # type: ignore[arg-type]
    assert list(blobs.stored()) == []


def test_nothing_leaves_beside_the_server(blobs: SealedBlobs, tmp_path: Path) -> None:
    digest = blobs.of(RED).put_bytes(PLAIN)
    assert (blobs.link(digest), blobs.begin_upload("p"), blobs.local_path(digest)) == ("", ("", ""), None)
    with pytest.raises(ConflictError, match="encrypted"):
        blobs.write_table("a.parquet", tmp_path / "a")
    with pytest.raises(NotFoundError):
        blobs.finish_upload("p", "u", digest)


def test_many_threads_put_at_once(blobs: SealedBlobs) -> None:
    contents = [PLAIN * n for n in range(1, 30)]
    start, wrong = threading.Barrier(4), list[BaseException]()

    def work(team: str) -> None:
        start.wait()
        try:
            for data in contents:
                assert blobs.of(team).read(blobs.of(team).put_bytes(data)) == data
        except BaseException as error:  # noqa: BLE001
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(team,)) for team in (RED, RED, BLUE, LOCAL)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert (wrong, len(list(blobs.stored()))) == ([], 3 * len(contents))
