"""The journal: whatever happens to its file, every frame before the damage is read and nothing after it."""

from __future__ import annotations

import math
import os
import resource
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runward.errors import CorruptedError, InvalidError, StoreError
from runward.tracking.journal import FRAME, HEADER, MAX_FRAME_BYTES, POINTS, TAGS, Frame, Journal, JournalReader

_ENTRIES = [[TAGS, {"key": "value " * index}] for index in range(8)]
_common = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)


def _read(path: Path) -> tuple[list[list[Any]], bool]:
    reader = JournalReader(path)
    found = [[frame.kind, *frame.fields] for frame in reader.frames()]
    torn = reader.torn
    reader.close()
    return found, torn


def _frames(path: Path) -> list[Frame]:
    reader = JournalReader(path)
    found = list(reader.frames())
    reader.close()
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[int]]:
    """A journal's bytes up to its last frame, and where each frame ends."""
    journal = Journal(tmp_path_factory.mktemp("j"), "run1")
    for entry in _ENTRIES:
        journal.append(entry)
    journal.close()
    ends = [frame.end for frame in _frames(journal.path)]
    return journal.path.read_bytes()[: ends[-1] + 64], ends


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    return tmp_path / "damaged.journal"


@_common
@given(data=st.data())
def test_a_journal_that_was_cut_gives_every_frame_before_the_cut(
    whole: tuple[bytes, list[int]], damaged: Path, data: st.DataObject
) -> None:
    content, ends = whole
    cut = data.draw(st.integers(HEADER.size, len(content)))
    damaged.write_bytes(content[:cut])
    assert _read(damaged)[0] == _ENTRIES[: sum(end <= cut for end in ends)]


@_common
@given(data=st.data())
def test_a_flipped_bit_ends_the_journal_there(
    whole: tuple[bytes, list[int]], damaged: Path, data: st.DataObject
) -> None:
    """Every frame before it is stored; what comes after is not believed, whichever byte it hit."""
    content, ends = whole
    position = data.draw(st.integers(HEADER.size, ends[-1] - 1))
    flipped = bytearray(content)
    flipped[position] ^= 1 << data.draw(st.integers(0, 7))
    damaged.write_bytes(bytes(flipped))
    good = sum(end <= position for end in ends)
    found, _ = _read(damaged)
    assert found == _ENTRIES[:good]


@_common
@given(data=st.data())
def test_a_damaged_head_is_no_journal_or_still_readable(
    whole: tuple[bytes, list[int]], damaged: Path, data: st.DataObject
) -> None:
    """It never brings down who reads: adopting other journals must go on."""
    content = bytearray(whole[0])
    content[data.draw(st.integers(0, HEADER.size - 1))] ^= 1 << data.draw(st.integers(0, 7))
    damaged.write_bytes(bytes(content))
    found = list[object]()
    try:
        found = [*_read(damaged)[0]]
    except CorruptedError as error:
        found = [error.message, error.hint]
    assert found == _ENTRIES or str(damaged) in str(found[0])


@pytest.mark.parametrize("content", [b"", b"RUNWARD1", b"x" * 500])
def test_a_file_that_is_no_journal_is_named(damaged: Path, content: bytes) -> None:
    damaged.write_bytes(content)
    with pytest.raises(CorruptedError, match=str(damaged)):
        JournalReader(damaged)


_numbers = st.floats(allow_nan=True, allow_infinity=True, allow_subnormal=True)


@_common
@given(points=st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.text(max_size=20), _numbers), max_size=20))
def test_what_is_written_is_read_bit_for_bit(tmp_path: Path, points: list[tuple[int, str, float]]) -> None:
    journal = Journal(tmp_path, "run1")
    for step, key, value in points:
        journal.append([POINTS, step, 1.5, [key], [value]])
    journal.close()
    found = [frame.fields for frame in _frames(journal.path)]
    assert [(step, keys[0]) for step, _, keys, _ in found] == [(step, key) for step, key, _ in points]
    assert [struct.pack("d", values[0]) for *_, values in found] == [struct.pack("d", value) for *_, value in points]
    journal.path.unlink()


def test_a_reader_follows_while_the_journal_grows(tmp_path: Path) -> None:
    """Also over the border where the file is made larger."""
    journal = Journal(tmp_path, "run1")
    reader = JournalReader(journal.path)
    assert list(reader.frames()) == []
    for index in range(40):
        journal.append([TAGS, {"k": "x" * 100_000, "i": str(index)}])
        assert [frame.fields[0]["i"] for frame in reader.frames()] == [str(index)]
    assert reader.next_frame == journal.frames == 40
    reader.rewind_to(38)
    assert [frame.number for frame in reader.frames()] == [38, 39]
    with pytest.raises(CorruptedError, match="ends at frame 40"):
        reader.rewind_to(41)
    reader.close()
    journal.close()


def test_an_entry_that_no_reader_would_take_is_refused(tmp_path: Path) -> None:
    """Written, it would end the journal for everything after it."""
    journal = Journal(tmp_path, "run1")
    with pytest.raises(InvalidError, match="artifact"):
        journal.append([TAGS, {"k": "x" * (MAX_FRAME_BYTES + 1)}])
    journal.append([TAGS, {"k": "v"}])
    journal.close()
    assert [frame.fields for frame in _frames(journal.path)] == [[{"k": "v"}]]


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may grow beyond 3 MB: what a full disk looks like to a journal."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_an_error_and_no_crash(tmp_path: Path, small_files: None) -> None:
    """The file is allocated before it is written: otherwise the process would die of SIGBUS in its training loop."""
    journal = Journal(tmp_path, "run1")

    def write_on() -> None:
        while True:
            journal.append([TAGS, {"k": "x" * 10_000}])

    with pytest.raises(StoreError, match="cannot grow") as caught:
        write_on()
    assert caught.value.hint == "free some space"
    assert len(_frames(journal.path)) == journal.frames > 200
    journal.close()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written") as caught:
        Journal(tmp_path / "file" / "x", "run1")
    assert "RUNWARD_DIR" in caught.value.hint


def test_the_lock_of_a_journal_ends_with_its_writer(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "run1")
    reader = JournalReader(journal.path)
    assert not reader.writer_is_gone()
    journal.close()
    assert reader.writer_is_gone()
    reader.close()


def test_a_frame_is_its_length_checksum_and_content(tmp_path: Path) -> None:
    """The format is promised: a later version reads what this one wrote."""
    journal = Journal(tmp_path, "run1")
    journal.append([POINTS, 3, 1.5, ["loss"], [math.inf]])
    journal.close()
    raw = journal.path.read_bytes()
    assert raw[:8] == b"RUNWARD1"
    assert raw[32:64].rstrip(b"\0") == b"run1"
    length, _ = FRAME.unpack(raw[64:72])
    assert raw[72 + length :].strip(b"\0") == b""
    assert os.path.getsize(journal.path) == 1 << 20
