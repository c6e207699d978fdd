"""What the web app says and expects exists: its types are the server's, its recipes are real commands."""

from __future__ import annotations

import re
from pathlib import Path

import click
import msgspec

import runward
from runward.cli.main import COMMANDS, cli
from runward.core.openapi import openapi
from runward.core.operation import operations_of
from runward.workspace import ROOMS, open_folder

WEB = Path(__file__).parents[2] / "web"
OPERATIONS = {op.id: op for room in ROOMS for op in operations_of(room.api).values()}
HOW = "save /api/v1/openapi.json as web/openapi.json and run: npm run types (in web/)"


def sources() -> str:
    """The web app's sources, without its tests and the generated types."""
    files = [p for p in (WEB / "src").rglob("*.ts*") if ".test." not in p.name and p.name != "schema.ts"]
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(files))


def test_types_are_those_of_the_server() -> None:
    """Each operation, each object and each of its fields is in the checked-in types, and no other."""
    schema = (WEB / "src" / "api" / "schema.ts").read_text(encoding="utf-8")
    document = msgspec.json.decode(msgspec.json.encode(openapi(OPERATIONS.values())))
    wanted = {path: set(verbs) for path, verbs in document["paths"].items()}
    found = {
        path: set(re.findall(r"^        (get|put|post|delete|patch): operations", body, re.M))
        for path, body in re.findall(r'^    "(/api/v1/[^"]*)": \{\n(.*?)^    \};', schema, re.M | re.S)
    }
    assert found == wanted, HOW
    for name, component in document["components"]["schemas"].items():
        if "properties" not in component:
            continue
        block = re.search(rf'^        "?{re.escape(name)}"?: \{{\n(.*?)^        \}};', schema, re.M | re.S)
        assert block, f"{name} is missing: {HOW}"
        fields = set(re.findall(r'^            "?(\w+)"?\??: ', block[1], re.M))
        assert fields == set(component["properties"]), f"{name}: {HOW}"


def test_every_command_that_a_page_names_exists() -> None:
    """What 'copy as CLI' and the empty states offer can be run."""
    named = set(re.findall(r"runward ((?:[a-z]+-?)+)(?: ([a-z]+(?:-[a-z]+)*))?", sources()))
    commands = [(noun, verb) for noun, verb in named if noun in COMMANDS]
    assert {noun for noun, _ in commands} >= {"run", "runs", "review", "verify", "kb", "projects", "member", "token"}
    for noun, verb in commands:
        command = cli.get_command(click.Context(cli), noun)
        assert not isinstance(command, click.Group) or verb in command.list_commands(click.Context(command)), (
            f"runward {noun} {verb}"
        )


def test_every_call_that_a_page_offers_exists(tmp_path: Path) -> None:
    """What 'copy as Python' and the empty states offer can be called."""
    calls = set(re.findall(r"workspace\.(\w+)\.(\w+)\(", sources()))
    assert len(calls) >= 8
    workspace = open_folder(tmp_path)
    for room, method in calls:
        assert callable(getattr(getattr(workspace, room), method, None)), f"workspace.{room}.{method}"
    workspace.close()
    for name in set(re.findall(r"\brun\.([a-z_]+)\(", sources())):
        assert name in runward.__all__, f"run.{name}"
