"""What every backend knows of a version: its files and their formats, what it takes and gives, what it stands on."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from typing import Any

import pytest

from runward.core.ids import new_id
from runward.errors import InvalidError, NotFoundError
from runward.registry.model import ModelVersion, NewModel, NewVersion, Signature, TensorField
from runward.testing.worlds import World, name_of
from runward.tracking.model import NewArtifact, Run, RunStatus

_HEADER = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
WEIGHTS = len(_HEADER).to_bytes(8, "little") + _HEADER + b"\0\0\0\0"
"""A file of safetensors."""
MLMODEL = """
saved_input_example_info: {artifact_path: input_example.json, type: dataframe}
signature:
  inputs: '[{"type": "double", "name": "a", "required": true}, {"type": "long", "name": "b", "required": false}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1, 3]}}]'
"""


class Wicked:
    """Its pickle starts a program."""

    def __reduce__(self) -> Any:
        """See :mod:`pickle`."""
        return os.system, ("true",)


def zipped(members: dict[str, bytes]) -> bytes:
    """A ZIP of members by name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


class ModelOfFiles:
    """A model whose versions are made of bytes given here."""

    def __init__(self, world: World) -> None:
        self.world, self.space = world, world.member()
        self.name = self.space.registry.create_model(NewModel(f"m-{new_id()}", team=world.team)).name

    def run(self, files: dict[str, bytes]) -> Run:
        """A finished run with the files below ``model``."""
        run = self.world.run(self.space, metrics={"acc": 0.9}, end=RunStatus.FINISHED)
        for path, data in files.items():
            self.put(run, path, data)
        return run

    def put(self, run: Run, path: str, data: bytes) -> None:
        """Give a run a file."""
        digest = self.space.files.put_bytes(run.project, data)
        self.space.tracking.add_artifact(run.id, NewArtifact(f"model/{path}", digest))

    def register(self, files: dict[str, bytes], **more: Any) -> ModelVersion:
        """A version of a run with the files."""
        run = self.run(files)
        return self.space.registry.create_version(self.name, NewVersion(f"runs:/{run.id}/model", run.id, **more))


@pytest.fixture
def model(world: World) -> ModelOfFiles:
    """See :class:`ModelOfFiles`."""
    return ModelOfFiles(world)


class ModelVersionsSuite:
    """See :meth:`runward.registry.api.Registry.get_version`."""

    def test_a_version_names_its_files_with_what_loading_them_does(self, world: World, model: ModelOfFiles) -> None:
        """By their bytes: a name that says otherwise is not believed."""
        made = model.register(
            {
                "weights.safetensors": WEIGHTS,
                "safe.safetensors": pickle.dumps(Wicked()),
                "plain.pkl": pickle.dumps({"a": 1}),
                "net.pt": zipped({"net/data.pkl": pickle.dumps(Wicked()), "net/data/0": b"raw"}),
                "deep/notes.txt": b"hello",
            }
        )
        found = world.member("viewer").registry.get_version(model.name, made.version)
        formats = {file.path: file.format for file in found.files}
        assert found.fixed
        assert (formats["weights.safetensors"].name, formats["weights.safetensors"].safety) == ("safetensors", "safe")
        assert (formats["safe.safetensors"].name, formats["safe.safetensors"].safety) == ("pickle", "unsafe")
        assert formats["safe.safetensors"].dangerous == [f"{os.system.__module__}.system"]
        assert (formats["plain.pkl"].safety, formats["plain.pkl"].imports) == ("unsafe", [])
        assert (formats["net.pt"].name, formats["net.pt"].dangerous) == ("PyTorch", [f"{os.system.__module__}.system"])
        assert formats["deep/notes.txt"].safety == "safe"

    def test_what_a_version_is_stays_when_its_run_gets_another_file(self, model: ModelOfFiles) -> None:
        """Files are noted by digest; so is nothing where none were there."""
        made = model.register({"weights.safetensors": WEIGHTS})
        run = model.space.tracking.get_run(made.run_id).run
        before = model.space.registry.get_version(model.name, made.version)
        model.put(run, "weights.safetensors", b"other")
        model.put(run, "more.txt", b"more")
        after = model.space.registry.get_version(model.name, made.version)
        assert after.files == before.files
        assert after.evidence.revision != before.evidence.revision
        as_mlflow_says = NewVersion(f"mlflow-artifacts:/1/{run.id}/artifacts/model", run.id)
        again = model.space.registry.create_version(model.name, as_mlflow_says)
        paths = [file.path for file in model.space.registry.get_version(model.name, again.version).files]
        assert paths == ["more.txt", "weights.safetensors"]
        empty = model.run({})
        late = model.space.registry.create_version(model.name, NewVersion(f"runs:/{empty.id}/model", empty.id))
        assert model.space.registry.get_version(model.name, late.version).files == []
        model.put(empty, "weights.safetensors", WEIGHTS)
        found = model.space.registry.get_version(model.name, late.version)
        assert ([file.path for file in found.files], found.fixed) == (["weights.safetensors"], False)

    def test_what_it_takes_and_gives_is_told_or_read_from_an_mlmodel(self, model: ModelOfFiles) -> None:
        """What is told goes before what is read."""
        signature = Signature([TensorField("float32", "x", [-1, 64])], [TensorField("int64")])
        told = model.register({}, signature=signature, input_example=[[1.5, 2]], expected_output=[1])
        found = model.space.registry.get_version(model.name, told.version)
        assert (found.signature, found.input_example, found.expected_output) == (signature, [[1.5, 2]], [1])
        example = {"columns": ["a", "b"], "data": [[1.0, 2]]}
        files = {"MLmodel": MLMODEL.encode(), "input_example.json": json.dumps(example).encode()}
        read = model.space.registry.get_version(model.name, model.register(files).version)
        assert read.signature == Signature(
            [TensorField("double", "a"), TensorField("long", "b", required=False)],
            [TensorField("int64", "", [-1, 3])],
        )
        assert (read.input_example, read.expected_output) == (example, None)
        both = model.register(files, signature=signature)
        assert model.space.registry.get_version(model.name, both.version).signature == signature
        broken = model.register({"MLmodel": b"signature: [unclosed"})
        assert model.space.registry.get_version(model.name, broken.version).signature is None

    def test_signatures_and_examples_that_cannot_be_are_refused(self, model: ModelOfFiles) -> None:
        """And no version is made of them."""
        for wrong in (
            {"signature": Signature([TensorField("")])},
            {"signature": Signature([TensorField("int64", "a"), TensorField("int64", "a")])},
            {"signature": Signature([], [TensorField("int64", "a", [-2])])},
            {"input_example": "x" * 300_000},
        ):
            with pytest.raises(InvalidError, match=r"signature|input_example"):
                model.register({}, **wrong)
        assert model.space.registry.list_versions(model.name) == []

    def test_a_version_tells_what_it_stands_on_and_who_decided(self, world: World, model: ModelOfFiles) -> None:
        """And one that names no run says so; what lies in another run is not looked at."""
        made = model.register({"weights.safetensors": WEIGHTS})
        model.space.registry.set_alias(model.name, "candidate", made.version)
        found = model.space.registry.get_version(model.name, made.version)
        assert (found.version.run_id, found.evidence.run_id, found.project) == (made.run_id, made.run_id, world.project)
        assert [(move.alias, move.by) for move in found.moves] == [("candidate", name_of(model.space))]
        alone = model.space.registry.create_version(model.name, NewVersion(f"runs:/{made.run_id}/model"))
        other = model.space.registry.get_version(model.name, alone.version)
        assert (other.files, other.evidence.run_id, other.project) == ([], "", "")
        with pytest.raises(NotFoundError):
            model.space.registry.get_version(model.name, 99)
        with pytest.raises(NotFoundError):
            world.outsider().registry.get_version(model.name, 1)
