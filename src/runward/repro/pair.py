"""Telling two recorded runs' inputs apart more closely than by digests: lines of code by file, settings by key."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterable
from typing import Any

import yaml

from runward.config.serialise import flatten_plain
from runward.errors import NotFoundError
from runward.repro.compare import kind_of
from runward.repro.model import InputCheck
from runward.tracking.capture.model import Capture

Read = Callable[[str], bytes]


def closer(checks: Iterable[InputCheck], before: Capture, after: Capture, read: Read) -> list[InputCheck]:
    """The checks, with code that differs named by file, and settings that differ named by key.

    Args:
        checks: As ``compare_inputs`` made them.
        before: The first run's capture.
        after: The second's.
        read: Gives captured bytes by digest. Raises: NotFoundError.
    """
    found: list[InputCheck] = []
    for check in checks:
        parts: list[InputCheck] = []
        if check.status == "different" and check.kind == "code" and check.name == "tree":
            parts = _files(before, after)
        elif check.status == "different" and check.kind == "config" and check.before and check.after:
            parts = _keys(check, read)
        found += parts or [check]
    return found


def _files(before: Capture, after: Capture) -> list[InputCheck]:
    apart = {read.relative for capture in (before, after) for read in capture.reads if kind_of(read) != "code"}
    apart |= {written.path for capture in (before, after) for written in capture.writes or []}
    first, second = (
        {entry.path: entry.digest for entry in capture.code.files if entry.path not in apart}
        for capture in (before, after)
    )
    return [
        InputCheck(kind="code", name=path, status="different", before=first.get(path), after=second.get(path))
        for path in sorted({*first, *second})
        if first.get(path) != second.get(path)
    ]


def _keys(check: InputCheck, read: Read) -> list[InputCheck]:
    try:
        first, second = (_settings(check.name, read(digest or "")) for digest in (check.before, check.after))
    except (NotFoundError, ValueError, yaml.YAMLError, RecursionError):
        return []
    return [
        InputCheck(
            kind="config",
            name=f"{check.name}: {key}",
            status="different",
            before=_text(first, key),
            after=_text(second, key),
        )
        for key in sorted({*first, *second})
        if _text(first, key) != _text(second, key)
    ]


def _settings(name: str, data: bytes) -> dict[str, Any]:
    text = data.decode()
    if name.endswith((".yaml", ".yml")):
        loaded = yaml.safe_load(text)
    else:
        loaded = tomllib.loads(text) if name.endswith(".toml") else json.loads(text)
    if not isinstance(loaded, dict):
        raise ValueError(f"{name} holds no settings by key")
    return flatten_plain(loaded)


def _text(settings: dict[str, Any], key: str) -> str | None:
    return json.dumps(settings[key], sort_keys=True, default=str) if key in settings else None
