"""What every backend asks before a version of a model gets a protected alias."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from runward.core.etag import tag_of
from runward.core.ids import new_id
from runward.core.operation import matching
from runward.errors import (
    ConflictError,
    EditedMeanwhileError,
    ForbiddenError,
    GateClosedError,
    InvalidError,
    NotFoundError,
    RunwardError,
    StaleVersionError,
)
from runward.registry.api import Registry
from runward.registry.model import ModelPatch, NewModel, NewVersion
from runward.repro.records import NewVerification
from runward.review.model import Change, NewReview, Review, ReviewState, Standards, Waiver
from runward.testing.worlds import World, batch, name_of
from runward.tracking.model import Run, RunStatus
from runward.workspace import Workspace

ALIAS = "production"


class Candidate:
    """A model with two versions, each made by a run of its own."""

    def __init__(self, world: World) -> None:
        self.world, self.author = world, world.member()
        self.name = self.author.registry.create_model(NewModel(f"m-{new_id()}", team=world.team)).name
        self.runs = [self.version(), self.version()]

    def version(self, project: str = "") -> Run:
        """A finished run, registered as the next version."""
        run = self.world.run(self.author, metrics={"acc": 0.9}, end=RunStatus.FINISHED, project=project)
        self.author.registry.create_version(self.name, NewVersion(f"runs:/{run.id}/model", run.id))
        return run

    def ask(self, version: int, **more: Any) -> Review:
        """A review of a version for the alias."""
        new = NewReview(self.runs[version - 1].id, model=self.name, version=version, alias=ALIAS, **more)
        return self.author.review.request_review(new).review

    def promote(self, version: int) -> Review:
        """The same, approved."""
        review = self.ask(version)
        return self.world.member("reviewer").review.approve(review.id, review.revision).review

    def now(self) -> int | None:
        """Which version has the alias."""
        return self.author.registry.get_model(self.name).aliases.get(ALIAS)


_ATTEMPTS = (
    "set",
    "remove",
    "stage",
    "override",
    "rollback",
    "ask",
    "approve",
    "object",
    "reject",
    "check",
    "describe",
    "waive",
    "override review",
    "apply",
    "subject",
)
_MAY_MOVE = {
    ("reviewer", "approve"),
    ("maintainer", "approve"),
    ("maintainer", "rollback"),
    ("maintainer", "remove"),
    # Of a review whose approval was outdated by a move that another one took back.
    *((role, kind) for kind in ("check", "apply") for role in ("contributor", "reviewer", "maintainer")),
}


def _attempt(space: Workspace, model: Candidate, kind: str, chance: random.Random) -> None:
    """One of the ways in which somebody might move the alias."""
    registry, version = space.registry, chance.choice([1, 2])
    reviews = space.review.list_reviews(project=model.world.project)
    review = chance.choice(reviews).id if reviews else "none"
    match kind:
        case "set" | "remove":
            registry.set_alias(model.name, ALIAS, version if kind == "set" else None)
        case "stage":
            registry.update_version(model.name, version, ModelPatch(stage="Production"))
        case "override":
            registry.override_alias(model.name, ALIAS, version, "r")
        case "rollback":
            registry.rollback_alias(model.name, ALIAS, "r")
        case "ask":
            run = model.runs[version - 1]
            space.review.request_review(NewReview(run.id, model=model.name, version=version, alias=ALIAS))
        case "approve":
            space.review.approve(review)
        case "object":
            space.review.request_changes(review, "no")
        case "reject":
            space.review.reject(review, "no")
        case "check":
            space.review.run_checks(review)
        case "waive":
            space.review.waive(review, Waiver("finished", "r"))
        case "override review":
            space.review.override(review, "r")
        case "apply":
            space.review.apply_review(review)
        case "subject":
            space.review.change_subject(review, Change(model.runs[version - 1].id, version))
        case _:
            registry.update_model(model.name, ModelPatch(description=new_id()))


@pytest.fixture
def model(world: World) -> Candidate:
    """See :class:`Candidate`."""
    return Candidate(world)


class PromotionSuite:
    """Protected aliases, their history, and reviews that move them."""

    def test_no_role_points_a_protected_alias_at_anything(self, world: World, model: Candidate) -> None:
        """Nor gives the stage that MLflow means by it; other aliases move freely."""
        assert world.owner.registry.get_model(model.name).protected == [ALIAS]
        for space in (model.author, world.member("maintainer"), world.member("admin"), world.owner):
            with pytest.raises(GateClosedError, match="protected"):
                space.registry.set_alias(model.name, ALIAS, 1)
            with pytest.raises(GateClosedError, match="protected"):
                space.registry.update_version(model.name, 1, ModelPatch(stage="Production"))
        assert model.author.registry.set_alias(model.name, "candidate", 1).aliases == {"candidate": 1}

    def test_an_approved_review_moves_the_alias_and_says_why(self, world: World, model: Candidate) -> None:
        """In the transaction of the last approval; the run itself is no team result by it."""
        model.author.repro.record(model.runs[0].id, NewVerification("reproduced", "basic", "r", {}, 1.0))
        review = model.ask(1, title="First one")
        assert (review.model, review.version, review.alias, review.alias_now) == (model.name, 1, ALIAS, 0)
        with pytest.raises(ForbiddenError):
            model.author.review.approve(review.id)
        assert model.now() is None
        reviewer = world.member("reviewer")
        assert reviewer.review.approve(review.id, review.revision).review.state is ReviewState.APPLIED
        assert model.now() == 1
        (move,) = world.member("viewer").registry.alias_history(model.name, ALIAS)
        assert (move.version, move.previous, move.how, move.reviewed) == (1, None, "review", True)
        assert (move.by, move.review_id, move.reason) == (name_of(reviewer), review.id, "First one")
        evidence = move.evidence
        assert (evidence.run_id, evidence.level, evidence.review) == (model.runs[0].id, "basic", review.number)
        assert evidence.approved_by == [name_of(reviewer)]
        marks = {mark.kind for mark in model.author.tracking.get_run(model.runs[0].id).run.marks}
        assert not marks & {"team_result", "review"}
        decided = reviewer.review.get_review(review.id)
        assert (decided.review.revision, decided.review.alias_now) == (review.revision, 0)
        assert [(vote.outdated, vote.counts) for vote in decided.votes] == [(False, True)]
        assert model.author.registry.update_version(model.name, 1, ModelPatch(stage="Production")).stage == "Production"

    def test_what_was_in_force_at_a_time(self, model: Candidate) -> None:
        """The move that had last happened then; nothing once the alias was taken away."""
        model.promote(1)
        model.promote(2)
        first, second = reversed(model.author.registry.alias_history(model.name))
        assert (second.version, second.previous) == (2, 1)
        assert [move.version for move in model.author.registry.alias_history(model.name, ALIAS, at=first.at)] == [1]
        assert [move.version for move in model.author.registry.alias_history(model.name, at=second.at)] == [2]
        maintainer = model.world.member("maintainer")
        with pytest.raises(ForbiddenError, match="maintainer"):
            model.author.registry.set_alias(model.name, ALIAS, None)
        maintainer.registry.set_alias(model.name, ALIAS, None, reason="on fire")
        last = maintainer.registry.alias_history(model.name)[0]
        assert (last.version, last.previous, last.reason) == (None, 2, "on fire")
        assert maintainer.registry.alias_history(model.name, at=last.at) == []

    def test_an_approval_is_for_the_alias_as_it_was(self, world: World, model: Candidate) -> None:
        """Moved by somebody else meanwhile, what was approved is outdated and has to be looked at again."""
        world.owner.review.set_standards(world.project, Standards(approvals=2))
        review = model.ask(2)
        first, second = world.member("reviewer"), world.member("reviewer")
        assert first.review.approve(review.id, review.revision).review.state is ReviewState.OPEN
        world.member("admin").registry.override_alias(model.name, ALIAS, 1, "tonight")
        found = second.review.get_review(review.id)
        assert [vote.outdated for vote in found.votes] == [True]
        assert found.review.alias_now == 1
        with pytest.raises(StaleVersionError):
            second.review.approve(review.id, review.revision)
        second.review.approve(review.id)
        assert model.now() == 1
        first.review.approve(review.id)
        assert model.now() == 2

    def test_a_revision_that_is_there_again_is_the_newest(self, world: World, model: Candidate) -> None:
        """The alias went elsewhere and came back: what is decided then is what is shown as decided."""
        review = model.ask(2)
        admin = world.member("admin")
        admin.registry.override_alias(model.name, ALIAS, 1, "tonight")
        reviewer = world.member("reviewer")
        reviewer.review.run_checks(review.id)
        world.member("maintainer").registry.set_alias(model.name, ALIAS, None, reason="over")
        found = reviewer.review.approve(review.id, review.revision)
        assert (found.review.state, found.review.revision) == (ReviewState.APPLIED, review.revision)
        assert found.revisions[0].digest == review.revision
        assert found.review.alias_now == 0

    def test_of_two_approved_at_once_one_gets_the_alias(self, world: World, model: Candidate) -> None:
        """And the other's approval is refused, since the alias is no longer where it was looked at."""
        reviews = [model.ask(1), model.ask(2)]
        reviewers = [world.member("reviewer"), world.member("reviewer")]

        def approve(which: int) -> str:
            try:
                return reviewers[which].review.approve(reviews[which].id, reviews[which].revision).review.state
            except StaleVersionError:
                return "stale"

        with ThreadPoolExecutor(2) as pool:
            outcomes = list(pool.map(approve, (0, 1)))
        assert sorted(outcomes) == ["applied", "stale"]
        assert model.now() == outcomes.index("applied") + 1
        assert len(model.author.registry.alias_history(model.name)) == 1

    def test_one_review_at_a_time_for_a_version_and_an_alias(self, model: Candidate) -> None:
        """A review of the run itself and one for another version go beside it."""
        model.ask(1)
        with pytest.raises(ConflictError, match="open already"):
            model.ask(1)
        model.ask(2)
        model.author.review.request_review(NewReview(model.runs[0].id))

    def test_the_way_back_needs_no_new_review(self, world: World, model: Candidate) -> None:
        """To what was approved for it before, while its run is what it was; a reason stays in the history."""
        maintainer = world.member("maintainer")
        with pytest.raises(ConflictError, match="no other version"):
            maintainer.registry.rollback_alias(model.name, ALIAS, "x")
        model.promote(1)
        model.promote(2)
        with pytest.raises(ForbiddenError):
            model.author.registry.rollback_alias(model.name, ALIAS, "x")
        with pytest.raises(InvalidError, match="reason"):
            maintainer.registry.rollback_alias(model.name, ALIAS, " ")
        assert maintainer.registry.rollback_alias(model.name, ALIAS, "worse on mobile").aliases == {ALIAS: 1}
        move = maintainer.registry.alias_history(model.name)[0]
        assert (move.how, move.version, move.previous, move.reviewed) == ("rollback", 1, 2, True)
        model.author.tracking.append(model.runs[1].id, batch(1, {"acc": [(1, 0.1)]}))
        with pytest.raises(ConflictError, match="changed since"):
            maintainer.registry.rollback_alias(model.name, ALIAS, "and back")

    @pytest.mark.parametrize("alias", ["Production", "PRODUCTION", "\uff50roduction"])
    def test_a_protected_alias_is_protected_however_it_is_written(self, model: Candidate, alias: str) -> None:
        """Whoever loads by a name that reads the same gets no version that nobody reviewed."""
        with pytest.raises(GateClosedError, match=r"reads as 'production'.*only by a review"):
            model.author.registry.set_alias(model.name, alias, 1)
        assert model.author.registry.get_model(model.name).aliases == {}

    def test_going_back_makes_nothing_reviewed(self, world: World, model: Candidate) -> None:
        """An alias that was free then is protected now: what nobody reviewed does not come back."""
        maintainer = world.member("maintainer")
        for version in (1, 2):
            maintainer.registry.set_alias(model.name, "eu", version)
        maintainer.registry.rollback_alias(model.name, "eu", "free")
        assert [move.reviewed for move in maintainer.registry.alias_history(model.name, "eu")] == [False] * 3
        maintainer.registry.protect_model(model.name, ["eu"])
        with pytest.raises(ConflictError, match="without a review"):
            maintainer.registry.rollback_alias(model.name, "eu", "protected")

    def test_past_the_review_only_an_admin_goes_and_it_shows(self, world: World, model: Candidate) -> None:
        """Not even back to it later."""
        with pytest.raises(ForbiddenError):
            world.member("maintainer").registry.override_alias(model.name, ALIAS, 1, "x")
        admin = world.member("admin")
        with pytest.raises(InvalidError, match="reason"):
            admin.registry.override_alias(model.name, ALIAS, 1, "")
        admin.registry.override_alias(model.name, ALIAS, 1, "the store is down")
        move = model.author.registry.alias_history(model.name)[0]
        assert (move.how, move.reviewed, move.reason) == ("override", False, "the store is down")
        model.promote(2)
        with pytest.raises(ConflictError, match="without a review"):
            admin.registry.rollback_alias(model.name, ALIAS, "back")

    def test_what_is_in_use_is_not_deleted_or_renamed_by_the_way(self, world: World, model: Candidate) -> None:
        """Others load it by that name."""
        model.promote(1)
        maintainer = world.member("maintainer")
        with pytest.raises(ConflictError, match=ALIAS):
            maintainer.registry.delete_version(model.name, 1)
        with pytest.raises(ConflictError, match=ALIAS):
            maintainer.registry.delete_model(model.name)
        with pytest.raises(ForbiddenError, match="maintainer"):
            model.author.registry.update_model(model.name, ModelPatch(name=f"{model.name}-x"))
        model.author.registry.set_alias(model.name, "other", 2)
        maintainer.registry.delete_version(model.name, 2)
        assert maintainer.registry.alias_history(model.name)[0].how == "deletion"

    def test_a_version_that_is_gone_is_not_promoted(self, world: World, model: Candidate) -> None:
        """The review says so and can be rejected."""
        review = model.ask(2)
        world.member("maintainer").registry.delete_version(model.name, 2)
        reviewer = world.member("reviewer")
        found = reviewer.review.approve(review.id)
        assert found.review.state is ReviewState.OPEN
        assert any("deleted" in text for text in found.missing)
        assert reviewer.review.reject(review.id, "gone").review.state is ReviewState.REJECTED

    def test_rules_and_reviewers_are_those_of_the_models_project(self, world: World, model: Candidate) -> None:
        """A project of one's own, below or elsewhere, brings no easier way."""
        child, elsewhere = world.new_project(world.project), world.new_project()
        world.owner.review.set_standards(child, Standards(approvals=0))
        run = model.version(child)
        model.runs.append(run)
        review = model.ask(3)
        assert review.approvals_needed == 1
        model.author.review.run_checks(review.id)
        assert model.now() is None
        far = model.version(elsewhere)
        with pytest.raises(InvalidError, match="outside of the model's project"):
            model.author.review.request_review(NewReview(far.id, model=model.name, version=4, alias=ALIAS))
        with pytest.raises(ForbiddenError):
            model.author.registry.protect_model(model.name, [])
        world.member("maintainer").registry.protect_model(model.name, [ALIAS, "eu"], elsewhere)
        assert model.author.registry.get_model(model.name).protected == ["eu", ALIAS]
        assert model.author.registry.get_model(model.name).project == elsewhere
        model.author.review.request_review(NewReview(far.id, model=model.name, version=4, alias=ALIAS))

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"version": 9}, "no version 9"),
            ({"model": "nowhere"}, "no model"),
            ({"alias": "v3"}, "alias"),
            ({"version": 2}, "made by run"),
            ({"model": ""}, "without a model"),
        ],
    )
    def test_bad_requests_name_what_is_wrong(self, model: Candidate, change: dict[str, Any], said: str) -> None:
        """And nothing is opened."""
        asked: dict[str, Any] = {"model": model.name, "version": 1, "alias": ALIAS, **change}
        with pytest.raises((InvalidError, NotFoundError), match=said):
            model.author.review.request_review(NewReview(model.runs[0].id, **asked))
        assert model.author.review.list_reviews(project=model.world.project) == []

    def test_an_alias_moves_from_where_it_was_expected(self, model: Candidate) -> None:
        """Of two who move it at once, the later one is told."""
        registry = model.author.registry
        seen = matching(registry, tag_of(Registry.get_model, registry.get_model(model.name)))
        found = seen.set_alias(model.name, "candidate", 1)
        with pytest.raises(EditedMeanwhileError, match=r"\(aliases\)"):
            seen.set_alias(model.name, "candidate", 2)
        matching(registry, tag_of(Registry.get_model, found)).set_alias(model.name, "candidate", 2, reason="better")
        assert [move.reason for move in registry.alias_history(model.name, "candidate")] == ["better", ""]
        registry.set_alias(model.name, "candidate", 2)
        assert len(registry.alias_history(model.name, "candidate")) == 2, "nothing moved"

    def test_no_sequence_of_calls_gets_around_the_review(self, world: World, model: Candidate) -> None:
        """Whatever every role below admin tries, the alias moves only as reviews, ways back and maintainers' removals do."""
        chance = random.Random(7)
        people = {role: world.member(role) for role in ("viewer", "contributor", "reviewer", "maintainer")}
        for _ in range(120):
            role, kind = chance.choice(sorted(people)), chance.choice(_ATTEMPTS)
            before = model.now()
            try:
                _attempt(people[role], model, kind, chance)
            except RunwardError:
                assert model.now() == before, (role, kind)
            if model.now() != before:
                assert (role, kind) in _MAY_MOVE
        for move in model.author.registry.alias_history(model.name, ALIAS, limit=1000):
            assert move.version is None or move.reviewed
            assert name_of(model.author) not in move.evidence.approved_by
