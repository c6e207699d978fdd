"""MLflow's registry and artifact routes over raw HTTP."""

from __future__ import annotations

import re

import pytest

from tests.interop.mlflow.conftest import API, Site
from tests.server.http import Answer, Client

FILES = "/api/2.0/mlflow-artifacts/artifacts"


def _send(site: Site, method: str, path: str, body: object = None, member: str = "owner") -> Answer:
    return Client(site.url, site.tokens[member]).send(method, path, body)


@pytest.fixture
def model(site: Site, request: pytest.FixtureRequest) -> str:
    name = re.sub(r"[^\w-]+", "-", str(request.node.name))[:120]
    assert site.post("registered-models/create", {"name": name}).status == 200
    for index in (1, 2):
        made = site.post("model-versions/create", {"name": name, "source": f"mlflow-artifacts:/x/{index}"})
        assert made.json["model_version"]["version"] == str(index)
    return name


def test_a_file_goes_up_comes_down_and_is_listed(site: Site) -> None:
    experiment = site.experiment("files")
    run = site.run(experiment)
    root = f"{FILES}/{experiment}/{run}/artifacts"
    assert _send(site, "PUT", f"{root}/plots/a.bin", b"\0\1" * 1000).status == 200
    assert _send(site, "GET", f"{root}/plots/a.bin").body == b"\0\1" * 1000
    listed = _send(site, "GET", f"{FILES}?path={experiment}/{run}/artifacts").json
    assert listed == {"files": [{"path": "plots", "is_dir": True}]}
    inner = site.get(f"artifacts/list?run_id={run}&path=plots").json["files"]
    assert inner == [{"path": "plots/a.bin", "is_dir": False, "file_size": 2000}]
    assert [a.path for a in site.owner.tracking.get_run(run).artifacts] == ["plots/a.bin"]
    assert _send(site, "DELETE", f"{root}/plots").status == 200
    assert _send(site, "GET", f"{root}/plots/a.bin").json["error_code"] == "RESOURCE_DOES_NOT_EXIST"


def test_no_path_leaves_its_place_and_no_stranger_gets_in(site: Site) -> None:
    experiment = site.experiment("closed")
    run = site.run(experiment)
    root = f"{FILES}/{experiment}/{run}/artifacts"
    for path in ("../../x", "%2e%2e/x", "a/..%2f..%2fb", "a%5cb"):
        refused = _send(site, "PUT", f"{root}/{path}", b"x")
        assert refused.status in (400, 404), path
    assert _send(site, "PUT", f"{root}/a", b"x").status == 200
    assert _send(site, "GET", f"{root}/a", member="olaf").status == 404
    assert _send(site, "PUT", f"{root}/a", b"y", member="vera").status == 403
    assert _send(site, "GET", f"{root}/a", member="vera").body == b"x"


def test_aliases_and_stages(site: Site, model: str) -> None:
    assert site.post("registered-models/alias", {"name": model, "alias": "best", "version": "2"}).status == 200
    found = site.get(f"registered-models/alias?name={model}&alias=best").json["model_version"]
    assert (found["version"], found["aliases"]) == ("2", ["best"])
    moved = site.post("model-versions/transition-stage", {"name": model, "version": "1", "stage": "staging"})
    assert moved.json["model_version"]["current_stage"] == "Staging"
    body = {"name": model, "version": "2", "stage": "Staging", "archive_existing_versions": True}
    site.post("model-versions/transition-stage", body)
    latest = site.get(f"registered-models/get-latest-versions?name={model}").json["model_versions"]
    assert {(v["version"], v["current_stage"]) for v in latest} == {("1", "Archived"), ("2", "Staging")}
    gone = site.get(f"registered-models/alias?name={model}&alias=none")
    assert gone.json == {"error_code": "INVALID_PARAMETER_VALUE", "message": "Registered model alias none not found."}


def test_a_protected_alias_moves_by_no_protocol(site: Site, model: str) -> None:
    """Neither as an alias nor as a stage; nothing is archived on the way, and the answer says where to go."""
    site.post("model-versions/transition-stage", {"name": model, "version": "2", "stage": "Staging"})
    refused = [
        site.post("registered-models/alias", {"name": model, "alias": "production", "version": "1"}),
        site.post("model-versions/transition-stage", {"name": model, "version": "1", "stage": "Production"}),
    ]
    for answer in refused:
        assert (answer.status, answer.json["error_code"]) == (403, "PERMISSION_DENIED")
        assert "protected" in answer.json["message"]
        assert "runward model request" in answer.json["message"]
    latest = site.get(f"registered-models/get-latest-versions?name={model}").json["model_versions"]
    assert {(v["version"], v["current_stage"]) for v in latest} == {("1", "None"), ("2", "Staging")}


def test_versions_are_searched_and_removed(site: Site, model: str) -> None:
    site.post("model-versions/set-tag", {"name": model, "version": "1", "key": "k", "value": "v"})
    found = site.get(f"model-versions/search?filter=name%3D'{model}'%20and%20tags.k%3D'v'").json["model_versions"]
    assert [item["version"] for item in found] == ["1"]
    assert _send(site, "DELETE", API + "model-versions/delete", {"name": model, "version": "1"}).status == 200
    missing = site.get(f"model-versions/get?name={model}&version=1")
    assert missing.json["message"] == f"Model Version (name={model}, version=1) not found"
    assert site.get(f"model-versions/get?name={model}&version=x").json["message"] == (
        "Parameter 'version' must be an integer, got 'x'."
    )


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("registered-models/create", {"name": "a/b"}, "Names cannot contain '/' or ':'"),
        ("registered-models/create", {}, "Missing value for required parameter 'name'"),
        (
            "model-versions/create",
            {"name": "nowhere", "source": "s3://b/x"},
            "Registered Model with name=nowhere not found",
        ),
        (
            "model-versions/create",
            {"name": "x", "source": "/etc/passwd"},
            "Invalid model version source: '/etc/passwd'",
        ),
        ("model-versions/create", {"name": "x", "source": "s3://a/../b"}, "Invalid model version source"),
        (
            "registered-models/alias",
            {"name": "x", "alias": "latest", "version": "1"},
            "alias name (case insensitive) is reserved",
        ),
        (
            "registered-models/alias",
            {"name": "x", "alias": "v1", "version": "1"},
            "Version alias name 'v1' is reserved.",
        ),
        ("registered-models/alias", {"name": "x", "alias": "a b", "version": "1"}, "Invalid alias name: 'a b'."),
    ],
)
def test_what_is_wrong_is_said_in_mlflows_words(site: Site, path: str, body: dict[str, str], message: str) -> None:
    found = site.post(path, body)
    assert found.status in (400, 404)
    assert message in found.json["message"]


def test_models_of_another_team_do_not_exist(site: Site, model: str) -> None:
    assert site.get(f"registered-models/get?name={model}", "olaf").json["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    assert model not in [m["name"] for m in site.get("registered-models/search", "olaf").json["registered_models"]]
    assert site.post("registered-models/set-tag", {"name": model, "key": "a", "value": "b"}, "vera").status == 403


def test_a_logged_model_is_made_finished_and_found(site: Site) -> None:
    experiment = site.experiment("logged")
    run = site.run(experiment)
    body = {"experiment_id": experiment, "name": "net", "source_run_id": run, "params": [{"key": "a", "value": "1"}]}
    made = site.post("logged-models", body).json["model"]["info"]
    path = f"logged-models/{made['model_id']}"
    point = {"key": "acc", "value": 0.5, "timestamp": 1, "step": 1, "model_id": made["model_id"]}
    assert site.post("runs/log-batch", {"run_id": run, "metrics": [point]}).status == 200
    done = _send(site, "PATCH", API + path, {"status": "LOGGED_MODEL_READY"}).json["model"]
    assert done["info"]["status"] == "LOGGED_MODEL_READY"
    _send(site, "PATCH", f"{API}{path}/tags", {"tags": [{"key": "t", "value": "x"}]})
    where = {"experiment_ids": [experiment], "filter": "metrics.acc > 0.4 and params.a = '1' and tags.t = 'x'"}
    found = site.post("logged-models/search", where).json["models"]
    assert [item["info"]["model_id"] for item in found] == [made["model_id"]]
    assert site.get(path, "olaf").json["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    assert _send(site, "DELETE", API + path).status == 200
    assert site.get(path).status == 404


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("/tmp/model", "To use a local path as a model version source"),
        ("file:///tmp/model", "To use a local path as a model version source"),
        ("C:\\model", "To use a local path as a model version source"),
        ("mlflow-artifacts://host:9000/models/../../../", "If supplying a source as an http, https,"),
        ("s3://bucket/a/..%252f..%252fb", "If supplying a source as an http, https,"),
        ("http://host/a%00", "If supplying a source as an http, https,"),
        ("dbfs:/a%3f/../../b", "If supplying a source as an http, https,"),
    ],
)
def test_a_source_is_absolute_and_on_no_machine_of_its_own(site: Site, model: str, source: str, message: str) -> None:
    refused = site.post("model-versions/create", {"name": model, "source": source})
    assert (refused.status, refused.json["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert message in refused.json["message"]


def test_a_prompt_needs_no_source_but_no_folder_either(site: Site, model: str) -> None:
    tags = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    new = {"name": model, "source": "prompt-template", "tags": tags}
    assert site.post("model-versions/create", new).status == 200
    assert (
        "Invalid prompt source" in site.post("model-versions/create", {**new, "source": "/etc/passwd"}).json["message"]
    )


def test_a_version_may_come_from_a_run_of_another_server(site: Site, model: str) -> None:
    new = {"name": model, "source": "s3://bucket/model", "run_id": "elsewhere", "tags": [{"key": "a", "value": "b"}]}
    made = site.post("model-versions/create", new).json["model_version"]
    assert (made["run_id"], made["tags"]) == ("elsewhere", [{"key": "a", "value": "b"}])
    found = site.get("model-versions/search?filter=run_id%20%3D%20'elsewhere'").json["model_versions"]
    assert [item["version"] for item in found if item["name"] == model] == [made["version"]]
    # Runward itself knows no such run, so nothing leads from the version to one.
    ours = next(v for v in site.owner.registry.list_versions(model) if str(v.version) == made["version"])
    assert ours.run_id == ""


def test_a_model_changed_when_a_version_of_it_moved_or_went(site: Site, model: str) -> None:
    def changed() -> int:
        return int(site.get(f"registered-models/get?name={model}").json["registered_model"]["last_updated_timestamp"])

    moments = [changed()]
    for path, body in (("update", {"description": "d"}), ("transition-stage", {"stage": "Staging"}), ("delete", {})):
        method = {"update": "PATCH", "delete": "DELETE"}.get(path, "POST")
        assert _send(site, method, f"{API}model-versions/{path}", {"name": model, "version": "1", **body}).status == 200
        moments.append(changed())
    assert moments[0] == moments[1] < moments[2] < moments[3]
