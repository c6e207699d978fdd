"""Recording and verifying one script, beside the tools that rerun and compare; and the causes that ``why`` names."""

from __future__ import annotations

import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.repro.corpus.causes import Named, explain, planted

Row = tuple[str, str, str, str]
_ROUNDS = 3
SCRIPT = """
import os, random, time
{seed}
rows = [float(line) for line in open("input/rows.txt")]
begun = time.process_time()
total = 0.0
while time.process_time() - begun < {busy}:
    total = sum(row * row for row in rows)
score = total + random.random()
{talk}
print("score %.3f" % score)
os.makedirs("Data", exist_ok=True)
open("Data/score.txt", "w").write("%r" % score)
"""
_SEED, _TALK = "random.seed(1)", "print('took', time.time(), 'as', os.getpid())"


class Cost(NamedTuple):
    """What a command took, with all its children."""

    wall_s: float
    cpu_s: float
    code: int
    said: str


class Tool(NamedTuple):
    """How a tool records a script and verifies the record; (commands, commands)."""

    record: Callable[[Path], list[list[str]]]
    verify: Callable[[Path], list[str]]
    same: Callable[[Cost], bool] = lambda cost: cost.code == 0
    """Whether it found the result to be the same."""


def spent(commands: Sequence[list[str]], cwd: Path, env: Mapping[str, str] | None = None) -> Cost:
    """Run commands one after the other."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    # As on an ordinary machine: compiled files are kept between starts, for everybody measured.
    compiled = {"PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "runward-bench-compiled")}
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    code, said = 0, ""
    for command in commands:
        merged = {**inherited, **compiled, **(env or {})}
        done = subprocess.run(command, cwd=cwd, env=merged, capture_output=True, text=True, check=False)
        code, said = code or done.returncode, f"{said}{done.stdout}{done.stderr}"
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(time.perf_counter() - begun, cpu, code, said)


def project(folder: Path, busy: float = 0.0, *, seeded: bool = True, talks: bool = False) -> Path:
    """A repository with the script and its data, which git does not keep."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "input").mkdir(parents=True)
    (folder / "input" / "rows.txt").write_text("".join(f"{number / 7:.6f}\n" for number in range(1000)))
    text = SCRIPT.format(seed=_SEED if seeded else "", busy=busy, talk=_TALK if talks else "")
    (folder / "script.py").write_text(text)
    (folder / ".gitignore").write_text("input/\nData/\n.smt/\n*.json\n")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.invalid"]
    spent([["git", "init", "-q"], ["git", "add", "-A"], [*git, "commit", "-qm", "x"]], folder)
    time.sleep(0.05)  # Data that is as young as the run counts as changed by it.
    return folder


def tools(peers: Mapping[str, str]) -> dict[str, Tool]:
    """Ours, and those of the peers that are installed."""
    python = sys.executable
    ours = [python, "-m", "runward"]
    found = {
        "Runward": Tool(
            lambda at: [[*ours, "run", "--", python, "script.py"]],
            lambda at: [*ours, "verify", "@last", "--level", "basic"],
        )
    }
    if "sciproof" in peers:
        sciproof = str(Path(peers["sciproof"]).parent / "sciproof")
        capture = ["capture", "--name", "x", "--input", "input/rows.txt", "--output", "Data/score.txt", "--force"]
        found["SciProof"] = Tool(
            lambda at: [[sciproof, *capture, "--", python, "script.py"]],
            lambda at: [sciproof, "verify", "--rerun", "--yes", str(next(at.glob("**/x*.json"), "x.json"))],
        )
    if "sumatra" in peers:
        smt = str(Path(peers["sumatra"]).parent / "smt")
        setup = [[smt, "init", "x"], [smt, "configure", f"--executable={python}", "--main=script.py", "-i", "input"]]
        found["Sumatra"] = Tool(
            lambda at: [*([] if (at / ".smt").exists() else setup), [smt, "run", "input/rows.txt"]],
            lambda at: [smt, "repeat", "last"],
            lambda cost: "exactly matches" in cost.said,  # Its exit code is 0 either way.
        )
    return found


def measure(folder: str, peers: Mapping[str, str]) -> list[Row]:
    """Costs and verdicts, of all tools."""
    place = Path(folder) / "project"
    env = {"RUNWARD_DIR": str(Path(folder) / "workspace"), "PYTHONHASHSEED": "0"}
    project(place, busy=1.0)
    plain = [spent([[sys.executable, "script.py"]], place) for _ in range(_ROUNDS)]
    rows: list[Row] = [("the script alone", _cost(plain), "", f"median of {_ROUNDS}")]
    for name, tool in tools(peers).items():
        spent(tool.record(place), place, env)
        recorded = [spent(tool.record(place), place, env) for _ in range(_ROUNDS)]
        verified = [spent([tool.verify(place)], place, env) for _ in range(_ROUNDS)]
        aim = "≤ rerun + 2 s CPU" if name == "Runward" else ""
        rows.append((f"{name}: run and record it", _cost(recorded), "", ""))
        rows.append((f"{name}: rerun and compare", _cost(verified), aim, ""))
    build = [sys.executable, "-m", "runward", "verify", "@last", "--no-variation"]
    spent([[sys.executable, "-m", "runward", "run", "--", sys.executable, "script.py"], build], place, env)
    rebuilt = [spent([build], place, env) for _ in range(_ROUNDS)]
    rows.append(("Runward: level environment, environment built before", _cost(rebuilt), "≤ rerun + 2 s CPU", ""))
    return [*rows, *_verdicts(place, env, peers)]


def _cost(costs: Sequence[Cost]) -> str:
    wall, cpu = (statistics.median(values) for values in list(zip(*costs, strict=True))[:2])
    return f"{wall:.2f} s, {cpu:.2f} s CPU"


def _verdicts(place: Path, env: Mapping[str, str], peers: Mapping[str, str]) -> list[Row]:
    """Whether each tool says the same again where it is, and something else where it is not."""
    cases: dict[str, tuple[dict[str, bool], bool]] = {
        "nothing changed": ({}, False),
        "no seed in the script": ({"seeded": False}, False),
        "it prints a time and its process": ({"talks": True}, False),
        "one value of its data changed": ({}, True),
    }
    rows: list[Row] = []
    for name, (options, changed) in cases.items():
        said: list[str] = []
        for number, (label, tool) in enumerate(tools(peers).items()):
            project(place, **options)
            own = {**env, "RUNWARD_DIR": f"{env['RUNWARD_DIR']}-{number}-{len(rows)}"}
            spent(tool.record(place), place, own)
            if changed:
                path = place / "input" / "rows.txt"
                path.write_text(path.read_text().replace("0.142857", "0.142858", 1))
            same = tool.same(spent([tool.verify(place)], place, own))
            said.append(f"{label} {'right' if same != changed else 'WRONG'}")
        rows.append((name, ", ".join(said), "right", "it is not the same" if changed else "it is the same"))
    return rows


def causes(folder: str) -> list[Row]:
    """The collection of planted changes: how many causes are named rightly, and what each costs."""
    found: list[Named] = []
    for change in planted():
        found.append(explain(change))
        named = found[-1]
        print(f"{change.script}, {change.kind}: {named.answer} {named.cause}", file=sys.stderr, flush=True)
    kinds = dict.fromkeys(named.planted.kind for named in found)
    rows = [_caused(kind, [named for named in found if named.planted.kind == kind]) for kind in kinds]
    return [*rows, _caused("all", found)]


def _caused(kind: str, found: Sequence[Named]) -> Row:
    right, wrong = sum(named.right for named in found), sum(named.wrong for named in found)
    reruns = statistics.fmean(named.reruns for named in found)
    seconds = statistics.median(named.seconds for named in found)
    missed = [f"{named.planted.script}: {named.answer} {', '.join(named.cause)}" for named in found if not named.right]
    return (
        f"{kind}: named, and nothing else",
        f"{right} of {len(found)}, wrongly {wrong}",
        "≥ 95 %, wrongly 0",
        re.sub(r"[|\n]", " ", f"{reruns:.1f} reruns, {seconds:.0f} s" + "".join(f"; {text}" for text in missed)),
    )
