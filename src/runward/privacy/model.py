"""What is asked and told about a person's data, about how long things are kept, and about what must stay."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

ErasureState = Literal["requested", "running", "waiting", "done", "withdrawn"]
FileAction = Literal["replace", "delete", "keep"]
RetentionKind = Literal["runs", "artifacts", "logs", "tables"]
HoldKind = Literal["project", "run"]


class FoundFile(msgspec.Struct, frozen=True):
    """A stored file that names a person."""

    digest: str
    size: int
    hits: int
    """How often it names them."""
    places: list[str]
    """Where it is used, the pseudonym in the person's place."""
    replaceable: bool
    """Whether it is text in which the name can be written anew."""


class Survey(msgspec.Struct, frozen=True):
    """A part of what an erasure would find; asked again with ``place`` until that is empty."""

    place: str
    """Where to go on; empty at the end."""
    rows: dict[str, int]
    """How many rows name the person, by ``table.column``."""
    removed: dict[str, int]
    """How many rows would be removed, by table; said by the first part."""
    files: list[FoundFile]
    refused: str = ""
    """Why the person cannot be erased now; empty where they can."""


class FileDecision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What becomes of a file that names the person."""

    action: FileAction
    reason: str = ""
    """Why it is kept; needed for that."""


class NewErasure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request to erase a person; somebody else has to confirm it."""

    person: str
    """The member's name or id."""
    reason: str
    also: list[str] = []
    """Further texts that name them: a user name on machines, an address in commits, a former name."""


class Erasure(msgspec.Struct, frozen=True):
    """An erasure, from the request to the certificate."""

    id: str
    member_id: str
    pseudonym: str
    """What stands in the person's place."""
    state: ErasureState
    reason: str
    requested_by: str
    requested_at: datetime
    confirmed_by: str
    confirmed_at: datetime | None
    control: str
    """``dual``, or ``single``: a folder in which nobody else could confirm."""
    phase: str
    """What is being done now."""
    counts: dict[str, int]
    """What was done so far."""
    waits_for: list[FoundFile]
    """Files that nobody has decided on; the erasure goes on once all are."""
    ended_at: datetime | None
    certificate: dict[str, Any] | None
    """The signed statement (DSSE); None until it is done, and where `cryptography` is not installed."""


class ExportPart(msgspec.Struct, frozen=True):
    """A part of all that concerns a person; asked again with ``place`` until that is empty."""

    place: str
    tables: dict[str, list[dict[str, Any]]]
    """Rows by table."""
    files: list[FoundFile]


class RetentionRule(msgspec.Struct, frozen=True):
    """How long a project keeps things of a kind."""

    project: str
    """Path of the project that says so: this one or one above."""
    kind: RetentionKind
    after_days: float | None
    """Days after the end of a run; None keeps them for ever, whatever a project above says."""
    results: bool
    """Whether the rule also takes approved team results, versions of models and what they were made of."""
    author: str
    at: datetime


class RetentionDue(msgspec.Struct, frozen=True):
    """What the rules take now, or would take."""

    project: str
    kind: RetentionKind
    runs: int
    """How many runs are concerned."""
    items: int
    """Runs, files or lines of output."""
    bytes: int
    spared_results: int
    """Runs that stay because results need them."""
    spared_held: int
    """Runs that stay because of a legal hold."""


class SetAside(msgspec.Struct, frozen=True):
    """What a rule took from a run, until the grace is over."""

    kind: RetentionKind
    items: int
    bytes: int
    at: datetime


class Hold(msgspec.Struct, frozen=True):
    """A legal hold: what it is on is not deleted, collected or erased."""

    id: str
    object_kind: HoldKind
    object_id: str
    name: str
    """Path of the project, or name of the run."""
    reason: str
    author: str
    at: datetime
    lifted_at: datetime | None
    lifted_by: str
    lifted_reason: str


class NewHold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A legal hold to set on a project, with all below it, or on a run."""

    reason: str
    project: str = ""
    run_id: str = ""
