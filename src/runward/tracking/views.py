"""Saved views: a named way to look at a project's runs, opened by its id."""

from __future__ import annotations

import json

from runward.core.call import Scope
from runward.core.clock import from_us
from runward.core.ids import ProjectId, new_id
from runward.core.permissions import Role
from runward.errors import ForbiddenError
from runward.governance.calling import Call
from runward.governance.names import check_name
from runward.governance.scopes import project_scope
from runward.store.database import Row, Tx
from runward.tracking.finding import ProjectKeys
from runward.tracking.organise_model import NewView, View
from runward.tracking.search import compile_query

_VIEW = """SELECT v.id, v.project_id, p.path, v.name, v.document, v.author, v.at
  FROM saved_views v JOIN projects p ON p.id = v.project_id"""


def _view(row: Row) -> View:
    return View(row[0], row[1], row[2], row[3], author=row[5], at=from_us(row[6]), **json.loads(row[4]))


class Views:
    """The part of the service that knows saved views."""

    call: Call
    tx: Tx

    def save_view(self, view: NewView) -> View:
        """See the contract."""
        project, name = self.call.project(view.project), check_name(view.name, "the view's name", limit=200)
        # A view that cannot be opened is refused now, and not when somebody follows the link.
        compile_query(view.where, view.sort, ProjectKeys(self.tx, self.call.visible_projects(project.id)))
        sql = "SELECT id, author FROM saved_views WHERE project_id = ? AND name = ?"
        existing = self.tx.one(sql, (project.id, name))
        if existing is not None:
            self._own(project.id, existing[1], f"view {name!r}")
        view_id = existing[0] if existing else new_id()
        document = {"where": view.where, "sort": view.sort, "columns": view.columns, "group": view.group}
        self.tx.execute(
            """INSERT INTO saved_views (id, project_id, name, document, author, at) VALUES (?, ?, ?, ?, ?, ?)
               ON CONFLICT (project_id, name) DO UPDATE SET document = excluded.document, at = excluded.at""",
            (view_id, project.id, name, json.dumps(document), self.call.actor.name, self.call.now_us),
        )
        return self.get_view(view_id)

    def _own(self, project_id: ProjectId | str, author: str, what: str) -> None:
        role = self.call.role_on("project", project_id)
        if author != self.call.actor.name and (role is None or role < Role.MAINTAINER):
            raise ForbiddenError(f"{what} is {author}'s", hint="a maintainer may change it, or save under another name")

    def get_view(self, view_id: str) -> View:
        """See the contract."""
        row = self.tx.one(f"{_VIEW} WHERE v.id = ?", (view_id,))
        assert row is not None
        return _view(row)

    def views_of(self, project_id: str) -> list[View]:
        """A project's views, by name."""
        return [_view(row) for row in self.tx.all(f"{_VIEW} WHERE v.project_id = ? ORDER BY v.name", (project_id,))]

    def delete_view(self, view_id: str) -> None:
        """See the contract."""
        found = self.get_view(view_id)
        self._own(found.project_id, found.author, f"view {found.name!r}")
        self.tx.execute("DELETE FROM saved_views WHERE id = ?", (view_id,))


def view_scope(call: Call, view_id: str) -> Scope | None:
    """Where a view lies."""
    project_id = call.tx.scalar("SELECT project_id FROM saved_views WHERE id = ?", (view_id,))
    return project_scope(call.tx, project_id) if project_id else None
