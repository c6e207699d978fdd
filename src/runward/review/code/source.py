"""A file under review: its text, syntax tree and comments, and how the items look into them."""

from __future__ import annotations

import ast
import json
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal, NamedTuple

from runward.core.kept import kept
from runward.review.model import EvidenceItem, Verdict

Function = ast.FunctionDef | ast.AsyncFunctionDef
MAX_BYTES = 1_000_000
"""Larger files are for a person: generated code and data in disguise."""
MAX_EVIDENCE = 20

_PRINT_TO = re.compile(r"^(\s*|.*:\s+)print\s*>>\s*([\w.]+)\s*,\s*(.*)$")
_PRINT = re.compile(r"^(\s*|.*[:;]\s+)print\b(?!\s*\()[ \t]*(.*)$|^(\s*)print\s+(\(.*\)\s*%.*|\(.*\),.*)$")
_OLD_FORMS = (
    (re.compile(r"\bexcept\s+(.+?)\s*,\s*(\w+)\s*:"), r"except \1 as \2:"),
    (re.compile(r"\braise\s+([\w.]+)\s*,\s*(.+)$"), r"raise \1(\2)"),
    (re.compile(r"(?<=\s)<>(?=\s)"), "!="),
    (re.compile(r"(?<![\w.])(\d+)[lL]\b"), r"\1"),
    (re.compile(r"(?<![\w.])0([0-7]+)\b(?!\.)"), r"0o\1"),
    (re.compile(r"""\b[uU][rR](?=["'])"""), "r"),
)


class Judgement(NamedTuple):
    """What one item says of one file."""

    verdict: Verdict
    message: str
    evidence: list[EvidenceItem]


class Unreadable(NamedTuple):
    """A file that could not be read as Python, with the place and the reason."""

    path: str
    line: int
    reason: str
    kind: Literal["broken", "large", "empty"]


@dataclass(eq=False)
class Source:
    """A file to check, already parsed.

    Args:
        path: As it is shown in evidence.
        text: Its Python source; of a notebook the code cells.
        tree: The syntax tree.
        note: What was done to read it, such as "Python 2"; empty for nothing.
        cells: Of a notebook, the first line of each code cell.
    """

    path: str
    text: str
    tree: ast.Module
    note: str = ""
    cells: list[int] = field(default_factory=list)

    @kept
    def lines(self) -> list[str]:
        """The lines, without their ends."""
        return self.text.splitlines()

    @kept
    def nodes(self) -> list[ast.AST]:
        """All nodes of the tree, from the outside to the inside."""
        return list(ast.walk(self.tree))

    @kept
    def parents(self) -> dict[ast.AST, ast.AST]:
        """Each node's parent."""
        return {child: node for node in self.nodes for child in ast.iter_child_nodes(node)}

    @kept
    def comments(self) -> dict[int, str]:
        """Comments by line, without their ``#``."""
        found: dict[int, str] = {}
        lines = iter(self.text.splitlines(keepends=True))
        try:
            for token in tokenize.generate_tokens(lambda: next(lines, "")):
                if token.type == tokenize.COMMENT:
                    found[token.start[0]] = token.string.lstrip("#").strip()
        except (tokenize.TokenError, SyntaxError):
            return found
        return found

    @kept
    def functions(self) -> list[Function]:
        """All functions and methods."""
        return [node for node in self.nodes if isinstance(node, Function)]

    @kept
    def calls(self) -> list[tuple[str, ast.Call]]:
        """All calls, each with the dotted name of what is called ("" for what has none)."""
        return [(dotted(node.func), node) for node in self.nodes if isinstance(node, ast.Call)]

    @kept
    def imports(self) -> set[str]:
        """Top-level names of the packages that are imported."""
        found: set[str] = set()
        for node in self.nodes:
            if isinstance(node, ast.Import):
                found.update(alias.name.split(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
        return found

    @kept
    def names(self) -> dict[str, int]:
        """Every name, attribute, keyword, parameter and command-line flag of the code, with its first line."""
        found: dict[str, int] = {}
        for node in self.nodes:
            for name in _names_of(node):
                line = getattr(node, "lineno", 0) or getattr(getattr(node, "value", None), "lineno", 1)
                found[name] = min(line, found.get(name, line))
        for flag in self.flags:
            found.setdefault(flag.name, flag.line)
        return found

    @kept
    def flags(self) -> list[Flag]:
        """What a user sets on the command line."""
        return [flag for name, call in self.calls if (flag := _flag_of(name, call))]

    @kept
    def docstrings(self) -> dict[ast.AST, str]:
        """Docstrings of the module, its classes and functions."""
        owners = [n for n in self.nodes if isinstance(n, ast.Module | ast.ClassDef | Function)]
        return {node: doc for node in owners if (doc := ast.get_docstring(node))}

    @kept
    def main_block(self) -> ast.If | None:
        """``if __name__ == "__main__":``."""
        for node in self.tree.body:
            if isinstance(node, ast.If) and any(
                isinstance(n, ast.Name) and n.id == "__name__" for n in ast.walk(node.test)
            ):
                return node
        return None

    @property
    def is_entry(self) -> bool:
        """Whether it is started, rather than imported: it does something of its own at its top."""
        acts = any(
            isinstance(node, ast.For | ast.While | ast.With)
            or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))
            for node in self.tree.body
        )
        return acts or self.main_block is not None or bool(self.flags)

    def enclosing(self, node: ast.AST) -> Iterator[ast.AST]:
        """What a node stands in, from the inside to the outside."""
        while node in self.parents:
            node = self.parents[node]
            yield node

    def evidence(self, node: ast.AST | int, message: str) -> EvidenceItem:
        """A place in this file; in a notebook with its cell."""
        line = node if isinstance(node, int) else getattr(node, "lineno", 1)
        if self.cells:
            cell = max((index for index, first in enumerate(self.cells) if first <= line), default=0)
            message = f"{message} (cell {cell + 1}, line {line - self.cells[cell] + 1})"
        return EvidenceItem(message, self.path, max(line, 1))


class Flag(NamedTuple):
    """A command-line option: argparse, click, typer or absl."""

    name: str
    help: bool
    line: int
    call: ast.Call


def dotted(node: ast.AST) -> str:
    """``a.b.c`` of a name or attribute; the last part alone where what is before it is an expression."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute) and len(parts) < 32:
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    return ".".join(reversed(parts))


def text_of(node: ast.AST | None) -> str | None:
    """The text of a string constant; None for anything else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def parameters(function: Function) -> list[ast.arg]:
    """A function's named parameters without ``self`` and ``cls``."""
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return [arg for arg in named if arg.arg not in ("self", "cls")]


def is_test(path: str) -> bool:
    """Whether a file is a test by its name or folder."""
    pure = PurePosixPath(path)
    return pure.name.startswith("test_") or pure.stem.endswith("_test") or bool({"test", "tests"} & {*pure.parts[:-1]})


def read_source(path: str, text: str) -> Source | Unreadable:
    """A file's source and tree: Python 3, Python 2 as far as its forms can be told, or a notebook's code cells."""
    if len(text) > MAX_BYTES:
        return Unreadable(path, 1, f"it has {len(text):,} characters; {MAX_BYTES:,} are read", "large")
    if "\0" in text:
        return Unreadable(path, 1, "it is binary data", "broken")
    cells: list[int] = []
    if path.endswith(".ipynb"):
        try:
            text, cells = _cells(text)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return Unreadable(path, 1, "it is no notebook: its JSON has no cells", "broken")
    text = text.removeprefix("\ufeff")
    if not text.strip():
        return Unreadable(path, 1, "there is no code in it", "empty")
    try:
        return Source(path, text, ast.parse(text), cells=cells)
    except SyntaxError as error:
        old = _modern(text)
        try:
            return Source(path, text, ast.parse(old), note="Python 2", cells=cells)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return Unreadable(path, error.lineno or 1, error.msg, "broken")
    except (ValueError, RecursionError, MemoryError) as error:
        return Unreadable(path, 1, str(error) or "it is nested too deeply", "broken")


def _cells(text: str) -> tuple[str, list[int]]:
    lines: list[str] = []
    starts: list[int] = []
    document = json.loads(text)
    for cell in document["cells"]:
        if cell.get("cell_type") == "code":
            starts.append(len(lines) + 1)
            source = "".join(cell["source"])
            foreign = source.lstrip().startswith("%%")
            lines += ["" if foreign else _without_magic(line) for line in source.splitlines()] + [""]
    return "\n".join(lines), starts


def _without_magic(line: str) -> str:
    bare = line.lstrip()
    return line[: len(line) - len(bare)] + "pass" if bare.startswith(("%", "!", "?")) else line


def _modern(text: str) -> str:
    """Python 2 forms as Python 3, line by line, so that places stay what they were."""
    lines = []
    for line in text.expandtabs(8).splitlines():
        line = _PRINT_TO.sub(lambda m: f"{m[1]}print({_bare(m[3])}, file={m[2]})", line)  # noqa: PLW2901
        line = _PRINT.sub(lambda m: f"{m[1] or m[3] or ''}print({_bare(m[2] or m[4] or '')})", line)  # noqa: PLW2901
        for pattern, new in _OLD_FORMS:
            line = pattern.sub(new, line)  # noqa: PLW2901
        lines.append(line)
    return "\n".join(lines) + "\n"


def _bare(rest: str) -> str:
    """What is printed, without the comment after it."""
    for at, char in enumerate(rest):
        if char == "#" and rest[:at].count("'") % 2 == 0 and rest[:at].count('"') % 2 == 0:
            return rest[:at].rstrip().rstrip(",")
    return rest.rstrip().rstrip(",")


def _names_of(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        return [node.attr]
    if isinstance(node, ast.keyword | ast.arg):
        return [node.arg] if node.arg else []
    if isinstance(node, ast.alias):
        return [node.name.split(".")[-1], *([node.asname] if node.asname else [])]
    return [node.name] if isinstance(node, ast.ClassDef | Function) else []


def _flag_of(called: str, call: ast.Call) -> Flag | None:
    last = called.rsplit(".", 1)[-1]
    words = [text for arg in call.args if (text := text_of(arg))]
    if last in ("add_argument", "option", "argument") and words and (last == "add_argument" or "click" in called):
        long = next((word for word in words if word.startswith("--")), words[0])
        given = next((k.value for k in call.keywords if k.arg == "help"), None)
        return Flag(long.lstrip("-").replace("-", "_"), _says_something(given), call.lineno, call)
    if last.startswith(("DEFINE_", "define_")) and words:
        given = next((k.value for k in call.keywords if k.arg == "help"), call.args[2] if len(call.args) > 2 else None)
        return Flag(words[0], _says_something(given), call.lineno, call)
    return None


def _says_something(help_text: ast.AST | None) -> bool:
    if help_text is None:
        return False
    text = text_of(help_text)
    return bool(text.strip(" .-_?")) if text is not None else not (isinstance(help_text, ast.Constant))
