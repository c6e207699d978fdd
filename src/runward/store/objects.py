"""Content-addressed bytes in object storage (S3 and what speaks it, Google Cloud Storage, Azure), by obstore.

A blob lies at ``<prefix>/<2 digits>/<62 digits>`` of its digest. An object is visible only when it is complete, so no
temporary names are needed. What a client puts directly lies at ``<prefix>/incoming/…`` until its digest was checked.
"""

from __future__ import annotations

import contextlib
import copy
import io
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from blake3 import blake3

from runward.core.ids import Digest, new_id
from runward.core.parallel import at_once
from runward.errors import InvalidError, NotFoundError, StoreError
from runward.store.blobs import (
    SEALED,
    TABLES,
    BlobWriter,
    Putting,
    Shelf,
    check_announced,
    check_digest,
    checked,
    not_stored,
)
from runward.store.bucket import Bucket
from runward.store.folder import FolderBlobs

SCHEMES = ("s3", "gs", "az")
_INCOMING = "incoming"
_LINK_LASTS = timedelta(minutes=15)
_AT_ONCE = 16
_FRESH_S = 1800.0
"""An older object is put anew when it is wanted again: its age is what protects it from garbage collection."""
_SECRET = ("key", "secret", "token", "password")
_UPLOAD_ID = re.compile(r"[0-9A-Za-z-]{1,64}")


def open_blobs(place: str | Path, spool: Path) -> Shelf:
    """The store at a place: a folder, or a URL such as ``s3://bucket/prefix?endpoint=http://…&region=…``.

    Args:
        place: A folder or a URL. Credentials come from the environment as for every tool of that storage
            (``AWS_ACCESS_KEY_ID`` and so on), never from the URL.
        spool: A local folder in which bytes wait while their digest is not known yet.

    Raises: InvalidError, MissingExtraError, StoreError (the bucket is not reachable).
    """
    text = str(place)
    if "://" not in text:
        return FolderBlobs(place)
    parts = urlsplit(text)
    if parts.scheme not in SCHEMES or not parts.netloc:
        raise InvalidError(
            f"--blobs {text!r} is not understood", hint="give a folder or s3://bucket/prefix (gs://…, az://…)"
        )
    settings = dict(parse_qsl(parts.query))
    if parts.username or parts.password or any(word in name for name in settings for word in _SECRET):
        raise InvalidError("--blobs has a password in its URL", hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    return ObjectBlobs(urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", "")), settings, spool)


class ObjectBlobs(Putting):
    """Blobs in a bucket."""

    reads_at_once = _AT_ONCE
    """See :class:`Shelf`: an object storage answers late, but many at once."""
    _below = ""

    def __init__(self, url: str, settings: dict[str, str], spool: Path) -> None:
        self.url, self._spool = url, spool
        self._bucket = Bucket(url, settings, "--blobs")
        self._api, self._store, self._answer = self._bucket.api, self._bucket.store, self._bucket.answer

    def _name(self, digest: Digest) -> str:
        return f"{self._below}{digest[:2]}/{check_digest(digest)[2:]}"

    def has(self, digest: Digest) -> bool:
        """See :meth:`Blobs.has`."""
        return self._bucket.head(self._name(digest)) is not None

    def size(self, digest: Digest) -> int:
        """See :meth:`Blobs.size`."""
        found = self._bucket.head(self._name(digest))
        if found is None:
            raise not_stored(digest)
        return int(found["size"])

    def touch(self, digest: Digest) -> bool:
        """See :meth:`Blobs.touch`."""
        found = self._bucket.head(self._name(digest))
        return found is not None and time.time() - found["last_modified"].timestamp() < _FRESH_S

    @contextlib.contextmanager
    def writer(self) -> Iterator[BlobWriter]:
        """See :meth:`Blobs.writer`. The bytes wait on the local disk until their digest is known."""
        with self.spooled() as (file, keep):
            yield BlobWriter(file, keep)

    @contextlib.contextmanager
    def spooled(self) -> Iterator[tuple[BinaryIO, Callable[[Digest], None]]]:
        """See :meth:`Shelf.spooled`."""
        try:
            self._spool.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._spool) as file:
                yield file, lambda name: self._keep(file, name)
        except OSError as error:
            raise StoreError(f"the blob could not be stored in {self._spool}: {error.strerror}") from error

    def put_named(
        self, small: Mapping[Digest, bytes], large: Iterable[tuple[Digest, Callable[[BinaryIO], None]]]
    ) -> None:
        """See :meth:`Shelf.put_named`."""
        for name, write in large:
            with self.spooled() as (file, keep):
                write(file)
                keep(name)
        for _ in at_once(
            lambda item: self._bucket.put(self._name(item[0]), io.BytesIO(item[1])), small.items(), _AT_ONCE
        ):
            pass

    def pieces(self, name: Digest, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """See :meth:`Shelf.pieces`."""
        return self._bucket.pieces(self._name(name), not_stored(name), start, length)

    @property
    def bare(self) -> ObjectBlobs:
        """See :meth:`Blobs.bare`."""
        return self

    def beside(self) -> ObjectBlobs:
        """See :meth:`Shelf.beside`."""
        found = copy.copy(self)
        found._below = f"{SEALED}/"
        return found

    def _keep(self, file: BinaryIO, digest: Digest) -> None:
        if not self.touch(digest):
            file.seek(0)
            self._bucket.put(self._name(digest), file)

    def put_many(self, contents: Iterable[tuple[Digest, Iterable[bytes]]]) -> list[int]:
        """See :meth:`Blobs.put_many`. An object storage takes them one by one; those before a refused one stay."""
        return [self.put_stream(chunks, digest)[1] for digest, chunks in contents]

    def read(self, digest: Digest) -> bytes:
        """See :meth:`Blobs.read`."""
        return checked(digest, b"".join(self.chunks(digest)))

    def read_many(self, digests: Sequence[Digest]) -> Iterator[bytes]:
        """See :meth:`Blobs.read_many`. An object storage answers late, but many at once."""
        return at_once(self.read, digests, _AT_ONCE)

    def chunks(self, digest: Digest, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """See :meth:`Blobs.chunks`."""
        return self.pieces(digest, start, None if stop is None else max(stop - start, 0))

    def copy_to(self, digest: Digest, path: Path) -> None:
        """See :meth:`Blobs.copy_to`."""
        pieces = self.chunks(digest)
        with open(path, "wb") as file:
            file.writelines(pieces)

    def local_path(self, digest: Digest) -> Path | None:
        """None: the bytes are elsewhere."""
        return None

    def link(self, digest: Digest) -> str:
        """See :meth:`Blobs.link`."""
        name = self._name(digest)
        return str(self._answer("sign", lambda: self._api.sign(self._store, "GET", name, _LINK_LASTS)))

    def begin_upload(self, project_id: str) -> tuple[str, str]:
        """See :meth:`Blobs.begin_upload`."""
        upload = new_id()
        name = f"{_INCOMING}/{project_id}/{upload}"
        return upload, str(self._answer("sign", lambda: self._api.sign(self._store, "PUT", name, _LINK_LASTS)))

    def finish_upload(self, project_id: str, upload: str, expect: Digest) -> int:
        """See :meth:`Blobs.finish_upload`. The bytes are read once to check them, and copied by the storage itself."""
        missing = NotFoundError(f"nothing was put for the upload {upload[:64]!r}", hint="put the bytes, then finish")
        if not _UPLOAD_ID.fullmatch(upload):
            raise missing
        name, hasher, size = f"{_INCOMING}/{project_id}/{upload}", blake3(), 0
        for piece in self._bucket.pieces(name, missing):
            hasher.update(piece)
            size += len(piece)
        try:
            check_announced(hasher.hexdigest(), expect)
            self._answer("copy", lambda: self._api.copy(self._store, name, self._name(expect)))
        finally:
            self._answer("remove", lambda: self._api.delete(self._store, name))
        return size

    def _listed(self, below: str | None = None) -> Iterator[Any]:
        batches = iter(self._api.list(self._store, below))
        while (batch := self._answer("list", lambda: next(batches, None))) is not None:
            yield from batch

    def stored(self) -> Iterator[tuple[Digest, int, float]]:
        """See :meth:`Blobs.stored`."""
        for found in self._listed(self._below or None):
            if self._below or not found["path"].startswith((f"{_INCOMING}/", f"{TABLES}/", f"{SEALED}/")):
                digest = found["path"].removeprefix(self._below).replace("/", "")
                yield Digest(digest), int(found["size"]), found["last_modified"].timestamp()

    def remove(self, digests: Sequence[Digest], before: float) -> set[Digest]:
        """See :meth:`Blobs.remove`."""
        return {digest for digest in digests if self._remove(self._name(digest), before)}

    def _remove(self, name: str, before: float) -> bool:
        found = self._bucket.head(name)
        if found is None or found["last_modified"].timestamp() > before:
            return False
        self._answer("remove", lambda: self._api.delete(self._store, name))
        return True

    def sweep(self, before: float) -> int:
        """See :meth:`Blobs.sweep`."""
        old = [found for found in self._listed(_INCOMING) if found["last_modified"].timestamp() < before]
        return sum(int(found["size"]) for found in old if self._remove(found["path"], before))

    def scrub(self) -> str:
        """See :meth:`Blobs.scrub`: a bucket forgets what is deleted, unless it keeps versions."""
        return "object storage: deleted; versions that the bucket keeps are its owner's to remove"

    @property
    def tables(self) -> str:
        """See :meth:`Blobs.tables`."""
        return f"{self.url}/{TABLES}"

    def write_table(self, name: str, path: Path) -> None:
        """See :meth:`Blobs.write_table`."""
        with open(path, "rb") as file:
            self._bucket.put(f"{TABLES}/{name}", file)

    def drop_table(self, name: str) -> None:
        """See :meth:`Blobs.drop_table`."""
        with contextlib.suppress(FileNotFoundError):
            self._answer("remove a table", lambda: self._api.delete(self._store, f"{TABLES}/{name}"))

    def close(self) -> None:
        """Nothing is held."""
