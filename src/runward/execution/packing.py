"""Plain functions by value, without cloudpickle.

A function of the driver's script needs its code and the globals it names. Where these are plain data,
importable things and other such functions, they fit into a task's spec, and the task starts about three
times sooner than with cloudpickle, whose import alone takes longer than an interpreter's start.
All else stays cloudpickle's.
"""

from __future__ import annotations

import sys
from types import CodeType, FunctionType, ModuleType
from typing import Any

from runward.config.targets import import_location, is_importable
from runward.execution.worker import is_plain


class _TooMuch(Exception):
    """Something that this form does not carry."""


def pack(fn: Any) -> dict[str, Any] | None:
    """The function in the form that ``worker.unpack`` reads, or ``None`` if it needs cloudpickle."""
    if type(fn) is not FunctionType:
        return None
    packer = _Packer(fn.__globals__)
    try:
        entry = packer.function(fn)
    except _TooMuch:
        return None
    return {"entry": entry, "functions": packer.functions, "globals": packer.globals}


class _Packer:
    def __init__(self, world: dict[str, Any]) -> None:
        self._world = world
        self._keys: dict[FunctionType, int] = {}
        self.functions: dict[int, tuple[Any, ...]] = {}
        self.globals: dict[str, tuple[Any, ...]] = {"__name__": ("plain", world.get("__name__", "__main__"))}

    def function(self, fn: FunctionType) -> int:
        if fn in self._keys:
            return self._keys[fn]
        if fn.__globals__ is not self._world or fn.__closure__ or fn.__dict__:
            raise _TooMuch
        key = self._keys[fn] = len(self._keys)
        names = _names(fn.__code__)
        self.functions[key] = (
            fn.__code__,
            fn.__name__,
            fn.__qualname__,
            [self._value(item, names) for item in fn.__defaults__ or ()],
            {name: self._value(item, names) for name, item in (fn.__kwdefaults__ or {}).items()},
            {name: self._value(item, names) for name, item in fn.__annotations__.items()},
        )
        for name in names & self._world.keys() - self.globals.keys():
            # A placeholder first: functions may name each other.
            self.globals[name] = ("plain", None)
            self.globals[name] = self._value(self._world[name], names)
        return key

    def _value(self, value: Any, names: set[str]) -> tuple[Any, ...]:
        if is_plain(value):
            return ("plain", value)
        if isinstance(value, ModuleType):
            return ("module", *self._modules(value, names))
        location = import_location(value)
        if location is not None:
            return ("object", *location)
        if type(value) is FunctionType:
            return ("function", self.function(value))
        raise _TooMuch

    def _modules(self, module: ModuleType, names: set[str]) -> list[str]:
        """The module's name, and the names of its imported submodules that the code may go through."""
        if not is_importable(module):
            raise _TooMuch
        prefix = f"{module.__name__}."
        below = [name for name in list(sys.modules) if name.startswith(prefix)]
        return [
            module.__name__,
            *(name for name in below if names.issuperset(name[len(prefix) :].split("."))),
        ]


def _names(code: CodeType) -> set[str]:
    """Every name that the code or code inside it looks up; a few are attributes, which does no harm."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names(constant)
    return names
