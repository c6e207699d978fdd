"""How answers are written for people."""

from __future__ import annotations

import pytest

from runward.cli.output import Output


def test_a_table_of_two_hundred_columns_can_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    """Side by side in the terminal's width each column would have no room for a single letter."""
    names = [f"adam-lr0.0001-seed{i}" for i in range(200)]
    Output().table(None, ["", *names], [["metrics.loss", *(i / 7 for i in range(200))]], "a note")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 200
    said = " ".join(lines).split()
    assert [word for word in said if word in names] == names
    assert said.count("metrics.loss") == len([line for line in lines if line.startswith("metrics.loss")]) > 1
    assert "28.4286" in said
    assert lines[-1] == "a note"


def test_a_table_that_fits_stays_one(capsys: pytest.CaptureFixture[str]) -> None:
    Output().table(None, ["a", "b"], [["x" * 300, 1], ["y", 22]])
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert [line for line in lines if line.startswith("a ")] == [lines[0]]
    assert lines[-1].startswith("y")
    assert lines[-1].endswith(" 22")


def test_names_are_no_markup_and_may_be_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    Output().table(None, ["", "[/red] x", "run", "run"], [["lr", "a", "b", 3], ["n", "c", "d", 44]])
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert "[/red] x" in lines[0]
    # Figures stand on the right, of the second column called "run" too.
    assert lines[1].endswith("  3")
    assert lines[2].endswith(" 44")
