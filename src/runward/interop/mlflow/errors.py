"""MLflow's error codes, and ours in its words."""

from __future__ import annotations

import json
from typing import Any

from runward.errors import RunwardError

STATUS = {
    "INVALID_PARAMETER_VALUE": 400,
    "RESOURCE_ALREADY_EXISTS": 400,
    "RESOURCE_DOES_NOT_EXIST": 404,
    "ENDPOINT_NOT_FOUND": 404,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "RESOURCE_CONFLICT": 409,
    "RESOURCE_EXHAUSTED": 429,
    "NOT_IMPLEMENTED": 501,
    "TEMPORARILY_UNAVAILABLE": 503,
    "INTERNAL_ERROR": 500,
}
"""HTTP status by MLflow's error code."""

_BY_CODE = {"already_exists": "RESOURCE_ALREADY_EXISTS", "gate_closed": "PERMISSION_DENIED"}
_BY_STATUS = {
    400: "INVALID_PARAMETER_VALUE",
    422: "INVALID_PARAMETER_VALUE",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    409: "RESOURCE_CONFLICT",
    424: "RESOURCE_CONFLICT",
    429: "RESOURCE_EXHAUSTED",
    501: "NOT_IMPLEMENTED",
    502: "TEMPORARILY_UNAVAILABLE",
    503: "TEMPORARILY_UNAVAILABLE",
}


class MlflowError(Exception):
    """An answer in MLflow's words: error code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message

    @property
    def status(self) -> int:
        """The HTTP status."""
        return STATUS[self.code]

    @property
    def body(self) -> dict[str, str]:
        """The JSON body."""
        return {"error_code": self.code, "message": self.message}


def invalid(message: str) -> MlflowError:
    """INVALID_PARAMETER_VALUE."""
    return MlflowError("INVALID_PARAMETER_VALUE", message)


def missing(message: str) -> MlflowError:
    """RESOURCE_DOES_NOT_EXIST."""
    return MlflowError("RESOURCE_DOES_NOT_EXIST", message)


def taken(message: str) -> MlflowError:
    """RESOURCE_ALREADY_EXISTS."""
    return MlflowError("RESOURCE_ALREADY_EXISTS", message)


def translated(error: RunwardError) -> MlflowError:
    """One of our errors in MLflow's words."""
    code = _BY_CODE.get(error.code) or _BY_STATUS.get(error.status)
    return MlflowError(code or "INTERNAL_ERROR", str(error))


def shown(value: Any) -> str:
    """A value as MLflow's messages show it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)[:500]


def invalid_value(path: str, value: Any, message: str = "") -> MlflowError:
    """MLflow's text on a wrong value."""
    tail = f": {message}" if message else "."
    return invalid(f"Invalid value {shown(value)} for parameter '{path}' supplied{tail}")


def missing_value(path: str) -> MlflowError:
    """MLflow's text on a value that is not there."""
    return invalid(f"Missing value for required parameter '{path}'.")


def exceeds(what: str, limit: int) -> MlflowError:
    """MLflow's text on text that is too long."""
    return invalid(f"'{what}' exceeds the maximum length of {limit} characters")
