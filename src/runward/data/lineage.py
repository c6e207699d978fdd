"""The graph of data, runs and models, drawn from what runs read and wrote, file by file, by digest."""

from __future__ import annotations

import bisect
import functools
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Literal

from runward.data import repository as sql
from runward.data.model import Edge, Lineage, Node, title_of
from runward.data.spans import Span, find_spans, is_known
from runward.errors import InvalidError, NotFoundError
from runward.governance.calling import Call
from runward.governance.scopes import ProjectRow, readable_projects, readable_teams
from runward.tracking.model import RunStatus

MAX_NODES = 1000
_MAX_RUNS = 500
_MAX_FILES = 20
"""So many artifacts are shown between two runs."""
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


def versions_read(call: Call, run_id: str) -> list[str]:
    """The version of each dataset that a run read and the caller may see: its name, its digest, and how many files of it."""
    return sorted(_Graph(call).told_of(run_id))


class _Versions:
    """The versions of a dataset, oldest first."""

    def __init__(self, call: Call, place: sql.Place) -> None:
        self.path = f"{place.project}/{place.name}"
        self.cards = sql.cards(call.tx, place.id)
        self.by_digest = {card.digest: card for card in self.cards}
        self._found: dict[str, list[Span]] | None = None
        if not is_known(call.tx, place.id):
            # A workspace of an older format, whose upkeep did not come here yet.
            self._found = {}
            for content, span in find_spans(call.tx, call.blobs, place.id):
                self._found.setdefault(content, []).append(span)

    @property
    def is_known(self) -> bool:
        """Whether the database knows which versions hold which contents."""
        return self._found is None

    def spans_of(self, content: str) -> list[Span]:
        """The ranges of a content, where the database does not know them."""
        return (self._found or {}).get(content, [])

    def inside(self, span: Span) -> list[sql.Card]:
        """The versions of a range."""
        begin = bisect.bisect_left(self.cards, span.first, key=lambda card: card.number)
        end = len(self.cards)
        if span.past is not None:
            end = bisect.bisect_left(self.cards, span.past, key=lambda card: card.number)
        return self.cards[begin:end]


class _Graph:
    def __init__(self, call: Call) -> None:
        self._call, self._tx = call, call.tx
        self._seen = readable_projects(call.actor)
        self._teams = readable_teams(call.actor)
        self.nodes: dict[str, Node] = {}
        self.edges: set[Edge] = set()
        self.truncated = False
        self._versions = functools.cache(self._load_versions)
        self._read = functools.cache(self._versions_read)
        self._made = functools.cache(self._versions_made)
        self._files = functools.cache(self._artifacts_read)
        self._ways = functools.cache(self._find_ways)

    # where to begin ---------------------------------------------------------------------------------------------------

    def starts(self, project: ProjectRow, of: str, find_version: FindVersion) -> Iterator[str]:
        kind, _, name = of.partition(":")
        if not of:
            rows = self._tx.all("SELECT id FROM datasets WHERE project_id = ? ORDER BY name", (project.id,))
            for row in rows:
                yield from self._all_versions(row[0])
        elif kind == "dataset":
            yield from self._dataset_starts(project, name, find_version)
        elif kind in ("run", "artifact", "model"):
            yield self._must(of, of)
        else:
            raise InvalidError(
                f"of={of[:200]!r} is not understood",
                hint="dataset:NAME, dataset:NAME@VERSION, run:ID, artifact:RUN/PATH or model:NAME/VERSION",
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
        for card in reversed(self._versions(dataset_id).cards):
            if self._add(node := f"dataset:{dataset_id}@{card.digest}"):
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

    def _find_ways(self, node: str, direction: Direction) -> list[Way]:
        kind, _, ref = node.partition(":")
        if kind == "dataset":
            return list(self._ways_of_version(node, ref, direction))
        if kind == "run":
            return list(self._ways_of_run(node, ref, direction))
        if kind == "artifact":
            return list(self._ways_of_artifact(node, ref, direction))
        return list(self._ways_of_model(node, ref)) if direction == "up" else []

    def _ways_of_version(self, node: str, ref: str, direction: Direction) -> Iterator[Way]:
        dataset_id, _, digest = ref.partition("@")
        versions = self._versions(dataset_id)
        if direction == "up":
            if parent := versions.by_digest[digest].parent:
                yield Edge(f"dataset:{dataset_id}@{parent}", node, "grew"), f"dataset:{dataset_id}@{parent}"
            for run_id in self._runs("made", dataset_id, digest):
                if files := self._made(run_id).get(node):
                    yield Edge(f"run:{run_id}", node, "made", files), f"run:{run_id}"
            return
        for child in versions.cards:
            if child.parent == digest:
                other = f"dataset:{dataset_id}@{child.digest}"
                yield Edge(node, other, "grew"), other
        for run_id in self._runs("read", dataset_id, digest):
            if files := self._read(run_id).get(node):
                yield Edge(node, f"run:{run_id}", "read", files), f"run:{run_id}"

    def _runs(self, use: sql.Use, dataset_id: str, digest: str) -> list[str]:
        number = self._versions(dataset_id).by_digest[digest].number
        return self._bounded(sql.users(self._tx, use, dataset_id, number, self._seen, _MAX_RUNS + 1))

    def _bounded(self, runs: list[str]) -> list[str]:
        self.truncated |= len(runs) > _MAX_RUNS
        return runs[:_MAX_RUNS]

    def _ways_of_run(self, node: str, run_id: str, direction: Direction) -> Iterator[Way]:
        if direction == "up":
            for version, files in self._read(run_id).items():
                yield Edge(version, node, "read", files), version
            for file in self._files(run_id):
                yield Edge(file, node, "read", 1), file
            return
        for version, files in self._made(run_id).items():
            yield Edge(node, version, "made", files), version
        for reader in self._bounded(sql.artifact_readers(self._tx, run_id, self._seen, _MAX_RUNS + 1)):
            for file in self._files(reader):
                if file.startswith(f"artifact:{run_id}/"):
                    yield Edge(node, file, "made", 1), file
        for name, number in sql.models_of(self._tx, run_id, self._teams):
            yield Edge(node, f"model:{name}/{number}", "published"), f"model:{name}/{number}"

    def _ways_of_artifact(self, node: str, ref: str, direction: Direction) -> Iterator[Way]:
        run_id, _, path = ref.partition("/")
        if direction == "up":
            yield Edge(f"run:{run_id}", node, "made", 1), f"run:{run_id}"
            return
        for reader in self._bounded(sql.artifact_readers(self._tx, run_id, self._seen, _MAX_RUNS + 1, path)):
            if node in self._files(reader):
                yield Edge(node, f"run:{reader}", "read", 1), f"run:{reader}"

    def _ways_of_model(self, node: str, ref: str) -> Iterator[Way]:
        name, _, number = ref.rpartition("/")
        if run_id := sql.run_of_model(self._tx, name, int(number), self._teams):
            yield Edge(f"run:{run_id}", node, "published"), f"run:{run_id}"

    # which version ----------------------------------------------------------------------------------------------------

    def _load_versions(self, dataset_id: str) -> _Versions:
        place = sql.find_dataset(self._tx, dataset_id)
        assert place is not None
        return _Versions(self._call, place)

    def _parts(self, use: sql.Use, run_id: str) -> dict[str, list[sql.Part]]:
        """By dataset, how much of what a run read or made lies in which versions."""
        stored = (sql.parts_read if use == "read" else sql.parts_made)(self._tx, run_id, self._seen)
        found: dict[str, list[sql.Part]] = {}
        for part in stored:
            found.setdefault(part.dataset_id, []).append(part)
        for dataset_id in found:
            versions = self._versions(dataset_id)
            if not versions.is_known:
                held = [versions.spans_of(content) for content in sql.contents(self._tx, use, run_id, dataset_id)]
                counts = Counter(span for spans in held for span in (spans if use == "read" else spans[:1]))
                found[dataset_id] = [sql.Part(dataset_id, *counted) for counted in counts.items()]
        return found

    def _versions_read(self, run_id: str) -> dict[str, int]:
        """Node -> files of the version of each dataset that a run read.

        Several may hold the same files: of those that hold the most of what was read it is the newest that was there when
        the run began, or the oldest if none was.
        """
        run = sql.run(self._tx, run_id, self._seen)
        if run is None:
            return {}
        found: dict[str, int] = {}
        for dataset_id, parts in self._parts("read", run_id).items():
            counts: Counter[str] = Counter()
            versions = self._versions(dataset_id)
            for part in parts:
                for card in versions.inside(part.span):
                    counts[card.digest] += part.files
            most = max(counts.values(), default=0)
            best = [card for card in versions.cards if most and counts[card.digest] == most]
            before = [card for card in best if card.created_at <= run.created_at]
            for chosen in before[-1:] or best[:1]:
                found[f"dataset:{dataset_id}@{chosen.digest}"] = most
        return found

    def _versions_made(self, run_id: str) -> dict[str, int]:
        """Node -> files that a run made, each counted in the first version that holds it."""
        found: Counter[str] = Counter()
        for dataset_id, parts in self._parts("made", run_id).items():
            for part in parts:
                for card in self._versions(dataset_id).inside(part.span)[:1]:
                    found[f"dataset:{dataset_id}@{card.digest}"] += part.files
        return dict(found)

    def _artifacts_read(self, run_id: str) -> dict[str, None]:
        """The nodes of other runs' artifacts that a run read, in the order in which they were made.

        Several may have the same bytes: it is the newest that was there when the run began, or the oldest if none was.
        """
        run = sql.run(self._tx, run_id, self._seen)
        same: dict[str, list[sql.FileRow]] = {}
        for row in sql.artifacts_read(self._tx, run_id, self._seen) if run else ():
            same.setdefault(row.digest, []).append(row)
        found, shown = dict[str, None](), Counter[str]()
        for rows in same.values():
            before = [row for row in rows if run and row.created_at <= run.created_at]
            chosen = before[-1] if before else rows[0]
            shown[chosen.run_id] += 1
            if shown[chosen.run_id] > _MAX_FILES:
                self.truncated = True
            else:
                found[f"artifact:{chosen.run_id}/{chosen.path}"] = None
        return found

    def told_of(self, run_id: str) -> Iterator[str]:
        """What a run read, in words."""
        for version, files in self._read(run_id).items():
            if self._add(version):
                found = self.nodes[version]
                named = f" ({', '.join(found.detail['names'])})" if found.detail["names"] else ""
                yield f"data `{found.ref}`{named}, {files} file{'s' if files > 1 else ''} read"

    # nodes ------------------------------------------------------------------------------------------------------------

    def _add(self, node: str) -> bool:
        """Whether a node is in the graph: it exists, the caller may see it, and there is room."""
        if node in self.nodes:
            return True
        if len(self.nodes) >= MAX_NODES:
            self.truncated = True
            return False
        kind, _, ref = node.partition(":")
        describe = {
            "dataset": self._version_node,
            "run": self._run_node,
            "artifact": self._artifact_node,
            "model": self._model_node,
        }
        described = describe[kind](node, ref)
        if described is None:
            return False
        self.nodes[node] = described
        return True

    def _version_node(self, node: str, ref: str) -> Node | None:
        dataset_id, _, digest = ref.partition("@")
        versions = self._versions(dataset_id)
        card = versions.by_digest[digest]
        detail = {"digest": digest, "names": card.names, "files": card.files, "bytes": card.bytes}
        title = f"{versions.path.rpartition('/')[2]} {title_of(card.names, digest)}"
        return Node(id=node, kind="dataset", title=title, ref=f"{versions.path}@{digest[:12]}", detail=detail)

    def _artifact_node(self, node: str, ref: str) -> Node | None:
        run_id, _, path = ref.partition("/")
        file = sql.artifact(self._tx, run_id, path, self._seen)
        if file is None:
            return None
        detail = {"digest": file.digest, "bytes": file.size, "path": path}
        return Node(id=node, kind="artifact", title=path.rpartition("/")[2], ref=ref, detail=detail)

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
