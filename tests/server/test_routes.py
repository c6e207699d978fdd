"""No route without a permission, no answer for who may not have it."""

from __future__ import annotations

import re
from typing import Any, Literal, get_args, get_origin

import msgspec
import pytest
from starlette.routing import BaseRoute, Match, Route

from runward.core.operation import ON_LIST, ON_SELF, ON_WORKSPACE, Door, Operation, operations_of
from runward.core.permissions import PERMISSIONS
from runward.server.asgi import create_app
from runward.server.routing import QuickRouter
from runward.workspace import ROOMS
from tests.server.conftest import Site

OPERATIONS = [op for room in ROOMS for op in operations_of(room.api).values()]
OPEN = {
    ("POST", "/api/v1/session"),
    ("POST", "/api/v1/session/link"),
    ("POST", "/api/v1/session/invitation"),
    ("DELETE", "/api/v1/session"),
    ("GET", "/api/v1/session/ways"),
    ("POST", "/api/v1/session/oidc"),
    ("POST", "/api/v1/session/logins"),
    ("POST", "/api/v1/session/logins/token"),
    ("GET", "/api/v1/session/oidc/callback"),
    ("GET", "/api/v1/openapi.json"),
    ("POST", "/api/v1/forge-hooks/{project_id}"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/shared/{secret}"),
    ("GET", "/version"),
    ("GET", "/health"),
    ("GET", "/{path:path}"),
}
"""What somebody without an account reaches: only a report by its link holds data, and only its own; forges are proven."""


def _routes(site: Site) -> list[BaseRoute]:
    return list(create_app(site.dispatcher).routes)


def _declared(route: BaseRoute) -> Operation | Door:
    assert isinstance(route, Route)
    found = getattr(route.endpoint, "operation", None)
    assert isinstance(found, Operation | Door), f"{route.path} has no declaration"
    return found


def test_every_route_of_the_running_app_has_a_declared_permission(site: Site) -> None:
    for route in _routes(site):
        declared = _declared(route)
        assert isinstance(route, Route)
        assert declared.may == "open" or declared.may in PERMISSIONS
        assert declared.on
        assert route.methods is not None
        assert route.methods - {"HEAD"} == {declared.method}


def test_the_router_finds_what_asking_each_route_in_turn_would_find(site: Site) -> None:
    router = create_app(site.dispatcher).router
    assert isinstance(router, QuickRouter)
    paths = {route.path for route in router.routes if isinstance(route, Route)}
    asked = {re.sub(r"\{[^}]*\}", word, path) for path in paths for word in ("p", "runs", "a/b", "")}
    for path in sorted({*asked, "/", "//", "/api", "/api/v1", "/nothing/of/this"}):
        for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "headers": []}
            found = (route for route in router.routes if route.matches(scope)[0] is Match.FULL)
            assert router.first(dict(scope)) is next(found, None), (method, path)


def test_what_is_open_to_everybody_is_exactly_what_is_known(site: Site) -> None:
    found = set()
    for route in _routes(site):
        declared = _declared(route)
        if declared.may == "open":
            assert isinstance(route, Route)
            found.add((declared.method, route.path))
    assert found == OPEN


def test_every_operation_has_its_route_and_no_two_share_one(site: Site) -> None:
    found = [(route.methods, route.path) for route in _routes(site) if isinstance(route, Route)]
    assert len({(tuple(sorted(methods or ())), path) for methods, path in found}) == len(found)
    assert {op.id for op in OPERATIONS} == {d.id for d in map(_declared, _routes(site)) if isinstance(d, Operation)}


def _fill(op: Operation, site: Site) -> tuple[str, Any]:
    """A path to real objects where there are some, and a body that is as good as its schema asks."""
    known = {"run_id": site.run_id, "project": "p", "member": "owner"}
    known |= {p.name: "1" for p in op.params if p.place == "path" and p.type is int}
    known |= {p.name: get_args(p.type)[0] for p in op.params if p.place == "path" and get_origin(p.type) is Literal}
    path = "/api/v1" + re.sub(r"{(\w+)}", lambda match: known.get(match[1], "nothing12345"), op.path)
    query = [f"{p.name}={_value(p.type)}" for p in op.params if p.place == "query" and p.required]
    body = None if op.body is None else msgspec.to_builtins(_value(op.body), str_keys=True)
    return path + ("?" + "&".join(query) if query else ""), body


def _value(kind: Any) -> Any:
    """The least value of a type."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        fields = {f.encode_name: f for f in msgspec.structs.fields(kind)}
        known = {"run_id": "RUN", "project": "p", "path": "p", "team": "team"}
        return {n: known.get(n) or _value(f.type) for n, f in fields.items() if f.required or n in ("team", "path")}
    info = msgspec.inspect.type_info(kind)
    if isinstance(info, msgspec.inspect.LiteralType):
        return info.values[0]
    if isinstance(info, msgspec.inspect.EnumType):
        return next(iter(info.cls)).value
    if isinstance(info, msgspec.inspect.ListType):
        return []
    if isinstance(info, msgspec.inspect.DictType):
        return {}
    if isinstance(info, msgspec.inspect.StrType):
        return "x"
    if isinstance(info, msgspec.inspect.IntType | msgspec.inspect.FloatType):
        return 1
    if isinstance(info, msgspec.inspect.DateTimeType):
        return "2026-01-01T00:00:00Z"
    if isinstance(info, msgspec.inspect.UnionType):
        return None
    return "x"


@pytest.mark.parametrize("op", OPERATIONS, ids=lambda op: op.id)
def test_nobody_without_credentials_gets_an_answer(site: Site, op: Operation) -> None:
    """Before anything of the request is read: a wrong body makes no difference."""
    path, body = _fill(op, site)
    for credentials in ({}, {"Authorization": "Bearer rwd_wrong"}, {"Cookie": "runward_session=wrong"}):
        for sent in (body, b"\x00not json"):
            answer = site.client().send(op.method, path, sent, credentials)
            assert answer.status == 401, (op.id, credentials, answer.body)
            assert answer.json["code"] == "unauthenticated"
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("op", [op for op in OPERATIONS if op.on != ON_SELF], ids=lambda op: op.id)
def test_a_member_of_another_team_gets_nothing(site: Site, op: Operation) -> None:
    """404 for objects (they do not exist), 403 for the workspace, an empty list for lists."""
    path, body = _fill(op, site)
    if isinstance(body, dict) and body.get("run_id") == "RUN":
        body["run_id"] = site.run_id
    answer = site.client("olaf").send(op.method, path, body)
    if op.on == ON_LIST:
        assert answer.status in (200, 204, 404, 422), answer.body
        assert site.run_id not in answer.body.decode()
        assert b'"first"' not in answer.body
    elif op.on == ON_WORKSPACE:
        assert (answer.status, answer.json["code"]) == (403, "forbidden"), answer.body
    elif op.id == "tracking.create_project":
        assert (answer.status, answer.json["code"]) == (404, "not_found"), answer.body
    else:
        assert (answer.status, answer.json["code"]) == (404, "not_found"), answer.body


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", f"/api/v1/projects/p/blobs/{'0' * 64}"),
        ("GET", f"/api/v1/projects/p/blobs/{'0' * 64}"),
        ("GET", "/api/v1/runs/RUN/files/a.txt"),
        ("GET", "/api/v1/runs/RUN/captures/code"),
        ("GET", f"/api/v1/runs/RUN/blobs/{'0' * 64}"),
        ("GET", "/api/v1/stream"),
    ],
)
def test_doors_are_as_closed_as_operations(site: Site, method: str, path: str) -> None:
    path = path.replace("RUN", site.run_id)
    assert site.client().send(method, path, b"x" if method == "PUT" else None).status == 401
    if not path.endswith("/stream"):
        assert site.client("olaf").send(method, path, b"x" if method == "PUT" else None).status == 404


def test_the_contract_is_a_valid_document(site: Site) -> None:
    """Every reference leads somewhere, every operation is in it, ids are unique."""
    document = site.client().get("/api/v1/openapi.json").json
    assert document["openapi"].startswith("3.1")
    text = msgspec.json.encode(document).decode()
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert references <= set(document["components"]["schemas"])
    found = {
        (method.upper(), path): operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    assert set(found) == {(op.method, "/api/v1" + op.path) for op in OPERATIONS}
    assert len({operation["operationId"] for operation in found.values()}) == len(found)
    for (_, path), operation in found.items():
        in_path = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
        assert in_path == set(re.findall(r"{(\w+)}", path))
        assert operation["summary"].strip()
        assert operation["responses"]["200"]
