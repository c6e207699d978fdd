"""The rules of projects and experiments: where runs lie."""

from __future__ import annotations

from runward.core.call import Event
from runward.core.ids import ExperimentId, ProjectId, new_id
from runward.errors import AlreadyExistsError, InvalidError, StaleVersionError
from runward.governance.calling import Call
from runward.governance.names import check_name
from runward.governance.scopes import (
    ProjectRow,
    find_project,
    home_team,
)
from runward.tracking import repository as sql
from runward.tracking.finding import known_keys
from runward.tracking.keyed import encode
from runward.tracking.model import (
    Experiment,
    KnownKeys,
    NewExperiment,
    NewProject,
    Plain,
    Project,
    RunStatus,
    State,
)

MAX_PAGE = 1000
_MAX_DEPTH = 32


def check_project_path(path: str) -> list[str]:
    """The names in a project's path. Raises: InvalidError."""
    parts = path.split("/")
    if len(parts) > _MAX_DEPTH:
        raise InvalidError(f"project path {path[:80]!r} is deeper than {_MAX_DEPTH} levels")
    for part in parts:
        check_name(part, f"a part of the project path {path[:80]!r}", limit=100)
        if part in (".", ".."):
            hint = "addresses and folders take it for another place"
            raise InvalidError(f"project path {path[:80]!r} has the part {part!r}", hint=hint)
        if ":" in part:
            raise InvalidError(f"project path {path[:80]!r} has a ':', which URLs use for '/'")
    return parts


class Places:
    """The part of the tracking service that knows projects and experiments."""

    def __init__(self, call: Call) -> None:
        self.call, self.tx = call, call.tx

    # projects -------------------------------------------------------------------------------------------------------

    def list_projects(self, state: State = "active") -> list[Project]:
        """See the contract."""
        return sql.projects(self.tx, self.call.visible_projects(), self.call.actor.member_id, state)

    def create_project(self, new: NewProject) -> Project:
        """See the contract."""
        parts = check_project_path(new.path)
        existing = find_project(self.tx, new.path)
        if existing is not None:
            if not new.exist_ok:
                raise AlreadyExistsError(f"there is a project {new.path!r} already", hint="exist_ok=True takes it")
            self._check_visible(existing)
            return sql.project(self.tx, existing.id)
        project_id = self._create_path(parts, new)
        return sql.project(self.tx, project_id)

    def _check_visible(self, found: ProjectRow) -> None:
        if self.call.role_on("project", found.id) is None:
            # The path is another team's. Saying so is unavoidable: paths are one tree.
            raise AlreadyExistsError(f"the path {found.path!r} is taken", hint="choose another name")

    def _create_path(self, parts: list[str], new: NewProject) -> ProjectId:
        parent: ProjectRow | None = None
        for depth in range(1, len(parts) + 1):
            # A parent that was moved takes what is made below it along.
            path = f"{parent.path}/{parts[depth - 1]}" if parent else parts[0]
            found = find_project(self.tx, path)
            if found is None:
                team_id = parent.team_id if parent else home_team(self.tx, self.call.actor, new.team)
                assert team_id is not None
                project_id = ProjectId(new_id())
                sql.insert_project(
                    self.tx,
                    project_id,
                    team_id,
                    parent.id if parent else None,
                    path,
                    new.description if depth == len(parts) else "",
                    self.call.actor.name,
                    self.call.now_us,
                )
                self.call.publish(Event("project.created", "project", project_id, project_id, team_id, {"path": path}))
                found = ProjectRow(project_id, team_id, parent.id if parent else None, path, parts[depth - 1])
            else:
                self._check_visible(found)
            parent = found
        assert parent is not None
        return parent.id

    def get_project(self, project: str) -> Project:
        """See the contract."""
        return sql.project(self.tx, self.call.project(project).id, self.call.actor.member_id)

    def known_keys(self, project: str) -> KnownKeys:
        """See the contract."""
        return known_keys(self.tx, self.call.visible_projects(project))

    def missing_blobs(self, project: str, digests: list[str]) -> list[str]:
        """See the contract."""
        project_id = self.call.project(project).id
        present = sql.blob_sizes(self.tx, project_id, digests)
        # Whoever asks is about to name them: garbage collection leaves them alone for a while.
        sql.touch_blobs(self.tx, project_id, sorted(present), self.call.now_us)
        return [digest for digest in dict.fromkeys(digests) if digest not in present]

    # experiments ----------------------------------------------------------------------------------------------------

    def list_experiments(self, project: str = "", limit: int = 200) -> list[Experiment]:
        """See the contract."""
        return sql.experiments(self.tx, self.call.visible_projects(project), min(max(limit, 1), MAX_PAGE))

    def create_experiment(self, new: NewExperiment) -> Experiment:
        """See the contract."""
        check_name(new.name, "the experiment's name")
        project, experiment_id = self.call.project(new.project), ExperimentId(new.id or new_id())
        check_name(experiment_id, "the experiment's id", limit=64)
        row = self.tx.one("SELECT project_id, created_by FROM experiments WHERE id = ?", (experiment_id,))
        if row == (project.id, self.call.actor.name):
            return sql.experiment(self.tx, experiment_id)
        if row is not None:
            raise AlreadyExistsError(
                f"the experiment id {new.id!r} is taken", hint="leave the id out, or make a new one"
            )
        self.tx.insert(
            "experiments",
            {
                "id": experiment_id,
                "project_id": project.id,
                "name": new.name,
                "description": new.description,
                "status": RunStatus.RUNNING,
                "metadata": "{}",
                "metadata_version": 0,
                "plan": encode(new.plan),
                "created_by": self.call.actor.name,
                "created_at": self.call.now_us,
            },
        )
        sql.set_metadata(self.tx, experiment_id, new.metadata, 1, self.call.actor.name, self.call.now_us)
        self._publish("experiment.started", "experiment", experiment_id, project, {"name": new.name})
        return sql.experiment(self.tx, experiment_id)

    def _publish(
        self, kind: str, object_kind: str, object_id: str, project: ProjectRow, data: dict[str, Plain]
    ) -> None:
        self.call.publish(Event(kind, object_kind, object_id, project.id, project.team_id, data))

    def get_experiment(self, experiment_id: str) -> Experiment:
        """See the contract."""
        return sql.experiment(self.tx, experiment_id)

    def set_metadata(self, experiment_id: str, metadata: dict[str, Plain], version: int | None = None) -> Experiment:
        """See the contract."""
        present = sql.experiment(self.tx, experiment_id)
        if version is not None and version != present.metadata_version:
            raise StaleVersionError(
                f"the metadata is at version {present.metadata_version}, you changed version {version}",
                hint="read it again and repeat the change",
            )
        if present.metadata == metadata:
            return present
        sql.set_metadata(
            self.tx, experiment_id, metadata, present.metadata_version + 1, self.call.actor.name, self.call.now_us
        )
        project = self.call.project(present.project_id)
        self._publish("experiment.updated", "experiment", experiment_id, project, {"name": present.name})
        return sql.experiment(self.tx, experiment_id)

    def end_experiment(self, experiment_id: str, status: RunStatus) -> Experiment:
        """See the contract."""
        present = sql.experiment(self.tx, experiment_id)
        if present.status == status:
            return present
        self.tx.execute(
            "UPDATE experiments SET status = ?, ended_at = ? WHERE id = ?", (status, self.call.now_us, experiment_id)
        )
        project = self.call.project(present.project_id)
        self._publish("experiment.ended", "experiment", experiment_id, project, {"status": status})
        return sql.experiment(self.tx, experiment_id)
