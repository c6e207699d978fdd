"""The rules of knowledge: publish, find, recommend."""

from __future__ import annotations

from typing import ClassVar

import msgspec
from msgspec import UNSET

from runward.core.call import Room, Scope
from runward.core.clock import from_us
from runward.errors import NotFoundError
from runward.governance.dispatch import Call
from runward.governance.scopes import home_team, readable_teams, visible_ids
from runward.knowledge import repository as sql
from runward.knowledge.api import Knowledge
from runward.knowledge.index import Document, Found
from runward.knowledge.model import (
    Hit,
    NewPage,
    Page,
    PageKind,
    PagePatch,
    PageVersion,
    Recommendation,
    SearchResult,
    Situation,
)
from runward.knowledge.publishing import check_page, publish_page
from runward.knowledge.sources import load_document, search_index
from runward.knowledge.tags import words_of

_CANDIDATES = 500
_RECORDS = ("run", "experiment", "review")
_PAGE_WEIGHT = 3.0


class KnowledgeService(Knowledge):
    """See :class:`Knowledge`."""

    room: ClassVar[str] = "knowledge"

    def __init__(self, call: Call) -> None:
        self.call, self.tx = call, call.tx

    def publish(self, new: NewPage) -> Page:
        """See the contract."""
        check_page(self.call, new)
        team_id = home_team(self.tx, self.call.actor, new.team)
        assert team_id is not None
        return self.get_page(publish_page(self.call, team_id, new, self.call.actor.name))

    def list_pages(self, repository: str = "", kind: PageKind | None = None, limit: int = 200) -> list[Page]:
        """See the contract."""
        found = sql.pages(self.tx, readable_teams(self.call.actor), repository, kind, min(max(limit, 1), 1000))
        return sql.shown(self.tx, found)

    def get_page(self, page_id: str) -> Page:
        """See the contract."""
        found = sql.page(self.tx, page_id)
        if found is None:
            raise NotFoundError(f"there is no page {page_id!r}")
        self.call.read_content("page", page_id)
        return found

    def edit_page(self, page_id: str, patch: PagePatch) -> Page:
        """See the contract."""
        found = self.get_page(page_id)
        said = {name: getattr(found, name) for name in NewPage.__struct_fields__ if name != "team"}
        new = NewPage(
            **said | {name: value for name, value in msgspec.structs.asdict(patch).items() if value is not UNSET}
        )
        check_page(self.call, new)
        team_id = self.tx.scalar("SELECT team_id FROM pages WHERE id = ?", (page_id,))
        return self.get_page(publish_page(self.call, team_id, new, self.call.actor.name))

    def page_versions(self, page_id: str) -> list[PageVersion]:
        """See the contract."""
        self.call.read_content("page", page_id)
        return sql.versions(self.tx, page_id)

    def search(self, query: str, repository: str = "", kind: str = "", limit: int = 20) -> SearchResult:
        """See the contract."""
        found = self._visible(query)
        if kind:
            found = [hit for hit in found if hit.document.kind == kind]
        if repository:
            pages = {page.id for page in self.list_pages(repository, limit=1000)}
            found = [hit for hit in found if hit.document.id in pages]
        hits = [_hit(hit) for hit in found[: min(max(limit, 1), 200)]]
        return SearchResult(hits=hits, total=len(found))

    def _visible(self, query: str) -> list[Found]:
        index = search_index(self.call)
        index.catch_up(
            lambda after, limit: sql.changes_after(self.tx, after, limit),
            lambda kind, object_id: load_document(self.call, kind, object_id),
        )
        may_projects, may_teams = visible_ids(self.tx, self.call.actor)
        found = [hit for hit in index.search(query, _CANDIDATES) if _may_see(hit.document, may_projects, may_teams)]
        # Who searches knowledge wants what somebody wrote; runs share the same words by the dozen.
        return sorted(found, key=lambda hit: -hit.score * (1.0 if hit.document.kind in _RECORDS else _PAGE_WEIGHT))

    def recommend(self, situation: Situation) -> list[Recommendation]:
        """See the contract."""
        words = _situation_words(situation)
        hits = [hit for hit in self._visible(" ".join(words)) if hit.document.kind in ("practice", "decision", "guide")]
        scores = {hit.document.id: hit.score for hit in hits}
        pages = sql.shown(self.tx, sql.pages_by_id(self.tx, list(scores)[: max(situation.limit, 1) * 3]))
        if situation.repository:
            pages = [page for page in pages if page.repository == situation.repository]
        return [self._recommendation(page, set(words), scores[page.id]) for page in pages[: max(situation.limit, 1)]]

    def _recommendation(self, page: Page, words: set[str], score: float) -> Recommendation:
        text = {*words_of(page.title), *words_of(page.body), *page.tags, *words_of(page.code_example)}
        matched = sorted(words & text)
        runs = [e.id for e in page.evidence if e.kind == "run" and self.call.role_on("run", e.id) is not None]
        basis = f"supported by {len(runs)} run{'s' if len(runs) != 1 else ''}" if runs else "no run cited yet"
        shared = ", ".join(matched[:6]) or "related words"
        return Recommendation(
            page=page,
            reason=f"It shares {shared} with what you are about to run; {basis}.",
            matched=matched,
            runs=runs,
            score=round(score, 4),
        )


def _situation_words(situation: Situation) -> list[str]:
    texts = [situation.name, situation.text, *situation.tags, situation.project]
    for key, value in situation.params.items():
        texts.append(key.replace(".", " "))
        if isinstance(value, str):
            texts.append(value)
    return list(dict.fromkeys(word for text in texts for word in words_of(text)))


def _may_see(document: Document, projects: set[str], teams: set[str]) -> bool:
    return document.project_id in projects if document.project_id else document.team_id in teams


def _hit(found: Found) -> Hit:
    document = found.document
    return Hit(
        kind=document.kind,
        id=document.id,
        title=document.title,
        snippet=found.snippet,
        score=round(found.score, 4),
        tags=document.tags.split(),
        at=from_us(document.at),
    )


def _page_scope(call: Call, page_id: str) -> Scope | None:
    team_id = call.tx.scalar("SELECT team_id FROM pages WHERE id = ?", (page_id,))
    return Scope((), team_id) if team_id else None


ROOM = Room(Knowledge, KnowledgeService, {"page": _page_scope}, {})
