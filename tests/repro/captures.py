"""A small capture to build tests on."""

from __future__ import annotations

from datetime import UTC, datetime

from runward.tracking.capture.model import (
    Capture,
    CodeSnapshot,
    EnvironmentSnapshot,
    FileEntry,
    FileRead,
    MachineSnapshot,
    Package,
    ProcessSnapshot,
)


def make_capture(
    packages: list[Package] | None = None,
    reads: list[FileRead] | None = None,
    seeds: dict[str, int] | None = None,
    root: str = "/w",
    prefix: str = "/w/.venv",
) -> Capture:
    """A capture of ``python train.py`` in ``root``."""
    entry = FileEntry(path="train.py", mode="file", size=1, digest="c")
    return Capture(
        code=CodeSnapshot(kind="git", root=root, files=[entry], digest="tree"),
        environment=EnvironmentSnapshot(
            python="3.11.7",
            implementation="CPython",
            executable=f"{prefix}/bin/python",
            prefix=prefix,
            platform="Linux",
            packages=packages or [],
            variables={"LANG": "C"},
        ),
        machine=MachineSnapshot(hostname="h", os="Linux", kernel="6", architecture="x86_64", usable_cpus=2),
        process=ProcessSnapshot(argv=["python", "train.py"], cwd=root, started_at=datetime(2026, 1, 1, tzinfo=UTC)),
        reads=reads or [],
        seeds=seeds or {},
    )
