"""What every backend does with dataset versions."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from runward.core.hashing import digest_bytes
from runward.core.ids import Digest, new_id
from runward.data.model import (
    Column,
    ColumnDoc,
    DatasetVersion,
    FileItem,
    Lineage,
    Manifest,
    NewDatasetVersion,
    Summary,
    Table,
)
from runward.errors import (
    ConflictError,
    CorruptedError,
    ForbiddenError,
    InvalidError,
    MissingExtraError,
    NotFoundError,
)
from runward.registry.model import NewModel
from runward.registry.model import NewVersion as NewModelVersion
from runward.testing.worlds import BAD_NAMES, World, name_of
from runward.tracking.model import CapturePart, NewArtifact, NewProject, RunStatus
from runward.workspace import Workspace


def manifest_of(contents: Mapping[str, bytes]) -> Manifest:
    """The manifest of some files."""
    return Manifest(files=[FileItem(path, len(data), digest_bytes(data)) for path, data in sorted(contents.items())])


def store(space: Workspace, project: str, name: str, contents: Mapping[str, bytes], **more: object) -> DatasetVersion:
    """Store a version of some files."""
    manifest = manifest_of(contents)
    uploads: dict[Digest, bytes | Path] = {digest_bytes(data): data for data in contents.values()}
    space.files.put_files(project, {**uploads, manifest.digest: manifest.encoded()})
    new = NewDatasetVersion(project=project, dataset=name, manifest=manifest.digest)
    return space.data.add_version(msgspec.structs.replace(new, **more))


def _ref(world: World, name: str) -> str:
    return f"{world.project}/{name}".replace("/", ":")


def read_by(space: Workspace, run_id: str, project: str, *contents: bytes) -> None:
    """Note that a run read files with these contents."""
    reads = [{"path": f"/data/{index}", "digest": digest_bytes(data)} for index, data in enumerate(contents)]
    digest = space.files.put_bytes(project, msgspec.json.encode({"reads": reads}))
    space.tracking.put_captures(run_id, [CapturePart("reads", digest, {})])


def _titles(found: Lineage) -> set[str]:
    return {node.title for node in found.nodes}


def _edges(found: Lineage) -> set[tuple[str, str, str]]:
    titles = {node.id: node.title for node in found.nodes}
    return {(titles[edge.source], edge.kind, titles[edge.target]) for edge in found.edges}


class DataSuite:
    """Versions, names, dictionary, lineage, and who may do what."""

    def test_the_same_bytes_are_the_same_version(self, world: World) -> None:
        """Whoever adds them and whenever; other bytes are another version, whose parent is the newest one."""
        space = world.member()
        first = store(space, world.project, "digits", {"a.csv": b"1", "sub/b": b"22", "empty": b""}, note="first")
        assert (first.dataset, first.files, first.bytes) == (f"{world.project}/digits", 3, 3)
        assert (first.parent, first.note, first.names, first.created_by) == ("", "first", [], name_of(space))
        again = store(
            world.member(), world.project, "digits", {"empty": b"", "sub/b": b"22", "a.csv": b"1"}, note="again"
        )
        assert again == first
        second = store(space, world.project, "digits", {"a.csv": b"2"})
        assert second.parent == first.digest
        other = store(space, world.project, "digits", {"a.csv": b"3"}, parent=first.digest[:10])
        assert other.parent == first.digest
        listed = space.data.list_versions(_ref(world, "digits"))
        assert [item.digest for item in listed] == [other.digest, second.digest, first.digest]
        found = space.data.get_dataset(_ref(world, "digits"))
        assert (found.versions, found.latest, found.path) == (3, other.digest, f"{world.project}/digits")
        assert space.data.list_datasets(world.project) == [found] == [space.data.get_dataset(found.id)]
        assert space.data.get_manifest(found.id, first.digest).digest == first.digest

    def test_a_manifest_names_only_what_is_there(self, world: World) -> None:
        """And nothing outside of a folder, nothing twice, nothing of another project."""
        space, text = world.member(), b"bytes of one project"
        digest = space.files.put_bytes(world.project, text)
        lying = Manifest(files=[FileItem("a", 0, digest)])
        space.files.put_bytes(world.project, lying.encoded())
        with pytest.raises(InvalidError, match="0 bytes"):
            space.data.add_version(NewDatasetVersion(project=world.project, dataset="d", manifest=lying.digest))
        for paths in (["../out"], ["/etc/passwd"], ["a//b"], ["a/./b"], ["b", "a"], ["a", "a"], ["a", "a/b"], [""]):
            manifest = Manifest(files=[FileItem(path, len(text), digest) for path in paths])
            space.files.put_bytes(world.project, manifest.encoded())
            with pytest.raises(InvalidError):
                space.data.add_version(NewDatasetVersion(project=world.project, dataset="d", manifest=manifest.digest))
        elsewhere = world.new_project()
        manifest = manifest_of({"a": text})
        space.files.put_bytes(elsewhere, manifest.encoded())
        new = NewDatasetVersion(project=elsewhere, dataset="d", manifest=manifest.digest)
        with pytest.raises(InvalidError, match="not uploaded"):
            space.data.add_version(new)
        with pytest.raises(InvalidError, match="not uploaded"):
            space.data.add_version(msgspec.structs.replace(new, manifest="0" * 64))
        with pytest.raises(CorruptedError):
            space.data.add_version(NewDatasetVersion(project=world.project, dataset="d", manifest=digest))
        with pytest.raises(NotFoundError):
            space.data.get_dataset(_ref(world, "d"))
        for name in [*BAD_NAMES, "a/b", "a:b", "a@b", ".."]:
            with pytest.raises(InvalidError):
                store(space, world.project, name, {"a": b"1"})

    def test_a_version_has_many_names(self, world: World) -> None:
        """Semantic ones stay, others move; a digest's beginning and a time are names by themselves."""
        space, ref = world.member(), _ref(world, "d")
        first, second = (store(space, world.project, "d", {"a": data}) for data in (b"1", b"2"))
        assert space.data.set_name(ref, "v1.2.0", first.digest).names == {"1.2.0": first.digest}
        space.data.set_name(ref, "golden", "1.2.0")
        assert space.data.get_version(ref, "latest").digest == second.digest
        for name in ("1.2.0", "v1.2.0", "golden", first.digest, first.digest[:8], first.time_name):
            assert space.data.get_version(ref, name).digest == first.digest
        assert space.data.get_version(ref, first.digest).names == ["1.2.0", "golden"]
        assert space.data.get_version(ref, f"{second.created_at:%Y-%m-%d}").digest == second.digest
        assert space.data.set_name(ref, "golden", second.digest).names["golden"] == second.digest
        with pytest.raises(ConflictError, match="does not move"):
            space.data.set_name(ref, "1.2.0", second.digest)
        for name in ("latest", "abcdef12", "a b", "1.2", "-x"):
            with pytest.raises(InvalidError):
                space.data.set_name(ref, name, "latest")
        for name in ("nothing", "9.9.9", "2001-01-01", "9999-12-31T23:59", "0000000", "x" * 200):
            with pytest.raises(NotFoundError):
                space.data.get_version(ref, name)
        space.data.set_name(ref, "golden", None)
        assert space.data.get_dataset(ref).names == {"1.2.0": first.digest}

    def test_a_version_is_described(self, world: World) -> None:
        """By what its tables hold and what its columns mean; the next version begins with the same words."""
        space, ref = world.member(), _ref(world, "d")
        table = Table(path="a.csv", digest="0" * 64, format="csv", rows=3, columns=[Column("mail", "text")])
        first = store(space, world.project, "d", {"a.csv": b"1"}, summary=Summary([table]))
        assert first.summary.tables == [table]
        line = ColumnDoc(
            table="a.csv", column="mail", type="text", unit="", missing=1, pii="email", description="whose"
        )
        assert space.data.set_dictionary(ref, "latest", [line]).dictionary == [line]
        assert store(space, world.project, "d", {"a.csv": b"2"}).dictionary == [line]
        assert space.data.get_version(ref, first.digest).dictionary == [line]
        with pytest.raises(InvalidError, match="twice"):
            space.data.set_dictionary(ref, "latest", [line, line])
        assert space.data.describe_dataset(ref, "whom we ask").description == "whom we ask"

    def test_what_is_named_stays(self, world: World) -> None:
        """An unnamed version can go; who followed it follows its parent, and its own bytes are no longer fetched."""
        space, ref = world.member("maintainer"), _ref(world, "d")
        one, two, three = (store(space, world.project, "d", {"same": b"s", "a": data}) for data in (b"1", b"2", b"3"))
        space.data.set_name(ref, "1.0.0", two.digest)
        with pytest.raises(ConflictError, match=r"1\.0\.0"):
            space.data.delete_version(ref, two.digest)
        space.data.set_name(ref, "1.0.0", None)
        space.data.delete_version(ref, two.digest)
        assert [item.digest for item in space.data.list_versions(ref)] == [three.digest, one.digest]
        assert space.data.get_version(ref, three.digest).parent == one.digest
        space.data.delete_dataset(ref)
        assert space.data.list_datasets(world.project) == []

    def test_bytes_come_back(self, world: World, tmp_path: Path) -> None:
        """Those of the dataset only, to who may read it."""
        space, ref = world.member(), _ref(world, "d")
        store(space, world.project, "d", {"a": b"content", "large": b"x" * 100_000})
        wanted = [(digest_bytes(b"content"), tmp_path / "a"), (digest_bytes(b"x" * 100_000), tmp_path / "b")]
        world.member("viewer").data_files.fetch(ref, wanted, "auto")
        assert [path.read_bytes() for _, path in wanted] == [b"content", b"x" * 100_000]
        other = space.files.put_bytes(world.project, b"no part of it")
        with pytest.raises(NotFoundError):
            space.data_files.fetch(ref, [(other, tmp_path / "c")], "auto")
        with pytest.raises(NotFoundError):
            world.outsider().data_files.fetch(ref, [(wanted[0][0], tmp_path / "d")], "auto")
        with pytest.raises(NotFoundError):
            # One that is none of it: nothing of the others is told either.
            space.data_files.fetch(ref, [(wanted[0][0], tmp_path / "e"), (other, tmp_path / "f")], "auto")
        assert not list(tmp_path.glob("[ef]"))
        assert not (tmp_path / "c").exists()
        assert not (tmp_path / "d").exists()

    def test_many_bytes_come_back(self, world: World, tmp_path: Path) -> None:
        """Small and large ones, one content at several places, by few requests."""
        space, ref = world.member(), _ref(world, "d")
        contents = {f"{number:04}": f"content {number % 40}".encode() for number in range(120)}
        contents |= {"large": b"x" * 600_000, "large too": b"x" * 600_000, "larger": b"y" * 700_000}
        store(space, world.project, "d", contents)
        wanted = [(digest_bytes(data), tmp_path / name) for name, data in contents.items()]
        world.member("viewer").data_files.fetch(ref, wanted, "auto")
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == contents

    def test_lineage_joins_data_runs_and_models(self, world: World) -> None:
        """By what was read and made, file by file; both ways, and no further than asked."""
        space = world.member()
        store(space, world.project, "raw", {"a": b"1", "b": b"1b"})
        made = world.run(space, "clean")
        read_by(space, made.id, world.project, b"1", b"1b", b"unrelated", b"")
        clean = space.files.put_bytes(world.project, b"clean")
        space.tracking.add_artifacts(made.id, [NewArtifact("clean.csv", clean)])
        store(space, world.project, "clean", {"c.csv": b"clean"})
        trained = world.run(space, "train")
        read_by(space, trained.id, world.project, b"clean")
        model = f"m-{new_id()}"
        space.registry.create_model(NewModel(model, world.team))
        space.registry.create_version(model, NewModelVersion("runs:/x", trained.id))
        store(space, world.project, "raw", {"a": b"1", "b": b"2b"})
        names = {node.title.split()[0] for node in space.data.lineage(world.project).nodes}
        assert names == {"raw", "clean", "train", model}
        nodes = space.data.lineage(world.project, "dataset:clean").nodes
        cleaned = next(node.title for node in nodes if node.title.startswith("clean "))
        found = space.data.lineage(world.project, f"model:{model}/1")
        assert {kind for _, kind, _ in _edges(found)} == {"read", "made", "published"}
        assert _titles(found) == {f"{model} 1", "train", "clean", cleaned, *_raw(found)}
        assert len(_raw(found)) == 1
        assert found == space.data.lineage(world.project, f"model:{model}/1")
        up = space.data.lineage(world.project, f"run:{made.id}")
        assert ("clean", "made", cleaned) in _edges(up)
        assert ("train", "published", f"{model} 1") in _edges(up)
        assert len(_raw(up)) == 1
        assert {edge.files for edge in up.edges if edge.kind == "read"} == {1, 2}
        for of in ("dataset:none", "run:none", f"model:{model}/9", f"model:{model}/²", "dataset:raw@9.9.9"):
            with pytest.raises(NotFoundError):
                space.data.lineage(world.project, of)
        with pytest.raises(InvalidError, match="not understood"):
            space.data.lineage(world.project, "what")

    def test_files_between_runs_are_artifacts(self, world: World) -> None:
        """What a run made and another one read, unless a dataset holds it; asked for by run and path, both ways."""
        space = world.member()
        store(space, world.project, "raw", {"a": b"1"})
        first, second, unrelated = (world.run(space, name) for name in ("prepare", "train", "other"))
        read_by(space, first.id, world.project, b"1")
        listed = {"out/weights.bin": b"w", "log.txt": b"nobody read this", "copy": b"1", "empty": b""}
        digests = {path: space.files.put_bytes(world.project, data) for path, data in listed.items()}
        space.tracking.add_artifacts(first.id, [NewArtifact(path, digest) for path, digest in digests.items()])
        read_by(space, second.id, world.project, b"w", b"1", b"")
        space.tracking.add_artifacts(unrelated.id, [NewArtifact("mine", digests["out/weights.bin"])])
        found = space.data.lineage(world.project, f"run:{first.id}")
        assert {("prepare", "made", "weights.bin"), ("weights.bin", "read", "train")} <= _edges(found)
        (node,) = (node for node in found.nodes if node.kind == "artifact")
        assert (node.id, node.ref) == (f"artifact:{first.id}/out/weights.bin", f"{first.id}/out/weights.bin")
        assert (node.detail["path"], node.detail["bytes"]) == ("out/weights.bin", 1)
        assert _edges(space.data.lineage(world.project, node.id)) >= {
            ("prepare", "made", "weights.bin"),
            ("weights.bin", "read", "train"),
        }
        assert ("weights.bin", "read", "train") in _edges(space.data.lineage(world.project, f"run:{second.id}"))
        assert ("weights.bin", "read", "train") in _edges(space.data.lineage(world.project, "dataset:raw"))
        alone = space.data.lineage(world.project, f"artifact:{first.id}/log.txt")
        assert _titles(alone) == {"log.txt", "prepare", *_raw(alone)}
        for of in (f"artifact:{first.id}/none", f"artifact:{first.id}", "artifact:/x"):
            with pytest.raises(NotFoundError):
                space.data.lineage(world.project, of)
        stranger = world.outsider()
        elsewhere = stranger.tracking.create_project(NewProject(path=f"p-{new_id()}")).path
        with pytest.raises(NotFoundError):
            stranger.data.lineage(elsewhere, node.id)

    def test_the_artifact_that_was_there_was_read(self, world: World) -> None:
        """Not one with the same bytes that came later, and nothing that was made after the reader was over."""
        space = world.member()
        digest = space.files.put_bytes(world.project, b"weights")
        first = world.run(space, "first")
        space.tracking.add_artifacts(first.id, [NewArtifact("w", digest)])
        reader = world.run(space, "reader", end=RunStatus.FINISHED)
        read_by(space, reader.id, world.project, b"weights", b"later")
        late = world.run(space, "late")
        later = space.files.put_bytes(world.project, b"later")
        space.tracking.add_artifacts(late.id, [NewArtifact("w", digest), NewArtifact("l", later)])
        found = space.data.lineage(world.project, f"run:{reader.id}")
        assert _edges(found) == {("first", "made", "w"), ("w", "read", "reader")}
        assert space.data.lineage(world.project, f"run:{late.id}").edges == []

    def test_a_content_comes_and_goes(self, world: World, tmp_path: Path) -> None:
        """A run is joined to a version that holds what it read, whatever came between and was removed since."""
        space, ref = world.member("maintainer"), _ref(world, "d")
        contents = ({"a": b"1"}, {"b": b"2"}, {"a": b"1", "b": b"2"}, {"b": b"2", "x": b"x"}, {"a": b"1", "c": b"3"})
        versions = [store(space, world.project, "d", dict(one)) for one in contents]
        run = world.run(space, "reader")
        read_by(space, run.id, world.project, b"1", b"2")

        def read() -> set[str]:
            edges = space.data.lineage(world.project, f"run:{run.id}").edges
            return {edge.source.partition("@")[2] for edge in edges if edge.kind == "read"}

        assert read() == {versions[2].digest}
        space.data.delete_version(ref, versions[2].digest)
        assert read() == {versions[4].digest}
        space.data.delete_version(ref, versions[4].digest)
        assert read() == {versions[3].digest}
        with pytest.raises(NotFoundError):
            space.data_files.fetch(ref, [(digest_bytes(b"3"), tmp_path / "gone")], "auto")
        assert store(space, world.project, "d", {"a": b"1"}) == versions[0]
        store(space, world.project, "d", {"c": b"3", "b": b"2"})
        space.data_files.fetch(ref, [(digest_bytes(b"3"), tmp_path / "back")], "auto")
        assert read() == {versions[3].digest}

    def test_what_another_client_wrote_of_reads_is_passed_over(self, world: World) -> None:
        """No JSON, no list, no digests: the capture is stored, and joins nothing."""
        space = world.member()
        store(space, world.project, "d", {"a": b"1"})
        run = world.run(space)
        for document in (
            b"no json",
            b"[]",
            b'{"reads": 3}',
            b'{"reads": [1, {"digest": 2}, {"digest": "x", "path": "y"}]}',
        ):
            digest = space.files.put_bytes(world.project, document)
            space.tracking.put_captures(run.id, [CapturePart("reads", digest, {})])
        assert space.data.lineage(world.project, f"run:{run.id}").edges == []

    def test_a_run_read_the_version_that_was_there(self, world: World) -> None:
        """Where several hold the same files, it is the newest of those that the run could have seen."""
        space = world.member()
        first = store(space, world.project, "d", {"a": b"1"})
        run = world.run(space, "between")
        store(space, world.project, "d", {"a": b"1", "b": b"new"})
        read_by(space, run.id, world.project, b"1")
        edges = [edge for edge in space.data.lineage(world.project, f"run:{run.id}").edges if edge.kind == "read"]
        assert [edge.source.partition("@")[2] for edge in edges] == [first.digest]

    def test_datasets_are_found_across_projects(self, world: World) -> None:
        """By project and name, a page at a time with the exact number; each with what its newest version holds."""
        space = world.member()
        below = world.new_project(world.project)
        for project, name in ((world.project, "b_1"), (world.project, "a"), (below, "ab1")):
            store(space, project, name, {"x": b"1"})
        summary = Summary([Table(path="t.csv", digest="0", format="csv", rows=7, columns=[Column("x", "int")])])
        newest = store(space, world.project, "a", {"x": b"22", "y": b"3"}, summary=summary)
        space.data.set_name(newest.dataset_id, "golden", "latest")
        first = space.data.find_datasets(world.project, limit=2)
        assert [(line.project, line.name) for line in first.datasets] == [(world.project, "a"), (world.project, "b_1")]
        assert first.total == 3
        line = first.datasets[0]
        assert (line.versions, line.latest, line.names) == (2, newest.digest, ["golden"])
        assert (line.files, line.bytes, line.rows) == (2, 3, 7)
        assert first.datasets[1].rows is None
        rest = space.data.find_datasets(world.project, after=first.next, limit=2)
        assert ([found.name for found in rest.datasets], rest.next, rest.total) == (["ab1"], "", 3)
        assert [found.name for found in space.data.find_datasets(world.project, "B_").datasets] == ["b_1"]
        assert newest.dataset_id in {found.id for found in space.data.find_datasets().datasets}
        stranger = world.outsider().data.find_datasets()
        assert newest.dataset_id not in {found.id for found in stranger.datasets}

    def test_a_history_is_read_in_pieces(self, world: World) -> None:
        """Newest first, each version once, with its names; and so are the files of a version."""
        space, ref = world.member(), _ref(world, "d")
        digests = [store(space, world.project, "d", {"x": str(i).encode()}, note=f"n{i}").digest for i in range(5)]
        space.data.set_name(ref, "1.0.0", digests[1])
        lines = space.data.version_history(ref, limit=3)
        assert [line.note for line in lines] == ["n4", "n3", "n2"]
        older = space.data.version_history(ref, before=lines[-1].digest)
        assert [(line.digest, line.names) for line in older] == [(digests[1], ["1.0.0"]), (digests[0], [])]
        assert (older[0].parent, older[0].files, older[0].tables, older[0].rows) == (digests[0], 1, 0, None)
        store(space, world.project, "d", {f"f{i}": b"x" * i for i in range(5)})
        page = space.data.find_files(ref, "latest", limit=2)
        assert ([item.path for item in page.files], page.total, page.bytes) == (["f0", "f1"], 5, 10)
        assert [item.path for item in space.data.find_files(ref, "latest", after=page.next).files] == ["f2", "f3", "f4"]
        assert [item.path for item in space.data.find_files(ref, "latest", "F3").files] == ["f3"]

    def test_versions_are_compared_by_what_is_known(self, world: World) -> None:
        """Columns and counts from the summaries, files from the manifests; each list is cut, each count exact."""
        space, ref = world.member(), _ref(world, "d")
        old, new = b"id,v\n1,a\n2,b\n", b"id,v,w\n1,a,x\n2,c,x\n3,d,x\n"

        def table(data: bytes, rows: int, columns: str) -> Table:
            named = [Column(name, "text") for name in columns]
            return Table(path="t.csv", digest=digest_bytes(data), format="csv", rows=rows, columns=named)

        files = {"t.csv": old, "gone": b"g", "was": b"moved", **{f"f{i}": b"1" for i in range(5)}}
        first = store(space, world.project, "d", files, summary=Summary([table(old, 2, "iv")]))
        files = {"t.csv": new, "is": b"moved", "new": b"n", **{f"f{i}": b"2" for i in range(5)}}
        store(space, world.project, "d", files, summary=Summary([table(new, 3, "ivw")]))
        found = space.data.diff_versions(ref, "latest", limit=2)
        assert (found.added, found.removed, found.moved, found.changed, found.tables) == (1, 1, 1, 6, 1)
        assert (found.diff.before, found.diff.same, found.diff.bump) == (first.digest, 0, "major")
        assert len(found.diff.changed) == 2
        (seen,) = found.diff.tables
        assert ([column.name for column in seen.columns_added], seen.rows_before, seen.rows_after) == (["w"], 2, 3)
        assert seen.rows is None
        assert space.data.diff_versions(ref, first.digest).added == 8
        with pytest.raises(InvalidError, match="not a table of both"):
            space.data.diff_table(ref, "latest", "f1")
        if importlib.util.find_spec("polars") is None:
            with pytest.raises(MissingExtraError):
                space.data.diff_table(ref, "latest", "t.csv")
            return
        rows = space.data.diff_table(ref, "latest", "t.csv", first.digest).rows
        assert rows is not None
        assert (rows.added, rows.removed, rows.changed, rows.key) == (1, 0, 1, ["id"])
        assert rows.sample

    def test_a_dataset_is_its_projects(self, world: World) -> None:
        """Others do not know it; a viewer reads, a contributor writes, a maintainer removes; events tell of it."""
        space, viewer, stranger = world.member(), world.member("viewer"), world.outsider()
        version, ref = store(space, world.project, "d", {"a": b"1"}), _ref(world, "d")
        assert viewer.data.get_version(ref, "latest") == version
        for ask in (stranger.data.get_dataset, stranger.data.list_versions, stranger.data.version_history):
            with pytest.raises(NotFoundError):
                ask(ref)
        with pytest.raises(NotFoundError):
            stranger.data.lineage(world.project)
        with pytest.raises(ForbiddenError):
            viewer.data.set_name(ref, "1.0.0", "latest")
        with pytest.raises(ForbiddenError):
            viewer.data.set_dictionary(ref, "latest", [])
        with pytest.raises(ForbiddenError):
            viewer.data.describe_dataset(ref, "x")
        with pytest.raises(ForbiddenError):
            space.data.delete_version(ref, "latest")
        with pytest.raises(ForbiddenError):
            space.data.delete_dataset(ref)
        run = world.run(space, "secret")
        read_by(space, run.id, world.project, b"1")
        elsewhere = stranger.tracking.create_project(NewProject(path=f"p-{new_id()}")).path
        store(stranger, elsewhere, "mine", {"a": b"1"})
        assert [node.kind for node in stranger.data.lineage(elsewhere).nodes] == ["dataset"]


def _raw(found: Lineage) -> set[str]:
    return {title for title in _titles(found) if title.startswith("raw ")}
