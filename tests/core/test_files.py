"""Files that are written once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runward.core.files import write_secret


def test_a_key_is_durable_with_all_that_leads_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut must not take a key whose work is on the disk already: its folders and its name are flushed, then it counts."""
    flushed, fsync = list[str](), os.fsync

    def noted(handle: int) -> None:
        flushed.append(os.readlink(f"/proc/self/fd/{handle}"))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    write_secret(tmp_path / "ws" / "keys" / "audit.key", b"secret")
    folders = [str(path) for path in (tmp_path / "ws", tmp_path, tmp_path / "ws" / "keys")]
    assert [path for path in flushed if Path(path).is_dir()] == folders
    assert (tmp_path / "ws" / "keys" / "audit.key").read_bytes() == b"secret"
    assert os.listdir(tmp_path / "ws" / "keys") == ["audit.key"]
    with pytest.raises(FileExistsError):
        write_secret(tmp_path / "ws" / "keys" / "audit.key", b"another")
