"""The contract of standards over time and over the tree: edits, versions, differences, where values come from."""

from __future__ import annotations

from typing import ClassVar, Protocol

from runward.config.merge import ValueChange
from runward.core.operation import operation
from runward.review.model import ReviewDetail, StandardsVersion
from runward.review.standards_model import StandardsEdit, StandardsInForce


class StandardsDesk(Protocol):
    """Thread-safe. A project says some fields itself; what it leaves open comes from the nearest project above."""

    room: ClassVar[str] = "standards"

    @operation("GET", "/projects/{project}/standards/in-force", may="standards.read", on="project", state=("version",))
    def in_force(self, project: str) -> StandardsInForce:
        """The standards in force, with the project that said each value."""
        ...

    @operation("PATCH", "/projects/{project}/standards", may="standards.write", on="project", revises="in_force")
    def edit(self, project: str, edit: StandardsEdit) -> StandardsVersion:
        """Change what a project says itself, as a new version; the same content again makes none.

        Raises:
            InvalidError: A field is unknown or wrong; the details name it as ``field``.
            NotFoundError: There is no such version to start from.
        """
        ...

    @operation(
        "POST", "/projects/{project}/standards/proposals", may="review.request", on="project", revises="in_force"
    )
    def propose(self, project: str, edit: StandardsEdit, title: str = "", description: str = "") -> ReviewDetail:
        """Ask for a review of a change; applied, it is a new version. For standards that change only so, and for members.

        Raises: as :meth:`edit`, and ConflictError (a proposal is under way, or the change changes nothing).
        """
        ...

    @operation("GET", "/projects/{project}/standards/versions", may="standards.read", on="project")
    def list_versions(self, project: str) -> list[StandardsVersion]:
        """What a project said itself, newest first; ``inherits`` of each says what it left open."""
        ...

    @operation("GET", "/projects/{project}/standards/changes", may="standards.read", on="project")
    def compare(self, project: str, before: int, after: int) -> list[ValueChange]:
        """What differs between two versions; 0 stands for none. Raises: NotFoundError."""
        ...
