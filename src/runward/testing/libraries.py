"""What every backend does with shared configurations, components and templates."""

from __future__ import annotations

from typing import Any

import pytest

from runward.core.ids import new_id
from runward.errors import AlreadyExistsError, ForbiddenError, InvalidError, NotFoundError
from runward.knowledge.libraries_model import NewRelease, Release
from runward.testing.worlds import World, name_of
from runward.tracking.model import NewExperiment, NewRun
from runward.workspace import Workspace

_BASE = {"layers": 12, "opt": {"lr": 0.1}}


def _name() -> str:
    return f"team/x-{new_id().lower()}"


def _publish(space: Workspace, world: World, name: str, version: str, document: Any = None, **more: Any) -> Release:
    new = NewRelease(name=name, version=version, document=document or _BASE, team=world.team, **more)
    return space.libraries.publish(new)


class LibrariesSuite:
    """Versions, who publishes them, who used them."""

    def test_a_version_never_changes_and_says_who_made_it(self, world: World) -> None:
        """The item has an owner; documents are data and come back as they were."""
        space, name = world.member(), _name()
        document = {**_BASE, "_target_": "os.system", "text": "ünï", "nothing": None, "big": 2**60}
        made = _publish(space, world, name, "1.0.0", document, docs="# For all", notes="first")
        assert (made.version, made.author, made.docs, made.notes) == ("1.0.0", name_of(space), "# For all", "first")
        item = space.libraries.get_item(name)
        assert (item.owner, item.newest, item.kind, item.team) == (name_of(space), "1.0.0", "config", world.team)
        assert space.libraries.get_release(name).document == document
        assert space.libraries.get_item(item.id) == item
        assert name in [one.name for one in world.member("viewer").libraries.list_items()]
        with pytest.raises(AlreadyExistsError, match=r"1\.0\.0 is there already"):
            _publish(space, world, name, "1.0.0", {"other": 1})
        assert space.libraries.get_release(name, "1.0.0").document == document

    @pytest.mark.parametrize(
        ("there", "new"),
        [
            ([], "0.0.1"),
            ([], "2.0.0"),
            (["1.0.0"], "1.0.2"),
            (["1.0.0"], "1.2.0"),
            (["1.0.0"], "1.1.1"),
            (["1.0.0"], "3.0.0"),
            (["1.0.0"], "0.9.0"),
            (["1.0.0"], "1.0"),
            (["1.0.0"], "v1.0.1"),
            (["1.0.0"], "01.0.1"),
        ],
    )
    def test_a_number_that_does_not_follow_is_refused(self, world: World, there: list[str], new: str) -> None:
        """The hint says which ones do."""
        space, name = world.member(), _name()
        for version in there:
            _publish(space, world, name, version)
        with pytest.raises(InvalidError, match=r"follow|MAJOR") as caught:
            _publish(space, world, name, new)
        assert "1.0.0" in caught.value.hint or "1.0.1" in caught.value.hint or "1.2.0" in caught.value.hint

    def test_an_older_line_goes_on(self, world: World) -> None:
        """Versions are in the order of their numbers, not of their dates; a wish finds the newest that it allows."""
        space, name = world.member(), _name()
        for version in ("0.1.0", "0.2.0", "1.0.0", "1.1.0", "2.0.0", "1.1.1", "1.2.0", "0.2.1"):
            _publish(space, world, name, version)
        found = [release.version for release in space.libraries.list_releases(name)]
        assert found == ["2.0.0", "1.2.0", "1.1.1", "1.1.0", "1.0.0", "0.2.1", "0.2.0", "0.1.0"]
        wishes = {
            "": "2.0.0",
            "1": "1.2.0",
            "1.1": "1.1.1",
            "1.1.0": "1.1.0",
            "^1.0": "1.2.0",
            "~1.1.0": "1.1.1",
            "^0.1": "0.1.0",
            "^0": "0.2.1",
        }
        assert {wish: space.libraries.get_release(name, wish).version for wish in wishes} == wishes
        assert space.libraries.get_item(name).newest == "2.0.0"
        with pytest.raises(NotFoundError, match="no version") as caught:
            space.libraries.get_release(name, "^3.0")
        assert "2.0.0" in caught.value.hint
        with pytest.raises(InvalidError, match="not understood"):
            space.libraries.get_release(name, "latest")

    def test_what_others_rely_on_is_not_taken_away_unseen(self, world: World) -> None:
        """A key may go in a new major version only, or in a new minor one of 0.x."""
        space, name = world.member(), _name()
        _publish(space, world, name, "1.0.0")
        with pytest.raises(InvalidError, match=r"takes away 'opt\.lr'") as caught:
            _publish(space, world, name, "1.1.0", {"layers": 12, "opt": {}})
        assert "2.0.0" in caught.value.hint
        _publish(space, world, name, "1.1.0", {**_BASE, "layers": 6, "dropout": 0.1})
        _publish(space, world, name, "2.0.0", {"layers": 12})
        changed = {c.key: (c.how, c.before, c.after) for c in space.libraries.compare(name, "1.0.0", "1.1.0")}
        assert changed == {"layers": ("changed", 12, 6), "dropout": ("added", None, 0.1)}

    @pytest.mark.parametrize(
        ("kind", "document"),
        [
            ("config", {}),
            ("component", {"rate": 1}),
            ("template", {"files": {}}),
            ("template", {"files": {"../x": "a"}}),
            ("template", {"files": {"/etc/x": "a"}}),
            ("template", {"files": {"a/.git/hooks/post-checkout": "a"}}),
            ("template", {"files": {"x": 1}}),
        ],
    )
    def test_a_document_of_no_use_is_refused(self, world: World, kind: Any, document: dict[str, Any]) -> None:
        """Empty, a component that calls nothing, a template that writes elsewhere."""
        with pytest.raises(InvalidError) as caught:
            world.member().libraries.publish(
                NewRelease(name=_name(), version="1.0.0", document=document, kind=kind, team=world.team)
            )
        assert caught.value.details["field"] == "document"

    def test_a_name_is_one_in_the_workspace_and_of_one_kind(self, world: World) -> None:
        """Lower-case words with slashes."""
        space, name = world.member(), _name()
        for bad in ("", "Team/X", "a b", "a//b", "/a", "a/", "../a", "x" * 130):
            with pytest.raises(InvalidError, match="the name"):
                _publish(space, world, bad, "1.0.0")
        _publish(space, world, name, "1.0.0")
        with pytest.raises(AlreadyExistsError, match="is a config"):
            _publish(space, world, name, "1.0.1", {"_target_": "a.b"}, kind="component")
        stranger = world.outsider()
        with pytest.raises(AlreadyExistsError, match="taken"):
            stranger.libraries.publish(NewRelease(name=name, version="1.0.1", document=_BASE))

    def test_who_may_publish_and_who_may_see(self, world: World) -> None:
        """The owner and maintainers publish further versions; a foreign team's items do not exist."""
        owner, name = world.member(), _name()
        _publish(owner, world, name, "1.0.0")
        other = world.member()
        with pytest.raises(ForbiddenError, match=f"belongs to {name_of(owner)}"):
            _publish(other, world, name, "1.0.1")
        assert _publish(world.member("maintainer"), world, name, "1.0.1").version == "1.0.1"
        assert _publish(owner, world, name, "1.0.2").version == "1.0.2"
        with pytest.raises(ForbiddenError):
            _publish(world.member("viewer"), world, _name(), "1.0.0")
        stranger = world.outsider()
        assert name not in [one.name for one in stranger.libraries.list_items()]
        for ask in (
            lambda: stranger.libraries.get_item(name),
            lambda: stranger.libraries.get_release(name),
            lambda: stranger.libraries.list_releases(name),
            lambda: stranger.libraries.compare(name, "1.0.0", "1.0.1"),
            lambda: stranger.libraries.uses(name),
        ):
            with pytest.raises(NotFoundError):
                ask()

    def test_uses_are_counted_from_what_runs_recorded(self, world: World) -> None:
        """By version, runs and experiments, as far as the caller may see them."""
        space, name = world.member("maintainer"), _name()
        for version in ("1.0.0", "1.1.0"):
            _publish(space, world, name, version)
        tag = f"library.{name}"
        experiment = space.tracking.create_experiment(NewExperiment(project=world.project, name="e"))
        runs = [
            space.tracking.create_run(NewRun(project=world.project, tags={tag: "1.0.0"}, experiment_id=experiment_id))
            for experiment_id in (experiment.id, experiment.id, None)
        ]
        hidden = world.run(space, "gone", tags={tag: "1.1.0"})
        space.tracking.delete_run(hidden.id)
        world.run(space, "other", tags={f"{tag}-else": "1.0.0"})
        counted = {r.version: (r.runs, r.experiments) for r in space.libraries.list_releases(name)}
        assert counted == {"1.0.0": (3, 1), "1.1.0": (0, 0)}
        assert space.libraries.get_item(name).uses == 3
        assert {one.name: one.uses for one in space.libraries.list_items()}[name] == 3
        assert {use.run_id for use in space.libraries.uses(name)} == {run.id for run in runs}
        assert space.libraries.uses(name, "1.1.0") == []
        assert [use.project for use in space.libraries.uses(name, "1.0.0", limit=1)] == [world.project]
