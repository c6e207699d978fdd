"""A captured set written as ``pylock.toml``, and taken by uv."""

from __future__ import annotations

import platform
import subprocess
import tomllib
from pathlib import Path

import pytest

from runward.repro.pylock import write_pylock
from runward.repro.uv import find_uv
from runward.tracking.capture.environment import scan_packages
from runward.tracking.capture.model import EnvironmentSnapshot, Package
from runward.tracking.locks.parsing import parse

SAMPLES = Path(__file__).parents[1] / "locks" / "samples"
SIX = Package(name="six", version="1.16.0")


def snapshot(*packages: Package) -> EnvironmentSnapshot:
    return EnvironmentSnapshot(
        python=platform.python_version(), implementation="CPython", executable="", prefix="", platform="",
        packages=list(packages), digest="d",
    )  # fmt: skip


def sample(name: str) -> list:  # type: ignore[type-arg]
    return [parse(name, (SAMPLES / name).read_bytes())]


def fake_uv(folder: Path, script: str) -> str:
    program = folder / "uv"
    program.write_text(f'#!/bin/sh\necho "$@" >> {folder}/calls\n{script}\n')
    program.chmod(0o755)
    return str(program)


@pytest.mark.parametrize("name", ["uv.lock", "pylock.toml"])
def test_files_of_the_runs_own_locks(name: str, tmp_path: Path) -> None:
    """The index is not asked where a lock says it all."""
    uv = fake_uv(tmp_path, "exit 1")
    written = write_pylock(snapshot(SIX), sample(name), run_id="r", uv=uv)
    lock = tomllib.loads(written.text)
    (package,) = lock["packages"]
    assert package["wheels"][0]["hashes"]["sha256"].startswith("8abb2f1d")
    assert package["sdist"]["hashes"]["sha256"].startswith("1e61c374")
    assert lock["requires-python"] == f"=={'.'.join(platform.python_version_tuple()[:2])}.*"
    assert lock["tool"]["runward"] == {
        "run": "r", "python": platform.python_version(), "environment": "d", "left-out": [],
    }  # fmt: skip
    assert not (tmp_path / "calls").exists()
    assert written.digest == write_pylock(snapshot(SIX), sample(name), run_id="r").digest
    assert parse("pylock.toml", written.text.encode()).problems == []


def test_what_is_no_package_of_an_index() -> None:
    """Repositories by commit, archives by hash; folders are code, files that lie somewhere are left out."""
    packages = [
        Package(name="r", version="1", source="vcs", url="git+https://e.org/r", commit="c0", subdirectory="py"),
        Package(name="a", version="1", source="archive", url="https://e.org/a-1.whl", sha256="ff"),
        Package(name="own", version="0", source="editable", url="file:///p"),
        Package(name="wheel", version="2", source="archive", url="file:///w.whl"),
    ]
    written = write_pylock(snapshot(*packages))
    first, second = tomllib.loads(written.text)["packages"]
    assert first["vcs"] == {"type": "git", "url": "https://e.org/r", "commit-id": "c0", "subdirectory": "py"}
    assert second["archive"] == {"url": "https://e.org/a-1.whl", "hashes": {"sha256": "ff"}}
    assert written.left_out == {"wheel==2": "it was installed from file:///w.whl"}


def test_one_package_gone_from_the_index_costs_the_others_nothing(tmp_path: Path) -> None:
    """The set is asked for in halves until the one is alone."""
    uv = fake_uv(
        tmp_path,
        'names=$(cat); case "$names" in *gone*) echo "no such gone" >&2; exit 1;; esac\n'
        "printf 'lock-version = \"1.0\"\\n'; for pin in $names; do n=${pin%%==*}; v=${pin##*==}\n"
        'printf \'[[packages]]\\nname="%s"\\nversion="%s"\\nwheels=[{url="https://e.org/%s-1.whl",hashes={sha256="ab"}}]\\n\' '
        "$n $v $n; done",
    )
    packages = [Package(name=name, version="1") for name in ("a", "b", "gone", "c")]
    written = write_pylock(snapshot(*packages), uv=uv)
    assert [package["name"] for package in tomllib.loads(written.text)["packages"]] == ["a", "b", "c"]
    assert written.left_out == {"gone==1": "no such gone"}


def test_no_network_is_not_tried_again_and_again(tmp_path: Path) -> None:
    """One call for all."""
    uv = fake_uv(tmp_path, 'echo "error: client error (Connect) dns error" >&2; exit 2')
    written = write_pylock(snapshot(*(Package(name=f"p{n}", version="1") for n in range(8))), uv=uv, offline=True)
    assert written.packages == 0
    assert "dns error" in written.left_out["p0==1"]
    (call,) = (tmp_path / "calls").read_text().splitlines()
    assert "--offline" in call
    assert "--no-deps" in call


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.parametrize("name", ["", "pylock.toml"])
def test_uv_installs_it(name: str, tmp_path: Path) -> None:
    """Written from the index or from a lock, taken by ``uv pip sync`` with its hashes; a wrong hash is refused."""
    uv, venv, target = find_uv(), tmp_path / "venv", tmp_path / "pylock.toml"
    written = write_pylock(
        snapshot(SIX, Package(name="iniconfig", version="2.1.0")), sample(name) if name else [], uv=uv
    )
    assert (written.packages, written.left_out) == (2, {})
    target.write_text(written.text)
    subprocess.run([uv, "venv", "--no-project", "-q", str(venv)], check=True, timeout=60)
    sync = [uv, "pip", "sync", "-q", "--python", str(venv), str(target)]
    subprocess.run(sync, check=True, timeout=120, cwd=tmp_path)
    site = next(venv.glob("lib/python*/site-packages"))
    assert {p.name: p.version for p in scan_packages([str(site)])} == {"six": "1.16.0", "iniconfig": "2.1.0"}
    target.write_text(written.text.replace('sha256 = "', 'sha256 = "00').replace('00"', '"'))
    done = subprocess.run(
        [*sync, "--reinstall", "--no-cache"], capture_output=True, text=True, timeout=120, cwd=tmp_path
    )
    assert done.returncode != 0
    assert "hash" in done.stderr.lower()
