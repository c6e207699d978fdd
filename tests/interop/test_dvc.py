"""DVC's files: what DVC wrote is read, what we write DVC takes for its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from runward.errors import CorruptedError, InvalidError, NotFoundError
from runward.interop import dvc
from runward.interop.dvcconfig import repository_of
from runward.interop.dvcremotes import FolderRemote
from runward.workspace import FolderWorkspace, open_folder
from tests.cli.conftest import Cli
from tests.extras import needs

CONTENTS = {"a.csv": b"id\n1\n", "sub/b.bin": b"\0" * 100_000, "sub/empty": b"", "same": b"id\n1\n", "día x": b"1"}


@pytest.fixture
def space(tmp_path: Path) -> Iterator[FolderWorkspace]:
    found = open_folder(tmp_path / "ws", "owner")
    yield found
    found.close()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, data in CONTENTS.items():
        path = tmp_path / "d" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "d"


def content(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def run_dvc(repository: Path, *arguments: str) -> str:
    """What the real DVC says."""
    needs("dvc", "dvc")
    env = {**os.environ, "DVC_NO_ANALYTICS": "1", "DVC_SITE_CACHE_DIR": str(repository / "site")}
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments], cwd=repository, env=env, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    run_dvc(folder, "init", "--no-scm", "-q")
    return folder


@pytest.mark.slow
def test_what_dvc_added_is_pulled(space: FolderWorkspace, repository: Path, tree: Path, tmp_path: Path) -> None:
    """A folder and a file, from DVC's cache; the same bytes are the same version as when they are added by ourselves."""
    tree.rename(repository / "d")
    (repository / "one.bin").write_bytes(b"one")
    run_dvc(repository, "add", "-q", "d", "one.bin")
    cache = repository_of(repository / "d.dvc").cache
    outs = [dvc.read_outs(repository / name)[0] for name in ("d.dvc", "one.bin.dvc")]
    assert [(out.path, out.files, out.is_folder) for out in outs] == [("d", 5, True), ("one.bin", 0, False)]
    folder, file = (dvc.pull(space, out, repository, cache, "p") for out in outs)
    assert not space.datasets.add(repository / "d", "p", "d").is_new
    assert file.version.summary is not None
    space.datasets.checkout("p/d", target=tmp_path / "back")
    assert content(tmp_path / "back") == CONTENTS
    assert folder.version.files == 5
    space.datasets.checkout("p/one.bin", target=tmp_path / "one")
    assert (tmp_path / "one").read_bytes() == b"one"


@pytest.mark.slow
def test_a_repository_is_imported_whole(cli: Cli, repository: Path, tree: Path, tmp_path: Path) -> None:
    """All that it tracks, in folders below too; what cannot be had is named and keeps nobody back."""
    tree.rename(repository / "d")
    (repository / "sub").mkdir()
    (repository / "sub" / "one.bin").write_bytes(b"one")
    run_dvc(repository, "add", "-q", "d", "sub/one.bin")
    (repository / "lost.dvc").write_text(f"outs:\n- md5: {'0' * 32}\n  size: 1\n  hash: md5\n  path: lost\n")
    said = cli("import", "dvc", str(repository), "--project", "p", "--json")
    assert (said.code, said.json["files"], len(said.json["problems"])) == (1, 3, 1)
    assert "lost.dvc" in said.json["problems"][0]
    assert {version["dataset"] for version in said.json["versions"]} == {"p/d", "p/one.bin"}
    (tmp_path / "empty").mkdir()
    nothing = cli("import", "dvc", str(tmp_path / "empty"))
    assert (nothing.code, "no .dvc" in nothing.err) == (2, True)


@pytest.mark.slow
def test_dvc_pulls_what_we_pushed(space: FolderWorkspace, repository: Path, tree: Path, tmp_path: Path) -> None:
    """By a .dvc file of ours, whose md5 is the one that DVC itself finds."""
    version = space.datasets.add(tree, "p").version
    remote = FolderRemote(tmp_path / "remote")
    dvc.write_dvc(repository / "d.dvc", dvc.push(space, version, remote))
    run_dvc(repository, "remote", "add", "-d", "r", str(remote.folder))
    run_dvc(repository, "pull", "-q")
    assert content(repository / "d") == CONTENTS
    assert "up to date" in run_dvc(repository, "status")
    ours = yaml.safe_load((repository / "d.dvc").read_text())
    run_dvc(repository, "add", "-q", "d")
    assert yaml.safe_load((repository / "d.dvc").read_text()) == ours


@pytest.mark.slow
def test_a_stage_takes_our_data(space: FolderWorkspace, repository: Path, tmp_path: Path) -> None:
    """What dvc.lock tracks is read; with our data in it, DVC finds its stage done."""
    (repository / "dvc.yaml").write_text(
        yaml.safe_dump({"stages": {"make": {"cmd": "cp in.txt out.txt", "deps": ["in.txt"], "outs": ["out.txt"]}}})
    )
    (repository / "in.txt").write_text("first")
    run_dvc(repository, "repro", "-q")
    lock = repository / "dvc.lock"
    (out,) = dvc.read_outs(lock)
    assert (out.path, out.stage, out.size) == ("out.txt", "make", 5)
    dvc.pull(space, out, repository, repository_of(lock).cache, "p")
    for name in ("in.txt", "out.txt"):
        (repository / name).unlink()
        (repository / name).write_text("second")
        version = space.datasets.add(repository / name, "p").version
        dvc.write_dvc(lock, dvc.push(space, version, FolderRemote(repository / ".dvc" / "cache")))
    assert "up to date" in run_dvc(repository, "status")


def test_a_remote_goes_out_and_comes_back(space: FolderWorkspace, tree: Path, tmp_path: Path) -> None:
    """Objects lie where DVC puts them, each once; a second time nothing is written."""
    version = space.datasets.add(tree, "p").version
    remote = FolderRemote(tmp_path / "remote")
    out = dvc.push(space, version, remote)
    objects = sorted(path for path in remote.folder.rglob("*") if path.is_file())
    assert len(objects) == len(set(CONTENTS.values())) + 1
    assert all(len(path.parent.name) == 2 and path.parents[1].name == "md5" for path in objects)
    assert dvc.push(space, version, remote) == out
    assert sorted(path for path in remote.folder.rglob("*") if path.is_file()) == objects
    assert dvc.pull(space, out, tmp_path, remote, "p").version == version
    legacy = tmp_path / "legacy"
    (remote.folder / "files" / "md5").rename(legacy)
    assert dvc.pull(space, out, tmp_path, FolderRemote(legacy), "p").version == version


def test_what_is_broken_is_refused(space: FolderWorkspace, tree: Path, tmp_path: Path) -> None:
    version = space.datasets.add(tree, "p").version
    remote = FolderRemote(tmp_path / "remote")
    out = dvc.push(space, version, remote)
    victim = remote.find(dvc.md5_of_bytes(b"1"))
    victim.chmod(0o644)
    victim.write_bytes(b"2")
    with pytest.raises(CorruptedError):
        dvc.pull(space, out, tmp_path, remote, "q")
    victim.unlink()
    with pytest.raises(NotFoundError, match="no object"):
        dvc.pull(space, out, tmp_path, remote, "q")
    listed = json.dumps([{"md5": "0" * 32, "relpath": "../../outside"}]).encode()
    evil = dvc.md5_of_bytes(listed) + ".dir"
    (tmp_path / "evil").write_bytes(listed)
    remote.put(tmp_path / "evil", evil)
    with pytest.raises(InvalidError, match="outside"):
        dvc.pull(space, dvc.Out("d", evil), tmp_path, remote, "q")
    (tree / os.fsdecode(b"\xff")).touch()
    odd = space.datasets.add(tree, "p").version
    with pytest.raises(InvalidError, match="UTF-8"):
        dvc.push(space, odd, remote)


@pytest.mark.parametrize(
    "text", ["[]", "outs: 3", "outs: [{path: a}]", "outs: [{path: a, md5: ../../etc}]", "stages: []", "{", "\0"]
)
def test_a_file_that_is_not_dvcs(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.dvc").write_text(text)
    with pytest.raises(InvalidError):
        dvc.read_outs(tmp_path / "x.dvc")


def test_a_lock_names_what_is_written(tmp_path: Path) -> None:
    lock = tmp_path / "dvc.lock"
    lock.write_text(yaml.safe_dump({"schema": "2.0", "stages": {"s": {"outs": [{"path": "a", "md5": "0" * 32}]}}}))
    with pytest.raises(InvalidError, match="names no 'b'"):
        dvc.write_dvc(lock, dvc.Out("b", "1" * 32))
    dvc.write_dvc(lock, dvc.Out("a", "1" * 32, 7))
    assert dvc.read_outs(lock) == [dvc.Out("a", "1" * 32, 7, 0, "s")]
    with pytest.raises(NotFoundError):
        dvc.read_outs(tmp_path / "none.dvc")
    with pytest.raises(NotFoundError):
        repository_of(tmp_path / "none.dvc")


cli = pytest.fixture(lambda folder, capsys: Cli(capsys))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUNWARD_DIR", str(tmp_path / "here"))
    return tmp_path / "here"


def test_by_commands(cli: Cli, tree: Path, tmp_path: Path) -> None:
    """Into a DVC remote and back, and to another workspace and back."""
    added = cli.json("data", "add", "d", "-p", "p", "--no-tables")["version"]
    assert cli("data", "tag", "p/d", "1.0.0").code == 0
    assert cli("data", "push", "p/d", "dvc:remote", "--file", "d.dvc").code == 0
    pulled = cli.json("data", "pull", "d.dvc", "dvc:remote", "-p", "q")["versions"][0]
    assert (pulled["dataset"], pulled["digest"]) == ("q/d", added["digest"])
    assert cli("data", "push", "p/d", "nowhere").code == 2
    open_folder(tmp_path / "there").close()
    sent = cli.json("data", "push", "p/d@1.0.0", "there")
    assert (sent["bytes"], sent["versions"][0]["digest"]) == (sum(map(len, set(CONTENTS.values()))), added["digest"])
    assert cli.json("data", "push", "p/d", "there")["bytes"] == 0
    assert cli("data", "remove", "q/d").code == 0
    assert cli("data", "tag", "p/d", "1.0.0", "--remove").code == 0
    assert cli("data", "remove", "p/d").code == 0
    back = cli.json("data", "pull", "p/d@1.0.0", "there")["versions"][0]
    assert (back["digest"], back["names"]) == (added["digest"], ["1.0.0"])
    assert cli("data", "pull", "p/d").code == 2
