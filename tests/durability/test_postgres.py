"""PostgreSQL crashes, or its primary is lost for good: what was acknowledged is there, and the server goes on by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.durability.cluster import Cluster
from tests.durability.conftest import Told
from tests.durability.site import ServerProcess, Traffic, times

pytestmark = pytest.mark.slow


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    found = Cluster()
    try:
        yield found
    finally:
        found.stop()


@pytest.mark.parametrize("turn", range(times(1, 5)))
def test_postgresql_crashes(cluster: Cluster, tmp_path: Path, told: Told, turn: int) -> None:
    crashes = times(3, 10)
    server = ServerProcess(tmp_path / "ws", database=cluster.url)
    server.start()
    try:
        traffic = Traffic(server)
        with traffic.running():
            for _ in range(crashes):
                traffic.wait_for_more(10)
                cluster.primary.crash()
                cluster.primary.start()
            traffic.wait_for_more(3)
        verdict = traffic.acknowledged().judge(server.connect())
    finally:
        server.kill()
    told("crash of PostgreSQL", crashes, verdict)
    assert verdict.is_good
    assert verdict.points > 500


@pytest.mark.parametrize("turn", range(times(1, 5)))
def test_a_primary_that_is_lost(cluster: Cluster, tmp_path: Path, told: Told, turn: int) -> None:
    """A synchronous standby takes over; the server finds it by the addresses it was given."""
    cluster.add_standby()
    servers = [ServerProcess(tmp_path / "ws", database=cluster.url)]
    servers.append(servers[0].beside())
    for server in servers:
        server.start()
    try:
        traffics = [Traffic(server) for server in servers]
        with traffics[0].running(), traffics[1].running():
            for traffic in traffics:
                traffic.wait_for_more(15)
            cluster.fail_over()
            for traffic in traffics:
                traffic.wait_for_more(3)
        verdicts = [traffic.acknowledged().judge(servers[0].connect()) for traffic in traffics]
    finally:
        for server in servers:
            server.kill()
    for number, verdict in enumerate(verdicts):
        told("PostgreSQL's primary lost under two servers", int(number == 0), verdict)
    assert all(verdict.is_good for verdict in verdicts)
