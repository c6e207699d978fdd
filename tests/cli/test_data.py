"""``runward data`` as a person types it."""

from __future__ import annotations

import sys
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
    assert cli("data", "show", "p:d@1.0.0").out == cli("data", "show", "p/d@1.0.0").out
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


def test_lineage_is_drawn(cli: Cli, table: Path, tmp_path: Path) -> None:
    """A script that reads the data is found by what it read, though nothing was declared."""
    cli("data", "add", "d", "-p", "p", "--no-tables")
    (tmp_path / "train.py").write_text("print(len(open('d/t.csv').read()))")
    assert cli("run", "-p", "p", "--name", "train", "--", sys.executable, "train.py").code == 0
    said = cli("data", "lineage", "p/d").out
    assert "→ run train  read, 1 files" in said
    assert said == cli("data", "lineage", "d@latest", "-p", "p").out == cli("data", "lineage", "-p", "p").out
    run = next(node for node in cli.json("data", "lineage", "p/d")["nodes"] if node["kind"] == "run")
    assert "dataset d" in cli("data", "lineage", f"run:{run['ref']}", "-p", "p").out
    assert cli("data", "lineage", "p/none").code == 2


def test_columns_are_described(cli: Cli, tmp_path: Path) -> None:
    """Counted from the data, then by hand; a proposal keeps what people wrote and shows no extremes of personal data."""
    needs("polars", "tables")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "t.csv").write_text("height,mail,lastName\n1.5,a@b.com,Ada\n,c@d.org,Bo\n2.5,e@f.net,Cy\n")
    cli("data", "add", "d", "-p", "p")
    height, mail, name = cli.json("data", "describe", "p/d", "--propose")
    assert (height["type"], height["missing"], height["least"], height["greatest"]) == ("float", 1, "1.5", "2.5")
    assert (mail["pii"], mail.get("least", ""), name["pii"]) == ("email", "", "name")
    (tmp_path / "dict.yaml").write_text(
        "- {table: t.csv, column: height, unit: m, description: of a person, pii: none}"
    )
    assert cli.json("data", "describe", "p/d", "--file", "dict.yaml")[0]["unit"] == "m"
    again = cli.json("data", "describe", "p/d", "--propose")
    assert (again[0]["unit"], again[0]["description"], again[0]["missing"]) == ("m", "of a person", 1)
    assert "of a person" in cli("data", "describe", "p/d").out
    (tmp_path / "dict.yaml").write_text("what: else")
    assert cli("data", "describe", "p/d", "--file", "dict.yaml").code == 2
