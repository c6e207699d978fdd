"""Watching a command from outside: what is put into its environment, and what it then leaves to be read."""

from __future__ import annotations

import ast
import contextlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from runward.core.seeding import SEED_SITE
from runward.core.witness import SUFFIX
from runward.tracking.capture.model import ReadMethod
from runward.tracking.capture.preload import Shim

READS_VARIABLE = "RUNWARD_READS"
OPENS_VARIABLE = "RUNWARD_OPENS"
SEED_VARIABLE = "RUNWARD_SEED"
_OPENS_FILE = "native.opens"
_PIDS_FILE = "processes.pids"
_MOST_PIDS_BYTES = 1 << 20
_KNOWN = frozenset(
    [
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "TERM",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "_",
        "LINES",
        "COLUMNS",
        "TMPDIR",
        "TMP",
        "TEMP",
        "EDITOR",
        "DISPLAY",
        "HOSTNAME",
        "MAIL",
        "VIRTUAL_ENV",
        "LS_COLORS",
        "COLORTERM",
        "NO_COLOR",
        "FORCE_COLOR",
        "CLICOLOR",
        "PYTHONUNBUFFERED",
        "PYTHONDONTWRITEBYTECODE",
        "LD_LIBRARY_PATH",
        "DEBIAN_FRONTEND",
    ]
)
"""Asked for by libraries everywhere; none changes a number."""


class Testimony(msgspec.Struct, kw_only=True):
    """What the processes of a command said of themselves, and what the shim saw of them."""

    opened: dict[str, tuple[bool, ReadMethod]] = {}
    """Absolute paths: whether the first opening wrote, and who saw it."""
    written: list[str] = []
    variables: list[str] = []
    python: dict[str, Any] = {}
    """The interpreter that did most of the work; empty where none left a word."""
    threads: dict[str, int] = {}
    kernels: dict[str, str] = {}
    builds: dict[str, str] = {}
    libraries: list[str] = []
    modules: list[str] = []
    pids: list[str] = []
    native: bool = False
    """Whether the shim was there to see native readers."""
    gpu_bytes: int = 0
    """GPU memory that PyTorch reserved, the greatest of each process, together."""


def seeding_environment(seed: int | None, environ: Mapping[str, str]) -> dict[str, str]:
    """Variables that have a watched command seed itself; ``PYTHONHASHSEED`` stays where somebody set it."""
    if seed is None:
        return {}
    return {"PYTHONHASHSEED": environ.get("PYTHONHASHSEED") or str(seed), SEED_VARIABLE: str(seed)}


def watched_environment(folder: Path, environ: Mapping[str, str], shim: Shim) -> dict[str, str]:
    """Variables that have a command watched.

    Args:
        folder: Where its processes leave their testimonies; it exists.
        environ: The command's environment so far.
        shim: Notes what native code opens, if it was built.
    """
    given = environ.get("PYTHONPATH", "")
    added = {READS_VARIABLE: str(folder), "PYTHONPATH": os.pathsep.join(filter(None, [str(SEED_SITE), given]))}
    return added | preloaded(folder, environ, shim)


def preloaded(folder: Path, environ: Mapping[str, str], shim: Shim) -> dict[str, str]:
    """Variables that put the shim into a process; empty where there is none."""
    if shim.path is None:
        return {}
    log = folder / _OPENS_FILE
    log.touch()
    return {
        OPENS_VARIABLE: str(log),
        "LD_PRELOAD": ":".join(filter(None, [environ.get("LD_PRELOAD", ""), str(shim.path)])),
    }


def hear(folder: Path, noted: Iterable[tuple[str, Iterable[tuple[str, bool]]]] = ()) -> Testimony:
    """Read what a command's processes left in a folder, and clear it away.

    Args:
        folder: Where they left it.
        noted: What other processes noted by themselves: working folders, and openings there.
    """
    paths = sorted(folder.glob(f"*{SUFFIX}"))
    said = [_read_literal(path) for path in paths]
    said.sort(key=lambda one: len(one.get("modules", ())))
    found = Testimony(native=(folder / _OPENS_FILE).exists(), pids=_pids(folder, paths))
    for one in said:
        _add_words(found, one)
    for cwd, opened in noted:
        _add_words(found, {"cwd": cwd, "opened": opened})
    _add_native(found, folder / _OPENS_FILE)
    for path in [*folder.glob(f"*{SUFFIX}*"), *folder.glob("*.order"), folder / _OPENS_FILE, folder / _PIDS_FILE]:
        path.unlink(missing_ok=True)
    return found


def _pids(folder: Path, said: Iterable[Path]) -> list[str]:
    """The ids of the Python processes: of those that said something at their end, and of those that only began."""
    found = {path.stem for path in said}
    with contextlib.suppress(OSError), (folder / _PIDS_FILE).open("rb") as file:
        found |= {word.decode() for word in file.read(_MOST_PIDS_BYTES).split() if word.isdigit()}
    return sorted(found)


def asked_for(names: Iterable[str], recorded: Mapping[str, str]) -> list[str]:
    """The variables that a command asked for whose values were not recorded, without those that change no number."""
    return sorted(
        name
        for name in names
        if name not in recorded and name not in _KNOWN and not name.startswith(("RUNWARD_", "XDG_", "PYTHON", "LC_"))
    )


def _read_literal(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
        loaded = json.loads(text) if text.startswith('{"') else ast.literal_eval(text)
    except (OSError, ValueError, SyntaxError, MemoryError, RecursionError):
        return {}
    return loaded if isinstance(loaded, dict) else {}


def _add_words(found: Testimony, one: dict[str, Any]) -> None:
    """Take one process's words over; the later ones, who loaded more, decide what can be said only once."""
    cwd = str(one.get("cwd", "/"))
    for path, writes in one.get("opened", []):
        found.opened.setdefault(_absolute(cwd, path), (bool(writes), "audit-hook"))
    found.written += [_absolute(cwd, path) for path in one.get("written", [])]
    found.variables = sorted({*found.variables, *one.get("variables", [])})
    found.python = one.get("python") or found.python
    found.threads |= one.get("threads", {})
    found.kernels |= one.get("kernels", {})
    found.builds |= one.get("builds", {})
    found.libraries = sorted({*found.libraries, *one.get("libraries", [])})
    found.modules = sorted({*found.modules, *one.get("modules", [])})
    found.gpu_bytes += int(one.get("gpu_bytes", 0))


def _add_native(found: Testimony, log: Path) -> None:
    lines: list[str] = []
    with contextlib.suppress(OSError):
        lines = log.read_bytes().decode("utf-8", "surrogateescape").splitlines()
    native: dict[str, bool] = {}
    for line in lines:
        kind, _, path = line.partition(" ")
        native.setdefault(os.path.normpath(path), kind == "W")
        if kind == "W":
            found.written.append(os.path.normpath(path))
    # The shim sees the openings of all processes in their order, so its word on the first one stands.
    for path, writes in native.items():
        both = path in found.opened
        found.opened[path] = (writes, "both" if both else "preload")
    found.written = sorted(set(found.written))


def _absolute(cwd: str, path: str) -> str:
    return os.path.normpath(os.path.join(cwd, path))
