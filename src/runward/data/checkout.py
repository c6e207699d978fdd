"""Putting a version into a folder: made beside it, whole, and then exchanged with it in one step."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from runward.core.apart import digest_of
from runward.core.ids import Digest
from runward.data.api import Data
from runward.data.files import DataFiles, LinkMode
from runward.data.model import DatasetVersion, FileItem, Manifest
from runward.data.scan import STAGING, FileCache, Found
from runward.errors import ConflictError, StoreError
from runward.tracking.capture.model import decode_path, encode_path

_AT_FDCWD, _EXCHANGE = -100, 2


class Placed(NamedTuple):
    """What a checkout did."""

    version: DatasetVersion
    target: Path
    written: int
    """Files that were made."""
    kept: int
    """Files that were right already."""
    removed: int
    """Files that this version does not have and others do."""
    foreign: int
    """Files that belong to no version, left where they were."""


class _There(NamedTuple):
    """What lies in the target now."""

    right: dict[str, Found]
    """Files that are as the version wants them."""
    old: list[str]
    """Files of other versions, of which nothing is lost."""
    foreign: list[str]
    """Files and links that no version knows."""
    folders: list[str]


def place_version(
    data: Data, files: DataFiles, caches: Path, version: DatasetVersion, root: Path, *, force: bool, link: LinkMode
) -> Placed:
    """See :meth:`runward.data.client.Datasets.checkout`."""
    manifest = data.get_manifest(version.dataset_id, version.digest)
    if manifest.single and root.is_dir():
        root = root / os.fsdecode(decode_path(manifest.files[0].path))
    base = root.parent if manifest.single else root
    _check_place(root, base, manifest)
    cache = FileCache(caches, root)
    there = _look(root, manifest, cache, functools.partial(_known_contents, data, version))
    lost = _lost(there, manifest)
    if lost and not force:
        raise ConflictError(
            f"{root}: {len(lost)} files would be lost that are in no version of {version.dataset!r}, one is {lost[0]!r}",
            hint="add them, move them away, or --force",
        )
    missing = [item for item in manifest.files if item.path not in there.right]
    if missing or there.old or not os.path.lexists(root):
        with _refusing(root), _staging(root) as stage:
            before, made = _stamps(root, _single(manifest)), stage / "new"
            _make(files, version, manifest, there, (root, made), link, set(lost))
            if _stamps(root, _single(manifest)) != before:
                raise ConflictError(f"{root} changed during the checkout", hint="nothing was changed by it; try again")
            _exchange(made, root)
    _remember(cache, manifest, there, root)
    return Placed(version, root, len(missing), len(there.right), len(there.old), len(there.foreign) - len(lost))


def _check_place(root: Path, base: Path, manifest: Manifest) -> None:
    """Raises: ConflictError (a folder or mount point of the user that cannot be exchanged)."""
    if not manifest.single and root.exists() and not root.is_dir():
        raise ConflictError(f"{root} is a file, and the version is a folder", hint="name another target")
    with contextlib.suppress(OSError):
        if Path.cwd().is_relative_to(base.resolve()) and not manifest.single:
            raise ConflictError(f"{root} holds the present folder", hint="go to a folder outside of it")
    if root.is_symlink() or os.path.ismount(root):
        raise ConflictError(f"{root} is a link or a mount point, which cannot be exchanged", hint="name a folder")


def _known_contents(data: Data, version: DatasetVersion) -> set[str]:
    """Digests that some version of the dataset holds: files with such bytes can be had back."""
    known = set[str]()
    for other in data.list_versions(version.dataset_id):
        known.update(item.digest for item in data.get_manifest(version.dataset_id, other.digest).files)
    return known


def _look(root: Path, manifest: Manifest, cache: FileCache, known: Callable[[], set[str]]) -> _There:
    there, wanted, others = _There({}, [], [], []), manifest.by_path(), list[tuple[str, str]]()
    for name, place, is_folder in _entries(root, _single(manifest)):
        if is_folder:
            there.folders.append(name)
        elif os.path.islink(place) or not os.path.isfile(place):
            there.foreign.append(name)
        else:
            found = Found(name, place, os.lstat(place))
            digest = cache.find(found) or _digest(found, cache)
            if name in wanted and wanted[name].digest == digest:
                there.right[name] = found
            else:
                others.append((name, digest))
    contents = known() if others else set()
    for name, digest in others:
        (there.old if digest in contents else there.foreign).append(name)
    return there


def _stamps(root: Path, single: str) -> set[tuple[str, int, int]]:
    """What tells that somebody wrote into the target: names, sizes and times of what is no folder."""
    stamps = set[tuple[str, int, int]]()
    for name, place, is_folder in _entries(root, single):
        if not is_folder:
            status = os.lstat(place)
            stamps.add((name, status.st_size, status.st_mtime_ns))
    return stamps


def _single(manifest: Manifest) -> str:
    """The path of a dataset's only file, whatever it is called here; empty for a folder."""
    return manifest.files[0].path if manifest.single else ""


def _digest(item: Found, cache: FileCache) -> str:
    began = time.time_ns()
    digest = digest_of(item.place)
    cache.remember(item, digest, began)
    return digest


def _entries(root: Path, single: str) -> Iterator[tuple[str, bytes, bool]]:
    """(path below the folder, place, whether it is a folder) of all that lies in it, or of the one file. No link is followed."""
    top = os.fsencode(root)
    if single:
        if os.path.lexists(top):
            yield single, top, False
        return
    for folder, names, files in os.walk(top):
        prefix = os.path.relpath(folder, top)
        below = b"" if prefix == b"." else prefix + b"/"
        for name in list(names):
            place = os.path.join(folder, name)
            if os.path.islink(place):
                names.remove(name)
                yield encode_path(below + name), place, False
            else:
                yield encode_path(below + name), place, True
        for name in files:
            yield encode_path(below + name), os.path.join(folder, name), False


def _lost(there: _There, manifest: Manifest) -> list[str]:
    """Foreign files that stand where the version has a file or a folder, or below where it has a file."""
    files = manifest.by_path()
    folders = {folder for path in files for folder in _above(path)}
    return [
        name
        for name in there.foreign
        if name in files or name in folders or any(folder in files for folder in _above(name))
    ]


def _above(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path


def _make(
    files: DataFiles,
    version: DatasetVersion,
    manifest: Manifest,
    there: _There,
    places: tuple[Path, Path],
    link: LinkMode,
    lost: set[str],
) -> None:
    """The whole new content beside the old one: what is right or foreign is linked, so it costs no bytes."""
    root, made = places
    if manifest.single:
        fetch_all(files, version.dataset_id, [(manifest.files[0], made)], link)
        return
    made.mkdir()
    wanted = manifest.by_path()
    for name in there.folders:
        # A folder of the user stays, even an empty one, unless the version has a file there.
        if name not in wanted and not any(folder in wanted for folder in _above(name)):
            (made / os.fsdecode(decode_path(name))).mkdir(parents=True, exist_ok=True)
    for folder in sorted({folder for path in wanted for folder in _above(path)}):
        (made / os.fsdecode(decode_path(folder))).mkdir(parents=True, exist_ok=True)
    for name in [*there.right, *(name for name in there.foreign if name not in lost)]:
        relative = os.fsdecode(decode_path(name))
        os.link(root / relative, made / relative, follow_symlinks=False)
    fresh = [item for item in manifest.files if item.path not in there.right]
    targets = [(item, made / os.fsdecode(decode_path(item.path))) for item in fresh]
    fetch_all(files, version.dataset_id, targets, link)
    if root.exists():
        shutil.copymode(root, made)


def fetch_all(files: DataFiles, dataset: str, pairs: list[tuple[FileItem, Path]], link: LinkMode) -> None:
    """Make new files with a dataset's bytes. Raises: as :meth:`DataFiles.fetch`."""
    for item, target in pairs:
        if not item.size:
            target.touch()
    files.fetch(dataset, [(Digest(item.digest), target) for item, target in pairs if item.size], link)


@contextlib.contextmanager
def _staging(root: Path) -> Iterator[Path]:
    """A folder beside the target, on its file system, that is gone afterwards."""
    root.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=STAGING, dir=root.parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _exchange(made: Path, root: Path) -> None:
    """Put the new content in the place of the old one, which ends in the staging folder."""
    if not os.path.lexists(root):
        os.rename(made, root)
    elif not root.is_dir():
        os.replace(made, root)
    elif not _exchanged(made, root):
        # Not in one step on this system: there is a moment without the folder, and the old one is put back on failure.
        old = made.with_name("old")
        os.rename(root, old)
        try:
            os.rename(made, root)
        except OSError:
            os.rename(old, root)
            raise


def _exchanged(made: Path, root: Path) -> bool:
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        return False
    done: int = libc.renameat2(_AT_FDCWD, os.fsencode(made), _AT_FDCWD, os.fsencode(root), _EXCHANGE)
    if done == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS):
        return False
    raise OSError(code, os.strerror(code), str(root))


@contextlib.contextmanager
def _refusing(root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"the version could not be put into {root}: {error.strerror}", hint="nothing was changed there"
        ) from error


def _remember(cache: FileCache, manifest: Manifest, there: _There, root: Path) -> None:
    """Linking changed the times of files whose bytes are known to be right."""
    digests = manifest.by_path()
    for name, before in there.right.items():
        with contextlib.suppress(OSError):
            status = os.lstat(before.place)
            same = (status.st_mtime_ns, status.st_size) == (before.status.st_mtime_ns, before.status.st_size)
            if same and cache.find(before):
                cache.carry(before._replace(status=status), digests[name].digest)
    cache.save()
