"""What an installed package's metadata says of its licence, as it stands there; others decide what it means."""

from __future__ import annotations

from pathlib import Path

from runward.tracking.capture.model import License

_HEAD_BYTES = 1 << 16
_TEXT = 120
_MOST_CLASSIFIERS = 20
_CLASSIFIER = "License :: "


def read_license(info: Path) -> License:
    """The licence fields of ``METADATA`` in a ``dist-info`` folder; empty where it says nothing."""
    expression, text, classifiers = "", "", list[str]()
    for name, value in _headers(info / "METADATA"):
        if name == "license-expression":
            expression = value[: _TEXT * 2]
        elif name == "license" and not text:
            text = value[:_TEXT]
        elif name == "classifier" and value.startswith(_CLASSIFIER):
            classifiers.append(value.removeprefix(_CLASSIFIER)[:_TEXT])
    return License(expression, text, classifiers[:_MOST_CLASSIFIERS])


def _headers(path: Path) -> list[tuple[str, str]]:
    """The headers before the description, each with its first line: a licence is named there, or not at all."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES).decode("utf-8", "replace")
    except OSError:
        return []
    found = []
    for line in head.splitlines():
        if not line:
            break
        name, colon, value = line.partition(":")
        if colon and not line[0].isspace():
            found.append((name.lower(), value.strip()))
    return found
