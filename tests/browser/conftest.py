"""A real server over a filled workspace, and a real browser that is signed in."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest
import uvicorn

from runward.governance.signin import new_link
from runward.server.asgi import create_app
from runward.server.doors import STATIC
from runward.workspace import FolderWorkspace, open_folder
from tests.browser.seed import PROJECT, Seeded, fill

ROOT = Path(__file__).parents[2]
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
WIDER = """[document.documentElement, document.querySelector('.content')]
    .some(element => element && element.scrollWidth > element.clientWidth)"""
"""Whether a page scrolls sideways."""
LONGER = """document.querySelector('.content') !== null
    && document.documentElement.scrollHeight > document.documentElement.clientHeight"""
"""Whether what is behind the content scrolls too, into emptiness."""
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]


def missing(what: str) -> NoReturn:
    """Skip with a reason; where everything must run, fail instead."""
    if os.environ.get("RUNWARD_TEST_ALL") == "1":
        pytest.fail(what)
    pytest.skip(what)


def barriers(page: Any, place: str) -> list[str]:
    """What shuts somebody out of the page as it is: what axe finds serious, and scrolling sideways."""
    if not AXE.exists():
        missing("axe-core is not installed: npm ci in web/")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    violations = page.evaluate("axe.run({iframes: false, resultTypes: ['violations']}).then(found => found.violations)")
    found = [
        f"{place}: {violation['id']} {node['html'][:160]} {node['failureSummary'][:200]}"
        for violation in violations
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"][:3]
    ]
    if page.evaluate(LONGER):
        found.append(f"{place}: scrolls past the end of its content")
    return [*found, f"{place}: scrolls sideways"] if page.evaluate(WIDER) else found


@dataclass
class Site:
    """The running server and what is in it."""

    url: str
    workspace: FolderWorkspace
    seeded: Seeded

    def link(self) -> str:
        """A fresh one-time link to sign in with."""
        actor = self.workspace.actor
        return f"{self.url}/enter#{new_link(self.workspace.dispatcher.database, actor.member_id)}"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A browser."""
    binary = shutil.which("chromium") or shutil.which("google-chrome")
    if binary is None:
        missing("no Chromium on this machine: apt-get install chromium")
    if importlib.util.find_spec("playwright") is None:
        missing("no Playwright: uv sync --group browser")
    if not (STATIC / "index.html").exists():
        missing("the web app is not built: uv sync --reinstall-package runward")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The server, on a free port of this machine only."""
    workspace = open_folder(tmp_path_factory.mktemp("team") / ".runward", member="grace")
    seeded = fill(workspace)
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        app = create_app(workspace.dispatcher)
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1, ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, name="site")
        thread.start()
        deadline = time.monotonic() + 20
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.02)
        assert server.started, "the server did not start"
        before = _runs_of(workspace)
        yield Site(f"http://127.0.0.1:{port}", workspace, seeded)
        after = _runs_of(workspace)
        server.should_exit = True
        thread.join(15)
    workspace.close()
    assert after == before, f"a test made runs in {PROJECT}, whose runs others count: they go into a project of its own"


def _runs_of(workspace: FolderWorkspace) -> int:
    with workspace.dispatcher.database.transaction(write=False) as tx:
        sql = "SELECT count(*) FROM runs WHERE project_id = (SELECT id FROM projects WHERE path = ?)"
        return int(tx.scalar(sql, (PROJECT,)))


@pytest.fixture(scope="session")
def signed_in(chromium: Any, site: Site) -> Any:
    """The cookies of a session."""
    context = chromium.new_context()
    page = context.new_page()
    page.goto(site.link())
    page.wait_for_url("**/projects")
    state = context.storage_state()
    context.close()
    return state


class Visitor:
    """A signed-in page that notes what went wrong and where it called."""

    def __init__(self, page: Any, url: str) -> None:
        self.page, self.url = page, url
        self.faults: list[str] = []
        self.hosts: set[str] = set()
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", self._note)
        page.on("request", lambda request: self.hosts.add("/".join(request.url.split("/")[:3])))

    def _note(self, said: Any) -> None:
        if said.type == "error" and "Failed to load resource" not in said.text:
            self.faults.append(said.text)

    def open(self, path: str) -> Any:
        """Go to a page and wait until its heading is there."""
        self.page.goto(self.url + path)
        self.page.locator("h1").wait_for()
        return self.page


@pytest.fixture
def visit(chromium: Any, site: Site, signed_in: Any, request: pytest.FixtureRequest) -> Iterator[Visitor]:
    """A visitor; ``pytest.mark.parametrize('visit', [{…}], indirect=True)`` sets width and colour scheme."""
    wanted: dict[str, Any] = getattr(request, "param", {})
    context = chromium.new_context(
        storage_state=signed_in,
        viewport={"width": wanted.get("width", 1280), "height": 860},
        color_scheme=wanted.get("scheme", "light"),
    )
    context.set_default_timeout(10_000)
    visitor = Visitor(context.new_page(), site.url)
    yield visitor
    context.close()
    assert visitor.faults == []
    assert visitor.hosts <= {site.url}
