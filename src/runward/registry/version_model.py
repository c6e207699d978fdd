"""What a version of a model is made of: its files, what it takes and gives, what it stands on."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from runward.core.ids import Digest
from runward.registry.model import AliasEvidence, AliasMove, ModelVersion, Signature

Safety = Literal["safe", "unsafe", "unknown"]


class Format(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a file is, and what loading it does."""

    name: str
    safety: Safety
    """``unsafe``: whoever loads it runs code that the file chooses. ``unknown``: it could not be told."""
    imports: list[str] = []
    """What loading would import, as ``module.name``."""
    dangerous: list[str] = []
    """Those of them that start programs, run code or touch files."""
    complete: bool = True
    """False where a part could not be looked into, so that ``imports`` may lack some."""
    note: str = ""


class ModelFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a version, as it was when the version was registered."""

    path: str
    """From the model's folder."""
    digest: Digest
    size: int
    format: Format


class CardState(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a version's card is written."""

    number: int
    """0 where nobody wrote it."""
    missing: list[str]
    """Required fields that are empty or still the template's text."""
    author: str = ""
    at: datetime | None = None


class DeploymentEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """What was deployed, as far as it is known."""

    run: AliasEvidence
    files: Digest
    """Digest of the version's paths with their digests."""
    digest: Digest
    """Digest of the two above."""


class NewDeployment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happened to a version at a place where models serve."""

    version: int
    target: str
    """The place, such as ``eu-west`` or ``phones``."""
    state: Literal["started", "live", "failed", "retired"] = "live"
    url: str = ""
    note: str = ""
    alias: str = ""
    """The alias that named the version; it is refused where it points elsewhere now."""
    reviewed_only: bool = False
    """Refuse a version that no applied review let in as it is."""


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """A record of a deployment. Records are never changed."""

    id: int
    model: str
    version: int
    target: str
    state: Literal["started", "live", "failed", "retired"]
    """The newest that is ``live`` serves the target, until it is retired or fails."""
    alias: str
    url: str
    note: str
    reviewed: bool
    """Whether an applied review had let the version in, with its run as it was then."""
    warnings: list[str]
    evidence: DeploymentEvidence
    by: str
    at: datetime


class Handoff(msgspec.Struct, frozen=True, kw_only=True):
    """A bundle of a version that was handed over, and whether somebody accepted it."""

    id: str
    model: str
    version: int
    digest: str
    """Of its manifest."""
    by: str
    at: datetime
    accepted_by: str
    """Empty until somebody did."""
    accepted_at: datetime | None
    note: str
    """What who accepted it said."""


class VersionDetail(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a version."""

    version: ModelVersion
    project: str
    """The project in which its run lies; empty where it names none."""
    evidence: AliasEvidence
    """What is known of its run now."""
    code: dict[str, Any]
    """Commit, branch and state of the code that the run ran with."""
    environment: dict[str, Any]
    """Python and packages, in a few words."""
    files: list[ModelFile]
    fixed: bool
    """Whether the files were noted when it was registered; False shows those that lie there now."""
    signature: Signature | None
    input_example: Any
    expected_output: Any
    """What the model gave for the example."""
    card: CardState
    serving: list[Deployment]
    """The targets that it serves now."""
    moves: list[AliasMove]
    """How aliases came to this version and left it, newest first."""


class CardField(msgspec.Struct, frozen=True):
    """What a card asks a person."""

    key: str
    title: str
    """Its heading in the Markdown; empty for what only the front matter has."""
    template: str
    """The question, which the empty card shows and which is no answer."""
    required: bool


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A card as it is now, or as it was."""

    model: str
    version: int
    number: int
    """Counts the times that somebody wrote it; 0 for never."""
    fields: dict[str, str]
    """What people wrote, by key."""
    missing: list[str]
    """Keys of the required fields that are empty or still the template's own text."""
    asked: list[CardField]
    markdown: str
    """The whole card: YAML front matter and text, with what is known from the run."""
    author: str
    at: datetime | None


class CardChange(msgspec.Struct, frozen=True):
    """One time that a card was written."""

    number: int
    author: str
    at: datetime
    changed: list[str]
    """The fields."""
