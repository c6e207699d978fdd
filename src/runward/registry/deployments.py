"""Where versions were deployed: records that are only added, and what they say of who served when."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from runward.core.call import Event
from runward.core.hashing import digest_value
from runward.errors import ConflictError, GateClosedError, InvalidError, StaleVersionError
from runward.governance.calling import Call
from runward.governance.names import check_name
from runward.governance.scopes import Clause
from runward.registry import repository as sql
from runward.registry.aliases import evidence_of
from runward.registry.contents import files_of
from runward.registry.model import AliasEvidence, AliasMove, Model, ModelVersion
from runward.registry.version_model import Deployment, DeploymentEvidence, ModelFile, NewDeployment

_MAX_TEXT = 10_000
_MAX_MOVES = 1000


def record(call: Call, model: Model, version: ModelVersion, new: NewDeployment) -> Deployment:
    """See :meth:`runward.registry.api.Registry.record_deployment`."""
    check_name(new.target, "target")
    for what, text in (("url", new.url), ("note", new.note)):
        if len(text) > _MAX_TEXT or "\0" in text:
            raise InvalidError(f"{what} has {len(text):,} characters; at most {_MAX_TEXT:,} are kept, and no NUL")
    _check_url(new.url)
    if new.alias and model.aliases.get(new.alias) != version.version:
        raise StaleVersionError(
            f"alias {new.alias!r} points at version {model.aliases.get(new.alias, 'none')}, not at {version.version}",
            hint="look again, then deploy",
        )
    _check_serves(call, model, version, new)
    files, _ = files_of(call, model.id, version)
    run = evidence_of(call, version.run_id)
    let_in, warnings = _judged(call, model, version, run, files)
    if new.reviewed_only and let_in is None:
        raise GateClosedError(
            f"{model.name} {version.version} may not be deployed: {warnings[0]}",
            hint=f"ask for a review: runward model request {model.name} {version.version} production",
            gates=["review"],
        )
    if let_in is not None:
        run = msgspec.structs.replace(run, review=let_in.evidence.review, approved_by=let_in.evidence.approved_by)
    evidence = _evidence(run, files)
    values = {"target": new.target, "state": new.state, "alias": new.alias, "url": new.url, "note": new.note}
    call.tx.insert(
        "deployments",
        {
            "model_id": model.id,
            "version": version.version,
            **values,
            "reviewed": int(let_in is not None),
            "warnings": msgspec.json.encode(warnings).decode(),
            "evidence": msgspec.json.encode(evidence).decode(),
            "author": call.actor.name,
            "author_id": call.actor.member_id,
            "at": call.now_us,
        },
    )
    _tell(call, model, version.version, new, let_in is not None, warnings)
    return sql.deployments(call.tx, Clause("d.model_id = ?", (model.id,)), 1)[0]


def _check_url(url: str) -> None:
    if url and not url.startswith(("https://", "http://", "grpc://", "grpcs://")):
        raise InvalidError(f"url {url[:80]!r} is no address", hint="https://…, or leave it out")


def _check_serves(call: Call, model: Model, version: ModelVersion, new: NewDeployment) -> None:
    if new.state != "retired":
        return
    found = next(iter(serving(call, model.id, new.target)), None)
    if found is None or found.version != version.version:
        present = f"version {found.version} serves it" if found else "nothing serves it"
        raise ConflictError(
            f"version {version.version} of {model.name!r} does not serve {new.target!r}, so it cannot be retired there",
            hint=present,
        )


def _evidence(run: AliasEvidence, files: Iterable[ModelFile]) -> DeploymentEvidence:
    content = digest_value({file.path: file.digest for file in files})
    return DeploymentEvidence(run=run, files=content, digest=digest_value([msgspec.to_builtins(run), content]))


def _judged(
    call: Call, model: Model, version: ModelVersion, run: AliasEvidence, files: Iterable[ModelFile]
) -> tuple[AliasMove | None, list[str]]:
    """The move by which a review let in what is deployed, and what to be warned of."""
    about = Clause("a.model_id = ? AND a.version = ?", (model.id, version.version))
    moves = sql.moves(call.tx, about, _MAX_MOVES)
    reviewed = [move for move in moves if move.reviewed]
    let_in = next((move for move in reviewed if move.evidence.revision == run.revision), None)
    warnings = [] if let_in is not None else [_not_reviewed(version, moves, reviewed)]
    for alias in model.protected:
        target = model.aliases.get(alias)
        if target is not None and target != version.version:
            warnings.append(f"{alias} is version {target}, not {version.version}")
    for file in files:
        if file.format.dangerous:
            warnings.append(f"loading {file.path} would call {', '.join(file.format.dangerous[:3])}")
    return let_in, warnings


def _not_reviewed(version: ModelVersion, moves: list[AliasMove], reviewed: list[AliasMove]) -> str:
    if reviewed:
        return f"the run of version {version.version} changed since review #{reviewed[0].evidence.review} let it in"
    if past := next((move for move in moves if move.how == "override"), None):
        return f"version {version.version} got {past.alias} past its review, by {past.by}: {past.reason}"
    return f"no applied review let version {version.version} in"


def _tell(call: Call, model: Model, version: int, new: NewDeployment, is_reviewed: bool, warnings: list[str]) -> None:
    team_id = str(call.tx.scalar("SELECT team_id FROM models WHERE id = ?", (model.id,)))
    told = {"version": version, "target": new.target, "state": new.state, "url": new.url, "note": new.note}
    data = {"title": model.name, **told, "reviewed": is_reviewed, "warnings": warnings}
    call.publish(Event("deployment.recorded", "model", model.id, "", team_id, data))


def serving(call: Call, model_id: str, target: str = "", at_us: int | None = None) -> list[Deployment]:
    """For each target the record of what serves it, or served it at a time; targets without any are left out."""
    words, params = "d.model_id = ?", list[str | int]([model_id])
    if target:
        words, params = f"{words} AND d.target = ?", [*params, target]
    if at_us is not None:
        words, params = f"{words} AND d.at <= ?", [*params, at_us]
    found: dict[str, Deployment] = {}
    for one in reversed(sql.deployments(call.tx, Clause(words, tuple(params)))):
        present = found.get(one.target)
        if one.state == "live":
            found[one.target] = one
        elif one.state in ("failed", "retired") and present is not None and present.version == one.version:
            del found[one.target]
    return [found[name] for name in sorted(found)]


def check_serves_nothing(call: Call, model: Model, version: int = 0) -> None:
    """Raises: ConflictError (the version, or any, serves a target)."""
    held = [one for one in serving(call, model.id) if version in (0, one.version)]
    if held:
        raise ConflictError(
            f"version {held[0].version} of {model.name!r} serves {held[0].target!r}",
            hint=f"first: runward model deploy {model.name} {held[0].version} --to {held[0].target} --state retired",
        )
