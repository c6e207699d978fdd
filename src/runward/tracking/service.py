"""The rules of tracking."""

from __future__ import annotations

import functools
import mimetypes
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

import msgspec

from runward.core.call import BlobReference, Event, Room, Scope
from runward.core.clock import from_us, to_us
from runward.core.ids import RunId, new_id
from runward.core.usage import Usage
from runward.errors import (
    AlreadyExistsError,
    ConflictError,
    InvalidError,
    InvalidTransitionError,
    NotFoundError,
)
from runward.governance.calling import Call
from runward.governance.names import check_name
from runward.governance.scopes import (
    Clause,
    ProjectRow,
    find_project,
    home_team,
    project_scope,
    role_at,
)
from runward.store.blobs import check_digest
from runward.store.database import Tx
from runward.tracking import packages, storage
from runward.tracking import repository as sql
from runward.tracking.api import Tracking
from runward.tracking.capture.redact import redact
from runward.tracking.checks import check_artifact_path, check_key, check_run_id, check_text, usage_columns
from runward.tracking.compaction import SMALL_POINTS, read_series
from runward.tracking.comparing import Comparing
from runward.tracking.finding import ProjectKeys, find_page
from runward.tracking.garbage import lock as garbage_lock
from runward.tracking.keyed import keys_of
from runward.tracking.lifecycle import in_use, may_restore
from runward.tracking.marks import run_place
from runward.tracking.masking import masked_output, masked_params, masked_run, masked_tags
from runward.tracking.model import (
    RESUMED_TAG,
    Ack,
    Artifact,
    Batch,
    CapturePart,
    HistoryEntry,
    NewArtifact,
    NewRun,
    OutputPage,
    Plain,
    Run,
    RunDetail,
    RunEnd,
    RunPage,
    RunParam,
    RunPatch,
    RunSeries,
    RunStatus,
    State,
)
from runward.tracking.places import MAX_PAGE, Places, check_project_path
from runward.tracking.points import as_series, pack_segment, summary_of
from runward.tracking.search import compile_query


def _not_uploaded(digest: str) -> NotFoundError:
    return NotFoundError(f"no bytes with digest {digest[:12]}… were uploaded to this project", hint="upload first")


def attached(artifact: NewArtifact, sizes: Mapping[str, int], at: datetime) -> Artifact:
    """The file that a run gets.

    Args:
        artifact: What was asked for.
        sizes: Bytes of what was uploaded to the project, by digest.
        at: Now.

    Raises: InvalidError (path or digest), NotFoundError (it was not uploaded).
    """
    path, digest = check_artifact_path(artifact.path), check_digest(artifact.digest)
    if digest not in sizes:
        raise _not_uploaded(digest)
    media_type = artifact.media_type or mimetypes.guess_type(path)[0] or "application/octet-stream"
    return Artifact(path, digest, sizes[digest], media_type, at)


class TrackingService(Places, Comparing, Tracking):
    """See :class:`Tracking`."""

    room: ClassVar[str] = "tracking"

    # runs -----------------------------------------------------------------------------------------------------------

    def search_runs(
        self,
        project: str = "",
        where: str = "",
        sort: str = "",
        limit: int = 100,
        cursor: str | None = None,
        state: State = "active",
        columns: str = "",
    ) -> RunPage:
        """See the contract."""
        keys = keys_of(columns)
        visible = self.call.visible_projects(project)
        query = compile_query(where, sort, ProjectKeys(self.tx, visible))
        shown = in_use(self.tx, visible, self.call.project(project).id if project else "")
        said = (project, where, sort, state)
        found = find_page(self.tx, shown, query, min(max(limit, 1), MAX_PAGE), cursor, said, state)
        return RunPage(runs=sql.runs_by_id(self.tx, found.ids, keys), total=found.total, next_cursor=found.cursor)

    def create_run(self, new: NewRun) -> Run:
        """See the contract."""
        project = self.call.project(new.project)
        run_id = RunId(new.id or new_id())
        if new.id and (existing := self._same_run(new, project)) is not None:
            return existing
        new = masked_run(new)
        check_run_id(run_id)
        name = check_name(new.name or f"run-{run_id[:6]}", "the run's name")
        self._check_run(new, project)
        started = to_us(new.started_at) if new.started_at else self.call.now_us
        author = (self.call.actor.member_id, self.call.actor.name)
        named = msgspec.structs.replace(new, name=name)
        stored = sql.insert_run(self.tx, run_id, project, named, author, (self.call.now_us, started))
        sql.set_params(self.tx, project.id, run_id, new.params)
        sql.set_tags(self.tx, project.id, run_id, new.tags)
        self._publish("run.started", "run", run_id, project, {"name": name})
        return stored

    def _same_run(self, new: NewRun, project: ProjectRow) -> Run | None:
        row = self.tx.one("SELECT project_id, creator_id, deleted_at FROM runs WHERE id = ?", (new.id,))
        if row is None:
            return None
        if row[2] is not None and row[1] == self.call.actor.member_id:
            raise AlreadyExistsError(
                f"run {new.id!r} was deleted", hint=f"`runward runs restore {new.id}` brings it back"
            )
        if row[:2] != (project.id, self.call.actor.member_id):
            raise AlreadyExistsError(f"the run id {new.id!r} is taken", hint="leave the id out, or make a new one")
        return sql.run(self.tx, new.id)

    def _check_run(self, new: NewRun, project: ProjectRow) -> None:
        for param in new.params:
            check_key(param.key, "param")
        for key, value in new.tags.items():
            check_key(key, "tag")
            check_text(value, f"tag {key!r}")
        if new.experiment_id is not None:
            owner = self.tx.scalar("SELECT project_id FROM experiments WHERE id = ?", (new.experiment_id,))
            if owner != project.id:
                raise NotFoundError(f"there is no experiment {new.experiment_id!r} in project {project.path!r}")

    def resolve_run(self, ref: str, project: str = "") -> Run:
        """See the contract."""
        visible = self.call.visible_projects(project)
        base = f"r.deleted_at IS NULL AND r.project_id IN {visible.sql}"
        newest = Clause("r.created_at DESC, r.id", ())
        if ref == "@last":
            candidates = [Clause(base, visible.params)]
        else:
            candidates = [
                Clause(f"{base} AND r.id = ?", (*visible.params, ref)),
                Clause(f"{base} AND r.name = ?", (*visible.params, ref)),
                # Not a range: what lies between two texts depends on the database's locale.
                Clause(f"{base} AND substr(r.id, 1, ?) = ?", (*visible.params, max(len(ref), 1), ref)),
            ]
        for index, clause in enumerate(candidates):
            found = sql.find_runs(self.tx, clause, newest, 6)
            if index == 2 and len(found) > 1:
                raise InvalidError(
                    f"{ref!r} is the beginning of {len(found)} or more runs: {', '.join(r.id for r in found[:5])}",
                    hint="give one more character",
                )
            if found:
                return found[0]
        # To who may bring it back it says more than that there is none.
        _run_scope(self.call, ref)
        raise NotFoundError(
            f"there is no run {ref!r}" if ref != "@last" else "there is no run yet",
            hint="give an id, the beginning of one, a name, or @last; `runward runs list` shows them",
        )

    def get_run(self, run_id: str) -> RunDetail:
        """See the contract."""
        return sql.run_detail(self.tx, run_id)

    def update_run(self, run_id: str, patch: RunPatch) -> Run:
        """See the contract."""
        values: dict[str, Any] = {}
        if patch.name is not msgspec.UNSET:
            values["name"] = check_name(patch.name, "the run's name")
        if patch.purpose is not msgspec.UNSET:
            values["purpose"] = redact(check_text(patch.purpose, "purpose"))
        if patch.tags is not msgspec.UNSET:
            for key, value in patch.tags.items():
                check_key(key, "tag")
                check_text(value or "", f"tag {key!r}")
            sql.set_tags(self.tx, run_place(self.call, run_id)[0], run_id, masked_tags(patch.tags))
        sql.update_run(self.tx, run_id, values)
        self._run_event(
            "run.updated", run_id, {"fields": sorted(values), **{k: v for k, v in values.items() if k == "name"}}
        )
        return sql.run(self.tx, run_id)

    def _run_event(self, kind: str, run_id: str, data: dict[str, Plain]) -> None:
        self.call.publish(Event(kind, "run", run_id, *run_place(self.call, run_id), data))

    def append(self, run_id: str, batch: Batch) -> Ack:
        """See the contract."""
        check_name(batch.client, "the client's id", limit=64)
        if batch.first < 0 or batch.count < 0:
            raise InvalidError(f"first is {batch.first} and count {batch.count}", hint="frames are counted from 0")
        held: storage.Held | None = None
        if batch.count > 0:
            held = self.call.ahead or storage.hold(self.tx, [(run_id, batch.client)])[0]
            expected = held.next_frame
        else:
            expected = storage.next_frame(self.tx, run_id, batch.client)
        if batch.first > expected:
            raise ConflictError(
                f"frames {expected} to {batch.first - 1} of client {batch.client} are missing",
                hint="send them first",
                expected=expected,
            )
        if held is None or batch.first + batch.count <= expected:
            return Ack(next=expected)
        if batch.first < expected:
            raise ConflictError(
                f"frames before {expected} of client {batch.client} are stored already",
                hint="send the journal again from there",
                expected=expected,
            )
        storage.take_frames(self.tx, run_id, batch.client, batch.first + batch.count)
        ended = self._store(run_id, held, batch)
        if batch.end is not None:
            if ended:
                self._publish_end(run_id, held.project_id, batch.end)
            self.call.note("tracking.end_run", "run", run_id)
        return Ack(next=batch.first + batch.count)

    def _store(self, run_id: str, held: storage.Held, batch: Batch) -> bool:
        """Store what is in a batch; returns whether the run ends with it."""
        summaries = []
        for piece in batch.points:
            check_key(piece.key, "metric")
            if (summary := summary_of(piece)) is not None:
                summaries.append(summary)
        for key in batch.params:
            check_key(key, "param")
        for key, value in batch.tags.items():
            check_key(key, "tag")
            check_text(value, f"tag {key!r}")
        points = sum(summary.n for summary in summaries)
        if points:
            storage.insert_segment(self.tx, run_id, batch.client, batch.first, points, pack_segment(batch.points))
            self.call.counted["points"] = self.call.counted.get("points", 0) + points
        ended = batch.end is not None and self._end(run_id, held, batch.end, 1 if points else 0)
        if not ended:
            storage.touch_run(self.tx, run_id, 1 if points else 0)
        if points:
            storage.add_summaries(self.tx, held.project_id, run_id, summaries)
        sql.set_params(self.tx, held.project_id, run_id, masked_params(_given(batch)))
        sql.set_tags(self.tx, held.project_id, run_id, masked_tags(batch.tags))
        sql.insert_output(self.tx, run_id, masked_output(batch.output))
        if (batch.points or batch.params) and RunStatus(held.status).is_terminal:
            self._run_event("run.changed", run_id, {})
        return ended

    def end_run(self, run_id: str, end: RunEnd) -> Run:
        """See the contract."""
        (held,) = storage.hold(self.tx, [(run_id, "")])
        if self._end(run_id, held, end):
            self._publish_end(run_id, held.project_id, end)
            # What is found out about its end belongs to the answer.
            self.call.catch_up()
        return sql.run(self.tx, run_id)

    def _end(self, run_id: str, held: storage.Held, end: RunEnd, segments: int = 0) -> bool:
        """Let a run end; returns whether it does, and is not over already. ``segments`` are not counted yet."""
        if not end.status.is_terminal:
            raise InvalidError(f"status {end.status!r} is no end", hint="finished, failed, cancelled or timed_out")
        ended = to_us(end.ended_at) if end.ended_at else self.call.now_us
        if held.resumed or held.status != RunStatus.RUNNING:
            # A clock may have been set back meanwhile: no run ends before it began.
            if held.status == end.status or max(ended, held.started_at) < storage.moment_of(held.resumed):
                return False
            if RunStatus(held.status).is_terminal:
                raise InvalidTransitionError(
                    f"run {run_id} is over: it {held.status}",
                    hint=f"start a new run, or this one with run_id={run_id!r}",
                )
        values = {
            "status": end.status,
            "exit_code": end.exit_code,
            "error": redact(end.error)[-4000:].replace("\0", "␀"),
            **usage_columns(end.usage),
        }
        storage.end_run(self.tx, run_id, values, ended, segments, SMALL_POINTS)
        return True

    def _publish_end(self, run_id: str, project_id: str, end: RunEnd) -> None:
        scope = self.call.project_scope(project_id)
        assert scope is not None
        self.call.publish(Event("run.ended", "run", run_id, project_id, scope.team_id, {"status": end.status}))

    def resume_run(self, run_id: str, at: datetime | None = None) -> Run:
        """See the contract."""
        row = self.tx.one(f"SELECT status, ended_at FROM runs WHERE id = ?{self.tx.for_update}", (run_id,))
        assert row is not None
        moment = to_us(at) if at else self.call.now_us
        if RunStatus(row[0]).is_terminal and moment > (row[1] or 0):
            open_again = {"status": RunStatus.RUNNING, "exit_code": None, "error": "", "ended_at": None}
            sql.update_run(self.tx, run_id, open_again | usage_columns(Usage()))
            # Told after it runs: evidence is compared with what the run is now, and what follows is told at its end only.
            self._run_event("run.changed", run_id, {})
            tags = {RESUMED_TAG: from_us(moment).isoformat()}
            sql.set_tags(self.tx, run_place(self.call, run_id)[0], run_id, tags)
            self._run_event("run.resumed", run_id, {})
        return sql.run(self.tx, run_id)

    def delete_run(self, run_id: str) -> None:
        """See the contract."""
        sql.update_run(self.tx, run_id, {"deleted_at": self.call.now_us})
        self._run_event("run.deleted", run_id, {})

    # what belongs to a run ----------------------------------------------------------------------------------------

    def series(self, run_id: str, keys: list[str], width: int = 0) -> RunSeries:
        """See the contract."""
        found = read_series(self.tx, run_id, keys, width)
        return RunSeries(run_id=RunId(run_id), series=[as_series(key, *of, width) for key, of in found.items()])

    def output(self, run_id: str, after: int = 0) -> OutputPage:
        """See the contract."""
        self.call.read_content("run", run_id)
        rows = sql.output_after(self.tx, run_id, after, 1001)
        shown = rows[:1000]
        return OutputPage(
            chunks=[chunk for _, chunk in shown], next=shown[-1][0] if shown else after, more=len(rows) > len(shown)
        )

    def history(self, run_id: str) -> list[HistoryEntry]:
        """See the contract."""
        return sql.events_of(self.tx, run_id)

    def add_artifact(self, run_id: str, artifact: NewArtifact) -> Artifact:
        """See the contract."""
        return self.add_artifacts(run_id, [artifact])[0]

    def add_artifacts(self, run_id: str, artifacts: list[NewArtifact]) -> list[Artifact]:
        """See the contract."""
        sizes = self._uploaded(run_id, [artifact.digest for artifact in artifacts])
        made = [attached(artifact, sizes, self.call.now) for artifact in artifacts]
        if made:
            self.call.let_go("run", run_id, [artifact.path for artifact in made])
            sql.set_artifacts(self.tx, run_id, made)
            sql.update_run(self.tx, run_id, {})
            self._run_event("run.updated", run_id, {"artifact": made[0].path, "artifacts": len(made)})
            self._content_changed(run_id)
        return made

    def _content_changed(self, run_id: str) -> None:
        """Tell the upper rooms that a run which is over changed: their evidence is about something else now."""
        status = self.tx.scalar("SELECT status FROM runs WHERE id = ?", (run_id,))
        if RunStatus(status).is_terminal:
            self._run_event("run.changed", run_id, {})

    def _uploaded(self, run_id: str, digests: Sequence[str]) -> dict[str, int]:
        project_id = self.tx.scalar("SELECT project_id FROM runs WHERE id = ?", (run_id,))
        return sql.blob_sizes(self.tx, project_id, digests)

    def put_captures(self, run_id: str, parts: list[CapturePart]) -> None:
        """See the contract."""
        named = [digest for part in parts if part.kind == "code" for digest in packages.locks_of(part.summary).values()]
        sizes = self._uploaded(run_id, [*(check_digest(part.digest) for part in parts), *named])
        garbage_lock(self.tx, shared=True)
        for part in parts:
            if part.digest not in sizes:
                raise _not_uploaded(part.digest)
            sql.set_capture(self.tx, run_id, part)
            if part.kind == "environment":
                packages.set_installed(self.tx, run_id, part.summary)
            if part.kind == "code":
                packages.set_locks(self.tx, run_id, part.summary, sizes)
                values = {
                    "git_commit": str(part.summary.get("commit") or ""),
                    "git_branch": str(part.summary.get("branch") or ""),
                    "dirty": int(bool(part.summary.get("dirty"))),
                }
                sql.update_run(self.tx, run_id, values)
        self._run_event("run.updated", run_id, {"captured": [part.kind for part in parts]})
        self._content_changed(run_id)


_RUNS = frozenset({"runs"})
_LIES = "SELECT project_id, deleted_at, name, id FROM runs"


def _look_ahead(tx: Tx, ids: Sequence[str]) -> None:
    found = {row[3]: row for row in tx.listed(f"{_LIES} WHERE id IN ({{}})", ids)}
    for run_id in ids:
        tx.once(_RUNS, ("lies", run_id), functools.partial(found.get, run_id))


def _hold_together(tx: Tx, asked: Sequence[Mapping[str, Any]]) -> list[storage.Held]:
    return storage.hold(tx, [(one["run_id"], one["batch"].client) for one in asked])


def _run_scope(call: Call, run_id: str) -> Scope | None:
    row = call.tx.once(_RUNS, ("lies", run_id), lambda: call.tx.one(f"{_LIES} WHERE id = ?", (run_id,)))
    if row is not None and row[1] is not None and may_restore(call, row[0]):
        raise NotFoundError(
            f"run {row[2]!r} ({run_id}) was deleted on {from_us(row[1]):%Y-%m-%d %H:%M} UTC",
            hint=f"`runward runs restore {run_id}` brings it back until garbage is collected",
        )
    return call.project_scope(row[0]) if row and row[1] is None else None


def _experiment_scope(call: Call, experiment_id: str) -> Scope | None:
    project_id = call.tx.scalar("SELECT project_id FROM experiments WHERE id = ?", (experiment_id,))
    return project_scope(call.tx, project_id) if project_id else None


def _project_scope(call: Call, reference: str) -> Scope | None:
    found = call.find_project(reference)
    return call.project_scope(found.id) if found else None


def _given(batch: Batch) -> list[RunParam]:
    return [RunParam(key, value, batch.origins.get(key, "run")) for key, value in batch.params.items()]


def _place_scope(call: Call, place: str) -> Scope | None:
    """Where a new project would lie: in the nearest project above it that the caller sees, else in the team."""
    path, _, team = place.rpartition("\t")
    parts = check_project_path(path)
    for depth in range(len(parts), 0, -1):
        found = find_project(call.tx, "/".join(parts[:depth]))
        if found is not None and call.role_on("project", found.id) is not None:
            return project_scope(call.tx, found.id)
    team_id = home_team(call.tx, call.actor, team)
    scope = Scope((), team_id) if team_id else None
    if scope is None or role_at(call.tx, call.actor, scope) is None:
        raise NotFoundError(f"there is no team {team or 'of yours'!r}", hint="`runward team list` shows yours")
    return scope


def _run_state(call: Call, run_id: str) -> list[Any]:
    found = sql.run(call.tx, run_id)
    return [found.name, found.purpose, found.tags]


ROOM = Room(
    Tracking,
    TrackingService,
    {"run": _run_scope, "experiment": _experiment_scope, "project": _project_scope, "place": _place_scope},
    {},
    (
        BlobReference("SELECT digest FROM artifacts"),
        BlobReference("SELECT DISTINCT digest FROM captures", documents=True),
    ),
    ahead={"run": _look_ahead},
    together={"append": _hold_together},
    states={"get_run": _run_state},
)
