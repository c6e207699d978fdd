"""The contract of governance: members, teams, roles, tokens, audit."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Protocol

from runward.core.operation import ON_LIST, ON_SELF, ON_WORKSPACE, operation
from runward.core.permissions import Verb
from runward.governance.model import (
    Access,
    AuditCheckpoint,
    AuditPage,
    AuditProof,
    CouldSee,
    EventProof,
    Invitation,
    Me,
    Member,
    NewMember,
    NewToken,
    RoleName,
    ScopeKind,
    Team,
    Token,
    TokenSecret,
    WorkspaceKeys,
)


class Governance(Protocol):
    """Who may do what. Thread-safe; every method raises ForbiddenError or NotFoundError where it is not allowed."""

    room: ClassVar[str] = "governance"

    @operation("GET", "/me", may="session.use", on=ON_SELF)
    def whoami(self) -> Me:
        """The caller: name, how it was proved, roles."""
        ...

    @operation("GET", "/members", may="member.read", on=ON_WORKSPACE, state=("id", "disabled", "grants", "verbs"))
    def list_members(self) -> list[Member]:
        """All members with their roles."""
        ...

    @operation("POST", "/members", may="member.manage", on=ON_WORKSPACE)
    def create_member(self, new: NewMember) -> Invitation:
        """Create a member and a one-time link for their password; a service account gets none.

        Raises: AlreadyExistsError, InvalidError.
        """
        ...

    @operation("POST", "/members/{member}/invitation", may="member.manage", on=ON_WORKSPACE)
    def invite(self, member: str) -> Invitation:
        """A new one-time link for a member, who then chooses a new password; sessions end with it."""
        ...

    @operation("PUT", "/members/{member}/grants", may="member.manage", on=ON_WORKSPACE, revises="list_members")
    def grant(self, member: str, scope_kind: ScopeKind, scope: str, role: RoleName | None) -> Member:
        """Give a member a role on the workspace, a team or a project; None takes it away.

        Nobody can grant more than they hold. Who gets less than before has to sign in again. A role that comes from a group
        of the provider stays. Raises: NotFoundError, ForbiddenError, ConflictError (the last admin).
        """
        ...

    @operation("PUT", "/members/{member}/verbs", may="member.manage", on=ON_WORKSPACE, revises="list_members")
    def grant_verb(self, member: str, scope_kind: ScopeKind, scope: str, verb: Verb, held: bool = True) -> Member:
        """Give a member a single permission on the workspace, a team or a project, or take it away (``held`` is false).

        ``audit.read``, ``export``, ``erase`` and ``server.read`` need no role beside them; the others count where their holder may read. Who
        loses one has to sign in again. Nobody can grant more than they hold. Raises: NotFoundError, ForbiddenError.
        """
        ...

    @operation("POST", "/members/{member}/deactivation", may="member.manage", on=ON_WORKSPACE)
    def deactivate_member(self, member: str) -> Member:
        """End every way in that a member has: sessions, links and tokens, at once. What they made stays.

        Raises: NotFoundError, ConflictError (oneself, the last admin).
        """
        ...

    @operation("DELETE", "/members/{member}/deactivation", may="member.manage", on=ON_WORKSPACE)
    def activate_member(self, member: str) -> Member:
        """Let a deactivated member sign in again; tokens and sessions that were ended stay so. Raises: NotFoundError."""
        ...

    @operation("POST", "/members/{member}/identities", may="member.manage", on=ON_WORKSPACE)
    def connect_member(self, member: str, issuer: str, subject: str) -> Member:
        """Let whom the sign-in provider calls by that subject be this member.

        Raises: NotFoundError, InvalidError (a service account), AlreadyExistsError (another member is).
        """
        ...

    @operation("DELETE", "/members/{member}/identities", may="member.manage", on=ON_WORKSPACE)
    def disconnect_member(self, member: str) -> Member:
        """Forget who the sign-in provider says that a member is; their sessions end. Raises: NotFoundError."""
        ...

    @operation("GET", "/teams", may="session.use", on=ON_LIST)
    def list_teams(self) -> list[Team]:
        """The teams that the caller belongs to or may see."""
        ...

    @operation("POST", "/teams", may="member.manage", on=ON_WORKSPACE)
    def create_team(self, name: str) -> Team:
        """Create a team. Raises: AlreadyExistsError, InvalidError."""
        ...

    @operation("GET", "/tokens", may="token.manage", on=ON_SELF)
    def list_tokens(self, everybody: bool = False) -> list[Token]:
        """The caller's tokens, or everybody's for an admin of the workspace. Raises: ForbiddenError."""
        ...

    @operation("POST", "/tokens", may="token.manage", on=ON_SELF)
    def create_token(self, new: NewToken) -> TokenSecret:
        """Create a token; only an admin of the workspace can create one for somebody else. The secret is shown once.

        It can be for one team or one project, and for some permissions only; whoever holds it can at most what its member can.
        Raises: InvalidError, NotFoundError, ForbiddenError, ConflictError (the member is deactivated).
        """
        ...

    @operation("DELETE", "/tokens/{token_id}", may="token.manage", on=ON_SELF)
    def revoke_token(self, token_id: str) -> None:
        """End a token at once. Raises: NotFoundError."""
        ...

    @operation("GET", "/projects/{project}/access", may="access.read", on="project")
    def project_access(self, project: str) -> Access:
        """Who can see a project and all that lies in it, by which roles, and with how many tokens. Raises: NotFoundError."""
        ...

    @operation("GET", "/teams/{team}/access", may="access.read", on="team")
    def team_access(self, team: str) -> Access:
        """Who can see what belongs to a team as a whole: models, pages, libraries. Raises: NotFoundError."""
        ...

    @operation("GET", "/audit", may="audit.read", on=ON_WORKSPACE)
    def audit(
        self,
        before: int | None = None,
        object_id: str = "",
        limit: int = 100,
        actor: str = "",
        operation: str = "",
        outcome: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AuditPage:
        """The trail, newest first.

        Args:
            before: Only events with a smaller id: ``next_before`` of the page before.
            object_id: Only what was done to this object.
            limit: At most so many; up to 1,000.
            actor: Only what this member did, by name.
            operation: Only this operation, as ``review.approve``, or those of a room, as ``review.``.
            outcome: ``ok``, the code of an error, or ``refused`` for all errors.
            since: Not before this time.
            until: Before this time.
        """
        ...

    @operation("GET", "/audit/could-see", may="audit.read", on=ON_WORKSPACE)
    def could_see(self, since: datetime, until: datetime, member: str = "", token: str = "") -> CouldSee:
        """What a member or a token could see between two times: what they held, by period, and the projects that this opened.

        It follows from the history of roles and verbs, of tokens and of deactivations. Projects are told by where they lie now;
        ``moved`` lists those that lay elsewhere. Where the history does not reach back far enough, ``known_since`` says so.

        Raises: NotFoundError (no such member or token), InvalidError (neither or both; the times are the wrong way round).
        """
        ...

    @operation("GET", "/audit/proof", may="audit.read", on=ON_WORKSPACE)
    def prove_audit(self) -> AuditProof:
        """Whether the trail is as it was written: its chains, their ends and the checkpoints. Reads all of it."""
        ...

    @operation("GET", "/audit/events/{event_id}/proof", may="audit.read", on=ON_WORKSPACE)
    def prove_event(self, event_id: int) -> EventProof:
        """That one event is on the trail, for somebody who sees nothing else of it: ``runward audit verify --proof FILE``.

        Raises: NotFoundError, ConflictError (it is older than the chains, or signatures cannot be made here).
        """
        ...

    @operation("POST", "/audit/checkpoints", may="audit.read", on=ON_WORKSPACE)
    def checkpoint_audit(self) -> AuditCheckpoint:
        """Note where the trail ends now, outside of the database. Raises: StoreError (a place cannot be written to)."""
        ...

    @operation("GET", "/keys", may="audit.read", on=ON_WORKSPACE)
    def list_keys(self) -> WorkspaceKeys:
        """Which keys the workspace has, how old they are and whether the root key can be used; no secrets."""
        ...
