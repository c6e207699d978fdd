"""Lock files recognised by their names and parsed, whatever they hold: a problem is named, nothing is raised."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import yaml

from runward.tracking.capture.model import FileEntry
from runward.tracking.locks import others, pythons
from runward.tracking.locks.model import Lock

MAX_BYTES = 8 << 20
"""A larger file is not read."""
MAX_PACKAGES = 50_000
_MAX_PROBLEMS = 50
_MAX_DEPTH = 50
_MAX_LEVELS = 4
_MAX_ATTACHED = 50


def _toml(source: str) -> Any:
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
    return yaml.load(source, Loader=_LOADER)


class _Format(NamedTuple):
    names: str
    kind: str
    load: Callable[[str], Any]
    parse: Callable[[Any], Lock]


def _lines(source: str) -> Lock:
    """A text that is either Conda's explicit list or a requirements file; neither where it pins nothing."""
    lock = others.conda_explicit(source) if "@EXPLICIT" in source else pythons.requirements(source)
    return lock if lock.packages else Lock(kind="")


_FORMATS = [
    _Format(r"uv\.lock", "uv", _toml, pythons.uv),
    _Format(r"pylock\.(?:[^.]+\.)?toml", "pylock", _toml, pythons.pylock),
    _Format(r"poetry\.lock", "poetry", _toml, pythons.poetry),
    _Format(r"pdm\.lock", "pdm", _toml, pythons.pdm),
    _Format(r"Pipfile\.lock", "pipenv", _json, pythons.pipenv),
    _Format(r"(?:.*[._-])?conda-lock\.ya?ml", "conda-lock", _yaml, others.conda_lock),
    _Format(
        r".*requirements.*\.txt|constraints.*\.txt|spec-file.*\.txt|.*explicit.*\.txt|conda-.*\.(?:txt|lock)",
        "requirements", str, _lines,
    ),
    _Format(r"renv\.lock", "renv", _json, others.renv),
    _Format(r"(?:Julia)?Manifest(?:-v\d+\.\d+)?\.toml", "julia", _toml, others.julia),
    _Format(r"(?:buildscript-)?gradle\.lockfile", "gradle", str, others.gradle),
    _Format(r"build\.sbt\.lock", "sbt", _json, others.sbt),
    _Format(r"lockfile\.json", "maven", _json, others.maven),
    _Format(r"Cargo\.lock", "cargo", _toml, others.cargo),
    _Format(r"package-lock\.json", "npm", _json, others.npm),
]  # fmt: skip
"""In the order in which a project's lock is looked for."""


def rank_of(path: str) -> int | None:
    """Which format a file's name belongs to, the most telling ones first; None where it is no lock's name."""
    name = PurePosixPath(path).name
    return next((rank for rank, form in enumerate(_FORMATS) if re.fullmatch(form.names, name)), None)


def kind_of(path: str) -> str:
    """The kind of lock that a file's name promises; empty where it is no lock's name."""
    rank = rank_of(path)
    return "" if rank is None else _FORMATS[rank].kind


def attached(files: Iterable[FileEntry]) -> list[FileEntry]:
    """The lock files of a captured tree that are not far from its root, at most 50."""
    return [
        entry
        for entry in files
        if entry.mode != "symlink" and entry.digest and entry.path.count("/") < _MAX_LEVELS and kind_of(entry.path)
    ][:_MAX_ATTACHED]


def parse(path: str, data: bytes) -> Lock:
    """The content of a lock file. Never raises: what could not be read is in ``problems``.

    Args:
        path: The file's name, which says what it is; folders before it do not matter.
        data: Its bytes.
    """
    rank = rank_of(path)
    if rank is None:
        return Lock(kind="", problems=[f"{PurePosixPath(path).name[:80]!r} is not the name of a known lock file"])
    form = _FORMATS[rank]
    if len(data) > MAX_BYTES:
        return Lock(kind=form.kind, problems=[f"it has {len(data):,} bytes, at most {MAX_BYTES:,} are read"])
    try:
        document = form.load(data.decode("utf-8-sig"))
        if not isinstance(document, str if form.load is str else dict):
            return Lock(kind=form.kind, problems=["it does not hold what such a file holds"])
        lock = form.parse(document)
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        return Lock(kind=form.kind, problems=[f"it cannot be read: {str(error)[:200] or 'nested too deeply'}"])
    return _bounded(lock)


def _bounded(lock: Lock) -> Lock:
    if len(lock.packages) > MAX_PACKAGES:
        lock.problems.insert(0, f"only the first {MAX_PACKAGES:,} of {len(lock.packages):,} packages are kept")
        del lock.packages[MAX_PACKAGES:]
    if lock.kind and not lock.packages and not lock.problems and not lock.roots:
        lock.problems.append("it names no package")
    del lock.problems[_MAX_PROBLEMS:]
    return lock
