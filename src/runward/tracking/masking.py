"""Secrets are masked where values come in: by the client before anything is on its disk, and at the server's door for all others."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from runward.errors import RunwardWarning
from runward.tracking.capture.redact import redact, redact_value
from runward.tracking.model import NewRun, OutputChunk, RunParam

T = TypeVar("T", str, str | None)


def told(what: str, key: str, value: Any) -> Any:
    """A value with its secrets masked, and a warning where there were some."""
    kept = redact_value(key, value)
    if kept != value:
        message = f"{what} {key!r:.80} holds a secret: it is recorded masked, as {kept!r:.80}"
        warnings.warn(message, RunwardWarning, stacklevel=5)
    return kept


def masked_params(params: Iterable[RunParam]) -> list[RunParam]:
    """Params, their secrets masked."""
    return [
        param
        if (value := redact_value(param.key, param.value)) is param.value
        else msgspec.structs.replace(param, value=value)
        for param in params
    ]


def masked_tags(tags: Mapping[str, T]) -> dict[str, T]:
    """Tags, their secrets masked."""
    return {key: redact_value(key, value) for key, value in tags.items()}


def masked_output(chunks: Sequence[OutputChunk]) -> list[OutputChunk]:
    """What was printed, its secrets masked. One that is cut in two by the chunks is for the client to find."""
    return [msgspec.structs.replace(chunk, text=redact(chunk.text)) for chunk in chunks]


def masked_run(new: NewRun) -> NewRun:
    """A run to create, its secrets masked."""
    return msgspec.structs.replace(
        new,
        name=redact(new.name),
        purpose=redact(new.purpose),
        params=masked_params(new.params),
        tags=masked_tags(new.tags),
    )
