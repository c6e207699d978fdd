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
    verbs: list[str] = msgspec.field(default_factory=list)
    """The verbs that the caller was given on the whole workspace, beside what the role holds."""


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
    verbs: list[VerbGrant] = msgspec.field(default_factory=list)


class Grant(msgspec.Struct, frozen=True):
    """A role that a member holds somewhere; it is inherited downwards only."""

    scope_kind: ScopeKind
    scope: str
    """Name of the team, path of the project, or empty for the workspace."""
    role: RoleName
    source: Literal["hand", "group"] = "hand"
    """Whether somebody gave it, or a group of the sign-in provider; the latter comes and goes with the group."""


class VerbGrant(msgspec.Struct, frozen=True):
    """A single permission that a member holds somewhere, whatever their role; it is inherited downwards only."""

    scope_kind: ScopeKind
    scope: str
    """Name of the team, path of the project, or empty for the workspace."""
    verb: str


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


class EventWho(msgspec.Struct, frozen=True):
    """Who an event is about. Only a salted digest of it is in the chain, so that it can be forgotten."""

    name: str
    address: str
    salt: str
    """In hexadecimal digits."""


class EventProof(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """That an event is on the trail: it can be checked without the rest of it. Bytes are in hexadecimal digits."""

    kind: str
    lane: int
    seq: int
    """The event's place in its chain."""
    at: int
    """Microseconds since 1970."""
    actor_id: str
    via: str
    operation: str
    object_kind: str
    object_id: str
    outcome: str
    who: EventWho | None
    """None where the member was forgotten."""
    person: str
    """The salted digest of who it was."""
    previous: str
    """The hash of the event before it."""
    hash: str
    """SHA-256 of the hash before, the digest of who it was, and the event."""
    path: list[str]
    """What leads from the hash to the root of the checkpoint's tree (RFC 9162)."""
    checkpoint: str
    """The checkpoint's text, which is signed."""
    signature: str
    """Ed25519 in base64, by the workspace's signing key."""


class AuditPage(msgspec.Struct, frozen=True):
    """Audit rows, newest first."""

    events: list[AuditEvent]
    next_before: int | None


class Held(msgspec.Struct, frozen=True):
    """A role or a verb that was held."""

    scope_kind: ScopeKind
    scope: str
    """Name of the team or path of the project, as they are called now; empty for the workspace and for what is gone."""
    what: str
    """The role, as far as the token let it count, or the verb."""
    source: Literal["hand", "group"]


class SightPeriod(msgspec.Struct, frozen=True):
    """A time during which nothing that was held changed."""

    since: datetime
    until: datetime
    held: list[Held]
    projects: list[str]
    """The projects that could be read, by their present paths."""
    deactivated: bool
    """Whether the member was let in at all."""
    token: str
    """Why the token opened nothing; empty where it was valid, and where a member is asked for."""


class Done(msgspec.Struct, frozen=True):
    """What the audit trail has of an operation on an object."""

    operation: str
    object_kind: str
    object_id: str
    outcome: str
    count: int
    first_at: datetime
    last_at: datetime


class CouldSee(msgspec.Struct, frozen=True):
    """What a member or a token could see between two times."""

    member: str
    token: str
    """The token's id; empty where the member is asked for."""
    since: datetime
    until: datetime
    periods: list[SightPeriod]
    done: list[Done]
    """What was done, the newest first, at most a thousand; reads are on the trail only where their operation is audited."""
    known_since: datetime | None
    """Where the history of roles begins later than what is asked for: before it nothing is known. None where all is known."""
    moved: list[str]
    """Projects that were moved since, at most two hundred: until then they inherited from another place."""


class Seer(msgspec.Struct, frozen=True):
    """A member who can see something."""

    name: str
    kind: Literal["person", "service", "local"]
    role: RoleName
    """The highest role that reaches it: with contributor or above they can change it."""
    by: list[Grant]
    """The roles that reach it, from the workspace down."""
    verbs: list[str]
    """The single permissions that reach it."""
    tokens: int
    """How many of their tokens reach it now."""


class Access(msgspec.Struct, frozen=True):
    """Who can see a project or what a team owns. What lies in a project (runs, datasets, reports) is seen by the same members."""

    scope_kind: ScopeKind
    scope: str
    members: list[Seer]
    """Deactivated ones are left out; the highest role first."""


class TeamKey(msgspec.Struct, frozen=True):
    """The present key of a team."""

    team: str
    version: int
    """So many keys the team has had: older ones open what they sealed."""
    created_at: datetime


class WorkspaceKeys(msgspec.Struct, frozen=True):
    """The state of a workspace's keys; no secrets."""

    encrypted_since: datetime | None
    """Since when files are encrypted; None if they are not."""
    root_key: str
    """Id of the root key; empty where there is none yet."""
    where: str
    """Where the root key is looked for, in words."""
    problem: str
    """Why the root key cannot be used; empty if it can."""
    teams: list[TeamKey]
    people: int
    """Members who have a key."""
    destroyed: int
    """Members whose key was destroyed."""
    people_key_since: datetime | None
    """Since when the people key of now counts; None where there is none yet."""
    backup_days: float
    """How long a people key stays that was replaced."""
