"""The bytes of datasets, out of a folder or from a server."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from blake3 import blake3

from runward.core.ids import Digest
from runward.core.operation import Door
from runward.data import repository as sql
from runward.errors import CorruptedError, NotFoundError, RunwardError, StoreError
from runward.governance.dispatch import Call, Dispatcher
from runward.governance.model import Actor
from runward.store.blobs import check_digest
from runward.store.clone import cloned
from runward.tracking.files import Stored

if TYPE_CHECKING:
    from runward.core.remote import HttpClient

_LINK_FROM = 1 << 20
LinkMode = Literal["auto", "reflink", "hardlink", "copy"]
"""How a checkout makes files: a clone or link where that is possible and safe, by all means, or never."""

DATA_BLOB = Door("GET", "/datasets/{dataset}/blobs/{digest}", "data.read", "dataset", "bytes of a dataset, by digest")


def find_content(call: Call, dataset: str, digest: str) -> Stored:
    """Bytes of a dataset by digest. Raises: NotFoundError."""
    place = sql.find_dataset(call.tx, dataset)
    assert place is not None
    wanted = check_digest(digest)
    if not sql.holds(call.tx, place.id, wanted):
        raise NotFoundError(f"dataset {place.name!r} has no bytes with digest {digest[:12]}")
    return Stored(wanted, call.blobs.size(wanted), "application/octet-stream")


class DataFiles(Protocol):
    """Bytes of datasets, the same for a folder and a server. Thread-safe."""

    def fetch(self, dataset: str, wanted: Iterable[tuple[Digest, Path]], how: LinkMode) -> None:
        """Write contents to new files, each whole and checked, or cloned or linked from where they lie already.

        Raises: NotFoundError, ForbiddenError, CorruptedError, StoreError (disk full).
        """
        ...


class FolderDataFiles:
    """The datasets' bytes of a folder workspace."""

    def __init__(self, dispatcher: Dispatcher, actor: Actor) -> None:
        self._dispatcher, self._actor = dispatcher, actor

    def fetch(self, dataset: str, wanted: Iterable[tuple[Digest, Path]], how: LinkMode) -> None:
        """See :class:`DataFiles`."""
        wanted = list(wanted)
        with self._dispatcher.enter(DATA_BLOB, self._actor, dataset, write=False) as call:
            place = sql.find_dataset(call.tx, dataset)
            assert place is not None
            for digest, _ in wanted:
                if not sql.holds(call.tx, place.id, digest):
                    raise NotFoundError(f"dataset {place.name!r} has no bytes with digest {digest[:12]}")
        blobs = self._dispatcher.blobs
        for digest, path in wanted:
            source = blobs.local_path(digest)
            if source is None or not put_alike(source, path, how):
                write_checked(path, digest, blobs.chunks(digest))


class RemoteDataFiles:
    """The datasets' bytes of a server."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    def fetch(self, dataset: str, wanted: Iterable[tuple[Digest, Path]], how: LinkMode) -> None:
        """See :class:`DataFiles`."""
        place = f"/datasets/{dataset.replace('/', ':')}/blobs"
        for digest, path in wanted:
            write_checked(path, digest, self._http.download(f"{place}/{digest}"))


def write_checked(path: Path, digest: Digest, chunks: Iterable[bytes]) -> None:
    """Write bytes to a new file. Raises: CorruptedError (they are others; the file is removed), StoreError."""
    hasher = blake3()
    try:
        with open(path, "xb") as file:
            for chunk in chunks:
                hasher.update(chunk)
                file.write(chunk)
        if hasher.hexdigest() != digest:
            raise CorruptedError(f"blob {digest[:12]} does not match its digest", hint="restore it from a backup")
    except OSError as error:
        path.unlink(missing_ok=True)
        raise StoreError(f"{path} could not be written: {error.strerror}", hint="free some space") from error
    except RunwardError:
        path.unlink(missing_ok=True)
        raise


def put_alike(source: Path, target: Path, how: LinkMode) -> bool:
    """Whether a new file shares its bytes with a stored one.

    A clone may be changed freely; a hard link is the stored file itself, which is read-only. Root may write even there, so
    only who asks for links gets them as root; small files are not worth the care.
    """
    if how in ("auto", "reflink") and cloned(source, target):
        return True
    worth = how == "hardlink" or (how == "auto" and os.geteuid() != 0 and source.stat().st_size >= _LINK_FROM)
    if worth:
        with contextlib.suppress(OSError):
            os.link(source, target)
            return True
    if how in ("reflink", "hardlink"):
        raise StoreError(f"{target} cannot be made by {how} from {source}", hint="use --link auto")
    return False
