"""``runward member``, ``team`` and ``token``: on the workspace's folder. Who owns the folder owns the workspace."""

from __future__ import annotations

import os
from typing import get_args

import click

from runward.cli.output import Output, pass_output, with_json
from runward.core.permissions import VERBS, Verb
from runward.errors import NotFoundError
from runward.governance.model import Grant, Member, NewMember, NewToken, RoleName, ScopeKind
from runward.store.folder import FolderBlobs
from runward.workspace import FolderWorkspace, Workspace, connect, find_folder, open_dispatcher

VERB = click.Choice(VERBS)
ROLES = click.Choice(list(get_args(RoleName)))


def owned(database: str = "") -> Workspace:
    """The workspace that the command works on: a server if one is set, else the folder.

    Raises: NotFoundError (there is none, and none was named; it is not made on the way).
    """
    if database:
        from runward.governance.signin import folder_actor
        from runward.store.database import open_database

        folder = find_folder()
        dispatcher = open_dispatcher(open_database(database), FolderBlobs(folder / "blobs"), folder)
        return FolderWorkspace(dispatcher, str(folder), folder, folder_actor(dispatcher.database))
    named = os.environ.get("RUNWARD_URL") or os.environ.get("RUNWARD_DIR")
    if not named and not ((folder := find_folder()) / "runward.db").exists():
        # Made here, a member would never reach the server that was meant.
        raise NotFoundError(
            f"there is no workspace in {folder}",
            hint="RUNWARD_DIR names its folder (of a server: its --dir); `runward server` and a first run make one",
        )
    return connect()


_database = click.option("--database", default="", help="Database URL, if the workspace is not in the folder.")


_on_team = click.option("--team", default=None, help="On a team.")
_on_project = click.option("--project", default=None, help="On a project and those below it.")


@click.group()
def member() -> None:
    """Members of the workspace."""


@member.command("create")
@click.argument("name")
@click.option("--role", type=ROLES, default="contributor", show_default=True)
@click.option("--team", default="", help="The team the role counts for; '*' for the whole workspace.")
@_database
@with_json
@pass_output
def create_member(output: Output, name: str, role: RoleName, team: str, database: str) -> None:
    """Create a member; prints the one-time link at which they choose a password."""
    found = owned(database).governance.create_member(NewMember(name=name, role=role, team=team))
    output.result(
        found, f"{name} opens SERVER{found.path} and chooses a password (once, until {found.expires_at:%F %R} UTC)"
    )


@member.command("list")
@_database
@with_json
@pass_output
def list_members(output: Output, database: str) -> None:
    """All members with their roles, how they come in, and when they were last seen."""
    found = owned(database).governance.list_members()
    rows = [
        [
            m.name,
            "deactivated" if m.disabled else m.kind,
            _held(m),
            ", ".join(m.signs_in) or "–",
            f"{m.last_seen_at:%F %R}" if m.last_seen_at else "never",
        ]
        for m in found
    ]
    output.table(found, ["name", "kind", "holds", "signs in by", "last seen (UTC)"], rows)


def _role(grant: Grant) -> str:
    from_group = " (group)" if grant.source == "group" else ""
    return f"{grant.role} on {grant.scope or 'workspace'}{from_group}"


def _held(member: Member) -> str:
    """The roles and verbs of a member, in words."""
    verbs = [f"{one.verb} on {one.scope or 'workspace'}" for one in member.verbs]
    return ", ".join([*map(_role, member.grants), *verbs]) or "nothing"


@member.command("invite")
@click.argument("name")
@_database
@with_json
@pass_output
def invite(output: Output, name: str, database: str) -> None:
    """A new one-time link for a member to choose a password; their sessions end."""
    found = owned(database).governance.invite(name)
    output.result(found, f"{name} opens SERVER{found.path} (once, until {found.expires_at:%F %R} UTC)")


@member.command("deactivate")
@click.argument("name")
@_database
@with_json
@pass_output
def deactivate(output: Output, name: str, database: str) -> None:
    """End a member's sessions, links and tokens at once; what they made stays."""
    output.result(owned(database).governance.deactivate_member(name), f"{name} is deactivated; what they made stays")


@member.command("activate")
@click.argument("name")
@_database
@with_json
@pass_output
def activate(output: Output, name: str, database: str) -> None:
    """Let a deactivated member sign in again; tokens that were ended stay so."""
    output.result(owned(database).governance.activate_member(name), f"{name} may sign in again")


@member.command("connect")
@click.argument("name")
@click.option("--issuer", required=True, help="The provider, as in --oidc-issuer.")
@click.option(
    "--subject", required=True, help="Who they are there: the server's log names it when a sign-in is refused."
)
@_database
@with_json
@pass_output
def connect_member(output: Output, name: str, issuer: str, subject: str, database: str) -> None:
    """Let whom the sign-in provider calls by a subject be this member."""
    output.result(owned(database).governance.connect_member(name, issuer, subject), f"{name} may sign in by {issuer}")


@member.command("disconnect")
@click.argument("name")
@_database
@with_json
@pass_output
def disconnect_member(output: Output, name: str, database: str) -> None:
    """Forget who the sign-in provider says that a member is; their sessions end."""
    output.result(owned(database).governance.disconnect_member(name), f"{name} is connected with no provider")


@click.group()
def service() -> None:
    """Service accounts: members for programs, which come in by token only."""


@service.command("create")
@click.argument("name")
@click.option("--role", type=ROLES, default="contributor", show_default=True)
@click.option("--team", default="", help="The team the role counts for; '*' for the whole workspace.")
@_database
@with_json
@pass_output
def create_service(output: Output, name: str, role: RoleName, team: str, database: str) -> None:
    """Create a service account. It has no password and no link."""
    owned(database).governance.create_member(NewMember(name=name, role=role, team=team, kind="service"))
    output.result({"service": name, "role": role}, f"service account {name} created")
    output.hint(f"runward token create --member {name}")


@service.command("list")
@_database
@with_json
@pass_output
def list_services(output: Output, database: str) -> None:
    """The service accounts with their roles."""
    found = [m for m in owned(database).governance.list_members() if m.kind == "service"]
    rows = [[m.name, _held(m), f"{m.last_seen_at:%F %R}" if m.last_seen_at else "never"] for m in found]
    output.table(found, ["name", "holds", "last seen (UTC)"], rows)


@member.command("grant")
@click.argument("name")
@click.option("--role", type=click.Choice([*get_args(RoleName), "none"]), default=None)
@click.option(
    "--verb", "verbs", type=VERB, multiple=True, help="A single permission, whatever the role; may be repeated."
)
@_on_team
@_on_project
@_database
@with_json
@pass_output
def grant(
    output: Output,
    name: str,
    role: str | None,
    verbs: tuple[Verb, ...],
    team: str | None,
    project: str | None,
    database: str,
) -> None:
    """Give a member a role or single permissions on the workspace, a team or a project; role 'none' takes the role away."""
    if role is None and not verbs:
        raise click.UsageError("what is given? --role ROLE, --verb VERB, or both")
    governance, (kind, scope) = owned(database).governance, _place(team, project)
    found = None
    if role is not None:
        found = governance.grant(name, kind, scope, None if role == "none" else role)  # type: ignore[arg-type]
    for verb in verbs:
        found = governance.grant_verb(name, kind, scope, verb)
    assert found is not None
    output.result(found, f"{name}: {_held(found)}")


@member.command("revoke")
@click.argument("name")
@click.option("--verb", "verbs", type=VERB, multiple=True, required=True, help="May be repeated.")
@_on_team
@_on_project
@_database
@with_json
@pass_output
def revoke_verb(
    output: Output, name: str, verbs: tuple[Verb, ...], team: str | None, project: str | None, database: str
) -> None:
    """Take single permissions away from a member; roles are taken away with `grant --role none`."""
    governance, (kind, scope) = owned(database).governance, _place(team, project)
    found = [governance.grant_verb(name, kind, scope, verb, held=False) for verb in verbs][-1]
    output.result(found, f"{name}: {_held(found)}")


def _place(team: str | None, project: str | None) -> tuple[ScopeKind, str]:
    """What a role or a verb is given on."""
    if team is not None and project is not None:
        raise click.UsageError("--team and --project: give one of the two")
    return ("team", team) if team is not None else ("project", project) if project is not None else ("workspace", "")


@click.group()
def team() -> None:
    """Teams of the workspace."""


@team.command("create")
@click.argument("name")
@_database
@with_json
@pass_output
def create_team(output: Output, name: str, database: str) -> None:
    """Create a team."""
    output.result(owned(database).governance.create_team(name), f"team {name} created")


@team.command("list")
@_database
@with_json
@pass_output
def list_teams(output: Output, database: str) -> None:
    """The teams that you may see."""
    found = owned(database).governance.list_teams()
    output.table(found, ["name", "members"], [[t.name, t.members] for t in found])


@click.group()
def token() -> None:
    """Tokens for members."""


@token.command("create")
@click.option("--member", "name", default="", help="Whose token; made as a member where missing. Default: yourself.")
@click.option("--role", type=ROLES, default="contributor", show_default=True, help="For a member that is new.")
@click.option("--scope", type=ROLES, default=None, help="The most that the token can do; default: what the member can.")
@click.option("--days", type=click.IntRange(1, 3650), default=365, show_default=True)
@click.option("--team", default="", help="Only for this team.")
@click.option("--project", default="", help="Only for this project and those below it.")
@click.option("--only", multiple=True, metavar="PERMISSION", help="Only for this, such as run.write; may be repeated.")
@click.option("--label", default="", help="What the token is called in lists.")
@_database
@with_json
@pass_output
def create_token(
    output: Output,
    name: str,
    role: RoleName,
    scope: RoleName | None,
    days: int,
    team: str,
    project: str,
    only: tuple[str, ...],
    label: str,
    database: str,
) -> None:
    """Create a token; its secret is printed once. It can at most what its member can."""
    space = owned(database)
    known = {member.name for member in space.governance.list_members()} if name else set()
    if name and isinstance(space, FolderWorkspace) and name not in known:
        space.governance.create_member(NewMember(name=name, role=role, team="*" if role == "admin" else ""))
    new = NewToken(
        name=label or f"cli-{name or 'own'}",
        member=name,
        role=scope or "admin",
        expires_in_days=days,
        team=team,
        project=project,
        only=list(only),
    )
    found = space.governance.create_token(new)
    output.result(found, found.secret)
    output.hint("shown once; set it as RUNWARD_TOKEN")


@token.command("list")
@click.option("--all", "everybody", is_flag=True, help="Everybody's; for admins of the workspace.")
@_database
@with_json
@pass_output
def list_tokens(output: Output, everybody: bool, database: str) -> None:
    """Your tokens, or everybody's."""
    found = owned(database).governance.list_tokens(everybody)
    rows = [
        [
            t.id,
            t.name,
            t.member,
            " ".join([t.role, *([t.scope or "nothing that is left"] if t.scope_kind != "workspace" else []), *t.only]),
            "revoked" if t.revoked else f"{t.expires_at:%F}" if t.expires_at else "never",
            f"{t.last_used_at:%F %R}" if t.last_used_at else "never",
        ]
        for t in found
    ]
    output.table(found, ["id", "name", "member", "scope", "expires", "last used (UTC)"], rows)


@token.command("revoke")
@click.argument("token_id")
@_database
@with_json
@pass_output
def revoke(output: Output, token_id: str, database: str) -> None:
    """End a token at once."""
    owned(database).governance.revoke_token(token_id)
    output.result({"revoked": token_id}, f"token {token_id} is revoked")
