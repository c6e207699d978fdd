"""MLflow's filters on runs as SQL with parameters."""

from __future__ import annotations

import json
from typing import Any

from runward.governance.scopes import Clause
from runward.interop.mlflow.errors import invalid
from runward.interop.mlflow.filters import Comparison, Language, Ordering
from runward.store.database import placeholders

RUNS = Language(
    frozenset(
        {
            "run_id",
            "run_name",
            "Run name",
            "Run Name",
            "run name",
            "status",
            "artifact_uri",
            "user_id",
            "start_time",
            "end_time",
            "created",
            "Created",
        }
    ),
    frozenset({"start_time", "end_time", "created", "Created"}),
    frozenset({"metric", "parameter", "tag", "attribute", "dataset"}),
)
_STATUS = """CASE r.status WHEN 'running' THEN 'RUNNING' WHEN 'finished' THEN 'FINISHED' WHEN 'cancelled' THEN 'KILLED'
  ELSE 'FAILED' END"""
_USER = "COALESCE((SELECT u.value FROM tags u WHERE u.run_id = r.id AND u.key = 'mlflow.user'), r.created_by)"
_COLUMNS = {
    "run_id": "r.id",
    "run_name": "r.name",
    "status": _STATUS,
    "artifact_uri": "('mlflow-artifacts:/' || r.project_id || '/' || r.id || '/artifacts')",
    "user_id": _USER,
    "start_time": "(r.started_at / 1000)",
    "end_time": "(r.ended_at / 1000)",
}
_ALIASES = {"created": "start_time", "Created": "start_time"}
# Params are kept as JSON; MLflow compares text.
_PARAM_TEXT = """CASE WHEN substr(x.value, 1, 1) = '"' THEN substr(x.value, 2, length(x.value) - 2) ELSE x.value END"""


def _column(key: str) -> str:
    key = _ALIASES.get(key, key)
    return _COLUMNS["run_name" if key.lower() == "run name" else key]


def compile_filter(conditions: list[Comparison], dialect: str) -> Clause:
    """A condition on runs ``r``. Raises: MlflowError."""
    parts = [_condition(item, dialect) for item in conditions]
    return Clause(" AND ".join(part.sql for part in parts) or "TRUE", tuple(p for part in parts for p in part.params))


def _condition(item: Comparison, dialect: str) -> Clause:
    if item.kind == "attribute":
        return _compare(_column(item.key), item.op, item.value, dialect)
    if item.kind == "tag" and item.key == "mlflow.runName":
        return _compare("r.name", item.op, item.value, dialect)
    if item.kind == "dataset":
        return _dataset(item, dialect)
    table, column = {"metric": ("metrics", "x.last"), "parameter": ("params", _PARAM_TEXT), "tag": ("tags", "x.value")}[
        item.kind
    ]
    if item.op in ("IS NULL", "IS NOT NULL"):
        negation = "NOT " if item.op == "IS NULL" else ""
        return Clause(f"{negation}EXISTS (SELECT 1 FROM {table} x WHERE x.run_id = r.id AND x.key = ?)", (item.key,))
    inner = _param(item, dialect) if item.kind == "parameter" else _compare(column, item.op, item.value, dialect)
    sql = f"EXISTS (SELECT 1 FROM {table} x WHERE x.run_id = r.id AND x.key = ? AND {inner.sql})"
    return Clause(sql, (item.key, *inner.params))


def _param(item: Comparison, dialect: str) -> Clause:
    if item.op in ("=", "!="):
        negation = "NOT " if item.op == "!=" else ""
        return Clause(f"x.value {negation}IN (?, ?)", (json.dumps(item.value, ensure_ascii=False), item.value))
    return _compare(_PARAM_TEXT, item.op, item.value, dialect)


def _dataset(item: Comparison, dialect: str) -> Clause:
    columns = {"name": "x.name", "digest": "x.version", "context": "x.status"}
    if item.key not in columns:
        raise invalid(f"Invalid dataset key '{item.key}' specified. Valid keys are '{sorted(columns)}'")
    inner = _compare(columns[item.key], item.op, item.value, dialect)
    sql = f"EXISTS (SELECT 1 FROM documents x WHERE x.kind = 'input' AND x.run_id = r.id AND {inner.sql})"
    return Clause(sql, inner.params)


def _compare(column: str, op: str, value: Any, dialect: str) -> Clause:
    if op in ("IS NULL", "IS NOT NULL"):
        return Clause(f"{column} {op}", ())
    if op in ("IN", "NOT IN"):
        return Clause(f"{column} {op} ({placeholders(value)})", tuple(value))
    if op == "ILIKE":
        return Clause(f"LOWER({column}) LIKE LOWER(?)", (value,))
    if op == "LIKE" and dialect == "sqlite":
        # SQLite's LIKE does not tell capitals from small letters, GLOB does.
        return Clause(f"{column} GLOB ?", (_glob(value),))
    if op == "RLIKE":
        raise invalid("RLIKE is not supported in a search of runs. Use LIKE or ILIKE.")
    return Clause(f"{column} {op} ?", (value,))


def _glob(pattern: str) -> str:
    special = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}
    return "".join(special.get(character, character) for character in pattern)


def compile_order(order: list[Ordering]) -> Clause:
    """An ORDER BY list over runs ``r``: missing values last, then newest first. Raises: MlflowError."""
    pieces, params = list[str](), list[object]()
    for item in order:
        if item.kind == "dataset":
            raise invalid(f"Invalid identifier type: {item.kind}")
        direction = "DESC" if item.down else "ASC"
        if item.kind == "attribute":
            pieces.append(f"{_column(item.key)} {direction} NULLS LAST")
            continue
        table, column = {
            "metric": ("metrics", "x.last"),
            "parameter": ("params", _PARAM_TEXT),
            "tag": ("tags", "x.value"),
        }[item.kind]
        pieces.append(f"(SELECT {column} FROM {table} x WHERE x.run_id = r.id AND x.key = ?) {direction} NULLS LAST")
        params.append(item.key)
    return Clause(", ".join([*pieces, "r.started_at DESC", "r.id"]), tuple(params))
