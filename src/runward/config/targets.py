"""What a configuration points at: a callable by import path, or one that no import path reaches."""

from __future__ import annotations

import difflib
import functools
import importlib
import inspect
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from types import MethodType, ModuleType
from typing import Any

from runward.errors import InvalidError, NotFoundError


@dataclass(frozen=True, slots=True)
class Reference:
    """A callable (or any object) named by its import path; importing happens in :meth:`resolve` only."""

    path: str

    def resolve(self) -> Any:
        """Import and return the object.

        Raises:
            NotFoundError: No module or attribute of that name.
        """
        return resolve(self.path)


@dataclass(frozen=True, slots=True)
class Opaque:
    """A callable that cannot be rebuilt by name: its name, source text ("" if unknown) and content digest."""

    name: str
    source: str
    digest: str

    def resolve(self) -> Any:
        """Refuse: data alone cannot give the callable back.

        Raises:
            InvalidError: Always; the hint names the way out.
        """
        raise InvalidError(
            f"{self.name!r} cannot be rebuilt by name: it is a lambda, a bound method, or lives in __main__",
            hint="move it into an importable module, or run the experiment from the driver that defines it",
        )


def resolve(path: str) -> Any:
    """Import the object at ``package.module.Name`` (or ``package.module:Name``).

    Raises:
        NotFoundError: No module or attribute of that name.
    """
    if ":" in path:
        module_name, _, rest = path.partition(":")
        return _walk(_import(module_name, path), rest.split("."), path)
    parts = path.split(".")
    for split in range(len(parts), 0, -1):
        module = _try_import(".".join(parts[:split]))
        if module is not None:
            return _walk(module, parts[split:], path)
    raise _not_found(path, f"there is no module {parts[0]!r}")


def _import(module_name: str, path: str) -> ModuleType:
    module = _try_import(module_name)
    if module is None:
        raise _not_found(path, f"there is no module {module_name!r}")
    return module


def _try_import(name: str) -> ModuleType | None:
    if not name or not all(part.isidentifier() for part in name.split(".")):
        return None
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(error.name + ".")):
            return None
        raise


def _walk(found: Any, names: Iterable[str], path: str) -> Any:
    for name in names:
        try:
            found = getattr(found, name)
        except AttributeError:
            raise _not_found(path, f"{_label(found)} has no {name!r}", did_you_mean(name, dir(found))) from None
    return found


def _label(found: Any) -> str:
    return str(getattr(found, "__name__", found))


def _not_found(path: str, why: str, hint: str = "") -> NotFoundError:
    return NotFoundError(
        f"{path!r} cannot be imported: {why}",
        hint=hint or "check the spelling, and that the package is installed where the task runs",
    )


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint with the closest known names, or all of them when none is close and they are few."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(map(repr, close))}?"
    return f"known: {', '.join(names)}" if 0 < len(names) <= 12 else ""


def display_name(fn: Any) -> str:
    """A readable name of any callable: its dotted path where it has one."""
    if isinstance(fn, Reference):
        return fn.path
    if isinstance(fn, Opaque):
        return fn.name
    if isinstance(fn, functools.partial):
        return f"functools.partial({display_name(fn.func)})"
    name = getattr(fn, "__qualname__", None) or getattr(fn, "__name__", None)
    if not isinstance(name, str):
        return f"{type(fn).__module__}.{type(fn).__qualname__} instance"
    module = getattr(fn, "__module__", None)
    return f"{module}.{name}" if isinstance(module, str) and module not in ("builtins", "__main__") else name


def import_location(fn: Any) -> tuple[str, str] | None:
    """``(module, attribute path)`` if a fresh interpreter would import this very object.

    ``None`` for lambdas, local functions, bound methods, ``__main__``, and modules made by hand.
    """
    module_name, name = getattr(fn, "__module__", None), getattr(fn, "__qualname__", None)
    if not isinstance(module_name, str) or not isinstance(name, str) or module_name == "__main__":
        return None
    found: Any = sys.modules.get(module_name)
    if found is None or not is_importable(found):
        return None
    for part in name.split("."):
        found = getattr(found, part, None)
    same = found is fn or (isinstance(fn, MethodType) and found == fn)
    return (module_name, name) if same else None


def is_importable(module: ModuleType) -> bool:
    """Whether a fresh interpreter with the same ``sys.path`` finds this module in the same place."""
    spec = getattr(module, "__spec__", None)
    if spec is None:
        return False
    parent = sys.modules.get(spec.parent) if spec.name != spec.parent else None
    if spec.name == spec.parent and "." in spec.name:
        parent = sys.modules.get(spec.name.rpartition(".")[0])
    search = getattr(parent, "__path__", None)
    for finder in sys.meta_path:
        fresh = finder.find_spec(spec.name, search)
        if fresh is not None:
            return bool(fresh.origin == spec.origin)
    return False


def signature_of(fn: Any) -> inspect.Signature | None:
    """The signature, or ``None`` for callables that have none to inspect."""
    if isinstance(fn, Reference | Opaque):
        return None
    try:
        return inspect.signature(fn)
    except (TypeError, ValueError):
        return None
