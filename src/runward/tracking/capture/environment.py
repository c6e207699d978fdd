"""Capture of the software: Python, every installed package, and the variables that change results."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from runward.core.hashing import digest_bytes, digest_value
from runward.tracking.capture.installed import PackageCache
from runward.tracking.capture.licenses import read_license
from runward.tracking.capture.model import EnvironmentSnapshot, Package, PackageSource
from runward.tracking.capture.redact import redact_url, redact_variables

_VARIABLES = re.compile(
    r"(?:OMP|MKL|OPENBLAS|BLIS|GOTO|VECLIB|NUMEXPR|KMP|TBB|NUMBA|ATEN|TORCH|PYTORCH|CUDA|CUBLAS|CUDNN|NCCL|XLA|JAX|TF(?!_(?:CLI|VAR|TOKEN|LOG|WORKSPACE|DATA_DIR))"
    r"|KERAS|HIP|ROCR|MIOPEN|OPENMP|DNNL|ONEDNN|GLOO)_[A-Z0-9_]+"
    r"|PYTHON(?:HASHSEED|PATH|OPTIMIZE|UTF8|MALLOC|NOUSERSITE|SAFEPATH)|LC_[A-Z]+|LANG|LANGUAGE|TZ|SOURCE_DATE_EPOCH"
    r"|SLURM_(?:JOB_ID|JOB_NUM_NODES|NTASKS|CPUS_PER_TASK|PROCID|LOCALID|ARRAY_TASK_ID)"
    r"|(?:LOCAL_|NODE_)?RANK|(?:LOCAL_)?WORLD_SIZE|MALLOC_ARENA_MAX|GLIBC_TUNABLES|LD_PRELOAD|HF_HUB_OFFLINE"
    r"|TOKENIZERS_PARALLELISM|CONDA_DEFAULT_ENV|LOKY_MAX_CPU_COUNT|NPY_DISABLE_CPU_FEATURES"
)


def capture_environment(
    variables: Mapping[str, str] | None = None, paths: Iterable[str] | None = None, cache: Path | None = None
) -> EnvironmentSnapshot:
    """Describe this interpreter and what is installed for it.

    Args:
        variables: Allow-listed variables taken earlier by ``captured_variables``; by default those of now.
        paths: Import path to scan for packages; by default ``sys.path``.
        cache: Where what was read of unchanged packages is remembered; None remembers nothing.
    """
    packages = scan_packages(sys.path if paths is None else paths, cache)
    python = platform.python_version()
    return EnvironmentSnapshot(
        python=python,
        implementation=platform.python_implementation(),
        executable=sys.executable or "",
        base_executable=getattr(sys, "_base_executable", "") or "",
        prefix=sys.prefix,
        platform=platform.platform(),
        libc=" ".join(platform.libc_ver()).strip(),
        packages=packages,
        variables=captured_variables() if variables is None else dict(variables),
        libraries=_mapped_libraries(),
        digest=environment_digest(python, packages),
    )


def foreign_environment(
    python: Mapping[str, Any], variables: Mapping[str, str], libraries: Mapping[str, str], cache: Path | None = None
) -> EnvironmentSnapshot:
    """Describe the interpreter of another process by what it said of itself.

    Args:
        python: Its version, executables, prefixes and import path (see ``runward.core.witness``).
        variables: Allow-listed variables that it was given.
        libraries: Builds of the libraries that it had loaded.
        cache: Where what was read of unchanged packages is remembered; None remembers nothing.
    """
    packages = scan_packages([str(path) for path in python["path"]], cache)
    version, name = str(python["version"]), str(python["implementation"])
    return EnvironmentSnapshot(
        python=version,
        implementation="CPython" if name == "cpython" else name,
        executable=str(python["executable"]),
        base_executable=str(python["base_executable"]),
        prefix=str(python["prefix"]),
        platform=platform.platform(),
        libc=" ".join(platform.libc_ver()).strip(),
        packages=packages,
        variables=dict(variables),
        libraries=sorted(libraries),
        library_builds=dict(libraries),
        digest=environment_digest(version, packages),
    )


def captured_variables(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The allow-listed environment variables, secrets masked."""
    items = sorted((os.environ if environ is None else environ).items())
    return redact_variables((name, value) for name, value in items if _VARIABLES.fullmatch(name))


def scan_packages(paths: Iterable[str], cache: Path | None = None) -> list[Package]:
    """Every distribution on an import path, sorted by name; the first one hides later ones, as on import.

    Reads the names of ``*.dist-info`` folders, which is a thousand times cheaper than ``importlib.metadata``.

    Args:
        paths: The import path.
        cache: Where what was read of unchanged packages is remembered; None remembers nothing.
    """
    found: dict[str, Package] = {}
    for folder in dict.fromkeys(paths):
        for package in _packages(folder or ".", cache):
            found.setdefault(package.name, package)
    return sorted(found.values(), key=lambda package: package.name)


def environment_digest(python: str, packages: Iterable[Package]) -> str:
    """The digest of a Python version and an exact set of packages, by what would be installed."""
    identity = [
        (item.name, item.version, item.source, item.url, item.commit, item.sha256, *sorted(item.edited.items()))
        for item in packages
    ]
    return digest_value([python, sorted(identity)])


def normalised_name(name: str) -> str:
    """A distribution's name as package indexes spell it: lower case, one dash between words."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _packages(folder: str, cache: Path | None) -> list[Package]:
    try:
        with os.scandir(folder) as entries:
            infos = sorted((entry for entry in entries if entry.name.endswith(".dist-info")), key=lambda one: one.name)
    except OSError:
        return []
    known, packages = PackageCache(cache if infos else None, folder), list[Package]()
    for info in infos:
        # Asked before anything is read, so that a change in between is seen the next time.
        stamps = known.stamps(info)
        package = known.find(info.name, stamps)
        if package is None:
            package = _package(Path(info.path))
            known.remember(info.name, stamps, package)
        packages.append(package)
    known.save()
    return packages


def _package(info: Path) -> Package:
    name, _, version = info.name.removesuffix(".dist-info").partition("-")
    record = _read(info / "RECORD")
    return Package(
        name=normalised_name(name),
        version=version,
        installer=_read(info / "INSTALLER").decode("utf-8", "replace").strip(),
        record=digest_bytes(record) if record else "",
        license=read_license(info),
        **_direct_url(info, record),
    )


def _direct_url(info: Path, record: bytes) -> dict[str, Any]:
    """Where a package came from if not from an index (PEP 610)."""
    try:
        origin = json.loads(_read(info / "direct_url.json"))
        url = str(origin["url"])
    except (ValueError, KeyError, TypeError):
        return {}
    vcs, archive = origin.get("vcs_info") or {}, origin.get("archive_info") or {}
    editable = bool((origin.get("dir_info") or {}).get("editable"))
    source: PackageSource = "vcs" if vcs else "archive"
    if not vcs and url.startswith("file:"):
        source = "editable" if editable else "local"
    return {
        "source": source,
        "url": f"{vcs.get('vcs', 'git')}+{redact_url(url)}" if vcs else redact_url(url),
        "commit": str(vcs.get("commit_id", "")),
        "subdirectory": str(origin.get("subdirectory", "")),
        "sha256": _sha256(archive),
        "paths": _editable_paths(info, record) if editable else [],
    }


def _sha256(archive: dict[str, Any]) -> str:
    hashes = archive.get("hashes") or {}
    return str(hashes.get("sha256") or str(archive.get("hash", "")).removeprefix("sha256="))


def _editable_paths(info: Path, record: bytes) -> list[str]:
    names = [line.partition(",")[0] for line in record.decode("utf-8", "replace").splitlines()]
    lines = [
        line
        for name in names
        if name.endswith(".pth")
        for line in _read(info.parent / name).decode("utf-8", "replace").splitlines()
    ]
    return [line.strip() for line in lines if line.strip() and not line.startswith(("import ", "#"))]


def _mapped_libraries() -> list[str]:
    """System libraries in this process's memory (Linux), by file name, which carries their version."""
    own = (sys.prefix, sys.base_prefix)
    maps = _read(Path("/proc/self/maps")).decode("utf-8", "replace")
    paths = {line.split(maxsplit=5)[-1] for line in maps.splitlines() if ".so" in line}
    return sorted({os.path.basename(os.path.realpath(path)) for path in paths if not path.startswith(own)})


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
