"""``runward member``, ``team`` and ``token``: on the workspace's folder. Who owns the folder owns the workspace."""

from __future__ import annotations

import os
from typing import get_args

import click

from runward.cli.output import Output, pass_output, with_json
from runward.governance.model import NewMember, NewToken, RoleName
from runward.store.folder import FolderBlobs
from runward.workspace import FolderWorkspace, Workspace, connect, find_folder, open_dispatcher, open_folder

ROLES = click.Choice(list(get_args(RoleName)))


def owned(database: str = "") -> Workspace:
    """The workspace that the command works on: a server if one is set, else the folder."""
    if database:
        from runward.governance.signin import folder_actor
        from runward.store.database import open_database

        folder = find_folder()
        dispatcher = open_dispatcher(open_database(database), FolderBlobs(folder / "blobs"), folder)
        return FolderWorkspace(dispatcher, str(folder), folder, folder_actor(dispatcher.database))
    return connect() if os.environ.get("RUNWARD_URL") else open_folder(find_folder())


_database = click.option("--database", default="", help="Database URL, if the workspace is not in the folder.")


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
    """All members with their roles."""
    found = owned(database).governance.list_members()
    rows = [[m.name, m.kind, ", ".join(f"{g.role} on {g.scope or 'workspace'}" for g in m.grants)] for m in found]
    output.table(found, ["name", "kind", "roles"], rows)


@member.command("grant")
@click.argument("name")
@click.option("--role", type=click.Choice([*get_args(RoleName), "none"]), required=True)
@click.option("--team", default=None, help="On a team.")
@click.option("--project", default=None, help="On a project and those below it.")
@_database
@with_json
@pass_output
def grant(output: Output, name: str, role: str, team: str | None, project: str | None, database: str) -> None:
    """Give a member a role on the workspace, a team or a project; 'none' takes it away."""
    kind, scope = (
        ("team", team) if team is not None else ("project", project) if project is not None else ("workspace", "")
    )
    given = None if role == "none" else role
    found = owned(database).governance.grant(name, kind, scope or "", given)  # type: ignore[arg-type]
    output.result(found, f"{name}: " + ", ".join(f"{g.role} on {g.scope or 'workspace'}" for g in found.grants))


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
@_database
@with_json
@pass_output
def create_token(output: Output, name: str, role: RoleName, scope: RoleName | None, days: int, database: str) -> None:
    """Create a token; its secret is printed once."""
    space = owned(database)
    known = {member.name for member in space.governance.list_members()}
    if name and isinstance(space, FolderWorkspace) and name not in known:
        space.governance.create_member(NewMember(name=name, role=role, team="*" if role == "admin" else ""))
    new = NewToken(name=f"cli-{name or 'own'}", member=name, role=scope or "admin", expires_in_days=days)
    found = space.governance.create_token(new)
    output.result(found, found.secret)
    output.hint("shown once; set it as RUNWARD_TOKEN")


@token.command("list")
@_database
@with_json
@pass_output
def list_tokens(output: Output, database: str) -> None:
    """Your tokens."""
    found = owned(database).governance.list_tokens()
    rows = [[t.id, t.name, t.role, "revoked" if t.revoked else str(t.expires_at or "")] for t in found]
    output.table(found, ["id", "name", "scope", "expires"], rows)


@token.command("revoke")
@click.argument("token_id")
@_database
@with_json
@pass_output
def revoke(output: Output, token_id: str, database: str) -> None:
    """End a token at once."""
    owned(database).governance.revoke_token(token_id)
    output.result({"revoked": token_id}, f"token {token_id} is revoked")
