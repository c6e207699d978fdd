"""What a rerun shows of itself: its environment, machine, reads and outputs, as its own processes tell."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from runward.core.hashing import digest_bytes, digest_file
from runward.core.ids import Digest
from runward.errors import NotFoundError
from runward.repro.compare import Inputs, inputs_of
from runward.repro.model import InputCheck
from runward.tracking.captor import OUTPUTS
from runward.tracking.capture.command import environment_of, written_files
from runward.tracking.capture.machine import capture_machine
from runward.tracking.capture.model import Capture, EnvironmentSnapshot, FileRead, decode_path
from runward.tracking.capture.watch import Testimony


class Outputs(NamedTuple):
    """The files that a command left in its tree: digests by artifact name, and where the bytes are."""

    digests: dict[str, str]
    places: dict[str, Path]

    def read(self, digest: str) -> bytes:
        """The bytes of one of them. Raises: NotFoundError."""
        if digest not in self.places:
            raise NotFoundError(f"no output has the digest {digest[:12]}")
        return self.places[digest].read_bytes()


def files_of(capture: Capture) -> set[str]:
    """The paths of all files that were recorded of a run: its code, what it read, what it left."""
    code = {entry.path for entry in capture.code.files} | {item.path for item in capture.code.left_out}
    read = {read.relative or read.path for read in capture.reads}
    return code | read | {one.path for one in capture.writes or []}


def outputs_before(capture: Capture) -> dict[str, str]:
    """Digests of what the original command left, by artifact name."""
    return {f"{OUTPUTS}{written.path}": written.digest for written in capture.writes or []}


def outputs_after(
    capture: Capture, heard: Testimony, root: Path, begun_ns: int, journal: Path, data: list[InputCheck]
) -> Outputs:
    """What the rerun left in the restored tree; nothing where the original was not watched.

    A file that was put there for it and is still the same is no output, unless the original wrote it too.
    ``data`` are the checks of what was put there, which may have changed since the original read it.
    """
    if capture.writes is None:
        return Outputs({}, {})
    placed = {entry.path: entry.digest for entry in capture.code.files}
    placed |= {read.relative: read.digest for read in capture.reads if read.relative}
    placed |= {check.name: check.after for check in data if check.after}
    known = {one.path for one in capture.writes}
    written = [
        one
        for one in written_files(heard.written, root, begun_ns, journal)
        if one.path in known or placed.get(one.path) != one.digest
    ]
    places = {one.digest: root / os.fsdecode(decode_path(one.path)) for one in written}
    return Outputs({f"{OUTPUTS}{one.path}": one.digest for one in written}, places)


def inputs_after(
    capture: Capture, heard: Testimony, params: Mapping[str, object], data: list[InputCheck], *, live: bool
) -> Inputs:
    """The rerun's inputs: what was placed is known to be as captured, everything else is looked at anew.

    Args:
        capture: The original's capture.
        heard: What the rerun's processes said.
        params: The run's parameters.
        data: The checks of the files that were read.
        live: Whether the rerun used the captured interpreter, whose packages may have changed since.
    """
    variables = capture.environment.variables
    machine = capture_machine(variables)
    machine = msgspec.structs.replace(machine, threads={**machine.threads, **heard.threads}, kernels=heard.kernels)
    root = Path(os.fsdecode(decode_path(capture.code.root)))
    environment = environment_of(heard, variables, root, _DigestsOnly() if live else None, thorough=True)
    here = msgspec.structs.replace(
        capture, machine=machine, environment=_merged(capture.environment, environment, live=live)
    )
    after = {key: value for key, value in inputs_of(here, dict(params)).items() if key not in _placed(data)}
    return after | {_key(check): check.after for check in data}


def as_now(capture: Capture) -> Capture:
    """The same run with the data that are there now."""

    def now(read: FileRead) -> FileRead:
        digest = _digest_now(read) if read.digest else None
        return read if digest in (None, read.digest) else msgspec.structs.replace(read, digest=digest, kept=False)

    return msgspec.structs.replace(capture, reads=[now(read) for read in capture.reads])


def changed_since(capture: Capture) -> list[str]:
    """The files of the captured tree that the run read and that are others now."""
    held = {entry.path: entry.digest for entry in capture.code.files}
    read = [one for one in capture.reads if one.relative in held]
    return [one.relative for one in read if _digest_now(one) not in (None, held[one.relative])]


def _digest_now(read: FileRead) -> Digest | None:
    path = Path(os.fsdecode(decode_path(read.path)))
    return digest_file(path) if path.is_file() else None


class _DigestsOnly:
    """A sink that keeps nothing: what is there now is only compared."""

    def put_bytes(self, data: bytes) -> Digest:
        """See ``BlobSink``."""
        return digest_bytes(data)

    def put_file(self, path: Path) -> Digest:
        """See ``BlobSink``."""
        return digest_file(path)

    def has(self, digest: Digest) -> bool:
        """See ``BlobSink``."""
        return bool(digest)


def _merged(before: EnvironmentSnapshot, after: EnvironmentSnapshot | None, *, live: bool) -> EnvironmentSnapshot:
    """The rerun's environment; what it cannot show is taken as it was captured, since it was put back so."""
    if after is None:
        return before
    # Editable installs come back as their restored trees on the import path, without an entry of their own.
    restored = [package for package in before.packages if package.source == "editable"]
    names = {package.name for package in restored}
    packages = [*restored, *(package for package in after.packages if package.name not in names)]
    known = bool(before.library_builds)
    return msgspec.structs.replace(
        after,
        packages=packages,
        sources=after.sources if live else before.sources,
        library_builds=after.library_builds if known else {},
    )


def _placed(data: list[InputCheck]) -> set[tuple[str, str]]:
    return {_key(check) for check in data}


def _key(check: InputCheck) -> tuple[str, str]:
    return check.kind, check.name


def found_bytes(contents: Mapping[Digest, bytes]) -> Callable[[str], bytes]:
    """Reads a digest from what is at hand. The reader raises: NotFoundError."""

    def read(digest: str) -> bytes:
        if Digest(digest) not in contents:
            raise NotFoundError(f"no bytes with digest {digest[:12]} are at hand")
        return contents[Digest(digest)]

    return read


def reader(*sources: Callable[[str], bytes]) -> Callable[[str], bytes]:
    """Reads a digest from the first source that has it. Raises: NotFoundError (none has)."""

    def read(digest: str) -> bytes:
        for source in sources:
            try:
                return source(Digest(digest))
            except NotFoundError:
                continue
        raise NotFoundError(f"nobody has bytes with digest {digest[:12]}")

    return read
