"""``runward login``, ``logout`` and ``whoami``: a token of this user for a server, without copying one around."""

from __future__ import annotations

import getpass
import ipaddress
import platform
import sys
import time
import webbrowser
from urllib.parse import urlsplit

import click
import msgspec

from runward.cli.output import NO, Output, pass_output, with_json
from runward.core.credentials import Saved, credentials_path, keep, saved, server_of
from runward.core.remote import API, HttpClient
from runward.errors import InvalidError, NotFoundError, UnauthenticatedError
from runward.governance.model import Me
from runward.workspace import Workspace, connect, open_url

_HEADERS = {"Accept": "application/json", "Content-Type": "application/json", "X-Runward": "cli"}


@click.command()
@click.argument("url")
@click.option(
    "--no-browser", is_flag=True, help="Only print the address and the code; open it wherever you are signed in."
)
@click.option("--with-token", is_flag=True, help="Read a token from standard input instead of asking on the web.")
@click.option("--plain-http", is_flag=True, help="Allow an address of another host that is not encrypted.")
@with_json
@pass_output
def login(output: Output, url: str, no_browser: bool, with_token: bool, plain_http: bool) -> None:
    """Get a token for a server and keep it for this user: RUNWARD_TOKEN is not needed any more.

    A page of the server asks whoever is signed in there to let this command line in. The token ends after 30 days.
    """
    server = server_of(url)
    if not plain_http and not _is_private(server):
        raise InvalidError(
            f"{server} is not encrypted: whoever is on the way could take the token",
            hint="use https://…, or say --plain-http where you trust the network",
        )
    entry = _pasted(output, server) if with_token else _allowed(output, server, no_browser)
    keep(server, entry)
    shown = f", until {entry.expires_at:%F}" if entry.expires_at else ""
    output.result(
        {"server": server, "member": entry.member, "expires_at": entry.expires_at},
        f"signed in to {server} as {entry.member}{shown}",
    )
    output.hint(f"kept in {credentials_path()}; use it with RUNWARD_URL={server}")


def _is_private(server: str) -> bool:
    parts = urlsplit(server)
    try:
        here = parts.hostname == "localhost" or ipaddress.ip_address(str(parts.hostname)).is_loopback
    except ValueError:
        here = False
    return parts.scheme == "https" or here


def _pasted(output: Output, server: str) -> Saved:
    typed = getpass.getpass("token: ") if sys.stdin.isatty() else sys.stdin.readline()
    token = typed.strip()
    me = open_url(server, token).governance.whoami()
    return Saved(token, id=me.via.removeprefix("token:"), member=me.name)


def _allowed(output: Output, server: str, no_browser: bool) -> Saved:
    client = HttpClient(server)
    label = f"{getpass.getuser()} on {platform.node() or 'a machine without a name'}"[:100]
    waiting = _post(client, "", {"label": label})
    page = f"{server}{waiting['path']}"
    output.say(f"open {page}")
    output.say(f"and let in the code {waiting['code']}")
    if not no_browser and sys.stderr.isatty():
        webbrowser.open(page)
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        found = _post(client, "/token", {"device": waiting["device"]})
        if not found["pending"]:
            return msgspec.convert({**found, "token": found["secret"]}, Saved)
        time.sleep(float(waiting["interval_s"]))
    raise UnauthenticatedError(
        "nobody let this command line in within ten minutes", hint="begin again: runward login URL"
    )


def _post(client: HttpClient, path: str, body: dict[str, str]) -> dict[str, str]:
    response = client.send("POST", f"{API}/session/logins{path}", msgspec.json.encode(body), _HEADERS)
    return msgspec.json.decode(response.read(), type=dict)


@click.command()
@click.argument("url", default="")
@with_json
@pass_output
def logout(output: Output, url: str) -> None:
    """Forget the token that is kept for a server, and end it there. Without URL: where there is only one."""
    entries = saved()
    if not url and len(entries) != 1:
        raise InvalidError("say which server", hint=f"kept: {', '.join(sorted(entries)) or 'none'}")
    server = server_of(url) if url else next(iter(entries))
    entry = entries.get(server)
    if entry is None:
        raise NotFoundError(f"no token is kept for {server}", hint=f"kept: {', '.join(sorted(entries)) or 'none'}")
    try:
        open_url(server, entry.token).governance.revoke_token(entry.id)
        ended = "ended there"
    except (UnauthenticatedError, NotFoundError):
        ended = "it had ended there already"
    finally:
        # What is not here cannot be taken from here, even where the server is away.
        keep(server, None)
    output.result({"server": server, "logged_out": True}, f"the token for {server} is forgotten, {ended}")


@click.command()
@with_json
@pass_output
def whoami(output: Output) -> int:
    """Who you are in the workspace that commands would use now, and by what. Exit code 1 if nobody."""
    space: Workspace = connect()
    try:
        me = space.governance.whoami()
    except UnauthenticatedError as error:
        output.result(
            {"place": space.place, "name": None, "problem": error.message}, [f"{space.place}: nobody", error.hint]
        )
        return NO
    roles = [f"{me.role} of the workspace"] if me.role else []
    roles += [f"{role} of {team}" for team, role in me.teams.items()]
    output.result(
        {"place": space.place, **msgspec.to_builtins(me)},
        [f"{me.name} on {space.place} ({', '.join(roles) or 'no role'})", _proved(me)],
    )
    return 0


def _proved(me: Me) -> str:
    if me.via.startswith("token:"):
        return f"by the token {me.via.removeprefix('token:')}"
    return "by owning the folder; the name is only claimed" if not me.verified else f"by {me.via}"
