"""A dataset's files over HTTP: many in a request, and only to who may read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runward.core.codec import MSGPACK, encode
from runward.core.hashing import digest_bytes
from runward.core.remote import HttpClient
from runward.workspace import Workspace, open_url
from tests.server.conftest import Site

_FILES = 2500


@pytest.fixture
def space(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return open_url(site.server.url, site.tokens["ann"])


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requests that clients sent."""
    found: list[str] = []
    send = HttpClient.send

    def counting(self: HttpClient, method: str, path: str, *more: Any) -> Any:
        found.append(f"{method} {path}")
        return send(self, method, path, *more)

    monkeypatch.setattr(HttpClient, "send", counting)
    return found


def test_many_small_files_travel_in_few_requests(space: Workspace, sent: list[str], tmp_path: Path) -> None:
    """There and back, with the large ones alone and a content that lies at two places sent once."""
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(_FILES):
        (folder / f"{number}.txt").write_text(f"file {number}")
    for name in ("large", "again"):
        (folder / name).write_bytes(b"x" * 300_000)
    space.datasets.add(folder, "p")
    assert len(sent) < 15
    sent.clear()
    placed = space.datasets.checkout("p/many", target=tmp_path / "out")
    assert placed.written == _FILES + 2
    assert len(sent) < 10
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == {
        path.name: path.read_bytes() for path in folder.iterdir()
    }


def test_a_stream_is_for_readers_of_the_dataset(site: Site, space: Workspace, tmp_path: Path) -> None:
    """Whoever may not see it is told of nothing; bytes of the project that are none of the dataset are not sent."""
    (tmp_path / "one").write_bytes(b"content of one")
    space.datasets.add(tmp_path / "one", "p")
    other = space.files.put_bytes("p", b"of no dataset")
    mine = digest_bytes(b"content of one")
    path = "/api/v1/datasets/p:one/blobs"

    def ask(member: str, *digests: str) -> int:
        answer = site.client(member).send("POST", path, encode(list(digests), MSGPACK), {"Content-Type": MSGPACK})
        assert (b"content of one" in answer.body) == (answer.status == 200)
        return answer.status

    assert (ask("vera", mine), ask("olaf", mine), ask("", mine)) == (200, 404, 401)
    assert (ask("vera", mine, other), ask("vera", "x"), ask("vera", *[mine] * 2001)) == (404, 422, 422)
    assert site.client("vera").send("POST", path, b"no list").status == 422
