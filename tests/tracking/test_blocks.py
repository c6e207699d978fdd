"""Blocks give back what they were given, bit for bit, in few bytes."""

from __future__ import annotations

import math
import random
from array import array
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runward.tracking import blocks
from runward.tracking.blocks import BUCKET, BlockReader, build_block, pack_floats, pack_ints, unpack_floats, unpack_ints
from runward.tracking.points import Columns, reduce_columns
from tests.extras import needs

INTS = st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=200)
NEAR = st.tuples(st.integers(-(2**40), 2**40), st.lists(st.integers(-300, 300), max_size=200)).map(
    lambda given: [given[0] + sum(given[1][:i]) for i in range(len(given[1]) + 1)]
)
FLOATS = st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=200)
SINGLES = st.lists(st.floats(width=32), min_size=1, max_size=200)
DECIMALS = st.lists(st.integers(-(10**9), 10**9).map(lambda n: n / 1000), min_size=1, max_size=200)


EVENLY = st.builds(
    lambda first, stride, count: [first + stride * i for i in range(count)],
    st.integers(-(2**40), 2**40),
    st.integers(-1000, 1000),
    st.integers(1, 200),
)


@given(INTS | NEAR | EVENLY)
def test_whole_numbers_come_back(values: list[int]) -> None:
    column = array("q", values)
    assert unpack_ints(pack_ints(column), len(column)) == column


@given(FLOATS | SINGLES | DECIMALS)
def test_floats_come_back_bit_for_bit(values: list[float]) -> None:
    column = array("d", values)
    assert unpack_floats(pack_floats(column), len(column)).tobytes() == column.tobytes()


@given(INTS | NEAR | EVENLY, FLOATS | SINGLES | DECIMALS)
def test_numpy_takes_long_columns_back_to_the_same_bits(whole: list[int], floats: list[float]) -> None:
    needs("numpy")
    ints, doubles = array("q", whole), array("d", floats)
    with mock.patch.object(blocks, "_MANY", 1):
        assert unpack_ints(pack_ints(ints), len(ints)) == ints
        assert unpack_floats(pack_floats(doubles), len(doubles)).tobytes() == doubles.tobytes()


def test_nan_payloads_and_signs_of_zero_survive() -> None:
    column = array("d")
    column.frombytes(bytes.fromhex("0100000000 00f87f".replace(" ", "")))
    column.extend([-0.0, 0.0, 5e-324, math.inf, -math.inf])
    assert unpack_floats(pack_floats(column), len(column)).tobytes() == column.tobytes()


def _run(count: int, keys: int) -> dict[str, Columns]:
    noise = random.Random(1)
    steps, times = (
        array("q", range(count)),
        array("d", [1.7e9 + i * 0.01 + noise.random() * 1e-3 for i in range(count)]),
    )
    single = [array("d", array("f", [noise.random() for _ in range(count)])) for _ in range(keys)]
    return {f"m{i}": Columns(steps[:], times[:], values) for i, values in enumerate(single)}


def _reader(series: dict[str, Columns]) -> tuple[BlockReader, int]:
    block = build_block(series)
    return BlockReader(block.head, block.pages.__getitem__), len(block.head) + sum(map(len, block.pages))


def test_a_run_of_single_precision_noise_takes_four_bytes_a_point() -> None:
    series = _run(20_000, 10)
    reader, size = _reader(series)
    assert size / 200_000 < 4.0
    for key, columns in series.items():
        assert reader.columns(key) == columns
        assert reader.count(key) == 20_000
    assert reader.count("other") == 0


def test_each_series_may_have_steps_of_its_own() -> None:
    series = {
        f"k{i}": Columns(
            array("q", range(0, 30, i + 1)), array("d", range(0, 30, i + 1)), array("d", range(0, 30, i + 1))
        )
        for i in range(30)
    }
    reader, _ = _reader(series)
    assert {key: reader.columns(key) for key in series} == series


def test_points_are_put_in_order_of_step_then_of_arrival() -> None:
    reader, _ = _reader({"a": Columns(array("q", [3, 1, 3, 2]), array("d", [1, 2, 3, 4]), array("d", [1, 2, 3, 4]))})
    assert reader.columns("a").values == array("d", [2, 4, 1, 3])


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_level_shows_every_peak_and_every_value_that_is_not_finite(bad: float) -> None:
    """The least and the greatest finite value of every bucket are in the level, and a chart keeps the peaks."""
    (columns,) = _run(50_000, 1).values()
    columns.values[31_111], columns.values[44_444] = 99.0, bad
    reader, _ = _reader({"a": columns})
    level = reader.level("a")
    assert len(level.steps) <= 2 * 50_000 / BUCKET + 5
    shown = dict(zip(level.steps, level.values, strict=True))
    for start in range(0, 50_000, BUCKET):
        finite = [v for v in columns.values[start : start + BUCKET] if math.isfinite(v)]
        kept = [v for step, v in shown.items() if start <= step < start + BUCKET and math.isfinite(v)]
        assert (min(kept), max(kept)) == (min(finite), max(finite))
    chart = reduce_columns(level, 50)
    assert len(chart.steps) <= 110
    assert 99.0 in chart.values
    assert any(math.isnan(v) if math.isnan(bad) else v == bad for v in chart.values)


def test_many_keys_are_read_one_at_a_time() -> None:
    one = Columns(array("q", [0]), array("d", [0.0]), array("d", [1.0]))
    block = build_block({f"k{i:05d}": one for i in range(20_000)})
    fetched: list[int] = []

    def fetch(page: int) -> bytes:
        fetched.append(page)
        return block.pages[page]

    assert BlockReader(block.head, fetch).columns("k19999") == one
    assert len(block.pages) > 3
    assert len(set(fetched)) <= 2
