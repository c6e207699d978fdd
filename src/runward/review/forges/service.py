"""Forges: a review's state at its commit, its summary as a comment, and what a push means for it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import ClassVar

import msgspec

from runward.coordination import queue
from runward.coordination.hooks import link_to
from runward.coordination.hooks_model import Delivery
from runward.core.call import Event, Room
from runward.core.clock import from_us
from runward.core.ids import MemberId
from runward.core.operation import Door
from runward.core.outbound import Outgoing, check_url
from runward.errors import InvalidError, NotFoundError, UnauthenticatedError
from runward.governance.calling import Call
from runward.governance.dispatch import Dispatcher
from runward.governance.model import Actor
from runward.governance.scopes import Clause, project_scope, projects_below
from runward.review import repository as reviews
from runward.review.api import Reviews
from runward.review.forges import repository as sql
from runward.review.forges.adapter import CommitState, CommitStatus, Pull, Push
from runward.review.forges.api import Forges
from runward.review.forges.kinds import FORGES
from runward.review.forges.model import Forge, ForgeSecret, NewForge
from runward.review.model import ReviewDetail, ReviewState
from runward.review.report import issues_of, score_of
from runward.store.database import Tx
from runward.tracking.content import detail_of

INCOMING = Door("POST", "/forge-hooks/{project_id}", "open", "@self", "a forge proves itself by its signature")
_SHOWN = 10
_STATES: Mapping[ReviewState, CommitState] = {
    ReviewState.APPLIED: "success",
    ReviewState.CHANGES_REQUESTED: "failure",
    ReviewState.REJECTED: "failure",
    ReviewState.WITHDRAWN: "withdrawn",
}
_TOLD = ("review.requested", "review.changed", "review.approved", "review.withdrawn", "review.outdated")
_TOLD_IN_WORDS = (
    "review.requested",
    "review.changes_requested",
    "review.applied",
    "review.rejected",
    "review.overridden",
)


class ToForge(msgspec.Struct, frozen=True, omit_defaults=True):
    """What waits to be told: a status, which is that of the moment when it is sent, or a comment."""

    review_id: str
    sha: str
    text: str = ""


class ForgeService(Forges):
    """See :class:`Forges`."""

    room: ClassVar[str] = "forges"

    def __init__(self, call: Call) -> None:
        self.call, self.tx = call, call.tx

    def get_forge(self, project: str) -> Forge:
        """See the contract."""
        found = self.call.project(project)
        row = sql.forge_of(self.tx, (found.id,))
        if row is None:
            raise NotFoundError(f"project {found.path!r} has no forge of its own", hint="runward forge set")
        path = INCOMING.path.format(project_id=found.id)
        return Forge(row.project, row.kind, row.repository, row.api_url, f"/api/v1{path}", row.author, from_us(row.at))

    def set_forge(self, project: str, new: NewForge) -> ForgeSecret:
        """See the contract."""
        found, adapter = self.call.project(project), FORGES[new.kind]
        parts = new.repository.split("/")
        if len(parts) < adapter.parts or not all(part.strip() == part and part for part in parts):
            wanted = "/".join(("organization", "project", "repository")[-adapter.parts :])
            raise InvalidError(
                f"repository {new.repository!r:.200} is none of {adapter.title}", hint=f"write it {wanted}"
            )
        if not new.token.strip() or not new.token.isascii() or not new.token.isprintable():
            raise InvalidError("token is empty or has characters that no token has", hint="one that may set statuses")
        api_url = (new.api_url or adapter.api_url).rstrip("/")
        check_url(f"{api_url}/{new.repository}", "api_url")
        secret = secrets.token_urlsafe(32)
        place = {"kind": new.kind, "repository": new.repository, "api_url": api_url, "token": new.token}
        sql.store(
            self.tx, found.id, {**place, "secret": secret, "author": self.call.actor.name, "at": self.call.now_us}
        )
        return ForgeSecret(self.get_forge(project), secret)

    def remove_forge(self, project: str) -> None:
        """See the contract."""
        found = self.call.project(project)
        if not sql.remove(self.tx, found.id):
            raise NotFoundError(f"project {found.path!r} has no forge of its own")

    def forge_deliveries(self, project: str, limit: int = 50) -> list[Delivery]:
        """See the contract."""
        where = Clause("target = 'forge' AND target_id = ?", (self.call.project(project).id,))
        return queue.deliveries(self.tx, where, min(max(limit, 1), 1000))


# out ----------------------------------------------------------------------------------------------------------------


def _on_review(call: Call, event: Event) -> None:
    """Queue what the forge is told, in the event's own transaction."""
    scope = project_scope(call.tx, event.project_id)
    forge = sql.forge_of(call.tx, scope.projects) if scope else None
    run_id = str(event.data.get("run_id", ""))
    if forge is None or not run_id:
        return
    commit = detail_of(call.tx, run_id).run.commit
    if not commit:
        return
    told = [ToForge(event.object_id, commit)]
    if event.kind in _TOLD_IN_WORDS:
        told.append(ToForge(event.object_id, commit, _summary(call, event)))
    for one in told:
        body = msgspec.json.encode(one).decode()
        queue.enqueue(call.tx, "forge", forge.project_id, event.kind, body, call.now_us)


def _summary(call: Call, event: Event) -> str:
    """The review in a comment of Markdown."""
    detail = call.use(Reviews).get_review(event.object_id)
    review, score, link = detail.review, score_of(detail.checks), link_to(call.tx, event)
    title = (
        f"[Review #{review.number}: {_plain(review.title)}]({link})"
        if link
        else f"Review #{review.number}: {_plain(review.title)}"
    )
    issues = [issue for issue in issues_of(detail.checks) if issue.required]
    lines = [
        f"**{title}**: {_said(review.state, review.overridden)}{f' by {call.actor.name}' if event.kind != 'review.requested' else ''}",
        "",
        f"Run `{_code(review.run_name)}`{_dirty(detail)}, revision `{review.revision[:12]}`. Score {score.value:g} of 100 "
        f"({score.passed} of {score.checks} checks passed), {review.approvals} of {review.approvals_needed} approvals.",
    ]
    if comment := str(event.data.get("comment", "")):
        lines += ["", *(f"> {_plain(line)}" for line in comment.splitlines()[:_SHOWN])]
    if issues:
        lines += [
            "",
            *(
                f"- {_plain(i.check)}: {_plain(i.message)}{f' (`{i.file}:{i.line}`)' if i.file else ''}"
                for i in issues[:_SHOWN]
            ),
        ]
    return "\n".join(lines)


def _dirty(detail: ReviewDetail) -> str:
    return " with changes that were not committed" if detail.run and detail.run.dirty else ""


def _plain(text: str) -> str:
    """A text that names nobody at the forge and opens no markup there."""
    shown = " ".join(text.split())[:500]
    for sign in ("\\", "`", "*", "_", "[", "]", "<", ">", "#", "|"):
        shown = shown.replace(sign, f"\\{sign}")
    return shown.replace("@", "@\u200b")


def _code(text: str) -> str:
    return " ".join(text.replace("`", "'").split())[:200]


def _said(state: ReviewState, overridden: bool) -> str:
    words = {
        ReviewState.OPEN: "review wanted",
        ReviewState.DRAFT: "a draft",
        ReviewState.APPROVED: "approved, not applied yet",
        ReviewState.APPLIED: "approved and applied",
    }
    return "applied by an admin without a review" if overridden else words.get(state, state.replace("_", " "))


def forge_request(tx: Tx, held: queue.Claimed, now: int) -> Outgoing:
    """The request of a delivery to a forge. Raises: NotFoundError (it is gone), InvalidError (it takes no such thing)."""
    forge = sql.forge_of(tx, (held.target_id,))
    if forge is None:
        raise NotFoundError("the project has no forge any more")
    adapter, told = FORGES[forge.kind], msgspec.json.decode(held.body, type=ToForge)
    if told.text:
        return adapter.comment(forge.place, told.sha, sql.pull_of(tx, forge.project_id, told.sha), told.text)
    row = reviews.review(tx, told.review_id)
    dirty = ", ran with changes that were not committed" if detail_of(tx, row.run_id).run.dirty else ""
    said = f"#{row.number} {_said(row.state, row.overridden)}{dirty}"
    link = link_to(tx, Event("review", "review", row.id))
    return adapter.status(forge.place, CommitStatus(told.sha, _STATES.get(row.state, "pending"), said, link))


# in -----------------------------------------------------------------------------------------------------------------


def receive(dispatcher: Dispatcher, project_id: str, headers: Mapping[str, str], body: bytes) -> int:
    """Take a web hook of a project's forge; returns how many reviews it was noted on.

    Raises: UnauthenticatedError (it is not proven), InvalidError (it cannot be read).
    """
    nobody = Actor(MemberId(""), "", verified=False, via="forge", role_cap=0)
    with dispatcher.enter(INCOMING, nobody, "", write=False) as call:
        forge = sql.forge_of(call.tx, (project_id,))
    # Whoever asks cannot tell a project that is not there from a wrong signature, nor by the time that it takes.
    proven = FORGES[forge.kind if forge else "github"].proven(headers, body, forge.secret if forge else "-")
    if forge is None or not proven:
        raise UnauthenticatedError("this is not proven to come from the project's forge", hint="check its secret")
    adapter = FORGES[forge.kind]
    try:
        told = adapter.read(headers, msgspec.json.decode(body))
    except (msgspec.DecodeError, RecursionError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise InvalidError(f"this is no web hook of {adapter.title} that is understood: {error!r:.200}") from error
    actor = msgspec.structs.replace(nobody, name=adapter.title)
    with dispatcher.enter(INCOMING, actor, "", write=True, audit="forges.receive" if told else "") as call:
        for one in told:
            if isinstance(one, Pull):
                sql.note_pull(call.tx, forge.project_id, one, call.now_us)
        return sum(_on_push(call, forge, one) for one in told if isinstance(one, Push))


def _on_push(call: Call, forge: sql.ForgeRow, push: Push) -> int:
    """Say on the reviews whose commit may be gone that it may be; returns on how many."""
    if push.forced is False:
        return 0
    found = sql.reviews_at(call.tx, projects_below(forge.project_id), push.before, push.branch if push.forced else "")
    noted = [_note(call, one, push) for one in found if one.commit != push.after]
    return sum(noted)


def _note(call: Call, one: sql.AtCommit, push: Push) -> bool:
    moved = f"`{_code(push.branch)}` from {push.before[:12]} to {push.after[:12]}"
    if not push.forced:
        said = (
            f"A push moved {moved}. {call.actor.name} does not say whether by force: "
            f"look whether {one.commit[:12]}, which this review is about, is still there."
        )
    elif one.commit == push.before:
        said = f"A force-push moved {moved}: {one.commit[:12]}, which this review is about, was replaced."
    else:
        said = f"A force-push moved {moved}: {one.commit[:12]}, which this review is about, may be gone."
    known = call.use(Reviews).get_review(one.review_id).comments
    if any(remark.body == said for remark in known):
        return False
    call.use(Reviews).comment(one.review_id, said)
    return True


ROOM = Room(Forges, ForgeService, {}, dict.fromkeys(dict.fromkeys((*_TOLD, *_TOLD_IN_WORDS)), (_on_review,)))
