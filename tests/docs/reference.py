"""Writes the reference pages that follow from the code: ``uv run python -m tests.docs.reference``."""

from __future__ import annotations

from pathlib import Path

import click

from runward.cli.main import COMMANDS, cli
from runward.core.operation import operations_of
from runward.core.permissions import PERMISSIONS
from runward.privacy.inventory import KINDS, STORED, TABLES
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


MARK = "## What is stored, and what is forgotten\n"
"""From here on the page on personal data is made of the inventory."""


def personal_data_page() -> str:
    """The page on personal data: what people wrote, and after it every table and kind of document."""
    written = (DOCS.parent / "personal-data.md").read_text(encoding="utf-8").partition(MARK)[0]
    parts = [written.rstrip("\n") + "\n", MARK]
    parts.append("Written by `python -m tests.docs.reference` from the inventory (`runward.privacy.inventory`).\n")
    parts += ["| kind | what it is | in an export | when the person is erased |", "|---|---|---|---|"]
    parts += [f"| {kind} | {' | '.join(said)} |" for kind, said in KINDS.items()]
    parts += ["", "### In the database\n", "| table | what | personal columns |", "|---|---|---|"]
    for name, table in TABLES.items():
        kinds: dict[str, list[str]] = {}
        for column, kind in table.columns.items():
            if kind not in ("plain", "digest"):
                kinds.setdefault(kind, []).append(f"`{column}`")
        told = "; ".join(f"{kind}: {', '.join(columns)}" for kind, columns in sorted(kinds.items())) or "–"
        gone = "; **the row goes with the member**" if table.owner else ""
        parts.append(f"| `{name}` | {table.what} | {told}{gone} |")
    parts += ["", "### Beside it\n", "| what | holds | in an export | when the person is erased |", "|---|---|---|---|"]
    parts += [f"| {name} | {one.what} | {one.export} | {one.forget} |" for name, one in STORED.items()]
    return "\n".join(parts) + "\n"


PAGES = {"cli.md": cli_page, "operations.md": operations_page, "../personal-data.md": personal_data_page}


def main() -> None:
    """Write all pages."""
    for name, make in PAGES.items():
        (DOCS / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
