"""The MLflow protocol keeps what operations keep: every one of its routes, taken from the table that answers them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import pytest

from runward.core.matrix import HOLDERS, Holder
from runward.core.permissions import Role
from runward.interop.mlflow.router import _PATTERNS, _PLAIN
from tests.permissions.estate import Estate
from tests.permissions.site import FOREIGN, OWN, SECRET, WORD, Answer, Asking, Open

ROOT = "/api/2.0/mlflow/"
ROUTES: Final = [
    *((method, path) for method, table in _PLAIN.items() for path in table),
    *((method, pattern.pattern) for method, pattern, _ in _PATTERNS),
]


READS: Final = {
    "experiments/search",
    "experiments/search-datasets",
    "runs/search",
    "traces/search",
    "traces/calculate-filter-correlation",
    "traces/batchGet",
    "traces/batchGetInfos",
    "datasets/search",
    "issues/search",
    "logged-models/search",
    "registered-models/get-latest-versions",
}
"""What is sent by POST and changes nothing; whatever else is not sent by GET is taken for a write."""
_LISTS = ("experiment_ids", "run_ids", "trace_ids")
_COMMON: Final[dict[str, Any]] = {
    "key": "kept",
    "value": "1",
    "metric_key": "acc",
    "path": "notes.txt",
    "artifact_file_path": "notes.txt",
    "max_results": 5,
    "timestamp": 1,
    "description": "new text",
    "new_name": "newname",
    "run_name": "newname",
    "serialized_scorer": "{}",
    "stage": "Staging",
    "status": "LOGGED_MODEL_READY",
    "assessment": {"assessment_name": "new", "source": {"source_type": "HUMAN"}, "feedback": {"value": 0}},
    "assessment_name": "new",
    "source": {"source_type": "HUMAN"},
    "feedback": {"value": 0},
}
MAINTAINS: Final = {
    "experiments/delete",
    "experiments/restore",
    "experiments/update",
    "scorers/delete",
    "runs/delete",
    "runs/restore",
    "traces/delete-traces",
    "registered-models/delete",
    "model-versions/delete",
    "datasets/(?P<dataset_id>[^/]+)",
}
"""Whose DELETE or POST a contributor is refused."""
OF_ONES_OWN: Final = {"experiments/create", "registered-models/create", "server-info"}
"""They make something in the caller's own team, or say what is spoken here: they name no object."""
NO_SUCH_THING: Final = {
    # Their second step looks for what the first one made, which this database forgot.
    "experiments/create": 404,
    "runs/create": 404,
    **dict.fromkeys(("runs/log-batch", "runs/log-metric", "runs/log-parameter"), 409),
    "get-trace-artifact": 404,
    "logged-models/(?P<model_id>[^/]+)/artifacts/files": 404,
    "registered-models/delete": 409,
}
"""What an admin is answered where there is nothing to delete, to restore or to fetch."""


class Things(NamedTuple):
    """What MLflow's clients made of an estate, beside what it has: ids by the name of their parameter."""

    estate: Estate
    values: dict[str, Any]


def _post(asking: Asking, path: str, body: dict[str, Any]) -> Any:
    found = asking.send("POST", ROOT + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    assert found.status == 200, (path, found)
    return json.loads(found.text)


def _make(asking: Asking, estate: Estate) -> Things:
    project = estate.owner.tracking.get_project(estate.project).id
    values: dict[str, Any] = {
        "experiment_id": project,
        "experiment_ids": [project],
        "run_id": estate.base,
        "run_uuid": estate.base,
        "run_ids": [estate.base],
        "experiment_name": estate.project,
        "name": estate.model,
        "version": "1",
        "alias": "candidate",
    }
    model = {"experiment_id": project, "name": f"{estate.word}-logged", "source_run_id": estate.base}
    values["model_id"] = _post(asking, "logged-models", model)["model"]["info"]["model_id"]
    place = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": project}}
    trace = {
        "trace_id": f"tr-{estate.word}",
        "trace_location": place,
        "request_time": "2026-01-01T00:00:00Z",
        "execution_duration": "1s",
        "state": "OK",
        "request_preview": estate.word,
    }
    values["trace_id"] = _post(asking, "traces", {"trace": {"trace_info": trace}})["trace"]["trace_info"]["trace_id"]
    values["trace_ids"] = [values["trace_id"]]
    data = {"name": f"{estate.word} data", "experiment_ids": [project]}
    values["dataset_id"] = _post(asking, "datasets/create", data)["dataset"]["dataset_id"]
    issue = {"experiment_id": project, "name": f"{estate.word} issue", "description": estate.word}
    values["issue_id"] = _post(asking, "issues", issue)["issue"]["issue_id"]
    scorer = {"experiment_id": project, "name": f"{estate.word}-scorer", "serialized_scorer": "{}"}
    values["scorer"] = _post(asking, "scorers/register", scorer)["name"]
    assessment = {"assessment_name": estate.word, "source": {"source_type": "HUMAN"}, "feedback": {"value": 1}}
    made = _post(asking, f"traces/{values['trace_id']}/assessments", {"assessment": assessment})
    values["assessment_id"] = made["assessment"]["assessment_id"]
    tag = {"key": "kept", "value": "1"}
    _post(asking, "experiments/set-experiment-tag", {"experiment_id": project, **tag})
    _post(asking, "runs/set-tag", {"run_id": estate.base, **tag})
    for path in (f"traces/{values['trace_id']}/tags", f"logged-models/{values['model_id']}/tags"):
        body = json.dumps({**tag, "tags": [tag]}).encode()
        assert asking.send("PATCH", ROOT + path, body, {"Content-Type": "application/json"}).status == 200
    return Things(estate, values)


@pytest.fixture(scope="package")
def things(opened: Open) -> dict[str, Things]:
    """Both estates, with what clients of MLflow keep in them."""
    made = {}
    with opened.forgetful.remembering():
        for team, estate in ((OWN, opened.site.own), (FOREIGN, opened.site.foreign)):
            asking = Asking(opened.url, opened.site.author_tokens[team])
            made[team] = _make(asking, estate)
            asking.close()
    return made


def _scorer(things: Things) -> dict[str, Any]:
    return {"name": things.values["scorer"]}


def _logged_model(things: Things) -> dict[str, Any]:
    run_id = things.estate.base
    document = {"artifact_path": "model", "flavors": {}, "run_id": run_id, "utc_time_created": "2026-01-01 00:00:00"}
    return {"model_json": json.dumps(document)}


_SPECIAL: Final[dict[str, Callable[[Things], dict[str, Any]]]] = {
    "registered-models/create": lambda things: {"name": "fresh"},
    "model-versions/create": lambda things: {"source": f"runs:/{things.estate.base}/model"},
    "registered-models/rename": lambda things: {"name": things.estate.spare_model},
    "experiments/restore": lambda things: {"experiment_id": things.estate.gone_project},
    "runs/log-model": _logged_model,
    "issues": lambda things: {"status": "pending"},
    "runs/update": lambda things: {"status": "FINISHED"},
    "issues/(?P<issue_id>[^/]+)": lambda things: {"status": "resolved"},
    **dict.fromkeys(("scorers/register", "scorers/delete", "scorers/get", "scorers/versions"), _scorer),
}


def _ask(asking: Asking, route: tuple[str, str], things: Things) -> tuple[Answer, str]:
    """The answer to a route, and all that was said to it."""
    method, pattern = route
    values = {**_COMMON, **things.values, **(_SPECIAL[pattern](things) if pattern in _SPECIAL else {})}
    path = re.sub(r"\(\?P<(\w+)>[^)]*\)", lambda match: str(values.get(match[1], "kept")), pattern)
    said = json.dumps(values)
    if method == "GET":
        query = urlencode({k: v for k, v in values.items() if not isinstance(v, dict | list)})
        query += "&" + urlencode([(k, one) for k in _LISTS for one in values[k]])
        return asking.send(method, f"{ROOT}{path}?{query}"), said
    return asking.send(method, ROOT + path, said.encode(), {"Content-Type": "application/json"}), said


def _needed(route: tuple[str, str]) -> Role:
    method, pattern = route
    if pattern in MAINTAINS and method != "GET":
        return Role.MAINTAINER
    return Role.VIEWER if method == "GET" or pattern in READS else Role.CONTRIBUTOR


def test_every_route_is_answered_with_real_objects(opened: Open, things: dict[str, Things]) -> None:
    """So that a refusal elsewhere is one of permission."""
    boss, wrong = Asking(opened.url, opened.site.tokens["admin everywhere"]), []
    for route in ROUTES:
        found, _ = _ask(boss, route, things[OWN])
        if found.status not in (200, NO_SUCH_THING.get(route[1])):
            wrong.append((route, found.status, found.text[:200]))
    boss.close()
    assert wrong == []


@pytest.mark.parametrize("holder", [one for one in HOLDERS if one.workspace is None], ids=lambda one: one.name)
def test_each_route_keeps_what_operations_keep(opened: Open, things: dict[str, Things], holder: Holder) -> None:
    """403 for who holds too little, nothing at all for who may not read."""
    asking, wrong = Asking(opened.url, opened.site.tokens[holder.name]), []
    reads_own = holder.team is not None and holder.part != "elsewhere"
    for team in (OWN, FOREIGN):
        reads = team == OWN and reads_own
        for route in ROUTES:
            found, said = _ask(asking, route, things[team])
            tells = any(word in found.text and word not in said for word in ([SECRET] if reads_own else [SECRET, WORD]))
            if tells or not _fits(holder, route, reads, found):
                wrong.append((team, route, found.status, found.text[:200]))
    asking.close()
    assert wrong == []


def _fits(holder: Holder, route: tuple[str, str], reads: bool, found: Answer) -> bool:
    if found.status >= 500 or found.status == 401:
        return False
    writes, needed = _needed(route) > Role.VIEWER, _needed(route)
    if holder.only:
        return not writes or found.status >= 400
    if route[1] in OF_ONES_OWN or holder.part:
        # What they make of their own, or a token for a part, which is for none of its team's models.
        return reads or not writes or route[1] in OF_ONES_OWN or found.status >= 400
    if not reads:
        return found.status >= 400 if writes else found.status in (200, 400, 404)
    assert holder.team is not None
    return found.status != 403 if holder.team >= needed else found.status == 403


def test_spans_go_where_their_sender_may_write(opened: Open, things: dict[str, Things]) -> None:
    """OpenTelemetry's route takes its experiment from a header."""
    span = {"traceId": "0" * 31 + "1", "spanId": "0" * 15 + "1", "name": "x"}
    times = {"startTimeUnixNano": "1", "endTimeUnixNano": "2"}
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{**span, **times}]}]}]}).encode()
    wanted = {"viewer": (403, 404), "contributor": (200, 404), "outsider": (404, 404), "export on team": (404, 404)}
    for name, answers in wanted.items():
        asking = Asking(opened.url, opened.site.tokens[name])
        for team, status in zip((OWN, FOREIGN), answers, strict=True):
            headers = {
                "Content-Type": "application/json",
                "x-mlflow-experiment-id": things[team].values["experiment_id"],
            }
            assert asking.send("POST", "/v1/traces", body, headers).status == status, (name, team)
        asking.close()


def test_proxied_files_are_kept_too(opened: Open, things: dict[str, Things]) -> None:
    """Below every prefix, for reading, writing and deleting."""
    for team in (OWN, FOREIGN):
        values, estate = things[team].values, things[team].estate
        place = f"{values['experiment_id']}/{estate.base}/artifacts/notes.txt"
        for prefix in ("api/2.0", "ajax-api/2.0"):
            root = f"/{prefix}/mlflow-artifacts"
            asked: list[tuple[str, str, bytes | None]] = [
                ("GET", f"{root}/artifacts?path={values['experiment_id']}/{estate.base}/artifacts", None),
                ("GET", f"{root}/artifacts/{place}", None),
                ("GET", f"/get-artifact?run_id={estate.base}&path=notes.txt", None),
                ("GET", f"/model-versions/get-artifact?name={estate.model}&version=1&path=notes.txt", None),
                ("GET", f"{root}/presigned/{place}", None),
                ("PUT", f"{root}/artifacts/{place}.new", b"x"),
                ("POST", f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={estate.base}&path=new.txt", b"x"),
                ("DELETE", f"{root}/artifacts/{place}", None),
            ]
            for name in ("outsider", "viewer", "contributor", "maintainer", "export on team", "token: elsewhere"):
                asking = Asking(opened.url, opened.site.tokens[name])
                reads = team == OWN and name in ("viewer", "contributor", "maintainer")
                for method, path, body in asked:
                    found = asking.send(method, path, body)
                    case = (name, team, method, path, found)
                    if not reads:
                        assert found.status in (400, 404), case
                        assert estate.word not in found.text.replace(estate.model, ""), case
                    elif name == "viewer" and method != "GET":
                        assert found.status == 403, case
                    elif method == "DELETE":
                        assert (found.status == 403) == (name == "contributor"), case
                    else:
                        assert found.status in (200, 400, 404, 501), case
                asking.close()
