"""What is told to a forge and what it tells: the port that each kind of forge fills."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, Protocol

from runward.core.outbound import Outgoing

CommitState = Literal["pending", "success", "failure", "withdrawn"]
CONTEXT = "runward/review"
"""The name under which a commit's status is shown."""


class Place(NamedTuple):
    """A repository with what opens it."""

    repository: str
    api_url: str
    token: str


class CommitStatus(NamedTuple):
    """What is shown beside a commit."""

    sha: str
    state: CommitState
    description: str
    url: str
    """The review's page; empty where the server's address is not known."""


class Push(NamedTuple):
    """A branch moved."""

    branch: str
    before: str
    after: str
    forced: bool | None
    """Whether commits were replaced; None where the forge does not say."""


class Pull(NamedTuple):
    """A pull request and the commit at its head (some forges tell only how it begins)."""

    number: int
    head: str


Incoming = Push | Pull


class Adapter(Protocol):
    """What differs between forges. Pure: it makes requests and reads web hooks."""

    title: str
    api_url: str
    parts: int
    """How many parts a repository's name has at least."""

    def status(self, place: Place, status: CommitStatus) -> Outgoing:
        """The request that sets a commit's status. Raises: InvalidError (this forge needs more)."""
        ...

    def comment(self, place: Place, sha: str, pull: int, text: str) -> Outgoing:
        """The request that writes a comment on a pull request, or on a commit where ``pull`` is 0.

        Raises: InvalidError (this forge has no such comments).
        """
        ...

    def proven(self, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
        """Whether a web hook comes from somebody who knows the secret, told in constant time."""
        ...

    def read(self, headers: Mapping[str, str], body: object) -> list[Incoming]:
        """What a web hook tells; empty for what does not concern us. Raises: LookupError, TypeError, ValueError."""
        ...
