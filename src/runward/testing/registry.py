"""What every backend does with registered models."""

from __future__ import annotations

import pytest

from runward.core.ids import new_id
from runward.errors import AlreadyExistsError, ForbiddenError, InvalidError, NotFoundError
from runward.registry.model import ModelPatch, NewModel, NewVersion
from runward.testing.worlds import BAD_NAMES, World, name_of
from runward.workspace import Workspace


def _model(world: World, space: Workspace) -> str:
    return space.registry.create_model(NewModel(f"m-{new_id()}", team=world.team)).name


class RegistrySuite:
    """Models, versions, aliases, and who may do what."""

    def test_a_model_is_registered_and_described(self, world: World) -> None:
        """With tags; a tag that is set to None goes."""
        space, name = world.member(), f"m-{new_id()}"
        made = space.registry.create_model(NewModel(name, world.team, "first", {"a": "1", "b": "2"}))
        assert (made.name, made.team, made.description, made.created_by) == (name, world.team, "first", name_of(space))
        assert made.tags == {"a": "1", "b": "2"}
        space.registry.update_model(
            name, ModelPatch(name=f"{name}-new", description="then", tags={"a": None, "c": "3"})
        )
        found = space.registry.get_model(made.id)
        assert (found.name, found.description, found.tags) == (f"{name}-new", "then", {"b": "2", "c": "3"})
        assert f"{name}-new" in [model.name for model in space.registry.list_models()]
        with pytest.raises(AlreadyExistsError):
            space.registry.create_model(NewModel(f"{name}-new", world.team))

    def test_a_name_can_be_written_anywhere(self, world: World) -> None:
        """Neither unseen characters nor those that part an address."""
        for name in [*BAD_NAMES, "a/b", "a:b"]:
            with pytest.raises(InvalidError):
                world.member().registry.create_model(NewModel(name, world.team))

    def test_versions_are_numbered_and_no_number_comes_twice(self, world: World) -> None:
        """The newest is first; a version names the run that made it."""
        space = world.member("maintainer")
        name, run = _model(world, space), world.run(space)
        first = space.registry.create_version(name, NewVersion("runs:/x/model", run.id, tags={"k": "v"}))
        assert (first.version, first.run_id, first.stage, first.tags) == (1, run.id, "None", {"k": "v"})
        space.registry.create_version(name, NewVersion("elsewhere"))
        space.registry.delete_version(name, 2)
        assert space.registry.create_version(name, NewVersion("again")).version == 3
        assert [v.version for v in space.registry.list_versions(name)] == [3, 1]
        changed = space.registry.update_version(name, 1, ModelPatch(stage="Staging", description="good"))
        assert (changed.stage, changed.description) == ("Staging", "good")
        with pytest.raises(InvalidError, match="stage"):
            space.registry.update_version(name, 1, ModelPatch(stage="best"))
        with pytest.raises(NotFoundError):
            space.registry.update_version(name, 2, ModelPatch(description="gone"))

    def test_an_alias_points_at_one_version(self, world: World) -> None:
        """It moves, it goes with its version, and it cannot look like a number."""
        space = world.member("maintainer")
        name = _model(world, space)
        for source in ("one", "two"):
            space.registry.create_version(name, NewVersion(source))
        assert space.registry.set_alias(name, "champion", 1).aliases == {"champion": 1}
        assert space.registry.set_alias(name, "champion", 2).aliases == {"champion": 2}
        assert space.registry.list_versions(name)[0].aliases == ["champion"]
        space.registry.set_alias(name, "other", 1)
        assert space.registry.set_alias(name, "other", None).aliases == {"champion": 2}
        space.registry.delete_version(name, 2)
        assert space.registry.get_model(name).aliases == {}
        for alias in ("latest", "v3", "a b"):
            with pytest.raises(InvalidError, match="alias"):
                space.registry.set_alias(name, alias, 1)
        with pytest.raises(NotFoundError):
            space.registry.set_alias(name, "champion", 7)

    def test_a_model_belongs_to_its_team(self, world: World) -> None:
        """Others do not know it; a viewer reads, a contributor writes, a maintainer removes."""
        space, viewer, stranger = world.member(), world.member("viewer"), world.outsider()
        name = _model(world, space)
        assert viewer.registry.get_model(name).name == name
        assert name not in [model.name for model in stranger.registry.list_models()]
        with pytest.raises(NotFoundError):
            stranger.registry.get_model(name)
        with pytest.raises(ForbiddenError):
            viewer.registry.create_version(name, NewVersion("x"))
        with pytest.raises(ForbiddenError):
            space.registry.delete_model(name)
        run = world.run(space)
        mine = stranger.registry.create_model(NewModel(f"m-{new_id()}"))
        with pytest.raises(NotFoundError):
            stranger.registry.create_version(mine.name, NewVersion("x", run.id))
        world.member("maintainer").registry.delete_model(name)
        with pytest.raises(NotFoundError):
            space.registry.get_model(name)
