"""Reports by command: a file becomes a page."""

from __future__ import annotations

from pathlib import Path

from runward.testing.worlds import batch
from runward.tracking.model import NewProject, NewRun
from runward.workspace import find_folder, open_folder
from tests.cli.conftest import Cli

REPORT = """title: Warm-up helps
blocks:
  - kind: text
    text: It **does**.
  - kind: runs
    where: metrics.acc > 0
    keys: [metrics.acc]
"""


def test_a_report_from_file_to_page(cli: Cli, tmp_path: Path) -> None:
    """Written, shown as the file that it was, changed, pinned, shared, exported, deleted and brought back."""
    space = open_folder(find_folder())
    space.tracking.create_project(NewProject(path="p"))
    run = space.tracking.create_run(NewRun(project="p", name="the run"))
    space.tracking.append(run.id, batch(0, {"acc": [(0, 0.75)]}))
    file = tmp_path / "report.yaml"
    file.write_text(REPORT)
    made = cli.json("reports", "create", str(file), "-p", "p", "--json")["id"]
    shown = cli("reports", "show", made).out
    file.write_text(shown.replace("helps", "helps a lot"))
    assert cli.json("reports", "update", made, str(file), "--json")["version"] == 2
    assert "helps a lot" in cli("reports", "list", "p").out
    assert "digest" in cli("reports", "pin", made).out
    page = tmp_path / "page.html"
    cli.json("reports", "export", made, str(page), "--json")
    html = page.read_text()
    assert "<strong>does</strong>" in html
    assert "the run" in html
    assert "0.75" in html
    assert "Pinned on" in html
    assert cli("reports", "pin", made, "--undo").out.strip().endswith("live")
    link = cli.json("reports", "share", made, "--days", "2", "--json")["link"]["id"]
    assert link in cli("reports", "links", made).out
    cli.json("reports", "revoke", link, "--json")
    assert "revoked" in cli("reports", "links", made).out
    cli.json("reports", "delete", made, "--json")
    assert cli.json("reports", "list", "p", "--json") == []
    cli.json("reports", "delete", made, "--undo", "--json")
    assert [one["id"] for one in cli.json("reports", "list", "p", "--json")] == [made]


def test_what_is_no_report_is_said_to_be_none(cli: Cli, tmp_path: Path) -> None:
    """With the field that is wrong."""
    file = tmp_path / "report.yaml"
    file.write_text("title: x\nblocks: [{kind: dance}]\n")
    refused = cli("reports", "create", str(file), "-p", "p")
    assert refused.code == 2
    assert "blocks[0].kind" in refused.err
