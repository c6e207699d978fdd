"""The rules of standards over time and over the tree."""

from __future__ import annotations

from typing import Any, ClassVar

from runward.config.merge import ValueChange
from runward.config.threeway import difference
from runward.core.call import Room
from runward.core.ids import ProjectId
from runward.errors import ConflictError, NotFoundError
from runward.governance.dispatch import Call
from runward.governance.scopes import ProjectRow
from runward.review import standards_repository as sql
from runward.review.api import Reviews
from runward.review.model import Proposal, ReviewDetail, Standards, StandardsVersion
from runward.review.standards_api import StandardsDesk
from runward.review.standards_model import (
    PRESENT,
    StandardsEdit,
    StandardsInForce,
)
from runward.review.standards_text import by_metric, edited, own_document


class StandardsService(StandardsDesk):
    """See :class:`StandardsDesk`."""

    room: ClassVar[str] = "standards"

    def __init__(self, call: Call) -> None:
        self.call, self.tx = call, call.tx

    def in_force(self, project: str) -> StandardsInForce:
        """See the contract."""
        place = self.call.project(project)
        found = sql.standards_for(self.tx, place.id)
        own = found is not None and found.project == place.path
        return StandardsInForce(
            project=place.path,
            version=found.version if found and own else 0,
            standards=found.standards if found else Standards(),
            values=sql.values_in_force(self.tx, place.id),
        )

    def edit(self, project: str, edit: StandardsEdit) -> StandardsVersion:
        """See the contract."""
        place = self.call.project(project)
        newest, made = self._edited(place, edit)
        if newest is not None and own_document(made) == own_document(newest.standards):
            return newest
        # Every way into a project's standards passes the same rules.
        self.call.use(Reviews).set_standards(place.id, made)
        return self.list_versions(project)[0]

    def propose(self, project: str, edit: StandardsEdit, title: str = "", description: str = "") -> ReviewDetail:
        """See the contract."""
        place = self.call.project(project)
        newest, made = self._edited(place, edit)
        if newest is not None and own_document(made) == own_document(newest.standards):
            raise ConflictError(f"{place.path} says that already", hint="there is nothing to propose")
        return self.call.use(Reviews).propose(place.id, Proposal(standards=made, title=title, description=description))

    def _edited(self, place: ProjectRow, edit: StandardsEdit) -> tuple[StandardsVersion | None, Standards]:
        """What the project says now, and what it would say."""
        sql.lock_project(self.tx, place.id)
        newest = next(iter(sql.own_standards(self.tx, place.id)), None)
        present = newest.version if newest else 0
        found = sql.standards_for(self.tx, place.id)
        start = self._document(place.id, present if edit.start == PRESENT else edit.start)
        return newest, edited(start, edit, found.standards if found else Standards())

    def _document(self, project_id: ProjectId, version: int) -> dict[str, Any]:
        if version == 0:
            return {}
        found = sql.own_standards(self.tx, project_id, version)
        if not found:
            raise NotFoundError(
                f"the project's standards have no version {version}", hint="`runward standards history` shows them"
            )
        return own_document(found[0].standards)

    def list_versions(self, project: str) -> list[StandardsVersion]:
        """See the contract."""
        return sql.own_standards(self.tx, self.call.project(project).id)

    def compare(self, project: str, before: int, after: int) -> list[ValueChange]:
        """See the contract."""
        project_id = self.call.project(project).id
        return difference(*(by_metric(self._document(project_id, version)) for version in (before, after)))


ROOM = Room(StandardsDesk, StandardsService, {}, {})
