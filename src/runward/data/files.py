"""The bytes of datasets, out of a folder or from a server."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol
from urllib.parse import urlencode

from blake3 import blake3

from runward.core.call import NO_INTENT, Intent
from runward.core.codec import MSGPACK, encode
from runward.core.frames import framed, unframed
from runward.core.ids import Digest
from runward.core.operation import Door
from runward.core.parallel import at_once
from runward.data import repository as sql
from runward.data.spans import held
from runward.errors import CorruptedError, InvalidError, NotFoundError, PurposeError, RunwardError, StoreError
from runward.governance.calling import Call
from runward.governance.dispatch import Dispatcher
from runward.governance.model import Actor
from runward.store.blobs import Blobs, check_digest
from runward.store.clone import cloned
from runward.tracking.files import Stored, uploaded_sizes
from runward.tracking.underway import run_under_way

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
_KNOWN_S, _LOOK_S = 10.0, 0.1
"""A task's run is made known beside its work: so long it is waited for before its data are refused, looking so often."""


def find_content(call: Call, dataset: str, digest: str, intent: Intent = NO_INTENT) -> Stored:
    """Bytes of a dataset by digest. Raises: NotFoundError, ForbiddenError."""
    place = sql.find_dataset(call.tx, dataset)
    assert place is not None
    wanted = check_digest(digest)
    call.read_content("dataset", place.id, intent=intent)
    if not held(call.tx, place.id, [wanted]):
        raise NotFoundError(f"dataset {place.name!r} has no bytes with digest {digest[:12]}")
    return Stored(wanted, call.blobs.size(wanted), "application/octet-stream")


def find_contents(
    call: Call, dataset: str, digests: Sequence[str], intent: Intent = NO_INTENT
) -> list[tuple[Digest, bool]]:
    """Which of a dataset's contents are streamed together.

    Raises: NotFoundError (one is none of it), InvalidError, ForbiddenError.
    """
    if len(digests) > MOST_ASKED:
        raise InvalidError(f"{len(digests):,} contents were asked for, at most {MOST_ASKED:,} may be at once")
    return list(_small_ones(call, dataset, [check_digest(digest) for digest in digests], intent).items())


def _small_ones(call: Call, dataset: str, digests: Sequence[Digest], intent: Intent) -> dict[Digest, bool]:
    """Which contents of a dataset are small enough to be read together. Raises: NotFoundError (one is none of it)."""
    place = sql.find_dataset(call.tx, dataset)
    assert place is not None
    wanted = list(dict.fromkeys(digests))
    call.read_content("dataset", place.id, intent=intent)
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

    def fetch(
        self, dataset: str, wanted: Iterable[tuple[Digest, Path]], how: LinkMode, intent: Intent | None = None
    ) -> None:
        """Write contents to new files, each whole and checked, or cloned or linked from where they lie already.

        Args:
            dataset: Its id or path.
            wanted: Digests, and where they go.
            how: Whether files are clones, links or copies.
            intent: For what restricted data are read; None for the run that this process works for.

        Raises: NotFoundError, ForbiddenError, PurposeError (restricted data, and not for this), CorruptedError, StoreError
            (disk full).
        """
        ...


def said_here(intent: Intent | None) -> Intent:
    """For what data are read: what somebody said, or else the run that this process works for."""
    return Intent(run_id=run_under_way()) if intent is None else intent


def once_known(read: Callable[[], None]) -> None:
    """Read data, once the run is known that they are for. Raises: what ``read`` raises."""
    waited_until = time.monotonic() + _KNOWN_S
    while True:
        try:
            return read()
        except PurposeError as error:
            if "run_unknown" not in error.details or time.monotonic() > waited_until:
                raise
        time.sleep(_LOOK_S)


class FolderDataFiles:
    """The datasets' bytes of a folder workspace."""

    def __init__(self, dispatcher: Dispatcher, actor: Actor) -> None:
        self._dispatcher, self._actor = dispatcher, actor

    def fetch(
        self, dataset: str, wanted: Iterable[tuple[Digest, Path]], how: LinkMode, intent: Intent | None = None
    ) -> None:
        """See :class:`DataFiles`."""
        wanted, said, is_small = list(wanted), said_here(intent), dict[Digest, bool]()

        def look() -> None:
            with self._dispatcher.enter(DATA_BLOB, self._actor, dataset, write=False) as call:
                is_small.update(_small_ones(call, dataset, [digest for digest, _ in wanted], said))

        once_known(look)
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

    def fetch(
        self, dataset: str, wanted: Iterable[tuple[Digest, Path]], how: LinkMode, intent: Intent | None = None
    ) -> None:
        """See :class:`DataFiles`."""
        place, query = f"/datasets/{dataset.replace('/', ':')}/blobs", _query(said_here(intent))
        targets: dict[Digest, list[Path]] = {}
        for digest, path in wanted:
            targets.setdefault(digest, []).append(path)

        def some(digests: list[Digest]) -> list[Digest]:
            return self._fetch_streamed(place + query, digests, targets)

        def alone(digest: Digest) -> None:
            first, *others = targets[digest]
            write_checked(first, digest, self._http.download(f"{place}/{digest}{query}"))
            for path in others:
                shutil.copyfile(first, path)

        asked = list(targets)
        groups = [asked[start : start + _ASKED] for start in range(0, len(asked), _ASKED)]
        large = list[Digest]()
        if groups:
            # The first is asked for alone: where the data are refused, nothing of the others is asked for.
            once_known(lambda: large.extend(some(groups[0])))
        large += [digest for found in at_once(some, groups[1:], _REQUESTS) for digest in found]
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


class IntendedFiles:
    """Bytes of datasets that are read for something that was said once."""

    def __init__(self, files: DataFiles, intent: Intent) -> None:
        self._files, self._intent = files, intent

    def fetch(
        self, dataset: str, wanted: Iterable[tuple[Digest, Path]], how: LinkMode, intent: Intent | None = None
    ) -> None:
        """See :class:`DataFiles`."""
        self._files.fetch(dataset, wanted, how, intent or self._intent)


def _query(intent: Intent) -> str:
    given = {"purpose": intent.purpose, "run": intent.run_id}
    said = urlencode({name: value for name, value in given.items() if value})
    return f"?{said}" if said else ""


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
    if how in ("auto", "reflink"):
        with open(source, "rb") as file:
            if cloned(file, target):
                return True
    worth = how == "hardlink" or (how == "auto" and os.geteuid() != 0 and source.stat().st_size >= _LINK_FROM)
    if worth:
        with contextlib.suppress(OSError):
            os.link(source, target)
            return True
    if how in ("reflink", "hardlink"):
        raise StoreError(f"{target} cannot be made by {how} from {source}", hint="use --link auto")
    return False
