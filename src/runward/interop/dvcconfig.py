"""What a DVC repository says of itself: where its cache is, and its remotes."""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Mapping
from pathlib import Path

from runward.errors import InvalidError, NotFoundError
from runward.interop.dvcremotes import FolderRemote, Remote, open_remote

_REMOTE = re.compile(r"""'?remote\s+"(?P<name>.+)"'?""")


class Repository:
    """A DVC repository's configuration: the person's own, the repository's, and what is only for this machine."""

    def __init__(self, root: Path) -> None:
        """Read it. Raises: InvalidError (it cannot be read)."""
        self.root = root
        self._core: dict[str, str] = {}
        self._remotes: dict[str, dict[str, str]] = {}
        self.cache = FolderRemote(root / ".dvc" / "cache")
        """Its objects on this machine."""
        own = os.environ.get("DVC_GLOBAL_CONFIG_DIR") or str(
            Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "dvc"
        )
        for file in (Path(own) / "config", root / ".dvc" / "config", root / ".dvc" / "config.local"):
            self._read(file)

    def _read(self, file: Path) -> None:
        # As DVC writes it: indented lines, names of sections in quotes, values as they are.
        parser = configparser.ConfigParser(interpolation=None, strict=False, delimiters=("=",), default_section="\0")
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            # What the parser says of a line shows the line, in which a password may be.
            raise InvalidError(f"{file} is no configuration of DVC", hint="`dvc config --list` checks it") from None
        for section in parser.sections():
            values = {key: _unquoted(value) for key, value in parser[section].items()}
            if match := _REMOTE.fullmatch(section):
                if "url" in values and "://" not in values["url"]:
                    values["url"] = str(file.parent / Path(values["url"]).expanduser())
                self._remotes.setdefault(match["name"], {}).update(values)
            elif section == "core":
                self._core.update(values)
            elif section == "cache" and values.get("dir"):
                self.cache = FolderRemote(file.parent / Path(values["dir"]).expanduser())

    def remote(self, name: str = "") -> Remote:
        """A remote by name; the repository's default without one.

        Raises: NotFoundError (there is none), and as :func:`runward.interop.dvcremotes.open_remote`.
        """
        wanted = name or self._core.get("remote", "")
        if not wanted:
            raise NotFoundError(
                f"the DVC repository {self.root} has no default remote", hint="name one with --remote, or a place"
            )
        url, options = self._resolved(wanted, 0)
        return open_remote(url, options, wanted)

    def _resolved(self, name: str, depth: int) -> tuple[str, Mapping[str, str]]:
        options = self._remotes.get(name, {})
        url = options.get("url", "")
        if not url or depth > 8:
            known = ", ".join(sorted(self._remotes)) or "none"
            raise NotFoundError(f"the DVC repository {self.root} has no remote {name!r}", hint=f"it has: {known}")
        if not url.startswith("remote://"):
            return url, options
        other, _, below = url.removeprefix("remote://").partition("/")
        base, inherited = self._resolved(other, depth + 1)
        return f"{base.rstrip('/')}/{below}".rstrip("/"), {**inherited, **options}

    def objects(self, name: str = "") -> Remote:
        """What the cache has, and the rest from a remote, which is opened when something is missing."""
        return _CacheThenRemote(self, name)


class _CacheThenRemote:
    staging: Path | None = None

    def __init__(self, repository: Repository, name: str) -> None:
        self._repository, self._name = repository, name
        self._cache, self._remote = repository.cache, None if not name else repository.remote(name)
        self.place = self._cache.place

    def fetch(self, md5: str, target: Path) -> None:
        try:
            self._cache.fetch(md5, target)
        except NotFoundError:
            if self._remote is None:
                self._remote = self._repository.remote()
            self._remote.fetch(md5, target)

    def put(self, source: Path, md5: str) -> None:
        self._cache.put(source, md5)


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value


def repository_of(file: Path) -> Repository:
    """The DVC repository in which a file or folder lies. Raises: NotFoundError."""
    place = file.absolute()
    for folder in (place, *place.parents):
        if (folder / ".dvc").is_dir():
            return Repository(folder)
    raise NotFoundError(f"{file} lies in no DVC repository", hint="name the remote: dvc:FOLDER or dvc:s3://…")
