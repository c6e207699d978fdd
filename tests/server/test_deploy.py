"""The files of deploy/ and the examples of docs/operate.md say what is so."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from runward.governance.model import NewToken
from runward.server.run import LOOPBACK, RunningServer, listen
from runward.testing.plugin import missing
from runward.workspace import open_folder
from tests.server.http import Client

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy" / "runward.service"
DOCUMENT = ROOT / "docs" / "operate.md"


def _unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(UNIT.read_text(encoding="utf-8"))
    return parser


def test_systemd_understands_every_line_of_the_unit(tmp_path: Path) -> None:
    """With a program that exists here in the place of the one that is installed there."""
    binary = shutil.which("systemd-analyze")
    if binary is None:
        missing("no systemd-analyze on this machine: apt-get install systemd")
    text = UNIT.read_text(encoding="utf-8").replace("/opt/runward/bin/runward", sys.executable)
    (tmp_path / "runward.service").write_text(text, encoding="utf-8")
    command = [binary, "verify", "--man=no", str(tmp_path / "runward.service")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "runward" in line]
    assert ours == []
    wrong = (tmp_path / "runward.service").read_text().replace("ProtectSystem=strict", "ProtectSistem=strict")
    (tmp_path / "runward.service").write_text(wrong)
    told = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "ProtectSistem" in told.stdout + told.stderr, (
        "it says nothing of a wrong line, so its silence proves nothing"
    )


def test_the_unit_starts_what_there_is_and_gives_it_time_to_stop() -> None:
    """Its options are options of the command, it runs as a user of its own, and nothing is killed that is still ending."""
    service = _unit()["Service"]
    command = service["ExecStart"].split()
    helped = subprocess.run([sys.executable, "-m", "runward", "server", "--help"], capture_output=True, text=True)
    assert command[1] == "server"
    assert {word for word in command if word.startswith("--")} <= set(re.findall(r"--[a-z-]+", helped.stdout))
    assert service["User"] == "runward"
    assert service["NoNewPrivileges"] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert command[command.index("--dir") + 1] == f"/var/lib/{service['StateDirectory']}"
    assert int(service["TimeoutStopSec"]) > 40


def test_every_metric_of_the_documentation_is_told_and_every_one_that_is_told_is_documented(tmp_path: Path) -> None:
    """The table, and the alerts."""
    with (
        closing(open_folder(tmp_path / "w", "owner")) as owner,
        RunningServer(owner.dispatcher, listen("127.0.0.1", 0), LOOPBACK) as server,
    ):
        owner.governance.checkpoint_audit()
        client = Client(server.url, owner.governance.create_token(NewToken("t")).secret)
        client.get("/api/v1/me")
        text = client.get("/metrics").body.decode()
    told = set(re.findall(r"^# TYPE (runward_\w+)", text, re.MULTILINE))
    assert set(re.findall(r"\brunward_\w+", DOCUMENT.read_text(encoding="utf-8"))) == told


def test_the_log_line_of_the_documentation_has_the_fields_of_a_real_one() -> None:
    """See test_logs, which reads real ones."""
    found = re.search(r"^```json\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    shown = msgspec.json.decode(found[1])
    fields = ["time", "level", "logger", "message", "request_id", "member", "method", "route", "status", "duration_ms"]
    assert list(shown) == fields


@pytest.mark.parametrize("word", ["scrape_configs", "groups"])
def test_the_yaml_for_prometheus_is_yaml(word: str) -> None:
    """Each alert has an expression."""
    import yaml

    blocks = re.findall(r"^```yaml\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    found = next(loaded for loaded in map(yaml.safe_load, blocks) if word in loaded)
    if word == "groups":
        assert all(rule["alert"] and rule["expr"] for group in found["groups"] for rule in group["rules"])
