"""The rules of reports: who may change them, what a pin keeps, and what a link shows."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from runward.core.call import BlobReference, Event, Room, Scope
from runward.core.clock import to_us
from runward.core.ids import MemberId, new_id
from runward.core.operation import Door
from runward.core.permissions import Role
from runward.errors import ForbiddenError, InvalidError, NotFoundError
from runward.governance.calling import Call
from runward.governance.dispatch import Dispatcher
from runward.governance.model import Actor
from runward.governance.names import check_name
from runward.governance.scopes import project_scope, projects_below
from runward.governance.secrets import fingerprint, new_secret
from runward.insights import repository as sql
from runward.insights.api import Reports
from runward.insights.content import check_blocks, content_of
from runward.insights.model import (
    NewReport,
    Report,
    ReportChange,
    ReportContent,
    ReportDetail,
    ReportLink,
    ReportLinkSecret,
    ReportMedium,
)
from runward.insights.page import page_of

MAX_PIN_BYTES = 32 << 20
SHARED = Door("GET", "//shared/{secret}", "open", "@self", "a report by its link, for who has no account")


class ReportService(Reports):
    """See :class:`Reports`."""

    room: ClassVar[str] = "reports"

    def __init__(self, call: Call) -> None:
        self.call, self.tx = call, call.tx

    def list_reports(self, project: str) -> list[Report]:
        """See the contract."""
        return sql.reports(self.tx, projects_below(self.call.project(project).id))

    def create_report(self, new: NewReport) -> Report:
        """See the contract."""
        report_id, project = new_id(), self.call.project(new.project)
        title = check_name(new.title, "the report's title", limit=300)
        check_blocks(new.blocks)
        content_of(self.call, project.id, title, new.blocks, strict=True)
        author = (self.call.actor.name, self.call.actor.member_id)
        sql.insert(self.tx, report_id, project.id, title, new.blocks, author, self.call.now_us)
        return self._announce("report.created", report_id)

    def _announce(self, kind: str, report_id: str) -> Report:
        found = sql.report(self.tx, report_id)
        scope = project_scope(self.tx, found.project_id)
        assert scope is not None
        self.call.publish(Event(kind, "report", report_id, found.project_id, scope.team_id, {"title": found.title}))
        return found

    def preview_report(self, new: NewReport) -> ReportContent:
        """See the contract."""
        if len(new.blocks) > 100:
            check_blocks(new.blocks)
        return content_of(self.call, self.call.project(new.project).id, new.title, new.blocks)

    def get_report(self, report_id: str, live: bool = False) -> ReportDetail:
        """See the contract."""
        found, blocks = sql.report(self.tx, report_id), sql.blocks(self.tx, report_id)
        content = None if live else sql.pinned(self.tx, report_id)
        content = content or content_of(self.call, found.project_id, found.title, blocks)
        return ReportDetail(found, blocks, content)

    def update_report(self, report_id: str, change: ReportChange) -> Report:
        """See the contract."""
        found = sql.report(self.tx, report_id)
        title = check_name(change.title, "the report's title", limit=300)
        check_blocks(change.blocks)
        before = sql.blocks(self.tx, report_id)
        changed = [block for block in change.blocks if block not in before]
        content_of(self.call, found.project_id, title, changed, strict=True)
        actor, version = self.call.actor.name, found.version + 1
        sql.update(self.tx, report_id, title, change.blocks, version, actor, self.call.now_us)
        return self._announce("report.edited", report_id)

    def delete_report(self, report_id: str) -> None:
        """See the contract."""
        found, role = sql.report(self.tx, report_id), self.call.role_on("report", report_id)
        if found.author != self.call.actor.name and (role is None or role < Role.MAINTAINER):
            raise ForbiddenError(f"the report is {found.author}'s", hint="a maintainer may delete it")
        sql.revoke(self.tx, "report_id", report_id, self.call.now_us)
        self._announce("report.deleted", report_id)
        sql.set_deleted(self.tx, report_id, self.call.now_us)

    def restore_report(self, deleted_report_id: str) -> Report:
        """See the contract."""
        sql.set_deleted(self.tx, deleted_report_id, None)
        return self._announce("report.restored", deleted_report_id)

    def pin_report(self, report_id: str, pinned: bool = True) -> Report:
        """See the contract."""
        if not pinned:
            sql.unpin(self.tx, report_id)
            return self._announce("report.unpinned", report_id)
        found, blocks = sql.report(self.tx, report_id), sql.blocks(self.tx, report_id)
        content = content_of(self.call, found.project_id, found.title, blocks, strict=True)
        size = sql.pin(self.tx, found, content, self.call.actor.name, self.call.now_us)
        if size > MAX_PIN_BYTES:
            raise InvalidError(
                f"the report shows {size:,} bytes of values", hint=f"at most {MAX_PIN_BYTES:,}: fewer runs"
            )
        return self._announce("report.pinned", report_id)

    def report_page(self, report_id: str) -> str:
        """See the contract."""
        detail = self.get_report(report_id)

        def may_show(medium: ReportMedium) -> bool:
            # A page is handed on, by a link to anybody: what is restricted is left out, whoever asks for it.
            return self.call.may_show(medium.digest, ("report", report_id))

        return page_of(detail.report, detail.content, self.call.blobs, may_show)

    def report_links(self, report_id: str) -> list[ReportLink]:
        """See the contract."""
        return sql.links(self.tx, report_id)

    def share_report(self, report_id: str, days: int = 30) -> ReportLinkSecret:
        """See the contract."""
        if not 1 <= days <= 365:
            raise InvalidError(f"days is {days}", hint="1 to 365")
        link_id, secret, actor = new_id(), new_secret(), self.call.actor
        until = to_us(self.call.now + timedelta(days=days))
        author = (actor.name, actor.member_id)
        sql.insert_link(self.tx, link_id, report_id, fingerprint(secret), author, self.call.now_us, until)
        return ReportLinkSecret(sql.link(self.tx, link_id), f"/shared/{secret}")

    def revoke_report_link(self, report_link_id: str) -> None:
        """See the contract."""
        sql.revoke(self.tx, "id", report_link_id, self.call.now_us)


def shared_page(dispatcher: Dispatcher, secret: str) -> str:
    """The page that a link shows, with the eyes of the member who made it. Raises: NotFoundError."""
    gone = NotFoundError("there is nothing here", hint="the link was mistyped, has ended or was revoked")
    nobody = Actor(MemberId(""), "", verified=False, via="link")
    with dispatcher.enter(SHARED, nobody, "", write=False) as outside:
        found = sql.author_of_link(outside.tx, fingerprint(secret), outside.now_us)
        if found is None:
            raise gone
        report_id, member_id, name = found
        call = Call(dispatcher, outside.tx, Actor(MemberId(member_id), name, verified=True, via="link"))
        if call.role_on("report", report_id) is None:
            raise gone
        return ReportService(call).report_page(report_id)


def _report(call: Call, report_id: str) -> Scope | None:
    project_id = sql.place(call.tx, report_id)
    return project_scope(call.tx, project_id) if project_id else None


def _deleted_report(call: Call, report_id: str) -> Scope | None:
    project_id = sql.place(call.tx, report_id, deleted=True)
    return project_scope(call.tx, project_id) if project_id else None


def _link(call: Call, link_id: str) -> Scope | None:
    report_id = call.tx.scalar("SELECT report_id FROM report_links WHERE id = ?", (link_id,))
    return _report(call, report_id) if report_id else None


ROOM = Room(
    Reports,
    ReportService,
    {"report": _report, "deleted_report": _deleted_report, "report_link": _link},
    {},
    (BlobReference("SELECT files FROM report_pins"),),
    states={"get_report": lambda call, report_id, live: [sql.report(call.tx, report_id).version]},
)
