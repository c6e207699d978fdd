"""An operation is declared once; route, client, permission check and audit row follow from the declaration."""

from __future__ import annotations

import functools
import inspect
import re
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal, Protocol, TypeVar, cast

import msgspec

from runward.core.permissions import PERMISSIONS
from runward.errors import InvalidError

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
F = TypeVar("F", bound=Callable[..., Any])
R = TypeVar("R")

ON_LIST: Final = "@list"
"""The result is filtered to what the member may read; nothing single is named."""
ON_WORKSPACE: Final = "@workspace"
"""The permission is needed on the whole workspace."""
ON_SELF: Final = "@self"
"""The operation concerns only the member who calls it."""

BY_AUTHOR: Final = "@author"
"""Only who made the object may, whatever role somebody else holds."""

ANY: Final = None
"""As a precondition: a change is made whatever the object says by now."""
Precondition = tuple[str, ...] | None
"""The ETags of which an object has to have one for a change to be made; :data:`ANY` for a deliberate overwrite."""

_PATH_PARAM = re.compile(r"{(\w+)}")
_ATTRIBUTE = "__runward_operation__"


class Param(msgspec.Struct, frozen=True):
    """One parameter of an operation and where it travels in HTTP."""

    name: str
    type: Any
    place: Literal["path", "query", "body"]
    required: bool
    default: Any = None


class Operation(msgspec.Struct, frozen=True, dict=True, eq=False):
    """What is known of an operation from its declaration."""

    room: str
    name: str
    method: Method
    path: str
    may: str
    on: str
    audited: bool
    grouped: bool
    """Whether calls that come together share a commit."""
    others: str
    """The permission that is needed besides for what somebody else made; :data:`BY_AUTHOR` where nobody else may."""
    state: tuple[str, ...]
    """Of a read: the fields of its answer that people edit; its ETag is made of them. None where it has no ETag."""
    signed: tuple[str, str] | None
    """Of a read: the fields of its answer that say who changed it last, and when."""
    revises: str
    """Of a write: the read whose ETag has to be given with it, ``room.name``; empty where none has to."""
    revised: Mapping[str, str]
    """Arguments of that read which are made of this operation's, as ``dataset:{dataset}``."""
    blind: str
    """Of a write that changes what is there without an ETag: why nothing gets lost by it."""
    params: tuple[Param, ...]
    returns: Any
    summary: str
    description: str

    @property
    def id(self) -> str:
        """The operation's stable name, such as ``tracking.append``."""
        return f"{self.room}.{self.name}"

    @property
    def writes(self) -> bool:
        """Whether it needs a writing transaction."""
        return self.method != "GET"

    @functools.cached_property
    def body(self) -> Any:
        """The type of the HTTP body: the one Struct, or a Struct made of all body parameters; None without a body."""
        params = [p for p in self.params if p.place == "body"]
        if not params:
            return None
        if self.has_whole_body:
            return params[0].type
        fields = [(p.name, p.type) if p.required else (p.name, p.type, p.default) for p in params]
        name = "".join(part.capitalize() for part in f"{self.room}_{self.name}_body".split("_"))
        return msgspec.defstruct(name, fields, kw_only=True, forbid_unknown_fields=True)

    @property
    def has_whole_body(self) -> bool:
        """Whether the single body parameter is a Struct and so is the body itself."""
        params = [p for p in self.params if p.place == "body"]
        kind = params[0].type if len(params) == 1 else None
        return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


class Door(msgspec.Struct, frozen=True):
    """A route that is written by hand (streams, uploads, sign-in) and the permission that it needs all the same."""

    method: Method
    path: str
    may: str
    """A permission, or ``open`` for what somebody without an account must reach (health, sign-in, the web app)."""
    on: str
    """The kind of object that the permission is needed on, or one of the ``@`` words."""
    why: str

    def __post_init__(self) -> None:
        """Refuse a door without a known permission."""
        if self.may != "open" and self.may not in PERMISSIONS:
            raise TypeError(f"door {self.method} {self.path}: permission {self.may!r} is not declared in PERMISSIONS")


class _Declaration(msgspec.Struct, frozen=True):
    method: Method
    path: str
    may: str
    on: str
    audit: bool | None
    grouped: bool
    others: str
    state: tuple[str, ...]
    signed: tuple[str, str] | None
    revises: str
    revised: Mapping[str, str]
    blind: str

    def __post_init__(self) -> None:
        what = f"operation {self.method} {self.path}"
        if self.state and self.method != "GET":
            raise TypeError(f"{what}: only what is read has a state")
        if self.revises and (self.method == "GET" or self.grouped):
            raise TypeError(f"{what}: only a write of its own commit can revise what was read")
        if self.method in ("PUT", "PATCH") and bool(self.revises) == bool(self.blind):
            raise TypeError(
                f"{what}: it changes what is there, so it names the read that it 'revises', or says why it may be 'blind'"
            )


def operation(
    method: Method,
    path: str,
    *,
    may: str,
    on: str,
    audit: bool | None = None,
    grouped: bool = False,
    others: str = "",
    state: tuple[str, ...] = (),
    signed: tuple[str, str] | None = None,
    revises: str = "",
    revised: Mapping[str, str] | None = None,
    blind: str = "",
) -> Callable[[F], F]:
    """Declare a Protocol's method as an operation.

    Args:
        method: The HTTP verb. ``GET`` reads, everything else writes.
        path: The route below ``/api/v1``; ``{name}`` takes the parameter of that name.
        may: The permission that the caller needs, one of :data:`runward.core.permissions.PERMISSIONS`.
        on: The parameter that names the object (``run_id``, or a field as in ``new.project``), or one of
            :data:`ON_LIST`, :data:`ON_WORKSPACE`, :data:`ON_SELF`.
        audit: Whether an audit row is written; by default for every write.
        grouped: Whether calls that arrive while a commit is under way share the next one. For small writes that come
            from many processes at once; they touch nothing but the database, because a group that fails is tried again.
        others: The permission that is needed besides for what somebody else made, or :data:`BY_AUTHOR`. The service checks
            it, who knows the author; it is declared so that the published matrix says so, and a test compares the two.
        state: Of a read: the fields of its answer (dotted) that people edit, or a number that changes with them. Its ETag is
            made of them, so they are short; of a list, the fields of each item.
        signed: Of a read: the fields of its answer with who changed it last and when, for who comes too late.
        revises: Of a write: the read whose ETag has to come with it, by the method's name, or ``room.name``. Arguments of the
            same name are handed on.
        revised: Arguments of that read which are not this operation's own: a pattern, as ``{"thing": "dataset:{dataset}"}``.
        blind: Why a PUT or PATCH needs no ETag: what gets lost by two that come at once is nothing.

    Raises:
        TypeError: The declaration names no known permission or no object, or leaves open what two changes at once do. It is raised at import, so such an
            operation cannot exist in a running program.
    """
    if may not in PERMISSIONS:
        raise TypeError(f"operation {method} {path}: permission {may!r} is not declared in PERMISSIONS")
    if not on:
        raise TypeError(f"operation {method} {path}: 'on' must name the object that {may!r} is needed on")
    if others not in ("", BY_AUTHOR) and others not in PERMISSIONS:
        raise TypeError(f"operation {method} {path}: permission {others!r} is not declared in PERMISSIONS")
    declaration = _Declaration(
        method, path, may, on, audit, grouped, others, state, signed, revises, revised or {}, blind
    )

    def declare(function: F) -> F:
        names = set(inspect.signature(function).parameters) - {"self"}
        wanted = set(_PATH_PARAM.findall(path))
        if not on.startswith("@"):
            wanted.add(on.partition(".")[0])
        if missing := wanted - names:
            raise TypeError(f"operation {function.__qualname__}: no parameter named {sorted(missing)}")
        setattr(function, _ATTRIBUTE, declaration)
        return function

    return declare


def _place(name: str, method: Method, in_path: set[str]) -> Literal["path", "query", "body"]:
    if name in in_path:
        return "path"
    return "query" if method in ("GET", "DELETE") else "body"


@functools.cache
def operations_of(protocol: type) -> dict[str, Operation]:
    """All operations that a room's Protocol declares, by method name.

    Raises:
        TypeError: A public method of the Protocol carries no declaration.
    """
    room = str(getattr(protocol, "room", protocol.__name__.lower()))
    found: dict[str, Operation] = {}
    for name, function in _methods(protocol):
        declared: _Declaration | None = getattr(function, _ATTRIBUTE, None)
        if declared is None:
            raise TypeError(f"{protocol.__name__}.{name} is public but declares no operation, so nobody may call it")
        found[name] = _describe(room, name, function, declared)
    return found


def _methods(protocol: type) -> Iterator[tuple[str, Callable[..., Any]]]:
    for name, function in vars(protocol).items():
        if not name.startswith("_") and inspect.isfunction(function):
            yield name, function


def _describe(room: str, name: str, function: Callable[..., Any], declared: _Declaration) -> Operation:
    hints = typing.get_type_hints(function, include_extras=True)
    in_path = set(_PATH_PARAM.findall(declared.path))
    params = tuple(
        Param(
            name=param.name,
            type=hints[param.name],
            place=_place(param.name, declared.method, in_path),
            required=param.default is inspect.Parameter.empty,
            default=None if param.default is inspect.Parameter.empty else param.default,
        )
        for param in inspect.signature(function).parameters.values()
        if param.name != "self"
    )
    doc = inspect.getdoc(function) or ""
    return Operation(
        room=room,
        name=name,
        method=declared.method,
        path=declared.path,
        may=declared.may,
        on=declared.on,
        audited=declared.method != "GET" if declared.audit is None else declared.audit,
        grouped=declared.grouped,
        others=declared.others,
        state=declared.state,
        signed=declared.signed,
        revises=declared.revises if "." in declared.revises or not declared.revises else f"{room}.{declared.revises}",
        revised=declared.revised,
        blind=declared.blind,
        params=params,
        returns=hints.get("return", type(None)),
        summary=doc.partition("\n")[0],
        description=doc,
    )


def bind_arguments(op: Operation, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The call's arguments by name, defaults filled in. Raises: InvalidError (unknown, missing or doubled)."""
    names = [p.name for p in op.params]
    if len(args) > len(names):
        raise InvalidError(f"{op.id} takes at most {len(names)} arguments, {len(args)} were given")
    given = dict(zip(names, args, strict=False))
    for name, value in kwargs.items():
        if name not in names or name in given:
            raise InvalidError(f"{op.id} got {name!r} twice or does not know it", hint=f"it takes: {', '.join(names)}")
        given[name] = value
    for param in op.params:
        if param.name not in given:
            if param.required:
                raise InvalidError(f"{op.id} needs {param.name!r}")
            given[param.name] = param.default
    return given


class Invoke(Protocol):
    """What runs operations: here, or on a server."""

    def __call__(self, op: Operation, arguments: dict[str, Any], match: Precondition = ANY, /) -> Any:
        """Run an operation, if the object that it revises still has one of these ETags."""
        ...


@functools.cache
def _proxy_class(protocol: type) -> type:
    def method_for(name: str, declared: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            # Described by the first call: a command uses one room or two, and describing them all takes longer than it.
            op = operations_of(protocol)[name]
            arguments = bind_arguments(op, args, kwargs)
            return self._invoke(op, arguments, self._match) if op.revises else self._invoke(op, arguments)

        call.__name__, call.__doc__ = name, declared.__doc__
        return call

    def init(self: Any, invoke: Invoke, match: Precondition = ANY) -> None:
        self._invoke, self._match = invoke, match

    body = {name: method_for(name, function) for name, function in _methods(protocol)}
    return type(f"{protocol.__name__}Proxy", (), {"__init__": init, "__doc__": protocol.__doc__, **body})


def make_proxy(protocol: type, invoke: Invoke) -> Any:
    """An object with the Protocol's methods, each of which hands (operation, arguments) to ``invoke``.

    The embedded and the remote product differ only in ``invoke``, so they cannot drift apart.
    """
    return _proxy_class(protocol)(invoke)


def matching(room: R, tag: str) -> R:
    """The same room, which makes changes only to what still has this ETag; see :func:`runward.core.etag.tag_of`.

    What was changed meanwhile is refused with :class:`runward.errors.EditedMeanwhileError`.
    """
    made: Any = type(room)
    return cast(R, made(cast(Any, room)._invoke, (tag,)))


def declared_at(method: Callable[..., Any]) -> tuple[str, ...]:
    """The state that a Protocol's method declares. Raises: TypeError (it declares none)."""
    found: _Declaration | None = getattr(method, _ATTRIBUTE, None)
    if found is None or not found.state:
        raise TypeError(f"{method.__qualname__} is no read with an ETag")
    return found.state


def revised_arguments(op: Operation, read: Operation, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with which to read what an operation is about to revise."""
    found = {param.name: arguments.get(param.name, param.default) for param in read.params}
    made = {name: pattern.format_map(arguments) for name, pattern in op.revised.items()}
    return {**found, **made}


def subject(op: Operation, arguments: Mapping[str, Any]) -> tuple[str, str] | None:
    """The (kind, id) that the permission is needed on; None for lists, the workspace and oneself."""
    if op.on.startswith("@"):
        return None
    name, _, field = op.on.partition(".")
    value = arguments[name]
    if field:
        value = getattr(value, field)
    key = field or name
    return key.removesuffix("_id"), str(value)
