"""`runward import` and `runward export` as people call them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from tests.cli.conftest import Cli


def _archive(path: Path, **said: object) -> Path:
    """An offline archive of Comet: the smallest thing to import."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("experiment.json", json.dumps({"start_time": 1000, "project_name": "digits", **said}))
        points = [
            {
                "type": "metric_msg",
                "payload": {"metric": {"metricName": "loss", "metricValue": n, "step": n}, "local_timestamp": 1},
            }
            for n in range(3)
        ]
        archive.writestr("messages.json", "\n".join(json.dumps(point) for point in points))
    return path


def test_import_dry_run_then_for_real_then_again(cli: Cli, tmp_path: Path) -> None:
    _archive(tmp_path / "one.zip")
    dry = cli.json("import", "comet", str(tmp_path), "--dry-run")
    assert (dry["created"], dry["points"], dry["dry_run"]) == (1, 3, True)
    assert cli.json("runs", "list")["total"] == 0
    said = cli("import", "comet", str(tmp_path), "--project", "old")
    assert said.code == 0
    assert "1 new, 0 updated, 0 unchanged" in said.out
    assert cli.json("import", "comet", str(tmp_path), "-p", "old")["unchanged"] == 1
    assert cli.json("runs", "list", "-p", "old/digits")["total"] == 1


def test_a_broken_run_is_listed_and_the_answer_is_no(cli: Cli, tmp_path: Path) -> None:
    _archive(tmp_path / "good.zip")
    (tmp_path / "bad.zip").write_bytes(b"no archive")
    said = cli("import", "comet", str(tmp_path))
    assert said.code == 1
    assert "✗ bad:" in said.out
    assert cli.json("runs", "list")["total"] == 1


def test_what_is_not_there_is_wrong_usage(cli: Cli, tmp_path: Path) -> None:
    assert cli("import", "mlflow", str(tmp_path / "none.db")).code == 2
    assert cli("import", "excel", str(tmp_path)).code == 2
    assert cli("export", "json", "-o", str(tmp_path / "x.json")).code == 2
    assert cli("export", "excel", "@last", "-o", "x").code == 2


def test_export_of_a_project_and_of_one_run(cli: Cli, tmp_path: Path) -> None:
    _archive(tmp_path / "one.zip")
    cli("import", "comet", str(tmp_path))
    out = tmp_path / "out"
    assert cli.json("export", "mlflow", "--project", "digits", "-o", str(out / "mlruns"))["runs"] == 1
    assert cli.json("export", "mlflow", "@last", "-o", str(out / "mlruns"))["unchanged"] == 1
    assert cli.json("export", "tensorboard", "@last", "-o", str(out / "logs"))["points"] == 3
    said = cli("export", "json", "--where", "metrics.loss = 2", "-o", str(out / "runs.json"))
    assert (said.code, "1 runs with 3 points" in said.out) == (0, True)
    assert len(json.loads((out / "runs.json").read_text())["runs"]) == 1
    assert cli.json("import", "mlflow", str(out), "-p", "back")["created"] == 1
