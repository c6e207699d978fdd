"""The command and environment of a rerun: what was captured, pointed at the restored tree."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from runward.core.hashing import digest_file
from runward.core.ids import Digest
from runward.errors import NotFoundError, SourceMissingError
from runward.repro.compare import kind_of
from runward.repro.model import CheckStatus, InputCheck
from runward.tracking.capture.model import BlobSource, Capture, FileRead, Limits, decode_path

MOST_FETCHED = 256 << 20
"""Bytes of a data file, up to which it is brought from the store."""
_LIMITS = Limits()
_KEPT_MIB = _LIMITS.read_file_bytes >> 20
_ALL_KEPT = f"the {_LIMITS.read_files} files or {_LIMITS.read_bytes >> 20} MiB that are kept"
_SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin")
_CACHES = (
    ("HF_HOME", ".cache/huggingface"),
    ("TORCH_HOME", ".cache/torch"),
    ("KERAS_HOME", ".keras"),
    ("SCIKIT_LEARN_DATA", "scikit_learn_data"),
    ("NLTK_DATA", "nltk_data"),
)


class Relocation(msgspec.Struct, frozen=True, kw_only=True):
    """Where things were when the run was captured, and where they are for the rerun."""

    captured_root: str
    root: Path
    captured_prefix: str
    python: Path

    def moved(self, path: str) -> str:
        """A path below the old tree or environment, in the new one; any other path as it is."""
        places = (
            (self.captured_root, str(self.root)),
            (self.captured_prefix, str(self.python.parent.parent)),
        )
        # An environment may lie inside of the tree (.venv), so the longer of the two old places decides.
        for old, new in sorted(places, key=lambda place: -len(place[0])):
            if old and (path == old or path.startswith(f"{old}{os.sep}")):
                return new + path[len(old) :]
        return path


def relocation(capture: Capture, root: Path, python: Path) -> Relocation:
    """From where a run was captured to a restored tree and a rebuilt environment."""
    return Relocation(
        captured_root=_text(capture.code.root),
        root=root,
        captured_prefix=capture.environment.prefix,
        python=python,
    )


def rerun_command(argv: Iterable[str], move: Relocation) -> list[str]:
    """A captured command for the restored tree and the rebuilt Python.

    Args:
        argv: ``ProcessSnapshot.argv``.
        move: Where things are now.

    Raises:
        SourceMissingError: A word of the command was a secret and is not known.
    """
    words = [_text(word) for word in argv]
    if hidden := [str(index) for index, word in enumerate(words) if "[redacted:" in word]:
        raise SourceMissingError(
            f"argv: word {', '.join(hidden)} of the command was a secret and was not recorded",
            hint="Pass secrets by environment variable or file, not on the command line.",
        )
    is_python = os.path.basename(words[0]).startswith("python") if words else False
    return [str(move.python) if is_python else move.moved(words[0]), *map(move.moved, words[1:])] if words else []


def clean_environment(
    captured: Mapping[str, str], move: Relocation, home: Path, extra_paths: Sequence[Path] = ()
) -> dict[str, str]:
    """The environment of a rerun: the captured variables, and nothing of this session's but its caches.

    Args:
        captured: ``EnvironmentSnapshot.variables``; masked values are left out.
        move: Where things are now.
        home: A writable folder that stands in for the home folder.
        extra_paths: Folders to import from, before the environment's own.
    """
    temporary = home / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in captured.items() if "[redacted:" not in value and name != "LD_PRELOAD"}
    search = [path for path in kept.pop("PYTHONPATH", "").split(os.pathsep) if path]
    return {
        **_caches(),
        **{name: move.moved(value) for name, value in kept.items()},
        "PATH": os.pathsep.join([str(move.python.parent), *_SYSTEM_PATH]),
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "VIRTUAL_ENV": str(move.python.parent.parent),
        "PYTHONPATH": os.pathsep.join([*map(str, extra_paths), *map(move.moved, search)]),
        "PYTHONNOUSERSITE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


class Placed(NamedTuple):
    """The data of a rerun: how they compare to what the run read, and what has to lie over files of this machine."""

    checks: list[InputCheck]
    over: dict[Path, Path]
    """A file outside of the tree, which may be gone, and the copy that a rerun is to see in its place."""


def place_inputs(
    capture: Capture, root: Path, blobs: BlobSource, *, as_recorded: bool = False, aside: Path | None = None
) -> Placed:
    """Bring what a run read, and what is not part of its code, into the restored tree, and check it.

    The folders that it found and wrote to are there too, without what else was in them.

    A file below the captured tree (ignored data, for instance) is copied from where it was; one outside is
    checked where it is. A file that changed since is placed all the same and reported as different; one that is gone
    comes from the store, where that has its bytes, and lies where it was only for the rerun's eyes.

    Args:
        capture: What was recorded about the run.
        root: The restored tree.
        blobs: Holds what was kept.
        as_recorded: Take a file that changed since from there, too.
        aside: A folder for copies of what lies outside of the tree; without it such a file stays as it is.
    """
    code = {entry.path for entry in capture.code.files} | {item.path for item in capture.code.left_out if item.digest}
    others = [read for read in capture.reads if not (read.relative and read.relative in code)]
    placed = Placed([], {})
    for folder in map(_text, capture.folders):
        _make_folder(root / folder, root)
    for read in others:
        source = Path(_text(read.path))
        present: str | None = digest_file(source) if source.is_file() else None
        known = read.digest if read.digest and not read.changed else None
        wanted = known is not None and (present is None or (as_recorded and present != known))
        if read.relative:
            present = _into_tree(read, root, blobs, present, known if wanted else None)
        elif wanted and aside is not None and _can_lie_at(source):
            aside.mkdir(parents=True, exist_ok=True)
            if _fetched(read, copy := aside / str(len(placed.over)), blobs):
                placed.over[source], present = copy, known
        placed.checks.append(_checked(read, known, present))
    return placed


def why_not_kept(read: FileRead) -> str:
    """Why the store cannot give what a run read, in words."""
    if read.changed:
        return "it changed while the run went on, so nobody knows what was read"
    if not read.digest:
        return "it was too large to be read again, so not even its digest is known"
    if read.size > _LIMITS.read_file_bytes:
        return f"its content was not kept: it has {read.size / 1e6:,.1f} MB, and up to {_KEPT_MIB} MiB are kept"
    if not read.relative:
        return (
            "its content was not kept: it lies outside of the run's folder, and its name does not say that it is data"
        )
    return f"its content was not kept: its name says that it holds secrets, or the run read more than {_ALL_KEPT}"


def _can_lie_at(source: Path) -> bool:
    """Whether a copy can take a file's place, or appear where none is: a record may name anything."""
    if not source.is_absolute() or ".." in source.parts or len(source.parts) < 2:
        return False
    if os.path.lexists(source):
        return source.is_file()
    above = next(folder for folder in source.parents if os.path.lexists(folder))
    return above.is_dir() and not above.is_relative_to("/proc") and not above.is_relative_to("/dev")


def _into_tree(read: FileRead, root: Path, blobs: BlobSource, present: str | None, wanted: str | None) -> str | None:
    """Put a file into the restored tree, if it may and can be; returns the digest of what is there for the rerun."""
    target = root / _text(read.relative)
    # Neither a hostile record nor a symlink in the tree may lead the copy out of it.
    if target.exists() or not target.resolve().is_relative_to(root.resolve()):
        return present
    target.parent.mkdir(parents=True, exist_ok=True)
    if wanted and _fetched(read, target, blobs):
        return wanted
    if present:
        shutil.copyfile(Path(_text(read.path)), target)
    return present


def _make_folder(folder: Path, root: Path) -> None:
    """An empty folder in the restored tree, unless a hostile record or a symlink leads out of it or a file is there."""
    if folder.resolve().is_relative_to(root.resolve()):
        with contextlib.suppress(FileExistsError, NotADirectoryError):
            folder.mkdir(parents=True, exist_ok=True)


def _checked(read: FileRead, known: str | None, present: str | None) -> InputCheck:
    status: CheckStatus = "same" if present == known else "different"
    if known is None or present is None:
        status = "unchecked"
    return InputCheck(kind=kind_of(read), name=read.relative or read.path, status=status, before=known, after=present)


def _fetched(read: FileRead, target: Path, blobs: BlobSource) -> bool:
    """Whether the store had the bytes: kept with the run, or with a version of a dataset."""
    if read.size > MOST_FETCHED:
        return False
    try:
        blobs.copy_to(Digest(read.digest), target)
    except NotFoundError:
        return False
    return True


def _caches() -> dict[str, str]:
    places = {name: os.environ.get(name, str(Path.home() / folder)) for name, folder in _CACHES}
    return {name: folder for name, folder in places.items() if Path(folder).is_dir()}


def _text(encoded: str) -> str:
    return os.fsdecode(decode_path(encoded))
