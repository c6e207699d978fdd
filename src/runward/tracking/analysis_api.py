"""The contract of analysis: many runs at once, grouped, compared and drawn, each with one request."""

from __future__ import annotations

from typing import ClassVar, Protocol

from runward.core.operation import ON_LIST, operation
from runward.tracking.analysis_model import Against, Differences, RunCurves, RunGroups, RunMedia


class Analysis(Protocol):
    """Thread-safe. Reads only."""

    room: ClassVar[str] = "analysis"

    @operation("GET", "/run-groups", may="run.read", on=ON_LIST)
    def group_runs(
        self,
        by: list[str],
        project: str = "",
        where: str = "",
        metrics: str = "",
        sort: str = "",
        against: Against = "best",
    ) -> RunGroups:
        """Groups of runs, such as the seeds of one setting, with means, 95 % intervals and a test.

        Args:
            by: What the runs of a group share: ``params.lr``, ``tags.team``, ``experiment``; ``params`` stands for
                every param but the seed.
            project: Id or path; the projects below it count too. Empty for all visible ones.
            where: A condition in the search language.
            metrics: By commas: ``metrics.loss,metrics.acc.max``.
            sort: One of the metrics (``-metrics.acc`` puts the greatest mean first), a ``by``, or ``n``.
            against: ``best`` tests every group against the first one where a metric orders them, ``baseline`` against
                the project's baseline.

        Raises: InvalidError (an unknown field, no metric, more than 100,000 runs), NotFoundError (no baseline).
        """
        ...

    @operation("GET", "/differences", may="run.read", on=ON_LIST)
    def differences(
        self,
        run_ids: list[str],
        search: str = "",
        same: bool = False,
        limit: int = 200,
        offset: int = 0,
        only: str = "",
    ) -> Differences:
        """Up to 200 runs side by side: the keys that differ, page by page.

        Args:
            run_ids: The runs, in the order of the columns.
            search: Text that a key contains, in whatever case.
            same: Also the keys that are the same everywhere.
            limit: At most so many keys of each kind, up to 1,000.
            offset: How many keys of each kind to pass over.
            only: Exactly these, by commas: ``metrics.loss,params.lr``.

        Raises: NotFoundError, InvalidError.
        """
        ...

    @operation("GET", "/curves", may="run.read", on=ON_LIST)
    def curves(self, run_ids: list[str], keys: list[str], width: int = 0) -> list[RunCurves]:
        """Series of up to 1,000 runs at once. With a ``width`` in pixels at most two points a column come back.

        Raises: NotFoundError, InvalidError (more than 10,000 series).
        """
        ...

    @operation("GET", "/media", may="run.read", on=ON_LIST)
    def media(self, run_ids: list[str]) -> list[RunMedia]:
        """What up to 200 runs logged as images, sounds, texts, tables and histograms, by key and step.

        Raises: NotFoundError, InvalidError.
        """
        ...
