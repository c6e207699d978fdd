"""``runward login``, ``logout``, ``whoami``, tokens and service accounts, as a user meets them."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runward.core.credentials import credentials_path, server_of
from runward.errors import InvalidError
from runward.governance.model import NewMember, NewToken
from runward.governance.signin import new_link
from runward.server.run import LOOPBACK, RunningServer, listen
from runward.workspace import FolderWorkspace, open_folder
from tests.cli.conftest import Cli
from tests.server.http import Client


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[FolderWorkspace, str]]:
    """A server, and a user without credentials."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    space = open_folder(tmp_path / "served", "owner")
    with contextlib.closing(space), RunningServer(space.dispatcher, listen("127.0.0.1", 0), LOOPBACK) as server:
        yield space, server.url


def _session(space: FolderWorkspace, url: str, name: str) -> Client:
    member = next(m.id for m in space.governance.list_members() if m.name == name)
    answer = Client(url).post("/api/v1/session/link", {"secret": new_link(space.dispatcher.database, member)})
    return Client(url, cookie=answer.headers["set-cookie"].partition(";")[0])


@contextlib.contextmanager
def _asking(url: str, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A command line that waits to be let in, and the code that it shows."""
    command = [sys.executable, "-m", "runward", "login", url, "--json", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ})
    assert process.stderr is not None
    try:
        code = ""
        while not code:
            line = process.stderr.readline()
            assert line, process.communicate()
            code = "".join(re.findall(r"let in the code (\S+)", line))
        yield process, code
    finally:
        process.kill()
        process.communicate()


def test_a_command_line_is_let_in_on_the_web(
    cli: Cli, served: tuple[FolderWorkspace, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page shows what asks; then commands and the SDK work without a token being set; logging out ends it."""
    space, url = served
    space.governance.create_member(NewMember(name="ann"))
    ann = _session(space, url, "ann")
    with _asking(url) as (process, code):
        asked = ann.post("/api/v1/session/logins/look", {"code": code.lower().replace("-", " ")})
        assert (asked.status, asked.json["code"], asked.json["address"]) == (200, code, "127.0.0.1")
        assert " on " in asked.json["label"]
        assert ann.post("/api/v1/session/logins/decision", {"code": code}).status == 204
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
    assert (json.loads(out)["member"], json.loads(out)["server"]) == ("ann", url)
    assert credentials_path().stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("RUNWARD_URL", url)
    me = cli.json("whoami")
    assert (me["name"], me["place"]) == ("ann", url)
    listed = cli.json("token", "list")
    assert [token["name"].startswith("login: ") for token in listed] == [True]
    # An environment that names a token means that one.
    other = space.governance.create_token(NewToken("t")).secret
    monkeypatch.setenv("RUNWARD_TOKEN", other)
    assert cli.json("whoami")["name"] == "owner"
    monkeypatch.delenv("RUNWARD_TOKEN")
    assert cli.json("logout")["server"] == url
    said = cli("whoami", "--json")
    assert (said.code, said.json["name"]) == (1, None)
    assert [t.revoked for t in space.governance.list_tokens(everybody=True) if t.member == "ann"] == [True]
    trail = [(e.operation, e.actor, e.via) for e in space.governance.audit(actor="ann", limit=10).events]
    assert ("governance.create_token", "ann", "login") in trail
    assert ("session.allow_login", "ann", "session") in trail


def test_who_is_turned_away_or_loses_access_gets_nothing(served: tuple[FolderWorkspace, str]) -> None:
    """Also where somebody gave leave and was deactivated before it was used; a secret is good for one token."""
    space, url = served
    for name in ("ann", "ben"):
        space.governance.create_member(NewMember(name=name))
    ann, nobody = _session(space, url, "ann"), Client(url)

    def ask() -> tuple[str, str]:
        found = nobody.post("/api/v1/session/logins", {"label": "x on y"}).json
        return found["device"], found["code"]

    def fetch(device: str) -> int:
        return nobody.post("/api/v1/session/logins/token", {"device": device}).status

    device, code = ask()
    assert nobody.post("/api/v1/session/logins/token", {"device": device}).json["pending"] is True
    ann.post("/api/v1/session/logins/decision", {"code": code, "allow": False})
    assert fetch(device) == 401
    device, code = ask()
    ann.post("/api/v1/session/logins/decision", {"code": code})
    # Who came first has let it in: another one cannot make it theirs.
    assert _session(space, url, "ben").post("/api/v1/session/logins/decision", {"code": code}).status == 404
    assert nobody.post("/api/v1/session/logins/token", {"device": device}).json["member"] == "ann"
    assert fetch(device) == 401
    device, code = ask()
    ann.post("/api/v1/session/logins/decision", {"code": code})
    space.governance.deactivate_member("ann")
    assert fetch(device) == 401
    assert fetch(code) == fetch("") == 401


def test_a_token_lets_no_command_line_in_and_codes_are_not_guessed(served: tuple[FolderWorkspace, str]) -> None:
    """A token that ends soon must not become another one; twenty wrong codes are enough."""
    space, url = served
    code = Client(url).post("/api/v1/session/logins", {"label": "x on y"}).json["code"]
    holder = Client(url, space.governance.create_token(NewToken("t")).secret)
    assert holder.post("/api/v1/session/logins/decision", {"code": code}).status == 403
    assert Client(url).post("/api/v1/session/logins/look", {"code": code}).status == 401
    owner = _session(space, url, "owner")
    codes = [owner.post("/api/v1/session/logins/look", {"code": "BBBB-BBBB"}).status for _ in range(21)]
    assert codes == [404] * 20 + [429]
    assert owner.post("/api/v1/session/logins/look", {"code": code}).status == 429


def test_command_lines_that_ask_are_limited(served: tuple[FolderWorkspace, str]) -> None:
    _, url = served
    codes = [Client(url).post("/api/v1/session/logins", {"label": "x"}).status for _ in range(31)]
    assert codes == [200] * 30 + [429]
    assert Client(url).post("/api/v1/session/logins", {"label": "x" * 20_000}).status == 422


def test_a_token_can_be_brought_along(
    cli: Cli, served: tuple[FolderWorkspace, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From standard input, so that it is in no history; one that is not valid is not kept."""
    space, url = served
    secret = space.governance.create_token(NewToken("t")).secret
    monkeypatch.setattr(sys, "stdin", io.StringIO("rwd_wrong\n"))
    assert cli("login", url, "--with-token").code == 2
    assert not credentials_path().exists()
    monkeypatch.setattr(sys, "stdin", io.StringIO(secret + "\n"))
    assert cli.json("login", url, "--with-token")["member"] == "owner"
    monkeypatch.setenv("RUNWARD_URL", url + "/")
    assert cli.json("whoami")["name"] == "owner"
    os.chmod(credentials_path(), 0o640)
    said = cli("whoami")
    assert (said.code, "chmod 600" in said.err, secret in said.err) == (2, True, False)


def test_a_token_does_not_travel_in_the_clear(cli: Cli) -> None:
    """To another host only with TLS, unless it is said."""
    said = cli("login", "http://runs.example")
    assert (said.code, "not encrypted" in said.err) == (2, True)


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("https://Runs.Example/", "https://runs.example"),
        ("runs.example", "https://runs.example"),
        ("https://runs.example:443/team/", "https://runs.example/team"),
        ("http://[::1]:4747", "http://[::1]:4747"),
        ("http://127.0.0.1:4747", "http://127.0.0.1:4747"),
    ],
)
def test_a_server_is_the_same_however_it_is_written(url: str, server: str) -> None:
    assert server_of(url) == server


@pytest.mark.parametrize("url", ["ftp://x", "https://", "https://user:pw@host", "https://host:port"])
def test_what_is_no_server_is_named(url: str) -> None:
    with pytest.raises(InvalidError, match="server URL"):
        server_of(url)


def test_members_and_tokens_from_the_command_line(cli: Cli) -> None:
    """A service account, a token for a part of the workspace, deactivation."""
    cli.json("projects", "create", "vision")
    assert cli.json("service", "create", "robot")["service"] == "robot"
    made = cli.json(
        "token", "create", "--member", "robot", "--project", "vision", "--only", "run.write", "--label", "ci"
    )
    assert made["secret"].startswith("rwd_")
    listed = cli.json("token", "list", "--all")
    assert [(t["name"], t["member"], t["scope"], t["only"]) for t in listed] == [
        ("ci", "robot", "vision", ["run.write"])
    ]
    assert "vision run.write" in cli("token", "list", "--all").out
    assert [m["name"] for m in cli.json("service", "list")] == ["robot"]
    cli.json("member", "create", "ann")
    assert cli.json("member", "deactivate", "ann")["disabled"] is True
    assert "deactivated" in cli("member", "list").out
    assert cli("member", "invite", "ann").code == 2
    cli.json("member", "activate", "ann")
    assert cli.json("member", "invite", "ann")["path"].startswith("/welcome#")
    connected = cli.json("member", "connect", "ann", "--issuer", "https://id.example", "--subject", "7")
    assert connected["signs_in"] == ["provider"]
    assert cli.json("member", "disconnect", "ann")["signs_in"] == []
    assert cli.json("token", "revoke", made["id"])["revoked"] == made["id"]
