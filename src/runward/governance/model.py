"""Who acts: members, teams, roles, tokens and the audit trail's rows."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from runward.core.ids import MemberId, TeamId

RoleName = Literal["viewer", "contributor", "reviewer", "maintainer", "admin"]
ScopeKind = Literal["workspace", "team", "project"]


class Actor(msgspec.Struct, frozen=True):
    """The member on whose behalf a call runs, and how they proved it."""

    member_id: MemberId
    name: str
    verified: bool
    """False for a folder's local user, whose name is only claimed (git identity)."""
    via: str
    """``folder``, ``session``, ``token:<id>``, ``link`` (who made a report's link) or ``system``."""
    role_cap: int = 5
    """A token's scope: the member's role counts at most as this one."""
    address: str = ""
    """The network address that the call came from; empty where it came over none."""
    within: tuple[ScopeKind, str] = ("workspace", "*")
    """The part of the workspace that a token is for: kind and id. Outside of it the member's roles do not count."""
    only: frozenset[str] = frozenset()
    """The permissions that a token is for; empty for all that the role holds."""

    @property
    def is_limited(self) -> bool:
        """Whether a token is for a part of what its member may."""
        return self.within[0] != "workspace" or bool(self.only)


class Me(msgspec.Struct, frozen=True):
    """The caller, for pages that greet them."""

    member_id: MemberId
    name: str
    verified: bool
    via: str
    workspace_id: str
    workspace_name: str
    role: RoleName | None
    """The role on the whole workspace, if any."""
    teams: dict[str, RoleName]


class Team(msgspec.Struct, frozen=True):
    """A group of members that owns projects and knowledge."""

    id: TeamId
    name: str
    created_at: datetime
    members: int = 0


class Member(msgspec.Struct, frozen=True):
    """A person or a service account."""

    id: MemberId
    name: str
    display_name: str
    email: str
    kind: Literal["person", "service", "local"]
    created_at: datetime
    disabled: bool
    grants: list[Grant]
    last_seen_at: datetime | None = None
    """When they last called, to the minute."""
    signs_in: list[Literal["password", "provider", "token"]] = msgspec.field(default_factory=list)
    """The ways in that they have now; empty for who has only a one-time link, or none at all."""


class Grant(msgspec.Struct, frozen=True):
    """A role that a member holds somewhere; it is inherited downwards only."""

    scope_kind: ScopeKind
    scope: str
    """Name of the team, path of the project, or empty for the workspace."""
    role: RoleName
    source: Literal["hand", "group"] = "hand"
    """Whether somebody gave it, or a group of the sign-in provider; the latter comes and goes with the group."""


class NewMember(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A member to create. They choose their password by the one-time link that creating returns."""

    name: str
    role: RoleName = "contributor"
    team: str = ""
    """The team the role counts for; empty for the workspace's default team, ``*`` for the whole workspace."""
    display_name: str = ""
    email: str = ""
    kind: Literal["person", "service"] = "person"
    """A service account has neither password nor link: it comes in by token only."""


class Invitation(msgspec.Struct, frozen=True):
    """A one-time link with which a member chooses a password. Shown once."""

    member: str
    secret: str
    """Empty for a service account."""
    path: str
    """The page to open below the server's address; empty for a service account."""
    expires_at: datetime


class NewToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token to create for a member; it can do at most what ``role`` allows."""

    name: str
    member: str = ""
    """Empty for oneself."""
    role: RoleName = "admin"
    expires_in_days: int | None = 365
    team: str = ""
    """The only team that it is for; empty for all."""
    project: str = ""
    """The only project that it is for, with those below it; empty for all."""
    only: list[str] = msgspec.field(default_factory=list)
    """The only permissions that it is for, such as ``run.write``; empty for all that the role holds."""


class TokenSecret(msgspec.Struct, frozen=True):
    """A new token with its secret, which is shown once and stored only as a hash."""

    id: str
    name: str
    member: str
    role: RoleName
    secret: str
    expires_at: datetime | None


class Token(msgspec.Struct, frozen=True):
    """A token as listed: without its secret."""

    id: str
    name: str
    member: str
    prefix: str
    role: RoleName
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked: bool
    scope_kind: ScopeKind = "workspace"
    scope: str = ""
    """Name of the team or path of the project that it is for; empty for the workspace, and for one that is gone."""
    only: list[str] = msgspec.field(default_factory=list)
    """The permissions that it is for; empty for all that the role holds."""


class AuditEvent(msgspec.Struct, frozen=True):
    """One row of the trail: who did what to which object, from where, with what outcome."""

    id: int
    at: datetime
    actor: str
    via: str
    operation: str
    object_kind: str
    object_id: str
    outcome: str
    """``ok`` or the code of the error."""
    address: str = ""
    """The network address that the call came from; empty where it came over none, or was erased."""


class AuditCheckpoint(msgspec.Struct, frozen=True):
    """Where the trail ended at a time."""

    at: datetime
    events: int
    """How many events the chains had."""
    places: list[str]
    """The files that hold the checkpoint."""


class AuditProblem(msgspec.Struct, frozen=True):
    """Something that shows a change of the audit trail behind Runward's back."""

    kind: str
    """``changed``, ``missing``, ``rewritten``, ``truncated``, ``appended``, ``end`` or ``checkpoint``."""
    lane: int
    seq: int
    """The row's place in its chain."""
    event: int
    """The event's id; 0 where it is about none."""
    message: str


class AuditProof(msgspec.Struct, frozen=True):
    """Whether the audit trail is as it was written."""

    holds: bool
    events: int
    """How many events the chains have."""
    lanes: int
    """How many chains there are."""
    forgotten: int
    """Of how many events the member's name and address were erased; they count as unchanged."""
    unchained: int
    """How many events are older than the chains: nothing shows whether they were changed."""
    checkpoints: int
    """How many checkpoints the chains were compared with; without one a trail that was cut back whole is not found out."""
    checkpoint_at: datetime | None
    """When the latest one was made."""
    problems: list[AuditProblem]
    """The first hundred."""
    problem_count: int
    redacted: int = 0
    """In how many events the name of an object was replaced because it named a person who was erased."""


class AuditPage(msgspec.Struct, frozen=True):
    """Audit rows, newest first."""

    events: list[AuditEvent]
    next_before: int | None
