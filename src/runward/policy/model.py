"""Labels, terms and findings."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final, Literal

import msgspec

LabelName = Literal["public", "internal", "restricted", "personal"]
LABELS: Final[tuple[LabelName, ...]] = ("public", "internal", "restricted", "personal")
"""From what everybody may see to what is about people; each asks for at least what the one before asks for."""
INTERNAL, RESTRICTED = 1, 2
LabelledKind = Literal["dataset", "run", "model", "page"]


class Source(msgspec.Struct, frozen=True):
    """Where a label comes from."""

    kind: LabelledKind
    id: str
    name: str
    """Empty where the caller may not see it."""
    label: LabelName


class Terms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For what a dataset may be used, and on what grounds: a part of its card."""

    purposes: list[str] = []
    """A run that reads a restricted dataset has to give one of these as its purpose, in any case of letters."""
    legal_basis: str = ""
    """In the organisation's words, as "consent, GDPR Art. 6(1)(a)"."""
    expires_on: date | None = None
    """The last day on which it may be read; None for no end."""


class DataUse(msgspec.Struct, frozen=True):
    """A restricted dataset that a run read, or that what it read was made of."""

    id: str
    """Empty where the caller may not see it."""
    dataset: str
    label: LabelName
    problem: str
    """Why the run may not use it; empty where its purpose is one of the dataset's."""


class Labelled(msgspec.Struct, frozen=True, kw_only=True):
    """How an object is labelled."""

    thing: str
    label: LabelName
    """The one that holds: the highest of its own and of those that it carries from what it was made of."""
    own: LabelName | None = None
    """What somebody said of it; None where nobody did, which counts as internal."""
    because: list[Source] = []
    """What it carries more than its own from."""
    released: bool = False
    """Whether somebody decided that it carries nothing of what it was made of."""
    reason: str = ""
    set_by: str = ""
    set_at: datetime | None = None
    terms: Terms | None = None
    """Of a dataset."""
    purposes: list[str] | None = None
    """Of a dataset: for what a person may read its bytes, by the terms of all restricted data that they come from; None where
    that is not asked for."""
    uses: list[DataUse] = []
    """Of a run: the restricted data that it read."""


class ScanFinding(msgspec.Struct, frozen=True):
    """Something that looks like personal data, or like a secret."""

    place: str
    """Such as ``param note``, ``tag owner``, ``output``, ``column people.csv:email``."""
    kind: str
    count: int
    example: str
    """Masked but for its first and last characters."""


class Scan(msgspec.Struct, frozen=True):
    """What a look for personal data and secrets found. It finds the obvious: that it found nothing proves nothing."""

    thing: str
    findings: list[ScanFinding]
    looked_at: list[str]
    """What was read, with how much of it."""
