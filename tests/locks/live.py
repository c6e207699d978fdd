"""An environment made of files only, that looks installed."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

from runward.tracking.capture.environment import scan_packages
from runward.tracking.locks.live import Live

MARKERS = {
    "implementation_name": "cpython", "implementation_version": "3.11.7", "os_name": "posix",
    "platform_machine": "x86_64", "platform_release": "6.1", "platform_system": "Linux", "platform_version": "#1",
    "python_full_version": "3.11.7", "python_version": "3.11", "platform_python_implementation": "CPython",
    "sys_platform": "linux",
}  # fmt: skip


def install(site: Path, name: str, version: str, direct_url: str = "") -> None:
    """A package with one module, installed an hour ago."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    module = f"VERSION = {version!r}\n".encode()
    (site / f"{name}.py").write_bytes(module)
    digest = base64.urlsafe_b64encode(hashlib.sha256(module).digest()).rstrip(b"=").decode()
    (info / "RECORD").write_text(f"{name}.py,sha256={digest},{len(module)}\n{name}-{version}.dist-info/RECORD,,\n")
    if direct_url:
        (info / "direct_url.json").write_text(direct_url)
    hour_ago = os.stat(info).st_mtime - 3600
    for path in (site / f"{name}.py", info / "RECORD"):
        os.utime(path, (hour_ago, hour_ago))


def live(site: Path, version: str = "3.11.7") -> Live:
    """That environment as ``choose_python`` describes one."""
    markers = {**MARKERS, "python_full_version": version, "python_version": version.rpartition(".")[0]}
    return Live("/venv/bin/python", "--python", version, markers, [str(site)], scan_packages([str(site)]), [])
