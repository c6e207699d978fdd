"""A server whose files are encrypted: the same answers, parts of large files, and nothing told to other teams."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from runward.core.hashing import digest_bytes
from runward.core.ids import Digest
from runward.governance.model import NewMember, NewToken
from runward.server.run import LOOPBACK, RunningServer, listen
from runward.store.sealed import SEALED_SINCE, SealedBlobs
from runward.tracking.model import NewArtifact, NewProject, NewRun
from runward.workspace import FolderWorkspace, open_folder, open_url
from tests.server.http import Answer, Client

DATA = os.urandom(3 << 20) + b"the end"


class _Encrypted:
    def __init__(self, owner: FolderWorkspace, server: RunningServer) -> None:
        self.owner, self.server = owner, server
        owner.governance.create_team("others")
        self.tokens = {"owner": owner.governance.create_token(NewToken("t")).secret}
        for name, team in (("ann", "team"), ("olaf", "others")):
            owner.governance.create_member(NewMember(name=name, role="admin", team=team))
            self.tokens[name] = owner.governance.create_token(NewToken("t", member=name)).secret
        owner.tracking.create_project(NewProject(path="p"))
        owner.tracking.create_project(NewProject(path="q", team="others"))
        self.run_id = owner.tracking.create_run(NewRun(project="p")).id

    @property
    def blobs(self) -> SealedBlobs:
        assert isinstance(self.owner.dispatcher.blobs, SealedBlobs)
        return self.owner.dispatcher.blobs

    def client(self, member: str) -> Client:
        return Client(self.server.url, self.tokens[member])

    def attach(self, path: str, data: bytes) -> str:
        """The address of an artifact."""
        space = open_url(self.server.url, self.tokens["ann"])
        digest = space.files.put_bytes("p", data)
        space.tracking.add_artifact(self.run_id, NewArtifact(path, digest))
        return f"/api/v1/runs/{self.run_id}/files/{path}"


@pytest.fixture
def encrypted(tmp_path: Path) -> Iterator[_Encrypted]:
    with open_folder(tmp_path, "owner").dispatcher.database.transaction(write=True) as tx:
        tx.execute("INSERT INTO workspace (key, value) VALUES (?, '1')", (SEALED_SINCE,))
    owner = open_folder(tmp_path, "owner")
    with contextlib.closing(owner), RunningServer(owner.dispatcher, listen("127.0.0.1", 0), LOOPBACK) as server:
        yield _Encrypted(owner, server)


def _part(client: Client, place: str, wanted: str, **headers: str) -> Answer:
    return client.send("GET", place, headers={"Range": wanted, **headers})


def test_any_part_of_a_file_is_answered(encrypted: _Encrypted) -> None:
    place, client = encrypted.attach("large", DATA), encrypted.client("ann")
    whole = client.get(place)
    assert (whole.status, whole.body == DATA, whole.headers["accept-ranges"]) == (200, True, "bytes")
    size = len(DATA)
    for wanted, start, stop in (
        ("bytes=0-0", 0, 1),
        ("bytes=5-1048580", 5, 1_048_581),
        (f"bytes={size - 3}-", size - 3, size),
        ("bytes=-7", size - 7, size),
        (f"bytes=2000000-{size * 5}", 2_000_000, size),
        (f"bytes=-{size * 2}", 0, size),
    ):
        answer = _part(client, place, wanted)
        assert (answer.status, answer.body == DATA[start:stop]) == (206, True), wanted
        assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{size}"
        assert answer.headers["content-length"] == str(stop - start)
    for wanted in (f"bytes={size}-", "bytes=9-3", "bytes=-0"):
        answer = _part(client, place, wanted)
        assert (answer.status, answer.headers["content-range"]) == (416, f"bytes */{size}")
    for wanted in ("bytes=0-1,5-6", "lines=1-2", "bytes=a-b", "bytes=-"):
        assert _part(client, place, wanted).status == 200
    assert _part(client, place, "bytes=0-0", **{"If-Range": '"x"'}).status == 200
    empty = encrypted.attach("empty", b"")
    assert (client.get(empty).status, _part(client, empty, "bytes=0-").status) == (200, 416)


def test_another_team_is_not_told_what_is_there(encrypted: _Encrypted) -> None:
    """Whoever puts the same bytes puts all of them, and has a file of their own."""
    encrypted.attach("one", DATA)
    digest = digest_bytes(DATA)
    assert encrypted.client("olaf").send("HEAD", f"/api/v1/projects/q/blobs/{digest}").status == 404
    assert encrypted.client("olaf").send("HEAD", f"/api/v1/projects/p/blobs/{digest}").status == 404
    assert len(list(encrypted.blobs.stored())) == 1
    other = open_url(encrypted.server.url, encrypted.tokens["olaf"])
    assert list(other.tracking.missing_blobs("q", [digest])) == [digest]
    other.files.put_bytes("q", DATA)
    assert len(list(encrypted.blobs.stored())) == 2
    other.files.put_files("q", {digest_bytes(b"small"): b"small", digest: DATA})
    assert len(list(encrypted.blobs.stored())) == 3


def test_bytes_that_changed_are_not_handed_out(encrypted: _Encrypted) -> None:
    place = encrypted.attach("large", DATA)
    lying = encrypted.blobs._find(Digest(digest_bytes(DATA)))
    assert lying is not None
    path = Path(encrypted.blobs.sealed.path_of(lying.name))  # type: ignore[attr-defined]
    bad = bytearray(path.read_bytes())
    bad[100] ^= 1
    path.chmod(0o644)
    path.write_bytes(bad)
    answer = encrypted.client("ann").get(place)
    assert (answer.status, answer.json["code"]) == (503, "corrupted")


def test_without_the_root_key_it_is_said_what_is_missing(encrypted: _Encrypted, tmp_path: Path) -> None:
    place = encrypted.attach("large", DATA)
    (tmp_path / "keys" / "root.key").unlink()
    again = open_folder(tmp_path, "owner")
    with contextlib.closing(again), RunningServer(again.dispatcher, listen("127.0.0.1", 0), LOOPBACK) as server:
        answer = Client(server.url, encrypted.tokens["ann"]).get(place)
        assert (answer.status, answer.json["code"]) == (503, "key_missing")
        assert "root.key" in answer.json["detail"]
        assert Client(server.url, encrypted.tokens["ann"]).get(f"/api/v1/runs/{encrypted.run_id}").status == 200
