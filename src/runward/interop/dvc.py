"""DVC's files, read and written without DVC: ``.dvc``, ``dvc.lock``, ``.dir`` and its objects."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import yaml

from runward.core.call import Intent
from runward.core.ids import Digest
from runward.core.parallel import at_once
from runward.data.client import Added, batches
from runward.data.files import DataFiles, IntendedFiles
from runward.data.model import DatasetVersion, Manifest
from runward.errors import CorruptedError, InvalidError, NotFoundError
from runward.interop.dvcremotes import Remote
from runward.tracking.capture.model import decode_path
from runward.workspace import Workspace

_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")
_DIR = ".dir"
_CHUNK = 1 << 20
_AT_ONCE = 8


class Out(msgspec.Struct, frozen=True):
    """Data that DVC tracks: a file, or a folder whose ``md5`` ends with ``.dir``."""

    path: str
    """Relative to the file that says so."""
    md5: str
    size: int = 0
    files: int = 0
    stage: str = ""
    """The stage of a ``dvc.lock`` that makes it; empty in a ``.dvc`` file."""

    @property
    def is_folder(self) -> bool:
        """Whether the md5 is that of a list of files."""
        return self.md5.endswith(_DIR)


def read_outs(file: Path) -> list[Out]:
    """What a ``.dvc`` or ``dvc.lock`` file tracks. Raises: NotFoundError, InvalidError."""
    document = _yaml(file)
    if "stages" not in document:
        return [_out(item, "", file) for item in _listed(document, "outs", file)]
    stages = document["stages"]
    if not isinstance(stages, dict) or not all(isinstance(stage, dict) for stage in stages.values()):
        raise InvalidError(f"{file}: 'stages' is no table of stages")
    return [_out(item, name, file) for name, stage in stages.items() for item in _listed(stage, "outs", file)]


def tracking_files(place: Path) -> list[Path]:
    """The ``.dvc`` and ``dvc.lock`` files of a repository, or the one that is named. Raises: NotFoundError (none)."""
    if place.is_file():
        return [place]
    inside = (path for pattern in ("*.dvc", "dvc.lock") for path in place.rglob(pattern) if path.is_file())
    found = sorted(path for path in inside if not {".dvc", ".git"}.intersection(path.relative_to(place).parts[:-1]))
    if not found:
        raise NotFoundError(f"{place} has no .dvc and no dvc.lock", hint="name a repository that DVC tracks data in")
    return found


def _yaml(file: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise NotFoundError(f"{file} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidError(f"{file} is no DVC file: {error}") from error
    if not isinstance(document, dict):
        raise InvalidError(f"{file} is no DVC file", hint="a .dvc file or a dvc.lock")
    return document


def _listed(document: dict[str, Any], key: str, file: Path) -> list[dict[str, Any]]:
    found = document.get(key) or []
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise InvalidError(f"{file}: {key!r} is no list of files")
    return found


def _out(item: dict[str, Any], stage: str, file: Path) -> Out:
    path, md5 = str(item.get("path", "")), str(item.get("md5", ""))
    if not path or not _MD5.fullmatch(md5):
        raise InvalidError(
            f"{file}: output {path!r} has no md5 of DVC, but {md5[:80]!r}", hint="`dvc commit` gives it one"
        )
    size, files = (int(item.get(key) or 0) for key in ("size", "nfiles"))
    return Out(path, md5, size, files, stage)


def list_folder(remote: Remote, md5: str) -> dict[str, str]:
    """md5 by path of a folder's files. Raises: NotFoundError, CorruptedError, InvalidError, StoreError."""
    with tempfile.TemporaryDirectory(prefix="runward-dvc-") as folder:
        _bring(remote, md5, Path(folder) / "list")
        data = (Path(folder) / "list").read_bytes()
    try:
        listed = msgspec.json.decode(data, type=list[dict[str, Any]])
        found = {str(item["relpath"]): str(item["md5"]) for item in listed}
    except (msgspec.DecodeError, KeyError) as error:
        raise InvalidError(f"object {md5} is no list of files: {error}") from error
    for path in found:
        if path.startswith("/") or any(part in ("", ".", "..") for part in path.split("/")):
            raise InvalidError(f"object {md5} names {path[:200]!r}, which lies outside of the folder")
    return found


def md5_of(path: Path) -> str:
    """A file's md5, which is DVC's name for it."""
    hasher = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            hasher.update(chunk)
    return hasher.hexdigest()


def md5_of_bytes(data: bytes) -> str:
    """The md5 of bytes."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def pull(space: Workspace, out: Out, base: Path, remote: Remote, project: str, name: str = "") -> Added:
    """Add what DVC tracks as a version of a dataset, from its objects; each is checked against its md5.

    Args:
        space: The workspace.
        out: What to add.
        base: The folder of the file that names it.
        remote: Where its objects are.
        project: Path of the project, made where missing.
        name: The dataset; by default named like the data.

    Raises: NotFoundError (an object is not there), CorruptedError, InvalidError, StoreError.
    """
    title = name or Path(out.path).name
    with tempfile.TemporaryDirectory(prefix="runward-dvc-") as folder:
        root = Path(folder) / Path(out.path).name
        if out.is_folder:
            _bring_folder(remote, list_folder(remote, out.md5), root)
        else:
            _bring(remote, out.md5, root)
        return space.datasets.add(root, project, title, note=f"DVC {out.md5} of {base / out.path}")


def _bring_folder(remote: Remote, listed: dict[str, str], root: Path) -> None:
    """A folder's files; what several of them hold is fetched once."""
    root.mkdir()
    first = dict[str, Path]()
    for path, md5 in listed.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if first.setdefault(md5, place) is not place:
            place.symlink_to(first[md5])
    for _ in at_once(lambda item: _bring(remote, *item), first.items(), _AT_ONCE):
        pass


def _bring(remote: Remote, md5: str, place: Path) -> None:
    remote.fetch(md5, place)
    if md5_of(place) != md5.removesuffix(_DIR):
        raise CorruptedError(f"object {md5} of {remote.place} does not match its md5", hint="`dvc fetch` it again")


def push(space: Workspace, version: DatasetVersion, remote: Remote, *, purpose: str = "") -> Out:
    """Bring a version into a DVC remote; what the ``.dvc`` file has to say of it comes back.

    Of a restricted dataset ``purpose`` says for what it is read. DVC knows no labels.

    Raises: InvalidError (a path that DVC cannot write, a remote that is only read), NotFoundError, ForbiddenError,
        PurposeError, StoreError.
    """
    manifest = space.data.get_manifest(version.dataset_id, version.digest)
    name = version.dataset.rpartition("/")[2]
    paths = [_readable(item.path) for item in manifest.files]
    with tempfile.TemporaryDirectory(dir=remote.staging, prefix=".runward-") as folder:
        files = IntendedFiles(space.data_files, Intent(purpose)) if purpose else space.data_files
        md5s = _send(files, version, manifest, remote, Path(folder))
        listed = [{"md5": md5s[item.digest], "relpath": path} for path, item in zip(paths, manifest.files, strict=True)]
        if manifest.single:
            return Out(name, listed[0]["md5"], manifest.bytes)
        # Written as DVC writes it, byte by byte: its md5 is the folder's name.
        data = json.dumps(sorted(listed, key=lambda item: tuple(item["relpath"].split("/"))), sort_keys=True).encode()
        md5 = md5_of_bytes(data) + _DIR
        (Path(folder) / "list").write_bytes(data)
        remote.put(Path(folder) / "list", md5)
    return Out(name, md5, manifest.bytes, len(listed))


def _readable(path: str) -> str:
    try:
        return decode_path(path).decode()
    except UnicodeDecodeError as error:
        raise InvalidError(f"path {path!r} is not UTF-8, which DVC needs", hint="rename it") from error


def _send(
    files: DataFiles, version: DatasetVersion, manifest: Manifest, remote: Remote, folder: Path
) -> dict[str, str]:
    """md5 by digest, once the bytes are in the remote; a few files at a time lie here meanwhile."""
    sizes = {Digest(item.digest): item.size for item in manifest.files}
    found = dict[str, str]()

    def send(digest: Digest) -> None:
        place = folder / digest
        found[digest] = md5_of(place)
        remote.put(place, found[digest])

    for batch in batches(sizes, sizes.__getitem__):
        files.fetch(version.dataset_id, [(digest, folder / digest) for digest in batch if sizes[digest]], "copy")
        for digest in batch:
            if not sizes[digest]:
                (folder / digest).touch()
        for _ in at_once(send, batch, _AT_ONCE):
            pass
    return found


def write_dvc(file: Path, out: Out) -> None:
    """Write a ``.dvc`` file, as ``dvc add`` does, or put the data into the ``dvc.lock`` that names them.

    Raises: InvalidError (the ``dvc.lock`` does not name them).
    """
    said = {"md5": out.md5, "size": out.size, **({"nfiles": out.files} if out.is_folder else {}), "hash": "md5"}
    if file.name != "dvc.lock":
        _replace(file, yaml.safe_dump({"outs": [{**said, "path": out.path}]}, sort_keys=False))
        return
    document = _yaml(file)
    found = [
        item
        for stage in document.get("stages", {}).values()
        for key in ("deps", "outs")
        for item in _listed(stage, key, file)
        if item.get("path") == out.path
    ]
    if not found:
        raise InvalidError(f"{file} names no {out.path!r}", hint="give the path that it names with --out")
    for item in found:
        for key in ("md5", "size", "nfiles", "hash"):
            item.pop(key, None)
        item.update(said)
    _replace(file, yaml.safe_dump(document, sort_keys=False))


def _replace(file: Path, text: str) -> None:
    part = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    part.write_text(text, encoding="utf-8")
    os.replace(part, file)
