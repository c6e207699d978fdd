"""Groups of commands that load a command's module when it is called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from runward.core.loading import load


class LazyGroup(click.Group):
    """A group that knows its commands' places and lines of help, so that ``--help`` and every command start fast."""

    def __init__(self, *args: Any, commands: Mapping[str, tuple[str, str]], **more: Any) -> None:
        """Take each command's place (``module:name``) and its line in the help, in the order of the help."""
        super().__init__(*args, **more)
        self._places = commands

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order of everyday use."""
        return list(self._places)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of a name."""
        found: click.Command | None = load(self._places[name][0]) if name in self._places else None
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self._places.items()])
