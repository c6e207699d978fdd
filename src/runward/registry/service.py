"""The rules of the registry."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import msgspec

from runward.core.call import BlobReference, Event, Room, Scope
from runward.core.ids import new_id
from runward.errors import AlreadyExistsError, InvalidError, NotFoundError
from runward.governance.dispatch import Call
from runward.governance.names import check_name
from runward.governance.scopes import Clause, home_team, readable_teams
from runward.registry import repository as sql
from runward.registry.api import Registry
from runward.registry.model import STAGES, Model, ModelPatch, ModelVersion, NewModel, NewVersion
from runward.tracking.foreign import ANY_PROJECT, ANY_RUN, any_project_scope, any_run_scope

_ALIAS = re.compile(r"[\w-]{1,255}")
_NUMBERED = re.compile(r"[vV]\d+")
_MAX_TEXT = 100_000


def check_model_name(name: str) -> str:
    """A model's name. Raises: InvalidError."""
    check_name(name, "the model's name")
    if "/" in name or ":" in name:
        raise InvalidError(f"model name {name!r} has a '/' or ':'", hint="both stand for parts of a model's address")
    return name


class RegistryService(Registry):
    """See :class:`Registry`."""

    room: ClassVar[str] = "registry"

    def __init__(self, call: Call) -> None:
        self.call, self.tx = call, call.tx

    def create_model(self, new: NewModel) -> Model:
        """See the contract."""
        check_model_name(new.name)
        self._check_free(new.name)
        team_id = home_team(self.tx, self.call.actor, new.team)
        assert team_id is not None
        model_id, now = new_id(), self.call.now_us
        values = {"id": model_id, "team_id": team_id, "name": new.name, "description": _text(new.description)}
        author = {"next_version": 1, "created_by": self.call.actor.name, "created_at": now, "updated_at": now}
        self.tx.insert("models", {**values, **author})
        sql.set_tags(self.tx, model_id, 0, _tags({**new.tags}))
        self._event("model.created", model_id, {"name": new.name})
        return self._model(model_id)

    def _check_free(self, name: str) -> None:
        if sql.model_place(self.tx, name) is not None:
            raise AlreadyExistsError(f"there is a model {name!r} already", hint="choose another name")

    def _model(self, model_id: str) -> Model:
        return sql.models(self.tx, Clause("m.id = ?", (model_id,)))[0]

    def _id(self, reference: str) -> str:
        found = sql.model_place(self.tx, reference)
        if found is None:
            raise NotFoundError(f"there is no model {reference!r}")
        return found[0]

    def _event(self, kind: str, model_id: str, data: dict[str, Any]) -> None:
        team_id = self.tx.scalar("SELECT team_id FROM models WHERE id = ?", (model_id,))
        self.call.publish(Event(kind, "model", model_id, "", team_id, data))

    def list_models(self) -> list[Model]:
        """See the contract."""
        teams = readable_teams(self.call.actor)
        return sql.models(self.tx, Clause(f"m.team_id IN {teams.sql}", teams.params))

    def get_model(self, model: str) -> Model:
        """See the contract."""
        return self._model(self._id(model))

    def update_model(self, model: str, patch: ModelPatch) -> Model:
        """See the contract."""
        model_id = self._id(model)
        if patch.name is not msgspec.UNSET and patch.name != self._model(model_id).name:
            self._check_free(check_model_name(patch.name))
        if patch.stage is not msgspec.UNSET:
            raise InvalidError("a model has no stage; its versions have", hint="update the version")
        self._patch(model_id, 0, patch)
        return self._model(model_id)

    def _patch(self, model_id: str, version: int, patch: ModelPatch) -> None:
        given = {"name": patch.name, "description": patch.description, "stage": patch.stage}
        values: dict[str, Any] = {key: value for key, value in given.items() if value is not msgspec.UNSET}
        if "description" in values:
            _text(values["description"])
        sql.set_columns(self.tx, model_id, version, {**values, "updated_at": self.call.now_us})
        if patch.tags is not msgspec.UNSET:
            sql.set_tags(self.tx, model_id, version, _tags(patch.tags))
        if version and "stage" in values:
            self._touch(model_id)
        self._event("model.updated", model_id, {"version": version, "fields": sorted(values)})

    def _touch(self, model_id: str) -> None:
        """Say that a model changed, by what happened to its versions or aliases."""
        sql.set_columns(self.tx, model_id, 0, {"updated_at": self.call.now_us})

    def delete_model(self, model: str) -> None:
        """See the contract."""
        model_id = self._id(model)
        self._event("model.deleted", model_id, {"name": self._model(model_id).name})
        sql.delete_model(self.tx, model_id)

    def create_version(self, model: str, new: NewVersion) -> ModelVersion:
        """See the contract."""
        model_id, now = self._id(model), self.call.now_us
        if new.run_id and self.call.role_on(ANY_RUN, new.run_id) is None:
            raise NotFoundError(f"there is no run {new.run_id!r}")
        version = sql.take_number(self.tx, model_id, now)
        values = {"model_id": model_id, "version": version, "source": _text(new.source), "run_id": new.run_id}
        said = {"logged_model_id": new.logged_model_id, "description": _text(new.description), "stage": STAGES[0]}
        author = {"created_by": self.call.actor.name, "created_at": now, "updated_at": now}
        self.tx.insert("model_versions", {**values, **said, **author})
        sql.set_tags(self.tx, model_id, version, _tags({**new.tags}))
        self._event("model.version_created", model_id, {"version": version, "run_id": new.run_id})
        return self._version(model_id, version)

    def _version(self, model_id: str, version: int) -> ModelVersion:
        found = sql.versions(self.tx, model_id, version)
        if not found:
            raise NotFoundError(f"model {self._model(model_id).name!r} has no version {version}")
        return found[0]

    def list_versions(self, model: str) -> list[ModelVersion]:
        """See the contract."""
        return sql.versions(self.tx, self._id(model))

    def update_version(self, model: str, version: int, patch: ModelPatch) -> ModelVersion:
        """See the contract."""
        model_id = self._id(model)
        self._version(model_id, version)
        if patch.name is not msgspec.UNSET:
            raise InvalidError("a version has no name of its own", hint="update the model")
        if patch.stage is not msgspec.UNSET and patch.stage not in STAGES:
            raise InvalidError(f"stage {patch.stage!r} is not known", hint=f"one of: {', '.join(STAGES)}")
        self._patch(model_id, version, patch)
        return self._version(model_id, version)

    def delete_version(self, model: str, version: int) -> None:
        """See the contract."""
        model_id = self._id(model)
        self._version(model_id, version)
        sql.delete_version(self.tx, model_id, version)
        self._touch(model_id)
        self._event("model.version_deleted", model_id, {"version": version})

    def set_alias(self, model: str, alias: str, version: int | None) -> Model:
        """See the contract."""
        model_id = self._id(model)
        if not _ALIAS.fullmatch(alias) or alias.lower() == "latest" or _NUMBERED.fullmatch(alias):
            raise InvalidError(
                f"alias {alias[:80]!r} cannot be used", hint="letters, digits, '_' and '-'; not 'latest', not 'v1'"
            )
        if version is not None:
            self._version(model_id, version)
        sql.set_alias(self.tx, model_id, alias, version)
        self._touch(model_id)
        self._event("model.alias_set", model_id, {"alias": alias, "version": version})
        return self._model(model_id)


def _text(text: str) -> str:
    if len(text) > _MAX_TEXT:
        raise InvalidError(f"the text has {len(text):,} characters, at most {_MAX_TEXT:,} are allowed")
    return text


def _tags(tags: dict[str, str | None]) -> dict[str, str | None]:
    for key, value in tags.items():
        check_name(key, "tag key")
        _text(value or "")
    return tags


def _model_scope(call: Call, reference: str) -> Scope | None:
    found = sql.model_place(call.tx, reference)
    return Scope((), found[1]) if found else None


ROOM = Room(
    Registry,
    RegistryService,
    {"model": _model_scope, ANY_RUN: any_run_scope, ANY_PROJECT: any_project_scope},
    {},
    (BlobReference("SELECT digest FROM stored_files"),),
    # A model's origin stays as long as the model does.
    ("SELECT run_id FROM model_versions",),
)
