"""The rules of the registry."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

import msgspec

from runward.core.call import BlobReference, Event, Room, Scope
from runward.core.clock import to_us
from runward.core.ids import new_id
from runward.core.permissions import PERMISSIONS
from runward.errors import (
    AlreadyExistsError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
)
from runward.governance.dispatch import Call
from runward.governance.names import check_name
from runward.governance.scopes import Clause, find_project, home_team, readable_teams
from runward.registry import deployments
from runward.registry import repository as sql
from runward.registry.aliases import check_alias, check_stage, check_unprotected, model_of, move_alias, rolled_back
from runward.registry.api import NEWEST, Registry
from runward.registry.cardwriting import card_history, card_of, card_state, write_card
from runward.registry.contents import note_contents
from runward.registry.model import (
    PROTECTED,
    STAGES,
    AliasMove,
    Model,
    ModelPatch,
    ModelVersion,
    NewModel,
    NewVersion,
)
from runward.registry.version_model import Card, CardChange, Deployment, Handoff, NewDeployment, VersionDetail
from runward.registry.versions import version_detail
from runward.store.blobs import check_digest
from runward.tracking.foreign import ANY_PROJECT, ANY_RUN, any_project_scope, any_run_scope
from runward.tracking.marks import run_place

_MAX_TEXT = 100_000
_PROMPT = "mlflow.prompt.is_prompt"
"""MLflow keeps its prompts as models; no run makes them, so no review of a run can let them in."""


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
        guarded = {"protected": json.dumps([] if _PROMPT in new.tags else PROTECTED), "project_id": ""}
        author = {"next_version": 1, "created_by": self.call.actor.name, "created_at": now, "updated_at": now}
        self.tx.insert("models", {**values, **guarded, **author})
        sql.set_tags(self.tx, model_id, 0, _tags({**new.tags}))
        self._event("model.created", model_id, {"name": new.name})
        return self._model(model_id)

    def _check_free(self, name: str) -> None:
        if sql.model_place(self.tx, name) is not None:
            raise AlreadyExistsError(f"there is a model {name!r} already", hint="choose another name")

    def _model(self, model_id: str) -> Model:
        return model_of(self.call, model_id)

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
        found = self._model(model_id)
        if patch.name is not msgspec.UNSET and patch.name != found.name:
            self._check_free(check_model_name(patch.name))
            if set(found.protected) & set(found.aliases) and not self._is_maintainer(model_id):
                raise ForbiddenError(
                    f"model {found.name!r} has protected aliases, which others use by its name: a maintainer renames it"
                )
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
        found = self._model(model_id)
        self._check_not_in_use(found, found.aliases)
        deployments.check_serves_nothing(self.call, found)
        self._event("model.deleted", model_id, {"name": found.name})
        sql.delete_model(self.tx, model_id)

    def _check_not_in_use(self, model: Model, aliases: Iterable[str]) -> None:
        if held := sorted(set(model.protected) & set(aliases)):
            raise ConflictError(
                f"model {model.name!r} has the protected alias {', '.join(held)}",
                hint="take it away first, then delete",
            )

    def create_version(self, model: str, new: NewVersion) -> ModelVersion:
        """See the contract."""
        model_id, now = self._id(model), self.call.now_us
        if new.run_id and self.call.role_on(ANY_RUN, new.run_id) is None:
            raise NotFoundError(f"there is no run {new.run_id!r}")
        if new.run_id and not self.tx.scalar("SELECT project_id FROM models WHERE id = ?", (model_id,)):
            sql.set_columns(self.tx, model_id, 0, {"project_id": run_place(self.call, new.run_id)[0]})
        version = sql.take_number(self.tx, model_id, now)
        values = {"model_id": model_id, "version": version, "source": _text(new.source), "run_id": new.run_id}
        said = {"logged_model_id": new.logged_model_id, "description": _text(new.description), "stage": STAGES[0]}
        author = {"created_by": self.call.actor.name, "created_at": now, "updated_at": now}
        self.tx.insert("model_versions", {**values, **said, **author})
        sql.set_tags(self.tx, model_id, version, _tags({**new.tags}))
        note_contents(self.call, model_id, version, new)
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

    def get_version(self, model: str, version: int) -> VersionDetail:
        """See the contract."""
        model_id = self._id(model)
        return version_detail(self.call, model_id, self._version(model_id, version))

    def get_card(self, model: str, version: int, number: int = NEWEST) -> Card:
        """See the contract."""
        model_id = self._id(model)
        return card_of(self.call, model_id, self._version(model_id, version), number)

    def write_card(self, model: str, version: int, fields: dict[str, str]) -> Card:
        """See the contract."""
        model_id = self._id(model)
        sql.lock_model(self.tx, model_id)
        found = self._version(model_id, version)
        changed = write_card(self.call, model_id, version, fields)
        if changed:
            self._event("model.card_written", model_id, {"version": version, "fields": changed, "title": found.model})
        return card_of(self.call, model_id, found)

    def card_history(self, model: str, version: int) -> list[CardChange]:
        """See the contract."""
        model_id = self._id(model)
        self._version(model_id, version)
        return card_history(self.call, model_id, version)

    def update_version(self, model: str, version: int, patch: ModelPatch) -> ModelVersion:
        """See the contract."""
        model_id = self._id(model)
        self._version(model_id, version)
        if patch.name is not msgspec.UNSET:
            raise InvalidError("a version has no name of its own", hint="update the model")
        if patch.stage is not msgspec.UNSET and patch.stage not in STAGES:
            raise InvalidError(f"stage {patch.stage!r} is not known", hint=f"one of: {', '.join(STAGES)}")
        if patch.stage is not msgspec.UNSET:
            check_stage(self._model(model_id), version, patch.stage)
        self._patch(model_id, version, patch)
        return self._version(model_id, version)

    def delete_version(self, model: str, version: int) -> None:
        """See the contract."""
        model_id = self._id(model)
        aliases = self._version(model_id, version).aliases
        self._check_not_in_use(self._model(model_id), aliases)
        deployments.check_serves_nothing(self.call, self._model(model_id), version)
        for alias in aliases:
            move_alias(self.call, model_id, alias, None, "deletion", reason=f"version {version} was deleted")
        sql.delete_version(self.tx, model_id, version)
        self._touch(model_id)
        self._event("model.version_deleted", model_id, {"version": version})

    def set_alias(self, model: str, alias: str, version: int | None, reason: str = "") -> Model:
        """See the contract."""
        found = self._locked(model, alias, version)
        present = found.aliases.get(alias, 0)
        if version is not None:
            check_unprotected(found, alias, version)
        elif alias in found.protected and present and not self._is_maintainer(found.id):
            raise ForbiddenError(f"alias {alias!r} of {found.name!r} is protected: a maintainer takes it away")
        if (version or 0) != present:
            move_alias(self.call, found.id, alias, version, "set", reason=_text(reason))
        return self._model(found.id)

    def _is_maintainer(self, model_id: str) -> bool:
        role = self.call.role_on("model", model_id)
        return role is not None and role >= PERMISSIONS["model.protect"]

    def _locked(self, model: str, alias: str, version: int | None) -> Model:
        """The model, which nobody else changes meanwhile. Raises: NotFoundError (also the version), InvalidError."""
        model_id = self._id(model)
        check_alias(alias)
        sql.lock_model(self.tx, model_id)
        if version is not None:
            self._version(model_id, version)
        return self._model(model_id)

    def alias_history(
        self, model: str, alias: str = "", at: datetime | None = None, limit: int = 200
    ) -> list[AliasMove]:
        """See the contract."""
        words, params = "a.model_id = ?", [self._id(model)]
        if alias:
            words, params = f"{words} AND a.alias = ?", [*params, alias]
        if at is None:
            return sql.moves(self.tx, Clause(words, tuple(params)), min(max(limit, 1), 1000))
        newest = "SELECT max(n.id) FROM alias_moves n WHERE n.model_id = a.model_id AND n.alias = a.alias AND n.at <= ?"
        clause = Clause(f"{words} AND a.version > 0 AND a.id = ({newest})", (*params, to_us(at)))
        return sql.moves(self.tx, clause, 1000)

    def record_deployment(self, model: str, new: NewDeployment) -> Deployment:
        """See the contract."""
        model_id = self._id(model)
        sql.lock_model(self.tx, model_id)
        return deployments.record(self.call, self._model(model_id), self._version(model_id, new.version), new)

    def list_deployments(self, model: str, target: str = "", limit: int = 200) -> list[Deployment]:
        """See the contract."""
        words, params = "d.model_id = ?", (self._id(model),)
        clause = Clause(f"{words} AND d.target = ?", (*params, target)) if target else Clause(words, params)
        return sql.deployments(self.tx, clause, min(max(limit, 1), 1000))

    def serving(self, model: str, target: str = "", at: datetime | None = None) -> list[Deployment]:
        """See the contract."""
        return deployments.serving(self.call, self._id(model), target, to_us(at) if at else None)

    def record_handoff(self, model: str, version: int, digest: str) -> Handoff:
        """See the contract."""
        model_id, handoff_id = self._id(model), new_id()
        self._version(model_id, version)
        made = {"id": handoff_id, "model_id": model_id, "version": version, "digest": check_digest(digest)}
        accepted = {"accepted_by": "", "accepted_at": 0, "note": ""}
        self.tx.insert("handoffs", {**made, "author": self.call.actor.name, "at": self.call.now_us, **accepted})
        self._event("model.handed_over", model_id, {"version": version, "digest": digest})
        return sql.handoffs(self.tx, Clause("h.id = ?", (handoff_id,)))[0]

    def accept_handoff(self, model: str, digest: str, note: str = "") -> Handoff:
        """See the contract."""
        model_id = self._id(model)
        sql.lock_model(self.tx, model_id)
        found = sql.handoffs(self.tx, Clause("h.model_id = ? AND h.digest = ?", (model_id, check_digest(digest))))
        if not found:
            raise NotFoundError(
                f"no bundle with the digest {digest[:12]} was handed over", hint=f"runward model handoffs {model}"
            )
        if found[0].accepted_by:
            raise ConflictError(f"{found[0].accepted_by} accepted this bundle already")
        sql.accept_handoff(self.tx, found[0].id, self.call.actor.name, _text(note), self.call.now_us)
        told = {"version": found[0].version, "digest": digest, "title": found[0].model, "handed_over_by": found[0].by}
        self._event("model.accepted", model_id, {**told, "note": note})
        return sql.handoffs(self.tx, Clause("h.id = ?", (found[0].id,)))[0]

    def list_handoffs(self, model: str, version: int = 0) -> list[Handoff]:
        """See the contract."""
        words, params = "h.model_id = ?", (self._id(model),)
        return sql.handoffs(
            self.tx, Clause(f"{words} AND h.version = ?", (*params, version)) if version else Clause(words, params)
        )

    def protect_model(self, model: str, aliases: list[str], project: str = "") -> Model:
        """See the contract."""
        model_id = self._id(model)
        values: dict[str, Any] = {"protected": json.dumps(sorted({check_alias(alias) for alias in aliases}))}
        if project:
            found = find_project(self.tx, project)
            if found is None or self.call.role_on("project", found.path) is None:
                raise NotFoundError(f"there is no project {project!r}")
            values["project_id"] = found.id
        sql.set_columns(self.tx, model_id, 0, {**values, "updated_at": self.call.now_us})
        self._event("model.protected", model_id, {"aliases": aliases, "project": project})
        return self._model(model_id)

    def rollback_alias(self, model: str, alias: str, reason: str) -> Model:
        """See the contract."""
        found = self._locked(model, alias, None)
        before = rolled_back(self.call, found, alias)
        # What let it in then stands behind it now; where nothing did, nothing does.
        review = ("", before.evidence.review, before.evidence.approved_by)
        move_alias(self.call, found.id, alias, before.version, "rollback", reason=_reason(reason), review=review)
        return self._model(found.id)

    def override_alias(self, model: str, alias: str, version: int, reason: str) -> Model:
        """See the contract."""
        found = self._locked(model, alias, version)
        move_alias(self.call, found.id, alias, version, "override", reason=_reason(reason))
        return self._model(found.id)


def _reason(reason: str) -> str:
    if not reason.strip():
        raise InvalidError("reason is empty", hint="say why: the history keeps it")
    return _text(reason)


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


def _version_state(call: Call, model: str, version: int) -> list[Any]:
    service = RegistryService(call)
    found = service._version(service._id(model), version)
    return [found.description, found.stage, found.tags, found.aliases]


def _card_state(call: Call, model: str, version: int, number: int) -> list[Any]:
    service = RegistryService(call)
    model_id = service._id(model)
    service._version(model_id, version)
    return [card_state(call, model_id, version).number]


ROOM = Room(
    Registry,
    RegistryService,
    {"model": _model_scope, ANY_RUN: any_run_scope, ANY_PROJECT: any_project_scope},
    {},
    (BlobReference("SELECT digest FROM stored_files"), BlobReference("SELECT digest FROM version_files")),
    # A model's origin stays as long as the model does.
    ("SELECT run_id FROM model_versions",),
    states={"get_version": _version_state, "get_card": _card_state},
)
