"""A version with all that is known of it."""

from __future__ import annotations

from typing import Any

from runward.governance.calling import Call
from runward.governance.scopes import Clause
from runward.registry import repository as sql
from runward.registry.aliases import evidence_of
from runward.registry.cardwriting import card_state
from runward.registry.contents import described, files_of
from runward.registry.deployments import serving
from runward.registry.model import ModelVersion
from runward.registry.version_model import VersionDetail
from runward.tracking.content import detail_of

_MAX_MOVES = 200
_CODE = ("commit", "branch", "remote", "dirty", "digest", "changed", "untracked")


def version_detail(call: Call, model_id: str, version: ModelVersion) -> VersionDetail:
    """See :meth:`runward.registry.api.Registry.get_version`."""
    evidence = evidence_of(call, version.run_id)
    project, summaries = "", dict[str, dict[str, Any]]()
    if evidence.run_id:
        run = detail_of(call.tx, evidence.run_id)
        project, summaries = run.run.project, {part.kind: part.summary for part in run.captures}
    files, fixed = files_of(call, model_id, version)
    signature, example, expected = described(call, model_id, version.version)
    about = Clause("a.model_id = ? AND (a.version = ? OR a.previous = ?)", (model_id, version.version, version.version))
    return VersionDetail(
        version=version,
        project=project,
        evidence=evidence,
        code={key: value for key, value in summaries.get("code", {}).items() if key in _CODE},
        environment=_environment(summaries.get("environment", {})),
        files=files,
        fixed=fixed,
        signature=signature,
        input_example=example,
        expected_output=expected,
        card=card_state(call, model_id, version.version),
        serving=[one for one in serving(call, model_id) if one.version == version.version],
        moves=sql.moves(call.tx, about, _MAX_MOVES),
    )


def _environment(summary: dict[str, Any]) -> dict[str, Any]:
    """In a few words: the packages are counted."""
    packages = summary.get("packages")
    told = {key: value for key, value in summary.items() if key in ("python", "platform", "digest")}
    return {**told, "packages": len(packages)} if isinstance(packages, dict) else told
