"""A workspace to look at: runs that went well and badly, a verification, pages; and one with very many runs."""

from __future__ import annotations

import base64
import math
import random
import zlib
from array import array
from dataclasses import dataclass, field
from datetime import timedelta

import msgspec

from runward.core.clock import utc_now
from runward.governance.signin import folder_actor
from runward.knowledge.model import Evidence, NewPage
from runward.repro.records import NewVerification
from runward.review.model import NewReview
from runward.tracking.api import Tracking
from runward.tracking.files import UPLOAD
from runward.tracking.model import (
    Batch,
    CapturePart,
    NewArtifact,
    NewExperiment,
    NewProject,
    NewRun,
    OutputChunk,
    Points,
    RunEnd,
    RunParam,
    RunStatus,
)
from runward.workspace import FolderWorkspace

PROJECT = "vision/digits"
LONG = "a very long name that somebody's script put together from every parameter it had " * 3
RTL = "תוצאה טובה יותר · نتيجة أفضل"
_PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763b8b2660d0004"
    "e0021f2ac7e1ab0000000049454e44ae426082"
)


@dataclass
class Seeded:
    """Ids of what was put in."""

    runs: dict[str, str] = field(default_factory=dict)
    verification: str = ""
    page: str = ""
    review: str = ""


def points(key: str, values: list[float], first: int = 0) -> Points:
    """A series, one value a step."""
    steps = array("q", range(first, first + len(values)))
    times = array("d", [1_790_000_000.0 + step for step in steps])
    return Points(key, steps.tobytes(), times.tobytes(), array("d", values).tobytes())


def _curves(seed: int, n: int, rate: float) -> list[Points]:
    noise = random.Random(seed)
    loss = [2.3 * math.exp(-rate * step / n * 6) + noise.random() * 0.08 + 0.05 for step in range(n)]
    accuracy = [1 - value / 2.6 - noise.random() * 0.02 for value in loss]
    return [points("loss", loss), points("val/accuracy", accuracy)]


def _run(ws: FolderWorkspace, name: str, experiment: str | None, seed: int, n: int = 400, **more: object) -> str:
    rate = 0.4 + seed * 0.13
    params = [RunParam("lr", 0.01 * (seed + 1)), RunParam("batch_size", 64, "project"), RunParam("optimizer", "adam")]
    new = NewRun(
        project=PROJECT,
        name=name,
        experiment_id=experiment,
        params=params,
        seed=seed,
        started_at=utc_now() - timedelta(hours=30 - seed),
        **more,  # type: ignore[arg-type]
    )
    run = ws.tracking.create_run(new)
    output = [OutputChunk("stdout", f"epoch {step}: loss {2.3 / (step + 1):.4f}\n", 1.0) for step in range(20)]
    ws.tracking.append(run.id, Batch("seed", 0, 1, points=_curves(seed, n, rate), output=output))
    return run.id


def _captures(ws: FolderWorkspace, run_id: str, version: str, project: str = PROJECT) -> None:
    diff = (
        "diff --git a/train.py b/train.py\n--- a/train.py\n+++ b/train.py\n@@ -1,4 +1,5 @@\n import torch\n"
        f"-lr = 0.1\n+lr = 0.{version}\n+warm_up = 5\n model = Net()\n train(model, lr)\n"
    )
    source = f"import torch\nlr = 0.{version}\nwarm_up = 5\nmodel = Net()\ntrain(model, lr)\n".encode()
    file = {"path": "train.py", "mode": "file", "size": len(source), "digest": ws.files.put_bytes(project, source)}
    code = {
        "kind": "git", "root": "/srv/digits", "commit": "3f2a9b5c" * 5, "branch": "main", "dirty": True,
        "remote": "https://example.org/digits.git", "changed": ["train.py"], "untracked": [], "deleted": [],
        "files": [file], "left_out": [], "problems": [], "diff": ws.files.put_bytes(project, diff.encode()),
    }  # fmt: skip
    packages = [
        {"name": name, "version": f"2.{i}.{version}", "source": "index"} for i, name in enumerate(("numpy", "torch"))
    ]
    environment = {"python": "3.12.4", "implementation": "CPython", "platform": "linux-x86_64", "packages": packages}
    machine = {"hostname": "gpu-3", "os": "Linux", "cpu": "EPYC 7763", "usable_cpus": 8, "cpus": 64, "gpus": []}
    process = {"argv": ["python", "train.py", "--lr", "0.1"], "cwd": "/srv/digits", "entry": "train.py"}
    documents = {"code": code, "environment": environment, "machine": machine, "process": process}
    summaries = {
        "code": {"commit": code["commit"], "branch": "main", "dirty": True},
        "environment": {"python": "3.12.4", "packages": {p["name"]: p["version"] for p in packages}},
    }
    parts = [
        CapturePart(kind, ws.files.put_bytes(project, msgspec.json.encode(document)), summaries.get(kind, {}))  # type: ignore[arg-type]
        for kind, document in documents.items()
    ]
    ws.tracking.put_captures(run_id, parts)


def _artifacts(ws: FolderWorkspace, run_id: str) -> None:
    for path, data, media_type in (
        ("plots/confusion.png", _PIXEL, "image/png"),
        ("report.csv", b"digit,accuracy\n0,0.99\n1,0.98\n", "text/csv"),
        ("model.bin", b"\0" * 4096, "application/octet-stream"),
    ):
        digest = ws.files.put_bytes(PROJECT, data)
        ws.tracking.add_artifact(run_id, NewArtifact(path, digest, media_type))


def _verification(ws: FolderWorkspace, run_id: str) -> str:
    report = {
        "format": 1, "run": run_id, "verdict": "reproduced", "level": "basic", "reason": "All results are identical.",
        "inputs": [
            {"kind": "code", "name": "tree", "status": "same", "before": "9af3", "after": "9af3"},
            {"kind": "package", "name": "numpy", "status": "same", "before": "2.0.1", "after": "2.0.1"},
            {"kind": "machine", "name": "cpu", "status": "different", "before": "EPYC 7763", "after": "Xeon 8375C"},
            {"kind": "data", "name": "digits.csv", "status": "unchecked", "before": "11ab", "after": None},
        ],
        "cause": [], "unchecked": ["data digits.csv: too large to digest"],
        "conditions": {"environment_rebuilt": False, "sandbox": "bubblewrap", "timed_out": False},
        "result": {
            "status": "identical",
            "metrics": [{"name": "loss", "status": "identical", "points": 400}],
            "artifacts": [{"name": "model.bin", "status": "identical"}],
            "stdout": {"status": "unchecked", "detail": "it holds times"}, "exit_code": {"status": "identical"},
        },
    }  # fmt: skip
    new = NewVerification("reproduced", "basic", "All results are identical.", report, 41.2, "ci-2")
    return ws.repro.record(run_id, new).verification.id


def _page(ws: FolderWorkspace, run_id: str) -> str:
    body = (
        "Warm up for *five* epochs.\n\n## Why\n\n- the loss **diverges** without it\n- it costs nothing\n\n"
        "| lr | loss |\n|---|---|\n| 0.1 | 0.31 |\n\n<script>alert('no')</script> [bad](javascript:alert(1))\n"
    )
    new = NewPage(
        repository="knowledge_base/vision",
        title="Warm up the learning rate",
        body=body,
        code_example="for epoch in range(5):\n    warm_up(epoch)\n",
        tags=["learning-rate", "stability"],
        evidence=[Evidence("run", run_id, "the run that convinced us")],
    )
    return ws.knowledge.publish(new).id


def _review(ada: FolderWorkspace) -> tuple[str, str]:
    """A review by somebody else, so that the owner of the workspace may approve it. Returns (run, review)."""
    run_id = _run(ada, "adas-result", None, 3, purpose="Beat the baseline")
    _captures(ada, run_id, "7")
    ada.tracking.end_run(run_id, RunEnd(RunStatus.FINISHED, 0))
    text = "The warm-up makes it **stable**; please look at `train.py`."
    review = ada.review.request_review(NewReview(run_id, "Warm-up of five epochs", text))
    ada.review.comment(review.review.id, "I kept the old schedule in a branch.", "train.py:2")
    return run_id, review.review.id


def fill(ws: FolderWorkspace) -> Seeded:
    """A project with one experiment and runs of every kind that a page must stand."""
    seeded = Seeded()
    ws.tracking.create_project(NewProject(PROJECT, description="Reading digits", exist_ok=True))
    experiment = ws.tracking.create_experiment(NewExperiment(PROJECT, "learning rate")).id
    for seed in range(5):
        name = f"lr-sweep-{seed}"
        seeded.runs[name] = _run(ws, name, experiment, seed, purpose="Find the largest stable learning rate")
        _captures(ws, seeded.runs[name], str(seed + 1))
        _artifacts(ws, seeded.runs[name])
        ws.tracking.end_run(seeded.runs[name], RunEnd(RunStatus.FINISHED, 0))
    seeded.runs["long"] = _run(ws, LONG[:200], None, 5)
    ws.tracking.end_run(seeded.runs["long"], RunEnd(RunStatus.FINISHED, 0))
    seeded.runs["rtl"] = _run(ws, RTL, None, 6)
    ws.tracking.end_run(seeded.runs["rtl"], RunEnd(RunStatus.CANCELLED))
    seeded.runs["nan"] = _run(ws, "diverged", None, 7, n=40)
    ws.tracking.append(
        seeded.runs["nan"], Batch("seed", 1, 1, points=[points("loss", [math.nan, math.inf, math.nan], 40)])
    )
    error = 'Traceback (most recent call last):\n  File "train.py", line 31, in <module>\nValueError: loss is NaN'
    ws.tracking.end_run(seeded.runs["nan"], RunEnd(RunStatus.FAILED, 1, error))
    seeded.runs["running"] = _run(ws, "still running", None, 8)
    seeded.verification = _verification(ws, seeded.runs["lr-sweep-1"])
    seeded.page = _page(ws, seeded.runs["lr-sweep-1"])
    ada = ws.as_member(folder_actor(ws.dispatcher.database, "ada"))
    seeded.runs["ada"], seeded.review = _review(ada)
    return seeded


def fill_many(ws: FolderWorkspace, project: str, count: int) -> None:
    """Very many small runs, in one transaction."""
    ws.tracking.create_project(NewProject(project, exist_ok=True))
    with ws.dispatcher.enter(UPLOAD, ws.actor, project, write=True) as call:
        tracking = call.use(Tracking)
        for i in range(count):
            new = NewRun(project=project, name=f"run-{i:05}", params=[RunParam("lr", i / 1000)])
            run = tracking.create_run(new)
            tracking.append(run.id, Batch("seed", 0, 1, points=[points("loss", [1.0, 1 / (i + 1)])]))


def fill_sweep(ws: FolderWorkspace, project: str = "vision/sweep") -> list[str]:
    """Four learning rates with five seeds each, two of which cannot be told apart. Returns the runs' ids."""
    ws.tracking.create_project(NewProject(project, exist_ok=True))
    ids: list[str] = []
    for lr, level in ((0.1, 0.30), (0.2, 0.31), (0.3, 0.55), (0.4, 0.90)):
        for seed in range(5):
            noise = random.Random(f"{lr} {seed}")
            params = [RunParam("lr", lr), RunParam("optimizer", "adam"), RunParam("width", 64 + 64 * (seed % 2))]
            new = NewRun(project=project, name=f"lr{lr}-seed{seed}", params=params, seed=seed, tags={"team": "vision"})
            run = ws.tracking.create_run(new)
            loss = [level + 2 * math.exp(-step / 40) + noise.gauss(0, 0.02) + (seed - 2) * 0.012 for step in range(300)]
            accuracy = [1 - value / 3 for value in loss]
            curves = [points("loss", loss), points("val/accuracy", accuracy), points("epoch", [300.0])]
            ws.tracking.append(run.id, Batch("seed", 0, 1, points=curves))
            _captures(ws, run.id, str(seed + 1), project)
            ws.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED, 0))
            ids.append(run.id)
    return ids


def _png(size: int, shade: int) -> bytes:
    """A grey square with a gradient."""
    rows = b"".join(b"\0" + bytes((x * shade // size + y) % 256 for x in range(size)) for y in range(size))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    head = size.to_bytes(4) + size.to_bytes(4) + bytes([8, 0, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def _wav(seconds: float) -> bytes:
    samples = array("h", (int(9000 * math.sin(step / 9)) for step in range(int(8000 * seconds)))).tobytes()
    head = b"WAVEfmt " + (16).to_bytes(4, "little") + bytes([1, 0, 1, 0]) + (8000).to_bytes(4, "little")
    head += (16000).to_bytes(4, "little") + bytes([2, 0, 16, 0]) + b"data" + len(samples).to_bytes(4, "little")
    return b"RIFF" + (len(head) + len(samples)).to_bytes(4, "little") + head + samples


EVIL = "<h1>made by a run</h1><script>document.title='broken out'; parent.document.title='broken out'</script>"
EVIL_SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="80" height="80"><rect width="80" height="80" fill="#0072b2"/>'
    "<script>parent.document.title='broken out'</script></svg>"
)


def fill_media(ws: FolderWorkspace, run_id: str) -> None:
    """Media of every kind, some of them hostile, and a notebook."""
    project = ws.tracking.get_run(run_id).run.project
    files: list[tuple[str, bytes, str]] = [("media/page/0.html", EVIL.encode(), "text/html")]
    files.append(("media/drawing/0.svg", EVIL_SVG.encode(), "image/svg+xml"))
    for step in (0, 10, 20):
        files += [(f"media/samples/{step}-{n}.png", _png(64, 40 + step * 8 * n), "image/png") for n in (1, 2)]
        files.append((f"media/says/{step}.txt", f"the cat at step {step}".encode(), "text/plain"))
        bins = {"edges": [i / 8 - 1 for i in range(17)], "counts": [(i * (16 - i) + step) % 40 for i in range(16)]}
        files.append(
            (f"media/weights/{step}.json", msgspec.json.encode(bins), "application/vnd.runward.histogram+json")
        )
    table = {"columns": ["word", "p"], "data": [["cat", 0.9], ["<b>dog</b>", 0.1]]}
    files.append(("media/words/0.json", msgspec.json.encode(table), "application/vnd.runward.table+json"))
    files.append(("media/tone/0.wav", _wav(0.4), "audio/wav"))
    cells: list[dict[str, object]] = [
        {"cell_type": "markdown", "source": ["# A notebook\n", "with **text**"]},
        {
            "cell_type": "code", "execution_count": 3, "source": "print('hello')",
            "outputs": [
                {"output_type": "stream", "name": "stdout", "text": ["hello\n"]},
                {"output_type": "display_data", "data": {"image/png": base64.b64encode(_png(48, 120)).decode()}},
                {"output_type": "execute_result", "data": {"text/html": EVIL}},
            ],
        },
    ]  # fmt: skip
    notebook = msgspec.json.encode({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells})
    files.append(("analysis.ipynb", notebook, ""))
    for path, data, media_type in files:
        ws.tracking.add_artifact(run_id, NewArtifact(path, ws.files.put_bytes(project, data), media_type))
