"""The capture of a command, finished: what Runward noted from outside, and what its processes said of themselves."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath

import msgspec

from runward.core.apart import digest_of
from runward.tracking.capture.code import capture_code
from runward.tracking.capture.edits import find_edits
from runward.tracking.capture.environment import capture_environment, environment_digest, foreign_environment
from runward.tracking.capture.folders import folders_before
from runward.tracking.capture.libraries import library_builds
from runward.tracking.capture.model import (
    BlobSink,
    Capture,
    CodeSnapshot,
    EnvironmentSnapshot,
    FileRead,
    FileWritten,
    decode_path,
    encode_path,
)
from runward.tracking.capture.reads import ReadRecorder
from runward.tracking.capture.watch import Testimony, asked_for

_MOST_BYTES = 2 << 30
_TICK_NS = 20_000_000
"""File times are as coarse as the kernel's clock tick."""
_NO_OUTPUT = ("/.git/", "/__pycache__/", "/.venv/", "/site-packages/", "/.runward/", "/.ipynb_checkpoints/")


def with_testimony(capture: Capture, heard: Testimony, blobs: BlobSink, cache: Path | None, own: Path) -> Capture:
    """A command's capture with what its processes said.

    Args:
        capture: What was noted when it started.
        heard: What they left.
        blobs: Receives the contents of edited packages and of editable installs.
        cache: Where digests of unchanged files are remembered.
        own: The workspace's folder, whose files are nobody's data.
    """
    root = Path(os.fsdecode(decode_path(capture.code.root)))
    started_ns = int(capture.process.started_at.timestamp() * 1e9)
    variables = capture.environment.variables
    environment = environment_of(heard, variables, root, blobs, cache) or capture_environment(variables, cache=cache)
    machine = msgspec.structs.replace(
        capture.machine, threads={**capture.machine.threads, **heard.threads}, kernels=heard.kernels
    )
    return msgspec.structs.replace(
        capture,
        environment=environment,
        machine=machine,
        reads=_reads(capture, heard, root, own),
        writes=written_files(heard.written, root, started_ns, own),
        folders=folders_before(heard.written, root, started_ns, own),
        pids=heard.pids,
        variables_read=asked_for(set(heard.variables) & os.environ.keys(), environment.variables),
    )


def environment_of(
    heard: Testimony,
    variables: Mapping[str, str],
    root: Path | None = None,
    blobs: BlobSink | None = None,
    cache: Path | None = None,
    *,
    thorough: bool = False,
) -> EnvironmentSnapshot | None:
    """The environment that a command ran in; None where none of its processes was a Python that said so.

    Args:
        heard: What the processes said.
        variables: Allow-listed variables that they were given.
        root: The run's own tree, whose editable install needs no second capture.
        blobs: Receives contents; without it edited files are named, not stored.
        cache: Where digests of unchanged files are remembered.
        thorough: Hash every loaded file of the packages.
    """
    if not heard.python:
        return None
    python = heard.python
    prefixes = [str(python["prefix"]), str(python["base_prefix"])]
    builds = library_builds(heard.libraries, prefixes) | heard.builds
    environment = foreign_environment(python, variables, builds, cache)
    loaded = [*heard.modules, *heard.libraries, *heard.opened]
    edited: dict[str, dict[str, str]] = {}
    for edit in find_edits([str(path) for path in python["path"]], loaded, thorough=thorough):
        with contextlib.suppress(OSError):
            digest = blobs.put_file(edit.file) if blobs else digest_of(edit.file)
            edited.setdefault(edit.package, {})[edit.path] = digest
    packages = [
        msgspec.structs.replace(package, edited=edited.get(package.name, {})) for package in environment.packages
    ]
    return msgspec.structs.replace(
        environment,
        packages=packages,
        sources=_sources(environment, root, blobs, cache) if blobs and root else {},
        digest=environment_digest(environment.python, packages),
    )


def _sources(
    environment: EnvironmentSnapshot, root: Path, blobs: BlobSink, cache: Path | None
) -> dict[str, CodeSnapshot]:
    """The trees of editable installs that are neither the run's own nor Runward itself, the instrument."""
    found: dict[str, CodeSnapshot] = {}
    for package in environment.packages:
        if package.source != "editable" or package.name == "runward":
            continue
        place = Path(package.url.removeprefix("file://"))
        if place.is_dir() and not place.is_relative_to(root):
            found[package.name] = capture_code(place, blobs, cache)
    return found


def _reads(capture: Capture, heard: Testimony, root: Path, own: Path) -> list[FileRead]:
    opened = [(path, writes) for path, (writes, _) in heard.opened.items() if not PurePath(path).is_relative_to(own)]
    recorder = ReadRecorder.replay(
        opened,
        "/",
        int(capture.process.started_at.timestamp() * 1e9),
        methods={path: method for path, (_, method) in heard.opened.items()},
        installed=[str(heard.python[name]) for name in ("prefix", "base_prefix") if heard.python],
    )
    return recorder.collect(root)


def written_files(paths: Iterable[str], root: Path, started_ns: int, own: Path) -> list[FileWritten]:
    """The files below a tree that a command wrote and left there, largest ones without a digest."""
    found: list[FileWritten] = []
    for path in sorted(set(paths)):
        place = PurePath(path)
        if not place.is_relative_to(root) or place.is_relative_to(own) or any(part in path for part in _NO_OUTPUT):
            continue
        with contextlib.suppress(OSError):
            status = os.stat(path)
            if not os.path.isfile(path) or status.st_mtime_ns < started_ns - _TICK_NS or path.startswith(sys.prefix):
                continue
            digest = digest_of(path) if status.st_size <= _MOST_BYTES else ""
            relative = encode_path(str(place.relative_to(root)))
            found.append(FileWritten(path=relative, size=status.st_size, digest=digest))
    return found
