"""What every backend knows: pages with history, search, advice."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from runward.core.ids import new_id
from runward.errors import ForbiddenError, InvalidError, NotFoundError
from runward.knowledge.model import Evidence, NewPage, Page, Situation
from runward.testing.worlds import BAD_NAMES, World, name_of
from runward.tracking.model import NewExperiment, NewRun
from runward.workspace import Workspace


def _publish(world: World, space: Workspace, title: str, body: str = "", **more: object) -> Page:
    return space.knowledge.publish(NewPage(team=world.team, title=title, body=body, **more))  # type: ignore[arg-type]


class KnowledgeSuite:
    """Publish, versions, search, recommend."""

    def test_a_page_comes_back_as_it_was_written(self, world: World) -> None:
        """With code, tags, data, evidence and the day on which to look again."""
        space = world.member()
        run = world.run(space)
        due = datetime(2030, 1, 2, tzinfo=UTC)
        evidence = [Evidence("run", run.id, "n = 3")]
        page = _publish(
            world,
            space,
            "Use λ-schedules",
            "# Why\nIt *works*.",
            code_example="x = 1",
            tags=["lr", "ü"],
            data={"gain": 0.02, "nested": [1, None]},
            evidence=evidence,
            review_by=due,
            repository="kb/vision",
            kind="decision",
        )
        assert page == space.knowledge.get_page(page.id)
        assert (page.title, page.kind, page.repository, page.team) == (
            "Use λ-schedules",
            "decision",
            "kb/vision",
            world.team,
        )
        assert (page.evidence, page.data, page.tags) == (evidence, {"gain": 0.02, "nested": [1, None]}, ["lr", "ü"])
        assert (page.version, page.owner, page.author) == (1, name_of(space), name_of(space))
        assert page.review_by == due

    def test_publishing_again_makes_a_version_and_keeps_the_old_one(self, world: World) -> None:
        """Nothing is overwritten, the owner stays, and another kind or collection is another page."""
        first, second = world.member(), world.member()
        page = _publish(world, first, "T", "one")
        changed = _publish(world, second, "T", "two")
        assert (changed.id, changed.version) == (page.id, 2)
        assert (changed.owner, changed.author) == (name_of(first), name_of(second))
        versions = first.knowledge.page_versions(page.id)
        assert [(v.version, v.body, v.author) for v in versions] == [
            (2, "two", name_of(second)),
            (1, "one", name_of(first)),
        ]
        assert _publish(world, first, "T", "x", kind="guide").id != page.id
        assert _publish(world, first, "T", "x", repository="other").id != page.id

    def test_pages_are_listed_by_collection_and_kind(self, world: World) -> None:
        """Newest first, own teams only."""
        space = world.member()
        for title, kind, repository in (("a", "guide", "r1"), ("b", "practice", "r1"), ("c", "practice", "r2")):
            _publish(world, space, title, kind=kind, repository=repository)
        assert [p.title for p in space.knowledge.list_pages()] == ["c", "b", "a"]
        assert [p.title for p in space.knowledge.list_pages("r1")] == ["b", "a"]
        assert [p.title for p in space.knowledge.list_pages(kind="practice")] == ["c", "b"]
        assert len(space.knowledge.list_pages(limit=1)) == 1
        assert world.outsider().knowledge.list_pages() == []

    def test_pages_are_for_the_team(self, world: World) -> None:
        """Viewers read, contributors write, strangers find nothing, in words that tell nothing."""
        page = _publish(world, world.member(), "T")
        viewer, stranger = world.member("viewer"), world.outsider()
        assert viewer.knowledge.get_page(page.id) == page
        with pytest.raises(ForbiddenError):
            _publish(world, viewer, "T")
        for call in (stranger.knowledge.get_page, stranger.knowledge.page_versions):
            for page_id in (page.id, "nosuchpage12"):
                with pytest.raises(NotFoundError):
                    call(page_id)
        with pytest.raises(NotFoundError):
            _publish(world, stranger, "T")

    def test_bad_titles_are_refused(self, world: World) -> None:
        """The message names the field."""
        space = world.member()
        for title in BAD_NAMES:
            with pytest.raises(InvalidError, match="title"):
                _publish(world, space, title)

    def test_evidence_must_exist_and_be_visible(self, world: World) -> None:
        """Nobody can cite what they cannot read."""
        space, stranger = world.member(), world.outsider()
        run = world.run(space)
        with pytest.raises(NotFoundError, match="evidence"):
            _publish(world, space, "T", evidence=[Evidence("run", "nosuchrun123")])
        with pytest.raises(NotFoundError, match="evidence"):
            stranger.knowledge.publish(NewPage(title="T", evidence=[Evidence("run", run.id)]))
        with pytest.raises(InvalidError):
            _publish(world, space, "T", "x" * 1_000_001)

    def test_search_finds_any_word_in_any_form_best_first(self, world: World) -> None:
        """A title counts more than a body; runs, experiments and pages are found alike, of one's teams only."""
        space, stranger = world.member(), world.outsider()
        word = f"zq{new_id()}"
        body = _publish(world, space, "Other things", f"about {word} and learning rates, among much else")
        title = _publish(world, space, f"{word} warmup", "short")
        space.tracking.create_run(NewRun(project=world.project, name=f"{word} baseline"))
        space.tracking.create_experiment(NewExperiment(world.project, f"{word} sweep"))
        found = space.knowledge.search(word)
        assert found.total == 4
        assert {hit.kind for hit in found.hits} == {"practice", "run", "experiment"}
        pages = [hit.id for hit in space.knowledge.search(word, kind="practice").hits]
        assert pages == [title.id, body.id]
        assert any("**" in hit.snippet for hit in found.hits)
        assert body.id in [hit.id for hit in space.knowledge.search("learned rate").hits]
        assert stranger.knowledge.search(word).total == 0
        assert len(space.knowledge.search(word, limit=1).hits) == 1

    def test_search_shows_the_present_version(self, world: World) -> None:
        """A changed page is found by its new words, a deleted run not at all."""
        space = world.member()
        old, new = f"zo{new_id()}", f"zn{new_id()}"
        page = _publish(world, space, "T", old)
        run = space.tracking.create_run(NewRun(project=world.project, name=old))
        assert space.knowledge.search(old).total == 2
        _publish(world, space, "T", new)
        world.owner.tracking.delete_run(run.id)
        assert space.knowledge.search(old).total == 0
        assert [hit.id for hit in space.knowledge.search(new).hits] == [page.id]

    def test_every_query_is_only_words(self, world: World) -> None:
        """No character of a query means anything to the index."""
        space = world.member()
        for query in ["", '"', "AND OR NOT", "a* OR (b", "NEAR(x y)", "col:x", "%", "🙂", "-", "x" * 5000]:
            assert space.knowledge.search(query).hits == []

    def test_advice_says_why_and_what_it_rests_on(self, world: World) -> None:
        """The words that it shares with the plan, and the runs that the reader may see."""
        space = world.member()
        word = f"zw{new_id()}"
        run = world.run(space)
        _publish(world, space, "Unrelated", "about kittens")
        fit = _publish(world, space, f"{word} needs warmup", "use 500 steps", evidence=[Evidence("run", run.id)])
        found = space.knowledge.recommend(Situation(name="try", params={"optimizer": word, "warmup": 1}))
        assert found[0].page.id == fit.id
        assert {word, "warmup"} <= set(found[0].matched)
        assert found[0].runs == [run.id]
        assert word in found[0].reason
        assert "1 run" in found[0].reason
        assert world.outsider().knowledge.recommend(Situation(text=word)) == []

    def test_no_plan_no_advice(self, world: World) -> None:
        """An empty situation is no error."""
        assert world.member().knowledge.recommend(Situation()) == []
