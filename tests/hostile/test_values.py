"""Numbers and texts at the edge: kept exactly, or refused; never another value."""

from __future__ import annotations

import json
import math
import time
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from runward.core.operation import operations_of
from runward.core.zstd import compress
from runward.workspace import ROOMS
from tests.hostile.mutants import places, put
from tests.permissions.examples import EXAMPLES, OWN_TOKEN
from tests.permissions.site import Asking, Open

_NUMBERS = (
    "0", "-0.0", "5e-324", "1e308", "1.7976931348623157e308", "9007199254740993", "9223372036854775807",
    "-9223372036854775808", "9223372036854775808", "-9223372036854775809", "18446744073709551616", "1e400", "-1e400",
    "NaN", "Infinity", "-Infinity", "1" + "0" * 400, "0.1", "1E5", "01", "+1", ".5", "1.", "0x10", "1_000", "--1",
)  # fmt: skip
_TEXTS = (
    r'"\ud800"', r'"\udc00\ud800"', r'"a\u0000b"', '"\ufeff"', '"e\u0301"', '"\u00e9"', '"\U0001f600"', r'"\ud83d\ude00"',
    '"\u202e"', '"\u2028"', '" a "', '"\\r\\n"', '"' + "x" * 5000 + '"', "'a'", '"\x01"', '"\\x41"', '"\\u12"',
)  # fmt: skip


def _same(sent: Any, kept: Any) -> bool:
    if isinstance(sent, float) and isinstance(kept, int | float) and not isinstance(kept, bool):
        return sent == kept and math.copysign(1, sent) == math.copysign(1, kept)
    return type(sent) is type(kept) and sent == kept


@pytest.mark.parametrize("text", [*_NUMBERS, *_TEXTS], ids=lambda text: ascii(text)[:30])
def test_a_param_is_kept_exactly_or_refused(opened: Open, text: str) -> None:
    """Read again by another request, it is the number or the text that was sent."""
    asking = Asking(opened.url, opened.site.tokens["admin everywhere"])
    body = f'{{"project": "{opened.site.own.project}", "params": [{{"key": "x", "value": {text}}}]}}'.encode()
    with opened.forgetful.remembering():
        made = asking.send("POST", "/api/v1/runs", body, {"Content-Type": "application/json"})
        assert made.status == 200 or 400 <= made.status < 500, made
        if made.status == 200:
            found = asking.send("GET", f"/api/v1/runs/{json.loads(made.text)['id']}")
            assert _same(json.loads(text), json.loads(found.text)["run"]["params"]["x"]), found.text
    asking.close()


@pytest.mark.parametrize("text", [*_NUMBERS, '"NaN"', "null", "true", '"1"', "[]"], ids=lambda text: text[:30])
def test_an_mlflow_metric_and_its_step_are_kept_exactly_or_refused(opened: Open, text: str) -> None:
    """MLflow's own server acknowledges NaN and stores 0, and a step of 2^63 as step 0."""
    asking = Asking(opened.url, opened.site.tokens["admin everywhere"])
    headers = {"Content-Type": "application/json"}
    with opened.forgetful.remembering():
        new = json.dumps({"experiment_id": opened.site.owner.tracking.get_project(opened.site.own.project).id}).encode()
        made = asking.send("POST", "/api/2.0/mlflow/runs/create", new, headers)
        run_id = json.loads(made.text)["run"]["info"]["run_id"]
        for field in ("value", "step"):
            said = {"value": "1.5", "step": "3", field: text}
            point = f'{{"run_id": "{run_id}", "key": "m-{field}", "timestamp": 1, ' + ", ".join(
                f'"{name}": {value}' for name, value in said.items()
            )
            logged = asking.send("POST", "/api/2.0/mlflow/runs/log-metric", (point + "}").encode(), headers)
            assert logged.status == 200 or 400 <= logged.status < 500, logged
            if logged.status == 200:
                query = f"run_id={run_id}&metric_key=m-{field}"
                found = asking.send("GET", f"/api/2.0/mlflow/metrics/get-history?{query}")
                (kept,) = json.loads(found.text)["metrics"]
                wanted, stored = json.loads(text), kept[field]
                wanted = float(wanted) if isinstance(wanted, str | int | float) and wanted is not None else 0.0
                stored = float(stored)
                assert stored == wanted or (math.isnan(stored) and math.isnan(wanted)), (field, text, found.text)
    asking.close()


@pytest.mark.parametrize("key", ["name", "project", "params"])
def test_a_key_that_is_told_twice_is_never_half_taken(opened: Open, key: str) -> None:
    """What is checked and what is stored is the same reading of the body."""
    asking, own = Asking(opened.url, opened.site.author_token), opened.site.own
    foreign = opened.site.foreign.project
    first = {"project": foreign, "name": "first", "params": [{"key": "a", "value": 1}]}
    last = {"project": own.project, "name": "last", "params": [{"key": "b", "value": 2}]}
    rest = {name: value for name, value in last.items() if name != key}
    for one, two in ((first, last), (last, first)):
        twice = f'{{"{key}": {json.dumps(one[key])}, {json.dumps(rest)[1:-1]}, "{key}": {json.dumps(two[key])}}}'
        found = asking.send("POST", "/api/v1/runs", twice.encode(), {"Content-Type": "application/json"})
        if found.status == 200:
            assert foreign not in found.text.replace(
                json.dumps(one[key])[1:-1] if key == "project" and one is first else "", ""
            )
            made = json.loads(found.text)
            assert made["name"] in ("first", "last")
        else:
            assert 400 <= found.status < 500
    asking.close()


@pytest.mark.parametrize(
    "extra",
    [
        {"id": "../../x"}, {"created_by": "admin"}, {"status": "finished"}, {"team_id": "foreign"},
        {"verified": True}, {"approved": True}, {"metrics": {"acc": 1}}, {"__proto__": {"role": "admin"}}, {"number": 1},
        {"author": "owner"}, {"deleted_at": None}, {"via": "session"}, {"member_id": "owner"},
    ],
    ids=str,
)  # fmt: skip
def test_no_field_is_taken_that_is_not_the_callers_to_set(opened: Open, extra: dict[str, Any]) -> None:
    """Mass assignment: an unknown or read-only field is refused by name, or means what the contract says."""
    asking, own = Asking(opened.url, opened.site.author_token), opened.site.own
    wholes: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/api/v1/runs", {"project": own.project}),
        ("POST", "/api/v1/tokens", {"name": "x"}),
        ("PATCH", f"/api/v1/runs/{own.run}", {"purpose": "y"}),
        ("POST", "/api/v1/projects", {"path": f"{own.project}/sub"}),
    ]
    (name,) = extra
    for method, path, body in wholes:
        found = asking.send(method, path, json.dumps({**body, **extra}).encode(), {"Content-Type": "application/json"})
        assert found.status < 500
        if found.status < 400:
            answered = json.loads(found.text)
            assert answered.get(name) != extra[name] or name == "status", (path, found.text)
    asking.close()


def test_a_token_that_calls_itself_admin_can_no_more_than_its_owner(opened: Open) -> None:
    """The role of a token is a limit, never a grant."""
    asking = Asking(opened.url, opened.site.author_token)
    with opened.forgetful.remembering():
        made = asking.send(
            "POST", "/api/v1/tokens", b'{"name": "x", "role": "admin"}', {"Content-Type": "application/json"}
        )
        stronger = Asking(opened.url, json.loads(made.text)["secret"])
        assert (
            stronger.send("POST", "/api/v1/teams", b'{"name": "t"}', {"Content-Type": "application/json"}).status == 403
        )
        assert stronger.send("GET", f"/api/v1/runs/{opened.site.foreign.run}").status == 404
        stronger.close()
    asking.close()


@pytest.mark.parametrize(
    "query", ["%00", "%00%22", "%22", "*", "a%00b", "NEAR(", "-a", "title:x", "%F0%9F%98%80", "%5c"]
)
def test_the_search_takes_no_text_for_its_own_language(opened: Open, query: str) -> None:
    asking = Asking(opened.url, opened.site.author_token)
    assert asking.send("GET", f"/api/v1/search?query={query}").status in (200, 422)
    asking.close()


def test_a_method_that_a_path_does_not_take_is_a_problem_that_says_so(opened: Open) -> None:
    asking = Asking(opened.url, opened.site.author_token)
    found = asking.send("POST", "/api/v1/runs//comments", b"{}")
    assert (found.status, json.loads(found.text)["code"]) == (405, "invalid")
    asking.close()


@pytest.mark.parametrize("field", ["status", "alias", "key"])
def test_half_of_a_character_pair_is_refused_in_mlflows_words(opened: Open, field: str) -> None:
    """It could not even be written into the answer that refuses it."""
    asking = Asking(opened.url, opened.site.author_token)
    body = f'{{"run_id": "{opened.site.own.base}", "{field}": "\\ud800"}}'.encode()
    found = asking.send("POST", "/api/2.0/mlflow/runs/set-tag", body, {"Content-Type": "application/json"})
    assert (found.status, json.loads(found.text)["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    asking.close()


_FREE = {"tags", "params", "metadata", "report", "data", "document", "default_hyperparameters"}
"""Fields in which a caller may say anything."""


def test_no_operation_takes_a_field_that_it_does_not_have(opened: Open) -> None:
    """Mass assignment throughout: at the top of each body and in whatever lies inside, words of the server's own."""
    site, marker = opened.site, "mark3r"
    asking, wrong, tried = Asking(opened.url, site.tokens["admin everywhere"]), [], 0
    words = (
        "id",
        "created_by",
        "author",
        "team_id",
        "project_id",
        "member_id",
        "approved",
        "state",
        "role",
        "revision",
    )
    for op in (
        op for room in ROOMS for op in operations_of(room.api).values() if op.body is not None and op.id != OWN_TOKEN
    ):
        known = EXAMPLES[op.id](site.own)
        named = [param.name for param in op.params if param.place == "body"]
        given = json.loads(
            msgspec.json.encode(known[named[0]] if op.has_whole_body else {n: known[n] for n in named if n in known})
        )
        path = op.path
        for param in (param for param in op.params if param.place == "path"):
            path = path.replace(f"{{{param.name}}}", quote(str(known[param.name]).replace("/", ":"), safe=":"))
        for place in places(given):
            inner = given
            for key in place:
                inner = inner[key]
            if not isinstance(inner, dict) or _FREE & set(place):
                continue
            # One that is there is the caller's to set.
            more = {word: marker for word in words if word not in inner}
            body = json.dumps(put(given, place, {**inner, **more})).encode()
            found, tried = (
                asking.send(op.method, f"/api/v1{path}", body, {"Content-Type": "application/json"}),
                tried + 1,
            )
            if found.status >= 500 or (found.status < 400 and marker in found.text):
                wrong.append((op.id, place, found.status, found.text[:200]))
    asking.close()
    assert wrong == []
    assert tried > 80


@pytest.mark.parametrize(
    "body",
    [
        b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xffx", b"\x91" * 200_000,
        b"\x81\xa1a" * 100_000, b"\xc9\xff\xff\xff\xff\x01", b"\xd4\x05\x00", b"\xc7\x0c\xff" + b"\xff" * 12, b"\x82\xa7project\xc0\xa7project\xa1x",
    ],
    ids=lambda body: repr(body[:12]),
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["", "zstd"])
def test_packed_bodies_that_promise_more_than_they_hold_are_refused(opened: Open, body: bytes, encoding: str) -> None:
    """Lengths of gigabytes in five bytes, depth without end, times beyond the years, in MessagePack and packed again."""
    asking = Asking(opened.url, opened.site.author_token)
    headers = {"Content-Type": "application/msgpack", **({"Content-Encoding": encoding} if encoding else {})}
    began = time.process_time()
    for path in ("/api/v1/runs", f"/api/v1/runs/{opened.site.own.running}/metrics", "/api/v1/tokens"):
        found = asking.send("POST", path, compress(body) if encoding else body, headers)
        assert 400 <= found.status < 500, found
    assert time.process_time() - began < 10
    asking.close()
