"""The lock of an environment, written once beside the run."""

from __future__ import annotations

import os
import stat
import sys
import tomllib
from pathlib import Path

import msgspec
import pytest

from runward.core.ids import Digest
from runward.repro.lockwriter import carry_out
from runward.store.folder import FolderBlobs
from runward.tracking.capture.model import EnvironmentSnapshot, FileEntry, Package
from runward.tracking.pylocks import VARIABLE, EnvironmentLock, LockOrder

UV_LOCK = (
    '[[package]]\nname = "six"\nversion = "1.17.0"\nsource = { registry = "https://e.org/simple" }\n'
    'wheels = [{ url = "https://user:secret@e.org/six-1.17.0-py2.py3-none-any.whl", hash = "sha256:aa" }]\n'
)
SIX = Package(name="six", version="1.17.0")


def environment(*packages: Package, digest: str = "d" * 64) -> EnvironmentSnapshot:
    return EnvironmentSnapshot(
        python="3.11.7", implementation="CPython", executable="", prefix="", platform="", packages=list(packages),
        digest=digest,
    )  # fmt: skip


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobs:
    return FolderBlobs(tmp_path / "blobs")


@pytest.fixture
def tree(blobs: FolderBlobs) -> list[FileEntry]:
    """A captured tree with a lock."""
    data = UV_LOCK.encode()
    return [FileEntry(path="uv.lock", mode="file", size=len(data), digest=blobs.put_bytes(data))]


def _uv(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """A uv that notes how it was called."""
    folder.mkdir()
    program, calls = folder / "uv", folder / "calls"
    program.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n{script}\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return calls


def test_once_for_each_environment(
    tmp_path: Path, blobs: FolderBlobs, tree: list[FileEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process of its own writes it, with the hashes of the run's own lock; the next run of the environment finds it."""
    monkeypatch.setenv(VARIABLE, "cache")
    first = EnvironmentLock(blobs, tmp_path / "cache")
    first.begin(environment(SIX), tree)
    ((kind, digest, facts),) = first.parts(60)
    assert (kind, facts) == ("pylock", {"packages": 1, "left_out": []})
    text = msgspec.json.decode(blobs.read(Digest(digest)))["text"]
    (package,) = tomllib.loads(text)["packages"]
    assert package["wheels"][0] == {"url": "https://e.org/six-1.17.0-py2.py3-none-any.whl", "hashes": {"sha256": "aa"}}
    assert "run" not in tomllib.loads(text)["tool"]["runward"]

    monkeypatch.setattr(sys, "executable", "/no/python")
    second = EnvironmentLock(blobs, tmp_path / "cache")
    second.begin(environment(SIX))
    assert second.parts(0) == [(kind, digest, facts)]
    other = EnvironmentLock(blobs, tmp_path / "cache")
    other.begin(environment(SIX, digest="e" * 64), tree)
    assert other.parts(60) == []


@pytest.mark.parametrize("value", ["0", "index"])
def test_nothing_is_written(
    value: str, tmp_path: Path, blobs: FolderBlobs, tree: list[FileEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the user says so; where another process is about it."""
    monkeypatch.setenv(VARIABLE, value)
    if value != "0":
        (tmp_path / "cache" / "pylocks").mkdir(parents=True)
        (tmp_path / "cache" / "pylocks" / f"{'d' * 32}.writing").touch()
    lock = EnvironmentLock(blobs, tmp_path / "cache")
    lock.begin(environment(SIX), tree)
    assert lock.parts(60) == []
    assert not list(tmp_path.glob("cache/pylocks/*.json"))


@pytest.mark.parametrize("index", [True, False])
def test_the_index_is_asked_for_what_the_cache_has_not(
    index: bool, tmp_path: Path, blobs: FolderBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And only where that is allowed; a lock of nothing is no lock."""
    calls = _uv(tmp_path / "bin", monkeypatch, 'echo "dns error" >&2; exit 1')
    target = tmp_path / "lock.json"
    order = LockOrder(environment=environment(SIX), blobs=str(blobs.root), target=str(target), index=index)
    assert carry_out(order).left_out == {"six==1.17.0": "dns error"}
    said = calls.read_text().splitlines()
    assert ["--offline" in line for line in said] == [True, False][: 1 + index]

    monkeypatch.setenv(VARIABLE, "index")
    place = tmp_path / "cache" / "pylocks" / f"{'d' * 32}.json"
    place.parent.mkdir(parents=True)
    target.rename(place)
    lock = EnvironmentLock(blobs, tmp_path / "cache")
    lock.begin(environment(SIX))
    assert lock.parts(60) == []
    assert calls.read_text().splitlines() == said, "what was tried today is not tried again"
    os.utime(place, (0, 0))
    lock.begin(environment(SIX))
    assert lock.parts(60) == []
    assert len(calls.read_text().splitlines()) == len(said) + 2


def test_a_damaged_lock_is_written_again(
    tmp_path: Path, blobs: FolderBlobs, tree: list[FileEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It costs nobody a capture."""
    monkeypatch.setenv(VARIABLE, "cache")
    place = tmp_path / "cache" / "pylocks" / f"{'d' * 32}.json"
    place.parent.mkdir(parents=True)
    place.write_text("{")
    lock = EnvironmentLock(blobs, tmp_path / "cache")
    assert lock.parts(0) == []
    lock.begin(environment(SIX), tree)
    assert len(lock.parts(60)) == 1
