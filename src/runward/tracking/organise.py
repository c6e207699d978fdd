"""The rules of order: who may move, lay aside, delete and bring back what, and what stays true meanwhile."""

from __future__ import annotations

import shlex
from typing import ClassVar

from runward.core.call import Event, Room, Scope
from runward.core.ids import ProjectId, RunId
from runward.core.permissions import Role
from runward.errors import AlreadyExistsError, ConflictError, ForbiddenError, InvalidError, NotFoundError
from runward.governance.calling import Call
from runward.governance.revising import hold
from runward.governance.scopes import ProjectRow, archived_as, find_project, is_archived, project_scope
from runward.tracking import lifecycle, repository
from runward.tracking.baselines import Baselines
from runward.tracking.checks import check_key, check_text
from runward.tracking.comments import Comments, comment_scope
from runward.tracking.finding import ProjectKeys, find_page
from runward.tracking.garbage import live_of_runs, step
from runward.tracking.masking import masked_tags
from runward.tracking.model import Project, Run
from runward.tracking.organise_api import Organise
from runward.tracking.organise_model import BulkEdit, Collect, Collected, Edited, Layout
from runward.tracking.places import check_project_path
from runward.tracking.search import compile_query
from runward.tracking.views import Views, view_scope

MAX_EDITED = 10_000


class OrganiseService(Views, Comments, Baselines, Organise):
    """See :class:`Organise`."""

    room: ClassVar[str] = "organise"

    def __init__(self, call: Call) -> None:
        self.call, self.tx = call, call.tx

    # projects -------------------------------------------------------------------------------------------------------

    def move_project(self, project: str, path: str) -> Project:
        """See the contract."""
        found, parts = self.call.project(project), check_project_path(path)
        if path == found.path:
            return self._shown(found.id)
        if path.startswith(f"{found.path}/"):
            raise InvalidError(f"{path!r} lies below {found.path!r} itself", hint="choose a place outside of it")
        deepest = max(old.count("/") for _, old in lifecycle.paths_below(self.tx, found.id)) - found.path.count("/")
        check_project_path("/".join([*parts, *["x"] * deepest]))
        parent = self._new_parent(parts[:-1])
        if (taken := find_project(self.tx, path)) is not None and taken.path == path:
            raise AlreadyExistsError(f"there is a project {path!r} already", hint="choose another name")
        team = parent.team_id if parent else found.team_id
        lifecycle.move(self.tx, found, parent, path, team, self.call.now_us)
        self._publish("project.moved", found, {"from": found.path, "path": path})
        return self._shown(found.id)

    def _new_parent(self, parts: list[str]) -> ProjectRow | None:
        if not parts:
            return None
        parent = self.call.project("/".join(parts))
        self._need_maintainer(parent, "moving a project below it")
        if is_archived(self.tx, parent.id):
            raise ConflictError(f"project {parent.path!r} is archived", hint="take it back first")
        return parent

    def _need_maintainer(self, project: ProjectRow, what: str) -> None:
        role = self.call.role_on("project", project.id)
        if role is None or role < Role.MAINTAINER:
            raise ForbiddenError(
                f"{what} needs the role maintainer on {project.path!r}, {self.call.actor.name} has "
                f"{role.label if role else 'none'}",
                hint="ask an admin of the team for it",
            )

    def _shown(self, project_id: str) -> Project:
        return repository.project(self.tx, project_id, self.call.actor.member_id)

    def _publish(self, kind: str, project: ProjectRow, data: dict[str, object]) -> None:
        self.call.publish(Event(kind, "project", project.id, project.id, project.team_id, data))

    def archive_project(self, project: str, archived: bool = True) -> Project:
        """See the contract."""
        found = self.call.project(project)
        if not archived and found.parent_id and is_archived(self.tx, found.parent_id):
            outer = _path(self.call, archived_as(self.tx, found.parent_id))
            hint = f"take that one back first: runward projects archive --undo {shlex.quote(outer)}"
            raise ConflictError(f"the project above {found.path!r} is archived", hint=hint)
        lifecycle.archive(self.tx, found.id, self.call.now_us if archived else None)
        self._publish("project.archived" if archived else "project.reopened", found, {"path": found.path})
        return self._shown(found.id)

    def delete_project(self, project: str) -> None:
        """See the contract."""
        found = self.call.project(project)
        lifecycle.delete(self.tx, found.id, self.call.now_us)
        self._publish("project.deleted", found, {"path": found.path})

    def restore_project(self, deleted_project_id: str) -> Project:
        """See the contract."""
        row = self.tx.one("SELECT deleted_at, parent_id, path FROM projects WHERE id = ?", (deleted_project_id,))
        assert row is not None
        deleted_at, parent_id, stored = row
        if deleted_at is None:
            return self._shown(deleted_project_id)
        above = self.tx.one("SELECT path, deleted_at FROM projects WHERE id = ?", (parent_id,)) if parent_id else None
        if above is not None and above[1] is not None:
            raise ConflictError("the project above it is deleted too", hint=f"restore {parent_id} first")
        name = repository.path_before(stored).rpartition("/")[2]
        path = f"{above[0]}/{name}" if above else name
        if self.tx.scalar("SELECT id FROM projects WHERE path = ?", (path,)):
            raise AlreadyExistsError(f"another project has the path {path!r} now", hint="move that one first")
        lifecycle.restore(self.tx, deleted_project_id, path, deleted_at)
        found = self.call.project(deleted_project_id)
        self._publish("project.restored", found, {"path": path})
        return self._shown(found.id)

    def set_favourite(self, project: str, favourite: bool = True) -> Project:
        """See the contract."""
        found = self.call.project(project)
        lifecycle.set_favourite(self.tx, self.call.actor.member_id, found.id, on=favourite)
        return self._shown(found.id)

    def layout(self, project: str) -> Layout:
        """See the contract."""
        found = self.call.project(project)
        pins = repository.runs_by_id(self.tx, lifecycle.pinned(self.tx, found.id))
        return Layout(pins=pins, baseline=self.baseline_of(found.id), views=self.views_of(found.id))

    # runs -----------------------------------------------------------------------------------------------------------

    def set_pin(self, run_id: str, pinned: bool = True) -> None:
        """See the contract."""
        project_id = self.tx.scalar("SELECT project_id FROM runs WHERE id = ?", (run_id,))
        lifecycle.set_pin(self.tx, project_id, run_id, self.call.actor.name, self.call.now_us, on=pinned)

    def restore_run(self, deleted_run_id: str) -> Run:
        """See the contract."""
        row = self.tx.one(
            "SELECT p.deleted_at, p.id, p.team_id FROM runs r JOIN projects p ON p.id = r.project_id WHERE r.id = ?",
            (deleted_run_id,),
        )
        assert row is not None
        if row[0] is not None:
            raise ConflictError("the run's project is deleted", hint=f"`runward projects restore {row[1]}` first")
        repository.update_run(self.tx, deleted_run_id, {"deleted_at": None})
        self.call.publish(Event("run.restored", "run", deleted_run_id, row[1], row[2], {}))
        return repository.run(self.tx, deleted_run_id)

    def edit_runs(self, project: str, edit: BulkEdit) -> Edited:
        """See the contract."""
        found = self.call.project(project)
        if not (edit.set_tags or edit.remove_tags or edit.move_to or edit.delete or edit.archive is not None):
            raise InvalidError("the edit changes nothing", hint="set_tags, remove_tags, move_to, archive or delete")
        if edit.move_to or edit.delete:
            self._need_maintainer(found, "moving and deleting runs")
        hold(self.tx, "tracking.get_run", alone=False)
        ids = self._chosen(found, edit)
        if edit.expect is not None and edit.expect != len(ids):
            raise ConflictError(
                f"{len(ids):,} runs match, {edit.expect:,} were expected; nothing was changed",
                hint="look at the list again",
                matched=len(ids),
            )
        self._edit(found, edit, ids)
        return Edited(changed=len(ids), run_ids=[RunId(run_id) for run_id in ids])

    def _chosen(self, project: ProjectRow, edit: BulkEdit) -> list[str]:
        if bool(edit.run_ids) == bool(edit.where):
            raise InvalidError("give run_ids or where, one of them", hint="where='status = \"failed\"'")
        below = self.call.visible_projects(project.id)
        if edit.run_ids:
            ids = list(dict.fromkeys(edit.run_ids))
            inside = {row[0] for row in self.tx.all(f"SELECT id FROM projects WHERE id IN {below.sql}", below.params)}
            places = lifecycle.run_projects(self.tx, ids)
            missing = [run_id for run_id in ids if places.get(run_id) not in inside]
            if missing:
                raise NotFoundError(
                    f"{len(missing)} of {len(ids)} runs are not in project {project.path!r}: {', '.join(missing[:5])}",
                    hint="nothing was changed",
                )
            return ids
        query = compile_query(edit.where, "", ProjectKeys(self.tx, below))
        state = "archived" if edit.archive is False else "active"
        page = find_page(self.tx, below, query, MAX_EDITED, None, (edit.where,), state)  # type: ignore[arg-type]
        if page.total > MAX_EDITED:
            raise InvalidError(
                f"{page.total:,} runs match; at most {MAX_EDITED:,} are changed at once", hint="narrow the search"
            )
        return page.ids

    def _edit(self, project: ProjectRow, edit: BulkEdit, ids: list[str]) -> None:
        tags: dict[str, str | None] = {**masked_tags(edit.set_tags), **dict.fromkeys(edit.remove_tags)}
        for key, value in edit.set_tags.items():
            check_tag(key, value)
        columns: dict[str, object] = {}
        if edit.archive is not None:
            columns["archived_at"] = self.call.now_us if edit.archive else None
        if edit.delete:
            columns["deleted_at"] = self.call.now_us
        if edit.move_to:
            self._move_runs(ids, edit.move_to)
        places = lifecycle.run_projects(self.tx, ids)
        for run_id in ids:
            if tags:
                repository.set_tags(self.tx, places[run_id], run_id, tags)
            repository.update_run(self.tx, run_id, columns)
        kind = "run.deleted" if edit.delete else "run.updated"
        for run_id in ids:
            data: dict[str, object] = {"fields": sorted([*columns, *(["tags"] if tags else [])])}
            self.call.publish(Event(kind, "run", run_id, places[run_id], project.team_id, data))

    def _move_runs(self, ids: list[str], target: str) -> None:
        to = self.call.project(target)
        self._need_maintainer(to, "moving runs into it")
        check_open(self.call, to.id)
        for run_id, source in lifecycle.run_projects(self.tx, ids).items():
            if source != to.id:
                lifecycle.copy_blobs(self.tx, source, to.id, sorted(live_of_runs(self.call, run_id)))
                self.call.publish(Event("run.moved", "run", run_id, source, to.team_id, {"from": source, "to": to.id}))
        lifecycle.move_runs(self.tx, ids, to.id)

    def collect_garbage(self, collect: Collect) -> Collected:
        """See the contract."""
        if not 0 <= collect.grace_days <= 36_500:
            raise InvalidError(f"grace_days is {collect.grace_days}", hint="0 to 36,500")
        return step(self.call, collect)


def check_tag(key: str, value: str) -> None:
    """Refuse what cannot be a tag. Raises: InvalidError."""
    check_key(key, "tag")
    check_text(value, f"tag {key!r}")


def _path(call: Call, project_id: str) -> str:
    return str(call.tx.scalar("SELECT path FROM projects WHERE id = ?", (project_id,)))


def check_open(call: Call, project_id: str) -> None:
    """Refuse new work in an archived project. Raises: ConflictError."""
    if is_archived(call.tx, project_id):
        path, outer = (_path(call, found) for found in (project_id, archived_as(call.tx, project_id)))
        raise ConflictError(
            f"project {path!r} is archived and takes nothing new",
            hint=f"`runward projects archive --undo {shlex.quote(outer)}` opens it again",
        )


def _on_new(call: Call, event: Event) -> None:
    check_open(call, event.project_id)


def _on_new_project(call: Call, event: Event) -> None:
    parent = call.tx.scalar("SELECT parent_id FROM projects WHERE id = ?", (event.project_id,))
    if parent:
        check_open(call, parent)


def _deleted_project(call: Call, project_id: str) -> Scope | None:
    return project_scope(call.tx, ProjectId(project_id), deleted=True)


def _deleted_run(call: Call, run_id: str) -> Scope | None:
    project_id = call.tx.scalar("SELECT project_id FROM runs WHERE id = ?", (run_id,))
    return project_scope(call.tx, project_id, deleted=True) if project_id else None


ROOM = Room(
    Organise,
    OrganiseService,
    {
        "deleted_project": _deleted_project,
        "deleted_run": _deleted_run,
        "view": view_scope,
        "comment": comment_scope,
    },
    {
        "run.started": (_on_new,),
        "run.imported": (_on_new,),
        "experiment.started": (_on_new,),
        "project.created": (_on_new_project,),
    },
)
