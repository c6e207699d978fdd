"""Of two who change the same thing at once, exactly one does, on every backend; and a page's text is merged."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, TypeVar

import pytest

from runward.core.etag import tag, tag_of
from runward.core.ids import new_id
from runward.core.operation import matching
from runward.errors import EditedMeanwhileError, ForbiddenError, InvalidError, NotFoundError, StaleVersionError
from runward.governance.api import Governance
from runward.knowledge.api import Knowledge
from runward.knowledge.model import Evidence, NewPage, PagePatch
from runward.privacy.api import Privacy
from runward.registry.api import Registry
from runward.registry.model import ModelPatch, NewModel
from runward.testing.worlds import World, batch, name_of
from runward.tracking.api import Tracking
from runward.tracking.model import RunPatch
from runward.tracking.organise_model import BulkEdit

P = TypeVar("P")
_AT_ONCE = 4


def _race(act: Callable[[str, P], Any], thing: str, patch: Callable[[str], P]) -> str:
    """What the only one wrote who came through of several who change a thing at the same moment; the others were told."""
    barrier = Barrier(_AT_ONCE)

    def attempt(text: str) -> str:
        barrier.wait(30)
        try:
            act(thing, patch(text))
        except EditedMeanwhileError:
            return ""
        return text

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        (won,) = filter(None, pool.map(attempt, [new_id() for _ in range(_AT_ONCE)]))
    return won


class EditsSuite:
    """``matching`` over several rooms; the rooms' own suites have theirs."""

    def test_of_many_at_once_one_writes(self, world: World) -> None:
        """They all saw the same; what is stored is what the one who came through wrote."""
        space, registry = world.member(), world.member().registry
        model = registry.create_model(NewModel(f"m-{new_id()}", team=world.team))
        page = space.knowledge.publish(NewPage(team=world.team, title="T", body="0"))
        run = world.run(space)
        for _ in range(3):
            models = matching(registry, tag_of(Registry.get_model, registry.get_model(model.name)))
            won = _race(models.update_model, model.name, lambda text: ModelPatch(description=text))
            assert registry.get_model(model.name).description == won
            pages = matching(space.knowledge, tag_of(Knowledge.get_page, space.knowledge.get_page(page.id)))
            won = _race(pages.edit_page, page.id, lambda text: PagePatch(body=text))
            assert space.knowledge.get_page(page.id).body == won
            runs = matching(space.tracking, tag_of(Tracking.get_run, space.tracking.get_run(run.id)))
            won = _race(runs.update_run, run.id, lambda text: RunPatch(tags={"by": text}))
            assert space.tracking.get_run(run.id).run.tags["by"] == won
        assert space.knowledge.get_page(page.id).version == 4

    def test_a_change_by_another_way_counts_too(self, world: World) -> None:
        """Many runs at once, and a page that is published again: nobody has to remember to count them."""
        space = world.member()
        run = world.run(space, name="old")
        seen = tag_of(Tracking.get_run, space.tracking.get_run(run.id))
        space.organise.edit_runs(world.project, BulkEdit(run_ids=[run.id], set_tags={"k": "v"}))
        with pytest.raises(EditedMeanwhileError) as caught:
            matching(space.tracking, seen).update_run(run.id, RunPatch(name="new"))
        assert caught.value.details["fields"] == ["tags"]
        assert space.tracking.get_run(run.id).run.name == "old"
        page = space.knowledge.publish(NewPage(team=world.team, title="T", body="one"))
        seen = tag_of(Knowledge.get_page, page)
        other = world.member()
        other.knowledge.publish(NewPage(team=world.team, title="T", body="two"))
        with pytest.raises(EditedMeanwhileError, match=f"by {name_of(other)} at"):
            matching(space.knowledge, seen).edit_page(page.id, PagePatch(body="three"))

    def test_what_does_not_change_the_state_keeps_the_etag(self, world: World) -> None:
        """A running program's points do not make the purpose of its run stale; without an ETag nothing is asked."""
        space = world.member()
        run = world.run(space)
        seen = tag_of(Tracking.get_run, space.tracking.get_run(run.id))
        space.tracking.append(run.id, batch(0, {"loss": [(0, 1.0)]}))
        assert matching(space.tracking, seen).update_run(run.id, RunPatch(purpose="why")).purpose == "why"
        assert space.tracking.update_run(run.id, RunPatch(purpose="because")).purpose == "because"

    def test_who_came_too_late_hears_who_was_first(self, world: World) -> None:
        """By name, with the time and the fields, from the trail where the object does not say it; the class is the same everywhere."""
        space, other = world.member(), world.member()
        model = space.registry.create_model(NewModel(f"m-{new_id()}", team=world.team, description="a"))
        seen = tag_of(Registry.get_model, model)
        other.registry.update_model(model.name, ModelPatch(description="b", tags={"k": "v"}))
        with pytest.raises(StaleVersionError) as caught:
            matching(space.registry, seen).update_model(model.name, ModelPatch(description="c"))
        assert type(caught.value) is EditedMeanwhileError
        said = caught.value
        assert said.message.startswith(f"model {model.name!r} was changed by {name_of(other)} at 2")
        assert said.message.endswith("(description, tags)")
        assert (said.details["by"], said.details["fields"]) == (name_of(other), ["description", "tags"])
        assert said.details["etag"] == tag_of(Registry.get_model, space.registry.get_model(model.name))
        assert "/models/" in said.hint
        again = matching(space.registry, str(said.details["etag"]))
        assert again.update_model(model.name, ModelPatch(description="c")).description == "c"

    def test_a_permission_is_asked_for_first(self, world: World) -> None:
        """Who may not change it, or not see it, hears that, and nothing of its state."""
        space, reader, stranger = world.member(), world.member("viewer"), world.outsider()
        run = world.run(space)
        for who, error in ((reader, ForbiddenError), (stranger, NotFoundError)):
            with pytest.raises(error):
                matching(who.tracking, "x").update_run(run.id, RunPatch(name="y"))

    def test_roles_and_rules_are_lists_with_one_etag(self, world: World) -> None:
        """Of two admins who change roles, and of two who change how long things are kept."""
        boss, name = world.owner, name_of(world.member())
        seen = matching(boss.governance, tag_of(Governance.list_members, boss.governance.list_members()))
        boss.governance.grant(name, "project", world.project, "reviewer")
        with pytest.raises(EditedMeanwhileError):
            seen.grant(name, "project", world.project, "viewer")
        with pytest.raises(EditedMeanwhileError):
            seen.grant_verb(name, "project", world.project, "export")
        seen = matching(boss.governance, tag_of(Governance.list_members, boss.governance.list_members()))
        seen.grant(name, "project", world.project, "viewer")
        rules = matching(boss.privacy, tag_of(Privacy.list_retention, boss.privacy.list_retention()))
        rules.set_retention(world.project, "logs", 30.0)
        with pytest.raises(EditedMeanwhileError):
            rules.set_retention(world.project, "logs", 3.0)
        with pytest.raises(EditedMeanwhileError):
            rules.remove_retention(world.project, "logs")

    def test_a_page_is_edited_field_by_field(self, world: World) -> None:
        """What is left out stays; the same again is no version; what publishing refuses is refused."""
        space, other = world.member(), world.member()
        evidence = [Evidence("run", world.run(space).id)]
        new = NewPage(
            team=world.team,
            title="T",
            body="one",
            tags=["a"],
            data={"n": 1},
            evidence=evidence,
            repository="kb",
            kind="guide",
        )
        page = space.knowledge.publish(new)
        found = other.knowledge.edit_page(page.id, PagePatch(body="two"))
        assert (found.id, found.version, found.body, found.author) == (page.id, 2, "two", name_of(other))
        assert (found.tags, found.data, found.evidence, found.repository, found.kind, found.owner) == (
            ["a"],
            {"n": 1},
            evidence,
            "kb",
            "guide",
            name_of(space),
        )
        assert other.knowledge.edit_page(page.id, PagePatch(body="two")).version == 2
        assert other.knowledge.edit_page(page.id, PagePatch(tags=[], evidence=[])).tags == []
        with pytest.raises(InvalidError):
            space.knowledge.edit_page(page.id, PagePatch(body="x" * 1_000_001))
        with pytest.raises(NotFoundError):
            space.knowledge.edit_page(page.id, PagePatch(evidence=[Evidence("run", "none")]))
        with pytest.raises(ForbiddenError):
            world.member("viewer").knowledge.edit_page(page.id, PagePatch(body="three"))
        with pytest.raises(NotFoundError):
            world.outsider().knowledge.edit_page(page.id, PagePatch(body="three"))
        assert [one.body for one in space.knowledge.page_versions(page.id)] == ["two", "two", "one"]
        assert tag_of(Knowledge.get_page, space.knowledge.get_page(page.id)) == tag([3])
