"""The rules of review: what makes a run a team result, and what does not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from runward.config.targets import did_you_mean
from runward.core.call import Event, Room, Scope
from runward.core.ids import ReviewId, new_id
from runward.errors import (
    ConflictError,
    GateClosedError,
    InvalidError,
    InvalidTransitionError,
    NotFoundError,
)
from runward.governance.calling import Call
from runward.governance.names import check_name
from runward.governance.scopes import project_scope
from runward.knowledge.publishing import known_page
from runward.review import repository as sql
from runward.review.api import Reviews
from runward.review.conversation import without_words
from runward.review.gatekeeping import on_named, on_renamed, standards_of
from runward.review.gates import NEVER_WAIVED
from runward.review.lifecycle import Lifecycle
from runward.review.model import (
    Change,
    NewRemark,
    NewReview,
    Proposal,
    Review,
    ReviewDetail,
    ReviewState,
    Vote,
    Waiver,
)
from runward.review.opening import check_alone, default_base, ended_run, further_runs, readable_run
from runward.review.promotion import promotion_of
from runward.review.proposals import subject_of
from runward.review.proposing import page_key, proposed
from runward.review.revisions import has_revision, mark_seen, newest_revision, revisions, seen_by
from runward.review.subjects import Subject, base_run
from runward.tracking.api import Tracking
from runward.tracking.content import content_digest, detail_of, details_of
from runward.tracking.marks import OUTDATED, run_place, set_mark
from runward.tracking.model import Run


class ReviewService(Lifecycle, Reviews):
    """See :class:`Reviews`."""

    room: ClassVar[str] = "review"

    def __init__(self, call: Call) -> None:
        self.call, self.tx = call, call.tx

    # reviews --------------------------------------------------------------------------------------------------------

    def list_reviews(
        self,
        state: ReviewState | None = None,
        project: str = "",
        limit: int = 200,
        number: int = 0,
        waiting: bool = False,
    ) -> list[Review]:
        """See the contract."""
        wanted = sql.Wanted(state, number, waiting, min(max(limit, 1), 1000))
        rows = sql.reviews(self.tx, self.call.visible_projects(project), wanted)
        found = []
        for row in rows:
            subject = subject_of(self.call, row)
            votes = self._votes(row, subject)
            if not waiting or self._awaits(row, subject, votes):
                found.append(self._shown(row, subject, votes))
        return found

    def _awaits(self, row: sql.ReviewRow, subject: Subject, votes: Sequence[Vote]) -> bool:
        """Whether the caller may decide, and has not."""
        me = self.call.actor.name
        decided = any(vote.counts and vote.reviewer == me for vote in votes)
        return not decided and not self._why_not(row, subject)

    def _shown(self, row: sql.ReviewRow, subject: Subject, votes: Sequence[Vote]) -> Review:
        needed = standards_of(self.call, row.project_id).standards.approvals
        approvals = sum(vote.counts and vote.verdict == "approve" for vote in votes)
        return row.shown(self._revision(row, subject), approvals, needed)

    def request_review(self, new: NewReview) -> ReviewDetail:
        """See the contract."""
        run = ended_run(self.call, new.run_id)
        subject = promotion_of(self.call, new, run)
        further = further_runs(self.call, run, new.also, model=new.model)
        for one in (run, *further):
            check_alone(self.call, one, subject, new.model)
        what = f"{new.model} {new.version} as {new.alias}" if new.model else f"Review of {run.name}"
        title = check_name(new.title or what, "the review's title")
        base_id = readable_run(self.call, new.base_id).id if new.base_id else default_base(self.call, run, subject)
        about = {
            "run_id": run.id,
            "base_id": base_id,
            **dict(zip(("model_id", "version", "alias"), subject, strict=True)),
        }
        return self._begin(title, new, about, [one.id for one in further])

    def propose(self, project: str, proposal: Proposal) -> ReviewDetail:
        """See the contract."""
        place = self.call.project(project)
        title, about = proposed(self.call, place, proposal)
        for existing in sql.open_proposals(self.tx, about["object_id"]):
            raise ConflictError(
                f"review #{existing.number} proposes something for it already",
                hint="revise that one, or withdraw it",
                review_id=existing.id,
            )
        return self._begin(check_name(proposal.title or title, "the review's title"), proposal, about)

    def revise(self, review_id: str, proposal: Proposal) -> ReviewDetail:
        """See the contract."""
        row = self._open(review_id)
        if not row.proposes:
            raise InvalidError("this review is about a run", hint="give it another one: runward review update")
        self._check_author(row, "revise")
        place = self.call.project(row.project)
        _, about = proposed(self.call, place, proposal)
        if (about["proposes"], about["object_id"]) != (row.proposes, row.object_id):
            raise InvalidError(
                f"this review proposes {row.proposes} of something else", hint="withdraw it, propose anew"
            )
        self._give_subject(row, {"proposal": about["proposal"]}, proposal.description)
        return self.get_review(review_id)

    def _begin(
        self, title: str, new: NewReview | Proposal, about: Mapping[str, Any], further: Sequence[str] = ()
    ) -> ReviewDetail:
        """Store a review and run its checks."""
        review_id, now, actor = ReviewId(new_id()), self.call.now_us, self.call.actor
        who = {"author": actor.name, "author_id": actor.member_id, "editor_id": actor.member_id}
        said = {"title": title, "description": new.description, "reviewers": json.dumps(new.reviewers)}
        state = ReviewState.DRAFT if new.draft else ReviewState.OPEN
        stored = {"id": review_id, "state": state, "created_at": now, "updated_at": now, **who, **said, **about}
        sql.insert_review(self.tx, stored)
        sql.set_further_runs(self.tx, review_id, further)
        row = sql.review(self.tx, review_id)
        self._run_checks(row, subject_of(self.call, row))
        self._mark(row, row.state)
        self._event(row, "review.drafted" if new.draft else "review.requested", "")
        return self.get_review(review_id)

    def change_subject(self, review_id: str, change: Change) -> ReviewDetail:
        """See the contract."""
        row = self._open(review_id)
        run = ended_run(self.call, change.run_id)
        if not row.run_id:
            raise InvalidError("this review is about a proposal", hint="withdraw it and propose again")
        version = change.version if row.model_id else 0
        asked = NewReview(run.id, model=row.model, version=version, alias=row.alias)
        subject = promotion_of(self.call, asked, run)
        further = further_runs(self.call, run, change.also, model=row.model)
        if {run.id, *(one.id for one in further)} == set(row.runs) and version == row.version:
            raise ConflictError(f"review #{row.number} is about run {run.name!r} already")
        if run_place(self.call, run.id)[0] != run_place(self.call, row.run_id)[0]:
            raise InvalidError(
                f"run {run.name!r} lies in {run.project!r}, the review in {row.project!r}", hint="open a new review"
            )
        for one in (run, *further):
            check_alone(self.call, one, subject, row.model, beside=row.id)
        self._mark(row, ReviewState.WITHDRAWN)
        sql.set_further_runs(self.tx, row.id, [one.id for one in further])
        self._give_subject(row, {"run_id": run.id, "version": version}, change.comment)
        return self.get_review(review_id)

    def _give_subject(self, row: sql.ReviewRow, values: dict[str, Any], comment: str) -> None:
        """Make something else the subject; who did so is involved from now on."""
        changed = {**values, "editor_id": self.call.actor.member_id, "updated_at": self.call.now_us}
        sql.set_columns(self.tx, row.id, changed)
        row = sql.review(self.tx, row.id)
        self._run_checks(row, subject_of(self.call, row))
        self._mark(row, row.state)
        if comment.strip():
            self._add_remark(row, subject_of(self.call, row), NewRemark(comment))
        self._settle(row)
        self._event(row, "review.changed", comment, tell=self._voters(row))

    def open_draft(self, review_id: str) -> ReviewDetail:
        """See the contract."""
        row = self._open(review_id)
        if row.state is not ReviewState.DRAFT:
            raise InvalidTransitionError(f"review #{row.number} is no draft: it is {row.state.replace('_', ' ')}")
        self._check_author(row, "open")
        self._set_state(row, ReviewState.OPEN)
        row = sql.review(self.tx, row.id)
        self._event(row, "review.requested", "")
        self._settle(row)
        return self.get_review(review_id)

    def run_checks(self, review_id: str) -> ReviewDetail:
        """See the contract."""
        row = self._open(review_id)
        self._run_checks(row, subject_of(self.call, row))
        self._settle(row)
        return self.get_review(review_id)

    def get_review(self, review_id: str) -> ReviewDetail:
        """See the contract."""
        row = sql.review(self.tx, review_id)
        tracking, subject = self.call.use(Tracking), subject_of(self.call, row)
        checks = self._checks(row, self._revision(row, subject))
        votes, remarks = self._votes(row, subject), self._remarks(row, subject)
        conditions = [] if row.state.is_terminal else self._conditions(row, subject, votes, checks, remarks)
        why_not, withheld = self._why_not(row, subject), not self._may_read(subject)
        if withheld:
            votes, remarks = without_words(votes, remarks)
        elif subject.restricted_page:
            self.call.read_content("page", subject.restricted_page)
        return ReviewDetail(
            review=self._shown(row, subject, votes),
            run=tracking.get_run(row.run_id).run if row.run_id else None,
            checks=checks,
            votes=votes,
            comments=remarks,
            missing=[one.said for one in conditions if not one.met],
            changes=[] if withheld else subject.changes(),
            may_approve=not why_not,
            may=self._may(row, why_not),
            why_not=why_not,
            verification=self._least_level(row.runs),
            conditions=conditions,
            revisions=revisions(self.tx, review_id),
            seen=seen_by(self.tx, review_id, self.call.actor.member_id),
            base=base_run(self.call, row.base_id),
            further=sorted((tracking.get_run(one).run for one in row.also), key=lambda run: run.name),
            withheld=withheld,
        )

    def on_verified(self, run_id: str) -> None:
        """Let a new verification count at once: in the run's gates and in the review that is under way."""
        under_way = sql.open_reviews_of(self.tx, run_id)
        asking = {run_place(self.call, run_id)[0], *(row.project_id for row in under_way)}
        if any(standards_of(self.call, project_id).standards.require_level for project_id in asking):
            self.count_again(run_id)

    def count_again(self, run_id: str) -> None:
        """Let what came in from elsewhere count: in the run's gates and in the reviews that are under way."""
        self.note_gates(detail_of(self.tx, run_id))
        for row in (self._open(found.id) for found in sql.open_reviews_of(self.tx, run_id)):
            revision = subject_of(self.call, row).revision
            # Where the checks did not run on this content they still have to, and nothing is settled without them.
            if checks := sql.checks(self.tx, row.id, revision):
                results = self._with_gates(row, [check for check in checks if check.group == "code"])
                sql.store_checks(self.tx, row.id, revision, results, self.call.now_us)
                self._settle(row)

    def on_changed(self, run_id: str) -> None:
        """What was approved is so no more; who approved is told once."""
        for row in sql.open_reviews_of(self.tx, run_id):
            subject = subject_of(self.call, row)
            known = newest_revision(self.tx, row.id)
            if known and known != subject.revision:
                self._note_revision(row, subject)
                self._settle(row)
                if any(vote[4] == known for vote in sql.votes(self.tx, row.id)):
                    self._event(row, "review.outdated", "", tell=self._voters(row))

    # decisions ------------------------------------------------------------------------------------------------------

    def approve(self, review_id: str, revision: str = "", comment: str = "") -> ReviewDetail:
        """See the contract."""
        row = self._decided_by_caller(review_id)
        subject = subject_of(self.call, row)
        self._check_revision(revision, subject)
        # The standards may have changed since the checks ran: what is applied meets those in force now.
        self._run_checks(row, subject)
        self._vote(row, "approve", subject, comment)
        self._event(row, "review.approved", comment)
        self._settle(row)
        return self.get_review(review_id)

    def request_changes(self, review_id: str, comment: str, revision: str = "") -> ReviewDetail:
        """See the contract."""
        row = self._undrafted(review_id)
        if not comment.strip():
            raise InvalidError("comment is empty", hint="say what should change")
        subject = subject_of(self.call, row)
        self._check_revision(revision, subject)
        self._note_revision(row, subject)
        self._vote(row, "request_changes", subject, comment)
        self._set_state(row, ReviewState.CHANGES_REQUESTED)
        self._event(row, "review.changes_requested", comment)
        return self.get_review(review_id)

    def _vote(self, row: sql.ReviewRow, verdict: str, subject: Subject, comment: str) -> None:
        actor, vote = self.call.actor, (verdict, comment, subject.revision)
        sql.add_vote(self.tx, row.id, (actor.member_id, actor.name), vote, self.call.now_us)

    def apply_review(self, review_id: str) -> ReviewDetail:
        """See the contract."""
        row = self._undrafted(review_id)
        self._run_checks(row, subject_of(self.call, row))
        self._settle(row, by_hand=True)
        found = self.get_review(review_id)
        if found.missing:
            raise GateClosedError(f"review #{row.number} cannot be applied: {found.missing[0]}", gates=found.missing)
        return found

    def waive(self, review_id: str, waiver: Waiver) -> ReviewDetail:
        """See the contract."""
        row = self._decided_by_caller(review_id)
        subject = subject_of(self.call, row)
        self._check_revision(waiver.revision, subject)
        known = {check.name: check for check in sql.checks(self.tx, row.id, subject.revision)}
        if waiver.check not in known:
            raise NotFoundError(f"there is no check {waiver.check!r}", hint=did_you_mean(waiver.check, known))
        if not waiver.reason.strip():
            raise InvalidError("reason is empty", hint="say why it does not have to hold here")
        if waiver.check in NEVER_WAIVED:
            raise InvalidError(f"check {waiver.check!r} cannot be waived", hint="mend it, or have an admin override")
        by = self.call.actor.name
        sql.add_waiver(self.tx, row.id, subject.revision, waiver.check, waiver.reason.strip(), by, self.call.now_us)
        self._event(row, "review.waived", f"{waiver.check}: {waiver.reason}")
        self._settle(row)
        return self.get_review(review_id)

    def override(self, review_id: str, reason: str) -> ReviewDetail:
        """See the contract."""
        row = self._undrafted(review_id)
        if not reason.strip():
            raise InvalidError("reason is empty", hint="say why it cannot wait for a review")
        subject = subject_of(self.call, row)
        if lacking := [one.said for one in subject.conditions() if not one.met]:
            raise GateClosedError(lacking[0], gates=lacking)
        self._note_revision(row, subject)
        self._end(row, ReviewState.APPLIED, reason, overridden=1)
        subject.apply([], overridden=reason.strip())
        self._event(row, "review.overridden", reason)
        return self.get_review(review_id)

    # conversation ---------------------------------------------------------------------------------------------------

    def comment(self, review_id: str, body: str, anchor: str = "", thread: int = 0) -> ReviewDetail:
        """See the contract."""
        sql.lock_review(self.tx, review_id)
        row = sql.review(self.tx, review_id)
        told = self._add_remark(row, subject_of(self.call, row), NewRemark(body, anchor, thread))
        self._event(row, "review.commented", body[:300], said=told)
        return self.get_review(review_id)

    def resolve_thread(self, review_id: str, thread: int, resolved: bool = True) -> ReviewDetail:
        """See the contract."""
        row = self._open(review_id)
        self._resolve(row, thread, resolved)
        self._event(row, "review.thread_resolved" if resolved else "review.thread_reopened", "")
        self._settle(row)
        return self.get_review(review_id)

    def mark_seen(self, review_id: str, revision: str, remark: int = 0) -> None:
        """See the contract."""
        if not has_revision(self.tx, review_id, revision):
            raise NotFoundError(f"review {review_id} never was at revision {revision[:80]!r}")
        mark_seen(self.tx, review_id, self.call.actor.member_id, revision, remark, self.call.now_us)

    def withdraw(self, review_id: str, reason: str = "") -> ReviewDetail:
        """See the contract."""
        row = self._open(review_id)
        self._check_author(row, "withdraw")
        self._end(row, ReviewState.WITHDRAWN, reason)
        self._event(row, "review.withdrawn", reason)
        return self.get_review(review_id)

    def reject(self, review_id: str, reason: str) -> ReviewDetail:
        """See the contract."""
        row = self._undrafted(review_id)
        if not reason.strip():
            raise InvalidError("reason is empty", hint="say why the result is rejected")
        self._end(row, ReviewState.REJECTED, reason)
        self._event(row, "review.rejected", reason)
        return self.get_review(review_id)


def _on_run_ended(call: Call, event: Event) -> None:
    call.at_end(_note_gates, event.object_id)


def _note_gates(ended: Sequence[tuple[Call, str]]) -> None:
    """Gates of all runs that end in one transaction: they are read together."""
    details = details_of(ended[0][0].tx, [run_id for _, run_id in ended])
    for call, run_id in ended:
        digest = ReviewService(call).note_gates(details[run_id])
        _note_result(call, details[run_id].run, digest)


def _note_result(call: Call, run: Run, digest: str) -> None:
    """A team result is one of the content that was reviewed, or let in, and of no other."""
    result = next((mark for mark in run.marks if mark.kind == "team_result"), None)
    if result is not None and result.label not in (digest, OUTDATED):
        set_mark(call, run.id, "team_result", OUTDATED, result.ref)


def _on_verified(call: Call, event: Event) -> None:
    ReviewService(call).on_verified(str(event.data["run_id"]))


def _on_ci(call: Call, event: Event) -> None:
    ReviewService(call).count_again(event.object_id)


def _on_changed(call: Call, event: Event) -> None:
    """Gates and approvals of older content stay, and are shown as outdated."""
    digest = content_digest(call.tx, event.object_id)
    report = sql.gates(call.tx, event.object_id, digest)
    run = call.use(Tracking).get_run(event.object_id).run
    if report is not None and report.outdated:
        marks = {mark.kind: mark for mark in run.marks}
        set_mark(call, event.object_id, "gates", OUTDATED, marks["gates"].ref if "gates" in marks else "")
    _note_result(call, run, digest)
    ReviewService(call).on_changed(event.object_id)


def _on_labelled(call: Call, event: Event) -> None:
    """What was proposed of a page is found, and told, as the page itself."""
    page = known_page(call, event.object_id)
    for row in sql.proposals_of(call.tx, page_key(event.team_id, page)) if page else []:
        ReviewService(call)._event(row, "review.labelled", "", said={"restricted": event.data["restricted"]})


def _scope(call: Call, review_id: str) -> Scope | None:
    row = call.tx.one(
        """SELECT COALESCE(r.project_id, w.project_id) FROM reviews w LEFT JOIN runs r ON r.id = w.run_id
           WHERE w.id = ? AND r.deleted_at IS NULL""",
        (review_id,),
    )
    return project_scope(call.tx, row[0]) if row else None


def _state(call: Call, review_id: str) -> list[Any]:
    row = sql.review(call.tx, review_id)
    return [ReviewService(call)._revision(row, subject_of(call, row))]


ROOM = Room(
    Reviews,
    ReviewService,
    {"review": _scope},
    {
        "run.ended": (_on_run_ended,),
        "run.changed": (_on_changed,),
        "verification.recorded": (_on_verified,),
        "ci.reported": (_on_ci,),
        "run.started": (on_named,),
        "run.updated": (on_renamed,),
        "experiment.started": (on_named,),
        "page.labelled": (_on_labelled,),
    },
    states={"get_review": _state},
)
