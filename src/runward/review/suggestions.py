"""Suggested changes: lines of code put in place of others, a value put into a YAML file; nothing else is touched."""

from __future__ import annotations

from typing import Any

import yaml

from runward.errors import ConflictError, InvalidError, NotFoundError


def edited_lines(text: str, lines: list[str], near: int, suggestion: str) -> str:
    """A file's text with a suggestion in place of the lines it was made for.

    Args:
        text: The file as it is.
        lines: What the suggestion replaces.
        near: The line where they were; of several places the nearest is taken.
        suggestion: What shall stand there; empty to leave them out.

    Raises:
        ConflictError: They are not in the file any more.
    """
    present = text.splitlines(keepends=True)
    bare = [line.rstrip("\r\n") for line in present]
    count = len(lines)
    starts = [i for i in range(len(bare) - count + 1) if bare[i : i + count] == lines]
    if not starts:
        raise ConflictError("the lines are not in the file any more", hint="answer the thread, or change it by hand")
    start = min(starts, key=lambda i: abs(i + 1 - near))
    ending = "\r\n" if present[start].endswith("\r\n") else "\n"
    new = [line + ending for line in suggestion.splitlines()]
    if start + count == len(present) and new and not present[-1].endswith("\n"):
        new[-1] = new[-1].rstrip("\r\n")
    return "".join([*present[:start], *new, *present[start + count :]])


def edited_config(text: str, key: str, value: str) -> str:
    """A YAML file's text with another value for one key; comments and layout stay.

    Args:
        text: The file as it is.
        key: The key, with dots for what is nested.
        value: The new value, as YAML.

    Raises:
        NotFoundError: The file has no such key.
        InvalidError: The value is no single value, or the key holds a mapping or a list.
    """
    try:
        plain = yaml.safe_load(value)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise InvalidError(f"the suggestion or the file is no YAML: {error}") from error
    if isinstance(plain, dict | list) or "\n" in value:
        raise InvalidError(f"the suggestion for {key!r} is no single value: {value[:80]!r}")
    node = _node(root, key)
    if not isinstance(node, yaml.ScalarNode):
        raise InvalidError(f"{key!r} holds several values in this file", hint="change it by hand")
    return text[: node.start_mark.index] + value + text[node.end_mark.index :]


def _node(root: Any, key: str) -> Any:
    """The node of a dotted key; a key that itself holds dots is found too. Raises: NotFoundError."""
    if isinstance(root, yaml.MappingNode):
        for name, node in root.value:
            if name.value == key:
                return node
            if key.startswith(f"{name.value}."):
                return _node(node, key.removeprefix(f"{name.value}."))
    raise NotFoundError(f"the file has no key {key!r}", hint="it may be set elsewhere: --config names the file")
