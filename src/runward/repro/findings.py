"""The rules of findings: what a rate counts, and what reruns must show before a cause is recorded."""

from __future__ import annotations

import math
from typing import ClassVar

import msgspec

from runward.core.call import Room, Scope
from runward.core.clock import from_us
from runward.core.ids import new_id
from runward.core.intervals import wilson
from runward.errors import InvalidError, NotFoundError
from runward.governance.calling import Call
from runward.governance.scopes import project_scope, readable_projects
from runward.repro import findings_repository as sql
from runward.repro.findings_api import Findings
from runward.repro.findings_model import (
    AGREE,
    FIRST,
    FIXED,
    REPEATS,
    ExplanationDetail,
    ExplanationLine,
    ExplanationReport,
    LevelRate,
    NewExplanation,
    VerificationRates,
)
from runward.store.database import Row
from runward.tracking.api import Tracking
from runward.tracking.content import content_digest
from runward.tracking.marks import publish_on_run

LEVELS = ("basic", "environment", "statistical", "conceptual")
STEADY = (REPEATS, AGREE)
_MOST_BYTES = 4 << 20
_HINT = "`runward why` records what its reruns showed"


class FindingsService(Findings):
    """See :class:`Findings`."""

    room: ClassVar[str] = "findings"

    def __init__(self, call: Call) -> None:
        self.call, self.tx = call, call.tx

    def verification_rates(self, project: str = "") -> VerificationRates:
        """See the contract."""
        visible = self.call.visible_projects(project)
        by_level = sql.outcomes(self.tx, visible, by_level=True)
        return VerificationRates(
            sql.eligible(self.tx, visible),
            _rate("", sql.outcomes(self.tx, visible, by_level=False)),
            [_rate(level, [one for one in by_level if one.attempted == level]) for level in LEVELS],
        )

    def record_explanation(self, run_id: str, new: NewExplanation) -> ExplanationDetail:
        """See the contract."""
        report = new.report
        if report.first != run_id:
            raise InvalidError(f"report: its first run is {report.first[:100]!r}, it is recorded on {run_id!r}")
        if self.call.role_on("run", report.second) is None:
            raise NotFoundError(f"there is no run {report.second[:100]!r}")
        for each in (report.first, report.second):
            run = self.call.use(Tracking).get_run(each).run
            if not run.status.is_terminal:
                raise InvalidError(f"run {run.name!r} is still running", hint="wait for its end")
        if not math.isfinite(new.duration_s) or new.duration_s < 0:
            raise InvalidError(f"duration_s: {new.duration_s} are no seconds")
        document = msgspec.json.encode(report).decode()
        if len(document) > _MOST_BYTES:
            raise InvalidError(f"report: it has {len(document):,} bytes, at most {_MOST_BYTES:,} are kept")
        check_report(report)
        return self._store(new, document)

    def _store(self, new: NewExplanation, document: str) -> ExplanationDetail:
        report, explanation_id = new.report, new_id()
        self.tx.insert(
            "explanations",
            {
                "id": explanation_id,
                "first_id": report.first,
                "second_id": report.second,
                "first_digest": content_digest(self.tx, report.first),
                "second_digest": content_digest(self.tx, report.second),
                "answer": report.answer,
                "reason": report.reason,
                "report": document,
                "author": self.call.actor.name,
                "host": new.host,
                "at": self.call.now_us,
                "duration_s": new.duration_s,
            },
        )
        data: dict[str, object] = {"answer": report.answer, "title": f"Why: {report.reason[:300]}"}
        publish_on_run(self.call, "explanation.recorded", "explanation", explanation_id, report.first, data)
        return self.get_explanation(explanation_id)

    def list_explanations(self, run_id: str, limit: int = 50) -> list[ExplanationLine]:
        """See the contract."""
        rows = sql.explanations(self.tx, run_id, readable_projects(self.call.actor), min(max(limit, 1), 500))
        return [self._line(row) for row in rows]

    def get_explanation(self, explanation_id: str) -> ExplanationDetail:
        """See the contract."""
        found = sql.explanation(self.tx, explanation_id)
        # Who may see the first run only must not learn of the second one's code.
        if found is None or self.call.role_on("run", found[0][3]) is None:
            raise NotFoundError(f"there is no explanation {explanation_id!r}")
        return ExplanationDetail(self._line(found[0]), msgspec.json.decode(found[1], type=ExplanationReport))

    def _line(self, row: Row) -> ExplanationLine:
        digests = content_digest(self.tx, row[1]), content_digest(self.tx, row[3])
        return ExplanationLine(
            id=row[0],
            first_id=row[1],
            first_name=row[2],
            second_id=row[3],
            second_name=row[4],
            answer=row[5],
            reason=row[6],
            by=row[7],
            host=row[8],
            at=from_us(row[9]),
            duration_s=row[10],
            outdated=digests != (row[11], row[12]),
        )


def _rate(level: str, outcomes: list[sql.Outcome]) -> LevelRate:
    """A level's counts. The newest attempt counts, and only as far as the run is still what was rerun."""
    current = [one for one in outcomes if not one.outdated]

    def count(verdict: str, earned: bool | None = None) -> int:
        return sum(one.runs for one in current if one.verdict == verdict and earned in (None, one.earned))

    attempted, reproduced = sum(one.runs for one in outcomes), count("reproduced", True)
    low, high = wilson(reproduced, attempted)
    return LevelRate(
        level=level,
        attempted=attempted,
        reproduced=reproduced,
        differs=count("not_reproduced"),
        undecided=count("undecided"),
        unearned=count("reproduced", False),
        outdated=sum(one.runs for one in outcomes if one.outdated),
        rate=reproduced / attempted if attempted else None,
        low=low,
        high=high,
    )


def check_report(report: ExplanationReport) -> None:
    """Refuse an answer that the report's own reruns do not show. Raises: InvalidError."""
    if report.answer == "undecided":
        if report.cause or report.source:
            raise InvalidError("report: undecided, and yet it names a cause", hint=_HINT)
    elif report.answer == "nothing_differs":
        if report.cause or report.source or report.first != report.second:
            raise InvalidError("report: nothing differs, and yet it names a difference", hint=_HINT)
        # What changed since may have been tried first, and found not to matter.
        _must_show(report, [], (REPEATS,), also=(FIRST,))
    elif bool(report.cause) == bool(report.source):
        raise InvalidError("report: an answer that was shown has a cause or a source, not both", hint=_HINT)
    elif report.source:
        _must_show(report, [f"{FIXED}{rung}" for rung in _rungs(report)], STEADY)
    else:
        _check_cause(report)


def _rungs(report: ExplanationReport) -> list[str]:
    """The settings that a source names, in the words of the reruns that fixed them."""
    known = {title.removeprefix(FIXED) for rerun in report.reruns for title in rerun.put_back}
    named = [rung for rung in known if rung in report.source]
    if sorted(" and ".join(named)) != sorted(report.source):
        raise InvalidError(f"report: no rerun fixed {report.source[:200]!r}", hint=_HINT)
    return named


def _check_cause(report: ExplanationReport) -> None:
    titles = {one.title for one in report.cause}
    if missing := titles - {one.title for one in report.differences}:
        raise InvalidError(f"report: {min(missing)[:200]!r} is a cause and no difference", hint=_HINT)
    aside = set(report.set_aside)
    _must_show(report, sorted(titles | aside), (FIRST,))
    for rerun in report.reruns:
        if set(rerun.put_back) - aside < titles and rerun.result == FIRST:
            said = ", ".join(rerun.put_back)[:200] or "nothing"
            raise InvalidError(f"report: the first result came out with {said} put back: a smaller cause", hint=_HINT)


def _must_show(
    report: ExplanationReport, put_back: list[str], results: tuple[str, ...], also: tuple[str, ...] = ()
) -> None:
    """A rerun with exactly this put back gave one of the results, and none gave another one (``also`` says no other)."""
    trials = [rerun.result for rerun in report.reruns if sorted(rerun.put_back) == sorted(put_back)]
    if not any(result in results for result in trials) or any(result not in (*results, *also) for result in trials):
        said = ", ".join(put_back)[:200] or "nothing"
        raise InvalidError(
            f"report: no rerun with {said} put back shows the answer, it gave {', '.join(trials)[:200] or 'nothing'}",
            hint=_HINT,
        )


def _scope(call: Call, explanation_id: str) -> Scope | None:
    found = sql.first_project(call.tx, explanation_id)
    return project_scope(call.tx, found) if found else None


ROOM = Room(Findings, FindingsService, {"explanation": _scope}, {})
