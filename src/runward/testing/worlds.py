"""What the suites act in: a fresh team with a project of its own, in a workspace of the backend under test."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence

from runward.core.ids import new_id
from runward.governance.model import NewMember, RoleName
from runward.tracking.model import Batch, NewProject, NewRun, Run, RunEnd, RunParam, RunStatus, Series
from runward.tracking.points import Columns, pack_columns
from runward.workspace import Workspace

Enter = Callable[[str, RoleName], Workspace]
"""(member's name, token's role) -> the workspace in that member's hands."""

BAD_NAMES = [
    "",
    "   ",
    "a\0b",
    "two\nlines",
    "evil\u202egnp.exe",
    "\u200fhidden",
    "x" * 10_000,
    "tab\there",
    "line\u2028end",
]
"""What may not be the name of anything: empty, NUL, line end, direction marks, far too long, control characters."""


class World:
    """A team that nobody else knows, so that suites may share one database. Not thread-safe."""

    def __init__(self, owner: Workspace, enter: Enter, hold: Callable[[str], Workspace]) -> None:
        self.owner, self._enter = owner, enter
        """``owner`` is an admin of the workspace."""
        self.hold = hold
        """The workspace in the hands of who holds a token's secret. Raises: UnauthenticatedError, at the latest when used."""
        self.team = f"team-{new_id()}"
        owner.governance.create_team(self.team)
        self.project = self.new_project()

    def new_project(self, below: str = "") -> str:
        """The path of a new project of the team."""
        name = f"p-{new_id()}"
        path = f"{below}/{name}" if below else name
        return self.owner.tracking.create_project(NewProject(path=path, team=self.team)).path

    def member(self, role: RoleName = "contributor", *, team: str = "", scope: RoleName = "admin") -> Workspace:
        """The workspace in the hands of a new member with a role on the team (or on another one).

        ``scope`` is the role of the token with which they come.
        """
        name = f"{role}-{new_id()}"
        self.owner.governance.create_member(NewMember(name=name, role=role, team=team or self.team))
        return self._enter(name, scope)

    def enter(self, name: str, scope: RoleName = "admin") -> Workspace:
        """The workspace in the hands of a member by name."""
        return self._enter(name, scope)

    def outsider(self, role: RoleName = "admin") -> Workspace:
        """A member with a role on another team only."""
        team = f"other-{new_id()}"
        self.owner.governance.create_team(team)
        return self.member(role, team=team)

    def run(
        self,
        space: Workspace,
        name: str = "",
        *,
        project: str = "",
        metrics: Mapping[str, float] | None = None,
        params: Mapping[str, object] | None = None,
        tags: Mapping[str, str] | None = None,
        end: RunStatus | None = None,
    ) -> Run:
        """A run with one point for each metric, ended where an ``end`` is given."""
        listed = [RunParam(key, value) for key, value in (params or {}).items()]
        run = space.tracking.create_run(
            NewRun(project=project or self.project, name=name, params=listed, tags=dict(tags or {}))
        )
        if metrics:
            space.tracking.append(run.id, batch(0, {key: [(0, value)] for key, value in metrics.items()}))
        if end is not None:
            space.tracking.end_run(run.id, RunEnd(end))
        return space.tracking.get_run(run.id).run


def name_of(space: Workspace) -> str:
    """The member in whose hands a workspace is."""
    return space.governance.whoami().name


def batch(
    first: int, points: Mapping[str, Sequence[tuple[int, float]]] | None = None, *, count: int = 1, client: str = "c1"
) -> Batch:
    """Frames from ``first`` on with points (step, value) by key."""
    columns = {
        key: Columns(
            array("q", (step for step, _ in series)),
            array("d", (1.5e9 + index for index in range(len(series)))),
            array("d", (value for _, value in series)),
        )
        for key, series in (points or {}).items()
    }
    packed = [pack_columns(key, found) for key, found in columns.items()]
    return Batch(client=client, first=first, count=count, points=packed)


def values_of(series: Series) -> list[float]:
    """The values of a series with what is not finite put back."""
    found = [series.special.get(index, value) for index, value in enumerate(series.values)]
    return [float(value) for value in found if value is not None]


def bits(values: Sequence[float]) -> bytes:
    """Floats as raw bytes: what equality of floats hides (-0.0, NaN) differs here."""
    return array("d", values).tobytes()
