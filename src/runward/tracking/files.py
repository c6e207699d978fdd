"""Bytes in and out: uploads to a project, artifacts and captured documents of a run."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import quote

from runward.core.apart import digest_of, reading
from runward.core.call import Intent
from runward.core.codec import MSGPACK, encode
from runward.core.hashing import digest_bytes
from runward.core.ids import Digest
from runward.core.operation import Door
from runward.core.parallel import at_once
from runward.errors import NotFoundError, StoreError
from runward.governance.calling import Call
from runward.governance.dispatch import Dispatcher
from runward.governance.model import Actor
from runward.governance.scopes import find_project
from runward.store.blobs import Blobs, LocalBlobs, check_digest, checked
from runward.store.folder import FolderBlobs
from runward.tracking import repository as sql
from runward.tracking.api import Tracking
from runward.tracking.garbage import lock

if TYPE_CHECKING:
    from runward.core.remote import HttpClient

UPLOAD = Door("PUT", "/projects/{project}/blobs/{digest}", "run.write", "project", "a stream of bytes")
PRESENT = Door("GET", "/projects/{project}/blobs/{digest}", "run.write", "project", "HEAD: is it there already?")
ARTIFACT = Door("GET", "/runs/{run_id}/files/{path:path}", "run.read", "run", "a download")
PACK = Door(
    "POST", "/projects/{project}/blobs", "run.write", "project", "small contents together, each with its digest"
)
BEGIN = Door("POST", "/projects/{project}/uploads", "run.write", "project", "where to put bytes beside the server")
FINISH = Door("POST", "/projects/{project}/uploads/{upload}/{digest}", "run.write", "project", "bytes that were put")
CAPTURE = Door("GET", "/runs/{run_id}/captures/{kind}", "run.read", "run", "a captured document as it was stored")
BLOB = Door("GET", "/runs/{run_id}/blobs/{digest}", "run.read", "run", "bytes of the run's project, by digest")

log = logging.getLogger("runward.upload")
_CHUNK = 1 << 20
DIRECT_FROM = 8 << 20
"""Bytes from this size on go straight between a client and the object storage, where there is one."""
_PACKED_BELOW = 1 << 18
_PACK_BYTES = 8 << 20
_REQUESTS = 4
"""So many uploads are under way at once."""


class Stored(NamedTuple):
    """What a run holds under a name."""

    digest: Digest
    size: int
    media_type: str


class Files(Protocol):
    """Bytes of a workspace, the same for a folder and a server. Thread-safe."""

    def put_file(self, project: str, path: Path) -> tuple[Digest, int]:
        """Upload a file to a project; bytes that are there already are not sent again."""
        ...

    def put_files(self, project: str, contents: Mapping[Digest, bytes | Path]) -> None:
        """Upload many contents whose digests are known, small ones together."""
        ...

    def put_bytes(self, project: str, data: bytes) -> Digest:
        """Upload bytes to a project."""
        ...

    def put_many(self, project: str, digests: list[Digest]) -> None:
        """Upload blobs of the client's local store, those that the project has already left out."""
        ...

    def read(self, run_id: str, digest: str) -> bytes:
        """Bytes of the run's project by digest. Raises: NotFoundError."""
        ...

    def artifact(self, run_id: str, path: str) -> Iterator[bytes]:
        """An artifact's bytes, in pieces. Raises: NotFoundError."""
        ...

    def capture(self, run_id: str, kind: str) -> bytes:
        """A captured document. Raises: NotFoundError."""
        ...


def record_upload(call: Call, project: str, digest: Digest, size: int) -> None:
    """Note an upload, once its bytes are in the store."""
    record_uploads(call, project, [(digest, size)])


def record_uploads(call: Call, project: str, uploaded: Sequence[tuple[Digest, int]]) -> None:
    """Note uploads, once their bytes are in the store. Raises: StoreError (garbage collection was faster)."""
    found = find_project(call.tx, project)
    assert found is not None
    lock(call.tx, shared=True)
    stored = call.blobs.of(found.team_id).have([digest for digest, _ in uploaded])
    for digest, _ in uploaded:
        if digest not in stored:
            raise StoreError(f"blob {digest[:12]} was collected as garbage meanwhile", hint="upload it again")
    sql.remember_blobs(call.tx, found.id, uploaded, call.now_us)


def blobs_for(call: Call, project: str) -> Blobs:
    """Where bytes of a project are put: the store of its team."""
    found = find_project(call.tx, project)
    assert found is not None
    return call.blobs.of(found.team_id)


def is_present(call: Call, project: str, digest: str) -> bool:
    """Whether the project has these bytes. What other projects have is not told."""
    found = find_project(call.tx, project)
    if found is None or sql.blob_size(call.tx, found.id, check_digest(digest)) is None:
        return False
    # Whoever asks is about to name them: garbage collection leaves them alone for a while.
    sql.touch_blobs(call.tx, found.id, [digest], call.now_us)
    return True


def find_artifact(call: Call, run_id: str, path: str) -> Stored:
    """An artifact by path. Raises: NotFoundError, ForbiddenError (it is restricted)."""
    call.read_content("run", run_id)
    for artifact in sql.artifacts(call.tx, run_id):
        if artifact.path == path:
            # Anybody who works in the project can name bytes of it as a file of their own run.
            call.read_content("blob", artifact.digest, on=("run", run_id), intent=Intent(run_id=run_id))
            return Stored(artifact.digest, artifact.size, artifact.media_type)
    raise NotFoundError(f"run {run_id} has no artifact {path[:200]!r}")


def find_capture(call: Call, run_id: str, kind: str) -> Stored:
    """A captured document by kind. Raises: NotFoundError, ForbiddenError (its bytes are restricted)."""
    for part in sql.captures(call.tx, run_id):
        if part.kind == kind:
            call.read_content("blob", part.digest, on=("run", run_id), intent=Intent(run_id=run_id))
            return Stored(part.digest, call.blobs.size(part.digest), "application/json")
    raise NotFoundError(f"run {run_id} has no captured {kind[:40]!r}")


def find_blob(call: Call, run_id: str, digest: str) -> Stored:
    """Bytes of the run's project by digest. Raises: NotFoundError, ForbiddenError (they are restricted)."""
    # What is read through a run is read for what the run is for.
    call.read_content("blob", digest, on=("run", run_id), intent=Intent(run_id=run_id))
    project_id = call.tx.scalar("SELECT project_id FROM runs WHERE id = ?", (run_id,))
    size = sql.blob_size(call.tx, project_id, check_digest(digest))
    if size is None:
        raise NotFoundError(f"run {run_id} has no bytes with digest {digest[:12]}")
    return Stored(Digest(digest), size, "application/octet-stream")


def uploaded_sizes(call: Call, project_id: str, digests: Sequence[str]) -> dict[str, int]:
    """The sizes of those of some contents that were uploaded to a project."""
    return sql.blob_sizes(call.tx, project_id, digests)


def read_chunks(path: Path) -> Iterator[bytes]:
    """A file in pieces."""
    with reading(path) as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _pieces(content: bytes | Path) -> Iterator[bytes]:
    return iter([content]) if isinstance(content, bytes) else read_chunks(content)


class FolderFiles:
    """The files of a folder workspace."""

    def __init__(self, dispatcher: Dispatcher, actor: Actor, local: LocalBlobs) -> None:
        self._dispatcher, self._actor, self._local = dispatcher, actor, local

    def _put(self, project: str, digest: Digest, chunks: Iterable[bytes]) -> tuple[Digest, int]:
        # Without the permission nothing is written, not even bytes.
        with self._dispatcher.enter(UPLOAD, self._actor, project, write=False) as call:
            blobs = blobs_for(call, project)
        size = blobs.size(digest) if blobs.touch(digest) else blobs.put_stream(chunks, digest)[1]
        with self._dispatcher.enter(UPLOAD, self._actor, project, write=True) as call:
            record_upload(call, project, digest, size)
        return digest, size

    def put_file(self, project: str, path: Path) -> tuple[Digest, int]:
        """See :class:`Files`."""
        return self._put(project, digest_of(path), read_chunks(path))

    def put_bytes(self, project: str, data: bytes) -> Digest:
        """See :class:`Files`."""
        return self._put(project, digest_bytes(data), [data])[0]

    def put_files(self, project: str, contents: Mapping[Digest, bytes | Path]) -> None:
        """See :class:`Files`."""
        with self._dispatcher.enter(UPLOAD, self._actor, project, write=False) as call:
            blobs = blobs_for(call, project)
        sizes = blobs.put_many((digest, _pieces(content)) for digest, content in contents.items())
        with self._dispatcher.enter(UPLOAD, self._actor, project, write=True) as call:
            record_uploads(call, project, list(zip(contents, sizes, strict=True)))

    def put_many(self, project: str, digests: list[Digest]) -> None:
        """See :class:`Files`. A folder's local store is the workspace's own: only the notes are missing."""
        blobs = self._dispatcher.blobs
        if blobs is not self._local:
            for digest in digests:
                self._put(project, digest, self._local.chunks(digest))
            return
        sizes = [(digest, blobs.size(digest)) for digest in digests]
        with self._dispatcher.enter(UPLOAD, self._actor, project, write=True) as call:
            record_uploads(call, project, sizes)

    def read(self, run_id: str, digest: str) -> bytes:
        """See :class:`Files`."""
        with self._dispatcher.enter(BLOB, self._actor, run_id, write=False) as call:
            found = find_blob(call, run_id, digest)
        return self._dispatcher.blobs.read(found.digest)

    def artifact(self, run_id: str, path: str) -> Iterator[bytes]:
        """See :class:`Files`."""
        with self._dispatcher.enter(ARTIFACT, self._actor, run_id, write=False) as call:
            found = find_artifact(call, run_id, path)
        return self._dispatcher.blobs.chunks(found.digest)

    def capture(self, run_id: str, kind: str) -> bytes:
        """See :class:`Files`."""
        with self._dispatcher.enter(CAPTURE, self._actor, run_id, write=False) as call:
            found = find_capture(call, run_id, kind)
        return self._dispatcher.blobs.read(found.digest)


def _parcels(contents: Mapping[Digest, bytes | Path]) -> Iterator[dict[str, bytes] | tuple[Digest, Path]]:
    """What is sent in one request each: small contents together, a large file alone."""
    pack, size = dict[str, bytes](), 0
    for digest, content in contents.items():
        if isinstance(content, Path) and content.stat().st_size >= _PACKED_BELOW:
            yield digest, content
            continue
        pack[digest] = content if isinstance(content, bytes) else content.read_bytes()
        size += len(pack[digest])
        if size >= _PACK_BYTES:
            yield pack
            pack, size = {}, 0
    if pack:
        yield pack


class RemoteFiles:
    """The files of a server."""

    def __init__(self, http: HttpClient, tracking: Tracking, local: FolderBlobs) -> None:
        self._http, self._tracking, self._local = http, tracking, local
        self._direct = True

    def _send(self, project: str, digest: str, path: Path) -> None:
        place = f"/projects/{project.replace('/', ':')}"
        if path.stat().st_size >= DIRECT_FROM and self._direct and self._put_beside(place, digest, path):
            return
        self._http.upload(f"{place}/blobs/{digest}", read_chunks(path))

    def _put_beside(self, place: str, digest: str, path: Path) -> bool:
        """Whether the storage took a file at a URL that the server gave; if not, it goes through the server."""
        told = self._http.post_json(f"{place}/uploads")
        self._direct = bool(told["url"])
        if self._direct:
            try:
                self._http.put_beside(told["url"], path)
            except OSError as error:
                # The storage may be out of this client's reach, or refuse objects of this size.
                log.info("%s goes through the server: %s", path, error)
                self._direct = False
        if self._direct:
            self._http.post_json(f"{place}/uploads/{told['upload']}/{digest}")
        return self._direct

    def put_file(self, project: str, path: Path) -> tuple[Digest, int]:
        """See :class:`Files`."""
        digest = digest_of(path)
        if not self._http.exists(f"/projects/{project.replace('/', ':')}/blobs/{digest}"):
            self._send(project, digest, path)
        return digest, path.stat().st_size

    def put_bytes(self, project: str, data: bytes) -> Digest:
        """See :class:`Files`."""
        digest = digest_bytes(data)
        self._put(project, digest, [data])
        return digest

    def _put(self, project: str, digest: Digest, chunks: Iterable[bytes]) -> None:
        path = f"/projects/{project.replace('/', ':')}/blobs/{digest}"
        if not self._http.exists(path):
            self._http.upload(path, chunks)

    def put_many(self, project: str, digests: list[Digest]) -> None:
        """See :class:`Files`."""
        self.put_files(project, {digest: self._local.path_of(digest) for digest in digests})

    def put_files(self, project: str, contents: Mapping[Digest, bytes | Path]) -> None:
        """See :class:`Files`."""
        missing = {
            Digest(digest): contents[Digest(digest)] for digest in self._tracking.missing_blobs(project, list(contents))
        }

        def send(part: dict[str, bytes] | tuple[Digest, Path]) -> None:
            if isinstance(part, dict):
                self._send_pack(project, part)
            else:
                self._send(project, *part)

        for _ in at_once(send, _parcels(missing), _REQUESTS):
            pass

    def _send_pack(self, project: str, pack: dict[str, bytes]) -> None:
        body = encode(pack, MSGPACK)
        self._http.post_json(f"/projects/{project.replace('/', ':')}/blobs", body, MSGPACK)

    def read(self, run_id: str, digest: str) -> bytes:
        """See :class:`Files`. Checked against the digest."""
        return checked(check_digest(digest), b"".join(self._http.download(f"/runs/{run_id}/blobs/{digest}")))

    def artifact(self, run_id: str, path: str) -> Iterator[bytes]:
        """See :class:`Files`."""
        return self._http.download(f"/runs/{run_id}/files/{quote(path)}")

    def capture(self, run_id: str, kind: str) -> bytes:
        """See :class:`Files`."""
        return b"".join(self._http.download(f"/runs/{run_id}/captures/{kind}"))
