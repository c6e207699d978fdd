"""``runward kb edit``: change a page's text, and bring it together with what somebody else changed meanwhile."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from runward.cli.output import NO, Output, pass_output, with_json
from runward.core.etag import tag, tag_of
from runward.core.operation import matching
from runward.core.textmerge import MergedText, has_marks, merge_text
from runward.errors import EditedMeanwhileError, InvalidError, NotFoundError
from runward.face import current_workspace
from runward.knowledge.api import Knowledge
from runward.knowledge.model import Page, PagePatch

_ANY = 0


@click.command("edit")
@click.argument("page_id", metavar="PAGE")
@click.option("--file", "source", type=click.Path(path_type=Path), default=None, help="The new text; - for stdin.")
@click.option("--version", type=int, default=_ANY, metavar="N", help="The version that the file was made from.")
@with_json
@pass_output
def edit(output: Output, page_id: str, source: Path | None, version: int) -> None:
    """Change a page's text: in your editor, or by a file.

    Where somebody else changed the page since, nothing is overwritten. Your change and theirs are merged line by line: the
    editor opens again with the proposal, a file gets it beside it (FILE.merged, exit code 1). Where both changed the same
    lines, both stand there between marks. Without --version a file overwrites what the page says.
    """
    room = current_workspace().knowledge
    if source is None:
        _in_editor(output, room, room.get_page(page_id))
        return
    text = _text(source)
    page = room if version == _ANY else matching(room, tag([version]))
    try:
        _saved(output, page.edit_page(page_id, PagePatch(body=text)))
    except EditedMeanwhileError as error:
        newest = room.get_page(page_id)
        merged = _merged(room, newest, version, text)
        target = Path("page.md.merged") if str(source) == "-" else source.with_name(f"{source.name}.merged")
        target.write_text(merged.text, encoding="utf-8")
        output.say(f"{error.message}; nothing was changed")
        state = f"{merged.conflicts} conflicts are marked in it" if merged.conflicts else "both changes fit together"
        output.result(
            {"merged": str(target), "conflicts": merged.conflicts, "version": newest.version}, f"{target}: {state}"
        )
        output.hint(f"runward kb edit {page_id} --file {target} --version {newest.version}")
        raise SystemExit(NO) from None


def _text(source: Path) -> str:
    if str(source) == "-":
        text = sys.stdin.read()
    elif source.is_file():
        text = source.read_text(encoding="utf-8")
    else:
        raise InvalidError(f"{source} is no file")
    if has_marks(text):
        raise InvalidError(
            f"{source} still has marks of a conflict", hint="choose what is to stay, and take the marks away"
        )
    return text


def _in_editor(output: Output, room: Knowledge, page: Page) -> None:
    shown = page.body
    while True:
        text = click.edit(shown, extension=".md")
        if text is None or text == page.body:
            output.result(page, f"{page.title!r} stays as it is, version {page.version}")
            return
        if has_marks(text):
            output.say("a conflict is still marked")
            shown = text
            continue
        try:
            _saved(output, matching(room, tag_of(Knowledge.get_page, page)).edit_page(page.id, PagePatch(body=text)))
        except EditedMeanwhileError as error:
            output.say(f"{error.message}; look at the merged text")
            newest = room.get_page(page.id)
            shown, page = _merged(room, newest, page.version, text).text, newest
        else:
            return


def _merged(room: Knowledge, newest: Page, version: int, mine: str) -> MergedText:
    """One's own text and the newest one, made from a version. Raises: NotFoundError (there is none of that number)."""
    base = next((one.body for one in room.page_versions(newest.id) if one.version == version), None)
    if base is None:
        raise NotFoundError(f"page {newest.id} has no version {version}", hint="`runward kb show` tells the newest one")
    return merge_text(base, mine, newest.body, ("yours", f"version {newest.version} by {newest.author}"))


def _saved(output: Output, page: Page) -> None:
    output.result(page, f"{page.kind} {page.title!r}, version {page.version} ({page.id})")
