"""Functions by value: what is carried without cloudpickle behaves as if it had been imported."""

from __future__ import annotations

import concurrent.futures
import json
import marshal
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

from runward.config.buildable import Buildable, Config, Partial
from runward.config.targets import Reference
from runward.execution.packing import pack
from runward.execution.worker import unpack
from tests.execution import jobs

LIMIT = 3
SETTINGS: dict[str, Any] = {"seen": []}
LOCKED = open


class Local:
    """Importable as a class of this module."""


def countdown(n: int, *, step: int = 1) -> list[int]:
    """Names itself, a helper, a constant and a mutable global."""
    SETTINGS["seen"].append(n)
    return [n, *countdown(n - step, step=step)] if above(n) else []


def above(n: int) -> bool:
    return n > LIMIT


def through(path: str, kind: type = Path, *rest: int, scale: Any = json.dumps, **named: Any) -> Any:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return pool.submit(scale, [kind(path).name, rest, named]).result()


def nested() -> list[int]:
    return [above(n) + offset for offset in range(2) for n in map(lambda n: n + LIMIT, [-2, 6])]  # noqa: C417


def as_main(fn: Any) -> Any:
    """The function as if this module were the driver's script, sent and unpacked."""
    world = {**fn.__globals__, "__name__": "__main__"}
    for name, item in list(world.items()):
        if getattr(item, "__globals__", None) is fn.__globals__ and not getattr(item, "__closure__", None):
            twin = FunctionType(item.__code__, world, item.__name__, item.__defaults__, None)
            twin.__kwdefaults__, twin.__module__ = item.__kwdefaults__, "__main__"
            twin.__annotations__ = item.__annotations__
            world[name] = twin
    return send(Partial(jobs.value, world[fn.__name__]))


def send(call: Buildable) -> Any:
    packed = pack(call)
    assert packed is not None
    return unpack(marshal.loads(marshal.dumps(packed)))()


def test_functions_that_name_each_other_share_their_globals() -> None:
    sent = as_main(countdown)
    assert sent(6) == [6, 5, 4]
    assert sent(8, step=3) == [8, 5]
    assert sent.__globals__["SETTINGS"]["seen"] == [6, 5, 4, 3, 8, 5, 2]
    assert SETTINGS["seen"] == []
    assert (sent.__module__, sent.__qualname__, sent.__doc__) == ("__main__", "countdown", countdown.__doc__)
    assert sent.__annotations__ == countdown.__annotations__


def test_defaults_imported_objects_and_submodules_are_carried() -> None:
    sent = as_main(through)
    assert sent("/a/b") == '["b", [], {}]'
    assert sent("/a/b", Path, 1, scale=repr, x=2) == "['b', (1,), {'x': 2}]"


def test_code_inside_code_is_searched_for_names() -> None:
    assert as_main(nested)() == [False, True, 1, 2]


def test_what_is_not_plain_is_left_to_cloudpickle() -> None:
    captured = [1]
    marked = FunctionType(above.__code__, above.__globals__, "marked")
    marked.__dict__["cost"] = 1
    for fn in (lambda: captured, marked, "x".upper):
        assert pack(Partial(fn)) is None


def test_a_global_that_cannot_be_carried_is_left_to_cloudpickle() -> None:
    world: dict[str, Any] = {"__name__": "__main__", "odd": object()}
    exec("def names(): return odd\ndef free(): return 1", world)
    assert pack(Partial(world["names"])) is None
    assert pack(Partial(world["free"])) is not None


def test_importable_functions_are_named_not_copied() -> None:
    world: dict[str, Any] = {
        "__name__": "__main__",
        "value": jobs.value,
        "Local": Local,
        "dataclass": dataclass,
    }
    exec("def names(): return value(Local)", world)
    packed = pack(Partial(world["names"]))
    assert packed is not None
    assert packed["globals"]["value"] == ("object", "tests.execution.jobs", "value")
    assert unpack(packed)() is Local


def test_nested_configs_are_called_in_the_task_and_shared_ones_once() -> None:
    shared = Config(jobs.Scale, 2.0)
    call = Partial(jobs.value, {"a": shared, "b": [shared, (Config(jobs.Pair, 1, right=2),)], "c": b"x"})
    made = send(call)
    assert made["a"] is made["b"][0]
    assert (made["a"].by, made["b"][1], made["c"]) == (2.0, (jobs.Pair(1, 2),), b"x")
    again = unpack(pack(call) or {})
    assert again()["a"] is not made["a"]


@pytest.mark.parametrize("item", [Partial(jobs.value), {1, 2}, Path("x"), Config(Reference("json.dumps"), 1)])
def test_arguments_that_are_not_plain_are_left_to_pickle(item: Any) -> None:
    assert pack(Partial(jobs.value, [item])) is None


@pytest.mark.parametrize("name", ["no_such_module_at_all", "tests.execution.nothing"])
def test_a_module_that_is_gone_is_an_import_error(name: str) -> None:
    packed = pack(Partial(as_main(above), 1))
    assert packed is not None
    packed["globals"]["gone"] = ("module", name)
    with pytest.raises(ImportError, match="No module named"):
        unpack(packed)
