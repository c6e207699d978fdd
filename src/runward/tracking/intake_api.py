"""The contract of the intake: many whole runs from other tools in one transaction."""

from __future__ import annotations

from typing import ClassVar, Protocol

from runward.core.operation import ON_LIST, operation
from runward.tracking.intake_model import ForeignRun, KnownImport, Taken


class Intake(Protocol):
    """Thread-safe. Taking the same runs in again changes nothing but what changed in their source."""

    room: ClassVar[str] = "intake"

    @operation("GET", "/known-imports", may="run.read", on=ON_LIST)
    def known_imports(self, run_ids: list[str]) -> list[KnownImport]:
        """Which of these runs (at most 500) are there already, and as what their source was when they were imported."""
        ...

    @operation("POST", "/projects/{project}/imports", may="run.write", on="project")
    def import_runs(self, project: str, runs: list[ForeignRun]) -> list[Taken]:
        """Store whole runs (at most 1,000) with their own times and ends.

        A run that is there takes the source's params, series, artifacts and state; tags, comments and reviews that were
        added here stay. A run that cannot be stored is refused by name and costs the others nothing.

        Raises: InvalidError (too many), NotFoundError, ForbiddenError.
        """
        ...
