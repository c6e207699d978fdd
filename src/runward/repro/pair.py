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

_MOST_BYTES = 1 << 20
_MOST_SETTINGS = 100_000
_MOST_DEPTH = 100
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Read = Callable[[str], bytes]


def closer(checks: Iterable[InputCheck], before: Capture, after: Capture, read: Read) -> list[InputCheck]:
    """The checks, with code that differs named by file, and settings that differ named by key.

    Args:
        checks: As ``compare_inputs`` made them.
        before: The first run's capture.
        after: The second's.
        read: Gives captured bytes by digest. Raises: NotFoundError.

    A file of settings larger than 1 MiB, or with more than 100,000 of them, stays one input: it differs.
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
    if len(data) > _MOST_BYTES:
        raise ValueError(f"{name} has {len(data):,} bytes; it is not taken apart beyond {_MOST_BYTES:,}")
    text = data.decode()
    if name.endswith((".yaml", ".yml")):
        loaded = _loaded_yaml(name, text)
    else:
        loaded = tomllib.loads(text) if name.endswith(".toml") else json.loads(text)
    if not isinstance(loaded, dict):
        raise ValueError(f"{name} holds no settings by key")
    return flatten_plain(loaded)


def _loaded_yaml(name: str, text: str) -> Any:
    """What YAML says, unless its references to earlier parts make more of it than anybody wrote by hand."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        # Building a deeply nested document would end the process: it recurses in C.
        if depth > _MOST_DEPTH:
            raise ValueError(f"{name} is nested more than {_MOST_DEPTH} levels deep")
    loader = _LOADER(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if _size(node, {}) > _MOST_SETTINGS:
            raise ValueError(f"{name} holds more than {_MOST_SETTINGS:,} settings")
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values a document has once every reference in it is replaced by what it stands for."""
    if id(node) in known:
        return known[id(node)]
    known[id(node)] = _MOST_SETTINGS + 1  # a part that holds itself has no end
    parts: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        parts = [part for pair in node.value for part in pair]
    elif isinstance(node, yaml.SequenceNode):
        parts = node.value
    known[id(node)] = found = 1 + sum(_size(part, known) for part in parts)
    return found


def _text(settings: dict[str, Any], key: str) -> str | None:
    return json.dumps(settings[key], sort_keys=True, default=str) if key in settings else None
