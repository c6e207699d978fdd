"""What a dataset is: named versions, each of them the digest of a list of files."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from runward.core.hashing import digest_bytes
from runward.core.ids import Digest
from runward.errors import CorruptedError

NodeKind = Literal["dataset", "run", "artifact", "model"]
EdgeKind = Literal["read", "made", "published", "grew"]
Bump = Literal["major", "minor", "patch", "none"]


class FileItem(msgspec.Struct, frozen=True, order=True):
    """A file of a version."""

    path: str
    r"""Relative, with ``/``; a byte that is not UTF-8 is written ``\xNN`` and a backslash twice."""
    size: int
    """Bytes."""
    digest: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The files of a version by path. Its digest is the version, so it holds content only: no time, no owner."""

    format: int = 1
    single: bool = False
    """The dataset is one file, not a folder that holds one."""
    files: list[FileItem]

    def encoded(self) -> bytes:
        """The manifest as the bytes that its digest is of."""
        return _ENCODER.encode(self)

    @property
    def digest(self) -> Digest:
        """What names the version."""
        return digest_bytes(self.encoded())

    @property
    def bytes(self) -> int:
        """The sum of the files' sizes."""
        return sum(item.size for item in self.files)

    def by_path(self) -> dict[str, FileItem]:
        """The files by path."""
        return {item.path: item for item in self.files}


_DECODER = msgspec.json.Decoder(Manifest)
# Canonical JSON, as everywhere; without a number that could be NaN it needs no look at every value.
_ENCODER = msgspec.json.Encoder(order="sorted")


def read_manifest(data: bytes) -> Manifest:
    """A manifest from its bytes. Raises: CorruptedError."""
    try:
        return _DECODER.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise CorruptedError(f"these bytes are no manifest of a dataset: {error}") from error


class Column(msgspec.Struct, frozen=True):
    """A column of a table file."""

    name: str
    type: str


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a table file without reading it again."""

    path: str
    digest: str
    """Of the file that this was read from."""
    format: str
    """``csv``, ``tsv``, ``jsonl`` or ``parquet``."""
    rows: int
    columns: list[Column]


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """Something in a dataset that stands for data kept elsewhere, or for a version in another tool's words."""

    path: str
    kind: Literal["git-lfs", "delta"]
    id: str
    """The object that a Git LFS pointer names; the id of a Delta table."""
    version: int = 0
    """A Delta table's version."""
    size: int = 0
    """Bytes of the object that a Git LFS pointer stands for."""


class Summary(msgspec.Struct, frozen=True):
    """What a version holds beyond bytes."""

    tables: list[Table] = []
    references: list[Reference] = []


class ColumnDoc(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the data dictionary."""

    table: str
    """The table file's path."""
    column: str
    type: str = ""
    unit: str = ""
    description: str = ""
    missing: int | None = None
    """Cells without a value; None where nobody counted."""
    distinct: int | None = None
    least: str = ""
    greatest: str = ""
    pii: Literal["", "none", "email", "phone", "name", "address", "id", "ip", "card", "birth date", "other"] = ""
    """What personal data the column holds; empty where nobody looked."""


class NewDatasetVersion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A version to store; the bytes of its manifest and of its files are uploaded already."""

    project: str
    dataset: str
    """A name that is unique in the project; the dataset is made with its first version."""
    manifest: str
    """The digest of the manifest's bytes, which is the version's."""
    parent: str = ""
    """A version of this dataset; empty for the newest."""
    note: str = ""
    summary: Summary = Summary()


def title_of(names: list[str], digest: str) -> str:
    """A version's best name: a semantic one, else another, else the digest's beginning."""
    semantic = [name for name in names if name[:1].isdigit()]
    return (semantic or names or [digest[:12]])[-1]


class DatasetVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One content of a dataset. It never changes; only its names, note and dictionary do."""

    dataset: str
    """Project and name: ``vision/digits/train``."""
    dataset_id: str
    digest: str
    parent: str
    names: list[str]
    files: int
    bytes: int
    note: str
    summary: Summary
    dictionary: list[ColumnDoc]
    created_by: str
    created_at: datetime

    @property
    def title(self) -> str:
        """The version by its best name: a semantic one, else another, else the digest's beginning."""
        return title_of(self.names, self.digest)

    @property
    def time_name(self) -> str:
        """The version by its time, which ``runward data`` takes for a name too."""
        return f"{self.created_at:%Y-%m-%dT%H:%M:%S.%fZ}"


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """A name within a project under which versions follow each other."""

    id: str
    name: str
    project: str
    description: str
    versions: int
    latest: str
    """The digest of the newest version."""
    names: dict[str, str]
    """Digest by name."""
    created_by: str
    created_at: datetime
    updated_at: datetime

    @property
    def path(self) -> str:
        """Project and name."""
        return f"{self.project}/{self.name}"


class DatasetLine(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset as a list shows it, with what its newest version holds."""

    id: str
    name: str
    project: str
    description: str
    versions: int
    latest: str
    """The digest of the newest version; empty where there is none."""
    names: list[str]
    """Of the newest version."""
    files: int
    bytes: int
    rows: int | None
    """Of all its tables; None where it has none, or nobody looked."""
    updated_at: datetime


class DatasetPage(msgspec.Struct, frozen=True):
    """Some datasets of a list."""

    datasets: list[DatasetLine]
    total: int
    """How many the list has, exactly."""
    next: str
    """What ``after`` has to be for those that follow; empty at the end."""


class VersionLine(msgspec.Struct, frozen=True, kw_only=True):
    """A version as a history shows it."""

    digest: str
    parent: str
    names: list[str]
    files: int
    bytes: int
    tables: int
    rows: int | None
    """Of all its tables; None where it has none, or nobody looked."""
    note: str
    created_by: str
    created_at: datetime


class FilePage(msgspec.Struct, frozen=True):
    """Some files of a version."""

    files: list[FileItem]
    total: int
    """How many fit the search."""
    bytes: int
    """Their sizes together."""
    next: str
    """What ``after`` has to be for those that follow; empty at the end."""


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A dataset version, a run, a file that a run made, or a model version in a graph."""

    id: str
    """Unique in the graph: ``dataset:ID@DIGEST``, ``run:ID``, ``artifact:RUN/PATH``, ``model:NAME/3``."""
    kind: NodeKind
    title: str
    ref: str
    """What the other operations call it."""
    detail: dict[str, Any] = {}


class Edge(msgspec.Struct, frozen=True, order=True):
    """An arrow in the direction in which data flow."""

    source: str
    target: str
    kind: EdgeKind
    """``read`` (dataset or artifact to run), ``made`` (run to dataset or artifact), ``published`` (run to model), ``grew``
    (version to version)."""
    files: int = 0
    """How many of the files say so, by their digests."""


class Lineage(msgspec.Struct, frozen=True):
    """Where data come from and what became of them."""

    nodes: list[Node]
    edges: list[Edge]
    truncated: bool = False
    """There is more than the graph shows."""
