"""A blob store in memory and a git repository in a folder, for the tests of capture and repro."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from runward.core.hashing import digest_bytes
from runward.core.ids import Digest
from runward.errors import NotFoundError


class MemoryBlobs:
    """Content-addressed bytes in a dictionary; counts what was put, to show what was read again."""

    def __init__(self) -> None:
        self.data: dict[str, bytes] = {}
        self.puts = 0

    def put_bytes(self, data: bytes) -> Digest:
        self.puts += 1
        digest = digest_bytes(data)
        self.data[digest] = data
        return digest

    def put_file(self, path: Path) -> Digest:
        return self.put_bytes(path.read_bytes())

    def has(self, digest: Digest) -> bool:
        return digest in self.data

    def read(self, digest: Digest) -> bytes:
        if digest not in self.data:
            raise NotFoundError(f"blob {digest} is not stored")
        return self.data[digest]

    def copy_to(self, digest: Digest, path: Path) -> None:
        path.write_bytes(self.read(digest))


class Repository:
    """A real git repository that ignores the machine's configuration."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str, cwd: Path | None = None) -> str:
        identity = [
            "-c",
            "user.name=Ada",
            "-c",
            "user.email=ada@example.org",
            "-c",
            "protocol.file.allow=always",
        ]
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        done = subprocess.run(
            ["git", *identity, *arguments],
            cwd=cwd or self.root,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return done.stdout.strip()

    def write(self, path: str | bytes, content: bytes = b"x\n", mode: int = 0o644) -> Path:
        full = Path(os.fsdecode(os.path.join(os.fsencode(self.root), os.fsencode(path))))
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_bytes(content)
        full.chmod(mode)
        return full

    def commit(self) -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "change")
        return self.git("rev-parse", "HEAD")


def tree(root: Path) -> dict[bytes, tuple[str, bytes]]:
    """Every file below a folder but ``.git``: mode and content, or a symlink's target."""
    found: dict[bytes, tuple[str, bytes]] = {}
    top = os.fsencode(root)
    for folder, folders, names in os.walk(top):
        folders[:] = [name for name in folders if name != b".git"]
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in (*names, *links):
            full = os.path.join(folder, name)
            path = os.path.relpath(full, top)
            if os.path.islink(full):
                found[path] = ("symlink", os.readlink(full))
            elif name != b".git":
                executable = os.stat(full).st_mode & 0o100
                with open(full, "rb") as file:
                    found[path] = ("executable" if executable else "file", file.read())
    return found
