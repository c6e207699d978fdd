"""The contract of order: moving, archiving, deleting and restoring, views, baselines, comments, garbage."""

from __future__ import annotations

from typing import ClassVar, Protocol

from runward.core.operation import BY_AUTHOR, ON_WORKSPACE, operation
from runward.tracking.model import Project, Run
from runward.tracking.organise_model import (
    Baseline,
    BulkEdit,
    Collect,
    Collected,
    Comment,
    CommentVersion,
    Deltas,
    Edited,
    Layout,
    NewBaseline,
    NewComment,
    NewView,
    View,
)


class Organise(Protocol):
    """Thread-safe. Ids never change; only paths do."""

    room: ClassVar[str] = "organise"

    @operation("POST", "/projects/{project}/move", may="project.update", on="project")
    def move_project(self, project: str, path: str) -> Project:
        """Give a project and all below it another path; its old paths keep leading to it.

        Raises: InvalidError (below itself, too deep), NotFoundError (no parent), AlreadyExistsError (path taken),
        ForbiddenError (needs a maintainer on both ends), ConflictError (the new parent is archived).
        """
        ...

    @operation("POST", "/projects/{project}/archive", may="project.update", on="project")
    def archive_project(self, project: str, archived: bool = True) -> Project:
        """Lay a project and all below it aside, or take them back. Archived ones accept no new runs."""
        ...

    @operation("DELETE", "/projects/{project}", may="project.update", on="project")
    def delete_project(self, project: str) -> None:
        """Put a project, all below it and their runs out of sight; see :meth:`restore_project`."""
        ...

    @operation("POST", "/deleted-projects/{deleted_project_id}/restore", may="project.update", on="deleted_project_id")
    def restore_project(self, deleted_project_id: str) -> Project:
        """Bring back a deleted project by id with all that was deleted with it.

        Raises: AlreadyExistsError (another project has its path now), ConflictError (its parent is deleted).
        """
        ...

    @operation("POST", "/deleted-runs/{deleted_run_id}/restore", may="run.delete", on="deleted_run_id")
    def restore_run(self, deleted_run_id: str) -> Run:
        """Bring back a deleted run. Raises: ConflictError (its project is deleted)."""
        ...

    @operation(
        "PUT",
        "/projects/{project}/favourite",
        may="project.read",
        on="project",
        audit=False,
        blind="it is the caller's own mark",
    )
    def set_favourite(self, project: str, favourite: bool = True) -> Project:
        """Mark a project for oneself, or take the mark away."""
        ...

    @operation(
        "PUT",
        "/runs/{run_id}/pin",
        may="run.write",
        on="run_id",
        blind="a switch with two positions: what two people want at once is the same, or the later one is the answer",
    )
    def set_pin(self, run_id: str, pinned: bool = True) -> None:
        """Pin a run to the top of its project for everybody, or take the pin away."""
        ...

    @operation(
        "GET",
        "/projects/{project}/layout",
        may="run.read",
        on="project",
        state=("baseline.project", "baseline.at"),
        signed=("baseline.author", "baseline.at"),
    )
    def layout(self, project: str) -> Layout:
        """Pinned runs, baseline and saved views of a project."""
        ...

    @operation("PUT", "/projects/{project}/baseline", may="project.update", on="project", revises="layout")
    def set_baseline(self, project: str, baseline: NewBaseline) -> Baseline | None:
        """Name what the project's runs, and those below it, are measured against. Raises: InvalidError, NotFoundError."""
        ...

    @operation("GET", "/runs/{run_id}/deltas", may="run.read", on="run_id")
    def deltas(self, run_id: str) -> Deltas:
        """A run and its repetitions with other seeds against the baseline: differences with 95 % intervals."""
        ...

    @operation("POST", "/projects/{project}/bulk-edits", may="run.write", on="project")
    def edit_runs(self, project: str, edit: BulkEdit) -> Edited:
        """Change many runs at once, all or none; says which.

        Raises: InvalidError (nothing asked for, or ids and a search), NotFoundError (an id is not in the project),
        ConflictError (not the expected number), ForbiddenError (moving and deleting need a maintainer).
        """
        ...

    @operation("POST", "/views", may="view.write", on="view.project")
    def save_view(self, view: NewView) -> View:
        """Save a view under a name. Raises: InvalidError (the search), ForbiddenError (it is another member's)."""
        ...

    @operation("GET", "/views/{view_id}", may="view.read", on="view_id")
    def get_view(self, view_id: str) -> View:
        """A saved view: whoever may read its project may open it."""
        ...

    @operation("DELETE", "/views/{view_id}", may="view.write", on="view_id", others="project.update")
    def delete_view(self, view_id: str) -> None:
        """Delete a view; its author or a maintainer may. Raises: ForbiddenError."""
        ...

    @operation("GET", "/runs/{run_id}/comments", may="comment.read", on="run_id")
    def list_comments(self, run_id: str) -> list[Comment]:
        """A run's comments, oldest first."""
        ...

    @operation("GET", "/projects/{project}/readers", may="comment.write", on="project")
    def readers(self, project: str) -> list[str]:
        """Names of the members who may read a project: those whom ``@name`` reaches."""
        ...

    @operation("POST", "/runs/{run_id}/comments", may="comment.write", on="run_id")
    def add_comment(self, run_id: str, comment: NewComment) -> Comment:
        """Write a comment; ``@name`` tells a member. Raises: InvalidError (empty, no such metric or artifact)."""
        ...

    @operation(
        "PUT",
        "/comments/{comment_id}",
        may="comment.write",
        on="comment_id",
        others=BY_AUTHOR,
        blind="only its author may; each version is kept, and `version` says which one it was made from",
    )
    def edit_comment(self, comment_id: str, body: str, version: int) -> Comment:
        """Change one's own comment; every version is kept. Raises: StaleVersionError, ForbiddenError."""
        ...

    @operation("DELETE", "/comments/{comment_id}", may="comment.write", on="comment_id", others="project.update")
    def remove_comment(self, comment_id: str) -> None:
        """Take a comment's text away; its place in the thread stays. Its author or a maintainer may."""
        ...

    @operation(
        "PUT",
        "/comments/{comment_id}/resolution",
        may="comment.write",
        on="comment_id",
        blind="a switch with two positions: what two people want at once is the same, or the later one is the answer",
    )
    def resolve_comment(self, comment_id: str, resolved: bool = True) -> Comment:
        """Settle the comment's thread, or open it again; the answer is the thread's first comment."""
        ...

    @operation("GET", "/comments/{comment_id}/versions", may="comment.read", on="comment_id")
    def comment_versions(self, comment_id: str) -> list[CommentVersion]:
        """A comment as it was, oldest first; of a removed one the list is empty."""
        ...

    @operation("POST", "/garbage/collect", may="workspace.collect", on=ON_WORKSPACE)
    def collect_garbage(self, collect: Collect) -> Collected:
        """One bounded step of garbage collection; call again while ``more``. An interrupted one is simply continued.

        Runs and projects deleted longer ago than the grace go with all that belongs to them (the audit trail stays),
        then bytes that nothing names any more. Bytes uploaded or asked about in the last hour are never taken.
        """
        ...
