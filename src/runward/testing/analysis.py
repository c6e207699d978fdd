"""What every backend answers about many runs at once: groups with their statistics, differences, curves."""

from __future__ import annotations

import math
from array import array

import pytest

from runward.errors import InvalidError, NotFoundError
from runward.testing.worlds import World, batch
from runward.tracking.analysis_model import DifferenceRows, RunGroup
from runward.tracking.model import CapturePart, NewArtifact, Run
from runward.tracking.organise_model import NewBaseline
from runward.tracking.points import unpack_columns
from runward.workspace import Workspace

LOSSES = {0.1: [1.0, 1.1, 0.9], 0.2: [2.0, 2.2, 1.8], 0.3: [1.0, 1.2, 0.95]}


def _sweep(world: World, space: Workspace) -> dict[float, list[Run]]:
    """Three learning rates with three seeds each."""
    return {
        lr: [
            world.run(space, f"lr{lr}-{seed}", params={"lr": lr, "depth": 3, "seed": seed}, metrics={"loss": loss})
            for seed, loss in enumerate(losses)
        ]
        for lr, losses in LOSSES.items()
    }


def _by_value(groups: list[RunGroup]) -> dict[object, RunGroup]:
    return {group.values[0]: group for group in groups}


def _rows(found: DifferenceRows) -> dict[str, list[object]]:
    return {row.key: row.values for row in found.rows}


class AnalysisSuite:
    """``group_runs``, ``differences``, ``curves`` and ``media``."""

    def test_groups_have_mean_interval_and_test(self, world: World) -> None:
        """The best group by the sorted metric is the reference; an interval over 0 is not distinguishable."""
        space = world.member()
        _sweep(world, space)
        found = space.analysis.group_runs(["params.lr"], world.project, metrics="metrics.loss", sort="metrics.loss")
        assert (found.total, found.runs, found.reference) == (3, 9, "best")
        assert [group.values for group in found.groups] == [[0.1], [0.3], [0.2]]
        assert [group.is_reference for group in found.groups] == [True, False, False]
        best, near, far = (group.metrics[0] for group in found.groups)
        half = 4.302652729749462 * 0.1 / math.sqrt(3)
        assert best.n == 3
        assert (best.mean, best.low, best.high) == pytest.approx((1.0, 1 - half, 1 + half))
        assert best.test is None
        assert near.test is not None
        assert near.test.verdict == "not distinguishable"
        assert far.test is not None
        assert far.test.verdict == "higher"
        assert far.test.p is not None
        assert far.test.p < 0.05
        assert {group.seeds for group in found.groups} == {3}

    def test_each_group_is_found_by_its_condition(self, world: World) -> None:
        """All params but the seed; what a run lacks is part of what tells it apart."""
        space = world.member()
        _sweep(world, space)
        odd = world.run(space, "odd", params={"lr": 0.1, "depth": 3, 'new "key"': 'a "b" \\ c'})
        found = space.analysis.group_runs(["params"], world.project)
        assert found.total == 4
        assert found.reference == "nothing"
        for group in found.groups:
            page = space.tracking.search_runs(world.project, group.where)
            assert sorted(run.id for run in page.runs) == sorted(group.run_ids)
        alone = next(group for group in found.groups if group.n == 1)
        assert alone.run_ids == [odd.id]
        assert alone.values[0]["lr"] == 0.1
        assert "depth" not in alone.values[0]

    def test_groups_by_tags_and_fields_narrowed_by_a_condition(self, world: World) -> None:
        """Several values at once; runs without the value are a group of their own, last where it orders."""
        space = world.member()
        for name, team in (("a", "x"), ("b", "x"), ("c", "y"), ("d", None)):
            world.run(space, name, tags={"team": team} if team else {}, metrics={"acc": 1.0} if name != "c" else {})
        found = space.analysis.group_runs(["tags.team", "status"], world.project, sort="-tags.team")
        assert [(group.values, group.n) for group in found.groups] == [
            (["y", "running"], 1),
            (["x", "running"], 2),
            ([None, "running"], 1),
        ]
        narrowed = space.analysis.group_runs(["tags.team"], world.project, 'tags.team = "x"', "metrics.acc", "n")
        assert [(group.n, group.metrics[0].n) for group in narrowed.groups] == [(2, 2)]

    def test_what_is_not_finite_is_left_out_and_counted(self, world: World) -> None:
        """A mean of NaN says nothing; n says how many values there were."""
        space = world.member()
        for value in (1.0, 3.0, math.nan, math.inf):
            world.run(space, params={"lr": 1}, metrics={"loss": value})
        world.run(space, params={"lr": 2})
        found = space.analysis.group_runs(["params.lr"], world.project, metrics="metrics.loss", sort="-metrics.loss")
        groups = _by_value(found.groups)
        assert (groups[1].n, groups[1].metrics[0].n, groups[1].metrics[0].mean) == (4, 2, 2.0)
        assert (groups[2].metrics[0].n, groups[2].metrics[0].mean) == (0, None)
        assert found.groups[-1].values == [2]

    def test_groups_against_the_baseline(self, world: World) -> None:
        """The baseline's runs are the reference for every group; without one that is said."""
        boss = world.member("maintainer")
        sweep = _sweep(world, boss)
        asked = (["params.lr"], world.project, "", "metrics.loss", "metrics.loss", "baseline")
        with pytest.raises(NotFoundError, match="no baseline"):
            boss.analysis.group_runs(*asked)  # type: ignore[arg-type]
        ids = [run.id for run in sweep[0.2]]
        boss.organise.set_baseline(world.project, NewBaseline(list(ids)))
        found = boss.analysis.group_runs(*asked)  # type: ignore[arg-type]
        assert found.reference == "baseline"
        assert sorted(found.reference_runs) == sorted(ids)
        groups = _by_value(found.groups)
        test = groups[0.1].metrics[0].test
        assert test is not None
        assert test.verdict == "lower"
        assert test.difference == pytest.approx(-1.0)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"by": []},
            {"by": ["params.nope"]},
            {"by": ["created_at"]},
            {"by": ["status"], "metrics": "params.lr"},
            {"by": ["status"], "metrics": "metrics.nope"},
            {"by": ["status"], "sort": "-metrics.loss"},
            {"by": ["status"], "where": "params.lr <"},
        ],
        ids=str,
    )
    def test_what_cannot_be_grouped_is_refused(self, world: World, wrong: dict[str, object]) -> None:
        """Every refusal names the word."""
        space = world.member()
        world.run(space, params={"lr": 1}, metrics={"loss": 1.0})
        with pytest.raises(InvalidError):
            space.analysis.group_runs(project=world.project, **wrong)  # type: ignore[arg-type]

    def test_only_what_differs_page_by_page(self, world: World) -> None:
        """Exact counts of all keys, the differing ones first asked for; NaN equals NaN."""
        space = world.member()
        runs = [
            world.run(
                space,
                f"r{i}",
                params={"lr": i, "same": [1, 2], **({"only_first": None} if i == 0 else {})},
                metrics={"same": 0.5, "nan": math.nan, "acc": float(i), "half": math.nan if i else 1.0},
                tags={"team": "vision"},
            )
            for i in range(3)
        ]
        facts = space.files.put_bytes(world.project, b"{}")
        for i, run in enumerate(runs[:2]):
            summary = {"python": "3.12", "packages": {"numpy": f"2.{i}"}}
            space.tracking.put_captures(run.id, [CapturePart("environment", facts, summary)])
        ids: list[str] = [run.id for run in runs]
        found = space.analysis.differences(ids)
        assert [run.name for run in found.runs] == ["r0", "r1", "r2"]
        assert found.runs[0].params == {}
        assert found.runs[0].tags == {"team": "vision"}
        assert _rows(found.params) == {"lr": [0, 1, 2], "only_first": [None, None, None]}
        assert _rows(found.metrics) == {"acc": [0.0, 1.0, 2.0], "half": [1.0, "NaN", "NaN"]}
        assert (found.metrics.total, found.metrics.differing) == (4, 2)
        assert (found.tags.rows, found.tags.total, found.tags.differing) == ([], 1, 0)
        assert _rows(found.environment) == {"packages.numpy": ["2.0", "2.1", None], "python": ["3.12", "3.12", None]}
        page = space.analysis.differences(ids, same=True, limit=1, offset=2, search="A")
        assert [row.key for row in page.metrics.rows] == ["nan"]
        assert page.metrics.total == 4
        exact = space.analysis.differences(ids, only="metrics.same, params.lr")
        assert (_rows(exact.metrics), _rows(exact.params)) == ({"same": [0.5] * 3}, {"lr": [0, 1, 2]})

    def test_curves_of_many_runs_come_bit_for_bit(self, world: World) -> None:
        """One answer for all runs; a missing series is left out; a width leaves two points a column."""
        space = world.member()
        runs = [world.run(space) for _ in range(3)]
        special = [(0, math.nan), (1, -0.0), (2, math.inf)]
        space.tracking.append(runs[0].id, batch(0, {"loss": special, "acc": [(0, 1.0)]}))
        space.tracking.append(runs[1].id, batch(0, {"loss": [(step, float(step % 7)) for step in range(1000)]}))
        found = space.analysis.curves([run.id for run in runs], ["loss", "acc"], 50)
        assert [curves.run_id for curves in found] == [run.id for run in runs]
        assert [[points.key for points in curves.points] for curves in found] == [["loss", "acc"], ["loss"], []]
        first = unpack_columns(found[0].points[0])
        assert first.values.tobytes() == array("d", [value for _, value in special]).tobytes()
        assert found[1].totals == [1000]
        assert 50 <= len(unpack_columns(found[1].points[0]).steps) <= 102

    def test_media_of_many_runs_by_key_and_step(self, world: World) -> None:
        """Only what follows the convention; steps in order of number."""
        space = world.member()
        runs = [world.run(space) for _ in range(2)]
        digest = space.files.put_bytes(world.project, b"x")
        for path in ("media/val/image/10.png", "media/val/image/9.png", "media/a/0-2.txt", "media/odd.png", "model.pt"):
            space.tracking.add_artifact(runs[0].id, NewArtifact(path, digest))
        found = space.analysis.media([run.id for run in runs])
        assert [(m.key, m.step, m.n, m.media_type) for m in found[0].media] == [
            ("a", 0, 2, "text/plain"),
            ("val/image", 9, 0, "image/png"),
            ("val/image", 10, 0, "image/png"),
        ]
        assert (found[1].run_id, found[1].media) == (runs[1].id, [])

    def test_what_is_not_visible_is_not_found(self, world: World) -> None:
        """Neither by groups nor by differences nor by curves."""
        space, stranger = world.member("maintainer"), world.outsider()
        run = world.run(space, params={"lr": 1}, metrics={"loss": 1.0})
        for ask in (
            lambda: stranger.analysis.group_runs(["status"], world.project),
            lambda: stranger.analysis.differences([run.id]),
            lambda: stranger.analysis.curves([run.id], ["loss"]),
            lambda: stranger.analysis.media([run.id]),
        ):
            with pytest.raises(NotFoundError):
                ask()
        assert stranger.analysis.group_runs(["status"]).runs == 0
        space.tracking.delete_run(run.id)
        with pytest.raises(NotFoundError):
            space.analysis.curves([run.id], ["loss"])
        for many in ([], [f"r{i}" for i in range(201)]):
            with pytest.raises(InvalidError):
                space.analysis.differences(many)

    def test_runs_come_with_the_asked_columns_only(self, world: World) -> None:
        """A table of two columns does not carry 12,000 metrics a run."""
        space = world.member()
        world.run(space, params={"lr": 1, "x,y": 2}, metrics={"loss": 1.0, "acc": 2.0}, tags={"team": "a", "who": "b"})
        run = space.tracking.search_runs(world.project, columns="metrics.acc.max, params.`x,y`").runs[0]
        assert (list(run.metrics), run.params, run.tags) == (["acc"], {"x,y": 2}, {})
        assert len(space.tracking.search_runs(world.project).runs[0].metrics) == 2
        with pytest.raises(InvalidError, match="status"):
            space.tracking.search_runs(world.project, columns="status")
