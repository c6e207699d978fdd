"""The contract of privacy: what is known of a person, erasing them, how long things are kept, what must stay."""

from __future__ import annotations

from typing import ClassVar, Protocol

from runward.core.operation import ON_LIST, ON_SELF, ON_WORKSPACE, operation
from runward.privacy.model import (
    Erasure,
    ExportPart,
    FileDecision,
    Hold,
    NewErasure,
    NewHold,
    RetentionDue,
    RetentionKind,
    RetentionRule,
    SetAside,
    Survey,
)


class Privacy(Protocol):
    """Thread-safe."""

    room: ClassVar[str] = "privacy"

    @operation("GET", "/persons/{person}/data", may="session.use", on=ON_SELF, audit=True)
    def export_person(self, person: str, also: list[str] | None = None, place: str = "") -> ExportPart:
        """A part of all that concerns a person: everybody may ask for their own, who holds ``export`` for anybody's.

        ``person`` is a member's name or id, or ``@me`` for oneself.

        Rows that others made and that name the person are left out of one's own where one may not read them. ``also`` are
        further texts that name the person, for who holds ``export``. Secrets are left out. Raises: NotFoundError, ForbiddenError, InvalidError (``place`` is none that was given).
        """
        ...

    @operation("GET", "/persons/{person}/survey", may="erase", on=ON_WORKSPACE, audit=True)
    def survey_person(self, person: str, also: list[str] | None = None, place: str = "") -> Survey:
        """A part of what an erasure would find; nothing is changed. ``also`` are further texts that name the person.

        Raises: NotFoundError, InvalidError.
        """
        ...

    @operation("POST", "/erasures", may="erase", on=ON_WORKSPACE)
    def request_erasure(self, new: NewErasure) -> Erasure:
        """Ask for a person to be erased; somebody else who holds ``erase`` confirms it.

        Raises: NotFoundError, InvalidError, ConflictError (the last admin, a legal hold, one is under way).
        """
        ...

    @operation("GET", "/erasures", may="erase", on=ON_WORKSPACE)
    def list_erasures(self) -> list[Erasure]:
        """All erasures, newest first."""
        ...

    @operation("GET", "/erasures/{erasure_id}", may="erase", on=ON_WORKSPACE)
    def get_erasure(self, erasure_id: str) -> Erasure:
        """An erasure, with its certificate once it is done. Raises: NotFoundError."""
        ...

    @operation("POST", "/erasures/{erasure_id}/confirmation", may="erase", on=ON_WORKSPACE)
    def confirm_erasure(
        self, erasure_id: str, files: dict[str, FileDecision] | None = None, others: FileDecision | None = None
    ) -> Erasure:
        """Confirm what somebody else asked for: it begins, and cannot be undone.

        Args:
            erasure_id: The erasure.
            files: What becomes of files that name the person, by digest.
            others: What becomes of all other such files; without it the erasure waits for :meth:`decide_files`.

        Raises: NotFoundError, ForbiddenError (who asked for it, or the person themselves), ConflictError (a legal hold,
        the last admin), InvalidTransitionError, InvalidError (a file is kept without a reason).
        """
        ...

    @operation("POST", "/erasures/{erasure_id}/decisions", may="erase", on=ON_WORKSPACE)
    def decide_files(
        self, erasure_id: str, files: dict[str, FileDecision] | None = None, others: FileDecision | None = None
    ) -> Erasure:
        """Say what becomes of the files that an erasure waits for.

        Raises: NotFoundError, ForbiddenError (who asked for it, or the person), InvalidTransitionError, InvalidError.
        """
        ...

    @operation("DELETE", "/erasures/{erasure_id}", may="erase", on=ON_WORKSPACE)
    def withdraw_erasure(self, erasure_id: str) -> Erasure:
        """Take a request back that nobody has confirmed. Raises: NotFoundError, InvalidTransitionError."""
        ...

    @operation(
        "PUT",
        "/projects/{project}/retention/{kind}",
        may="retention.manage",
        on="project",
        revises="list_retention",
        revised={"project": ""},
    )
    def set_retention(
        self, project: str, kind: RetentionKind, after_days: float | None = None, results: bool = False
    ) -> RetentionRule:
        """Say how long a project and those below it keep things of a kind; the nearest project's rule counts.

        Args:
            project: The project.
            kind: ``runs`` (all of them), or of runs their ``artifacts``, ``logs`` or ``tables``.
            after_days: Days after a run's end; None keeps them, whatever a project above says.
            results: Whether team results and versions of models, and what they were made of, go too.

        Raises: NotFoundError, InvalidError.
        """
        ...

    @operation(
        "DELETE",
        "/projects/{project}/retention/{kind}",
        may="retention.manage",
        on="project",
        revises="list_retention",
        revised={"project": ""},
    )
    def remove_retention(self, project: str, kind: RetentionKind) -> None:
        """Take a rule away: what a project above says counts again. Raises: NotFoundError."""
        ...

    @operation("GET", "/retention", may="project.read", on=ON_LIST, state=("project", "kind", "after_days", "results"))
    def list_retention(self, project: str = "") -> list[RetentionRule]:
        """The rules in force for a project, or all rules of the projects that the caller may read."""
        ...

    @operation("GET", "/retention/due", may="workspace.collect", on=ON_WORKSPACE)
    def retention_due(self) -> list[RetentionDue]:
        """What the rules would take now, by project and kind, with the bytes; nothing is changed."""
        ...

    @operation("POST", "/retention/applications", may="workspace.collect", on=ON_WORKSPACE)
    def apply_retention(self) -> list[RetentionDue]:
        """Put out of sight what the rules take now; `gc` removes it once the grace is over. A server does so by itself."""
        ...

    @operation("GET", "/runs/{run_id}/set-aside", may="run.read", on="run_id")
    def list_set_aside(self, run_id: str) -> list[SetAside]:
        """What rules took from a run and can be brought back."""
        ...

    @operation("POST", "/runs/{run_id}/set-aside/{kind}/restore", may="run.delete", on="run_id")
    def restore_set_aside(self, run_id: str, kind: RetentionKind) -> list[SetAside]:
        """Bring back what a rule took from a run; what is still set aside. Raises: NotFoundError."""
        ...

    @operation("POST", "/holds", may="hold.manage", on=ON_WORKSPACE)
    def set_hold(self, new: NewHold) -> Hold:
        """Hold a project with all below it, or a run: neither members nor rules nor erasures take anything of it.

        Raises: NotFoundError, InvalidError.
        """
        ...

    @operation("GET", "/holds", may="hold.manage", on=ON_WORKSPACE)
    def list_holds(self, lifted: bool = False) -> list[Hold]:
        """The holds that count; with ``lifted`` also those that were lifted. Newest first."""
        ...

    @operation("POST", "/holds/{hold_id}/lift", may="hold.manage", on=ON_WORKSPACE)
    def lift_hold(self, hold_id: str, reason: str) -> Hold:
        """Let a hold count no more. Raises: NotFoundError, InvalidTransitionError (it was lifted), InvalidError."""
        ...
