"""``runward review check``: the checklist on any file of any repository. The files are read; none is imported or run."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import msgspec

from runward.cli.output import NO, UNDECIDED, Output, pass_output, with_json
from runward.cli.reviewci import code_quality as quality_report
from runward.cli.reviewci import from_checkout, lines_of, summary
from runward.errors import InvalidError
from runward.review.checks import ITEMS, SAFETY, STRICT, CodeReport, Finding, check_code
from runward.review.code.tree import Tree, folder_tree, root_of
from runward.review.model import Verdict

_SIGNS = {"pass": "✓", "fail": "✗", "needs_person": "☞"}
_KINDS = (".py", ".ipynb")
_MAX_FILES = 2000
_MAX_BYTES = 8_000_000
_RANK = {Verdict.FAIL: 0, Verdict.NEEDS_PERSON: 1, Verdict.PASS: 2}
_SHOWN = 5
_SHA256 = 64
_FILE = click.Path(dir_okay=False, writable=True, path_type=Path)
_NUMBER = re.compile(r"\d+")


class _Chosen(NamedTuple):
    files: dict[str, str]
    """Texts by the paths that are shown."""
    placed: dict[str, str]
    """Where in the repository each is."""


class _Git:
    """A repository's history, read without running anything that its settings name."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        safe = ["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"]
        return subprocess.run(
            ["git", "-C", str(self._root), *safe, *arguments],
            capture_output=True, check=False, timeout=60, env={**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1"},
        )  # fmt: skip

    def commit(self, revision: str) -> str:
        """A revision's commit. Raises: InvalidError (no such revision, no repository)."""
        done = self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        if done.returncode:
            why = done.stderr.decode(errors="replace").strip()[:200] or "there is no such revision"
            raise InvalidError(f"--base {revision!r}: {why}", hint="give a commit, branch or tag of --repo")
        return done.stdout.decode().strip()

    def blobs(self, commit: str) -> dict[str, str]:
        """The object of each file at a commit. Nothing is asked of the working tree, whose filters are programs."""
        listed = self._run("ls-tree", "-r", "-z", commit).stdout.decode(errors="replace")
        rows = (row.partition("\t") for row in listed.split("\0") if row)
        return {path: facts.split(" ")[2] for facts, _, path in rows}

    def text(self, commit: str, path: str) -> str | None:
        """A file as it was at a commit; None where it was not."""
        done = self._run("cat-file", "blob", f"{commit}:./{path}")
        return None if done.returncode else done.stdout.decode(errors="replace")


def _object_of(content: bytes, like: str) -> str:
    """What git calls a file of this content, in the form of a repository's other names."""
    kind = hashlib.sha256 if len(like) == _SHA256 else hashlib.sha1
    return kind(b"blob %d\0" % len(content) + content).hexdigest()


def _chosen(paths: tuple[Path, ...], repo: Path | None, root: Path, known: dict[str, str] | None) -> _Chosen:
    found = _Chosen({}, {})
    base = root.resolve()
    for file in (file for path in paths for file in _files_of(_found(path, repo))):
        real = file.resolve()
        place = real.relative_to(base).as_posix() if real.is_relative_to(base) else None
        if file.is_symlink() and not place:
            raise InvalidError(f"{file} is a link that leads out of {root}", hint="name the file that it leads to")
        content = _bytes_of(file)
        same = (known or {}).get(place or "")
        if same and _object_of(content, same) == same:
            continue
        shown = place if repo and place else str(file)
        found.files[shown] = content.decode("utf-8", errors="replace")
        if place:
            found.placed[shown] = place
        if len(found.files) > _MAX_FILES:
            raise InvalidError(f"there are more than {_MAX_FILES} files", hint="name fewer folders, or --base")
    return found


def _found(path: Path, repo: Path | None) -> Path:
    """A path as it was given, else as one of the repository."""
    return repo / path if repo and not path.exists() and (repo / path).exists() else path


def _files_of(path: Path) -> Iterator[Path]:
    """A file itself; of a folder its Python files and notebooks, without links and hidden folders."""
    if path.is_dir():
        for folder, inner, names in os.walk(path):
            inner[:] = sorted(
                n for n in inner if not n.startswith(".") and n not in ("node_modules", "__pycache__", "venv")
            )
            files = (Path(folder, name) for name in sorted(names) if name.endswith(_KINDS))
            yield from (file for file in files if file.is_file() and not file.is_symlink())
    elif path.is_file():
        yield path
    else:
        raise InvalidError(f"{path} is no file", hint="give Python files, notebooks or folders")


def _bytes_of(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(_MAX_BYTES)


def _said(finding: Finding) -> tuple[str, str, str]:
    return finding.rule, finding.place.file, _NUMBER.sub("#", finding.place.message)


def _key(finding: Finding, files: dict[str, str]) -> tuple[str, ...]:
    lines = files.get(finding.place.file, "").splitlines()
    at = finding.place.line - 1
    return (*_said(finding), lines[at].strip() if 0 <= at < len(lines) else "")


def _new(head: CodeReport, files: dict[str, str], base: CodeReport, before: dict[str, str]) -> list[Finding]:
    """Findings that the base did not have: not on a line of the same text, nor once for the whole file."""
    known = Counter(_key(finding, before) for finding in base.findings)
    once_before = {said for said, count in Counter(map(_said, base.findings)).items() if count == 1}
    once_now = {said for said, count in Counter(map(_said, head.findings)).items() if count == 1}
    found = []
    for finding in head.findings:
        key = _key(finding, files)
        known[key] -= 1
        if known[key] < 0 and _said(finding) not in once_before & once_now:
            found.append(finding)
    return found


def _worse(head: CodeReport, base: CodeReport) -> list[str]:
    """Items that were better at the base; where there was nothing, everything that fails is worse."""
    before = {result.name: _RANK[result.verdict] for result in base.results}
    if not before:
        return [result.name for result in head.results if result.verdict is Verdict.FAIL]
    return [
        result.name for result in head.results if _RANK[result.verdict] < before.get(result.name, _RANK[Verdict.PASS])
    ]


def _document(report: CodeReport, findings: list[Finding], policy: dict[str, Any]) -> dict[str, Any]:
    shown = {
        result.name: {
            "verdict": result.verdict,
            "message": result.message,
            "evidence": [{"file": e.file, "line": e.line, "message": e.message} for e in result.evidence],
        }
        for result in report.results
    }
    return {
        "items": {name: shown[name] for name in ITEMS if name in shown},
        "safety": {name: shown[name] for name in ("parses", *SAFETY) if name in shown},
        "findings": [
            {"rule": f.rule, "item": f.rule if f.rule in (*ITEMS, *SAFETY, "parses") else "", "file": f.place.file,
             "line": f.place.line, "message": f.place.message}
            for f in findings
        ],
        "policy": policy,
    }  # fmt: skip


def _policy(report: CodeReport, base: CodeReport | None, strict: bool) -> tuple[dict[str, Any], int]:
    verdicts = {result.name: result.verdict for result in report.results}
    if not verdicts and base is None:
        # A folder without a file to read may be a path that is wrong; with a base it may be that nothing changed.
        return {"name": "strict" if strict else "no item fails", "passed": False, "items": []}, UNDECIDED
    if strict:
        failed = [name for name in (*STRICT, "parses", *SAFETY) if verdicts.get(name) is Verdict.FAIL]
        undecided = [name for name in STRICT if verdicts.get(name) is Verdict.NEEDS_PERSON]
        code = NO if failed else (UNDECIDED if undecided else 0)
        return {"name": "strict", "passed": code == 0, "items": failed or undecided}, code
    if base is not None:
        worse = _worse(report, base)
        return {"name": "no item worse than the base", "passed": not worse, "items": worse}, NO if worse else 0
    failed = [name for name, verdict in verdicts.items() if verdict is Verdict.FAIL]
    if verdicts and set(verdicts.values()) == {Verdict.NEEDS_PERSON}:
        return {"name": "no item fails", "passed": False, "items": list(verdicts)}, UNDECIDED
    return {"name": "no item fails", "passed": not failed, "items": failed}, NO if failed else 0


def _story(report: CodeReport, findings: list[Finding], policy: dict[str, Any]) -> list[str]:
    lines = []
    for result in report.results:
        lines.append(f"  {_SIGNS[result.verdict]} {result.name}: {result.message}")
        if result.verdict is not Verdict.PASS:
            lines += [f"      {e.file}:{e.line} {e.message}" for e in result.evidence[:_SHOWN]]
    items = {result.name for result in report.results}
    for rule, count in Counter(f.rule for f in findings if f.rule not in items).items():
        first = [f.place for f in findings if f.rule == rule]
        lines.append(f"  · {rule} ({count}): {first[0].message}")
        lines += [f"      {place.file}:{place.line}" for place in first[:_SHOWN]]
    said = "yes" if policy["passed"] else f"no: {', '.join(policy['items'])}"
    return (
        [*lines, f"{policy['name']}? {said}"] if report.results else ["nothing to check: no Python file, no notebook"]
    )


def _report(chosen: _Chosen, tree: Tree) -> CodeReport:
    return check_code(chosen.files, chosen.placed, tree)


@click.command("check")
@click.argument("paths", metavar="PATH…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--repo",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=None,
    help="The repository, where tests and settings are looked for; found by itself when not given.",
)
@click.option("--base", default=None, metavar="REV", help="Only what changed since this revision: files and findings.")
@click.option("--strict", is_flag=True, help="The six items that the checklist requires have to pass.")
@click.option("--ci", is_flag=True, help="One line a finding; on GitHub beside the code and in the job's summary.")
@click.option("--code-quality", type=_FILE, default=None, help="Write the findings as GitLab's Code Quality report.")
@click.option("--summary", "told", type=_FILE, default=None, help="Add the outcome to this file as Markdown.")
@with_json
@pass_output
def check(
    output: Output,
    paths: tuple[Path, ...],
    repo: Path | None,
    base: str | None,
    strict: bool,
    ci: bool,
    code_quality: Path | None,
    told: Path | None,
) -> int:
    """Check Python files and notebooks against the team's checklist, with file:line evidence.

    Nothing of them is imported or run. Exit code 1 if an item fails; with --base only if one is worse than there; with
    --strict 3 if one of the six needs a person.
    """
    root = repo or root_of(paths[0] / "x" if paths[0].is_dir() else paths[0])
    git = _Git(root) if base else None
    commit = git.commit(base) if git and base else ""
    chosen = _chosen(paths, repo, root, git.blobs(commit) if git else None)
    tree = folder_tree(root)
    report = _report(chosen, tree)
    before, findings = None, report.findings
    if git:
        texts = {shown: text for shown, place in chosen.placed.items() if (text := git.text(commit, place)) is not None}
        before = _report(_Chosen(texts, chosen.placed), tree)
        findings = _new(report, chosen.files, before, texts)
    policy, code = _policy(report, before, strict)
    placed = from_checkout(repo)
    if code_quality:
        code_quality.write_bytes(msgspec.json.encode(quality_report(findings, chosen.files, placed)))
    if told := told or (Path(page) if ci and (page := os.environ.get("GITHUB_STEP_SUMMARY")) else None):
        with told.open("a", encoding="utf-8") as stream:
            stream.write(summary(report, findings, policy, placed))
    lines = lines_of(findings, policy["items"], placed) if ci else _story(report, findings, policy)
    output.result(_document(report, findings, policy), lines)
    return code
