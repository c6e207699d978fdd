"""Who may do what, worked out from the declarations alone: what the documentation publishes and the tests compare with."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from runward.core.operation import BY_AUTHOR, ON_LIST, ON_SELF, ON_WORKSPACE, Door, Operation
from runward.core.permissions import ALONE, PERMISSIONS, VERBS, Role

Answer = Literal["yes", "filtered", "author", "no", "hidden"]
"""What somebody gets.

``yes`` the answer; ``filtered`` the answer without what they may not read; ``author`` the answer for what they made
themselves, else 403; ``no`` 403; ``hidden`` 404, as if there were no such object.
"""

WHOAMI: Final = "governance.whoami"
"""What a token for a part may ask of itself."""


class Holder(NamedTuple):
    """Somebody with a role or a verb somewhere, maybe with a token that is for less."""

    name: str
    words: str
    team: Role | None = None
    """The role on the team that is called the own one."""
    workspace: Role | None = None
    team_verb: str = ""
    workspace_verb: str = ""
    cap: Role = Role.ADMIN
    """The most that the token can do."""
    only: tuple[str, ...] = ()
    """The permissions that the token is for; empty for all."""
    part: Literal["", "team", "project", "elsewhere"] = ""
    """The part that the token is for: the own team, its project, or another team."""
    service: bool = False


def _verb_holders() -> list[Holder]:
    found = []
    for verb in VERBS:
        found += [
            Holder(f"{verb} on team", f"{verb} on the team, no role", team_verb=verb),
            Holder(f"viewer + {verb}", f"{verb} and viewer on the team", team=Role.VIEWER, team_verb=verb),
            Holder(f"{verb} everywhere", f"{verb} on the whole workspace, no role", workspace_verb=verb),
        ]
    return found


HOLDERS: Final[tuple[Holder, ...]] = (
    Holder("outsider", "admin of another team that has nothing to do with it"),
    *(Holder(role.label, f"{role.label} on the team", team=role) for role in Role),
    Holder("viewer everywhere", "viewer on the whole workspace", workspace=Role.VIEWER),
    Holder("admin everywhere", "admin of the workspace", workspace=Role.ADMIN),
    *_verb_holders(),
    Holder("service account", "a service account, contributor on the team", team=Role.CONTRIBUTOR, service=True),
    Holder("viewer's token", "an admin of the workspace with a viewer's token", workspace=Role.ADMIN, cap=Role.VIEWER),
    Holder("token: run.read", "admin of the team, token only for run.read", team=Role.ADMIN, only=("run.read",)),
    Holder("token: project", "admin of the team, token for its project", team=Role.ADMIN, part="project"),
    Holder("token: elsewhere", "admin of the team, token for another team", team=Role.ADMIN, part="elsewhere"),
)
"""Everybody that the matrix has a column for."""


def answer(declared: Operation | Door, holder: Holder, *, own: bool = True) -> Answer:
    """What a holder gets from an operation (or a hand-written route) on an object of the own team, or of another one."""
    may, on = declared.may, declared.on
    if may == "open":
        return "yes"
    if holder.only and may not in holder.only and may != "session.use":
        return "no"
    if on == ON_SELF:
        is_limited = bool(holder.only or holder.part) and isinstance(declared, Operation) and declared.id != WHOAMI
        return "no" if is_limited else "yes"
    if on == ON_LIST:
        return "filtered"
    needed = PERMISSIONS[may]
    if on == ON_WORKSPACE:
        held = None if holder.part else _level(holder.workspace, (holder.workspace_verb,), may, holder.cap)
        return "yes" if held is not None and held >= needed else "no"
    held = _level(_role(holder, own), (holder.workspace_verb, holder.team_verb if own else ""), may, holder.cap)
    if held is None or not _is_within(holder, declared, own):
        return "hidden"
    if held < needed:
        return "no"
    others = declared.others if isinstance(declared, Operation) else ""
    return "author" if others and (others == BY_AUTHOR or held < PERMISSIONS[others]) else "yes"


def _role(holder: Holder, own: bool) -> Role | None:
    roles = [role for role in (holder.workspace, holder.team if own else None) if role is not None]
    return max(roles, default=None)


def _level(role: Role | None, verbs: tuple[str, ...], may: str, cap: Role) -> Role | None:
    needed = PERMISSIONS[may]
    if may in verbs and cap >= needed and (role is not None or may in ALONE) and (role or 0) < needed:
        return needed
    return None if role is None else min(role, cap)


def _is_within(holder: Holder, declared: Operation | Door, own: bool) -> bool:
    if holder.part == "":
        return True
    # A token for a project is for none of what belongs to its team as a whole.
    return own and (holder.part == "team" or (holder.part == "project" and not declared_on_team(declared)))


def declared_on_team(declared: Operation | Door) -> bool:
    """Whether what the permission is needed on belongs to a team and to no project."""
    name, _, field = declared.on.partition(".")
    return (field or name).removesuffix("_id") in OF_TEAMS


OF_TEAMS: Final = frozenset({"team", "model", "page", "library", "place"})
"""The kinds of objects that belong to a team and to no project; a new project (``place``) lies at the top of its team."""
