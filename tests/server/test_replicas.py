"""Several servers over one PostgreSQL behind one address: any may die."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from runward.errors import StoreError
from runward.governance.model import NewToken
from runward.governance.signin import folder_actor
from runward.server.run import open_store
from runward.testing.plugin import missing
from runward.testing.worlds import batch
from runward.tracking.model import NewProject, NewRun
from runward.workspace import FolderWorkspace, open_url
from tests.server.certificates import make_certificate
from tests.server.process import serving
from tests.server.test_proxy import FRAME, free_port

DOCUMENT = Path(__file__).parents[2] / "docs" / "operate.md"
WRITERS = 6


@contextlib.contextmanager
def _nginx(folder: Path, servers: list[str]) -> Iterator[str]:
    """Nginx with the lines of docs/operate.md in front of some servers; its address, without TLS."""
    binary = shutil.which("nginx") or ("/usr/sbin/nginx" if Path("/usr/sbin/nginx").exists() else "")
    if not binary:
        missing("no nginx on this machine: apt-get install nginx-light")
    port, (certificate, key) = free_port(), make_certificate(folder)
    found = re.search(r"^```nginx\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    block = found[1].replace("listen 443 ssl", f"listen 127.0.0.1:{port}")
    block = block.replace("/etc/ssl/runs/fullchain.pem", str(certificate)).replace(
        "/etc/ssl/runs/privkey.pem", str(key)
    )
    for documented, here in zip(("10.0.0.11:4747", "10.0.0.12:4747"), servers, strict=True):
        block = block.replace(documented, here)
    (folder / "nginx.conf").write_text(FRAME.format(folder, block), encoding="utf-8")
    with (folder / "nginx.log").open("w") as log:
        command = [binary, "-p", str(folder), "-c", str(folder / "nginx.conf")]
        process = subprocess.Popen(command, stderr=log)
    try:
        for _ in range(400):
            with contextlib.suppress(OSError), contextlib.closing(socket.create_connection(("127.0.0.1", port), 1)):
                break
            assert process.poll() is None, (folder / "nginx.log").read_text()
            threading.Event().wait(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.slow
def test_one_of_two_servers_dies_while_clients_write(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed without a warning: all that was acknowledged is there once, and no client has to ask more than twice."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    dispatcher = open_store(tmp_path / "a", postgres_url)
    owner = FolderWorkspace(dispatcher, "", tmp_path / "a", folder_actor(dispatcher.database, "owner"))
    with contextlib.closing(owner):
        owner.tracking.create_project(NewProject(path="p"))
        token = owner.governance.create_token(NewToken("t")).secret
        runs = [owner.tracking.create_run(NewRun(project="p")).id for _ in range(WRITERS)]
        options = ("--database", postgres_url, "--behind-proxy", "--url", "https://runs.example.org")
        with (
            serving(tmp_path / "a", *options) as first,
            serving(tmp_path / "a", *options) as second,
            _nginx(tmp_path, [first.url.removeprefix("http://"), second.url.removeprefix("http://")]) as address,
        ):
            acknowledged, tries, may_end = Counter[str](), Counter[int](), threading.Event()

            def write(run_id: str) -> None:
                space, frame = open_url(address, token), 0
                while not may_end.is_set() or frame < 20:
                    for attempt in range(1, 20):
                        try:
                            space.tracking.append(run_id, batch(frame, {"v": [(frame, float(frame))]}))
                            break
                        except StoreError:
                            tries[attempt] += 1
                            # As the uploader does: the same batch again.
                            threading.Event().wait(0.05)
                    else:
                        raise AssertionError("the other server does not answer")
                    frame += 1
                    acknowledged[run_id] = frame

            threads = [threading.Thread(target=write, args=(run_id,)) for run_id in runs]
            for thread in threads:
                thread.start()
            _until(lambda: all(acknowledged[run_id] >= 20 for run_id in runs))
            first.process.kill()
            first.process.wait(30)
            at_death = dict(acknowledged)
            _until(lambda: all(acknowledged[run_id] >= at_death[run_id] + 20 for run_id in runs))
            may_end.set()
            for thread in threads:
                thread.join(60)
            assert not any(thread.is_alive() for thread in threads)
            for run_id in runs:
                found = owner.tracking.series(run_id, ["v"]).series[0]
                assert found.values == [float(number) for number in range(acknowledged[run_id])]
            assert sum(acknowledged.values()) >= WRITERS * 40
            # A second failure in a row would mean that a client was sent to the dead one again.
            assert tries[2] == 0, tries
            assert tries[1] <= WRITERS, tries


def _until(holds: object) -> None:
    assert callable(holds)
    for _ in range(600):
        if holds():
            return
        threading.Event().wait(0.05)
    raise AssertionError("it did not come to that in time")
