"""Arguments of a request: from JSON or from the query, checked with MLflow's texts."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from runward.interop.mlflow.errors import MlflowError, exceeds, invalid, invalid_value

_INTEGER = re.compile(r"[+-]?\d{1,20}")
_SPECIAL = {"nan": math.nan, "infinity": math.inf, "+infinity": math.inf, "-infinity": -math.inf}
_DOCS = " See the API docs for more information about request parameters."
_NAME = re.compile(r"[/\w.\- :]*")
_BAD_CHARACTERS = "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and slashes (/)."
MAX_KEY = 250
MAX_VALUE = 100_000
"""Characters of a param's or a tag's value; longer ones are cut.

MLflow's server cuts params at 6,000 and tags at 8,000 and refuses none, so neither do we: a training that runs with
MLflow must not end here. 100,000 is what Runward's own client takes.
"""


def parse_body(data: bytes) -> dict[str, Any]:
    """A JSON object; NaN and Infinity may stand bare, as Python's json writes them. Raises: MlflowError."""
    if not data.strip():
        return {}
    try:
        found = msgspec.json.decode(data)
    except RecursionError:
        raise invalid("The request body is nested too deeply.") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = _parse_python_json(data)
    if not isinstance(found, dict):
        raise invalid(f"The request body must be a JSON object, got {type(found).__name__}.")
    return found


def _finite(text: str) -> float:
    """A number that is written with digits, which is never infinite. Raises: ValueError."""
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text:.40} is more than a number of 64 bits holds")
    return value


def _parse_python_json(data: bytes) -> Any:
    try:
        found = json.loads(data, parse_float=_finite)
        # Half of a character pair is no text: nothing could store it, nor write it into an answer.
        json.dumps(found, ensure_ascii=False).encode()
    except RecursionError:
        raise invalid("The request body is nested too deeply.") from None
    except ValueError as error:
        raise invalid(f"The request body is not valid JSON: {error!s:.200}".encode(errors="replace").decode()) from None
    return found


class Args:
    """What a request carries. Values of the query are text, lists of it come from repeated keys."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values

    def _wrong(self, name: str, value: Any) -> MlflowError:
        error = invalid_value(name, value, f" Hint: Value was of type '{type(value).__name__}'.")
        return invalid(error.message + _DOCS)

    def has(self, name: str) -> bool:
        """Whether a value was given."""
        return self.values.get(name) is not None

    def text(self, name: str, default: str = "") -> str:
        """Text, or the default. Raises: MlflowError."""
        value = self.values.get(name)
        if value is None:
            return default
        value = value[-1] if isinstance(value, list) and value and isinstance(value[-1], str) else value
        if not isinstance(value, str):
            raise self._wrong(name, value)
        return value

    def need(self, *names: str) -> str:
        """Text that must be there, under the first of some names that has it. Raises: MlflowError."""
        for name in names:
            if self.values.get(name) not in (None, ""):
                return self.text(name)
        raise invalid(f"Missing value for required parameter '{names[0]}'." + _DOCS)

    def integer(self, name: str, default: int = 0) -> int:
        """A 64-bit integer, which may come as text. Raises: MlflowError."""
        value = self.values.get(name)
        if value is None:
            return default
        value = value[-1] if isinstance(value, list) and value else value
        return as_integer(name, value)

    def flag(self, name: str) -> bool:
        """A boolean, which may come as text."""
        return str(self.values.get(name, "")).lower() == "true"

    def array(self, name: str) -> list[Any]:
        """A list; empty where nothing is given. Raises: MlflowError."""
        value = self.values.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self._wrong(name, value)
        return value

    def texts(self, name: str) -> list[str]:
        """A list of texts. Raises: MlflowError."""
        values = self.values.get(name)
        found = [values] if isinstance(values, str) else self.array(name)
        if not all(isinstance(item, str) for item in found):
            raise self._wrong(name, found)
        return found

    def objects(self, name: str) -> list[Args]:
        """A list of objects. Raises: MlflowError."""
        found = self.array(name)
        if not all(isinstance(item, dict) for item in found):
            raise self._wrong(name, found)
        return [Args(item) for item in found]

    def object(self, name: str) -> Args:
        """An object; an empty one where nothing is given. Raises: MlflowError."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, dict):
            raise self._wrong(name, value)
        return Args(value or {})

    def pairs(self, name: str) -> dict[str, str]:
        """A list of ``{key, value}`` as a dict; a plain object will do too. Raises: MlflowError."""
        value = self.values.get(name)
        if isinstance(value, dict):
            return {str(key): text if isinstance(text, str) else json.dumps(text) for key, text in value.items()}
        return {item.need("key"): item.text("value") for item in self.objects(name)}

    def page(self, default: int, most: int) -> tuple[int, int]:
        """(size, offset) of the page that is asked for. Raises: MlflowError."""
        size = self.integer("max_results", default)
        if not 0 < size <= most:
            hint = "It must be a positive integer" if size <= 0 else f"It must be at most {most}"
            raise invalid(f"Invalid value {size} for parameter 'max_results' supplied. {hint}, but got value {size}")
        token = self.text("page_token")
        if token and not (token.isascii() and token.isdigit() and len(token) < 12):
            raise invalid(f"Invalid page token, could not decode: {token[:40]!r}")
        return size, int(token or 0)


def as_integer(name: str, value: Any) -> int:
    """A 64-bit integer. Raises: MlflowError."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**63:
        shown = value if isinstance(value, int | str | None) else repr(value)
        raise invalid_value(name, shown, f" Hint: Value was of type '{type(value).__name__}'." + _DOCS)
    return value


def as_number(name: str, value: Any, timestamp: Any) -> float:
    """A float; NaN and the infinities may come as text, as protobuf's JSON writes them. Raises: MlflowError."""
    if isinstance(value, str) and value.lower() in _SPECIAL:
        return _SPECIAL[value.lower()]
    try:
        if not isinstance(value, bool):
            return _finite(value) if isinstance(value, str) else float(value)
    except (TypeError, ValueError, OverflowError):
        pass
    hint = f"(timestamp={timestamp}). Please specify value as a valid double (64-bit floating point)"
    raise invalid_value(name, value, hint)


def check_key(name: str, path: str, what: str) -> str:
    """A key of a metric, param or tag by MLflow's rule. Raises: MlflowError."""
    if not _NAME.fullmatch(name) or name != name.strip("\n"):
        raise invalid_value(path, name, _BAD_CHARACTERS)
    normal = _normal(name)
    if normal != name or normal == "." or normal.startswith(("..", "/")):
        raise invalid_value(
            path,
            name,
            "Names may be treated as files in certain cases, and must not resolve to other names"
            f" when treated as such. This name would resolve to {normal!r}",
        )
    return check_length(name, what, MAX_KEY)


def _normal(name: str) -> str:
    """What a POSIX path of this name comes to."""
    kept: list[str] = []
    for part in name.split("/"):
        if part == ".." and kept and kept[-1] != "..":
            kept.pop()
        elif part not in ("", "."):
            kept.append(part)
    return ("/" if name.startswith("/") else "") + "/".join(kept) or "."


def check_length(text: str, what: str, limit: int) -> str:
    """Text that is not too long. Raises: MlflowError."""
    if len(text) > limit:
        raise exceeds(what, limit)
    return text
