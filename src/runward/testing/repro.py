"""What every backend keeps of verifications."""

from __future__ import annotations

import base64

import msgspec
import pytest

from runward.errors import ForbiddenError, InvalidError, NotFoundError
from runward.repro.certificate import Envelope, Statement, verify
from runward.repro.records import NewVerification
from runward.testing.worlds import World, batch, name_of
from runward.tracking.model import RunPatch, RunStatus

REPORT = {"conditions": {"sandbox": "none"}, "unchecked": ["gpu"], "inputs": []}


def _passed(level: str = "environment") -> NewVerification:
    return NewVerification("reproduced", level, "all metrics are identical", REPORT, 1.5, "host-a")


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
        """So is what could not be decided."""
        space = world.member()
        run = world.run(space, end=RunStatus.FINISHED)
        for verdict, label in (("not_reproduced", "differs"), ("undecided", "undecided")):
            found = space.repro.record(run.id, NewVerification(verdict, "none", "r", REPORT, 0.0))
            assert found.certificate is None
            marks = space.tracking.get_run(run.id).run.marks
            assert next(m for m in marks if m.kind == "verification").label == label

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

    @pytest.mark.parametrize(
        ("verdict", "level"),
        [
            ("yes", "none"),
            ("reproduced", "statistical"),
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
