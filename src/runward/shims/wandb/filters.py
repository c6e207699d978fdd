"""Filters of ``wandb.Api().runs`` (MongoDB's language) as Runward's search language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from runward.errors import InvalidError

_FIELDS = {
    "name": "id",
    "display_name": "name",
    "displayName": "name",
    "username": "created_by",
    "user": "created_by",
    "group": "tags.`wandb.group`",
    "jobType": "tags.`wandb.job_type`",
    "job_type": "tags.`wandb.job_type`",
    "sweep": "tags.`wandb.sweep`",
    "notes": "purpose",
    "created_at": "created_at",
    "createdAt": "created_at",
}
_STATES = {"crashed": "failed", "killed": "cancelled"}
_SPACES = {"config": "params", "summary_metrics": "metrics", "summary": "metrics"}
_COMPARED = {"$eq": "=", "$ne": "!=", "$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
_JOINED = {"$and": "and", "$or": "or"}


def search_of(filters: Mapping[str, Any]) -> str:
    """The search that finds the same runs. Raises: InvalidError (a key or an operator that has no counterpart)."""
    found = [_one(str(key), said) for key, said in filters.items()]
    return " and ".join(f"({one})" for one in found if one)


def _one(key: str, said: Any) -> str:
    if key in _JOINED:
        return f" {_JOINED[key]} ".join(f"({search_of(part)})" for part in said)
    if key == "tags":
        return _tags(said)
    field = field_of(key)
    if not isinstance(said, Mapping):
        return f"{field} = {_literal(key, said)}" if said is not None else f"{field} is null"
    return " and ".join(_compare(key, field, operator, value) for operator, value in said.items())


def _compare(key: str, field: str, operator: str, value: Any) -> str:
    if operator in _COMPARED:
        return f"{field} {_COMPARED[operator]} {_literal(key, value)}"
    if operator in ("$in", "$nin"):
        listed = f"{field} in ({', '.join(_literal(key, one) for one in value)})"
        return listed if operator == "$in" else f"not ({listed})"
    if operator == "$exists":
        return f"{field} is {'not ' if value else ''}null"
    if operator == "$regex" and re.fullmatch(r"\^?[\w /.-]*\$?", value := str(value)):
        like = f"{'' if value.startswith('^') else '%'}{value.strip('^$')}{'' if value.endswith('$') else '%'}"
        return f"{field} like {_text(like)}"
    raise InvalidError(
        f"the filter {operator!r} of {key!r} is not covered by runward.shims.wandb",
        hint="runward runs list --where has a search language",
    )


def _tags(said: Any) -> str:
    wanted = said.get("$in", said.get("$all")) if isinstance(said, Mapping) else [said]
    if wanted is None:
        raise InvalidError(
            f"the filter of tags {said!r:.80} is not covered by runward.shims.wandb", hint='{"$in": […]}'
        )
    joined = " and " if isinstance(said, Mapping) and "$all" in said else " or "
    return joined.join(f"tags.`{tag}` is not null" for tag in wanted)


def field_of(key: str) -> str:
    """A field of W&B's in Runward's words. Raises: InvalidError (it has none)."""
    if key == "state":
        return "status"
    space, _, rest = key.partition(".")
    if space in _SPACES and rest:
        # W&B's own filters have `config.lr.value`.
        return f"{_SPACES[space]}.`{rest.removesuffix('.value') if space == 'config' else rest}`"
    if key not in _FIELDS:
        known = ", ".join(["state", "tags", *_FIELDS, "config.KEY", "summary_metrics.KEY"])
        raise InvalidError(f"the filter {key!r} is not covered by runward.shims.wandb", hint=f"there are: {known}")
    return _FIELDS[key]


def _literal(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return _text(_STATES.get(str(value), str(value)) if key == "state" else str(value))


def _text(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
