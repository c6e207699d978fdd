"""The contract of tracking: what can be done to projects, experiments and runs."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Protocol

from runward.core.operation import ON_LIST, operation
from runward.tracking.model import (
    Ack,
    Artifact,
    Batch,
    CapturePart,
    CodeFile,
    Comparison,
    Experiment,
    FileChange,
    HistoryEntry,
    KnownKeys,
    NewArtifact,
    NewExperiment,
    NewProject,
    NewRun,
    OutputPage,
    Plain,
    Project,
    Run,
    RunDetail,
    RunEnd,
    RunPage,
    RunPatch,
    RunSeries,
    RunStatus,
    State,
)


class Tracking(Protocol):
    """Thread-safe. ``append`` is idempotent per (run, client, frame)."""

    room: ClassVar[str] = "tracking"

    @operation("GET", "/projects", may="project.read", on=ON_LIST)
    def list_projects(self, state: State = "active") -> list[Project]:
        """The projects that the caller may see, by path: those in use, the archived or the deleted ones."""
        ...

    @operation("POST", "/projects", may="project.create", on="new.place")
    def create_project(self, new: NewProject) -> Project:
        """Create a project and its missing parents. Raises: AlreadyExistsError, InvalidError."""
        ...

    @operation("GET", "/projects/{project}", may="project.read", on="project")
    def get_project(self, project: str) -> Project:
        """A project by id or path (in a URL, ``:`` stands for the path's ``/``)."""
        ...

    @operation("GET", "/projects/{project}/keys", may="run.read", on="project")
    def known_keys(self, project: str) -> KnownKeys:
        """The keys of params, metrics and tags that the project's runs have."""
        ...

    @operation("POST", "/projects/{project}/missing-blobs", may="run.write", on="project", audit=False)
    def missing_blobs(self, project: str, digests: list[str]) -> list[str]:
        """Which of these bytes the project does not have yet, so that only those are uploaded."""
        ...

    @operation("GET", "/experiments", may="run.read", on=ON_LIST)
    def list_experiments(self, project: str = "", limit: int = 200) -> list[Experiment]:
        """Experiments, newest first, of one project or of all visible ones."""
        ...

    @operation("POST", "/experiments", may="run.write", on="new.project")
    def create_experiment(self, new: NewExperiment) -> Experiment:
        """Create an experiment. Raises: InvalidError, GateClosedError (the name breaks the project's naming rule)."""
        ...

    @operation("GET", "/experiments/{experiment_id}", may="run.read", on="experiment_id")
    def get_experiment(self, experiment_id: str) -> Experiment:
        """One experiment with its metadata."""
        ...

    @operation(
        "PUT",
        "/experiments/{experiment_id}/metadata",
        may="run.write",
        on="experiment_id",
        blind="programs write it; each version is kept, and `version` says which one it was made from",
    )
    def set_metadata(self, experiment_id: str, metadata: dict[str, Plain], version: int | None = None) -> Experiment:
        """Replace the metadata; each version is kept. Raises: StaleVersionError (``version`` is an older one)."""
        ...

    @operation("POST", "/experiments/{experiment_id}/end", may="run.write", on="experiment_id")
    def end_experiment(self, experiment_id: str, status: RunStatus) -> Experiment:
        """Say how an experiment ended."""
        ...

    @operation("GET", "/runs", may="run.read", on=ON_LIST)
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
        """Runs that match a condition such as ``metrics.loss < 0.3 and params.lr = 0.1``, newest first by default.

        Args:
            project: Id or path; the projects below it count too. Empty for all visible ones.
            where: A condition in the search language.
            sort: Fields separated by commas; ``-`` before a field sorts downwards (``-metrics.acc``).
            limit: At most 1,000 runs a page.
            cursor: ``next_cursor`` of the page before.
            state: ``archived`` or ``deleted`` for the runs that are left out otherwise. The runs of an archived
                project are only shown where the project is asked for.
            columns: Metrics, params and tags by commas (``metrics.acc,params.lr``): the runs come with these only, which
                is much less where runs have thousands. Empty for all.

        Raises: InvalidError pointing at the word that is wrong, with the keys that exist.
        """
        ...

    @operation("POST", "/runs", may="run.write", on="new.project", grouped=True)
    def create_run(self, new: NewRun) -> Run:
        """Start a run. Raises: InvalidError, AlreadyExistsError (the id is another run's), GateClosedError (naming)."""
        ...

    @operation("GET", "/run-refs", may="run.read", on=ON_LIST)
    def resolve_run(self, ref: str, project: str = "") -> Run:
        """A run by id, unique prefix of an id, name (the newest of that name) or ``@last``.

        Raises: NotFoundError, InvalidError (the prefix fits several runs; it names them).
        """
        ...

    @operation("GET", "/runs/{run_id}", may="run.read", on="run_id", state=("run.name", "run.purpose", "run.tags"))
    def get_run(self, run_id: str) -> RunDetail:
        """Everything about a run but its series."""
        ...

    @operation("PATCH", "/runs/{run_id}", may="run.write", on="run_id", revises="get_run")
    def update_run(self, run_id: str, patch: RunPatch) -> Run:
        """Change name, purpose or tags."""
        ...

    @operation("POST", "/runs/{run_id}/batches", may="run.write", on="run_id", audit=False, grouped=True)
    def append(self, run_id: str, batch: Batch) -> Ack:
        """Store a batch of points, params, tags and output durably, and the run's end if the batch has it.

        Raises: ConflictError (a gap; ``details['expected']`` is the frame that is missing), InvalidError (columns of
        unequal length), InvalidTransitionError (it ended before, in another way: nothing of the batch is stored).
        """
        ...

    @operation("POST", "/runs/{run_id}/end", may="run.write", on="run_id", grouped=True)
    def end_run(self, run_id: str, end: RunEnd) -> Run:
        """End a run; ending it again in the same way changes nothing. Raises: InvalidTransitionError."""
        ...

    @operation("POST", "/runs/{run_id}/resume", may="run.write", on="run_id")
    def resume_run(self, run_id: str, at: datetime | None = None) -> Run:
        """Take up a run again that is over: it is running, and evidence about it is outdated.

        A run that is running stays as it is, and so does one that ended after ``at`` (by default now): an old journal
        that arrives late cannot open it. Nor can it end the run with an end from before this moment. The tag
        ``runward.resumed`` says when it was.
        """
        ...

    @operation("DELETE", "/runs/{run_id}", may="run.delete", on="run_id")
    def delete_run(self, run_id: str) -> None:
        """Put a run out of sight. Its data stays until the workspace collects garbage."""
        ...

    @operation("GET", "/runs/{run_id}/series", may="run.read", on="run_id")
    def series(self, run_id: str, keys: list[str], width: int = 0) -> RunSeries:
        """Series of a run. With a ``width`` in pixels at most two points a column come back (minimum and maximum)."""
        ...

    @operation("GET", "/runs/{run_id}/output", may="run.read", on="run_id")
    def output(self, run_id: str, after: int = 0) -> OutputPage:
        """What the run printed, from chunk ``after`` on."""
        ...

    @operation("GET", "/runs/{run_id}/history", may="run.read", on="run_id")
    def history(self, run_id: str) -> list[HistoryEntry]:
        """What happened to the run, oldest first."""
        ...

    @operation("POST", "/runs/{run_id}/artifacts", may="run.write", on="run_id")
    def add_artifact(self, run_id: str, artifact: NewArtifact) -> Artifact:
        """Attach a file whose bytes were uploaded to the run's project. Raises: InvalidError (path), NotFoundError."""
        ...

    @operation("POST", "/runs/{run_id}/artifact-lists", may="run.write", on="run_id", grouped=True)
    def add_artifacts(self, run_id: str, artifacts: list[NewArtifact]) -> list[Artifact]:
        """Attach many files as :meth:`add_artifact` does: all of them or, when one is refused, none."""
        ...

    @operation(
        "PUT",
        "/runs/{run_id}/captures",
        may="run.write",
        on="run_id",
        grouped=True,
        blind="the run's own process records what it found; nobody edits it",
    )
    def put_captures(self, run_id: str, parts: list[CapturePart]) -> None:
        """Record what was captured; the documents were uploaded to the project before."""
        ...

    @operation("GET", "/comparisons", may="run.read", on=ON_LIST)
    def compare(self, run_ids: list[str]) -> Comparison:
        """Runs side by side: params, metrics, environment, and the code of the first two. Raises: NotFoundError."""
        ...

    @operation("GET", "/runs/{run_id}/code-file", may="run.read", on="run_id")
    def code_file(self, run_id: str, path: str) -> CodeFile:
        """A file of the captured code. Raises: NotFoundError (none was captured under this path)."""
        ...

    @operation("GET", "/runs/{run_id}/code-diff", may="run.read", on="run_id")
    def uncommitted(self, run_id: str) -> list[FileChange]:
        """The changes that were not committed when the run started."""
        ...
