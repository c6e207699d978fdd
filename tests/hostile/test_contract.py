"""Our own OpenAPI document, fuzzed: whatever arrives, the server answers as it promised and never with a 5xx."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from runward.core.etag import ANYTHING, CONDITION
from runward.core.openapi import openapi
from runward.core.operation import Operation, operations_of
from runward.core.remote import API
from runward.workspace import ROOMS
from tests.hostile.conftest import Told
from tests.hostile.mutants import Request, mutants
from tests.hostile.values import CONDITIONS
from tests.permissions.examples import EXAMPLES, OWN_TOKEN
from tests.permissions.site import Answer, Asking, Open

try:
    import requests
    import schemathesis
except ImportError:
    if os.environ.get("RUNWARD_TEST_ALL"):
        raise
    pytest.skip("schemathesis is not installed: uv sync --group contract", allow_module_level=True)

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

INPUTS = int(os.environ.get("RUNWARD_HOSTILE_INPUTS", "15"))
"""For each operation; a third each: what fits the document, what does not, and real calls with one thing wrong."""
_NO_HTTP = "Invalid HTTP request received."
_NOTHING: st.SearchStrategy[dict[str, str]] = st.just({})
_MATCHING = st.sampled_from([{CONDITION: ANYTHING}] * 60 + [{}] * 20 + [{CONDITION: text} for text in CONDITIONS])
"""Most go on to what they change; the others say what the document makes up, or what nobody should."""
OPERATIONS = [op for room in ROOMS for op in operations_of(room.api).values()]
_AUTHORS = {op.id for op in OPERATIONS if op.others}


@pytest.fixture(scope="module")
def document() -> Any:
    """The OpenAPI document as schemathesis reads it."""
    return schemathesis.openapi.from_dict(msgspec.json.decode(msgspec.json.encode(openapi(OPERATIONS))))


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    with requests.Session() as kept:
        yield kept


@pytest.mark.parametrize("op", OPERATIONS, ids=lambda op: op.id)
def test_no_input_breaks_the_server(opened: Open, document: Any, session: Any, op: Operation, told: Told) -> None:
    """Every operation, with data that fits its schema, with data that does not, and with real data that is a little off."""
    site = opened.site
    token = site.author_token if op.id in _AUTHORS else site.tokens["admin everywhere"]
    known = {"token_id": site.spare["outsider"]} if op.id == OWN_TOKEN else EXAMPLES[op.id](site.own)
    real = {param.name: str(known[param.name]).replace("/", ":") for param in op.params if param.place == "path"}
    asking = Asking(opened.url, token)
    described, headers = document[API + op.path][op.method], {"Authorization": f"Bearer {token}"}
    counts = dict.fromkeys(["inputs", "taken", "refused", "broken"], 0)
    wrong: dict[str, str] = {}

    def noted(answer: Answer, sent: str) -> None:
        counts["inputs"] += 1
        counts["taken" if answer.status < 400 else "refused" if answer.status < 500 else "broken"] += 1
        # An address beyond 64 KiB is refused by the HTTP parser, which knows nothing of problems.
        is_problem = ('"code"' in answer.text and '"detail"' in answer.text) or answer.text == _NO_HTTP
        if answer.status >= 500 or (answer.status >= 400 and not is_problem):
            wrong.setdefault(f"{answer.status} {answer.text[:200]}", sent[:1000])

    def by_document(sent: tuple[Any, dict[str, str], bool]) -> None:
        case, more, is_real = sent
        if is_real:
            # What is made up for an id is never there, and the body of such a call is not looked at.
            case.path_parameters = {**(case.path_parameters or {}), **real}
        found = case.call(base_url=opened.url, session=session, headers={**headers, **more}, timeout=60)
        shown = f"{case.method} {case.formatted_path} {case.query} {case.body!r} {more}"
        noted(Answer(found.status_code, found.text), shown)

    def by_hand(sent: Request) -> None:
        noted(asking.send(*sent), repr(sent))

    modes = schemathesis.GenerationMode
    for mode in (modes.POSITIVE, modes.NEGATIVE):
        made = described.as_strategy(generation_mode=mode)
        _each(st.tuples(made, _MATCHING if op.revises else _NOTHING, st.booleans()), by_document)
    _each(mutants(op, known), by_hand)
    asking.close()
    told("document", op.id, {**counts, "wrong": wrong})
    assert wrong == {}


def _each(strategy: st.SearchStrategy[Any], act: Callable[[Any], None]) -> None:
    """All is counted and noted before anything fails: what is found first does not hide what is found next."""

    @given(one=strategy)
    @settings(
        max_examples=max(1, INPUTS // 3),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=[Phase.generate],
    )
    def tried(one: Any) -> None:
        act(one)

    tried()
