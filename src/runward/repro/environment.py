"""Rebuilding the captured environment: the exact set of packages in a fresh virtual environment, by uv."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import msgspec

from runward.core.hashing import digest_value
from runward.core.ids import Digest
from runward.errors import EnvironmentNotRebuiltError
from runward.repro.bytecode import compile_bytecode as compile_all
from runward.repro.graft import graft, installed_record
from runward.repro.scratch import scratch_folder
from runward.repro.uv import find_uv, run_uv
from runward.tracking.capture.environment import scan_packages
from runward.tracking.capture.model import BlobSource, EnvironmentSnapshot, Package, decode_path
from runward.tracking.locks.finding import locks_in
from runward.tracking.locks.model import Lock

Hashes = dict[tuple[str, str], list[str]]
"""``algorithm:value`` of a package's files, by name and version."""
_INSTALL_S = 600.0


class RebuiltEnvironment(msgspec.Struct, frozen=True, kw_only=True):
    """A virtual environment with the captured packages."""

    python: Path
    digest: str
    """Names the cached environment: Python version and exact set."""
    created: bool
    """False where a finished one was found in the cache."""
    packages: list[Package] = []
    extra_paths: list[Path] = []
    """To be put on ``PYTHONPATH``: the restored project, and editable sources used as they are now."""
    problems: list[str] = []


class _Builder(NamedTuple):
    interpreter: str
    uv: str
    options: list[str]
    site_dirs: list[str]
    blobs: BlobSource | None
    compiles: bool


class Source(NamedTuple):
    """A captured tree that was restored."""

    root: Path
    """Where it is now."""
    captured_root: str
    """Where it was."""


class _Plan(msgspec.Struct, kw_only=True):
    """How each captured package comes back."""

    lines: list[str] = []
    grafts: list[Package] = []
    extra_paths: list[Path] = []
    problems: list[str] = []
    edits: dict[str, str] = {}
    this_runward: bool = False
    """Whether the captured Runward is gone, so that this one has to be there in its place."""


def rebuild_environment(
    snapshot: EnvironmentSnapshot,
    cache_dir: Path,
    *,
    uv: str | None = None,
    offline: bool = False,
    project_dir: Path | None = None,
    captured_root: str = "",
    site_dirs: Sequence[str] | None = None,
    compile_bytecode: bool = True,
    sources: Mapping[str, Source] | None = None,
    blobs: BlobSource | None = None,
    lock: Lock | None = None,
) -> RebuiltEnvironment:
    """Build the captured environment, or find it in the cache. Nothing is resolved anew.

    Packages from an index come from the index that uv is configured for, checked against the hashes in the
    project's lock files where they have them, else in the lock that was stored with the run. The project itself, where it was installed editable, is the
    restored tree. A package from a local file is copied from an environment that still has exactly it.

    Args:
        snapshot: The captured environment.
        cache_dir: Where finished environments are kept, by digest.
        uv: The uv program; by default the one on ``PATH`` or of the ``uv`` package.
        offline: Use only what uv has in its cache.
        project_dir: The restored tree.
        captured_root: ``CodeSnapshot.root`` of the run, to tell the project from other editable installs.
        site_dirs: Where packages from local files are looked for; by default this interpreter's import path.
        compile_bytecode: Compile once here, so that no rerun pays for it.
        sources: Where the captured trees of editable installs were restored, by package.
        blobs: Holds the files that somebody had edited in the captured environment; they are put back.
        lock: What was stored with the run of its packages' files.

    Raises:
        EnvironmentNotRebuiltError: uv or that Python is missing, or the exact set cannot be installed.
    """
    program = uv or find_uv()
    own = Source(project_dir, os.fsdecode(decode_path(captured_root))) if project_dir else None
    hashes = hashes_of([lock] if lock else []) | locked_hashes(project_dir)
    plan = _plan(snapshot, own, dict(sources or {}), site_dirs or sys.path, hashes)
    plan.edits = {path: digest for package in snapshot.packages for path, digest in package.edited.items()}
    identity: list[Any] = [snapshot.implementation, snapshot.python, platform.machine(), sorted(plan.lines)]
    digest = digest_value([*identity, _records(plan.grafts), *sorted(plan.edits.items())])[:32]
    place = Path(cache_dir) / digest
    if plan.this_runward:
        plan.extra_paths.append(_this_runward(Path(cache_dir)))
    created = not place.exists()
    if created:
        interpreter = _interpreter(snapshot, program, offline=offline)
        options = ["--offline"] if offline else []
        tools = _Builder(interpreter, program, options, list(site_dirs or sys.path), blobs, compile_bytecode)
        _build(place, tools, plan)
    return RebuiltEnvironment(
        python=_python_of(place),
        digest=digest,
        created=created,
        packages=scan_packages([str(_site_packages(place))]),
        extra_paths=plan.extra_paths,
        problems=plan.problems,
    )


def locked_hashes(project_dir: Path | None) -> Hashes:
    """Hashes of packages by name and version from the locks in a tree's uppermost folder; empty without any."""
    return hashes_of(locks_in(project_dir)) if project_dir else {}


def hashes_of(locks: Iterable[Lock]) -> Hashes:
    """Hashes of Python packages by name and version, as some locks name them; the first one that does counts."""
    found: Hashes = {}
    for lock in locks:
        for package in lock.packages:
            hashes = [one for one in package.hashes if one.startswith(("sha256:", "sha384:", "sha512:"))]
            if package.ecosystem == "python" and hashes:
                found.setdefault((package.name, package.version), hashes)
    return found


def _plan(
    snapshot: EnvironmentSnapshot,
    own: Source | None,
    sources: dict[str, Source],
    site_dirs: Iterable[str],
    hashes: Hashes,
) -> _Plan:
    plan, dirs = _Plan(), list(site_dirs)
    for package in snapshot.packages:
        if package.source in ("editable", "local"):
            _plan_local(package, plan, sources.get(package.name, own), dirs)
        elif package.source == "index" or package.url.startswith("http") or package.commit:
            plan.lines.append(requirement_line(package, hashes))
        elif package.record and installed_record(package, dirs):
            plan.grafts.append(package)
        else:
            _plan_without(package, plan, f"came from {package.url}")
    return plan


def _plan_local(package: Package, plan: _Plan, tree: Source | None, site_dirs: list[str]) -> None:
    source = unquote(urlsplit(package.url).path)
    if tree is not None and tree.captured_root and Path(source).is_relative_to(tree.captured_root):
        plan.extra_paths += _project_paths(package, tree.root, Path(source), tree.captured_root)
    elif package.source == "local" and package.record and installed_record(package, site_dirs):
        plan.grafts.append(package)
    elif package.source == "editable" and (found := [Path(path) for path in package.paths if Path(path).is_dir()]):
        plan.extra_paths += found
        plan.problems.append(f"{package.name} is installed from {source} as it is now, which was not captured")
    else:
        _plan_without(package, plan, f"was installed from {source}")


def _plan_without(package: Package, plan: _Plan, origin: str) -> None:
    """What is gone is told; where it is Runward, the one that verifies takes its place: it measures, and is no input."""
    plan.problems.append(f"{package.name} {package.version} {origin}, which is not here any more")
    plan.this_runward |= package.name == "runward"


def _this_runward(cache_dir: Path) -> Path:
    """A folder that holds the running Runward and no other package of its environment."""
    package = Path(__file__).parents[1]
    folder = cache_dir / f"instrument-{digest_value(str(package))[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        (folder / package.name).symlink_to(package, target_is_directory=True)
    return folder


def _project_paths(package: Package, project: Path, source: Path, root: str) -> list[Path]:
    inside = [project / Path(path).relative_to(root) for path in package.paths if Path(path).is_relative_to(root)]
    home = project / source.relative_to(root)
    return inside or [home / "src" if (home / "src").is_dir() else home]


def requirement_line(package: Package, hashes: Hashes) -> str:
    """The line of a requirements file that installs exactly that package, with the hashes known for it."""
    if package.source == "index":
        known = hashes.get((package.name, package.version), [])
        return " ".join([f"{package.name}=={package.version}", *(f"--hash={item}" for item in known)])
    commit = f"@{package.commit}" if package.commit else ""
    marks = [f"subdirectory={package.subdirectory}" if package.subdirectory else ""]
    marks.append(f"sha256={package.sha256}" if package.sha256 else "")
    fragment = "&".join(mark for mark in marks if mark)
    return f"{package.name} @ {package.url}{commit}" + (f"#{fragment}" if fragment else "")


def _records(packages: Iterable[Package]) -> list[tuple[str, str]]:
    return sorted((package.name, package.record) for package in packages)


def _interpreter(snapshot: EnvironmentSnapshot, uv: str, *, offline: bool) -> str:
    """That Python on this machine; uv installs it where it is missing and the network gives it."""
    if platform.python_version() == snapshot.python and platform.python_implementation() == snapshot.implementation:
        return str(getattr(sys, "_base_executable", "") or sys.executable)
    wanted = f"{snapshot.implementation.lower()}@{snapshot.python}"
    find = [uv, "python", "find", "--no-project", "--system", "--no-python-downloads", wanted]
    done = run_uv(find)
    if done.returncode and not offline:
        install = run_uv([uv, "python", "install", "--no-bin", wanted], timeout_s=_INSTALL_S)
        done = install if install.returncode else run_uv(find)
    if done.returncode:
        raise EnvironmentNotRebuiltError(
            f"python: the run used {snapshot.implementation} {snapshot.python}, which is not installed here"
            + ("" if offline else f", and uv could not install it: {' '.join(done.stderr.split())[-300:]}"),
            hint=f"Install it (`uv python install {snapshot.python}`) or verify on a machine that has it.",
        )
    return done.stdout.strip()


def _build(place: Path, tools: _Builder, plan: _Plan) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(place.parent, "building-") as work:
        venv = work / "venv"
        create = ["venv", "--no-project", "--relocatable", "--python", tools.interpreter, str(venv)]
        _must([tools.uv, *create], "the virtual environment")
        if plan.lines:
            _install(venv, plan.lines, tools)
        for package in plan.grafts:
            graft(package, tools.site_dirs, _site_packages(venv))
        _check_exact(venv, plan)
        _put_back(plan.edits, tools.blobs, _site_packages(venv))
        if tools.compiles:
            compile_all(_site_packages(venv), _python_of(venv), place.parent)
        (venv / "runward-environment.json").write_text(json.dumps({"exact": sorted(plan.lines)}, indent=1))
        _publish(venv, place)


def _install(venv: Path, lines: list[str], tools: _Builder) -> None:
    exact = venv.parent / "exact.txt"
    exact.write_text("\n".join(sorted(lines)) + "\n", "utf-8")
    into = ["--python", str(_python_of(venv)), *tools.options]
    _must([tools.uv, "pip", "install", "--no-deps", "-r", str(exact), *into], "the exact set of packages")


def _put_back(edits: dict[str, str], blobs: BlobSource | None, site: Path) -> None:
    for path, digest in edits.items():
        target = site / path
        if blobs is None or not target.resolve().is_relative_to(site.resolve()):
            raise EnvironmentNotRebuiltError(f"packages: the edited {path} was not kept", hint="Install it unedited.")
        # uv links files to its cache: whoever wrote into one would edit that too.
        target.unlink(missing_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        blobs.copy_to(Digest(digest), target)


def _publish(venv: Path, place: Path) -> None:
    try:
        venv.rename(place)
    except OSError:
        if not place.exists():  # otherwise somebody else finished the same environment first
            raise


def _check_exact(venv: Path, plan: _Plan) -> None:
    built = {package.name: package.version for package in scan_packages([str(_site_packages(venv))])}
    expected = [line.split(" ")[0].partition("==") for line in plan.lines]
    wrong = [
        f"{name} {built.get(name, 'missing')} instead of {version or 'the captured one'}"
        for name, _, version in expected
        if name not in built or (version and built[name] != version)
    ]
    if wrong:
        raise EnvironmentNotRebuiltError(f"packages: built {', '.join(wrong)}", hint="Report this set of packages.")


def _must(command: list[str], what: str) -> None:
    done = run_uv(command)
    if done.returncode:
        ended = f" (uv was ended by signal {-done.returncode})" if done.returncode < 0 else ""
        raise EnvironmentNotRebuiltError(
            f"environment: {what} could not be installed{ended}: {' '.join(done.stderr.split())[-800:]} "
            "The package index that uv is configured for has to be reachable and to have these very files; other places "
            "are named by UV_INDEX or UV_FIND_LINKS",
            hint="Check that the package index is reachable and still has these versions.",
        )


def _python_of(venv: Path) -> Path:
    return venv / "Scripts" / "python.exe" if os.name == "nt" else venv / "bin" / "python"


def _site_packages(venv: Path) -> Path:
    if os.name == "nt":
        return venv / "Lib" / "site-packages"
    return next(iter(sorted(venv.glob("lib/python*/site-packages"))), venv / "lib" / "site-packages")
