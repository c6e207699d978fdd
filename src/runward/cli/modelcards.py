"""``runward model card``: what people have to say of a version, and the card that comes of it."""

from __future__ import annotations

from pathlib import Path

import click

from runward.cli.modelversions import card_text, find_version
from runward.cli.output import NO, YES, Output, pass_output, with_json
from runward.errors import InvalidError
from runward.face import current_workspace
from runward.registry.cards import FIELDS, parse
from runward.workspace import Workspace

_MAX_FILE = 1 << 20


@click.command(
    "card", epilog=f"Fields: {', '.join(field.key + '*' * field.required for field in FIELDS)} (* required)."
)
@click.argument("name")
@click.argument("version")
@click.option("--set", "given", multiple=True, metavar="FIELD=TEXT", help="Write a field; an empty text takes it away.")
@click.option(
    "--file", "file", default="", metavar="FILE", help="Fields from a card in Markdown, or a YAML or JSON mapping."
)
@click.option("--from", "origin", default="", metavar="VERSION", help="Take over what another version's card says.")
@click.option("-o", "--output", "target", default="", metavar="FILE", help="Write the card there.")
@click.option("--check", is_flag=True, help="Only say whether it is complete: exit code 1 if not.")
@click.option("--number", type=int, default=0, help="The card as it was written for the so-manieth time.")
@with_json
@pass_output
def card(
    output: Output,
    name: str,
    version: str,
    given: tuple[str, ...],
    file: str,
    origin: str,
    target: str,
    check: bool,
    number: int,
) -> None:
    """A version's card, in the form of the Hugging Face hub: YAML front matter and Markdown.

    Run, files, params, metrics and slices are filled in; what a person has to say is asked for. A required field that is empty
    or still the template's text is missing.
    """
    space = current_workspace()
    chosen = find_version(space, name, version)
    fields = _fields(output, space, name, given, file, origin)
    if fields:
        space.registry.write_card(name, chosen, fields)
    found = space.registry.get_card(name, chosen, number)
    if target:
        Path(target).write_text(found.markdown, encoding="utf-8")
    state = f"card of {found.model} {found.version}: {card_text(found.number, found.missing)}"
    output.result(found, state if fields or check or target else found.markdown)
    if found.missing and not check:
        output.hint(f"runward model card {name} {version} --set {found.missing[0]}='…'")
    if check:
        raise SystemExit(NO if found.missing else YES)


def _fields(
    output: Output, space: Workspace, name: str, given: tuple[str, ...], file: str, origin: str
) -> dict[str, str]:
    fields: dict[str, str] = {}
    if origin:
        fields |= space.registry.get_card(name, find_version(space, name, origin)).fields
    if file:
        read = parse(_text(file))
        for title in read.unknown:
            output.say(f"{file}: the card has no section {title!r}; it is left out")
        fields |= read.fields
    for item in given:
        key, equals, text = item.partition("=")
        if not equals:
            raise InvalidError(f"--set {item!r} has no '='", hint="--set intended_use='…'")
        fields[key.strip()] = text
    return fields


def _text(file: str) -> str:
    path = Path(file)
    try:
        if path.stat().st_size > _MAX_FILE:
            raise InvalidError(f"--file {file}: a card has at most {_MAX_FILE:,} bytes")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidError(f"--file {file} cannot be read: {error}") from None
