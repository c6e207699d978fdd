"""Points as Parquet beside the bytes: exact, up to date, read by DuckDB and Polars, on both kinds of stores."""

from __future__ import annotations

import math
import random
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from runward.cli.main import cli
from runward.governance.signin import folder_actor
from runward.interop.tables import write_tables
from runward.server.run import open_store
from runward.testing.objects import ObjectStorage
from runward.testing.worlds import batch
from runward.tracking import storage
from runward.tracking.compaction import compact_due
from runward.tracking.model import NewProject, NewRun, Run, RunEnd, RunParam, RunPatch, RunStatus
from runward.tracking.organise_model import Collect
from runward.workspace import FolderWorkspace, open_folder
from tests.extras import needs

ODD = [math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308, 0.1]


def _bits(value: float) -> bytes:
    return struct.pack("<d", value)


@pytest.fixture
def space(tmp_path: Path) -> Iterator[FolderWorkspace]:
    needs("pyarrow", "tables")
    space = open_folder(tmp_path / "space")
    space.tracking.create_project(NewProject(path="p"))
    yield space
    space.close()


def _run(space: FolderWorkspace, series: dict[str, list[tuple[int, float]]]) -> Run:
    run = space.tracking.create_run(NewRun(project="p"))
    if series:
        space.tracking.append(run.id, batch(0, series))
    return space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))


def _update(space: FolderWorkspace, after_s: float = 0) -> tuple[int, int, int]:
    done = write_tables(space.dispatcher.database, space.dispatcher.blobs, after_s)
    assert done.failed == 0
    return done.runs, done.points, done.removed


def _rows(space: FolderWorkspace) -> list[Any]:
    pattern = Path(space.dispatcher.blobs.tables) / "points" / "*" / "*.parquet"
    found: list[Any] = needs("duckdb", "tables").sql(f"SELECT * FROM '{pattern}'").fetchall()
    return found


def test_duckdb_and_polars_read_every_bit(space: FolderWorkspace) -> None:
    run = _run(space, {"odd": [*enumerate(ODD), (2**63 - 1, 1.5)], "späte/\U0001f600": [(-3, 2.0)]})
    assert _update(space) == (1, 9, 0)
    told = [(row[0], row[1], row[2], _bits(row[4])) for row in _rows(space)]
    assert told == [
        *((run.id, "odd", step, _bits(value)) for step, value in enumerate(ODD)),
        (run.id, "odd", 2**63 - 1, _bits(1.5)),
        (run.id, "späte/\U0001f600", -3, _bits(2.0)),
    ]
    frame = needs("polars", "tables").read_parquet(
        f"{space.dispatcher.blobs.tables}/points/{run.project_id}/{run.id}.parquet"
    )
    assert frame.columns == ["run_id", "key", "step", "time", "value"]
    assert [_bits(value) for value in frame["value"]] == [line[3] for line in told]


def test_blocks_and_segments_are_one_table_in_order_of_step(space: FolderWorkspace) -> None:
    run = space.tracking.create_run(NewRun(project="p"))
    steps = list(range(3000))
    random.Random(5).shuffle(steps)
    for frame in range(40):
        mine = steps[frame * 75 : (frame + 1) * 75]
        space.tracking.append(run.id, batch(frame, {"a": [(s, s / 7) for s in mine], "b": [(0, float(frame))]}))
        if frame == 34:
            compact_due(space.dispatcher.database)
    space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))
    assert _update(space) == (1, 3040, 0)
    rows = _rows(space)
    assert [(row[2], row[4]) for row in rows if row[1] == "a"] == [(s, s / 7) for s in range(3000)]
    assert [row[4] for row in rows if row[1] == "b"] == [float(frame) for frame in range(40)]


def test_many_keys_lie_in_few_row_groups(space: FolderWorkspace) -> None:
    run = _run(space, {f"key{n}": [(0, float(n))] for n in range(5000)})
    assert _update(space) == (1, 5000, 0)
    path = f"{space.dispatcher.blobs.tables}/points/{run.project_id}/{run.id}.parquet"
    assert needs("pyarrow.parquet", "tables").ParquetFile(path).num_row_groups == 1


def test_only_what_changed_is_written_again(space: FolderWorkspace) -> None:
    first, _ = _run(space, {"a": [(0, 1.0)]}), _run(space, {"a": [(0, 2.0)]})
    running = space.tracking.create_run(NewRun(project="p"))
    space.tracking.append(running.id, batch(0, {"a": [(0, 3.0)]}))
    empty = _run(space, {})
    assert _update(space, after_s=3600) == (0, 0, 0)
    assert _update(space) == (2, 2, 1)
    assert _update(space) == (0, 0, 0)
    space.tracking.resume_run(first.id)
    space.tracking.append(first.id, batch(1, {"a": [(1, 4.0)]}))
    space.tracking.end_run(first.id, RunEnd(RunStatus.FINISHED))
    assert _update(space) == (1, 2, 0)
    space.tracking.update_run(empty.id, RunPatch(tags={"a": "b"}))
    assert _update(space) == (0, 0, 1)
    assert sorted(row[4] for row in _rows(space)) == [1.0, 2.0, 4.0]


def test_a_deleted_run_leaves_the_tables_and_returns_to_them(space: FolderWorkspace) -> None:
    kept, gone = _run(space, {"a": [(0, 1.0)]}), _run(space, {"a": [(0, 2.0)]})
    _update(space)
    space.tracking.delete_run(gone.id)
    assert _update(space) == (0, 0, 1)
    assert {row[0] for row in _rows(space)} == {kept.id}
    space.organise.restore_run(gone.id)
    assert _update(space) == (1, 1, 0)
    space.tracking.delete_run(gone.id)
    while space.organise.collect_garbage(Collect(0, False)).more:
        pass
    assert {row[0] for row in _rows(space)} == {kept.id}


def test_a_change_while_a_table_is_written_is_seen_next_time(
    space: FolderWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _run(space, {"a": [(0, 1.0)]})
    mark = storage.set_tabled

    def changed_meanwhile(tx: Any, run_id: str, revision: int) -> None:
        mark(tx, run_id, revision)
        monkeypatch.undo()
        tx.execute("UPDATE runs SET revision = revision + 1 WHERE id = ?", (run_id,))

    monkeypatch.setattr(storage, "set_tabled", changed_meanwhile)
    assert _update(space) == (1, 1, 0)
    assert _update(space) == (1, 1, 0)
    assert _update(space) == (0, 0, 0)
    assert {row[0] for row in _rows(space)} == {run.id}


def test_a_damaged_run_is_named_and_the_others_are_written(
    space: FolderWorkspace, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = _run(space, {"a": [(0, 1.0)]}), _run(space, {"a": [(0, 2.0)]})
    with space.dispatcher.database.transaction(write=True) as tx:
        tx.execute("UPDATE segments SET data = ? WHERE run_id = ?", (b"\x28\xb5\x2f\xfdnonsense", bad.id))
    done = write_tables(space.dispatcher.database, space.dispatcher.blobs, 0)
    assert (done.runs, done.failed) == (1, 1)
    assert bad.id in caplog.text
    assert {row[0] for row in _rows(space)} == {good.id}


def test_the_command_says_where_they_are(space: FolderWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    _run(space, {"a": [(0, 1.0)]})
    monkeypatch.setenv("RUNWARD_DIR", str(space.state_dir))
    answer = CliRunner().invoke(cli, ["tables"])
    assert (answer.exit_code, answer.output) == (0, f"1 runs with 1 points in {space.dispatcher.blobs.tables}\n")
    assert CliRunner().invoke(cli, ["tables", "--after", "soon"]).exit_code != 0


@pytest.mark.postgres
def test_a_server_writes_them_into_its_bucket(postgres_url: str, object_storage: ObjectStorage, tmp_path: Path) -> None:
    """PostgreSQL and S3; who reads them needs the bucket and nothing of Runward."""
    parquet = needs("pyarrow.parquet", "tables")
    dispatcher = open_store(tmp_path, postgres_url, object_storage.place())
    space = FolderWorkspace(dispatcher, "here", tmp_path, folder_actor(dispatcher.database, "owner"))
    space.tracking.create_project(NewProject(path="p"))
    run = _run(space, {"a": [(0, 0.5), (1, math.nan)]})
    assert _update(space) == (1, 2, 0)
    assert list(dispatcher.blobs.stored()) == []
    assert dispatcher.blobs.tables.startswith("s3://")
    import obstore

    store: Any = dispatcher.blobs
    path = tmp_path / "read.parquet"
    path.write_bytes(bytes(obstore.get(store._store, f"tables/points/{run.project_id}/{run.id}.parquet").bytes()))
    assert parquet.read_table(path)["step"].to_pylist() == [0, 1]
    space.tracking.delete_run(run.id)
    assert _update(space) == (0, 0, 1)
    assert _update(space) == (0, 0, 0)
    space.close()


def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Its Python and its SQL, on a folder such as it speaks of."""
    duckdb = needs("duckdb", "tables")
    needs("polars", "tables")
    needs("pyarrow", "tables")
    page = (Path(__file__).parents[2] / "docs" / "tables.md").read_text()
    monkeypatch.chdir(tmp_path)
    space = open_folder(tmp_path / ".runward")
    space.tracking.create_project(NewProject(path="digits"))
    run = space.tracking.create_run(NewRun(project="digits", params=[RunParam("lr", 0.5)]))
    space.tracking.append(run.id, batch(0, {"loss": [(0, 0.75), (1, 0.25)]}))
    space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))
    assert _update(space) == (1, 2, 0)
    exec(re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0], {})
    assert "0.25" in capsys.readouterr().out
    command, sql = re.findall(r"```sql\n-- runward (.*?) > runs.json\n(.*?)```", page, re.DOTALL)[0]
    answer = CliRunner().invoke(cli, command.split())
    (tmp_path / "runs.json").write_text(answer.output)
    assert duckdb.sql(sql).fetchall() == [(0.5, 0.25)]
    space.close()
