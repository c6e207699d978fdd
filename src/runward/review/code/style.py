"""Formatting and lint by ruff, with the repository's own settings where it has any; a few plain signs without ruff."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sysconfig
import tempfile
import tomllib
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from runward.review.code.source import Judgement, Source
from runward.review.code.tree import Tree
from runward.review.model import EvidenceItem, Verdict

_WIDTHS = (88, 100, 120, 79, 130)
_TOLERATED = 0.02
"""Share of lines that another version of a formatter may lay out in another way."""
_TOLERATED_LINES = 2
_OTHER_FORMATTER = re.compile(r"\b(yapf|autopep8)\b")
_LAYOUT_RULES = ("--preview", "--select", "E1,E2,E3,E501,W1,W2,W3", "--line-length", "130")
_TIMEOUT_S = 20
_MAX_STAND_INS = 3000
_SETTINGS = ("ruff.toml", ".ruff.toml", "pyproject.toml")
_RULES = "E4,E7,E9,F,B,BLE,C901,PLR0915,S,N801,N802,W6"
_NOISE = "S101,S311,S603,S607,S404,S403,B905,E741,E731,S110"
_IMPORT_FORMS: tuple[tuple[str, ...], ...] = (
    (),
    ("lint.isort.force-sort-within-sections=true",),
    ("lint.isort.order-by-type=false", "lint.isort.case-sensitive=false"),
    ("lint.isort.lines-after-imports=2",),
)
_HUNK = re.compile(r"^@@ -(\d+)")


class Styled(NamedTuple):
    """What ruff says of some files."""

    judged: dict[str, Judgement]
    """The style item by path."""
    findings: list[tuple[str, EvidenceItem]]
    """Rule and place."""


@cache
def find_ruff() -> str | None:
    """The ruff that is installed beside this package, else the one on the path."""
    return shutil.which("ruff", path=sysconfig.get_path("scripts")) or shutil.which("ruff")


def style_of(sources: list[Source], paths: dict[str, str], tree: Tree | None) -> Styled:
    """Judge the layout of files, and collect lint findings.

    Args:
        sources: The files.
        paths: Their paths from the repository's root.
        tree: The repository, for its settings and its own modules.
    """
    fit = [source for source in sources if not source.cells and not source.note]
    judged = {source.path: _plain(source) for source in sources if source not in fit or find_ruff() is None}
    ruff = find_ruff()
    if ruff is None or not fit:
        return Styled(judged, [])
    with tempfile.TemporaryDirectory(prefix="runward-style-") as folder:
        shop = _Shop(ruff, Path(folder), {source.path: _inside(paths[source.path]) for source in fit})
        try:
            shop.furnish(fit, tree)
            layout = shop.broken_rules() if _lays_out_otherwise(tree) else shop.layout()
            imports, findings = shop.imports(), shop.lint()
        except _NoAnswerError as error:
            text = f"would a formatter leave it as it is? ruff did not answer: {error}"
            open_ = {s.path: Judgement(Verdict.NEEDS_PERSON, text, [s.evidence(1, text)]) for s in fit}
            return Styled({**judged, **open_}, [])
        judged.update({source.path: _judge(source, layout, imports) for source in fit})
        return Styled(judged, findings)


class _NoAnswerError(Exception):
    """Ruff could not say."""


def _inside(path: str) -> str:
    """A path that stays below the folder it is written to."""
    parts = [part for part in PurePosixPath(path).parts if part not in ("..", "/", ".")]
    return "/".join(parts) or "file.py"


class _Shop:
    """A throw-away folder with the files and settings: ruff reads there, and can change nothing of the repository."""

    def __init__(self, ruff: str, folder: Path, places: dict[str, str]) -> None:
        self._ruff, self._folder, self._places = ruff, folder, places
        self._shown = {place: path for path, place in places.items()}
        self.own = False
        self.width = 0

    def furnish(self, sources: list[Source], tree: Tree | None) -> None:
        for source in sources:
            file = self._folder / self._places[source.path]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(source.text, encoding="utf-8")
        for module in _own_modules(sources, tree):
            stand_in = self._folder / module
            stand_in.parent.mkdir(parents=True, exist_ok=True)
            stand_in.touch()
        self._settings(tree)

    def _settings(self, tree: Tree | None) -> None:
        for name in _SETTINGS if tree else ():
            assert tree is not None
            text = tree.read(name)
            try:
                found = tomllib.loads(text)
            except tomllib.TOMLDecodeError:
                continue
            tool = found.get("tool", {})
            settings = tool.get("ruff") if name == "pyproject.toml" else found
            if not self.width:
                self.width = _width(settings) or _width(tool.get("black"))
            if settings and not self.own:
                (self._folder / name).write_text(text, encoding="utf-8")
                self.own = self._accepted()
                if not self.own:
                    (self._folder / name).unlink()

    def _accepted(self) -> bool:
        try:
            self._issues([])
        except _NoAnswerError:
            return False
        return True

    def _run(self, command: str, *options: str) -> subprocess.CompletedProcess[str]:
        """Run ruff on the files. Raises: _NoAnswerError (it ended with an error, or not in time)."""
        arguments = [self._ruff, command, "--no-cache", "--no-force-exclude", *options, *self._places.values()]
        try:
            done = subprocess.run(
                arguments, cwd=self._folder, capture_output=True, text=True, errors="replace",
                timeout=_TIMEOUT_S, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _NoAnswerError(str(error)) from error
        if done.returncode > 1 or (done.returncode and not done.stdout):
            raise _NoAnswerError(done.stderr.strip()[:200] or f"it ended with {done.returncode}")
        return done

    def layout(self) -> dict[str, list[int]]:
        """The lines that a formatter would lay out anew, by path, at the width that fits best."""
        forms: list[list[str]] = [[]] if self.own else []
        widths = [self.width] if self.width else _WIDTHS
        forms += [["--isolated", "--line-length", str(w), "--config", "format.quote-style='preserve'"] for w in widths]
        best: dict[str, list[int]] = {}
        for form in forms:
            found = self._changed(self._run("format", "--diff", *form).stdout)
            for path in self._places:
                lines = found.get(path, [])
                if path not in best or len(lines) < len(best[path]):
                    best[path] = lines
            if not any(best.values()):
                break
        return best

    def broken_rules(self) -> dict[str, list[int]]:
        """Lines that break PEP 8, for a repository with another formatter."""
        found: dict[str, list[int]] = {path: [] for path in self._places}
        for _, place in self._issues(["--isolated", *_LAYOUT_RULES]):
            found[place.file].append(place.line)
        return found

    def _changed(self, diff: str) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        path, line = "", 0
        for text in diff.splitlines():
            if text.startswith("--- "):
                path = self._shown.get(text[4:].strip(), "")
            elif match := _HUNK.match(text):
                line = int(match[1])
            elif text.startswith(("-", " ")):
                if text.startswith("-"):
                    found.setdefault(path, []).append(line)
                line += 1
            elif text.startswith("+") and not text.startswith("+++"):
                found.setdefault(path, []).append(line)
        return found

    def imports(self) -> dict[str, list[EvidenceItem]]:
        """Imports that no usual sorter would leave as they are, by path."""
        forms = [["--select", "I001"]] if self.own else []
        for settings in _IMPORT_FORMS:
            extra = [part for setting in settings for part in ("--config", setting)]
            forms.append(["--isolated", "--select", "I001", "--line-length", str(self.width or 100), *extra])
        best: dict[str, list[EvidenceItem]] = {}
        for form in forms:
            found = self._issues(form)
            for path in self._places:
                items = [item for _, item in found if item.file == path]
                if path not in best or len(items) < len(best[path]):
                    best[path] = items
            if not any(best.values()):
                break
        return best

    def lint(self) -> list[tuple[str, EvidenceItem]]:
        """Findings of the repository's own rules; of a small general set where it has none."""
        return self._issues([] if self.own else ["--isolated", "--select", _RULES, "--ignore", _NOISE])

    def _issues(self, options: list[str]) -> list[tuple[str, EvidenceItem]]:
        done = self._run("check", "--no-fix", "--exit-zero", "--output-format=json", *options)
        try:
            issues: list[dict[str, Any]] = json.loads(done.stdout)
        except ValueError as error:
            raise _NoAnswerError("its answer is not JSON") from error
        found = []
        for issue in issues:
            place = Path(issue["filename"])
            base = self._folder.resolve()
            shown = place.resolve().relative_to(base).as_posix() if place.resolve().is_relative_to(base) else ""
            if path := self._shown.get(shown):
                line = (issue.get("location") or {}).get("row") or 1
                found.append((str(issue.get("code") or "syntax"), EvidenceItem(str(issue["message"]), path, line)))
        return found


def _lays_out_otherwise(tree: Tree | None) -> bool:
    if tree is None:
        return False
    files = ("pyproject.toml", "setup.cfg", ".pre-commit-config.yaml")
    return ".style.yapf" in tree or any(_OTHER_FORMATTER.search(tree.read(name)) for name in files)


def _width(settings: Any) -> int:
    value = settings.get("line-length") if isinstance(settings, dict) else 0
    return value if isinstance(value, int) and 20 <= value <= 320 else 0


def _own_modules(sources: list[Source], tree: Tree | None) -> list[str]:
    """What the files import of their own repository: empty stand-ins let a sorter tell it from other packages."""
    imported = {name for source in sources for name in source.imports}
    found = []
    for path in tree.paths if tree else ():
        parts = PurePosixPath(path).parts
        top = parts[1] if parts[0] == "src" and len(parts) > 1 else parts[0]
        if path.endswith(".py") and top.removesuffix(".py") in imported:
            found.append(path)
    return found[:_MAX_STAND_INS]


def _judge(source: Source, layout: dict[str, list[int]], imports: dict[str, list[EvidenceItem]]) -> Judgement:
    changed, unsorted = layout.get(source.path, []), imports.get(source.path, [])
    places = [source.evidence(line, "a formatter would lay this out anew") for line in sorted(set(changed))]
    places += [EvidenceItem("imports are not sorted", item.file, item.line) for item in unsorted]
    share = len(set(changed)) / max(len(source.lines), 1)
    if (share > _TOLERATED and len(set(changed)) > _TOLERATED_LINES) or unsorted:
        text = f"a formatter would change {share:.0%} of the lines" + ("; imports are not sorted" if unsorted else "")
        return Judgement(Verdict.FAIL, text, places)
    return Judgement(Verdict.PASS, "as a formatter and an import sorter leave it", places)


_SIGNS = (
    (re.compile(r"[ \t]+$"), "white space at the end"),
    (re.compile(r"^ *\t"), "a tab as indent"),
    (re.compile(r"^.{131,}$"), "longer than 130 characters"),
    (
        re.compile(r"^\s*(if|for|while|else|try|with)\b[^#\"']*:\s+(return|pass|break|continue|raise)\b"),
        "two statements in a line",
    ),
)


def _plain(source: Source) -> Judgement:
    """Without a formatter only plain breaks can be told; their absence shows nothing."""
    if source.note:
        return Judgement(
            Verdict.FAIL, f"{source.note} code: no formatter of today reads it", [source.evidence(1, "Python 2 code")]
        )
    found = [
        source.evidence(number, text)
        for number, line in enumerate(source.lines, start=1)
        for pattern, text in _SIGNS
        if pattern.search(line)
    ]
    if len(found) > max(_TOLERATED_LINES, _TOLERATED * len(source.lines)):
        return Judgement(Verdict.FAIL, f"{len(found)} plain break(s) of layout", found)
    why = "notebooks are not formatted here" if source.cells else "ruff is not installed: `pip install runward[review]`"
    return Judgement(Verdict.NEEDS_PERSON, f"would a formatter leave it as it is? {why}", [source.evidence(1, why)])
