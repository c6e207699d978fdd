"""Drift between a lock and what is installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from runward.errors import EnvironmentNotRebuiltError
from runward.tracking.capture.model import EnvironmentSnapshot, Package
from runward.tracking.locks.drift import Different, Drift, Extra, Missing, described, find_drift, lock_of, ways_out
from runward.tracking.locks.finding import default_groups, find_lock, read_lock
from runward.tracking.locks.live import Edited, Live, choose_python, edited_files
from runward.tracking.locks.model import Lock, LockedPackage
from runward.tracking.locks.parsing import parse
from tests.locks.live import install, live

SAMPLES = Path(__file__).parent / "samples"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "lib" / "python3.11" / "site-packages"


def drift_of(name: str, found: Live, **options: object) -> Drift:
    lock = parse(name, (SAMPLES / name).read_bytes())
    return find_drift(lock, found, [], place=f"/p/{name}", **options)  # type: ignore[arg-type]


def test_uv_default_set_is_enough(site: Path) -> None:
    """The project's dependencies and the default group; extras, other groups and other platforms are not wanted."""
    install(site, "six", "1.16.0")
    install(site, "iniconfig", "2.1.0")
    found = drift_of("uv.lock", live(site))
    assert (found.verdict, found.missing, found.different, found.extra) == ("same", [], [], [])
    assert found.python.ok
    assert drift_of("uv.lock", live(site), groups=("docs",)).missing == [Missing("snowballstemmer", "3.0.1")]
    assert drift_of("uv.lock", live(site), groups=("*",)).missing == [Missing("snowballstemmer", "3.0.1")]


def test_missing_different_and_extra(site: Path) -> None:
    """An optional package may be missing, not in another version; extra alone is drift only if asked."""
    install(site, "six", "1.17.0")
    install(site, "idna", "3.9")
    install(site, "sample", "0.1.0")
    install(site, "flask", "3.0")
    found = drift_of("uv.lock", live(site))
    assert found.verdict == "drift"
    assert found.missing == [Missing("iniconfig", "2.1.0")]
    assert found.different == [Different("idna", "3.10", "3.9"), Different("six", "1.16.0", "1.17.0")]
    assert found.extra == [Extra("flask", "3.0")]
    lock = parse("uv.lock", (SAMPLES / "uv.lock").read_bytes())
    assert ways_out(found, lock) == ["uv sync"]
    assert "six: lock 1.16.0 ≠ installed 1.17.0" in list(described(found))


def test_extra_alone(site: Path) -> None:
    """Listed; drift only where it is asked for; not at all where a lock is not complete."""
    for name, version in (("six", "1.16.0"), ("idna", "3.10"), ("flask", "3.0")):
        install(site, name, version)
    assert drift_of("requirements.txt", live(site)).verdict == "same"
    assert drift_of("requirements.txt", live(site), strict=True).verdict == "drift"
    for number in range(12):
        install(site, f"more{number}", "1")
    assert list(described(drift_of("requirements.txt", live(site))))[-1] == "and 3 more that the lock does not name"
    partial = parse("requirements.txt", b"six==1.16.0\n")
    found = find_drift(partial, live(site), [], place="/p/requirements.txt", strict=True)
    assert (found.verdict, found.extra) == ("same", [])


def test_the_project_itself_is_not_extra(site: Path) -> None:
    """Where it is installed from the folder of the lock."""
    install(site, "six", "1.16.0")
    install(site, "idna", "3.10")
    install(site, "own", "0", '{"url": "file:///p", "dir_info": {"editable": true}}')
    assert drift_of("requirements.txt", live(site)).extra == []


@pytest.mark.parametrize("name", ["pylock.toml", "poetry.lock", "pdm.lock", "Pipfile.lock", "uv-requirements.txt"])
def test_other_python_locks(name: str, site: Path) -> None:
    """What their markers, groups and extras leave out is not missed."""
    assert "six" in {missing.name for missing in drift_of(name, live(site)).missing}
    for package, version in (("six", "1.16.0"), ("idna", "3.10"), ("iniconfig", "2.1.0"), ("snowballstemmer", "3.0.1")):
        install(site, package, version)
    assert drift_of(name, live(site)).verdict == "same"


def test_default_groups_of_a_pylock(site: Path) -> None:
    """Those that the lock names, not those of the project."""
    install(site, "six", "1")
    text = """lock-version = "1.0"\ndefault-groups = ["{}"]\n[[packages]]\nname = "idna"\nversion = "3"
        marker = "'test' in dependency_groups and 'x' not in extras"\n[[packages]]\nname = "six"\nversion = "1"\n"""
    for group, missing in (("test", ["idna"]), ("main", [])):
        lock = parse("pylock.toml", text.format(group).encode())
        assert [one.name for one in find_drift(lock, live(site), [], place="/p/pylock.toml").missing] == missing


def test_python_version(site: Path) -> None:
    """Outside of what the lock is for."""
    install(site, "six", "1.16.0")
    install(site, "iniconfig", "2.1.0")
    found = drift_of("uv.lock", live(site, "3.10.4"))
    assert (found.verdict, found.python.ok) == ("drift", False)
    assert next(iter(described(found))) == "Python: lock >=3.11, <3.15 ≠ 3.10.4"


def test_marker_that_is_not_understood(site: Path) -> None:
    """Is named, and neither missing nor extra."""
    lock = parse("requirements.txt", b"six==1 ; moon_phase == 'full'\nidna==3.10\n")
    install(site, "idna", "3.10")
    found = find_drift(lock, live(site), [], place="/p/requirements.txt")
    assert (found.verdict, found.missing, found.unevaluated) == ("same", [], ["six"])


def test_conda_needs_a_conda_environment(site: Path) -> None:
    """Undecided elsewhere; compared by platform within."""
    assert drift_of("conda-lock.yml", live(site)).verdict == "undecided"
    conda = [LockedPackage(ecosystem="conda", name=n, version=v) for n, v in (("numpy", "2.1.0"), ("python", "3.11.9"))]
    install(site, "six", "1.16.0")
    found = drift_of("conda-lock.yml", live(site)._replace(conda=conda))
    assert (found.missing, found.different) == ([Missing("pytest", "8.3.0")], [])


@pytest.mark.parametrize("name", ["renv.lock", "Manifest.toml", "gradle.lockfile"])
def test_other_languages_are_not_compared(name: str, site: Path) -> None:
    """And it is said."""
    found = drift_of(name, live(site))
    assert found.verdict == "undecided"
    assert "only Python and Conda" in found.problems[0]


def test_a_run_as_lock(site: Path) -> None:
    """Its captured set, exactly; what was editable is code."""
    packages = [Package(name="six", version="1.16.0"), Package(name="own", version="0", source="editable")]
    snapshot = EnvironmentSnapshot(
        python="3.11.7", implementation="CPython", executable="", prefix="", platform="", packages=packages
    )
    install(site, "six", "1.16.0")
    assert find_drift(lock_of(snapshot), live(site), [], place="run").verdict == "same"
    assert find_drift(lock_of(snapshot), live(site, "3.11.8"), [], place="run").python.ok is False
    assert lock_of(EnvironmentSnapshot(python="3", implementation="", executable="", prefix="", platform="")).problems


def test_edited_and_removed_files(site: Path) -> None:
    """Found by RECORD; a fresh installation has none."""
    for name in ("six", "idna", "own_tools"):
        install(site, name, "1.0")
    assert edited_files([str(site)]) == []
    (site / "six.py").write_text("VERSION = 'mine'\n")
    (site / "own_tools.py").unlink()
    edits = [Edited("own-tools", "own_tools.py", "gone"), Edited("six", "six.py", "edited")]
    assert edited_files([str(site), str(site)]) == edits
    lock = Lock(kind="pylock", packages=[LockedPackage(name="six", version="1.0")])
    found = find_drift(lock, live(site), edits, place="pylock.toml")
    assert found.verdict == "drift"
    assert ways_out(found, lock) == ["uv pip install --force-reinstall --no-deps own-tools six"]
    assert "six: six.py was edited after it was installed" in list(described(found))


def test_which_interpreter(tmp_path: Path) -> None:
    """Named, active, beside the lock, or this one; each says how it was chosen."""
    named = choose_python(None, sys.executable, {})
    assert (named.chosen_by, named.version) == ("--python", "{}.{}.{}".format(*sys.version_info[:3]))
    assert "pytest" in {package.name for package in named.packages}
    venv = tmp_path / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    assert choose_python(tmp_path, "", {}).chosen_by == "the project's .venv"
    assert choose_python(tmp_path, "", {"VIRTUAL_ENV": str(venv)}).chosen_by == "VIRTUAL_ENV"
    assert choose_python(None, "", {}).executable == sys.executable
    assert named.platform.partition("-")[0] in {"linux", "osx", "win"}
    with pytest.raises(EnvironmentNotRebuiltError, match="nowhere") as caught:
        choose_python(None, str(tmp_path / "nowhere"))
    assert "--python" in caught.value.hint


def test_the_nearest_lock(tmp_path: Path) -> None:
    """Upwards to the repository's root, the most telling of a folder; what pins nothing is none."""
    (tmp_path / "uv.lock").write_bytes((SAMPLES / "uv.lock").read_bytes())
    repository, inner = tmp_path / "repo", tmp_path / "repo" / "a" / "b"
    inner.mkdir(parents=True)
    assert find_lock(inner) is not None
    (repository / ".git").mkdir()
    assert find_lock(inner) is None
    (repository / "requirements.txt").write_text("six==1.16.0\n")
    (inner / "requirements.txt").write_text("six\n")
    (inner / "renv.lock").write_text("{}")
    found = find_lock(inner)
    assert found is not None
    assert found[0] == repository / "requirements.txt"
    (repository / "pylock.toml").write_bytes((SAMPLES / "pylock.toml").read_bytes())
    found = find_lock(inner)
    assert found is not None
    assert found[0].name == "pylock.toml"
    assert read_lock(tmp_path / "gone" / "uv.lock").problems


def test_default_groups(tmp_path: Path) -> None:
    """As uv has them: ``dev`` unless the project says otherwise."""
    assert default_groups(tmp_path) == ["dev"]
    (tmp_path / "pyproject.toml").write_text('[tool.uv]\ndefault-groups = ["dev", "docs"]\n')
    assert default_groups(tmp_path) == ["dev", "docs"]
    (tmp_path / "pyproject.toml").write_text('[tool.uv]\ndefault-groups = "all"\n')
    assert default_groups(tmp_path) == ["*"]
    (tmp_path / "pyproject.toml").write_text("not toml [")
    assert default_groups(tmp_path) == ["dev"]
