"""MLflow's tracking routes over raw HTTP: values, texts, permissions."""

from __future__ import annotations

import base64
import json

import pytest

from tests.interop.mlflow.conftest import API, Site
from tests.server.http import Client


def _ids(site: Site, experiment: str, text: str, **more: object) -> set[str]:
    found = site.post("runs/search", {"experiment_ids": [experiment], "filter": text, **more})
    assert found.status == 200, found.body
    return {run["info"]["run_name"] for run in found.json.get("runs", [])}


def test_an_experiment_is_a_project(site: Site) -> None:
    experiment = site.experiment("vision/digits")
    found = site.get("experiments/get-by-name?experiment_name=vision/digits").json["experiment"]
    assert (found["experiment_id"], found["lifecycle_stage"]) == (experiment, "active")
    assert "vision/digits" in [project.path for project in site.owner.tracking.list_projects()]
    assert site.post("experiments/create", {"name": "vision/digits"}).json["error_code"] == "RESOURCE_ALREADY_EXISTS"


def test_a_name_that_is_no_path_is_an_experiment_all_the_same(site: Site) -> None:
    experiment = site.experiment("/Users/me: first")
    found = site.get("experiments/get-by-name?experiment_name=/Users/me:%20first").json["experiment"]
    assert (found["experiment_id"], found["name"]) == (experiment, "/Users/me: first")


def test_experiments_are_deleted_restored_and_renamed(site: Site) -> None:
    experiment = site.experiment("short-lived")
    site.post("experiments/set-experiment-tag", {"experiment_id": experiment, "key": "k", "value": "v"})
    site.post("experiments/delete", {"experiment_id": experiment})
    assert site.get(f"experiments/get?experiment_id={experiment}").json["experiment"]["lifecycle_stage"] == "deleted"
    deleted = site.post("experiments/search", {"view_type": "DELETED_ONLY", "filter": "tags.k = 'v'"}).json
    assert [item["name"] for item in deleted["experiments"]] == ["short-lived"]
    refused = site.post("experiments/create", {"name": "short-lived"})
    assert "deleted state" in refused.json["message"]
    site.post("experiments/restore", {"experiment_id": experiment})
    site.post("experiments/update", {"experiment_id": experiment, "new_name": "long-lived"})
    assert site.get("experiments/get-by-name?experiment_name=long-lived").json["experiment"]["tags"] == [
        {"key": "k", "value": "v"}
    ]
    assert "long-lived" in [project.path for project in site.owner.tracking.list_projects()]


def test_experiment_0_is_the_default(site: Site) -> None:
    assert site.get("experiments/get?experiment_id=0").json["experiment"]["name"] == "Default"
    run = site.run("0", run_name="in default")
    assert site.get(f"runs/get?run_id={run}").json["run"]["info"]["experiment_id"] == "0"


def test_a_run_comes_back_as_it_was_sent(site: Site) -> None:
    run = site.run(
        site.experiment("whole"), run_name="first", start_time=456, tags=[{"key": "mlflow.user", "value": "me"}]
    )
    metrics = [{"key": "m", "value": v, "timestamp": 1000 + i, "step": i} for i, v in enumerate((0.5, "NaN", 0.25))]
    body = {
        "run_id": run,
        "metrics": metrics,
        "params": [{"key": "p", "value": "1"}],
        "tags": [{"key": "t", "value": "x"}],
    }
    assert site.post("runs/log-batch", body).json == {}
    site.post("runs/update", {"run_id": run, "status": "FINISHED", "end_time": 789})
    found = site.get(f"runs/get?run_id={run}").json["run"]
    assert found["info"] | {"run_name": "first", "user_id": "me", "status": "FINISHED"} == found["info"]
    assert (found["info"]["start_time"], found["info"]["end_time"]) == (456, 789)
    assert found["data"]["metrics"] == [{"key": "m", "value": 0.25, "timestamp": 1002, "step": 2}]
    assert found["data"]["params"] == [{"key": "p", "value": "1"}]
    assert {"key": "t", "value": "x"} in found["data"]["tags"]
    history = site.get(f"metrics/get-history?run_id={run}&metric_key=m").json["metrics"]
    assert [(point["step"], point["timestamp"], point["value"]) for point in history] == [
        (0, 1000, 0.5),
        (1, 1001, "NaN"),
        (2, 1002, 0.25),
    ]


def test_nan_comes_back_as_nan_and_a_step_beyond_64_bits_is_refused(site: Site) -> None:
    """MLflow answers 0.0 to the first."""
    run = site.run(site.experiment("edges"))
    headers = {"Authorization": f"Bearer {site.tokens['owner']}"}
    bare = json.dumps({"run_id": run, "key": "loss", "value": float("nan"), "timestamp": 1}).encode()
    assert Client(site.url).send("POST", API + "runs/log-metric", bare, headers).status == 200
    assert site.get(f"runs/get?run_id={run}").json["run"]["data"]["metrics"][0]["value"] == "NaN"
    refused = site.post("runs/log-metric", {"run_id": run, "key": "x", "value": 1, "timestamp": 1, "step": 2**63})
    assert (refused.status, refused.json["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert "'step'" in refused.json["message"]


def test_a_param_keeps_its_first_value(site: Site) -> None:
    run = site.run(site.experiment("params"))
    for value, status in (("1", 200), ("1", 200), ("2", 400)):
        found = site.post("runs/log-parameter", {"run_id": run, "key": "lr", "value": value})
        assert found.status == status
    assert "Changing param values is not allowed. Param with key='lr'" in found.json["message"]
    two = [{"key": "lr", "value": "3"}, {"key": "new", "value": "4"}]
    assert site.post("runs/log-batch", {"run_id": run, "params": two}).status == 400
    assert site.get(f"runs/get?run_id={run}").json["run"]["data"]["params"] == [{"key": "lr", "value": "1"}]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", {"one", "two"}),
        ("metrics.m0 > 1 and params.p0 = 'y'", {"two"}),
        ("metrics.`m0` <= 1.0", {"one"}),
        ("params.p0 LIKE 'X%'", set()),
        ("params.p0 ILIKE 'X%'", {"one"}),
        ("params.p0 != 'x'", {"two"}),
        ("tags.`mlflow.runName` LIKE '%wo'", {"two"}),
        ("tags.odd IS NULL", {"two"}),
        ("tags.odd IS NOT NULL AND attributes.status = 'FINISHED'", {"one"}),
        ("run_name IN ('one', 'three')", {"one"}),
        ("start_time > 5", {"one", "two"}),
        ("metrics.nowhere > 0", set()),
    ],
)
def test_runs_are_found_by_mlflows_filters(site: Site, text: str, names: set[str]) -> None:
    known = site.get("experiments/get-by-name?experiment_name=found").json
    if "experiment" not in known:
        experiment = site.experiment("found")
        for name, value, param in (("one", 1, "x"), ("two", 2, "y")):
            run = site.run(experiment, run_name=name)
            site.post("runs/log-metric", {"run_id": run, "key": "m0", "value": value, "timestamp": 1})
            site.post("runs/log-parameter", {"run_id": run, "key": "p0", "value": param})
            if name == "one":
                site.post("runs/set-tag", {"run_id": run, "key": "odd", "value": "yes"})
                site.post("runs/update", {"run_id": run, "status": "FINISHED"})
        known = site.get("experiments/get-by-name?experiment_name=found").json
    experiment = known["experiment"]["experiment_id"]
    assert _ids(site, experiment, text) == names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("metrics.a = 'x'", "Expected numeric value type for metric"),
        ("params.a = 1", "Expected a quoted string value for param"),
        ("nowhere.a = 'x'", "Invalid entity type 'nowhere'"),
        ("attribute.colour = 'x'", "Invalid attribute key 'colour'"),
        ("metrics.a LIKE 2", "Invalid comparator"),
        ("metrics.a > 1 or metrics.b > 1", "Invalid clause(s) in filter string"),
        ("metrics.a >", "Invalid clause(s) in filter string"),
        ("params.a = 'x'; DROP TABLE runs", "Invalid clause(s) in filter string"),
    ],
)
def test_a_wrong_filter_is_refused_in_mlflows_words(site: Site, text: str, message: str) -> None:
    found = site.post("runs/search", {"experiment_ids": ["0"], "filter": text})
    assert (found.status, found.json["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert message in found.json["message"]


def test_pages_and_order(site: Site) -> None:
    experiment = site.experiment("pages")
    for index in range(5):
        run = site.run(experiment, run_name=f"r{index}")
        if index:
            site.post("runs/log-metric", {"run_id": run, "key": "m", "value": index % 3, "timestamp": 1})
    names, token = [], ""
    while True:
        body = {"experiment_ids": [experiment], "max_results": 2, "order_by": ["metrics.m DESC", "run_name"]}
        page = site.post("runs/search", {**body, "page_token": token}).json
        names += [run["info"]["run_name"] for run in page["runs"]]
        if not (token := page.get("next_page_token", "")):
            break
    assert names == ["r2", "r1", "r4", "r3", "r0"]


def test_a_deleted_run_is_found_only_as_deleted_and_takes_nothing(site: Site) -> None:
    experiment = site.experiment("deletion")
    run = site.run(experiment, run_name="gone")
    site.post("runs/delete", {"run_id": run})
    assert _ids(site, experiment, "") == set()
    assert _ids(site, experiment, "", run_view_type="DELETED_ONLY") == {"gone"}
    for path, body in (
        ("runs/log-metric", {"key": "m", "value": 1, "timestamp": 1}),
        ("runs/log-parameter", {"key": "p", "value": "1"}),
        ("runs/set-tag", {"key": "t", "value": "1"}),
    ):
        refused = site.post(path, {"run_id": run, **body})
        assert "must be in the 'active' state" in refused.json["message"], path
    site.post("runs/restore", {"run_id": run})
    assert _ids(site, experiment, "") == {"gone"}


def test_wrong_bodies_are_400_in_mlflows_form(site: Site) -> None:
    client = Client(site.url, site.tokens["owner"])
    for body in (b"{", b"[1]", b'"x"', b"[" * 100_000, b'{"a":' * 100_000, b"\xff", b'{"name": 5}', b"{}"):
        found = client.send("POST", API + "experiments/create", body)
        assert (found.status, found.json["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), body[:20]
    said = site.post("experiments/create", {"name": 123}).json["message"]
    assert said.startswith("Invalid value 123 for parameter 'name' supplied")
    assert site.post("experiments/create").json["message"].startswith("Missing value for required parameter 'name'.")
    assert site.post("runs/frobnicate").json["error_code"] == "ENDPOINT_NOT_FOUND"


def test_who_may_what_is_said_in_mlflows_form(site: Site) -> None:
    experiment = site.experiment("private")
    run = site.run(experiment)
    body = {"run_id": run, "key": "m", "value": 1, "timestamp": 1}
    assert site.post("runs/log-metric", body, "ann").status == 200
    viewer, stranger = site.post("runs/log-metric", body, "vera"), site.post("runs/log-metric", body, "olaf")
    assert (viewer.status, viewer.json["error_code"]) == (403, "PERMISSION_DENIED")
    assert (stranger.status, stranger.json["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert site.get(f"runs/get?run_id={run}", "olaf").json["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    assert site.post("runs/search", {"experiment_ids": [experiment]}, "olaf").json["runs"] == []
    nobody = Client(site.url).get(API + "experiments/get?experiment_id=0")
    assert (nobody.status, nobody.json["error_code"]) == (401, "UNAUTHENTICATED")
    basic = base64.b64encode(f"ann:{site.tokens['ann']}".encode()).decode()
    allowed = Client(site.url).get(API + f"runs/get?run_id={run}", Authorization=f"Basic {basic}")
    assert allowed.status == 200


def test_writes_are_on_the_audit_trail(site: Site) -> None:
    experiment = site.experiment("audited")
    site.post("experiments/delete", {"experiment_id": experiment}, "owner")
    event = site.owner.governance.audit().events[0]
    assert (event.operation, event.object_id, event.actor) == ("mlflow.delete_experiment", experiment, "owner")
