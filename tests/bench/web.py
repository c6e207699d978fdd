"""The web app in a browser: the first row of 10,000 runs beside MLflow's, frames a second, first paints, JavaScript.

``uv run --all-groups python -m tests.bench.web`` prints the table; it needs Chromium. Without a graphics card everything
is drawn by the processor, so the frames are what two cores can do.
"""

from __future__ import annotations

import gzip
import math
import shutil
import statistics
import subprocess
import sys
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from runward.governance.signin import new_link
from runward.testing.postgres import free_port
from runward.tracking.model import Batch, NewProject, NewRun, RunEnd, RunStatus
from runward.tracking.points import Columns, pack_columns
from runward.workspace import FolderWorkspace
from tests.bench.scale import open_space, seed_runs
from tests.bench.serving import serving, settle

Row = tuple[str, str, str, str]
_RUNS = 10_000
_CURVES = 200
_KEYS = 5
_POINTS = 600
_ROUNDS = 5
_FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
_SECONDS = 2

_PEER_FILL = """
import random, sqlite3, sys, uuid
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
path, count = sys.argv[1], int(sys.argv[2])
store = SqlAlchemyStore(f"sqlite:///{path}", "/tmp/unused")
experiment = store.create_experiment("bench")
noise, tables = random.Random(1), {"runs": [], "params": [], "latest_metrics": [], "metrics": [], "tags": []}
for number in range(count):
    run, at = uuid.uuid4().hex, 1_700_000_000_000 + number
    tables["runs"].append((run, f"run-{number}", "me", "FINISHED", at, at + 1000, "active", f"/tmp/{run}", experiment))
    tables["params"] += [(run, f"p{k}", str(noise.choice([0.1, 0.01, 1, 2]))) for k in range(20)]
    tables["latest_metrics"] += [(run, f"m{k}", noise.random(), at, 99, 0) for k in range(20)]
    tables["tags"] += [(run, f"t{k}", f"v{noise.randrange(100)}") for k in range(5)]
    tables["tags"].append((run, "mlflow.runName", f"run-{number}"))
columns = {
    "runs": "run_uuid, name, user_id, status, start_time, end_time, lifecycle_stage, artifact_uri, experiment_id",
    "params": "run_uuid, key, value", "latest_metrics": "run_uuid, key, value, timestamp, step, is_nan",
    "tags": "run_uuid, key, value",
}
with sqlite3.connect(path) as database:
    for table, names in columns.items():
        marks = ", ".join("?" * len(names.split(",")))
        database.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", tables[table])
print(experiment)
"""

_FRAMES = """async ([seconds, what]) => {
  const over = document.querySelector('.u-over');
  const box = over?.getBoundingClientRect();
  const list = document.querySelector('.grid');
  const act = {
    pan: turn => over.dispatchEvent(new PointerEvent('pointermove', {bubbles: true, shiftKey: true,
      clientX: box.left + box.width * (0.5 + 0.3 * Math.sin(turn / 20)), clientY: box.top + 50})),
    zoom: turn => over.dispatchEvent(new WheelEvent('wheel', {bubbles: true, cancelable: true, ctrlKey: true,
      deltaY: 12 * Math.cos(turn / 20), clientX: box.left + box.width / 2, clientY: box.top + 50})),
    scroll: () => { list.scrollTop += 130; },
  }[what];
  let [turn, worst, last] = [0, 0, performance.now()];
  const start = last;
  while (last - start < seconds * 1000) {
    await new Promise(requestAnimationFrame);
    act(turn++);
    const now = performance.now();
    worst = Math.max(worst, now - last);
    last = now;
  }
  return [turn / seconds, worst];
}"""


_WATCH = """(text => {
  const shown = () => {
    const texts = document.createTreeWalker(document, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      if (texts.currentNode.data === text && texts.currentNode.parentElement.getClientRects().length) return true;
    }
    return false;
  };
  const look = () => shown() ? setTimeout(() => console.info(`shown: ${text}`)) : requestAnimationFrame(look);
  requestAnimationFrame(look);
})"""


def _series(number: int, key: int) -> Columns:
    values = array("d", (math.exp(-s / 90) + 0.05 * math.sin(s / 7 + number) + key for s in range(_POINTS)))
    return Columns(array("q", range(_POINTS)), array("d", (1.7e9 + s for s in range(_POINTS))), values)


def _fill_curves(space: FolderWorkspace) -> list[str]:
    """Runs with five curves each."""
    space.tracking.create_project(NewProject(path="curves"))
    ids: list[str] = []
    for number in range(_CURVES):
        run = space.tracking.create_run(NewRun(project="curves", name=f"c{number}"))
        points = [pack_columns(f"k{key}", _series(number, key)) for key in range(_KEYS)]
        space.tracking.append(run.id, Batch("bench", 0, 1, points=points))
        space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))
        ids.append(run.id)
    return ids


@contextmanager
def _mlflow(python: str, folder: Path) -> Iterator[str]:
    """MLflow's own server and pages over as many runs; the address of their table."""
    path, port = folder / "mlflow.db", free_port()
    filled = subprocess.run(
        [python, "-c", _PEER_FILL, str(path), str(_RUNS)], capture_output=True, text=True, check=True, timeout=600
    )
    command = [python, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{path}", "--port", str(port)]
    with serving([*command, "--workers", "1"], f"http://127.0.0.1:{port}/health", folder) as (pid, _):
        settle(pid)
        yield f"http://127.0.0.1:{port}/#/experiments/{filled.stdout.split()[-1]}/runs"


def _first_row(browser: Browser, url: str, state: Any, text: str) -> float:
    """Milliseconds from the address to the painted first row, in a browser that has nothing of it yet; the median.

    A few lines in the page look with every frame and say so after it. A locator would look twice a second once half a
    second has gone by, and the page would have to compile what the locator is made of.
    """

    def once() -> float:
        context = browser.new_context(storage_state=state, viewport={"width": 1280, "height": 860})
        context.add_init_script(f"{_WATCH}({text!r})")
        page = context.new_page()
        began = time.perf_counter()
        with page.expect_console_message(lambda said: said.text == f"shown: {text}", timeout=120_000):
            page.goto(url, wait_until="commit")
        took = time.perf_counter() - began
        context.close()
        return took * 1e3

    once()
    return statistics.median(once() for _ in range(_ROUNDS))


def _initial_script(browser: Browser, url: str, state: Any) -> float:
    """KB of JavaScript, packed, until the table of runs stands."""
    context = browser.new_context(storage_state=state)
    page, sizes = context.new_page(), dict[str, int]()
    page.on("response", lambda answer: _note_script(answer, sizes))
    page.goto(url)
    page.locator("[data-run-row]").first.wait_for()
    context.close()
    return sum(sizes.values()) / 1e3


def _note_script(answer: Any, sizes: dict[str, int]) -> None:
    if answer.url.endswith(".js"):
        sizes[answer.url] = len(gzip.compress(answer.body(), 6))


def _frames(page: Page, what: str) -> tuple[str, str]:
    """Frames a second while the picture moves, the longest one, and what a frame takes of the page's own thread."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = _thread_s(session)
    rate, worst = page.evaluate(_FRAMES, [_SECONDS, what])
    busy = (_thread_s(session) - before) / (rate * _SECONDS) * 1e3
    return f"{rate:.0f} frames/s", f"longest frame {worst:.0f} ms; the page's thread works {busy:.1f} ms a frame"


def _thread_s(session: Any) -> float:
    """Seconds of CPU that the page's main thread has worked."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))


def _painted(browser: Browser, url: str, state: Any, charts: int) -> float:
    """Milliseconds until all charts show all of their lines, with the program's files in the browser's cache."""
    context = browser.new_context(storage_state=state, viewport={"width": 1280, "height": 860})
    page = context.new_page()

    def once() -> float:
        page.goto("about:blank")
        began = time.perf_counter()
        page.goto(url, wait_until="commit")
        page.wait_for_function(
            f"""() => document.querySelectorAll('.u-over').length === {charts} &&
            document.querySelectorAll("[role=img][aria-label*='{_CURVES} lines']").length === {charts}""",
            timeout=120_000,
        )
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return (time.perf_counter() - began) * 1e3

    once()
    took = statistics.median(once() for _ in range(3))
    context.close()
    return took


def _moved(browser: Browser, url: str, state: Any) -> Iterator[Row]:
    context = browser.new_context(storage_state=state, viewport={"width": 1280, "height": 860})
    page = context.new_page()
    page.goto(f"{url}&m=k0")
    page.locator(f"[role=img][aria-label*='{_CURVES} lines'] .u-over").wait_for(timeout=60_000)
    box = page.locator(".u-over").bounding_box()
    assert box is not None
    page.keyboard.down("Shift")
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 50)
    page.mouse.down()
    pan = _frames(page, "pan")
    page.mouse.up()
    page.keyboard.up("Shift")
    for what, (rate, note) in (("pan", pan), ("zoom", _frames(page, "zoom"))):
        yield f"{what} of {_CURVES} series", rate, "60 frames/s", note
    context.close()


def _scrolled(browser: Browser, url: str, state: Any) -> Row:
    context = browser.new_context(storage_state=state, viewport={"width": 1280, "height": 860})
    page = context.new_page()
    page.goto(f"{url}?charts=off")
    page.locator("[data-run-row]").nth(5).wait_for()
    rate, note = _frames(page, "scroll")
    context.close()
    return f"scroll through {_RUNS:,} runs", rate, "60 frames/s", note


def measure(folder: str, peers: dict[str, str]) -> list[Row]:
    """Everything, against a server of its own process."""
    space, project_id = open_space(Path(folder, "team"))
    seed_runs(space.dispatcher.database, project_id, _RUNS)
    ids = _fill_curves(space)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "runward", "server", "--dir", f"{folder}/team", "--port", str(port)]
    with serving(command, f"{url}/healthz", Path(folder)), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_FLAGS)
        state = _sign_in(browser, url, new_link(space.dispatcher.database, space.actor.member_id))
        table, last = f"{url}/projects/bench", f"run-{_RUNS - 1}"
        ours = _first_row(browser, table, state, last)
        rows: list[Row] = [(f"first row of {_RUNS:,} runs, browser empty", f"{ours:.0f} ms", "≤ 1 s", "")]
        if python := peers.get("mlflow"):
            with _mlflow(python, Path(folder)) as theirs:
                peer = _first_row(browser, theirs, None, last)
            rows.append(("mlflow: the same", f"{peer:.0f} ms", "ours ≤ 0.15 ×", f"ours is {ours / peer:.2f} ×"))
        compared = f"{url}/compare?{'&'.join(f'run={run_id}' for run_id in ids)}&tab=curves"
        rows += [
            ("initial JavaScript, packed", f"{_initial_script(browser, table, state):.0f} kB", "≤ 250 kB", ""),
            _scrolled(browser, table, state),
            *_moved(browser, compared, state),
        ]
        paint = _painted(browser, compared, state, _KEYS)
        rows.append(
            (f"{_CURVES * _KEYS:,} curves of {_POINTS} points in {_KEYS} charts", f"{paint:.0f} ms", "≤ 3 s", "")
        )
        browser.close()
    space.close()
    return rows


def _sign_in(browser: Browser, url: str, link: str) -> Any:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{url}/enter#{link}")
    page.wait_for_url("**/projects")
    state = context.storage_state()
    context.close()
    return state
