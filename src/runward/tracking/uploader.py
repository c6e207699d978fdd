"""Journals on their way into the store: in order, exactly once, however often it breaks off."""

from __future__ import annotations

import contextlib
import logging
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from weakref import WeakKeyDictionary

import msgspec

from runward.core.clock import from_us
from runward.core.ids import Digest
from runward.core.usage import Usage
from runward.errors import (
    AlreadyExistsError,
    ConflictError,
    CorruptedError,
    GateClosedError,
    InvalidError,
    InvalidTransitionError,
    MigrationNeededError,
    NotFoundError,
    RunwardError,
)
from runward.store.blobs import LocalBlobs
from runward.tracking import journal as j
from runward.tracking.api import Tracking
from runward.tracking.capture.reads import unrecorded
from runward.tracking.captured import referenced
from runward.tracking.files import Files
from runward.tracking.journal import Frame, JournalReader, journals_in
from runward.tracking.model import (
    Batch,
    CapturePart,
    NewArtifact,
    NewExperiment,
    NewProject,
    NewRun,
    OutputChunk,
    Points,
    RunEnd,
    RunStatus,
)
from runward.tracking.points import Columns, empty_columns, pack_columns

log = logging.getLogger("runward.upload")

INTERVAL_S = 0.3
_BATCH_FRAMES = 20_000
_BATCH_BYTES = 16 << 20
_RETRY_S = 2.0


class Destination(Protocol):
    """Where journals go: a workspace in a member's hands."""

    tracking: Tracking
    files: Files
    local_blobs: LocalBlobs


class _Gathered:
    """Frames on their way into one batch."""

    def __init__(self) -> None:
        self.columns: dict[str, Columns] = {}
        self.params: dict[str, Any] = {}
        self.origins: dict[str, str] = {}
        self.tags: dict[str, str] = {}
        self.output: list[OutputChunk] = []

    def add(self, frame: Frame) -> None:
        fields = frame.fields
        if frame.kind == j.POINTS:
            self._add_points(*fields)
        elif frame.kind == j.PARAMS:
            self.params.update(fields[0])
            self.origins.update(fields[1] if len(fields) > 1 else dict.fromkeys(self.origins.keys() & fields[0], "run"))
        elif frame.kind == j.TAGS:
            self.tags.update(fields[0])
        elif frame.kind == j.OUTPUT:
            self.output.append(OutputChunk(fields[0], fields[1], fields[2]))
        elif frame.kind > j.RESUME:
            raise MigrationNeededError(
                f"entry {frame.number} is of kind {frame.kind!r}, which a newer Runward wrote",
                hint="upgrade Runward, then `runward sync`; the journal stays",
            )

    def _add_points(self, steps: int | list[int], at: float, keys: list[str], values: list[float]) -> None:
        for index, (key, value) in enumerate(zip(keys, values, strict=True)):
            columns = self.columns.get(key) or self.columns.setdefault(key, empty_columns())
            columns.steps.append(steps if isinstance(steps, int) else steps[index])
            columns.times.append(at)
            columns.values.append(value)

    def points(self) -> list[Points]:
        return [pack_columns(key, columns) for key, columns in self.columns.items()]


class Content(NamedTuple):
    """What journals hold."""

    columns: dict[str, Columns]
    artifacts: dict[str, str]
    """Digest by name."""
    small: dict[Digest, bytes]
    """The bytes of small artifacts by digest; those of others lie beside the journal."""


def gather(paths: list[Path]) -> Content:
    """The series and the artifacts in some journals, without any store."""
    found, artifacts, small = _Gathered(), dict[str, str](), dict[Digest, bytes]()
    for path in paths:
        reader = JournalReader(path)
        for frame in reader.frames(100_000_000):
            if frame.kind == j.ARTIFACT:
                artifacts[frame.fields[0]] = frame.fields[1]
                small.update(_inline(frame))
            else:
                found.add(frame)
        reader.close()
    return Content(found.columns, artifacts, small)


def _inline(frame: Frame) -> dict[Digest, bytes]:
    """The bytes that came with an artifact, if they did."""
    return {Digest(frame.fields[1]): frame.fields[3]} if len(frame.fields) > 3 else {}


_projects: WeakKeyDictionary[Tracking, set[str]] = WeakKeyDictionary()
"""Paths of projects that were there, by where they are."""


def create_run(tracking: Tracking, new: NewRun, experiment: NewExperiment | None = None) -> None:
    """Create a run, and what it belongs to where that is missing. Raises: as :meth:`Tracking.create_run`."""
    known = _projects.setdefault(tracking, set())
    if experiment is None and new.project in known:
        # It may be gone since.
        with contextlib.suppress(NotFoundError):
            tracking.create_run(new)
            return
    # Looked up first: a run that is refused for want of a project would be a refusal on the audit trail.
    try:
        tracking.get_project(new.project)
    except NotFoundError:
        tracking.create_project(NewProject(path=new.project, exist_ok=True))
    known.add(new.project)
    if experiment is not None:
        with contextlib.suppress(AlreadyExistsError):
            tracking.create_experiment(experiment)
    tracking.create_run(new)


def _end_of(status: str, exit_code: int | None, error: str, at: float, used: Any = None) -> RunEnd:
    # A status that there is none of must not keep the run, and all others of this machine, out of the store.
    known = RunStatus(status) if status in j.ENDS else RunStatus.FAILED
    error = error if status in j.ENDS else f"ended as {status!r:.80}, which is no status of an end. {error}".rstrip()
    return RunEnd(known, exit_code, error, from_us(int(at * 1e6)), msgspec.convert(used or {}, Usage))


def _artifact_of(frame: Frame) -> NewArtifact:
    """Raises: InvalidError (what a client wrote that did not look at it)."""
    told = dict(zip(("path", "digest", "media_type"), frame.fields, strict=False))
    try:
        return msgspec.convert(told, NewArtifact)
    except msgspec.ValidationError as error:
        raise InvalidError(f"an artifact is not understood: {error}") from error


class JournalUpload:
    """One journal's way into the store."""

    def __init__(
        self,
        path: Path,
        destination: Destination,
        project: str = "",
        *,
        is_sibling: bool = False,
        is_created: bool = False,
    ) -> None:
        """``is_created``: this process created the run a moment ago, so that nobody has to ask what is stored of it."""
        self.reader, self._is_sibling = JournalReader(path), is_sibling
        self.path, self.destination, self.project = path, destination, project
        self.ended = self.resumed = False
        # Should it be wrong, the store says which frame it expects.
        self._position: int | None = 0 if is_created else None

    def push(self) -> bool:
        """Send what is new; returns whether there was anything.

        Raises: StoreError (the store is away; try again), other RunwardErrors (the store refuses it for good).
        """
        if self._position is None:
            self.create_if_asked()
            self._position = self._expected()
            self.reader.rewind_to(self._position)
        frames = list(self.reader.frames(_BATCH_FRAMES, _BATCH_BYTES))
        if not frames:
            return False
        try:
            self._send(frames)
        except RunwardError as error:
            self.reader.rewind_to(frames[0].number)
            expected = error.details.get("expected")
            if isinstance(error, ConflictError) and isinstance(expected, int):
                self.reader.rewind_to(expected)
                return True
            if not isinstance(error, InvalidError):
                raise
            self._send_one_by_one(list(self.reader.frames(len(frames))))
        return True

    def _send_one_by_one(self, frames: list[Frame]) -> None:
        """After a refusal: an entry that the store will not take costs only itself, not its run."""
        for frame in frames:
            try:
                self._send([frame])
            except InvalidError as error:
                log.warning("an entry of run %s was refused and is passed over: %s", self.reader.run_id, error.message)
                note = Batch(
                    client=self.reader.client,
                    first=frame.number,
                    count=1,
                    tags={"runward.refused": f"entry {frame.number}: {error.message[:200]}".replace("\0", "␀")},
                )
                self.destination.tracking.append(self.reader.run_id, note)

    def _expected(self) -> int:
        empty = Batch(client=self.reader.client, first=0, count=0)
        return self.destination.tracking.append(self.reader.run_id, empty).next

    def create_if_asked(self) -> None:
        """A run that was started while the store was away is created from its journal's first frame."""
        first = next(iter(self.reader.frames(1)), None)
        if first is not None and first.kind == j.CREATE:
            new = msgspec.convert(first.fields[0], NewRun)
            experiment = msgspec.convert(first.fields[1], NewExperiment) if any(first.fields[1:]) else None
            # What another member of this machine began is there already; whether this one may write to it is decided
            # by the batches.
            with contextlib.suppress(AlreadyExistsError):
                self._create_run(new, experiment)
            self.project = new.project
        self.reader.rewind_to(0)

    def _create_run(self, new: NewRun, experiment: NewExperiment | None) -> None:
        try:
            create_run(self.destination.tracking, new, experiment)
        except GateClosedError as error:
            # The training is done: its name is refused, its results are not.
            log.warning("run %s is stored as run-%s: %s", new.name, new.id[:6], error.message)
            tags = {**new.tags, "runward.refused_name": new.name}
            self.destination.tracking.create_run(msgspec.structs.replace(new, name=f"run-{new.id[:6]}", tags=tags))

    def _send(self, frames: list[Frame]) -> None:
        """Store frames; the run's end goes with what was logged before it, so that both are stored or none."""
        at = next((index for index, frame in enumerate(frames) if frame.kind in (j.END, j.RESUME)), None)
        if at is None:
            self._append(frames)
            return
        if frames[at].kind == j.END:
            self._send_end(frames, at)
            return
        if at:
            self._append(frames[:at])
        self._resume(frames[at].fields[0])
        self._append(frames[at : at + 1])
        if rest := frames[at + 1 :]:
            self._send(rest)

    def _send_end(self, frames: list[Frame], at: int) -> None:
        if not self._is_sibling:
            self._push_siblings()
        end = _end_of(*frames[at].fields)
        try:
            self._append(frames[: at + 1], end)
        except InvalidTransitionError as refused:
            # Another process of the run, or who took it for dead, ended it before: the first end stays.
            log.warning("%s", refused.message)
            self._append(frames[: at + 1])
        self.ended = True
        if rest := frames[at + 1 :]:
            self._append(rest)

    def _append(self, frames: list[Frame], end: RunEnd | None = None) -> None:
        gathered = _Gathered()
        artifacts, small = list[NewArtifact](), dict[Digest, bytes]()
        for frame in frames:
            if frame.kind == j.ARTIFACT:
                artifacts.append(_artifact_of(frame))
                small.update(_inline(frame))
            elif frame.kind == j.CAPTURES:
                self._send_captures(*frame.fields)
            else:
                gathered.add(frame)
        if artifacts:
            self._send_artifacts(artifacts, small)
        batch = Batch(
            client=self.reader.client,
            first=frames[0].number,
            count=len(frames),
            points=gathered.points(),
            params=gathered.params,
            tags=gathered.tags,
            output=gathered.output,
            origins=gathered.origins,
            end=end,
        )
        self.destination.tracking.append(self.reader.run_id, batch)

    def _push_siblings(self) -> None:
        """What other processes of the run wrote belongs to its result, so it must be there before the end."""
        for path in journals_in(self.path.parent):
            if path != self.path:
                sibling = JournalUpload(path, self.destination, self.project, is_sibling=True)
                while sibling.push():
                    pass
                sibling.close(remove=False)

    def _project(self) -> str:
        if not self.project:
            self.project = self.destination.tracking.get_run(self.reader.run_id).run.project_id
        return self.project

    def _send_artifacts(self, artifacts: list[NewArtifact], small: dict[Digest, bytes]) -> None:
        spool, tracking = self.path.parent / "blobs", self.destination.tracking
        digests = [Digest(artifact.digest) for artifact in artifacts]
        contents: dict[Digest, bytes | Path] = {digest: small.get(digest, spool / digest) for digest in digests}
        for digest, content in contents.items():
            if isinstance(content, Path) and not content.exists():
                raise InvalidError(f"the bytes {digest[:12]} of an artifact are gone from {spool}")
        self.destination.files.put_files(self._project(), contents)
        try:
            tracking.add_artifacts(self.reader.run_id, artifacts)
            return
        except InvalidError:
            pass
        # One of them is refused: the others stay.
        for artifact in artifacts:
            try:
                tracking.add_artifact(self.reader.run_id, artifact)
            except InvalidError as error:
                log.warning("artifact %r of run %s was refused: %s", artifact.path, self.reader.run_id, error.message)

    def _send_captures(self, told: list[tuple[Any, Digest, dict[str, Any]]]) -> None:
        parts = [CapturePart(kind, digest, summary) for kind, digest, summary in told]
        local = self.destination.local_blobs
        digests = [digest for part in parts for digest in (part.digest, *referenced(local, part))]
        self.destination.files.put_many(self._project(), list(dict.fromkeys(digests)))
        self.destination.tracking.put_captures(self.reader.run_id, parts)

    def _resume(self, at: float) -> None:
        self.destination.tracking.resume_run(self.reader.run_id, from_us(int(at * 1e6)))
        self.resumed = True

    def close(self, *, remove: bool) -> None:
        """Let go of the journal; ``remove`` deletes it, and its folder when it was the last one."""
        self.reader.close()
        if remove:
            self.path.unlink(missing_ok=True)
            if not journals_in(self.path.parent):
                shutil.rmtree(self.path.parent, ignore_errors=True)


class Uploader:
    """A thread that follows the journals of one process's runs. Training never waits for it."""

    def __init__(self, make_destination: Callable[[], Destination]) -> None:
        self._make = make_destination
        self._destination: Destination | None = None
        self._folders: set[Path] = set()
        self._created: dict[Path, str] = {}
        self._uploads: dict[Path, JournalUpload] = {}
        # Two locks: `follow` is called by training code and must never wait for a network.
        self._lock = threading.Lock()
        self._pushing = threading.Lock()
        self._wake = threading.Event()
        self._stop = False
        self._thread: threading.Thread | None = None
        self._complained: set[str] = set()
        self.refused: dict[Path, RunwardError] = {}
        """Journals' folders that the store refused for good, and why."""

    def follow(self, folder: Path, project: str = "") -> None:
        """Upload the journals that appear in a folder; with a ``project`` their run was just created in it."""
        with self._lock:
            self._folders.add(folder)
            if project:
                self._created[folder] = project
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._loop, name="runward-upload", daemon=True)
                self._thread.start()

    def _loop(self) -> None:
        while not self._stop:
            self._wake.wait(INTERVAL_S)
            self._wake.clear()
            if not self.push():
                self._wake.wait(_RETRY_S)

    def push(self) -> bool:
        """Upload what there is now; False when the store is away."""
        with self._pushing, unrecorded():
            with self._lock:
                folders = list(self._folders)
            try:
                for folder in folders:
                    for path in journals_in(folder):
                        self._open(path)
                for path in list(self._uploads):
                    self._push(path)
            except RunwardError as error:
                self._complain(error)
                return False
        return True

    def _push(self, path: Path) -> None:
        upload = self._uploads[path]
        try:
            while upload.push():
                pass
        except RunwardError as error:
            if error.retryable:
                raise
            # The store refuses this journal for good: it stays on disk, and the others go on.
            self._complain(error)
            self.refused[path.parent] = error
            upload.close(remove=False)
            del self._uploads[path]
            with self._lock:
                self._folders.discard(path.parent)
                self._created.pop(path.parent, None)

    def _open(self, path: Path) -> None:
        if path in self._uploads or j.has_uploader(path):
            return
        if self._destination is None:
            self._destination = self._make()
        try:
            project = self._created.get(path.parent, "")
            self._uploads[path] = JournalUpload(path, self._destination, project, is_created=bool(project))
        except CorruptedError as error:
            self._complain(error)

    def _complain(self, error: RunwardError) -> None:
        if error.message not in self._complained:
            self._complained.add(error.message)
            log.warning("not uploaded yet: %s", error)

    def drain(self, folder: Path) -> bool:
        """Upload all of a folder's journals now; returns whether everything of them is stored.

        With the store away it returns at once: what is left stays on disk, for ``runward sync`` or the next start.
        """
        if not self.push():
            return False
        with self._pushing:
            for path, upload in list(self._uploads.items()):
                if path.parent == folder:
                    upload.close(remove=upload.reader.writer_is_gone())
                    del self._uploads[path]
            with self._lock:
                self._folders.discard(folder)
                self._created.pop(folder, None)
        return not journals_in(folder)

    def stop(self) -> None:
        """End the thread; the journals stay."""
        self._stop = True
        self._wake.set()
