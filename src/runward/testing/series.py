"""What every backend keeps of the points that a run logs: all of them, once, bit for bit, in order."""

from __future__ import annotations

import math
import struct

import pytest

from runward.errors import ConflictError, ForbiddenError, InvalidError, InvalidTransitionError, NotFoundError
from runward.testing.worlds import BAD_NAMES, World, batch, bits, values_of
from runward.tracking.model import Batch, MetricSummary, OutputChunk, Points, RunEnd, RunStatus, Series
from runward.workspace import Workspace

SPECIAL = [math.nan, math.inf, -math.inf, -0.0, 0.0, 5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308]
LAST_STEP = 2**63 - 1


def _series(space: Workspace, run_id: str, key: str, width: int = 0) -> Series:
    return space.tracking.series(run_id, [key], width).series[0]


def _summary(space: Workspace, run_id: str, key: str) -> MetricSummary:
    return space.tracking.get_run(run_id).run.metrics[key]


class SeriesSuite:
    """``append``, ``series``, ``output`` and the summaries of a run."""

    def test_a_batch_that_arrives_twice_is_stored_once(self, world: World) -> None:
        """Sending again what was acknowledged changes nothing and acknowledges the same."""
        space = world.member()
        run = world.run(space)
        sent = batch(0, {"loss": [(0, 1.0), (1, 0.5)]}, count=2)
        assert [space.tracking.append(run.id, sent).next for _ in range(3)] == [2, 2, 2]
        assert _series(space, run.id, "loss").steps == [0, 1]
        assert _summary(space, run.id, "loss").n == 2

    @pytest.mark.parametrize(("first", "count"), [(-1, 1), (0, -1), (-(2**63), 5)])
    def test_frames_are_counted_from_zero(self, world: World, first: int, count: int) -> None:
        """What cannot be is no repetition of what is there."""
        space = world.member()
        run = world.run(space)
        with pytest.raises(InvalidError, match=f"first is {first}"):
            space.tracking.append(run.id, batch(first, {"v": [(0, 1.0)]}, count=count))

    def test_a_gap_is_refused_with_the_frame_that_is_missing(self, world: World) -> None:
        """Nothing of a batch behind a gap is stored, and the answer says what to send."""
        space = world.member()
        run = world.run(space)
        with pytest.raises(ConflictError) as caught:
            space.tracking.append(run.id, batch(3, {"loss": [(0, 1.0)]}))
        assert type(caught.value) is ConflictError
        assert caught.value.details["expected"] == 0
        assert "0 to 2" in caught.value.message
        assert _series(space, run.id, "loss").n == 0

    def test_an_overlap_is_refused_whole(self, world: World) -> None:
        """A batch of stored and new frames is not cut in two: the client sends again from what is expected."""
        space = world.member()
        run = world.run(space)
        space.tracking.append(run.id, batch(0, {"loss": [(0, 1.0)]}, count=2))
        with pytest.raises(ConflictError) as caught:
            space.tracking.append(run.id, batch(1, {"loss": [(1, 9.0), (2, 9.0)]}, count=2))
        assert caught.value.details["expected"] == 2
        assert values_of(_series(space, run.id, "loss")) == [1.0]

    def test_an_empty_batch_asks_for_the_position(self, world: World) -> None:
        """A client that comes back learns where it stands."""
        space = world.member()
        run = world.run(space)
        space.tracking.append(run.id, batch(0, {"loss": [(0, 1.0)]}, count=7))
        assert space.tracking.append(run.id, batch(0, count=0)).next == 7

    def test_the_last_batch_brings_the_end(self, world: World) -> None:
        """It ends the run as `end_run` does, with its event and its line in the audit trail, and only once."""
        space = world.member()
        run = world.run(space)
        last = Batch("c", 0, 2, tags={"a": "1"}, end=RunEnd(RunStatus.FAILED, 3, "boom"))
        assert space.tracking.append(run.id, last).next == 2
        assert space.tracking.append(run.id, last).next == 2
        found = space.tracking.get_run(run.id).run
        assert (found.status, found.exit_code, found.error, found.tags) == (RunStatus.FAILED, 3, "boom", {"a": "1"})
        assert found.ended_at is not None
        assert [entry.kind for entry in space.tracking.history(run.id)].count("run.ended") == 1
        noted = world.owner.governance.audit(object_id=run.id).events
        assert [(event.operation, event.outcome) for event in noted] == [("tracking.end_run", "ok")]

    def test_an_end_that_is_refused_takes_its_batch_along(self, world: World) -> None:
        """Of a run that ended in another way; without the end the batch is stored."""
        space = world.member()
        run = world.run(space)
        space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))
        with pytest.raises(InvalidTransitionError):
            space.tracking.append(run.id, Batch("c", 0, 1, tags={"a": "1"}, end=RunEnd(RunStatus.FAILED)))
        assert space.tracking.get_run(run.id).run.tags == {}
        assert space.tracking.append(run.id, Batch("c", 0, 1, tags={"a": "1"})).next == 1
        found = space.tracking.get_run(run.id).run
        assert (found.status, found.tags) == (RunStatus.FINISHED, {"a": "1"})

    def test_clients_count_on_their_own(self, world: World) -> None:
        """Two processes of a run do not share a position."""
        space = world.member()
        run = world.run(space)
        space.tracking.append(run.id, batch(0, {"loss": [(0, 1.0)]}, client="one"))
        assert space.tracking.append(run.id, batch(0, {"loss": [(0, 2.0)]}, client="two")).next == 1
        assert sorted(values_of(_series(space, run.id, "loss"))) == [1.0, 2.0]

    def test_values_come_back_bit_for_bit(self, world: World) -> None:
        """Zeros keep their sign, subnormals their bits; NaN and infinities are values."""
        space = world.member()
        run = world.run(space)
        space.tracking.append(run.id, batch(0, {"v": list(enumerate(SPECIAL))}))
        assert bits(values_of(_series(space, run.id, "v"))) == bits(SPECIAL)

    def test_a_summary_has_the_exact_last_value(self, world: World) -> None:
        """Least and greatest value are as exact as the last one, the sign of a zero included."""
        space = world.member()
        for value in [v for v in SPECIAL if math.isfinite(v)]:
            run = world.run(space, metrics={"v": value})
            found = _summary(space, run.id, "v")
            assert [found.last, found.min, found.max] == [value] * 3
            exact = [struct.pack("d", kept) for kept in (found.last, found.min, found.max) if kept is not None]
            assert exact == [struct.pack("d", value)] * 3

    @pytest.mark.parametrize(("value", "name"), [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity")])
    def test_a_summary_names_what_is_not_finite(self, world: World, value: float, name: str) -> None:
        """JSON has no words for these values, so the summary carries them by name."""
        space = world.member()
        run = world.run(space, metrics={"v": value})
        found = _summary(space, run.id, "v")
        assert (found.last, found.last_special, found.n) == (None, name, 1)

    def test_least_and_greatest_pass_over_nan(self, world: World) -> None:
        """One NaN does not hide the range of a series."""
        space = world.member()
        run = world.run(space)
        space.tracking.append(run.id, batch(0, {"v": [(0, math.nan)]}))
        space.tracking.append(run.id, batch(1, {"v": [(1, 3.0), (2, -1.0)]}))
        space.tracking.append(run.id, batch(2, {"v": [(3, math.nan)]}))
        found = _summary(space, run.id, "v")
        assert (found.min, found.max, found.n, found.last_special) == (-1.0, 3.0, 4, "NaN")

    def test_steps_reach_over_all_of_int64(self, world: World) -> None:
        """A step may be a time in nanoseconds."""
        space = world.member()
        run = world.run(space)
        steps = [-(2**63), -1, 0, 2**53 + 1, LAST_STEP]
        space.tracking.append(run.id, batch(0, {"v": [(step, float(i)) for i, step in enumerate(steps)]}))
        assert _series(space, run.id, "v").steps == steps
        assert _summary(space, run.id, "v").last_step == LAST_STEP

    def test_points_come_in_order_of_step_then_of_arrival(self, world: World) -> None:
        """Late and repeated steps are kept; nothing is overwritten."""
        space = world.member()
        run = world.run(space)
        space.tracking.append(run.id, batch(0, {"v": [(5, 50.0), (1, 10.0)]}))
        space.tracking.append(run.id, batch(1, {"v": [(3, 30.0), (1, 11.0)]}))
        found = _series(space, run.id, "v")
        assert found.steps == [1, 1, 3, 5]
        assert values_of(found) == [10.0, 11.0, 30.0, 50.0]

    def test_last_is_the_greatest_step_and_the_latest_among_equals(self, world: World) -> None:
        """Within one batch and over several."""
        space = world.member()
        run = world.run(space)
        space.tracking.append(run.id, batch(0, {"v": [(7, 1.0), (7, 2.0), (3, 9.0)]}))
        assert _summary(space, run.id, "v").last == 2.0
        space.tracking.append(run.id, batch(1, {"v": [(6, 8.0)]}))
        assert _summary(space, run.id, "v").last == 2.0
        space.tracking.append(run.id, batch(2, {"v": [(7, 3.0)]}))
        found = _summary(space, run.id, "v")
        assert (found.last, found.last_step, found.n) == (3.0, 7, 5)

    def test_keys_are_any_text_that_can_be_shown(self, world: World) -> None:
        """Keys are data: no character in them means anything to the store."""
        space = world.member()
        for key in ["Verlust/Prüfung ß", "損失", "🙂", "a.b-c_d/e f", "%s ?", "x" * 1000, "'\"--"]:
            run = world.run(space, metrics={key: 1.0}, params={key: key}, tags={key: key})
            assert values_of(_series(space, run.id, key)) == [1.0]
            assert (run.params, run.tags) == ({key: key}, {key: key})

    def test_bad_keys_are_refused_and_nothing_is_stored(self, world: World) -> None:
        """The error names the field; good points beside the bad key do not slip in."""
        space = world.member()
        run = world.run(space)
        for key in BAD_NAMES:
            with pytest.raises(InvalidError, match="metric key"):
                space.tracking.append(run.id, batch(0, {"good": [(0, 1.0)], key: [(0, 1.0)]}))
            assert _series(space, run.id, "good").n == 0
            assert space.tracking.append(run.id, batch(0, count=0)).next == 0

    def test_bad_keys_of_params_and_tags_are_refused(self, world: World) -> None:
        """The same rule for all keys."""
        space = world.member()
        run = world.run(space)
        for kind, key in [(kind, key) for kind in ("params", "tags") for key in BAD_NAMES]:
            sent = Batch("c1", 0, 1, **{kind: {key: "v"}})  # type: ignore[arg-type]
            with pytest.raises(InvalidError, match=f"{kind.removesuffix('s')} key"):
                space.tracking.append(run.id, sent)

    def test_a_tag_with_a_nul_is_refused_by_name(self, world: World) -> None:
        """Not every database can hold it, so none does."""
        space = world.member()
        run = world.run(space)
        with pytest.raises(InvalidError, match="note"):
            space.tracking.append(run.id, Batch("c1", 0, 1, tags={"note": "a\0b"}))

    def test_columns_of_unequal_length_are_refused(self, world: World) -> None:
        """The error names the metric."""
        space = world.member()
        run = world.run(space)
        for torn in (Points("v", b"\0" * 8, b"\0" * 8, b"\0" * 16), Points("v", b"\0" * 7, b"\0" * 7, b"\0" * 7)):
            with pytest.raises(InvalidError, match="'v'"):
                space.tracking.append(run.id, Batch("c1", 0, 1, [torn]))

    def test_a_batch_brings_params_tags_and_output(self, world: World) -> None:
        """Later values of a key replace earlier ones; output keeps its order and streams."""
        space = world.member()
        run = world.run(space, params={"lr": 0.1}, tags={"a": "1"})
        output = [OutputChunk("stdout", "hello\n", 1.0), OutputChunk("stderr", "oh\0no\n", 2.0)]
        space.tracking.append(run.id, Batch("c1", 0, 1, params={"lr": 0.2, "n": [1, None]}, tags={"b": "2"}))
        space.tracking.append(run.id, Batch("c1", 1, 1, output=output))
        found = space.tracking.get_run(run.id).run
        assert found.params == {"lr": 0.2, "n": [1, None]}
        assert found.tags == {"a": "1", "b": "2"}
        page = space.tracking.output(run.id)
        assert [(chunk.stream, chunk.text) for chunk in page.chunks] == [("stdout", "hello\n"), ("stderr", "oh␀no\n")]
        assert not page.more

    def test_output_is_read_page_by_page(self, world: World) -> None:
        """``after`` takes ``next`` of the page before."""
        space = world.member()
        run = world.run(space)
        chunks = [OutputChunk("stdout", f"{i}\n", float(i)) for i in range(1005)]
        space.tracking.append(run.id, Batch("c1", 0, 1, output=chunks))
        first = space.tracking.output(run.id)
        rest = space.tracking.output(run.id, first.next)
        assert (first.more, rest.more) == (True, False)
        assert "".join(c.text for c in [*first.chunks, *rest.chunks]) == "".join(c.text for c in chunks)

    def test_a_chart_gets_the_extremes_of_each_pixel_column(self, world: World) -> None:
        """A single spike among thousands of points is not lost, nor is what is not finite."""
        space = world.member()
        run = world.run(space)
        points = [(i, math.sin(i / 50)) for i in range(4000)]
        points[1234], points[3333] = (1234, 99.0), (3333, math.nan)
        space.tracking.append(run.id, batch(0, {"v": points}))
        found = _series(space, run.id, "v", width=100)
        assert found.reduced
        assert found.n == 4000
        assert len(found.steps) <= 2 * 100 + 3
        assert {0, 1234, 3333, 3999} <= set(found.steps)
        assert found.steps == sorted(found.steps)
        low = min(value for value in values_of(found) if not math.isnan(value))
        assert low == min(value for _, value in points if not math.isnan(value))

    def test_a_key_that_was_never_logged_is_an_empty_series(self, world: World) -> None:
        """Asking for it is no error: a dashboard names keys that come later."""
        space = world.member()
        run = world.run(space)
        found = _series(space, run.id, "nothing")
        assert (found.n, found.steps, found.reduced) == (0, [], False)

    def test_a_run_that_is_over_still_takes_what_its_processes_wrote(self, world: World) -> None:
        """Journals may arrive after the end; the content's revision grows."""
        space = world.member()
        run = world.run(space, end=RunStatus.FINISHED)
        space.tracking.append(run.id, batch(0, {"v": [(0, 1.0)]}))
        assert space.tracking.get_run(run.id).run.revision > run.revision

    def test_only_contributors_append(self, world: World) -> None:
        """A viewer is refused; for a stranger the run does not exist."""
        run = world.run(world.member())
        with pytest.raises(ForbiddenError) as caught:
            world.member("viewer").tracking.append(run.id, batch(0))
        assert caught.value.code == "forbidden"
        with pytest.raises(NotFoundError):
            world.outsider().tracking.append(run.id, batch(0))
        with pytest.raises(NotFoundError):
            world.member().tracking.append("nosuchrun123", batch(0))
