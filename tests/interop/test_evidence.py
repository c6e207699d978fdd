"""The pack that an auditor of a model asks for."""

from __future__ import annotations

import contextlib
import hashlib
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

import runward
from runward.core.call import Intent
from runward.core.hashing import digest_bytes
from runward.errors import AlreadyExistsError, NotFoundError
from runward.governance.model import NewMember
from runward.governance.signin import folder_actor
from runward.interop.compliance import AI_ACT, GDPR, HIPAA, RULES
from runward.interop.evidence import MANIFEST, Pack, digest_of, readme, write_evidence
from runward.policy.model import Terms
from runward.registry.model import NewModel, NewVersion
from runward.repro.records import NewVerification
from runward.review.model import NewReview
from runward.testing.data import read_by, store
from runward.testing.modelcards import ANSWERS
from runward.workspace import FolderWorkspace, open_folder

ALWAYS = {
    "access.json", "code.json", "datasets.json", "deployments.json", "environment.json", "gates.json", "handoffs.json",
    "labels.json", "lineage.json", "machine.json", "MODEL_CARD.md", "model.json", "pylock.toml", "reviews.json", "roles.json", "run.json",
    "scan.json", "trail.json", "verifications.json",
}  # fmt: skip


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FolderWorkspace]:
    """The model ``digits`` out of personal data, rerun, reviewed; and a version that nobody knows anything of."""
    monkeypatch.setenv("RUNWARD_DIR", str(tmp_path / "ws"))
    monkeypatch.chdir(tmp_path)
    with runward.start(project="p", name="one", purpose="care") as run:
        run.log_metrics({"acc": 0.9})
    with contextlib.closing(open_folder(tmp_path / "ws")) as space:
        run_id = space.tracking.resolve_run("one").id
        made = store(space, "p", "patients", {"a.csv": b"1"})
        store(space, "p", "aside", {"a.csv": b"2"})
        dataset = space.data.get_dataset(made.dataset.replace("/", ":")).id
        space.policy.set_label(f"dataset:{dataset}", "personal")
        space.policy.set_terms(dataset, Terms(purposes=["care"], legal_basis="consent"))
        read_by(space, run_id, "p", b"1")
        space.review.evaluate_gates(run_id)
        space.repro.record(run_id, NewVerification("reproduced", "basic", "the same", {}, 1.0))
        space.review.request_review(NewReview(run_id=run_id))
        space.registry.create_model(NewModel("digits"))
        space.registry.create_version("digits", NewVersion(f"runs:/{run_id}/model", run_id))
        space.registry.write_card("digits", 1, ANSWERS)
        space.registry.create_version("digits", NewVersion("elsewhere"))
        yield space


def test_a_pack_has_what_led_to_the_model(space: FolderWorkspace, tmp_path: Path) -> None:
    """And every file with its digest; what else is in the workspace is not in it."""
    made = write_evidence(space, "digits", 1, tmp_path / "pack", offline=True)
    assert made.absent == {}
    listed = {file.path: file for file in made.files}
    certificates = {path for path in listed if path.startswith("certificates/")}
    assert set(listed) - certificates == ALWAYS
    assert len(certificates) == 2
    on_disk = {str(path.relative_to(tmp_path / "pack")) for path in (tmp_path / "pack").rglob("*") if path.is_file()}
    assert on_disk == {*listed, MANIFEST, "README.md"}
    for path, file in listed.items():
        assert hashlib.sha256((tmp_path / "pack" / path).read_bytes()).hexdigest() == file.sha256
    read = {path: json.loads((tmp_path / "pack" / path).read_bytes()) for path in listed if path.endswith(".json")}
    (dataset,) = read["datasets.json"]
    assert (dataset["dataset"]["name"], dataset["terms"]["purposes"]) == ("patients", ["care"])
    assert {one["thing"].partition(":")[0]: one["label"] for one in read["labels.json"]} == {
        "model": "personal", "run": "personal", "dataset": "personal",
    }  # fmt: skip
    assert [gate["verdict"] for gate in read["gates.json"]["results"] if gate["name"] == "data use"] == ["pass"]
    assert [one["review"]["run_name"] for one in read["reviews.json"]] == ["one"]
    assert [one["verification"]["verdict"] for one in read["verifications.json"]] == ["reproduced"]
    assert read["trail.json"]["holds"] is True
    assert {"policy.set_label", "policy.set_terms", "registry.create_version", "review.request_review"} <= {
        event["operation"] for event in read["access.json"]
    }
    assert "aside" not in (tmp_path / "pack" / "lineage.json").read_text()
    assert msgspec.json.decode((tmp_path / "pack" / MANIFEST).read_bytes(), type=Pack) == made
    assert len(digest_of(made)) == 64
    with pytest.raises(AlreadyExistsError):
        write_evidence(space, "digits", 1, tmp_path / "pack", offline=True)


def test_the_first_page_has_every_heading(space: FolderWorkspace, tmp_path: Path) -> None:
    """With what shows something of it, as links to files that are there, and what the organisation must add."""
    made = write_evidence(space, "digits", 1, tmp_path / "pack.zip", offline=True)
    with zipfile.ZipFile(tmp_path / "pack.zip") as archive:
        text, names = archive.read("README.md").decode(), set(archive.namelist())
    assert text == readme(made)
    for name, rows in RULES:
        assert f"## {name}" in text
        for row in rows:
            assert f"| {row.ref} | {row.heading} |" in text
            assert row.adds
    assert (len(AI_ACT), len(GDPR), len(HIPAA)) == (18, 7, 9)
    known = {*names, "certificates"}
    assert {file for _, rows in RULES for row in rows for file in row.files} <= known
    assert "is absent" not in text


def test_what_is_not_there_is_named_with_its_reason(space: FolderWorkspace, tmp_path: Path) -> None:
    """Of a version without a run, and for somebody who may not read the audit trail."""
    made = write_evidence(space, "digits", 2, tmp_path / "bare", offline=True)
    assert made.absent["run.json"] == "the version names no run"
    assert "run.json is absent" in (tmp_path / "bare" / "README.md").read_text()
    space.governance.create_member(NewMember(name="vera", role="viewer"))
    vera = space.as_member(folder_actor(space.dispatcher.database, "vera"))
    seen = write_evidence(vera, "digits", 1, tmp_path / "seen", offline=True)
    assert "needs the role admin" in seen.absent["access.json"]
    assert "access.json is absent" in (tmp_path / "seen" / "README.md").read_text()
    with pytest.raises(NotFoundError):
        write_evidence(space, "nothing", 1, tmp_path / "none", offline=True)
    assert not (tmp_path / "none").exists()


def test_who_may_and_for_what_it_was_read_is_in_it(space: FolderWorkspace, tmp_path: Path) -> None:
    """Roles where model, run and data lie; each reading of restricted data with its purpose, and no other dataset's."""
    dataset = space.data.get_dataset("p:patients").id
    aside = space.data.get_dataset("p:aside").id
    space.policy.set_label(f"dataset:{aside}", "restricted")
    space.policy.set_terms(aside, Terms(purposes=["care"]))
    for one, content in ((dataset, b"1"), (aside, b"2")):
        space.data_files.fetch(one, [(digest_bytes(content), tmp_path / one)], "copy", Intent("Care"))
    write_evidence(space, "digits", 1, tmp_path / "pack", offline=True)
    events = json.loads((tmp_path / "pack" / "access.json").read_text())
    noted = [(one["operation"], one["object_id"]) for one in events if one["operation"].startswith("data.")]
    assert ("data.read_restricted", dataset) in noted
    assert noted.count(("data.purpose", "care")) == 1
    assert aside not in str(noted)
    roles = json.loads((tmp_path / "pack" / "roles.json").read_text())
    assert set(roles["projects"]) == {"p"}
    assert space.governance.whoami().name in str(roles["team"])


def test_what_is_not_recorded_shows_nothing(space: FolderWorkspace, tmp_path: Path) -> None:
    """A file that lists nothing is no evidence, and its row says so."""
    made = write_evidence(space, "digits", 1, tmp_path / "pack", offline=True)
    assert made.empty == ["deployments.json", "handoffs.json"]
    text = (tmp_path / "pack" / "README.md").read_text()
    (monitoring,) = [line for line in text.splitlines() if line.startswith("| 9 |")]
    assert "| none is recorded in [deployments.json](deployments.json) |" in monitoring
    (oversight,) = [line for line in text.splitlines() if line.startswith("| 2(e) |")]
    assert "who looked at the result before it was used" in oversight
