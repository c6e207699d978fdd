"""A pytest plugin for MLflow's own tests: the server that they start is a fresh Runward server each.

It runs in an environment that has mlflow and not Runward, so it imports nothing of ours. It replaces what the tests
start their server with, leaves out what it is told to, and writes down how each test came out.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import mlflow
import pytest
import requests

_STARTERS = ("ServerThread", "_init_server", "_launch_server", "initialize_backend_stores")


class Servers:
    """Servers that are served by one process of ours."""

    def __init__(self, command: Sequence[str]) -> None:
        # Their checkout has a package ``tests`` of its own, which is no business of ours.
        plain = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=plain)
        self.tokens: dict[str, str] = {}

    def ask(self, question: str) -> str:
        """Send a line, read a line."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(question + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


class Started:
    """A server that stands where MLflow's tests expect theirs: a context manager, or a process to kill."""

    def __init__(self, servers: Servers, port: int) -> None:
        self.servers, self.port, self.url = servers, port, f"http://127.0.0.1:{port}"
        token = servers.ask(f"start {port}")
        servers.tokens[self.url] = servers.tokens[f"http://localhost:{port}"] = token
        os.environ["MLFLOW_TRACKING_TOKEN"] = token
        # Where MLflow's tests use the same database beside the server, they go through the server here.
        mlflow.set_tracking_uri(self.url)

    def __enter__(self) -> str:
        """The address."""
        return self.url

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.kill()

    def kill(self) -> None:
        """Stop it."""
        self.servers.ask(f"stop {self.port}")


class Replacement:
    """What the tests' modules get, and what came of them."""

    def __init__(self) -> None:
        self.servers = Servers(json.loads(os.environ["RUNWARD_SERVE"]))
        self.excluded: dict[str, str] = json.loads(os.environ["RUNWARD_EXCLUDED"])
        self.results: dict[str, dict[str, Any]] = {}

    def into(self, module: ModuleType) -> None:
        """Put our starters where the module has MLflow's."""
        ours: dict[str, Any] = {
            "ServerThread": lambda app, port: Started(self.servers, port),
            "_launch_server": lambda host, port, *others: Started(self.servers, port),
            "_init_server": lambda *others, **more: Started(self.servers, module.get_safe_port()),
            "initialize_backend_stores": lambda *others, **more: None,
        }
        for name in _STARTERS:
            if hasattr(module, name):
                setattr(module, name, ours[name])

    def sign(self, session: requests.Session, request: requests.PreparedRequest) -> None:
        """Give a bare request the token that a client would send."""
        base = "/".join((request.url or "").split("/")[:3])
        if base in self.servers.tokens:
            request.headers.setdefault("Authorization", f"Bearer {self.servers.tokens[base]}")

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Each test once (not once per store of MLflow's), without the excluded ones."""
        kept, dropped = list[pytest.Item](), list[pytest.Item]()
        for module in {item.module for item in items if isinstance(item, pytest.Function)}:
            self.into(module)
        for item in items:
            assert isinstance(item, pytest.Function)
            reason = next(
                (self.excluded[name] for name in (item.originalname, *item.fixturenames) if name in self.excluded), ""
            )
            params = item.callspec.params.values() if hasattr(item, "callspec") else ()
            (dropped if reason or "file" in params else kept).append(item)
            if reason and "file" not in params:
                self.note(item.nodeid, "excluded", reason)
        config.hook.pytest_deselected(items=dropped)
        items[:] = kept

    def note(self, test: str, outcome: str, why: str = "") -> None:
        """Write down how a test came out; the worst of its phases counts."""
        if self.results.get(test, {}).get("outcome") != "failed":
            self.results[test] = {"outcome": outcome, "why": why}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """How a phase of a test came out."""
        if report.failed or report.skipped or report.when == "call":
            crash = getattr(report.longrepr, "reprcrash", None)
            outcome = "skipped" if hasattr(report, "wasxfail") else report.outcome
            self.note(report.nodeid, outcome, str(getattr(crash, "message", ""))[:2000])

    def pytest_sessionfinish(self) -> None:
        """Hand the results over."""
        self.servers.close()
        Path(os.environ["RUNWARD_REPORT"]).write_text(json.dumps(self.results, indent=1))


def pytest_configure(config: pytest.Config) -> None:
    """Take the tests over."""
    replacement = Replacement()
    config.pluginmanager.register(replacement)
    send = requests.Session.send

    def signed(self: requests.Session, request: requests.PreparedRequest, **more: Any) -> requests.Response:
        replacement.sign(self, request)
        return send(self, request, **more)

    requests.Session.send = signed  # type: ignore[method-assign]
