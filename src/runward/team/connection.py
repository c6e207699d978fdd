"""The workspace that the team's functions act on: opened at first use, kept while the settings stay the same."""

from __future__ import annotations

import os
import threading

from runward.config.targets import did_you_mean
from runward.errors import NotFoundError
from runward.workspace import Workspace, connect, find_folder

_Key = tuple[int, str, str, str]
_lock = threading.Lock()
_opened: dict[_Key, Workspace] = {}
_chosen: list[Workspace] = []


def current_workspace() -> Workspace:
    """The workspace in force: the one given to :func:`use_workspace`, else what the environment names.

    Raises:
        InvalidError: ``RUNWARD_URL`` is not understood.
        StoreError: The workspace cannot be opened.
    """
    if _chosen:
        return _chosen[0]
    url = os.environ.get("RUNWARD_URL", "")
    place = "" if url else str(find_folder())
    # A forked child must not use its parent's database connection.
    key = (os.getpid(), url, os.environ.get("RUNWARD_TOKEN", ""), place)
    with _lock:
        if key not in _opened:
            _opened[key] = connect()
        return _opened[key]


def use_workspace(workspace: Workspace | None) -> None:
    """Act on this workspace from now on in this process; ``None`` goes back to what the environment names."""
    _chosen[:] = [] if workspace is None else [workspace]


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
