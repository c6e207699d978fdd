"""``wandb.sweep`` and ``wandb.agent`` in one process: values are drawn, and the function is called with each."""

from __future__ import annotations

import itertools
import math
import random
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from runward.errors import InvalidError, NotFoundError
from runward.shims.wandb.opened import current
from runward.shims.wandb.told import once
from runward.shims.wandb.util import generate_id

TAG = "wandb.sweep"
_FAILURES = 3
_METHODS = ("grid", "random", "bayes")


@dataclass
class Sweep:
    """What is tried, and what is left of it."""

    id: str
    project: str
    draws: Iterator[dict[str, Any]]


@dataclass
class _Now:
    """The values that the agent's function is being called with."""

    sweep: Sweep | None = None
    values: dict[str, Any] = field(default_factory=dict)


NOW = _Now()
_SWEEPS: dict[str, Sweep] = {}


def sweep(sweep: Any, entity: str | None = None, project: str | None = None, prior_runs: Any = None) -> str:
    """Say what is to be tried; :func:`agent` of this process tries it.

    Args:
        sweep: A dict with ``method`` (``grid``, ``random``; ``bayes`` is drawn at random, which it says) and ``parameters``.
        entity: Passed over.
        project: Where the runs go.
        prior_runs: Has no effect.

    Returns: The sweep's id; each of its runs has the tag ``wandb.sweep`` with it.

    Raises: InvalidError (a parameter cannot be drawn).
    """
    given = sweep() if callable(sweep) else sweep
    if not isinstance(given, Mapping) or not isinstance(given.get("parameters"), Mapping):
        raise InvalidError(
            f"a sweep is a dict with parameters, not {given!r:.80}", hint='{"method": …, "parameters": …}'
        )
    method = given.get("method", "random")
    if method not in _METHODS:
        raise InvalidError(f"a sweep's method is {method!r}", hint=f"one of {', '.join(_METHODS)}")
    if method == "bayes":
        once('a sweep by "bayes"', "its values are drawn at random; a library such as Optuna chooses by results")
    if given.get("early_terminate"):
        once("a sweep's early_terminate", "its runs go to their end")
    parameters = given["parameters"]
    draws = _grid(parameters) if method == "grid" else _random(parameters)
    made = Sweep(generate_id(), str(project or given.get("project") or ""), draws)
    _SWEEPS[made.id] = made
    return made.id


def agent(
    sweep_id: str,
    function: Callable[[], Any] | None = None,
    entity: str | None = None,
    project: str | None = None,
    count: int | None = None,
) -> None:
    """Call a function with values of a sweep, each in a run that the function's ``init`` begins.

    A function that raises ends its run as failed and the next values are tried; three in a row end the agent.

    Args:
        sweep_id: What :func:`sweep` of this process gave.
        function: Begins a run and reads ``wandb.config``.
        entity: Passed over.
        project: Passed over: the sweep knows it.
        count: How many at most; a grid ends by itself.

    Raises: NotFoundError (another process made the sweep), InvalidError (no function).
    """
    found = _SWEEPS.get(str(sweep_id).rpartition("/")[2])
    if found is None:
        raise NotFoundError(
            f"this process made no sweep {sweep_id!r}", hint="call wandb.sweep() and wandb.agent() in one process"
        )
    if function is None:
        raise InvalidError("wandb.agent needs a function", hint="wandb.agent(sweep_id, function=train, count=10)")
    failures = 0
    for values in itertools.islice(found.draws, count):
        failures = 0 if _try(found, values, function) else failures + 1
        if failures == _FAILURES:
            sys.stderr.write(f"wandb.agent: {_FAILURES} runs in a row failed, the sweep {found.id} ends here\n")
            return


def _try(found: Sweep, values: dict[str, Any], function: Callable[[], Any]) -> bool:
    NOW.sweep, NOW.values = found, values
    try:
        function()
    # It is the caller's own training: what it raises is shown, and ends its run and not the sweep, as with W&B.
    except Exception:  # noqa: BLE001
        traceback.print_exc()
        _end(1)
        return False
    finally:
        NOW.sweep, NOW.values = None, {}
    _end(0)
    return True


def _end(exit_code: int) -> None:
    if (left := current()) is not None:
        left.finish(exit_code)


def _grid(parameters: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every combination, the last parameter fastest. Raises: InvalidError (one has no list of values)."""
    flat = list(_flat(parameters))
    lists = [_listed(".".join(path), said) for path, said in flat]
    return (_nested([path for path, _ in flat], row) for row in itertools.product(*lists))


def _random(parameters: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Draws without end. Raises: InvalidError (one cannot be drawn)."""
    # Of its own: a training that seeds Python's for itself would otherwise be given the same values each time.
    source = random.Random()
    flat = list(_flat(parameters))
    for path, said in flat:
        _draw(".".join(path), said, source)
    paths = [path for path, _ in flat]
    return (_nested(paths, [_draw(".".join(path), said, source) for path, said in flat]) for _ in itertools.count())


def _flat(parameters: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, said in parameters.items():
        if isinstance(said, Mapping) and isinstance(said.get("parameters"), Mapping):
            yield from _flat(said["parameters"], (*above, name))
        else:
            yield (*above, name), said


def _nested(paths: Sequence[tuple[str, ...]], values: Sequence[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path, value in zip(paths, values, strict=True):
        place = found
        for name in path[:-1]:
            place = place.setdefault(name, {})
        place[path[-1]] = value
    return found


def _listed(name: str, said: Any) -> list[Any]:
    if isinstance(said, Mapping) and "value" in said:
        return [said["value"]]
    if isinstance(said, Mapping) and "values" in said:
        return list(said["values"])
    if isinstance(said, Mapping) and isinstance(said.get("min"), int) and isinstance(said.get("max"), int):
        return list(range(said["min"], said["max"] + 1))
    raise InvalidError(f"parameter {name!r} of the grid has no list: {said!r:.80}", hint='{"values": [0.1, 0.2]}')


def _draw(name: str, said: Any, source: random.Random) -> Any:
    try:
        return _drawn(said, source)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InvalidError(
            f"parameter {name!r} of the sweep cannot be drawn from {said!r:.120} ({type(error).__name__}: {error})",
            hint='{"values": [16, 32]}, {"min": 0.1, "max": 0.9} or a distribution of W&B with what it needs',
        ) from error


def _drawn(said: Any, source: random.Random) -> Any:
    if "value" in said:
        return said["value"]
    if "values" in said:
        return source.choices(list(said["values"]), said.get("probabilities"))[0]
    whole = isinstance(said.get("min"), int) and isinstance(said.get("max"), int)
    kind = said.get("distribution") or ("int_uniform" if whole else "uniform")
    if kind == "int_uniform":
        return source.randint(said["min"], said["max"])
    is_stepped = kind.startswith("q_")
    value = _CONTINUOUS[kind.removeprefix("q_")](said, source)
    return round(value / said.get("q", 1)) * said.get("q", 1) if is_stepped else value


def _between(said: Mapping[str, Any], source: random.Random) -> float:
    return source.uniform(said["min"], said["max"])


def _between_logs(said: Mapping[str, Any], source: random.Random) -> float:
    return math.exp(source.uniform(math.log(said["min"]), math.log(said["max"])))


def _between_inverse(said: Mapping[str, Any], source: random.Random) -> float:
    low, high = 1 / said["max"], 1 / said["min"]
    return 1 / math.exp(source.uniform(math.log(low), math.log(high)))


_CONTINUOUS: dict[str, Callable[[Mapping[str, Any], random.Random], float]] = {
    "uniform": _between,
    "log_uniform": lambda said, source: math.exp(_between(said, source)),
    "log_uniform_values": _between_logs,
    "inv_log_uniform": lambda said, source: math.exp(-_between(said, source)),
    "inv_log_uniform_values": _between_inverse,
    "normal": lambda said, source: source.gauss(said.get("mu", 0), said.get("sigma", 1)),
    "log_normal": lambda said, source: source.lognormvariate(said.get("mu", 0), said.get("sigma", 1)),
    "beta": lambda said, source: source.betavariate(said.get("a", 1), said.get("b", 1)),
}
"""W&B's distributions; each is also there with ``q_``, in steps of ``q``."""
