"""Which of the workspace's teams somebody means."""

from __future__ import annotations

from runward.config.targets import did_you_mean
from runward.errors import NotFoundError
from runward.workspace import Workspace


def find_team(workspace: Workspace, name: str) -> str:
    """The workspace's own name for a team that somebody names.

    In a workspace with one team every name means that team, so that a sample with a team name of its own works in a
    fresh folder.

    Raises:
        NotFoundError: There are several teams, and none has this name.
    """
    teams = [team.name for team in workspace.governance.list_teams()]
    if name in teams or len(teams) == 1:
        return name if name in teams else teams[0]
    raise NotFoundError(f"there is no team {name!r}", hint=did_you_mean(name, teams))
