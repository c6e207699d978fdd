"""What a reader of another tool's data gives, and what an import says at its end."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec

from runward.core.clock import from_us
from runward.errors import InvalidError
from runward.tracking.model import OutputChunk, RunStatus
from runward.tracking.points import Columns, empty_columns

TABLE = "application/vnd.runward.table+json"
HISTOGRAM = "application/vnd.runward.histogram+json"
_FORMAT = "1"


class Head(NamedTuple):
    """What is known of a foreign run before it is read."""

    id: str
    """Its id in its tool, as people know it."""
    identity: str
    """Tells it from every other run of the tool, wherever the data lies."""
    place: str
    """The experiment or project that it belongs to, as a path; may be empty."""
    version: str
    """Changes when the run does; see :func:`version_of`."""
    points: int = 0
    """About how many points it has, where that is known."""


class Distant(NamedTuple):
    """Bytes that are fetched when they are stored, and not in a dry run."""

    size: int
    chunks: Callable[[], Iterator[bytes]]


class File(NamedTuple):
    """An artifact: bytes, the path of a file that has them, or a way to get them."""

    path: str
    content: Path | bytes | Distant
    media_type: str = ""

    @property
    def size(self) -> int:
        """Its length in bytes. Raises: OSError."""
        if isinstance(self.content, Path):
            return self.content.stat().st_size
        return self.content.size if isinstance(self.content, Distant) else len(self.content)


class Foreign(msgspec.Struct, kw_only=True):
    """A whole run as its own tool's reader would tell it."""

    head: Head
    name: str
    status: RunStatus
    started_at: datetime
    ended_at: datetime | None = None
    purpose: str = ""
    exit_code: int | None = None
    error: str = ""
    seed: int | None = None
    params: dict[str, Any] = {}
    tags: dict[str, str] = {}
    series: dict[str, Columns] = {}
    files: list[File] = []
    output: list[OutputChunk] = []

    def add(self, key: str, step: int, at: float, value: float) -> None:
        """Add a point to a series."""
        columns = self.series.get(key)
        if columns is None:
            columns = self.series[key] = empty_columns()
        columns.steps.append(step)
        columns.times.append(at)
        columns.values.append(value)


class Broken(NamedTuple):
    """A run that could not be read."""

    head: Head
    problem: str


class Source(Protocol):
    """Another tool's data. It is read run by run, so that its size does not matter."""

    tool: str
    where: str
    """The file, folder or URL, without secrets."""
    lost: Counter[str]
    """What was met that cannot be carried over, and how often."""

    def heads(self) -> Iterator[Head | Broken]:
        """All runs. Raises: InvalidError (the data is not what it should be, by file and field)."""
        ...

    def read(self, heads: Sequence[Head]) -> Iterator[Foreign | Broken]:
        """Some of the runs in whole; one that cannot be read costs the others nothing."""
        ...


class Problem(msgspec.Struct, frozen=True):
    """A run that did not come, and why."""

    run: str
    message: str


class Report(msgspec.Struct):
    """What an import did, or would do."""

    tool: str
    source: str
    project: str
    dry_run: bool
    runs: int = 0
    """Runs found in the source."""
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    """Runs that were deleted in this workspace; they stay deleted."""
    points: int = 0
    files: int = 0
    bytes: int = 0
    redacted: int = 0
    """Values that held a secret."""
    renamed: int = 0
    """Names that could not stay as they were."""
    seconds: float = 0.0
    lost: dict[str, int] = {}
    problems: list[Problem] = []


def version_of(*facts: Any) -> str:
    """A short text that changes when one of the facts does."""
    data = json.dumps([_FORMAT, *facts], default=str, separators=(",", ":"))
    return hashlib.blake2b(data.encode(errors="surrogatepass"), digest_size=9).hexdigest()


def stat_of(paths: Iterable[Path]) -> list[tuple[str, int, int]]:
    """(name, size, time of change) of files, which change when their contents do."""
    return [(path.name, status.st_size, status.st_mtime_ns) for path in paths if (status := path.stat())]


def files_below(folder: Path) -> list[Path]:
    """All files below a folder, by path. What a link leads out to is none of them: it would be this machine's, not the source's."""
    return sorted(path for path in folder.rglob("*") if inside(folder, path)) if folder.is_dir() else []


def inside(folder: Path, place: Path | str) -> bool:
    """Whether there is a file at a place that a source names, and it lies in the source's own folder.

    Who sent a source must not have files of ours brought along by naming them.
    """
    try:
        found = (folder / place).resolve()
        return found.is_relative_to(folder.resolve()) and found.is_file()
    except (OSError, ValueError, RuntimeError):
        return False


def from_ms(milliseconds: int) -> datetime:
    """A moment from milliseconds since 1970."""
    return from_us(milliseconds * 1000)


def from_s(seconds: float) -> datetime:
    """A moment from seconds since 1970."""
    return from_us(round(seconds * 1e6))


def from_iso(text: str) -> datetime:
    """A moment from an ISO 8601 text; without a zone it is UTC. Raises: InvalidError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidError(f"time {text!r:.60} is not in ISO 8601") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def flat(tree: Any, separator: str = ".", prefix: str = "") -> dict[str, Any]:
    """The leaves of nested dicts by their joined keys; lists are leaves."""
    found: dict[str, Any] = {}
    for key, value in tree.items():
        name = f"{prefix}{separator}{key}" if prefix else str(key)
        if isinstance(value, dict) and value:
            found.update(flat(value, separator, name))
        else:
            found[name] = value
    return found


def json_object(data: bytes | str, what: str) -> dict[str, Any]:
    """A JSON object; NaN and the infinities are numbers, as Python writes them. Raises: InvalidError naming the file."""
    try:
        found = json.loads(data)
    except ValueError as error:
        raise InvalidError(f"{what} is no JSON: {error}", hint="the other runs are imported") from None
    if not isinstance(found, dict):
        raise InvalidError(f"{what} holds {type(found).__name__}, not an object")
    return found
