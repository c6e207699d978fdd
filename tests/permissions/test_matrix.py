"""Every operation, called over HTTP with real objects by everybody of the matrix: the answer is the published one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from runward.core.matrix import HOLDERS, Holder, answer
from runward.core.operation import BY_AUTHOR, Operation, operation, operations_of
from runward.core.permissions import ALONE, PERMISSIONS, VERBS
from runward.governance.model import NewToken
from runward.workspace import ROOMS
from tests.permissions.estate import Estate
from tests.permissions.examples import EXAMPLES, OWN_TOKEN
from tests.permissions.site import SECRET, WORD, Answer, Asking, Open

OPERATIONS = [op for room in ROOMS for op in operations_of(room.api).values()]
QUICK = ("outsider", "viewer", "contributor", "maintainer", "audit.read everywhere", "token: project")
"""Who is tried in every run of the tests; the others are slow ones."""
CASES = [pytest.param(h, id=h.name, marks=[] if h.name in QUICK else [pytest.mark.slow]) for h in HOLDERS]


def arguments(op: Operation, estate: Estate, opened: Open, holder: str) -> dict[str, Any]:
    """What an operation is called with."""
    return {"token_id": opened.site.spare[holder]} if op.id == OWN_TOKEN else EXAMPLES[op.id](estate)


def test_every_operation_has_an_example_and_every_example_an_operation() -> None:
    """A new operation is part of the matrix before it can be merged."""
    assert {*EXAMPLES, OWN_TOKEN} == {op.id for op in OPERATIONS}


def test_every_example_succeeds_for_who_may_do_all(opened: Open) -> None:
    """So that a refusal elsewhere is one of permission; what only its author may is tried by the author."""
    boss = Asking(opened.url, opened.site.tokens["admin everywhere"])
    author = Asking(opened.url, opened.site.author_token)
    for op in OPERATIONS:
        given = arguments(op, opened.site.own, opened, "admin everywhere")
        asking = author if op.others else boss
        found = asking.call(op, given)
        assert found.is_allowed, (op.id, found)
        if op.others and op.others != BY_AUTHOR:
            assert boss.call(op, given).status < 400, op.id
    boss.close()
    author.close()


@pytest.mark.parametrize("holder", CASES)
def test_the_answer_is_the_one_of_the_matrix(opened: Open, holder: Holder) -> None:
    """For objects of the own team and of another one; what is hidden is not told by a word of the answer."""
    asking, wrong = Asking(opened.url, opened.site.tokens[holder.name]), []
    for own, estate in ((True, opened.site.own), (False, opened.site.foreign)):
        for op in OPERATIONS:
            given = arguments(op, estate, opened, holder.name)
            found, wanted = asking.call(op, given), answer(op, holder, own=own)
            if not _is(wanted, found) or (wanted != "yes" and _tells(holder, given, found.text)):
                wrong.append((op.id, "own" if own else "foreign", wanted, found.status, found.text[:200]))
    asking.close()
    assert wrong == []


def _is(wanted: str, found: Answer) -> bool:
    """Whether an answer is what the matrix says."""
    match wanted:
        case "yes":
            return found.is_allowed
        case "filtered":
            # What names an object that is not there for the caller is wrong input, or finds nothing.
            return found.status < 400 or found.status in (404, 422)
        case "hidden":
            return found.status == 404 and msgspec.json.decode(found.text)["code"] == "not_found"
        case _:
            return found.status == 403 and msgspec.json.decode(found.text)["code"] == "forbidden"


def _tells(holder: Holder, given: dict[str, Any], text: str) -> bool:
    """Whether an answer holds the word in all names of what the holder may not read; what they said themselves is no news."""
    if holder.workspace is not None:
        return False
    reads_own = holder.team is not None and holder.part != "elsewhere"
    said = msgspec.json.encode(given, enc_hook=str).decode()
    return any(word in text and word not in said for word in ([SECRET] if reads_own else [WORD, SECRET]))


def test_every_permission_of_an_operation_is_declared() -> None:
    """Deny by default: what names no permission, or an unknown one, cannot exist in a running program."""
    for wrong in ({"may": "run.raed", "on": "run_id"}, {"may": "run.read", "on": ""}):
        with pytest.raises(TypeError, match=r"declared|must name"):
            operation("GET", "/x", **wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="declared"):
        operation("GET", "/x", may="run.read", on="run_id", others="run.raed")

    class Api:
        def undeclared(self) -> None: ...

    with pytest.raises(TypeError, match="declares no operation"):
        operations_of(Api)


def test_verbs_are_permissions_that_are_told_alike_everywhere() -> None:
    """In the table, on the wire and in the matrix."""
    assert set(VERBS) <= set(PERMISSIONS)
    assert set(VERBS) >= ALONE
    assert {holder.team_verb for holder in HOLDERS} - {""} == set(VERBS)


def test_nobody_hands_on_more_than_they_hold(opened: Open) -> None:
    """Nor by a token that is for less: neither by a role, nor by a verb, nor by a way in to somebody who holds more."""
    governance, by_id = opened.site.owner.governance, {op.id: op for op in OPERATIONS}
    assert governance.create_token(NewToken("kept")).secret  # forgotten, like every call
    tries = {
        "governance.grant": {"role": "admin", "scope_kind": "workspace", "scope": ""},
        "governance.grant_verb": {"verb": "erase", "scope_kind": "workspace", "scope": ""},
        "governance.invite": {},
        "governance.connect_member": {"issuer": "https://id.example", "subject": "s"},
    }
    limited = Asking(opened.url, opened.site.manager_token)
    for name, more in tries.items():
        found = limited.call(by_id[name], {"member": "owner", **more})
        assert (found.status, "nobody can grant more than they hold" in found.text) == (403, True), (name, found)
    assert limited.call(by_id["governance.invite"], {"member": "bystander"}).status == 403
    taken = limited.call(by_id["governance.grant"], {"member": "bystander", "role": None, "scope_kind": "team", "scope": "elsewhere"})  # fmt: skip
    assert taken.status == 200
    limited.close()
