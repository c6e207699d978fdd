"""The server's log: a line of JSON or of text for each request and for what goes wrong. It never holds a secret."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from runward.server.asked import Asked, current
from runward.tracking.capture.redact import redact

LogFormat = Literal["json", "text"]


class JsonLines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        return msgspec.json.encode(_told(record)).decode()


class TextLines(logging.Formatter):
    """A record as a line for people; a traceback follows on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        told = _told(record)
        said = [told.pop(name) for name in ("time", "level", "logger", "message")]
        trace = told.pop("trace", "")
        rest = [f"{name}={value}" for name, value in told.items() if name not in ("method", "route", "status")]
        return " ".join([*said, *rest]) + (f"\n{trace}" if trace else "")


def _told(record: logging.LogRecord) -> dict[str, Any]:
    given = vars(record)
    answered: Asked | None = given.get("asked")
    asked = answered or current()
    told: dict[str, Any] = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "logger": record.name,
        # What is said of a request is made of templates: nothing of a caller's is in it.
        "message": record.getMessage() if answered else redact(record.getMessage()),
    }
    if asked is not None:
        told["request_id"] = asked.id
        if asked.member:
            told["member"] = asked.member
    if answered is not None:
        told |= {"method": answered.method, "route": answered.route, "status": answered.status}
        told["duration_ms"] = given["duration_ms"]
    if record.exc_info and record.exc_info[0] is not None:
        told["error"] = record.exc_info[0].__name__
        told["trace"] = redact(logging.Formatter().formatException(record.exc_info))
    return told


def configure(form: LogFormat) -> None:
    """Write the log of this process to its standard error: requests, and warnings of everything."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("runward").setLevel(logging.INFO)
    logging.captureWarnings(True)
