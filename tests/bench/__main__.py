"""Measures what users feel, with peers side by side where they are installed, and prints a Markdown table.

``--write`` puts the tables into ``docs/benchmarks.md`` (or their own page) with date and machine. Peers are looked for in the environments
named by ``RUNWARD_BENCH_PEERS`` (``name=python`` pairs by commas); without one its column stays empty.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench import (
    audit,
    curve,
    datasets,
    encryption,
    environments,
    importing,
    permissions,
    programs,
    recording,
    reproduction,
    scale,
    serving,
)

ROOT = Path(__file__).parents[2]
_SCRATCH = tempfile.TemporaryDirectory(prefix="runward-bytecode-")  # goes when the interpreter ends
BYTECODE = _SCRATCH.name
Row = tuple[str, str, str, str]


def run_python(
    code: str, python: str = sys.executable, env: dict[str, str] | None = None, cwd: str | None = None
) -> str:
    """Standard output of a fresh interpreter that runs a program."""
    # As on an ordinary machine: compiled files are kept between starts, for everybody measured.
    merged = {**os.environ, "PYTHONPYCACHEPREFIX": BYTECODE, **(env or {})}
    merged.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run([python, "-c", code], env=merged, cwd=cwd, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def median_of(measure: Callable[[], float], rounds: int) -> float:
    """The median of some measurements."""
    return statistics.median(measure() for _ in range(rounds))


def import_cost(module: str, python: str = sys.executable) -> tuple[float, float]:
    """(CPU ms, MB of resident memory) that importing a module adds to a bare interpreter."""

    def once(name: str) -> tuple[float, float]:
        cpu, rss = json.loads(run_python(programs.IMPORT.format(module=name), python))
        return cpu * 1e3, rss / 1024

    once(module)
    bare = [once("sys") for _ in range(7)]
    full = [once(module) for _ in range(7)]
    return (
        statistics.median(x[0] for x in full) - statistics.median(x[0] for x in bare),
        statistics.median(x[1] for x in full) - statistics.median(x[1] for x in bare),
    )


def peers() -> dict[str, str]:
    """Name -> Python of the peers' environments."""
    pairs = os.environ.get("RUNWARD_BENCH_PEERS", "")
    return dict(pair.partition("=")[::2] for pair in pairs.split(",") if "=" in pair)


def imports() -> list[Row]:
    """CPU and memory of ``import runward`` and of its peers."""
    cpu, rss = import_cost("runward")
    rows: list[Row] = [
        ("`import runward`", f"{cpu:.0f} ms, {rss:.1f} MB", "≤ 60 ms, ≤ 20 MB", "over a bare interpreter")
    ]
    used_cpu, used_rss = import_cost("runward; runward.start")
    rows.append(
        ("`runward.start` looked up (folder workspace loaded)", f"{used_cpu:.0f} ms, {used_rss:.1f} MB", "", "")
    )
    for name, python in peers().items():
        peer_cpu, peer_rss = import_cost(name, python)
        ratio = f"{peer_cpu / max(cpu, 0.1):.0f} × ours" if cpu > 0.1 else "ours is below the noise"
        rows.append((f"`import {name}`", f"{peer_cpu:.0f} ms, {peer_rss:.1f} MB", "", ratio))
    return rows


def log_call(folder: str) -> list[Row]:
    """Time of one call on the training's thread, journal and upload running; the peers' with four metrics."""
    env = {"RUNWARD_DIR": folder}
    ours = json.loads(run_python(programs.LOG, env=env, cwd=folder))
    calls = (("`log_metric`", "≤ 3 µs"), ("`log_metrics` of 4", "≤ 5.5 µs"), ("`log_metrics` of 20", "≤ 20 µs"))
    rows: list[Row] = [
        (f"{call}, p50 (p99)", f"{p50:.1f} µs ({p99:.0f} µs)", aim, "upload running")
        for (call, aim), (p50, p99) in zip(calls, ours, strict=True)
    ]
    p50 = ours[1][0]
    for name, python in peers().items():
        if name in programs.PEER_LOG:
            said = run_python(programs.PEER_LOG[name], python, cwd=folder).splitlines()
            peer50, peer99 = json.loads(next(line for line in said if line.startswith("[") and line[1:2].isdigit()))
            rows.append(
                (f"{name}: `log_metrics` of 4", f"{peer50:.1f} µs ({peer99:.0f} µs)", "", f"{peer50 / p50:.0f} × ours")
            )
    return rows


def first_line(folder: str) -> list[Row]:
    """From ``exp.run()`` to the first line of one function task, with tracking, against a plain subprocess."""
    env = {"RUNWARD_DIR": folder, "PYTHONPATH": folder}
    Path(folder, "benchtask.py").write_text(programs.TASK)
    ours = median_of(lambda: float(run_python(programs.FIRST_LINE, env=env, cwd=folder)), 9) * 1e3
    plain = median_of(lambda: float(run_python(programs.PLAIN, env=env, cwd=folder)), 9) * 1e3
    many = median_of(lambda: float(run_python(programs.MANY, env=env, cwd=folder)), 3) * 1e3
    hand_over, chain = json.loads(run_python(programs.CHAIN, env=env, cwd=folder))
    rows: list[Row] = []
    for name, python in peers().items():
        if name in programs.PEER_FIRST_LINE:
            out = run_python(programs.PEER_FIRST_LINE[name], python, {"PYTHONPATH": folder}, folder)
            peer = float(out.splitlines()[-1]) * 1e3
            rows.append((f"{name}: first line of a function task", f"{peer:.0f} ms", "", f"{peer / ours:.0f} × ours"))
    return [
        (
            "first line of a function task after `exp.run()`",
            f"{ours:.0f} ms",
            "≤ 2 × plain",
            f"{ours / plain:.1f} × plain",
        ),
        ("plain `subprocess` of Python, first line", f"{plain:.0f} ms", "", "the physical limit"),
        ("64 tasks: first line of the first", f"{many:.0f} ms", "≤ 100 ms", ""),
        ("hand-over between dependent tasks", f"{hand_over:.0f} ms", "≤ plain + 20 ms", f"plain start {chain:.0f} ms"),
        *rows,
    ]


def capture(folder: str) -> list[Row]:
    """Capture of a dirty repository of 500 files: on the caller's path and in all, with few packages and with many."""
    python = f"{folder}/v/bin/python"
    subprocess.run(["uv", "venv", "-q", f"{folder}/v"], check=True)
    some = [str(ROOT), "scikit-learn", "pandas", "matplotlib", "requests", "tqdm"]
    subprocess.run(["uv", "pip", "install", "-q", "--python", python, *some], check=True)
    rows: list[Row] = []
    for program in (python, sys.executable):
        place = tempfile.mkdtemp(dir=folder)
        caller, whole, packages = json.loads(run_python(programs.CAPTURE, program, cwd=place))
        aims = ("≤ 10 ms", "≤ 50 ms") if program == python else ("", "")
        what = f"capture, 500 files and {packages} packages"
        rows.append((f"{what}: on the caller's path", f"{caller:.1f} ms", aims[0], "second capture, stat cache warm"))
        rows.append((f"{what}: in all, in the background", f"{whole:.0f} ms", aims[1], ""))
    return rows


def core_install() -> list[Row]:
    """Packages and bytes of a core install in an empty environment."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["uv", "venv", "-q", f"{folder}/v"], check=True)
        wheel = run_python(
            "import sys;from pathlib import Path;from runward.cli.selfwheel import write_wheel;"
            f"print(write_wheel(Path({folder!r})))"
        )
        subprocess.run(["uv", "pip", "install", "-q", "--python", f"{folder}/v/bin/python", wheel], check=True)
        site = next(Path(folder, "v").glob("lib/python3*/site-packages"))
        packages = len(list(site.glob("*.dist-info")))
        size = sum(p.stat().st_size for p in site.rglob("*") if p.is_file()) / 1e6
    return [
        ("core install", f"{packages} packages, {size:.0f} MB", "≤ 12, ≤ 30 MB", "without the web app's files (1 MB)")
    ]


def _client(folder: str) -> list[Row]:
    parts = (log_call, first_line, capture)
    return [*imports(), *core_install(), *(row for part in parts for row in part(tempfile.mkdtemp(dir=folder)))]


def _equivalence(folder: str) -> list[Row]:
    from tests.bench import equivalence  # Only this part needs numpy and scipy.

    return equivalence.measure(folder)


def _web(folder: str) -> list[Row]:
    from tests.bench import web  # Only this part needs Playwright.

    return web.measure(folder, peers())


PARTS: dict[str, tuple[str, Callable[[str], list[Row]]]] = {
    "client": ("Import, install, log, start, capture", _client),
    "serving": ("Server", lambda folder: serving.measure(folder, peers())),
    "scale": ("Many runs, long series", scale.measure),
    "audit": ("The audit trail", audit.measure),
    "permissions": ("Permissions", permissions.measure),
    "encryption": ("Encryption at rest", encryption.measure),
    "importing": ("Import from other tools", importing.measure),
    "environments": ("Environments", environments.measure),
    "recording": ("What recording costs", lambda folder: recording.measure(folder, peers())),
    "reproduction": ("Recording and verifying", lambda folder: reproduction.measure(folder, peers())),
    "causes": ("Causes, planted and named", reproduction.causes),
    "data": ("Versions of data", lambda folder: datasets.measure(folder, peers())),
    "web": ("Web app, in Chromium", _web),
    "curve": ("How cost grows", curve.measure),
    "equivalence": ("Operating curve", _equivalence),
}
"""Title and measurement of each part."""
PAGES = {"equivalence": "statistics.md"}
"""The page under ``docs/`` of a part that does not stand in ``benchmarks.md``."""
LONG = ("causes", "curve", "equivalence")


def measured(part: str) -> str:
    """A part as Markdown: when and on what it was measured, and its table."""
    title, measure = PARTS[part]
    folder = tempfile.mkdtemp(prefix="runward-bench-")
    try:
        rows = measure(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    when = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    lines = [
        f"## {title}",
        "",
        f"`python -m tests.bench {part}`, {when}, {machine}, load {os.getloadavg()[0]:.1f} at its end.",
        "",
        "| what | measured | aim | note |",
        "|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
    return "\n".join(lines) + "\n"


def write_part(part: str, text: str) -> None:
    """Put a part into its page, in the place of what it said before."""
    page = ROOT / "docs" / PAGES.get(part, "benchmarks.md")
    head, *sections = re.split(r"(?m)^(?=## )", page.read_text())
    kept = {section.splitlines()[0].removeprefix("## "): section for section in sections}
    kept[PARTS[part][0]] = text
    ours = [title for title, _ in PARTS.values() if title in kept]
    order = [*ours, *(title for title in kept if title not in ours)]
    page.write_text("\n".join([head.rstrip() + "\n", *(kept[title].rstrip() + "\n" for title in order)]))


def main() -> None:
    """Measure the asked parts and print their tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all but {', '.join(LONG)} by default"
    )
    parser.add_argument("--write", action="store_true", help="put the tables into the docs")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    for part in asked.parts or [name for name in PARTS if name not in LONG]:
        text = measured(part)
        print(text, flush=True)
        if asked.write:
            write_part(part, text)


if __name__ == "__main__":
    began = time.monotonic()
    main()
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
