"""The one place where commands print: data on stdout, talk on stderr, one JSON document with ``--json``."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click
import msgspec

from runward.errors import InvalidError

YES, NO, USAGE, UNDECIDED = 0, 1, 2, 3
"""Exit codes: yes; the answer is no; wrong usage; it could not be decided."""


class Output:
    """Where a command's answer and its talk go."""

    def __init__(self) -> None:
        self.json = False

    def result(self, value: Any, human: str | Iterable[str] = "") -> None:
        """The answer: as the one JSON document, or as text for people."""
        if self.json:
            sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")
            return
        lines = [human] if isinstance(human, str) else human
        for line in lines:
            click.echo(line)

    def table(self, value: Any, columns: Sequence[str], rows: Sequence[Sequence[Any]], note: str = "") -> None:
        """The answer as a table for people."""
        if self.json:
            self.result(value)
            return
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        console = Console(width=None if sys.stdout.isatty() else 200)
        for number, part in enumerate(_that_fit(columns, rows, console.width)):
            if number:
                console.print()
            table = Table(box=None, pad_edge=False, header_style="bold")
            for i in part:
                numeric = all(isinstance(row[i], int | float | None) for row in rows)
                # As text: a run may be called [/red].
                table.add_column(Text(columns[i]), justify="right" if numeric and rows else "left", overflow="fold")
            for row in rows:
                table.add_row(*(Text(shown(row[i])) for i in part))
            console.print(table)
        if note:
            console.print(Text(note, style="dim"))

    def say(self, text: str) -> None:
        """Talk: what is being done. It never disturbs the answer on stdout."""
        click.echo(text, err=True)

    def hint(self, text: str) -> None:
        """The next step, for people only."""
        if not self.json:
            click.echo(click.style(text, dim=True), err=True)


_LEAST = 12
"""What a column of many must have, in characters: narrower ones could not be read."""


def _that_fit(columns: Sequence[str], rows: Sequence[Sequence[Any]], width: int) -> list[list[int]]:
    """Columns by their numbers, in parts that can be read side by side; each begins with the first column."""
    if len(columns) * _LEAST <= width:
        return [list(range(len(columns)))]
    wide = [max([len(name), *(len(shown(row[i])) for row in rows)]) + 2 for i, name in enumerate(columns)]
    first = min(wide[0], width // 2)
    parts: list[list[int]] = [[0]]
    left = width - first
    for i in range(1, len(columns)):
        asked = min(max(wide[i], _LEAST), width - first)
        if asked > left and len(parts[-1]) > 1:
            parts.append([0])
            left = width - first
        parts[-1].append(i)
        left -= asked
    return parts


def shown(value: Any) -> str:
    """A value in a table's cell, without control characters."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "".join(c if c.isprintable() else "�" for c in str(value))


pass_output = click.make_pass_decorator(Output, ensure=True)


def with_json(command: Any) -> Any:
    """Give a command ``--json``."""

    def note(context: click.Context, parameter: click.Parameter, value: bool) -> None:
        context.ensure_object(Output).json |= value

    return click.option(
        "--json", is_flag=True, expose_value=False, callback=note, help="Print exactly one JSON document on stdout."
    )(command)


_SPAN = re.compile(r"(\d+(?:\.\d+)?)([smhd])|0")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def span(context: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    """An option's callback: a length of time such as ``45s``, ``10m``, ``12h``, ``30d``, in seconds.

    Raises: InvalidError.
    """
    if value is None:
        return None
    match = _SPAN.fullmatch(value)
    if match is None:
        raise InvalidError(
            f"{parameter.opts[0]} {value!r} is not understood", hint="a number with a unit: 45s, 10m, 12h, 30d"
        )
    return float(match[1] or 0) * _SECONDS[match[2] or "s"]


def seconds(context: click.Context, parameter: click.Parameter, value: str) -> float:
    """As :func:`span`; a number without a unit is one of seconds. Raises: InvalidError."""
    found = span(context, parameter, f"{value}s" if re.fullmatch(r"\d+(\.\d+)?", value) else value)
    return float(found or 0)
