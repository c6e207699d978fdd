"""Lock files recognised by their names and parsed, whatever they hold: a problem is named, nothing is raised."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import yaml

from runward.tracking.locks import others, pythons
from runward.tracking.locks.model import Lock
from runward.tracking.locks.names import MAX_BYTES, kind_of

MAX_PACKAGES = 50_000
_MAX_PROBLEMS = 50
_MAX_DEPTH = 50


_DOTTED = re.compile(r"""(?m)(?:^[ \t]*+\[*+|[{,])[ \t]*+(?:[\w"'-]++[ \t]*+\.[ \t]*+){30}""")


def _toml(source: str) -> Any:
    # The time for a dotted key grows with the square of its length; locks have two or three parts.
    if _DOTTED.search(source):
        raise ValueError("a key has more than 30 parts")
    return tomllib.loads(source)


def _json(source: str) -> Any:
    return json.loads(source)


# The parser in C is a hundred times faster; it is missing only from builds without libyaml.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _yaml(source: str) -> Any:
    depth = 0
    for event in yaml.parse(source, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        # Building a deeply nested document would end the process: it recurses in C.
        if depth > _MAX_DEPTH:
            raise ValueError(f"it is nested more than {_MAX_DEPTH} levels deep")
        # Merged tables may double with every line.
        if isinstance(event, yaml.ScalarEvent) and event.value == "<<":
            raise ValueError("it has merge keys")
    return yaml.load(source, Loader=_LOADER)


class _Format(NamedTuple):
    load: Callable[[str], Any]
    parse: Callable[[Any], Lock]


def _lines(source: str) -> Lock:
    """A text that is either Conda's explicit list or a requirements file; neither where it pins nothing."""
    lock = others.conda_explicit(source) if "@EXPLICIT" in source else pythons.requirements(source)
    return lock if lock.packages else Lock(kind="")


_FORMATS = {
    "uv": _Format(_toml, pythons.uv),
    "pylock": _Format(_toml, pythons.pylock),
    "poetry": _Format(_toml, pythons.poetry),
    "pdm": _Format(_toml, pythons.pdm),
    "pipenv": _Format(_json, pythons.pipenv),
    "conda-lock": _Format(_yaml, others.conda_lock),
    "requirements": _Format(str, _lines),
    "renv": _Format(_json, others.renv),
    "julia": _Format(_toml, others.julia),
    "gradle": _Format(str, others.gradle),
    "sbt": _Format(_json, others.sbt),
    "maven": _Format(_json, others.maven),
    "cargo": _Format(_toml, others.cargo),
    "npm": _Format(_json, others.npm),
}


def parse(path: str, data: bytes) -> Lock:
    """The content of a lock file. Never raises: what could not be read is in ``problems``.

    Args:
        path: The file's name, which says what it is; folders before it do not matter.
        data: Its bytes.
    """
    kind = kind_of(path)
    if not kind:
        return Lock(kind="", problems=[f"{PurePosixPath(path).name[:80]!r} is not the name of a known lock file"])
    form = _FORMATS[kind]
    if len(data) > MAX_BYTES:
        return Lock(kind=kind, problems=[f"it has {len(data):,} bytes, at most {MAX_BYTES:,} are read"])
    try:
        document = form.load(data.decode("utf-8-sig"))
        if not isinstance(document, str if form.load is str else dict):
            return Lock(kind=kind, problems=["it does not hold what such a file holds"])
        lock = form.parse(document)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        return Lock(kind=kind, problems=[f"it cannot be read: {str(error)[:200] or 'nested too deeply'}"])
    return _bounded(lock)


def _bounded(lock: Lock) -> Lock:
    if len(lock.packages) > MAX_PACKAGES:
        lock.problems.insert(0, f"only the first {MAX_PACKAGES:,} of {len(lock.packages):,} packages are kept")
        del lock.packages[MAX_PACKAGES:]
    if lock.kind and not lock.packages and not lock.problems and not lock.roots:
        lock.problems.append("it names no package")
    del lock.problems[_MAX_PROBLEMS:]
    return lock
