"""The rules of environments: captured documents and lock files of the captured tree, read when somebody asks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, TypeVar

import msgspec

from runward.core.call import Room
from runward.core.ids import Digest
from runward.errors import InvalidError, NotFoundError
from runward.governance.calling import Call
from runward.tracking import repository as sql
from runward.tracking.api import Tracking
from runward.tracking.capture.model import EnvironmentSnapshot, FileEntry, MachineSnapshot
from runward.tracking.environments_api import Environments
from runward.tracking.environments_model import (
    AttachedLock,
    ContentPackage,
    EnvironmentDifferences,
    FactDifference,
    LockContent,
    LockDifference,
    PackageDifference,
    RunEnvironment,
    RunPackage,
    StoredLock,
)
from runward.tracking.locks.comparing import Listed, changed
from runward.tracking.locks.model import Lock
from runward.tracking.locks.names import MAX_BYTES, attached, kind_of
from runward.tracking.locks.parsing import parse

T = TypeVar("T")
_FACTS = ("python", "implementation", "platform", "libc")


class _Tree(msgspec.Struct):
    """The part of a captured tree that matters here."""

    files: list[FileEntry] = []


class EnvironmentsService(Environments):
    """See :class:`Environments`."""

    room: ClassVar[str] = "environments"

    def __init__(self, call: Call) -> None:
        self.call, self.tx = call, call.tx

    def environment(self, run_id: str) -> RunEnvironment:
        """See the contract."""
        found = self._snapshot(run_id)
        if found is None:
            raise NotFoundError(f"run {run_id} has no captured environment", hint="it was imported, or died early")
        return RunEnvironment(
            run_id=run_id,
            python=found.python,
            implementation=found.implementation,
            platform=found.platform,
            libc=found.libc,
            digest=found.digest,
            packages=[
                RunPackage(name=p.name, version=p.version, source=p.source, url=p.url, edited=len(p.edited))
                for p in found.packages
            ],
            variables=found.variables,
            machine=self._machine(run_id),
            libraries=_libraries(found),
            locks=[_attached(entry) for entry in self._locks(run_id)],
            pylock=self._pylock(run_id),
        )

    def lock_content(self, run_id: str, path: str) -> LockContent:
        """See the contract."""
        entry = next((entry for entry in self._locks(run_id) if entry.path == path), None)
        if entry is None:
            raise NotFoundError(f"run {run_id} has no lock file {path[:200]!r}", hint="`runward env show` lists them")
        lock = self._parsed(run_id, entry)
        packages = [
            ContentPackage(
                ecosystem=package.ecosystem,
                name=package.name,
                version=package.version,
                hashes=package.hashes,
                marker=package.marker,
                platform=package.platform,
                optional=package.optional,
            )
            for package in lock.packages
        ]
        return LockContent(path=path, kind=lock.kind, python=lock.python, packages=packages, problems=lock.problems)

    def environment_differences(self, first: str, second: str) -> EnvironmentDifferences:
        """See the contract."""
        runs = [self.call.use(Tracking).resolve_run(ref).id for ref in (first, second)]
        sides = [self._snapshot(run_id) for run_id in runs]
        packages = [
            [Listed("python", package.name, package.version) for package in side.packages] if side else []
            for side in sides
        ]
        facts = [self._facts(run_id, side) for run_id, side in zip(runs, sides, strict=True)]
        names = list(dict.fromkeys([*facts[0], *facts[1]]))
        pairs = [(name, facts[0].get(name, ""), facts[1].get(name, "")) for name in names]
        return EnvironmentDifferences(
            first=runs[0],
            second=runs[1],
            facts=[FactDifference(*pair) for pair in pairs if pair[1] != pair[2]],
            packages=_differences(*packages),
            locks=self._lock_differences(runs),
        )

    def _lock_differences(self, runs: Sequence[str]) -> list[LockDifference]:
        sides = [{entry.path: entry for entry in self._locks(run_id)} for run_id in runs]
        found = []
        for path in sorted({*sides[0], *sides[1]}):
            entries = [side.get(path) for side in sides]
            if len({entry.digest if entry else "" for entry in entries}) == 1:
                continue
            locks = [self._parsed(run_id, entry) for run_id, entry in zip(runs, entries, strict=True)]
            found.append(
                LockDifference(
                    path=path,
                    kind=kind_of(path),
                    change="added" if entries[0] is None else "removed" if entries[1] is None else "modified",
                    packages=_differences(*(_listed(lock) for lock in locks)),
                    problems=sorted({problem for lock in locks for problem in lock.problems}),
                )
            )
        return found

    def _facts(self, run_id: str, side: EnvironmentSnapshot | None) -> dict[str, str]:
        found = {name: str(getattr(side, name)) for name in _FACTS if side}
        groups = {"machine": self._machine(run_id)}
        if side:
            groups |= {"variable": side.variables, "library": _libraries(side)}
        return found | {f"{group} {name}": text for group, named in groups.items() for name, text in named.items()}

    def _machine(self, run_id: str) -> dict[str, str]:
        data = self._document(run_id, "machine")
        return {} if data is None else _machine_facts(_decoded(data, MachineSnapshot))

    def _pylock(self, run_id: str) -> StoredLock | None:
        part = next((part for part in sql.captures(self.tx, run_id) if part.kind == "pylock"), None)
        return None if part is None else _decoded(msgspec.json.encode(part.summary), StoredLock)

    def _snapshot(self, run_id: str) -> EnvironmentSnapshot | None:
        data = self._document(run_id, "environment")
        return None if data is None else _decoded(data, EnvironmentSnapshot)

    def _locks(self, run_id: str) -> list[FileEntry]:
        data = self._document(run_id, "code")
        code = None if data is None else _decoded(data, _Tree)
        return attached(code.files) if code else []

    def _document(self, run_id: str, kind: str) -> bytes | None:
        part = next((part for part in sql.captures(self.tx, run_id) if part.kind == kind), None)
        return None if part is None else self.call.blobs.read(part.digest)

    def _parsed(self, run_id: str, entry: FileEntry | None) -> Lock:
        if entry is None:
            return Lock(kind="")
        # A captured document is data from a client: it must never open another project's bytes.
        project_id = self.tx.scalar("SELECT project_id FROM runs WHERE id = ?", (run_id,))
        size = sql.blob_size(self.tx, project_id, entry.digest)
        if size is None or size > MAX_BYTES:
            return Lock(kind=kind_of(entry.path), problems=["its content is not stored, or too large to be read"])
        if not self.call.may_show(entry.digest, ("run", run_id)):
            return Lock(kind=kind_of(entry.path), problems=["its content is restricted"])
        return parse(entry.path, self.call.blobs.read(Digest(entry.digest)))


def _libraries(found: EnvironmentSnapshot) -> dict[str, str]:
    return found.library_builds or dict.fromkeys(found.libraries, "loaded")


def _machine_facts(found: MachineSnapshot) -> dict[str, str]:
    facts: dict[str, object] = {
        "os": found.os,
        "kernel": found.kernel,
        "architecture": found.architecture,
        "cpu": found.cpu,
        "cpu level": found.cpu_level,
        "usable cpus": found.usable_cpus,
        "memory": f"{found.memory_bytes / 2**30:.1f} GiB" if found.memory_bytes else "",
        "gpus": ", ".join(f"{gpu.name} (driver {gpu.driver or 'unknown'})" for gpu in found.gpus),
        **{f"threads of {name}": number for name, number in found.threads.items()},
        **{f"kernels of {name}": kind for name, kind in found.kernels.items()},
    }
    return {name: str(value) for name, value in facts.items() if value}


def _attached(entry: FileEntry) -> AttachedLock:
    return AttachedLock(path=entry.path, kind=kind_of(entry.path), digest=entry.digest, size=entry.size)


def _listed(lock: Lock) -> list[Listed]:
    return [Listed(package.ecosystem, package.name, package.version) for package in lock.packages]


def _differences(first: Iterable[Listed], second: Iterable[Listed]) -> list[PackageDifference]:
    return [
        PackageDifference(ecosystem=one.ecosystem, name=one.name, before=one.before, after=one.after)
        for one in changed(first, second)
    ]


def _decoded(data: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise InvalidError(f"a captured document is not what it should be: {error}") from error


ROOM = Room(Environments, EnvironmentsService, {}, {})
