"""The two axes and what follows from them, case by case."""

from __future__ import annotations

import gzip
import io
import json
import math
import struct
import zipfile
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runward.repro.compare import (
    arguments_of,
    compare_artifacts,
    compare_exit_codes,
    compare_inputs,
    compare_metrics,
    inputs_of,
    result_report,
    unchecked_of,
)
from runward.repro.content import compare_content, measures_time
from runward.repro.levels import decide
from runward.repro.model import (
    Conditions,
    InputCheck,
    ItemStatus,
    Level,
    MetricCheck,
    OutputCheck,
    ResultReport,
    ResultStatus,
    Series,
    Tolerance,
    Verdict,
    VerificationReport,
)
from runward.repro.printed import Around, compare_stdout, mask
from runward.tracking.capture.model import FileRead, Package
from runward.tracking.capture.preload import shim
from tests.extras import needs
from tests.repro.captures import make_capture

NAN = float("nan")


def series(*values: float) -> Series:
    return Series(steps=list(range(len(values))), values=list(values))


def check(before: Series | None, after: Series | None, tolerance: Tolerance | None = None) -> MetricCheck:
    first = {} if before is None else {"loss": before}
    second = {} if after is None else {"loss": after}
    (found,) = compare_metrics(first, second, {"loss": tolerance} if tolerance else None)
    return found


@pytest.mark.parametrize(
    ("before", "after", "tolerance", "status"),
    [
        (series(1.0, 0.5), series(1.0, 0.5), None, "identical"),
        (series(NAN, math.inf), series(NAN, math.inf), None, "identical"),
        (series(0.0), series(-0.0), None, "different"),
        (series(0.1 + 0.2), series(0.3), None, "different"),
        (series(0.1 + 0.2), series(0.3), Tolerance(abs=1e-9), "within_tolerance"),
        (series(100.0), series(100.9), Tolerance(rel=0.01), "within_tolerance"),
        (series(100.0), series(101.1), Tolerance(rel=0.01), "different"),
        (series(1.0, 1.0), series(1.0, 2.0), Tolerance(abs=0.5), "different"),
        (series(NAN), series(1.0), Tolerance(abs=1e9), "different"),
        (series(math.inf), series(-math.inf), Tolerance(abs=1e9), "different"),
        (series(1.0), series(1.0, 2.0), Tolerance(abs=9), "different"),
        (series(1.0), None, None, "missing"),
        (None, series(1.0), None, "added"),
        (series(), series(), None, "identical"),
    ],
)
def test_metrics(before: Series | None, after: Series | None, tolerance: Tolerance | None, status: ItemStatus) -> None:
    """At full precision, over all steps."""
    assert check(before, after, tolerance).status == status


def test_metric_says_where_and_how_much() -> None:
    """First step and largest difference."""
    found = check(series(1.0, 2.0, 3.0), series(1.0, 2.5, 2.0))
    assert (found.first_step, found.max_difference, found.points) == (1, 1.0, 3)
    assert "2 of 3 points differ; first 2.0 became 2.5" in found.detail


@given(st.lists(st.floats(allow_nan=True)))
def test_any_series_equals_itself(values: list[float]) -> None:
    """Whatever the bits."""
    assert check(series(*values), series(*values)).status == "identical"


@pytest.mark.parametrize(
    "name",
    [
        "training_time",
        "time/epoch",
        "epoch_duration_s",
        "samples_per_second",
        "system/cpu",
        "latency",
        "wall.elapsed",
    ],
)
def test_durations_are_not_compared(name: str) -> None:
    """No rerun repeats them; the report lists them as unchecked."""
    (found,) = compare_metrics({name: series(1.0)}, {name: series(2.0)})
    assert found.status == "unchecked"
    assert unchecked_of([], result_report([found], [])) == [f"metric {name}"]


@pytest.mark.parametrize("name", ["loss", "accuracy", "timesteps", "perplexity", "val/f1", "times_table_accuracy"])
def test_results_are_compared(name: str) -> None:
    """A metric whose name merely resembles time."""
    assert not measures_time(name)


@pytest.mark.parametrize(
    ("name", "before", "after", "tolerance", "status"),
    [
        ("m.json", b'{"a": 1, "b": 2}', b'{"b":2,"a":1}', None, "identical"),
        ("m.json", b'{"a": 1.0}', b'{"a": 1.001}', None, "different"),
        ("m.json", b'{"a": [1.0]}', b'{"a": [1.001]}', Tolerance(abs=0.01), "within_tolerance"),
        ("m.json", b'{"a": 1}', b'{"a": true}', Tolerance(abs=9), "different"),
        ("m.json", b'{"a": 1}', b'{"a": 1, "b": 2}', None, "different"),
        ("m.json", b"not json", b"nor this", None, "different"),
        ("m.jsonl", b'{"a":1}\n{"a":2}\n', b'{"a": 1}\n{"a": 2}', None, "identical"),
        ("t.csv", b"a,b\n1,2.0\n", b"a,b\r\n1,2.0\r\n", None, "identical"),
        ("t.csv", b"a\n0.5\n", b"a\n0.50001\n", Tolerance(rel=0.01), "within_tolerance"),
        ("t.tsv", b"a\tb\n", b"a\tc\n", None, "different"),
        ("model.bin", b"abc", b"abd", Tolerance(abs=9), "different"),
    ],
)
def test_artifacts(name: str, before: bytes, after: bytes, tolerance: Tolerance | None, status: ItemStatus) -> None:
    """By digest first; JSON and tables by content; other bytes as they are."""
    (found,) = compare_artifacts(
        {name: "d1"}, {name: "d2"}, {"d1": before, "d2": after}.__getitem__, {name: tolerance} if tolerance else None
    )
    assert found.status == status
    assert found.detail


def test_artifacts_without_their_bytes() -> None:
    """Digests decide; missing and added ones are named."""
    found = compare_artifacts({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "9", "d": "4"})
    assert [(item.name, item.status) for item in found] == [
        ("a", "identical"), ("b", "different"), ("c", "missing"), ("d", "added"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("done 2026-01-02T03:04:05Z", "done 2026-11-20 23:59:59.123"),
        ("[12:01:02] epoch 1", "[13:59:00] epoch 1"),
        ("epoch 1 took 3.2s", "epoch 1 took 41 seconds"),
        ("<Model object at 0x7f3a10b2>", "<Model object at 0x55d0c1ff>"),
        ("saved to /home/ada/run1/model.bin", "saved to /tmp/x/y/model.bin"),
        ("pid 123 ready", "pid 9 ready"),
        ("\x1b[32mok\x1b[0m", "ok"),
        ("12.5 it/s", "99 it/s"),
    ],
)
def test_what_changes_with_every_start_is_masked(before: str, after: str) -> None:
    """Times, addresses, paths and colours."""
    assert compare_stdout(before, after).status == "identical"


def test_different_output_names_the_line() -> None:
    """The first that differs, or the lengths."""
    assert "line 2: 'loss 0.5' became 'loss 0.6'" in compare_stdout("a\nloss 0.5", "a\nloss 0.6").detail
    assert compare_stdout("a\n", "a\nb\n").detail == "1 lines before, 2 after"


@given(st.text())
def test_masking_is_stable(text: str) -> None:
    """Masked text has nothing more to mask that would make equal texts differ."""
    assert mask(text) == mask(text)
    assert compare_stdout(text, text).status == "identical"


def test_inputs_of_two_captures() -> None:
    """Same, different and unchecked, the most telling kind first."""
    before = make_capture(
        packages=[Package(name="numpy", version="2.0"), Package(name="gone", version="1")],
        reads=[
            FileRead(path="/w/data.csv", relative="data.csv", size=1, digest="d1"),
            FileRead(path="/w/moving", relative="moving", size=1, digest="d2", changed=True),
            FileRead(path="/x/only-before", size=1, digest="d3"),
            FileRead(path="/w/train.py", relative="train.py", size=1, digest="c"),
        ],
        seeds={"python": 1},
    )
    after = make_capture(
        packages=[Package(name="numpy", version="2.1")],
        reads=[
            FileRead(path="/y/data.csv", relative="data.csv", size=1, digest="CHANGED"),
            FileRead(path="/y/moving", relative="moving", size=1, digest="d2"),
        ],
        seeds={"python": 1},
    )
    checks = compare_inputs(inputs_of(before, {"lr": 0.1}), inputs_of(after, {"lr": 0.1}))
    status = {(item.kind, item.name): item.status for item in checks}
    assert status["code", "tree"] == status["config", "lr"] == status["seed", "python"] == "same"
    assert status["data", "data.csv"] == status["package", "numpy"] == status["package", "gone"] == "different"
    assert status["data", "moving"] == status["data", "/x/only-before"] == "unchecked"
    assert ("data", "train.py") not in status
    assert next(item.name for item in checks if item.status == "different") == "data.csv"


SAME = [
    InputCheck(kind="code", name="tree", status="same"),
    InputCheck(kind="seed", name="python", status="same"),
    InputCheck(kind="package", name="numpy", status="same"),
]
BUILT = Conditions(environment_rebuilt=True, sandbox="bubblewrap")
BUILT_OPEN = Conditions(environment_rebuilt=True, sandbox="none")
PLAIN = Conditions()
IDENTICAL, CLOSE, DIFFERENT, NOTHING = (
    ResultStatus.IDENTICAL, ResultStatus.WITHIN_TOLERANCE, ResultStatus.DIFFERENT, ResultStatus.UNDECIDED,
)  # fmt: skip


def test_the_instrument_is_no_input() -> None:
    """Neither Runward's version nor the library that it loads into a command to see what that reads."""
    environment = make_capture().environment
    own = shim().path
    builds = {own.name if own else "opens-0.so": "1", "libssl.so.3": "2"}
    seen = msgspec.structs.replace(environment, library_builds=builds)
    names = {
        name for kind, name in inputs_of(msgspec.structs.replace(make_capture(), environment=seen)) if kind == "library"
    }
    assert names == {"libssl.so.3"}


def other(kind: str, name: str = "x") -> InputCheck:
    return InputCheck(kind=kind, name=name, status="different", before="a", after="b")


UNKNOWN = InputCheck(kind="package", name="numpy", status="unchecked")
UNKNOWN_DATA = InputCheck(kind="data", name="x", status="unchecked")


REPRODUCED, NOT_REPRODUCED, OPEN = Verdict.REPRODUCED, Verdict.NOT_REPRODUCED, Verdict.UNDECIDED
NONE, BASIC, ENVIRONMENT = Level.NONE, Level.BASIC, Level.ENVIRONMENT
KERNELS, LOCALE, ZONE = (
    other("variable", "ATEN_CPU_CAPABILITY"),
    other("variable", "LANG"),
    other("variable", "TZ"),
)
DATA, NUMPY, THREADS = other("data", "d.csv"), other("package", "np"), other("threads")
TIMEOUT = Conditions(timed_out=True)


@pytest.mark.parametrize(
    ("inputs", "result", "conditions", "expected", "reason"),
    [
        (SAME, IDENTICAL, PLAIN, (REPRODUCED, BASIC), "identical in the same environment"),
        (SAME, IDENTICAL, BUILT, (REPRODUCED, ENVIRONMENT), "isolation: bubblewrap"),
        (SAME, IDENTICAL, BUILT_OPEN, (REPRODUCED, ENVIRONMENT), "isolation: none"),
        (SAME, CLOSE, PLAIN, (REPRODUCED, NONE), "within the declared tolerance, but"),
        (SAME, CLOSE, BUILT, (REPRODUCED, NONE), "within the declared tolerance, but"),
        ([*SAME, THREADS], CLOSE, BUILT, (REPRODUCED, ENVIRONMENT), "other hardware"),
        ([*SAME, other("cpu_level")], CLOSE, BUILT, (REPRODUCED, ENVIRONMENT), "other hardware"),
        ([*SAME, KERNELS], CLOSE, BUILT, (REPRODUCED, ENVIRONMENT), "other hardware"),
        ([*SAME, LOCALE], CLOSE, BUILT, (REPRODUCED, NONE), "within the declared tolerance, but"),
        ([*SAME, THREADS], CLOSE, PLAIN, (REPRODUCED, NONE), "within the declared tolerance, but"),
        ([*SAME, THREADS], IDENTICAL, PLAIN, (REPRODUCED, BASIC), "identical in the same environment"),
        ([*SAME, NUMPY], IDENTICAL, BUILT, (REPRODUCED, NONE), "another environment"),
        ([*SAME, other("python")], IDENTICAL, PLAIN, (REPRODUCED, NONE), "another environment"),
        ([*SAME, UNKNOWN], IDENTICAL, PLAIN, (REPRODUCED, NONE), "another environment"),
        ([*SAME, UNKNOWN_DATA], IDENTICAL, PLAIN, (REPRODUCED, BASIC), "identical"),
        ([*SAME, DATA], IDENTICAL, BUILT, (OPEN, NONE), "data d.csv differs"),
        ([*SAME, other("seed")], IDENTICAL, BUILT, (OPEN, NONE), "not the same experiment"),
        ([*SAME, DATA], DIFFERENT, BUILT, (NOT_REPRODUCED, NONE), "differs is data d.csv"),
        ([*SAME, NUMPY], DIFFERENT, BUILT, (NOT_REPRODUCED, NONE), "differs is package np"),
        (SAME, DIFFERENT, BUILT, (NOT_REPRODUCED, NONE), "every checked input is the same (not checked: none"),
        (SAME[:1], DIFFERENT, BUILT, (NOT_REPRODUCED, NONE), "no seed was recorded; results differ"),
        (SAME[:1], IDENTICAL, BUILT, (REPRODUCED, ENVIRONMENT), "identical"),
        ([SAME[0], ZONE], DIFFERENT, BUILT, (NOT_REPRODUCED, NONE), "--seed (variable TZ differs too)"),
        (SAME, NOTHING, BUILT, (OPEN, NONE), "nothing to compare"),
        (SAME, DIFFERENT, TIMEOUT, (OPEN, NONE), "did not end in time"),
    ],
)
def test_levels(
    inputs: list[InputCheck],
    result: ResultStatus,
    conditions: Conditions,
    expected: tuple[Verdict, Level],
    reason: str,
) -> None:
    """Every way in which a level is earned or not."""
    decision = decide(inputs, ResultReport(status=result), conditions)
    assert (decision.verdict, decision.level) == expected
    assert reason in decision.reason
    assert decision.cause == [f"{item.kind} {item.name}" for item in inputs if item.status == "different"]


CHECKS = st.builds(
    InputCheck,
    kind=st.sampled_from(["code", "data", "package", "threads"]),
    name=st.just("x"),
    status=st.sampled_from(["same", "different", "unchecked"]),
)


@given(st.lists(CHECKS), st.builds(Conditions, environment_rebuilt=st.booleans(), timed_out=st.booleans()))
def test_a_difference_never_earns_a_level(inputs: list[InputCheck], conditions: Conditions) -> None:
    """Whatever the inputs: same inputs do not make a result the same."""
    decision = decide(inputs, ResultReport(status=DIFFERENT), conditions)
    assert decision.level == Level.NONE
    assert decision.verdict != Verdict.REPRODUCED


@pytest.mark.parametrize(
    ("metrics", "stdout", "exit_code", "status"),
    [
        ([MetricCheck(name="a", status="identical")], None, None, IDENTICAL),
        ([MetricCheck(name="a", status="within_tolerance")], None, None, CLOSE),
        ([MetricCheck(name="a", status="missing")], None, None, DIFFERENT),
        ([MetricCheck(name="a", status="identical")], OutputCheck(status="different"), None, IDENTICAL),
        ([], OutputCheck(status="identical"), None, IDENTICAL),
        ([], OutputCheck(status="different"), None, DIFFERENT),
        ([], None, compare_exit_codes(0, 0), NOTHING),
        ([MetricCheck(name="a", status="identical")], None, compare_exit_codes(0, 1), DIFFERENT),
        ([MetricCheck(name="time", status="unchecked")], None, None, NOTHING),
    ],
)
def test_result_axis(
    metrics: list[MetricCheck],
    stdout: OutputCheck | None,
    exit_code: OutputCheck | None,
    status: ResultStatus,
) -> None:
    """The worst item decides; printed text counts where there is nothing else."""
    assert result_report(metrics, [], stdout, exit_code).status == status


def test_report_has_the_promised_shape() -> None:
    """What programs read."""
    result = result_report([MetricCheck(name="a", status="identical")], [])
    decision = decide(SAME, result, BUILT)
    report = VerificationReport(
        run="r1", verdict=decision.verdict, level=decision.level, reason=decision.reason, result=result,
        inputs=SAME, conditions=BUILT,
    )  # fmt: skip
    shape: dict[str, Any] = json.loads(msgspec.json.encode(report))
    assert {
        "run",
        "verdict",
        "level",
        "result",
        "inputs",
        "cause",
        "unchecked",
        "certificate",
    } <= shape.keys()
    assert (shape["verdict"], shape["level"], shape["certificate"]) == ("reproduced", "environment", None)
    assert shape["inputs"][0] == {
        "kind": "code",
        "name": "tree",
        "status": "same",
        "before": None,
        "after": None,
    }
    assert msgspec.json.decode(msgspec.json.encode(report), type=VerificationReport) == report


def _npy(values: list[float], kind: str = "<f8") -> bytes:
    head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': ({len(values)},), }}".ljust(117) + "\n"
    return (
        b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + struct.pack(f"<{len(values)}d", *values)
    )


def _zipped(members: dict[str, bytes], year: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name, (year, 1, 1, 0, 0, 0)), data)
    return buffer.getvalue()


def _events(*values: float, at: float = 1.0, spoilt: bytes = b"") -> bytes:
    """A file as TensorBoard's writers leave it: a scalar a step, and the time of each."""
    found = b""
    for step, value in enumerate(values):
        scalar = b"\x0a\x04loss\x15" + struct.pack("<f", value)
        summary = b"\x0a" + bytes([len(scalar)]) + scalar
        event = (
            b"\x09" + struct.pack("<d", at + step) + b"\x10" + bytes([step]) + b"\x2a" + bytes([len(summary)]) + summary
        )
        found += struct.pack("<Q", len(event)) + b"head" + event + b"tail"
    return found + spoilt


@pytest.mark.parametrize(
    ("after", "status", "told"),
    [
        (_events(0.5, 0.25, at=9.0), "identical", "same events, written at another time"),
        (_events(0.5, 0.2, at=9.0), "different", "event 1 is another one"),
        (_events(0.5, at=9.0), "different", "2 events became 1"),
        (_events(0.5, 0.25, spoilt=b"\xff" * 30), "different", "one is the start"),
        (_events(0.5, 0.25, spoilt=struct.pack("<Q", 1) + b"head\x80tail"), "different", "one is the start"),
        (_events(0.5, 0.25, spoilt=struct.pack("<Q", 2) + b"head\x0a\x09tail"), "different", "one is the start"),
        (_events(0.5, 0.25, spoilt=struct.pack("<Q", 1) + b"head\x0ftail"), "different", "one is the start"),
        (_events(0.5, 0.25, spoilt=struct.pack("<Q", 12) + b"head\x08" + b"\x80" * 11 + b"tail"), "different", "start"),
    ],
)
def test_events_are_compared_without_their_times(after: bytes, status: str, told: str) -> None:
    name = "runs/x/events.out.tfevents.1795349795.host.12.0"
    found = compare_content(name, _events(0.5, 0.25), after)
    assert found[0] == status
    assert told in found[1]


def _looked_at(name: str, contents: list[bytes]) -> tuple[str, str]:
    before, after = contents
    return compare_content(name, before, after)


def _spoilt(archive: bytes) -> bytes:
    """The archive with a member that says that it is encrypted."""
    return archive.replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01")


@pytest.mark.parametrize(
    ("name", "before", "after", "tolerance", "status"),
    [
        ("a.npy", _npy([1.0, 2.0]), _npy([1.0, 2.0 + 1e-9]), Tolerance(abs=1e-6), "within_tolerance"),
        ("a.npy", _npy([1.0, 2.0]), _npy([1.0, 2.0 + 1e-9]), None, "different"),
        ("a.npy", _npy([1.0, 2.0]), _npy([1.0]), Tolerance(abs=9), "different"),
        ("a.npy", _npy([1.0]), _npy([1.0], "<i8"), Tolerance(abs=9), "different"),
        ("a.npz", _zipped({"x.npy": _npy([1.0])}, 1990), _zipped({"x.npy": _npy([1.0])}, 2000), None, "identical"),
        ("a.npz", _zipped({"x.npy": _npy([1.0])}, 1990), _zipped({"y.npy": _npy([1.0])}, 1990), None, "different"),
        ("a.npz", _zipped({"x.npy": _npy([1.0])}, 1990), b"PK broken", None, "different"),
        ("t.csv.gz", gzip.compress(b"a\n1\n", mtime=1), gzip.compress(b"a\n1\n", mtime=2), None, "identical"),
        ("t.csv.gz", gzip.compress(b"a\n1\n", mtime=1), gzip.compress(b"a\n2\n", mtime=1), None, "different"),
        ("cv.csv", b"fit_time,score\n0.1,0.9\n", b"fit_time,score\n0.2,0.9\n", None, "identical"),
        ("cv.csv", b"fit_time,score\n0.1,0.9\n", b"fit_time,score\n0.1,0.8\n", None, "different"),
        ("m.json", b'{"train_time_s": 1.5, "f1": 1}', b'{"train_time_s": 2.5, "f1": 1}', None, "identical"),
        ("run.log", b"2026-01-01 10:00:00 loss 0.5\n", b"2026-01-02 11:00:00 loss 0.5\n", None, "identical"),
        ("run.log", b"loss 0.5\n", b"loss 0.6\n", None, "different"),
        (
            "fig.svg",
            b'<g id="pabc"/><date>2026-01-01</date>',
            b'<g id="pxyz"/><date>2026-01-02</date>',
            None,
            "identical",
        ),
        ("model.pkl", b"\x80\x04a", b"\x80\x04b", Tolerance(abs=9), "different"),
        ("picture.png", b"no picture", b"none either", None, "different"),
        (
            "t.csv.gz",
            gzip.compress(b"a\n1\n" * 99, mtime=1)[:-20],
            gzip.compress(b"a\n1\n", mtime=1)[:-4] + b"none",
            None,
            "different",
        ),
        (
            "a.npz",
            _spoilt(_zipped({"x.npy": _npy([1.0])}, 1990)),
            _zipped({"x.npy": _npy([1.0])}, 1990),
            None,
            "different",
        ),
        ("a.npy", b"\x93NUMPY\x01\x00\x02\x00((", b"\x93NUMPY\x01\x00\x02\x00[]", None, "different"),
        ("nb.ipynb", b'{"cells": [{"source": "1"}]}', b'{"cells":[{"source":"1"}]}', None, "identical"),
        ("nb.ipynb", b'{"cells": [{"source": "1"}]}', b'{"cells":[{"source":"2"}]}', None, "different"),
        ("fig.pdf", b"%PDF /CreationDate (D:20261122) 1", b"%PDF /CreationDate (D:20261123) 1", None, "different"),
    ],
)
def test_content(name: str, before: bytes, after: bytes, tolerance: Tolerance | None, status: ItemStatus) -> None:
    """Arrays, archives, tables, logs and pictures by what they say; pickles only by their bytes."""
    assert compare_content(name, before, after, tolerance)[0] == status


@pytest.mark.parametrize(
    ("name", "most"),
    [("big.csv.gz", "256 MiB"), ("big.npz", "256 MiB"), ("big.json", "64 MiB"), ("big.txt", "64 MiB")],
)
def test_what_unpacks_to_too_much_is_not_compared(name: str, most: str) -> None:
    """A few bytes may stand for more than a machine has; whether they hold the same is not known, and so not said."""
    contents: list[bytes] = []
    for last in (b"1", b"2"):
        if name.endswith(".gz"):
            contents.append(b"".join(gzip.compress(bytes(32 << 20)) for _ in range(9)) + gzip.compress(last))
        elif name.endswith(".npz"):
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
                for place in range(3):
                    archive.writestr(f"x{place}.npy", _npy([1.0]) + bytes(96 << 20) + 8 * last)
            contents.append(buffer.getvalue())
        else:
            contents.append(b" " * (64 << 20) + last)
    status, detail = _looked_at(name, contents)
    assert (status, detail) == ("unchecked", f"cannot be compared: larger than {most}")
    (found_apart,) = compare_artifacts(
        {name: "d1"}, {name: "d2"}, dict(zip(["d1", "d2"], contents, strict=True)).__getitem__
    )
    found = result_report([], [found_apart], stdout=OutputCheck(status="identical"))
    decision = decide([], found, Conditions())
    assert (found.status, decision.verdict, decision.level) == ("undecided", "undecided", "none")
    assert decision.reason == f"artifact {name} {detail}"
    other = result_report([check(series(1.0), series(2.0))], [found_apart])
    assert other.status == "different", "what differs elsewhere is known all the same"


def test_a_picture_of_too_many_pixels_is_not_compared() -> None:
    image = needs("PIL.Image")
    contents = [io.BytesIO(), io.BytesIO()]
    for level, buffer in zip((1, 9), contents, strict=True):
        image.new("1", (20_000, 20_000)).save(buffer, "PNG", compress_level=level)
    assert _looked_at("p.png", [buffer.getvalue() for buffer in contents])[0] == "unchecked"


@pytest.mark.parametrize("kind", ["deep", "frames"])
def test_all_of_a_picture_is_compared(kind: str) -> None:
    """More than eight bits a channel, and every frame: a difference there is one."""
    image = needs("PIL.Image")
    contents = [io.BytesIO(), io.BytesIO()]
    for value, buffer in zip((40_000, 40_001), contents, strict=True):
        if kind == "deep":
            image.new("I;16", (9, 9), value).save(buffer, "PNG")
        else:
            frames = [image.new("L", (9, 9), shade) for shade in (1, 200, value % 7)]
            frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    name = "depth.png" if kind == "deep" else "learning.gif"
    assert _looked_at(name, [buffer.getvalue() for buffer in contents])[0] == "different"


def test_a_table_of_too_many_values_is_not_compared() -> None:
    """A column of one value repeated takes a few bytes, whatever its length."""
    arrow, parquet = needs("pyarrow"), needs("pyarrow.parquet")
    contents = [io.BytesIO(), io.BytesIO()]
    for column, buffer in zip("ab", contents, strict=True):
        parquet.write_table(arrow.table({column: arrow.array([True] * 34_000_000)}), buffer)
    assert len(contents[0].getvalue()) < 1 << 20
    assert _looked_at("t.parquet", [buffer.getvalue() for buffer in contents]) == (
        "unchecked", "cannot be compared: larger than 33,554,432 values",
    )  # fmt: skip


def test_rows_of_tables_are_told_apart() -> None:
    arrow, parquet = needs("pyarrow"), needs("pyarrow.parquet")
    tables = [arrow.table({"x": [0.5] * 3000, "train_time": list(range(3000))}) for _ in range(2)]
    tables.append(arrow.table({"x": [0.5] * 2999 + [0.25], "train_time": [7] * 3000}))
    tables.append(tables[0].slice(0, 2999))
    contents = [io.BytesIO() for _ in tables]
    for size, (table, buffer) in enumerate(zip(tables, contents, strict=True), 500):
        parquet.write_table(table, buffer, row_group_size=size)
    first, *others = [buffer.getvalue() for buffer in contents]
    found = [compare_content("t.parquet", first, other) for other in others]
    assert found[0] == ("identical", "same content, written differently")
    assert found[1] == ("different", "rows[2999].x: 0.5 became 0.25")
    assert found[2] == ("different", "rows: 3,000 rows became 2,999 rows")


@pytest.mark.parametrize("kind", ["parquet", "png"])
def test_content_that_needs_a_reader(kind: str) -> None:
    """The same rows or pixels, written differently."""
    contents = [io.BytesIO(), io.BytesIO()]
    if kind == "png":
        image = needs("PIL.Image")
        for level, buffer in zip((1, 9), contents, strict=True):
            image.new("RGB", (40, 40), (9, 8, 7)).save(buffer, "PNG", compress_level=level)
    else:
        arrow, parquet = needs("pyarrow", "tables"), needs("pyarrow.parquet", "tables")
        for codec, buffer in zip(("snappy", "gzip"), contents, strict=True):
            parquet.write_table(arrow.table({"a": [1.0, 2.0]}), buffer, compression=codec)
    before, after = (buffer.getvalue() for buffer in contents)
    assert before != after
    assert compare_content(f"x.{kind}", before, after) == (
        "identical",
        "same pixels, written differently" if kind == "png" else "same content, written differently",
    )


@pytest.mark.parametrize(
    ("before", "after", "tolerance", "status"),
    [
        ("loss 0.50001", "loss 0.50002", Tolerance(abs=1e-4), "within_tolerance"),
        ("loss 0.5", "loss 0.7", Tolerance(abs=1e-4), "different"),
        ("loss 0.5", "cost 0.5", Tolerance(abs=9), "different"),
        ("worker 812 done", "worker 9 done", None, "identical"),
        ("score 812", "score 10", None, "different"),
        ("file /tmp/tmpab12cd3_/x.txt", "file /var/tmp/tmpzz98yy7q/x.txt", None, "identical"),
        ("best /runs/a/acc=0.91.ckpt", "best /runs/b/acc=0.92.ckpt", None, "different"),
        ("max 0.5 min 0.25", "max 0.6 min 0.25", None, "different"),
        ("training time: 3.1", "training time: 9", None, "identical"),
    ],
)  # fmt: skip
def test_printed_text(before: str, after: str, tolerance: Tolerance | None, status: ItemStatus) -> None:
    """Masks hide what no rerun repeats, and no result."""
    around = Around(pids=frozenset({"812"})), Around(pids=frozenset({"9"}))
    assert compare_stdout(before, after, tolerance, around).status == status


BEGUN = datetime(2026, 11, 22, 5, 4, 58, tzinfo=UTC).timestamp()
AGAIN = datetime(2026, 11, 23, 17, 0, 2, tzinfo=UTC).timestamp()
RAN = Around({"/home/ann/x": "/tree"}, span=(BEGUN, BEGUN + 9)), Around({"/tmp/y": "/tree"}, span=(AGAIN, AGAIN + 9))


@pytest.mark.parametrize(
    ("before", "after", "status"),
    [
        (BEGUN + 3.25, AGAIN + 1, "identical"),
        (int(BEGUN * 1e3), int(AGAIN * 1e9), "identical"),
        (BEGUN - 60, AGAIN + 1, "different"),
        (BEGUN + 1, BEGUN + 2, "different"),
        ("2026-11-22T05:05:01", "2026-11-23T17:00:05", "identical"),
        ("2026-11-22T05:05:01.125Z", "2026-11-23T18:00:05+01:00", "identical"),
        ("run_20261122_050501", "run_20261123-170005", "identical"),
        ("Sun Nov 22 05:05:01 2026", "Mon Nov 23 17:00:05 2026", "identical"),
        ("2026-11-22", "2026-11-23", "identical"),
        ("2026-11-22T06:30:00Z", "2026-11-23T17:00:05Z", "different"),
        ("2020-01-01", "2020-01-02", "different"),
        ("2020-99-01", "2020-99-02", "different"),
        ("/home/ann/x/data.csv", "/tmp/y/data.csv", "identical"),
        ("/home/ann/x/data.csv", "/tmp/y/other.csv", "different"),
        ("acc 0.91", "acc 0.92", "different"),
        (True, False, "different"),
    ],
)  # fmt: skip
def test_times_at_which_the_runs_ran_are_no_result(before: object, after: object, status: ItemStatus) -> None:
    """In a file that says when and where it was made; any other date is data."""
    was, became = (json.dumps({"acc": 0.5, "when": {"v": value}}).encode() for value in (before, after))
    assert compare_content("result.json", was, became, around=RAN)[0] == status
    assert compare_content("result.json", was, became)[0] == "different"


def test_times_in_names_and_in_print_are_no_result() -> None:
    """A file named after the time of its run is the same file; two that could be meant are not matched."""
    first = {"out/20261122-050501.json": "a", "plain": "b"}
    assert [
        (check.name, check.status)
        for check in compare_artifacts(first, {"out/20261123-170003.json": "a", "plain": "b"}, around=RAN)
    ] == [("out/20261122-050501.json", "identical"), ("plain", "identical")]
    assert len(compare_artifacts(first, {"out/20200101-000000.json": "a", "plain": "b"}, around=RAN)) == 3
    for was, became in (
        ("outputs/2026-11-22/05-05-01/r.json", "outputs/2026-11-23/17-00-03/r.json"),
        ("runs/Nov22_05-05-01_host/log.txt", "runs/Nov23_17-00-03_host/log.txt"),
        (f"events.out.tfevents.{int(BEGUN) + 1}.host.812.0", f"events.out.tfevents.{int(AGAIN) + 1}.host.9.0"),
    ):
        placed = RAN[0]._replace(pids=frozenset({"812"})), RAN[1]._replace(pids=frozenset({"9"}))
        (named,) = compare_artifacts({was: "a"}, {became: "a"}, around=placed)
        assert (named.name, named.status) == (was, "identical")
        assert compare_stdout(f"saved to /x/{was}", f"saved to /y/{became}", around=placed).status == "identical"
    assert len(compare_artifacts({"runs/Nov30_05-05-01/a": "a"}, {"runs/Nov23_17-00-03/a": "a"}, around=RAN)) == 2
    drawn = (b"%PDF D:20261122050501Z x", b"%PDF D:20261123170003Z x")
    assert compare_content("fig.pdf", *drawn, around=RAN)[0] == "identical"
    assert compare_content("fig.pdf", drawn[0], drawn[1] + b"x", around=RAN)[0] == "different"
    assert compare_stdout(f"made at {BEGUN + 1}", f"made at {AGAIN + 1}", around=RAN).status == "identical"
    assert compare_stdout("made 1795323898 rows", "made 1795323899 rows").status == "different"


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["python", "-u", "train.py", "--lr", "0.1", "--fast", "--out=x", "data"], {"--lr": "0.1", "--fast": "", "--out": "x", "argument 1": "data"}),
        (["/usr/bin/python3", "-m", "train", "a", "b"], {"argument 1": "a", "argument 2": "b"}),
        (["bash", "run.sh"], {"argument 1": "run.sh"}),
        ([], {}),
    ],
)  # fmt: skip
def test_arguments(argv: list[str], said: dict[str, str]) -> None:
    """Options by name, other words by their place."""
    assert arguments_of(argv) == said


def _notebook(number: str, cell: str, *streams: tuple[str, str], shown: str = "") -> bytes:
    outputs: list[dict[str, Any]] = [{"output_type": "stream", "name": name, "text": [text]} for name, text in streams]
    outputs.append({"output_type": "execute_result", "data": {"text/plain": [number], "text/html": [shown]}})
    return json.dumps({"cells": [{"cell_type": "code", "id": cell, "outputs": outputs}], "nbformat": 4}).encode()


def test_ids_and_the_order_of_streams_in_an_executed_notebook_are_no_result() -> None:
    """What an execution draws by lot does not count; what it computed does."""
    table = '<table id="T_{}"><td id="T_{}_row0">1</td></table>'
    before = _notebook(
        "<A at 0x7f12a0>", "ab12", ("stdout", "a\n"), ("stderr", "w\n"), ("stdout", "in 3 ms\n"),
        shown=table.format("1a2b3", "1a2b3"),
    )  # fmt: skip
    after = _notebook(
        "<A at 0x7f99b1>", "cd34", ("stderr", "w\n"), ("stdout", "a\nin 5 ms\n"), shown=table.format("99fe0", "99fe0")
    )
    assert compare_content("out.ipynb", before, after)[0] == "identical"
    assert compare_content("out.ipynb", _notebook("0.5", "a"), _notebook("0.25", "b"))[0] == "different"
    assert (
        compare_content("out.ipynb", _notebook("1", "a", ("stdout", "1")), _notebook("1", "a", ("stderr", "1")))[0]
        == "different"
    )
    assert compare_content("out.ipynb", _notebook("1", "a"), b'{"cells": 3}')[0] == "different"


def test_both_letters_for_millionths_stand_in_durations() -> None:
    """IPython prints the Greek letter, most others the sign of Unicode's Latin page."""
    for letter in ("\u03bc", "\u00b5"):
        assert (
            mask(f"CPU times: user 11 {letter}s, total: 4 {letter}s") == "CPU times: user <duration>, total: <duration>"
        )
