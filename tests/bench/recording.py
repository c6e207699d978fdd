"""What recording a run costs its script, beside trackers that capture less: until its first line, at its end, and in all."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import statistics
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.bench.reproduction import spent

Row = tuple[str, str, str, str]
_ROUNDS = 5
_SCRIPT = """
import json, sys, time
def work():
    global first, last
    first = time.perf_counter()
    time.sleep(0.3)
    last = time.perf_counter()
{imports}
if len(sys.argv) > 1:
    begun = time.perf_counter()
{body}
    print(json.dumps([first - begun, time.perf_counter() - last]))
"""


class Tool(NamedTuple):
    """How a tool records a run of ``work`` with its defaults, and what it then knows of it without being told."""

    imports: str
    body: str
    knows: str


_TOOLS = {
    "runward": Tool(
        "import runward as run",
        "    with run.start(project='bench'):\n        work()",
        "every file of the tree, packages with their edits, files read, machine, seeds: enough to run it again",
    ),
    "mlflow": Tool(
        "import mlflow; mlflow.set_tracking_uri('sqlite:///mlflow.db')",
        "    with mlflow.start_run():\n        work()",
        "id of the commit, name of the script",
    ),
    "wandb": Tool(
        "import os; os.environ.update(WANDB_MODE='offline', WANDB_SILENT='true'); import wandb",
        "    with wandb.init(project='bench'):\n        work()",
        "id of the commit, diff, packages, machine; offline",
    ),
    "sacred": Tool(
        "import sacred, sacred.observers; experiment = sacred.Experiment('bench', save_git_info=False)\n"
        "experiment.observers.append(sacred.observers.FileStorageObserver('sacred'))\nexperiment.main(work)",
        "    experiment.run()",
        "text of the script, packages that it names, machine",
    ),
}


def repository(folder: Path) -> None:
    """A repository of 500 files, of which one was changed and one is new."""
    for index in range(500):
        file = folder / f"d{index % 20}" / f"f{index}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"x = {index}\n" * 40)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.invalid"]
    spent([["git", "init", "-q"], ["git", "add", "-A"], [*git, "commit", "-qm", "x"]], folder)
    (folder / "d0" / "f0.py").write_text("changed = 1\n")


def measure(folder: str, peers: Mapping[str, str]) -> list[Row]:
    """Ours first, then each peer that is installed here or named."""
    place, rows = Path(folder, "repository"), list[Row]()
    place.mkdir()
    repository(place)
    for name, tool in _TOOLS.items():
        python = peers.get(name) or (sys.executable if importlib.util.find_spec(name) else "")
        if python:
            rows.append(_measured(name, tool, python, place))
    return rows


def _measured(name: str, tool: Tool, python: str, place: Path) -> Row:
    script = place / f"train_{name}.py"
    script.write_text(_SCRIPT.format(**tool._asdict()))
    env = {"RUNWARD_DIR": str(place.parent / "workspace")}
    times: list[tuple[float, float]] = []
    cpu: list[float] = []
    for _ in range(_ROUNDS + 1):
        bare = spent([[python, str(script)]], place, env)
        done = spent([[python, str(script), "record"]], place, env)
        assert done.code == 0, done.said
        said = next(line for line in done.said.splitlines() if line.startswith("[") and line.endswith("]"))
        times.append(tuple(json.loads(said)))
        cpu.append(done.cpu_s - bare.cpu_s)
    # The first round creates what is created once: a database, a cache.
    first, end = (statistics.median(values) * 1e3 for values in zip(*times[1:], strict=True))
    packages = len(list(importlib.metadata.distributions())) if python == sys.executable else 0
    held = f"; {packages} packages installed" if name == "runward" else ""
    measured = f"{first:.0f} ms to its first line, {end:.0f} ms at its end, {statistics.median(cpu[1:]):.2f} s CPU"
    return (f"{name}: a run of a script among 500 files", measured, "", f"knows {tool.knows}{held}")
