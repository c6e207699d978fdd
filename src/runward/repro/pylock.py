"""A run's captured set as ``pylock.toml`` (PEP 751): exact versions with the hashes of their files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from runward.core.hashing import digest_bytes
from runward.errors import CorruptedError, NotFoundError
from runward.repro.uv import run_uv
from runward.tracking.capture.model import EnvironmentSnapshot, Package
from runward.tracking.capture.redact import redact_url
from runward.tracking.files import Files
from runward.tracking.locks.model import Lock, LockedPackage
from runward.tracking.locks.parsing import parse

Pin = tuple[str, str]
"""Name and version."""
_NO_NETWORK = re.compile(r"error sending request|dns error|Connection refused|client error|timed out|network", re.I)
_SHOWN = 400


class WrittenLock(msgspec.Struct, frozen=True, kw_only=True):
    """A ``pylock.toml`` and what it could not hold."""

    text: str
    digest: str
    packages: int
    left_out: dict[str, str] = {}
    """Why a captured package is not in it, by ``name==version``."""


def stored_lock(files: Files, run_id: str) -> WrittenLock | None:
    """The lock that was stored with a run; None where there is none. Raises: CorruptedError."""
    try:
        return msgspec.json.decode(files.capture(run_id, "pylock"), type=WrittenLock)
    except NotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise CorruptedError(f"the stored lock of run {run_id} is not what it should be: {error}") from error


class _Files(NamedTuple):
    found: dict[Pin, LockedPackage]
    problem: str


def write_pylock(
    snapshot: EnvironmentSnapshot,
    locks: Sequence[Lock] = (),
    *,
    run_id: str = "",
    uv: str | None = None,
    offline: bool = False,
) -> WrittenLock:
    """Write the captured set as a lock. Nothing is resolved: the versions are those that were installed.

    Files and hashes come from the run's own locks where they name them, and from the package index otherwise. What was
    installed from a folder is code, not a package, and is left out; so is what nobody knows the files of.

    Args:
        snapshot: The captured environment.
        locks: The lock files that were captured with it.
        run_id: Named in the lock; empty for a lock of all runs in that environment.
        uv: The uv program, to ask the index; None asks nobody.
        offline: Ask only uv's cache.
    """
    pins = [(package.name, package.version) for package in snapshot.packages if package.source == "index"]
    files = known_files(locks, pins)
    missing = [pin for pin in pins if pin not in files]
    asked = _ask_index(missing, snapshot.python, uv, offline) if uv and missing else _Files({}, "uv was not asked")
    files |= asked.found
    entries, left_out = list[str](), dict[str, str]()
    for package in snapshot.packages:
        entry = _entry(package, files.get((package.name, package.version)))
        if entry:
            entries.append(entry)
        elif package.source != "editable":
            why = asked.problem if package.source == "index" else f"it was installed from {package.url}"
            left_out[f"{package.name}=={package.version}"] = why or "the index has no files of it"
    text = "\n".join([_head(snapshot), *entries, _tail(snapshot, run_id, left_out)])
    return WrittenLock(text=text, digest=digest_bytes(text.encode()), packages=len(entries), left_out=left_out)


def known_files(locks: Iterable[Lock], pins: Iterable[Pin]) -> dict[Pin, LockedPackage]:
    """Those of some packages whose files, with hashes and places, a lock names."""
    wanted, found = set(pins), dict[Pin, LockedPackage]()
    for package in (package for lock in locks for package in lock.packages):
        pin = (package.name, package.version)
        if pin in wanted and package.ecosystem == "python" and any(_places(package)):
            found.setdefault(pin, package)
    return found


def _places(package: LockedPackage) -> dict[str, str]:
    """Places of files that anybody can fetch, by ``sha256:…``."""
    return {
        digest: redact_url(url)
        for digest, url in package.urls.items()
        if digest.startswith("sha256:") and urlsplit(url).scheme in ("https", "http")
    }


def _ask_index(pins: Sequence[Pin], python: str, uv: str, offline: bool) -> _Files:
    """Ask for the files of exact versions. A package that the index has not costs the others nothing but time."""
    lines = "".join(f"{name}=={version}\n" for name, version in pins)
    options = ["--no-deps", "--format", "pylock.toml", "--no-header", "--quiet", "--python-version", python]
    done = run_uv([uv, "pip", "compile", *options, *(["--offline"] if offline else []), "-"], lines)
    if done.returncode == 0:
        lock = parse("pylock.toml", done.stdout.encode())
        return _Files(known_files([lock], pins), "")
    problem = " ".join(done.stderr.split())[-_SHOWN:]
    if len(pins) == 1 or _NO_NETWORK.search(problem):
        return _Files({}, problem)
    half = len(pins) // 2
    parts = [_ask_index(some, python, uv, offline) for some in (pins[:half], pins[half:])]
    return _Files(parts[0].found | parts[1].found, parts[0].problem or parts[1].problem)


def _entry(package: Package, known: LockedPackage | None) -> str:
    """A ``[[packages]]`` table; empty where nothing says how to get it."""
    lines = ["[[packages]]", f"name = {_quoted(package.name)}", f"version = {_quoted(package.version)}"]
    if package.source == "index":
        files = sorted((url, digest.partition(":")[2]) for digest, url in _places(known).items()) if known else []
        if not files:
            return ""
        sdists = [_file(url, sha) for url, sha in files if not url.endswith(".whl")]
        wheels = [_file(url, sha) for url, sha in files if url.endswith(".whl")]
        lines += [f"sdist = {sdists[0]}"] if sdists else []
        lines += ["wheels = [", *(f"    {wheel}," for wheel in wheels), "]"] if wheels else []
    elif package.source == "vcs" and package.commit:
        kind, _, url = package.url.partition("+")
        values = {"type": kind, "url": url, "commit-id": package.commit, "subdirectory": package.subdirectory}
        lines += [f"vcs = {_inline(values)}"]
    elif package.source == "archive" and package.sha256 and package.url.startswith("http"):
        lines += [f"archive = {_file(package.url, package.sha256)}"]
    else:
        return ""
    return "\n".join([*lines, ""])


def _file(url: str, sha256: str) -> str:
    return f"{{ url = {_quoted(url)}, hashes = {{ sha256 = {_quoted(sha256)} }} }}"


def _inline(values: Mapping[str, str]) -> str:
    return "{ " + ", ".join(f"{key} = {_quoted(value)}" for key, value in values.items() if value) + " }"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _head(snapshot: EnvironmentSnapshot) -> str:
    minor = ".".join(snapshot.python.split(".")[:2])
    return f'lock-version = "1.0"\ncreated-by = "runward"\nrequires-python = "=={minor}.*"\n'


def _tail(snapshot: EnvironmentSnapshot, run_id: str, left_out: Mapping[str, str]) -> str:
    lines = [
        "[tool.runward]",
        *([f"run = {_quoted(run_id)}"] if run_id else []),
        f"python = {_quoted(snapshot.python)}",
    ]
    lines += [f"environment = {_quoted(snapshot.digest)}"]
    lines += ["left-out = [" + ", ".join(_quoted(pin) for pin in sorted(left_out)) + "]"]
    return "\n".join([*lines, ""])
