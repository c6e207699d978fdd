"""An error keeps its class, code, hint and details on the way to a client."""

from __future__ import annotations

import copy
import pickle

import msgspec
import pytest

from runward.core.codec import JSON, MSGPACK, decode, encode, error_from, problem
from runward.core.zstd import compress, decompress
from runward.errors import BY_CODE, InvalidError, NotFoundError, RunwardError, StoreError


@pytest.mark.parametrize("kind", BY_CODE.values(), ids=lambda kind: kind.__name__)
def test_every_error_survives_the_wire_and_a_process_border(kind: type[RunwardError]) -> None:
    sent = kind("what happened", hint="the way out", expected=7, names=["a"])
    received = error_from(msgspec.json.encode(problem(sent)), sent.status)
    for found in (received, pickle.loads(pickle.dumps(sent)), copy.copy(sent)):
        assert type(found) is kind
        assert (found.message, found.hint, found.details) == (sent.message, sent.hint, sent.details)
        assert str(found) == "what happened\n  hint: the way out"


def test_codes_are_unique_and_every_class_has_one() -> None:
    def tree(kind: type[RunwardError]) -> list[type[RunwardError]]:
        return [kind, *(found for child in kind.__subclasses__() for found in tree(child))]

    product = [kind for kind in tree(RunwardError) if kind.__module__ == "runward.errors"]
    assert set(product) == set(BY_CODE.values())
    assert all(400 <= kind.status < 600 for kind in product)


@pytest.mark.parametrize("data", [b"<html>502</html>", b"[]", b"{}", b'{"code": "unknown", "detail": "x"}', b"\xff"])
def test_an_answer_that_is_no_problem_is_a_store_that_is_away(data: bytes) -> None:
    found = error_from(data, 502)
    assert type(found) is StoreError
    assert "502" in found.message


def test_an_answer_without_a_body_is_known_by_its_status() -> None:
    assert type(error_from(b"", 404)) is NotFoundError
    assert type(error_from(b"", 500)) is StoreError


@pytest.mark.parametrize("media_type", [JSON, MSGPACK])
@pytest.mark.parametrize("data", [b"", b"{", b"\xc1", b"[" * 100_000, b"\x91" * 100_000, b'"\xff"', b"null"])
def test_bodies_that_make_no_sense_are_the_callers_error(media_type: str, data: bytes) -> None:
    with pytest.raises(InvalidError, match="the body is not understood"):
        decode(data, dict[str, int], media_type)


def test_values_travel_in_both_forms() -> None:
    value = {"a": [1, 2.5, None, "ü"]}
    assert all(decode(encode(value, kind), dict[str, list[object]], kind) == value for kind in (JSON, MSGPACK))


@pytest.mark.parametrize("data", [b"no zstd", compress(b"x" * 100)[:-3], compress(b"\0" * 2_000_000)])
def test_packed_bodies_are_bounded(data: bytes) -> None:
    """Not zstd, cut, or far larger than it looks."""
    with pytest.raises(InvalidError):
        decompress(data, 1_000_000)
