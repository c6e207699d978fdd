"""Whether a second implementation is one: another author, code that is not shared, the same data."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from fnmatch import fnmatch
from typing import Any, NamedTuple

import msgspec

from runward.errors import NotFoundError
from runward.repro.compare import kind_of, kind_of_file
from runward.repro.model import CheckStatus, InputCheck
from runward.tracking.capture.model import CodeSnapshot, EnvironmentSnapshot, FileEntry, FileRead, ProcessSnapshot

KINDS = ("author", "shared_code", "evaluation", "dataset")
"""The kinds of these checks: what must differ, may be shared, must be the same."""
_SHINGLE = 3
_FEWEST = 3
_MOST_SHARED = 0.3
_MOST_BYTES = 1 << 20
_BY_NAME = frozenset({"exec", "eval", "__import__"})
_LAUNCHERS = frozenset({"importlib", "runpy", "subprocess"})
"""What brings code into a program in another way than an import: calls of these names, what these modules have."""


class Implementation(NamedTuple):
    """One run as its implementation shows it."""

    author: str
    code: list[FileEntry]
    """What its program can reach by imports; all code of its tree where that cannot be told."""
    data: dict[str, str]
    """Digests of the data that it read, by name."""
    read: Callable[[str], bytes]
    """Gives the bytes of a captured file. Raises: NotFoundError."""


def implementation_of(author: str, document: Callable[[str], bytes], read: Callable[[str], bytes]) -> Implementation:
    """An implementation from a run's captured documents.

    Args:
        author: Who ran it.
        document: Gives a captured document by kind (``code``, ``environment``, ``process``, ``reads``). Raises: NotFoundError.
        read: Gives the bytes of a captured file. Raises: NotFoundError.
    """
    code = msgspec.json.decode(document("code"), type=CodeSnapshot)
    environment = msgspec.json.decode(document("environment"), type=EnvironmentSnapshot)
    told: dict[str, Any] = msgspec.json.decode(document("reads"))
    reads = [one for one in msgspec.convert(told.get("reads", []), list[FileRead]) if kind_of(one) == "data"]
    files = [*code.files, *(entry for tree in environment.sources.values() for entry in tree.files)]
    data = {one.relative or one.path: one.digest for one in reads if one.digest and not one.changed}
    entry = msgspec.json.decode(document("process"), type=ProcessSnapshot).entry
    start = posixpath.normpath(posixpath.join(code.subfolder, entry)) if entry else ""
    return Implementation(author, reached_code([file for file in files if _is_code(file)], start, read), data, read)


def reached_code(files: list[FileEntry], entry: str, read: Callable[[str], bytes]) -> list[FileEntry]:
    """The files that a Python program can reach: its script and, again and again, what these import by name.

    A name may mean several files of a tree; all of them count. All files count where the script is not known, or one of
    those that are reached cannot be parsed or may bring in code in another way (``exec``, ``importlib``, a process).

    Args:
        files: The code of the tree, and of packages that are developed elsewhere.
        entry: The script's path in the tree.
        read: Gives the bytes of a captured file. Raises: NotFoundError.
    """
    by_path = {file.path: file for file in files}
    ahead, found = [entry], dict[str, FileEntry]()
    while ahead:
        path = ahead.pop()
        if path in found:
            continue
        file = by_path.get(path)
        wanted = _imported(path, read, file.digest) if file and path.endswith(".py") else None
        if file is None or wanted is None:
            return files
        found[path] = file
        ahead += [other for other in by_path if f"/{other}".endswith(wanted)]
    return list(found.values())


def _imported(path: str, read: Callable[[str], bytes], digest: str) -> tuple[str, ...] | None:
    """The ends of the paths that a file's imports may mean; None where they do not say it all."""
    try:
        nodes = list(ast.walk(ast.parse(read(digest))))
    except (NotFoundError, SyntaxError, ValueError, RecursionError):
        return None
    names = set[str]()
    for node in nodes:
        if isinstance(node, ast.Name) and node.id in _BY_NAME:
            return None
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            folder = path.split("/")[: -node.level] if node.level else []
            base = ".".join([*folder, *([node.module] if node.module else [])])
            names |= {base, *(f"{base}.{alias.name}".lstrip(".") for alias in node.names)}
    if any(name.split(".")[0] in _LAUNCHERS for name in names):
        return None
    parts = {"/".join(name.split(".")[:end]) for name in names for end in range(1, name.count(".") + 2) if name}
    return tuple(f"/{part}{end}" for part in sorted(parts) for end in (".py", "/__init__.py"))


def compare_implementations(
    first: Implementation, second: Implementation, evaluation: Sequence[str] = ()
) -> list[InputCheck]:
    """What tells two implementations apart and what they must have in common.

    A file of the second is shared where more than 30 % of its shingles (three lines in a row, without blanks, comments and
    imports) are in the first one's code too: containment, A. Z. Broder, "On the resemblance and containment of
    documents", SEQUENCES 1997. Identical files of three lines and more are always shared.

    Args:
        first: The implementation whose result is to come out again.
        second: The other one.
        evaluation: Files that both may share, as paths or patterns: how the result is measured.
    """
    same: CheckStatus = "same" if first.author == second.author else "different"
    checks = [InputCheck(kind="author", name="author", status=same, before=first.author, after=second.author)]
    checks += _shared(first, second, evaluation)
    return checks + [_dataset(name, digest, second) for name, digest in sorted(first.data.items())]


def not_independent(checks: Iterable[InputCheck]) -> str:
    """Why these checks do not make a second implementation of the same; empty where they do."""
    found = list(checks)
    if not any(check.kind == "author" and check.status == "different" for check in found):
        return "both were run by the same person: a second implementation is somebody else's"
    if shared := [check.name for check in found if check.kind == "shared_code"]:
        return f"{len(shared)} files of code are shared ({', '.join(shared[:3])}): name those that only evaluate"
    data = [check for check in found if check.kind == "dataset"]
    if not data:
        return "the first run was seen to read no data file, so nothing says that both used the same"
    if other := [check.name for check in data if check.status != "same"]:
        return f"the second implementation did not read {other[0]} as the first did"
    return ""


def _is_code(file: FileEntry) -> bool:
    return file.mode != "symlink" and 0 < file.size <= _MOST_BYTES and kind_of_file(file.path, file.size) == "code"


def _shared(first: Implementation, second: Implementation, evaluation: Sequence[str]) -> Iterator[InputCheck]:
    def evaluates(file: FileEntry) -> bool:
        return any(fnmatch(file.path, pattern) for pattern in evaluation)

    known = {file.digest: file for file in first.code}
    pool = set[str]()
    for file in first.code:
        if not evaluates(file):
            pool |= _shingles(first.read, file.digest)
    for file in second.code:
        if evaluates(file):
            status: CheckStatus = "same" if file.digest in known else "different"
            before = next((one.digest for one in first.code if one.path == file.path), None)
            yield InputCheck(kind="evaluation", name=file.path, status=status, before=before, after=file.digest)
        elif share := _share(_shingles(second.read, file.digest), pool, is_copy=file.digest in known):
            yield InputCheck(kind="shared_code", name=file.path, status="same", after=f"{share:.0%} of its lines")


def _share(own: Collection[str], pool: Collection[str], *, is_copy: bool) -> float:
    """The part of a file that stands in the other implementation too; 0 where it is too little to count."""
    share = sum(one in pool for one in own) / max(1, len(own))
    return share if (is_copy and own) or (len(own) >= _FEWEST and share > _MOST_SHARED) else 0.0


def _shingles(read: Callable[[str], bytes], digest: str) -> set[str]:
    try:
        text = read(digest).decode()
    except (NotFoundError, UnicodeDecodeError):
        return set()
    lines = ["".join(line.split()) for line in text.splitlines()]
    told = [line for line in lines if line and not line.startswith(("#", "//", "import", "from"))]
    return {"\n".join(told[start : start + _SHINGLE]) for start in range(len(told) - _SHINGLE + 1)}


def _dataset(name: str, digest: str, second: Implementation) -> InputCheck:
    after = digest if digest in second.data.values() else second.data.get(name)
    status: CheckStatus = "unchecked" if after is None else "same" if after == digest else "different"
    return InputCheck(kind="dataset", name=name, status=status, before=digest, after=after)
