"""Environments are rebuilt from the exact set, cached, or refused with the reason."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from runward.errors import EnvironmentNotRebuiltError
from runward.repro.environment import (
    RebuiltEnvironment,
    locked_hashes,
    rebuild_environment,
    requirement_line,
)
from runward.repro.uv import find_uv
from runward.tracking.capture.environment import scan_packages
from runward.tracking.capture.model import EnvironmentSnapshot, Package
from runward.tracking.locks.model import Lock, LockedPackage
from tests.capture.test_host import install


def snapshot(*packages: Package, python: str = platform.python_version()) -> EnvironmentSnapshot:
    return EnvironmentSnapshot(
        python=python,
        implementation=platform.python_implementation(),
        executable=sys.executable,
        prefix=sys.prefix,
        platform=platform.platform(),
        packages=list(packages),
    )


def rebuild(tmp_path: Path, *packages: Package, **options: object) -> RebuiltEnvironment:
    return rebuild_environment(
        snapshot(*packages),
        tmp_path / "cache",
        offline=True,
        compile_bytecode=False,
        **options,  # type: ignore[arg-type]
    )


def answer(python: Path, program: str, paths: list[Path] | None = None) -> str:
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(map(str, paths or []))}
    done = subprocess.run([str(python), "-c", program], capture_output=True, text=True, env=env, timeout=60, check=True)
    return done.stdout.strip()


@pytest.fixture(autouse=True)
def _needs_uv() -> None:
    try:
        find_uv()
    except EnvironmentNotRebuiltError as error:
        pytest.skip(str(error))


def test_empty_environment_is_built_once(tmp_path: Path) -> None:
    """The second time it comes from the cache, and it runs where it was moved to."""
    first = rebuild(tmp_path)
    second = rebuild(tmp_path)
    assert (first.created, second.created) == (True, False)
    assert first.python == second.python
    assert first.packages == []
    assert answer(first.python, "import sys; print(sys.prefix)") == str(first.python.parent.parent)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [first.digest]


def test_package_from_a_local_wheel_is_copied(tmp_path: Path) -> None:
    """From an environment that has exactly it, by its RECORD."""
    site = tmp_path / "site"
    origin = {"url": "file:///gone/tool-1.whl", "archive_info": {}}
    site.mkdir()
    install(site, "tool_x", "1.0", origin, {"tool_x.py": "VALUE = 42\n"})
    (package,) = scan_packages([str(site)])
    built = rebuild(tmp_path, package, site_dirs=[str(site)])
    assert answer(built.python, "import tool_x; print(tool_x.VALUE)") == "42"
    assert [(item.name, item.version) for item in built.packages] == [("tool-x", "1.0")]
    assert built.problems == []
    (site / "tool_x-1.0.dist-info" / "RECORD").write_text("other")
    again = rebuild(tmp_path, package, site_dirs=[str(site)])
    assert "tool-x 1.0" in again.problems[0]
    assert again.digest != built.digest


def test_incomplete_local_package_is_an_error(tmp_path: Path) -> None:
    """Half a package is no rebuilt environment, and none is left in the cache."""
    site = tmp_path / "site"
    site.mkdir()
    install(site, "tool", "1.0", {"url": "file:///x.whl", "archive_info": {}}, {"tool.py": ""})
    (package,) = scan_packages([str(site)])
    (site / "tool.py").unlink()
    with pytest.raises(EnvironmentNotRebuiltError, match=r"tool\.py"):
        rebuild(tmp_path, package, site_dirs=[str(site)])
    assert list((tmp_path / "cache").iterdir()) == []


def test_project_installed_editable_is_the_restored_tree(tmp_path: Path) -> None:
    """Its import folder moves with it; it is no part of the cached environment."""
    project = tmp_path / "restored"
    (project / "python").mkdir(parents=True)
    (project / "python" / "mine.py").write_text("print('restored')")
    package = Package(name="mine", version="0", source="editable", url="file:///old", paths=["/old/python"])
    built = rebuild(tmp_path, package, project_dir=project, captured_root="/old")
    assert built.extra_paths == [project / "python"]
    assert answer(built.python, "import mine", built.extra_paths) == "restored"
    assert built.problems == []
    assert built.digest == rebuild(tmp_path).digest
    hooked = Package(name="mine", version="0", source="editable", url="file:///old")
    assert rebuild(tmp_path, hooked, project_dir=project, captured_root="/old").extra_paths == [project]


def test_other_editable_sources_are_a_problem(tmp_path: Path) -> None:
    """Used as they are now if they are here, named either way."""
    here = Package(name="other", version="0", source="editable", url="file:///x", paths=[str(tmp_path)])
    gone = Package(name="gone", version="0", source="editable", url="file:///y", paths=["/no/such/folder"])
    archive = Package(name="arch", version="1", source="archive", url="file:///z.tar.gz")
    built = rebuild(tmp_path, here, gone, archive)
    assert built.extra_paths == [tmp_path]
    assert [problem.split()[0] for problem in built.problems] == ["other", "gone", "arch"]


def test_the_runward_that_verifies_stands_in_for_one_that_is_gone(tmp_path: Path) -> None:
    """It measures and is no input; nothing else of its environment comes along."""
    gone = Package(name="runward", version="0.0.1", source="local", url="file:///gone/runward-0.0.1.whl")
    built = rebuild(tmp_path, gone)
    assert built.problems == ["runward 0.0.1 was installed from /gone/runward-0.0.1.whl, which is not here any more"]
    find = "from importlib.util import find_spec as f; print(f('runward') is not None, f('msgspec') is not None)"
    assert answer(built.python, find, built.extra_paths) == "True False"
    assert rebuild(tmp_path, gone).extra_paths == built.extra_paths


def test_missing_python_says_which(tmp_path: Path) -> None:
    """And how to get it."""
    with pytest.raises(EnvironmentNotRebuiltError, match=r"CPython 3\.11\.99") as caught:
        rebuild_environment(snapshot(python="3.11.99"), tmp_path / "cache")
    assert "uv python install 3.11.99" in caught.value.hint


def test_missing_uv_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not found anywhere."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    with pytest.raises(EnvironmentNotRebuiltError, match="uv") as caught:
        find_uv()
    assert "pip install uv" in caught.value.hint


def test_package_that_cannot_be_installed(tmp_path: Path) -> None:
    """What uv says is passed on; nothing is cached."""
    missing = Package(name="runward-no-such-package", version="9.9.9")
    with pytest.raises(EnvironmentNotRebuiltError, match="runward-no-such-package"):
        rebuild(tmp_path, missing)
    assert list((tmp_path / "cache").iterdir()) == []


def test_hashes_of_the_lock(tmp_path: Path) -> None:
    """For exactly that version from an index, not for the project itself; a broken lock gives none."""
    (tmp_path / "uv.lock").write_text(
        '[[package]]\nname = "Six"\nversion = "1.17.0"\nsource = { registry = "https://e.org/simple" }\n'
        'sdist = { url = "u", hash = "sha256:bb" }\nwheels = [{ url = "u", hash = "sha256:aa" }]\n'
        '[[package]]\nname = "mine"\nversion = "0"\nsource = { editable = "." }\n'
    )
    assert locked_hashes(tmp_path) == {("six", "1.17.0"): ["sha256:aa", "sha256:bb"]}
    (tmp_path / "uv.lock").write_text("not toml [")
    assert locked_hashes(tmp_path) == {}
    assert locked_hashes(None) == {}


@pytest.mark.parametrize(
    ("package", "line"),
    [
        (Package(name="six", version="1.17.0"), "six==1.17.0 --hash=sha256:aa"),
        (Package(name="six", version="1.16.0"), "six==1.16.0"),
        (
            Package(name="r", version="1", source="vcs", url="git+https://e.org/r", commit="c0", subdirectory="py"),
            "r @ git+https://e.org/r@c0#subdirectory=py",
        ),
        (
            Package(name="w", version="1", source="archive", url="https://e.org/w.whl", sha256="ff"),
            "w @ https://e.org/w.whl#sha256=ff",
        ),
    ],
)
def test_requirement_lines(package: Package, line: str) -> None:
    """From an index by version, from elsewhere by URL and commit or hash."""
    assert requirement_line(package, {("six", "1.17.0"): ["sha256:aa"]}) == line


def test_hashes_of_the_lock_that_was_stored_with_the_run(tmp_path: Path) -> None:
    """They count where no lock of the tree names the package."""
    names = {"six": "1.17.0", "idna": "3.10"}
    entries = [LockedPackage(name=name, version=version, hashes=["sha256:00"]) for name, version in names.items()]
    stored = Lock(kind="pylock", packages=entries)
    (tmp_path / "requirements.txt").write_text("six==1.17.0 --hash=sha256:cc\n")
    uv = tmp_path / "uv"
    uv.write_text(
        f"#!/bin/sh\ncase $1 in venv) mkdir -p $6/lib/python3/site-packages;; *) cp $5 {tmp_path}/asked; exit 1;; esac\n"
    )
    uv.chmod(0o755)
    packages = [Package(name=name, version=version) for name, version in names.items()]
    with pytest.raises(EnvironmentNotRebuiltError):
        rebuild_environment(snapshot(*packages), tmp_path / "cache", uv=str(uv), project_dir=tmp_path, lock=stored)
    assert (tmp_path / "asked").read_text().splitlines() == [
        "idna==3.10 --hash=sha256:00",
        "six==1.17.0 --hash=sha256:cc",
    ]


@pytest.mark.network
@pytest.mark.slow
def test_real_packages_from_the_index(tmp_path: Path) -> None:
    """The exact set, compiled; a hash of the lock that does not fit is refused."""
    packages = [Package(name="six", version="1.16.0"), Package(name="packaging", version="24.2")]
    built = rebuild_environment(snapshot(*packages), tmp_path / "cache")
    assert {item.name: item.version for item in built.packages} == {"six": "1.16.0", "packaging": "24.2"}
    assert answer(built.python, "import six; print(six.__version__)") == "1.16.0"
    assert list(built.python.parent.parent.rglob("six*.pyc"))
    (tmp_path / "uv.lock").write_text(
        '[[package]]\nname = "six"\nversion = "1.16.0"\nsource = { registry = "r" }\n'
        f'wheels = [{{ url = "u", hash = "sha256:{"0" * 64}" }}]\n'
    )
    with pytest.raises(EnvironmentNotRebuiltError, match=r"(?i)hash"):
        rebuild_environment(snapshot(*packages), tmp_path / "cache", project_dir=tmp_path)


def _uv_with(tmp_path: Path, installs: str) -> str:
    """A uv that knows no Python until it installed one."""
    program = tmp_path / "uv"
    program.write_text(
        f"""#!/bin/sh
echo "$@" >> {tmp_path}/calls
case "$1 $2" in
  "python find") [ -e {tmp_path}/installed ] && echo {sys.executable} || exit 2;;
  "python install") {installs};;
  venv*) {sys.executable} -m venv --without-pip "$6";;
esac
"""
    )
    program.chmod(0o755)
    return str(program)


def test_missing_python_is_installed_by_uv(tmp_path: Path) -> None:
    """Asked once, then used; not asked at all without a network."""
    uv = _uv_with(tmp_path, f"touch {tmp_path}/installed")
    with pytest.raises(EnvironmentNotRebuiltError, match="which is not installed here"):
        rebuild_environment(snapshot(python="3.11.99"), tmp_path / "cache", uv=uv, offline=True)
    assert "python install" not in (tmp_path / "calls").read_text()
    built = rebuild_environment(snapshot(python="3.11.99"), tmp_path / "cache", uv=uv, compile_bytecode=False)
    assert built.created
    assert "python install --no-bin cpython@3.11.99" in (tmp_path / "calls").read_text()


def test_a_python_that_uv_cannot_install(tmp_path: Path) -> None:
    """Uv's own words say why."""
    uv = _uv_with(tmp_path, "echo 'No download found' >&2; exit 2")
    with pytest.raises(EnvironmentNotRebuiltError, match=r"3\.11\.99.*No download found"):
        rebuild_environment(snapshot(python="3.11.99"), tmp_path / "cache", uv=uv)


def test_hashes_of_every_python_lock(tmp_path: Path) -> None:
    """The most telling one first; other languages have none to give."""
    (tmp_path / "requirements.txt").write_text("six==1.17.0 --hash=sha256:cc\nidna==3.10 --hash=sha256:dd\n")
    (tmp_path / "poetry.lock").write_text(
        '[[package]]\nname="six"\nversion="1.17.0"\nfiles=[{file="f", hash="sha256:aa"}]\n'
    )
    (tmp_path / "renv.lock").write_text('{"Packages": {"BH": {"Version": "1", "Hash": "ee"}}}')
    assert locked_hashes(tmp_path) == {("six", "1.17.0"): ["sha256:aa"], ("idna", "3.10"): ["sha256:dd"]}
