"""Writes the reference pages that follow from the code: ``uv run python -m tests.docs.reference``."""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any

import click
from starlette.routing import Route

from runward.cli.main import COMMANDS, cli
from runward.core.matrix import HOLDERS, answer
from runward.core.operation import Door, Operation, operations_of
from runward.core.permissions import ALONE, PERMISSIONS, VERBS, Role
from runward.core.remote import API
from runward.privacy.inventory import KINDS, STORED, TABLES
from runward.server.asgi import create_app
from runward.workspace import ROOMS, open_folder

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
    parts.append(
        "An answer *with ETag* names the state that was read; a change *with the ETag of* a read has to send it as "
        "`If-Match` ([Edit together](../edits.md)).\n"
    )
    for room in ROOMS:
        operations = operations_of(room.api).values()
        parts += [
            f"## {room.api.__name__}\n",
            "| operation | verb and path | permission (role) | on |",
            "|---|---|---|---|",
        ]
        for op in operations:
            role = PERMISSIONS[op.may].label
            tagged = ", with ETag" if op.state else f", with the ETag of `{op.revises}`" if op.revises else ""
            parts.append(f"| {op.summary} | `{op.method} {op.path}`{tagged} | `{op.may}` ({role}) | `{op.on}` |")
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


_MARKS = {"yes": "●", "filtered": "◐", "author": "○", "no": "403", "hidden": "404"}
_SHOWN = ("outsider", *(role.label for role in Role), "viewer everywhere", "admin everywhere")


def _doors() -> list[Door]:
    """The hand-written routes, each pattern once."""
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(open_folder(Path(folder), "nobody")) as space:
        routes = create_app(space.dispatcher).routes
    declared = [getattr(route.endpoint, "operation", None) for route in routes if isinstance(route, Route)]
    return sorted((one for one in declared if isinstance(one, Door)), key=lambda one: (one.path, one.method))


def _row(declared: Operation | Door) -> dict[str, Any]:
    answers = {
        place: [answer(declared, holder, own=own) for holder in HOLDERS]
        for place, own in (("own", True), ("foreign", False))
    }
    named = {"operation": declared.id} if isinstance(declared, Operation) else {"door": declared.why}
    prefix = "" if declared.path.startswith("//") else API
    path = prefix + declared.path.replace("//", "/", 1)
    others = {"others": declared.others} if isinstance(declared, Operation) and declared.others else {}
    said = {"method": declared.method, "path": path, "permission": declared.may, "on": declared.on}
    return {**named, **said, **others, **answers}


def permissions_data() -> str:
    """The whole matrix as data: every operation and hand-written route, everybody, own and foreign, in the holders' order."""
    operations: list[Operation] = [op for room in ROOMS for op in operations_of(room.api).values()]
    document = {
        "permissions": {name: role.label for name, role in PERMISSIONS.items()},
        "verbs": {verb: "alone" if verb in ALONE else "beside a role" for verb in VERBS},
        "holders": [{"name": holder.name, "is": holder.words} for holder in HOLDERS],
        "answers": {
            "yes": "the answer",
            "filtered": "the answer without what they may not read",
            "author": "the answer for what they made themselves, else 403",
            "no": "403",
            "hidden": "404, as if there were no such object",
        },
    }
    lines = [json.dumps(name) + ": " + json.dumps(value, ensure_ascii=False) for name, value in document.items()]
    # One line for each row, so that a change of one permission is one line of a diff.
    for name, rows in (("operations", operations), ("doors", _doors())):
        listed = ",\n  ".join(json.dumps(_row(row), ensure_ascii=False) for row in rows)
        lines.append(f'"{name}": [\n  {listed}\n ]')
    return "{\n " + ",\n ".join(lines) + "\n}\n"


def permissions_page() -> str:
    """What every role gets from every operation, and what single verbs open."""
    parts = [
        "# Who may do what\n",
        "Written by `python -m tests.docs.reference` from the declarations; `tests/permissions` calls every operation over HTTP "
        "as everybody, on SQLite and PostgreSQL, and compares. The same as data, with every verb and kind of token, and for "
        "objects of another team: [permissions.json](permissions.json). What it means: [permissions](../permissions.md).\n",
        "● the answer · ◐ a list without what they may not read · ○ for what they made themselves, else 403 · 403 refused · "
        "404 there is no such object for them. Roles are on the team that owns the object; *everywhere* is on the whole "
        "workspace. On an object of another team every role on a team gets 404.\n",
    ]
    for room in ROOMS:
        head = ["operation", "permission", *_SHOWN]
        parts += [f"## {room.api.__name__}\n", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
        for op in operations_of(room.api).values():
            own = [_MARKS[answer(op, holder)] for holder in HOLDERS if holder.name in _SHOWN]
            parts.append(f"| `{op.id}` | `{op.may}` | {' | '.join(own)} |")
        parts.append("")
    parts += ["## Single verbs\n", "| verb | role that has it | counts | opens |", "|---|---|---|---|"]
    operations = [op for room in ROOMS for op in operations_of(room.api).values()]
    for verb in VERBS:
        opened = ", ".join(f"`{op.id}`" for op in operations if op.may == verb) or "nothing yet"
        counts = "alone" if verb in ALONE else "where its holder may read"
        parts.append(f"| `{verb}` | {PERMISSIONS[verb].label} | {counts} | {opened} |")
    parts += [
        "",
        "## Other routes\n",
        "Up- and downloads, streams, sign-in, the MLflow protocol, pages. *open* needs no account.\n",
        "| route | permission | on | what for |",
        "|---|---|---|---|",
    ]
    parts += [f"| `{one.method} {_row(one)['path']}` | `{one.may}` | `{one.on}` | {one.why} |" for one in _doors()]
    return "\n".join([*parts, ""])


PAGES = {
    "cli.md": cli_page,
    "operations.md": operations_page,
    "permissions.md": permissions_page,
    "../personal-data.md": personal_data_page,
    "permissions.json": permissions_data,
}


def main() -> None:
    """Write all pages."""
    for name, make in PAGES.items():
        (DOCS / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
