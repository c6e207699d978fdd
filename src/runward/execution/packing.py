"""Calls as plain data, without pickle.

A function of the driver's script needs its code and the globals it names. Where these are plain data,
importable things and other such functions, they fit into a task's spec, and the task starts about three
times sooner than with cloudpickle, whose import alone takes longer than an interpreter's start.
All else stays cloudpickle's.
"""

from __future__ import annotations

import sys
from types import CodeType, FunctionType, ModuleType
from typing import Any

from runward.config.buildable import Buildable, Config, arrange, as_buildable, is_buildable
from runward.config.targets import Opaque, Reference, import_location, is_importable
from runward.execution.worker import is_plain


class _TooMuch(Exception):
    """Something that this form does not carry."""


def pack(call: Buildable) -> dict[str, Any] | None:
    """The call in the form that ``worker.unpack`` reads, or ``None`` if it needs cloudpickle.

    Nested Configs become calls that the task makes; a Config that appears twice is called once.
    """
    packer = _Packer()
    try:
        entry = packer.value(call.fn, set())
        arguments = {name: packer.value(item, set()) for name, item in call.arguments.items()}
    except (_TooMuch, RecursionError):
        return None
    parts = {"functions": packer.functions, "globals": packer.globals}
    return {"entry": entry, "arguments": arguments, **parts}


class _Packer:
    def __init__(self) -> None:
        self._world: dict[str, Any] | None = None
        self._keys: dict[FunctionType, int] = {}
        self._calls: dict[int, int] = {}
        self.functions: dict[int, tuple[Any, ...]] = {}
        self.globals: dict[str, tuple[Any, ...]] = {}

    def function(self, fn: FunctionType) -> int:
        if fn in self._keys:
            return self._keys[fn]
        world = fn.__globals__
        if world is not (self._world or world) or fn.__closure__ or fn.__dict__:
            raise _TooMuch
        self._world = world
        self.globals.setdefault("__name__", ("plain", str(world.get("__name__"))))
        key = self._keys[fn] = len(self._keys)
        names = _names(fn.__code__)
        self.functions[key] = (
            fn.__code__,
            fn.__name__,
            fn.__qualname__,
            [self.value(item, names) for item in fn.__defaults__ or ()],
            {name: self.value(item, names) for name, item in (fn.__kwdefaults__ or {}).items()},
            {name: self.value(item, names) for name, item in fn.__annotations__.items()},
        )
        for name in names & world.keys() - self.globals.keys():
            # A placeholder first: functions may name each other.
            self.globals[name] = ("plain", None)
            self.globals[name] = self.value(world[name], names)
        return key

    def value(self, value: Any, names: set[str]) -> tuple[Any, ...]:
        if is_plain(value):
            return ("plain", value)
        if isinstance(value, ModuleType):
            return ("module", *self._modules(value, names))
        location = import_location(value)
        if location is not None:
            return ("object", *location)
        if type(value) is FunctionType:
            return ("function", self.function(value))
        if is_buildable(value):
            return self._call(value)
        return self._container(value)

    def _container(self, value: Any) -> tuple[Any, ...]:
        if type(value) in (list, tuple):
            return (type(value).__name__, [self.value(item, set()) for item in value])
        if type(value) is dict and all(map(is_plain, value)):
            return ("dict", [(key, self.value(item, set())) for key, item in value.items()])
        raise _TooMuch

    def _call(self, item: Any) -> tuple[Any, ...]:
        if id(item) in self._calls:
            return ("call", self._calls[id(item)])
        call = as_buildable(item)
        if not isinstance(call, Config) or isinstance(call.fn, Reference | Opaque):
            raise _TooMuch
        key = self._calls[id(item)] = len(self._calls)
        args, kwargs = arrange(call.fn, (), call.__positional__, call.arguments)
        by_name = {name: self.value(part, set()) for name, part in kwargs.items()}
        return ("call", key, self.value(call.fn, set()), [self.value(part, set()) for part in args], by_name)

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
