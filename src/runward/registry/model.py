"""What the registry stores: models, versions, aliases."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec


class TensorField(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One input or output of a model."""

    dtype: str
    """Such as ``float32`` or ``string``."""
    name: str = ""
    """Empty where there is one without a name."""
    shape: list[int] | None = None
    """-1 stands for any length; None for one value a row, a column of a table."""
    required: bool = True


class Signature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a model takes and gives."""

    inputs: list[TensorField] = []
    outputs: list[TensorField] = []


class ModelVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a model: where its files lie and which run made them."""

    model: str
    version: int
    source: str
    run_id: str
    logged_model_id: str
    description: str
    stage: str
    created_by: str
    created_at: datetime
    updated_at: datetime
    tags: dict[str, str] = {}
    aliases: list[str] = []


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A registered model: a name that versions are published under."""

    id: str
    name: str
    team: str
    description: str
    created_by: str
    created_at: datetime
    updated_at: datetime
    tags: dict[str, str] = {}
    aliases: dict[str, int] = {}
    """Version by alias."""
    latest: list[ModelVersion] = []
    """The newest version of each stage."""
    protected: list[str] = []
    """Aliases that move only by an applied review."""
    project: str = ""
    """The project whose standards such a review follows, and in which the runs of its versions lie; empty until the first
    version with a run says which."""


class NewModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model to register."""

    name: str
    team: str = ""
    """Empty for the caller's team."""
    description: str = ""
    tags: dict[str, str] = {}


class NewVersion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A version to add; the registry numbers it."""

    source: str
    run_id: str = ""
    logged_model_id: str = ""
    description: str = ""
    tags: dict[str, str] = {}
    signature: Signature | None = None
    """What it takes and gives; None to read it from MLflow's ``MLmodel``, where the files have one."""
    input_example: Any = None
    """A few rows of input, as JSON; None as above."""
    expected_output: Any = None
    """What the model gives for the example."""


class ModelPatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Changes to a model or a version; what is left out stays."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    description: str | msgspec.UnsetType = msgspec.UNSET
    stage: str | msgspec.UnsetType = msgspec.UNSET
    """Of a version: ``None``, ``Staging``, ``Production`` or ``Archived``."""
    tags: dict[str, str | None] | msgspec.UnsetType = msgspec.UNSET
    """Tags to set; None removes one."""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A JSON document that a foreign protocol keeps in a project, with the few columns that it is found by."""

    kind: str
    id: str
    project_id: str
    run_id: str = ""
    name: str = ""
    version: str = ""
    status: str = ""
    at: int = 0
    """Milliseconds since 1970."""
    body: Any = None


class AliasEvidence(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a version stood on when an alias was pointed at it."""

    run_id: str = ""
    run_name: str = ""
    revision: str = ""
    """Digest of the run's content."""
    commit: str = ""
    level: str = ""
    """The level of reproduction that the run had earned; empty for none."""
    verification: str = ""
    """Id of that verification."""
    review: int = 0
    """Number of the review that decided; 0 where none did."""
    approved_by: list[str] = []


class AliasMove(msgspec.Struct, frozen=True, kw_only=True):
    """An alias was pointed at a version, or taken away. Moves are never changed."""

    model: str
    alias: str
    version: int | None
    previous: int | None
    how: Literal["set", "review", "rollback", "override", "deletion"]
    """``set``: the alias was not protected. ``override``: an admin did it past the review. ``deletion``: the version went."""
    reviewed: bool
    """An applied review of exactly this version for this alias stands behind it, now or before a rollback."""
    reason: str
    review_id: str
    evidence: AliasEvidence
    by: str
    at: datetime


PROTECTED: tuple[str, ...] = ("production",)
"""The aliases that are protected in a new model."""
STAGES = ("None", "Staging", "Production", "Archived")
"""The stages of a version, as MLflow names them; aliases are the better way."""
