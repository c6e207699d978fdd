"""A version that leaves with its papers, what a receiver sees of it, and bundles that somebody tampered with."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import runward
from runward.errors import AlreadyExistsError, InvalidError, NotFoundError
from runward.interop.handoff import MANIFEST, check_bundle, write_bundle
from runward.registry.model import NewModel, NewVersion, Signature, TensorField
from runward.repro.records import NewVerification
from runward.testing.modelcards import ANSWERS
from runward.testing.modelversions import WEIGHTS
from runward.workspace import FolderWorkspace, open_folder


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FolderWorkspace]:
    """The model ``digits`` with a version that has everything, and one that has nothing."""
    monkeypatch.setenv("RUNWARD_DIR", str(tmp_path / "ws"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.safetensors").write_bytes(WEIGHTS)
    with runward.start(project="p", name="one") as run:
        run.log_metrics({"acc": 0.9})
        run.log_artifact("w.safetensors", "model/deep/w.safetensors")
    with contextlib.closing(open_folder(tmp_path / "ws")) as space:
        run_id = space.tracking.resolve_run("one").id
        space.repro.record(run_id, NewVerification("reproduced", "basic", "the same", {}, 1.0))
        space.registry.create_model(NewModel("digits"))
        source, signature = f"runs:/{run_id}/model", Signature([TensorField("float32", "x")])
        full = NewVersion(source, run_id, signature=signature, input_example=[[1.0]], expected_output=[7])
        space.registry.create_version("digits", full)
        space.registry.write_card("digits", 1, ANSWERS)
        space.registry.create_version("digits", NewVersion(source, run_id))
        space.registry.create_version("digits", NewVersion("elsewhere"))
        yield space


@pytest.mark.parametrize("name", ["bundle", "bundle.zip"])
def test_a_bundle_has_everything_and_is_accepted(space: FolderWorkspace, tmp_path: Path, name: str) -> None:
    made = write_bundle(space, "digits", 1, tmp_path / name, offline=True)
    assert made.manifest.owner == ANSWERS["owner"]
    assert made.manifest.absent == {}
    assert made.manifest.unsafe == []
    verification = made.manifest.evidence["verification"]
    assert {file.path for file in made.manifest.files} == {
        "model/deep/w.safetensors",
        "MODEL_CARD.md",
        "signature.json",
        "test_vectors.json",
        "pylock.toml",
        f"certificates/{verification}.json",
        "certificates/signing-key.pem",
    }
    found = check_bundle(tmp_path / name)
    assert (found.problems, found.digest, found.manifest) == ([], made.digest, made.manifest)
    assert found.vectors.startswith("not run")
    (noted,) = space.registry.list_handoffs("digits")
    assert (noted.digest, noted.accepted_by) == (made.digest, "")
    assert space.registry.accept_handoff("digits", found.digest).accepted_by
    with pytest.raises(AlreadyExistsError):
        write_bundle(space, "digits", 1, tmp_path / name)
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".handoff")] == []


def test_what_is_absent_is_named(space: FolderWorkspace, tmp_path: Path) -> None:
    made = write_bundle(space, "digits", 2, tmp_path / "b", offline=True)
    assert set(made.manifest.absent) == {"card", "signature", "test vectors"}
    assert made.vectors == "none given"
    assert check_bundle(tmp_path / "b").problems == []
    with pytest.raises(InvalidError, match="names no run"):
        write_bundle(space, "digits", 3, tmp_path / "c")
    with pytest.raises(NotFoundError):
        write_bundle(space, "digits", 9, tmp_path / "c")
    assert not (tmp_path / "c").exists()


def _other_bytes(folder: Path) -> None:
    (folder / "model/deep/w.safetensors").write_bytes(WEIGHTS[:-1] + b"\x01")


def _longer(folder: Path) -> None:
    with open(folder / "MODEL_CARD.md", "a") as file:
        file.write("more")


def _more(folder: Path) -> None:
    (folder / "model/extra.pkl").write_bytes(b"x")


def _less(folder: Path) -> None:
    (folder / "signature.json").unlink()


def _link(folder: Path) -> None:
    place = folder / "model/deep/w.safetensors"
    shutil.move(place, folder.parent / "outside")
    os.symlink(folder.parent / "outside", place)


def _climbing(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"][0]["path"] = "../outside"
    (folder / MANIFEST).write_text(json.dumps(manifest))


def _twice(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"].append({**manifest["files"][0], "path": manifest["files"][0]["path"].upper()})
    (folder / MANIFEST).write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (_other_bytes, "digest differs"),
        (_longer, "bytes, the manifest says"),
        (_more, "does not name it"),
        (_less, "is missing"),
        (_link, "is a link"),
        (_climbing, "without '..'"),
        (_twice, "twice"),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_what_was_tampered_with_is_not_accepted(
    space: FolderWorkspace, tmp_path: Path, tamper: Callable[[Path], None], said: str, zipped: bool
) -> None:
    folder = tmp_path / "b"
    made = write_bundle(space, "digits", 1, folder, offline=True)
    tamper(folder)
    if zipped:
        folder = _zip(folder, tmp_path / "b.zip")
    found = check_bundle(folder)
    assert any(said in problem for problem in found.problems), found.problems
    if found.digest != made.digest:
        with pytest.raises(NotFoundError):
            space.registry.accept_handoff("digits", found.digest)


def _zip(folder: Path, target: Path) -> Path:
    """With links as links."""
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            info = zipfile.ZipInfo(path.relative_to(folder).as_posix())
            if path.is_symlink():
                info.external_attr = 0o120777 << 16
                archive.writestr(info, os.readlink(path))
            elif path.is_file():
                archive.writestr(info, path.read_bytes())
    return target


def test_tricks_of_archives(space: FolderWorkspace, tmp_path: Path) -> None:
    write_bundle(space, "digits", 1, tmp_path / "b.zip", offline=True)
    with zipfile.ZipFile(tmp_path / "b.zip", "a") as archive:
        archive.writestr("../outside", b"x")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("MODEL_CARD.md", b"another")
    problems = check_bundle(tmp_path / "b.zip").problems
    assert any("'../outside' is there, and the manifest does not name it" in problem for problem in problems)
    assert any("'MODEL_CARD.md' is there twice" in problem for problem in problems)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_bundle_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "b.zip").write_bytes(content)
    with pytest.raises(InvalidError, match=r"no bundle|no manifest"):
        check_bundle(tmp_path / "b.zip")
    (tmp_path / "b").mkdir()
    with pytest.raises(InvalidError, match="no manifest"):
        check_bundle(tmp_path / "b")
    for text in ('{"format": 1}', "[", json.dumps({"format": "other/9"})):
        (tmp_path / "b" / MANIFEST).write_text(text)
        with pytest.raises(InvalidError, match="manifest"):
            check_bundle(tmp_path / "b")
