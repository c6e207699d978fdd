"""How a page comes into the team's knowledge, by whoever wrote it or by a review."""

from __future__ import annotations

from runward.core.call import Event
from runward.core.ids import PageId, new_id
from runward.errors import InvalidError, NotFoundError
from runward.governance.calling import Call
from runward.governance.names import check_name
from runward.governance.revising import hold
from runward.knowledge import repository as sql
from runward.knowledge.model import NewPage, Page

_MAX_BODY = 1_000_000


def check_page(call: Call, new: NewPage) -> None:
    """Raises: InvalidError (title, size), NotFoundError (evidence that the caller cannot see)."""
    check_name(new.title, "the page's title", limit=500)
    if len(new.body) > _MAX_BODY or len(new.code_example) > _MAX_BODY:
        raise InvalidError(f"the page has more than {_MAX_BODY:,} characters")
    for item in new.evidence:
        if call.role_on(item.kind, item.id) is None:
            raise NotFoundError(f"evidence {item.kind} {item.id!r} does not exist", hint="give the id of yours")


def present_page(call: Call, team_id: str, new: NewPage) -> Page | None:
    """The page that a new one would be a version of, with its text, restricted or not; None where there is none."""
    known = sql.find_page(call.tx, team_id, new)
    return sql.page(call.tx, known[0]) if known else None


def known_page(call: Call, page_id: str) -> Page | None:
    """A page by its id, with its text, restricted or not; None where there is none."""
    return sql.page(call.tx, page_id)


def publish_page(call: Call, team_id: str, new: NewPage, author: str, review_id: str = "") -> str:
    """Store a page, or a version of it where it says something else by now.

    Args:
        call: Whose doing it is.
        team_id: The team that it belongs to.
        new: The page.
        author: Who wrote it.
        review_id: The review that let it in; empty for none.

    Returns:
        The page's id.
    """
    hold(call.tx, "knowledge.get_page", alone=False)
    known = sql.find_page(call.tx, team_id, new)
    if known and sql.is_same(call.tx, known[0], new):
        if review_id:
            sql.set_reviewed(call.tx, known[0], known[1], review_id)
        return known[0]
    page_id, version = (PageId(known[0]), known[1] + 1) if known else (PageId(new_id()), 1)
    sql.store_page(call.tx, page_id, team_id, new, version, author, call.now_us)
    if review_id:
        sql.set_reviewed(call.tx, page_id, version, review_id)
    kind = "page.published" if version == 1 else "page.updated"
    call.publish(Event(kind, "page", page_id, "", team_id, {"title": new.title, "kind": new.kind}))
    return page_id
