"""What MLflow's clients keep beside runs: evaluation data sets, scorers, issues, assessments of traces."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.interop.mlflow.conftest import API, Site
from tests.server.http import Answer, Client


def _send(site: Site, method: str, path: str, body: Any = None, member: str = "owner") -> Answer:
    return Client(site.url, site.tokens[member]).send(method, API + path, body)


def _dataset(site: Site, experiment: str, **tags: str) -> str:
    body = {"name": "questions", "experiment_ids": [experiment], "tags": json.dumps(tags)}
    return str(site.post("datasets/create", body).json["dataset"]["dataset_id"])


def _records(site: Site, dataset: str) -> list[Any]:
    return list(json.loads(site.get(f"datasets/{dataset}/records").json["records"]))


def test_records_with_the_same_inputs_are_merged(site: Site) -> None:
    dataset = _dataset(site, site.experiment("records"))
    first = [{"inputs": {"q": "a", "n": 1}, "expectations": {"x": 1}}, {"inputs": {"q": "b"}, "tags": {"t": "1"}}]
    again = [{"inputs": {"n": 1, "q": "a"}, "expectations": {"y": 2}, "outputs": "z"}]
    counts = [
        site.post(f"datasets/{dataset}/records", {"records": json.dumps(records)}).json for records in (first, again)
    ]
    assert [(c["inserted_count"], c["updated_count"]) for c in counts] == [(2, 0), (0, 1)]
    merged = next(record for record in _records(site, dataset) if record["inputs"]["q"] == "a")
    assert (merged["expectations"], merged["outputs"]) == ({"x": 1, "y": 2}, "z")
    gone = _send(site, "DELETE", f"datasets/{dataset}/records", {"dataset_record_ids": [merged["dataset_record_id"]]})
    assert gone.json == {"deleted_count": 1}
    assert [record["inputs"] for record in _records(site, dataset)] == [{"q": "b"}]
    shown = site.get(f"datasets/{dataset}").json["dataset"]
    assert json.loads(shown["profile"]) == {"num_records": 1}
    assert json.loads(shown["schema"])["inputs"] == {"q": "string", "n": "integer"}


def test_a_data_set_moves_between_experiments_and_carries_tags(site: Site) -> None:
    one, other = site.experiment("first home"), site.experiment("second home")
    dataset = _dataset(site, one, team="vision", gone="x")
    assert site.post(f"datasets/{dataset}/add-experiments", {"experiment_ids": [other, one]}).status == 200
    assert site.get(f"datasets/{dataset}/experiment-ids").json == {"experiment_ids": [one, other]}
    left = site.post(f"datasets/{dataset}/remove-experiments", {"experiment_ids": [one]}).json["dataset"]
    assert left["experiment_ids"] == [other]
    assert _send(site, "PATCH", f"datasets/{dataset}/tags", {"tags": '{"n": 1}'}).status == 200
    assert _send(site, "DELETE", f"datasets/{dataset}/tags/gone").status == 200
    found = site.post("datasets/search", {"experiment_ids": [other], "filter_string": "tags.team = 'vision'"}).json
    assert [json.loads(item["tags"]) for item in found["datasets"]] == [{"team": "vision", "n": "1"}]
    assert site.post("datasets/search", {"experiment_ids": [one]}).json["datasets"] == []
    # The client takes an id that is no list apart into its characters.
    assert len(site.post("datasets/search", {"experiment_ids": list(other)}).json["datasets"]) == 1
    assert _send(site, "DELETE", f"datasets/{dataset}").status == 200
    assert site.get(f"datasets/{dataset}").json["error_code"] == "RESOURCE_DOES_NOT_EXIST"


def test_roles_hold_for_what_is_kept_beside_runs(site: Site) -> None:
    experiment = site.experiment("guarded documents")
    dataset = _dataset(site, experiment)
    issue = site.post("issues", {"experiment_id": experiment, "name": "n", "description": "d"}).json["issue"][
        "issue_id"
    ]
    for path in (f"datasets/{dataset}", f"issues/{issue}"):
        assert _send(site, "GET", path, member="vera").status == 200
        assert _send(site, "GET", path, member="olaf").json["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    records = {"records": '[{"inputs": {}}]'}
    assert _send(site, "POST", f"datasets/{dataset}/records", records, "vera").status == 403
    assert _send(site, "PATCH", f"issues/{issue}", {"name": "x"}, "vera").status == 403
    assert _send(site, "DELETE", f"datasets/{dataset}", member="ann").status == 403
    new = {"experiment_id": experiment, "name": "s", "serialized_scorer": "{}"}
    assert [site.post("scorers/register", new, member).status for member in ("olaf", "vera", "ann")] == [404, 403, 200]
    assert _send(site, "DELETE", "scorers/delete", new, "ann").status == 403
    assert site.post("issues/search", {}, "olaf").json["issues"] == []
    assert site.post("datasets/search", {}, "olaf").json["datasets"] == []


@pytest.mark.parametrize("tags", ["[1]", "{", '"x"', "[" * 100_000])
def test_broken_texts_are_refused(site: Site, tags: str) -> None:
    refused = site.post("datasets/create", {"name": "d", "tags": tags})
    assert (refused.status, refused.json["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_scorers_are_numbered(site: Site) -> None:
    experiment = site.experiment("scorers")
    for text in ("{}", '{"b": 1}'):
        made = site.post("scorers/register", {"experiment_id": experiment, "name": "s", "serialized_scorer": text}).json
    assert (made["version"], made["name"], made["serialized_scorer"]) == (2, "s", '{"b": 1}')
    query = f"?experiment_id={experiment}&name=s"
    assert site.get(f"scorers/get{query}").json["scorer"]["scorer_version"] == 2
    assert site.get(f"scorers/get{query}&version=1").json["scorer"]["serialized_scorer"] == "{}"
    assert [item["scorer_version"] for item in site.get(f"scorers/list{query}").json["scorers"]] == [2]
    assert (
        _send(site, "DELETE", "scorers/delete", {"experiment_id": experiment, "name": "s", "version": 2}).status == 200
    )
    assert [item["scorer_version"] for item in site.get(f"scorers/versions{query}").json["scorers"]] == [1]
    missing = site.get(f"scorers/get{query}&version=2").json
    assert missing["message"] == f"Scorer with name 's' and version 2 not found for experiment {experiment}."


def test_issues_are_noted_changed_and_found(site: Site) -> None:
    experiment = site.experiment("issues")
    new = {"experiment_id": experiment, "name": "slow", "description": "d", "severity": "high", "root_causes": ["a"]}
    issue = site.post("issues", new).json["issue"]
    assert (issue["status"], issue["severity"], issue["root_causes"]) == ("pending", "high", ["a"])
    changed = _send(site, "PATCH", f"issues/{issue['issue_id']}", {"status": "resolved"}).json["issue"]
    assert (changed["status"], changed["name"]) == ("resolved", "slow")
    found = site.post("issues/search", {"experiment_id": experiment, "filter_string": "status = 'resolved'"}).json
    assert ([item["issue_id"] for item in found["issues"]], found["next_page_token"]) == ([issue["issue_id"]], "")
    assert site.post("issues", {**new, "status": "open"}).status == 400
    assert site.get("issues/none").json["error_code"] == "RESOURCE_DOES_NOT_EXIST"


# assessments ----------------------------------------


@pytest.fixture
def trace(site: Site, request: pytest.FixtureRequest) -> str:
    experiment = site.own_experiment(request)
    trace_id = f"tr-{experiment}"
    where = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
    info = {"trace_id": trace_id, "trace_location": where, "request_time": "2026-01-01T00:00:00Z", "state": "OK"}
    assert site.post("traces", {"trace": {"trace_info": info}}).status == 200
    return trace_id


def _feedback(name: str, value: Any, **more: str) -> Any:
    return {"assessment": {"assessment_name": name, "feedback": {"value": value}, **more}}


def test_an_assessment_that_is_overridden_comes_back(site: Site, trace: str) -> None:
    path = f"traces/{trace}/assessments"
    first = site.post(path, _feedback("right", True)).json["assessment"]
    second = site.post(path, _feedback("right", False, overrides=first["assessment_id"])).json["assessment"]
    one, other = f"{path}/{first['assessment_id']}", f"{path}/{second['assessment_id']}"
    assert [site.get(p).json["assessment"]["valid"] for p in (one, other)] == [False, True]
    assert _send(site, "DELETE", other).status == 200
    assert site.get(one).json["assessment"]["valid"] is True
    assert (
        site.get(other).json["message"]
        == f"Assessment with ID '{second['assessment_id']}' not found for trace '{trace}'"
    )
    assert [a["valid"] for a in site.get(f"traces/{trace}").json["trace"]["trace_info"]["assessments"]] == [True]


def test_only_what_the_mask_names_changes(site: Site, trace: str) -> None:
    path = f"traces/{trace}/assessments"
    body = _feedback("right", 1, rationale="because")
    body["assessment"]["metadata"] = {"a": "1"}
    made = site.post(path, body).json["assessment"]
    change = _feedback("wrong", 2, rationale="no")
    change["assessment"]["metadata"] = {"b": "2"}
    one = f"{path}/{made['assessment_id']}"
    changed = _send(site, "PATCH", one, {**change, "update_mask": "feedback,metadata"}).json["assessment"]
    assert (changed["feedback"]["value"], changed["assessment_name"], changed["rationale"]) == (2, "right", "because")
    assert changed["metadata"] == {"a": "1", "b": "2"}
    expectation = {"assessment": {"expectation": {"value": 1}}}
    assert _send(site, "PATCH", one, {**expectation, "update_mask": "expectation"}).status == 400


@pytest.mark.parametrize(
    "assessment",
    [
        {},
        {"assessment_name": "a"},
        {"assessment_name": "a", "feedback": {"value": 1}, "expectation": {"value": 1}},
        {"assessment_name": "a", "feedback": 1},
        {"assessment_name": "a", "feedback": {"value": 1}, "source": {"source_type": "MOON"}},
        {"assessment_name": "a" * 251, "feedback": {"value": 1}},
    ],
)
def test_what_is_no_assessment_is_refused(site: Site, trace: str, assessment: Any) -> None:
    refused = site.post(f"traces/{trace}/assessments", {"assessment": assessment})
    assert (refused.status, refused.json["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_who_may_assess(site: Site, trace: str) -> None:
    path = f"traces/{trace}/assessments"
    statuses = [site.post(path, _feedback("right", 1), member).status for member in ("vera", "olaf", "ann")]
    assert statuses == [403, 404, 200]


def test_a_feedback_that_is_no_number_is_read_back(site: Site, trace: str) -> None:
    body = b'{"assessment": {"assessment_name": "a", "feedback": {"value": NaN}}}'
    made = _send(site, "POST", f"traces/{trace}/assessments", body).json["assessment"]
    assert made["feedback"]["value"] == "NaN"
    assert site.get(f"traces/{trace}").json["trace"]["trace_info"]["assessments"][0]["feedback"] == {"value": "NaN"}


@pytest.mark.parametrize("text", ["\ud800", "a\0b", "\N{GRINNING FACE}" * 50, "'; DROP TABLE runs; --"])
@pytest.mark.parametrize(
    "path",
    [
        "datasets/create",
        "issues",
        "scorers/register",
        "experiments/set-experiment-tag",
        "traces/t/assessments",
        "traces",
    ],
)
def test_no_text_breaks_the_server(site: Site, request: pytest.FixtureRequest, path: str, text: str) -> None:
    experiment = site.own_experiment(request)
    body: dict[str, Any] = {"experiment_id": experiment, "experiment_ids": [experiment], "name": text}
    body |= {"serialized_scorer": text, "description": text, "key": text, "value": text}
    info = {"trace_id": text, "request_time": text, "tags": {text: text}}
    body |= {"trace": {"trace_info": info}, "assessment": {"assessment_name": text, "feedback": {"value": text}}}
    assert site.post(path, body).status in (200, 400, 404)
