"""What every backend says of the machine that a run used, and of the limits that standards set."""

from __future__ import annotations

import msgspec
import pytest

from runward.core.usage import Usage
from runward.errors import InvalidError
from runward.review.model import Standards, Verdict
from runward.testing.worlds import World
from runward.tracking.model import NewRun, Run, RunEnd, RunStatus
from runward.workspace import Workspace

_GIB = 1 << 30


def used(world: World, space: Workspace, usage: Usage) -> Run:
    """A finished run that used this."""
    run = space.tracking.create_run(NewRun(project=world.project))
    return space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED, usage=usage))


class UsageSuite:
    """``usage`` of a run's end, ``max_peak_memory`` and ``max_gpu_memory`` of standards."""

    def test_an_end_says_what_was_used(self, world: World) -> None:
        """Shown with the run; a run that goes on has used nothing yet."""
        space = world.member()
        run = used(world, space, Usage(8 * _GIB, 12.5, 3 * _GIB, 87.5))
        found = space.tracking.get_run(run.id).run
        assert (found.peak_memory_bytes, found.cpu_s) == (8 * _GIB, 12.5)
        assert (found.peak_gpu_memory_bytes, found.gpu_percent) == (3 * _GIB, 87.5)
        again = space.tracking.resume_run(run.id)
        assert (again.peak_memory_bytes, again.cpu_s, again.peak_gpu_memory_bytes, again.gpu_percent) == (None,) * 4

    def test_runs_are_found_by_what_they_used(self, world: World) -> None:
        """A run of which nothing was seen matches no condition, and comes last in order."""
        space = world.member()
        small, large, unseen = (used(world, space, Usage(size)) for size in (1000, _GIB, None))
        where = "peak_memory_bytes < 8e9 and not peak_memory_bytes < 2000"
        assert [run.id for run in space.tracking.search_runs(world.project, where).runs] == [large.id]
        ordered = space.tracking.search_runs(world.project, sort="-peak_memory_bytes").runs
        assert [run.id for run in ordered] == [large.id, small.id, unseen.id]

    @pytest.mark.parametrize(
        ("usage", "field"),
        [
            (Usage(-1), "peak_memory_bytes"),
            (Usage(cpu_s=-0.5), "cpu_s"),
            (Usage(gpu_percent=101), "gpu_percent"),
            (Usage(peak_gpu_memory_bytes=-8), "peak_gpu_memory_bytes"),
        ],
    )
    def test_what_cannot_be_is_refused(self, world: World, usage: Usage, field: str) -> None:
        """By the name of the figure, and the run goes on."""
        space = world.member()
        run = world.run(space)
        with pytest.raises(InvalidError, match=field):
            space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED, usage=usage))
        assert space.tracking.get_run(run.id).run.status is RunStatus.RUNNING

    @pytest.mark.parametrize(
        ("usage", "memory", "gpu"),
        [
            (Usage(8 * _GIB, peak_gpu_memory_bytes=_GIB // 2), Verdict.PASS, Verdict.PASS),
            (Usage(8 * _GIB + 1, peak_gpu_memory_bytes=_GIB), Verdict.FAIL, Verdict.FAIL),
            (Usage(), Verdict.UNDECIDED, Verdict.UNDECIDED),
        ],
    )
    def test_memory_has_limits(self, world: World, usage: Usage, memory: Verdict, gpu: Verdict) -> None:
        """To the byte, with the measured figure as evidence; what was not seen passes nothing."""
        space = world.member()
        world.owner.review.set_standards(
            world.project, Standards(max_peak_memory="8 GiB", max_gpu_memory="536870912 B", review_required=False)
        )
        report = space.review.gates(used(world, space, usage).id)
        found = {gate.name: gate for gate in report.results}
        assert found["memory <= 8 GiB"].verdict is memory
        assert found["GPU memory <= 536870912 B"].verdict is gpu
        assert report.passed is (memory is Verdict.PASS)
        if usage.peak_memory_bytes:
            assert found["memory <= 8 GiB"].evidence[0].value == usage.peak_memory_bytes

    @pytest.mark.parametrize("size", ["lots", "8 GoB", "0", "-1 GiB", "GiB"])
    def test_a_limit_is_a_size(self, world: World, size: str) -> None:
        """Said with the field and how to write one."""
        for field in ("max_peak_memory", "max_gpu_memory"):
            with pytest.raises(InvalidError, match=field) as refused:
                world.owner.review.set_standards(world.project, msgspec.convert({field: size}, Standards))
            assert "8 GiB" in refused.value.hint
