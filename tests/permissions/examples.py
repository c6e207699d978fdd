"""A call of every operation, with real objects: each succeeds for who may."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from runward.coordination.hooks_model import NewHook
from runward.coordination.model import TeamMessage
from runward.data.model import ColumnDoc, NewDatasetVersion
from runward.governance.model import NewMember, NewToken
from runward.insights.model import NewReport, ReportChange
from runward.knowledge.libraries_model import NewRelease
from runward.knowledge.model import NewPage, PagePatch, Situation
from runward.policy.model import Terms
from runward.privacy.model import FileDecision, NewErasure, NewHold
from runward.registry.model import ModelPatch, NewModel, NewVersion
from runward.registry.version_model import NewDeployment
from runward.repro.jobs_model import NewVerificationJob, VerificationPolicy
from runward.repro.records import NewVerification
from runward.review.feedback_model import NewCiResult
from runward.review.forges.model import NewForge
from runward.review.model import Change, NewReview, Proposal, Standards, Waiver
from runward.review.standards_model import StandardsEdit
from runward.testing.worlds import batch
from runward.tracking.intake_model import SOURCE_TAG, ForeignRun
from runward.tracking.model import (
    CapturePart,
    NewArtifact,
    NewExperiment,
    NewProject,
    NewRun,
    RunEnd,
    RunPatch,
    RunStatus,
)
from runward.tracking.organise_model import BulkEdit, Collect, NewBaseline, NewComment, NewView
from tests.permissions.estate import CHECK, COMMIT, Estate

Arguments = dict[str, Any]
Example = Callable[[Estate], Arguments]
_MEMBER = "bystander"
_VERIFIED = NewVerification("reproduced", "basic", "all agree", {}, 1.0, "host")


def _page(estate: Estate, title: str = "new page") -> NewPage:
    return NewPage(team=estate.team, title=title, body="text")


def _foreign_run() -> ForeignRun:
    at = datetime(2024, 1, 1, tzinfo=UTC)
    return ForeignRun(
        id="imported1234",
        version="v1",
        name="old",
        status=RunStatus.FINISHED,
        started_at=at,
        ended_at=at,
        tags={SOURCE_TAG: "mlflow"},
    )


GOVERNANCE: Final[dict[str, Example]] = {
    "governance.whoami": lambda e: {},
    "governance.list_members": lambda e: {},
    "governance.create_member": lambda e: {"new": NewMember("newcomer", team=e.team)},
    "governance.invite": lambda e: {"member": _MEMBER},
    "governance.grant": lambda e: {"member": _MEMBER, "scope_kind": "team", "scope": e.team, "role": "viewer"},
    "governance.grant_verb": lambda e: {"member": _MEMBER, "scope_kind": "team", "scope": e.team, "verb": "export"},
    "governance.deactivate_member": lambda e: {"member": _MEMBER},
    "governance.activate_member": lambda e: {"member": _MEMBER},
    "governance.connect_member": lambda e: {"member": _MEMBER, "issuer": "https://id.example", "subject": "s"},
    "governance.disconnect_member": lambda e: {"member": _MEMBER},
    "governance.list_teams": lambda e: {},
    "governance.create_team": lambda e: {"name": "new team"},
    "governance.list_tokens": lambda e: {},
    "governance.create_token": lambda e: {"new": NewToken("mine")},
    "governance.project_access": lambda e: {"project": e.project},
    "governance.team_access": lambda e: {"team": e.team},
    "governance.audit": lambda e: {},
    "governance.could_see": lambda e: {
        "since": "2026-01-01T00:00:00Z",
        "until": "2099-01-01T00:00:00Z",
        "member": _MEMBER,
    },
    "governance.prove_audit": lambda e: {},
    "governance.checkpoint_audit": lambda e: {},
    "governance.prove_event": lambda e: {"event_id": 1},
    "governance.list_keys": lambda e: {},
}
POLICY: Final[dict[str, Example]] = {
    "policy.get_label": lambda e: {"thing": f"run:{e.run}"},
    "policy.set_label": lambda e: {"thing": f"run:{e.run}", "label": "restricted"},
    "policy.set_terms": lambda e: {"dataset": e.dataset, "terms": Terms(purposes=["testing"])},
    "policy.scan": lambda e: {"thing": f"run:{e.run}"},
}
TRACKING: Final[dict[str, Example]] = {
    "tracking.list_projects": lambda e: {},
    "tracking.create_project": lambda e: {"new": NewProject("fresh", team=e.team)},
    "tracking.get_project": lambda e: {"project": e.project},
    "tracking.known_keys": lambda e: {"project": e.project},
    "tracking.missing_blobs": lambda e: {"project": e.project, "digests": [e.digest]},
    "tracking.list_experiments": lambda e: {},
    "tracking.create_experiment": lambda e: {"new": NewExperiment(e.project, "second sweep")},
    "tracking.get_experiment": lambda e: {"experiment_id": e.experiment},
    "tracking.set_metadata": lambda e: {"experiment_id": e.experiment, "metadata": {"a": 1}},
    "tracking.end_experiment": lambda e: {"experiment_id": e.experiment, "status": RunStatus.FINISHED},
    "tracking.search_runs": lambda e: {},
    "tracking.create_run": lambda e: {"new": NewRun(project=e.project)},
    "tracking.resolve_run": lambda e: {"ref": e.run},
    "tracking.get_run": lambda e: {"run_id": e.run},
    "tracking.update_run": lambda e: {"run_id": e.run, "patch": RunPatch(purpose="other")},
    "tracking.append": lambda e: {"run_id": e.running, "batch": batch(0, {"v": [(0, 1.0)]}, client="c9")},
    "tracking.end_run": lambda e: {"run_id": e.running, "end": RunEnd(RunStatus.FINISHED)},
    "tracking.resume_run": lambda e: {"run_id": e.base},
    "tracking.delete_run": lambda e: {"run_id": e.base},
    "tracking.series": lambda e: {"run_id": e.run, "keys": ["acc"]},
    "tracking.output": lambda e: {"run_id": e.run},
    "tracking.history": lambda e: {"run_id": e.run},
    "tracking.add_artifact": lambda e: {"run_id": e.running, "artifact": NewArtifact("b.txt", e.digest)},
    "tracking.add_artifacts": lambda e: {"run_id": e.running, "artifacts": [NewArtifact("c.txt", e.digest)]},
    "tracking.put_captures": lambda e: {"run_id": e.running, "parts": [CapturePart("reads", e.digest, {})]},
    "tracking.compare": lambda e: {"run_ids": [e.run, e.second]},
    "tracking.code_file": lambda e: {"run_id": e.run, "path": "train.py"},
    "tracking.uncommitted": lambda e: {"run_id": e.run},
    "analysis.group_runs": lambda e: {"by": ["params.lr"]},
    "analysis.differences": lambda e: {"run_ids": [e.run, e.second]},
    "analysis.curves": lambda e: {"run_ids": [e.run], "keys": ["acc"]},
    "analysis.media": lambda e: {"run_ids": [e.run]},
    "environments.environment": lambda e: {"run_id": e.run},
    "environments.lock_content": lambda e: {"run_id": e.run, "path": "uv.lock"},
    "environments.environment_differences": lambda e: {"first": e.run, "second": e.second},
    "intake.known_imports": lambda e: {"run_ids": [e.run]},
    "intake.import_runs": lambda e: {"project": e.project, "runs": [_foreign_run()]},
}
ORGANISE: Final[dict[str, Example]] = {
    "organise.move_project": lambda e: {"project": e.project, "path": "elsewhere"},
    "organise.archive_project": lambda e: {"project": e.project},
    "organise.delete_project": lambda e: {"project": e.project},
    "organise.restore_project": lambda e: {"deleted_project_id": e.gone_project},
    "organise.restore_run": lambda e: {"deleted_run_id": e.gone_run},
    "organise.set_favourite": lambda e: {"project": e.project},
    "organise.set_pin": lambda e: {"run_id": e.run},
    "organise.layout": lambda e: {"project": e.project},
    "organise.set_baseline": lambda e: {"project": e.project, "baseline": NewBaseline(run_ids=[e.run])},
    "organise.deltas": lambda e: {"run_id": e.run},
    "organise.edit_runs": lambda e: {"project": e.project, "edit": BulkEdit(run_ids=[e.run], set_tags={"a": "b"})},
    "organise.save_view": lambda e: {"view": NewView(e.project, "second view")},
    "organise.get_view": lambda e: {"view_id": e.view},
    "organise.delete_view": lambda e: {"view_id": e.view},
    "organise.list_comments": lambda e: {"run_id": e.run},
    "organise.readers": lambda e: {"project": e.project},
    "organise.add_comment": lambda e: {"run_id": e.run, "comment": NewComment("well")},
    "organise.edit_comment": lambda e: {"comment_id": e.comment, "body": "changed", "version": 1},
    "organise.remove_comment": lambda e: {"comment_id": e.comment},
    "organise.resolve_comment": lambda e: {"comment_id": e.comment},
    "organise.comment_versions": lambda e: {"comment_id": e.comment},
    "organise.collect_garbage": lambda e: {"collect": Collect()},
}
REGISTRY: Final[dict[str, Example]] = {
    "registry.create_model": lambda e: {"new": NewModel("fresh-model", e.team)},
    "registry.list_models": lambda e: {},
    "registry.get_model": lambda e: {"model": e.model},
    "registry.update_model": lambda e: {"model": e.model, "patch": ModelPatch(description="other")},
    "registry.delete_model": lambda e: {"model": e.spare_model},
    "registry.create_version": lambda e: {"model": e.model, "new": NewVersion(f"runs:/{e.run}/model", e.run)},
    "registry.list_versions": lambda e: {"model": e.model},
    "registry.get_version": lambda e: {"model": e.model, "version": 1},
    "registry.get_card": lambda e: {"model": e.model, "version": 1},
    "registry.write_card": lambda e: {"model": e.model, "version": 1, "fields": {"summary": "It says what it is."}},
    "registry.card_history": lambda e: {"model": e.model, "version": 1},
    "registry.update_version": lambda e: {"model": e.model, "version": 1, "patch": ModelPatch(description="other")},
    "registry.delete_version": lambda e: {"model": e.model, "version": 1},
    "registry.set_alias": lambda e: {"model": e.model, "alias": "shadow", "version": 1},
    "registry.alias_history": lambda e: {"model": e.model},
    "registry.record_deployment": lambda e: {"model": e.model, "new": NewDeployment(1, "eu")},
    "registry.list_deployments": lambda e: {"model": e.model},
    "registry.serving": lambda e: {"model": e.model},
    "registry.record_handoff": lambda e: {"model": e.model, "version": 1, "digest": e.data_digest},
    "registry.accept_handoff": lambda e: {"model": e.model, "digest": e.digest},
    "registry.list_handoffs": lambda e: {"model": e.model},
    "registry.protect_model": lambda e: {"model": e.model, "aliases": ["production", "staging"]},
    "registry.rollback_alias": lambda e: {"model": e.model, "alias": "production", "reason": "it is worse"},
    "registry.override_alias": lambda e: {"model": e.model, "alias": "production", "version": 1, "reason": "at once"},
}
DATA: Final[dict[str, Example]] = {
    "data.add_version": lambda e: {"new": NewDatasetVersion(project=e.project, dataset="towns", manifest=e.version)},
    "data.list_datasets": lambda e: {"project": e.project},
    "data.find_datasets": lambda e: {},
    "data.get_dataset": lambda e: {"dataset": e.dataset},
    "data.describe_dataset": lambda e: {"dataset": e.dataset, "description": "other"},
    "data.delete_dataset": lambda e: {"dataset": e.dataset},
    "data.list_versions": lambda e: {"dataset": e.dataset},
    "data.version_history": lambda e: {"dataset": e.dataset},
    "data.get_version": lambda e: {"dataset": e.dataset, "version": e.version},
    "data.get_manifest": lambda e: {"dataset": e.dataset, "version": e.version},
    "data.find_files": lambda e: {"dataset": e.dataset, "version": e.version},
    "data.diff_versions": lambda e: {"dataset": e.dataset, "version": e.version},
    "data.diff_table": lambda e: {"dataset": e.dataset, "version": e.version, "path": "cities.csv"},
    "data.delete_version": lambda e: {"dataset": e.dataset, "version": e.version},
    "data.set_name": lambda e: {"dataset": e.dataset, "name": "stable", "version": e.version},
    "data.set_dictionary": lambda e: {
        "dataset": e.dataset,
        "version": e.version,
        "columns": [ColumnDoc(table="cities.csv", column="size", description="people")],
    },
    "data.lineage": lambda e: {"project": e.project},
}
REPRO: Final[dict[str, Example]] = {
    "repro.record": lambda e: {"run_id": e.run, "new": _VERIFIED},
    "repro.replicates": lambda e: {"run_id": e.run},
    "repro.list_verifications": lambda e: {},
    "repro.get_verification": lambda e: {"verification_id": e.verification},
    "repro.signing_key": lambda e: {},
    "jobs.request_verification": lambda e: {"run_id": e.base, "new": NewVerificationJob("basic")},
    "jobs.list_verification_jobs": lambda e: {},
    "jobs.get_verification_job": lambda e: {"job_id": e.queued},
    "jobs.cancel_verification_job": lambda e: {"job_id": e.queued},
    "jobs.claim_verification_job": lambda e: {"worker": "mine"},
    "jobs.renew_verification_job": lambda e: {"job_id": e.taken, "claim": e.claim},
    "jobs.release_verification_job": lambda e: {"job_id": e.taken, "claim": e.claim},
    "jobs.finish_verification_job": lambda e: {"job_id": e.taken, "claim": e.claim, "failure": "no disk"},
    "jobs.get_verification_policy": lambda e: {"project": e.project},
    "jobs.set_verification_policy": lambda e: {"project": e.project, "policy": VerificationPolicy("basic")},
    "jobs.clear_verification_policy": lambda e: {"project": e.project},
    "findings.verification_rates": lambda e: {},
    "findings.record_explanation": lambda e: {"run_id": e.run, "new": e.explanation_of()},
    "findings.list_explanations": lambda e: {"run_id": e.run},
    "findings.get_explanation": lambda e: {"explanation_id": e.explanation},
}
KNOWLEDGE: Final[dict[str, Example]] = {
    "knowledge.publish": lambda e: {"new": _page(e)},
    "knowledge.list_pages": lambda e: {},
    "knowledge.get_page": lambda e: {"page_id": e.page},
    "knowledge.edit_page": lambda e: {"page_id": e.page, "patch": PagePatch(body="other")},
    "knowledge.page_versions": lambda e: {"page_id": e.page},
    "knowledge.search": lambda e: {"query": "page"},
    "knowledge.recommend": lambda e: {"situation": Situation(text="page")},
    "libraries.list_items": lambda e: {},
    "libraries.publish": lambda e: {
        "new": NewRelease(name="fresh/base", version="1.0.0", document={"a": 1}, team=e.team)
    },
    "libraries.get_item": lambda e: {"library": e.library},
    "libraries.list_releases": lambda e: {"library": e.library},
    "libraries.get_release": lambda e: {"library": e.library},
    "libraries.compare": lambda e: {"library": e.library, "before": "1.0.0", "after": "1.0.1"},
    "libraries.uses": lambda e: {"library": e.library},
    "coordination.inbox": lambda e: {},
    "coordination.mark_read": lambda e: {"ids": [1]},
    "coordination.notify_team": lambda e: {"message": TeamMessage("hello", e.team)},
    "hooks.list_project_hooks": lambda e: {"project": e.project},
    "hooks.create_project_hook": lambda e: {"project": e.project, "new": NewHook("https://127.0.0.1/new")},
    "hooks.list_team_hooks": lambda e: {"team": e.team},
    "hooks.create_team_hook": lambda e: {"team": e.team, "new": NewHook("https://127.0.0.1/new")},
    "hooks.delete_hook": lambda e: {"hook_id": e.hook},
    "hooks.send_test": lambda e: {"hook_id": e.hook},
    "hooks.list_deliveries": lambda e: {"hook_id": e.hook},
    "hooks.get_delivery": lambda e: {"delivery_id": e.delivery},
    "hooks.deliver_again": lambda e: {"delivery_id": e.delivery},
}
REVIEW: Final[dict[str, Example]] = {
    "review.get_standards": lambda e: {"project": e.project},
    "review.set_standards": lambda e: {"project": e.project, "standards": Standards(name="other")},
    "review.gates": lambda e: {"run_id": e.run},
    "review.evaluate_gates": lambda e: {"run_id": e.run},
    "review.list_reviews": lambda e: {},
    "review.request_review": lambda e: {"new": NewReview(e.base)},
    "review.propose": lambda e: {"project": e.project, "proposal": Proposal(page=_page(e, "another"))},
    "review.revise": lambda e: {"review_id": e.proposal, "proposal": Proposal(page=_page(e, f"{e.word} proposed"))},
    "review.get_review": lambda e: {"review_id": e.review},
    "review.run_checks": lambda e: {"review_id": e.review},
    "review.approve": lambda e: {"review_id": e.review},
    "review.request_changes": lambda e: {"review_id": e.review, "comment": "more seeds"},
    "review.open_draft": lambda e: {"review_id": e.draft},
    "review.change_subject": lambda e: {"review_id": e.review, "change": Change(e.base)},
    "review.apply_review": lambda e: {"review_id": e.approved},
    "review.waive": lambda e: {"review_id": e.review, "waiver": Waiver(CHECK, "a known limit")},
    "review.override": lambda e: {"review_id": e.review, "reason": "at once"},
    "review.comment": lambda e: {"review_id": e.review, "body": "well"},
    "review.resolve_thread": lambda e: {"review_id": e.review, "thread": e.thread},
    "review.mark_seen": lambda e: {"review_id": e.review, "revision": e.revision},
    "review.withdraw": lambda e: {"review_id": e.review},
    "review.reject": lambda e: {"review_id": e.review, "reason": "not better"},
    "feedback.report_ci": lambda e: {"run_id": e.run, "result": NewCiResult("unit", "pass")},
    "feedback.report_ci_on_commit": lambda e: {
        "project": e.project,
        "commit": COMMIT,
        "result": NewCiResult("unit", "pass"),
    },
    "feedback.list_ci_results": lambda e: {"run_id": e.run},
    "feedback.similar_rejections": lambda e: {"review_id": e.review},
    "forges.get_forge": lambda e: {"project": e.project},
    "forges.set_forge": lambda e: {"project": e.project, "new": NewForge("github", "o/n", "t", "https://127.0.0.1/x")},
    "forges.remove_forge": lambda e: {"project": e.project},
    "forges.forge_deliveries": lambda e: {"project": e.project},
    "standards.in_force": lambda e: {"project": e.project},
    "standards.edit": lambda e: {"project": e.project, "edit": StandardsEdit(values={"approvals": 3})},
    "standards.propose": lambda e: {"project": e.project, "edit": StandardsEdit(values={"approvals": 3})},
    "standards.list_versions": lambda e: {"project": e.project},
    "standards.compare": lambda e: {"project": e.project, "before": 1, "after": 2},
    "health.health": lambda e: {},
    "reviewed.review_report": lambda e: {"review_id": e.review},
    "reviewed.review_report_page": lambda e: {"review_id": e.review},
}
REPORTS: Final[dict[str, Example]] = {
    "reports.list_reports": lambda e: {"project": e.project},
    "reports.create_report": lambda e: {"new": NewReport(e.project, "second report")},
    "reports.preview_report": lambda e: {"new": NewReport(e.project, "second report")},
    "reports.get_report": lambda e: {"report_id": e.report},
    "reports.update_report": lambda e: {"report_id": e.report, "change": ReportChange("other", [])},
    "reports.delete_report": lambda e: {"report_id": e.report},
    "reports.restore_report": lambda e: {"deleted_report_id": e.gone_report},
    "reports.pin_report": lambda e: {"report_id": e.report},
    "reports.report_page": lambda e: {"report_id": e.report},
    "reports.report_links": lambda e: {"report_id": e.report},
    "reports.share_report": lambda e: {"report_id": e.report},
    "reports.revoke_report_link": lambda e: {"report_link_id": e.link},
}
PRIVACY: Final[dict[str, Example]] = {
    "privacy.export_person": lambda e: {"person": "@me"},
    "privacy.survey_person": lambda e: {"person": _MEMBER},
    "privacy.request_erasure": lambda e: {"new": NewErasure(_MEMBER, "left")},
    "privacy.list_erasures": lambda e: {},
    "privacy.get_erasure": lambda e: {"erasure_id": e.erasure},
    "privacy.confirm_erasure": lambda e: {"erasure_id": e.erasure},
    "privacy.decide_files": lambda e: {"erasure_id": e.waiting, "others": FileDecision("delete")},
    "privacy.withdraw_erasure": lambda e: {"erasure_id": e.erasure},
    "privacy.set_retention": lambda e: {"project": e.project, "kind": "runs", "after_days": 90.0},
    "privacy.remove_retention": lambda e: {"project": e.project, "kind": "logs"},
    "privacy.list_retention": lambda e: {"project": e.project},
    "privacy.retention_due": lambda e: {},
    "privacy.apply_retention": lambda e: {},
    "privacy.list_set_aside": lambda e: {"run_id": e.stripped},
    "privacy.restore_set_aside": lambda e: {"run_id": e.stripped, "kind": "tables"},
    "privacy.set_hold": lambda e: {"new": NewHold("case", project=e.project)},
    "privacy.list_holds": lambda e: {},
    "privacy.lift_hold": lambda e: {"hold_id": e.hold, "reason": "settled"},
}
EXAMPLES: Final[dict[str, Example]] = {
    **PRIVACY,
    **GOVERNANCE,
    **POLICY,
    **TRACKING,
    **ORGANISE,
    **REGISTRY,
    **DATA,
    **REPRO,
    **KNOWLEDGE,
    **REVIEW,
    **REPORTS,
}
"""By the operation's id."""
OWN_TOKEN: Final = "governance.revoke_token"
"""The one operation whose example is each caller's own: it ends a token of theirs."""
