"""What a review is about: a run, or the version of a model that it made; what is asked of it, and what applying it does."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar, Protocol

from runward.core.ids import Digest
from runward.data.spans import datasets_read
from runward.governance.dispatch import Call
from runward.governance.scopes import member_by_name
from runward.registry.aliases import alias_target
from runward.review import repository as sql
from runward.review.captured import captured_code, captured_document
from runward.review.checks import check_code
from runward.review.code.tree import Tree
from runward.review.model import CheckResult, Condition
from runward.review.places import Source, values_of
from runward.review.promotion import promote, promotion_digest, promotion_missing
from runward.review.revisions import Parts, Snapshot, parts_of
from runward.review.rules import Touched
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
    """A run that is to become a team result, or whose version of a model is to get an alias."""

    mend: ClassVar[str] = "The author can mend it with a new run."

    def __init__(self, call: Call, row: sql.ReviewRow) -> None:
        self.call, self.tx, self.row = call, call.tx, row

    @cached_property
    def detail(self) -> RunDetail:
        """The run's content."""
        return detail_of(self.tx, self.row.run_id)

    @cached_property
    def revision(self) -> Digest:
        """For a promotion also which version the alias leaves."""
        content = digest_of(self.detail)
        return promotion_digest(self.tx, self.row, content) if self.row.model_id else content

    @cached_property
    def parts(self) -> Parts:
        """See :class:`Subject`."""
        found, row = parts_of(self.detail), self.row
        if row.model_id:
            found["version"] = f"{row.model_id}/{row.version}"
            found["alias"] = f"{row.alias}/{alias_target(self.tx, row.model_id, row.alias)}"
        return found

    @cached_property
    def source(self) -> Source:
        """See :class:`Subject`."""
        trees: list[Tree] = []

        def code() -> Tree:
            if not trees:
                trees.append(captured_code(self.call, self.row.run_id).tree)
            return trees[0]

        return Source(lambda: values_of(self.detail), code)

    @property
    def snapshot(self) -> Snapshot:
        """See :class:`Subject`."""
        run = self.detail.run
        return Snapshot(run.id, self.row.version, run.commit, {key: m.last for key, m in sorted(run.metrics.items())})

    def conditions(self) -> list[Condition]:
        """See :class:`Subject`."""
        missing = promotion_missing(self.tx, self.row) if self.row.model_id else []
        return [Condition("subject", False, said) for said in missing]

    def judge(self) -> list[CheckResult]:
        """The checklist on the run's code."""
        code = captured_code(self.call, self.row.run_id)
        return check_code(code.subject, {path: path for path in code.subject}, code.tree, also=code.rest).results

    def involved(self) -> dict[str, str]:
        """Who started the run, and who changed it last after it was over."""
        creator = self.tx.scalar("SELECT creator_id FROM runs WHERE id = ?", (self.row.run_id,))
        found = {str(creator): "you started this run"}
        last = self.tx.scalar(
            "SELECT actor FROM events WHERE object_id = ? AND kind = 'run.changed' ORDER BY id DESC LIMIT 1",
            (self.row.run_id,),
        )
        editor = member_by_name(self.tx, last) if last else None
        return {editor: "you changed this run last", **found} if editor else found

    def touched(self) -> Touched:
        """Code that differs from the base, else what was not committed and the entry; the model; what data it read."""
        code = captured_document(self.call, self.row.run_id, "code")
        paths = {*code.get("changed", []), *code.get("untracked", [])}
        if self.row.base_id:
            paths |= _differing(captured_document(self.call, self.row.base_id, "code"), code)
        else:
            paths |= captured_code(self.call, self.row.run_id).subject.keys()
        return Touched(sorted(paths), self.row.model, self.row.alias, datasets_read(self.tx, self.row.run_id))

    def changes(self) -> list[FileChange]:
        """What was not committed when the run started."""
        return self.call.use(Tracking).uncommitted(self.row.run_id)

    def apply(self, approved_by: list[str], *, overridden: str = "") -> None:
        """See :class:`Subject`."""
        row = self.row
        if row.model_id:
            promote(self.call, row, approved_by, overridden=overridden)
            return
        set_mark(self.call, row.run_id, "team_result", self.revision, row.id)
        if overridden:
            set_mark(self.call, row.run_id, "not_reviewed", self.revision, row.id)
        else:
            clear_mark(self.call, row.run_id, "not_reviewed")


def _differing(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """The paths whose content is not the same."""
    old, new = ({one["path"]: one.get("digest") for one in code.get("files", [])} for code in (before, after))
    return {path for path in old.keys() | new.keys() if old.get(path) != new.get(path)}


def base_run(call: Call, run_id: str) -> Run | None:
    """The run that a subject is compared with; None where there is none, or none that the caller may read."""
    return detail_of(call.tx, run_id).run if run_id and call.role_on("run", run_id) is not None else None
