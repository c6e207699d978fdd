"""Who decides on a review, and what is still missing."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from runward.core.clock import from_us
from runward.core.ids import Digest
from runward.core.permissions import PERMISSIONS, Role
from runward.governance.scopes import members_at
from runward.repro.model import Level
from runward.repro.records import standing
from runward.review import repository as sql
from runward.review.gatekeeping import Gatekeeping, standards_of
from runward.review.gates import DOCUMENTED, VERIFIED
from runward.review.model import Act, CheckResult, Condition, ReviewComment, ReviewState, Standards, Vote
from runward.review.modelfiles import CARD
from runward.review.revisions import changed_parts, newest_revision, stored_parts
from runward.review.rules import (
    check_conditions,
    committee_conditions,
    owner_conditions,
    thread_conditions,
    vote_conditions,
)
from runward.review.subjects import Subject
from runward.store.database import Row, placeholders
from runward.tracking.foreign import ANY_PROJECT

APPROVE = "review.approve"


class Decisions(Gatekeeping):
    """The part of the service that weighs votes and conditions."""

    def _may_decide(self, row: sql.ReviewRow) -> Role:
        """The least role whose approval counts."""
        asked = Role[standards_of(self.call, row.project_id).standards.approver_role.upper()]
        # Who could not set the standards does not set them by approving them.
        needed = PERMISSIONS["standards.write" if row.proposes == "standards" else APPROVE]
        return max(asked, needed)

    def _votes(self, row: sql.ReviewRow, subject: Subject) -> list[Vote]:
        involved, revision = self._involved(row, subject), self._revision(row, subject)
        stored = sql.votes(self.tx, row.id)
        if row.state.is_terminal:
            # Nobody decides without the role: who lost it since, or left, has decided all the same.
            deciding = {vote[0] for vote in stored}
        else:
            deciding = {one for one, _ in members_at(self.tx, row.project_id, self._may_decide(row), APPROVE)}
        standing_on = self._standing(row, revision, subject, {vote[4] for vote in stored})
        return [
            Vote(
                reviewer=member,
                verdict=verdict,
                comment=comment,
                revision=digest,
                at=from_us(at),
                outdated=digest not in standing_on,
                counts=digest in standing_on and member_id in deciding and member_id not in involved,
                kept=digest in standing_on and digest != revision,
            )
            for member_id, member, verdict, comment, digest, at in _latest(stored, standing_on)
        ]

    def _revision(self, row: sql.ReviewRow, subject: Subject) -> Digest:
        """What is decided on: the subject as it is; of a review that ended what it was then, whatever became of it since."""
        last = newest_revision(self.tx, row.id) if row.state.is_terminal else None
        return last or subject.revision

    def _standing(self, row: sql.ReviewRow, revision: Digest, subject: Subject, voted: set[Digest]) -> set[Digest]:
        """The revisions whose votes count: the one decided on, and those that differ in parts that a rule allows."""
        sticky = set(standards_of(self.call, row.project_id).standards.sticky)
        if not sticky or not voted - {revision}:
            return {revision}
        known = stored_parts(self.tx, row.id)
        parts = known.get(revision, subject.parts)
        same = {d for d in voted if d in known and sticky.issuperset(changed_parts(known[d], parts))}
        return {revision, *same}

    def _involved(self, row: sql.ReviewRow, subject: Subject) -> dict[str, str]:
        """Whose approval never counts, and why: who asked for the review, and who made what it is about."""
        return {
            row.editor_id: "you gave this review its present subject",
            **subject.involved(),
            row.author_id: "you asked for this review",
        }

    def _why_not(self, row: sql.ReviewRow, subject: Subject) -> str:
        if row.state.is_terminal:
            return f"the review is {row.state}"
        if row.state is ReviewState.DRAFT:
            return f"the review is a draft: {row.author} opens it when it is ready"
        role, least = self.call.role_on(ANY_PROJECT, row.project_id, APPROVE), self._may_decide(row)
        if role is None or role < least:
            return f"approving needs the role {least.label} in this project"
        if not self._may_read(subject):
            return "it is about the text of a restricted page, which you may not read"
        reason = self._involved(row, subject).get(self.call.actor.member_id, "")
        return f"{reason}: your own approval does not count" if reason else ""

    def _may_read(self, subject: Subject) -> bool:
        """Whether the caller may read what a proposal says."""
        return not subject.restricted_page or self.call.may_read_content("page", subject.restricted_page)

    def _may(self, row: sql.ReviewRow, why_not: str) -> list[Act]:
        """What the caller can do with the review now; whoever tries more is refused."""
        role = self.call.role_on(ANY_PROJECT, row.project_id) or 0
        author = self.call.actor.member_id == row.author_id or role >= PERMISSIONS["project.update"]
        if row.state.is_terminal:
            return []
        lifted = self.call.role_on(ANY_PROJECT, row.project_id, APPROVE) or 0
        contributes, decides = role >= PERMISSIONS["review.request"], lifted >= PERMISSIONS[APPROVE]
        draft = row.state is ReviewState.DRAFT
        found: dict[Act, bool] = {
            "approve": not why_not,
            "request_changes": decides and not draft,
            "reject": decides and not draft,
            "waive": not why_not and role >= PERMISSIONS["review.waive"],
            "override": not draft and role >= PERMISSIONS["review.override"],
            "open": draft and contributes and author,
            "apply": contributes and row.state is ReviewState.APPROVED,
            "withdraw": contributes and author,
            "change": contributes,
            "resolve": decides and self.call.actor.member_id != row.author_id,
        }
        return [act for act, allowed in found.items() if allowed]

    def _checks(self, row: sql.ReviewRow, revision: Digest) -> list[CheckResult]:
        """The checks on a revision, with what was waived."""
        waived = sql.waivers(self.tx, row.id, revision)
        found = sql.checks(self.tx, row.id, revision)
        return [msgspec.structs.replace(one, waived=waived.get(one.name, "")) for one in found]

    def _conditions(
        self,
        row: sql.ReviewRow,
        subject: Subject,
        votes: list[Vote],
        checks: list[CheckResult],
        remarks: list[ReviewComment],
    ) -> list[Condition]:
        standards = standards_of(self.call, row.project_id).standards
        votes = [vote for vote in votes if vote.counts]
        approvers = {vote.reviewer for vote in votes if vote.verdict == "approve"}
        involved = [row.author_id, *subject.involved(), row.editor_id]
        found = self.tx.all(f"SELECT id, name FROM members WHERE id IN ({placeholders(involved)})", involved)
        names = {row[0]: str(row[1]) for row in found}
        others = " and ".join(dict.fromkeys(names[one] for one in involved if one in names))
        return [
            *subject.conditions(),
            *check_conditions(checks, _ways_out(row, standards, checks), subject.mend),
            *vote_conditions(standards, votes, others),
            *(owner_conditions(standards, subject.touched(), approvers) if standards.owners else []),
            *committee_conditions(standards, row.alias, approvers),
            *thread_conditions(standards, remarks),
        ]

    def _least_level(self, run_ids: Sequence[str]) -> str:
        """The level that all runs have; what was verified before a change proves nothing of what came after it."""
        found = [standing(self._verifications(run_id)) for run_id in run_ids]
        levels = [Level.NONE if one is None else Level(one.level) for one in found]
        least = min(levels, key=list(Level).index, default=Level.NONE)
        return "" if least is Level.NONE else least


def _latest(votes: list[Row], standing_on: set[Digest]) -> list[Row]:
    """Votes without those that a later one of the same member replaces, where both stand."""
    last = {vote[0]: i for i, vote in enumerate(votes) if vote[4] in standing_on}
    return [vote for i, vote in enumerate(votes) if vote[4] not in standing_on or last[vote[0]] == i]


def _ways_out(row: sql.ReviewRow, standards: Standards, checks: list[CheckResult]) -> dict[str, str]:
    said = f"Anybody can run `runward verify {row.run_id} --level {standards.require_level}`, or have a worker do it."
    ways = {check.name: said for check in checks if check.name.startswith(VERIFIED)}
    reported = {
        f"ci {name}": f"A member without a part in it reports it: runward ci result {row.run_id} --name {name} --verdict …"
        for name in standards.required_ci
    }
    return {
        **ways,
        **reported,
        DOCUMENTED: "Whoever may write the run can say on its page why it was made; then run the checks again.",
        CARD: f"Whoever may write the model can: runward model card {row.model} {row.version} --set FIELD=…",
    }
