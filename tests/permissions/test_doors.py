"""Everything that is no operation: up- and downloads, streams, pages. A route that nobody tried here fails a test."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec
import pytest
from starlette.routing import Mount, Route

from runward.core.codec import MSGPACK
from runward.core.hashing import digest_bytes
from runward.core.ids import new_id
from runward.core.matrix import HOLDERS, answer
from runward.core.operation import Door, Operation
from runward.governance.signin import actor_by_token
from runward.server.asgi import create_app
from runward.server.pulse import Pulse
from runward.tracking.model import NewProject, NewRun, RunPatch
from tests.permissions.estate import Estate
from tests.permissions.site import ELSEWHERE, SECRET, WORD, Asking, Open

NEW = b"new bytes"
PREFIXES = ("/api/2.0/mlflow/", "/ajax-api/2.0/mlflow/", "/api/3.0/mlflow/", "/ajax-api/3.0/mlflow/")


class Try(NamedTuple):
    """A request to a door."""

    path: str
    body: bytes | None = None
    kind: str = "application/json"


Example = Callable[[Estate], Try]
API: Final = "/api/v1"
ON_OBJECTS: Final[dict[tuple[str, str], Example]] = {
    ("PUT", "/projects/{project}/blobs/{digest}"): lambda e: Try(
        f"/projects/{e.project}/blobs/{digest_bytes(NEW)}", NEW, "application/octet-stream"
    ),
    ("GET", "/projects/{project}/blobs/{digest}"): lambda e: Try(f"/projects/{e.project}/blobs/{e.digest}"),
    ("POST", "/projects/{project}/blobs"): lambda e: Try(
        f"/projects/{e.project}/blobs", msgspec.msgpack.encode({digest_bytes(NEW): NEW}), MSGPACK
    ),
    ("POST", "/projects/{project}/uploads"): lambda e: Try(f"/projects/{e.project}/uploads", b""),
    ("POST", "/projects/{project}/uploads/{upload}/{digest}"): lambda e: Try(
        f"/projects/{e.project}/uploads/none/{e.digest}", b""
    ),
    ("GET", "/datasets/{dataset}/blobs/{digest}"): lambda e: Try(f"/datasets/{e.dataset}/blobs/{e.data_digest}"),
    ("POST", "/datasets/{dataset}/blobs"): lambda e: Try(
        f"/datasets/{e.dataset}/blobs", msgspec.msgpack.encode([e.data_digest]), MSGPACK
    ),
    ("GET", "/runs/{run_id}/files/{path:path}"): lambda e: Try(f"/runs/{e.run}/files/notes.txt"),
    ("GET", "/runs/{run_id}/captures/{kind}"): lambda e: Try(f"/runs/{e.run}/captures/code"),
    ("GET", "/runs/{run_id}/blobs/{digest}"): lambda e: Try(f"/runs/{e.run}/blobs/{e.digest}"),
}
"""Below ``/api/v1``; each succeeds for who may, but for what needs an object storage."""
NEEDS_STORAGE: Final = ("/projects/{project}/uploads", "/projects/{project}/uploads/{upload}/{digest}")
OF_THE_CALLER: Final = {
    ("PUT", "/api/v1/session/password"): b'{"present": "a", "password": "b"}',
    ("POST", "/api/v1/session/logins/look"): b'{"code": "a"}',
    ("POST", "/api/v1/session/logins/decision"): b'{"code": "a"}',
}
"""With a body that is understood."""
OPEN: Final = {
    ("GET", "/api/v1/openapi.json"),
    ("GET", "/version"),
    ("GET", "/health"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("POST", "/api/v1/session"),
    ("POST", "/api/v1/session/link"),
    ("POST", "/api/v1/session/invitation"),
    ("DELETE", "/api/v1/session"),
    ("GET", "/api/v1/session/ways"),
    ("POST", "/api/v1/session/oidc"),
    ("GET", "/api/v1/session/oidc/callback"),
    ("POST", "/api/v1/session/logins"),
    ("POST", "/api/v1/session/logins/token"),
    ("POST", "/api/v1/forge-hooks/{project_id}"),
    ("GET", "/shared/{secret}"),
    ("GET", "/{path:path}"),
}
FILES = ("/api/2.0/mlflow-artifacts", "/ajax-api/2.0/mlflow-artifacts")
MLFLOW: Final = {
    ("POST", "/v1/traces"),
    ("GET", "/get-artifact"),
    ("GET", "/model-versions/get-artifact"),
    ("POST", "/ajax-api/2.0/mlflow/upload-artifact"),
    *(
        (method, f"{prefix}{{path:path}}")
        for prefix in PREFIXES
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
    ),
    *(("GET", f"{root}/artifacts") for root in FILES),
    *((method, f"{root}/artifacts/{{path:path}}") for root in FILES for method in ("GET", "PUT", "DELETE")),
    *(("GET", f"{root}/presigned/{{path:path}}") for root in FILES),
    *(("POST", f"{root}/mpu/{{path:path}}") for root in FILES),
}
"""See :mod:`tests.permissions.test_mlflow`."""
STREAM: Final = {("GET", "/api/v1/stream")}
ON_WORKSPACE: Final = {("GET", "/metrics")}
"""Each succeeds for who may."""


def _doors(opened: Open) -> dict[tuple[str, str], Door]:
    found: dict[tuple[str, str], Door] = {}
    for route in create_app(opened.dispatcher).routes:
        assert not isinstance(route, Mount), f"{route.path} is a mount: what lies below it is not known here"
        assert isinstance(route, Route), f"{route} is no route that is known here"
        declared = getattr(route.endpoint, "operation", None)
        assert isinstance(declared, Operation | Door), f"{route.path} declares no permission"
        if isinstance(declared, Door):
            found[declared.method, route.path] = declared
    return found


def test_no_route_is_left_untried(opened: Open) -> None:
    """Neither a door, nor a mount, nor a socket: who adds one says here how it is kept."""
    objects = {(method, API + path) for method, path in ON_OBJECTS}
    assert set(_doors(opened)) == {*objects, *OF_THE_CALLER, *OPEN, *MLFLOW, *STREAM, *ON_WORKSPACE}


@pytest.mark.parametrize("holder", HOLDERS, ids=lambda holder: holder.name)
def test_doors_answer_as_the_matrix_says(opened: Open, holder: Any) -> None:
    """Bytes go to and come from who may, and nobody else."""
    doors, wrong = _doors(opened), []
    asking = Asking(opened.url, opened.site.tokens[holder.name])
    for own, estate in ((True, opened.site.own), (False, opened.site.foreign)):
        for (method, pattern), example in ON_OBJECTS.items():
            wanted = answer(doors[method, API + pattern], holder, own=own)
            given = example(estate)
            found = asking.send(method, API + given.path, given.body, {"Content-Type": given.kind})
            fits = {"yes": found.status < 400, "no": found.status == 403, "hidden": found.status == 404}[wanted]
            if wanted == "yes" and pattern in NEEDS_STORAGE:
                fits = found.status not in (401, 403) and "no project" not in found.text
            tells = wanted != "yes" and any(word in found.text.replace(estate.project, "") for word in (WORD, SECRET))
            if not fits or tells:
                wrong.append((method, pattern, own, wanted, found))
    for method, path in ON_WORKSPACE:
        wanted, found = answer(doors[method, path], holder), asking.send(method, path)
        if found.status != {"yes": 200, "no": 403}[wanted] or (WORD in found.text or SECRET in found.text):
            wrong.append((method, path, True, wanted, found))
    asking.close()
    assert wrong == []


def test_nobody_without_an_account_passes_a_door_that_is_not_open(opened: Open) -> None:
    """Nor learns whether there is something behind it."""
    asking = Asking(opened.url, "")
    tried = [(method, example(opened.site.own)) for (method, _), example in ON_OBJECTS.items()]
    asked = [(method, Try(API + given.path, given.body)) for method, given in tried]
    asked += [(method, Try(path, body)) for (method, path), body in OF_THE_CALLER.items()]
    asked += [
        (method, Try(path.replace("{path:path}", "runs/get"), b"{}"))
        for method, path in {*MLFLOW, *STREAM, *ON_WORKSPACE}
    ]
    for method, given in asked:
        found = asking.send(method, given.path, None if method == "GET" else given.body, {"X-Runward": "1"})
        assert found.status == 401, (method, given.path, found)
        assert WORD not in found.text
    asking.close()


def test_what_is_open_holds_nobodys_data(opened: Open) -> None:
    """A report by its own link is the one exception: it was meant for who has no account."""
    asking = Asking(opened.url, "")
    own = opened.site.own
    paths = [
        "/api/v1/openapi.json",
        "/version",
        "/health",
        "/healthz",
        "/readyz",
        "/api/v1/session/ways",
        "/",
        f"/p/{WORD}",
    ]
    paths += [f"/projects/{own.project}", f"/runs/{own.run}", "/shared/wrong", "/assets/none.js", "/../keys/audit.key"]
    for path in paths:
        assert WORD not in asking.send("GET", path).text.replace(path, "").replace(f"/p/{WORD}", ""), path
    hook = f"/api/v1/forge-hooks/{opened.site.owner.tracking.get_project(own.project).id}"
    assert asking.send("POST", hook, b"{}", {"X-GitHub-Event": "ping"}).status in (401, 403, 404)
    assert f"{WORD} report" in asking.send("GET", own.shared).text
    asking.close()


@pytest.mark.parametrize("name", ["viewer", "outsider", "token: elsewhere"])
def test_a_stream_tells_what_its_reader_may_read(opened: Open, name: str) -> None:
    """The last change is one for everybody here; before it nobody heard of another team's."""
    site = opened.site
    connection = http.client.HTTPConnection(opened.url.removeprefix("http://"), timeout=20)
    with contextlib.closing(connection):
        connection.request("GET", "/api/v1/stream", headers={"Authorization": f"Bearer {site.tokens[name]}"})
        response = connection.getresponse()
        assert response.status == 200
        assert response.readline().startswith(b":")
        with opened.forgetful.remembering():
            for run_id in (site.foreign.base, site.own.base):
                site.owner.tracking.update_run(run_id, RunPatch(purpose=f"for {name}"))
            last = site.owner.tracking.create_project(NewProject(f"last-{new_id()}", ELSEWHERE)).id
            mine = site.owner.tracking.create_run(NewRun(project=site.own.project)).id
        end, heard = (mine if name == "viewer" else last).encode(), b""
        for line in iter(response.readline, b""):
            heard += line
            if end in line:
                break
    assert site.foreign.base.encode() not in heard
    assert (site.own.base.encode() in heard) == (name == "viewer")


def test_who_holds_a_verb_and_no_role_hears_nothing(opened: Open) -> None:
    """The log is read by asking for it, and a token for something else has no stream at all."""
    database, site = opened.dispatcher.database, opened.site
    pulse = Pulse(database)
    heard = pulse.subscribe(actor_by_token(database, site.tokens["audit.read everywhere"]))
    read = pulse.subscribe(actor_by_token(database, site.tokens["viewer everywhere"]))
    with opened.forgetful.remembering():
        site.owner.tracking.update_run(site.own.base, RunPatch(purpose="again"))
    pulse._look(*pulse._tails)
    assert site.own.base in [change.object_id for change in read.get_nowait()]
    assert heard.empty()
    manager = Asking(opened.url, site.manager_token)
    assert manager.send("GET", "/api/v1/stream").status == 403
    manager.close()
