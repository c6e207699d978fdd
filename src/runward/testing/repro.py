"""What every backend keeps of verifications."""

from __future__ import annotations

import base64
from typing import Any, Literal

import msgspec
import pytest

from runward.errors import ForbiddenError, InvalidError, NotFoundError
from runward.repro.certificate import Envelope, Statement, verify
from runward.repro.equivalence import Sample
from runward.repro.records import NewVerification
from runward.testing.worlds import World, batch, name_of
from runward.tracking.model import CapturePart, Run, RunEnd, RunPatch, RunStatus
from runward.workspace import Workspace

REPORT = {"conditions": {"sandbox": "none"}, "unchecked": ["gpu"], "inputs": []}


def _passed(level: str = "environment") -> NewVerification:
    return NewVerification("reproduced", level, "all metrics are identical", REPORT, 1.5, "host-a")


def _replicate(
    world: World,
    space: Workspace,
    seed: int,
    *,
    code: str = "tree",
    lr: float = 0.1,
    packages: dict[str, str] | None = None,
    end: RunStatus = RunStatus.FINISHED,
) -> Run:
    """A run with a captured tree, command and packages whose accuracy is 0.9 and its seed in hundredths."""
    run = world.run(space, params={"lr": lr, "model.seed": seed}, metrics={"acc": round(0.9 + seed / 100, 2)})
    facts = space.files.put_bytes(world.project, b"{}")
    command = {"argv": ["python", "train.py", str(seed), f"--model.seed={seed}", "--seed", str(seed), "--epochs", "2"]}
    parts: list[tuple[Literal["code", "environment", "process"], dict[str, Any]]] = [
        ("code", {"digest": code}),
        ("environment", {"python": "3.12", "packages": packages or {"numpy": "2.0"}}),
        ("process", command),
    ]
    space.tracking.put_captures(run.id, [CapturePart(kind, facts, summary) for kind, summary in parts])
    space.tracking.end_run(run.id, RunEnd(end))
    return space.tracking.get_run(run.id).run


class ReproSuite:
    """Records of verifications, and the certificates that they earn."""

    def test_a_reproduction_is_recorded_signed_and_shown_on_the_run(self, world: World) -> None:
        """The certificate names the run's content and what was not checked."""
        space = world.member()
        run = world.run(space, metrics={"acc": 0.9}, end=RunStatus.FINISHED)
        found = space.repro.record(run.id, _passed())
        made = found.verification
        assert (made.verdict, made.level, made.by, made.host) == (
            "reproduced",
            "environment",
            name_of(space),
            "host-a",
        )
        assert (made.duration_s, made.outdated, made.run_id) == (1.5, False, run.id)
        assert found.report == REPORT
        assert found.certificate is not None
        payload = msgspec.convert(found.certificate, Envelope).payload
        statement = msgspec.json.decode(base64.b64decode(payload), type=Statement)
        assert statement.predicate["run"] == run.id
        assert statement.predicate["unchecked"] == ["gpu"]
        assert "run" in {subject.name for subject in statement.subject}
        assert space.repro.get_verification(made.id) == found
        mark = next(m for m in space.tracking.get_run(run.id).run.marks if m.kind == "verification")
        assert (mark.label, mark.ref) == ("environment", made.id)

    def test_the_workspaces_key_checks_its_certificates(self, world: World) -> None:
        """Whoever may read gets the public half, always the same one, and needs nothing else."""
        space = world.member()
        run = world.run(space, metrics={"acc": 0.9}, end=RunStatus.FINISHED)
        signed = msgspec.convert(space.repro.record(run.id, _passed()).certificate, Envelope)
        key = world.member("viewer").repro.signing_key()
        assert key == space.repro.signing_key()
        assert [signature.keyid for signature in signed.signatures] == [key.key_id]
        assert verify(signed, key.public_key.encode()).predicate["run"] == run.id

    def test_a_difference_is_recorded_without_a_certificate(self, world: World) -> None:
        """So is what could not be decided, and a result that agrees under conditions that earn no level."""
        space = world.member()
        run = world.run(space, end=RunStatus.FINISHED)
        for verdict, label in (("undecided", "undecided"), ("not_reproduced", "differs"), ("reproduced", "reproduced")):
            found = space.repro.record(run.id, NewVerification(verdict, "none", "r", REPORT, 0.0))
            assert found.certificate is None
            marks = space.tracking.get_run(run.id).run.marks
            assert next(m for m in marks if m.kind == "verification").label == label

    def test_a_run_wears_the_highest_level_since_it_last_came_out_otherwise(self, world: World) -> None:
        """What a gate asks for and what a list shows is the same: a quick look later takes nothing away, a difference all."""
        space = world.member()
        run = world.run(space, metrics={"acc": 0.9}, end=RunStatus.FINISHED)
        worn = list[tuple[str, str]]()
        tries = ("basic", "environment", "basic", "undecided", "not_reproduced", "undecided", "basic")
        for tried in tries:
            verdict, level = (tried, "none") if tried in ("undecided", "not_reproduced") else ("reproduced", tried)
            space.repro.record(run.id, NewVerification(verdict, level, "r", {}, 0.0))
            worn.append(
                next((m.label, m.ref) for m in space.tracking.get_run(run.id).run.marks if m.kind == "verification")
            )
        assert [label for label, _ in worn] == [
            *("basic", "environment", "environment", "environment"),
            *("differs", "differs", "basic"),
        ]
        refs = [ref for _, ref in worn]
        assert refs[1] == refs[2] == refs[3] != refs[0]
        assert refs[4] == refs[5] != refs[6]

    def test_evidence_is_outdated_when_the_run_changes(self, world: World) -> None:
        """New points make it another result; a better name does not."""
        space = world.member()
        run = world.run(space, metrics={"acc": 0.9}, end=RunStatus.FINISHED)
        made = space.repro.record(run.id, _passed()).verification
        space.tracking.update_run(run.id, RunPatch(name="better name"))
        assert not space.repro.get_verification(made.id).verification.outdated
        space.tracking.append(run.id, batch(1, {"acc": [(1, 0.95)]}))
        assert space.repro.get_verification(made.id).verification.outdated
        assert [v.outdated for v in space.repro.list_verifications(run_id=run.id)] == [True]

    def test_a_run_that_is_taken_up_again_wears_an_outdated_badge(self, world: World) -> None:
        """While it runs, and after it if it ends with another result; not if it ends as it was."""
        space = world.member()
        run = world.run(space, metrics={"acc": 0.9}, end=RunStatus.FINISHED)
        space.repro.record(run.id, _passed())

        def badge() -> str:
            return next(m.label for m in space.tracking.get_run(run.id).run.marks if m.kind == "verification")

        space.tracking.resume_run(run.id)
        assert badge() == "outdated"
        space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))
        assert badge() == "environment"
        space.tracking.resume_run(run.id)
        space.tracking.append(run.id, batch(1, {"acc": [(1, 0.95)]}))
        space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))
        assert badge() == "outdated"

    @pytest.mark.parametrize(
        ("verdict", "level"),
        [
            ("yes", "none"),
            ("reproduced", "statistical"),
            ("reproduced", "conceptual"),
            ("reproduced", "platinum"),
            ("not_reproduced", "basic"),
            ("undecided", "environment"),
        ],
    )
    def test_levels_are_earned(self, world: World, verdict: str, level: str) -> None:
        """A level goes only with a reproduction, and only with levels that can be carried out."""
        space = world.member()
        run = world.run(space, end=RunStatus.FINISHED)
        with pytest.raises(InvalidError):
            space.repro.record(run.id, NewVerification(verdict, level, "r", {}, 0.0))
        assert space.repro.list_verifications(run_id=run.id) == []

    def test_replicates_differ_only_in_the_seed(self, world: World) -> None:
        """Code, params, command, packages; one of each seed; what failed is told apart."""
        space, viewer = world.member(), world.member("viewer")
        runs = [_replicate(world, space, seed) for seed in (1, 2, 2)]
        failed = _replicate(world, space, 3, end=RunStatus.FAILED)
        _replicate(world, space, 4, code="other")
        _replicate(world, space, 5, lr=0.2)
        _replicate(world, space, 6, packages={"numpy": "1.0"})
        group = viewer.repro.replicates(runs[1].id)
        assert [(run.run_id, run.seed, run.values) for run in group.runs] == [
            (runs[1].id, 2, {"acc": 0.92}),
            (runs[0].id, 1, {"acc": 0.91}),
        ]
        assert group.failed == [failed.id]
        metric = group.metrics[0]
        assert (metric.key, metric.n, metric.diverged) == ("acc", 2, 0)
        assert metric.mean == pytest.approx(0.915)
        with pytest.raises(NotFoundError):
            world.outsider().repro.replicates(runs[0].id)

    def test_a_statistical_level_is_worked_out_again(self, world: World) -> None:
        """From the numbers of the report and the recorded runs: other values, left-out runs, better verdicts are refused."""
        space = world.member()
        runs = [_replicate(world, space, seed) for seed in (1, 2, 3, 4, 5)]
        recorded = [Sample(run.id, i + 1, round(0.9 + (i + 1) / 100, 2)) for i, run in enumerate(runs)]
        again = [Sample("", 10 + i, 0.9 + i / 90) for i in range(1, 6)]

        def offer(
            level: str = "statistical", verdict: str = "reproduced", rebuilt: bool = True, **fields: object
        ) -> None:
            whole: dict[str, Any] = {"metric": "acc", "margin": 0.2, "margin_from": "declared", "declared_on": 5}
            whole |= {"baseline": recorded, "candidate": again, **fields}
            report = {
                "inputs": [],
                "conditions": {"environment_rebuilt": rebuilt},
                "statistics": {"metrics": [msgspec.to_builtins(whole)]},
            }
            space.repro.record(runs[0].id, NewVerification(verdict, level, "r", report, 0.0))

        offer()
        refused: list[tuple[dict[str, Any], str]] = [
            ({"level": "environment"}, "its parts say"),
            ({"rebuilt": False}, "its parts say"),
            ({"margin": 1e-9}, "its parts say"),
            ({"margin": -1.0}, "positive"),
            ({"margin_from": "default"}, "the default is"),
            ({"candidate": again[:2]}, "its parts say"),
            ({"candidate": "many"}, "not understood"),
            ({"test_size": 2}, "finer than one"),
            ({"baseline": [*recorded[:4], Sample("other", 9, 0.95)]}, "no replicate"),
            ({"baseline": [*recorded[:4], Sample("", 9, 0.95)]}, "left out"),
            ({"baseline": [*recorded[:4], Sample(runs[4].id, 5, 0.9)]}, "has 0.95"),
            ({"level": "none", "verdict": "not_reproduced"}, "its parts say"),
        ]
        for changed, word in refused:
            with pytest.raises(InvalidError, match=word):
                offer(**changed)
        offer("none", "undecided", candidate=again[:2])
        assert len(space.repro.list_verifications(run_id=runs[0].id)) == 2

    def test_a_report_that_contradicts_itself_is_refused(self, world: World) -> None:
        """Its two axes say what follows, and its lists say what its results are."""
        space = world.member()
        run = world.run(space, metrics={"acc": 0.9}, end=RunStatus.FINISHED)
        metric = {"name": "acc", "status": "identical", "points": 1}
        good: dict[str, Any] = {
            "inputs": [{"kind": "code", "name": "tree", "status": "same"}],
            "result": {"status": "identical", "metrics": [metric]},
            "conditions": {"environment_rebuilt": True},
        }
        bad: list[tuple[dict[str, Any], str]] = [
            ({"conditions": {"environment_rebuilt": False}}, "level basic"),
            ({"conditions": {"timed_out": True}}, "its parts say undecided"),
            ({"inputs": [{"kind": "data", "name": "x", "status": "different"}]}, "its parts say undecided"),
            ({"result": {"status": "identical", "metrics": [{**metric, "status": "different"}]}}, "its results are"),
            ({"verdict": "not_reproduced"}, "its verdict is"),
        ]
        for changed, word in bad:
            with pytest.raises(InvalidError, match=word):
                space.repro.record(run.id, NewVerification("reproduced", "environment", "r", good | changed, 1.0))
        assert space.repro.record(run.id, NewVerification("reproduced", "environment", "r", good, 1.0)).certificate

    def test_verifications_are_listed_for_who_may_see_the_run(self, world: World) -> None:
        """Newest first, by project; viewers read and do not record."""
        space, viewer, stranger = world.member(), world.member("viewer"), world.outsider()
        run = world.run(space, end=RunStatus.FINISHED)
        ids = [space.repro.record(run.id, _passed(level)).verification.id for level in ("basic", "environment")]
        assert [v.id for v in viewer.repro.list_verifications(world.project)] == ids[::-1]
        assert viewer.repro.list_verifications(world.new_project()) == []
        assert stranger.repro.list_verifications(run_id=run.id) == []
        with pytest.raises(ForbiddenError):
            viewer.repro.record(run.id, _passed())
        for call in (
            lambda: stranger.repro.record(run.id, _passed()),
            lambda: stranger.repro.get_verification(ids[0]),
            lambda: stranger.repro.list_verifications(world.project),
            lambda: space.repro.get_verification("nosuchthing1"),
        ):
            with pytest.raises(NotFoundError):
                call()
