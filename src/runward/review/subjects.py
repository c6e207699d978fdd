"""What a review is about: a run, or the version of a model that it made; what is asked of it, and what applying it does."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from msgspec.structs import replace

from runward.core.hashing import digest_value
from runward.core.ids import Digest
from runward.core.kept import kept
from runward.data.spans import datasets_read
from runward.governance.calling import Call
from runward.governance.scopes import member_by_name
from runward.registry.aliases import alias_target
from runward.review import repository as sql
from runward.review.captured import captured_code, captured_document
from runward.review.checks import check_code
from runward.review.code.tree import Tree
from runward.review.groups import combined, labels, means, parts_of_all
from runward.review.model import CheckResult, Condition
from runward.review.places import Source, steps_of, values_of
from runward.review.promotion import promote, promotion_digest, promotion_missing
from runward.review.revisions import Parts, Snapshot, parts_of
from runward.review.rules import Touched
from runward.store.database import placeholders
from runward.tracking.api import Tracking
from runward.tracking.content import detail_of, digest_of
from runward.tracking.marks import clear_mark, set_mark
from runward.tracking.model import FileChange, Run, RunDetail


class Subject(Protocol):
    """One subject at one moment, in one transaction."""

    mend: ClassVar[str]
    """How its author mends what a check found."""

    @property
    def revision(self) -> Digest:
        """What a decision is about."""
        ...

    @property
    def parts(self) -> Parts:
        """The digests of what the revision is made of."""
        ...

    @property
    def source(self) -> Source:
        """What remarks can be about."""
        ...

    @property
    def snapshot(self) -> Snapshot:
        """What is shown of it once it is another one."""
        ...

    @property
    def restricted_page(self) -> str:
        """The restricted page whose text it would replace: what it says is read by who may read that. Empty for none."""
        ...

    def conditions(self) -> list[Condition]:
        """What the subject itself lacks."""
        ...

    def judge(self) -> list[CheckResult]:
        """The checks beside the project's gates."""
        ...

    def involved(self) -> dict[str, str]:
        """Members whose approval never counts, with the reason."""
        ...

    def touched(self) -> Touched:
        """What it changes or uses."""
        ...

    def changes(self) -> list[FileChange]:
        """Files that differ from what is known otherwise."""
        ...

    def apply(self, approved_by: list[str], *, overridden: str = "") -> None:
        """Make it so."""
        ...


class RunSubject:
    """Runs that are to become a team result as one, or a run whose version of a model is to get an alias."""

    mend: ClassVar[str] = "The author can mend it with a new run."
    restricted_page: ClassVar[str] = ""

    def __init__(self, call: Call, row: sql.ReviewRow) -> None:
        self.call, self.tx, self.row = call, call.tx, row

    @kept
    def details(self) -> list[RunDetail]:
        """The content of each run, the one that stands for all of them first."""
        return [detail_of(self.tx, run_id) for run_id in self.row.runs]

    @kept
    def revision(self) -> Digest:
        """Of several runs the same in whatever order they are named; of a promotion also which version the alias leaves."""
        if len(self.details) > 1:
            return digest_value([digest_of(detail) for detail in self._ordered])
        content = digest_of(self.details[0])
        return promotion_digest(self.tx, self.row, content) if self.row.model_id else content

    @property
    def _ordered(self) -> list[RunDetail]:
        return sorted(self.details, key=lambda detail: detail.run.id)

    @kept
    def parts(self) -> Parts:
        """See :class:`Subject`."""
        found, row = parts_of_all(self._ordered), self.row
        if row.model_id:
            found["version"] = f"{row.model_id}/{row.version}"
            found["alias"] = f"{row.alias}/{alias_target(self.tx, row.model_id, row.alias)}"
        return found

    @kept
    def source(self) -> Source:
        """See :class:`Subject`."""
        trees: list[Tree] = []

        def code() -> Tree:
            if not trees:
                trees.append(captured_code(self.call, self.row.run_id).tree)
            return trees[0]

        return Source(lambda: values_of(self.details[0]), code, lambda: steps_of(self.details[0]))

    @property
    def snapshot(self) -> Snapshot:
        """See :class:`Subject`."""
        run = self.details[0].run
        return Snapshot(run.id, self.row.version, run.commit, means(self.details))

    def conditions(self) -> list[Condition]:
        """See :class:`Subject`."""
        missing = promotion_missing(self.tx, self.row) if self.row.model_id else []
        if self.row.gone:
            missing.append(f"{self.row.gone} of its runs were deleted: restore them, or give the review other ones.")
        return [Condition("subject", False, said) for said in missing]

    @property
    def _coded(self) -> list[str]:
        """Of the runs with the same code the first; all others bring code of their own."""
        first: dict[str, str] = {}
        for detail in self.details:
            first.setdefault(parts_of(detail).get("code", ""), detail.run.id)
        return list(first.values())

    def judge(self) -> list[CheckResult]:
        """The checklist on all code that was run."""
        called = labels(detail.run for detail in self.details)
        first, *others = self._coded
        judged = [(called[first], self._judged(first, ""))]
        return combined([*judged, *((called[one], self._judged(one, f" ({called[one]})")) for one in others)])

    def _judged(self, run_id: str, of: str) -> list[CheckResult]:
        """The checklist on a run's code; its files are told from the first run's by whose they are."""
        code = captured_code(self.call, run_id)
        found = check_code(code.subject, {path: path for path in code.subject}, code.tree, also=code.rest).results
        return [replace(one, evidence=[replace(e, file=e.file and e.file + of) for e in one.evidence]) for one in found]

    def involved(self) -> dict[str, str]:
        """Who started a run, and who changed one last after it was over."""
        runs, of = self.row.runs, placeholders(self.row.runs)
        started = self.tx.all(f"SELECT DISTINCT creator_id FROM runs WHERE id IN ({of})", runs)
        changed = self.tx.all(
            f"""SELECT DISTINCT actor FROM events WHERE id IN (SELECT max(id) FROM events
                WHERE object_id IN ({of}) AND kind = 'run.changed' GROUP BY object_id)""",
            runs,
        )
        editors = [member_by_name(self.tx, row[0]) for row in changed]
        return {
            **{editor: "you changed this run last" for editor in editors if editor},
            **{str(row[0]): "you started this run" for row in started},
        }

    def touched(self) -> Touched:
        """Code that differs from the base, else what was not committed and the entry; the model; what data was read."""
        paths: set[str] = set()
        base = captured_document(self.call, self.row.base_id, "code") if self.row.base_id else None
        for run_id in self._coded:
            code = captured_document(self.call, run_id, "code")
            paths |= {*code.get("changed", []), *code.get("untracked", [])}
            paths |= captured_code(self.call, run_id).subject.keys() if base is None else _differing(base, code)
        read = {name for run_id in self.row.runs for name in datasets_read(self.tx, run_id)}
        return Touched(sorted(paths), self.row.model, self.row.alias, sorted(read))

    def changes(self) -> list[FileChange]:
        """What was not committed when the first run started, and how the code of the further ones differs from its."""
        tracking, (first, *others) = self.call.use(Tracking), self._coded
        called = labels(detail.run for detail in self.details)
        further = [
            replace(change, path=f"{change.path} ({called[run_id]})")
            for run_id in others
            for change in tracking.compare([first, run_id]).code
        ]
        return [*tracking.uncommitted(first), *further]

    def apply(self, approved_by: list[str], *, overridden: str = "") -> None:
        """See :class:`Subject`."""
        row = self.row
        if row.model_id:
            promote(self.call, row, approved_by, overridden=overridden)
            return
        for detail in self.details:
            run_id, content = detail.run.id, digest_of(detail)
            set_mark(self.call, run_id, "team_result", content, row.id)
            if overridden:
                set_mark(self.call, run_id, "not_reviewed", content, row.id)
            else:
                clear_mark(self.call, run_id, "not_reviewed")


def _differing(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """The paths whose content is not the same."""
    old, new = ({one["path"]: one.get("digest") for one in code.get("files", [])} for code in (before, after))
    return {path for path in old.keys() | new.keys() if old.get(path) != new.get(path)}


def base_run(call: Call, run_id: str) -> Run | None:
    """The run that a subject is compared with; None where there is none, or none that the caller may read."""
    return detail_of(call.tx, run_id).run if run_id and call.role_on("run", run_id) is not None else None
