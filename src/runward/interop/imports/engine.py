"""One engine for all tools: finds what is missing or grew, stores it in batches, and says what became of it.

It speaks to a workspace's operations only, so a folder and a server are the same to it. What a batch holds is stored as a
whole or not at all; an import that was interrupted is continued by starting it again.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from runward.core.hashing import digest_bytes, digest_file
from runward.core.ids import Digest
from runward.errors import InvalidError, NotFoundError
from runward.interop.imports.clean import Cleaner, project_path
from runward.interop.imports.model import Broken, Distant, File, Foreign, Head, Problem, Report, Source
from runward.store.database import parts
from runward.tracking.files import Files
from runward.tracking.intake_model import (
    IMPORT_CLIENT,
    SOURCE_ID_TAG,
    SOURCE_PLACE_TAG,
    SOURCE_PROJECT_TAG,
    SOURCE_TAG,
    VERSION_TAG,
    ForeignRun,
    KnownImport,
)
from runward.tracking.model import Batch, NewArtifact, NewProject, OutputChunk, Points, RunParam, RunPatch
from runward.tracking.points import Columns, pack_columns
from runward.workspace import Workspace

BATCH_RUNS = 1000
"""Runs of one call: fewer write the same pages of the database more often."""
BATCH_POINTS = 500_000
"""Points of one call at most: 12 MB on their way."""
_MAX_FETCHED_BYTES = 256 << 20
_GLOBAL_ID = re.compile(r"[0-9a-f]{32}")
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


class Options(NamedTuple):
    """What to import, and where to."""

    project: str = ""
    """The project below which everything comes to lie; empty for the names that the source has."""
    experiments: tuple[str, ...] = ()
    """Only experiments (projects) of these names; ``*`` stands for anything."""
    limit: int = 0
    """At most so many runs; 0 for all."""
    dry_run: bool = False


def import_runs(
    space: Workspace, source: Source, options: Options, progress: Callable[[Report], None] = lambda report: None
) -> Report:
    """Bring a source's runs into a workspace. Raises: InvalidError (the source is not what it should be)."""
    return _Import(space, source, options, progress).carry_out()


def run_id_of(root: str, tool: str, head: Head) -> str:
    """The id of a foreign run here. One that is unique in the world (MLflow's) stays as it is."""
    return head.id if tool == "mlflow" and _GLOBAL_ID.fullmatch(head.id) else derived_id(root, tool, head)


def derived_id(root: str, tool: str, head: Head) -> str:
    """An id that follows from the destination, the tool and the run."""
    number = int.from_bytes(hashlib.sha256(f"{root}\0{tool}\0{head.identity}".encode()).digest()[:12])
    letters = "".join(_ALPHABET[number >> shift & 31] for shift in range(0, 95, 5))
    return f"i{letters}"


class _Import:
    def __init__(self, space: Workspace, source: Source, options: Options, progress: Callable[[Report], None]) -> None:
        self.space, self.source, self.options, self.progress = space, source, options, progress
        self.report = Report(source.tool, source.where, options.project, options.dry_run)
        self.clean = Cleaner()
        self._projects: dict[str, str] = {}
        self._root = self._find_root()

    def _find_root(self) -> str:
        if not self.options.project:
            return ""
        if not self.options.dry_run:
            return self._project(self.options.project)
        try:
            return self.space.tracking.get_project(self.options.project.replace("/", ":")).id
        except NotFoundError:
            return self.options.project

    def _project(self, path: str) -> str:
        if path not in self._projects:
            self._projects[path] = self.space.tracking.create_project(NewProject(path=path, exist_ok=True)).id
        return self._projects[path]

    def carry_out(self) -> Report:
        began = time.monotonic()
        for group in self._groups():
            self._take(group)
            self._note(began)
        self._note(began)
        return self.report

    def _note(self, began: float) -> None:
        report = self.report
        report.lost = dict(sorted(self.source.lost.items()))
        report.redacted, report.renamed = self.clean.counts["redacted"], self.clean.counts["renamed"]
        report.seconds = round(time.monotonic() - began, 3)
        self.progress(report)

    def _wanted(self) -> Iterator[Head]:
        for head in self.source.heads():
            if isinstance(head, Broken):
                self._problem(head.head.id, head.problem)
            elif not self.options.experiments or any(fnmatchcase(head.place, p) for p in self.options.experiments):
                self.report.runs += 1
                yield head
                if self.report.runs == self.options.limit:
                    return

    def _groups(self) -> Iterator[list[Head]]:
        group, points = list[Head](), 0
        for head in self._wanted():
            if group and (len(group) == BATCH_RUNS or points + head.points > BATCH_POINTS):
                yield group
                group, points = [], 0
            group.append(head)
            points += head.points
        if group:
            yield group

    def _problem(self, run: str, message: str) -> None:
        self.report.problems.append(Problem(run, message))

    def _take(self, group: list[Head]) -> None:
        """Import those of a group that are missing or changed."""
        ids = {head: run_id_of(self._root, self.source.tool, head) for head in group}
        asked = parts(list(ids.values()))
        known = {found.id: found for part in asked for found in self.space.intake.known_imports(list(part))}
        ids = {head: self._free_id(head, run_id, known) for head, run_id in ids.items()}
        due = []
        for head in group:
            there = known.get(ids[head])
            if there is not None and there.deleted:
                self.report.deleted += 1
            elif there is not None and there.version == head.version:
                self.report.unchanged += 1
            else:
                due.append(head)
        if due:
            self._read(due, ids, known)

    def _free_id(self, head: Head, run_id: str, known: dict[str, KnownImport]) -> str:
        """An id that is not taken by a run which began its life here."""
        if run_id not in known or known[run_id].version is not None:
            return run_id
        other = derived_id(self._root, self.source.tool, head)
        known.update((found.id, found) for found in self.space.intake.known_imports([other]))
        return other

    def _read(self, due: list[Head], ids: dict[Head, str], known: dict[str, KnownImport]) -> None:
        batches: dict[str, list[Foreign]] = {}
        points = 0
        for foreign in self.source.read(due):
            if isinstance(foreign, Broken):
                self._problem(foreign.head.id, foreign.problem)
                continue
            try:
                size = self._count(foreign, is_new=ids[foreign.head] not in known)
            except OSError as error:
                self._problem(foreign.head.id, f"{error.filename}: {error.strerror}")
                continue
            if self.options.dry_run:
                self._converted(foreign, ids[foreign.head], [])
                continue
            if points + size > BATCH_POINTS and points:
                self._store_all(batches, ids)
                batches, points = {}, 0
            there = known.get(ids[foreign.head])
            place = there.project_id if there else self._project(self._path(foreign.head.place))
            batches.setdefault(place, []).append(foreign)
            points += size
        self._store_all(batches, ids)

    def _path(self, place: str) -> str:
        return project_path(self.options.project, place) or self.source.tool

    def _count(self, foreign: Foreign, *, is_new: bool) -> int:
        """Count what comes with a run; returns about how many points it weighs in memory."""
        points, report = sum(len(columns.steps) for columns in foreign.series.values()), self.report
        report.points += points
        report.files += len(foreign.files)
        report.bytes += sum(file.size for file in foreign.files)
        if self.options.dry_run:
            report.created += is_new
            report.updated += not is_new
        return points + sum(len(file.content) for file in foreign.files if isinstance(file.content, bytes)) // 24

    def _store_all(self, batches: dict[str, list[Foreign]], ids: dict[Head, str]) -> None:
        for project, found in batches.items():
            self._store(project, found, ids)

    def _store(self, project: str, found: list[Foreign], ids: dict[Head, str]) -> None:
        runs, rests, heads = list[ForeignRun](), dict[str, list[list[Points]]](), dict[str, Head]()
        for foreign, artifacts in zip(found, self._upload(project, found), strict=True):
            if artifacts is None:
                continue
            run, rest = self._converted(foreign, ids[foreign.head], artifacts)
            runs.append(run)
            heads[run.id] = foreign.head
            if rest:
                rests[run.id] = rest
        for taken in self.space.intake.import_runs(project, runs):
            if taken.outcome == "refused":
                self._problem(heads[taken.id].id, taken.problem)
                continue
            if taken.id in rests:
                self._append(taken.id, rests[taken.id], heads[taken.id].version)
            self.report.created += taken.outcome == "created"
            self.report.updated += taken.outcome == "replaced"

    def _append(self, run_id: str, rest: list[list[Points]], version: str) -> None:
        """The points that one call could not hold; only with the last of them the run counts as imported."""
        for number, points in enumerate(rest, start=1):
            self.space.tracking.append(run_id, Batch(client=IMPORT_CLIENT, first=number, count=1, points=points))
        self.space.tracking.update_run(run_id, RunPatch(tags={VERSION_TAG: version}))

    # artifacts ----------------------------------------------------------------------------------------------------

    def _upload(self, project: str, found: list[Foreign]) -> list[list[NewArtifact] | None]:
        """The artifacts of each run, their bytes stored; None for a run whose files cannot be read, or change meanwhile."""
        known = len(self.report.problems)
        try:
            return self._upload_together(project, found)
        except (InvalidError, OSError) as error:
            del self.report.problems[known:]
            if len(found) > 1:
                return [artifacts for foreign in found for artifacts in self._upload(project, [foreign])]
            self._problem(found[0].head.id, f"its files changed while they were read: {error}")
            return [None]

    def _upload_together(self, project: str, found: list[Foreign]) -> list[list[NewArtifact] | None]:
        uploaded: list[list[NewArtifact] | None] = []
        with tempfile.TemporaryDirectory(prefix="runward-import-") as folder:
            shelf = _Shelf(self.space.files, project, Path(folder))
            for foreign in found:
                try:
                    artifacts = [
                        NewArtifact(self.clean.path(file.path), shelf.add(file), file.media_type)
                        for file in foreign.files
                    ]
                    uploaded.append(_distinct(artifacts))
                except OSError as error:
                    self._problem(foreign.head.id, f"{error.filename}: {error.strerror}")
                    uploaded.append(None)
            shelf.send()
        return uploaded

    # conversion -----------------------------------------------------------------------------------------------------

    def _converted(
        self, foreign: Foreign, run_id: str, artifacts: list[NewArtifact]
    ) -> tuple[ForeignRun, list[list[Points]]]:
        clean, head = self.clean, foreign.head
        pieces = list(_pieces({clean.name(key, 1000): columns for key, columns in foreign.series.items()}))
        tags = {clean.name(key, 1000): clean.value(key, value) for key, value in foreign.tags.items()}
        run = ForeignRun(
            id=run_id,
            version=head.version if len(pieces) < 2 else "",
            name=clean.name(foreign.name or head.id),
            status=foreign.status,
            started_at=foreign.started_at,
            ended_at=foreign.ended_at,
            purpose=clean.text(foreign.purpose),
            exit_code=foreign.exit_code,
            error=clean.text(foreign.error)[-4000:],
            seed=foreign.seed,
            params=[RunParam(clean.name(k, 1000), clean.value(k, v)) for k, v in foreign.params.items()],
            tags={**tags, **self._origin(head)},
            points=pieces[0] if pieces else [],
            artifacts=artifacts,
            output=[OutputChunk(chunk.stream, clean.text(chunk.text), chunk.at) for chunk in foreign.output],
        )
        return run, pieces[1:]

    def _origin(self, head: Head) -> dict[str, str]:
        text = self.clean.text
        origin = {SOURCE_TAG: self.source.tool, SOURCE_ID_TAG: text(head.id), SOURCE_PLACE_TAG: self.source.where}
        return {**origin, SOURCE_PROJECT_TAG: text(head.place)} if head.place else origin


class _Shelf:
    """Files on their way into the store, many at once; those that are elsewhere are fetched into a scratch folder."""

    def __init__(self, files: Files, project: str, scratch: Path) -> None:
        self._files, self._project, self._scratch = files, project, scratch
        self._waiting: dict[Digest, bytes | Path] = {}
        self._fetched: list[Path] = []
        self._fetched_bytes = 0

    def add(self, file: File) -> Digest:
        """Take a file; returns its digest. Raises: OSError."""
        content = self._fetch(file.content) if isinstance(file.content, Distant) else file.content
        digest = digest_bytes(content) if isinstance(content, bytes) else digest_file(content)
        self._waiting[digest] = content
        if self._fetched_bytes > _MAX_FETCHED_BYTES:
            self.send()
        return digest

    def _fetch(self, content: Distant) -> Path:
        path = self._scratch / str(len(self._fetched))
        with path.open("wb") as file:
            for chunk in content.chunks():
                file.write(chunk)
        self._fetched.append(path)
        self._fetched_bytes += path.stat().st_size
        return path

    def send(self) -> None:
        """Store what is waiting."""
        if self._waiting:
            self._files.put_files(self._project, self._waiting)
        for path in self._fetched:
            path.unlink(missing_ok=True)
        self._waiting, self._fetched_bytes = {}, 0


def _distinct(artifacts: list[NewArtifact]) -> list[NewArtifact]:
    """Two paths that became one in cleaning stay two."""
    found: dict[str, NewArtifact] = {}
    for artifact in artifacts:
        path, number = artifact.path, 1
        while path in found:
            number += 1
            path = f"{artifact.path}-{number}"
        found[path] = NewArtifact(path, artifact.digest, artifact.media_type)
    return list(found.values())


def _pieces(series: dict[str, Columns]) -> Iterator[list[Points]]:
    """A run's points, cut into what one call may hold."""
    piece, room = list[Points](), BATCH_POINTS
    for key, columns in series.items():
        start, total = 0, len(columns.steps)
        while start < total:
            end = min(start + room, total)
            part = columns
            if end - start < total:
                part = Columns(columns.steps[start:end], columns.times[start:end], columns.values[start:end])
            piece.append(pack_columns(key, part))
            room -= end - start
            start = end
            if not room:
                yield piece
                piece, room = [], BATCH_POINTS
    if piece:
        yield piece
