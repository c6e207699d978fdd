from typing import Any

import pytest

from runward.core.operation import ANY, Operation, Precondition
from runward.governance.dispatch import Dispatcher
from runward.governance.model import Actor
from runward.testing.series import SeriesSuite
from runward.tracking.compaction import compact_run


class TestSeries(SeriesSuite):
    pass


class TestCompactedSeries(SeriesSuite):
    """The same promises where every batch is folded into a block at once."""

    @pytest.fixture(autouse=True)
    def _compact_always(self, monkeypatch: pytest.MonkeyPatch) -> None:
        plain = Dispatcher.call

        def call(
            self: Dispatcher, op: Operation, actor: Actor, arguments: dict[str, Any], match: Precondition = ANY
        ) -> Any:
            result = plain(self, op, actor, arguments, match)
            if op.id == "tracking.append":
                compact_run(self.database, arguments["run_id"])
            return result

        monkeypatch.setattr(Dispatcher, "call", call)
