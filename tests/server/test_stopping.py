"""Alive, ready, and a stop that loses nothing that was begun."""

from __future__ import annotations

import contextlib
import http.client
import signal
import socket
import threading
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from runward.core.hashing import digest_bytes
from runward.errors import StoreError
from runward.governance.model import NewToken
from runward.server.run import LOOPBACK, RunningServer, listen
from runward.testing.worlds import batch
from runward.tracking.model import NewProject, NewRun
from runward.workspace import open_folder, open_url
from tests.server.http import Client
from tests.server.process import Running, serving


@pytest.fixture
def token(tmp_path: Path) -> str:
    with closing(open_folder(tmp_path / "ws", "owner")) as owner:
        owner.tracking.create_project(NewProject(path="p"))
        return owner.governance.create_token(NewToken(name="t")).secret


def _refuses(running: Running) -> bool:
    parts = urlsplit(running.url)
    try:
        socket.create_connection((str(parts.hostname), int(parts.port or 0)), 5).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_was_begun_is_answered(tmp_path: Path, token: str, workers: str) -> None:
    """An upload in its middle is stored, a stream ends, nobody new is let in, and every acknowledged write is there."""
    data, run_ids, acknowledged = b"x" * 200_000, list[str](), dict[str, int]()
    with serving(tmp_path / "ws", "--workers", workers) as running:
        parts = urlsplit(running.url)
        headers = {"Authorization": f"Bearer {token}"}
        stream = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
        stream.request("GET", "/api/v1/stream", headers=headers)
        heard = stream.getresponse()
        assert heard.readline().startswith(b":")
        upload = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=30)
        upload.putrequest("PUT", f"/api/v1/projects/p/blobs/{digest_bytes(data)}")
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            upload.putheader(name, value)
        upload.endheaders(data[:1000])
        spaces = [open_url(running.url, token) for _ in range(4)]
        run_ids = [space.tracking.create_run(NewRun(project="p")).id for space in spaces]
        begun = threading.Barrier(5)

        def write(number: int) -> None:
            begun.wait()
            with contextlib.suppress(StoreError):
                for frame in range(100_000):
                    spaces[number].tracking.append(run_ids[number], batch(frame, {"v": [(frame, 1.0)]}))
                    acknowledged[run_ids[number]] = frame + 1

        writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for writer in writers:
            writer.start()
        begun.wait()
        pause = threading.Event()
        for _ in range(200):
            if len(acknowledged) == 4:
                break
            pause.wait(0.05)
        running.process.send_signal(signal.SIGTERM)
        heard.read()
        for _ in range(100):
            if _refuses(running):
                break
            pause.wait(0.05)
        assert _refuses(running)
        upload.send(data[1000:])
        response = upload.getresponse()
        assert (response.status, response.read()[:9]) == (200, b'{"digest"')
        for writer in writers:
            writer.join(30)
        running.process.wait(60)
        stream.close()
        upload.close()
    assert running.process.returncode == 0
    with closing(open_folder(tmp_path / "ws", "owner")) as owner:
        assert len(acknowledged) == 4
        for run_id, count in acknowledged.items():
            # The last one may have been stored without its answer on the way.
            assert owner.tracking.series(run_id, ["v"]).series[0].n in (count, count + 1)


def test_alive_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server lives while its database, its files or the format of its tables are not what it can work with."""
    with (
        closing(open_folder(tmp_path / "w", "owner")) as owner,
        RunningServer(owner.dispatcher, listen("127.0.0.1", 0), LOOPBACK) as server,
    ):
        client, database = Client(server.url), owner.dispatcher.database
        monkeypatch.setattr("runward.server.watched._FRESH_S", -1.0)
        assert client.get("/readyz").json["status"] == "ready"

        def away(*, write: bool) -> None:
            raise StoreError("PostgreSQL is not reachable: host db.internal, user runward")

        with monkeypatch.context() as patched:
            patched.setattr(database, "transaction", away)
            told = client.get("/readyz")
            assert (told.status, told.json["detail"]) == (503, "the database does not answer")
            assert client.get("/healthz").status == 200
        with database.transaction(write=True) as tx:
            tx.execute("UPDATE schema_version SET version = version - 1")
        told = client.get("/readyz")
        assert (told.status, told.json["code"]) == (503, "migration_needed")
        with database.transaction(write=True) as tx:
            tx.execute("UPDATE schema_version SET version = version + 1")
        blobs = owner.dispatcher.folder / "blobs"
        blobs.write_text("no folder")
        told = client.get("/readyz")
        assert (told.status, told.json["detail"]) == (503, "the store of files cannot be used")
        assert client.get("/healthz").status == 200
        blobs.unlink()
        assert client.get("/readyz").status == 200
