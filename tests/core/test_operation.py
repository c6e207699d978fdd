"""Nothing can be reached without a declaration: what one declares is all that there is."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

import msgspec
import pytest

from runward.core.openapi import openapi
from runward.core.operation import (
    ANY,
    ON_LIST,
    ON_SELF,
    ON_WORKSPACE,
    Door,
    bind_arguments,
    make_proxy,
    operation,
    operations_of,
    subject,
)
from runward.errors import InvalidError


class Thing(msgspec.Struct, frozen=True):
    project: str
    size: int = 1


class Sample(Protocol):
    room: ClassVar[str] = "sample"

    @operation("GET", "/things/{thing_id}", may="run.read", on="thing_id", state=("size",))
    def get(self, thing_id: str, deep: bool = False) -> Thing:
        """One thing. More words."""
        ...

    @operation("GET", "/things", may="run.read", on=ON_LIST)
    def find(self, kinds: list[str], limit: int = 10) -> list[Thing]: ...

    @operation("POST", "/things", may="run.write", on="new.project")
    def create(self, new: Thing) -> Thing: ...

    @operation("PUT", "/things/{thing_id}/label", may="run.write", on="thing_id", revises="get")
    def label(self, thing_id: str, label: str, color: str = "red") -> None: ...

    @operation("PATCH", "/things/{thing_id}", may="run.write", on="thing_id", audit=False, blind="it is one's own")
    def patch(self, thing_id: str, sizes: list[int]) -> None: ...

    @operation("DELETE", "/things/{thing_id}", may="run.delete", on="thing_id")
    def delete(self, thing_id: str, force: bool = False) -> None: ...

    @operation("POST", "/sweep", may="member.manage", on=ON_WORKSPACE)
    def sweep(self) -> None: ...


OPS = operations_of(Sample)


def _places(name: str) -> dict[str, str]:
    return {param.name: param.place for param in OPS[name].params}


@pytest.mark.parametrize("may", ["", "run.fly", "open", "RUN.READ"])
def test_an_operation_without_a_known_permission_cannot_be_declared(may: str) -> None:
    with pytest.raises(TypeError, match="not declared in PERMISSIONS"):
        operation("GET", "/x", may=may, on=ON_SELF)


def test_an_operation_without_an_object_cannot_be_declared() -> None:
    with pytest.raises(TypeError, match="'on'"):
        operation("GET", "/x", may="run.read", on="")


@pytest.mark.parametrize(("path", "on"), [("/x/{other}", ON_SELF), ("/x", "run_id"), ("/x", "new.project")])
def test_path_and_object_must_be_parameters(path: str, on: str) -> None:
    with pytest.raises(TypeError, match="no parameter named"):

        @operation("GET", path, may="run.read", on=on)
        def read(self: object) -> None: ...


def test_a_public_method_without_a_declaration_is_refused() -> None:
    class Leaky(Protocol):
        room: ClassVar[str] = "leaky"

        def reach(self) -> None: ...

    with pytest.raises(TypeError, match=r"Leaky\.reach is public but declares no operation"):
        operations_of(Leaky)


def test_a_door_without_a_known_permission_cannot_be_declared() -> None:
    with pytest.raises(TypeError, match="permission 'nothing'"):
        Door("GET", "/x", "nothing", "run", "")
    assert Door("GET", "/x", "open", "@self", "").may == "open"


def test_parameters_travel_where_the_method_says() -> None:
    assert _places("get") == {"thing_id": "path", "deep": "query"}
    assert _places("find") == {"kinds": "query", "limit": "query"}
    assert _places("create") == {"new": "body"}
    assert _places("label") == {"thing_id": "path", "label": "body", "color": "body"}
    assert _places("delete") == {"thing_id": "path", "force": "query"}


def test_a_single_struct_is_the_body_itself_and_anything_else_is_named() -> None:
    assert OPS["create"].body is Thing
    assert OPS["get"].body is None
    label = msgspec.convert({"label": "x"}, OPS["label"].body)
    assert (label.label, label.color) == ("x", "red")
    with pytest.raises(msgspec.ValidationError, match="colour"):
        msgspec.convert({"label": "x", "colour": "red"}, OPS["label"].body)
    assert msgspec.convert({"sizes": [1]}, OPS["patch"].body).sizes == [1]


def test_writes_are_audited_unless_they_say_why_not() -> None:
    assert {name: op.audited for name, op in OPS.items()} == {
        "get": False,
        "find": False,
        "create": True,
        "label": True,
        "patch": False,
        "delete": True,
        "sweep": True,
    }
    assert OPS["get"].summary == "One thing. More words."
    assert OPS["get"].id == "sample.get"


def test_the_object_of_a_permission_is_named_by_its_argument() -> None:
    assert subject(OPS["get"], {"thing_id": "7"}) == ("thing", "7")
    assert subject(OPS["create"], {"new": Thing("a/b")}) == ("project", "a/b")
    assert subject(OPS["find"], {}) is None
    assert subject(OPS["sweep"], {}) is None


def test_a_proxy_binds_like_python_and_hands_on_the_operation() -> None:
    seen: list[tuple[str, dict[str, Any]]] = []
    proxy: Sample = make_proxy(Sample, lambda op, arguments, match=ANY: seen.append((op.id, arguments)))
    proxy.get("7")
    proxy.get(thing_id="8", deep=True)
    proxy.find(["a"], limit=3)
    assert seen == [
        ("sample.get", {"thing_id": "7", "deep": False}),
        ("sample.get", {"thing_id": "8", "deep": True}),
        ("sample.find", {"kinds": ["a"], "limit": 3}),
    ]


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((), {}, "needs 'thing_id'"),
        (("1", True, "x"), {}, "at most 2"),
        (("1",), {"thing_id": "2"}, "'thing_id' twice"),
        (("1",), {"depe": True}, "'depe'"),
    ],
)
def test_wrong_arguments_are_named(args: tuple[Any, ...], kwargs: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidError, match=message):
        bind_arguments(OPS["get"], args, kwargs)


def test_the_contract_has_every_operation_with_its_permission() -> None:
    document = openapi(OPS.values())
    get = document["paths"]["/api/v1/things/{thing_id}"]["get"]
    assert get["operationId"] == "sample.get"
    assert get["x-permission"] == "run.read"
    assert [(p["name"], p["in"], p["required"]) for p in get["parameters"]] == [
        ("thing_id", "path", True),
        ("deep", "query", False),
    ]
    assert set(document["paths"]["/api/v1/things/{thing_id}"]) == {"get", "patch", "delete"}
    body = document["paths"]["/api/v1/things"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/Thing"}
    assert "content" not in document["paths"]["/api/v1/sweep"]["post"]["responses"]["200"]
    assert {"Thing", "Problem"} <= set(document["components"]["schemas"])
