"""Files by what they belong to, as MLflow's pages and scripts fetch them; files that lie in no experiment."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runward.governance.dispatch import Dispatcher
from runward.governance.model import NewToken
from runward.governance.signin import folder_actor
from runward.server.run import RunningServer, open_store
from runward.testing.modelversions import MLMODEL
from runward.testing.objects import ObjectStorage
from runward.workspace import FolderWorkspace
from tests.interop.mlflow.conftest import API, Site
from tests.server.http import Answer, Client

FILES = "/api/2.0/mlflow-artifacts/artifacts"
PAGES = "/ajax-api/2.0/mlflow/"


def _send(site: Site, method: str, path: str, body: Any = None, member: str = "owner") -> Answer:
    return Client(site.url, site.tokens[member]).send(method, path, body)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.txt", "text/plain"),
        ("MLmodel", "text/plain"),
        ("b.pkl", "application/octet-stream"),
        ("c.png", "image/png"),
        ("d.pdf", "application/pdf"),
        ("page.html", "application/octet-stream"),
        ("picture.svg", "application/octet-stream"),
        ("ä b.txt", "text/plain"),
    ],
)
def test_a_browser_saves_a_file_and_runs_nothing_of_it(
    site: Site, request: pytest.FixtureRequest, name: str, kind: str
) -> None:
    run = site.run(site.own_experiment(request))
    quoted = name.replace("ä", "%C3%A4").replace(" ", "%20")
    place = f"{PAGES}upload-artifact?run_uuid={run}&path={quoted}"
    assert _send(site, "POST", place, b"<script>").status == 200
    found = _send(site, "GET", f"/get-artifact?run_id={run}&path={quoted}")
    assert (found.body, found.headers["content-type"]) == (b"<script>", kind)
    said = f"filename*=utf-8''{quoted}" if name != quoted else f"filename={name}"
    assert found.headers["content-disposition"] == f"attachment; {said}"
    assert found.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in found.headers["content-security-policy"]


def test_a_page_uploads_little_and_only_where_its_member_may(site: Site) -> None:
    run = site.run(site.experiment("uploads"))
    place = f"{PAGES}upload-artifact?run_uuid={run}&path=a"
    assert _send(site, "POST", place, b"x" * (10 << 20 | 1)).json["message"].startswith("Artifact size is too large")
    assert _send(site, "POST", place, b"").json["message"] == "Request must specify data."
    assert (
        _send(site, "POST", f"{PAGES}upload-artifact?path=a", b"x").json["message"] == "Request must specify run_uuid."
    )
    assert _send(site, "POST", f"{place}/../../b", b"x").json["message"] == "Invalid path"
    assert [_send(site, "POST", place, b"x", member).status for member in ("vera", "olaf", "ann")] == [403, 404, 200]
    assert _send(site, "GET", f"/get-artifact?run_id={run}&path=a", member="olaf").status == 404
    assert _send(site, "GET", f"/get-artifact?run_id={run}&path=../a").json == {
        "error_code": "INVALID_PARAMETER_VALUE",
        "message": "Invalid path",
    }


def test_a_version_of_a_logged_model_is_what_its_mlmodel_says(site: Site) -> None:
    """Files with their formats, signature and example: of a logged model, and of a folder of a run."""
    experiment = site.experiment("described models")
    run = site.run(experiment)
    made = site.post("logged-models", {"experiment_id": experiment, "source_run_id": run}).json["model"]["info"]
    logged, of_run = made["artifact_uri"].removeprefix("mlflow-artifacts:"), f"/{experiment}/{run}/artifacts/model"
    for root in (logged, of_run):
        assert _send(site, "PUT", f"{FILES}{root}/MLmodel", MLMODEL.encode()).status == 200
        assert _send(site, "PUT", f"{FILES}{root}/input_example.json", b"[[1.5]]").status == 200
        assert _send(site, "PUT", f"{FILES}{root}/model.pkl", pickle.dumps([1])).status == 200
    site.post("registered-models/create", {"name": "described"})
    for new in (
        {"source": f"models:/{made['model_id']}", "model_id": made["model_id"]},
        {"source": f"mlflow-artifacts:{of_run}", "run_id": run},
    ):
        assert site.post("model-versions/create", {"name": "described", **new}).status == 200
    for version in (1, 2):
        found = site.owner.registry.get_version("described", version)
        formats = {file.path: file.format.name for file in found.files}
        assert formats == {"MLmodel": "MLmodel", "input_example.json": "JSON", "model.pkl": "pickle"}
        assert found.signature is not None
        assert [field.name for field in found.signature.inputs] == ["a", "b"]
        assert (found.input_example, found.evidence.run_id, found.fixed) == ([[1.5]], run, True)


def test_files_of_a_model_version_and_of_a_logged_model(site: Site) -> None:
    experiment = site.experiment("files of models")
    made = site.post("logged-models", {"experiment_id": experiment}).json["model"]["info"]
    root = made["artifact_uri"].removeprefix("mlflow-artifacts:")
    assert _send(site, "PUT", f"{FILES}{root}/MLmodel", b"flavors: {}").status == 200
    path = f"{API}logged-models/{made['model_id']}/artifacts/files?artifact_file_path=MLmodel"
    assert _send(site, "GET", path).body == b"flavors: {}"
    assert _send(site, "GET", path, member="olaf").status == 404
    name = site.post("registered-models/create", {"name": "with files"}).json["registered_model"]["name"]
    new = {"name": name, "source": f"models:/{made['model_id']}", "model_id": made["model_id"]}
    site.post("model-versions/create", new)
    site.post("model-versions/create", {"name": name, "source": "s3://bucket/model"})
    query = "/model-versions/get-artifact?name=with%20files&path=MLmodel&version="
    assert _send(site, "GET", f"{query}1").body == b"flavors: {}"
    assert _send(site, "GET", f"{query}2").json["error_code"] == "INVALID_PARAMETER_VALUE"
    tags = {
        tag["key"]: tag["value"] for tag in site.get(f"logged-models/{made['model_id']}").json["model"]["info"]["tags"]
    }
    assert tags["mlflow.modelVersions"] == '[{"name": "with files", "version": 1}]'


def test_files_may_lie_in_no_experiment(site: Site) -> None:
    assert _send(site, "PUT", f"{FILES}/shared/words.txt", b"ab").status == 200
    assert _send(site, "GET", f"{FILES}/shared/words.txt").body == b"ab"
    assert _send(site, "GET", f"{FILES}?path=shared").json == {
        "files": [{"path": "words.txt", "is_dir": False, "file_size": 2}]
    }
    assert {"path": "shared", "is_dir": True} in _send(site, "GET", FILES).json["files"]
    assert _send(site, "GET", f"{FILES}/shared/words.txt", member="olaf").status == 404
    # What looks like an experiment that is not there is a mistake, not a folder.
    for unknown in ("999/x.txt", "abcdefghjkmn/x.txt", "typo/run/artifacts/x.txt"):
        assert _send(site, "PUT", f"{FILES}/{unknown}", b"x").json["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    assert _send(site, "DELETE", f"{FILES}/").status == 400
    assert _send(site, "DELETE", f"{FILES}/shared").status == 200
    assert _send(site, "GET", f"{FILES}/shared/words.txt").status == 404


def test_a_large_file_can_be_fetched_beside_the_server(
    site: Site,
    object_storage: ObjectStorage,
    running_server: Callable[[Dispatcher], RunningServer],
    tmp_path: Path,
) -> None:
    dispatcher = open_store(tmp_path, blobs=object_storage.place())
    owner = FolderWorkspace(dispatcher, "s", tmp_path, folder_actor(dispatcher.database, "owner"))
    token = owner.governance.create_token(NewToken(name="t", member="owner", role="admin")).secret
    stored = Site(owner, running_server(dispatcher).url, {"owner": token})
    for one, kind in ((site, "folder"), (stored, "object storage")):
        root = f"{one.experiment('fetched beside')}/{kind.replace(' ', '-')}"
        assert _send(one, "PUT", f"{FILES}/{root}", b"abc").status == 200
        told = _send(one, "GET", f"/api/2.0/mlflow-artifacts/presigned/{root}")
        if kind == "folder":
            # Clients fetch the file in one request then.
            assert (told.status, told.json["error_code"]) == (501, "NOT_IMPLEMENTED")
        else:
            assert (told.json["file_size"], told.json["headers"]) == (3, {})
            assert Client(told.json["url"]).get(told.json["url"]).body == b"abc"
    assert _send(site, "GET", f"/api/2.0/mlflow-artifacts/presigned/{root}", member="olaf").status == 404
