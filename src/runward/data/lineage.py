"""The graph of data, runs and models, drawn from what runs read and wrote, file by file, by digest."""

from __future__ import annotations

import functools
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Literal

import msgspec

from runward.core.clock import to_us
from runward.core.ids import Digest
from runward.data import repository as sql
from runward.data.model import DatasetVersion, Edge, Lineage, Node, read_manifest
from runward.errors import InvalidError, NotFoundError
from runward.governance.dispatch import Call
from runward.governance.scopes import ProjectRow, readable_projects, readable_teams
from runward.tracking.model import RunStatus

MAX_NODES = 1000
_MAX_RUNS = 500
Direction = Literal["up", "down"]
Way = tuple[Edge, str]
"""An edge and the node at its other end."""
FindVersion = Callable[[sql.Place, str], str]


def draw(call: Call, project: ProjectRow, of: str, find_version: FindVersion) -> Lineage:
    """The lineage of a project, or of one thing. Raises: NotFoundError, InvalidError."""
    graph = _Graph(call)
    starts = list(graph.starts(project, of, find_version))
    for start in starts:
        # What leads to a thing and what came of it; not what else came of what led to it.
        graph.follow(start, "up")
        graph.follow(start, "down")
    return Lineage(list(graph.nodes.values()), sorted(graph.edges), graph.truncated)


class _Members(msgspec.Struct, frozen=True):
    """Which versions of a dataset hold which contents."""

    versions: dict[str, DatasetVersion]
    """By digest, oldest first."""
    holders: dict[str, list[str]]
    """Digests of versions by content, oldest first."""


class _Graph:
    def __init__(self, call: Call) -> None:
        self._call, self._tx = call, call.tx
        self._seen = readable_projects(call.actor)
        self._teams = readable_teams(call.actor)
        self.nodes: dict[str, Node] = {}
        self.edges: set[Edge] = set()
        self.truncated = False
        self._members = functools.cache(self._load_members)
        self._read = functools.cache(self._versions_read)
        self._made = functools.cache(self._versions_made)

    # where to begin ---------------------------------------------------------------------------------------------------

    def starts(self, project: ProjectRow, of: str, find_version: FindVersion) -> Iterator[str]:
        kind, _, name = of.partition(":")
        if not of:
            rows = self._tx.all("SELECT id FROM datasets WHERE project_id = ? ORDER BY name", (project.id,))
            for row in rows:
                yield from self._all_versions(row[0])
        elif kind == "dataset":
            yield from self._dataset_starts(project, name, find_version)
        elif kind == "run":
            yield self._must(f"run:{name}", of)
        elif kind == "model":
            yield self._must(f"model:{name}", of)
        else:
            raise InvalidError(
                f"of={of[:200]!r} is not understood",
                hint="dataset:NAME, dataset:NAME@VERSION, run:ID or model:NAME/VERSION",
            )

    def _dataset_starts(self, project: ProjectRow, name: str, find_version: FindVersion) -> Iterator[str]:
        dataset, _, version = name.partition("@")
        place = sql.find_dataset(self._tx, f"{project.path}/{dataset}") or sql.find_dataset(self._tx, dataset)
        if place is None or self._call.role_on("dataset", place.id) is None:
            raise NotFoundError(f"there is no dataset {dataset[:200]!r}")
        if version:
            yield self._must(f"dataset:{place.id}@{find_version(place, version)}", name)
        else:
            yield from self._all_versions(place.id)

    def _all_versions(self, dataset_id: str) -> Iterator[str]:
        for digest in reversed(self._members(dataset_id).versions):
            if self._add(node := f"dataset:{dataset_id}@{digest}"):
                yield node

    def _must(self, node: str, asked: str) -> str:
        if not self._add(node):
            raise NotFoundError(f"there is no {asked[:200]!r}")
        return node

    # walking ----------------------------------------------------------------------------------------------------------

    def follow(self, start: str, direction: Direction) -> None:
        """Add all that leads to a node, or all that came of it."""
        waiting, done = deque([start]), {start}
        while waiting:
            for edge, other in self._ways(waiting.popleft(), direction):
                if not self._add(other):
                    continue
                self.edges.add(edge)
                if other not in done:
                    done.add(other)
                    waiting.append(other)

    def _ways(self, node: str, direction: Direction) -> list[Way]:
        kind, _, ref = node.partition(":")
        if kind == "dataset":
            return list(self._ways_of_version(node, ref, direction))
        if kind == "run":
            return list(self._ways_of_run(node, ref, direction))
        return list(self._ways_of_model(node, ref)) if direction == "up" else []

    def _ways_of_version(self, node: str, ref: str, direction: Direction) -> Iterator[Way]:
        dataset_id, _, digest = ref.partition("@")
        versions = self._members(dataset_id).versions
        if direction == "up":
            if parent := versions[digest].parent:
                yield Edge(f"dataset:{dataset_id}@{parent}", node, "grew"), f"dataset:{dataset_id}@{parent}"
            for run_id in self._runs("made", dataset_id):
                if files := self._made(run_id).get(node):
                    yield Edge(f"run:{run_id}", node, "made", files), f"run:{run_id}"
            return
        for child in versions.values():
            if child.parent == digest:
                other = f"dataset:{dataset_id}@{child.digest}"
                yield Edge(node, other, "grew"), other
        for run_id in self._runs("read", dataset_id):
            if files := self._read(run_id).get(node):
                yield Edge(node, f"run:{run_id}", "read", files), f"run:{run_id}"

    def _runs(self, use: sql.Use, dataset_id: str) -> list[str]:
        found = sql.users(self._tx, use, dataset_id, self._seen, _MAX_RUNS + 1)
        self.truncated |= len(found) > _MAX_RUNS
        return found[:_MAX_RUNS]

    def _ways_of_run(self, node: str, run_id: str, direction: Direction) -> Iterator[Way]:
        if direction == "up":
            for version, files in self._read(run_id).items():
                yield Edge(version, node, "read", files), version
            return
        for version, files in self._made(run_id).items():
            yield Edge(node, version, "made", files), version
        for name, number in sql.models_of(self._tx, run_id, self._teams):
            yield Edge(node, f"model:{name}/{number}", "published"), f"model:{name}/{number}"

    def _ways_of_model(self, node: str, ref: str) -> Iterator[Way]:
        name, _, number = ref.rpartition("/")
        if run_id := sql.run_of_model(self._tx, name, int(number), self._teams):
            yield Edge(f"run:{run_id}", node, "published"), f"run:{run_id}"

    # which version ----------------------------------------------------------------------------------------------------

    def _load_members(self, dataset_id: str) -> _Members:
        place = sql.find_dataset(self._tx, dataset_id)
        assert place is not None
        versions = {item.digest: item for item in reversed(sql.versions(self._tx, place))}
        holders: dict[str, list[str]] = {}
        for digest in versions:
            manifest = read_manifest(self._call.blobs.read(Digest(digest)))
            for content in {item.digest for item in manifest.files}:
                holders.setdefault(content, []).append(digest)
        return _Members(versions, holders)

    def _versions_read(self, run_id: str) -> dict[str, int]:
        """Node -> files of the version of each dataset that a run read.

        Several may hold the same files: of those that hold the most of what was read it is the newest that was there when
        the run began, or the oldest if none was.
        """
        run = sql.run(self._tx, run_id, self._seen)
        if run is None:
            return {}
        found: dict[str, int] = {}
        for dataset_id, contents in _by_dataset(sql.contents(self._tx, "read", run_id, self._seen)).items():
            members = self._members(dataset_id)
            counts = Counter(digest for content in contents for digest in members.holders.get(content, ()))
            most = max(counts.values(), default=0)
            best = [item for item in members.versions.values() if most and counts[item.digest] == most]
            before = [item for item in best if to_us(item.created_at) <= run.created_at]
            for chosen in before[-1:] or best[:1]:
                found[f"dataset:{dataset_id}@{chosen.digest}"] = most
        return found

    def _versions_made(self, run_id: str) -> dict[str, int]:
        """Node -> files that a run made, each counted in the first version that holds it."""
        found: Counter[str] = Counter()
        for dataset_id, contents in _by_dataset(sql.contents(self._tx, "made", run_id, self._seen)).items():
            holders = self._members(dataset_id).holders
            found.update(f"dataset:{dataset_id}@{holders[content][0]}" for content in contents if content in holders)
        return dict(found)

    # nodes ------------------------------------------------------------------------------------------------------------

    def _add(self, node: str) -> bool:
        """Whether a node is in the graph: it exists, the caller may see it, and there is room."""
        if node in self.nodes:
            return True
        if len(self.nodes) >= MAX_NODES:
            self.truncated = True
            return False
        kind, _, ref = node.partition(":")
        described = {"dataset": self._version_node, "run": self._run_node, "model": self._model_node}[kind](node, ref)
        if described is None:
            return False
        self.nodes[node] = described
        return True

    def _version_node(self, node: str, ref: str) -> Node | None:
        dataset_id, _, digest = ref.partition("@")
        item = self._members(dataset_id).versions[digest]
        detail = {"digest": digest, "names": item.names, "files": item.files, "bytes": item.bytes}
        title = f"{item.dataset.rpartition('/')[2]} {item.title}"
        return Node(id=node, kind="dataset", title=title, ref=f"{item.dataset}@{digest[:12]}", detail=detail)

    def _run_node(self, node: str, ref: str) -> Node | None:
        run = sql.run(self._tx, ref, self._seen)
        if run is None:
            return None
        return Node(id=node, kind="run", title=run.name, ref=ref, detail={"status": str(RunStatus(run.status))})

    def _model_node(self, node: str, ref: str) -> Node | None:
        name, _, number = ref.rpartition("/")
        if (
            not (number.isascii() and number.isdecimal() and len(number) < 18)
            or sql.run_of_model(self._tx, name, int(number), self._teams) is None
        ):
            return None
        return Node(id=node, kind="model", title=f"{name} {number}", ref=ref)


def _by_dataset(rows: list[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for dataset_id, digest in rows:
        found.setdefault(dataset_id, []).append(digest)
    return found
