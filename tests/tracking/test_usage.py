"""An older format has no place for what a run used."""

from __future__ import annotations

from pathlib import Path

import pytest

from runward.core.usage import Usage
from runward.errors import MigrationNeededError
from runward.review.feedback_model import NewCiResult
from runward.review.model import EvidenceItem
from runward.store.migrations import LATEST, MIGRATIONS, m0022_usage, migrate
from runward.tracking.model import NewProject, NewRun, RunEnd, RunStatus
from runward.workspace import open_folder

BEFORE = MIGRATIONS.index(m0022_usage)


@pytest.mark.parametrize(
    ("usage", "places", "lost"),
    [
        (Usage(), [], ""),
        (Usage(gpu_percent=0.0), [], "what runs used"),
        (Usage(), [EvidenceItem("x", "a.py", 1)], "places of results"),
    ],
)
def test_the_way_down_names_what_it_would_lose(
    tmp_path: Path, usage: Usage, places: list[EvidenceItem], lost: str
) -> None:
    """And goes down, and up again, where there is nothing to lose."""
    space = open_folder(tmp_path / "ws")
    space.tracking.create_project(NewProject("p"))
    run = space.tracking.create_run(NewRun(project="p"))
    space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED, usage=usage))
    space.feedback.report_ci(run.id, NewCiResult("tests", "fail", evidence=places))
    database = space.dispatcher.database
    # What came later may have something of its own to keep, which is not the question here.
    migrate(database, BEFORE + 1)
    if lost:
        with pytest.raises(MigrationNeededError, match=lost):
            migrate(database, BEFORE)
    else:
        migrate(database, BEFORE)
    migrate(database, LATEST)
    assert space.tracking.get_run(run.id).run.gpu_percent == usage.gpu_percent
    assert space.feedback.list_ci_results(run.id)[0].evidence == places
