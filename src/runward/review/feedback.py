"""Feedback: what CI found out, told to everybody involved; and what was decided on similar changes."""

from __future__ import annotations

from typing import ClassVar

from runward.core.call import Event, Room
from runward.core.outbound import check_url
from runward.errors import InvalidError, InvalidTransitionError, StaleVersionError
from runward.governance.calling import Call
from runward.governance.names import check_name
from runward.governance.scopes import projects_below
from runward.review import feedback_repository as sql
from runward.review.feedback_api import Feedback
from runward.review.feedback_model import CiResult, NewCiResult, SimilarReview
from runward.review.traits import LEAST, shown, similarity, traits_of_run
from runward.tracking.api import Tracking
from runward.tracking.checks import check_text
from runward.tracking.content import content_digest
from runward.tracking.marks import publish_on_run

_MAX_MESSAGE = 4000
_MOST_EVIDENCE = 100
_MOST_SIMILAR = 3


class FeedbackService(Feedback):
    """See :class:`Feedback`."""

    room: ClassVar[str] = "feedback"

    def __init__(self, call: Call) -> None:
        self.call, self.tx = call, call.tx

    def report_ci(self, run_id: str, result: NewCiResult) -> CiResult:
        """See the contract."""
        check_name(result.name, "name")
        if len(result.message) > _MAX_MESSAGE:
            raise InvalidError(f"message has {len(result.message):,} characters", hint=f"at most {_MAX_MESSAGE}")
        if len(result.evidence) > _MOST_EVIDENCE:
            raise InvalidError(f"evidence has {len(result.evidence)} places", hint=f"at most {_MOST_EVIDENCE}")
        for place in result.evidence:
            for field in ("message", "file", "metric", "verification"):
                if len(check_text(getattr(place, field), f"evidence.{field}")) > _MAX_MESSAGE:
                    raise InvalidError(f"evidence.{field} is too long", hint=f"at most {_MAX_MESSAGE} characters")
        if result.url:
            check_url(result.url, "url")
        run, actor = self.call.use(Tracking).get_run(run_id).run, self.call.actor
        if not run.status.is_terminal:
            raise InvalidTransitionError(f"run {run.name!r} is still running", hint="post the result when it has ended")
        digest = content_digest(self.tx, run_id)
        if result.revision and result.revision != digest:
            raise StaleVersionError(
                f"you tested revision {result.revision[:12]}, the present one is {digest[:12]}", hint="test it again"
            )
        stored = CiResult(
            run_id, result.name, digest, result.verdict, result.message, result.url, actor.name, actor.member_id,
            self.call.now, outdated=False, evidence=result.evidence,
        )  # fmt: skip
        sql.store_ci(self.tx, stored, self.call.now_us)
        data: dict[str, object] = {
            "title": f"{result.name}: {result.verdict}",
            "name": result.name,
            "verdict": result.verdict,
            "message": result.message,
            "link": result.url,
            "revision": digest,
            "run_name": run.name,
            "participants": sql.people_of(self.tx, run_id),
        }
        publish_on_run(self.call, "ci.reported", "run", run_id, run_id, data)
        return stored

    def report_ci_on_commit(self, project: str, commit: str, result: NewCiResult) -> list[CiResult]:
        """See the contract."""
        below = projects_below(self.call.project(project).id)
        return [self.report_ci(run_id, result) for run_id in sql.runs_under_review(self.tx, commit, below)]

    def list_ci_results(self, run_id: str) -> list[CiResult]:
        """See the contract."""
        return sql.ci_results(self.tx, run_id, content_digest(self.tx, run_id))

    def similar_rejections(self, review_id: str) -> list[SimilarReview]:
        """See the contract."""
        own = sql.traits_of(self.tx, review_id)
        found = [
            SimilarReview(*one[:5], round(similarity(own, one.traits), 2), shown(set(own) & set(one.traits)))
            for one in sql.rejected_like(self.tx, review_id, own)
        ]
        found.sort(key=lambda one: (-one.similarity, -one.number))
        return [one for one in found if one.similarity >= LEAST][:_MOST_SIMILAR]


def _on_subject(call: Call, event: Event) -> None:
    if run_id := str(event.data.get("run_id", "")):
        sql.store_traits(call.tx, event.object_id, traits_of_run(call, run_id))


def _on_rejected(call: Call, event: Event) -> None:
    reason = str(event.data.get("comment", ""))
    sql.note_rejection(call.tx, event.object_id, event.project_id, reason, call.actor.name)


ROOM = Room(
    Feedback,
    FeedbackService,
    {},
    {
        **dict.fromkeys(("review.drafted", "review.requested", "review.changed"), (_on_subject,)),
        "review.rejected": (_on_rejected,),
    },
)
