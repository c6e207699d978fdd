"""Comments on runs, points of metrics, charts and artifacts: threads with every version kept."""

from __future__ import annotations

import msgspec

from runward.core.call import Event, Scope
from runward.core.clock import from_us
from runward.core.ids import new_id
from runward.core.mentions import mentioned
from runward.core.permissions import Role
from runward.errors import ForbiddenError, InvalidError, InvalidTransitionError, NotFoundError, StaleVersionError
from runward.governance.calling import Call
from runward.governance.scopes import members_at, project_scope
from runward.store.database import Row, Tx
from runward.tracking import repository
from runward.tracking.organise_model import Anchor, Comment, CommentVersion, NewComment

_COMMENT = """SELECT id, run_id, thread_id, anchor, author, at, version, body, removed_at,
  edited_at, removed_by, resolved_at, resolved_by FROM comments"""
MAX_BODY = 20_000


def _comment(row: Row) -> Comment:
    anchor = msgspec.json.decode(row[3], type=Anchor)
    return Comment(
        *(row[0], row[1], row[2], anchor, row[4], from_us(row[5]), row[6], row[7], row[8] is not None),
        edited_at=None if row[9] is None else from_us(row[9]),
        removed_by=row[10] or "",
        resolved_at=None if row[11] is None else from_us(row[11]),
        resolved_by=row[12] or "",
    )


def _check_body(body: str) -> str:
    if not body.strip() or len(body) > MAX_BODY:
        raise InvalidError(f"the comment has {len(body):,} characters", hint=f"1 to {MAX_BODY:,}, not only blanks")
    return body


class Comments:
    """The part of the service that knows comments."""

    call: Call
    tx: Tx

    def list_comments(self, run_id: str) -> list[Comment]:
        """See the contract."""
        return [_comment(row) for row in self.tx.all(f"{_COMMENT} WHERE run_id = ? ORDER BY at, id", (run_id,))]

    def readers(self, project: str) -> list[str]:
        """See the contract."""
        return [name for _, name in members_at(self.tx, self.call.project(project).id)]

    def _read(self, comment_id: str) -> Comment:
        row = self.tx.one(f"{_COMMENT} WHERE id = ?", (comment_id,))
        assert row is not None
        return _comment(row)

    def add_comment(self, run_id: str, comment: NewComment) -> Comment:
        """See the contract."""
        comment_id, actor = new_id(), self.call.actor
        body, anchor, thread_id = _check_body(comment.body), comment.anchor, comment.thread_id or comment_id
        if comment.thread_id:
            first = self.tx.one(f"{_COMMENT} WHERE id = ? AND run_id = ?", (comment.thread_id, run_id))
            if first is None:
                raise NotFoundError(f"run {run_id} has no thread {comment.thread_id!r}")
            thread_id, anchor = _comment(first).thread_id, _comment(first).anchor
        else:
            self._check_anchor(run_id, anchor)
        self.tx.execute(
            """INSERT INTO comments (id, run_id, thread_id, anchor, author, author_id, at, version, body)
               VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?)""",
            (
                comment_id,
                run_id,
                thread_id,
                msgspec.json.encode(anchor).decode(),
                actor.name,
                actor.member_id,
                self.call.now_us,
                body,
            ),
        )
        self._keep_version(comment_id, 1, body)
        self._tell("comment.written", run_id, thread_id, body)
        return self._read(comment_id)

    def _check_anchor(self, run_id: str, anchor: Anchor) -> None:
        if anchor.kind in ("metric", "artifact"):
            table, column = ("metrics", "key") if anchor.kind == "metric" else ("artifacts", "path")
            found = self.tx.scalar(f"SELECT 1 FROM {table} WHERE run_id = ? AND {column} = ?", (run_id, anchor.key))
            if found is None:
                raise InvalidError(f"run {run_id} has no {anchor.kind} {anchor.key[:200]!r}")

    def _keep_version(self, comment_id: str, version: int, body: str) -> None:
        self.tx.execute(
            "INSERT INTO comment_versions (comment_id, version, body, author, at) VALUES (?, ?, ?, ?, ?)",
            (comment_id, version, body, self.call.actor.name, self.call.now_us),
        )

    def _tell(self, kind: str, run_id: str, thread_id: str, body: str) -> None:
        """Publish who takes part: the run's author, the thread's authors, and who is mentioned."""
        run = repository.run(self.tx, run_id)
        team_id = self.tx.scalar("SELECT team_id FROM projects WHERE id = ?", (run.project_id,))
        owner = self.tx.scalar("SELECT creator_id FROM runs WHERE id = ?", (run_id,))
        authors = self.tx.all("SELECT DISTINCT author_id FROM comments WHERE thread_id = ?", (thread_id,))
        data: dict[str, object] = {
            "run_name": run.name,
            "participants": [owner, *(row[0] for row in authors)],
            "mentioned": mentioned(body),
            "comment": body[:300],
        }
        self.call.publish(Event(kind, "run", run_id, run.project_id, team_id, data))

    def edit_comment(self, comment_id: str, body: str, version: int) -> Comment:
        """See the contract."""
        found = self._read(comment_id)
        if found.author != self.call.actor.name:
            raise ForbiddenError(f"the comment is {found.author}'s", hint="answer it instead")
        if found.removed:
            raise InvalidTransitionError("the comment was removed", hint="write a new one")
        if version != found.version:
            raise StaleVersionError(
                f"the comment is at version {found.version}, you changed version {version}",
                hint="read it again and repeat the change",
            )
        self._keep_version(comment_id, version + 1, _check_body(body))
        self.tx.execute(
            "UPDATE comments SET body = ?, version = ?, edited_at = ? WHERE id = ?",
            (body, version + 1, self.call.now_us, comment_id),
        )
        self._announce("comment.edited", found.run_id)
        return self._read(comment_id)

    def remove_comment(self, comment_id: str) -> None:
        """See the contract."""
        found = self._read(comment_id)
        role = self.call.role_on("run", found.run_id)
        if found.author != self.call.actor.name and (role is None or role < Role.MAINTAINER):
            raise ForbiddenError(f"the comment is {found.author}'s", hint="a maintainer may remove it")
        if found.removed:
            return
        sql = "UPDATE comments SET body = '', removed_at = ?, removed_by = ? WHERE id = ?"
        self.tx.execute(sql, (self.call.now_us, self.call.actor.name, comment_id))
        self.tx.execute("DELETE FROM comment_versions WHERE comment_id = ?", (comment_id,))
        self._announce("comment.removed", found.run_id)

    def resolve_comment(self, comment_id: str, resolved: bool = True) -> Comment:
        """See the contract."""
        first = self._read(self._read(comment_id).thread_id)
        if resolved != (first.resolved_at is not None):
            by = (self.call.now_us, self.call.actor.name) if resolved else (None, None)
            self.tx.execute("UPDATE comments SET resolved_at = ?, resolved_by = ? WHERE id = ?", (*by, first.id))
            self._announce("comment.resolved" if resolved else "comment.reopened", first.run_id)
        return self._read(first.id)

    def _announce(self, kind: str, run_id: str) -> None:
        """Publish what pages that show the run have to know, but nobody is told."""
        project_id = repository.run(self.tx, run_id).project_id
        team_id = self.tx.scalar("SELECT team_id FROM projects WHERE id = ?", (project_id,))
        self.call.publish(Event(kind, "run", run_id, project_id, team_id))

    def comment_versions(self, comment_id: str) -> list[CommentVersion]:
        """See the contract."""
        sql = "SELECT version, body, author, at FROM comment_versions WHERE comment_id = ? ORDER BY version"
        return [CommentVersion(row[0], row[1], row[2], from_us(row[3])) for row in self.tx.all(sql, (comment_id,))]


def comment_scope(call: Call, comment_id: str) -> Scope | None:
    """Where a comment lies; with its run it is out of sight."""
    row = call.tx.one(
        """SELECT r.project_id FROM comments c JOIN runs r ON r.id = c.run_id
           WHERE c.id = ? AND r.deleted_at IS NULL""",
        (comment_id,),
    )
    return project_scope(call.tx, row[0]) if row else None
