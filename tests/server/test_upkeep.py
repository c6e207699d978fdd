"""What a server does beside its requests."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runward.server import upkeep
from runward.testing.environments import captured
from runward.tracking.model import CapturePart, NewProject
from runward.workspace import open_folder


def test_lock_files_become_searchable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A moment after the run was captured, without anybody asking."""
    monkeypatch.setattr(upkeep, "INTERVAL_S", 0.01)
    space = open_folder(tmp_path / "ws")
    space.tracking.create_project(NewProject(path="p"))
    run_id = captured(space, "p", "one", "3.11.7", {}, {})
    lock = space.files.put_bytes("p", b'{"Packages": {"BH": {"Version": "1.72.0-3"}}}')
    document = space.files.put_bytes("p", b'{"files": []}')
    space.tracking.put_captures(run_id, [CapturePart("code", document, {"locks": {"renv.lock": lock}})])
    database = space.dispatcher.database

    def waiting() -> bool:
        with database.transaction(write=False) as tx:
            return tx.scalar("SELECT 1 FROM package_sets WHERE listed = 0") is not None

    async def until_done() -> None:
        async with upkeep.Upkeep(
            database,
            space.dispatcher.blobs,
            space.dispatcher.checkpoints,
            space.dispatcher.keyring,
        ).lifespan():
            deadline = time.monotonic() + 20
            while waiting() and time.monotonic() < deadline:
                await asyncio.sleep(0.01)

    assert waiting()
    # In a thread of its own: a browser of other tests keeps this one's event loop running.
    with ThreadPoolExecutor(1) as apart:
        apart.submit(asyncio.run, until_done()).result()
    assert space.tracking.search_runs("p", 'locks.BH = "1.72.0-3"').total == 1
