"""The search index: derived, rebuilt at will, and never wrong about what is gone."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runward.knowledge.index import Change, Document, SearchIndex
from runward.knowledge.tags import extract_tags, words_of


class _Source:
    """Events and what their objects are now."""

    def __init__(self) -> None:
        self.events = list[Change]()
        self.now = dict[str, Document]()
        self.loads = 0

    def publish(self, name: str, title: str, body: str = "") -> None:
        self.now[name] = Document("practice", name, "", "team", title, body, "", 0)
        self.events.append(Change(len(self.events) + 1, "page", name, False))

    def remove(self, name: str) -> None:
        del self.now[name]
        self.events.append(Change(len(self.events) + 1, "page", name, True))

    def after(self, event_id: int, limit: int) -> list[Change]:
        return [event for event in self.events if event.event_id > event_id][:limit]

    def load(self, kind: str, name: str) -> Document | None:
        self.loads += 1
        return self.now.get(name)


@pytest.fixture
def source() -> _Source:
    return _Source()


@pytest.fixture
def index(tmp_path: Path) -> SearchIndex:
    return SearchIndex(tmp_path / "search.db")


def _found(index: SearchIndex, source: _Source, query: str) -> list[str]:
    index.catch_up(source.after, source.load)
    return [hit.document.id for hit in index.search(query, 100)]


def test_only_what_is_new_is_read(index: SearchIndex, source: _Source) -> None:
    source.publish("a", "warm start")
    assert _found(index, source, "warm") == ["a"]
    assert _found(index, source, "warm") == ["a"]
    assert source.loads == 1
    source.publish("a", "cold start")
    assert _found(index, source, "warm") == []
    assert _found(index, source, "cold") == ["a"]
    source.remove("a")
    assert _found(index, source, "cold") == []


def test_a_title_counts_more_than_a_body_and_words_are_stemmed(index: SearchIndex, source: _Source) -> None:
    source.publish("body", "other words here", "learning rates matter")
    source.publish("title", "learning rate", "x")
    assert _found(index, source, "learned rates") == ["title", "body"]


def test_a_lost_index_is_built_again(tmp_path: Path, source: _Source) -> None:
    source.publish("a", "warm")
    assert _found(SearchIndex(tmp_path / "one" / "s.db"), source, "warm") == ["a"]
    assert _found(SearchIndex(tmp_path / "two" / "s.db"), source, "warm") == ["a"]


def test_tags_are_the_words_that_carry_meaning() -> None:
    text = "We use the learning rate warmup: warmup, because the optimizer needs warmup for the learning rate"
    assert extract_tags(text, 3) == ["warmup", "learning", "rate"]
    assert extract_tags("") == []


@given(st.text())
def test_tags_are_the_same_everywhere(text: str) -> None:
    tags = extract_tags(text)
    assert tags == extract_tags(text)
    assert len(tags) == len(set(tags)) <= 8
    assert set(tags) <= set(words_of(text))
