"""What changed in tables: columns, then rows, counted and shown; and the number that follows from it."""

from __future__ import annotations

import csv
import importlib
import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runward.data.diff import Options
from runward.data.names import next_name
from runward.data.rows import compare_rows
from runward.errors import InvalidError, MissingExtraError
from runward.workspace import FolderWorkspace, open_folder
from tests.extras import needs


@pytest.fixture
def space(tmp_path: Path) -> Iterator[FolderWorkspace]:
    found = open_folder(tmp_path / "ws", "owner")
    yield found
    found.close()


@pytest.fixture
def pl() -> Any:
    return needs("polars", "tables")


def write(path: Path, rows: list[dict[str, Any]], names: list[str]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_rows_are_found_by_their_key(pl: Any, tmp_path: Path) -> None:
    old = [{"x": "a", "id": str(i), "y": f"{i}.5"} for i in range(10)]
    new = [{**row, "y": "9.25"} if row["id"] == "3" else row for row in reversed(old) if row["id"] != "0"]
    new.append({"x": "", "id": "77", "y": "1.5"})
    paths = write(tmp_path / "a.csv", old, ["x", "id", "y"]), write(tmp_path / "b.csv", new, ["x", "id", "y"])
    found = compare_rows(*paths, "csv")
    assert (found.added, found.removed, found.changed, found.same, found.key) == (1, 1, 1, 8, ["id"])
    assert found.columns == {"y": 1}
    changed, added, removed = found.sample
    assert (changed.before, changed.after) == ({"id": "3", "y": "3.5"}, {"id": "3", "y": "9.25"})
    assert (added.row, added.after) == (10, {"x": None, "id": "77", "y": "1.5"})
    assert (removed.row, removed.before["id"]) == (1, "0")
    with pytest.raises(InvalidError, match="not unique"):
        compare_rows(*paths, "csv", key=("x",))
    with pytest.raises(InvalidError, match="no column"):
        compare_rows(*paths, "csv", key=("z",))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_counts_are_those_of_the_rows(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Without a key: rows as wholes, each as often as it occurs, whatever their order."""
    needs("polars", "tables")
    row = st.fixed_dictionaries({"a": st.sampled_from(["x", "y", "1"]), "b": st.integers(0, 2)})
    old, new = (data.draw(st.lists(row, max_size=12)) for _ in range(2))
    folder = tmp_path_factory.mktemp("rows")
    found = compare_rows(
        write(folder / "a.csv", old, ["a", "b"]), write(folder / "b.csv", new, ["a", "b"]), "csv", key=()
    )
    if found.key:
        return
    bags = [Counter((row["a"], row["b"]) for row in rows) for rows in (old, new)]
    gone, come = (bags[0] - bags[1]).total(), (bags[1] - bags[0]).total()
    assert found.removed + found.changed == gone
    assert found.added + found.changed == come
    assert found.same == len(old) - gone
    if len(old) != len(new):
        assert found.changed == 0


def test_a_value_that_changed_in_its_place(pl: Any, tmp_path: Path) -> None:
    """Nulls are alike, and so is what is no number."""
    before = pl.DataFrame({"a": [1.5, 1.5, None, float("nan")], "b": [None, "s", "t", "u"]})
    after = pl.DataFrame({"a": [1.5, 2.5, None, float("nan")], "b": [None, "s", "t", "u"]})
    before.write_parquet(tmp_path / "a.parquet")
    after.write_parquet(tmp_path / "b.parquet")
    found = compare_rows(tmp_path / "a.parquet", tmp_path / "b.parquet", "parquet", key=())
    assert (found.added, found.removed, found.changed, found.columns) == (0, 0, 1, {"a": 1})
    assert found.sample[0].before["a"] == "1.5"
    assert compare_rows(tmp_path / "a.parquet", tmp_path / "a.parquet", "parquet").same == 4


def test_a_column_of_another_type_is_compared_by_what_it_says(pl: Any, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"v": i, "n": [i]}) + "\n" for i in range(3)))
    (tmp_path / "b.jsonl").write_text("".join(json.dumps({"v": float(i), "n": [i]}) + "\n" for i in range(3)))
    found = compare_rows(tmp_path / "a.jsonl", tmp_path / "b.jsonl", "jsonl")
    assert (found.added, found.removed, found.changed, found.same) == (0, 0, 0, 3)
    (tmp_path / "bad.csv").write_bytes(b"\xff\xfe\x00garbage\n1,2,3")
    with pytest.raises(InvalidError):
        compare_rows(tmp_path / "bad.csv", tmp_path / "bad.csv", "parquet")


def _table(folder: Path, rows: int = 4, **columns: list[Any]) -> None:
    folder.mkdir(exist_ok=True)
    base = {"id": list(range(rows)), "v": [f"s{i}" for i in range(rows)], **columns}
    write(
        folder / "t.csv", [dict(zip(base, values, strict=True)) for values in zip(*base.values(), strict=True)], [*base]
    )


def test_the_bump_follows_from_what_changed(pl: Any, space: FolderWorkspace, tmp_path: Path) -> None:
    root = tmp_path / "d"

    def bump() -> tuple[str, str]:
        version = space.datasets.add(root, "p").version
        found = space.datasets.diff("p/d", version.parent, version.digest)
        return found.bump, found.reasons[0] if found.reasons else ""

    _table(root)
    space.datasets.add(root, "p")
    assert space.datasets.propose("p/d").reasons == ["the first number"]
    space.data.set_name("p:d", "1.0.0", "latest")
    assert space.datasets.propose("p/d").bump == "none"
    _table(root, v=["s0", "new", "s2", "s3"])
    assert bump() == ("patch", "patch: t.csv: 1 rows changed")
    unread = space.datasets.diff("p/d", "", options=Options(rows=False))
    assert unread.reasons == ["patch: t.csv: other bytes; its values were not compared"]
    _table(root, 6)
    assert bump()[0] == "minor"
    _table(root, 6, more=[1.5] * 6)
    assert bump() == ("minor", "minor: t.csv: columns added: more")
    _table(root, 5, more=[1.5] * 5)
    assert bump() == ("major", "major: t.csv: 1 rows removed")
    _table(root, 5)
    assert bump() == ("major", "major: t.csv: columns removed: more")
    _table(root, 5, v=[1.5] * 5)
    assert bump()[1] == "major: t.csv: columns of another type: v"
    (root / "other.bin").write_bytes(b"1")
    assert bump() == ("minor", "minor: 1 file added")
    (root / "other.bin").write_bytes(b"2")
    assert bump() == ("patch", "patch: 1 file changed")
    (root / "other.bin").rename(root / "renamed.bin")
    assert bump() == ("major", "major: 1 file moved")
    (root / "renamed.bin").unlink()
    (root / "new-too.bin").write_bytes(b"3")
    assert bump() == ("major", "major: 1 file removed")
    assert space.datasets.propose("p/d").bump == "major"
    (root / "t.csv").write_text((root / "t.csv").read_text())  # other line ends
    assert bump()[0] == "patch"


@pytest.mark.parametrize(
    ("names", "bump", "after"),
    [
        ([], "major", "1.0.0"),
        (["word"], "patch", "1.0.0"),
        (["1.2.3", "0.9.9", "word"], "major", "2.0.0"),
        (["1.2.3"], "minor", "1.3.0"),
        (["1.9.3", "1.10.0"], "patch", "1.10.1"),
    ],
)
def test_the_next_number(names: list[str], bump: Any, after: str) -> None:
    assert next_name(names, bump) == after


def test_a_version_is_compared_with_a_folder(pl: Any, space: FolderWorkspace, tmp_path: Path) -> None:
    root = tmp_path / "d"
    _table(root)
    space.datasets.add(root, "p")
    assert space.datasets.diff_folder("p/d", "latest", root).bump == "none"
    _table(root, 5)
    found = space.datasets.diff_folder("p/d", "latest", root)
    assert (found.bump, found.tables[0].rows_after) == ("minor", 5)
    assert space.datasets.diff_folder("p/d", "latest", root, Options(rows=False)).tables[0].rows is None


def test_without_polars_columns_are_named_and_rows_counted(
    space: FolderWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And who asks for rows is told what to install."""
    real = importlib.import_module

    def absent(name: str, package: str | None = None) -> Any:
        if name == "polars":
            raise ImportError(name)
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", absent)
    root = tmp_path / "d"
    _table(root)
    (root / "l.jsonl").write_text('{"a": 1}\n{"b": 2}\n')
    tables = space.datasets.add(root, "p").version.summary.tables
    found = {table.path: (table.rows, [column.name for column in table.columns]) for table in tables}
    assert found == {"l.jsonl": (2, ["a", "b"]), "t.csv": (4, ["id", "v"])}
    _table(root, 5, v2=[1] * 5)
    space.datasets.add(root, "p")
    found_diff = space.datasets.diff("p/d", "", options=Options(rows=False))
    assert found_diff.reasons == ["minor: t.csv: columns added: v2", "minor: t.csv: 1 rows added"]
    with pytest.raises(MissingExtraError, match="Polars") as caught:
        space.datasets.diff("p/d", "")
    assert "runward[tables]" in caught.value.hint


def test_tables_and_references_are_recognised(pl: Any, space: FolderWorkspace, tmp_path: Path) -> None:
    root = tmp_path / "d"
    (root / "delta" / "_delta_log").mkdir(parents=True)
    log = root / "delta" / "_delta_log"
    (log / f"{0:020}.json").write_text(json.dumps({"metaData": {"id": "the-id"}}) + "\n")
    (log / f"{1:020}.json").write_text(json.dumps({"commitInfo": {}}) + "\n")
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 12345\n"
    (root / "model.bin").write_text(pointer)
    pl.DataFrame({"a": [1], "b": ["x"], "c": [1.5], "d": [True]}).write_parquet(root / "t.parquet")
    (root / "broken.parquet").write_bytes(b"no parquet")
    summary = space.datasets.add(root, "p").version.summary
    assert [(table.path, table.rows, [c.type for c in table.columns]) for table in summary.tables] == [
        ("t.parquet", 1, ["int", "text", "float", "bool"])
    ]
    assert {(item.path, item.kind, item.id, item.version, item.size) for item in summary.references} == {
        ("model.bin", "git-lfs", "a" * 64, 0, 12345),
        ("delta", "delta", "the-id", 1, 0),
    }


def test_two_hundred_thousand_rows(pl: Any, tmp_path: Path) -> None:
    """A big table takes about a second; far less is asked here, the benchmark says how long."""
    random.seed(1)
    frame = pl.DataFrame(
        {"id": range(200_000), **{f"c{i}": [random.random() for _ in range(200_000)] for i in range(7)}}
    )
    frame.write_csv(tmp_path / "a.csv")
    frame.with_columns(c1=pl.when(pl.col("id") % 1000 == 0).then(0.5).otherwise(pl.col("c1"))).write_csv(
        tmp_path / "b.csv"
    )
    began = time.process_time()
    found = compare_rows(tmp_path / "a.csv", tmp_path / "b.csv", "csv")
    assert (found.changed, found.same) == (200, 199_800)
    assert time.process_time() - began < 30
