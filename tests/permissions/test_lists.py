"""Lists are filtered by one clause: as many statements for a thousand rows as for one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runward.governance.calling import Call
from runward.governance.model import NewMember
from runward.governance.scopes import readable_projects
from runward.tracking.api import Tracking
from runward.tracking.model import NewProject, NewRun
from runward.workspace import FolderWorkspace, Workspace, open_folder
from tests.permissions.estate import Estate
from tests.permissions.site import acting
from tests.statements import counted

LISTS: dict[str, Callable[[Workspace], object]] = {
    "tracking.search_runs": lambda space: space.tracking.search_runs(limit=1000),
    "tracking.list_projects": lambda space: space.tracking.list_projects(),
    "tracking.list_experiments": lambda space: space.tracking.list_experiments(limit=1000),
    "repro.list_verifications": lambda space: space.repro.list_verifications(),
    "jobs.list_verification_jobs": lambda space: space.jobs.list_verification_jobs(),
    "review.list_reviews": lambda space: space.review.list_reviews(),
    "registry.list_models": lambda space: space.registry.list_models(),
    "knowledge.list_pages": lambda space: space.knowledge.list_pages(),
    "libraries.list_items": lambda space: space.libraries.list_items(),
    "data.find_datasets": lambda space: space.data.find_datasets(),
}

PUT_TOGETHER = {"registry.list_models", "review.list_reviews", "repro.list_verifications"}
"""Each row's content is put together by further statements; none of them asks who may see it."""
ROLES = {"review.list_reviews": 1 + 3, "libraries.list_items": 2, "data.find_datasets": 2}
"""Whose approval counts is asked once for each of the three projects, not for each review; the others ask for the teams, or
for the projects where something was used, in the same statement."""


@pytest.fixture(scope="module")
def owner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FolderWorkspace]:
    folder: Path = tmp_path_factory.mktemp("lists")
    with contextlib.closing(open_folder(folder, "owner")) as space:
        space.governance.create_team("others")
        space.governance.create_member(NewMember("vera", role="viewer", team="team"))
        space.governance.create_member(NewMember("ann", role="contributor", team="team"))
        yield space


def _counts(space: Workspace) -> dict[str, tuple[int, int]]:
    """How many statements each list takes, and how many of them ask for roles."""
    found = {}
    for name, ask in LISTS.items():
        with counted() as said:
            ask(space)
        found[name] = len(said), sum(sql.count(" grants ") for sql in said)
    return found


def test_a_list_takes_as_many_statements_for_many_rows_as_for_few(owner: FolderWorkspace) -> None:
    """And asks once for what its reader may see."""
    author, reader = acting(owner, "ann"), acting(owner, "vera")
    Estate(owner, author, "team", "first")
    few = _counts(reader)
    for word in ("second", "third"):
        Estate(owner, author, "team", word)
    many = _counts(reader)
    assert {name for name, (count, _) in many.items() if count > few[name][0]} == PUT_TOGETHER
    assert {name: roles for name, (_, roles) in many.items() if roles > ROLES.get(name, 1)} == {}


def test_hundreds_of_runs_are_listed_by_one_clause(owner: FolderWorkspace) -> None:
    """The number of statements does not know how many there are (hundreds go into one); and none of another team is among them."""
    author, reader = acting(owner, "ann"), acting(owner, "vera")
    owner.tracking.create_project(NewProject("many", "team"))
    hidden = owner.tracking.create_project(NewProject("hidden", "others")).path
    owner.tracking.create_run(NewRun(project=hidden))
    for _ in range(2):
        author.tracking.create_run(NewRun(project="many"))
    with counted() as few:
        assert len(reader.tracking.search_runs(project="many", limit=400).runs) == 2
    with owner.dispatcher.database.transaction(write=True) as tx:
        call = Call(owner.dispatcher, tx, owner.actor)
        for _ in range(398):
            call.use(Tracking).create_run(NewRun(project="many"))
    with counted() as many:
        assert len(reader.tracking.search_runs(project="many", limit=400).runs) == 400
    assert {sql[:40] for sql in many} == {sql[:40] for sql in few}
    assert sum(sql.count(" grants ") for sql in many) == sum(sql.count(" grants ") for sql in few) == 1
    shown = {run.project for run in reader.tracking.search_runs(limit=1000).runs}
    assert hidden not in shown


def test_the_clause_lifts_who_holds_a_verb(owner: FolderWorkspace) -> None:
    """Where they read, for that verb's lists only; a token for less, and for another part, has none of it."""
    owner.governance.create_team("verbs")
    owner.tracking.create_project(NewProject("held", "verbs"))
    below = owner.tracking.create_project(NewProject("held/below")).id
    owner.governance.create_member(NewMember("wanda", role="viewer", team="verbs"))
    actor = acting(owner, "wanda").actor  # type: ignore[attr-defined]

    def readable(may: str, **limits: Any) -> set[str]:
        clause = readable_projects(msgspec.structs.replace(actor, **limits), may)
        with owner.dispatcher.database.transaction(write=False) as tx:
            return {row[0] for row in tx.all(f"SELECT path FROM projects WHERE id IN {clause.sql}", clause.params)}

    assert readable("") == {"held", "held/below"}
    assert readable("verify.write") == set()
    owner.governance.grant_verb("wanda", "project", "held/below", "verify.write")
    assert readable("verify.write") == {"held/below"}
    assert readable("job.submit") == set()
    assert readable("verify.write", role_cap=1) == set()
    assert readable("verify.write", within=("project", below)) == {"held/below"}
    assert readable("verify.write", within=("team", "none")) == set()
    owner.governance.grant("wanda", "team", "verbs", None)
    assert readable("verify.write") == set()
