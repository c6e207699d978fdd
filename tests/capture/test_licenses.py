"""Licences are captured with the packages, the first time and every time."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from runward.tracking.capture.model import License
from runward.tracking.capture.snapshot import start_capture
from tests.capture.stores import MemoryBlobs


def test_what_is_remembered_of_packages_has_their_licences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each run says what the packages say, also where they did not change since the one before."""
    info = tmp_path / "site" / "six-1.17.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Name: six\nLicense-Expression: MIT\n\n")
    (info / "RECORD").write_text("six.py,,\n")
    for path in (info / "METADATA", info / "RECORD", info):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site")])
    for _ in range(3):
        capture = start_capture(tmp_path, MemoryBlobs(), tmp_path / "cache").finish(timeout_s=60)
        assert {one.name: one.license for one in capture.environment.packages} == {"six": License("MIT")}
