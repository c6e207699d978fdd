"""A version of a model with all that its receiver needs, in one folder or ZIP, and the check of such a bundle.

Nothing in a bundle is run or loaded.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import stat
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from blake3 import blake3

from runward.core.clock import utc_now
from runward.core.hashing import digest_bytes
from runward.errors import AlreadyExistsError, CorruptedError, InvalidError, RunwardError
from runward.interop.packing import BundleFile, Sink, open_sink, pretty, put
from runward.interop.runlock import lock_of_run
from runward.registry.version_model import Card, ModelFile, VersionDetail
from runward.tracking.checks import check_artifact_path
from runward.workspace import Workspace

FORMAT = "runward.handoff/1"
MANIFEST = "manifest.json"
_CHUNK = 1 << 20
_MAX_MANIFEST = 16 << 20


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a bundle says that it is."""

    format: str
    model: str
    version: int
    owner: str
    """Who answers for the model, as its card says."""
    handed_over_by: str
    at: str
    evidence: dict[str, Any]
    """The run with its content's digest, the commit, the level of reproduction, the review."""
    unsafe: list[str]
    """Files that run code when they are loaded."""
    absent: dict[str, str]
    """What the bundle lacks, and why."""
    files: list[BundleFile]


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle that was written or looked at."""

    place: str
    digest: str
    """Of the manifest, which names the digests of everything else."""
    manifest: Manifest
    problems: list[str] = []
    """Why it must not be accepted, in sentences; empty where every byte is what the manifest says."""
    vectors: str = "none given"
    """What became of the test vectors."""


def write_bundle(space: Workspace, model: str, version: int, target: Path, *, offline: bool = False) -> Bundle:
    """Write a version with card, lock, signature, test vectors, certificates and a manifest of digests.

    Args:
        space: The workspace that has the model; it notes that the bundle was handed over.
        model: Name.
        version: The version.
        target: A new folder, or a new file with the ending ``.zip``.
        offline: Ask no package index for the hashes of the lock.

    Raises:
        NotFoundError: There is no such version.
        InvalidError: It names no run, or the workspace has none of its files.
        AlreadyExistsError: The target is there.
        CorruptedError: A file is not what was registered.
    """
    found, card = space.registry.get_version(model, version), space.registry.get_card(model, version)
    if not found.evidence.run_id or not found.files:
        raise InvalidError(
            f"{model} {version} cannot be handed over: "
            + ("the workspace has none of its files" if found.evidence.run_id else "it names no run"),
            hint="register it from its run: runward model register NAME RUN",
        )
    if target.exists():
        raise AlreadyExistsError(f"{target} is there already", hint="choose a new folder or file")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".handoff-", dir=target.parent) as folder:
        draft = Path(folder) / "bundle"
        with open_sink(draft, as_zip=target.suffix == ".zip") as sink:
            manifest, text = _fill(space, found, card, sink, offline)
        os.replace(draft, target)
    digest = digest_bytes(text)
    space.registry.record_handoff(model, version, digest)
    return Bundle(place=str(target), digest=digest, manifest=manifest, vectors=_vectors(manifest))


def _fill(space: Workspace, found: VersionDetail, card: Card, sink: Sink, offline: bool) -> tuple[Manifest, bytes]:
    listed = [put(sink, f"model/{file.path}", _content(space, found, file)) for file in found.files]
    for one, file in zip(listed, found.files, strict=True):
        if one.blake3 != file.digest:
            raise CorruptedError(f"{file.path} is not what was registered", hint="runward doctor")
    texts, absent = _texts(space, found, card, offline)
    listed += [put(sink, path, [text]) for path, text in texts.items()]
    manifest = Manifest(
        format=FORMAT,
        model=found.version.model,
        version=found.version.version,
        owner=card.fields.get("owner", ""),
        handed_over_by=space.governance.whoami().name,
        at=utc_now().isoformat(),
        evidence=msgspec.to_builtins(found.evidence),
        unsafe=[file.path for file in found.files if file.format.safety != "safe"],
        absent=absent,
        files=listed,
    )
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    put(sink, MANIFEST, [text])
    return manifest, text


def _content(space: Workspace, found: VersionDetail, file: ModelFile) -> Iterable[bytes]:
    """A file's bytes, in pieces where the run still has it under a name."""
    run_id = found.evidence.run_id
    for artifact in space.tracking.get_run(run_id).artifacts:
        if artifact.digest == file.digest:
            return space.files.artifact(run_id, artifact.path)
    return [space.files.read(run_id, file.digest)]


def _texts(
    space: Workspace, found: VersionDetail, card: Card, offline: bool
) -> tuple[dict[str, bytes], dict[str, str]]:
    """Everything beside the model's files, and why something is not there."""
    texts, absent = {"MODEL_CARD.md": card.markdown.encode()}, dict[str, str]()
    if card.missing:
        absent["card"] = f"nobody answered: {', '.join(card.missing)}"
    if found.signature is not None:
        texts["signature.json"] = pretty(found.signature)
    else:
        absent["signature"] = "none was registered"
    if found.input_example is not None:
        vectors = {"input": found.input_example, "expected_output": found.expected_output}
        texts["test_vectors.json"] = pretty(vectors)
    else:
        absent["test vectors"] = "no input example was registered"
    _collect(
        texts,
        absent,
        "lock",
        lambda: {"pylock.toml": lock_of_run(space, found.evidence.run_id, offline=offline).text.encode()},
    )
    if found.evidence.verification:
        _collect(texts, absent, "certificate", lambda: _certificates(space, found.evidence.verification))
    else:
        absent["certificate"] = "its run was not verified by a rerun"
    return texts, absent


def _collect(texts: dict[str, bytes], absent: dict[str, str], what: str, make: Callable[[], dict[str, bytes]]) -> None:
    try:
        texts |= make()
    except RunwardError as error:
        absent[what] = error.message


def _certificates(space: Workspace, verification: str) -> dict[str, bytes]:
    found = space.repro.get_verification(verification)
    if found.certificate is None:
        return {}
    key = space.repro.signing_key()
    return {
        f"certificates/{verification}.json": pretty(found.certificate),
        "certificates/signing-key.pem": key.public_key.encode(),
    }


def _vectors(manifest: Manifest) -> str:
    given = any(file.path == "test_vectors.json" for file in manifest.files)
    return "not run: test_vectors.json is for the receiver's own loader" if given else "none given"


# the receiver's side --------------------------------------------------------------------------------------------------


class _Entry(NamedTuple):
    path: str
    size: int
    open: Callable[[], contextlib.AbstractContextManager[Any]]


def check_bundle(place: Path) -> Bundle:
    """Look at every byte of a bundle; nothing is unpacked, loaded or run.

    Raises:
        InvalidError: It is no bundle: no folder or ZIP, no manifest, one of another format.
    """
    with contextlib.ExitStack() as stack:
        problems: list[str] = []
        entries = {entry.path: entry for entry in _entries(place, stack, problems)}
        manifest, digest = _manifest(place, entries)
        problems += _differences(manifest, entries)
    return Bundle(place=str(place), digest=digest, manifest=manifest, problems=problems, vectors=_vectors(manifest))


def _entries(place: Path, stack: contextlib.ExitStack, problems: list[str]) -> Iterator[_Entry]:
    if place.is_dir():
        yield from _in_folder(place, problems)
        return
    try:
        archive = stack.enter_context(zipfile.ZipFile(place))
    except (OSError, zipfile.BadZipFile) as error:
        raise InvalidError(f"{place} is no bundle: {error}", hint="a folder or ZIP of runward model handoff") from None
    seen: set[str] = set()
    for info in archive.infolist():
        if info.filename.casefold() in seen:
            problems.append(f"{info.filename!r} is there twice")
        elif stat.S_ISLNK(info.external_attr >> 16) or info.is_dir():
            problems.append(f"{info.filename!r} is a link or a folder, not a file")
        else:
            seen.add(info.filename.casefold())
            yield _Entry(info.filename, info.file_size, functools.partial(archive.open, info))


def _in_folder(place: Path, problems: list[str]) -> Iterator[_Entry]:
    for folder, names, files in os.walk(place):
        for name in sorted([*names, *files]):
            path = Path(folder, name)
            said = path.relative_to(place).as_posix()
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                problems.append(f"{said!r} is a link or something else that is not a file")
            elif path.is_file():
                yield _Entry(said, path.stat().st_size, functools.partial(path.open, "rb"))


def _manifest(place: Path, entries: dict[str, _Entry]) -> tuple[Manifest, str]:
    entry = entries.get(MANIFEST)
    if entry is None or entry.size > _MAX_MANIFEST:
        raise InvalidError(f"{place} has no {MANIFEST}", hint="a folder or ZIP of runward model handoff")
    try:
        with entry.open() as file:
            text = file.read(_MAX_MANIFEST + 1)
        found = msgspec.json.decode(text, type=Manifest)
    except (msgspec.DecodeError, zipfile.BadZipFile, OSError) as error:
        raise InvalidError(f"{place}: {MANIFEST} cannot be read: {error}") from None
    if found.format != FORMAT:
        raise InvalidError(f"{place}: the bundle has format {found.format[:40]!r}, this Runward knows {FORMAT}")
    return found, digest_bytes(text)


def _differences(manifest: Manifest, entries: dict[str, _Entry]) -> Iterator[str]:
    listed: set[str] = set()
    for file in manifest.files:
        try:
            check_artifact_path(file.path)
        except InvalidError as error:
            yield error.message
            continue
        if file.path.casefold() in listed or file.path == MANIFEST:
            yield f"the manifest names {file.path!r} twice"
        listed.add(file.path.casefold())
        entry = entries.get(file.path)
        if entry is None:
            yield f"{file.path!r} is missing"
        elif problem := _compared(file, entry):
            yield problem
    for path in entries:
        if path != MANIFEST and path.casefold() not in listed:
            yield f"{path[:200]!r} is there, and the manifest does not name it"


def _compared(file: BundleFile, entry: _Entry) -> str:
    """Why a file is not what the manifest says; empty where it is. No more bytes are read than it should have."""
    if entry.size != file.size:
        return f"{file.path!r} has {entry.size:,} bytes, the manifest says {file.size:,}"
    sha256, other, left = hashlib.sha256(), blake3(), file.size
    try:
        with entry.open() as opened:
            while left >= 0 and (chunk := opened.read(min(_CHUNK, left + 1))):
                left -= len(chunk)
                sha256.update(chunk)
                other.update(chunk)
    except (OSError, zipfile.BadZipFile, RuntimeError, EOFError) as error:
        return f"{file.path!r} cannot be read: {error}"
    same = left == 0 and (sha256.hexdigest(), other.hexdigest()) == (file.sha256, file.blake3)
    return "" if same else f"{file.path!r} is not what the manifest says: its digest differs"
