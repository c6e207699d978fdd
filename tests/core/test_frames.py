"""Many contents in one stream, whatever the pieces it arrives in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runward.core.frames import framed, unframed
from runward.core.hashing import digest_bytes
from runward.errors import StoreError


@given(st.lists(st.one_of(st.none(), st.binary(max_size=200)), max_size=20), st.integers(1, 90))
def test_contents_come_out_as_they_went_in(contents: list[bytes | None], step: int) -> None:
    named = [(digest_bytes(data or b"large"), data) for data in contents]
    stream = b"".join(framed(named))
    assert list(unframed(stream[at : at + step] for at in range(0, len(stream), step))) == named


def test_a_stream_that_ends_early_is_noticed() -> None:
    stream = b"".join(framed([(digest_bytes(b"abc"), b"abc"), (digest_bytes(b"d"), b"d")]))
    for end in (1, 39, 41, len(stream) - 1):
        with pytest.raises(StoreError, match="in the middle"):
            list(unframed([stream[:end]]))


def test_a_stream_is_cut_into_pieces_worth_sending() -> None:
    pieces = list(framed((digest_bytes(b"x"), b"x" * 1000) for _ in range(5000)))
    assert len(pieces) < 25
