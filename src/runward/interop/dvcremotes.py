"""Where DVC keeps objects: a folder, S3, or a web server to read from. Credentials are never shown."""

from __future__ import annotations

import base64
import configparser
import os
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from runward.errors import InvalidError, NotFoundError, StoreError
from runward.store.bucket import Bucket

_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")
_LAYOUTS = ("files/md5/{}/{}", "{}/{}")
"""Of DVC 3, which is written; and of DVC 2, which is read."""
_S3 = {
    "endpointurl": "endpoint",
    "endpoint": "endpoint",
    "region": "region",
    "access_key_id": "access_key_id",
    "secret_access_key": "secret_access_key",
    "session_token": "session_token",
    "allow_anonymous_login": "skip_signature",
}
"""DVC's words for what an object storage needs, and ours."""
_TIMEOUT_S = 60


class Remote(Protocol):
    """Objects by md5. Thread-safe."""

    @property
    def place(self) -> str:
        """As a person may see it."""
        ...

    @property
    def staging(self) -> Path | None:
        """A folder on the same disk, if it is a local one."""
        ...

    def fetch(self, md5: str, target: Path) -> None:
        """Make an object a new file, or a link to it; its bytes are unchecked.

        Raises: NotFoundError, InvalidError (no md5), StoreError (the place does not answer).
        """
        ...

    def put(self, source: Path, md5: str) -> None:
        """Move a file in, whole, unless it is there. Raises: InvalidError (nothing can be written), StoreError."""
        ...


def _names(md5: str) -> tuple[str, ...]:
    """The object's names, newest layout first. Raises: InvalidError."""
    if not _MD5.fullmatch(md5):
        raise InvalidError(f"{md5[:80]!r} is no md5 of DVC")
    return tuple(layout.format(md5[:2], md5[2:]) for layout in _LAYOUTS)


def _missing(place: str, md5: str) -> NotFoundError:
    return NotFoundError(f"{place} has no object {md5}", hint="`dvc push` brings it there, `dvc fetch` into the cache")


class FolderRemote:
    """A remote, or a cache, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.place = folder, str(folder)

    @property
    def staging(self) -> Path | None:
        """See :class:`Remote`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder

    def find(self, md5: str) -> Path:
        """Where an object lies. Raises: NotFoundError, InvalidError."""
        for name in _names(md5):
            if (path := self.folder / name).is_file():
                return path
        raise _missing(self.place, md5)

    def fetch(self, md5: str, target: Path) -> None:
        """See :class:`Remote`."""
        target.symlink_to(self.find(md5).absolute())

    def put(self, source: Path, md5: str) -> None:
        """See :class:`Remote`."""
        target = self.folder / _names(md5)[0]
        if target.exists():
            source.unlink()
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.{os.getpid()}.tmp")
        shutil.move(source, part)
        os.chmod(part, 0o444)
        os.replace(part, target)


class BucketRemote:
    """A remote in S3 or what speaks it."""

    staging: Path | None = None

    def __init__(self, url: str, options: Mapping[str, str]) -> None:
        settings = {ours: options[theirs] for theirs, ours in _S3.items() if options.get(theirs)}
        self.place, self._bucket = url, Bucket(url, {**_from_profile(options, settings), **settings}, "the DVC remote")

    def fetch(self, md5: str, target: Path) -> None:
        """See :class:`Remote`."""
        first, second = _names(md5)
        try:
            pieces = self._bucket.pieces(first, _missing(self.place, md5))
        except NotFoundError:
            pieces = self._bucket.pieces(second, _missing(self.place, md5))
        with open(target, "xb") as file:
            file.writelines(pieces)

    def put(self, source: Path, md5: str) -> None:
        """See :class:`Remote`."""
        name = _names(md5)[0]
        if self._bucket.head(name) is None:
            with open(source, "rb") as file:
                self._bucket.put(name, file)
        source.unlink()


def _from_profile(options: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Keys from the file where AWS's tools keep them, if nothing nearer has them. Raises: InvalidError."""
    profile = options.get("profile") or os.environ.get("AWS_PROFILE", "")
    if "access_key_id" in given or "skip_signature" in given or (not profile and "AWS_ACCESS_KEY_ID" in os.environ):
        return {}
    usual = os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials"
    kept = configparser.ConfigParser(interpolation=None)
    kept.read(Path(options.get("credentialpath") or usual).expanduser(), encoding="utf-8")
    section = kept[profile or "default"] if kept.has_section(profile or "default") else {}
    words = ("access_key_id", "secret_access_key", "session_token")
    found = {word: section[f"aws_{word}"] for word in words if section.get(f"aws_{word}")}
    if profile and not found:
        raise InvalidError(
            f"profile {profile!r} of the DVC remote has no keys in {usual}",
            hint="put them into the environment (AWS_ACCESS_KEY_ID), or run `dvc pull` first",
        )
    return found


class HttpRemote:
    """A remote on a web server, to read from."""

    staging: Path | None = None

    def __init__(self, url: str, options: Mapping[str, str]) -> None:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        self.place = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
        self._headers = _authorisation(options, parts.username or "", parts.password or "")

    def fetch(self, md5: str, target: Path) -> None:
        """See :class:`Remote`."""
        if not any(self._fetch(name, target) for name in _names(md5)):
            raise _missing(self.place, md5)

    def _fetch(self, name: str, target: Path) -> bool:
        request = urllib.request.Request(f"{self.place}/{quote(name)}")
        for key, value in self._headers.items():
            # A server that sends us elsewhere does not get them sent there.
            request.add_unredirected_header(key, value)
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer, open(target, "xb") as file:
                shutil.copyfileobj(answer, file, 1 << 20)
        except urllib.error.HTTPError as error:
            if error.code in (404, 410):
                return False
            hint = "check the user and password of the remote" if error.code in (401, 403) else "try again"
            raise StoreError(f"the DVC remote {self.place} answered {error.code} {error.reason}", hint=hint) from None
        except OSError as error:
            reason = getattr(error, "reason", error)
            raise StoreError(f"the DVC remote {self.place} does not answer: {reason}", hint="try again") from None
        return True

    def put(self, source: Path, md5: str) -> None:
        """Raises: InvalidError."""
        raise InvalidError(
            f"the DVC remote {self.place} is a web server, which is only read",
            hint="push into a folder or S3, or into DVC's cache and then `dvc push`",
        )


def _authorisation(options: Mapping[str, str], user: str, password: str) -> dict[str, str]:
    """The headers that a web server wants. Raises: InvalidError."""
    user, password = options.get("user") or user, options.get("password") or password
    if options.get("auth") == "custom":
        return {options.get("custom_auth_header", "Authorization"): password}
    if options.get("auth") == "digest":
        raise InvalidError("the DVC remote wants digest authentication", hint="run `dvc pull` first")
    if not user:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


_KINDS: dict[str, Callable[[str, Mapping[str, str]], Remote]] = {
    "s3": BucketRemote,
    "http": HttpRemote,
    "https": HttpRemote,
}


def open_remote(place: str, options: Mapping[str, str] | None = None, name: str = "") -> Remote:
    """The remote at a folder or URL.

    Args:
        place: A folder, ``s3://bucket/prefix`` (``?endpoint=…&region=…`` may follow) or ``https://…``.
        options: What DVC's configuration says of it.
        name: What DVC calls it, for messages.

    Raises: InvalidError (a kind that is not known, a key in the URL), MissingExtraError, StoreError.
    """
    if "://" not in place:
        return FolderRemote(Path(place).expanduser())
    parts, options = urlsplit(place), options or {}
    called = f"remote {name!r}" if name else "the remote"
    if parts.scheme not in _KINDS:
        raise InvalidError(
            f"{called} of DVC is of kind {parts.scheme!r}, of which nothing is read or written here",
            hint=f"`dvc pull{f' -r {name}' if name else ''}` brings its objects into the cache, from which they are taken",
        )
    if any(options.get(flag, "").lower() == "true" for flag in ("version_aware", "worktree")):
        raise InvalidError(
            f"{called} of DVC keeps files under their own names, not objects", hint="run `dvc pull` first"
        )
    if parts.scheme != "s3":
        return _KINDS[parts.scheme](place, options)
    said = dict(parse_qsl(parts.query))
    if parts.username or parts.password or not parts.netloc or set(said) - {"endpoint", "endpointurl", "region"}:
        raise InvalidError(
            f"{called} of DVC is not understood: s3://{parts.netloc.rpartition('@')[2]}{parts.path}",
            hint="write s3://bucket/prefix?endpoint=…&region=…; keys come from DVC's configuration or the environment",
        )
    return BucketRemote(urlunsplit(("s3", parts.netloc, parts.path.rstrip("/"), "", "")), {**options, **said})
