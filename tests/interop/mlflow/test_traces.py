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
    assert attributes == {"text": {"stringValue": "ä"}, "count": {"intValue": "-5"}, "ratio": {"doubleValue": 0.5}}
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
