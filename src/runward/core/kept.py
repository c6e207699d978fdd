"""What a method found, kept in its object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

Owner = TypeVar("Owner")
Found = TypeVar("Found")


class kept(Generic[Owner, Found]):  # noqa: N801
    """``functools.cached_property`` without the lock that all objects of a class share before Python 3.12.

    Where the method waits for a row of the database that another thread holds, and that thread waits for the lock, both would
    wait for ever: the database sees one half of it only.
    """

    def __init__(self, find: Callable[[Owner], Found]) -> None:
        self._find, self._name = find, find.__name__
        self.__doc__ = find.__doc__

    @overload
    def __get__(self, owner: None, kind: type[Any]) -> kept[Owner, Found]: ...

    @overload
    def __get__(self, owner: Owner, kind: type[Any]) -> Found: ...

    def __get__(self, owner: Owner | None, kind: type[Any]) -> kept[Owner, Found] | Found:
        """Find it once; from then on the object has it as an attribute."""
        if owner is None:
            return self
        found = owner.__dict__[self._name] = self._find(owner)
        return found
