"""The rules of review: what makes a run a team result, and what does not."""

from __future__ import annotations

import json
import math
import re
from typing import ClassVar

import msgspec

from runward.core.call import Event, Room, Scope
from runward.core.clock import from_us
from runward.core.ids import Digest, ReviewId, new_id
from runward.core.permissions import PERMISSIONS
from runward.errors import (
    ConflictError,
    ForbiddenError,
    GateClosedError,
    InvalidError,
    InvalidTransitionError,
    NotFoundError,
    StaleVersionError,
)
from runward.governance.dispatch import Call
from runward.governance.names import check_name
from runward.governance.scopes import find_project, members_at, project_scope
from runward.registry.aliases import hold_aliases
from runward.repro.api import Repro
from runward.repro.records import Verification
from runward.review import repository as sql
from runward.review.api import Reviews
from runward.review.captured import captured_code
from runward.review.checks import check_code
from runward.review.gates import VERIFIED, evaluate, name_problem, passed, standing, summary
from runward.review.model import (
    CheckResult,
    GateReport,
    NewReview,
    Review,
    ReviewDetail,
    ReviewState,
    Standards,
    StandardsVersion,
    Verdict,
    Vote,
)
from runward.review.promotion import promote, promotion_digest, promotion_missing, promotion_of
from runward.tracking.api import Tracking
from runward.tracking.content import content_digest, detail_of, digest_of
from runward.tracking.foreign import ANY_PROJECT
from runward.tracking.marks import OUTDATED, publish_on_run, run_place, set_mark
from runward.tracking.model import Run
from runward.tracking.organise_api import Organise


class ReviewService(Reviews):
    """See :class:`Reviews`."""

    room: ClassVar[str] = "review"

    def __init__(self, call: Call) -> None:
        self.call, self.tx = call, call.tx

    # standards and gates --------------------------------------------------------------------------------------------

    def get_standards(self, project: str) -> StandardsVersion:
        """See the contract."""
        found = find_project(self.tx, project)
        assert found is not None
        return _standards_of(self.call, found.id)

    def set_standards(self, project: str, standards: Standards) -> StandardsVersion:
        """See the contract."""
        _check_standards(standards)
        found = find_project(self.tx, project)
        assert found is not None
        sql.add_standards(self.tx, found.id, standards, self.call.actor.name, self.call.now_us)
        data = {"title": f"Standards of {found.path}"}
        self.call.publish(Event("standards.updated", "project", found.id, found.id, found.team_id, data))
        return self.get_standards(project)

    def gates(self, run_id: str) -> GateReport:
        """See the contract."""
        found = sql.gates(self.tx, run_id, content_digest(self.tx, run_id))
        if found is None:
            raise NotFoundError(f"the gates of run {run_id} were not evaluated yet", hint="they are when the run ends")
        run = self.call.use(Tracking).get_run(run_id).run
        present = self._evaluated(run)
        return msgspec.structs.replace(found, outdated=found.outdated or present != found.results)

    def evaluate_gates(self, run_id: str) -> GateReport:
        """See the contract."""
        digest = self.note_gates(run_id)
        stored = sql.gates(self.tx, run_id, digest)
        assert stored is not None
        return stored

    def _evaluated(self, run: Run, project_id: str = "") -> list[CheckResult]:
        standards = _standards_of(self.call, project_id or run.project_id).standards
        verifications = self._verifications(run.id) if standards.require_level else []
        if not standards.baseline:
            return evaluate(run, standards, verifications)
        return evaluate(run, standards, verifications, self.call.use(Organise).deltas(run.id))

    def _verifications(self, run_id: str) -> list[Verification]:
        return self.call.use(Repro).list_verifications(run_id=run_id)

    def note_gates(self, run_id: str) -> Digest:
        """Evaluate a run's gates and store what they say of the digest that is returned."""
        detail = detail_of(self.tx, run_id)
        results = self._evaluated(detail.run)
        digest = digest_of(detail)
        sql.store_gates(self.tx, run_id, digest, results, passed(results), self.call.now_us)
        set_mark(self.call, run_id, "gates", "passed" if passed(results) else "closed", digest)
        data: dict[str, object] = {"passed": passed(results), "summary": summary(results, digest)}
        publish_on_run(self.call, "gates.evaluated", "run", run_id, run_id, data)
        return digest

    # reviews --------------------------------------------------------------------------------------------------------

    def list_reviews(self, state: ReviewState | None = None, project: str = "", limit: int = 200) -> list[Review]:
        """See the contract."""
        rows = sql.reviews(self.tx, self.call.visible_projects(project), state, min(max(limit, 1), 1000))
        return [self._shown(row) for row in rows]

    def _shown(self, row: sql.ReviewRow) -> Review:
        revision = self._revision(row)
        needed = _standards_of(self.call, row.project_id).standards.approvals
        votes = [vote for vote in self._votes(row, revision) if vote.counts and vote.verdict == "approve"]
        return row.shown(revision, len(votes), needed)

    def request_review(self, new: NewReview) -> ReviewDetail:
        """See the contract."""
        run = self.call.use(Tracking).get_run(new.run_id).run
        if not run.status.is_terminal:
            raise InvalidTransitionError(
                f"run {run.name!r} is still running", hint="ask for a review when it has ended"
            )
        subject = promotion_of(self.call, new, run)
        for existing in sql.open_reviews_of(self.tx, run.id):
            if (existing.model_id, existing.version, existing.alias) == subject:
                of = (
                    f"{existing.model} {existing.version} for {existing.alias!r}"
                    if existing.alias
                    else f"run {run.name!r}"
                )
                raise ConflictError(f"review #{existing.number} of {of} is open already", review_id=existing.id)
        if not new.model and any(mark.kind == "team_result" and mark.label != OUTDATED for mark in run.marks):
            raise ConflictError(f"run {run.name!r} is a team result already")
        what = f"{new.model} {new.version} as {new.alias}" if new.model else f"Review of {run.name}"
        title = check_name(new.title or what, "the review's title")
        review_id, now, actor = ReviewId(new_id()), self.call.now_us, self.call.actor
        number = sql.insert_review(
            self.tx,
            {
                "id": review_id,
                "run_id": run.id,
                "title": title,
                "description": new.description,
                "state": ReviewState.OPEN,
                "author": actor.name,
                "author_id": actor.member_id,
                "reviewers": json.dumps(new.reviewers),
                "created_at": now,
                "updated_at": now,
                **dict(zip(("model_id", "version", "alias"), subject, strict=True)),
            },
        )
        row = sql.review(self.tx, review_id)
        self._run_checks(row, run)
        self._mark(row, ReviewState.OPEN)
        data: dict[str, object] = {
            "title": title,
            "number": number,
            "reviewers": new.reviewers,
            "author_id": actor.member_id,
        }
        publish_on_run(self.call, "review.requested", "review", review_id, run.id, data)
        return self.get_review(review_id)

    def run_checks(self, review_id: str) -> ReviewDetail:
        """See the contract."""
        row = self._open(review_id)
        self._run_checks(row, self.call.use(Tracking).get_run(row.run_id).run)
        self._settle(row)
        return self.get_review(review_id)

    def _run_checks(self, row: sql.ReviewRow, run: Run) -> None:
        self.note_gates(run.id)
        code = captured_code(self.call, run.id)
        placed = {path: path for path in code.subject}
        judged = check_code(code.subject, placed, code.tree, also=code.rest)
        results = [*self._gates_of(row, run), *judged.results]
        sql.store_checks(self.tx, row.id, self._revision(row), results, self.call.now_us)

    def _gates_of(self, row: sql.ReviewRow, run: Run) -> list[CheckResult]:
        """The gates as the review sees them: a model's project may ask for more than the run's own."""
        return self._evaluated(run, row.project_id)

    def _revision(self, row: sql.ReviewRow) -> Digest:
        """What a decision is about: for a promotion also which version the alias leaves."""
        content = content_digest(self.tx, row.run_id)
        return promotion_digest(self.tx, row, content) if row.model_id else content

    def get_review(self, review_id: str) -> ReviewDetail:
        """See the contract."""
        row = sql.review(self.tx, review_id)
        tracking = self.call.use(Tracking)
        run = tracking.get_run(row.run_id).run
        shown = self._shown(row)
        checks = sql.checks(self.tx, review_id, shown.revision)
        why_not = self._why_not(row)
        return ReviewDetail(
            review=shown,
            run=run,
            checks=checks,
            votes=self._votes(row, shown.revision),
            comments=sql.comments(self.tx, review_id),
            missing=[] if row.state.is_terminal else self._missing(row, run, shown.revision),
            changes=tracking.uncommitted(row.run_id),
            may_approve=not why_not,
            why_not=why_not,
            verification=self._level(run),
        )

    def _votes(self, row: sql.ReviewRow, revision: Digest) -> list[Vote]:
        involved = self._involved(row)
        deciding = {member_id for member_id, _ in members_at(self.tx, row.project_id, PERMISSIONS["review.approve"])}
        return [
            Vote(
                reviewer=member,
                verdict=verdict,
                comment=comment,
                revision=digest,
                at=from_us(at),
                outdated=digest != revision,
                counts=digest == revision and member_id in deciding and member_id not in involved,
            )
            for member_id, member, verdict, comment, digest, at in sql.votes(self.tx, row.id)
        ]

    def _involved(self, row: sql.ReviewRow) -> dict[str, str]:
        """Whose approval never counts, and why: the review's author and who started the run."""
        creator_id = self.tx.scalar("SELECT creator_id FROM runs WHERE id = ?", (row.run_id,))
        return {creator_id: "you started this run", row.author_id: "you asked for this review"}

    def _why_not(self, row: sql.ReviewRow) -> str:
        if row.state.is_terminal:
            return f"the review is {row.state}"
        role = self.call.role_on(ANY_PROJECT, row.project_id)
        if role is None or role < PERMISSIONS["review.approve"]:
            return "approving needs the role reviewer in this project"
        reason = self._involved(row).get(self.call.actor.member_id, "")
        return f"{reason}: your own approval does not count" if reason else ""

    def _missing(self, row: sql.ReviewRow, run: Run, revision: Digest) -> list[str]:
        standards = _standards_of(self.call, row.project_id).standards
        missing = promotion_missing(self.tx, row) if row.model_id else []
        checks = sql.checks(self.tx, row.id, revision)
        if not checks:
            missing.append("The checks did not run on the present revision: run them again.")
        for check in checks:
            if check.required and check.verdict not in (Verdict.PASS, Verdict.WARN):
                missing.append(f"{check.name}: {check.message}. {_way_out(check, run, standards)}")
        votes = [vote for vote in self._votes(row, revision) if vote.counts]
        approvals = sum(vote.verdict == "approve" for vote in votes)
        if approvals < standards.approvals:
            involved = " and ".join(dict.fromkeys([row.author, run.created_by]))
            missing.append(f"{standards.approvals - approvals} approval(s) by a reviewer other than {involved}.")
        missing += [f"{vote.reviewer} asked for changes." for vote in votes if vote.verdict == "request_changes"]
        return missing

    def _level(self, run: Run) -> str:
        """The level that stands; what was verified before a change proves nothing of what came after it."""
        found = standing(self._verifications(run.id))
        return found.level if found is not None and found.level != "none" else ""

    def on_verified(self, run_id: str) -> None:
        """Let a new verification count at once: in the run's gates and in the review that is under way."""
        under_way = sql.open_reviews_of(self.tx, run_id)
        asking = {run_place(self.call, run_id)[0], *(row.project_id for row in under_way)}
        if not any(_standards_of(self.call, project_id).standards.require_level for project_id in asking):
            return
        self.note_gates(run_id)
        run = self.call.use(Tracking).get_run(run_id).run
        for row in (self._open(found.id) for found in under_way):
            revision = self._revision(row)
            # Where the checks did not run on this content they still have to, and nothing is settled without them.
            if checks := sql.checks(self.tx, row.id, revision):
                others = [check for check in checks if check.group != "gate"]
                sql.store_checks(self.tx, row.id, revision, [*self._gates_of(row, run), *others], self.call.now_us)
                self._settle(row)

    def approve(self, review_id: str, revision: str = "", comment: str = "") -> ReviewDetail:
        """See the contract."""
        row = self._open(review_id)
        if why_not := self._why_not(row):
            raise ForbiddenError(why_not, hint="another reviewer of the team has to approve it")
        # The standards may have changed since the checks ran: what is applied meets those in force now.
        self._run_checks(row, self.call.use(Tracking).get_run(row.run_id).run)
        self._vote(row, "approve", revision, comment)
        self._event(row, "review.approved", comment)
        self._settle(row)
        return self.get_review(review_id)

    def request_changes(self, review_id: str, comment: str, revision: str = "") -> ReviewDetail:
        """See the contract."""
        row = self._open(review_id)
        if not comment.strip():
            raise InvalidError("comment is empty", hint="say what should change")
        self._vote(row, "request_changes", revision, comment)
        self._set_state(row, ReviewState.CHANGES_REQUESTED)
        self._event(row, "review.changes_requested", comment)
        return self.get_review(review_id)

    def _vote(self, row: sql.ReviewRow, verdict: str, revision: str, comment: str) -> None:
        present = self._revision(row)
        if revision and revision != present:
            raise StaleVersionError(
                f"you looked at revision {revision[:12]}, the present one is {present[:12]}",
                hint="look again, then decide",
            )
        actor = self.call.actor
        sql.add_vote(self.tx, row.id, (actor.member_id, actor.name), (verdict, comment, present), self.call.now_us)

    def _settle(self, row: sql.ReviewRow) -> None:
        """Apply the review in this very transaction as soon as nothing is missing."""
        run = self.call.use(Tracking).get_run(row.run_id).run
        revision = self._revision(row)
        votes = [vote for vote in self._votes(row, revision) if vote.counts]
        if self._missing(row, run, revision):
            changes = any(vote.verdict == "request_changes" for vote in votes)
            self._set_state(row, ReviewState.CHANGES_REQUESTED if changes else ReviewState.OPEN)
            return
        self._set_state(row, ReviewState.APPLIED)
        if row.model_id:
            promote(self.call, row, [vote.reviewer for vote in votes])
        else:
            set_mark(self.call, row.run_id, "team_result", revision, row.id)
        self._event(row, "review.applied", "")

    def _set_state(self, row: sql.ReviewRow, state: ReviewState) -> None:
        sql.set_state(self.tx, row.id, state, self.call.now_us)
        self._mark(row, state)

    def _mark(self, row: sql.ReviewRow, state: ReviewState) -> None:
        """A run's mark is about the run itself, not about a version that it made."""
        if not row.model_id:
            set_mark(self.call, row.run_id, "review", state, row.id)

    def _open(self, review_id: str) -> sql.ReviewRow:
        sql.lock_review(self.tx, review_id)
        row = sql.review(self.tx, review_id)
        if row.state.is_terminal:
            raise InvalidTransitionError(f"review #{row.number} is {row.state}", hint="open a new review")
        if row.model_id:
            # Two promotions to one alias are decided one after the other: the later one sees where the alias went.
            hold_aliases(self.tx, row.model_id)
            row = sql.review(self.tx, review_id)
        return row

    def _event(self, row: sql.ReviewRow, kind: str, comment: str) -> None:
        data: dict[str, object] = {
            "title": row.title,
            "number": row.number,
            "comment": comment,
            "author_id": row.author_id,
        }
        publish_on_run(self.call, kind, "review", row.id, row.run_id, data)

    def comment(self, review_id: str, body: str, anchor: str = "") -> ReviewDetail:
        """See the contract."""
        if not body.strip():
            raise InvalidError("body is empty", hint="say something")
        row = sql.review(self.tx, review_id)
        sql.add_comment(self.tx, review_id, self.call.actor.name, body, anchor, self.call.now_us)
        self._event(row, "review.commented", body)
        return self.get_review(review_id)

    def withdraw(self, review_id: str, reason: str = "") -> ReviewDetail:
        """See the contract."""
        row = self._open(review_id)
        role = self.call.role_on("run", row.run_id)
        if self.call.actor.member_id != row.author_id and (role is None or role < PERMISSIONS["project.update"]):
            raise ForbiddenError(f"only {row.author} or a maintainer can withdraw this review")
        self._set_state(row, ReviewState.WITHDRAWN)
        publish_on_run(
            self.call, "review.withdrawn", "review", row.id, row.run_id, {"title": row.title, "comment": reason}
        )
        return self.get_review(review_id)

    def reject(self, review_id: str, reason: str) -> ReviewDetail:
        """See the contract."""
        row = self._open(review_id)
        if not reason.strip():
            raise InvalidError("reason is empty", hint="say why the result is rejected")
        self._set_state(row, ReviewState.REJECTED)
        self._event(row, "review.rejected", reason)
        return self.get_review(review_id)


def _standards_of(call: Call, project_id: str) -> StandardsVersion:
    return sql.standards_for(call.tx, project_id) or StandardsVersion("", 0, Standards(), "", None)


def _way_out(check: CheckResult, run: Run, standards: Standards) -> str:
    if check.name.startswith(VERIFIED):
        return f"Anybody can run `runward verify {run.id} --level {standards.require_level}`, or have a worker do it."
    return "The author can mend it with a new run."


def _check_standards(standards: Standards) -> None:
    try:
        re.compile(standards.naming)
    except re.error as error:
        raise InvalidError(f"naming {standards.naming!r} is no regular expression: {error}") from error
    if not 0 <= standards.approvals <= 20:
        raise InvalidError(f"approvals = {standards.approvals}: 0 to 20 can be asked")
    for rule in standards.thresholds:
        if not math.isfinite(rule.value):
            raise InvalidError(f"threshold of {rule.metric} is {rule.value}, which nothing can meet")
    if not (math.isfinite(standards.max_wall_s) and standards.max_wall_s >= 0):
        raise InvalidError(f"max_wall_s = {standards.max_wall_s}: give seconds, or 0 for any time")
    for metric in [*standards.required_metrics, *(rule.metric for rule in standards.baseline)]:
        check_name(metric, "a required metric", limit=1000)


def _on_run_ended(call: Call, event: Event) -> None:
    ReviewService(call).note_gates(event.object_id)


def _on_verified(call: Call, event: Event) -> None:
    ReviewService(call).on_verified(str(event.data["run_id"]))


def _on_changed(call: Call, event: Event) -> None:
    """Gates and approvals of older content stay, and are shown as outdated."""
    digest = content_digest(call.tx, event.object_id)
    report = sql.gates(call.tx, event.object_id, digest)
    marks = {mark.kind: mark for mark in call.use(Tracking).get_run(event.object_id).run.marks}
    if report is not None and report.outdated:
        set_mark(call, event.object_id, "gates", OUTDATED, marks["gates"].ref if "gates" in marks else "")
    result = marks.get("team_result")
    if result is not None and result.label not in (digest, OUTDATED):
        set_mark(call, event.object_id, "team_result", OUTDATED, result.ref)


def _on_renamed(call: Call, event: Event) -> None:
    if "name" in event.data:
        _on_named(call, event)


def _on_named(call: Call, event: Event) -> None:
    """Refuse a name that breaks the project's rule, in the transaction that would have created it."""
    standards = _standards_of(call, event.project_id).standards
    if problem := name_problem(str(event.data.get("name", "")), standards):
        raise GateClosedError(problem, hint=f"the rule is {standards.naming!r}", gates=["naming"])


def _scope(call: Call, review_id: str) -> Scope | None:
    row = call.tx.one("SELECT r.project_id FROM reviews w JOIN runs r ON r.id = w.run_id WHERE w.id = ?", (review_id,))
    return project_scope(call.tx, row[0]) if row else None


ROOM = Room(
    Reviews,
    ReviewService,
    {"review": _scope},
    {
        "run.ended": (_on_run_ended,),
        "run.changed": (_on_changed,),
        "verification.recorded": (_on_verified,),
        "run.started": (_on_named,),
        "run.updated": (_on_renamed,),
        "experiment.started": (_on_named,),
    },
)
