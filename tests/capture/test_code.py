"""Capture of the working tree, in real repositories and in plain folders."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from runward.tracking.capture.code import capture_code, start_code_capture
from runward.tracking.capture.git import read_head
from runward.tracking.capture.model import CodeSnapshot, Limits
from tests.capture.stores import MemoryBlobs, Repository


@pytest.fixture
def blobs() -> MemoryBlobs:
    return MemoryBlobs()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repo")


def age(root: Path) -> None:
    """Give every file times that git's index does not know, so that it would like to refresh."""
    for path in root.rglob("*"):
        os.utime(path, (1_000_000_000, 1_000_000_000), follow_symlinks=False)


def test_dirty_tree_lists_what_changed(repository: Repository, blobs: MemoryBlobs) -> None:
    """Changed, deleted and untracked files are named, ignored ones are not captured."""
    for name in ("kept.py", "changed.py", "deleted.py"):
        repository.write(name)
    repository.write(".gitignore", b"ignored/\n")
    commit = repository.commit()
    repository.write("changed.py", b"y\n")
    (repository.root / "deleted.py").unlink()
    repository.write("new dir/new.py")
    repository.write("ignored/data.bin")
    snapshot = capture_code(repository.root, blobs)
    assert (snapshot.kind, snapshot.commit, snapshot.branch, snapshot.dirty) == ("git", commit, "main", True)
    assert (snapshot.changed, snapshot.deleted, snapshot.untracked) == (
        ["changed.py"],
        ["deleted.py"],
        ["new dir/new.py"],
    )
    assert [entry.path for entry in snapshot.files] == [
        ".gitignore",
        "changed.py",
        "kept.py",
        "new dir/new.py",
    ]
    assert b"+y" in blobs.data[snapshot.diff]
    assert snapshot.problems == []


def test_clean_tree_is_not_dirty(repository: Repository, blobs: MemoryBlobs) -> None:
    """Nothing to list, no diff."""
    repository.write("a.py")
    repository.commit()
    snapshot = capture_code(repository.root, blobs)
    assert (snapshot.dirty, snapshot.diff, snapshot.changed, snapshot.untracked) == (False, "", [], [])


def test_snapshot_survives_json(repository: Repository, blobs: MemoryBlobs) -> None:
    """Also with names that are no UTF-8."""
    repository.write(b"caf\xe9\\x41 \n.py")
    snapshot = capture_code(repository.root, blobs)
    assert msgspec.json.decode(msgspec.json.encode(snapshot), type=CodeSnapshot) == snapshot


def test_no_commit_yet(repository: Repository, blobs: MemoryBlobs) -> None:
    """A repository without a commit has a branch, untracked files, and no diff."""
    repository.write("a.py")
    repository.git("add", "a.py")
    repository.write("b.py")
    snapshot = capture_code(repository.root, blobs)
    assert (snapshot.commit, snapshot.branch, snapshot.diff) == ("", "main", "")
    assert [entry.path for entry in snapshot.files] == ["a.py", "b.py"]
    assert snapshot.problems == []


def test_detached_head_worktree_and_packed_refs(repository: Repository, blobs: MemoryBlobs, tmp_path: Path) -> None:
    """The head read without git equals what git says, in each of the layouts."""
    repository.write("a.py")
    first = repository.commit()
    repository.write("a.py", b"2")
    second = repository.commit()
    repository.git("pack-refs", "--all")
    head = read_head(repository.root)
    assert head is not None
    assert (head.commit, head.branch) == (second, "main")
    linked = tmp_path / "linked"
    repository.git("worktree", "add", "-q", "-b", "feature/x", str(linked), first)
    (linked / "sub").mkdir()
    snapshot = capture_code(linked / "sub", blobs)
    assert (snapshot.root, snapshot.subfolder, snapshot.branch, snapshot.commit) == (
        str(linked),
        "sub",
        "feature/x",
        first,
    )
    repository.git("checkout", "-q", first)
    head = read_head(repository.root)
    assert head is not None
    assert (head.commit, head.branch) == (first, "")
    assert capture_code(repository.root, blobs).branch == ""


def test_submodule_is_a_problem_not_an_error(repository: Repository, blobs: MemoryBlobs, tmp_path: Path) -> None:
    """The capture names it and keeps the rest."""
    inner = Repository(tmp_path / "inner")
    inner.write("lib.py")
    inner.commit()
    repository.write("a.py")
    repository.git("submodule", "--quiet", "add", str(inner.root), "vendor/inner")
    snapshot = capture_code(repository.root, blobs)
    assert snapshot.submodules == ["vendor/inner"]
    assert "vendor/inner" in snapshot.problems[0]
    assert "a.py" in {entry.path for entry in snapshot.files}


def test_nested_repository_is_left_out(repository: Repository, blobs: MemoryBlobs) -> None:
    """A clone inside of the tree that is no submodule is named."""
    repository.write("a.py")
    repository.commit()
    Repository(repository.root / "clone").write("b.py")
    (left,) = capture_code(repository.root, blobs).left_out
    assert (left.path, left.kind) == ("clone", "nested-repository")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("core.fsmonitor", "touch {mark}"),
        ("diff.external", "touch {mark}"),
        ("filter.evil.clean", "touch {mark}; cat"),
        ("diff.evil.textconv", "touch {mark}; cat"),
        ("diff.evil.command", "touch {mark}"),
    ],
)
def test_configuration_of_the_repository_runs_no_program(
    repository: Repository, blobs: MemoryBlobs, tmp_path: Path, key: str, value: str
) -> None:
    """Monitors, filters and diff drivers that a repository names are not started."""
    mark = tmp_path / "mark"
    repository.write("a.txt")
    repository.commit()
    repository.write(".gitattributes", b"*.txt filter=evil diff=evil\n")
    repository.write("a.txt", b"changed\n")
    repository.git("config", key, value.format(mark=mark))
    snapshot = capture_code(repository.root, blobs)
    assert snapshot.changed == ["a.txt"]
    assert b"+changed" in blobs.data[snapshot.diff]
    assert not mark.exists()


def test_credentials_in_remote_and_diff_are_masked(repository: Repository, blobs: MemoryBlobs) -> None:
    """A remote's password and a token in the diff that people see do not leave."""
    repository.write("a.py")
    repository.commit()
    repository.git("remote", "add", "origin", "https://ada:hunter2hunter2@example.org/x.git")
    secret = "ghp_" + "a1B2" * 9
    repository.write("a.py", f"token = {secret!r}\n".encode())
    snapshot = capture_code(repository.root, blobs)
    assert snapshot.remote == "https://example.org/x.git"
    assert secret.encode() not in blobs.data[snapshot.diff]


def test_secrets_in_files_that_are_not_committed_are_masked(
    repository: Repository, blobs: MemoryBlobs, tmp_path: Path
) -> None:
    """A committed one is in the repository anyway. What was remembered of a file knows about its secrets."""
    secret = "ghp_" + "a1B2" * 9
    text = f"key = {secret!r}\n".encode()
    for name in ("kept.py", "changed.py"):
        repository.write(name, text)
    repository.commit()
    repository.write("changed.py", text + b"x = 1\n")
    repository.write("new.py", text)
    repository.write("data.bin", text + b"\0")
    repository.write("old.txt", text + b"\xff")
    age(repository.root)
    for _ in range(2):
        snapshot = capture_code(repository.root, blobs, tmp_path / "cache")
        found = {entry.path: entry for entry in snapshot.files}
        assert {path: entry.masked for path, entry in found.items() if entry.masked} == {"changed.py": 1, "new.py": 1}
        assert blobs.data[found["new.py"].digest] == b"key = '[redacted:github-token]'\n"
        assert found["new.py"].size == len(blobs.data[found["new.py"].digest])
        assert blobs.data[found["kept.py"].digest] == text
    repository.commit()
    snapshot = capture_code(repository.root, blobs, tmp_path / "cache")
    assert all(not entry.masked for entry in snapshot.files)


def test_uncommitted_secret_files_are_left_out(repository: Repository, blobs: MemoryBlobs) -> None:
    """`.env` and keys are named, never stored; a committed one is shared already."""
    repository.write("deploy.pem", b"committed")
    repository.commit()
    for name in (".env", "conf/.env.local", "id_rsa", "server.key"):
        repository.write(name, b"very secret")
    snapshot = capture_code(repository.root, blobs)
    assert {left.path for left in snapshot.left_out} == {".env", "conf/.env.local", "id_rsa", "server.key"}
    assert {left.kind for left in snapshot.left_out} == {"secret"}
    assert b"very secret" not in blobs.data.values()
    assert [entry.path for entry in snapshot.files] == ["deploy.pem"]


def test_large_file_is_recorded_not_stored(repository: Repository, blobs: MemoryBlobs) -> None:
    """By digest up to a limit, by size beyond."""
    repository.write("large.bin", b"x" * 100)
    repository.write("huge.bin", b"x" * 1000)
    snapshot = capture_code(repository.root, blobs, limits=Limits(file_bytes=10, digest_bytes=500))
    huge, large = sorted(snapshot.left_out, key=lambda left: left.path)
    assert (large.kind, large.size, bool(large.digest)) == ("large", 100, True)
    assert (huge.kind, huge.size, huge.digest) == ("large", 1000, "")
    assert blobs.puts == 0


def test_fifo_and_unreadable_do_not_hang_or_raise(repository: Repository, blobs: MemoryBlobs) -> None:
    """A tracked file replaced by a named pipe is left out."""
    repository.write("a.py")
    repository.commit()
    (repository.root / "a.py").unlink()
    os.mkfifo(repository.root / "a.py")
    snapshot = capture_code(repository.root, blobs)
    assert [(left.path, left.kind) for left in snapshot.left_out] == [("a.py", "special")]


def test_unchanged_files_are_not_read_again(
    repository: Repository, blobs: MemoryBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second capture reads only what changed, and what the store lost."""
    monkeypatch.setattr("runward.tracking.capture.files._SETTLED_NS", -1)
    for index in range(5):
        repository.write(f"f{index}.py", b"%d" % index)
    first = capture_code(repository.root, blobs, tmp_path / "cache")
    blobs.puts = 0
    assert capture_code(repository.root, blobs, tmp_path / "cache").digest == first.digest
    assert blobs.puts == 0
    repository.write("f1.py", b"changed")
    del blobs.data[next(entry.digest for entry in first.files if entry.path == "f2.py")]
    assert capture_code(repository.root, blobs, tmp_path / "cache").digest != first.digest
    assert blobs.puts == 2


def test_just_written_file_is_read_again(repository: Repository, blobs: MemoryBlobs, tmp_path: Path) -> None:
    """An edit that keeps size and times (one clock tick) is seen, because young files are not remembered."""
    path = repository.write("a.py", b"aaaa")
    stamp = path.stat().st_mtime_ns
    first = capture_code(repository.root, blobs, tmp_path / "cache")
    path.write_bytes(b"bbbb")
    os.utime(path, ns=(stamp, stamp))
    assert capture_code(repository.root, blobs, tmp_path / "cache").digest != first.digest


def test_damaged_cache_costs_only_time(
    repository: Repository, blobs: MemoryBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is replaced."""
    monkeypatch.setattr("runward.tracking.capture.files._SETTLED_NS", -1)
    repository.write("a.py")
    first = capture_code(repository.root, blobs, tmp_path / "cache")
    for path in (tmp_path / "cache").iterdir():
        path.write_bytes(b"\xc1garbage")
    assert capture_code(repository.root, blobs, tmp_path / "cache").digest == first.digest


def test_plain_folder(tmp_path: Path, blobs: MemoryBlobs) -> None:
    """Without git: code is kept, environments, caches, hidden folders and secrets are not."""
    for name in (
        "train.py",
        "lib/a.py",
        ".venv/x.py",
        "node_modules/y.js",
        "__pycache__/z.pyc",
        ".ssh/id",
        ".env",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "myenv").mkdir()
    (tmp_path / "myenv" / "pyvenv.cfg").write_text("home = /usr")
    snapshot = capture_code(tmp_path, blobs)
    assert (snapshot.kind, snapshot.commit, snapshot.dirty) == ("folder", "", False)
    assert [entry.path for entry in snapshot.files] == ["lib/a.py", "train.py"]
    assert [left.path for left in snapshot.left_out] == [".env"]


def test_plain_folder_is_bounded(tmp_path: Path, blobs: MemoryBlobs) -> None:
    """Beyond the limit files are counted, not stored; the upper folder comes first."""
    (tmp_path / "data").mkdir()
    for index in range(10):
        (tmp_path / "data" / f"{index}.csv").write_text("1")
    (tmp_path / "train.py").write_text("print()")
    snapshot = capture_code(tmp_path, blobs, limits=Limits(folder_files=3))
    assert "train.py" in {entry.path for entry in snapshot.files}
    assert len(snapshot.files) == 3
    (left,) = snapshot.left_out
    assert (left.kind, left.size) == ("limit", 8)
    assert "7 more" in left.reason


def test_without_the_git_program(
    repository: Repository, blobs: MemoryBlobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Commit and branch are still known, the files are those of the folder, and a problem says so."""
    repository.write("a.py")
    commit = repository.commit()
    monkeypatch.setenv("PATH", str(tmp_path))
    snapshot = capture_code(repository.root, blobs)
    assert (snapshot.kind, snapshot.commit, snapshot.branch) == ("folder", commit, "main")
    assert [entry.path for entry in snapshot.files] == ["a.py"]
    assert "git could not be asked" in snapshot.problems[0]


def test_outer_git_variables_do_not_mislead(
    repository: Repository, blobs: MemoryBlobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A run that a git hook starts is captured from its own repository."""
    other = Repository(tmp_path / "other")
    other.write("other.py")
    repository.write("a.py")
    monkeypatch.setenv("GIT_DIR", str(other.root / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "nowhere"))
    assert [entry.path for entry in capture_code(repository.root, blobs).files] == ["a.py"]


def test_capture_changes_nothing(repository: Repository, blobs: MemoryBlobs) -> None:
    """Not even git's index is refreshed."""
    repository.write("a.py")
    repository.commit()
    age(repository.root)
    before = (repository.root / ".git" / "index").stat().st_mtime_ns
    capture_code(repository.root, blobs)
    assert (repository.root / ".git" / "index").stat().st_mtime_ns == before


def test_started_capture_knows_the_head_at_once(repository: Repository, blobs: MemoryBlobs) -> None:
    """The rest follows."""
    repository.write("a.py")
    commit = repository.commit()
    pending = start_code_capture(repository.root, blobs)
    assert pending.head is not None
    assert pending.head.commit == commit
    assert pending.result(30).commit == commit


def test_background_capture_does_not_keep_the_process_alive(tmp_path: Path) -> None:
    """A script that ends while git still works ends."""
    program = (
        "import threading, pathlib\n"
        "from runward.tracking.capture.background import Background\n"
        "Background(lambda: threading.Event().wait())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, timeout=30, check=False)
    assert done.returncode == 0
