"""Encrypted bytes over any store of bytes: each team's under keys of its own, and under names of its own.

A content of a team lies under the keyed digest of its digest, so neither what lies on the disk nor whether something is there
tells anybody else what a team has. Bytes from before the encryption lie beside, and are still read.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeVar

from blake3 import blake3

from runward.core.apart import reading
from runward.core.hashing import digest_bytes
from runward.core.ids import Digest
from runward.core.parallel import at_once
from runward.errors import (
    ConflictError,
    CorruptedError,
    InvalidError,
    KeyMissingError,
    NotFoundError,
    StoreError,
)
from runward.store.blobs import (
    CHUNK_BYTES,
    BlobWriter,
    Putting,
    Shelf,
    beginning,
    check_announced,
    check_digest,
    checked,
    not_stored,
    without_waiting,
)
from runward.store.ciphers import TAG_BYTES
from runward.store.envelope import (
    HEADER_BYTES,
    Header,
    Opened,
    SealingWriter,
    content_size,
    decrypted,
    header_of,
    opened,
    place_of,
    sealed_size,
    sealed_whole,
)
from runward.store.keys import Keyring
from runward.store.small import SMALL_BYTES

T = TypeVar("T")
LOCAL = "local"
"""Whose bytes are, on the machine where they are captured, until they are put for a team."""
SEALED_SINCE = "sealed_at"
"""The key, in the table `workspace`, of the time since which its bytes are encrypted."""
_SMALL_BYTES = SMALL_BYTES - HEADER_BYTES - TAG_BYTES
_REMEMBERED = 100_000


class _Lying(NamedTuple):
    """Where a content lies."""

    owner: str
    name: Digest


class SealedBlobs(Putting):
    """A store whose bytes are encrypted. Thread-safe.

    Without a team it reads what any of them has: whether somebody may is decided where the content is named. Bytes are put for a
    team: see :meth:`of`.
    """

    is_sealed = True
    """See :class:`Blobs`."""

    def __init__(self, plain: Shelf, keyring: Keyring, close: Callable[[], None] = lambda: None) -> None:
        """A store over another one.

        Args:
            plain: Where the bytes lie, with what was there before the encryption.
            keyring: The keys. It must not need the transaction of whoever reads and writes bytes.
            close: Called when this store is closed.
        """
        self.plain, self.keyring, self._close = plain, keyring, close
        self.sealed = plain.beside()
        self._owner = ""
        self._mutex = threading.Lock()
        self._owners: list[str] = []
        self._known: dict[str, _Lying] = {}

    def of(self, team_id: str) -> SealedBlobs:
        """See :meth:`Blobs.of`."""
        found = copy.copy(self)
        found._owner, found._known = team_id, {}
        return found

    @property
    def bare(self) -> Shelf:
        """See :meth:`Blobs.bare`."""
        return self.plain

    # names ----------------------------------------------------------------------------------------------------------

    def _name(self, owner: str, digest: str) -> Digest:
        """The name of a content. Raises: KeyMissingError."""
        secret = self.keyring.current("names", owner).secret
        return Digest(blake3(bytes.fromhex(check_digest(digest)), key=secret).hexdigest())

    def _teams(self, *, anew: bool) -> list[str]:
        if anew or not self._owners:
            found = self.keyring.owners("names")
            with self._mutex:
                self._owners = found
        return self._owners

    def _find(self, digest: Digest) -> _Lying | None:
        """Where a content lies sealed: that of this store's team, or any team's; None where none has it."""
        check_digest(digest)
        if self._owner:
            if self._owner not in self._teams(anew=False) and self._owner not in self._teams(anew=True):
                return None
            name = self._name(self._owner, digest)
            return _Lying(self._owner, name) if self.sealed.has(name) else None
        if digest in self._known:
            return self._known[digest]
        asked = self._teams(anew=False)
        found = self._find_among(asked, digest)
        if found is None and (more := set(self._teams(anew=True)) - set(asked)):
            found = self._find_among(sorted(more), digest)
        if found is not None:
            with self._mutex:
                if len(self._known) > _REMEMBERED:
                    self._known.clear()
                self._known[digest] = found
        return found

    def _at(self, digest: Digest, sealed: Callable[[_Lying], T], plain: Callable[[], T]) -> T:
        """What is done with a content where it lies. Raises: NotFoundError."""
        if found := self._find(digest):
            try:
                return sealed(found)
            except NotFoundError:
                # It was collected since it was found; another team may still have it.
                if self._known.pop(digest, None) is None or (found := self._find(digest)) is None:
                    raise
                return sealed(found)
        if self._owner:
            raise not_stored(digest)
        return plain()

    def _find_among(self, owners: Sequence[str], digest: Digest) -> _Lying | None:
        names = {self._name(owner, digest): owner for owner in owners}
        for name in self.sealed.have(list(names)):
            return _Lying(names[name], name)
        return None

    def aliases(self, digests: Iterable[str]) -> dict[str, str]:
        """See :meth:`Blobs.aliases`. What was captured here and put for a team need not stay twice."""
        secrets = [self.keyring.current("names", owner).secret for owner in self._teams(anew=True) if owner != LOCAL]
        found = dict[str, str]()
        for digest in digests:
            found[digest] = digest
            for secret in secrets:
                found[blake3(bytes.fromhex(digest), key=secret).hexdigest()] = digest
        return found

    def scrub(self) -> str:
        """See :meth:`Blobs.scrub`."""
        return ", ".join(filter(None, (self.sealed.scrub(), self.plain.scrub())))

    # looking --------------------------------------------------------------------------------------------------------

    def has(self, digest: Digest) -> bool:
        """See :meth:`Blobs.has`."""
        return bool(self.have([digest]))

    def have(self, digests: Sequence[Digest]) -> set[Digest]:
        """See :meth:`Blobs.have`."""
        if self._owner:
            if not digests or (
                self._owner not in self._teams(anew=False) and self._owner not in self._teams(anew=True)
            ):
                return set()
            names = {self._name(self._owner, digest): digest for digest in digests}
            return {names[name] for name in self.sealed.have(list(names))}
        return {digest for digest in digests if self._find(digest)} | self.plain.have(digests)

    def size(self, digest: Digest) -> int:
        """See :meth:`Blobs.size`."""
        return self._at(
            digest, lambda found: content_size(self.sealed.size(found.name)), lambda: self.plain.size(digest)
        )

    def touch(self, digest: Digest) -> bool:
        """See :meth:`Blobs.touch`."""
        found = self._find(digest)
        return found is not None and self.sealed.touch(found.name)

    # putting --------------------------------------------------------------------------------------------------------

    def _of_somebody(self) -> str:
        if not self._owner:
            raise InvalidError("encrypted bytes are put for a team, and none was named", hint="blobs.of(team_id)")
        return self._owner

    def _sealing(self, file: BinaryIO, keep: Callable[[Digest], None]) -> SealingWriter:
        owner = self._of_somebody()
        return SealingWriter(file, self.keyring.current("team", owner), partial(self._name, owner), keep)

    @contextlib.contextmanager
    def writer(self) -> Iterator[BlobWriter]:
        """See :meth:`Blobs.writer`."""
        self._of_somebody()
        with self.sealed.spooled() as (file, keep):
            yield self._sealing(file, keep)

    def _sealed_small(self, data: bytes, expect: Digest | None = None) -> tuple[Digest, Digest, bytes]:
        """(name, digest, sealed bytes) of a small content."""
        owner, digest = self._of_somebody(), digest_bytes(data)
        if expect is not None:
            check_announced(digest, expect)
        name = self._name(owner, digest)
        return name, digest, sealed_whole(data, self.keyring.current("team", owner), name, digest)

    def put_many(self, contents: Iterable[tuple[Digest, Iterable[bytes]]]) -> list[int]:
        """See :meth:`Blobs.put_many`."""
        owner, sizes, small = self._of_somebody(), list[int](), dict[Digest, bytes]()

        def large() -> Iterator[tuple[Digest, Callable[[BinaryIO], None]]]:
            written = set[Digest]()
            for digest, chunks in contents:
                head, rest = beginning(chunks, _SMALL_BYTES)
                if len(head) <= _SMALL_BYTES:
                    sizes.append(len(head))
                    name, _, data = self._sealed_small(head, check_digest(digest))
                    small[name] = data
                elif digest in written or self.touch(digest):
                    sizes.append(self.size(digest) if digest not in written else sizes[-1])
                else:
                    written.add(digest)
                    yield self._name(owner, digest), partial(self._write, digest, [head], rest, sizes)

        self.sealed.put_named(small, large())
        return sizes

    def _write(
        self, digest: Digest, head: Iterable[bytes], rest: Iterable[bytes], sizes: list[int], file: BinaryIO
    ) -> None:
        writer = self._sealing(file, lambda name: None)
        for chunk in itertools.chain(head, rest):
            writer.write(chunk)
        sizes.append(writer.finish(digest)[2])

    def put_new(self, paths: Iterable[bytes]) -> list[tuple[Digest, int]]:
        """See :meth:`LocalBlobs.put_new`."""
        done, small = list[tuple[Digest, int]](), dict[Digest, bytes]()
        for path in paths:
            with reading(path, without_waiting) as source:
                head = source.read(_SMALL_BYTES + 1)
                if len(head) <= _SMALL_BYTES:
                    name, digest, small_one = self._sealed_small(head)
                    small[name] = small_one
                    done.append((digest, len(head)))
                else:
                    rest = iter(partial(source.read, CHUNK_BYTES), b"")
                    done.append(self.put_stream(itertools.chain([head], rest)))
        self.sealed.put_named(small, [])
        return done

    # reading --------------------------------------------------------------------------------------------------------

    def _header(self, name: Digest) -> Header:
        return header_of(b"".join(self.sealed.pieces(name, 0, HEADER_BYTES)))

    def _opened(
        self, name: Digest, owner_of: Callable[[str], str], start: int = 0, stop: int | None = None
    ) -> tuple[Opened, Iterator[bytes]]:
        """What a sealed blob's header says, and the decrypted bytes from ``start`` to before ``stop``.

        The header and the chunks are read one after the other. Whoever puts the same content meanwhile may replace both, and
        seals it under another key: then it is begun anew.
        """
        while True:
            header = self._header(name)
            told = opened(header, self.keyring.by_id("team", owner_of(header.key_id), header.key_id), name)
            end = told.size if stop is None else min(stop, told.size)
            begin, length = place_of(told.size, start, end)
            chunks = decrypted(told, self.sealed.pieces(name, begin, length), start, end)
            try:
                first = next(chunks, b"")
            except CorruptedError:
                if self._header(name) == header:
                    raise
            else:
                return told, itertools.chain([first], chunks)

    def chunks(self, digest: Digest, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """See :meth:`Blobs.chunks`. Only the chunks that hold the bytes from ``start`` to before ``stop`` are read."""
        return self._at(
            digest,
            lambda found: self._decrypted(found, digest, start, stop),
            lambda: self.plain.pieces(digest, start, None if stop is None else max(stop - start, 0)),
        )

    def _decrypted(self, found: _Lying, digest: Digest, start: int, stop: int | None) -> Iterator[bytes]:
        told, chunks = self._opened(found.name, lambda _: found.owner, start, stop)
        if told.digest != digest:
            raise CorruptedError(f"blob {digest[:12]} is another one", hint="restore it from a backup")
        return chunks

    def read(self, digest: Digest) -> bytes:
        """See :meth:`Blobs.read`."""
        return checked(digest, b"".join(self.chunks(digest)))

    def read_many(self, digests: Sequence[Digest]) -> Iterator[bytes]:
        """See :meth:`Blobs.read_many`."""
        if self.sealed.reads_at_once == 1:
            return map(self.read, digests)
        return at_once(self.read, digests, self.sealed.reads_at_once)

    def copy_to(self, digest: Digest, path: Path) -> None:
        """See :meth:`Blobs.copy_to`."""
        pieces = self.chunks(digest)
        with open(path, "wb") as file:
            file.writelines(pieces)

    def local_path(self, digest: Digest) -> Path | None:
        """None, but for bytes from before the encryption: what lies in a file is not the content."""
        return None if self._owner or self._find(digest) else self.plain.local_path(digest)

    def link(self, digest: Digest) -> str:
        """None: a storage that sends the bytes by itself cannot decrypt them."""
        return ""

    def begin_upload(self, project_id: str) -> tuple[str, str]:
        """None: a storage that takes the bytes by itself cannot encrypt them."""
        return "", ""

    def finish_upload(self, project_id: str, upload: str, expect: Digest) -> int:
        """Raises: NotFoundError."""
        raise NotFoundError(f"there is no upload {upload[:40]!r}", hint="send the bytes to the server")

    # keeping --------------------------------------------------------------------------------------------------------

    def problems(self) -> Iterator[str]:
        """See :meth:`Blobs.problems`: every chunk's tag, and the digest of every content."""
        yield from self.plain.problems()
        for name, _, _ in self.sealed.stored():
            try:
                self._check(name)
            except KeyMissingError:
                raise
            except (StoreError, NotFoundError, InvalidError) as error:
                yield f"sealed blob {name}: {error.message}"

    def _check(self, name: Digest) -> None:
        told, chunks = self._opened(name, self.keyring.owner_of)
        hasher = blake3()
        for chunk in chunks:
            hasher.update(chunk)
        check_announced(hasher.hexdigest(), told.digest)
        if self._name(self.keyring.owner_of(told.key_id), told.digest) != name:
            raise CorruptedError("it lies under the name of another content")
        if self.sealed.size(name) != sealed_size(told.size):
            raise CorruptedError("there are more bytes than were written")

    def stored(self) -> Iterator[tuple[Digest, int, float]]:
        """See :meth:`Blobs.stored`."""
        yield from self.sealed.stored()
        yield from self.plain.stored()

    def remove(self, digests: Sequence[Digest], before: float) -> set[Digest]:
        """See :meth:`Blobs.remove`."""
        return self.sealed.remove(digests, before) | self.plain.remove(digests, before)

    def sweep(self, before: float) -> int:
        """See :meth:`Blobs.sweep`."""
        return self.sealed.sweep(before) + self.plain.sweep(before)

    @property
    def tables(self) -> str:
        """See :meth:`Blobs.tables`."""
        return self.plain.tables

    def write_table(self, name: str, path: Path) -> None:
        """Raises: ConflictError."""
        raise ConflictError(f"the table {name} is not written: what other programs read cannot be encrypted")

    def drop_table(self, name: str) -> None:
        """See :meth:`Blobs.drop_table`."""
        self.plain.drop_table(name)

    def close(self) -> None:
        """See :meth:`Blobs.close`."""
        self.sealed.close()
        self.plain.close()
        self._close()
