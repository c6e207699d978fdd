"""The contract of reports."""

from __future__ import annotations

from typing import ClassVar, Protocol

from runward.core.operation import operation
from runward.insights.model import (
    NewReport,
    Report,
    ReportChange,
    ReportContent,
    ReportDetail,
    ReportLink,
    ReportLinkSecret,
)


class Reports(Protocol):
    """Thread-safe. A report shows runs of its project and of those below it, and no others."""

    room: ClassVar[str] = "reports"

    @operation("GET", "/projects/{project}/reports", may="report.read", on="project")
    def list_reports(self, project: str) -> list[Report]:
        """The reports of a project and those below it, the last edited first."""
        ...

    @operation("POST", "/reports", may="report.write", on="new.project")
    def create_report(self, new: NewReport) -> Report:
        """Write a report. Raises: InvalidError (a block that cannot be shown: the search, a key, a limit)."""
        ...

    @operation("POST", "/report-previews", may="report.read", on="new.project", audit=False)
    def preview_report(self, new: NewReport) -> ReportContent:
        """What a report would show; nothing is kept. A block that cannot be shown says why."""
        ...

    @operation(
        "GET",
        "/reports/{report_id}",
        may="report.read",
        on="report_id",
        state=("report.version",),
        signed=("report.updated_by", "report.updated_at"),
    )
    def get_report(self, report_id: str, live: bool = False) -> ReportDetail:
        """A report with what it shows: now, or when it was pinned; with ``live`` a pinned one as it would be now."""
        ...

    @operation("PUT", "/reports/{report_id}", may="report.write", on="report_id", revises="get_report")
    def update_report(self, report_id: str, change: ReportChange) -> Report:
        """Change a report. A pinned one goes on showing what it was pinned to. Raises: InvalidError."""
        ...

    @operation(
        "DELETE",
        "/reports/{report_id}",
        may="report.write",
        on="report_id",
        others="project.update",
        revises="get_report",
    )
    def delete_report(self, report_id: str) -> None:
        """Put a report out of sight with its links; its author or a maintainer may. Raises: ForbiddenError."""
        ...

    @operation("POST", "/deleted-reports/{deleted_report_id}/restore", may="report.write", on="deleted_report_id")
    def restore_report(self, deleted_report_id: str) -> Report:
        """Bring a deleted report back; its links were revoked and stay so."""
        ...

    @operation("PUT", "/reports/{report_id}/pin", may="report.write", on="report_id", revises="get_report")
    def pin_report(self, report_id: str, pinned: bool = True) -> Report:
        """Keep every value that the report shows now, or let it show the present again.

        Raises: InvalidError (a block cannot be shown, more than 32 MiB).
        """
        ...

    @operation("GET", "/reports/{report_id}/page", may="report.read", on="report_id")
    def report_page(self, report_id: str) -> str:
        """The report as one HTML document that needs nothing else: no script, no network, pictures inside."""
        ...

    @operation("GET", "/reports/{report_id}/links", may="report.share", on="report_id")
    def report_links(self, report_id: str) -> list[ReportLink]:
        """The links of a report, newest first."""
        ...

    @operation("POST", "/reports/{report_id}/links", may="report.share", on="report_id")
    def share_report(self, report_id: str, days: int = 30) -> ReportLinkSecret:
        """A link that shows this report, and nothing else, to whoever has it, without an account.

        It ends after 1 to 365 days, when it is revoked, and when its author may no longer read the report.
        Raises: InvalidError.
        """
        ...

    @operation("DELETE", "/report-links/{report_link_id}", may="report.share", on="report_link_id")
    def revoke_report_link(self, report_link_id: str) -> None:
        """End a link at once."""
        ...
