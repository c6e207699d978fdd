"""Functions of other packages wrapped and given back; packages watched for until they are imported."""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

_MARK = "__runward_wrapped__"
Wrapper = Callable[..., Any]


class Patches:
    """What is wrapped at present. Wrapping again changes nothing."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []

    def wrap(self, owner: Any, name: str, around: Wrapper) -> None:
        """Let calls of ``owner.name`` go through ``around(original, *args, **kwargs)``."""
        original = getattr(owner, name)
        if hasattr(original, _MARK):
            return

        @functools.wraps(original)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            return around(original, *args, **kwargs)

        setattr(wrapped, _MARK, True)
        self.put(owner, name, wrapped)

    def put(self, owner: Any, name: str, value: Any) -> None:
        """Set an attribute until :meth:`undo`."""
        own = vars(owner).get(name, _MARK)

        def back() -> None:
            if own is _MARK:
                delattr(owner, name)
            else:
                setattr(owner, name, own)

        setattr(owner, name, value)
        self._undo.append(back)

    def undo(self) -> None:
        """Give everything back, the last first."""
        while self._undo:
            self._undo.pop()()


class _Loader(importlib.abc.Loader):
    """A package's own loader, and a word when it is done."""

    def __init__(self, loader: Any, then: Callable[[], None]) -> None:
        self._loader, self._then = loader, then

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        found: ModuleType | None = self._loader.create_module(spec)
        return found

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        module.__loader__ = module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._then()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


class ImportWatch(importlib.abc.MetaPathFinder):
    """Says when modules have been imported; those that are there already at once."""

    def __init__(self) -> None:
        self._waiting: dict[str, Callable[[], None]] = {}

    def on(self, module: str, then: Callable[[], None]) -> None:
        """Call ``then`` when ``module`` is imported, or now."""
        present = sys.modules.get(module)
        if present is not None and not getattr(present.__spec__, "_initializing", False):
            then()
            return
        self._waiting[module] = then
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec that the other finders give, with a loader that tells."""
        then = self._waiting.pop(fullname, None)
        if then is None:
            return None
        spec = importlib.util.find_spec(fullname)
        if spec is None or spec.loader is None:
            return spec
        spec.loader = _Loader(spec.loader, then)
        return spec

    def stop(self) -> None:
        """Watch for nothing."""
        self._waiting.clear()
        if self in sys.meta_path:
            sys.meta_path.remove(self)
