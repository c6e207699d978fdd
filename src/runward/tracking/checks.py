"""What may be a key, an id, a path or a text of a run."""

from __future__ import annotations

import math

import msgspec

from runward.core.usage import Usage
from runward.errors import InvalidError
from runward.governance.names import check_name

MAX_KEY = 1000


def check_key(key: str, what: str) -> str:
    """A param's, metric's or tag's key. Raises: InvalidError."""
    return check_name(key, f"{what} key", limit=MAX_KEY)


def check_run_id(run_id: str) -> str:
    """A run's id, which may become the name of a folder. Raises: InvalidError."""
    check_name(run_id, "the run's id", limit=64)
    if run_id.startswith((".", " ")) or "/" in run_id or "\\" in run_id or ":" in run_id:
        raise InvalidError(
            f"the run's id {run_id!r} begins with a dot or a space, or holds one of / \\ :",
            hint="leave the id out, or use letters, digits, - and _",
        )
    return run_id


def check_artifact_path(path: str) -> str:
    """A relative path that stays inside the run. Raises: InvalidError naming the part that does not."""
    check_name(path, "the artifact's path", limit=MAX_KEY)
    parts = path.split("/")
    if "\\" in path or ":" in parts[0] or any(part in ("", ".", "..") for part in parts):
        raise InvalidError(
            f"artifact path {path!r} must be relative, with '/' between names and without '..', '.', or '\\'",
            hint="for example plots/confusion.png",
        )
    return path


def check_text(text: str, what: str) -> str:
    """A text that both databases hold. Raises: InvalidError."""
    if "\0" in text or len(text) > 100_000:
        raise InvalidError(f"{what} has a NUL character or more than 100,000 characters")
    try:
        if not text.isascii():
            text.encode()
    except UnicodeEncodeError:
        raise InvalidError(f"{what} has half of a character pair: {text[:40]!r}", hint="leave it out") from None
    return text


def usage_columns(usage: Usage) -> dict[str, float | None]:
    """What a run used, by column. Raises: InvalidError (naming the figure that cannot be)."""
    found: dict[str, float | None] = msgspec.structs.asdict(usage)
    for name, value in found.items():
        most = 100 if name == "gpu_percent" else (1 << 63) - 1
        if value is not None and not (math.isfinite(value) and 0 <= value <= most):
            raise InvalidError(f"usage.{name} = {value}: 0 to {most:,} can be", hint="leave out what was not measured")
    return found
