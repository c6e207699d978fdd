"""Short writes that share commits over HTTP: each request is answered for itself."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from runward.errors import ConflictError, InvalidError, NotFoundError, RunwardError, UnauthenticatedError
from runward.governance.dispatch import Pending
from runward.server import app, writer
from runward.testing.worlds import batch
from runward.tracking.model import Batch, NewRun
from runward.workspace import Workspace, open_url
from tests.server.conftest import Site


class _Groups:
    """Notes in which groups calls are made; one lasts until everybody else waits for the next."""

    def __init__(self, clients: int, times: int) -> None:
        self.sizes: list[int] = []
        self.writer = writer.Writer(self)  # type: ignore[arg-type]
        self.left = [times] * clients
        # Not in this thread, where a browser's loop may be running.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, asyncio.wait_for(self._all(), 60)).result()

    def call_together(self, group: Sequence[Pending]) -> None:
        self.sizes.append(len(group))
        pause = threading.Event()
        while len(group) + self.writer.waiting < sum(left > 0 for left in self.left):
            pause.wait(0.001)

    async def _client(self, number: int) -> None:
        while self.left[number]:
            await self.writer.call(None, lambda known: (None, {}))  # type: ignore[arg-type, return-value]
            self.left[number] -= 1
            # Some take longer to come back.
            await asyncio.sleep(0.005 * (number % 2))

    async def _all(self) -> None:
        async with self.writer.lifespan():
            await asyncio.gather(*(self._client(number) for number in range(len(self.left))))


def test_who_comes_back_at_once_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that write one thing after the other share all their commits."""
    monkeypatch.setattr(writer, "_GATHERING", 1e9)
    monkeypatch.setattr(writer, "_MOST_GATHERING_S", 1.0)
    sizes = _Groups(8, 20).sizes
    assert sum(sizes) == 160
    assert sizes[1:20] == [8] * 19
    assert len(sizes) <= 21


def test_who_is_alone_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "_GATHERING", 1e9)
    monkeypatch.setattr(writer, "_MOST_GATHERING_S", 3600.0)
    assert _Groups(1, 20).sizes == [1] * 20


def _sent(space: Workspace, run_id: str, sent: Batch) -> Any:
    try:
        return space.tracking.append(run_id, sent).next
    except RunwardError as error:
        return type(error)


def test_requests_that_wait_together_are_answered_each_for_itself(site: Site) -> None:
    """Good ones among wrong tokens, unknown runs, gaps and members who may not write."""
    known, strange = (open_url(site.server.url, token) for token in (site.tokens["owner"], "rwd_wrong"))
    foreign = open_url(site.server.url, site.tokens["olaf"])
    run_id = known.tracking.create_run(NewRun(project="p")).id
    calls: list[tuple[Workspace, str, Batch]] = []
    for client in range(6):
        calls += [(known, run_id, batch(0, {"v": [(0, 1.0)]}, client=f"c{client}"))]
        calls += [(strange, run_id, batch(0, {"v": [(0, 2.0)]}, client=f"s{client}"))]
        calls += [(foreign, run_id, batch(0, {"v": [(0, 3.0)]}, client=f"f{client}"))]
        calls += [(known, "nosuchrun", batch(0, {"v": [(0, 4.0)]}, client=f"n{client}"))]
        calls += [(known, run_id, batch(7, {"v": [(0, 5.0)]}, client=f"g{client}"))]
    with ThreadPoolExecutor(len(calls)) as pool:
        found = list(pool.map(lambda call: _sent(*call), calls))
    assert found == [1, UnauthenticatedError, NotFoundError, NotFoundError, ConflictError] * 6
    assert known.tracking.series(run_id, ["v"]).series[0].values == [1.0] * 6


def test_a_defect_in_one_request_is_nobody_elses(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also before its call: the writer goes on."""
    space = open_url(site.server.url, site.tokens["owner"])
    run_id = space.tracking.create_run(NewRun(project="p")).id

    def broken(*given: Any) -> Any:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(app, "_arguments", broken)
        with pytest.raises(RunwardError, match="mistake"):
            space.tracking.append(run_id, batch(0))
    assert space.tracking.append(run_id, batch(0)).next == 1
    with pytest.raises(InvalidError):
        space.tracking.append(run_id, batch(1, {"": [(0, 1.0)]}))
