"""Path tricks in every spelling, at every route that takes a path: nothing outside is read, written or told."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import Final

import pytest
from starlette.routing import Route

from runward.errors import InvalidError
from runward.server.asgi import create_app
from runward.tracking.model import NewArtifact
from tests.hostile.conftest import Told
from tests.permissions.site import Asking, Open

_UP: Final = (
    "..", "%2e%2e", "%2E.", ".%2e", "%252e%252e", "%c0%ae%c0%ae", "%e0%80%ae%e0%80%ae", "%uff0e%uff0e", "..;",
    "%ef%bc%8e%ef%bc%8e", "%e2%80%a5", "..%00", "..%0a", "...", "..%20", "%5c..", "..%3f", "..%23",
)  # fmt: skip
_BETWEEN: Final = ("/", "%2f", "%252f", "\\", "%5c", "%255c", "%c0%af", "%e2%88%95", "%ef%bc%8f", "//", "/./", "%2f%2f")
_WHOLE: Final = (
    "/etc/passwd", "%2fetc%2fpasswd", "//etc/passwd", "C:%5cWindows%5cwin.ini", "C:/Windows/win.ini",
    "%5c%5c127.0.0.1%5cc$%5cx", "file:%2f%2f%2fetc%2fpasswd", "file:///etc/passwd", "%00", "a%00.txt", "%ff%fe",
    "con", "nul.txt", "a%0d%0aSet-Cookie:%20x=1", "~root/.ssh/id_rsa", "$HOME/.bashrc", "notes.txt%00.png",
    "notes.txt/..", "notes.txt/../../../../../etc/passwd", ".git/config", "runward.db", "%2e/runward.db",
)  # fmt: skip
TRICKS: Final = (
    *(between.join([up] * 8 + ["etc", "passwd"]) for up in _UP for between in _BETWEEN),
    *_WHOLE,
)


_EVERY: Final = 1 if int(os.environ.get("RUNWARD_HOSTILE_INPUTS", "30")) >= 1000 else 8


def _routes(opened: Open) -> list[tuple[str, str]]:
    app = create_app(opened.dispatcher)
    return [
        (method, route.path)
        for route in app.routes
        if isinstance(route, Route) and "{" in route.path
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]


def test_no_route_leads_out(opened: Open, told: Told) -> None:
    """Each trick in the last place of each path; what is real stands in the places before it."""
    estate, root = opened.site.own, opened.dispatcher.folder
    before = {path for path in root.parent.rglob("*") if "blobs" not in path.parts}
    real = {"run_id": estate.running, "project": estate.project, "dataset": estate.dataset, "name": estate.model}
    asking = Asking(opened.url, opened.site.tokens["admin everywhere"])
    wrong, count = [], 0
    for number, (method, path) in enumerate(_routes(opened)):
        places = re.findall(r"{(\w+)(?::\w+)?}", path)
        # In the full round every trick is tried at every route that takes files, and each at some of the others.
        takes_files = ":path}" in path or places[-1] in ("path", "digest", "upload", "kind")
        every = _EVERY if takes_files else 10 * _EVERY
        for trick in TRICKS[number % every :: every]:
            filled = path
            for place, kind in re.findall(r"{(\w+)(:\w+)?}", path):
                filled = filled.replace(f"{{{place}{kind}}}", trick if place == places[-1] else real.get(place, "x"))
            body = None if method == "GET" else b"{}"
            found = asking.send(method, filled, body, {"Content-Type": "application/json"})
            count += 1
            leaks = "root:x:0" in found.text or "SQLite format" in found.text
            if leaks or found.status in (500, 502, 503):
                wrong.append((method, filled, found.status, found.text[:120]))
    asking.close()
    told("paths", "path tricks", {"inputs": count, "broken": len(wrong), "wrong": wrong})
    assert wrong == []
    assert {path for path in root.parent.rglob("*") if "blobs" not in path.parts} - before == set()


@pytest.mark.parametrize(
    "name",
    ["../x", "a/../../x", "/etc/passwd", "a\\..\\..\\x", "..", ".", "a//b", "a/./b", "C:\\x", "a\0b", "a/", "\ud800"],
)
def test_an_artifact_is_not_kept_under_a_name_that_leads_out(opened: Open, name: str) -> None:
    """Or it is kept under exactly that name, which no file gets as it is."""
    estate = opened.site.own
    with contextlib.suppress(InvalidError):
        made = estate.author.tracking.add_artifact(estate.running, NewArtifact(name, estate.digest))
        assert made.path == name
        assert ".." not in Path(name.replace("\\", "/")).parts
