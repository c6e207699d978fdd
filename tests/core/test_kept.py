"""What is found once and kept."""

from __future__ import annotations

import threading

from runward.core.kept import kept


class _Finder:
    def __init__(self, meet: threading.Barrier) -> None:
        self.meet, self.looked = meet, 0

    @kept
    def found(self) -> int:
        """The answer."""
        self.looked += 1
        self.meet.wait(10)
        return 42


def test_it_is_found_once_for_each_object() -> None:
    alone = threading.Barrier(1)
    first, second = _Finder(alone), _Finder(alone)
    assert [first.found, first.found, second.found] == [42, 42, 42]
    assert [first.looked, second.looked] == [1, 1]
    assert isinstance(_Finder.found, kept)
    assert _Finder.found.__doc__ == "The answer."


def test_two_objects_do_not_wait_for_each_other() -> None:
    """Each finds its own while the other one is at it: with one lock for both, neither would end."""
    together = threading.Barrier(2)
    finders = [_Finder(together), _Finder(together)]
    found: list[int] = []
    threads = [threading.Thread(target=lambda finder=finder: found.append(finder.found)) for finder in finders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == [42, 42]
