"""``runward data`` as a person types it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.extras import needs


@pytest.fixture
def table(tmp_path: Path) -> Path:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "t.csv").write_text("id,v\n1,a\n2,b\n")
    return tmp_path / "d" / "t.csv"


def test_from_folder_to_name_and_back(cli: Cli, table: Path, tmp_path: Path) -> None:
    needs("polars", "tables")
    first = cli.json("data", "add", "d", "-p", "p", "-m", "first")
    assert (first["is_new"], first["version"]["files"], first["version"]["note"]) == (True, 1, "first")
    assert not cli.json("data", "add", "d", "-p", "p")["is_new"]
    assert "p/d" in cli("data", "list", "-p", "p").out
    assert cli("data", "tag", "p/d").code == 2
    assert cli.json("data", "tag", "p/d", "--yes")["name"] == "1.0.0"
    table.write_text("id,v\n1,a\n2,c\n3,d\n")
    cli("data", "add", "d", "-p", "p")
    said = cli("data", "diff", "p/d")
    assert said.code == 1
    assert "~ row 2: id=2, v: b → c" in said.out
    assert "+ row 3: id=3, v=d" in said.out
    assert "proposed: minor" in said.out
    assert cli("data", "diff", "p/d@1.0.0", "1.0.0").code == 0
    assert cli("data", "diff", "p/d", "--path", "d").code == 0
    assert "rows were not compared" in cli("data", "diff", "p/d", "--schema-only").out
    named = cli.json("data", "tag", "p/d", "--bump", "minor")
    assert (named["name"], named["version"]["names"]) == ("1.1.0", ["1.1.0"])
    assert cli.json("data", "tag", "p/d", "golden")["version"]["names"] == ["1.1.0", "golden"]
    assert cli("data", "tag", "p/d", "golden", "--remove").code == 0
    assert "1.1.0" in cli("data", "show", "p/d").out
    assert "t.csv: 3 rows; id int, v text" in cli("data", "show", "p/d@1.1.0").out
    assert "t.csv" in cli("data", "show", "p/d@1.0.0", "--files").out
    assert cli.json("data", "checkout", "p/d@1.0.0", "out")["written"] == 1
    assert (tmp_path / "out" / "t.csv").read_text() == "id,v\n1,a\n2,b\n"


def test_what_nobody_needs_is_forgotten(cli: Cli, table: Path) -> None:
    for value in range(5):
        table.write_text(f"id\n{value}\n")
        cli("data", "add", "d", "-p", "p", "--no-tables")
        if value == 1:
            cli("data", "tag", "p/d", "keep-me")
    assert cli.json("data", "gc", "-p", "p")["versions"] == []
    assert len(cli.json("data", "gc", "p/d", "--grace", "0", "--keep", "2", "--dry-run")["versions"]) == 2
    assert len(cli.json("data", "gc", "p/d", "--grace", "0", "--keep", "2")["versions"]) == 2
    assert len(cli.json("data", "show", "p/d")["versions"]) == 3
    assert cli("data", "remove", "p/d@keep-me").code == 2
    assert cli("data", "remove", "p/d@latest").code == 0
    assert cli("data", "remove", "p/d").code == 0
    assert cli.json("data", "list", "-p", "p") == []


@pytest.mark.parametrize(
    "arguments",
    [("show", "@1"), ("show", "p/d@"), ("show", "p/none"), ("add", "nowhere"), ("tag", "p/d", "--remove")],
)
def test_what_is_wrong_is_said(cli: Cli, table: Path, arguments: tuple[str, ...]) -> None:
    said = cli("data", *arguments)
    assert said.code == 2
    assert said.err.startswith("error: ")


def test_a_pointer_is_not_the_data(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 12345\n"
    (tmp_path / "d" / "model.bin").write_text(pointer)
    assert "git lfs pull" in cli("data", "add", "d", "-p", "p").out
    assert "Git LFS pointer" in cli("data", "show", "p/d@latest").out
