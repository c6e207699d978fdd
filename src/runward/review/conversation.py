"""What is said in a review: remarks, threads at places, who resolved them, what each reader has seen."""

from __future__ import annotations

import msgspec

from runward.core.clock import from_us
from runward.core.mentions import mentioned
from runward.core.permissions import PERMISSIONS
from runward.errors import ForbiddenError, InvalidError, NotFoundError
from runward.governance.calling import Call
from runward.governance.scopes import member_by_name
from runward.review import repository as sql
from runward.review.model import NewRemark, ReviewComment, Vote
from runward.review.places import Found, Place, find_again, place_of, suggestion_of
from runward.review.subjects import Subject
from runward.store.database import Tx
from runward.tracking.foreign import ANY_PROJECT

MAX_BODY = 20_000
_place = msgspec.json.Decoder(Place).decode


class Conversation:
    """The part of the service that knows remarks."""

    call: Call
    tx: Tx

    def _remarks(self, row: sql.ReviewRow, subject: Subject) -> list[ReviewComment]:
        return [_shown(found, subject) for found in sql.remarks(self.tx, row.id)]

    def _add_remark(self, row: sql.ReviewRow, subject: Subject, new: NewRemark) -> dict[str, object]:
        """Store a remark; returns whom it concerns, for the event."""
        if not new.body.strip() or len(new.body) > MAX_BODY:
            raise InvalidError(
                f"body has {len(new.body):,} characters", hint=f"1 to {MAX_BODY:,}, not only blanks: say something"
            )
        anchor, place = new.anchor, Place()
        if new.thread:
            if sql.thread(self.tx, row.id, new.thread) is None:
                raise NotFoundError(f"review #{row.number} has no thread {new.thread}", hint="`runward review show`")
            anchor = ""
        elif anchor:
            place = place_of(anchor, subject.source)
        if suggestion_of(new.body) is not None and not (place.lines or anchor.startswith("params.")):
            raise InvalidError(
                "a suggestion needs lines of code or a param to stand for",
                hint="give an anchor: train.py:12, params.lr",
            )
        actor = self.call.actor
        self.tx.insert(
            "review_comments",
            {
                "review_id": row.id,
                "author": actor.name,
                "author_id": actor.member_id,
                "at": self.call.now_us,
                "body": new.body,
                "anchor": anchor,
                "thread": new.thread,
                "place": msgspec.json.encode(place).decode() if anchor else "",
            },
        )
        others = [one.author_id for one in sql.remarks(self.tx, row.id) if one.author_id]
        named = [member for name in mentioned(new.body) if (member := member_by_name(self.tx, name))]
        return {"participants": list(dict.fromkeys([row.author_id, *others])), "mentioned": named, "anchor": anchor}

    def _resolve(self, row: sql.ReviewRow, thread: int, resolved: bool) -> None:
        found = sql.thread(self.tx, row.id, thread)
        if found is None:
            raise NotFoundError(f"review #{row.number} has no thread {thread}", hint="`runward review show`")
        role = self.call.role_on(ANY_PROJECT, row.project_id, "review.approve")
        own = found.author_id == self.call.actor.member_id
        if not own and (
            role is None or role < PERMISSIONS["review.approve"] or row.author_id == self.call.actor.member_id
        ):
            raise ForbiddenError(
                f"the thread is {found.author}'s", hint="its author or a reviewer resolves it; answer what was done"
            )
        actor = self.call.actor.name if resolved else ""
        sql.set_resolved(self.tx, thread, actor, self.call.now_us if resolved else 0)


def without_words(votes: list[Vote], remarks: list[ReviewComment]) -> tuple[list[Vote], list[ReviewComment]]:
    """Decisions and remarks as those see them who may not read what they are about: who, when and where."""
    silent = [msgspec.structs.replace(vote, comment="") for vote in votes]
    return silent, [msgspec.structs.replace(one, body="", excerpt=[], suggestion=None) for one in remarks]


def _shown(row: sql.RemarkRow, subject: Subject) -> ReviewComment:
    place = _place(row.place) if row.place else Place()
    found = find_again(row.anchor, place, subject.source) if row.place else Found("")
    return ReviewComment(
        id=row.id,
        author=row.author,
        at=from_us(row.at),
        body=row.body,
        anchor=row.anchor,
        thread=row.thread,
        place=found.state,
        line=found.line,
        excerpt=place.lines,
        suggestion=suggestion_of(row.body),
        resolved_by=row.resolved_by,
        resolved_at=from_us(row.resolved_at) if row.resolved_at else None,
    )
