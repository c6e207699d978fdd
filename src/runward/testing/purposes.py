"""For what restricted data are handed out: to people, to runs, and what the audit trail says of it."""

from __future__ import annotations

import importlib.util
from datetime import timedelta
from pathlib import Path

import pytest

from runward.core.call import Intent
from runward.core.clock import utc_now
from runward.core.hashing import digest_bytes
from runward.core.ids import new_id
from runward.data import files
from runward.errors import ForbiddenError, InvalidError, MissingExtraError, PurposeError
from runward.governance.model import AuditEvent
from runward.policy.model import LabelName, Terms
from runward.review.model import CheckResult
from runward.testing.data import read_by, store
from runward.testing.worlds import World, name_of
from runward.tracking.model import NewArtifact, NewProject, NewRun
from runward.workspace import Workspace

BYTES = "application/octet-stream"


def _dataset(world: World, content: bytes, *purposes: str, label: LabelName = "restricted") -> str:
    """A labelled dataset of one file with terms, where purposes are given; its id."""
    made = store(world.owner, world.project, f"d-{new_id()}", {"a.csv": content})
    found = world.owner.data.get_dataset(made.dataset.replace("/", ":")).id
    world.owner.policy.set_label(f"dataset:{found}", label)
    if purposes:
        world.owner.policy.set_terms(found, Terms(purposes=list(purposes)))
    return found


def _run(space: Workspace, project: str, purpose: str = "") -> str:
    return space.tracking.create_run(NewRun(project=project, purpose=purpose)).id


def _fetch(space: Workspace, dataset: str, content: bytes, folder: Path, intent: Intent | None = None) -> bytes:
    target = folder / new_id()
    space.data_files.fetch(dataset, [(digest_bytes(content), target)], "copy", intent)
    return target.read_bytes()


def _noted(world: World, operation: str = "data.") -> set[tuple[str, str, str, str, str]]:
    events: list[AuditEvent] = world.owner.governance.audit(operation=operation, limit=1000).events
    return {(one.actor, one.operation, one.object_kind, one.object_id, one.outcome) for one in events}


def _gate(space: Workspace, run_id: str) -> CheckResult | None:
    return next((one for one in space.review.evaluate_gates(run_id).results if one.name == "data use"), None)


class PurposeSuite:
    """Purposes of people and of runs, along lineage, with what is noted of them."""

    def test_who_reads_restricted_data_says_for_what(self, world: World, tmp_path: Path) -> None:
        """One of the terms' purposes, in any case of letters; the permission comes first; each try is noted."""
        reader, content = world.member("maintainer"), new_id().encode()
        dataset = _dataset(world, content, f"triage  research {content.decode()}", "audits")
        path = world.owner.data.get_dataset(dataset)
        with pytest.raises(PurposeError, match="gives no purpose; it may be used for: triage") as refused:
            _fetch(reader, dataset, content, tmp_path)
        assert f"{path.project}:{path.name}" in refused.value.message
        assert refused.value.details["allowed"] == [f"triage  research {content.decode()}", "audits"]
        assert '--purpose "triage' in refused.value.hint
        with pytest.raises(PurposeError, match="'advertising'"):
            _fetch(reader, dataset, content, tmp_path, Intent("advertising"))
        said = f" TRIAGE research {content.decode()} "
        assert _fetch(reader, dataset, content, tmp_path, Intent(said)) == content
        with pytest.raises(ForbiddenError, match="needs the role maintainer") as forbidden:
            _fetch(world.member(), dataset, content, tmp_path, Intent("audits"))
        assert forbidden.value.code == "forbidden"
        me = name_of(reader)
        assert _noted(world) >= {
            (me, "data.read_restricted", "dataset", dataset, "purpose_not_allowed"),
            (me, "data.read_restricted", "dataset", dataset, "ok"),
            (me, "data.purpose", "purpose", f"triage research {content.decode()}", "ok"),
        }

    def test_where_no_purpose_is_named_a_person_may_read_and_a_run_not(self, world: World, tmp_path: Path) -> None:
        """The permission is enough for the one; the other has nothing that it could fit."""
        reader, content = world.member("maintainer"), new_id().encode()
        dataset, run = _dataset(world, content), _run(reader, world.project, "care")
        assert reader.policy.get_label(f"dataset:{dataset}").purposes is None
        assert _fetch(reader, dataset, content, tmp_path) == content
        with pytest.raises(PurposeError, match="names no purpose"):
            _fetch(reader, dataset, content, tmp_path, Intent(run_id=run))

    def test_a_run_is_given_data_for_its_own_purpose(
        self, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """By what is recorded of it, not by what its program says; one that nobody knows here, or may see, gets nothing."""
        monkeypatch.setattr(files, "_KNOWN_S", 0.0)
        reader, content = world.member("maintainer"), new_id().encode()
        dataset = _dataset(world, content, "care")
        fits, other = _run(reader, world.project, "Care"), _run(reader, world.project, "advertising")
        assert _fetch(reader, dataset, content, tmp_path, Intent(run_id=fits)) == content
        with pytest.raises(PurposeError, match=f"run {other}'s purpose is 'advertising'") as refused:
            _fetch(reader, dataset, content, tmp_path, Intent(run_id=other))
        assert 'run.start(purpose="care")' in refused.value.hint
        outsider = world.outsider()
        elsewhere = outsider.tracking.create_project(NewProject(path=f"x-{new_id()}")).path
        foreign = _run(outsider, elsewhere, "care")
        for unknown in (new_id(), foreign):
            with pytest.raises(PurposeError, match="there is no run"):
                _fetch(reader, dataset, content, tmp_path, Intent(run_id=unknown))
        with pytest.raises(InvalidError, match="both given"):
            _fetch(reader, dataset, content, tmp_path, Intent("care", fits))
        me = name_of(reader)
        assert _noted(world) >= {
            (me, "data.purpose", "run", fits, "ok"),
            (me, "data.purpose", "run", other, "purpose_not_allowed"),
        }
        assert foreign not in {noted[3] for noted in _noted(world)}

    def test_what_is_not_restricted_is_asked_for_nothing(self, world: World, tmp_path: Path) -> None:
        """Neither a purpose nor a run that is known; nothing is noted."""
        content = new_id().encode()
        dataset = _dataset(world, content, "care", label="internal")
        for intent in (None, Intent("advertising"), Intent(run_id="nowhere")):
            assert _fetch(world.member("viewer"), dataset, content, tmp_path, intent) == content
        assert dataset not in {noted[3] for noted in _noted(world)}

    def test_the_terms_hold_for_what_was_made_of_the_data(self, world: World, tmp_path: Path) -> None:
        """For a dataset that a run made of them, and for runs that read that one; until somebody releases it."""
        space, first, second = world.owner, new_id().encode(), new_id().encode()
        source = _dataset(world, first, "care")
        maker = _run(space, world.project, "care")
        read_by(space, maker, world.project, first)
        digest = space.files.put_bytes(world.project, second)
        space.tracking.add_artifact(maker, NewArtifact(path="out", digest=digest, media_type=BYTES))
        made = store(space, world.project, f"d-{new_id()}", {"b": second})
        derived = space.data.get_dataset(made.dataset.replace("/", ":")).id
        name = space.data.get_dataset(source).name
        assert space.policy.get_label(f"dataset:{derived}").purposes == ["care"]
        space.policy.set_label(f"dataset:{derived}", "restricted")
        space.policy.set_terms(derived, Terms(purposes=["teaching", " CARE"]))
        assert space.policy.get_label(f"dataset:{derived}").purposes == ["CARE"]
        with pytest.raises(PurposeError, match="may not be read for this"):
            _fetch(space, derived, second, tmp_path, Intent("teaching"))
        space.policy.set_terms(derived, Terms())
        space.policy.set_label(f"dataset:{derived}", "internal", "as it was")
        with pytest.raises(PurposeError, match=f" is made of {world.project}:{name}, which may not be read for this"):
            _fetch(space, derived, second, tmp_path)
        assert _fetch(space, derived, second, tmp_path, Intent("care")) == second
        follower = _run(space, world.project, "advertising")
        read_by(space, follower, world.project, second)
        gate = _gate(space, follower)
        assert gate is not None
        assert gate.verdict == "fail"
        assert name in gate.evidence[0].message
        (use,) = space.policy.get_label(f"run:{follower}").uses
        assert (use.id, use.label) == (source, "restricted")
        assert "'advertising'" in use.problem
        yesterday = utc_now().date() - timedelta(days=1)
        space.policy.set_terms(source, Terms(purposes=["care"], expires_on=yesterday))
        with pytest.raises(ForbiddenError, match="terms have ended"):
            _fetch(space, derived, second, tmp_path, Intent("care"))
        space.policy.set_label(f"run:{maker}", "internal", "counts only", release=True)
        assert _fetch(space, derived, second, tmp_path) == second
        assert _gate(space, follower) is None
        # What it made is free; what it read itself stays what it was.
        assert _gate(space, maker) is not None

    def test_bytes_by_digest_are_for_what_the_run_is_for(self, world: World) -> None:
        """Reading a dataset's bytes through a run of the project goes round nothing."""
        reader, content = world.member("maintainer"), new_id().encode()
        _dataset(world, content, "care")
        fits, other = _run(reader, world.project, "care"), _run(reader, world.project, "advertising")
        assert reader.files.read(fits, digest_bytes(content)) == content
        with pytest.raises(PurposeError, match="'advertising'"):
            reader.files.read(other, digest_bytes(content))

    def test_rows_of_two_versions_are_compared_for_a_purpose(self, world: World) -> None:
        """In the browser too."""
        reader, content = world.member("maintainer"), new_id().encode()
        dataset = _dataset(world, content, "care")
        name = reader.data.get_dataset(dataset).name
        store(reader, world.project, name, {"a.csv": content + b"\n1"})
        with pytest.raises(PurposeError):
            reader.data.diff_table(dataset, "latest", "a.csv")
        if importlib.util.find_spec("polars") is None:
            # It is told what is missing: who may not read them is not told that.
            with pytest.raises(MissingExtraError):
                reader.data.diff_table(dataset, "latest", "a.csv", purpose="care")
            return
        assert reader.data.diff_table(dataset, "latest", "a.csv", purpose="care").path == "a.csv"

    def test_what_a_run_read_from_a_disk_is_seen(self, world: World) -> None:
        """Nobody could refuse it: it is marked on the run, noted in the trail, and the gate does not let it pass."""
        space, content = world.member(), new_id().encode()
        dataset = _dataset(world, content, "care", label="personal")
        fits, other = _run(space, world.project, "care"), _run(space, world.project)
        for run in (fits, other):
            read_by(space, run, world.project, content)
        (used,) = space.policy.get_label(f"run:{fits}").uses
        assert (used.id, used.label, used.problem) == (dataset, "personal", "")
        (wrong,) = space.policy.get_label(f"run:{other}").uses
        assert "gives no purpose" in wrong.problem
        me = name_of(space)
        assert _noted(world) >= {
            (me, "data.captured_read", "run", fits, "ok"),
            (me, "data.captured_read", "run", other, "purpose_not_allowed"),
            (me, "data.captured_read", "dataset", dataset, "purpose_not_allowed"),
        }
        gate = _gate(space, other)
        assert gate is not None
        assert gate.verdict == "fail"

    def test_a_dataset_of_another_team_is_not_named(self, world: World) -> None:
        """Who sees a run that read it is told that it did, and not what it is called there."""
        space, content = world.member(), new_id().encode()
        outsider = world.outsider()
        elsewhere = outsider.tracking.create_project(NewProject(path=f"x-{new_id()}")).path
        made = store(outsider, elsewhere, f"d-{new_id()}", {"a": content})
        theirs = outsider.data.get_dataset(made.dataset.replace("/", ":"))
        outsider.policy.set_label(f"dataset:{theirs.id}", "personal")
        run = _run(space, world.project, "care")
        read_by(space, run, world.project, content)
        (use,) = space.policy.get_label(f"run:{run}").uses
        assert (use.id, use.dataset) == ("", f"dataset {theirs.id} of another team")
        assert theirs.name not in str(space.review.evaluate_gates(run))
        with pytest.raises(ForbiddenError) as refused:
            space.tracking.output(run)
        assert theirs.name not in refused.value.message
