"""Locks of Python package managers: uv, PEP 751, Poetry, PDM, Pipenv and requirements files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from runward.tracking.capture.environment import normalised_name
from runward.tracking.locks.model import Lock, LockedPackage, Need
from runward.tracking.locks.reading import named, package, table, tables, text, texts


def _kept(packages: Iterable[LockedPackage | None]) -> list[LockedPackage]:
    return [found for found in packages if found is not None]


def uv(document: dict[str, Any]) -> Lock:
    """``uv.lock``."""
    lock, members = Lock(kind="uv", python=text(document.get("requires-python"))), list[str]()
    for item in tables(document.get("package")):
        name, version, source = normalised_name(text(item.get("name"))), text(item.get("version")), item.get("source")
        home = next((place for kind, place in table(source).items() if kind in ("editable", "virtual")), None)
        if home is not None:
            members.append(f"{name}=={version}")
            lock.roots += [f"{name}=={version}"] if home == "." else []
        if name and "virtual" not in table(source):
            files = [table(item.get("sdist")), *tables(item.get("wheels"))]
            urls = {text(file.get("hash")): text(file.get("url")) for file in files if text(file.get("hash"))}
            lock.packages.append(LockedPackage(name=name, version=version, hashes=sorted(urls), urls=urls))
        _add_needs(lock, f"{name}=={version}", item)
    lock.roots = lock.roots or members
    return lock


def _add_needs(lock: Lock, key: str, item: dict[str, Any]) -> None:
    lock.needs[key] = _needs(item.get("dependencies"))
    for extra, needs in table(item.get("optional-dependencies")).items():
        lock.needs[f"{key}[{extra}]"] = _needs(needs)
    for group, needs in table(item.get("dev-dependencies")).items():
        lock.needs[f"{key}:{group}"] = _needs(needs)


def _needs(items: Any) -> list[Need]:
    return [
        Need(
            normalised_name(text(item.get("name"))),
            text(item.get("version")),
            text(item.get("marker")),
            texts(item.get("extra")),
        )
        for item in tables(items)
    ]


def pylock(document: dict[str, Any]) -> Lock:
    """``pylock.toml`` (PEP 751)."""
    groups = texts(document.get("default-groups"))
    lock = Lock(kind="pylock", python=text(document.get("requires-python")), groups=groups)
    if not text(document.get("lock-version")).startswith("1."):
        lock.problems.append(f"lock-version {document.get('lock-version')!r:.40} is not known")
    for item in tables(document.get("packages")):
        files = [table(item.get("sdist")), table(item.get("archive")), *tables(item.get("wheels"))]
        urls = {
            f"{algorithm}:{text(value)}": text(file.get("url"))
            for file in files
            for algorithm, value in table(file.get("hashes")).items()
            if text(value)
        }
        name = normalised_name(text(item.get("name")))
        found = package(name, item.get("version"), list(urls), marker=item.get("marker"), urls=urls)
        lock.packages += [found] if found else []
    return lock


def poetry(document: dict[str, Any]) -> Lock:
    """``poetry.lock``; its markers and groups are known from version 2.1 on."""
    metadata = table(document.get("metadata"))
    old_files = table(metadata.get("files"))
    return Lock(
        kind="poetry",
        python=text(metadata.get("python-versions")),
        packages=_kept(
            package(
                normalised_name(text(item.get("name"))),
                item.get("version"),
                [text(file.get("hash")) for file in tables(item.get("files") or old_files.get(text(item.get("name"))))],
                marker=_poetry_marker(item.get("markers")),
                optional=bool(item.get("optional")) or _is_group(item.get("groups"), {"main", "dev"}),
            )
            for item in tables(document.get("package"))
        ),
    )


def _poetry_marker(value: Any) -> str:
    """Markers, which differ by group where they are a table: any of them may hold."""
    found = [text(value)] if isinstance(value, str) else texts(list(table(value).values()))
    return " or ".join(f"({marker})" for marker in found) if len(found) > 1 else "".join(found)


def _is_group(groups: Any, usual: set[str]) -> bool:
    return bool(texts(groups)) and not usual & set(texts(groups))


def pdm(document: dict[str, Any]) -> Lock:
    """``pdm.lock``."""
    targets = [text(target.get("requires_python")) for target in tables(table(document.get("metadata")).get("targets"))]
    return Lock(
        kind="pdm",
        python=targets[0] if len(targets) == 1 else "",
        packages=_kept(
            package(
                normalised_name(text(item.get("name"))),
                item.get("version"),
                [text(file.get("hash")) for file in tables(item.get("files"))],
                marker=item.get("marker"),
                optional=_is_group(item.get("groups"), {"default", "dev"}),
            )
            for item in tables(document.get("package"))
        ),
    )


def pipenv(document: dict[str, Any]) -> Lock:
    """``Pipfile.lock``; the development packages count as optional."""
    requires = table(table(document.get("_meta")).get("requires"))
    full, short = text(requires.get("python_full_version")), text(requires.get("python_version"))
    return Lock(
        kind="pipenv",
        python=f"=={full}" if full else f"=={short}.*" if short else "",
        packages=_kept(
            package(
                normalised_name(name),
                text(item.get("version")).removeprefix("=="),
                texts(item.get("hashes")),
                marker=item.get("markers"),
                optional=section != "default",
            )
            for section, content in named(document)
            if section != "_meta"
            for name, item in named(content)
        ),
    )


_MADE_BY_TOOL = re.compile(r"^#.*autogenerated by (?:pip-compile|uv)", re.MULTILINE)
_NAME = re.compile(r"([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?")
_HASH = re.compile(r"\s--hash[= ](\S+)")
_OPTION = re.compile(r"\s--[a-z-]+(?:[= ]\S+)?")
_PIN = re.compile(r"===?\s*([^\s,*=]+)")


def requirements(source: str) -> Lock:
    """A requirements file, as far as it pins versions: by pip-compile, ``uv pip compile`` or hand."""
    lock = Lock(kind="requirements")
    for line in _requirement_lines(source):
        if line.startswith("-"):
            if re.match(r"-(?:r|c|e)\b|--(?:requirement|constraint|editable)\b", line):
                lock.problems.append(f"{line[:80]!r} is not followed")
            continue
        hashes = _HASH.findall(line)
        required, _, marker = _OPTION.sub("", line).partition(";")
        match = _NAME.match(required)
        if match is None:
            lock.problems.append(f"{line[:80]!r} is not understood")
            continue
        name, wanted = match[1], required[match.end() :].strip()
        pin = _PIN.fullmatch(wanted)
        if pin is None and not wanted.startswith("@"):
            lock.problems.append(f"{name[:80]} is not pinned")
            continue
        found = package(normalised_name(name), pin[1] if pin else "", hashes, marker=marker.strip())
        lock.packages += [found] if found else []
    lock.complete = bool(_MADE_BY_TOOL.search(source)) or any(found.hashes for found in lock.packages)
    return lock


def _requirement_lines(source: str) -> Iterator[str]:
    joined = re.sub(r"\\\r?\n", " ", source)
    for line in joined.splitlines():
        bare = re.sub(r"(?:^|\s)#.*$", "", line).strip()
        if bare:
            yield bare
