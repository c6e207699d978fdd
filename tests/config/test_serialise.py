"""Plain data and YAML: equal round trips, nothing imported, refusals with the path named."""

from __future__ import annotations

import json
import math
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runward.config.buildable import Buildable, Config, Partial
from runward.config.identity import changes
from runward.config.serialise import describe, flatten, from_plain, from_yaml, to_plain, to_yaml
from runward.config.targets import Opaque, Reference
from runward.errors import InvalidError
from tests.config import sample
from tests.config.sample import Model, Optimizer

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary(max_size=20)
    | st.sampled_from(["yes", "no", "on", "1e3", "010", "2020-01-01", "1:30", "~", "<<", "=", "- a", "#", ""])
)
_KEYS = st.text(max_size=8) | st.sampled_from(["_target_", "_tuple_", "_same_", "a.b", "null", "1"])


def _grow(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    hashable = st.integers() | st.text(max_size=5)
    return (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(_KEYS.filter(lambda key: key.isascii()), inner, max_size=4)
        | st.dictionaries(st.integers(), inner, max_size=2)
        | st.frozensets(hashable, max_size=3)
        | st.sets(hashable, max_size=3)
        | st.builds(lambda lr, name: Config(Optimizer, lr=lr, name=name), inner, inner)
        | st.builds(lambda value: Partial(sample.variadic, 1, value, extra=value), inner)
        | st.just(sample.activation)
    )


_VALUES = st.recursive(_SCALARS, _grow, max_leaves=12)


def _equal(left: Any, right: Any) -> bool:
    return not list(changes(left, right))


@given(_VALUES)
def test_plain_round_trip_is_equal_and_json_able(value: Any) -> None:
    plain = json.loads(json.dumps(to_plain(value), allow_nan=False))
    assert _equal(from_plain(plain), value)


@given(_VALUES)
def test_yaml_round_trip_is_equal(value: Any) -> None:
    assert _equal(from_yaml(to_yaml(value)), value)


@given(_VALUES)
def test_flatten_gives_scalars_only(value: Any) -> None:
    try:
        flat = flatten({"value": value})
    except InvalidError as error:
        assert "two values have the name" in error.message  # noqa: PT017  a legal outcome, not a failure
    else:
        assert all(item is None or isinstance(item, str | int | float | bool) for item in flat.values())


def test_reading_imports_nothing_and_building_does() -> None:
    sys.modules.pop("colorsys", None)
    config = from_yaml("_target_: colorsys.rgb_to_hsv\nr: 1.0\ng: 0.0\nb: 0.0\n")
    assert isinstance(config, Config)
    assert config.fn == Reference("colorsys.rgb_to_hsv")
    assert "colorsys" not in sys.modules
    assert config.build() == (0.0, 1.0, 1.0)
    assert "colorsys" in sys.modules


def test_arguments_of_a_read_config_are_checked_when_built() -> None:
    config = from_yaml("_target_: tests.config.sample.Optimizer\nlearning: 1\n")
    with pytest.raises(InvalidError, match="'learning'"):
        config.build()
    with pytest.raises(InvalidError, match="misses 'width'"):
        from_yaml("_target_: tests.config.sample.Model\n").build()
    with pytest.raises(InvalidError, match="not a callable"):
        from_yaml("_target_: tests.config.sample.built\n").build()


def test_sharing_survives() -> None:
    shared = Config(Optimizer, lr=0.3)
    read = from_yaml(to_yaml(Config(Model, 1, optimizer=shared, layers=[shared])))
    model = read.build()
    assert model.layers[0] is model.optimizer


def test_yaml_is_readable() -> None:
    text = to_yaml(Partial(sample.train, Config(Optimizer, lr=1e-05, betas=(0.9, 1.0)), epochs=3))
    assert text == (
        "_target_: tests.config.sample.train\n"
        "_partial_: true\n"
        "model:\n"
        "  _target_: tests.config.sample.Optimizer\n"
        "  lr: 1e-05\n"
        "  betas:\n"
        "    _tuple_:\n"
        "      - 0.9\n"
        "      - 1.0\n"
        "epochs: 3\n"
    )


def test_callables_by_no_name_are_kept_as_source_and_not_rebuilt() -> None:
    config = Partial(lambda x: x + 1, 3)
    plain = to_plain(config)
    assert "x + 1" in plain["_target_"]["_callable_"]["source"]
    read = from_plain(plain)
    assert read == config
    assert isinstance(read.fn, Opaque)
    with pytest.raises(InvalidError, match="cannot be rebuilt by name"):
        read.build()()


def test_bound_methods_and_local_functions_are_not_named() -> None:
    def local() -> None: ...

    for fn in (local, "x".upper, Path(".").exists):
        assert isinstance(from_plain(to_plain(Partial(fn))).fn, Opaque)
    assert to_plain(Partial(Fraction.from_float, 1))["_target_"] == "fractions.Fraction.from_float"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Config(Model, 1, layers=[1, object()]), r"layers\[1\].*object"),
        ({"a": {"b": Config(Model, 1, optimizer=object())}}, r"a\.b\.optimizer"),
        ({"odd key": object()}, r"odd key"),
        (Config(dict, _target_=1), "_target_.*reserved"),
    ],
)
def test_what_has_no_plain_form_is_named_by_its_path(value: Any, words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        to_plain(value)
    if not isinstance(value, Config) or "_target_" not in value.arguments:
        assert "_object_" in json.dumps(describe(value))


def test_values_that_contain_themselves_are_refused() -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    config = Config(Model, 1)
    config.optimizer = config
    for value in (loop, {"a": loop}):
        with pytest.raises(InvalidError, match="contains itself"):
            to_plain(value)
    with pytest.raises(InvalidError, match="contains itself"):
        to_plain(config)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\na: 2\n", "given twice"),
        ("a: [1", "not valid YAML"),
        ("!!python/object/apply:os.system ['true']", "not valid YAML"),
        ("!!python/name:os.system", "not valid YAML"),
        ("_target_: 3\n", "_target_"),
        ("x: {_same_: nowhere}\n", "points at 'nowhere'"),
        ("x: {_bytes_: '%%%'}\n", "base64"),
        ("x: {_float_: 12}\n", "_float_"),
        ("x: {_tuple_: 12}\n", "_tuple_"),
        ("x: {_callable_: {name: f}}\n", "_callable_"),
        ("? [1]\n: 2\n", "must be a scalar"),
    ],
)
def test_bad_data_is_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        from_yaml(text)


def test_a_bomb_of_aliases_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(InvalidError, match="more than"):
        from_yaml("\n".join(lines))


def test_scalars_follow_yaml_1_2() -> None:
    read = from_yaml("a: 1e-3\nb: no\nc: 010\nd: 2020-01-01\ne: 1:30\nf: 0x1F\ng: .inf\nh: ~\ni: 'true'\n")
    assert read == {
        "a": 0.001,
        "b": "no",
        "c": 10,
        "d": "2020-01-01",
        "e": "1:30",
        "f": 31,
        "g": math.inf,
        "h": None,
        "i": "true",
    }


def test_flatten_names() -> None:
    config = Partial(
        sample.train,
        Config(Model, 3, optimizer=Config(Optimizer, lr=0.1), layers=[Config(Optimizer), 2]),
        epochs=5,
    )
    assert flatten(config) == {
        "_target_": "tests.config.sample.train",
        "_partial_": True,
        "model._target_": "tests.config.sample.Model",
        "model.width": 3,
        "model.optimizer._target_": "tests.config.sample.Optimizer",
        "model.optimizer.lr": 0.1,
        "model.layers.0._target_": "tests.config.sample.Optimizer",
        "model.layers.1": 2,
        "epochs": 5,
    }
    assert flatten({"sizes": [1, 2], "f": sample.activation, "p": Path("/x"), "e": {}}) == {
        "sizes": "[1, 2]",
        "f": "tests.config.sample.activation",
        "p": "/x",
        "e": "{}",
    }
    with pytest.raises(InvalidError, match=r"two values have the name 'a\.b'"):
        flatten({"a": {"b": 1}, "a.b": 2})


def test_paths_survive() -> None:
    assert from_yaml(to_yaml({"data": Path("/data/x")})) == {"data": Path("/data/x")}
    assert isinstance(from_plain(to_plain(Config(Optimizer))), Buildable)


@pytest.mark.parametrize("text", ["\x85", "a\u2028b", "\u2029", "a\r", "\r\n", "\ufeff", " \x85 "])
def test_line_ends_of_unicode_survive_yaml(text: str) -> None:
    """What YAML 1.1 takes for a line end is text like any other."""
    assert from_yaml(to_yaml({"k": text})) == {"k": text}
