"""Ids of another team inside of what is one's own: each reference of each operation, one at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from runward.core.operation import operations_of
from runward.workspace import ROOMS
from tests.hostile.mutants import places, put
from tests.permissions.estate import Estate
from tests.permissions.examples import EXAMPLES, OWN_TOKEN
from tests.permissions.site import SECRET, Asking, Open

OPERATIONS = [op for room in ROOMS for op in operations_of(room.api).values() if op.id != OWN_TOKEN]


def _counterparts(own: Estate, foreign: Estate) -> dict[str, str]:
    """What is one's own, and the same of the other team."""
    return {
        value: getattr(foreign, name)
        for name, value in vars(own).items()
        if isinstance(value, str) and len(value) > 3 and value != getattr(foreign, name)
    }


def _swapped(arguments: dict[str, Any], pairs: dict[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    plain = json.loads(msgspec.json.encode(arguments))
    for place in places(plain):
        value = plain
        for key in place:
            value = value[key]
        if not isinstance(value, str):
            continue
        for mine, theirs in pairs.items():
            if value == mine or (value.startswith("runs:/") and mine in value):
                yield ".".join(map(str, place)), put(plain, place, value.replace(mine, theirs))


def test_no_reference_reaches_into_another_team(opened: Open) -> None:
    """It is refused, or means nothing: nothing of the other team is changed, linked or told."""
    own, foreign = opened.site.own, opened.site.foreign
    pairs, asking, wrong, tried = _counterparts(own, foreign), Asking(opened.url, opened.site.author_token), [], 0
    for op in OPERATIONS:
        for place, arguments in _swapped(EXAMPLES[op.id](own), pairs):
            tried += 1
            found = asking.call(op, arguments)
            said, text = json.dumps(arguments), found.text
            for theirs in pairs.values():
                text = text.replace(theirs, "") if theirs in said else text
            tells = SECRET in text
            if (
                found.status >= 500
                or tells
                or (found.status < 400 and op.writes and (op.id, place) not in _MEANS_NOTHING)
            ):
                wrong.append((op.id, place, found.status, found.text[:300]))
    asking.close()
    assert wrong == []
    assert tried > 150


_MEANS_NOTHING = {
    # It is missing here, whoever else has it.
    ("tracking.missing_blobs", "digests.0"),
    # A text that anybody may write; no file of a run is looked at but of the one that the version names.
    ("registry.create_version", "new.source"),
    # The answer is that the claim is not held.
    ("jobs.renew_verification_job", "claim"),
}
"""(operation, place): what is answered with success although nothing there is reached."""


@pytest.mark.parametrize("digest", ["of the foreign artifact", "of nothing"])
def test_knowing_a_digest_is_not_having_the_bytes(opened: Open, digest: str) -> None:
    """Bytes are stored once for all, and still nobody gets those of another team by naming them."""
    asking, own = Asking(opened.url, opened.site.author_token), opened.site.own
    wanted = opened.site.foreign.digest if digest == "of the foreign artifact" else "0" * 64
    for path in (f"/api/v1/projects/{own.project}/blobs/{wanted}", f"/api/v1/runs/{own.run}/blobs/{wanted}"):
        assert asking.send("GET", path).status == 404
    body = json.dumps({"artifact": {"path": "stolen.txt", "digest": wanted}}["artifact"]).encode()
    found = asking.send("POST", f"/api/v1/runs/{own.running}/artifacts", body, {"Content-Type": "application/json"})
    assert 400 <= found.status < 500, found
    asking.close()
