"""The contract of the registry: models, versions, aliases."""

from __future__ import annotations

from typing import ClassVar, Protocol

from runward.core.operation import ON_LIST, operation
from runward.registry.model import Model, ModelPatch, ModelVersion, NewModel, NewVersion


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

    @operation("GET", "/models/{model}", may="model.read", on="model")
    def get_model(self, model: str) -> Model:
        """A model by name or id."""
        ...

    @operation("PATCH", "/models/{model}", may="model.write", on="model")
    def update_model(self, model: str, patch: ModelPatch) -> Model:
        """Change name, description or tags. Raises: AlreadyExistsError, InvalidError."""
        ...

    @operation("DELETE", "/models/{model}", may="model.delete", on="model")
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

    @operation("PATCH", "/models/{model}/versions/{version}", may="model.write", on="model")
    def update_version(self, model: str, version: int, patch: ModelPatch) -> ModelVersion:
        """Change description, stage or tags. Raises: NotFoundError, InvalidError."""
        ...

    @operation("DELETE", "/models/{model}/versions/{version}", may="model.delete", on="model")
    def delete_version(self, model: str, version: int) -> None:
        """Remove a version and the aliases that point at it. Its number is never used again. Raises: NotFoundError."""
        ...

    @operation("PUT", "/models/{model}/aliases/{alias}", may="model.write", on="model")
    def set_alias(self, model: str, alias: str, version: int | None) -> Model:
        """Point an alias at a version; None removes the alias. Raises: NotFoundError, InvalidError (the name)."""
        ...
