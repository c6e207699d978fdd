"""What a proposal is stored as, once it is known to make sense."""

from __future__ import annotations

from typing import Any

import msgspec

from runward.core.hashing import digest_value
from runward.errors import InvalidError
from runward.governance.calling import Call
from runward.governance.scopes import ProjectRow
from runward.knowledge.model import NewPage, Page
from runward.knowledge.publishing import check_page
from runward.review.gatekeeping import check_meetable
from runward.review.model import Proposal
from runward.review.standards_text import own_document


def proposed(call: Call, place: ProjectRow, proposal: Proposal) -> tuple[str, dict[str, Any]]:
    """A title, and the columns of the review. Raises: InvalidError, NotFoundError (evidence)."""
    standards, page = proposal.standards, proposal.page
    if (standards is None) == (page is None):
        raise InvalidError("a proposal has standards or a page: exactly one", hint="make two proposals of it")
    about: dict[str, Any] = {"project_id": place.id}
    if standards is not None:
        check_meetable(standards)
        own_document(standards)
        document = msgspec.json.encode(standards).decode()
        about |= {"proposes": "standards", "object_id": place.id, "proposal": document}
        return f"Standards of {place.path}", about
    assert page is not None
    check_page(call, page)
    page = msgspec.structs.replace(page, team=place.team_id)
    document = msgspec.json.encode(page).decode()
    about |= {"proposes": "page", "object_id": page_key(place.team_id, page), "proposal": document}
    return page.title, about


def page_key(team_id: str, page: NewPage | Page) -> str:
    """What reviews of a page are found by: the same title in the same collection is the same page, there already or not."""
    return digest_value([team_id, page.repository, page.kind, page.title])
