"""How many statements the database is sent: what a cost that must not grow is measured in."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from runward.store.transaction import Tx


@contextlib.contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that this thread runs meanwhile: another test's upload may still be under way in its own."""
    said, asked_by = list[str](), threading.get_ident()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_run", "_send"):
            carry_out = getattr(Tx, name)

            def counting(self: Tx, sql: str, params: Any = (), carry_out: Any = carry_out) -> object:
                if threading.get_ident() == asked_by:
                    said.append(sql)
                return carry_out(self, sql, params)

            patch.setattr(Tx, name, counting)
        yield said
