"""The bytes of datasets, out of a folder or from a server."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from blake3 import blake3

from runward.core.codec import MSGPACK, encode
from runward.core.frames import framed, unframed
from runward.core.ids import Digest
from runward.core.operation import Door
from runward.core.parallel import at_once
from runward.data import repository as sql
from runward.data.spans import held
from runward.errors import CorruptedError, InvalidError, NotFoundError, RunwardError, StoreError
from runward.governance.calling import Call
from runward.governance.dispatch import Dispatcher
from runward.governance.model import Actor
from runward.store.blobs import Blobs, check_digest
from runward.store.clone import cloned
from runward.tracking.files import Stored, uploaded_sizes

if TYPE_CHECKING:
    from runward.core.remote import HttpClient

_LINK_FROM = 1 << 20
LinkMode = Literal["auto", "reflink", "hardlink", "copy"]
"""How a checkout makes files: a clone or link where that is possible and safe, by all means, or never."""

DATA_BLOB = Door("GET", "/datasets/{dataset}/blobs/{digest}", "data.read", "dataset", "bytes of a dataset, by digest")

DATA_BLOBS = Door(
    "POST", "/datasets/{dataset}/blobs", "data.read", "dataset", "many small contents of a dataset in one stream"
)
MOST_ASKED = 2000
"""So many contents may be asked for at once."""
_STREAMED_BELOW = 1 << 18
"""Larger contents are asked for alone: they may come from beside the server."""
_REQUESTS = 4
_ASKED = 1000


def find_content(call: Call, dataset: str, digest: str) -> Stored:
    """Bytes of a dataset by digest. Raises: NotFoundError."""
    place = sql.find_dataset(call.tx, dataset)
    assert place is not None
    wanted = check_digest(digest)
    call.read_content("dataset", place.id)
    if not held(call.tx, place.id, [wanted]):
        raise NotFoundError(f"dataset {place.name!r} has no bytes with digest {digest[:12]}")
    return Stored(wanted, call.blobs.size(wanted), "application/octet-stream")


def find_contents(call: Call, dataset: str, digests: Sequence[str]) -> list[tuple[Digest, bool]]:
    """Which of a dataset's contents are streamed together. Raises: NotFoundError (one is none of it), InvalidError."""
    if len(digests) > MOST_ASKED:
        raise InvalidError(f"{len(digests):,} contents were asked for, at most {MOST_ASKED:,} may be at once")
    return list(_small_ones(call, dataset, [check_digest(digest) for digest in digests]).items())


def _small_ones(call: Call, dataset: str, digests: Sequence[Digest]) -> dict[Digest, bool]:
    """Which contents of a dataset are small enough to be read together. Raises: NotFoundError (one is none of it)."""
    place = sql.find_dataset(call.tx, dataset)
    assert place is not None
    wanted = list(dict.fromkeys(digests))
    call.read_content("dataset", place.id)
    if lost := set(wanted) - held(call.tx, place.id, wanted):
        raise NotFoundError(f"dataset {place.name!r} has no bytes with digest {min(lost)[:12]}")
    sizes = uploaded_sizes(call, place.project_id, wanted)
    return {digest: sizes.get(digest, _STREAMED_BELOW) < _STREAMED_BELOW for digest in wanted}


def stream_contents(blobs: Blobs, found: Sequence[tuple[Digest, bool]]) -> Iterator[bytes]:
    """Contents of a dataset as one stream; what is not streamed is named, to be asked for alone."""
    data = blobs.read_many([digest for digest, streamed in found if streamed])
    return framed((digest, next(data) if streamed else None) for digest, streamed in found)


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
            is_small = _small_ones(call, dataset, [digest for digest, _ in wanted])
        blobs, together = self._dispatcher.blobs, list[tuple[Digest, Path]]()
        for digest, path in wanted:
            source = blobs.local_path(digest)
            if source is not None and put_alike(source, path, how):
                continue
            if source is None and is_small[digest]:
                together.append((digest, path))
            else:
                write_checked(path, digest, blobs.chunks(digest))
        for (digest, path), data in zip(together, blobs.read_many([digest for digest, _ in together]), strict=True):
            write_checked(path, digest, [data])


class RemoteDataFiles:
    """The datasets' bytes of a server."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    def fetch(self, dataset: str, wanted: Iterable[tuple[Digest, Path]], how: LinkMode) -> None:
        """See :class:`DataFiles`."""
        place = f"/datasets/{dataset.replace('/', ':')}/blobs"
        targets: dict[Digest, list[Path]] = {}
        for digest, path in wanted:
            targets.setdefault(digest, []).append(path)

        def some(digests: list[Digest]) -> list[Digest]:
            return self._fetch_streamed(place, digests, targets)

        def alone(digest: Digest) -> None:
            first, *others = targets[digest]
            write_checked(first, digest, self._http.download(f"{place}/{digest}"))
            for path in others:
                shutil.copyfile(first, path)

        asked = list(targets)
        groups = (asked[start : start + _ASKED] for start in range(0, len(asked), _ASKED))
        large = [digest for found in at_once(some, groups, _REQUESTS) for digest in found]
        for _ in at_once(alone, large, _REQUESTS):
            pass

    def _fetch_streamed(self, place: str, digests: list[Digest], targets: dict[Digest, list[Path]]) -> list[Digest]:
        """Write contents that come in one stream; those that have to be asked for alone come back."""
        missing, large = set(digests), list[Digest]()
        for digest, data in unframed(self._http.stream(place, encode(digests, MSGPACK))):
            missing.discard(digest)
            if data is None:
                large.append(digest)
                continue
            for path in targets.get(digest, ()):
                write_checked(path, digest, [data])
        if missing:
            raise StoreError(f"the server did not send {len(missing)} of {len(digests)} files", hint="try again")
        return large


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
