"""The inbox: what other rooms' events mean for whom."""

from __future__ import annotations

from typing import ClassVar

from runward.coordination.api import Coordination
from runward.coordination.model import Inbox, Notification, TeamMessage
from runward.core.call import Event, Room
from runward.core.clock import from_us
from runward.governance.calling import Call
from runward.governance.names import check_name
from runward.governance.scopes import home_team, member_by_name, members_at, members_of_team


def notify(call: Call, members: list[str], kind: str, title: str, event: Event, body: str = "") -> None:
    """Put a line into members' inboxes, but not into the inbox of who caused it."""
    call.tx.many(
        """INSERT INTO notifications (member_id, at, kind, title, body, object_kind, object_id, actor)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        [
            (member, call.now_us, kind, title, body, event.object_kind, event.object_id, call.actor.name)
            for member in dict.fromkeys(members)
            if member != call.actor.member_id
        ],
    )


class CoordinationService(Coordination):
    """See :class:`Coordination`."""

    room: ClassVar[str] = "coordination"

    def __init__(self, call: Call) -> None:
        self.call, self.tx = call, call.tx

    def inbox(self, unread: bool = False, limit: int = 100) -> Inbox:
        """See the contract."""
        me = self.call.actor.member_id
        rows = self.tx.all(
            f"""SELECT id, at, kind, title, body, object_kind, object_id, actor, read_at FROM notifications
                WHERE member_id = ? {"AND read_at IS NULL" if unread else ""}
                ORDER BY CASE WHEN read_at IS NULL THEN 0 ELSE 1 END,
                CASE WHEN read_at IS NULL THEN id ELSE -id END LIMIT ?""",
            (me, min(max(limit, 1), 1000)),
        )
        items = [
            Notification(row[0], from_us(row[1]), row[2], row[3], row[4], row[5], row[6], row[7], row[8] is not None)
            for row in rows
        ]
        left = self.tx.scalar("SELECT count(*) FROM notifications WHERE member_id = ? AND read_at IS NULL", (me,))
        return Inbox(items=items, unread=int(left))

    def mark_read(self, ids: list[int]) -> Inbox:
        """See the contract."""
        now, me = self.call.now_us, self.call.actor.member_id
        if ids:
            self.tx.many(
                "UPDATE notifications SET read_at = ? WHERE member_id = ? AND id = ? AND read_at IS NULL",
                [(now, me, item) for item in ids],
            )
        else:
            self.tx.execute("UPDATE notifications SET read_at = ? WHERE member_id = ? AND read_at IS NULL", (now, me))
        return self.inbox()

    def notify_team(self, message: TeamMessage) -> int:
        """See the contract."""
        check_name(message.title, "the message's title", limit=500)
        team = home_team(self.tx, self.call.actor, message.team)
        members = [member for member, _ in members_of_team(self.tx, str(team))]
        event = Event("team.messaged", message.object_kind, message.object_id, "", str(team), {"title": message.title})
        notify(self.call, members, "team.message", message.title, event, message.body)
        self.call.publish(event)
        return len([member for member in members if member != self.call.actor.member_id])


def _team_of(call: Call, event: Event) -> list[str]:
    return [member for member, _ in members_of_team(call.tx, event.team_id)]


def _on_review(call: Call, event: Event) -> None:
    title = str(event.data.get("title", ""))
    author = str(event.data.get("author_id", ""))
    if event.kind == "review.requested":
        named = [member_by_name(call.tx, name) for name in event.data.get("reviewers", [])]
        members = [member for member in named if member] or _team_of(call, event)
        notify(call, members, event.kind, f"Review wanted: {title}", event)
        return
    readable = dict(members_at(call.tx, event.project_id))
    said = str(event.data.get("comment", ""))
    mentioned = [member for member in event.data.get("mentioned", []) if member in readable]
    notify(call, mentioned, "review.mentioned", f"You were mentioned: {title}", event, said)
    concerned = [author, *event.data.get("participants", []), *event.data.get("tell", [])]
    others = [member for member in concerned if member in readable and member not in mentioned]
    notify(call, others, event.kind, f"{_WORDS[event.kind]}: {title}", event, said)


def _on_review_over(call: Call, event: Event) -> None:
    """Nobody is asked any more to look at what is decided."""
    asked = [(call.now_us, member, event.object_id) for member in dict(members_at(call.tx, event.project_id))]
    call.tx.many(
        """UPDATE notifications SET read_at = ? WHERE member_id = ? AND read_at IS NULL AND object_kind = 'review'
           AND object_id = ? AND kind = 'review.requested'""",
        asked,
    )


def _on_labelled(call: Call, event: Event) -> None:
    """What was said of a page's text before the page was restricted is in nobody's inbox any more."""
    if event.data["restricted"]:
        call.tx.execute(
            "UPDATE notifications SET body = '' WHERE object_kind = 'review' AND object_id = ?", (event.object_id,)
        )


def _on_run_ended(call: Call, event: Event) -> None:
    if event.data.get("status") in ("failed", "timed_out"):
        row = call.tx.one("SELECT creator_id, name FROM runs WHERE id = ?", (event.object_id,))
        if row:
            notify(call, [row[0]], "run.failed", f"Run {row[1]} {event.data['status'].replace('_', ' ')}", event)


def _on_verified(call: Call, event: Event) -> None:
    """Who asked for a verification hears how it ended; of what a policy asked for only what did not come out again."""
    told = event.data
    if told["trigger"] == "policy" and told["verdict"] == "reproduced":
        return
    member = member_by_name(call.tx, told["requested_by"])
    if member in dict(members_at(call.tx, event.project_id)):
        about = ("verification", told["verification_id"]) if told["verification_id"] else ("run", told["run_id"])
        found = (told["verdict"] or "failed").replace("_", " ")
        title = f"Verification of {told['run_name']}: {found}"
        notify(call, [str(member)], event.kind, title, Event(event.kind, *about), str(told["reason"]))


def _on_ci(call: Call, event: Event) -> None:
    """Who started the run and who asked for its review hear what CI found out."""
    readable = dict(members_at(call.tx, event.project_id))
    told = [member for member in event.data["participants"] if member in readable]
    title = f"CI {event.data['name']} on {event.data['run_name']}: {event.data['verdict']}"
    notify(call, told, event.kind, title, event, str(event.data["message"]))


def _on_comment(call: Call, event: Event) -> None:
    """Who takes part hears of it; a mention reaches only those who may read the run."""
    readable = dict(members_at(call.tx, event.project_id))
    named = [member for name in event.data["mentioned"] if (member := member_by_name(call.tx, name)) in readable]
    title, body = str(event.data["run_name"]), str(event.data["comment"])
    notify(call, [m for m in named if m], "comment.mentioned", f"You were mentioned: {title}", event, body)
    others = [m for m in event.data["participants"] if m in readable and m not in named]
    notify(call, others, event.kind, f"New comment: {title}", event, body)


def _on_page(call: Call, event: Event) -> None:
    notify(call, _team_of(call, event), event.kind, f"Published: {event.data.get('title', '')}", event)


def _on_deployment(call: Call, event: Event) -> None:
    told = event.data
    words = {
        "started": "is being deployed to",
        "live": "is live on",
        "failed": "failed on",
        "retired": "no longer serves",
    }
    title = f"{told['title']} {told['version']} {words[told['state']]} {told['target']}"
    notify(
        call, _team_of(call, event), event.kind, title, event, "; ".join([*told["warnings"], told["note"]]).strip("; ")
    )


def _on_accepted(call: Call, event: Event) -> None:
    """Who handed a model over hears that somebody took it."""
    told = event.data
    member = member_by_name(call.tx, told["handed_over_by"])
    if member in dict(members_of_team(call.tx, event.team_id)):
        title = f"{call.actor.name} accepted {told['title']} {told['version']}"
        notify(call, [str(member)], event.kind, title, event, told["note"])


_WORDS = {
    "review.approved": "Approved",
    "review.changes_requested": "Changes wanted",
    "review.applied": "Approved and applied",
    "review.rejected": "Rejected",
    "review.commented": "New comment",
    "review.changed": "Changed, your vote is outdated",
    "review.outdated": "Changed, your approval is outdated",
    "review.waived": "A check was waived",
    "review.overridden": "Applied without a review",
}
ROOM = Room(
    Coordination,
    CoordinationService,
    {},
    {
        **dict.fromkeys(("review.requested", *_WORDS), (_on_review,)),
        **dict.fromkeys(("review.applied", "review.rejected", "review.overridden"), (_on_review, _on_review_over)),
        "review.withdrawn": (_on_review_over,),
        "run.ended": (_on_run_ended,),
        "verification.finished": (_on_verified,),
        "verification.failed": (_on_verified,),
        "comment.written": (_on_comment,),
        "ci.reported": (_on_ci,),
        "page.published": (_on_page,),
        "deployment.recorded": (_on_deployment,),
        "model.accepted": (_on_accepted,),
        "review.labelled": (_on_labelled,),
    },
)
