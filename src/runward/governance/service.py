"""Governance in plain Python: members, teams, tokens, audit."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar, get_args

from runward.core.call import Room, Scope
from runward.core.clock import to_us
from runward.core.ids import MemberId, TeamId, new_id
from runward.core.permissions import PERMISSIONS, Role, Verb
from runward.errors import AlreadyExistsError, ConflictError, ForbiddenError, InvalidError, NotFoundError
from runward.governance import repository as sql
from runward.governance.api import Governance
from runward.governance.calling import Call
from runward.governance.checkpoints import places, read_checkpoints, write_checkpoint
from runward.governance.inclusion import prove_event
from runward.governance.keystate import keys_of
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
from runward.governance.names import check_name
from runward.governance.proof import prove
from runward.governance.scopes import find_project, home_team, member_by_name, role_on_workspace
from runward.governance.secrets import fingerprint, new_secret, new_token
from runward.governance.sight import could_see, who_can_see

INVITATION_LASTS = timedelta(days=7)
MAX_TOKEN_DAYS = 36_500


def role_by_name(name: str) -> Role:
    """A role by its name. Raises: InvalidError."""
    if name not in get_args(RoleName):
        raise InvalidError(f"role {name!r} is not known", hint=f"one of: {', '.join(get_args(RoleName))}")
    return Role[name.upper()]


class GovernanceService(Governance):
    """See :class:`Governance`."""

    room: ClassVar[str] = "governance"

    def __init__(self, call: Call) -> None:
        self.call, self.tx = call, call.tx

    def whoami(self) -> Me:
        """See the contract."""
        actor = self.call.actor
        role = role_on_workspace(self.tx, actor)
        info = sql.workspace_info(self.tx)
        return Me(
            member_id=actor.member_id,
            name=actor.name,
            verified=actor.verified,
            via=actor.via,
            workspace_id=info.get("id", ""),
            workspace_name=info.get("name", ""),
            role=_label(role),
            verbs=sql.verbs_on_workspace(self.tx, actor.member_id),
            teams={name: _label(Role(held)) or "viewer" for name, held in sql.team_roles(self.tx, actor.member_id)},
        )

    def list_members(self) -> list[Member]:
        """See the contract."""
        return sql.members(self.tx, self.call.now_us)

    def create_member(self, new: NewMember) -> Invitation:
        """See the contract."""
        check_name(new.name, "the member's name", limit=100)
        role = self._grantable(new.role)
        if member_by_name(self.tx, new.name):
            raise AlreadyExistsError(f"there is a member {new.name!r} already")
        member_id = MemberId(new_id())
        self.call.about = ("member", member_id)
        sql.insert_member(self.tx, member_id, new, self.call.now_us)
        if new.team == "*":
            sql.set_grant(self.tx, member_id, "workspace", "*", role)
        else:
            sql.set_grant(self.tx, member_id, "team", self._team(new.team), role)
        if new.kind == "service":
            return Invitation(member=new.name, secret="", path="", expires_at=self.call.now)
        return self._invitation(member_id, new.name)

    def invite(self, member: str) -> Invitation:
        """See the contract."""
        member_id = self._member(member)
        row = self.tx.one("SELECT kind, disabled_at, name FROM members WHERE id = ?", (member_id,))
        if row is not None and row[0] == "service":
            raise InvalidError(f"{member} is a service account", hint="it comes in by token: runward token create")
        if row is not None and row[1] is not None:
            raise ConflictError(
                f"{member} is deactivated", hint=f"`runward member activate {member}` lets them in again"
            )
        self._check_reaches_member(member_id)
        sql.end_credentials(self.tx, member_id)
        return self._invitation(member_id, str(row[2]) if row else member)

    def _invitation(self, member_id: str, name: str) -> Invitation:
        secret, expires = new_secret(), self.call.now + INVITATION_LASTS
        sql.insert_secret(self.tx, fingerprint(secret), "invitation", member_id, self.call.now_us, to_us(expires))
        return Invitation(member=name, secret=secret, path=f"/welcome#{secret}", expires_at=expires)

    def grant(self, member: str, scope_kind: ScopeKind, scope: str, role: RoleName | None) -> Member:
        """See the contract."""
        member_id = self._member(member)
        scope_id = self._scope_id(scope_kind, scope)
        before, after = sql.held(self.tx, member_id, scope_kind, scope_id), self._grantable(role) if role else 0
        if after < before:
            if scope_kind == "workspace" and before == Role.ADMIN:
                self._keep_an_admin(member_id, member)
            sql.end_credentials(self.tx, member_id)
        if after:
            sql.set_grant(self.tx, member_id, scope_kind, scope_id, after)
        else:
            sql.remove_grant(self.tx, member_id, scope_kind, scope_id)
        return self._shown(member_id)

    def grant_verb(self, member: str, scope_kind: ScopeKind, scope: str, verb: Verb, held: bool = True) -> Member:
        """See the contract."""
        member_id = self._member(member)
        scope_id = self._scope_id(scope_kind, scope)
        if held:
            self._check_holds(verb)
        if sql.set_verb(self.tx, member_id, scope_kind, scope_id, verb, held=held) and not held:
            sql.end_credentials(self.tx, member_id)
        return self._shown(member_id)

    def _check_holds(self, may: str) -> None:
        """See that the caller may hand a permission on. Raises: ForbiddenError."""
        actor = self.call.actor
        own = role_on_workspace(self.tx, actor, may)
        if own is None or own < PERMISSIONS[may] or (actor.only and may not in actor.only):
            raise ForbiddenError(f"{actor.name} cannot grant {may}: nobody can grant more than they hold")

    def _keep_an_admin(self, member_id: str, name: str) -> None:
        if not sql.has_other_admin(self.tx, member_id):
            raise ConflictError(
                f"{name} is the only admin of the workspace", hint="give the role to somebody else first"
            )

    def _shown(self, member_id: str) -> Member:
        return next(found for found in sql.members(self.tx, self.call.now_us) if found.id == member_id)

    def deactivate_member(self, member: str) -> Member:
        """See the contract."""
        member_id = self._member(member)
        if member_id == self.call.actor.member_id:
            raise ConflictError("nobody deactivates themselves", hint="ask another admin")
        if self.tx.scalar(
            "SELECT role FROM grants WHERE member_id = ? AND scope_kind = 'workspace' AND role = ?",
            (member_id, int(Role.ADMIN)),
        ):
            self._keep_an_admin(member_id, member)
        sql.deactivate(self.tx, member_id, self.call.now_us)
        return self._shown(member_id)

    def activate_member(self, member: str) -> Member:
        """See the contract."""
        member_id = self._member(member)
        sql.reactivate(self.tx, member_id)
        return self._shown(member_id)

    def connect_member(self, member: str, issuer: str, subject: str) -> Member:
        """See the contract."""
        member_id = self._member(member)
        if self.tx.scalar("SELECT kind FROM members WHERE id = ?", (member_id,)) == "service":
            raise InvalidError(f"{member} is a service account", hint="it comes in by token: runward token create")
        for value, name in ((issuer, "issuer"), (subject, "subject")):
            check_name(value, f"the {name}")
        self._check_reaches_member(member_id)
        other = self.tx.scalar("SELECT member_id FROM identities WHERE issuer = ? AND subject = ?", (issuer, subject))
        if other not in (None, member_id):
            raise AlreadyExistsError(
                "another member is connected with it", hint="`runward member disconnect` them first"
            )
        if other is None:
            sql.insert_identity(self.tx, issuer, subject, member_id, self.call.now_us)
        return self._shown(member_id)

    def disconnect_member(self, member: str) -> Member:
        """See the contract."""
        member_id = self._member(member)
        sql.disconnect(self.tx, member_id)
        sql.end_credentials(self.tx, member_id)
        return self._shown(member_id)

    def _grantable(self, name: str) -> Role:
        role, own = role_by_name(name), role_on_workspace(self.tx, self.call.actor)
        if own is None or role > own:
            raise ForbiddenError(f"{self.call.actor.name} cannot grant {name}: nobody can grant more than they hold")
        self._check_token_reaches(role, name)
        return role

    def _check_token_reaches(self, role: Role, what: str) -> None:
        """See that a token for some permissions hands on no others. Raises: ForbiddenError."""
        only = self.call.actor.only
        if only and (beyond := [may for may, least in PERMISSIONS.items() if least <= role and may not in only]):
            raise ForbiddenError(
                f"this token cannot hand on {what}: it is not for {', '.join(beyond[:3])}"
                f"{f' and {len(beyond) - 3} more' if beyond[3:] else ''}",
                hint="nobody can grant more than they hold; use a token without only, or a session",
            )

    def _check_reaches_member(self, member_id: str) -> None:
        """See that who makes a way in to a member could grant what they hold. Raises: ForbiddenError."""
        if self.call.actor.only:
            role, verbs = sql.most_held(self.tx, member_id)
            self._check_token_reaches(role, f"the roles of {member_id}")
            for verb in verbs:
                self._check_holds(verb)

    def _scope_id(self, kind: str, scope: str) -> str:
        if kind == "workspace":
            return "*"
        if kind == "team":
            return self._team(scope)
        project = find_project(self.tx, scope)
        if project is None:
            raise NotFoundError(f"there is no project {scope!r}")
        return project.id

    def _team(self, name: str) -> TeamId:
        team = home_team(self.tx, self.call.actor, name)
        if team is None:
            raise NotFoundError(f"there is no team {name!r}", hint="`runward team create NAME` makes one")
        return team

    def _member(self, name: str) -> str:
        found = member_by_name(self.tx, name)
        if found is None:
            raise NotFoundError(f"there is no member {name!r}", hint="`runward member list` shows all")
        self.call.about = ("member", found)
        return found

    def list_teams(self) -> list[Team]:
        """See the contract."""
        return sql.teams(self.tx, self.call.actor)

    def create_team(self, name: str) -> Team:
        """See the contract."""
        check_name(name, "the team's name", limit=100)
        if self.tx.scalar("SELECT id FROM teams WHERE name = ?", (name,)):
            raise AlreadyExistsError(f"there is a team {name!r} already")
        team_id = TeamId(new_id())
        sql.insert_team(self.tx, team_id, name, self.call.now_us)
        return Team(id=team_id, name=name, created_at=self.call.now)

    def list_tokens(self, everybody: bool = False) -> list[Token]:
        """See the contract."""
        if not everybody:
            return sql.tokens(self.tx, self.call.actor.member_id)
        if role_on_workspace(self.tx, self.call.actor) != Role.ADMIN:
            raise ForbiddenError("only an admin of the workspace sees everybody's tokens")
        return sql.tokens(self.tx)

    def create_token(self, new: NewToken) -> TokenSecret:
        """See the contract."""
        check_name(new.name, "the token's name", limit=100)
        if new.expires_in_days is not None and not 1 <= new.expires_in_days <= MAX_TOKEN_DAYS:
            raise InvalidError(
                f"expires_in_days is {new.expires_in_days}", hint=f"1 to {MAX_TOKEN_DAYS:,}, or none for no end"
            )
        if unknown := sorted(set(new.only) - set(PERMISSIONS)):
            raise InvalidError(
                f"only names no permission: {unknown[:5]}", hint="docs/reference/operations.md lists them"
            )
        actor, role = self.call.actor, role_by_name(new.role)
        own = role_on_workspace(self.tx, actor)
        member_id = self._member(new.member) if new.member else actor.member_id
        if member_id != actor.member_id and own != Role.ADMIN:
            raise ForbiddenError("only an admin of the workspace can create a token for somebody else")
        name, disabled = self.tx.one("SELECT name, disabled_at FROM members WHERE id = ?", (member_id,)) or ("", None)
        if disabled is not None:
            raise ConflictError(f"{name} is deactivated", hint=f"`runward member activate {name}` lets them in again")
        cap = min(role, actor.role_cap)
        expires = self.call.now + timedelta(days=new.expires_in_days) if new.expires_in_days is not None else None
        secret, token_id = new_token(), new_id()
        self.call.about = ("token", token_id)
        sql.insert_token(
            self.tx, token_id, member_id, new.name, secret, cap, self.call.now_us, expires, self._part(new), new.only
        )
        return TokenSecret(
            id=token_id,
            name=new.name,
            member=str(name),
            role=_label(Role(cap)) or "viewer",
            secret=secret,
            expires_at=expires,
        )

    def _part(self, new: NewToken) -> tuple[str, str]:
        """The part of the workspace that a new token is for: kind and id."""
        if new.team and new.project:
            raise InvalidError("a token is for a team or for a project", hint="give one of the two")
        if new.project:
            return "project", self.call.project(new.project).id
        if new.team:
            visible = {team.name: team.id for team in sql.teams(self.tx, self.call.actor)}
            if new.team not in visible:
                raise NotFoundError(f"there is no team {new.team!r}", hint="`runward team list` shows yours")
            return "team", visible[new.team]
        return "workspace", "*"

    def revoke_token(self, token_id: str) -> None:
        """See the contract."""
        self.call.about = ("token", token_id)
        is_admin = role_on_workspace(self.tx, self.call.actor) == Role.ADMIN
        owner = self.tx.scalar("SELECT member_id FROM tokens WHERE id = ?", (token_id,))
        if owner is None or (owner != self.call.actor.member_id and not is_admin):
            raise NotFoundError(f"there is no token {token_id!r} of yours")
        self.tx.execute(
            "UPDATE tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", (self.call.now_us, token_id)
        )

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
        """See the contract."""
        size = min(max(limit, 1), 1000)
        wanted: list[tuple[str, Any]] = [
            ("id < ?", before),
            ("object_id = ?", object_id),
            ("actor_id = (SELECT m.id FROM members m WHERE m.name = ?)", actor),
            (f"substr(operation, 1, {len(operation)}) = ?" if operation.endswith(".") else "operation = ?", operation),
            ("outcome <> ?", "ok") if outcome == "refused" else ("outcome = ?", outcome),
            ("at >= ?", since and to_us(since)),
            ("at < ?", until and to_us(until)),
        ]
        key = self.call.dispatcher.audit_key
        events = sql.audit_events(self.tx, key, [one for one in wanted if one[1] not in (None, "")], size + 1)
        shown = events[:size]
        return AuditPage(events=shown, next_before=shown[-1].id if len(events) > size else None)

    def project_access(self, project: str) -> Access:
        """See the contract."""
        found = self.call.project(project)
        scope = self.call.project_scope(found.id)
        assert scope is not None
        return Access("project", found.path, who_can_see(self.tx, scope, self.call.now_us))

    def team_access(self, team: str) -> Access:
        """See the contract."""
        team_id = self._team(team)
        name = str(self.tx.scalar("SELECT name FROM teams WHERE id = ?", (team_id,)))
        return Access("team", name, who_can_see(self.tx, Scope((), team_id), self.call.now_us))

    def could_see(self, since: datetime, until: datetime, member: str = "", token: str = "") -> CouldSee:
        """See the contract."""
        return could_see(self.tx, member, token, since, until)

    def prove_audit(self) -> AuditProof:
        """See the contract."""
        key, folder = self.call.dispatcher.audit_key, self.call.dispatcher.folder
        return prove(self.tx, key, *read_checkpoints(folder, key))

    def prove_event(self, event_id: int) -> EventProof:
        """See the contract."""
        return prove_event(
            self.tx, self.call.dispatcher.folder, self.call.dispatcher.audit_key, event_id, self.call.now
        )

    def list_keys(self) -> WorkspaceKeys:
        """See the contract."""
        return keys_of(self.call)

    def checkpoint_audit(self) -> AuditCheckpoint:
        """See the contract."""
        made = write_checkpoint(self.tx, self.call.dispatcher.folder, self.call.dispatcher.audit_key, self.call.now)
        events = sum(seq for seq, _ in made.lanes.values())
        return AuditCheckpoint(made.at, events, [str(path) for path in places(self.call.dispatcher.folder)])


def _label(role: Role | None) -> RoleName | None:
    return None if role is None else role.label  # type: ignore[return-value]


def _team_scope(call: Call, team: str) -> Scope | None:
    found = home_team(call.tx, call.actor, team)
    return Scope((), found) if found else None


ROOM = Room(Governance, GovernanceService, {"team": _team_scope}, {})
