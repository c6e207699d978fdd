"""How standards are written, edited and compared. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from runward.config.standards import read_thresholds
from runward.config.targets import did_you_mean
from runward.errors import InvalidError
from runward.review.model import Standards
from runward.review.standards_model import FIELDS, StandardsEdit

_RENAMED = {"team_name": "name", "performance_thresholds": "thresholds"}
_OF_TEAM_CONFIG = ("team_name", "project_name", "performance_thresholds")
_PLACE = re.compile(r"^(.*?)(?: - at `\$\.?(.*)`)?$", re.DOTALL)


def own_document(standards: Standards) -> dict[str, Any]:
    """What a document says itself, by field.

    Raises:
        InvalidError: ``inherits`` names something that is no field.
    """
    document: dict[str, Any] = msgspec.to_builtins(standards)
    for name in document.pop("inherits"):
        if name not in document:
            raise InvalidError(f"inherits names {name!r}, which is no field", hint=did_you_mean(name, FIELDS))
        del document[name]
    return document


def edited(document: Mapping[str, Any], edit: StandardsEdit, in_force: Standards) -> Standards:
    """What a project says itself after a change of what it said before (an :func:`own_document`).

    Raises:
        InvalidError: A field is unknown or wrong; ``field`` in its details names it.
    """
    made, standing = dict(document), msgspec.to_builtins(in_force)
    for key in edit.leave:
        _leave(made, key)
    for key, value in _normal(edit.values).items():
        _put(made, key, value, standing)
    made["inherits"] = [name for name in FIELDS if name not in made]
    try:
        return msgspec.convert(made, Standards)
    except msgspec.ValidationError as error:
        raise _wrong(str(error)) from None


def _wrong(text: str) -> InvalidError:
    """Msgspec's words with the field in front: ``approvals: expected `int`, got `str```."""
    match = _PLACE.match(text)
    what, place = (match[1], match[2] or "") if match else (text, "")
    field = place.partition(".")[0].partition("[")[0]
    hint = _EXAMPLES.get(field, "")
    return InvalidError(f"{place}: {what[:1].lower()}{what[1:]}" if place else what, hint=hint, field=field)


_EXAMPLES = {
    "thresholds": 'for example {metric: accuracy, op: ">=", value: 0.9}, or accuracy: ">=0.9"',
    "baseline": 'for example {metric: accuracy, better: higher, ask: "not worse"}',
    "allowed_licenses": "a list of SPDX licences: [MIT, Apache-2.0, BSD-*]",
    "forbidden_licenses": "a list of SPDX licences: [AGPL-*, GPL-*]",
    "max_peak_memory": "a size in quotes: 8 GiB",
    "max_gpu_memory": "a size in quotes: 40 GiB",
    "required_metrics": "a list of names: [accuracy, loss]",
    "default_hyperparameters": "a mapping: {learning_rate: 0.001}",
}


def _normal(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values in the words of :class:`Standards`; those of a TeamConfig are understood."""
    normal: dict[str, Any] = {}
    for key, value in values.items():
        first, dot, rest = key.partition(".")
        field = _field(first)
        if field == "thresholds" and isinstance(value, Mapping) and not dot:
            normal |= {"thresholds": [], **{f"thresholds.{metric}": rule for metric, rule in value.items()}}
        elif field != "project_name":
            normal[field + dot + rest] = value
    return normal


def _field(name: str) -> str:
    """A field by its own name or a TeamConfig's."""
    field = _RENAMED.get(name, name)
    if field not in (*FIELDS, "project_name"):
        known = did_you_mean(name, [*FIELDS, *_OF_TEAM_CONFIG])
        raise InvalidError(f"standards have no field {name!r}", hint=known, field=name)
    return field


def _put(made: dict[str, Any], key: str, value: Any, in_force: Mapping[str, Any]) -> None:
    field, dot, rest = key.partition(".")
    if not dot:
        made[field] = value
    elif field == "thresholds":
        others = [rule for rule in made.get(field, []) if rule["metric"] != rest]
        read = read_thresholds(rest, value)
        made[field] = [*others, *({"metric": t.metric, "op": t.op, "value": t.value} for t in read)]
    elif isinstance(in_force[field], dict):
        # A mapping keeps only what is said here; a group of rules is one value, and its other rules stay as they are.
        base = {} if isinstance(getattr(Standards(), field), dict) else in_force[field]
        made[field] = _with(made.get(field, base), rest.split("."), value)
    else:
        raise InvalidError(f"{field} has no {rest!r} inside", hint=f"set {field} as a whole", field=field)


def _with(values: Mapping[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    first, *rest = path
    inner = values.get(first)
    return {**values, first: _with(inner if isinstance(inner, Mapping) else {}, rest, value) if rest else value}


def _leave(made: dict[str, Any], key: str) -> None:
    first, dot, rest = key.partition(".")
    field = _field(first)
    if not dot:
        made.pop(field, None)
    elif field == "thresholds":
        made[field] = [rule for rule in made.get(field, []) if rule["metric"] != rest]
    else:
        made[field] = _without(made.get(field, {}), rest.split("."))


def _without(values: Mapping[str, Any], path: list[str]) -> dict[str, Any]:
    first, *rest = path
    left = {key: value for key, value in values.items() if key != first}
    inner = values.get(first)
    return {**left, first: _without(inner, rest)} if rest and isinstance(inner, Mapping) else left


def by_metric(document: Mapping[str, Any]) -> dict[str, Any]:
    """Rules by metric instead of by place, so that a new first one does not change all others."""
    made = dict(document)
    for field in ("thresholds", "baseline"):
        if isinstance(made.get(field), list):
            rules: dict[str, str] = {}
            for rule in made[field]:
                said = [rules[rule["metric"]]] if rule["metric"] in rules else []
                rules[rule["metric"]] = ", ".join([*said, _shown(rule)])
            made[field] = rules
    return made


def _shown(rule: Mapping[str, Any]) -> str:
    return f"{rule['op']}{rule['value']:g}" if "op" in rule else f"{rule['ask']} ({rule['better']} is better)"
