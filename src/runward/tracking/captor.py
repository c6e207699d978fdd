"""A run's capture on its way into the run's journal."""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from runward.core.ids import Digest
from runward.errors import RunwardError
from runward.store.blobs import LocalBlobs
from runward.tracking.capture.command import with_testimony
from runward.tracking.capture.files import holds_secrets
from runward.tracking.capture.folders import folders_before, process_started_ns
from runward.tracking.capture.model import Capture, FileRead, Limits, decode_path
from runward.tracking.capture.preload import Shim
from runward.tracking.capture.reads import ReadRecorder, unrecorded
from runward.tracking.capture.snapshot import PendingCapture, start_capture
from runward.tracking.capture.watch import hear
from runward.tracking.client import ActiveRun
from runward.tracking.locks.names import attached
from runward.tracking.pylocks import EnvironmentLock

Part = tuple[str, str, dict[str, Any]]
OUTPUTS = "outputs/"
"""Before the names of artifacts that are files which a command left in its tree."""
_LIMIT_S = 120.0
_CODE_FIRST_S = 10.0
"""How long a command waits for its tree to be read."""
_DEFAULT = Limits()
_OUTPUT_BYTES = 32 << 20
_OUTPUTS_BYTES = 128 << 20
_OUTPUTS = 200
_DATA = re.compile(
    rb"^(?:/[^/.][^/]*)+\.(?:arrow|bmp|csv|feather|fits|flac|gif|h5|hdf5|jpe?g|jsonl|libsvm|mat|nc|np[yz]|orc|parquet|png|"
    rb"safetensors|svmlight|tfrecords?|tiff?|tsv|wav|webp|xlsx?)(?:\.(?:gz|bz2|xz|zst))?$",
    re.IGNORECASE,
)
"""Names of data files outside of the run's folder; never below a hidden folder."""


class Captor:
    """Captures for one run. The caller waits a few milliseconds at the start; the rest happens beside the training."""

    def __init__(
        self,
        blobs: LocalBlobs,
        cache: Path,
        argv: Sequence[str] | None = None,
        opened_before: Mapping[str, bool] | None = None,
        shim: Shim | None = None,
    ) -> None:
        """Prepare. ``argv`` is the run's own command, whose processes are heard when it is over; None: this process."""
        self._shim = shim
        self._blobs, self._cache, self._argv = blobs, cache, argv
        self._lock = EnvironmentLock(blobs, cache)
        self._pending: PendingCapture | None = None
        self._seeds: dict[str, int] = {}
        self._opened_before = opened_before or {}
        self._cwd = os.getcwd()
        self._early = threading.Event()

    def start(self, run: ActiveRun, seeds: Mapping[str, int], cwd: Path | None = None) -> None:
        """Begin. What is known early is in the journal soon, so that even a killed run keeps it."""
        self._seeds = dict(seeds)
        own = self._argv is None
        self._pending = start_capture(cwd or Path.cwd(), self._blobs, self._cache, argv=self._argv, own_process=own)
        threading.Thread(
            target=self._note_early, args=(run, self._pending), daemon=True, name="runward-capture"
        ).start()
        # A command may write into its own tree from its first moment on.
        if not own and not self._pending.is_code_read(_CODE_FIRST_S):
            run.set_tag(
                "runward.capture", f"the command began before its tree was read, which took over {_CODE_FIRST_S:g} s"
            )

    def _note_early(self, run: ActiveRun, pending: PendingCapture) -> None:
        try:
            with unrecorded():
                early = pending.early(_LIMIT_S)
                run.note_captures(parts_of(self._blobs, early, final=False, foreign=self._argv is not None))
                if self._argv is None:
                    self._lock.begin(early.environment, early.code.files)
        except (OSError, RunwardError) as error:
            run.set_tag("runward.capture", f"failed: {error}")
        finally:
            self._early.set()

    def finish(self, run: ActiveRun) -> None:
        """Add what is known only at the end: the files that were read, and the threads in use."""
        if self._pending is None:
            return
        try:
            self._early.wait(_LIMIT_S)
            capture = self._pending.finish(self._seeds, _LIMIT_S)
            if self._argv is None:
                capture = msgspec.structs.replace(
                    capture, reads=self._all_reads(capture), folders=self._folders(capture)
                )
            else:
                capture = self._heard(capture, run)
                self._lock.begin(capture.environment, capture.code.files)
            capture = msgspec.structs.replace(capture, reads=kept_reads(capture.reads, self._blobs))
            parts = parts_of(self._blobs, capture, final=True, foreign=self._argv is not None)
            run.note_captures([*parts, *self._lock.parts()])
        except (OSError, RunwardError) as error:
            run.set_tag("runward.capture", f"failed: {error}")

    def _heard(self, capture: Capture, run: ActiveRun) -> Capture:
        """A command's capture with what its processes said; the files that they left become artifacts."""
        heard = hear(run.folder)
        run.gpu_bytes = heard.gpu_bytes
        capture = with_testimony(capture, heard, self._blobs, self._cache, run.folder.parent.parent)
        if self._shim is not None and self._shim.reason:
            capture = msgspec.structs.replace(capture, read_problems=[self._shim.reason])
        room, root = _OUTPUTS_BYTES, os.fsdecode(decode_path(capture.code.root))
        for written in (capture.writes or [])[:_OUTPUTS]:
            if written.size <= min(_OUTPUT_BYTES, room):
                room -= written.size
                run.log_artifact(os.path.join(root, os.fsdecode(decode_path(written.path))), OUTPUTS + written.path)
        return capture

    def _all_reads(self, capture: Capture) -> list[FileRead]:
        """What this process read, before the run began too."""
        root = Path(os.fsdecode(decode_path(capture.code.root)))
        started_ns = int(capture.process.started_at.timestamp() * 1e9)
        more = ReadRecorder.replay(self._opened_before.items(), self._cwd, started_ns).collect(root)
        found = {read.path: read for read in [*more, *capture.reads]}
        return [found[path] for path in sorted(found)]

    def _folders(self, capture: Capture) -> list[str]:
        """The folders that were there before this process, and that it wrote to."""
        before = [os.path.join(self._cwd, path) for path, writes in self._opened_before.items() if writes]
        written = [*before, *(self._pending.written() if self._pending else ())]
        root = Path(os.fsdecode(decode_path(capture.code.root)))
        return folders_before(map(os.path.normpath, written), root, process_started_ns())


def kept_reads(reads: list[FileRead], blobs: LocalBlobs, limits: Limits = _DEFAULT) -> list[FileRead]:
    """What a run read, with the small files stored that are no code: data that git ignores, for instance.

    What holds secrets by its name or is large stays a digest, and so does what lies outside of the run's folder, unless
    its name says that it is data: a run reads settings and keys of its user there, too.
    """
    wanted, room = dict[str, bytes](), limits.read_bytes
    for read in reads:
        path = decode_path(read.path)
        known = bool((read.relative or _DATA.search(path)) and read.digest and not read.changed)
        if known and read.size <= min(room, limits.read_file_bytes) and not holds_secrets(path):
            wanted[read.digest], room = path, room - read.size
    wanted = dict(list(wanted.items())[: limits.read_files])
    with unrecorded(), contextlib.suppress(OSError, RunwardError):
        stored: set[str] = set(blobs.have([Digest(digest) for digest in wanted]))
        fresh = (path for digest, path in wanted.items() if digest not in stored)
        stored |= {digest for digest, _ in blobs.put_new(fresh)}
        return [msgspec.structs.replace(one, kept=one.digest in wanted and one.digest in stored) for one in reads]
    return reads


def parts_of(blobs: LocalBlobs, capture: Capture, *, final: bool, foreign: bool = False) -> list[Part]:
    """A capture as documents in the blob store, each with the few facts that lists show.

    Args:
        blobs: Where the documents go.
        capture: What was captured so far.
        final: Whether the run is over.
        foreign: Whether the run is a command of its own, whose environment is known only when it is over.
    """
    code, environment, machine = capture.code, capture.environment, capture.machine
    parts: list[tuple[str, Any, dict[str, Any]]] = [
        ("machine", machine, _facts(machine, "hostname", "os", "kernel", "cpu", "cpu_level", "usable_cpus", "threads")),
        ("process", capture.process, _facts(capture.process, "argv", "cwd", "entry")),
    ]
    if final:
        names = ("seeds", "reads", "writes", "folders", "variables_read", "read_problems", "pids")
        reads = {name: msgspec.to_builtins(getattr(capture, name)) for name in names}
        seen = {"files": len(capture.reads), "seeds": capture.seeds, "problems": capture.read_problems}
        parts.append(("reads", reads, seen))
    else:
        parts.append(("code", code, _code_facts(capture)))
    if final if foreign else (not final or environment.library_builds):
        packages = {package.name: package.version for package in environment.packages}
        facts = {**_facts(environment, "python", "platform", "libc", "variables"), "packages": packages}
        parts.append(("environment", environment, facts))
    with unrecorded():
        return [(kind, blobs.put_bytes(msgspec.json.encode(value)), facts) for kind, value, facts in parts]


def _facts(value: Any, *names: str) -> dict[str, Any]:
    return {name: msgspec.to_builtins(getattr(value, name)) for name in names}


def _code_facts(capture: Capture) -> dict[str, Any]:
    code = capture.code
    return {
        **_facts(code, "commit", "branch", "remote", "dirty", "digest", "problems"),
        "files": len(code.files),
        "changed": len(code.changed),
        "untracked": len(code.untracked),
        "deleted": len(code.deleted),
        "left_out": len(code.left_out),
        "locks": {entry.path: entry.digest for entry in attached(code.files)},
    }
