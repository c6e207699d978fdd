"""What every backend does to keep a workspace in order."""

from __future__ import annotations

import pytest

from runward.core.ids import new_id
from runward.errors import (
    AlreadyExistsError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    InvalidTransitionError,
    NotFoundError,
    StaleVersionError,
)
from runward.testing.worlds import World, name_of
from runward.tracking.model import NewArtifact, NewExperiment, NewProject, NewRun, RunStatus
from runward.tracking.organise_model import Anchor, BulkEdit, Collect, NewBaseline, NewComment, NewView
from runward.workspace import Workspace


def _ids(space: Workspace, project: str = "", **more: str) -> set[str]:
    return {run.id for run in space.tracking.search_runs(project, **more).runs}  # type: ignore[arg-type]


def _seeds(world: World, space: Workspace, lr: float, values: list[float]) -> list[str]:
    return [
        world.run(space, params={"lr": lr, "seed": seed}, metrics={"acc": value}, end=RunStatus.FINISHED).id
        for seed, value in enumerate(values)
    ]


class OrganiseSuite:
    """Moves, archives, deletion, views, baselines, bulk edits, comments."""

    # projects -------------------------------------------------------------------------------------------------------

    def test_a_move_takes_the_subtree_and_old_paths_keep_leading_there(self, world: World) -> None:
        """Ids never change; what is made by an old path lands in the new place."""
        boss = world.member("maintainer")
        deep = boss.tracking.create_project(NewProject(path=f"{world.project}/a/b", team=world.team))
        run, top = world.run(boss, project=deep.path), f"top-{new_id()}"
        boss.tracking.create_project(NewProject(path=top, team=world.team))
        moved = boss.organise.move_project(f"{world.project}/a", f"{top}/z")
        assert moved.path == f"{top}/z"
        assert boss.tracking.get_project(deep.id).path == f"{top}/z/b"
        assert boss.tracking.get_project(f"{world.project}/a/b").id == deep.id
        assert boss.tracking.get_run(run.id).run.project == f"{top}/z/b"
        assert _ids(boss, top) == {run.id}
        assert _ids(boss, world.project) == set()
        later = boss.tracking.create_project(NewProject(path=f"{world.project}/a/b/c", team=world.team))
        assert later.path == f"{top}/z/b/c"
        assert boss.organise.move_project(deep.id, f"{top}/z/b").path == f"{top}/z/b"

    def test_moves_that_make_no_sense_are_refused(self, world: World) -> None:
        """Below itself, without a parent, onto another one, deeper than the tree may be."""
        boss, other = world.member("maintainer"), world.new_project()
        with pytest.raises(InvalidError, match="itself"):
            boss.organise.move_project(world.project, f"{world.project}/x")
        with pytest.raises(NotFoundError):
            boss.organise.move_project(world.project, f"no-{new_id()}/x")
        with pytest.raises(AlreadyExistsError, match=other):
            boss.organise.move_project(world.project, other)
        with pytest.raises(InvalidError, match="deeper"):
            boss.organise.move_project(world.project, "/".join("x" * 40))

    def test_a_move_needs_a_maintainer_on_both_ends(self, world: World) -> None:
        """A role on one end is not enough."""
        other = world.new_project()
        with pytest.raises(ForbiddenError):
            world.member("contributor").organise.move_project(world.project, f"{other}/x")
        guest = world.outsider("viewer")
        world.owner.governance.grant(name_of(guest), "project", world.project, "maintainer")
        world.owner.governance.grant(name_of(guest), "project", other, "contributor")
        with pytest.raises(ForbiddenError, match=other):
            guest.organise.move_project(world.project, f"{other}/x")
        world.owner.governance.grant(name_of(guest), "project", other, "maintainer")
        assert guest.organise.move_project(world.project, f"{other}/x").path == f"{other}/x"

    def test_an_archived_project_takes_nothing_new_and_leaves_the_lists(self, world: World) -> None:
        """With all below it; asked for by name its runs are there; taking it back undoes it."""
        boss = world.member("maintainer")
        below = world.new_project(world.project)
        run = world.run(boss, project=below)
        assert boss.organise.archive_project(world.project).archived
        for refused in (world.project, below):
            with pytest.raises(ConflictError, match="archived"):
                boss.tracking.create_run(NewRun(project=refused))
        with pytest.raises(ConflictError, match="archived"):
            boss.tracking.create_experiment(NewExperiment(project=below, name="e"))
        with pytest.raises(ConflictError, match="archived"):
            boss.tracking.create_project(NewProject(path=f"{below}/x"))
        with pytest.raises(ConflictError, match="archived"):
            boss.organise.move_project(world.new_project(), f"{below}/x")
        assert world.project not in [p.path for p in boss.tracking.list_projects()]
        assert below in [p.path for p in boss.tracking.list_projects("archived")]
        assert run.id not in _ids(boss)
        assert _ids(boss, below) == {run.id}
        with pytest.raises(ConflictError, match="above"):
            boss.organise.archive_project(below, archived=False)
        boss.organise.archive_project(world.project, archived=False)
        assert run.id in _ids(boss)
        world.run(boss, project=below)

    def test_favourites_are_ones_own_and_pins_everybodys(self, world: World) -> None:
        """A viewer may mark, a contributor may pin."""
        one, two = world.member(), world.member("viewer")
        assert one.organise.set_favourite(world.project).favourite
        assert [p.favourite for p in one.tracking.list_projects()] == [True]
        assert not two.tracking.get_project(world.project).favourite
        assert not one.organise.set_favourite(world.project, favourite=False).favourite
        run = world.run(one)
        one.organise.set_pin(run.id)
        assert [pin.id for pin in two.organise.layout(world.project).pins] == [run.id]
        one.organise.set_pin(run.id, pinned=False)
        assert two.organise.layout(world.project).pins == []

    # deletion -------------------------------------------------------------------------------------------------------

    def test_a_deleted_run_is_gone_everywhere_and_comes_back(self, world: World) -> None:
        """Who may bring it back is told how; others are told nothing."""
        boss, viewer = world.member("maintainer"), world.member("viewer")
        run = world.run(boss, metrics={"acc": 1.0}, tags={"k": "v"})
        boss.tracking.delete_run(run.id)
        assert _ids(boss, world.project) == set()
        assert _ids(boss, world.project, state="deleted") == {run.id}
        for word in ("get_run", "resolve_run"):
            with pytest.raises(NotFoundError, match="was deleted on") as told:
                getattr(boss.tracking, word)(run.id)
            assert "restore" in told.value.hint
            with pytest.raises(NotFoundError) as untold:
                getattr(viewer.tracking, word)(run.id)
            assert "deleted" not in str(untold.value)
        with pytest.raises(NotFoundError):
            boss.tracking.compare([run.id])
        with pytest.raises(ForbiddenError):
            viewer.organise.restore_run(run.id)
        back = boss.organise.restore_run(run.id)
        assert (back.id, back.metrics["acc"].last, back.tags, back.deleted_at) == (run.id, 1.0, {"k": "v"}, None)
        assert _ids(boss, world.project) == {run.id}

    def test_a_deleted_project_frees_its_path_and_comes_back_with_its_runs(self, world: World) -> None:
        """What was deleted before it stays deleted; a path that was taken meanwhile is not taken over."""
        boss = world.member("maintainer")
        below = boss.tracking.create_project(NewProject(path=f"{world.project}/x", team=world.team))
        kept, before = world.run(boss, project=below.path), world.run(boss, project=below.path)
        boss.tracking.delete_run(before.id)
        root = boss.tracking.get_project(world.project)
        boss.organise.delete_project(world.project)
        with pytest.raises(NotFoundError):
            boss.tracking.get_project(below.id)
        assert [p.path for p in boss.tracking.list_projects("deleted")] == [root.path, below.path]
        with pytest.raises(ConflictError, match="above"):
            boss.organise.restore_project(below.id)
        with pytest.raises(ConflictError, match="project is deleted"):
            boss.organise.restore_run(kept.id)
        new = boss.tracking.create_project(NewProject(path=world.project, team=world.team))
        with pytest.raises(AlreadyExistsError):
            boss.organise.restore_project(root.id)
        boss.organise.move_project(new.id, f"other-{new_id()}")
        assert boss.organise.restore_project(root.id).path == world.project
        assert boss.tracking.get_project(f"{world.project}/x").id == below.id
        assert _ids(boss, world.project) == {kept.id}

    # bulk edit ------------------------------------------------------------------------------------------------------

    def test_a_bulk_edit_changes_exactly_what_matches(self, world: World) -> None:
        """Below the project too; the answer names each run."""
        space, low = world.member("maintainer"), world.new_project(world.project)
        ones = {world.run(space, tags={"old": "1"}, project=low).id for _ in range(3)}
        world.run(space, tags={"other": "1"})
        edit = BulkEdit(where='tags.old = "1"', set_tags={"new": "2"}, remove_tags=["old"], expect=3)
        done = space.organise.edit_runs(world.project, edit)
        assert (done.changed, set(done.run_ids)) == (3, ones)
        assert _ids(space, world.project, where='tags.new = "2"') == ones
        archived = space.organise.edit_runs(world.project, BulkEdit(run_ids=sorted(ones), archive=True))
        assert archived.changed == 3
        assert _ids(space, world.project, state="archived") == ones
        assert space.tracking.get_run(sorted(ones)[0]).run.archived
        back = space.organise.edit_runs(world.project, BulkEdit(where='tags.new = "2"', archive=False))
        assert back.changed == 3
        space.organise.edit_runs(world.project, BulkEdit(run_ids=sorted(ones), delete=True))
        assert _ids(space, world.project, state="deleted") == ones

    def test_a_bulk_edit_is_all_or_nothing(self, world: World) -> None:
        """One id elsewhere, another number than expected, nothing to do, no way to choose: nothing changes."""
        space = world.member("maintainer")
        mine, elsewhere = world.run(space), world.run(space, project=world.new_project())
        for edit, error in (
            (BulkEdit(run_ids=[mine.id, elsewhere.id], set_tags={"a": "b"}), NotFoundError),
            (BulkEdit(run_ids=[mine.id], set_tags={"a": "b"}, expect=2), ConflictError),
            (BulkEdit(run_ids=[mine.id]), InvalidError),
            (BulkEdit(set_tags={"a": "b"}), InvalidError),
            (BulkEdit(run_ids=[mine.id], set_tags={"": "b"}), InvalidError),
        ):
            with pytest.raises(error):
                space.organise.edit_runs(world.project, edit)
        assert space.tracking.get_run(mine.id).run == mine
        with pytest.raises(ForbiddenError):
            world.member("contributor").organise.edit_runs(world.project, BulkEdit(run_ids=[mine.id], delete=True))

    def test_moved_runs_keep_their_files_and_can_be_searched(self, world: World) -> None:
        """The new project has their bytes and knows their keys."""
        boss, other = world.member("maintainer"), world.new_project()
        run = world.run(boss, params={"only": 1})
        digest = boss.files.put_bytes(world.project, b"weights")
        boss.tracking.add_artifact(run.id, NewArtifact("w.bin", digest))
        edit = BulkEdit(run_ids=[run.id], move_to=other)
        assert boss.organise.edit_runs(world.project, edit).changed == 1
        assert _ids(boss, other, where="params.only = 1") == {run.id}
        assert b"".join(boss.files.artifact(run.id, "w.bin")) == b"weights"
        assert boss.files.read(run.id, digest) == b"weights"

    # views ----------------------------------------------------------------------------------------------------------

    def test_a_view_is_opened_by_who_may_read_the_project(self, world: World) -> None:
        """Its name belongs to its author, its search is checked when it is saved."""
        author, viewer = world.member(), world.member("viewer")
        world.run(author, metrics={"acc": 1.0})
        new = NewView(world.project, "best", "metrics.acc > 0.5", "-metrics.acc", ["metrics.acc"], "params.lr")
        saved = author.organise.save_view(new)
        found = viewer.organise.get_view(saved.id)
        assert (found.where, found.sort, found.columns, found.group) == (new.where, new.sort, new.columns, new.group)
        assert viewer.organise.layout(world.project).views == [found]
        with pytest.raises(NotFoundError):
            world.outsider().organise.get_view(saved.id)
        with pytest.raises(ForbiddenError):
            world.member().organise.save_view(NewView(world.project, "best"))
        with pytest.raises(ForbiddenError):
            world.member().organise.delete_view(saved.id)
        with pytest.raises(InvalidError):
            author.organise.save_view(NewView(world.project, "broken", "metrics.nonsense >"))
        assert author.organise.save_view(NewView(world.project, "best", sort="name")).id == saved.id
        world.member("maintainer").organise.delete_view(saved.id)
        with pytest.raises(NotFoundError):
            author.organise.get_view(saved.id)

    # baselines ------------------------------------------------------------------------------------------------------

    def test_repetitions_are_told_from_the_baseline_by_welchs_interval(self, world: World) -> None:
        """Reference: scipy.stats.ttest_ind([.90, .92, .91], [.80, .83, .79, .82], equal_var=False)."""
        boss = world.member("maintainer")
        base = _seeds(world, boss, 0.1, [0.80, 0.83, 0.79, 0.82])
        ours = _seeds(world, boss, 0.2, [0.90, 0.92, 0.91])
        assert boss.organise.set_baseline(world.project, NewBaseline(base)) is not None
        found = boss.organise.deltas(ours[0])
        assert set(found.group) == set(ours)
        (delta,) = found.metrics
        assert (delta.n, delta.baseline_n, delta.verdict) == (3, 4, "higher")
        assert delta.difference == pytest.approx(0.1)
        assert delta.low == pytest.approx(0.0717738400965686, rel=1e-9)
        assert delta.high == pytest.approx(0.12822615990343156, rel=1e-9)
        assert boss.organise.deltas(base[0]).metrics[0].verdict == "not distinguishable"

    def test_one_run_says_nothing_about_spread(self, world: World) -> None:
        """A baseline holds for the projects below, may be a search, and can be taken away."""
        boss, low = world.member("maintainer"), world.new_project(world.project)
        base = world.run(boss, metrics={"acc": 0.5, "only": 1.0}, tags={"role": "base"}, end=RunStatus.FINISHED)
        run = world.run(boss, project=low, params={"a": 1}, metrics={"acc": 0.6}, end=RunStatus.FINISHED)
        assert boss.organise.deltas(run.id).baseline is None
        set_to = boss.organise.set_baseline(world.project, NewBaseline(where='tags.role = "base"'))
        found = boss.organise.deltas(run.id)
        assert found.baseline == set_to
        assert found.baseline_runs == [base.id]
        (delta,) = found.metrics
        assert (delta.key, delta.low, delta.high) == ("acc", None, None)
        assert "says nothing about spread" in delta.verdict
        assert boss.organise.set_baseline(world.project, NewBaseline()) is None
        with pytest.raises(InvalidError):
            boss.organise.set_baseline(world.project, NewBaseline([base.id], "name = 'x'"))
        with pytest.raises(NotFoundError):
            boss.organise.set_baseline(low, NewBaseline([base.id]))

    # comments -------------------------------------------------------------------------------------------------------

    def test_comments_form_threads_and_tell_who_takes_part(self, world: World) -> None:
        """A mention of somebody who may not read the run tells them nothing."""
        owner, one, two = world.member(), world.member(), world.member()
        stranger = world.outsider()
        run = world.run(owner, metrics={"loss": 1.0})
        text = f"why? @{name_of(two)} @{name_of(stranger)}"
        first = one.organise.add_comment(run.id, NewComment(text, Anchor("metric", "loss", 3)))
        answer = owner.organise.add_comment(run.id, NewComment("because", thread_id=first.id))
        assert (answer.thread_id, answer.anchor) == (first.id, Anchor("metric", "loss", 3))
        assert [c.id for c in two.organise.list_comments(run.id)] == [first.id, answer.id]
        assert [i.kind for i in owner.coordination.inbox().items] == ["comment.written"]
        assert [i.kind for i in one.coordination.inbox().items] == ["comment.written"]
        assert [i.kind for i in two.coordination.inbox().items] == ["comment.mentioned"]
        assert stranger.coordination.inbox().items == []
        for bad in (
            NewComment(" "),
            NewComment("x", Anchor("metric", "no")),
            NewComment("x", Anchor("artifact", "no")),
        ):
            with pytest.raises(InvalidError):
                one.organise.add_comment(run.id, bad)
        with pytest.raises(NotFoundError):
            one.organise.add_comment(run.id, NewComment("x", thread_id="nothing"))

    def test_every_version_of_a_comment_is_kept_until_it_is_removed(self, world: World) -> None:
        """Only its author changes it, and only the version that they saw."""
        author, other = world.member(), world.member()
        run = world.run(author)
        made = author.organise.add_comment(run.id, NewComment("one"))
        edited = author.organise.edit_comment(made.id, "two", 1)
        assert (edited.version, edited.body) == (2, "two")
        assert made.edited_at is None
        assert edited.edited_at is not None
        assert [v.body for v in other.organise.comment_versions(made.id)] == ["one", "two"]
        with pytest.raises(StaleVersionError):
            author.organise.edit_comment(made.id, "three", 1)
        with pytest.raises(ForbiddenError):
            other.organise.edit_comment(made.id, "mine", 2)
        with pytest.raises(ForbiddenError):
            other.organise.remove_comment(made.id)
        author.organise.remove_comment(made.id)
        (left,) = other.organise.list_comments(run.id)
        assert (left.removed, left.body, left.removed_by) == (True, "", name_of(author))
        assert other.organise.comment_versions(made.id) == []
        with pytest.raises(InvalidTransitionError):
            author.organise.edit_comment(made.id, "again", 2)

    def test_a_thread_is_settled_and_opened_again(self, world: World) -> None:
        """By whoever may write, through any of its comments; who only reads may not."""
        author, other, reader = world.member(), world.member(), world.member("viewer")
        run = world.run(author)
        first = author.organise.add_comment(run.id, NewComment("why?"))
        answer = other.organise.add_comment(run.id, NewComment("because", thread_id=first.id))
        with pytest.raises(ForbiddenError):
            reader.organise.resolve_comment(first.id)
        settled = other.organise.resolve_comment(answer.id)
        assert (settled.id, settled.resolved_by, settled.resolved_at is None) == (first.id, name_of(other), False)
        assert author.organise.resolve_comment(first.id).resolved_by == name_of(other)
        opened = author.organise.resolve_comment(first.id, resolved=False)
        assert (opened.resolved_by, opened.resolved_at) == ("", None)
        assert author.organise.list_comments(run.id)[0] == opened

    def test_who_can_be_mentioned(self, world: World) -> None:
        """Those who may read the project, and nobody else."""
        author, stranger = world.member(), world.outsider()
        found = author.organise.readers(world.project)
        assert name_of(author) in found
        assert name_of(stranger) not in found
        with pytest.raises(NotFoundError):
            stranger.organise.readers(world.project)

    def test_comments_are_about_points_charts_and_files(self, world: World) -> None:
        """Each says what it is about."""
        author = world.member()
        run = world.run(author, metrics={"loss": 1.0})
        author.tracking.add_artifact(run.id, NewArtifact("a.txt", author.files.put_bytes(world.project, b"x")))
        anchors = [Anchor(), Anchor("metric", "loss", 0), Anchor("chart", "loss"), Anchor("artifact", "a.txt")]
        for anchor in anchors:
            author.organise.add_comment(run.id, NewComment("x", anchor))
        assert [c.anchor for c in author.organise.list_comments(run.id)] == anchors

    # garbage --------------------------------------------------------------------------------------------------------

    def test_only_admins_collect_garbage_and_the_grace_holds(self, world: World) -> None:
        """What was deleted a moment ago is still there."""
        boss = world.member("maintainer")
        run = world.run(boss)
        boss.tracking.delete_run(run.id)
        with pytest.raises(ForbiddenError):
            boss.organise.collect_garbage(Collect())
        with pytest.raises(InvalidError, match="grace_days"):
            world.owner.organise.collect_garbage(Collect(grace_days=-1))
        while world.owner.organise.collect_garbage(Collect()).more:
            pass
        assert boss.organise.restore_run(run.id).id == run.id
