"""Traces over MLflow's routes and over OpenTelemetry's."""

from __future__ import annotations

import contextlib
import gzip
import json
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runward.interop.mlflow.errors import MlflowError
from runward.interop.mlflow.otlp import read_spans
from tests.interop.mlflow.conftest import API, Site
from tests.server.http import Answer, Client


def _varint(value: int) -> bytes:
    found = b""
    while value > 127:
        found, value = found + bytes([value & 127 | 128]), value >> 7
    return found + bytes([value])


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _export(trace: bytes, name: str, attributes: dict[str, bytes]) -> bytes:
    pairs = b"".join(_field(9, _field(1, key.encode()) + _field(2, value)) for key, value in attributes.items())
    times = b"".join(_varint(n << 3 | 1) + struct.pack("<Q", at) for n, at in ((7, 10**18), (8, 10**18 + 5 * 10**6)))
    span = _field(1, trace) + _field(2, b"\1" * 8) + _field(5, name.encode()) + times + pairs
    return _field(1, _field(2, _field(2, span + _field(15, b"\x18\1"))))


def _send(site: Site, experiment: str, data: bytes, kind: str = "application/x-protobuf", **more: str) -> Answer:
    headers = {"Content-Type": kind, "X-Mlflow-Experiment-Id": experiment, **more}
    return Client(site.url, site.tokens["owner"]).send("POST", "/v1/traces", data, headers)


def _search(site: Site, experiment: str, text: str) -> list[Any]:
    where = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}
    return list(site.post("traces/search", {"locations": [where], "filter": text}).json["traces"])


def test_spans_arrive_and_make_a_trace(site: Site) -> None:
    experiment = site.experiment("spans")
    values = {
        "text": _field(1, b"\xc3\xa4"),
        "count": b"\x18" + _varint(2**64 - 5),
        "ratio": b"\x21" + struct.pack("<d", 0.5),
    }
    assert _send(site, experiment, _export(b"\7" * 16, "root", values)).status == 200
    trace_id = "tr-" + "07" * 16
    found = site.get(f"traces/batchGet?trace_ids={trace_id}").json["traces"][0]
    assert found["trace_info"]["state"] == "OK"
    assert found["trace_info"]["execution_duration"] == "0.005s"
    attributes = {pair["key"]: pair["value"] for pair in found["spans"][0]["attributes"]}
    assert attributes == {"text": {"string_value": "ä"}, "count": {"int_value": "-5"}, "ratio": {"double_value": 0.5}}
    assert [info["trace_id"] for info in _search(site, experiment, "name = 'root' AND execution_time_ms < 6")] == [
        trace_id
    ]
    assert _search(site, experiment, "status = 'ERROR'") == []
    packed = gzip.compress(_export(b"\x08" * 16, "packed", {}))
    assert _send(site, experiment, packed, **{"Content-Encoding": "gzip"}).status == 200
    assert len(_search(site, experiment, "")) == 2


def test_a_trace_is_told_tagged_and_deleted(site: Site) -> None:
    experiment = site.experiment("told")
    info = {
        "trace_id": "tr-told",
        "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}},
        "request_time": "2026-01-02T03:04:05.678Z",
        "execution_duration": "1.5s",
        "state": "OK",
        "tags": {"a": "b"},
        "trace_metadata": {"user": "me"},
    }
    assert site.post("traces", {"trace": {"trace_info": info}}).status == 200
    assert (
        Client(site.url, site.tokens["owner"])
        .send("PATCH", f"{API}traces/tr-told/tags", {"key": "seen", "value": "yes"})
        .status
        == 200
    )
    assert (
        len(_search(site, experiment, "tags.seen = 'yes' AND metadata.user = 'me' AND timestamp_ms = 1767323045678"))
        == 1
    )
    assert site.get("traces/tr-told", "olaf").json["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    assert site.get("traces/batchGet?trace_ids=tr-told", "olaf").json["traces"] == []
    body = {"experiment_id": experiment, "trace_ids": ["tr-told", "tr-other"]}
    assert site.post("traces/delete-traces", body).json == {"traces_deleted": 1}
    assert site.get("traces/tr-told").status == 404


def test_json_ids_are_hexadecimal(site: Site) -> None:
    experiment = site.experiment("json-spans")
    span = {
        "traceId": "0a" * 16,
        "spanId": "0b" * 8,
        "name": "j",
        "startTimeUnixNano": "1000000",
        "endTimeUnixNano": "2000000",
    }
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
    assert _send(site, experiment, body, "application/json").status == 200
    assert [info["trace_id"] for info in _search(site, experiment, "")] == ["tr-" + "0a" * 16]


@pytest.mark.parametrize("data", [b"", b"\xff", b"\x0a\x05abc", b"{}", _export(b"\1" * 4, "short id", {})])
def test_what_is_no_export_is_400(site: Site, data: bytes) -> None:
    assert _send(site, "0", data).json["error_code"] == "INVALID_PARAMETER_VALUE"
    assert _send(site, "0", data, "application/json").status == 400
    assert _send(site, "0", data, "text/plain").status == 400


@given(data=st.binary(max_size=200), cut=st.integers(0, 120))
@settings(max_examples=200, deadline=None)
def test_no_bytes_break_the_reader(data: bytes, cut: int) -> None:
    """Whatever arrives is read or refused."""
    for sent in (data, _export(b"\1" * 16, "n", {"k": data})[: cut or None]):
        with contextlib.suppress(MlflowError):
            assert read_spans(sent, "application/x-protobuf")


def test_clients_before_3_begin_and_end_a_trace(site: Site) -> None:
    experiment = site.experiment("version-two")
    body = {
        "experiment_id": experiment,
        "timestamp_ms": 1000,
        "request_metadata": [{"key": "m", "value": "1"}],
        "tags": [],
    }
    begun = site.post("traces", body).json["trace_info"]
    path = f"{API}traces/{begun['request_id']}"
    end = {
        "request_id": begun["request_id"],
        "timestamp_ms": 1250,
        "status": "OK",
        "tags": [{"key": "t", "value": "x"}],
    }
    done = Client(site.url, site.tokens["owner"]).send("PATCH", path, end)
    assert done.json["trace_info"]["execution_time_ms"] == 250
    listed = site.get(f"traces?experiment_ids={experiment}&filter=status%20%3D%20'OK'").json["traces"]
    assert [(info["request_id"], info["timestamp_ms"]) for info in listed] == [(begun["request_id"], 1000)]
    assert site.get(f"traces/{begun['request_id']}/info").json["trace_info"] == listed[0]


def test_traces_are_found_by_what_their_spans_and_assessments_say(site: Site) -> None:
    experiment = site.experiment("spans searched")
    for number, word in ((1, b"red"), (2, b"blue")):
        values = {"colour": _field(1, word), "mlflow.spanType": _field(1, b"TOOL" if number == 1 else b"LLM")}
        _send(site, experiment, _export(bytes([number + 60]) * 16, f"step-{number}", values))
    one, other = f"tr-{bytes([61]).hex() * 16}", f"tr-{bytes([62]).hex() * 16}"
    body = {"assessment_name": "right", "feedback": {"value": "yes"}, "source": {"source_type": "HUMAN"}}
    assert site.post(f"traces/{one}/assessments", {"assessment": body}).status == 200
    for text, wanted in (
        ("trace.text LIKE '%step%'", {one, other}),
        ("trace.text LIKE '%blue%'", {other}),
        ("span.name = 'step-1'", {one}),
        ("span.type IN ('LLM')", {other}),
        ("span.attributes.colour ILIKE 'RED'", {one}),
        ("feedback.right = 'yes'", {one}),
        ("feedback.right IS NULL", {other}),
        ("feedback.right = 'no'", set()),
    ):
        assert {info["trace_id"] for info in _search(site, experiment, text)} == wanted, text


def test_a_trace_is_linked_to_a_run_before_it_arrives(site: Site) -> None:
    experiment = site.experiment("linked")
    run, trace_id = site.run(experiment), "tr-" + "21" * 16
    link = {"run_id": run, "trace_ids": [trace_id]}
    assert site.post("traces/link-to-run", link, "vera").status == 403
    assert site.post("traces/link-to-run", link, "olaf").status == 404
    assert site.post("traces/link-to-run", link).status == 200
    assert _search(site, experiment, f"run_id = '{run}'") == []
    _send(site, experiment, _export(b"!" * 16, "root", {}))
    assert [info["trace_id"] for info in _search(site, experiment, f"run_id = '{run}'")] == [trace_id]
    assert _search(site, experiment, "run_id = 'another'") == []
    refused = site.post("traces/link-to-run", {"run_id": run, "trace_ids": ["a"] * 101})
    assert refused.json["message"].startswith("Cannot link more than 100 traces")


def test_prompts_are_noted_on_a_trace_once(site: Site) -> None:
    experiment = site.experiment("prompted")
    _send(site, experiment, _export(b'"' * 16, "root", {}))
    body = {"trace_id": "tr-" + "22" * 16, "prompt_versions": [{"name": "p", "version": "1"}]}
    assert [site.post("traces/link-prompts", body).status for _ in range(2)] == [200, 200]
    tags = _search(site, experiment, "prompt = 'p/1'")[0]["tags"]
    assert json.loads(tags["mlflow.linkedPrompts"]) == [{"name": "p", "version": "1"}]
    assert _search(site, experiment, "prompt = 'p/2'") == []
    tag = {"key": "mlflow.linkedPrompts", "value": "{"}
    Client(site.url, site.tokens["owner"]).send("PATCH", f"{API}traces/tr-{'22' * 16}/tags", tag)
    assert _search(site, experiment, "prompt = 'p/1'") == []


def test_how_far_two_filters_meet(site: Site) -> None:
    experiment = site.experiment("correlated")
    for number in range(10):
        kind = b"TOOL" if number < 7 else b"LLM"
        place = b"prod" if number < 6 else b"dev"
        trace = bytes([number + 100]) * 16
        _send(site, experiment, _export(trace, "root", {}))
        for key, value in (("type", kind), ("env", place)):
            tag = {"key": key, "value": value.decode()}
            Client(site.url, site.tokens["owner"]).send("PATCH", f"{API}traces/tr-{trace.hex()}/tags", tag)

    def ask(one: str, other: str) -> Any:
        body = {"experiment_ids": [experiment], "filter_string1": one, "filter_string2": other}
        return site.post("traces/calculate-filter-correlation", body).json

    found = ask("tags.env = 'prod'", "tags.type = 'TOOL'")
    assert [found[f"{name}_count"] for name in ("total", "filter1", "filter2", "joint")] == [10, 6, 7, 6]
    assert found["npmi"] == pytest.approx(0.698, abs=0.01)
    assert found["npmi_smoothed"] < found["npmi"]
    assert ask("tags.env = 'prod'", "tags.type = 'LLM'")["npmi"] == -1.0
    assert ask("tags.env = 'none'", "tags.type = 'LLM'")["npmi"] == "NaN"
    assert ask("moon.env = 'none'", "tags.type = 'LLM'")["error_code"] == "INVALID_PARAMETER_VALUE"


def test_a_page_gets_the_spans_of_a_trace_as_a_file(site: Site) -> None:
    experiment = site.experiment("trace as a file")
    _send(site, experiment, _export(b"9" * 16, "root", {"fruit": _field(1, b"apple")}))
    path = f"/ajax-api/2.0/mlflow/get-trace-artifact?request_id=tr-{b'9'.hex() * 16}"
    found = Client(site.url, site.tokens["owner"]).get(path)
    assert found.headers["content-disposition"] == "attachment; filename=traces.json"
    span = found.json["spans"][0]
    assert (span["name"], span["attributes"], span["parent_span_id"]) == ("root", {"fruit": '"apple"'}, None)
    assert Client(site.url, site.tokens["olaf"]).get(path).status == 404
