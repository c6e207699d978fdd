"""Standards and gates: what a project asks of its runs, and whether a run gives it."""

from __future__ import annotations

import msgspec

from runward.core.call import Event
from runward.core.clock import from_us
from runward.core.ids import Digest
from runward.errors import GateClosedError, NotFoundError
from runward.governance.dispatch import Call
from runward.governance.revising import hold
from runward.governance.scopes import find_project, project_scope
from runward.repro.api import Repro
from runward.repro.records import Verification
from runward.review import repository as sql
from runward.review.captured import captured_document
from runward.review.checks import ITEMS
from runward.review.ci import required_ci
from runward.review.gates import NO_DELTAS, evaluate, name_problem, passed, summary
from runward.review.inputs import input_gates, license_gate, package_rule
from runward.review.licenses import check_rules
from runward.review.model import CheckResult, GateReport, Standards, StandardsVersion
from runward.review.rules import check_standards
from runward.review.standards_repository import add_standards, standards_for
from runward.review.workflow import check_workflow
from runward.store.database import Tx
from runward.tracking.api import Tracking
from runward.tracking.content import content_digest, detail_of, digest_of
from runward.tracking.marks import publish_at, set_mark
from runward.tracking.model import Run, RunDetail
from runward.tracking.organise_api import Organise


def standards_of(call: Call, project_id: str) -> StandardsVersion:
    """The standards in force in a project; the defaults, as version 0, where nobody set any."""
    return standards_for(call.tx, project_id) or StandardsVersion("", 0, Standards(), "", None)


def check_meetable(standards: Standards) -> None:
    """Raises: InvalidError (naming the field that nothing can meet)."""
    check_standards(standards)
    check_workflow(standards, ITEMS)
    for rule in standards.forbidden_packages:
        package_rule(rule)
    check_rules(standards.allowed_licenses, standards.forbidden_licenses)


class Gatekeeping:
    """The part of the service that knows standards and gates."""

    call: Call
    tx: Tx

    def get_standards(self, project: str) -> StandardsVersion:
        """See the contract."""
        found = find_project(self.tx, project)
        assert found is not None
        return standards_of(self.call, found.id)

    def set_standards(self, project: str, standards: Standards) -> StandardsVersion:
        """See the contract."""
        check_meetable(standards)
        hold(self.tx, "standards.in_force", alone=False)
        found = find_project(self.tx, project)
        assert found is not None
        if standards_of(self.call, found.id).standards.change_by_review:
            raise GateClosedError(
                f"the standards of {found.path} change only by a review",
                hint="propose them: runward standards propose PROJECT",
                gates=["review"],
            )
        add_standards(self.tx, found.id, standards, self.call.actor.name, self.call.now_us)
        data = {"title": f"Standards of {found.path}"}
        self.call.publish(Event("standards.updated", "project", found.id, found.id, found.team_id, data))
        return self.get_standards(project)

    def gates(self, run_id: str) -> GateReport:
        """See the contract."""
        found = sql.gates(self.tx, run_id, content_digest(self.tx, run_id))
        if found is None:
            raise NotFoundError(f"the gates of run {run_id} were not evaluated yet", hint="they are when the run ends")
        run = self.call.use(Tracking).get_run(run_id).run
        present = self._evaluated(run)
        return msgspec.structs.replace(found, outdated=found.outdated or present != found.results)

    def evaluate_gates(self, run_id: str) -> GateReport:
        """See the contract."""
        digest = self.note_gates(detail_of(self.tx, run_id))
        stored = sql.gates(self.tx, run_id, digest)
        assert stored is not None
        return stored

    def _evaluated(self, run: Run, project_id: str = "") -> list[CheckResult]:
        standards = standards_of(self.call, project_id or run.project_id).standards
        verifications = self._verifications(run.id) if standards.require_level else []
        deltas = self.call.use(Organise).deltas(run.id) if standards.baseline else NO_DELTAS
        ci = required_ci(self.tx, run.id, standards.required_ci)
        gates = evaluate(run, standards, verifications, deltas, from_us(self.call.now_us))
        if standards.allowed_licenses or standards.forbidden_licenses:
            gates.append(license_gate(captured_document(self.call, run.id, "environment"), standards))
        return [*gates, *input_gates(self.tx, run.id, standards), *ci]

    def note_gates(self, detail: RunDetail) -> Digest:
        """Evaluate a run's gates and store what they say of the digest that is returned."""
        run_id, results = detail.run.id, self._evaluated(detail.run)
        digest = digest_of(detail)
        sql.store_gates(self.tx, run_id, digest, results, passed(results), self.call.now_us)
        set_mark(self.call, run_id, "gates", "passed" if passed(results) else "closed", digest)
        data: dict[str, object] = {"passed": passed(results), "summary": summary(results, digest)}
        scope = project_scope(self.tx, detail.run.project_id, deleted=True)
        assert scope is not None
        place = (str(detail.run.project_id), scope.team_id)
        publish_at(self.call, place, "gates.evaluated", "run", run_id, run_id, data)
        return digest

    def _verifications(self, run_id: str) -> list[Verification]:
        return self.call.use(Repro).list_verifications(run_id=run_id)


def on_renamed(call: Call, event: Event) -> None:
    """See :func:`on_named`; other changes have no rule."""
    if "name" in event.data:
        on_named(call, event)


def on_named(call: Call, event: Event) -> None:
    """Refuse a name that breaks the project's rule, in the transaction that would have created it."""
    standards = standards_of(call, event.project_id).standards
    if problem := name_problem(str(event.data.get("name", "")), standards):
        raise GateClosedError(problem, hint=f"the rule is {standards.naming!r}", gates=["naming"])
