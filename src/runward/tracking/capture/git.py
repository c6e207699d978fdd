"""Reading a git repository: its head without git, the rest by git with no configured program run."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import msgspec

from runward.tracking.capture.model import GitHead
from runward.tracking.capture.redact import redact_url

_OBJECT_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
# A repository's own configuration can name programs: monitors, hooks, filters, transports. None may run here.
_QUIET = (
    "--no-pager",
    "--no-replace-objects",
    "-c",
    "core.fsmonitor=false",
    "-c",
    f"core.hooksPath={os.devnull}",
    "-c",
    "core.untrackedCache=false",
    "-c",
    "core.quotePath=false",
    "-c",
    "diff.external=",
)


class GitError(Exception):
    """Git is missing, refused, or did not answer in time."""


class GitState(msgspec.Struct, frozen=True, kw_only=True):
    """What git says about a working tree; all paths are raw bytes relative to its root."""

    commit: str = ""
    branch: str = ""
    remote: str = ""
    tracked: list[bytes] = []
    submodules: list[bytes] = []
    changed: list[bytes] = []
    deleted: list[bytes] = []
    untracked: list[bytes] = []
    nested: list[bytes] = []
    """Folders that are repositories of their own, without being submodules."""
    diff: bytes = b""


def read_head(folder: Path) -> GitHead | None:
    """The repository around a folder, its commit and branch, from a few small files; None outside of one."""
    for root in (folder, *folder.parents):
        git_dir = _git_dir(root / ".git")
        if git_dir:
            branch, commit = _resolve(git_dir)
            return GitHead(root=str(root), commit=commit, branch=branch)
    return None


def read_state(root: Path, *, timeout_s: float) -> GitState:
    """Ask git for the state of a working tree. Raises: GitError."""
    git = _Git(root, timeout_s)
    remote = git.configure()
    tracked, submodules = _tracked(git.run("ls-files", "--stage", "-z"))
    status = git.run(
        "status",
        "--porcelain=v2",
        "--branch",
        "-z",
        "--untracked-files=all",
        "--no-renames",
        "--ignore-submodules=all",
    )
    changed, deleted, untracked = _status(status)
    headers = _headers(status)
    return GitState(
        commit=_object_id(headers.get("oid", "")),
        branch=headers.get("head", "").replace("(detached)", ""),
        remote=remote,
        tracked=tracked,
        submodules=submodules,
        changed=changed,
        deleted=deleted,
        untracked=[path for path in untracked if not path.endswith(b"/")],
        nested=[path.rstrip(b"/") for path in untracked if path.endswith(b"/")],
        diff=git.diff() if changed or deleted else b"",
    )


class _Git:
    def __init__(self, root: Path, timeout_s: float) -> None:
        self._root = root
        self._timeout_s = timeout_s
        self._options = list(_QUIET)

    def configure(self) -> str:
        """Switch off the repository's filters; return the URL of its remote, without credentials."""
        found = self.run(
            "config", "-z", "--get-regexp", r"^(filter|remote)\..*\.(clean|process|smudge|url)$", ok=(0, 1)
        )
        remotes: dict[str, str] = {}
        for item in found.decode("utf-8", "replace").split("\0"):
            key, _, value = item.partition("\n")
            section, name = key.partition(".")[0], key.partition(".")[2].rpartition(".")[0]
            if section == "remote":
                remotes.setdefault(name, value)
            elif section == "filter" and "=" not in name:
                self._options += ("-c", f"{key}=", "-c", f"filter.{name}.required=false")
        return redact_url(remotes.get("origin") or next(iter(remotes.values()), ""))

    def diff(self) -> bytes:
        options = ("--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules=all")
        return self.run("diff", *options, "HEAD", "--", ok=(0, 128))

    def run(self, *arguments: str, ok: tuple[int, ...] = (0,)) -> bytes:
        command = ["git", *self._options, "-C", str(self._root), *arguments]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                check=False,
                capture_output=True,
                timeout=self._timeout_s,
                env=_environment(),
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise GitError(f"git {arguments[0]}: {error}") from error
        if done.returncode not in ok:
            raise GitError(f"git {arguments[0]}: {done.stderr.decode('utf-8', 'replace').strip()[-300:]}")
        return done.stdout


def _environment() -> dict[str, str]:
    # A hook or an outer git sets GIT_DIR, GIT_INDEX_FILE and the like, which would point us elsewhere.
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name.startswith("GIT_CONFIG_")
    }
    return {
        **kept,
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "none",
        "LC_ALL": "C",
    }


def _headers(listing: bytes) -> dict[str, str]:
    lines = [item.decode("utf-8", "replace") for item in listing.split(b"\0") if item.startswith(b"# branch.")]
    return dict(line.removeprefix("# branch.").split(" ", 1) for line in lines)


def _tracked(listing: bytes) -> tuple[list[bytes], list[bytes]]:
    paths: dict[bytes, None] = {}
    submodules: list[bytes] = []
    for item in listing.split(b"\0"):
        meta, _, path = item.partition(b"\t")
        if meta.startswith(b"160000"):
            submodules.append(path)
        elif path:
            paths[path] = None
    return list(paths), submodules


def _status(listing: bytes) -> tuple[list[bytes], list[bytes], list[bytes]]:
    changed: list[bytes] = []
    deleted: list[bytes] = []
    untracked: list[bytes] = []
    fields_before_path = {b"1": 8, b"u": 10}
    for item in listing.split(b"\0"):
        kind = item[:1]
        if kind == b"?":
            untracked.append(item[2:])
        elif kind in fields_before_path:
            fields = item.split(b" ", fields_before_path[kind])
            (deleted if b"D" in fields[1] else changed).append(fields[-1])
    return changed, deleted, untracked


def _git_dir(marker: Path) -> Path | None:
    if marker.is_dir():
        return marker if (marker / "HEAD").exists() else None
    text = _text(marker)
    if not text.startswith("gitdir:"):
        return None
    return (marker.parent / text.removeprefix("gitdir:").strip()).absolute()


def _resolve(git_dir: Path) -> tuple[str, str]:
    head = _text(git_dir / "HEAD")
    if not head.startswith("ref:"):
        return "", _object_id(head)
    name = head.removeprefix("ref:").strip()
    if name == "refs/heads/.invalid":  # the reftable format, which only git reads
        return "", ""
    common = git_dir / (_text(git_dir / "commondir") or ".")
    for folder in (git_dir, common):
        if commit := _object_id(_text(folder / name)):
            return name.removeprefix("refs/heads/"), commit
    return name.removeprefix("refs/heads/"), _packed(common, name)


def _packed(common: Path, name: str) -> str:
    for line in _text(common / "packed-refs").splitlines():
        commit, _, ref = line.partition(" ")
        if ref == name:
            return _object_id(commit)
    return ""


def _object_id(text: str) -> str:
    return text if _OBJECT_ID.fullmatch(text) else ""


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""
