"""What a team knows: typed pages with history and the runs that support them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from runward.core.ids import PageId

PageKind = Literal["practice", "decision", "guide", "card", "post-mortem", "result"]


class Evidence(msgspec.Struct, frozen=True):
    """An object that supports a page."""

    kind: Literal["run", "review", "page", "experiment"]
    id: str
    note: str = ""


class NewPage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A page to publish. Publishing the same title in the same repository with other content makes a new version of it."""

    repository: str = ""
    """The collection it belongs to, such as ``knowledge_base/vision``; empty for the team's own."""
    team: str = ""
    kind: PageKind = "practice"
    title: str
    body: str = ""
    """Markdown."""
    code_example: str = ""
    tags: list[str] = []
    evidence: list[Evidence] = []
    data: dict[str, Any] = {}
    review_by: datetime | None = None


class PagePatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Changes to a page; what is left out stays."""

    body: str | msgspec.UnsetType = msgspec.UNSET
    """Markdown."""
    code_example: str | msgspec.UnsetType = msgspec.UNSET
    tags: list[str] | msgspec.UnsetType = msgspec.UNSET
    evidence: list[Evidence] | msgspec.UnsetType = msgspec.UNSET
    data: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    review_by: datetime | msgspec.UnsetType | None = msgspec.UNSET


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page in its newest version."""

    id: PageId
    repository: str
    team: str
    kind: PageKind
    title: str
    body: str
    code_example: str
    tags: list[str]
    evidence: list[Evidence]
    data: dict[str, Any]
    owner: str
    author: str
    version: int
    created_at: datetime
    updated_at: datetime
    review_by: datetime | None
    review_id: str = ""
    """The applied review of exactly this version; empty where nobody reviewed it."""
    withheld: bool = False
    """Whether its text is left out here, because it is restricted: who may read it asks for the page itself."""


class PageVersion(msgspec.Struct, frozen=True):
    """One version in a page's history."""

    version: int
    title: str
    author: str
    at: datetime
    body: str


class Hit(msgspec.Struct, frozen=True):
    """Something found by search; ``snippet`` marks the words with ``**``."""

    kind: str
    """A page kind, or ``run``, ``experiment``, ``review``."""
    id: str
    title: str
    snippet: str
    score: float
    tags: list[str]
    at: datetime


class SearchResult(msgspec.Struct, frozen=True):
    """Hits, best first, and how many there are in all."""

    hits: list[Hit]
    total: int


class Situation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody is about to do, as far as it is known."""

    repository: str = ""
    project: str = ""
    name: str = ""
    params: dict[str, Any] = {}
    tags: list[str] = []
    text: str = ""
    limit: int = 5


class Recommendation(msgspec.Struct, frozen=True):
    """Advice with its reason and the runs it comes from."""

    page: Page
    reason: str
    matched: list[str]
    """The words, tags and params that the advice shares with the situation."""
    runs: list[str]
    """Ids of the runs that support it and that the caller may see."""
    score: float
