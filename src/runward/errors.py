"""Every exception that Runward raises on purpose.

::

    RunwardError                    code, status, hint
    ├── InvalidError           422  also ValueError: the caller's input, found before any I/O
    ├── UnauthenticatedError   401
    ├── ForbiddenError         403
    │   └── PurposeError            restricted data, for something that they may not be used for
    ├── NotFoundError          404  also LookupError
    ├── ConflictError          409
    │   ├── AlreadyExistsError
    │   ├── StaleVersionError
    │   │   └── EditedMeanwhileError  412
    │   ├── InvalidTransitionError
    │   └── GateClosedError         also ValueError: a standard is not met
    ├── NoPreconditionError    428
    ├── QuotaExceededError     429
    ├── StoreError             503  retryable, but for the next three
    │   ├── MigrationNeededError
    │   ├── CorruptedError
    │   └── KeyMissingError
    ├── ExecutorError          502
    │   ├── SubmitError
    │   ├── TaskFailedError
    │   └── JobLostError
    ├── ReproError             424
    │   ├── SourceMissingError
    │   └── EnvironmentNotRebuiltError
    └── MissingExtraError           also ImportError

A difference found by a verification is a verdict, not an error.
On the wire an error is ``application/problem+json`` with ``code``; the remote client raises the same class again.
"""

from __future__ import annotations

from typing import Any, ClassVar


class RunwardError(Exception):
    """Base of all errors: a message for people, a stable ``code`` for programs, a ``hint`` with the way out."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    request_id: str = ""
    """The id under which the server that answered so has the request in its log; empty where no server did."""

    def __init__(self, message: str, *, hint: str = "", **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details

    def __str__(self) -> str:
        told = (("hint", self.hint), ("request", self.request_id))
        return "\n".join([self.message, *(f"  {name}: {value}" for name, value in told if value)])

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.hint, self.details, self.request_id)


def _rebuild(
    kind: type[RunwardError], message: str, hint: str, details: dict[str, Any], request_id: str
) -> RunwardError:
    error = kind(message, hint=hint, **details)
    error.request_id = request_id
    return error


class InvalidError(RunwardError, ValueError):
    """The caller's input is wrong; nothing was read or written."""

    code = "invalid"
    status = 422


class UnauthenticatedError(RunwardError):
    """Nobody is signed in, or the token is wrong, expired or revoked."""

    code = "unauthenticated"
    status = 401


class ForbiddenError(RunwardError):
    """The member sees the object but may not do this to it."""

    code = "forbidden"
    status = 403


class PurposeError(ForbiddenError):
    """Restricted data may not be used for this; ``details`` say which ``dataset``, and for what it ``allowed`` is."""

    code = "purpose_not_allowed"


class NotFoundError(RunwardError, LookupError):
    """The object does not exist, or is not visible to this member."""

    code = "not_found"
    status = 404


class ConflictError(RunwardError):
    """The request is well formed but does not fit the present state."""

    code = "conflict"
    status = 409


class AlreadyExistsError(ConflictError):
    """Something of that name is there already."""

    code = "already_exists"


class StaleVersionError(ConflictError):
    """Somebody changed the object since it was read."""

    code = "stale_version"


class EditedMeanwhileError(StaleVersionError):
    """Somebody changed what this change was made from; ``details`` say which ``fields``, ``by`` whom and ``at`` what time."""

    code = "edited_meanwhile"
    status = 412


class InvalidTransitionError(ConflictError):
    """The object's state does not allow this step."""

    code = "invalid_transition"


class GateClosedError(ConflictError, ValueError):
    """A standard of the team is not met; ``details['gates']`` says which."""

    code = "gate_closed"


class NoPreconditionError(RunwardError):
    """A change over HTTP has to say which state it was made from (``If-Match``)."""

    code = "no_precondition"
    status = 428


class QuotaExceededError(RunwardError):
    """A limit is used up for now; ``details["retry_after_s"]`` says for how long at most, and HTTP as ``Retry-After``."""

    code = "quota_exceeded"
    status = 429


class StoreError(RunwardError):
    """The database or the blob store could not do it now; try again."""

    code = "store_unavailable"
    status = 503
    retryable = True


class MigrationNeededError(StoreError):
    """The workspace has another format than this version of Runward."""

    code = "migration_needed"
    retryable = False


class CorruptedError(StoreError):
    """Stored bytes do not match their checksum."""

    code = "corrupted"
    retryable = False


class KeyMissingError(StoreError):
    """Stored bytes are encrypted, and the key that opens them is not there or is another one."""

    code = "key_missing"
    retryable = False


class ExecutorError(RunwardError):
    """An executor could not start or follow a job."""

    code = "executor"
    status = 502


class SubmitError(ExecutorError):
    """A task could not be handed to its executor."""

    code = "submit"


class TaskFailedError(ExecutorError):
    """A task ended with an error; the message ends with its last log lines."""

    code = "task_failed"


class JobLostError(ExecutorError):
    """A job vanished without a result."""

    code = "job_lost"


class ReproError(RunwardError):
    """A verification could not be carried out."""

    code = "repro"
    status = 424


class SourceMissingError(ReproError):
    """The captured code is not complete enough to restore."""

    code = "source_missing"


class EnvironmentNotRebuiltError(ReproError):
    """The captured environment could not be built again."""

    code = "environment_not_rebuilt"


class MissingExtraError(RunwardError, ImportError):
    """An optional part is not installed; the hint says how to install it."""

    code = "missing_extra"
    status = 501


class RunwardWarning(UserWarning):
    """Something could not be logged, or not as it was given; the training goes on."""


def _tree(kind: type[RunwardError]) -> list[type[RunwardError]]:
    return [kind, *(found for child in kind.__subclasses__() for found in _tree(child))]


BY_CODE: dict[str, type[RunwardError]] = {kind.code: kind for kind in _tree(RunwardError)}
"""Error classes by their stable code, for rebuilding them from the wire."""
