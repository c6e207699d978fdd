"""The whole capture: a few milliseconds on the caller's path, the rest in the background."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from runward.core.witness import mapped_libraries, numeric_libraries
from runward.errors import RunwardError
from runward.tracking.capture.background import Background
from runward.tracking.capture.code import start_code_capture
from runward.tracking.capture.environment import capture_environment, captured_variables
from runward.tracking.capture.libraries import library_builds
from runward.tracking.capture.machine import capture_machine, capture_threads
from runward.tracking.capture.model import (
    BlobSink,
    Capture,
    EnvironmentSnapshot,
    GitHead,
    Limits,
    MachineSnapshot,
    decode_path,
)
from runward.tracking.capture.process import capture_process
from runward.tracking.capture.reads import ReadRecorder

T = TypeVar("T")


class PendingCapture:
    """A capture under way. ``head`` (commit and branch) is known at once."""

    def __init__(
        self,
        cwd: Path,
        blobs: BlobSink,
        cache_dir: Path | None,
        argv: Sequence[str] | None,
        limits: Limits,
        own_process: bool = True,
    ) -> None:
        """Read what is cheap, start the rest; called by ``start_capture``."""
        begun = time.perf_counter()
        self._durations: dict[str, float] = {}
        self._reads = ReadRecorder()
        self._process = capture_process(cwd, argv)
        variables = captured_variables()
        self._code = start_code_capture(cwd, blobs, cache_dir, limits)
        self.head: GitHead | None = self._code.head
        self._own_process = own_process
        self._host = Background(lambda: self._capture_host(variables, cache_dir))
        if own_process:
            self._reads.start()
        self._durations["caller"] = _milliseconds_since(begun)

    def is_code_read(self, timeout_s: float) -> bool:
        """Wait until the tree was read, or could not be, or for so long; what is written afterwards is not taken for code."""
        try:
            self._code.result(timeout_s)
        except TimeoutError:
            return False
        except (OSError, RunwardError):
            return True  # told by whoever asks for the capture
        return True

    def early(self, timeout_s: float | None = None) -> Capture:
        """Everything but the files read, as soon as it is there. Raises: TimeoutError."""
        environment, machine = self._host.result(timeout_s)
        return Capture(
            code=self._code.result(timeout_s),
            environment=environment,
            machine=machine,
            process=self._process,
            durations_ms=dict(self._durations),
        )

    def written(self) -> list[str]:
        """The absolute paths that this process has opened for writing since the capture began."""
        return self._reads.written()

    def finish(self, seeds: Mapping[str, int] | None = None, timeout_s: float | None = None) -> Capture:
        """Stop recording, hash the files that were read, and return the capture. Raises: TimeoutError.

        Args:
            seeds: Seeds that were set, by generator; they are recorded as given.
            timeout_s: How long to wait for the background part; None waits until it is done.
        """
        self._reads.stop()
        capture = self.early(timeout_s)
        reads = self._timed("reads", lambda: self._reads.collect(Path(os.fsdecode(decode_path(capture.code.root)))))
        if self._own_process:
            capture = self._timed("libraries", lambda: with_own_libraries(capture))
        return msgspec.structs.replace(
            capture,
            reads=reads,
            seeds=dict(seeds or {}),
            durations_ms=dict(self._durations),
        )

    def _capture_host(
        self, variables: dict[str, str], cache: Path | None
    ) -> tuple[EnvironmentSnapshot, MachineSnapshot]:
        # A command may run in another environment, and tells which at its end.
        paths = None if self._own_process else ()
        return (
            self._timed("environment", lambda: capture_environment(variables, paths, cache)),
            self._timed("machine", lambda: capture_machine(variables)),
        )

    def _timed(self, name: str, work: Callable[[], T]) -> T:
        begun = time.perf_counter()
        value = work()
        self._durations[name] = _milliseconds_since(begun)
        return value


def start_capture(
    cwd: Path,
    blobs: BlobSink,
    cache_dir: Path | None = None,
    *,
    argv: Sequence[str] | None = None,
    limits: Limits | None = None,
    own_process: bool = True,
) -> PendingCapture:
    """Begin to capture a run that starts now in ``cwd``; call ``finish`` on the result when it ends.

    Args:
        cwd: The run's working folder.
        blobs: Receives the contents of files.
        cache_dir: Where digests of unchanged files are remembered.
        argv: The command of the run; by default this process's own.
        limits: How much is read and stored.
        own_process: Whether the run happens in this process; if not, what this one opens and loads is not the run's.
    """
    return PendingCapture(Path(cwd).absolute(), blobs, cache_dir, argv, limits or Limits(), own_process)


def with_own_libraries(capture: Capture) -> Capture:
    """A capture with the threads, kernels and builds of the libraries that this process has loaded by now."""
    libraries = mapped_libraries()
    threads, kernels, builds = numeric_libraries(libraries)
    found = library_builds(libraries, (sys.prefix, sys.base_prefix)) | builds
    return msgspec.structs.replace(
        capture,
        machine=msgspec.structs.replace(
            capture.machine, threads={**capture.machine.threads, **capture_threads(), **threads}, kernels=kernels
        ),
        environment=msgspec.structs.replace(capture.environment, library_builds=found),
    )


def _milliseconds_since(begun: float) -> float:
    return round(1000 * (time.perf_counter() - begun), 3)
