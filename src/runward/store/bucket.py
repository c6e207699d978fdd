"""A place in object storage (S3 and what speaks it, Google Cloud Storage, Azure), by obstore."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, BinaryIO

from runward.errors import InvalidError, MissingExtraError, NotFoundError, StoreError
from runward.store.blobs import CHUNK_BYTES

_PART_BYTES = 16 << 20
_OF_THE_MACHINE = "/latest/api/token"
"""Where a machine of Amazon's is asked for its own credentials, when nobody has set any."""


class Bucket:
    """Objects below a URL such as ``s3://bucket/prefix``. Thread-safe."""

    def __init__(self, url: str, settings: Mapping[str, str], said: str) -> None:
        """Open the place and look whether it answers.

        Args:
            url: Without credentials.
            settings: What the storage needs: ``endpoint``, ``region``, ``access_key_id`` and so on; what is not there
                comes from the environment.
            said: Where a person wrote the URL, for messages.

        Raises: InvalidError, MissingExtraError, StoreError (it is not reachable).
        """
        try:
            import obstore
            from obstore.store import from_url
        except ImportError as error:
            raise MissingExtraError(
                f"{url} needs obstore, which is not installed", hint="pip install 'runward[objects]'"
            ) from error
        self.url, self.api, self._said = url, obstore, said
        plain_http = settings.get("endpoint", "").startswith("http://")
        options: Any = {
            "config": dict(settings),
            "client_options": {"allow_http": plain_http, "timeout": timedelta(minutes=10)},
            "retry_config": {"max_retries": 4, "retry_timeout": timedelta(seconds=60)},
        }
        try:
            self.store: Any = from_url(url, **options)
        except (obstore.exceptions.BaseError, ValueError, TypeError) as error:
            raise InvalidError(f"{said} {url!r} cannot be used: {_first_line(error)}") from error
        self.answer("check", lambda: next(iter(obstore.list(self.store, chunk_size=1)), None))

    def answer(self, what: str, call: Callable[[], Any]) -> Any:
        """What the storage answers. Raises: FileNotFoundError, StoreError."""
        try:
            return call()
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise StoreError(
                    f"{self.url}: there is no such bucket", hint=f"create it, or check {self._said}"
                ) from error
            raise
        except self.api.exceptions.BaseError as error:
            hint = "check its address and credentials, and try again"
            if _OF_THE_MACHINE in str(error):
                hint = "no credentials are set, and the machine has none of its own: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            raise StoreError(
                f"the object storage {self.url} could not {what}: {_first_line(error)}", hint=hint
            ) from error

    def head(self, name: str) -> Any | None:
        """What is known of an object; None where there is none. Raises: StoreError."""
        try:
            return self.answer("look", lambda: self.api.head(self.store, name))
        except FileNotFoundError:
            return None

    def put(self, name: str, file: BinaryIO) -> None:
        """Store an object, whole or not at all. Raises: StoreError."""
        self.answer("store bytes", lambda: self.api.put(self.store, name, file, chunk_size=_PART_BYTES))

    def pieces(self, name: str, missing: NotFoundError, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """An object's bytes, or some of them. Raises: ``missing`` at once where there is none, StoreError."""
        if length == 0:
            # A range of no bytes is refused.
            if self.head(name) is None:
                raise missing
            return iter(())
        part: Any = {"offset": start} if length is None else (start, start + length)
        options: Any = {"range": part} if start or length is not None else None
        try:
            found = self.answer("read", lambda: self.api.get(self.store, name, options=options))
        except FileNotFoundError:
            raise missing from None
        pieces = iter(found.stream(min_chunk_size=CHUNK_BYTES))

        def told() -> Iterator[bytes]:
            while (piece := self.answer("read", lambda: next(pieces, None))) is not None:
                yield bytes(piece)

        return told()


def _first_line(error: BaseException) -> str:
    text = str(error).partition("\n")[0]
    return text[:300] or type(error).__name__
