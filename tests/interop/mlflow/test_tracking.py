"""MLflow's tracking routes over raw HTTP: values, texts, permissions."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import tempfile
from pathlib import Path

import pytest

from runward.governance.model import NewToken
from runward.interop.mlflow.router import endpoints
from runward.server.run import LOOPBACK, RunningServer, listen
from runward.workspace import open_folder
from tests.interop.mlflow.conftest import API, Site
from tests.interop.mlflow_own.exclusions import EXCLUDED, EXCLUDED_FIXTURES
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


def test_long_values_are_kept_and_end_no_training(site: Site) -> None:
    """MLflow cuts params at 6,000 and tags at 8,000 characters and refuses none."""
    run = site.run(site.experiment("long"))
    param, tag, huge = "p" * 7_000, "t" * 9_000, "h" * 100_001
    assert site.post("runs/log-parameter", {"run_id": run, "key": "one", "value": param}).json == {}
    assert site.post("runs/set-tag", {"run_id": run, "key": "one", "value": tag}).json == {}
    batch = {"params": [{"key": "two", "value": huge}], "tags": [{"key": "two", "value": huge}]}
    assert site.post("runs/log-batch", {"run_id": run, **batch}).json == {}
    assert site.post("runs/log-batch", {"run_id": run, **batch}).json == {}, "the same again is no other value"
    data = site.get(f"runs/get?run_id={run}").json["run"]["data"]
    assert {item["key"]: item["value"] for item in data["params"]} == {"one": param, "two": huge[:-1]}
    tags = {item["key"]: item["value"] for item in data["tags"]}
    assert (tags["one"], tags["two"]) == (tag, huge[:-1])


def test_a_run_of_an_unknown_user_is_the_token_owners(site: Site) -> None:
    """MLflow's client says ``unknown`` where a script gives no user."""
    run = site.run(site.experiment("whose"), user_id="unknown")
    found = site.get(f"runs/get?run_id={run}").json["run"]
    assert found["info"]["user_id"] not in ("", "unknown")
    assert "mlflow.user" not in [tag["key"] for tag in found["data"]["tags"]]


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
    for huge in (b"1e400", b"-1e400", b'"1e400"'):
        body = b'{"run_id": "%s", "key": "huge", "timestamp": 1, "value": %s}' % (run.encode(), huge)
        assert Client(site.url).send("POST", API + "runs/log-metric", body, headers).status == 400


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


def test_every_route_that_is_answered_is_in_the_docs() -> None:
    page = (Path(__file__).parents[3] / "docs" / "mlflow.md").read_text(encoding="utf-8")
    for endpoint in endpoints():
        path = re.sub(r"\(\?P<\w+>[^)]*\)", "", endpoint.partition(" ")[2])
        missing = [word for word in path.split("/") if word and word not in page]
        assert not missing, endpoint


def test_reasons_for_leaving_out_tests_of_mlflow_are_in_the_docs() -> None:
    page = " ".join((Path(__file__).parents[3] / "docs" / "mlflow.md").read_text(encoding="utf-8").split())
    for name, reason in {**EXCLUDED, **EXCLUDED_FIXTURES}.items():
        assert reason in page, name
        assert name in page, name


# charts and lists ----------------------------------------


def _points(site: Site, run: str, values: range) -> None:
    metrics = [{"key": "m", "value": value, "timestamp": 1, "step": value} for value in values]
    assert site.post("runs/log-batch", {"run_id": run, "metrics": metrics}).status == 200


def test_a_chart_gets_each_runs_points_evenly_and_the_last_one(site: Site) -> None:
    experiment = site.experiment("charts")
    runs = [site.run(experiment), site.run(experiment)]
    for run, most in zip(runs, (10, 20), strict=True):
        _points(site, run, range(most))
    query = f"metrics/get-history-bulk-interval?run_ids={runs[0]}&run_ids={runs[1]}&metric_key=m&max_results=5"
    found = site.get(query).json["metrics"]
    steps = [[point["step"] for point in found if point["run_id"] == run] for run in runs]
    assert steps == [[0, 2, 4, 6, 9], [0, 4, 8, 12, 19]]
    inside = site.get(f"{query}&start_step=3&end_step=5").json["metrics"]
    assert [point["value"] for point in inside] == [3.0, 4.0, 5.0] * 2


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("get-history-bulk-interval?metric_key=m", "Missing value for required parameter 'run_ids'."),
        ("get-history-bulk-interval?run_ids=a", "Missing value for required parameter 'metric_key'."),
        ("get-history-bulk-interval?run_ids=a&metric_key=m&max_results=2501", "max_results must be between 1 and 2500"),
        ("get-history-bulk-interval?run_ids=a&metric_key=m&start_step=1", "If either start step or end step"),
        ("get-history-bulk-interval?run_ids=a&metric_key=m&start_step=2&end_step=1", "end_step must be greater"),
        ("get-history-bulk-interval?metric_key=m" + "&run_ids=a" * 101, "must specify at most 100 run_ids"),
        ("get-history-bulk?metric_key=m", "must specify at least one run_id"),
        ("get-history-bulk?run_id=a", "must specify a metric_key"),
        ("get-history-bulk?metric_key=m" + "&run_id=a" * 101, "cannot specify more than 100 run_ids"),
        ("get-history?run_id=a&metric_key=m&page_token=x", "Run with id=a not found"),
    ],
)
def test_what_a_chart_may_not_ask(site: Site, query: str, message: str) -> None:
    refused = site.get(f"metrics/{query}")
    assert refused.status in (400, 404)
    assert message in refused.json["message"]


def test_strangers_see_no_points(site: Site) -> None:
    run = site.run(site.experiment("hidden charts"))
    _points(site, run, range(3))
    refused = site.get(f"metrics/get-history-bulk-interval?run_ids={run}&metric_key=m", "olaf")
    assert refused.json["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    assert site.get(f"metrics/get-history?run_id={run}&metric_key=m&page_token=x").status == 400


def test_data_sets_of_experiments_are_listed_once(site: Site) -> None:
    experiment = site.experiment("data of runs")
    data = {"name": "d", "digest": "1", "source_type": "local", "source": "x"}
    tags = [{"key": "mlflow.data.context", "value": "training"}]
    for _ in range(2):
        run = site.run(experiment)
        site.post("runs/log-inputs", {"run_id": run, "datasets": [{"dataset": data, "tags": tags}]})
    path = "experiments/search-datasets"
    found = site.post(path, {"experiment_ids": [experiment]}).json["dataset_summaries"]
    assert found == [{"experiment_id": experiment, "name": "d", "digest": "1", "context": "training"}]
    assert site.post(path, {"experiment_ids": [experiment]}, "olaf").json["dataset_summaries"] == []
    assert "at least one experiment_id" in site.post(path, {}).json["message"]
    assert "cannot specify more than 20" in site.post(path, {"experiment_ids": ["a"] * 21}).json["message"]


def test_data_sets_of_one_request_come_back_in_order(site: Site) -> None:
    run = site.run(site.experiment("ordered data"))
    names = ["c", "a", "d", "b"]
    data = [{"dataset": {"name": n, "digest": "1", "source_type": "local", "source": "x"}} for n in names]
    site.post("runs/log-inputs", {"run_id": run, "datasets": data})
    inputs = site.get(f"runs/get?run_id={run}").json["run"]["inputs"]["dataset_inputs"]
    assert [item["dataset"]["name"] for item in inputs] == names


def test_a_strangers_experiment_of_an_odd_name_stays_unknown(site: Site) -> None:
    name = "/Users/ann: odd"
    made = site.experiment(name)
    assert (
        site.get("experiments/get-by-name?experiment_name=%2FUsers%2Fann%3A%20odd").json["experiment"]["name"] == name
    )
    refused = site.get("experiments/get-by-name?experiment_name=%2FUsers%2Fann%3A%20odd", "olaf")
    assert refused.json["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    again = site.post("experiments/create", {"name": name}, "olaf").json
    assert again.get("experiment_id", made) != made, again
    assert "already exists" in site.post("experiments/create", {"name": name}).json["message"]


def test_experiment_0_is_listed_before_it_is_used_and_only_shown_once() -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(open_folder(Path(folder), "owner")) as owner:
        token = owner.governance.create_token(NewToken("t")).secret
        with RunningServer(owner.dispatcher, listen("127.0.0.1", 0), LOOPBACK) as server:
            site = Site(owner, server.url, {"owner": token})
            site.experiment("a")
            assert _names(site) == ["a", "Default"]
            assert [project.path for project in owner.tracking.list_projects()] == ["a"]
            site.run("0")
            assert sorted(_names(site)) == ["Default", "a"]


def _names(site: Site) -> list[str]:
    return [item["name"] for item in site.post("experiments/search", {}).json["experiments"]]
