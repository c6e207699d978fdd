"""What ``runward server`` is told about its provider and its surroundings, and what it refuses to start with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
import pytest

from runward.cli.oidc import read_settings, with_oidc
from runward.errors import InvalidError
from runward.governance.oidc import GroupRole, OidcSettings
from tests.cli.conftest import Cli


def _read(*arguments: str) -> OidcSettings | None:
    """The settings that a command gets from its arguments and the environment."""
    found: list[OidcSettings | None] = []

    @click.command()
    @with_oidc
    def command(**given: Any) -> None:
        found.append(read_settings(given))

    command.main(list(arguments), standalone_mode=False)
    return found[0]


def _file(folder: Path, text: str, mode: int = 0o600) -> str:
    path = folder / "oidc.toml"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


ISSUER = ("--oidc-issuer", "https://id.example", "--oidc-client", "runward")


def test_without_an_issuer_there_is_no_provider() -> None:
    assert _read() is None
    with pytest.raises(InvalidError, match="without an issuer"):
        _read("--oidc-client", "runward")


def test_options_environment_and_file_say_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An option beats the environment, which beats the file; the secret comes from environment or file."""
    path = _file(
        tmp_path,
        'issuer = "https://id.example"\nclient = "of the file"\nclient_secret = "s3"\ncreate = true\n'
        'group = ["cn=ml,ou=x=team:reviewer", "*=viewer"]\nsession = "30m"\ndomain = "@example.org"\n',
    )
    found = _read("--oidc-file", path)
    assert found == OidcSettings(
        "https://id.example", "of the file", "s3", create=True, domain="example.org", session_s=1800.0,
        groups=(GroupRole("cn=ml,ou=x", "team", "reviewer"), GroupRole("*", "", "viewer")),
    )  # fmt: skip
    monkeypatch.setenv("RUNWARD_OIDC_CLIENT", "of the environment")
    monkeypatch.setenv("RUNWARD_OIDC_CLIENT_SECRET", "s4")
    monkeypatch.setenv("RUNWARD_OIDC_GROUPS", "ml=admin vision=vision:viewer")
    found = _read("--oidc-file", path)
    assert found is not None
    assert (found.client_id, found.client_secret) == ("of the environment", "s4")
    assert found.groups == (GroupRole("ml", "", "admin"), GroupRole("vision", "vision", "viewer"))
    found = _read("--oidc-file", path, "--oidc-client", "of the option", "--no-oidc-create")
    assert found is not None
    assert (found.client_id, found.create) == ("of the option", False)


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = _file(tmp_path, 'issuer = "https://id.example"\n', 0o644)
    with pytest.raises(InvalidError, match="0644") as caught:
        _read("--oidc-file", path)
    assert "chmod 600" in caught.value.hint
    with pytest.raises(InvalidError, match="can be read by others"):
        _read(*ISSUER, "--oidc-secret-file", path)
    os.chmod(path, 0o600)
    found = _read(*ISSUER, "--oidc-secret-file", path)
    assert found is not None
    assert found.client_secret == 'issuer = "https://id.example"'


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--oidc-issuer", "http://id.example", "--oidc-client", "x"), "no https address"),
        (("--oidc-issuer", "https://id.example"), "client id is empty"),
        ((*ISSUER, "--oidc-create"), "without any role"),
        ((*ISSUER, "--oidc-group", "ml=king"), "group=role"),
        ((*ISSUER, "--oidc-group", "admin"), "group=role"),
        ((*ISSUER, "--oidc-scopes", "profile"), "openid"),
        ((*ISSUER, "--oidc-session", "60d"), "14 days"),
        ((*ISSUER, "--oidc-secret-file", "/nowhere/at/all"), "cannot be read"),
    ],
)
def test_settings_that_cannot_work_are_named(arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(InvalidError) as caught:
        _read(*arguments)
    assert said in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    ("text", "said"),
    [("issuer = x", "oidc.toml"), ('isuer = "x"', "isuer"), ('issuer = "https://x"\ngroup = "a"', "list")],
)
def test_a_file_that_is_not_understood_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InvalidError, match=said):
        _read("--oidc-file", _file(tmp_path, text))


def test_a_server_does_not_start_on_what_would_be_open(cli: Cli) -> None:
    """A public address without TLS; a mapping to a team that is not there; OIDC without the server's own address."""
    said = cli("server", "--host", "0.0.0.0", "--port", "0")
    assert (said.code, "unencrypted" in said.err) == (2, True)
    said = cli("server", "--host", "0.0.0.0", "--port", "0", "--proxy", "10.0.0.2", *ISSUER)
    assert (said.code, "--url" in said.err) == (2, True)
    said = cli("server", "--port", "0", *ISSUER, "--oidc-group", "ml=nowhere:viewer")
    assert (said.code, "runward team create nowhere" in said.err) == (2, True)
