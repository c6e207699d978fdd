"""Live changes: each open page hears of what its member may see, soon."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

from anyio.from_thread import start_blocking_portal

from runward.server.pulse import Pulse
from runward.testing.worlds import batch
from runward.tracking.model import Batch, NewProject, NewRun, OutputChunk
from tests.server.conftest import Site


def _listen(site: Site, member: str) -> http.client.HTTPResponse:
    parts = urlsplit(site.server.url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
    connection.request("GET", "/api/v1/stream", headers={"Authorization": f"Bearer {site.tokens[member]}"})
    response = connection.getresponse()
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-store"
    assert response.readline().startswith(b": ")
    assert [response.readline() for _ in range(4)] == [b"\n", b"event: begin\n", b"data: {}\n", b"\n"]
    return response


def _hears(response: http.client.HTTPResponse, *wanted: str) -> bool:
    lines = iter(response.readline, b"")
    return any(line.startswith(b"data: ") and all(word.encode() in line for word in wanted) for line in lines)


def test_a_page_hears_of_points_and_events_of_its_own_teams_only(site: Site) -> None:
    """The stranger's first news are of their own project, although ours changed before."""
    ours, theirs = _listen(site, "ann"), _listen(site, "olaf")
    run = site.owner.tracking.create_run(NewRun(project="p", name="live"))
    assert _hears(ours, "run.started", run.id)
    site.owner.tracking.append(run.id, batch(0, {"v": [(0, 1.0)]}))
    assert _hears(ours, "run.points", run.id)
    # A training that prints before it logs, or never logs.
    site.owner.tracking.append(run.id, Batch("printer", 0, 1, output=[OutputChunk("stdout", "epoch 1\n", 1.0)]))
    assert _hears(ours, "run.output", run.id)
    project = site.owner.tracking.create_project(NewProject(path="theirs", team="others"))
    heard = list[bytes]()
    while not heard or project.id.encode() not in heard[-1]:
        heard.append(theirs.readline())
        assert run.project_id.encode() not in heard[-1]
    for response in (ours, theirs):
        response.close()


def test_what_happens_before_the_first_look_is_told_too(site: Site) -> None:
    """A page may be open for a while before anybody looks; and it was asked for before it could hear of anything."""
    pulse = Pulse(site.owner.dispatcher.database)
    before = site.owner.tracking.create_run(NewRun(project="p", name="before"))
    site.owner.tracking.append(before.id, batch(0, {"v": [(0, 1.0)]}))
    mine = pulse.subscribe(site.owner.actor)
    told = [change.kind for change in mine.get_nowait() if change.object_id == before.id]
    assert told == ["run.started", "run.points"]
    run = site.owner.tracking.create_run(NewRun(project="p", name="early"))

    with start_blocking_portal() as portal, portal.wrap_async_context_manager(pulse.lifespan(None)):
        assert run.id in [change.object_id for change in mine.get(timeout=10)]
