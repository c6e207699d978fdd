"""Proposals as subjects of reviews: standards to be set, pages to be published."""

from __future__ import annotations

import difflib
from typing import Any, ClassVar

import msgspec

from runward.config.yaml12 import dump
from runward.core.call import Event
from runward.core.hashing import digest_value
from runward.core.ids import Digest
from runward.core.kept import kept
from runward.governance.calling import Call
from runward.knowledge.model import NewPage, Page
from runward.knowledge.publishing import present_page, publish_page
from runward.policy.carrying import restricted_pages
from runward.review import repository as sql
from runward.review.code.tree import Tree
from runward.review.model import CheckResult, Condition, EvidenceItem, Standards, Verdict
from runward.review.places import Source
from runward.review.revisions import Parts, Snapshot
from runward.review.rules import Touched
from runward.review.standards_repository import add_standards, own_standards, standards_for
from runward.review.standards_text import own_document
from runward.review.subjects import RunSubject, Subject
from runward.tracking.capture.redact import find_secrets
from runward.tracking.model import FileChange


def subject_of(call: Call, row: sql.ReviewRow) -> Subject:
    """The subject of a review."""
    if row.proposes == "standards":
        return StandardsSubject(call, row)
    return PageSubject(call, row) if row.proposes == "page" else RunSubject(call, row)


class _ProposalSubject:
    """What proposals have in common: a text, and the text that stands now."""

    mend: ClassVar[str] = "The author can mend it with another proposal."
    name: ClassVar[str]
    """The file under which the text is shown."""

    def __init__(self, call: Call, row: sql.ReviewRow) -> None:
        self.call, self.tx, self.row = call, call.tx, row

    @property
    def text(self) -> str:
        """What is proposed, as people read it."""
        raise NotImplementedError

    @property
    def present(self) -> str:
        """What stands now; empty for nothing."""
        raise NotImplementedError

    @kept
    def parts(self) -> Parts:
        """See :class:`Subject`: an approval counts for what would stand, and for what it would replace."""
        return {"proposal": digest_value(self.row.proposal), "present": digest_value(self.present)}

    @kept
    def revision(self) -> Digest:
        """See :class:`Subject`."""
        return digest_value([self.row.proposes, self.row.object_id, self.parts])

    @property
    def source(self) -> Source:
        """See :class:`Subject`."""
        return Source(dict, lambda: Tree([self.name], lambda _: self.text))

    @property
    def snapshot(self) -> Snapshot:
        """See :class:`Subject`."""
        return Snapshot("", 0, "", {})

    @property
    def restricted_page(self) -> str:
        """See :class:`Subject`."""
        return ""

    def conditions(self) -> list[Condition]:
        """See :class:`Subject`."""
        if self.text != self.present:
            return []
        return [Condition("subject", False, "It says what stands already: withdraw it.")]

    def involved(self) -> dict[str, str]:
        """See :class:`Subject`."""
        return {}

    def touched(self) -> Touched:
        """See :class:`Subject`."""
        return Touched([self.name])

    def changes(self) -> list[FileChange]:
        """What it would change."""
        lines = difflib.unified_diff(
            self.present.splitlines(keepends=True),
            self.text.splitlines(keepends=True),
            f"a/{self.name}",
            f"b/{self.name}",
        )
        return [FileChange(self.name, "modified" if self.present else "added", "".join(lines))]


class StandardsSubject(_ProposalSubject):
    """Standards that a project is to have."""

    name: ClassVar[str] = "standards.yaml"

    @kept
    def standards(self) -> Standards:
        """What is proposed."""
        return msgspec.json.decode(self.row.proposal, type=Standards)

    @kept
    def text(self) -> str:
        """See :class:`_ProposalSubject`."""
        return dump(own_document(self.standards))

    @kept
    def present(self) -> str:
        """See :class:`_ProposalSubject`."""
        own = next(iter(own_standards(self.tx, self.row.object_id)), None)
        if own is not None:
            return dump(own_document(own.standards))
        # Where the project says nothing itself, the proposal stands beside what it would no longer inherit.
        found, said = standards_for(self.tx, self.row.object_id), own_document(self.standards)
        inherited = own_document(found.standards if found else Standards())
        return dump({key: inherited[key] for key in said if key in inherited})

    def judge(self) -> list[CheckResult]:
        """What cannot be met was refused when it was proposed."""
        return [CheckResult("can be met", "gate", Verdict.PASS, "no rule contradicts itself", [], required=True)]

    def apply(self, approved_by: list[str], *, overridden: str = "") -> None:
        """See :class:`Subject`."""
        add_standards(self.tx, self.row.object_id, self.standards, self.row.author, self.call.now_us)
        data: dict[str, Any] = {"title": f"Standards of {self.row.project}"}
        place = (self.row.object_id, self.row.object_id, self.row.team_id)
        self.call.publish(Event("standards.updated", "project", *place, data))


class PageSubject(_ProposalSubject):
    """A page that is to be published."""

    name: ClassVar[str] = "page.md"

    @kept
    def page(self) -> NewPage:
        """What is proposed."""
        return msgspec.json.decode(self.row.proposal, type=NewPage)

    @kept
    def text(self) -> str:
        """See :class:`_ProposalSubject`."""
        return _as_markdown(self.page)

    @kept
    def present(self) -> str:
        """See :class:`_ProposalSubject`."""
        return _as_markdown(self._standing) if self._standing else ""

    @kept
    def _standing(self) -> Page | None:
        return present_page(self.call, self.row.team_id, self.page)

    @kept
    def restricted_page(self) -> str:
        """See :class:`Subject`."""
        found = self._standing
        return found.id if found and restricted_pages(self.tx, [found.id]) else ""

    def judge(self) -> list[CheckResult]:
        """The page says something, on evidence, and no secret."""
        said, cited = bool(self.page.body.strip()), len(self.page.evidence)
        secrets = sorted({self.text.count("\n", 0, one.start) + 1 for one in find_secrets(self.text)})
        found = [EvidenceItem("looks like a secret", self.name, line) for line in secrets]
        return [
            _check("says something", Verdict.PASS if said else Verdict.FAIL, "it has a body" if said else "no body"),
            _check("evidence", Verdict.PASS if cited else Verdict.WARN, f"{cited} piece(s) of evidence"),
            _check("no secrets", Verdict.FAIL if found else Verdict.PASS, f"{len(found)} secret(s) in it", found),
        ]

    def apply(self, approved_by: list[str], *, overridden: str = "") -> None:
        """See :class:`Subject`."""
        review_id = "" if overridden else self.row.id
        publish_page(self.call, self.row.team_id, self.page, self.row.author, review_id)


def _as_markdown(page: NewPage | Page) -> str:
    cited = "".join(f"- {item.kind} {item.id} {item.note}".rstrip() + "\n" for item in page.evidence)
    example = f"\n```python\n{page.code_example.rstrip()}\n```\n" if page.code_example else ""
    head = f"# {page.title}\n\nkind: {page.kind}\ntags: {', '.join(page.tags)}\n\n"
    return f"{head}{page.body.rstrip()}\n{example}" + (f"\nEvidence:\n\n{cited}" if cited else "")


def _check(name: str, verdict: Verdict, message: str, evidence: list[EvidenceItem] | None = None) -> CheckResult:
    return CheckResult(name, "gate", verdict, message, evidence or [], required=True)
