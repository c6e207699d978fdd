"""What Prometheus is told: as Prometheus's own parser reads it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from runward.coordination.queue import enqueue
from runward.core.clock import utc_now
from runward.governance.model import NewMember, NewToken
from runward.insights.health import seen
from runward.server.run import LOOPBACK, RunningServer, listen
from runward.store.database import SqliteDatabase
from runward.testing.worlds import batch
from runward.tracking.model import NewProject, NewRun
from runward.workspace import FolderWorkspace, open_folder, open_url
from tests.server.http import Client
from tests.server.process import serving

Sample = dict[tuple[str, frozenset[tuple[str, str]]], float]


def _scraped(client: Client) -> Sample:
    answer = client.get("/metrics")
    assert answer.status == 200, answer
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(answer.body.decode())
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def _value(found: Sample, name: str, **labels: str) -> float:
    return found[f"runward_{name}", frozenset(labels.items())]


@pytest.fixture
def owner(tmp_path: Path) -> Any:
    with closing(open_folder(tmp_path / "w", "owner")) as space:
        space.tracking.create_project(NewProject(path="p"))
        yield space


def _token(owner: FolderWorkspace) -> str:
    """Of a service account that may ask how the server fares, and nothing else."""
    owner.governance.create_member(NewMember("prometheus", kind="service"))
    owner.governance.grant_verb("prometheus", "workspace", "", "server.read")
    return owner.governance.create_token(NewToken("scrape", member="prometheus", only=["server.read"])).secret


def test_requests_points_and_groups_are_counted(owner: FolderWorkspace) -> None:
    """By template, so that no id and no invented path becomes a series."""
    admin = owner.governance.create_token(NewToken("t")).secret
    with RunningServer(owner.dispatcher, listen("127.0.0.1", 0), LOOPBACK) as server:
        scraper = Client(server.url, _token(owner))
        space, run = open_url(server.url, admin), owner.tracking.create_run(NewRun(project="p"))
        for number in range(3):
            space.tracking.append(run.id, batch(number, {"v": [(number, 1.0), (number, 2.0)]}))
        asked = Client(server.url, admin)
        for number in range(20):
            asked.get(f"/api/v1/runs/none{number}")
            asked.send("PROPFIND", f"/nowhere/{number}")
        found = _scraped(scraper)
        append = "/api/v1/runs/{run_id}/batches"
        assert _value(found, "http_requests_total", method="POST", route=append, status="200") == 3
        assert _value(found, "http_request_duration_seconds_count", method="POST", route=append) == 3
        assert _value(found, "http_requests_total", method="GET", route="/api/v1/runs/{run_id}", status="404") == 20
        assert _value(found, "ingested_points_total") == 6
        assert _value(found, "writer_group_calls_sum") == 3
        names = str(found)
        assert run.id not in names
        assert "nowhere" not in names
        assert "PROPFIND" not in names
        others = {
            labels: value
            for (name, labels), value in found.items()
            if ("method", "other") in labels and name.endswith("requests_total")
        }
        assert list(others.values()) == [20]


def test_the_state_of_the_workspace_is_told(owner: FolderWorkspace) -> None:
    """What waits, what the trail's checkpoints leave out, and this build."""
    with owner.dispatcher.database.transaction(write=True) as tx:
        enqueue(tx, "hook", "nobody", "run.finished", "{}", 1)
        tx.execute("UPDATE deliveries SET next_at = ?", (10**18,))
    with RunningServer(owner.dispatcher, listen("127.0.0.1", 0), LOOPBACK) as server:
        found = _scraped(Client(server.url, _token(owner)))
    assert _value(found, "deliveries_waiting") == 1
    assert _value(found, "deliveries_late_seconds") == 0
    assert _value(found, "verification_jobs", state="queued") == 0
    assert _value(found, "audit_uncovered_events") >= 0
    assert _value(found, "disk_free_bytes") > 0
    assert _value(found, "worker_processes") == 1
    assert _value(found, "event_stream_clients") == 0
    assert _value(found, "database_connections") >= 1
    assert _value(found, "resident_memory_bytes") > 1e6
    assert any(name == "runward_build_info" for name, _ in found)


def test_who_watches_the_server_sees_nothing_else(owner: FolderWorkspace) -> None:
    """And who may not watch it gets no numbers."""
    secret = _token(owner)
    viewer = owner.governance.create_member(NewMember("vera", role="viewer")) and owner.governance.create_token(
        NewToken("t", member="vera")
    )
    with RunningServer(owner.dispatcher, listen("127.0.0.1", 0), LOOPBACK) as server:
        assert Client(server.url, secret).get("/metrics").status == 200
        assert Client(server.url, secret).get("/api/v1/health").status == 200
        assert Client(server.url, secret).get("/api/v1/members").status == 403
        assert Client(server.url, viewer.secret).get("/metrics").status == 403
        assert Client(server.url).get("/metrics").status == 401


def _steps(owner: FolderWorkspace) -> int:
    """How many hundreds of steps SQLite takes for what a scrape reads."""
    database, taken = owner.dispatcher.database, [0]
    assert isinstance(database, SqliteDatabase)

    def count() -> int:
        taken[0] += 1
        return 0

    connection = database._connect()
    connection.set_progress_handler(count, 100)
    try:
        seen(owner.dispatcher, utc_now())
    finally:
        connection.set_progress_handler(None, 0)
    return taken[0]


def test_a_scrape_reads_no_history(owner: FolderWorkspace) -> None:
    """Ten thousand deliveries and jobs that are over cost it nothing."""
    run = owner.tracking.create_run(NewRun(project="p"))
    seen(owner.dispatcher, utc_now())
    before = _steps(owner)
    old = """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) """
    with owner.dispatcher.database.transaction(write=True) as tx:
        tx.execute(
            f"""INSERT INTO deliveries (id, target, target_id, kind, body, state, attempts, created_at, next_at, expires_at,
                status, said) {old} SELECT 'd' || i, 'hook', 'x', 'k', '', 'given_up', 1, i, NULL, i, 0, '' FROM n"""
        )
        tx.execute(
            f"""INSERT INTO verification_jobs (id, run_id, level, options, pool, state, cause, requested_by, requested_at,
                worker, host, claim, attempts, reason, ended_at) {old}
                SELECT 'j' || i, ?, 'basic', '', '', 'cancelled', 'person', '', i, '', '', '', 1, '', i FROM n""",
            (run.id,),
        )
    assert _steps(owner) <= before + 1


def _until(holds: Callable[[], bool]) -> bool:
    pause = threading.Event()
    for _ in range(200):
        if holds():
            return True
        pause.wait(0.1)
    return holds()


@pytest.mark.slow
def test_any_worker_answers_for_all(tmp_path: Path, owner: FolderWorkspace) -> None:
    """Whichever is asked tells the same sums, and what a killed one had counted stays counted."""
    secret, admin = _token(owner), owner.governance.create_token(NewToken("t")).secret
    owner.close()
    with serving(tmp_path / "w", "--workers", "3") as running:
        scraper, asked = Client(running.url, secret), Client(running.url, admin)
        assert _until(lambda: _value(_scraped(scraper), "worker_processes") == 3)

        def told() -> float:
            return _value(_scraped(scraper), "http_requests_total", method="GET", route="/api/v1/me", status="200")

        for _ in range(60):
            assert asked.get("/api/v1/me").status == 200
        assert {told() for _ in range(12)} == {60.0}
        pid = running.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        workers = [int(c) for c in children if b"spawn_main" in Path(f"/proc/{c}/cmdline").read_bytes()]
        assert len(workers) == 3
        os.kill(workers[0], signal.SIGKILL)
        assert _until(lambda: _value(_scraped(scraper), "worker_processes") == 2)
        assert _until(lambda: _value(_scraped(scraper), "worker_processes") == 3)
        assert {told() for _ in range(12)} == {60.0}
    assert running.process.returncode == 0
