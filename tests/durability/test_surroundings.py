"""The network cuts connections, the clock jumps: nothing that was acknowledged is lost or done twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runward.testing.plugin import missing
from tests.durability.conftest import Told
from tests.durability.network import BadNetwork
from tests.durability.site import ServerProcess, Traffic, times, wait_for

pytestmark = pytest.mark.slow
_PLACES = ("/usr/lib/x86_64-linux-gnu/faketime", "/usr/lib/aarch64-linux-gnu/faketime", "/usr/lib/faketime")
_JUMPS = ("-1h", "+10d", "-30d", "+0")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    found = ServerProcess(tmp_path / "server")
    yield found
    found.kill()


@pytest.mark.parametrize("turn", range(times(1, 5)))
def test_connections_that_are_cut(server: ServerProcess, told: Told, turn: int) -> None:
    """At any byte of a request or of its answer: what was acknowledged is there, and what was sent again is there once."""
    server.start()
    with BadNetwork(server.port, seed=turn).running() as network:
        traffic = Traffic(server.through(network.port))
        with traffic.running():
            wait_for(lambda: network.cuts >= times(20, 100), "connections that were cut", 120)
    verdict = traffic.acknowledged().judge(server.connect())
    told("connection cut", network.cuts, verdict)
    assert verdict.is_good
    assert verdict.points > 1_000


@pytest.mark.parametrize("turn", range(times(1, 3)))
def test_a_clock_that_jumps(tmp_path: Path, told: Told, turn: int) -> None:
    """An hour back, ten days ahead, thirty days back, while clients write."""
    library = next((path for place in _PLACES if (path := Path(place) / "libfaketimeMT.so.1").exists()), None)
    if library is None:
        missing("libfaketime is not installed")
    clock, jumps = tmp_path / "clock", times(len(_JUMPS), 12)
    clock.write_text("+0")
    env = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    server = ServerProcess(tmp_path / "server", env)
    server.start()
    try:
        traffic = Traffic(server)
        with traffic.running():
            for number in range(jumps):
                clock.write_text(_JUMPS[number % len(_JUMPS)])
                traffic.wait_for_more(10)
        verdict = traffic.acknowledged().judge(server.connect())
    finally:
        server.kill()
    told("jump of the clock", jumps, verdict)
    assert verdict.is_good
