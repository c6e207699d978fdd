"""How two captured runs differ, piece by piece, and any mixture of the two made from the pieces."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate
from typing import NamedTuple, TypeVar

import msgspec

from runward.core.hashing import digest_bytes
from runward.core.ids import Digest
from runward.errors import NotFoundError
from runward.execution.worker import WHOLE_FUNCTION
from runward.repro.calls import Task
from runward.repro.command import MOST_FETCHED, why_not_kept
from runward.repro.compare import kind_of, kind_of_file
from runward.repro.findings_model import ExplainedDifference as Difference
from runward.tracking.capture.model import Capture, FileEntry, FileRead, Package, tree_digest

T = TypeVar("T")
_MAX_LINES = 5_000
_SHOWN = 200
_ROOT = "\0root"
_COMMAND = ""
"""What the command's words are kept under, beside files by path."""


class Mixture(NamedTuple):
    """A run that never was: something of one and the rest of another."""

    capture: Capture
    seed: int | None
    made: Mapping[Digest, bytes]
    """The contents of files that neither run has."""
    taken: tuple[str, ...] = ()
    """Of tasks: the arguments, by name, that are the first run's; ``WHOLE_FUNCTION`` for its function."""
    whole: bool = False
    """The first run's task as it is."""


class Pair:
    """Two captured runs.

    Args:
        first: The run whose result is to come out again.
        second: The run that differs.
        seeds: The seeds that the two were started with.
        read: Gives the bytes of a captured file. Raises: NotFoundError.
        tasks: The calls of the two, where they are tasks.
    """

    def __init__(
        self,
        first: Capture,
        second: Capture,
        seeds: tuple[int | None, int | None],
        read: Callable[[str], bytes],
        tasks: Sequence[Task | None] = (None, None),
    ) -> None:
        self.first, self.second, self.seeds, self._read, self._tasks = first, second, seeds, read, tasks
        self._trees = _files(first), _files(second)
        self._reads = _reads(first, self._trees), _reads(second, self._trees)
        self._packages = _packages(first), _packages(second)
        self._lost: list[str] = []
        self.pieces: dict[str, list[list[str]]] = {}
        """The second run's texts, by path, in pieces that are the same in both runs or differ."""
        self.leftovers: list[str] = []
        """Titles of differences in files that the first run, or one between the two, left and the second one found."""
        self._ways = {one.title: (one, way) for one, way in self._all()}
        self.differences = [one for one, _ in self._ways.values()]
        self.fixed = list(self._beyond())
        """What differs too and cannot be put back, in words."""

    @property
    def unrecorded(self) -> list[str]:
        """Variables that a run read and whose values are not known, so that a rerun does not have them."""
        return sorted({*self.first.variables_read, *self.second.variables_read})

    @property
    def identity(self) -> tuple[str, ...]:
        """Tells two pairs of the same captures apart, whose data were looked at at different times."""
        return tuple(f"{name} {read.digest}" for name, read in sorted(self._reads[1].items()))

    def mixed(self, put_back: Collection[str]) -> Mixture:
        """The second run with some differences, by title, put back to what they are in the first."""
        draft = _Draft(self)
        for title in put_back:
            self._ways[title][1](draft)
        return draft.finished()

    # what differs, and how it is put back -----------------------------------------------------------------------------

    def _all(self) -> Iterator[tuple[Difference, _Way]]:
        yield from self._of_files()
        yield from self._of_reads()
        yield from self._of_task()
        yield from self._of_sequence(
            _COMMAND, [_words(one) for one in (self.first, self.second)], " ", "config", _arguments
        )
        yield from self._of_environment()

    def _of_files(self) -> Iterator[tuple[Difference, _Way]]:
        read = {item.relative for capture in (self.first, self.second) for item in capture.reads}
        for path in _changed(*self._trees, same=_same_file):
            for one, way in self._of_file(path, read):
                if self._is_left_over(path):
                    self.leftovers.append(one.title)
                yield one, way

    def _of_file(self, path: str, read: Collection[str]) -> Iterator[tuple[Difference, _Way]]:
        entries = [tree.get(path) for tree in self._trees]
        kind: str = kind_of_file(path, max(entry.size for entry in entries if entry))
        kind = "code" if kind == "data" and path not in read else kind
        texts = self._texts(entries) if kind != "data" else None
        if texts is not None:
            yield from self._of_sequence(path, texts, "", kind, partial(_lines, path))
        else:
            way = partial(_Draft.exchange, of="tree", name=path, value=entries[0])
            yield Difference(kind, path, *map(_sketch, entries)), way

    def _of_reads(self) -> Iterator[tuple[Difference, _Way]]:
        """Files that were read and are no part of the code, where the first run's bytes are kept."""
        for name, (first, second) in self._other_reads():
            if not self._can_put_back(first, second):
                self._lost.append(f"{name}: {why_not_kept(first)}")
            else:
                way = partial(_Draft.exchange, of="reads", name=name, value=_with_content_of(second, first))
                yield Difference(kind_of(first), name, _sketch(first), _sketch(second)), way

    def _of_task(self) -> Iterator[tuple[Difference, _Way]]:
        first, second = self._tasks
        if first is None or second is None or (first.sent, first.given) == (second.sent, second.given):
            return
        if first.by_value or second.by_value:
            yield Difference("config", f"call of {second.function}", first.function, second.function), _Draft.put_task
            return
        for name in _changed(first.arguments, second.arguments):
            shown = (json.dumps(task.arguments.get(name, ""), default=str)[:_SHOWN] for task in (first, second))
            yield Difference("config", name, *shown), partial(_Draft.take, name=name)
        for name in _changed(first.given, second.given):
            digests = (task.given.get(name, "")[:12] for task in (first, second))
            yield Difference("data", f"value of {name}", *digests), partial(_Draft.take, name=name)
        way = partial(_Draft.take, name=WHOLE_FUNCTION)
        yield Difference("code", f"function {second.function}", first.function, second.function), way

    def _of_sequence(
        self,
        path: str,
        texts: Sequence[list[str]],
        between: str,
        kind: str,
        named: Callable[[int, int], str],
    ) -> Iterator[tuple[Difference, _Way]]:
        """The parts in which two texts differ: lines of a file, words of a command."""
        pieces = self.pieces[path] = list[list[str]]()
        matcher = difflib.SequenceMatcher(None, texts[0], texts[1], autojunk=False)
        for tag, i, i_end, j, j_end in matcher.get_opcodes():
            before, after = texts[0][i:i_end], texts[1][j:j_end]
            parts = [(before, after, j, j_end)]
            if tag == "replace" and kind == "config" and len(before) == len(after):
                # One setting a line, or a word: each is a change of its own.
                parts = [
                    ([one], [other], j + n, j + n + 1) for n, (one, other) in enumerate(zip(before, after, strict=True))
                ]
            elif kind == "config" and not before:
                ends = [*accumulate(map(len, groups := _settings(path, after)), initial=j)]
                parts = [([], group, ends[n], ends[n + 1]) for n, group in enumerate(groups)]
            elif kind == "config" and not after:
                parts = [(group, [], j, j) for group in _settings(path, before)]
            for n, (was, became, start, end) in enumerate(parts, 1):
                if tag != "equal":
                    shown = (between.join(part)[:_SHOWN] for part in (was, became))
                    way = partial(_Draft.put_piece, path=path, index=len(pieces), text=was)
                    # Of what is gone there is one place in the second run, for all of it.
                    which = f" ({n} of {len(parts)})" if len(parts) > 1 and start == end else ""
                    yield Difference(kind, named(start, end) + which, *shown), way
                pieces.append(became)

    def _of_environment(self) -> Iterator[tuple[Difference, _Way]]:
        first, second = self.first.environment, self.second.environment
        if self.seeds[0] != self.seeds[1]:
            yield Difference("seed", "seed", *map(_text, self.seeds)), _Draft.put_seed
        if first.python != second.python:
            yield Difference("python", first.implementation, first.python, second.python), _Draft.put_python
        for name in _changed(*self._packages, same=_same_content):
            packages = [found.get(name) for found in self._packages]
            way = partial(_Draft.exchange, of="packages", name=name, value=packages[0])
            alike = _identity(packages[0]) == _identity(packages[1])
            yield Difference("package_content" if alike else "package", name, *map(_package, packages)), way
        sources = [{name: tree.digest for name, tree in one.sources.items()} for one in (first, second)]
        for name in _changed(sources[0], sources[1]):
            way = partial(_Draft.exchange, of="sources", name=name, value=first.sources.get(name))
            shown = (found.get(name, "")[:12] for found in sources)
            yield Difference("package_content", f"{name} (editable)", *shown), way
        for name in _changed(first.variables, second.variables):
            values = [found.variables.get(name) for found in (first, second)]
            way = partial(_Draft.exchange, of="variables", name=name, value=values[0])
            yield Difference("variable", name, *(value or "" for value in values)), way

    def _texts(self, entries: Sequence[FileEntry | None]) -> list[list[str]] | None:
        """The lines of a text file that both runs have; None where it is better put back as a whole."""
        found = [entry for entry in entries if entry is not None and entry.mode != "symlink"]
        if len(found) < 2 or found[0].mode != found[1].mode:
            return None
        try:
            texts = [self._read(entry.digest).decode().splitlines(keepends=True) for entry in found]
        except (UnicodeDecodeError, NotFoundError):
            return None
        return texts if max(map(len, texts)) <= _MAX_LINES else None

    def _can_put_back(self, first: FileRead, second: FileRead) -> bool:
        """Whether the store has what a file held."""
        if first.kept or first.size > MOST_FETCHED:
            return first.kept
        try:
            self._read(first.digest)
        except NotFoundError:
            return False
        return True

    def _is_left_over(self, path: str) -> bool:
        """Whether a file is what runs made of it: one that was new with the first run, or that both runs write."""
        first, second = ({one.path for one in capture.writes or []} for capture in (self.first, self.second))
        return path in self._trees[1] and path in first and (path not in self._trees[0] or path in second)

    def _other_reads(self) -> Iterator[tuple[str, tuple[FileRead, FileRead]]]:
        for name, second in self._reads[1].items():
            first = self._reads[0].get(name, second)
            if first.digest != second.digest:
                yield name, (first, second)

    def _beyond(self) -> Iterator[str]:
        first, second = self.first.machine, self.second.machine
        for what in ("cpu", "cpu_level", "usable_cpus", "architecture"):
            if getattr(first, what) != getattr(second, what):
                yield f"machine {what}: {getattr(first, what)} → {getattr(second, what)}"
        yield from (f"variable {name}: it was read, and its value is not recorded" for name in self.unrecorded)
        yield from (f"data {name}; `runward data add` keeps such data" for name in self._lost)


class _Draft:
    """The second run on its way to a mixture."""

    def __init__(self, pair: Pair) -> None:
        self.pair, environment = pair, pair.second.environment
        self.tree, self.packages, self.reads = _files(pair.second), _packages(pair.second), dict[str, FileRead]()
        self.sources, self.variables = dict(environment.sources), dict(environment.variables)
        self.pieces = {path: list(pieces) for path, pieces in pair.pieces.items()}
        self.interpreter, self.seed = environment, pair.seeds[1]
        self.taken, self.whole = list[str](), False

    def exchange(self, *, of: str, name: str, value: object) -> None:
        """Put something back by its name; None takes it away."""
        found: dict[str, object] = getattr(self, of)
        found.pop(name, None)
        if value is not None:
            found[name] = value

    def put_piece(self, *, path: str, index: int, text: list[str]) -> None:
        """Put back one part of a text."""
        self.pieces[path][index] = text

    def take(self, *, name: str) -> None:
        """Put back an argument of a task, or its function."""
        self.taken.append(name)

    def put_task(self) -> None:
        """Put back the whole call of a task."""
        self.whole = True

    def put_seed(self) -> None:
        """Put back the seed."""
        self.seed = self.pair.seeds[0]

    def put_python(self) -> None:
        """Put back the interpreter."""
        self.interpreter = self.pair.first.environment

    def finished(self) -> Mixture:
        """The mixture."""
        second, made = self.pair.second, dict[Digest, bytes]()
        for path, pieces in self.pieces.items():
            if path != _COMMAND and pieces != self.pair.pieces[path]:
                data = "".join(_joined(pieces)).encode()
                made[digest := digest_bytes(data)] = data
                self.tree[path] = msgspec.structs.replace(self.tree[path], digest=digest, size=len(data))
        files = sorted(self.tree.values(), key=lambda entry: entry.path)
        environment = msgspec.structs.replace(
            second.environment,
            python=self.interpreter.python,
            base_executable=self.interpreter.base_executable,
            packages=list(self.packages.values()),
            sources=self.sources,
            variables=self.variables,
        )
        argv = [word.replace(_ROOT, second.code.root) for word in _joined(self.pieces[_COMMAND])]
        capture = msgspec.structs.replace(
            second,
            code=msgspec.structs.replace(second.code, files=files, digest=tree_digest(files)),
            environment=environment,
            process=msgspec.structs.replace(second.process, argv=argv),
            reads=[self.reads.get(_name(read), read) for read in second.reads],
        )
        return Mixture(capture, self.seed, made, tuple(self.taken), self.whole)


_Way = Callable[[_Draft], None]


def _files(capture: Capture) -> dict[str, FileEntry]:
    return {entry.path: entry for entry in capture.code.files}


def _reads(capture: Capture, trees: Iterable[Mapping[str, FileEntry]]) -> dict[str, FileRead]:
    """What was read and is no part of the code, with what it then held."""
    return {
        _name(read): read
        for read in capture.reads
        if read.digest and not read.changed and not any(read.relative in tree for tree in trees)
    }


def _name(read: FileRead) -> str:
    return read.relative or read.path


def _with_content_of(read: FileRead, other: FileRead) -> FileRead:
    return msgspec.structs.replace(read, digest=other.digest, size=other.size, kept=other.kept)


def _packages(capture: Capture) -> dict[str, Package]:
    return {package.name: package for package in capture.environment.packages}


def _words(capture: Capture) -> list[str]:
    """The command with the tree's place left open, and without the place of its Python."""
    words = [word.replace(capture.code.root, _ROOT) if capture.code.root else word for word in capture.process.argv]
    if words and os.path.basename(words[0]).startswith("python"):
        words[0] = "python"
    return words


def _changed(
    first: Mapping[str, T], second: Mapping[str, T], same: Callable[[T, T], bool] = lambda a, b: a == b
) -> list[str]:
    def differs(name: str) -> bool:
        return name not in first or name not in second or not same(first[name], second[name])

    return [name for name in sorted({*first, *second}) if differs(name)]


def _same_file(first: FileEntry, second: FileEntry) -> bool:
    return (first.mode, first.digest, first.target) == (second.mode, second.digest, second.target)


def _same_content(first: Package, second: Package) -> bool:
    return _identity(first) == _identity(second) and first.edited == second.edited


def _identity(package: Package | None) -> tuple[str, ...]:
    return () if package is None else (package.version, package.source, package.commit, package.sha256)


def _arguments(start: int, end: int) -> str:
    return f"arguments {start}-{end - 1}" if end - start > 1 else f"argument {start}"


def _settings(path: str, items: Iterable[str]) -> list[list[str]]:
    """Words of a command with an option's values beside it; lines of a file with what is indented below them."""
    belongs = _is_value if path == _COMMAND else _is_below
    groups = list[list[str]]()
    for item in items:
        if groups and belongs(groups[-1][0], item):
            groups[-1].append(item)
        else:
            groups.append([item])
    return groups


def _is_value(option: str, word: str) -> bool:
    return option.startswith("-") and "=" not in option and not word.startswith("-")


def _is_below(head: str, line: str) -> bool:
    return not line.strip() or len(line) - len(line.lstrip()) > len(head) - len(head.lstrip())


def _lines(path: str, start: int, end: int) -> str:
    return f"{path}:{start + 1}-{end}" if end - start > 1 else f"{path}:{start + 1}"


def _joined(pieces: Iterable[list[str]]) -> list[str]:
    return [item for piece in pieces for item in piece]


def _package(package: Package | None) -> str:
    if package is None:
        return ""
    return f"{package.version}, edited: {', '.join(sorted(package.edited))}" if package.edited else package.version


def _sketch(entry: FileEntry | FileRead | None) -> str:
    return "" if entry is None else f"{entry.size:,} bytes, {entry.digest[:12]}"


def _text(seed: int | None) -> str:
    return "" if seed is None else str(seed)
