"""Short writes of many clients in few transactions: one thread makes the calls that wait, all of them with one commit.

A thread for each request would be woken for its call, wait there for the commit of its group, and wake the event loop: under load
a server spent a third of its time on that.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from runward.core.operation import Operation
from runward.governance.dispatch import Dispatcher, Pending
from runward.governance.model import Actor

_END_S = 20.0
MAX_GROUP = 100
"""Calls of one transaction at most: nobody waits long for the others."""
_GATHERING, _MOST_GATHERING_S = 0.4, 0.01
"""For so much of the time that the last group took is waited, at most so long, for those who are likely to come back.

Clients that write one thing after the other come back when they are answered, some of them only after the next group has begun:
small groups and large ones would take turns for ever, and a transaction costs as much as the writing of several calls.
"""
Asked = Callable[[dict[str, Actor]], tuple[Actor, Mapping[str, Any]]]
"""Tells who asks and with which arguments. Takes, and adds to, those members whose tokens were looked up for the group."""


class _Waiting:
    """A request that waits for its call."""

    def __init__(self, op: Operation, asked: Asked) -> None:
        self.op, self.asked = op, asked
        self.loop = asyncio.get_running_loop()
        self.answered: asyncio.Future[None] = self.loop.create_future()
        self.value: Any = None
        self.error: BaseException | None = None


class Writer:
    """Makes the calls of operations that share commits. Belongs to one event loop.

    Args:
        dispatcher: Of the workspace.
        committed: Told after each group how many calls it had.
    """

    def __init__(self, dispatcher: Dispatcher, committed: Callable[[int], None] = lambda calls: None) -> None:
        self._dispatcher, self._committed = dispatcher, committed
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """Calls that wait for the group before theirs."""
        return self._waiting.qsize()

    @contextlib.asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Runs while the application does, which may be started again; its thread begins with the first call."""
        try:
            yield
        finally:
            if (thread := self._thread) is not None:
                self._waiting.put(None)
                self._thread = None
                # What was begun is ended before the workspace is closed.
                await asyncio.to_thread(thread.join, _END_S)

    async def call(self, op: Operation, asked: Asked) -> Any:
        """Run an operation that shares commits as soon as the group before it is stored.

        Raises: what ``asked`` and the operation raise.
        """
        mine = _Waiting(op, asked)
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="runward-writer", daemon=True)
            self._thread.start()
        self._waiting.put(mine)
        await mine.answered
        if mine.error is not None:
            raise mine.error
        return mine.value

    def _work(self) -> None:
        likely, patience = 1, 0.0
        while (first := self._waiting.get()) is not None:
            group, until = [first], time.monotonic() + patience
            while len(group) < MAX_GROUP:
                left = until - time.monotonic() if len(group) < likely else 0.0
                try:
                    item = self._waiting.get(timeout=left) if left > 0 else self._waiting.get_nowait()
                except queue.Empty:
                    break
                if item is None:
                    # The end comes after what was asked before it.
                    self._waiting.put(None)
                    break
                group.append(item)
            began = time.monotonic()
            try:
                self._carry_out(group)
            except BaseException as error:  # noqa: BLE001
                # The border of a worker's loop: who waits hears of the defect, and the next ones are served.
                for one in group:
                    one.error = error
            likely = len(group) + self._waiting.qsize()
            patience = min(_GATHERING * (time.monotonic() - began), _MOST_GATHERING_S)
            with contextlib.suppress(RuntimeError):  # Nobody waits on a loop that was closed.
                first.loop.call_soon_threadsafe(_tell, group)

    def _carry_out(self, group: list[_Waiting]) -> None:
        known: dict[str, Actor] = {}
        calls: list[tuple[_Waiting, Pending]] = []
        for item in group:
            try:
                # Before the transaction: who is not known, or sends what is not understood, keeps nobody waiting.
                calls.append((item, Pending(item.op, *item.asked(known))))
            except Exception as error:  # noqa: BLE001
                # The same border: the others of the group have nothing to do with it.
                item.error = error
        if calls:
            self._dispatcher.call_together([pending for _, pending in calls])
            self._committed(len(calls))
        for item, pending in calls:
            item.value, item.error = pending.value, pending.error


def _tell(group: list[_Waiting]) -> None:
    for item in group:
        if not item.answered.done():
            item.answered.set_result(None)
