"""``runward review report``: a review in one document."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click
import msgspec

from runward.cli.output import Output, pass_output, with_json
from runward.cli.review import find_review
from runward.face import current_workspace


@click.command("report")
@click.argument("ref", metavar="REVIEW")
@click.option("--format", "form", type=click.Choice(["md", "html", "json"]), default="md", show_default=True)
@click.option("--out", "-o", "file", type=click.Path(dir_okay=False, path_type=Path), help="Write it to this file.")
@with_json
@pass_output
def report(output: Output, ref: str, form: Literal["md", "html", "json"], file: Path | None) -> None:
    """Score, issues, recommendations, decisions and evidence of a review in one document.

    It is made from what is stored: the same review gives the same bytes, and their digest is in it.
    """
    space = current_workspace()
    review_id = find_review(space, ref)
    found = space.reviewed.review_report(review_id)
    if form == "json":
        text = msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n"
    else:
        text = space.reviewed.review_report_page(review_id, form)
    if file is None:
        output.result(found, text.rstrip("\n"))
        return
    data = text.encode()
    file.write_bytes(data)
    output.result(
        {"file": str(file), "bytes": len(data), "inputs": found.inputs}, f"{file}: score {found.score.value:g}"
    )
