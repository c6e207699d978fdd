"""What every backend asks of a project's rules of review: owners, committees, waivers, overrides, revisions."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import pytest

from runward.core.hashing import digest_bytes
from runward.core.ids import new_id
from runward.errors import (
    ConflictError,
    ForbiddenError,
    GateClosedError,
    InvalidError,
    InvalidTransitionError,
    NotFoundError,
)
from runward.repro.records import NewVerification
from runward.review.model import (
    Change,
    Committee,
    MetricRule,
    NewReview,
    Owner,
    ReviewDetail,
    ReviewState,
    Standards,
    Waiver,
)
from runward.testing.data import store
from runward.testing.worlds import World, batch, name_of
from runward.tracking.model import CapturePart, NewArtifact, NewProject, Run, RunEnd, RunStatus
from runward.workspace import Workspace


def coded(world: World, space: Workspace, files: dict[str, str], *, changed: list[str] | None = None) -> Run:
    """A finished run with captured code whose first file was its entry."""
    run = world.run(space, metrics={"acc": 0.9}, params={"lr": 0.1})
    entries = [
        {"path": p, "digest": space.files.put_bytes(world.project, t.encode()), "size": len(t), "mode": "file"}
        for p, t in files.items()
    ]
    documents: dict[Literal["code", "process"], Any] = {
        "code": {"files": entries, "changed": changed or []},
        "process": {"entry": next(iter(files))},
    }
    parts = [
        CapturePart(kind, space.files.put_bytes(world.project, msgspec.json.encode(document)), {})
        for kind, document in documents.items()
    ]
    space.tracking.put_captures(run.id, parts)
    return space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))


def ask(space: Workspace, run: Run, **more: Any) -> ReviewDetail:
    """A review of a run."""
    return space.review.request_review(NewReview(run.id, **more))


def rule(world: World, **rules: Any) -> None:
    """Set the project's standards."""
    world.owner.review.set_standards(world.project, Standards(**rules))


def marks(space: Workspace, run_id: str) -> dict[str, str]:
    """Labels of a run's marks by kind."""
    return {mark.kind: mark.label for mark in space.tracking.get_run(run_id).run.marks}


def done(world: World, space: Workspace, **metrics: float) -> Run:
    """A finished run."""
    return world.run(space, metrics=metrics or {"acc": 0.9}, end=RunStatus.FINISHED)


class ReviewRulesSuite:
    """What standards may ask, and the ways past what they ask."""

    @pytest.mark.parametrize(
        ("rules", "named"),
        [
            ({"owners": [Owner([], ["src/"])]}, r"owners\[0\]\.members"),
            ({"owners": [Owner(["ana"])]}, r"owners\[0\]"),
            ({"committees": [Committee("board", ["ana"], 2)]}, r"committees\[0\]\.quorum = 2 of 1"),
            ({"committees": [Committee("board", ["ana", "ana"], 2)]}, r"quorum = 2 of 1"),
            ({"committees": [Committee("board", ["ana"], 0)]}, r"quorum = 0"),
            ({"evidence_days": -1.0}, "evidence_days"),
            ({"forbidden_packages": ["<2"]}, "forbidden_packages"),
            ({"forbidden_packages": ["torch 2"]}, "specifier"),
        ],
    )
    def test_rules_that_nothing_can_meet_are_refused(self, world: World, rules: dict[str, Any], named: str) -> None:
        """The message names the field."""
        with pytest.raises(InvalidError, match=named):
            rule(world, **rules)

    def test_an_owner_of_what_is_touched_has_to_approve(self, world: World) -> None:
        """Another reviewer's approval is not enough; where nothing of theirs is touched they are not asked."""
        author, owner, other = world.member(), world.member("reviewer"), world.member("reviewer")
        rule(world, owners=[Owner([name_of(owner)], ["data/", "*.sql"])])
        files = {"train.py": "x = 1\n", "data/load.py": "y = 1\n"}
        untouched = ask(author, coded(world, author, files)).review
        assert other.review.approve(untouched.id).review.state is ReviewState.APPLIED
        touched = ask(author, coded(world, author, files, changed=["data/load.py"])).review
        found = other.review.approve(touched.id)
        assert found.missing == [f"An owner of data/load.py has to approve: {name_of(owner)}."]
        assert owner.review.approve(touched.id).review.state is ReviewState.APPLIED

    def test_what_differs_from_the_base_is_touched(self, world: World) -> None:
        """Committed or not: the owner of a file is asked when the file is another one than in the run compared with."""
        author, owner, other = world.member(), world.member("reviewer"), world.member("reviewer")
        rule(world, owners=[Owner([name_of(owner)], ["data/"])])
        base = coded(world, author, {"train.py": "x = 1\n", "data/load.py": "y = 1\n"})
        same = coded(world, author, {"train.py": "x = 2\n", "data/load.py": "y = 1\n"})
        differs = coded(world, author, {"train.py": "x = 1\n", "data/load.py": "y = 2\n"})
        assert ask(author, same, base_id=base.id).missing[0].startswith("1 approval")
        asked = ask(author, differs, base_id=base.id)
        assert asked.base is not None
        assert asked.base.id == base.id
        foreign = world.outsider()
        place = foreign.tracking.create_project(NewProject(path=f"s-{new_id()}")).path
        theirs = world.run(foreign, end=RunStatus.FINISHED, project=place)
        with pytest.raises(NotFoundError):
            ask(author, coded(world, author, {"train.py": "x = 3\n"}), base_id=theirs.id)
        assert other.review.approve(asked.review.id).missing[0].startswith("An owner of data/load.py")

    def test_a_committee_decides_by_quorum(self, world: World) -> None:
        """Votes of others add nothing to it; who gave theirs is said."""
        author, other = world.member(), world.member("reviewer")
        board = [world.member("reviewer") for _ in range(3)]
        names = [name_of(one) for one in board]
        rule(world, committees=[Committee("model board", names, 2), Committee("release", names, 3, ["production"])])
        review = ask(author, done(world, author)).review
        found = other.review.approve(review.id)
        assert found.missing == [f"model board: 2 more of {', '.join(names)} have to approve."]
        board[0].review.approve(review.id)
        applied = board[2].review.approve(review.id)
        assert applied.review.state is ReviewState.APPLIED

    def test_approvals_of_a_higher_role_may_be_asked_for(self, world: World) -> None:
        """A reviewer then reads and comments."""
        author, reviewer, maintainer = world.member(), world.member("reviewer"), world.member("maintainer")
        rule(world, approver_role="maintainer")
        review = ask(author, done(world, author)).review
        with pytest.raises(ForbiddenError, match="role maintainer"):
            reviewer.review.approve(review.id)
        assert maintainer.review.approve(review.id).review.state is ReviewState.APPLIED

    def test_who_changed_the_run_last_does_not_approve_it(self, world: World) -> None:
        """Even where somebody else started it."""
        author, editor, other = world.member(), world.member("reviewer"), world.member("reviewer")
        run = done(world, author)
        review = ask(author, run).review
        editor.tracking.append(run.id, batch(1, {"late": [(1, 0.5)]}))
        with pytest.raises(ForbiddenError, match="changed this run last"):
            editor.review.approve(review.id)
        assert other.review.approve(review.id).review.state is ReviewState.APPLIED

    # past the rules -------------------------------------------------------------------------------------------------

    def test_a_waived_check_does_not_count_on_this_revision(self, world: World) -> None:
        """With a reason, by a maintainer without a part in it; the verdict stays as it is, and a change ends it."""
        author, reviewer, maintainer = world.member(), world.member("reviewer"), world.member("maintainer")
        rule(world, thresholds=[MetricRule("acc", ">=", 0.95)], approvals=2)
        run = done(world, author)
        review = ask(author, run).review
        waiver = Waiver("acc >= 0.95", "the new split is harder", review.revision)
        for space, error in ((reviewer, ForbiddenError), (author, ForbiddenError)):
            with pytest.raises(error):
                space.review.waive(review.id, waiver)
        for wrong, error_, said in (
            (Waiver("acc >= 0.9", "r"), NotFoundError, "acc >= 0.95"),
            (Waiver("acc >= 0.95", " "), InvalidError, "reason"),
            (Waiver("finished", "r"), InvalidError, "cannot be waived"),
        ):
            with pytest.raises(error_) as caught:
                maintainer.review.waive(review.id, wrong)
            assert said in f"{caught.value.message} {caught.value.hint}"
        found = maintainer.review.waive(review.id, waiver)
        (check,) = (one for one in found.checks if one.name == waiver.check)
        assert (check.verdict, check.waived) == ("fail", f"the new split is harder ({name_of(maintainer)})")
        reviewer.review.approve(review.id)
        author.tracking.append(run.id, batch(1, {"acc": [(1, 0.91)]}))
        again = reviewer.review.run_checks(review.id)
        assert any("acc" in text for text in again.missing)
        present = maintainer.review.get_review(review.id).review.revision
        maintainer.review.waive(review.id, Waiver(waiver.check, "as before", present))
        reviewer.review.approve(review.id)
        assert maintainer.review.approve(review.id).review.state is ReviewState.APPLIED

    def test_an_override_applies_and_is_no_review(self, world: World) -> None:
        """Admins only, with a reason; a real review of the same run can follow, and ends its being unreviewed."""
        author, maintainer, admin = world.member(), world.member("maintainer"), world.member("admin")
        rule(world, thresholds=[MetricRule("acc", ">=", 0.95)])
        run = done(world, author)
        review = ask(author, run).review
        with pytest.raises(ForbiddenError):
            maintainer.review.override(review.id, "now")
        with pytest.raises(InvalidError, match="reason"):
            admin.review.override(review.id, "  ")
        found = admin.review.override(review.id, "the demo is today").review
        assert (found.state, found.overridden, found.ending) == (ReviewState.APPLIED, True, "the demo is today")
        assert marks(author, run.id)["not_reviewed"] == marks(author, run.id)["team_result"]
        rule(world)
        again = ask(author, run).review
        assert maintainer.review.approve(again.id).review.state is ReviewState.APPLIED
        assert "not_reviewed" not in marks(author, run.id)
        with pytest.raises(ConflictError, match="team result already"):
            ask(author, run)

    def test_approvals_stay_only_by_a_rule(self, world: World) -> None:
        """Over the parts of the revision: what may change is named, and anything else outdates them."""
        author, first, second = world.member(), world.member("reviewer"), world.member("reviewer")
        rule(world, approvals=2, sticky=["artifacts"])
        run = done(world, author)
        review = ask(author, run).review
        first.review.approve(review.id)
        digest = author.files.put_bytes(world.project, b"a picture")
        author.tracking.add_artifact(run.id, NewArtifact("plot.png", digest))
        kept = author.review.get_review(review.id)
        assert [(v.outdated, v.counts, v.kept) for v in kept.votes] == [(False, True, True)]
        assert [one.changed for one in kept.revisions] == [["artifacts"], []]
        author.tracking.append(run.id, batch(1, {"acc": [(1, 0.8)]}))
        lost = author.review.get_review(review.id)
        assert [(v.outdated, v.counts) for v in lost.votes] == [(True, False)]
        second.review.approve(review.id)
        assert first.review.approve(review.id).review.state is ReviewState.APPLIED

    @pytest.mark.parametrize(
        ("rules", "verdict", "said"),
        [
            (["torch<2.1"], "fail", "torch 2.0.1 is installed"),
            (["Evil_Lib"], "fail", "evil-lib 1 is installed"),
            (["torch<2.0.1", "numpy"], "pass", "none of 2 packages"),
        ],
    )
    def test_packages_may_be_forbidden(self, world: World, rules: list[str], verdict: str, said: str) -> None:
        """By name, or some versions of it; where the list was not captured nothing is decided."""
        author = world.member()
        rule(world, forbidden_packages=rules)
        run = world.run(author)
        document = author.files.put_bytes(world.project, b"{}")
        listed = {"packages": {"torch": "2.0.1", "Evil.Lib": "1"}}
        author.tracking.put_captures(run.id, [CapturePart("environment", document, listed)])
        author.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))
        (found,) = (one for one in author.review.gates(run.id).results if one.name == "packages")
        assert found.verdict == verdict
        assert said in " ".join([found.message, *(item.message for item in found.evidence)])
        bare = author.review.gates(done(world, author).id)
        assert [one.verdict for one in bare.results if one.name == "packages"] == ["undecided"]
        assert not bare.passed

    def test_data_may_have_to_be_versioned(self, world: World) -> None:
        """Each file that was read has to be in a version of a dataset of the team; the others are named."""
        author = world.member()
        rule(world, data_versioned=True)
        known, loose = digest_bytes(b"rows"), digest_bytes(b"other rows")
        store(author, world.project, f"d-{new_id()}", {"rows.csv": b"rows"})

        def gate(reads: dict[str, str] | None) -> tuple[str, list[str]]:
            run = world.run(author)
            if reads is not None:
                listed = {"reads": [{"path": path, "digest": digest} for path, digest in reads.items()]}
                document = author.files.put_bytes(world.project, msgspec.json.encode(listed))
                author.tracking.put_captures(run.id, [CapturePart("reads", document, {})])
            author.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))
            (found,) = (one for one in author.review.gates(run.id).results if one.name == "data")
            return found.verdict, [item.file for item in found.evidence]

        assert gate({"rows.csv": known}) == ("pass", [])
        assert gate({"rows.csv": known, "other.csv": loose}) == ("fail", ["other.csv"])
        assert gate(None) == ("undecided", [])

    def test_what_was_verified_long_ago_is_not_fresh(self, world: World) -> None:
        """Where the rule bounds its age."""
        author = world.member()
        run = done(world, author)
        rule(world, require_level="basic", evidence_days=30)
        author.repro.record(run.id, NewVerification("reproduced", "basic", "r", {}, 1.0))
        assert author.review.evaluate_gates(run.id).passed
        rule(world, require_level="basic", evidence_days=1e-12)
        late = author.review.evaluate_gates(run.id)
        assert not late.passed
        assert any("older than" in one.message for one in late.results)

    def test_a_reader_is_told_what_they_can_do(self, world: World) -> None:
        """As much as their role and their part in it allow; nothing once it is over."""
        author = world.member()
        run = done(world, author)
        review = ask(author, run, draft=True).review

        def may(space: Workspace) -> set[str]:
            return set(space.review.get_review(review.id).may)

        people = {role: world.member(role) for role in ("viewer", "contributor", "reviewer", "maintainer", "admin")}
        assert may(author) == {"open", "withdraw", "change"}
        assert may(people["admin"]) == {"open", "withdraw", "change", "resolve"}
        author.review.open_draft(review.id)
        assert may(author) == {"withdraw", "change"}
        assert may(people["viewer"]) == set()
        assert may(people["contributor"]) == {"change"}
        assert may(people["reviewer"]) == {"approve", "request_changes", "reject", "change", "resolve"}
        assert may(people["maintainer"]) == may(people["reviewer"]) | {"waive", "withdraw"}
        assert may(people["admin"]) == may(people["maintainer"]) | {"override"}
        people["reviewer"].review.approve(review.id)
        assert may(people["admin"]) == set()

    # states ---------------------------------------------------------------------------------------------------------

    def test_a_draft_is_talked_about_and_not_decided(self, world: World) -> None:
        """Its author opens it; only then the reviewers are asked."""
        author, reviewer = world.member(), world.member("reviewer")
        run = done(world, author)
        review = ask(author, run, draft=True, reviewers=[name_of(reviewer)]).review
        assert review.state is ReviewState.DRAFT
        for attempt in (
            reviewer.review.approve,
            lambda review_id: reviewer.review.reject(review_id, "no"),
            lambda review_id: reviewer.review.request_changes(review_id, "no"),
            lambda review_id: world.owner.review.override(review_id, "no"),
        ):
            with pytest.raises((InvalidTransitionError, ForbiddenError), match="draft"):
                attempt(review.id)
        reviewer.review.comment(review.id, "one remark")
        with pytest.raises(ForbiddenError, match="open"):
            world.member().review.open_draft(review.id)
        assert not any(item.object_id == review.id and item.kind == "review.requested" for item in _inbox(reviewer))
        assert author.review.open_draft(review.id).review.state is ReviewState.OPEN
        assert any(item.object_id == review.id and item.kind == "review.requested" for item in _inbox(reviewer))
        with pytest.raises(InvalidTransitionError, match="no draft"):
            author.review.open_draft(review.id)
        assert reviewer.review.approve(review.id).review.state is ReviewState.APPLIED

    def test_an_approved_review_waits_where_people_apply(self, world: World) -> None:
        """A change takes the approval away again; what is missing is said when somebody applies too early."""
        author, reviewer = world.member(), world.member("reviewer")
        rule(world, apply_by_hand=True)
        run = done(world, author)
        review = ask(author, run).review
        with pytest.raises(GateClosedError, match="approval"):
            author.review.apply_review(review.id)
        assert reviewer.review.approve(review.id).review.state is ReviewState.APPROVED
        assert marks(author, run.id)["review"] == "approved"
        assert "team_result" not in marks(author, run.id)
        author.tracking.append(run.id, batch(1, {"acc": [(1, 0.8)]}))
        assert author.review.get_review(review.id).review.state is ReviewState.OPEN
        assert any(item.kind == "review.outdated" for item in _inbox(reviewer))
        reviewer.review.approve(review.id)
        assert author.review.apply_review(review.id).review.state is ReviewState.APPLIED
        assert marks(author, run.id)["team_result"] == author.review.get_review(review.id).review.revision

    def test_the_next_attempt_becomes_the_subject(self, world: World) -> None:
        """Votes are outdated and stay to be seen; whoever gave it does not decide; both runs' marks follow."""
        author, reviewer, other = world.member(), world.member("reviewer"), world.member("reviewer")
        rule(world, approvals=2)
        first = coded(world, author, {"train.py": "x = 1\n"})
        second = coded(world, author, {"train.py": "x = 2\n"})
        review = ask(author, first).review
        reviewer.review.request_changes(review.id, "x should be 2")
        with pytest.raises(ConflictError, match="already"):
            author.review.change_subject(review.id, Change(first.id))
        with pytest.raises(InvalidTransitionError, match="still running"):
            author.review.change_subject(review.id, Change(world.run(author).id))
        with pytest.raises(NotFoundError):
            world.outsider().review.change_subject(review.id, Change(second.id))
        changed = other.review.change_subject(review.id, Change(second.id, comment="as asked"))
        assert (changed.review.run_id, changed.review.state) == (second.id, ReviewState.OPEN)
        assert [vote.outdated for vote in changed.votes] == [True]
        assert changed.revisions[0].run_id == second.id
        assert "code" in changed.revisions[0].changed
        assert [c.body for c in changed.comments] == ["as asked"]
        assert marks(author, first.id)["review"] == "withdrawn"
        assert marks(author, second.id)["review"] == "open"
        assert any(item.kind == "review.changed" for item in _inbox(reviewer))
        with pytest.raises(ForbiddenError, match="present subject"):
            other.review.approve(review.id)
        reviewer.review.approve(review.id)
        assert world.member("reviewer").review.approve(review.id).review.state is ReviewState.APPLIED
        assert "team_result" in marks(author, second.id)
        assert "team_result" not in marks(author, first.id)


def _inbox(space: Workspace) -> list[Any]:
    return space.coordination.inbox(limit=1000).items
