"""``runward kb`` and ``runward inbox``: what the team knows, and what waits for you."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import get_args

import click

from runward.cli.kbedit import edit
from runward.cli.output import Output, pass_output, with_json
from runward.cli.review import story
from runward.errors import InvalidError
from runward.face import current_workspace
from runward.knowledge.model import Evidence, NewPage, PageKind, Situation
from runward.knowledge.tags import extract_tags
from runward.review.model import Proposal


@click.group()
def kb() -> None:
    """Publish and find what the team knows."""


@kb.command("publish")
@click.argument("title")
@click.option("--body", "-m", default="", help="Markdown; or --file.")
@click.option("--file", "source", type=click.Path(path_type=Path), default=None, help="A Markdown file; - for stdin.")
@click.option("--kind", type=click.Choice(list(get_args(PageKind))), default="practice", show_default=True)
@click.option("--tag", "-t", multiple=True, help="Default: taken from the text.")
@click.option("--run", "runs", multiple=True, help="A run that supports it.")
@click.option("--code", type=click.Path(path_type=Path, exists=True), default=None, help="A file with a code example.")
@click.option("--repository", default="")
@click.option(
    "--review",
    "project",
    default="",
    metavar="PROJECT",
    help="Ask for a review by PROJECT's rules; applied, it is published.",
)
@with_json
@pass_output
def publish(
    output: Output,
    title: str,
    body: str,
    source: Path | None,
    kind: PageKind,
    tag: tuple[str, ...],
    runs: tuple[str, ...],
    code: Path | None,
    repository: str,
    project: str,
) -> None:
    """Publish a page, or a new version of the page with this title."""
    space = current_workspace()
    if source is not None:
        if str(source) != "-" and not source.is_file():
            raise InvalidError(f"{source} is no file")
        body = sys.stdin.read() if str(source) == "-" else source.read_text(encoding="utf-8")
    new = NewPage(
        repository=repository,
        kind=kind,
        title=title,
        body=body,
        code_example=code.read_text(encoding="utf-8") if code else "",
        tags=list(tag) or extract_tags(f"{title} {body}"),
        evidence=[Evidence("run", space.tracking.resolve_run(ref).id) for ref in runs],
    )
    if project:
        asked = space.review.propose(project, Proposal(page=new))
        output.result(asked, story(asked))
        return
    page = space.knowledge.publish(new)
    output.result(page, f"{page.kind} {page.title!r}, version {page.version} ({page.id})")


kb.add_command(edit)


@kb.command("search")
@click.argument("query", nargs=-1, required=True)
@click.option("--kind", default="")
@click.option("--limit", "-n", default=20, show_default=True)
@with_json
@pass_output
def search(output: Output, query: tuple[str, ...], kind: str, limit: int) -> None:
    """Search pages, runs, experiments and reviews, best first."""
    found = current_workspace().knowledge.search(" ".join(query), kind=kind, limit=limit)
    rows = [[hit.kind, hit.id, hit.title, hit.snippet.replace("\n", " ")] for hit in found.hits]
    output.table(found, ["kind", "id", "title", ""], rows, f"{len(found.hits)} of {found.total}")


@kb.command("list")
@click.option("--kind", type=click.Choice(list(get_args(PageKind))), default=None)
@click.option("--repository", default="")
@with_json
@pass_output
def list_pages(output: Output, kind: PageKind | None, repository: str) -> None:
    """Pages, newest first."""
    found = current_workspace().knowledge.list_pages(repository, kind)
    output.table(found, ["id", "kind", "title", "owner"], [[p.id, p.kind, p.title, p.owner] for p in found])


@kb.command("show")
@click.argument("page_id")
@with_json
@pass_output
def show(output: Output, page_id: str) -> None:
    """One page."""
    page = current_workspace().knowledge.get_page(page_id)
    evidence = [f"  evidence: {e.kind} {e.id} {e.note}" for e in page.evidence]
    head = f"# {page.title}\n{page.kind}, version {page.version}, owner {page.owner}, tags {', '.join(page.tags)}"
    output.result(page, [head, "", page.body, *([page.code_example] if page.code_example else []), *evidence])


@kb.command("recommend")
@click.argument("text", nargs=-1)
@click.option("--project", "-p", default="")
@click.option("--param", multiple=True, metavar="KEY=VALUE")
@with_json
@pass_output
def recommend(output: Output, text: tuple[str, ...], project: str, param: tuple[str, ...]) -> None:
    """Practices that fit what you are about to run, with the runs that support them."""
    params = dict(item.partition("=")[::2] for item in param)
    found = current_workspace().knowledge.recommend(Situation(text=" ".join(text), project=project, params=params))
    lines = [
        line for r in found for line in (f"{r.page.title}  ({r.page.id})", f"  {r.reason} Runs: {', '.join(r.runs)}")
    ]
    output.result(found, lines or ["nothing fits yet: publish what you learn with `runward kb publish`"])


@click.command()
@click.option("--read", is_flag=True, help="Mark everything as read.")
@with_json
@pass_output
def inbox(output: Output, read: bool) -> None:
    """What waits for you, oldest first."""
    coordination = current_workspace().coordination
    found = coordination.mark_read([]) if read else coordination.inbox()
    rows = [["" if n.read else "•", f"{n.at:%F %R}", n.title, n.actor, n.object_id] for n in found.items]
    output.table(found, ["", "at", "what", "from", "id"], rows, f"{found.unread} unread")
