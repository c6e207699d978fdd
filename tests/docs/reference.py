"""Writes the reference pages that follow from the code: ``uv run python -m tests.docs.reference``."""

from __future__ import annotations

from pathlib import Path

import click

from runward.cli.main import COMMANDS, cli
from runward.core.operation import operations_of
from runward.core.permissions import PERMISSIONS
from runward.workspace import ROOMS

DOCS = Path(__file__).parents[2] / "docs" / "reference"


def cli_page() -> str:
    """Every command with its help, as the commands print it."""
    parts = ["# Command line\n", "Written by `python -m tests.docs.reference` from the commands themselves.\n"]
    parts.append(
        "Every command has `--json`: exactly one document on stdout, talk on stderr. Exit codes: 0 yes, 1 the answer is no, "
        "2 wrong usage, 3 it could not be decided.\n"
    )
    # Help is printed as the program prints it, whatever ran before in this process (click keeps the option made first).
    with click.Context(cli, info_name="runward", help_option_names=["-h", "--help"]) as context:
        for name in COMMANDS:
            command = cli.get_command(context, name)
            assert command is not None
            parts += _command(command, context, name)
    return "\n".join(parts)


def _command(command: click.Command, parent: click.Context, name: str) -> list[str]:
    with click.Context(command, info_name=name, parent=parent, terminal_width=100, max_content_width=100) as context:
        parts = [f"## `{context.command_path}`\n", "```text", command.get_help(context), "```\n"]
        if isinstance(command, click.Group):
            for sub in command.list_commands(context):
                found = command.get_command(context, sub)
                assert found is not None
                parts += _command(found, context, sub)
    return parts


def operations_page() -> str:
    """Every operation with verb, path and permission."""
    parts = ["# Operations\n", "Written by `python -m tests.docs.reference` from the declarations.\n"]
    parts.append("Paths are below `/api/v1`. *On* says what the permission is needed on; a list is filtered instead.\n")
    for room in ROOMS:
        operations = operations_of(room.api).values()
        parts += [
            f"## {room.api.__name__}\n",
            "| operation | verb and path | permission (role) | on |",
            "|---|---|---|---|",
        ]
        for op in operations:
            role = PERMISSIONS[op.may].label
            parts.append(f"| {op.summary} | `{op.method} {op.path}` | `{op.may}` ({role}) | `{op.on}` |")
        parts.append("")
    return "\n".join(parts)


PAGES = {"cli.md": cli_page, "operations.md": operations_page}


def main() -> None:
    """Write all pages."""
    for name, make in PAGES.items():
        (DOCS / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
