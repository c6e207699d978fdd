"""What a registered model's files say of themselves: read by the server, whoever wrote them."""

from __future__ import annotations

import json
import time

import pytest

from runward.core.clock import to_us
from runward.errors import InvalidError
from runward.registry.model import NewModel, NewVersion
from runward.tracking.model import NewArtifact, NewProject, NewRun
from runward.workspace import FolderWorkspace

_MERGES = "a0: &a0 {k: 1}\n" + "".join(
    f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}\n" for n in range(1, 12)
)
_NAMED = "signature:\n  inputs: {}\nsaved_input_example_info:\n  artifact_path: example.json\n"
MLMODELS = {
    "nested": "[" * 50_000,
    "a bomb of merges": _MERGES,
    "many values": f"a: [{'1,' * 300_000}]",
    "no date": "a: 2020-99-99",
    "a number without end": "a: " + "1" * 5000,
    "code": "!!python/object/apply:os.system ['touch /tmp/never']",
    "a nested signature": _NAMED.format(json.dumps("[" * 100_000)),
    "half of a pair": _NAMED.format(json.dumps(json.dumps([{"name": "\ud800", "type": "long"}]))),
    "a shape that is none": _NAMED.format(json.dumps('[{"type": "tensor", "tensor-spec": {"dtype": [], "shape": 5}}]')),
}
EXAMPLES = {"nested": b"[" * 100_000 + b"]" * 100_000, "NaN": b"[NaN]", "long": b"1" + b"0" * 5000}


def _registered(space: FolderWorkspace, files: dict[str, bytes]) -> str:
    space.tracking.create_project(NewProject(path="p"))
    run = space.tracking.create_run(NewRun(project="p")).id
    for name, data in files.items():
        space.tracking.add_artifact(run, NewArtifact(f"model/{name}", space.files.put_bytes("p", data)))
    model = space.registry.create_model(NewModel("m")).name
    space.registry.create_version(model, NewVersion(f"runs:/{run}/model", run))
    return model


@pytest.mark.parametrize("name", MLMODELS)
def test_an_mlmodel_of_any_shape_is_registered_without_what_it_cannot_say(
    folder_workspace: FolderWorkspace, name: str
) -> None:
    """In a moment: it is read while others wait to write."""
    began = time.process_time()
    model = _registered(folder_workspace, {"MLmodel": MLMODELS[name].encode(), "example.json": b"{}"})
    assert time.process_time() - began < 20
    (version,) = folder_workspace.registry.list_versions(model)
    assert version.version == 1


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_that_cannot_be_shown_is_left_in_its_file(folder_workspace: FolderWorkspace, name: str) -> None:
    said = _NAMED.format("'[]'").encode()
    model = _registered(folder_workspace, {"MLmodel": said, "example.json": EXAMPLES[name]})
    assert len(folder_workspace.registry.list_versions(model)) == 1


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999-23:59"])
def test_a_time_that_nobody_could_read_again_is_refused(folder_workspace: FolderWorkspace, text: str) -> None:
    """In UTC it lies outside the years that there are."""
    from datetime import UTC, datetime

    moment = datetime.fromisoformat(text)
    folder_workspace.tracking.create_project(NewProject(path="p"))
    with pytest.raises(InvalidError, match="1 to 9999"):
        folder_workspace.tracking.create_run(NewRun(project="p", started_at=moment))
    assert [to_us(edge.replace(tzinfo=UTC)) for edge in (datetime.min, datetime.max)] == [
        -62_135_596_800_000_000,
        253_402_300_799_999_999,
    ]
