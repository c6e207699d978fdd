"""The rules of the intake: whole runs from other tools, each accepted or refused on its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal, NamedTuple

from runward.core.call import Event, Room
from runward.core.clock import to_us
from runward.errors import AlreadyExistsError, InvalidError, RunwardError
from runward.governance.calling import Call
from runward.governance.names import check_name
from runward.governance.scopes import ProjectRow, readable_projects
from runward.tracking import intake_storage as storage
from runward.tracking import repository as sql
from runward.tracking.checks import check_key, check_run_id, check_text
from runward.tracking.compaction import SMALL_POINTS
from runward.tracking.intake_api import Intake
from runward.tracking.intake_model import SOURCE_TAG, VERSION_TAG, ForeignRun, KnownImport, Taken
from runward.tracking.keyed import encode, note_keys
from runward.tracking.model import Artifact
from runward.tracking.points import Summary, pack_segment, summary_of
from runward.tracking.service import attached

MAX_RUNS = 1000
"""Runs of one call at most."""
MAX_ASKED = 500
"""Ids of one question at most: they travel in its address."""


class _Accepted(NamedTuple):
    run: ForeignRun
    summaries: list[Summary]
    points: int
    artifacts: list[Artifact]
    is_new: bool


class IntakeService(Intake):
    """See :class:`Intake`."""

    room: ClassVar[str] = "intake"

    def __init__(self, call: Call) -> None:
        self.call, self.tx = call, call.tx

    def known_imports(self, run_ids: list[str]) -> list[KnownImport]:
        """See the contract."""
        _check_count(run_ids, MAX_ASKED)
        return storage.known(self.tx, readable_projects(self.call.actor), run_ids)

    def import_runs(self, project: str, runs: list[ForeignRun]) -> list[Taken]:
        """See the contract."""
        _check_count(runs)
        place = self.call.project(project)
        present = storage.present(self.tx, [run.id for run in runs])
        sizes = sql.blob_sizes(
            self.tx, place.id, sorted({artifact.digest for run in runs for artifact in run.artifacts})
        )
        accepted: dict[str, _Accepted] = {}
        taken: list[Taken] = []
        keys = set[str]()
        for run in runs:
            try:
                outcome = _fits(run, present.get(run.id), place)
                if run.id in accepted:
                    raise InvalidError(f"run {run.id} is there twice in one call")
                if outcome != "deleted":
                    accepted[run.id] = _accept(run, sizes, keys, self.call.now, is_new=outcome == "created")
                taken.append(Taken(run.id, outcome))
            except RunwardError as error:
                taken.append(Taken(run.id, "refused", error.message))
        self._store(place, list(accepted.values()))
        return taken

    def _store(self, place: ProjectRow, found: list[_Accepted]) -> None:
        storage.forget(self.tx, [item.run.id for item in found if not item.is_new])
        storage.insert_runs(
            self.tx, [{**self._fixed(place, item.run), **_values(item)} for item in found if item.is_new]
        )
        for item in found:
            if not item.is_new:
                sql.update_run(self.tx, item.run.id, _values(item))
        self._store_keyed(place, found)
        storage.insert_points(
            self.tx,
            [(item.run.id, item.points, pack_segment(item.run.points)) for item in found if item.points],
            [(item.run.id, *summary) for item in found for summary in item.summaries],
        )
        for item in found:
            kind, data = "run.imported" if item.is_new else "run.changed", {"name": item.run.name}
            self.call.publish(Event(kind, "run", item.run.id, place.id, place.team_id, data))

    def _fixed(self, place: ProjectRow, run: ForeignRun) -> dict[str, Any]:
        actor, empty = self.call.actor, {"git_commit": "", "git_branch": "", "fingerprint": ""}
        author = {"created_by": actor.name, "creator_id": actor.member_id}
        # Lists show runs by the time of their creation; an old run must not come first because it was imported today.
        return {
            "id": run.id,
            "project_id": place.id,
            "created_at": to_us(run.started_at),
            "revision": 1,
            **author,
            **empty,
        }

    def _store_keyed(self, place: ProjectRow, found: list[_Accepted]) -> None:
        tags = {item.run.id: {**item.run.tags, VERSION_TAG: item.run.version} for item in found}
        params = {item.run.id: {param.key: param for param in item.run.params} for item in found}
        note_keys(self.tx, place.id, "tag", {key for of in tags.values() for key in of})
        note_keys(self.tx, place.id, "param", {key for of in params.values() for key in of})
        note_keys(self.tx, place.id, "metric", {line.key for item in found for line in item.summaries})
        storage.put_tags(self.tx, [(run_id, *tag) for run_id, of in tags.items() for tag in of.items()])
        storage.insert_params(
            self.tx, [(run_id, p.key, p.value, p.origin) for run_id, of in params.items() for p in of.values()]
        )
        for item in found:
            if item.artifacts:
                sql.set_artifacts(self.tx, item.run.id, item.artifacts)
            if item.run.output:
                sql.insert_output(self.tx, item.run.id, item.run.output)


def _check_count(items: Sequence[Any], most: int = MAX_RUNS) -> None:
    if len(items) > most:
        raise InvalidError(f"{len(items):,} runs in one call, at most {most} are allowed", hint="send several")


def _fits(
    run: ForeignRun, there: tuple[str, bool, bool] | None, place: ProjectRow
) -> Literal["created", "replaced", "deleted"]:
    """What is to be done with a run. Raises: AlreadyExistsError (its id is another run's)."""
    if there is None:
        return "created"
    project_id, is_deleted, is_imported = there
    if project_id != place.id or not is_imported:
        raise AlreadyExistsError(f"the run id {run.id!r} is taken by a run that was not imported here")
    return "deleted" if is_deleted else "replaced"


def _accept(run: ForeignRun, sizes: dict[str, int], keys: set[str], now: datetime, *, is_new: bool) -> _Accepted:
    """The run with what is worked out of it; ``keys`` are known to be good (runs share theirs).

    Raises: InvalidError, NotFoundError (bytes that were not uploaded).
    """
    check_run_id(run.id)
    check_name(run.name, "the run's name")
    for what, text in (("purpose", run.purpose), ("error", run.error), ("version", run.version)):
        check_text(text, what)
    for param in run.params:
        _check_key(param.key, "param", keys)
        value = param.value
        check_text(value if isinstance(value, str) else encode(value), f"param {param.key!r}")
    for key, value in run.tags.items():
        _check_key(key, "tag", keys)
        check_text(value, f"tag {key!r}")
    if SOURCE_TAG not in run.tags:
        raise InvalidError(f"run {run.id} has no tag {SOURCE_TAG}", hint="name the tool that it comes from")
    summaries = []
    for piece in run.points:
        _check_key(piece.key, "metric", keys)
        if (summary := summary_of(piece)) is not None:
            summaries.append(summary)
    if len({line.key for line in summaries}) != len(summaries):
        raise InvalidError("a metric is there twice", hint="put its points together")
    artifacts = [attached(artifact, sizes, now) for artifact in run.artifacts]
    return _Accepted(run, summaries, sum(line.n for line in summaries), artifacts, is_new)


def _check_key(key: str, what: str, known: set[str]) -> None:
    if key not in known:
        known.add(check_key(key, what))


def _values(item: _Accepted) -> dict[str, Any]:
    run = item.run
    # A run that is over and short stays one segment; see compaction.
    is_done = bool(run.version) and run.ended_at is not None and item.points < SMALL_POINTS
    return {
        "name": run.name,
        "purpose": run.purpose,
        "status": run.status,
        "started_at": to_us(run.started_at),
        "ended_at": to_us(run.ended_at) if run.ended_at else None,
        "exit_code": run.exit_code,
        "error": run.error[-4000:],
        "seed": run.seed,
        "tail": int(item.points > 0 and not is_done),
    }


ROOM = Room(Intake, IntakeService, {}, {})
