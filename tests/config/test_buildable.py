"""Config and Partial: attributes, checks before launch, building, equality and differences."""

from __future__ import annotations

import copy
import functools
import pickle
from types import SimpleNamespace
from typing import Any

import pytest

from runward.config.buildable import MISSING, Config, Partial, as_buildable, copy_of, missing
from runward.config.targets import Reference
from runward.errors import InvalidError, NotFoundError
from tests.config import sample
from tests.config.sample import Model, Noisy, Optimizer


def test_attributes_are_arguments() -> None:
    config = Config(Optimizer, lr=0.5)
    assert (config.lr, config.name) == (0.5, "sgd")
    config.lr = 0.25
    assert config.build() == Optimizer(lr=0.25)
    del config.lr
    assert config.build() == Optimizer()
    assert config.fn is Optimizer
    assert config.arguments == {}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Config(Optimizer, lrr=1), ["'lrr'", "Optimizer", "did you mean 'lr'"]),
        (lambda: Config(Optimizer, 1, 2, 3, 4), ["3 positional", "4 were given", "lr, name, betas"]),
        (lambda: Config(Optimizer, 1, lr=2), ["'lr' twice"]),
        (lambda: Partial(Optimizer, zzz=1), ["'zzz'", "known: lr, name, betas"]),
        (lambda: Config(lambda: 1, x=1), ["'x'", "takes none"]),
        (lambda: Config(3), ["needs a callable", "3"]),
    ],
)
def test_wrong_arguments_are_refused_at_construction(make: Any, words: list[str]) -> None:
    with pytest.raises(InvalidError) as caught:
        make()
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_setting_an_unknown_attribute_is_refused() -> None:
    config = Config(Optimizer)
    with pytest.raises(InvalidError, match="no parameter 'nmae'"):
        config.nmae = 1
    with pytest.raises(AttributeError, match="did you mean 'name'"):
        _ = config.nmae
    with pytest.raises(InvalidError, match="'build' is taken"):
        config.build = 1  # type: ignore[method-assign, assignment]
    with pytest.raises(AttributeError, match="width"):
        _ = Config(Model).width


def test_a_missing_argument_is_found_before_the_call() -> None:
    config = Config(Model, optimizer=Config(Model))
    assert missing(config) == ["width", "optimizer.width"]
    assert missing(config, frozenset({"width"})) == ["optimizer.width"]
    with pytest.raises(InvalidError, match=r"misses 'width'"):
        config.build()
    with pytest.raises(InvalidError, match=r"at optimizer"):
        Config(Model, 1, optimizer=Config(Model)).build()


def test_a_nested_partial_may_lack_arguments() -> None:
    config = Config(Model, 1, optimizer=Partial(Model))
    assert missing(config) == []
    assert config.build().optimizer(7) == Model(7)


def test_nested_configs_in_containers_are_built_and_shared_ones_once() -> None:
    sample.built.clear()
    shared = Config(Noisy, "once")
    model = Config(Model, 1, optimizer=shared, layers=[shared, {"a": (shared,)}]).build()
    assert sample.built == ["once"]
    assert model.optimizer is model.layers[0] is model.layers[1]["a"][0]


def test_values_without_configs_keep_their_identity() -> None:
    layers = [1, {"a": [2]}]
    assert Config(Model, 1, layers=layers).build().layers is layers


def test_a_partial_builds_nested_configs_at_call_time_and_each_time() -> None:
    sample.built.clear()
    call = Partial(sample.train, Config(Noisy, "later"), epochs=2).build()
    assert sample.built == []
    first, second = call(), call(epochs=5)
    assert sample.built == ["later", "later"]
    assert (first[1], second[1]) == (2, 5)
    assert first[0] is not second[0]


def test_called_arguments_fill_free_parameters() -> None:
    assert Partial(sample.train, epochs=3).build()("m") == ("m", 3, None)
    assert Partial(sample.train, "m").build()(4) == ("m", 4, None)
    with pytest.raises(TypeError):
        Partial(sample.train, "m").build()(1, 2)


def test_all_parameter_kinds() -> None:
    assert Config(sample.positional_only, 1, second=2).build() == (1, 2)
    assert Config(sample.positional_only, first=1, second=2).build() == (1, 2)
    assert Config(sample.variadic, 1, 2, 3, x=4).build() == (1, (2, 3), {"x": 4})
    assert Config(dict, a=1).build() == {"a": 1}
    assert Config(max, 3, 5).build() == 5
    assert Partial(functools.partial(sample.train, epochs=9), "m").build()() == ("m", 9, None)
    assert Partial("abc".replace, "a", "x").build()() == "xbc"
    assert Partial(SimpleNamespace, fn=1, args=2).build()() == SimpleNamespace(fn=1, args=2)


def test_parameters_named_like_our_own_attributes() -> None:
    config = Config(SimpleNamespace, fn=1, build=2, name=3, self=4)
    assert vars(config.build()) == {"fn": 1, "build": 2, "name": 3, "self": 4}


def test_a_config_that_contains_itself_is_refused() -> None:
    config = Config(Model, 1)
    config.optimizer = [config]
    with pytest.raises(InvalidError, match="contains itself"):
        config.build()


def test_equality_is_by_content_and_type() -> None:
    assert Config(Optimizer, 0.1) == Config(Optimizer, lr=0.1)
    assert Config(Optimizer, lr=1) != Config(Optimizer, lr=1.0)
    assert Config(Optimizer, lr=1) != Config(Optimizer, lr=True)
    assert Config(Optimizer) != Partial(Optimizer)
    assert Config(Optimizer) != Config(Model)
    assert Config(Optimizer, lr=float("nan")) == Config(Optimizer, lr=float("nan"))
    assert Config(Optimizer) != 3
    with pytest.raises(TypeError, match="unhashable"):
        hash(Config(Optimizer))


def test_diff_names_path_before_and_after() -> None:
    before = Config(Model, 1, optimizer=Config(Optimizer, lr=0.1), layers=[1, 2])
    after = Config(Model, 1, optimizer=Config(Optimizer, lr=0.2, name="x"), layers=[1])
    assert before.diff(after) == [
        ("optimizer.lr", 0.1, 0.2),
        ("optimizer.name", MISSING, "x"),
        ("layers[1]", 2, MISSING),
    ]
    changed = Config(Model, 1, optimizer=Config(Noisy, "t"))
    assert before.diff(changed)[0].path == "optimizer._target_"


def test_comparing_arrays_does_not_raise() -> None:
    class Array:
        def __eq__(self, other: object) -> Any:
            raise ValueError("truth value is ambiguous")

        __hash__ = None  # type: ignore[assignment]

    array = Array()
    assert Config(Model, 1, optimizer=array) == Config(Model, 1, optimizer=array)
    assert Config(Model, 1, optimizer=array) != Config(Model, 1, optimizer=Array())


def test_repr_is_readable() -> None:
    config = Config(Model, 3, optimizer=Partial(Optimizer, lr=0.1))
    assert repr(config) == (
        "Config(tests.config.sample.Model, width=3, optimizer=Partial(tests.config.sample.Optimizer, lr=0.1))"
    )


def test_a_config_is_truthy_and_can_be_copied_and_pickled() -> None:
    config = Config(Model, 1, layers=[Config(Optimizer)])
    assert config
    for twin in (copy.deepcopy(config), pickle.loads(pickle.dumps(config)), copy_of(config)):
        assert twin == config
        twin.layers[0].lr = 9
        assert config.layers[0].lr == 0.1


class ForeignConfig:
    """What fiddle's and nemo_run's configurations look like from outside."""

    def __init__(self, fn: Any, **arguments: Any) -> None:
        self.__dict__ |= {"__fn_or_cls__": fn, "__arguments__": arguments}

    def __flatten__(self) -> None:
        """Fiddle's marker."""


class _ForeignPartial(ForeignConfig):
    pass


_ForeignPartial.__name__ = "Partial"


def test_foreign_configs_are_taken_as_they_are() -> None:
    foreign = _ForeignPartial(Model, width=2, optimizer=ForeignConfig(Optimizer, lr=0.7))
    mine = as_buildable(foreign)
    assert isinstance(mine, Partial)
    assert mine == Partial(Model, 2, optimizer=Config(Optimizer, lr=0.7))
    assert mine.build()() == Model(2, Optimizer(0.7))


def test_real_fiddle_objects_are_taken_as_they_are() -> None:
    fdl = pytest.importorskip("fiddle")
    foreign = fdl.Partial(Model, 2, optimizer=fdl.Config(Optimizer, lr=0.7))
    assert as_buildable(foreign).build()() == Model(2, Optimizer(0.7))


def test_as_buildable_takes_callables_and_refuses_the_rest() -> None:
    assert as_buildable(sample.activation) == Partial(sample.activation)
    assert as_buildable(functools.partial(sample.train, "m", epochs=2)).build()() == ("m", 2, None)
    with pytest.raises(InvalidError, match="got int 3"):
        as_buildable(3)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("tests.config.sample.Modle", "has no 'Modle'"),
        ("tests.config.smaple.Model", "has no 'smaple'|no module"),
        ("nosuchpackage.fn", "no module 'nosuchpackage'"),
        ("tests.config.sample:Nope.x", "has no 'Nope'"),
        ("not a path", "cannot be imported"),
    ],
)
def test_unknown_references_are_named(path: str, words: str) -> None:
    with pytest.raises(NotFoundError, match=words):
        Reference(path).resolve()


def test_references_resolve_nested_names() -> None:
    assert Reference("tests.config.sample.Model").resolve() is Model
    assert Reference("tests.config.sample:Noisy.__init__").resolve() is Noisy.__init__
    assert Reference("json.decoder").resolve().JSONDecoder
