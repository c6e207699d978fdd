"""``runward why`` leaves its answer where the team sees it, and gives it even where that is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from runward.cli.main import cli
from runward.errors import StoreError
from runward.repro.findings import FindingsService
from tests.repro.test_why import Bench


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    found = Bench(tmp_path)
    monkeypatch.setenv("RUNWARD_DIR", str(found.place))
    yield found
    found.space.close()


def test_the_answer_is_recorded_with_its_reruns(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    run = bench.run("1")
    said = CliRunner().invoke(cli, ["why", run, "--level", "basic", "--json"])
    assert said.exit_code == 0, said.stderr
    document = msgspec.json.decode(said.stdout)
    found = bench.space.findings.get_explanation(document.pop("explanation"))
    assert msgspec.to_builtins(found.report) == document
    assert [line.id for line in bench.space.findings.list_explanations(run)] == [found.explanation.id]

    def refuse(*_: object, **__: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(FindingsService, "record_explanation", refuse)
    said = CliRunner().invoke(cli, ["why", run, "--level", "basic", "--json"])
    assert (said.exit_code, msgspec.json.decode(said.stdout)["explanation"]) == (0, None)
    assert "could not be recorded: the disk is full" in said.stderr
