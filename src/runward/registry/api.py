"""The contract of the registry: models, versions, aliases."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Protocol

from runward.core.operation import ON_LIST, operation
from runward.registry.model import AliasMove, Model, ModelPatch, ModelVersion, NewModel, NewVersion
from runward.registry.version_model import Card, CardChange, Deployment, Handoff, NewDeployment, VersionDetail

NEWEST = 0


class Registry(Protocol):
    """Thread-safe. A model belongs to a team; its name is unique in the workspace."""

    room: ClassVar[str] = "registry"

    @operation("POST", "/models", may="model.write", on="new.team")
    def create_model(self, new: NewModel) -> Model:
        """Register a model. Raises: AlreadyExistsError, InvalidError."""
        ...

    @operation("GET", "/models", may="model.read", on=ON_LIST)
    def list_models(self) -> list[Model]:
        """The models that the caller may see, by name."""
        ...

    @operation(
        "GET",
        "/models/{model}",
        may="model.read",
        on="model",
        state=("name", "description", "tags", "aliases", "protected", "project"),
    )
    def get_model(self, model: str) -> Model:
        """A model by name or id."""
        ...

    @operation("PATCH", "/models/{model}", may="model.write", on="model", revises="get_model")
    def update_model(self, model: str, patch: ModelPatch) -> Model:
        """Change name, description or tags. Raises: AlreadyExistsError, InvalidError."""
        ...

    @operation("DELETE", "/models/{model}", may="model.delete", on="model", revises="get_model")
    def delete_model(self, model: str) -> None:
        """Remove a model with its versions and aliases. The runs' files stay."""
        ...

    @operation("POST", "/models/{model}/versions", may="model.write", on="model")
    def create_version(self, model: str, new: NewVersion) -> ModelVersion:
        """Add a version. Raises: NotFoundError (the run is not visible), InvalidError."""
        ...

    @operation("GET", "/models/{model}/versions", may="model.read", on="model")
    def list_versions(self, model: str) -> list[ModelVersion]:
        """A model's versions, newest first."""
        ...

    @operation(
        "GET",
        "/models/{model}/versions/{version}",
        may="model.read",
        on="model",
        state=("version.description", "version.stage", "version.tags", "version.aliases"),
    )
    def get_version(self, model: str, version: int) -> VersionDetail:
        """What a version is: run, code, environment, files with their formats, signature, decisions. Raises: NotFoundError."""
        ...

    @operation(
        "GET",
        "/models/{model}/versions/{version}/card",
        may="model.read",
        on="model",
        state=("number",),
        signed=("author", "at"),
    )
    def get_card(self, model: str, version: int, number: int = NEWEST) -> Card:
        """A version's card as Markdown, from what people wrote and what is known of its run.

        Args:
            model: Name or id.
            version: The version.
            number: What it said when it was written for the so-manieth time; by default what it says now.

        Raises: NotFoundError.
        """
        ...

    @operation("PUT", "/models/{model}/versions/{version}/card", may="model.write", on="model", revises="get_card")
    def write_card(self, model: str, version: int, fields: dict[str, str]) -> Card:
        """Write fields of a version's card; those left out stay, an empty text takes one away.

        Args:
            model: Name or id.
            version: The version.
            fields: Texts by key, such as ``intended_use``.

        Raises: NotFoundError, InvalidError (no such field).
        """
        ...

    @operation("GET", "/models/{model}/versions/{version}/card-history", may="model.read", on="model")
    def card_history(self, model: str, version: int) -> list[CardChange]:
        """Each time that a version's card was written, newest first. Raises: NotFoundError."""
        ...

    @operation("PATCH", "/models/{model}/versions/{version}", may="model.write", on="model", revises="get_version")
    def update_version(self, model: str, version: int, patch: ModelPatch) -> ModelVersion:
        """Change description, stage or tags. Raises: NotFoundError, InvalidError."""
        ...

    @operation("DELETE", "/models/{model}/versions/{version}", may="model.delete", on="model", revises="get_version")
    def delete_version(self, model: str, version: int) -> None:
        """Remove a version and the aliases that point at it. Its number is never used again. Raises: NotFoundError."""
        ...

    @operation("PUT", "/models/{model}/aliases/{alias}", may="model.write", on="model", revises="get_model")
    def set_alias(self, model: str, alias: str, version: int | None, reason: str = "") -> Model:
        """Point an alias at a version; None removes the alias.

        Args:
            model: Name or id.
            alias: Letters, digits, ``_`` and ``-``.
            version: The version.
            reason: For the history.

        Raises:
            NotFoundError: There is no such model or version.
            InvalidError: The name cannot be used.
            GateClosedError: The alias is protected, so that only an applied review moves it; a maintainer may remove it.
        """
        ...

    @operation("GET", "/models/{model}/alias-moves", may="model.read", on="model")
    def alias_history(
        self, model: str, alias: str = "", at: datetime | None = None, limit: int = 200
    ) -> list[AliasMove]:
        """Every move of a model's aliases, newest first: who, when, on what evidence.

        With ``at``, the one move of each alias that was in force at that time; an alias that had been taken away is left
        out.
        """
        ...

    @operation("POST", "/models/{model}/deployments", may="model.write", on="model")
    def record_deployment(self, model: str, new: NewDeployment) -> Deployment:
        """Write down that a version was deployed, went live, failed or was retired at a target. Records are never changed.

        Its warnings say what is not as a review let it in.

        Raises:
            NotFoundError: There is no such model or version.
            InvalidError: The target or the address cannot be used.
            ConflictError: It is to be retired where it does not serve.
            StaleVersionError: The alias points elsewhere.
            GateClosedError: ``reviewed_only``, and no review let it in.
        """
        ...

    @operation("GET", "/models/{model}/deployments", may="model.read", on="model")
    def list_deployments(self, model: str, target: str = "", limit: int = 200) -> list[Deployment]:
        """The records of a model's deployments, newest first."""
        ...

    @operation("GET", "/models/{model}/serving", may="model.read", on="model")
    def serving(self, model: str, target: str = "", at: datetime | None = None) -> list[Deployment]:
        """What serves each target, or served it at a time: the record that made it live."""
        ...

    @operation("POST", "/models/{model}/handoffs", may="model.write", on="model")
    def record_handoff(self, model: str, version: int, digest: str) -> Handoff:
        """Write down that a bundle of a version was made to be handed over, by the digest of its manifest.

        Raises: NotFoundError, InvalidError (no digest).
        """
        ...

    @operation("POST", "/models/{model}/handoffs/accept", may="model.write", on="model")
    def accept_handoff(self, model: str, digest: str, note: str = "") -> Handoff:
        """Write down that the caller took over a bundle, by the digest of its manifest.

        Raises: NotFoundError (no such bundle was handed over), ConflictError (somebody accepted it already), InvalidError.
        """
        ...

    @operation("GET", "/models/{model}/handoffs", may="model.read", on="model")
    def list_handoffs(self, model: str, version: int = 0) -> list[Handoff]:
        """Bundles of a model, or of one version, newest first: who handed them over, and who accepted them."""
        ...

    @operation("PUT", "/models/{model}/protection", may="model.protect", on="model", revises="get_model")
    def protect_model(self, model: str, aliases: list[str], project: str = "") -> Model:
        """Say which aliases move only by an applied review, and the standards of which project it follows.

        Raises: NotFoundError (the project), InvalidError (an alias). An empty project leaves it as it is.
        """
        ...

    @operation("POST", "/models/{model}/aliases/{alias}/rollback", may="model.rollback", on="model")
    def rollback_alias(self, model: str, alias: str, reason: str) -> Model:
        """Point an alias back at the version that had it before, as a new move.

        Raises: ConflictError (there is none, it is gone, no review had let it in, or its run changed since), InvalidError (no
        reason).
        """
        ...

    @operation("POST", "/models/{model}/aliases/{alias}/override", may="model.override", on="model")
    def override_alias(self, model: str, alias: str, version: int, reason: str) -> Model:
        """Point a protected alias at a version past its review. The history says so for ever.

        Raises: NotFoundError, InvalidError (no reason).
        """
        ...
