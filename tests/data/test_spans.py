"""Which versions hold which contents: what is noted as versions come and go is what their manifests say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from runward.core.ids import Digest, new_id
from runward.data import spans
from runward.data.model import Lineage, read_manifest
from runward.governance.signin import folder_actor
from runward.store.database import open_database
from runward.store.folder import FolderBlobs
from runward.store.migrations import MIGRATIONS, m0014_spans, migrate
from runward.testing.data import read_by, store
from runward.tracking.model import NewArtifact, NewProject, NewRun
from runward.workspace import FolderWorkspace, open_dispatcher

BEFORE = MIGRATIONS.index(m0014_spans)
"""The format in which ranges were not known."""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def space(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FolderWorkspace]:
    url = f"sqlite:///{tmp_path / 'd.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    database = open_database(url)
    dispatcher = open_dispatcher(database, FolderBlobs(tmp_path / "blobs"), tmp_path)
    found = FolderWorkspace(dispatcher, str(tmp_path), tmp_path, folder_actor(database, "owner"))
    yield found
    found.close()


def held_by_manifests(space: FolderWorkspace, dataset_id: str) -> dict[int, set[str]]:
    with space.dispatcher.database.transaction(write=False) as tx:
        rows = tx.all("SELECT number, digest FROM dataset_versions WHERE dataset_id = ?", (dataset_id,))
    blobs = space.dispatcher.blobs
    return {number: spans.contents_of(read_manifest(blobs.read(Digest(digest)))) for number, digest in rows}


def held_by_spans(space: FolderWorkspace, dataset_id: str) -> dict[int, set[str]]:
    with space.dispatcher.database.transaction(write=False) as tx:
        rows = tx.all("SELECT digest, first, past FROM dataset_spans WHERE dataset_id = ?", (dataset_id,))
        numbers = tx.all("SELECT number FROM dataset_versions WHERE dataset_id = ?", (dataset_id,))
    return {
        number: {digest for digest, first, past in rows if first <= number and (past is None or number < past)}
        for (number,) in numbers
    }


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(st.sets(st.sampled_from("abcdef"), min_size=1), st.integers(0, 5)), min_size=1, max_size=12))
@example([{"a"}, {"a", "b"}, {"b"}, 0, 0, {"c"}])
def test_ranges_say_what_manifests_say(space: FolderWorkspace, steps: list[set[str] | int]) -> None:
    """Whatever versions come, come again, and go."""
    space.tracking.create_project(NewProject(path="p", exist_ok=True))
    name = f"d{new_id()}".lower()
    dataset = store(space, "p", name, {"x": b"x"}).dataset_id
    for step in steps:
        if isinstance(step, int):
            listed = space.data.list_versions(dataset)
            space.data.delete_version(dataset, listed[step % len(listed)].digest)
        else:
            store(space, "p", name, {letter: letter.encode() for letter in step})
        expected = held_by_manifests(space, dataset)
        assert held_by_spans(space, dataset) == expected
        with space.dispatcher.database.transaction(write=False) as tx:
            kept = spans.held(tx, dataset, sorted({digest for held in expected.values() for digest in held}))
            stored = {row[0] for row in tx.all("SELECT digest FROM dataset_spans WHERE dataset_id = ?", (dataset,))}
        assert stored == kept
        if not expected:
            return


def _drawn(space: FolderWorkspace) -> Lineage:
    found = space.data.lineage("p")
    return Lineage(sorted(found.nodes, key=lambda node: node.id), found.edges, found.truncated)


def test_an_older_workspace_knows_the_same(space: FolderWorkspace) -> None:
    """At once, from the manifests, and after the upkeep has been there; what is added meanwhile is joined too."""
    space.tracking.create_project(NewProject(path="p"))
    contents = ({"a": b"1"}, {"a": b"1", "b": b"2"}, {"b": b"2"}, {"a": b"1", "c": b"3"})
    dataset = [store(space, "p", "d", one).dataset_id for one in contents][-1]
    store(space, "p", "e", {"m": b"made"})
    for number, read in enumerate(((b"1",), (b"1", b"2"), (b"2", b"3"))):
        run = space.tracking.create_run(NewRun(project="p", name=f"r{number}"))
        read_by(space, run.id, "p", *read)
        space.tracking.add_artifacts(run.id, [NewArtifact("m", space.files.put_bytes("p", b"made"))])
    database, blobs = space.dispatcher.database, space.dispatcher.blobs
    fresh, held = _drawn(space), held_by_spans(space, dataset)
    assert {edge.kind for edge in fresh.edges} == {"grew", "read", "made"}
    migrate(database, BEFORE)
    migrate(database)
    assert _drawn(space) == fresh
    assert spans.find_due(database, blobs, 10) == 2
    assert spans.find_due(database, blobs, 10) == 0
    assert _drawn(space) == fresh
    assert held_by_spans(space, dataset) == held
    migrate(database, BEFORE)
    migrate(database)
    store(space, "p", "d", {"z": b"26"})
    assert held_by_spans(space, dataset) == held_by_manifests(space, dataset)


def test_a_lineage_reads_no_manifest(space: FolderWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cost grows with what it shows, not with what was ever stored."""
    space.tracking.create_project(NewProject(path="p"))
    for number in range(5):
        store(space, "p", "d", {"a": b"1", "b": str(number).encode()})
    run = space.tracking.create_run(NewRun(project="p"))
    read_by(space, run.id, "p", b"1", b"3")
    monkeypatch.setattr(FolderBlobs, "read", None)
    monkeypatch.setattr(FolderBlobs, "read_many", None)
    assert len(space.data.lineage("p").edges) == 5
    assert [edge.files for edge in space.data.lineage("p", f"run:{run.id}").edges if edge.kind == "read"] == [2]
