"""Our own OpenAPI document, fuzzed: whatever arrives, the server answers as it promised and never with a 5xx."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from runward.core.operation import Operation, operations_of
from runward.core.remote import API
from runward.governance.model import NewToken
from runward.server.asgi import create_app
from runward.tracking.model import NewProject, NewRun
from runward.workspace import ROOMS, open_folder

try:
    import schemathesis
except ImportError:
    if os.environ.get("RUNWARD_TEST_ALL"):
        raise
    pytest.skip("schemathesis is not installed: uv sync --group contract", allow_module_level=True)

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The document of a running application over a workspace with something in it."""
    folder: Path = tmp_path_factory.mktemp("contract")
    space = open_folder(folder / "ws", "owner")
    space.tracking.create_project(NewProject(path="a"))
    space.tracking.create_run(NewRun(project="a", name="one"))
    token = space.governance.create_token(NewToken(name="fuzz")).secret
    app = create_app(space.dispatcher)
    yield schemathesis.openapi.from_asgi("/api/v1/openapi.json", app), {"Authorization": f"Bearer {token}"}
    space.close()


OPERATIONS = [op for room in ROOMS for op in operations_of(room.api).values()]


@pytest.mark.parametrize("op", OPERATIONS, ids=lambda op: op.id)
def test_no_input_breaks_the_server(contract: Any, op: Operation) -> None:
    """Every operation, with data that fits its schema and data that does not."""
    document, headers = contract
    cases = document[API + op.path][op.method].as_strategy()
    wild = document[API + op.path][op.method].as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)

    @given(case=cases | wild)
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    def answers(case: Any) -> None:
        response = case.call(headers=headers)
        assert response.status_code < 500, f"{case.method} {case.path}: {response.text[:500]}"
        if response.status_code >= 400:
            assert {"code", "detail", "status"} <= response.json().keys()

    answers()
