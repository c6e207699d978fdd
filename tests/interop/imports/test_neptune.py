"""Neptune's exporter: its layout, by its documented schema. The service is closed, so no real tool can write here."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from runward.errors import InvalidError
from runward.interop.imports.engine import Options, import_runs
from runward.interop.imports.opening import open_source
from runward.workspace import FolderWorkspace
from tests.interop.imports.conftest import bits, bring, by_name, load, points

_AT = datetime(2025, 3, 1, 12, tzinfo=UTC)


def _write(path: Path, run: str, *rows: dict[str, Any]) -> None:
    """A part as the exporter writes it: every column of its schema, nothing in those that do not apply."""
    pa = load("pyarrow")
    schema = pa.schema(
        [
            *((name, pa.string()) for name in ("project_id", "run_id", "attribute_path", "attribute_type")),
            ("step", pa.decimal128(18, 6)),
            ("timestamp", pa.timestamp("ms", tz="UTC")),
            ("int_value", pa.int64()),
            ("float_value", pa.float64()),
            ("string_value", pa.string()),
            ("bool_value", pa.bool_()),
            ("datetime_value", pa.timestamp("ms", tz="UTC")),
            ("string_set_value", pa.list_(pa.string())),
            ("file_value", pa.struct([("path", pa.string())])),
            (
                "histogram_value",
                pa.struct(
                    [("type", pa.string()), ("edges", pa.list_(pa.float64())), ("values", pa.list_(pa.float64()))]
                ),
            ),
        ]
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = [{"project_id": "ann/digits", "run_id": run, **row} for row in rows]
    load("pyarrow.parquet").write_table(pa.Table.from_pylist(whole, schema=schema), path)


def _row(path: str, kind: str, value: Any = None, step: str | None = None, **more: Any) -> dict[str, Any]:
    name = {"float_series": "float", "string_series": "string", "histogram_series": "histogram"}.get(kind, kind)
    found = {"attribute_path": path, "attribute_type": kind, f"{name}_value": value, **more}
    return found if step is None else {**found, "step": Decimal(step), "timestamp": _AT}


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    data = tmp_path / "exports" / "data"
    values = [0.1, math.nan, math.inf, -0.0, 5e-324]
    _write(
        data / "ann_digits-1" / "RUN-1_part_0.parquet",
        "RUN-1",
        _row("sys/name", "string", "first"),
        _row("sys/creation_time", "datetime", datetime(2025, 3, 1, 11, tzinfo=UTC)),
        _row("sys/tags", "string_set", ["fast", "b"]),
        _row("parameters/lr", "float", 0.1),
        _row("parameters/n", "int", 2**60),
        _row("parameters/on", "bool", True),
        _row("parameters/api_key", "string", "sk-abcdefghijklmnopqrstuvwx"),
        *(_row("metrics/loss", "float_series", value, str(step)) for step, value in enumerate(values)),
    )
    _write(
        data / "ann_digits-1" / "RUN-1_part_1.parquet",
        "RUN-1",
        _row("metrics/half", "float_series", 1.0, "0.5"),
        _row("monitoring/stdout", "string_series", "hello", "1"),
        _row("spread", "histogram_series", {"type": "COUNTING", "edges": [0, 1, 2], "values": [3, 4]}, "2"),
        {**_row("model", "file"), "file_value": {"path": "RUN-1/model.bin"}},
        {**_row("gone", "file"), "file_value": {"path": "RUN-1/gone.bin"}},
    )
    (tmp_path / "exports" / "files" / "ann_digits-1" / "RUN-1").mkdir(parents=True)
    (tmp_path / "exports" / "files" / "ann_digits-1" / "RUN-1" / "model.bin").write_bytes(b"weights")
    return data


def test_everything_that_was_exported_is_there(space: FolderWorkspace, exported: Path) -> None:
    report = bring(space, "neptune", exported)
    assert report.lost == {
        "files that are not there (--artifacts DIR says where they are)": 1,
        "series with steps between whole numbers (now in millionths)": 1,
    }
    run = by_name(space)["first"]
    assert (run.project, run.status, run.started_at) == ("ann/digits", "finished", datetime(2025, 3, 1, 11, tzinfo=UTC))
    assert (run.ended_at, {"fast", "b"} <= set(run.tags)) == (_AT, True)
    hidden = {"parameters/api_key": "[redacted:param]"}
    assert run.params == {"parameters/lr": 0.1, "parameters/n": 2**60, "parameters/on": True, **hidden}
    values = [0.1, math.nan, math.inf, -0.0, 5e-324]
    expected = [(step, _AT.timestamp(), bits(value)) for step, value in enumerate(values)]
    assert points(space, run.id, "metrics/loss") == expected
    assert [step for step, _, _ in points(space, run.id, "metrics/half")] == [500_000]
    content = {a.path: b"".join(space.files.artifact(run.id, a.path)) for a in space.tracking.get_run(run.id).artifacts}
    assert content["model.bin"] == b"weights"
    assert json.loads(content["media/spread/2.json"]) == {"edges": [0.0, 1.0, 2.0], "counts": [3.0, 4.0]}
    assert json.loads(content["series/monitoring/stdout.jsonl"]) == [1.0, _AT.timestamp(), "hello"]
    assert bring(space, "neptune", exported).unchanged == 1


def test_what_is_broken_is_named(space: FolderWorkspace, exported: Path) -> None:
    _write(exported / "p" / "odd_part_0.parquet", "odd", _row("x", "dream"))
    (exported / "p" / "cut_part_0.parquet").write_bytes(b"PAR1")
    (exported / "p" / "other_part_0.parquet").write_bytes(b"")
    pa = load("pyarrow")
    load("pyarrow.parquet").write_table(pa.table({"run_id": ["x"]}), exported / "p" / "other_part_0.parquet")
    report = import_runs(space, open_source("neptune", str(exported)), Options())
    problems = {problem.run: problem.message for problem in report.problems}
    assert (report.created, set(problems)) == (1, {"odd", "cut_part_0", "other_part_0"})
    assert "x is of the type 'dream'" in problems["odd"]
    assert "is no Parquet file" in problems["cut_part_0"]
    assert "has no column 'attribute_path'" in problems["other_part_0"]


def test_an_empty_folder_is_said(tmp_path: Path) -> None:
    load("pyarrow")
    with pytest.raises(InvalidError, match=r"no PROJECT/RUN_part_0\.parquet"):
        open_source("neptune", str(tmp_path))
