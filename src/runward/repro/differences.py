"""How two captured runs differ, piece by piece, and any mixture of the two made from the pieces."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Literal, NamedTuple, TypeVar

import msgspec

from runward.core.hashing import digest_bytes
from runward.core.ids import Digest
from runward.tracking.capture.model import Capture, FileEntry, Package, tree_digest

Kind = Literal["code", "config", "data", "seed", "python", "package", "variable"]

T = TypeVar("T")
_CODE = {".py", ".pyi", ".sh", ".r", ".jl", ".c", ".h", ".cpp", ".cu", ".sql", ".ipynb"}
_CONFIG = {".yaml", ".yml", ".toml", ".json", ".ini", ".cfg", ".env", ".properties"}
_MAX_LINES = 5_000
_SHOWN = 200


class Difference(msgspec.Struct, frozen=True):
    """One thing that differs, and can be put back alone."""

    kind: Kind
    name: str
    """``train.py:12-14``, ``numpy``, ``OMP_NUM_THREADS``, …"""
    before: str
    """As it is in the first run; empty where it is missing there."""
    after: str

    @property
    def title(self) -> str:
        """Kind and name, which no other difference of the two runs has."""
        return f"{self.kind} {self.name}"


class _Hunk(NamedTuple):
    path: str
    first: slice
    second: slice
    difference: Difference


class Pair:
    """Two captured runs.

    Args:
        first: The run whose result is to come out again.
        second: The run that differs.
        seeds: The seeds that the two were started with.
        read: Gives the bytes of a captured file.
    """

    def __init__(
        self, first: Capture, second: Capture, seeds: tuple[int | None, int | None], read: Callable[[str], bytes]
    ) -> None:
        self.first, self.second, self.seeds, self._read = first, second, seeds, read
        self._trees = _files(first), _files(second)
        self._reads = {item.relative for capture in (first, second) for item in capture.reads}
        self._packages = _packages(first), _packages(second)
        self._argv = _relative_words(first), _relative_words(second)
        self._hunks: dict[str, list[_Hunk]] = {}
        self.differences = list(self._all())
        self.fixed = list(self._beyond())
        """What differs too and cannot be put back, in words."""

    # what differs -----------------------------------------------------------------------------------------------------

    def _all(self) -> Iterator[Difference]:
        yield from self._of_files()
        yield from self._of_command()
        if self.seeds[0] != self.seeds[1]:
            yield Difference("seed", "seed", _text(self.seeds[0]), _text(self.seeds[1]))
        first, second = self.first.environment, self.second.environment
        if first.python != second.python:
            yield Difference("python", first.implementation, first.python, second.python)
        for name in _changed(*self._packages, same=_same_package):
            yield Difference("package", name, *map(_version, (found.get(name) for found in self._packages)))
        for name in _changed(first.variables, second.variables):
            yield Difference("variable", name, first.variables.get(name, ""), second.variables.get(name, ""))

    def _of_files(self) -> Iterator[Difference]:
        for path in _changed(
            *self._trees, same=lambda a, b: (a.mode, a.digest, a.target) == (b.mode, b.digest, b.target)
        ):
            kind = self._kind_of(path)
            hunks = [] if kind == "data" else list(self._split(path, kind))
            if hunks:
                self._hunks[path] = hunks
                yield from (hunk.difference for hunk in hunks)
            else:
                yield Difference(kind, path, *map(_sketch, (tree.get(path) for tree in self._trees)))

    def _kind_of(self, path: str) -> Kind:
        suffix = PurePosixPath(path).suffix.lower()
        if suffix in _CONFIG:
            return "config"
        return "data" if path in self._reads and suffix not in _CODE else "code"

    def _split(self, path: str, kind: Kind) -> Iterator[_Hunk]:
        """The hunks of a text file that both runs have; none where it is better put back as a whole."""
        texts = self._lines(path)
        if texts is None:
            return
        matcher = difflib.SequenceMatcher(None, *texts, autojunk=False)
        for tag, i, i_end, j, j_end in matcher.get_opcodes():
            if tag != "equal":
                where = f"{j + 1}-{j_end}" if j_end - j > 1 else str(j + 1)
                before, after = ("".join(text)[:_SHOWN] for text in (texts[0][i:i_end], texts[1][j:j_end]))
                yield _Hunk(path, slice(i, i_end), slice(j, j_end), Difference(kind, f"{path}:{where}", before, after))

    def _lines(self, path: str) -> tuple[list[str], list[str]] | None:
        entries = [tree.get(path) for tree in self._trees]
        if None in entries or any(entry.mode == "symlink" for entry in entries if entry):
            return None
        try:
            first, second = (self._read(entry.digest).decode().splitlines(keepends=True) for entry in entries if entry)
        except UnicodeDecodeError:
            return None
        return (first, second) if max(len(first), len(second)) <= _MAX_LINES else None

    def _of_command(self) -> Iterator[Difference]:
        matcher = difflib.SequenceMatcher(None, *self._argv, autojunk=False)
        for tag, i, i_end, j, j_end in matcher.get_opcodes():
            if tag != "equal":
                before, after = " ".join(self._argv[0][i:i_end]), " ".join(self._argv[1][j:j_end])
                yield Difference("config", f"argument {j}", before, after)

    def _beyond(self) -> Iterator[str]:
        first, second = self.first.machine, self.second.machine
        for what in ("cpu", "cpu_level", "usable_cpus", "architecture"):
            if getattr(first, what) != getattr(second, what):
                yield f"machine {what}: {getattr(first, what)} → {getattr(second, what)}"
        known = {
            item.relative or item.path: item.digest for item in self.first.reads if not self._in_trees(item.relative)
        }
        for item in self.second.reads:
            name = item.relative or item.path
            if not self._in_trees(item.relative) and known.get(name, item.digest) != item.digest:
                yield f"data {name}: its former content lies outside of the captured code and is not stored"

    def _in_trees(self, path: str) -> bool:
        return any(path in tree for tree in self._trees)

    # mixtures ---------------------------------------------------------------------------------------------------------

    def mixed(self, put_back: Collection[str]) -> Mixture:
        """The second run with some differences, by title, put back to what they are in the first."""
        environment, tree, made = self.second.environment, dict(self._trees[1]), dict[Digest, bytes]()
        for difference in self.differences:
            path = difference.name
            if difference.title in put_back and (path in self._trees[0] or path in self._trees[1]):
                _exchange(tree, path, self._trees[0].get(path))
        for path, hunks in self._hunks.items():
            chosen = [hunk for hunk in hunks if hunk.difference.title in put_back]
            if chosen:
                data = self._merged(path, chosen)
                made[digest := digest_bytes(data)] = data
                tree[path] = msgspec.structs.replace(self._trees[1][path], digest=digest, size=len(data))
        packages, variables = dict(self._packages[1]), dict(environment.variables)
        for difference in self.differences:
            if difference.title in put_back and difference.kind == "package":
                _exchange(packages, difference.name, self._packages[0].get(difference.name))
            if difference.title in put_back and difference.kind == "variable":
                _exchange(variables, difference.name, self.first.environment.variables.get(difference.name))
        source = (
            self.first.environment if f"python {self.first.environment.implementation}" in put_back else environment
        )
        files = sorted(tree.values(), key=lambda entry: entry.path)
        capture = msgspec.structs.replace(
            self.second,
            code=msgspec.structs.replace(self.second.code, files=files, digest=tree_digest(files)),
            environment=msgspec.structs.replace(
                environment,
                python=source.python,
                base_executable=source.base_executable,
                packages=list(packages.values()),
                variables=variables,
            ),
            process=msgspec.structs.replace(self.second.process, argv=self._command(put_back)),
        )
        return Mixture(capture, self.seeds[0] if "seed seed" in put_back else self.seeds[1], made)

    def _merged(self, path: str, chosen: Iterable[_Hunk]) -> bytes:
        texts = self._lines(path)
        assert texts is not None
        lines = list(texts[1])
        for hunk in sorted(chosen, key=lambda hunk: hunk.second.start, reverse=True):
            lines[hunk.second] = texts[0][hunk.first]
        return "".join(lines).encode()

    def _command(self, put_back: Collection[str]) -> list[str]:
        words = list(self._argv[1])
        matcher = difflib.SequenceMatcher(None, *self._argv, autojunk=False)
        for tag, i, i_end, j, j_end in reversed(matcher.get_opcodes()):
            if tag != "equal" and f"config argument {j}" in put_back:
                words[j:j_end] = self._argv[0][i:i_end]
        return [word.replace(_ROOT, self.second.code.root) for word in words]


class Mixture(NamedTuple):
    """A run that never was: something of one and the rest of another."""

    capture: Capture
    seed: int | None
    made: Mapping[Digest, bytes]
    """The contents of files that neither run has."""


_ROOT = "\0root"


def _files(capture: Capture) -> dict[str, FileEntry]:
    return {entry.path: entry for entry in capture.code.files}


def _packages(capture: Capture) -> dict[str, Package]:
    return {package.name: package for package in capture.environment.packages}


def _relative_words(capture: Capture) -> list[str]:
    """The command with the tree's place left open, and without the place of its Python."""
    words = [word.replace(capture.code.root, _ROOT) if capture.code.root else word for word in capture.process.argv]
    if words and os.path.basename(words[0]).startswith("python"):
        words[0] = "python"
    return words


def _changed(
    first: Mapping[str, object], second: Mapping[str, object], same: Callable[..., bool] | None = None
) -> list[str]:
    def differs(name: str) -> bool:
        a, b = first.get(name), second.get(name)
        return a is None or b is None or not (same(a, b) if same else a == b)

    return [name for name in sorted({*first, *second}) if differs(name)]


def _same_package(first: Package, second: Package) -> bool:
    return (first.version, first.source, first.commit, first.sha256) == (
        second.version,
        second.source,
        second.commit,
        second.sha256,
    )


def _exchange(found: dict[str, T], name: str, value: T | None) -> None:
    found.pop(name, None)
    if value is not None:
        found[name] = value


def _version(package: Package | None) -> str:
    return "" if package is None else package.version


def _sketch(entry: FileEntry | None) -> str:
    return "" if entry is None else f"{entry.size:,} bytes, {entry.digest[:12]}"


def _text(seed: int | None) -> str:
    return "" if seed is None else str(seed)
