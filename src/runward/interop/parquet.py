"""Parquet by pyarrow, which the extra `runward[parquet]` brings: the tables of an export, and one way to load it."""

from __future__ import annotations

from typing import Any

from runward.errors import MissingExtraError

RUNS = {
    "id": "string",
    "name": "string",
    "project": "string",
    "status": "string",
    "started_at": "timestamp[us, tz=UTC]",
    "ended_at": "timestamp[us, tz=UTC]",
    "created_by": "string",
    "purpose": "string",
    "exit_code": "int64",
    "error": "string",
    "seed": "int64",
}
TABLES: dict[str, dict[str, str]] = {
    "runs": RUNS,
    # Values are JSON, so that a text and a number stay what they are.
    "params": {"run_id": "string", "key": "string", "value": "string"},
    "tags": {"run_id": "string", "key": "string", "value": "string"},
    "points": {"run_id": "string", "key": "string", "step": "int64", "time": "float64", "value": "float64"},
    "artifacts": {"run_id": "string", "path": "string", "digest": "string", "size": "int64", "media_type": "string"},
}
"""Columns and their types by table; each table is one file NAME.parquet. Bytes lie in ``files/DIGEST``."""


def arrow() -> tuple[Any, Any]:
    """(pyarrow, pyarrow.parquet). Raises: MissingExtraError."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError(
            "Parquet needs pyarrow, which is not installed", hint="pip install 'runward[parquet]'"
        ) from None
    return pyarrow, pyarrow.parquet


def schema(table: str) -> Any:
    """A table's schema."""
    pyarrow, _ = arrow()
    kinds = {"timestamp[us, tz=UTC]": pyarrow.timestamp("us", tz="UTC"), "float64": pyarrow.float64()}
    return pyarrow.schema([(name, kinds.get(kind, kind)) for name, kind in TABLES[table].items()])
