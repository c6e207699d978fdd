"""Reviews: whatever their authors, reviewers and admins do in whichever order, nothing gets in that was not approved."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from runward.core.etag import tag_of
from runward.core.ids import new_id
from runward.core.operation import matching
from runward.errors import RunwardError
from runward.registry.api import Registry
from runward.registry.model import NewModel, NewVersion
from runward.review.model import Change, NewReview, ReviewDetail, ReviewState, Standards
from runward.testing.worlds import World, batch
from runward.tracking.model import RunStatus
from tests.machines.conftest import Drive

_WHO = st.sampled_from(["author", "first", "second", "maintainer"])


class Reviews(RuleBasedStateMachine):
    """Two runs, reviews of them, and four people."""

    reviews = Bundle("reviews")

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.people = {
            "author": world.member(),
            "first": world.member("reviewer"),
            "second": world.member("reviewer"),
            "maintainer": world.member("maintainer"),
        }
        self.runs = [
            world.run(self.people["author"], metrics={"acc": 0.9}, end=RunStatus.FINISHED).id for _ in range(2)
        ]
        self.frames = dict.fromkeys(self.runs, 1)
        self.ended: dict[str, ReviewDetail] = {}
        self.needed: dict[str, int] = {}

    @initialize(needed=st.integers(1, 2), threads=st.booleans())
    def begin(self, needed: int, threads: bool) -> None:
        self.set_rules(needed, threads)

    @rule(needed=st.integers(1, 2), threads=st.booleans())
    def set_rules(self, needed: int, threads: bool) -> None:
        asked = Standards(approvals=needed, threads_resolved=threads)
        self.world.owner.review.set_standards(self.world.project, asked)
        self.approvals = needed

    @rule(target=reviews, run=st.integers(0, 1))
    def ask(self, run: int) -> Any:
        try:
            return self.people["author"].review.request_review(NewReview(self.runs[run])).review.id
        except RunwardError:
            return ""

    def _does(self, review: str, who: str, what: str, *arguments: Any) -> None:
        before = self._told(review) if review else None
        try:
            getattr(self.people[who].review, what)(review, *arguments)
        except RunwardError:
            assert before is None or self._told(review) == before, f"{what} was refused and changed the review"

    def _told(self, review: str) -> ReviewDetail:
        return self.people["author"].review.get_review(review)

    @rule(review=reviews, who=_WHO)
    def approve(self, review: str, who: str) -> None:
        self._does(review, who, "approve")

    @rule(review=reviews, who=_WHO)
    def object(self, review: str, who: str) -> None:
        self._does(review, who, "request_changes", "no")

    @rule(review=reviews, who=_WHO)
    def check(self, review: str, who: str) -> None:
        self._does(review, who, "run_checks")

    @rule(review=reviews, who=_WHO, anchor=st.sampled_from(["", "metrics.acc"]))
    def say(self, review: str, who: str, anchor: str) -> None:
        self._does(review, who, "comment", "Why?", anchor)

    @rule(review=reviews, who=_WHO, resolved=st.booleans())
    def resolve(self, review: str, who: str, resolved: bool) -> None:
        threads = [remark.id for remark in self._told(review).comments if remark.anchor] if review else []
        for thread in threads[-1:]:
            self._does(review, who, "resolve_thread", thread, resolved)

    @rule(review=reviews, who=_WHO, run=st.integers(0, 1))
    def give_another_run(self, review: str, who: str, run: int) -> None:
        self._does(review, who, "change_subject", Change(self.runs[run]))

    @rule(review=reviews, who=_WHO, how=st.sampled_from(["reject", "withdraw", "override", "apply_review"]))
    def end(self, review: str, who: str, how: str) -> None:
        self._does(review, who, how, *(["r"] if how != "apply_review" else []))

    @rule(run=st.integers(0, 1))
    def change_the_run(self, run: int) -> None:
        run_id = self.runs[run]
        self.people["author"].tracking.append(run_id, batch(self.frames[run_id], {"acc": [(self.frames[run_id], 0.8)]}))
        self.frames[run_id] += 1

    @invariant()
    def nothing_was_let_in_that_was_not_approved(self) -> None:
        """By others than its author, on this very content, as many as are asked for now; and the end is the end."""
        space = self.people["author"]
        results: dict[str, set[str]] = {run: set() for run in self.runs}
        for listed in space.review.list_reviews(project=self.world.project):
            found = self._told(listed.id)
            if known := self.ended.get(listed.id):
                same = msgspec.structs.replace(
                    found, comments=known.comments, run=known.run, seen=known.seen, changes=known.changes
                )
                assert msgspec.structs.replace(same.review, approvals_needed=0) == msgspec.structs.replace(
                    known.review, approvals_needed=0
                )
                assert (same.votes, same.checks) == (known.votes, known.checks)
            elif found.review.state.is_terminal:
                self.ended[listed.id] = found
                if found.review.state is ReviewState.APPLIED:
                    counted = {vote.reviewer for vote in found.votes if vote.counts and vote.verdict == "approve"}
                    assert found.review.overridden or len(counted) >= self.approvals
                    assert not any(vote.counts and vote.verdict == "request_changes" for vote in found.votes)
                    assert found.review.author not in counted
            if found.review.state is ReviewState.APPLIED:
                results[found.review.run_id].add(found.review.revision)
        for run in self.runs:
            marks = {mark.kind: mark.label for mark in space.tracking.get_run(run).run.marks}
            assert marks.get("team_result", "outdated") in results[run] | {"outdated"}


class Aliases(RuleBasedStateMachine):
    """One model, three versions, an alias that anybody moves and one that only a review moves."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world, self.author, self.maintainer = world, world.member(), world.member("maintainer")
        self.reviewer, self.admin = world.member("reviewer"), world.member("admin")
        self.model = self.author.registry.create_model(NewModel(f"m-{new_id()}", team=world.team)).name
        self.runs: list[str] = []
        self.gone: set[int] = set()
        for _ in range(3):
            self.register()
        self.now: dict[str, int] = {}
        self.let_in: set[int] = set()
        self.look()

    def register(self) -> None:
        run = self.world.run(self.author, metrics={"acc": 0.9}, end=RunStatus.FINISHED)
        self.author.registry.create_version(self.model, NewVersion(f"runs:/{run.id}/model", run.id))
        self.runs.append(run.id)

    @rule()
    def look(self) -> None:
        self.seen = self.author.registry.get_model(self.model)

    @rule(version=st.integers(1, 3), careful=st.booleans())
    def point_the_free_one(self, version: int, careful: bool) -> None:
        registry, stale = self.author.registry, careful and self.seen.aliases != self.now
        if careful:
            registry = matching(registry, tag_of(Registry.get_model, self.seen))
        try:
            registry.set_alias(self.model, "candidate", version)
        except RunwardError:
            assert version in self.gone or stale
            return
        assert not stale
        self.now["candidate"] = version

    @rule(version=st.integers(1, 3), who=st.sampled_from(["author", "maintainer", "reviewer", "admin"]))
    def point_the_protected_one(self, version: int, who: str) -> None:
        try:
            getattr(self, who).registry.set_alias(self.model, "production", version)
        except RunwardError:
            return
        assert self.now.get("production") == version, "it moved without a review"

    @rule(version=st.integers(1, 3))
    def review(self, version: int) -> None:
        try:
            asked = NewReview(self.runs[version - 1], model=self.model, version=version, alias="production")
            found = self.reviewer.review.approve(self.author.review.request_review(asked).review.id)
        except RunwardError:
            assert version in self.gone or self.now.get("production") == version
            return
        assert found.review.state is ReviewState.APPLIED
        self.now["production"] = version
        self.let_in.add(version)

    @rule(version=st.integers(1, 3))
    def override(self, version: int) -> None:
        try:
            self.admin.registry.override_alias(self.model, "production", version, "tonight")
        except RunwardError:
            assert version in self.gone or self.now.get("production") == version
            return
        self.now["production"] = version

    @rule(alias=st.sampled_from(["production", "candidate"]))
    def roll_back(self, alias: str) -> None:
        try:
            found = self.maintainer.registry.rollback_alias(self.model, alias, "broken")
        except RunwardError:
            return
        now = found.aliases[alias]
        assert alias == "candidate" or now in self.let_in
        self.now[alias] = now

    @rule(alias=st.sampled_from(["production", "candidate"]))
    def take_away(self, alias: str) -> None:
        try:
            self.maintainer.registry.set_alias(self.model, alias, None, reason="over")
        except RunwardError:
            assert alias not in self.now
        self.now.pop(alias, None)

    @rule(version=st.integers(1, 3))
    def delete(self, version: int) -> None:
        try:
            self.maintainer.registry.delete_version(self.model, version)
        except RunwardError:
            assert version in self.gone or self.now.get("production") == version
            return
        self.gone.add(version)
        self.now = {alias: at for alias, at in self.now.items() if at != version}

    @invariant()
    def the_history_leads_to_what_is(self) -> None:
        """Folded from its begin, each move leaves from where the last one led."""
        assert self.author.registry.get_model(self.model).aliases == self.now
        led: dict[str, int | None] = {}
        for move in reversed(self.author.registry.alias_history(self.model, limit=1000)):
            assert move.previous == led.get(move.alias), move
            led[move.alias] = move.version
        assert {alias: at for alias, at in led.items() if at} == self.now


def test_reviews(drive: Drive) -> None:
    """Asked for, approved, objected to, talked about, changed, ended; their rules and runs change meanwhile."""
    drive(Reviews)


def test_aliases(drive: Drive) -> None:
    """Moved, reviewed, overridden, rolled back, taken away, their versions deleted."""
    drive(Aliases)
