"""Several server processes on one socket, over one database."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runward.governance.model import NewToken
from runward.server.workers import Workers
from runward.tracking.model import Batch, NewProject, NewRun, OutputChunk
from runward.workspace import Workspace, open_folder, open_url


@contextmanager
def _serving(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "runward", "server", "--dir", str(folder), "--port", "0", "--json", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        told = ""
        while not told.endswith("}\n"):
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            told += line
        yield process, json.loads(told)["url"]
    finally:
        process.send_signal(signal.SIGTERM)
        print(process.communicate(timeout=30)[1])  # Shown where a test fails.


@pytest.fixture
def token(tmp_path: Path) -> str:
    owner = open_folder(tmp_path / "ws", "owner")
    owner.tracking.create_project(NewProject(path="p"))
    secret = owner.governance.create_token(NewToken(name="t", member="owner", role="admin")).secret
    owner.close()
    return secret


def _children(process: subprocess.Popen[str]) -> set[int]:
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return {int(pid) for pid in listed if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_workers_share_the_work_and_are_replaced(tmp_path: Path, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with _serving(tmp_path / "ws", "--workers", "3") as (process, url):
        spaces = [open_url(url, token) for _ in range(8)]
        runs = [space.tracking.create_run(NewRun(project="p")).id for space in spaces]

        def write(space: Workspace, run_id: str) -> None:
            for frame in range(30):
                chunk = OutputChunk("stdout", f"{frame}\n", float(frame))
                space.tracking.append(run_id, Batch("c", frame, 1, output=[chunk]))

        writers = [threading.Thread(target=write, args=pair) for pair in zip(spaces, runs, strict=True)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert [len(spaces[0].tracking.output(run_id).chunks) for run_id in runs] == [30] * 8
        before = _children(process)
        assert len(before) == 3
        pause = threading.Event()
        os.kill(min(before), signal.SIGKILL)
        for _ in range(100):
            if len(_children(process) - before) == 1:
                break
            pause.wait(0.1)
        assert len(_children(process) - before) == 1
        assert open_url(url, token).tracking.search_runs("p").total == 8
        left = _children(process)
    assert process.returncode == 0
    assert not [pid for pid in left if Path(f"/proc/{pid}").exists()]


def _dies(bound: socket.socket) -> None:
    raise SystemExit(bound.fileno() < 0)


def test_workers_that_cannot_run_end_the_server() -> None:
    """Each is replaced at first; then it is said, instead of starting processes for ever."""
    ended: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as bound:
        assert Workers(2, bound, _dies, ended.append).run() == 1
    assert len(ended) == len(set(ended)) == 3


@pytest.mark.slow
def test_two_servers_over_one_postgresql(tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one stores the other shows; both start at once on an empty database."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    options = ("--database", postgres_url)
    with _serving(tmp_path / "a", *options) as (_, one), _serving(tmp_path / "a", *options) as (_, two):
        made = subprocess.run(
            [sys.executable, "-m", "runward", "token", "create", "--role", "admin", "--json", *options],
            env={**os.environ, "RUNWARD_DIR": str(tmp_path / "a")},
            check=False,
            capture_output=True,
            text=True,
        )
        token = json.loads(made.stdout)["secret"]
        first, second = open_url(one, token), open_url(two, token)
        first.tracking.create_project(NewProject(path="p"))
        run = first.tracking.create_run(NewRun(project="p", name="shared"))
        assert second.tracking.get_run(run.id).run.name == "shared"
