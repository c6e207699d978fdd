"""``runward review comment|resolve|take``: what is said in a review, and suggestions that become commits."""

from __future__ import annotations

import subprocess
from pathlib import Path

import click

from runward.cli.output import Output, pass_output, with_json
from runward.cli.review import find_review, review, story
from runward.errors import ConflictError, InvalidError, NotFoundError
from runward.face import current_workspace
from runward.review.model import ReviewComment, ReviewDetail
from runward.review.suggestions import edited_config, edited_lines


@review.command("comment")
@click.argument("ref", metavar="REVIEW")
@click.option("--body", "-m", required=True, help="Markdown; @name tells somebody.")
@click.option("--anchor", default="", help="train.py:12, nb.ipynb#3, params.lr, metrics.loss@10, artifacts/model.bin")
@click.option("--thread", type=int, default=0, help="The thread that it answers.")
@with_json
@pass_output
def comment(output: Output, ref: str, body: str, anchor: str, thread: int) -> None:
    """Add a remark; with an anchor it begins a thread."""
    space = current_workspace()
    found = space.review.comment(find_review(space, ref), body, anchor, thread)
    output.result(found, story(found))


@review.command("resolve")
@click.argument("ref", metavar="REVIEW")
@click.argument("thread", type=int)
@click.option("--reopen", is_flag=True)
@with_json
@pass_output
def resolve(output: Output, ref: str, thread: int, reopen: bool) -> None:
    """Resolve a THREAD, or open it again."""
    space = current_workspace()
    found = space.review.resolve_thread(find_review(space, ref), thread, not reopen)
    output.result(found, story(found))


@review.command("take")
@click.argument("ref", metavar="REVIEW")
@click.argument("remark", type=int)
@click.option("--repo", type=click.Path(exists=True, file_okay=False, path_type=Path), default=Path())
@click.option(
    "--config", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="For a param: the YAML file."
)
@click.option("--no-commit", is_flag=True, help="Change the file only.")
@with_json
@pass_output
def take(output: Output, ref: str, remark: int, repo: Path, config: Path | None, no_commit: bool) -> None:
    """Take the suggestion of a REMARK: change the file in your repository and commit it. Nothing is pushed."""
    space = current_workspace()
    detail = space.review.get_review(find_review(space, ref))
    found = _suggestion(detail, remark)
    path = _apply(found, repo, config)
    commit = "" if no_commit else _commit(repo, path, detail, found)
    done = f"changed {path}" + (f" in commit {commit[:12]}" if commit else "")
    output.result({"file": str(path), "commit": commit}, done)
    output.hint(f"run it again, then: runward review update {detail.review.number} RUN")


def _suggestion(detail: ReviewDetail, remark: int) -> ReviewComment:
    found = next((one for one in detail.comments if one.id == remark), None)
    if found is None or found.suggestion is None:
        known = [str(one.id) for one in detail.comments if one.suggestion is not None]
        raise NotFoundError(f"remark {remark} suggests nothing", hint=f"these do: {', '.join(known) or 'none'}")
    return found


def _apply(found: ReviewComment, repo: Path, config: Path | None) -> Path:
    """Change one file. Raises: ConflictError (it is another text by now), InvalidError."""
    assert found.suggestion is not None
    if found.anchor.startswith("params."):
        if config is None:
            raise InvalidError(f"{found.anchor} stands in a file of yours", hint="name it: --config config.yaml")
        path, key = config, found.anchor.removeprefix("params.")
        text = edited_config(path.read_text(encoding="utf-8"), key, found.suggestion.strip())
    else:
        path = repo / found.anchor.rsplit(":", 1)[0]
        if not path.resolve().is_relative_to(repo.resolve()) or not path.is_file():
            raise ConflictError(f"there is no {path}", hint="--repo names the folder of the repository")
        text = edited_lines(path.read_text(encoding="utf-8"), found.excerpt, found.line, found.suggestion)
    path.write_text(text, encoding="utf-8")
    return path


def _commit(repo: Path, path: Path, detail: ReviewDetail, found: ReviewComment) -> str:
    """Commit the one file. Raises: ConflictError (git refused)."""
    message = (
        f"Take {found.author}'s suggestion on {found.anchor}\n\nReview: #{detail.review.number} {detail.review.title}\n"
    )
    try:
        _git(repo, "commit", "-q", "-m", message, "--", str(path.resolve()))
        return _git(repo, "rev-parse", "HEAD")
    except subprocess.CalledProcessError as error:
        raise ConflictError(
            f"{path} is changed, but git did not commit it: {error.stderr.strip() or error.stdout.strip()}",
            hint="commit it yourself, or use --no-commit",
        ) from error


def _git(repo: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=repo, capture_output=True, text=True, check=True)
    return done.stdout.strip()
