"""``runward new``: an experiment with its config, test and page, ready to run; and its template's newer version."""

from __future__ import annotations

from pathlib import Path

import click

from runward.cli.output import NO, Output, pass_output, with_json
from runward.errors import InvalidError
from runward.governance.signin import local_name
from runward.team.templates import BUILT_IN, write_template
from runward.team.upgrades import find_template, upgrade_experiments


@click.command()
@click.argument("name", default="")
@click.option("--author", default="", help="Default: your git identity.")
@click.option("--dir", "folder", type=click.Path(path_type=Path), default=Path(), help="Where; default: here.")
@click.option("--template", default=BUILT_IN.name, metavar="NAME", help="A template of the team's library.")
@click.option("--version", "wish", default="", help="The template's version, such as ^1.2; default: the newest.")
@click.option("--upgrade", is_flag=True, help="Bring what was made here (or only NAME) to a newer template.")
@with_json
@pass_output
def new(output: Output, name: str, author: str, folder: Path, template: str, wish: str, upgrade: bool) -> int:
    """Write an experiment with its config, test and page. Nothing that exists is overwritten.

    With --upgrade the template's newer version is merged into files that were made before, line by line; where both sides
    changed a line, the file has both, marked as by git, and the exit code is 1.
    """
    if upgrade:
        return _upgrade(output, name, folder, wish)
    if not name:
        raise InvalidError("the experiment has no name", hint="runward new 'Longer warmup'")
    written = write_template(find_template(template, wish), name, author or local_name(), folder)
    output.result({"files": [str(path) for path in written]}, [str(path) for path in written])
    script = next((path for path in written if path.suffix == ".py"), written[0])
    output.hint(f"next: python {script}")
    return 0


def _upgrade(output: Output, name: str, folder: Path, wish: str) -> int:
    found = upgrade_experiments(folder, name, wish)
    lines = []
    for one in found:
        same = one.before == one.after
        lines.append(f"{one.name}: {one.template} {one.before}" + (", up to date" if same else f" → {one.after}"))
        lines += [f"  {file.what}  {file.path}" for file in one.files]
    output.result(found, lines)
    conflicts = any(file.what == "conflict" for one in found for file in one.files)
    if conflicts:
        output.hint("look for <<<<<<< in these files")
    return NO if conflicts else 0
