"""The programs that the benchmarks run in fresh interpreters."""

from __future__ import annotations

IMPORT = """
import json, time
import {module}
used = time.process_time()
# Not the maximum: that is also what the process had that started this one.
resident = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS"))
print(json.dumps([used, resident]))
"""

LOG = """
import json, time
import runward as run
active = run.start(project="bench", capture=False)

def measured(call):
    times = []
    for step in range(20000):
        before = time.perf_counter_ns()
        call(step)
        times.append(time.perf_counter_ns() - before)
    times.sort()
    return [times[len(times) // 2] / 1e3, times[len(times) * 99 // 100] / 1e3]

values = {f"m{k}": 0.1 * k for k in range(20)}
four = {"loss": 1.0, "accuracy": 0.5, "lr": 0.1, "grad_norm": 3.5}
calls = [
    lambda step: active.log_metric("loss", 0.5, step=step),
    lambda step: active.log_metrics(four, step=step),
    lambda step: active.log_metrics(values, step=step),
]
print(json.dumps([measured(call) for call in calls]))
"""
"""One metric, four and twenty a call: (p50, p99) in µs of each."""

_PEER_TAIL = """
times.sort()
print(json.dumps([times[len(times) // 2] / 1e3, times[len(times) * 99 // 100] / 1e3]))
"""

PEER_LOG = {
    "mlflow": """
import json, os, time
os.environ["MLFLOW_TRACKING_URI"] = "sqlite:///peer.db"
import mlflow
mlflow.start_run()
times = []
for step in range(100):
    before = time.perf_counter_ns()
    mlflow.log_metrics({"loss": 1.0, "accuracy": 0.5, "lr": 0.1, "grad_norm": 3.5}, step=step)
    times.append(time.perf_counter_ns() - before)
"""
    + _PEER_TAIL,
    "trackio": """
import json, os, time
os.environ["TRACKIO_DIR"] = os.getcwd()
import trackio
run = trackio.init(project="bench")
times = []
for step in range(5000):
    before = time.perf_counter_ns()
    trackio.log({"loss": 1.0, "accuracy": 0.5, "lr": 0.1, "grad_norm": 3.5})
    times.append(time.perf_counter_ns() - before)
"""
    + _PEER_TAIL,
}

TASK = """
import time

def first(path):
    now = time.time()
    with open(path, "a") as file:
        file.write(f"{now}\\n")

def last(path):
    with open(path, "a") as file:
        file.write(f"{time.time()}\\n")
"""

FIRST_LINE = """
import os, tempfile, time
import runward as run, benchtask
path = tempfile.mktemp()
exp = run.Experiment("first", project="bench")
exp.add(run.Partial(benchtask.first, path), name="one")
run.current_workspace()
begun = time.time()
exp.run()
print(float(open(path).readline()) - begun)
"""

PEER_FIRST_LINE = {
    "submitit": """
import sys, tempfile, time
sys.path.insert(0, ".")
import submitit, benchtask
path = tempfile.mktemp()
executor = submitit.LocalExecutor(folder=tempfile.mkdtemp())
begun = time.time()
executor.submit(benchtask.first, path).result()
print(float(open(path).readline()) - begun)
""",
    "nemo_run": """
import os, sys, tempfile, time
os.environ["PATH"] = os.path.dirname(sys.executable) + ":" + os.environ["PATH"]
os.environ["NEMORUN_HOME"] = tempfile.mkdtemp()
os.environ["PYTHONPATH"] = os.getcwd()
import nemo_run, benchtask
path = tempfile.mktemp()
begun = time.time()
with nemo_run.Experiment("first") as experiment:
    experiment.add(nemo_run.Partial(benchtask.first, path=path), executor=nemo_run.LocalExecutor(), name="one")
    experiment.run(detach=False, tail_logs=False)
sys.stdout = sys.__stdout__
print(float(open(path).readline()) - begun)
""",
}

PLAIN = """
import subprocess, sys, tempfile, time
path = tempfile.mktemp()
begun = time.time()
subprocess.run([sys.executable, "-c", f"import benchtask; benchtask.first({path!r})"])
print(float(open(path).readline()) - begun)
"""

MANY = """
import tempfile, time
import runward as run, benchtask
path = tempfile.mktemp()
exp = run.Experiment("many", project="bench")
for index in range(64):
    exp.add(run.Partial(benchtask.first, path), name=f"task-{index}")
run.current_workspace()
begun = time.time()
exp.run()
print(min(float(line) for line in open(path)) - begun)
"""

CHAIN = """
import json, subprocess, sys, tempfile, time
import runward as run, benchtask
path = tempfile.mktemp()
exp = run.Experiment("chain", project="bench")
for index in range(16):
    exp.add(run.Partial(benchtask.last, path), name=f"t{index}", dependencies=[f"t{index - 1}"] if index else [])
exp.run()
lines = sorted(float(line) for line in open(path))
gaps = sorted(b - a for a, b in zip(lines, lines[1:]))
starts = []
for _ in range(9):
    begun = time.time()
    subprocess.run([sys.executable, "-c", f"import benchtask; benchtask.first({path + 'p'!r})"])
    starts.append(float(open(path + "p").readlines()[-1]) - begun)
starts.sort()
print(json.dumps([gaps[len(gaps) // 2] * 1e3, starts[4] * 1e3]))
"""

CAPTURE = """
import json, subprocess, time
from importlib.metadata import distributions
from pathlib import Path
from runward.store.folder import FolderBlobs
from runward.tracking.capture.snapshot import start_capture
root = Path("repo")
for index in range(500):
    file = root / f"d{index % 20}" / f"f{index}.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"x = {index}\\n" * 40)
git = ["git", "-C", "repo", "-c", "user.name=a", "-c", "user.email=a@b.c"]
for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
    subprocess.run([*git, *command], check=True)
(root / "d0" / "f0.py").write_text("changed = 1\\n")
(root / "new.py").write_text("y = 2\\n")
blobs = FolderBlobs("blobs")
time.sleep(2.5)  # What is younger than two seconds is read again each time.
start_capture(root, blobs, Path("cache")).finish(timeout_s=60)
callers, wholes = [], []
for _ in range(15):
    begun = time.perf_counter()
    pending = start_capture(root, blobs, Path("cache"))
    callers.append(time.perf_counter() - begun)
    pending.finish(timeout_s=60)
    wholes.append(time.perf_counter() - begun)
callers.sort(); wholes.sort()
print(json.dumps([callers[7] * 1e3, wholes[7] * 1e3, len(list(distributions()))]))
"""

SENDER = """
import json, os, sys
from array import array
from runward.tracking.model import Batch, NewRun
from runward.tracking.points import Columns, pack_columns
from runward.workspace import open_url
remote = open_url(os.environ["RUNWARD_URL"], os.environ["RUNWARD_TOKEN"])
keys, per, count = 10, 1000, int(sys.argv[1])
run = remote.tracking.create_run(NewRun(project="bench"))
batches = []
for number in range(count):
    steps = array("q", range(number * per, (number + 1) * per))
    times = array("d", (1.7e9 + s * 0.01 for s in steps))
    points = [pack_columns(f"k{k}", Columns(steps, times, array("d", (1 / (s + 1 + k) for s in steps)))) for k in range(keys)]
    batches.append(Batch("c", number * per, per, points))
print("ready", flush=True)
sys.stdin.readline()
for batch in batches:
    remote.tracking.append(run.id, batch)
print("done", flush=True)
sys.stdin.readline()
"""

RECORDER = """
import os, sys
from array import array
from runward.tracking.model import Batch, NewRun, RunEnd, RunParam, RunStatus
from runward.tracking.points import Columns, pack_columns
from runward.workspace import open_url
remote = open_url(os.environ["RUNWARD_URL"], os.environ["RUNWARD_TOKEN"])
one = Columns(array("q", [0]), array("d", [1.7e9]), array("d", [0.5]))
points = [pack_columns(f"m{k}", one) for k in range(20)]
params = [RunParam(f"p{k}", k / 10) for k in range(20)]
tags = {f"t{k}": "v" for k in range(5)}

def record():
    run = remote.tracking.create_run(NewRun(project="bench", params=params, tags=tags))
    remote.tracking.append(run.id, Batch("bench", 0, 1, points, end=RunEnd(RunStatus.FINISHED)))

record()
print("ready", flush=True)
sys.stdin.readline()
for _ in range(int(sys.argv[1])):
    record()
print("done", flush=True)
sys.stdin.readline()
"""

SMALL_FILES = """
import time
import runward as run
active = run.start("files", project="bench", capture=False)
began = time.perf_counter()
active.log_artifacts({folder!r})
logged = time.perf_counter() - began
active.finish()
print(logged, time.perf_counter() - began)
"""
