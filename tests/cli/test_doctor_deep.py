"""``runward doctor --deep``: a single bit that changed in what is stored is found, wherever it is."""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from runward.core.hashing import digest_bytes
from runward.face import current_workspace
from runward.store.database import Database
from runward.testing.worlds import batch
from runward.tracking.compaction import compact_run
from runward.tracking.model import NewArtifact, NewProject, NewRun
from runward.workspace import FolderWorkspace
from tests.cli.conftest import Cli


class Place(NamedTuple):
    """Bytes that are stored somewhere."""

    name: str
    data: bytes
    write: Callable[[bytes], None]


def _column(database: Database, table: str, column: str, key: str) -> list[Place]:
    """All values of a column; a key tells its rows apart."""

    def write(value: Any) -> Callable[[bytes], None]:
        def put(data: bytes) -> None:
            with database.transaction(write=True) as tx:
                tx.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (data, value))

        return put

    with database.transaction(write=False) as tx:
        rows = tx.all(f"SELECT {key}, {column} FROM {table}")
    return [Place(f"{table} {value}", bytes(data), write(value)) for value, data in rows]


def _files(folder: Path) -> list[Place]:
    def write(path: Path) -> Callable[[bytes], None]:
        def put(data: bytes) -> None:
            path.chmod(0o644)
            path.write_bytes(data)

        return put

    found = [path for path in folder.rglob("*") if path.is_file() and path.suffix == "" and len(path.name) == 62]
    return [Place(str(path), path.read_bytes(), write(path)) for path in found]


def _small(folder: Path) -> list[Place]:
    def write(path: Path, digest: bytes) -> Callable[[bytes], None]:
        def put(data: bytes) -> None:
            connection = sqlite3.connect(path)
            with connection:
                connection.execute("UPDATE blobs SET data = ? WHERE digest = ?", (data, digest))
            connection.close()

        return put

    found = []
    for path in folder.rglob("small.db"):
        connection = sqlite3.connect(path)
        rows = connection.execute("SELECT digest, data FROM blobs").fetchall()
        connection.close()
        found += [Place(f"{path} {digest.hex()}", data, write(path, digest)) for digest, data in rows]
    return found


@pytest.mark.parametrize("sealed", [False, True], ids=["plain", "encrypted"])
def test_a_hundred_of_a_hundred_flipped_bits(cli: Cli, folder: Path, sealed: bool) -> None:
    """In points that came last, in blocks of them, in large files and in small ones."""
    if sealed:
        assert cli("keys", "init").code == 0
    space = current_workspace()
    assert isinstance(space, FolderWorkspace)
    database = space.dispatcher.database
    space.tracking.create_project(NewProject(path="p"))
    run = space.tracking.create_run(NewRun(project="p"))
    for number in range(3):
        points = [(number * 3000 + step, random.random()) for step in range(3000)]
        space.tracking.append(run.id, batch(number, {"loss": points, "acc": points[:7]}))
    compact_run(database, run.id)
    space.tracking.append(run.id, batch(3, {"loss": [(9000 + step, step / 7) for step in range(50)]}))
    space.tracking.add_artifact(run.id, NewArtifact("large", space.files.put_bytes("p", os.urandom(40_000))))
    small = os.urandom(300)
    space.dispatcher.blobs.of(space.governance.list_teams()[0].id).put_many([(digest_bytes(small), [small])])
    kinds = [
        _column(database, "segments", "data", "id"),
        _column(database, "blocks", "head", "id"),
        _column(database, "block_pages", "data", "block_id * 1000 + page"),
        _files(folder / "blobs"),
        _small(folder / "blobs"),
    ]
    assert all(kinds)
    assert cli("doctor", "--deep", "--drift").code == 0
    chance, found = random.Random(7), 0
    for turn in range(100):
        place = chance.choice(kinds[turn % len(kinds)])
        bad, at = bytearray(place.data), chance.randrange(len(place.data))
        # One bit of a zstd frame's descriptor means nothing, by its specification (RFC 8878, 3.1.1.1.1.3).
        bits = [bit for bit in range(8) if not (at == 4 and bit == 4)]
        bad[at] ^= 1 << chance.choice(bits)
        place.write(bytes(bad))
        found += cli("doctor", "--deep", "--drift").code == 1
        place.write(place.data)
        assert found == turn + 1, (place.name, at)
    assert cli("doctor", "--deep", "--drift").code == 0
