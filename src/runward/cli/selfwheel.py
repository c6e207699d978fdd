"""This very Runward as a wheel, so that another environment can install it without an index.

Runward is pure Python: a wheel of it is its files with a metadata folder. The demo's own environment gets it this way,
whatever this one is (released, editable, from an archive).
"""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import zipfile
from pathlib import Path

import runward
from runward._version import __version__

_LEFT_OUT = {"__pycache__", "static"}


def write_wheel(folder: Path) -> Path:
    """Write the wheel into a folder; the same files give the same bytes. Returns its path."""
    package = Path(runward.__file__).parent
    info = f"runward-{__version__}.dist-info"
    files = {
        f"runward/{path.relative_to(package).as_posix()}": path.read_bytes()
        for path in sorted(package.rglob("*"))
        if path.is_file() and not _LEFT_OUT & set(path.parts) and path.suffix != ".pyc"
    }
    files[f"{info}/METADATA"] = _metadata().encode()
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: runward\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{info}/entry_points.txt"] = b"[console_scripts]\nrunward = runward.cli.main:main\n"
    record = "".join(f"{name},sha256={_digest(data)},{len(data)}\n" for name, data in files.items())
    files[f"{info}/RECORD"] = (record + f"{info}/RECORD,,\n").encode()
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"runward-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return target


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def _metadata() -> str:
    needs = importlib.metadata.requires("runward") or []
    core = [f"Requires-Dist: {need}" for need in needs if "extra ==" not in need]
    lines = ["Metadata-Version: 2.1", "Name: runward", f"Version: {__version__}", "Requires-Python: >=3.11", *core]
    return "\n".join(lines) + "\n"
