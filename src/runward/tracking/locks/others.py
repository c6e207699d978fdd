"""Locks of what is not a Python package manager: Conda, R, Julia, the JVM, Rust and npm."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from runward.tracking.capture.environment import normalised_name
from runward.tracking.locks.model import Ecosystem, Lock, LockedPackage
from runward.tracking.locks.reading import named, package, table, tables, text

_CONDA_FILE = re.compile(r"(?P<name>.+)-(?P<version>[^-]+)-(?P<build>[^-]+)\.(?:conda|tar\.bz2)")


def conda_lock(document: dict[str, Any]) -> Lock:
    """``conda-lock.yml``, version 1: one entry a package and platform."""
    lock = Lock(kind="conda-lock")
    for item in tables(document.get("package")):
        is_pip = item.get("manager") == "pip"
        found = package(
            normalised_name(text(item.get("name"))) if is_pip else item.get("name"),
            _as_text(item.get("version")),
            [f"{algorithm}:{text(value)}" for algorithm, value in table(item.get("hash")).items() if text(value)],
            ecosystem="python" if is_pip else "conda",
            platform=item.get("platform"),
            optional=item.get("category", "main") not in ("main", "dev"),
        )
        lock.packages += [found] if found else []
    return lock


def _as_text(value: Any) -> str:
    """A version, which YAML reads as a number where it looks like one."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else text(value)


def conda_explicit(source: str) -> Lock:
    """What ``conda list --explicit`` or ``conda-lock render -k explicit`` write."""
    lock = Lock(kind="conda-explicit")
    for line in source.splitlines():
        url, _, digest = line.strip().partition("#")
        if "://" not in url:
            continue
        place = PurePosixPath(urlsplit(url).path)
        match = _CONDA_FILE.fullmatch(place.name)
        if match is None:
            lock.problems.append(f"{place.name[:80]!r} is no Conda package")
            continue
        algorithm = "sha256:" if digest.startswith("sha256:") else "md5:"
        hashes = [algorithm + digest.removeprefix("sha256:")] if digest else []
        platform = "" if place.parent.name == "noarch" else place.parent.name
        found = package(match["name"], match["version"], hashes, ecosystem="conda", platform=platform)
        lock.packages += [found] if found else []
    return lock


def renv(document: dict[str, Any]) -> Lock:
    """``renv.lock``. Its hashes are of package descriptions, by MD5."""
    found = (
        package(
            name,
            item.get("Version"),
            [f"md5:{text(item.get('Hash'))}" if text(item.get("Hash")) else ""],
            ecosystem="r",
        )
        for name, item in named(document.get("Packages"))
    )
    return Lock(kind="renv", packages=[one for one in found if one])


def julia(document: dict[str, Any]) -> Lock:
    """``Manifest.toml`` of Julia, format 1 or 2. Packages of the standard library may have no version."""
    listed = table(document.get("deps")) if "manifest_format" in document else document
    return Lock(
        kind="julia",
        packages=[
            found
            for name, entries in listed.items()
            for item in tables(entries)
            if "uuid" in item and (found := package(name, item.get("version"), _tree(item), ecosystem="julia"))
        ],
    )


def _tree(item: dict[str, Any]) -> list[str]:
    digest = text(item.get("git-tree-sha1"))
    return [f"git-tree-sha1:{digest}"] if digest else []


def gradle(source: str) -> Lock:
    """``gradle.lockfile``: ``group:name:version=configurations``."""
    lock = Lock(kind="gradle")
    for line in source.splitlines():
        parts = line.partition("=")[0].strip().split(":")
        if line.startswith("#") or not line.strip() or parts == ["empty"]:
            continue
        found = package(f"{parts[0]}:{parts[1]}", parts[2], ecosystem="jvm") if len(parts) == 3 else None
        lock.packages += [found] if found else []
        lock.problems += [] if found else [f"{line[:80]!r} is not understood"]
    return lock


def sbt(document: dict[str, Any]) -> Lock:
    """``build.sbt.lock`` of sbt-dependency-lock, version 1."""
    return Lock(
        kind="sbt",
        packages=[
            found
            for item in tables(document.get("dependencies"))
            if (
                found := package(
                    _coordinates(item.get("org"), item.get("name")),
                    item.get("version"),
                    [text(artifact.get("hash")) for artifact in tables(item.get("artifacts"))],
                    ecosystem="jvm",
                )
            )
        ],
    )


def maven(document: dict[str, Any]) -> Lock:
    """``lockfile.json`` of maven-lockfile: a tree of dependencies with checksums."""
    lock, seen = Lock(kind="maven"), set[tuple[str, str]]()
    if "lockFileVersion" not in document:
        return Lock(kind="")
    for item in _tree_of(document.get("dependencies")):
        checksum = text(item.get("checksum"))
        algorithm = text(item.get("checksumAlgorithm")).lower().replace("-", "")
        name = _coordinates(item.get("groupId"), item.get("artifactId"))
        hashes = [f"{algorithm}:{checksum}"] if checksum else []
        found = package(name, item.get("version"), hashes, ecosystem="jvm")
        if found and item.get("included", True) and (found.name, found.version) not in seen:
            seen.add((found.name, found.version))
            lock.packages.append(found)
    return lock


def _tree_of(items: Any) -> Iterator[dict[str, Any]]:
    waiting = tables(items)
    while waiting:
        item = waiting.pop()
        yield item
        waiting += tables(item.get("children"))


def _coordinates(group: Any, name: Any) -> str:
    return f"{text(group)}:{text(name)}" if text(group) and text(name) else ""


def cargo(document: dict[str, Any]) -> Lock:
    """``Cargo.lock``."""
    return _simple("cargo", "rust", tables(document.get("package")), "checksum", "sha256:")


def _simple(kind: str, ecosystem: Ecosystem, items: list[dict[str, Any]], field: str, prefix: str) -> Lock:
    found = (
        package(
            item.get("name"),
            item.get("version"),
            [prefix + text(item.get(field))] if text(item.get(field)) else [],
            ecosystem=ecosystem,
        )
        for item in items
    )
    return Lock(kind=kind, packages=[one for one in found if one])


def npm(document: dict[str, Any]) -> Lock:
    """``package-lock.json``, version 2 or 3."""
    items = [
        {"name": path.rpartition("node_modules/")[2], **item}
        for path, item in named(document.get("packages"))
        if "node_modules/" in path
    ]
    return _simple("npm", "npm", items, "integrity", "")


def conda_installed(files: list[str]) -> list[LockedPackage]:
    """What a Conda environment holds, by the names of the files in its ``conda-meta``."""
    matches = (re.fullmatch(r"(.+)-([^-]+)-([^-]+)\.json", file) for file in files)
    return [LockedPackage(ecosystem="conda", name=match[1], version=match[2]) for match in matches if match]
