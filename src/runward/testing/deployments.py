"""What every backend knows of where versions serve."""

from __future__ import annotations

import pickle

import pytest

from runward.errors import (
    ConflictError,
    ForbiddenError,
    GateClosedError,
    InvalidError,
    NotFoundError,
    StaleVersionError,
)
from runward.registry.version_model import NewDeployment
from runward.review.model import NewReview
from runward.testing.modelversions import WEIGHTS, ModelOfFiles, Wicked
from runward.testing.worlds import World, batch, name_of


class DeploymentsSuite:
    """See :meth:`runward.registry.api.Registry.record_deployment`."""

    def _reviewed(self, world: World, model: ModelOfFiles) -> int:
        made = model.register({"m.safetensors": WEIGHTS})
        new = NewReview(made.run_id, model=model.name, version=made.version, alias="production")
        asked = model.space.review.request_review(new)
        world.member("reviewer").review.approve(asked.review.id)
        return made.version

    def test_what_served_a_target_at_a_time(self, model: ModelOfFiles) -> None:
        """The newest that went live there, until it was retired or failed; a start replaces nothing."""
        registry = model.space.registry
        for _ in range(2):
            model.register({"m.safetensors": WEIGHTS})
        states = [("live", 1), ("started", 2), ("failed", 2), ("live", 2), ("retired", 2)]
        made = [registry.record_deployment(model.name, NewDeployment(v, "eu", state)) for state, v in states]  # type: ignore[arg-type]
        served = [[one.version for one in registry.serving(model.name, "eu", one.at)] for one in made]
        assert served == [[1], [1], [1], [2], []]
        assert [one.id for one in registry.list_deployments(model.name, "eu")] == [one.id for one in reversed(made)]
        registry.record_deployment(model.name, NewDeployment(1, "us", url="https://us.example.org", note="first"))
        (us,) = registry.serving(model.name)
        assert (us.target, us.version, us.url, us.note, us.by) == (
            "us",
            1,
            "https://us.example.org",
            "first",
            name_of(model.space),
        )
        assert registry.serving(model.name, at=made[0].at)[0].id == made[0].id
        assert registry.list_deployments(model.name, "mars") == []
        assert [one.target for one in registry.get_version(model.name, 1).serving] == ["us"]

    def test_a_deployment_says_whether_a_review_had_let_the_version_in(self, world: World, model: ModelOfFiles) -> None:
        """As it is: a run that changed since is another thing."""
        registry, number = model.space.registry, self._reviewed(world, model)
        good = registry.record_deployment(model.name, NewDeployment(number, "eu", alias="production"))
        assert (good.reviewed, good.warnings, good.evidence.run.review > 0) == (True, [], True)
        other = model.register({"m.pkl": pickle.dumps(Wicked())})
        bad = registry.record_deployment(model.name, NewDeployment(other.version, "eu"))
        assert not bad.reviewed
        assert [warning.split(" ")[0] for warning in bad.warnings] == ["no", "production", "loading"]
        assert bad.evidence.digest != good.evidence.digest
        with pytest.raises(GateClosedError, match="no applied review"):
            registry.record_deployment(model.name, NewDeployment(other.version, "eu", reviewed_only=True))
        run_id = registry.get_version(model.name, number).version.run_id
        model.space.tracking.append(run_id, batch(1, {"acc": [(1, 0.1)]}))
        late = registry.record_deployment(model.name, NewDeployment(number, "us"))
        assert not late.reviewed
        assert "changed since review" in late.warnings[0]
        world.member("admin").registry.override_alias(model.name, "production", other.version, "tonight")
        past = registry.record_deployment(model.name, NewDeployment(other.version, "us"))
        assert "past its review" in past.warnings[0]

    def test_the_team_hears_of_it(self, world: World, model: ModelOfFiles) -> None:
        """With what is wrong."""
        ops, made = world.member("viewer"), model.register({})
        model.space.registry.record_deployment(model.name, NewDeployment(made.version, "eu", note="tonight"))
        (told,) = (item for item in ops.coordination.inbox().items if item.kind == "deployment.recorded")
        assert told.title == f"{model.name} 1 is live on eu"
        assert told.body == "no applied review let version 1 in; tonight"

    def test_what_cannot_be_is_refused(self, world: World, model: ModelOfFiles) -> None:
        """No version, no name, no address, an alias that moved, the end of what does not serve; nor may viewers."""
        registry, made = model.space.registry, model.register({})
        with pytest.raises(NotFoundError):
            registry.record_deployment(model.name, NewDeployment(99, "eu"))
        for new in (
            NewDeployment(1, ""),
            NewDeployment(1, "eu", url="javascript:x"),
            NewDeployment(1, "e", note="x" * 20_000),
        ):
            with pytest.raises(InvalidError):
                registry.record_deployment(model.name, new)
        with pytest.raises(StaleVersionError, match="candidate"):
            registry.record_deployment(model.name, NewDeployment(made.version, "eu", alias="candidate"))
        with pytest.raises(ConflictError, match="does not serve"):
            registry.record_deployment(model.name, NewDeployment(made.version, "eu", "retired"))
        with pytest.raises(ForbiddenError):
            world.member("viewer").registry.record_deployment(model.name, NewDeployment(made.version, "eu"))
        for call in (world.outsider().registry.list_deployments, world.outsider().registry.serving):
            with pytest.raises(NotFoundError):
                call(model.name)
        assert registry.list_deployments(model.name) == []

    def test_what_serves_is_not_deleted(self, world: World, model: ModelOfFiles) -> None:
        """Until it is retired; the records stay."""
        maintainer, made = world.member("maintainer").registry, model.register({})
        maintainer.record_deployment(model.name, NewDeployment(made.version, "eu"))
        with pytest.raises(ConflictError, match="serves 'eu'"):
            maintainer.delete_version(model.name, made.version)
        with pytest.raises(ConflictError, match="serves 'eu'"):
            maintainer.delete_model(model.name)
        maintainer.record_deployment(model.name, NewDeployment(made.version, "eu", "retired"))
        maintainer.delete_version(model.name, made.version)
        assert [one.state for one in maintainer.list_deployments(model.name)] == ["retired", "live"]


class HandoffsSuite:
    """See :meth:`runward.registry.api.Registry.record_handoff`."""

    def test_a_bundle_is_handed_over_and_accepted_once(self, world: World, model: ModelOfFiles) -> None:
        """By the digest of its manifest; who handed it over hears of it."""
        registry, made, digest = model.space.registry, model.register({}), "ab" * 32
        noted = registry.record_handoff(model.name, made.version, digest)
        assert (noted.version, noted.by, noted.accepted_by, noted.accepted_at) == (1, name_of(model.space), "", None)
        receiver = world.member()
        taken = receiver.registry.accept_handoff(model.name, digest, "runs on our box")
        assert (taken.accepted_by, taken.note, taken.accepted_at is not None) == (
            name_of(receiver),
            "runs on our box",
            True,
        )
        with pytest.raises(ConflictError, match="accepted this bundle"):
            model.space.registry.accept_handoff(model.name, digest)
        assert world.member("viewer").registry.list_handoffs(model.name, 1) == [taken]
        assert registry.list_handoffs(model.name, 2) == []
        (told,) = (item for item in model.space.coordination.inbox().items if item.kind == "model.accepted")
        assert told.title == f"{name_of(receiver)} accepted {model.name} 1"

    def test_what_was_not_handed_over_is_not_accepted(self, world: World, model: ModelOfFiles) -> None:
        """Nor is what is no digest noted, nor may viewers and strangers."""
        registry = model.space.registry
        with pytest.raises(NotFoundError, match="no bundle"):
            registry.accept_handoff(model.name, "cd" * 32)
        with pytest.raises(NotFoundError):
            registry.record_handoff(model.name, 7, "cd" * 32)
        model.register({})
        with pytest.raises(InvalidError, match="digest"):
            registry.record_handoff(model.name, 1, "short")
        with pytest.raises(ForbiddenError):
            world.member("viewer").registry.record_handoff(model.name, 1, "cd" * 32)
        with pytest.raises(NotFoundError):
            world.outsider().registry.list_handoffs(model.name)
