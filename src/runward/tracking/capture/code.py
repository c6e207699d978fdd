"""Capture of the code: the whole working tree, committed or not, so that it can be restored byte for byte."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from runward.core.hashing import digest_bytes
from runward.tracking.capture.background import Background
from runward.tracking.capture.files import StatCache, TreeReader
from runward.tracking.capture.git import GitError, GitState, read_head, read_state
from runward.tracking.capture.model import BlobSink, CodeSnapshot, GitHead, Limits, encode_path, tree_digest
from runward.tracking.capture.redact import redact

_NO_CODE_MARKERS = (b"pyvenv.cfg", b"runward.db", b"CACHEDIR.TAG")
"""What says that a folder is an environment, a workspace or a cache."""
_SKIPPED_FOLDERS = frozenset(
    b"venv env node_modules __pycache__ site-packages mlruns wandb lightning_logs build dist".split()
)
_MAX_SEEN = 20_000
_DIFF_BYTES = 4 << 20


class PendingCode:
    """A capture under way: ``head`` is known at once, the snapshot a little later."""

    def __init__(self, head: GitHead | None, job: Background[CodeSnapshot]) -> None:
        self.head = head
        self._job = job

    def result(self, timeout_s: float | None = None) -> CodeSnapshot:
        """Wait for the snapshot. Raises: TimeoutError."""
        return self._job.result(timeout_s)


def start_code_capture(
    cwd: Path, blobs: BlobSink, cache_dir: Path | None = None, limits: Limits | None = None
) -> PendingCode:
    """Read the head now and everything else in a background thread."""
    head = read_head(Path(cwd).absolute())
    return PendingCode(head, Background(lambda: _capture(Path(cwd), blobs, cache_dir, limits or Limits(), head)))


def capture_code(
    cwd: Path, blobs: BlobSink, cache_dir: Path | None = None, limits: Limits | None = None
) -> CodeSnapshot:
    """Capture the repository around a folder, or the folder itself where there is none.

    Never raises because of what the tree is like: what could not be kept is in ``left_out`` and ``problems``.

    Args:
        cwd: The run's working folder.
        blobs: Receives the contents of new and changed files.
        cache_dir: Where digests of unchanged files are remembered between captures; None remembers nothing.
        limits: How much is read and stored.
    """
    return _capture(Path(cwd), blobs, cache_dir, limits or Limits(), read_head(Path(cwd).absolute()))


def _capture(cwd: Path, blobs: BlobSink, cache_dir: Path | None, limits: Limits, head: GitHead | None) -> CodeSnapshot:
    cwd = cwd.absolute()
    root = Path(head.root) if head else cwd
    cache_file = cache_dir / f"code-{digest_bytes(os.fsencode(root))[:16]}.msgpack" if cache_dir else None
    cache = StatCache(cache_file)
    reader = TreeReader(root, blobs, cache, limits)
    snapshot = CodeSnapshot(
        kind="folder",
        root=encode_path(str(root)),
        subfolder=encode_path("" if cwd == root else str(cwd.relative_to(root))),
    )
    if head:
        snapshot = msgspec.structs.replace(snapshot, commit=head.commit, branch=head.branch)
        snapshot = _add_repository(snapshot, root, reader, blobs, limits)
    else:
        _add_folder(root, reader, limits)
    cache.save()
    files = sorted(reader.files, key=lambda entry: entry.path)
    return msgspec.structs.replace(snapshot, files=files, left_out=reader.left_out, digest=tree_digest(files))


def _add_repository(
    snapshot: CodeSnapshot, root: Path, reader: TreeReader, blobs: BlobSink, limits: Limits
) -> CodeSnapshot:
    try:
        state = read_state(root, timeout_s=limits.git_timeout_s)
    except GitError as error:
        _add_folder(root, reader, limits)
        problem = f"git could not be asked, so the folder was captured without its ignore rules: {error}"
        return msgspec.structs.replace(snapshot, problems=[problem])
    changed = frozenset(state.changed)
    for path in state.tracked:
        reader.add(path, tracked=True, committed=path not in changed)
    for path in state.untracked:
        reader.add(path, tracked=False, committed=False)
    for path in state.nested:
        reader.leave_out(path, "nested-repository", "a repository of its own, not captured")
    return _with_state(snapshot, state, blobs)


def _with_state(snapshot: CodeSnapshot, state: GitState, blobs: BlobSink) -> CodeSnapshot:
    diff = redact(state.diff[:_DIFF_BYTES].decode("utf-8", "replace")).encode()
    return msgspec.structs.replace(
        snapshot,
        kind="git",
        commit=state.commit,
        branch=state.branch,
        remote=state.remote,
        dirty=bool(state.changed or state.deleted or state.untracked),
        changed=[encode_path(path) for path in state.changed],
        untracked=[encode_path(path) for path in state.untracked],
        deleted=[encode_path(path) for path in state.deleted],
        submodules=[encode_path(path) for path in state.submodules],
        problems=[_submodule_problem(path) for path in state.submodules],
        diff=blobs.put_bytes(diff) if diff else "",
    )


def _submodule_problem(path: bytes) -> str:
    return f"submodule {encode_path(path)!r} is not captured, so this code cannot be restored"


def _add_folder(root: Path, reader: TreeReader, limits: Limits) -> None:
    total, beyond = 0, list[tuple[bytes, int]]()
    for path, size in _walk(os.fsencode(root), reader):
        if len(reader.files) >= limits.folder_files or total + size > limits.folder_bytes:
            beyond.append((path, size))
        else:
            total += size
            reader.add(path, tracked=False, committed=False)
    if beyond:
        bounds = f"without git, {limits.folder_files} files and {limits.folder_bytes >> 20} MiB are kept"
        reader.leave_out(
            beyond[0][0],
            "limit",
            f"this and {len(beyond) - 1} more: {bounds}",
            size=sum(size for _, size in beyond),
        )


def _walk(root: bytes, reader: TreeReader) -> Iterator[tuple[bytes, int]]:
    """Files below a folder, upper levels first, without folders that hold no code; follows no symlink."""
    folders, seen = [b""], 0
    while folders:
        folder = folders.pop(0)
        try:
            entries = sorted(os.scandir(os.path.join(root, folder)), key=lambda entry: entry.name)
        except OSError as error:
            reader.leave_out(folder, "unreadable", f"could not be listed: {error.strerror or error}")
            continue
        for entry in entries:
            path = os.path.join(folder, entry.name)
            if entry.is_dir(follow_symlinks=False):
                folders += [path] if _is_code_folder(entry) else []
                continue
            seen += 1
            # A file may be gone since it was listed: the run goes on while its folder is read.
            with contextlib.suppress(FileNotFoundError):
                yield path, entry.stat(follow_symlinks=False).st_size
        if seen > _MAX_SEEN:
            reader.leave_out(folder, "limit", f"more than {_MAX_SEEN} files: the folders after this one are not listed")
            return


def _is_code_folder(entry: os.DirEntry[bytes]) -> bool:
    name = entry.name
    return not (name.startswith(b".") or name in _SKIPPED_FOLDERS or name.endswith(b".egg-info")) and not any(
        os.path.exists(os.path.join(entry.path, marker)) for marker in _NO_CODE_MARKERS
    )
