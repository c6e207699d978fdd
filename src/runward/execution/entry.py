"""Entry functions: what a plain dict of parameters is handed to."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from runward.config.buildable import Buildable, Partial
from runward.config.serialise import from_plain
from runward.config.targets import Reference, did_you_mean, display_name, signature_of
from runward.errors import InvalidError

EntryPoint = Callable[..., Any] | str
_process_entry: list[EntryPoint | None] = [None]


def set_entry_point(fn: EntryPoint | None) -> None:
    """Set what plain parameters are handed to in this process: a function, its import path, or ``None``.

    Raises:
        InvalidError: Neither callable nor text.
    """
    if fn is not None:
        check_entry(fn)
    _process_entry[0] = fn


def entry_point() -> EntryPoint | None:
    """The entry function of this process, if one is set."""
    return _process_entry[0]


def check_entry(fn: Any) -> EntryPoint:
    """The entry itself, if it can be one.

    Raises:
        InvalidError: Neither callable nor an import path.
    """
    if callable(fn) or (isinstance(fn, str) and fn):
        return fn  # type: ignore[no-any-return]
    raise InvalidError(f"an entry point must be a function or its import path, got {fn!r:.80}")


def call_of(parameters: Mapping[str, Any], entry: EntryPoint | None) -> Buildable:
    """The call that plain parameters mean.

    With ``_target_`` the dict is a configuration in plain form. Otherwise the entry function gets the
    keys as keyword arguments if its signature takes them; a function of one parameter (or with one
    required parameter that is no key) gets the whole dict.

    Raises:
        InvalidError: No entry function, or one whose signature takes neither.
    """
    if "_target_" in parameters:
        made = from_plain(dict(parameters))
        assert isinstance(made, Buildable)
        return made
    if entry is None:
        raise InvalidError(
            "a plain dict of parameters needs an entry function, and none is set",
            hint="give Experiment(entry=function), call run.set_entry_point(function), set the project's "
            "entry point, or add '_target_': 'package.module.function' to the dict",
        )
    if isinstance(entry, str):
        return Partial(call_entry, Reference(entry), dict(parameters))
    return _bind(entry, dict(parameters))


def call_entry(entry: Callable[..., Any], parameters: dict[str, Any]) -> Any:
    """Call an entry function that was known by its import path only; runs in the task's process."""
    return _bind(entry, parameters).build()()


def _bind(entry: Callable[..., Any], parameters: dict[str, Any]) -> Partial:
    signature = signature_of(entry)
    if signature is None:
        return Partial(entry, parameters)
    try:
        signature.bind(**parameters)
    except TypeError as error:
        if not _takes_whole_dict(signature, parameters):
            unknown = [key for key in parameters if key not in signature.parameters]
            raise InvalidError(
                f"the entry function {display_name(entry)}{signature} does not take this dict: {error}",
                hint=did_you_mean(unknown[0], signature.parameters) if unknown else "",
            ) from None
        return Partial(entry, parameters)
    return Partial(entry, **parameters)


def _takes_whole_dict(signature: inspect.Signature, parameters: Mapping[str, Any]) -> bool:
    by_order = [p for p in signature.parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [
        p
        for p in signature.parameters.values()
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    if not by_order or by_order[0].name in parameters:
        return False
    return needed == by_order[:1] or (not needed and len(by_order) == 1)
