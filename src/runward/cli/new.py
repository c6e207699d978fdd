"""``runward new``: an experiment with its config, test and page, ready to run."""

from __future__ import annotations

from pathlib import Path

import click

from runward.cli.output import Output, pass_output, with_json
from runward.governance.signin import local_name
from runward.team.templates import scaffold


@click.command()
@click.argument("name")
@click.option("--author", default="", help="Default: your git identity.")
@click.option("--dir", "folder", type=click.Path(path_type=Path), default=Path(), help="Where; default: here.")
@with_json
@pass_output
def new(output: Output, name: str, author: str, folder: Path) -> None:
    """Write an experiment with its config, test and page. Nothing that exists is overwritten."""
    written = scaffold(name, author or local_name(), folder)
    output.result({"files": [str(path) for path in written]}, [str(path) for path in written])
    output.hint(f"next: python {written[0]}")
