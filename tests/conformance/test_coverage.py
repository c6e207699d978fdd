"""No operation without a place in the suites: what is declared is tested on every backend."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re

import pytest

from runward import testing
from runward.core.operation import operations_of
from runward.workspace import ROOMS

SUITES = [
    module
    for module in (
        importlib.import_module(f"runward.testing.{found.name}") for found in pkgutil.iter_modules(testing.__path__)
    )
    if any(name.endswith("Suite") for name in vars(module))
]
SOURCE = "\n".join(inspect.getsource(suite) for suite in SUITES)


@pytest.mark.parametrize("op", [op for room in ROOMS for op in operations_of(room.api).values()], ids=lambda op: op.id)
def test_every_operation_is_in_a_suite(op: object) -> None:
    room, name = str(op.id).split(".")  # type: ignore[attr-defined]
    assert re.search(rf"\b{room}\.{name}\b|\bgovernance\.{name}\b", SOURCE), f"no suite calls {room}.{name}"
