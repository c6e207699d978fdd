"""The contract of knowledge: publish, find, recommend."""

from __future__ import annotations

from typing import ClassVar, Protocol

from runward.core.operation import ON_LIST, operation
from runward.knowledge.model import (
    NewPage,
    Page,
    PageKind,
    PagePatch,
    PageVersion,
    Recommendation,
    SearchResult,
    Situation,
)


class Knowledge(Protocol):
    """Thread-safe. Nothing is ever overwritten: each change is a version."""

    room: ClassVar[str] = "knowledge"

    @operation("POST", "/pages", may="knowledge.write", on="new.team")
    def publish(self, new: NewPage) -> Page:
        """Publish a page, or a new version of the page with this title; the same content again makes no version."""
        ...

    @operation("GET", "/pages", may="knowledge.read", on=ON_LIST)
    def list_pages(self, repository: str = "", kind: PageKind | None = None, limit: int = 200) -> list[Page]:
        """Pages that the caller may see, newest first."""
        ...

    @operation(
        "GET",
        "/pages/{page_id}",
        may="knowledge.read",
        on="page_id",
        state=("version",),
        signed=("author", "updated_at"),
    )
    def get_page(self, page_id: str) -> Page:
        """One page in its newest version."""
        ...

    @operation("PATCH", "/pages/{page_id}", may="knowledge.write", on="page_id", revises="get_page")
    def edit_page(self, page_id: str, patch: PagePatch) -> Page:
        """Change what a page says, as a new version; what is left out stays, and the same again makes no version.

        Raises: InvalidError (too large), NotFoundError (evidence that the caller cannot see).
        """
        ...

    @operation("GET", "/pages/{page_id}/versions", may="knowledge.read", on="page_id")
    def page_versions(self, page_id: str) -> list[PageVersion]:
        """A page's history, newest first."""
        ...

    @operation("GET", "/search", may="knowledge.read", on=ON_LIST)
    def search(self, query: str, repository: str = "", kind: str = "", limit: int = 20) -> SearchResult:
        """Full-text search over pages, runs, experiments and reviews, best first (any word may match)."""
        ...

    @operation("POST", "/recommendations", may="knowledge.read", on=ON_LIST, audit=False)
    def recommend(self, situation: Situation) -> list[Recommendation]:
        """Practices and earlier results that fit what somebody is about to do, each with its reason and its runs."""
        ...
