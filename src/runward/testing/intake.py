"""What every backend does with whole runs from other tools."""

from __future__ import annotations

import math
from array import array
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from runward.core.ids import new_id
from runward.errors import ForbiddenError, InvalidError, NotFoundError
from runward.testing.worlds import BAD_NAMES, World
from runward.tracking.intake_model import IMPORT_CLIENT, SOURCE_TAG, VERSION_TAG, ForeignRun, Taken
from runward.tracking.model import Batch, NewArtifact, OutputChunk, Points, RunParam, RunPatch, RunStatus
from runward.tracking.points import Columns, pack_columns
from runward.workspace import Workspace

_BEGAN, _ENDED = datetime(2020, 2, 29, 12, 0, 0, 1, tzinfo=UTC), datetime(2020, 2, 29, 13, tzinfo=UTC)
_VALUES = [0.1, math.nan, math.inf, -math.inf, -0.0, 5e-324]


def _points(key: str, values: list[float]) -> Points:
    steps = array("q", range(len(values)))
    return pack_columns(key, Columns(steps, array("d", [1e9 + 0.125] * len(values)), array("d", values)))


def _run(**given: Any) -> ForeignRun:
    new = ForeignRun(
        id=new_id(),
        version="v1",
        name="old one",
        status=RunStatus.FINISHED,
        started_at=_BEGAN,
        ended_at=_ENDED,
        tags={SOURCE_TAG: "mlflow"},
    )
    return msgspec.structs.replace(new, **given)


def _take(space: Workspace, world: World, *runs: ForeignRun) -> list[Taken]:
    return space.intake.import_runs(world.project, list(runs))


class IntakeSuite:
    """Contract of :class:`runward.tracking.intake_api.Intake`."""

    def test_a_run_keeps_its_times_values_and_state(self, world: World) -> None:
        """What the other tool recorded is what is there, bit by bit."""
        ann = world.member()
        digest = ann.files.put_bytes(world.project, b"weights")
        new = _run(
            params=[RunParam("lr", 0.1), RunParam("nested", {"a": [1, None]})],
            tags={SOURCE_TAG: "mlflow", "team": "vision"},
            points=[_points("loss", _VALUES), _points("none", [])],
            artifacts=[NewArtifact("model/weights.bin", digest)],
            output=[OutputChunk("stdout", "hello\n", 1.0)],
            purpose="why",
            exit_code=3,
            error="boom",
            seed=7,
            status=RunStatus.FAILED,
        )
        assert _take(ann, world, new) == [Taken(new.id, "created")]
        detail = ann.tracking.get_run(new.id)
        run = detail.run
        assert (run.started_at, run.ended_at, run.created_at) == (_BEGAN, _ENDED, _BEGAN)
        assert (run.status, run.exit_code, run.error, run.seed, run.purpose) == ("failed", 3, "boom", 7, "why")
        assert run.params == {"lr": 0.1, "nested": {"a": [1, None]}}
        assert run.tags == {SOURCE_TAG: "mlflow", "team": "vision", VERSION_TAG: "v1"}
        assert [(a.path, a.digest, a.size) for a in detail.artifacts] == [("model/weights.bin", digest, 7)]
        assert [chunk.text for chunk in ann.tracking.output(new.id).chunks] == ["hello\n"]
        found = ann.tracking.series(new.id, ["loss"]).series[0]
        assert found.times == [1e9 + 0.125] * 6
        assert found.special == {1: "NaN", 2: "Infinity", 3: "-Infinity"}
        assert [math.copysign(1, v) for v in found.values if v == 0] == [-1.0]
        assert found.values[5] == 5e-324
        assert [key.key for key in detail.metrics] == ["loss"]
        assert [entry.kind for entry in ann.tracking.history(new.id)] == ["run.imported"]
        assert ann.tracking.search_runs(world.project, where="metrics.loss is not null").total == 1

    def test_taking_in_again_replaces_and_keeps_what_was_added_here(self, world: World) -> None:
        """The source's params and series are taken anew; tags that were set here stay."""
        ann = world.member()
        new = _run(points=[_points("loss", [1.0, 2.0])], params=[RunParam("gone", 1)], ended_at=None)
        running = msgspec.structs.replace(new, status=RunStatus.RUNNING)
        _take(ann, world, running)
        ann.tracking.update_run(new.id, RunPatch(tags={"mine": "yes"}))
        grown = _run(id=new.id, version="v2", points=[_points("loss", [1.0, 2.0, 3.0])], params=[RunParam("lr", 1)])
        assert _take(ann, world, grown) == [Taken(new.id, "replaced")]
        assert _take(ann, world, grown) == [Taken(new.id, "replaced")]
        run = ann.tracking.get_run(new.id).run
        assert (run.metrics["loss"].n, run.metrics["loss"].last, run.params) == (3, 3.0, {"lr": 1})
        assert (run.tags["mine"], run.tags[VERSION_TAG], run.status) == ("yes", "v2", "finished")
        assert ann.tracking.series(new.id, ["loss"]).series[0].values == [1.0, 2.0, 3.0]

    def test_a_long_run_comes_in_pieces(self, world: World) -> None:
        """Points that one call cannot hold follow by append, and count as whole with the last one."""
        ann = world.member()
        new = _run(version="", points=[_points("loss", [1.0])])
        for _ in range(2):
            _take(ann, world, new)
            ann.tracking.append(new.id, Batch(client=IMPORT_CLIENT, first=1, count=1, points=[_points("loss", [2.0])]))
        assert ann.tracking.get_run(new.id).run.metrics["loss"].n == 2
        assert [found.version for found in ann.intake.known_imports([new.id])] == [""]

    def test_known_imports_tells_what_is_there(self, world: World) -> None:
        """Versions of imported runs, None for others, nothing for what is not there or not visible."""
        ann = world.member()
        new, own = _run(), world.run(ann, "own")
        _take(ann, world, new)
        found = {known.id: known for known in ann.intake.known_imports([new.id, own.id, new_id()])}
        assert {key: (known.version, known.deleted) for key, known in found.items()} == {
            new.id: ("v1", False),
            own.id: (None, False),
        }
        assert world.outsider().intake.known_imports([new.id]) == []
        with pytest.raises(InvalidError, match="501 runs in one call"):
            ann.intake.known_imports(["x"] * 501)

    def test_what_cannot_be_stored_is_refused_alone(self, world: World) -> None:
        """Each bad run is named with its reason, the others are stored."""
        ann = world.member()
        good, own = _run(), world.run(ann, "own")
        bad = {
            "name": _run(name=BAD_NAMES[0]),
            "param": _run(params=[RunParam("a\0b", 1)]),
            "tag": _run(tags={SOURCE_TAG: "x\0"}),
            "has no tag": _run(tags={}),
            "differ in length": _run(points=[Points("loss", b"12345678", b"", b"")]),
            "metric is there twice": _run(points=[_points("a", [1.0]), _points("a", [2.0])]),
            "artifact path": _run(artifacts=[NewArtifact("../up", "0" * 64)]),
            "were uploaded": _run(artifacts=[NewArtifact("a", "0" * 64)]),
            "is taken": _run(id=own.id),
            "twice in one call": good,
        }
        taken = _take(ann, world, good, *bad.values())
        assert [item.outcome for item in taken] == ["created", *["refused"] * len(bad)]
        for words, item in zip(bad, taken[1:], strict=True):
            assert words in item.problem, item
        assert ann.tracking.search_runs(world.project).total == 2

    def test_a_run_of_another_project_is_not_touched(self, world: World) -> None:
        """An id that lies elsewhere is taken, whoever asks."""
        ann = world.member()
        new = _run()
        _take(ann, world, new)
        other = world.new_project()
        assert [item.outcome for item in ann.intake.import_runs(other, [new])] == ["refused"]

    def test_a_deleted_run_stays_deleted(self, world: World) -> None:
        """Whoever deleted it here meant it."""
        ann = world.member("maintainer")
        new = _run()
        _take(ann, world, new)
        ann.tracking.delete_run(new.id)
        assert _take(ann, world, new) == [Taken(new.id, "deleted")]
        assert [known.deleted for known in ann.intake.known_imports([new.id])] == [True]

    def test_reading_is_not_enough(self, world: World) -> None:
        """A viewer may not import, and for others there is no such project."""
        with pytest.raises(ForbiddenError):
            _take(world.member("viewer"), world, _run())
        with pytest.raises(NotFoundError):
            _take(world.outsider(), world, _run())
