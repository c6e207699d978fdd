"""Of two who change the same thing over HTTP, the second hears of the first: every operation that revises something."""

from __future__ import annotations

import msgspec
import pytest

from runward.core.openapi import openapi
from runward.core.operation import Operation, operations_of, revised_arguments
from runward.core.remote import API
from runward.workspace import ROOMS
from tests.permissions.examples import EXAMPLES
from tests.permissions.site import Asking, Open

OPERATIONS = {op.id: op for room in ROOMS for op in operations_of(room.api).values()}
REVISING = [op for op in OPERATIONS.values() if op.revises]


def test_every_change_of_what_is_there_asks_for_an_etag_or_says_why_not() -> None:
    """Over the whole contract, by what it says itself."""
    paths = msgspec.json.decode(msgspec.json.encode(openapi(OPERATIONS.values())))["paths"]
    for path, methods in paths.items():
        for method, told in methods.items():
            asked = [one for one in told["parameters"] if (one["in"], one["name"]) == ("header", "If-Match")]
            assert [one["required"] for one in asked] in ([], [True])
            assert bool(asked) == ({"412", "428"} <= set(told["responses"])) == bool(told.get("x-revises")), path
            if method in ("put", "patch"):
                assert bool(asked) != bool(told.get("x-blind")), (method, path)
            if asked:
                read_method, read_path = told["x-revises"].split(" ")
                assert "ETag" in paths[read_path][read_method.lower()]["responses"]["200"]["headers"], path


def test_what_may_be_blind_says_so_in_a_sentence() -> None:
    """For who reads the contract."""
    for op in OPERATIONS.values():
        assert not op.blind or len(op.blind.split()) > 4, op.id


def _asking(opened: Open, op: Operation, condition: str) -> Asking:
    site = opened.site
    return Asking(opened.url, site.author_token if op.others else site.tokens["admin everywhere"], condition)


@pytest.mark.parametrize("op", REVISING, ids=lambda op: op.id)
def test_a_change_is_made_from_what_was_read_or_not_at_all(opened: Open, op: Operation) -> None:
    """428 without an ETag, 412 with another one, done with the one that the read gave."""
    given, read = EXAMPLES[op.id](opened.site.own), OPERATIONS[op.revises]
    bare = _asking(opened, op, "")
    refused = bare.call(op, given)
    assert (refused.status, msgspec.json.decode(refused.text)["code"]) == (428, "no_precondition")
    seen = bare.call(
        read, {name: value for name, value in revised_arguments(op, read, given).items() if value not in ("", None)}
    )
    bare.close()
    late = _asking(opened, op, '"x"')
    refused = late.call(op, given)
    told = msgspec.json.decode(refused.text)
    assert (refused.status, told["code"]) == (412, "edited_meanwhile")
    late.close()
    assert seen.status in (200, 204)
    assert seen.etag.strip('"') == told["details"]["etag"]
    assert f"(GET {read.path.partition('{')[0]}" in told["hint"]
    for condition in (seen.etag, f"W/{seen.etag}", f'"other", {seen.etag}'):
        asking = _asking(opened, op, condition)
        assert asking.call(op, given).status < 400, condition
        asking.close()


def test_a_precondition_that_is_none_is_refused(opened: Open) -> None:
    """Without its quotation marks, or empty."""
    op = OPERATIONS["registry.update_model"]
    for condition in ("7", "", "W/", '"a'):
        asking = _asking(opened, op, "*")
        found = asking.send("PATCH", f"{API}/models/{opened.site.own.model}", b"{}", {"If-Match": condition})
        assert (found.status, "quotation marks" in found.text) == (422, True), condition
        asking.close()
