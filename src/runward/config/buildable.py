"""Config and Partial: a callable and its arguments, kept as data until they are needed."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from typing import Any, NamedTuple

from runward.config.targets import Opaque, Reference, did_you_mean, display_name, signature_of
from runward.config.tree import join, map_container
from runward.errors import InvalidError

_BY_ORDER = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class _Missing:
    def __repr__(self) -> str:
        return "<missing>"


MISSING = _Missing()
"""Stands for "not there" in a :class:`Change`."""


class Change(NamedTuple):
    """One difference between two configurations; a side that lacks the path has ``MISSING``."""

    path: str
    before: Any
    after: Any


class Buildable:
    """What Config and Partial share: attribute access, checks against the signature, equality by content."""

    __slots__ = ("_arguments", "_fn", "_positional")
    __hash__ = None  # type: ignore[assignment]
    _fn: Any
    _arguments: dict[str, Any]
    _positional: tuple[Any, ...]

    def __init__(self, fn: Any, /, *args: Any, **kwargs: Any) -> None:
        if not callable(fn) and not isinstance(fn, Reference | Opaque):
            raise InvalidError(
                f"{type(self).__name__} needs a callable, got {fn!r}",
                hint=f"write {type(self).__name__}(function, name=value, …)",
            )
        object.__setattr__(self, "_fn", fn)
        object.__setattr__(self, "_arguments", {})
        object.__setattr__(self, "_positional", ())
        self._bind(args, kwargs)

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        signature = signature_of(self._fn)
        names = [] if signature is None else [p.name for p in _parameters(signature) if p.kind in _BY_ORDER]
        takes_more = signature is None or any(p.kind is p.VAR_POSITIONAL for p in _parameters(signature))
        if len(args) > len(names) and not takes_more:
            raise InvalidError(
                f"{display_name(self._fn)}() takes {len(names)} positional arguments, {len(args)} were given",
                hint=f"its parameters are: {', '.join(names)}" if names else "it takes none",
            )
        self._arguments.update(zip(names, args, strict=False))
        object.__setattr__(self, "_positional", tuple(args[len(names) :]))
        for key, value in kwargs.items():
            if key in self._arguments:
                raise InvalidError(f"{display_name(self._fn)}() got {key!r} twice: by position and by keyword")
            self._set(key, value)

    @property
    def fn(self) -> Any:
        """The callable (or a :class:`Reference` when the configuration was read from data)."""
        return self._fn

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments set so far by name. Change them through attributes, which check the name."""
        return self._arguments

    @property
    def __positional__(self) -> tuple[Any, ...]:
        """What goes into ``*args`` (for a callable without signature: all positional arguments)."""
        return self._positional

    def _set(self, key: str, value: Any) -> None:
        signature = signature_of(self._fn)
        if signature is not None:
            known = {p.name: p for p in _parameters(signature) if p.kind not in _VARIADIC}
            open_ended = any(p.kind is p.VAR_KEYWORD for p in _parameters(signature))
            if key not in known and not open_ended:
                raise InvalidError(
                    f"{display_name(self._fn)}() has no parameter {key!r}",
                    hint=did_you_mean(key, known) or "it takes none" if not known else did_you_mean(key, known),
                )
        self._arguments[key] = value

    def __getattr__(self, key: str) -> Any:
        if key.startswith("__") or key in Buildable.__slots__:
            raise AttributeError(key)
        if key in self._arguments:
            return self._arguments[key]
        signature = signature_of(self._fn)
        known = [] if signature is None else list(signature.parameters)
        if signature is not None and key in known:
            default = signature.parameters[key].default
            if default is not inspect.Parameter.empty:
                return default
            raise AttributeError(f"{key!r} of {display_name(self._fn)} is not set and has no default")
        raise AttributeError(f"{display_name(self._fn)} has no parameter {key!r}; {did_you_mean(key, known)}")

    def __setattr__(self, key: str, value: Any) -> None:
        if hasattr(type(self), key):
            raise InvalidError(
                f"the name {key!r} is taken by {type(self).__name__} itself",
                hint=f"set it with .arguments[{key!r}] = …, or at construction",
            )
        self._set(key, value)

    def __delattr__(self, key: str) -> None:
        if key not in self._arguments:
            raise AttributeError(f"{key!r} of {display_name(self._fn)} is not set")
        del self._arguments[key]

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._arguments})

    def diff(self, other: Any) -> list[Change]:
        """What differs, as ``(path, before, after)``; empty when the two are equal."""
        # Imported here because a task's process builds configurations but never compares them.
        from runward.config.identity import changes

        return list(changes(self, other))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Buildable):
            return NotImplemented
        return not self.diff(other)

    def __repr__(self) -> str:
        inside = [display_name(self._fn), *map(repr, self._positional)]
        inside += [f"{key}={value!r}" for key, value in self._arguments.items()]
        return f"{type(self).__name__}({', '.join(inside)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return unchecked, (type(self), self._fn, self._positional, self._arguments)

    def build(self) -> Any:
        """Make what the configuration describes. See Config and Partial."""
        raise NotImplementedError


class Config(Buildable):
    """A call that has not happened yet: ``Config(Adam, lr=0.1).build()`` is ``Adam(lr=0.1)``.

    Arguments are attributes: ``cfg.lr = 0.2``. An unknown keyword is refused here, not when the job runs.

    Raises:
        InvalidError: Not a callable, an unknown keyword, or too many positional arguments.
    """

    __slots__ = ()

    def build(self) -> Any:
        """Call the target with built arguments; a configuration that appears twice is built once.

        Raises:
            InvalidError: A required argument is missing, or the configuration contains itself.
            NotFoundError: The target was read from data and cannot be imported.
        """
        return _Builder().value(self, "")


class Partial(Buildable):
    """A callable with some arguments fixed; nested Configs are built when it is *called*, on the executor.

    Raises:
        InvalidError: Not a callable, an unknown keyword, or too many positional arguments.
    """

    __slots__ = ()

    def build(self) -> Deferred:
        """A plain callable. Nothing nested is built until it is called."""
        return Deferred(self)


class Deferred:
    """The callable that a Partial builds to; each call builds nested configurations anew."""

    def __init__(self, partial: Partial) -> None:
        self.partial = partial
        self.__name__ = display_name(partial.fn).rpartition(".")[2]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the target; ``args`` fill the parameters still free, ``kwargs`` override fixed ones."""
        builder = _Builder()
        fn = builder.target(self.partial)
        fixed = {k: builder.value(v, k) for k, v in self.partial.arguments.items() if k not in kwargs}
        extra = tuple(builder.value(v, "*args") for v in self.partial.__positional__)
        return _call(fn, args, extra, {**fixed, **kwargs})

    def __repr__(self) -> str:
        return f"<built {self.partial!r}>"


def unchecked(kind: type[Buildable], fn: Any, positional: tuple[Any, ...], arguments: dict[str, Any]) -> Buildable:
    """A Config or Partial made of stored parts, without looking at the target's signature."""
    made = object.__new__(kind)
    object.__setattr__(made, "_fn", fn)
    object.__setattr__(made, "_positional", tuple(positional))
    object.__setattr__(made, "_arguments", dict(arguments))
    return made


def is_buildable(value: Any) -> bool:
    """Whether the value is a Config or Partial: ours, fiddle's or nemo_run's."""
    return isinstance(value, Buildable) or _is_foreign(value)


def _is_foreign(value: Any) -> bool:
    kind = type(value)
    return hasattr(kind, "__fn_or_cls__") or (
        hasattr(kind, "__flatten__") and "__fn_or_cls__" in getattr(value, "__dict__", {})
    )


def as_buildable(value: Any) -> Buildable:
    """Our Config or Partial for ours, fiddle's, nemo_run's, a ``functools.partial`` or any plain callable.

    fiddle and nemo_run are recognised by ``__fn_or_cls__`` and ``__arguments__`` and never imported.

    Raises:
        InvalidError: Nothing that can be called.
    """
    if isinstance(value, Buildable):
        return value
    if _is_foreign(value):
        return _from_foreign(value)
    if isinstance(value, functools.partial):
        return Partial(value.func, *value.args, **value.keywords)
    if callable(value):
        return Partial(value)
    raise InvalidError(
        f"expected a function, Config or Partial, got {type(value).__name__} {value!r:.80}",
        hint="wrap the function: run.Partial(function, name=value, …)",
    )


def _from_foreign(value: Any) -> Buildable:
    partial = any(base.__name__ == "Partial" for base in type(value).__mro__)
    stored = dict(value.__arguments__)
    by_order = [stored.pop(key) for key in sorted(key for key in stored if isinstance(key, int))]
    kind = Partial if partial else Config
    return kind(value.__fn_or_cls__, *by_order, **stored)


def _parameters(signature: inspect.Signature) -> list[inspect.Parameter]:
    return list(signature.parameters.values())


def _unset(item: Buildable, fn: Any = None) -> list[str]:
    signature = signature_of(item.fn if fn is None else fn)
    if signature is None:
        return []
    return [
        p.name
        for p in _parameters(signature)
        if p.kind not in _VARIADIC and p.default is p.empty and p.name not in item.arguments
    ]


def missing(item: Buildable, supplied: frozenset[str] = frozenset()) -> list[str]:
    """Paths of required parameters without a value, in this configuration and in the Configs nested in it.

    Args:
        item: The configuration to look at; nothing is built or imported.
        supplied: Names that the caller will give at call time (for the outermost callable only).

    Raises:
        InvalidError: The configuration contains itself.
    """
    found = [name for name in _unset(item) if name not in supplied]
    for step, child in _children(item):
        try:
            _find_missing(child, step, found)
        except RecursionError:
            raise InvalidError(f"the value of {step!r} contains itself", hint="break the cycle") from None
    return found


def _children(item: Buildable, path: str = "") -> Iterator[tuple[str, Any]]:
    for index, value in enumerate(item.__positional__):
        yield join(path, index), value
    for key, value in item.arguments.items():
        yield join(path, key), value


def _find_missing(value: Any, path: str, found: list[str]) -> None:
    def visit(item: Any, at: str) -> Any:
        if not is_buildable(item):
            return map_container(item, at, visit)
        inner = as_buildable(item)
        # What a nested Partial lacks is given by whoever calls it.
        found.extend(join(at, name) for name in _unset(inner) if isinstance(inner, Config))
        for step, child in _children(inner, at):
            visit(child, step)
        return item

    visit(value, path)


def copy_of(value: Any) -> Any:
    """A copy whose nested configurations, lists and dicts are copied too; all other values are shared."""
    return _Copier().value(value)


def holds_buildable(value: Any) -> bool:
    """Whether something in the value is still to be built or resolved."""
    if is_buildable(value) or isinstance(value, Reference | Opaque):
        return True
    if type(value) is dict:
        return any(map(holds_buildable, value.values()))
    return isinstance(value, list | tuple) and any(map(holds_buildable, value))


class _Builder:
    """One build: nested configurations, each once, cycles refused."""

    def __init__(self) -> None:
        self._done: dict[int, Any] = {}
        self._keep: list[Any] = []
        self._open: set[int] = set()

    def value(self, item: Any, path: str) -> Any:
        if isinstance(item, Reference | Opaque):
            return item.resolve()
        if not is_buildable(item):
            return map_container(item, path, self.value)
        if id(item) not in self._done:
            if id(item) in self._open:
                raise InvalidError(f"the configuration at {path!r} contains itself", hint="break the cycle")
            self._open.add(id(item))
            self._done[id(item)] = self._make(as_buildable(item), path)
            self._keep.append(item)
        return self._done[id(item)]

    def _make(self, item: Buildable, path: str) -> Any:
        if isinstance(item, Partial):
            return item.build()
        fn = self.target(item)
        absent = _unset(item, fn)
        if absent:
            raise InvalidError(
                f"{display_name(fn)}() misses {', '.join(map(repr, absent))}" + (f" (at {path})" if path else ""),
                hint=f"set {join(path, absent[0])} before it is built",
            )
        extra = tuple(self.value(v, join(path, i)) for i, v in enumerate(item.__positional__))
        return _call(fn, (), extra, {k: self.value(v, join(path, k)) for k, v in item.arguments.items()})

    def target(self, item: Buildable) -> Any:
        fn = item.fn
        if not isinstance(fn, Reference | Opaque):
            return fn
        found = fn.resolve()
        if not callable(found):
            raise InvalidError(f"{display_name(fn)!r} is not a callable but {type(found).__name__}")
        # Data is checked here, at the first moment the signature may be looked at.
        checked = type(item)(found)
        for key in item.arguments:
            checked._set(key, None)
        return found


class _Copier:
    """One structural copy; what is shared in the original is shared in the copy."""

    def __init__(self) -> None:
        self._done: dict[int, Buildable] = {}

    def value(self, item: Any, path: str = "") -> Any:
        if isinstance(item, Buildable):
            if id(item) not in self._done:
                self._done[id(item)] = made = unchecked(type(item), item.fn, (), {})
                made.arguments.update({k: self.value(v) for k, v in item.arguments.items()})
                object.__setattr__(made, "_positional", tuple(map(self.value, item.__positional__)))
            return self._done[id(item)]
        if type(item) is list:
            return list(map(self.value, item))
        if type(item) is dict:
            return {key: self.value(part) for key, part in item.items()}
        return map_container(item, path, self.value)


def _call(fn: Any, given: tuple[Any, ...], extra: tuple[Any, ...], named: dict[str, Any]) -> Any:
    args, kwargs = arrange(fn, given, extra, named)
    return fn(*args, **kwargs)


def arrange(
    fn: Any, given: tuple[Any, ...], extra: tuple[Any, ...], named: dict[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Turn named arguments into what the callable takes by position and by keyword.

    Args:
        fn: The callable.
        given: Fills the parameters that ``named`` leaves free, in order.
        extra: Goes into ``*args``.
        named: Arguments by parameter name.
    """
    signature = signature_of(fn)
    if signature is None:
        return [*extra, *given], named
    named = dict(named)
    by_order = [p for p in _parameters(signature) if p.kind in _BY_ORDER]
    for parameter in by_order:
        if given and parameter.name not in named:
            named[parameter.name] = given[0]
            given = given[1:]
    first: list[Any] = []
    for parameter in by_order:
        by_keyword = parameter.kind is not parameter.POSITIONAL_ONLY and not (extra or given)
        if parameter.name not in named or by_keyword:
            break
        first.append(named.pop(parameter.name))
    return [*first, *extra, *given], named
