"""MLflow's model registry: registered models, versions, stages, aliases."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from runward.core.clock import to_us
from runward.errors import ConflictError, NotFoundError
from runward.interop.mlflow.args import check_key, check_length
from runward.interop.mlflow.caller import Caller
from runward.interop.mlflow.errors import MlflowError, invalid, missing, taken
from runward.interop.mlflow.filters import Language, Lookup, by_mapping, parse_filter, parse_order, select
from runward.interop.mlflow.logged import artifact_uri_of, note_version, source_run_of
from runward.interop.mlflow.sources import check_source
from runward.registry.model import STAGES, Model, ModelPatch, ModelVersion, NewModel, NewVersion

Json = dict[str, Any]
_NUMBERS = frozenset({"creation_timestamp", "last_updated_timestamp", "timestamp", "version_number"})
_MODELS = Language(_NUMBERS | {"name"}, _NUMBERS)
_VERSIONS = Language(_NUMBERS | {"name", "run_id", "source_path", "source"}, _NUMBERS)
_IS_PROMPT = "mlflow.prompt.is_prompt"
_UNKNOWN_RUN = "runward.mlflow.run_id"
"""Keeps what a client calls the run of a version where there is no such run here: a model from another server."""


def _ms(moment: datetime) -> int:
    return to_us(moment) // 1000


def _pairs(tags: dict[str, str]) -> list[Json]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def version_json(item: ModelVersion) -> Json:
    """A version as MLflow's clients read it."""
    tags = dict(item.tags)
    unknown_run = tags.pop(_UNKNOWN_RUN, "")
    return {
        "name": item.model,
        "version": str(item.version),
        "creation_timestamp": _ms(item.created_at),
        "last_updated_timestamp": _ms(item.updated_at),
        "user_id": item.created_by,
        "current_stage": item.stage,
        "description": item.description,
        "source": item.source,
        "run_id": item.run_id or unknown_run,
        "status": "READY",
        "tags": _pairs(tags),
        "aliases": item.aliases,
        "model_id": item.logged_model_id,
    }


def model_json(item: Model) -> Json:
    """A model as MLflow's clients read it."""
    return {
        "name": item.name,
        "creation_timestamp": _ms(item.created_at),
        "last_updated_timestamp": _ms(item.updated_at),
        "user_id": item.created_by,
        "description": item.description,
        "tags": _pairs(item.tags),
        "aliases": [{"alias": alias, "version": str(version)} for alias, version in item.aliases.items()],
        "latest_versions": [version_json(version) for version in item.latest],
    }


def _name(caller: Caller, key: str = "name") -> str:
    name = caller.args.need(key)
    if not name.strip():
        raise invalid(f"Missing value for required parameter '{key}'.")
    if "/" in name or ":" in name:
        raise invalid(f"Invalid model name '{name}'. Names cannot contain '/' or ':'.")
    return name


def _number(caller: Caller) -> int:
    given = caller.args.need("version")
    if not (given.isascii() and given.isdigit() and len(given) < 18):
        raise invalid(f"Parameter 'version' must be an integer, got '{given}'.")
    return int(given)


def _model(caller: Caller, name: str) -> Model:
    try:
        found: Model = caller.do("registry.get_model", model=name)
    except NotFoundError:
        raise missing(f"Registered Model with name={name} not found") from None
    return found


def _version(caller: Caller) -> ModelVersion:
    name, number = _name(caller), _number(caller)
    for item in _versions(caller, name):
        if item.version == number:
            return item
    raise missing(f"Model Version (name={name}, version={number}) not found")


def _versions(caller: Caller, name: str) -> list[ModelVersion]:
    _model(caller, name)
    found: list[ModelVersion] = caller.do("registry.list_versions", model=name)
    return found


def _tags(caller: Caller) -> dict[str, str]:
    tags = caller.args.pairs("tags")
    for key, value in tags.items():
        _check_tag(key, value)
    return tags


def _check_tag(key: str, value: str) -> None:
    check_key(key, "key", "key")
    check_length(value, "value", 100_000)


# models ----------------------------------------


def create(caller: Caller) -> Json:
    """Register a model."""
    name = _name(caller)
    new = NewModel(name, description=caller.args.text("description"), tags=_tags(caller))
    try:
        return {"registered_model": model_json(caller.do("registry.create_model", new=new))}
    except ConflictError as error:
        raise taken(f"Registered Model (name={name}) already exists. Error: {error.message}") from error


def get(caller: Caller) -> Json:
    """One model."""
    return {"registered_model": model_json(_model(caller, _name(caller)))}


def rename(caller: Caller) -> Json:
    """Give a model another name."""
    name, wanted = _name(caller), _name(caller, "new_name")
    _model(caller, name)
    try:
        found = caller.do("registry.update_model", model=name, patch=ModelPatch(name=wanted))
    except ConflictError as error:
        raise taken(f"Registered Model (name={wanted}) already exists. Error: {error.message}") from error
    return {"registered_model": model_json(found)}


def update(caller: Caller) -> Json:
    """Describe a model."""
    name = _name(caller)
    _model(caller, name)
    patch = ModelPatch(description=caller.args.text("description"))
    return {"registered_model": model_json(caller.do("registry.update_model", model=name, patch=patch))}


def delete(caller: Caller) -> Json:
    """Remove a model with its versions."""
    name = _name(caller)
    _model(caller, name)
    caller.do("registry.delete_model", model=name)
    return {}


def _ordered(caller: Caller, found: list[Json], language: Language, kind: str, key: str) -> Json:
    size, offset = caller.args.page(100, 200_000)
    conditions = parse_filter(caller.args.text("filter"), language)
    order = parse_order(caller.args.texts("order_by"), language)
    shown = select(found, _lookup, conditions, order)
    answer: Json = {key: shown[offset : offset + size]}
    if offset + size < len(shown):
        answer["next_page_token"] = str(offset + size)
    return answer


def _lookup(item: Json) -> Lookup:
    number = {"version_number": int(item["version"])} if "version" in item else {}
    more = {"timestamp": item["last_updated_timestamp"], "source_path": item.get("source"), **number}
    # Clients leave prompts out by `tags.… != 'true'`, which is meant to hold for models without the tag.
    tags = {_IS_PROMPT: "false", **{tag["key"]: tag["value"] for tag in item["tags"]}}
    return by_mapping({**item, **more}, tags)


def search(caller: Caller) -> Json:
    """The models that match a filter."""
    found = [model_json(model) for model in caller.do("registry.list_models")]
    return _ordered(caller, found, _MODELS, "registered model", "registered_models")


def latest(caller: Caller) -> Json:
    """The newest version of each stage."""
    stages = [stage.lower() for stage in caller.args.texts("stages")]
    for stage in stages:
        _stage(stage)
    found = _model(caller, _name(caller)).latest
    return {"model_versions": [version_json(v) for v in found if not stages or v.stage.lower() in stages]}


def set_tag(caller: Caller) -> Json:
    """Set a tag of a model."""
    return _set_tag(caller, caller.args.text("value"))


def delete_tag(caller: Caller) -> Json:
    """Remove a tag of a model."""
    return _set_tag(caller, None)


def _set_tag(caller: Caller, value: str | None) -> Json:
    name, key = _name(caller), caller.args.need("key")
    _check_tag(key, value or "")
    _model(caller, name)
    caller.do("registry.update_model", model=name, patch=ModelPatch(tags={key: value}))
    return {}


# aliases ----------------------------------------


def _alias(caller: Caller) -> str:
    alias = caller.args.need("alias")
    if not alias.replace("-", "_").replace("_", "a").isalnum():
        raise invalid(
            f"Invalid alias name: '{alias}'. Names may only contain alphanumerics, underscores (_), and dashes (-)."
        )
    check_length(alias, "Registered model alias name", 255)
    if alias.lower() == "latest":
        raise invalid("'latest' alias name (case insensitive) is reserved.")
    if alias[0] in "vV" and alias[1:].isdigit():
        raise invalid(f"Version alias name '{alias}' is reserved.")
    return alias


def set_alias(caller: Caller) -> Json:
    """Point an alias at a version."""
    alias, version = _alias(caller), _version(caller)
    caller.do("registry.set_alias", model=version.model, alias=alias, version=version.version)
    return {}


def delete_alias(caller: Caller) -> Json:
    """Remove an alias."""
    name, alias = _name(caller), _alias(caller)
    _model(caller, name)
    caller.do("registry.set_alias", model=name, alias=alias, version=None)
    return {}


def by_alias(caller: Caller) -> Json:
    """The version that an alias points at; ``latest`` is the newest one."""
    name, alias = _name(caller), caller.args.need("alias")
    model, versions = _model(caller, name), _versions(caller, name)
    number = versions[0].version if alias.lower() == "latest" and versions else model.aliases.get(alias)
    for version in versions:
        if version.version == number:
            return {"model_version": version_json(version)}
    raise invalid(f"Registered model alias {alias} not found.")


# versions ----------------------------------------


def create_version(caller: Caller) -> Json:
    """Add a version."""
    name, source, args = _name(caller), caller.args.need("source"), caller.args
    tags, run_id, model_id = _tags(caller), args.text("run_id"), args.text("model_id")
    check_source(source, "model_id" if model_id else "run_id", prompt=tags.get(_IS_PROMPT) == "true")
    _model(caller, name)
    asked = model_id
    if not model_id and source.startswith("models:/m-"):
        model_id = source.removeprefix("models:/")
    if model_id and not run_id:
        run_id = source_run_of(caller, model_id)
    if run_id and not caller.sees_run(run_id):
        tags[_UNKNOWN_RUN], run_id = run_id, ""
    new = NewVersion(source, run_id, model_id, args.text("description"), tags)
    made: ModelVersion = caller.do("registry.create_version", model=name, new=new)
    if asked:
        note_version(caller, asked, name, made.version)
    return {"model_version": version_json(made)}


def get_version(caller: Caller) -> Json:
    """One version."""
    return {"model_version": version_json(_version(caller))}


def update_version(caller: Caller) -> Json:
    """Describe a version."""
    return _patched(caller, ModelPatch(description=caller.args.text("description")))


def _patched(caller: Caller, patch: ModelPatch) -> Json:
    found = _version(caller)
    changed = caller.do("registry.update_version", model=found.model, version=found.version, patch=patch)
    return {"model_version": version_json(changed)}


def _stage(stage: str) -> str:
    for known in STAGES:
        if known.lower() == stage.lower():
            return known
    raise invalid(f"Invalid Model Version stage: {stage}. Value must be one of {', '.join(STAGES)}.")


def transition(caller: Caller) -> Json:
    """Give a version a stage."""
    stage, present = _stage(caller.args.need("stage")), _version(caller)
    archives = caller.args.flag("archive_existing_versions")
    if archives and stage not in ("Staging", "Production"):
        raise invalid(
            f"Model version transition cannot archive existing model versions because '{stage}' is not an Active "
            "stage. Valid stages are Staging, Production"
        )
    # First what may be refused: then nothing is half done.
    moved = _patched(caller, ModelPatch(stage=stage))
    for other in _versions(caller, present.model) if archives else ():
        if other.stage == stage and other.version != present.version:
            patch = ModelPatch(stage="Archived")
            caller.do("registry.update_version", model=other.model, version=other.version, patch=patch)
    return moved


def delete_version(caller: Caller) -> Json:
    """Remove a version."""
    found = _version(caller)
    caller.do("registry.delete_version", model=found.model, version=found.version)
    return {}


def set_version_tag(caller: Caller) -> Json:
    """Set a tag of a version."""
    key, value = caller.args.need("key"), caller.args.text("value")
    _check_tag(key, value)
    _patched(caller, ModelPatch(tags={key: value}))
    return {}


def delete_version_tag(caller: Caller) -> Json:
    """Remove a tag of a version."""
    _patched(caller, ModelPatch(tags={caller.args.need("key"): None}))
    return {}


def search_versions(caller: Caller) -> Json:
    """The versions that match a filter, newest first; in another order, equal ones by name and newest first."""
    models = caller.do("registry.list_models")
    names = {c.value for c in parse_filter(caller.args.text("filter"), _VERSIONS) if (c.key, c.op) == ("name", "=")}
    found = [v for model in models if not names or model.name in names for v in _versions(caller, model.name)]
    found.sort(key=lambda version: (version.model, -version.version))
    if not caller.args.texts("order_by"):
        found.sort(key=lambda version: version.updated_at, reverse=True)
    return _ordered(caller, [version_json(v) for v in found], _VERSIONS, "model version", "model_versions")


def download_uri(caller: Caller) -> Json:
    """Where a version's files can be fetched."""
    return {"artifact_uri": _location(caller, _version(caller).source, 0)}


def _location(caller: Caller, source: str, depth: int) -> str:
    """The source itself, or where the model lies that it names."""
    if not source.startswith("models:/") or depth > 5:
        return source
    name, _, number = source.removeprefix("models:/").partition("/")
    if not number:
        return artifact_uri_of(caller, name)
    for version in _versions(caller, name):
        if str(version.version) == number:
            return _location(caller, version.source, depth + 1)
    raise MlflowError("RESOURCE_DOES_NOT_EXIST", f"Model Version (name={name}, version={number}) not found")
