"""A few things at a time: in order, bounded, ended by the first failure."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from runward.core.parallel import at_once


def test_results_come_in_order_while_work_overlaps() -> None:
    together = threading.Barrier(3)

    def work(number: int) -> int:
        together.wait(timeout=30)
        return number * number

    assert list(at_once(work, range(9), 3)) == [number * number for number in range(9)]


def test_items_are_taken_as_there_is_room() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    results = at_once(lambda number: number, items(), 2)
    assert [next(results), next(results)] == [0, 1]
    assert len(taken) < 10


def test_the_first_failure_ends_it() -> None:
    done: list[int] = []

    def work(number: int) -> None:
        if number == 3:
            raise ValueError("three")
        done.append(number)

    with pytest.raises(ValueError, match="three"):
        list(at_once(work, range(1000), 2))
    assert len(done) < 20
