"""Drift: how what is installed differs from what a lock says."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

import msgspec

from runward.errors import InvalidError
from runward.tracking.capture.environment import normalised_name
from runward.tracking.capture.model import EnvironmentSnapshot, Package
from runward.tracking.locks.live import Edited, Live
from runward.tracking.locks.model import Ecosystem, Lock, LockedPackage
from runward.tracking.locks.versions import Environment, applies, same_version, satisfies

_SHOWN = 10
Verdict = Literal["same", "drift", "undecided"]


class Missing(msgspec.Struct, frozen=True, order=True):
    """A package that the lock wants and that is not installed."""

    name: str
    locked: str


class Different(msgspec.Struct, frozen=True, order=True):
    """A package that is installed in another version."""

    name: str
    locked: str
    """The version, or versions by commas."""
    installed: str


class Extra(msgspec.Struct, frozen=True, order=True):
    """A package that is installed and that a complete lock does not name."""

    name: str
    installed: str


class PythonFound(msgspec.Struct, frozen=True, kw_only=True):
    """The interpreter that was looked at."""

    executable: str
    version: str
    chosen_by: str
    required: str
    """The versions that the lock is for; empty where it does not say."""
    ok: bool | None
    """None where the lock does not say, or not in a way that is understood."""


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between a lock and an environment."""

    lock: str
    kind: str
    verdict: Verdict
    python: PythonFound
    missing: list[Missing] = []
    different: list[Different] = []
    extra: list[Extra] = []
    edited: list[Edited] = []
    unevaluated: list[str] = []
    """Packages whose marker is not understood, so that nobody knows whether they belong here."""
    problems: list[str] = []


def find_drift(
    lock: Lock,
    live: Live,
    edited: list[Edited],
    *,
    place: str,
    groups: Collection[str] = ("dev",),
    strict: bool = False,
) -> Drift:
    """Compare.

    What belongs only to extras or to groups that are not installed by default may be missing, but not in another
    version. A package that is installed and not named by a complete lock is listed, and counts if ``strict``.

    Args:
        lock: What should be installed.
        live: What is.
        edited: Its files that are not as they were installed.
        place: The lock's name, for the report.
        groups: The groups that are installed by default, where the lock is a graph.
        strict: Whether packages that the lock does not name are drift.
    """
    kinds = {package.ecosystem for package in lock.packages}
    python, problems = _python(lock, live), list(lock.problems)
    if not lock.packages or not kinds & {"python", "conda"}:
        why = [] if problems else ["only Python and Conda packages can be compared with what is installed"]
        return Drift(lock=place, kind=lock.kind, verdict="undecided", python=python, problems=problems + why)
    if "conda" in kinds and not live.conda:
        problems.append(f"{live.executable} belongs to no Conda environment")
        return Drift(lock=place, kind=lock.kind, verdict="undecided", python=python, problems=problems)
    wanted = _Wanted(lock, live, groups)
    installed = _installed(live, kinds)
    missing = [
        Missing(name, ", ".join(sorted(versions)))
        for (ecosystem, name), versions in wanted.required.items()
        if (ecosystem, name) not in installed
    ]
    different = [
        Different(key[1], ", ".join(sorted(versions)), installed[key])
        for key, versions in wanted.allowed.items()
        if key in installed and not any(not v or same_version(v, installed[key]) for v in versions)
    ]
    extra = _extra(lock, live, wanted, place) if lock.complete and "conda" not in kinds else []
    drifted = bool(missing or different or edited or (strict and extra)) or python.ok is False
    return Drift(
        lock=place,
        kind=lock.kind,
        verdict="drift" if drifted else "same",
        python=python,
        missing=sorted(missing),
        different=sorted(different),
        extra=sorted(extra),
        edited=edited,
        unevaluated=sorted(wanted.unevaluated),
        problems=problems,
    )


def lock_of(snapshot: EnvironmentSnapshot) -> Lock:
    """A run's captured set, as a lock. What was editable belongs to the code and is left out."""
    packages = [
        LockedPackage(name=package.name, version=package.version)
        for package in snapshot.packages
        if package.source != "editable"
    ]
    lock = Lock(kind="run", packages=packages, python=f"=={snapshot.python}")
    if not packages:
        lock.problems.append("no package was captured")
    return lock


def _python(lock: Lock, live: Live) -> PythonFound:
    ok: bool | None = None
    if lock.python:
        try:
            ok = satisfies(live.version, lock.python)
        except InvalidError as error:
            lock.problems.append(error.message)
    return PythonFound(
        executable=live.executable, version=live.version, chosen_by=live.chosen_by, required=lock.python, ok=ok
    )


Key = tuple[Ecosystem, str]


def _installed(live: Live, kinds: Collection[Ecosystem]) -> dict[Key, str]:
    found: dict[Key, str] = {("python", package.name): package.version for package in live.packages}
    return found | {("conda", package.name): package.version for package in live.conda if "conda" in kinds}


class _Wanted:
    """What a lock wants in one environment: versions by package."""

    def __init__(self, lock: Lock, live: Live, groups: Collection[str]) -> None:
        self._lock, self._platform = lock, live.platform
        given = groups if lock.groups is None else lock.groups
        self._environment: Environment = {**live.markers, "extra": "", "extras": (), "dependency_groups": given}
        self.unevaluated = set[str]()
        self.allowed: dict[Key, set[str]] = {}
        self.required: dict[Key, set[str]] = {}
        here = [package for package in lock.packages if self._is_here(package)]
        for package in here:
            self.allowed.setdefault((package.ecosystem, package.name), set()).add(package.version)
        reached = self._reached(groups) if lock.roots else None
        for package in here:
            node = f"{package.name}=={package.version}"
            if not package.optional if reached is None else node in reached:
                self.required.setdefault((package.ecosystem, package.name), set()).add(package.version)
        self.allowed |= self.required

    def _is_here(self, package: LockedPackage) -> bool:
        is_platform = package.platform in ("", "noarch", self._platform)
        return is_platform and (package.optional or self._applies(package.marker, package.name))

    def _applies(self, marker: str, name: str) -> bool:
        try:
            return not marker or applies(marker, self._environment)
        except InvalidError:
            self.unevaluated.add(name)
            return False

    def _reached(self, groups: Collection[str]) -> set[str]:
        """The nodes of the graph that are installed by default."""
        lock, versions = self._lock, dict[str, list[str]]()
        for package in lock.packages:
            versions.setdefault(package.name, []).append(package.version)
        everything = "*" in groups
        waiting = list(lock.roots)
        for root in lock.roots:
            waiting += [key for key in lock.needs if key.startswith(f"{root}:") and everything]
            waiting += [f"{root}:{group}" for group in groups]
        reached = set[str]()
        while waiting:
            node = waiting.pop()
            if node in reached:
                continue
            reached.add(node)
            for need in lock.needs.get(node, []):
                if self._applies(need.marker, need.name):
                    found = [need.version] if need.version else versions.get(need.name, [])
                    targets = [f"{need.name}=={version}" for version in found]
                    waiting += [*targets, *(f"{target}[{extra}]" for target in targets for extra in need.extras)]
        return reached


def _extra(lock: Lock, live: Live, wanted: _Wanted, place: str) -> list[Extra]:
    named = {normalised_name(package.name) for package in lock.packages} | wanted.unevaluated
    roots = {root.partition("==")[0] for root in lock.roots}
    home = str(Path(place).absolute().parent)
    others = (package for package in live.packages if package.name not in named | roots)
    return [Extra(package.name, package.version) for package in others if not _is_own(package, home)]


def _is_own(package: Package, home: str) -> bool:
    """Whether it is the project itself, which its lock need not name."""
    return package.source in ("editable", "local") and unquote(urlsplit(package.url).path).rstrip("/") == home


_WAYS = {
    "uv": "uv sync",
    "pylock": "uv pip sync {lock}",
    "poetry": "poetry sync",
    "pdm": "pdm sync",
    "pipenv": "pipenv sync",
    "conda-lock": "conda-lock install {lock}",
    "conda-explicit": "conda install --file {lock}",
    "run": "runward env lock {lock} -o pylock.toml && uv pip sync pylock.toml",
}


def ways_out(drift: Drift, lock: Lock) -> list[str]:
    """The commands that bring the environment back to the lock."""
    ways = list[str]()
    if drift.missing or drift.different or drift.python.ok is False:
        plain = "uv pip sync {lock}" if lock.complete else "uv pip install -r {lock}"
        ways.append(_WAYS.get(drift.kind, plain).format(lock=drift.lock))
    if drift.edited:
        names = " ".join(sorted({edited.package for edited in drift.edited}))
        ways.append(f"uv pip install --force-reinstall --no-deps {names}".strip())
    return ways


def described(drift: Drift) -> Iterable[str]:
    """The drift line by line, for people."""
    python = drift.python
    if python.ok is False:
        yield f"Python: lock {python.required} ≠ {python.version}"
    yield from (f"{one.name}: lock {one.locked or 'any version'}, not installed" for one in drift.missing)
    yield from (f"{one.name}: lock {one.locked} ≠ installed {one.installed}" for one in drift.different)
    yield from (f"{one.package}: {one.file} was {_CHANGES[one.change]}" for one in drift.edited)
    yield from (f"{one.name}: installed {one.installed}, not in the lock" for one in drift.extra[:_SHOWN])
    if len(drift.extra) > _SHOWN:
        yield f"and {len(drift.extra) - _SHOWN:,} more that the lock does not name"
    yield from (f"{name}: its marker is not understood, so it was not compared" for name in drift.unevaluated)
    yield from drift.problems


_CHANGES = {"edited": "edited after it was installed", "gone": "removed after it was installed"}
