"""The options of ``runward server`` that say which provider people sign in with."""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

from runward.cli.output import span
from runward.errors import InvalidError
from runward.governance.model import RoleName
from runward.governance.oidc import OidcSettings, check_settings, parse_group

F = TypeVar("F", bound=Callable[..., Any])
SECRET = "RUNWARD_OIDC_CLIENT_SECRET"
_PREFIX = "RUNWARD_OIDC_"

_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option(
        "--oidc-file",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar=f"{_PREFIX}FILE",
        help="TOML with the settings below by their names without --oidc-, and client_secret; readable by you only.",
    ),
    click.option(
        "--oidc-issuer", envvar=f"{_PREFIX}ISSUER", help="Sign in with this OpenID Connect provider: https://…"
    ),
    click.option("--oidc-client", envvar=f"{_PREFIX}CLIENT", help="The client id that is registered at the provider."),
    click.option(
        "--oidc-secret-file",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar=f"{_PREFIX}SECRET_FILE",
        help=f"File with the client's secret, readable by you only; or set {SECRET}.",
    ),
    click.option("--oidc-label", envvar=f"{_PREFIX}LABEL", help="What stands on the button: Sign in with LABEL."),
    click.option("--oidc-scopes", envvar=f"{_PREFIX}SCOPES", help="Default: openid profile email groups."),
    click.option(
        "--oidc-groups-claim", envvar=f"{_PREFIX}GROUPS_CLAIM", help="Where groups are told. Default: groups."
    ),
    click.option(
        "--oidc-group",
        "oidc_group",
        multiple=True,
        envvar=f"{_PREFIX}GROUPS",
        metavar="GROUP=[TEAM:]ROLE",
        help="A role for a group, on the workspace or a team; '*' is everybody whom the provider lets in.",
    ),
    click.option(
        "--oidc-create/--no-oidc-create",
        default=None,
        envvar=f"{_PREFIX}CREATE",
        help="Who is no member yet becomes one at the first sign-in, if a group gives them a role.",
    ),
    click.option(
        "--oidc-domain", envvar=f"{_PREFIX}DOMAIN", help="Only verified addresses of this domain are created."
    ),
    click.option("--oidc-session", envvar=f"{_PREFIX}SESSION", help="After so long the provider is asked again: 12h."),
)


def with_oidc(command: F) -> F:
    """Give a command the options; they arrive as one keyword argument each."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read_settings(given: dict[str, Any]) -> OidcSettings | None:
    """The settings from options, environment and file, in this order; None where no issuer is named.

    Raises: InvalidError, MissingExtraError.
    """
    path = given.pop("oidc_file")
    chosen = _from_file(path) if path else {}
    secret_file = given.pop("oidc_secret_file")
    for name, value in given.items():
        if value not in (None, (), ""):
            chosen[name.removeprefix("oidc_")] = value
    if not chosen.get("issuer"):
        if chosen:
            raise InvalidError("settings for OIDC were given without an issuer", hint="--oidc-issuer https://…")
        return None
    secret = os.environ.get(SECRET, "") or str(chosen.get("client_secret", ""))
    if secret_file is not None:
        secret = _private_text(secret_file, "--oidc-secret-file").strip()
    roles = dict.fromkeys(get_args(RoleName))
    session = chosen.get("session")
    settings = OidcSettings(
        issuer=str(chosen["issuer"]),
        client_id=str(chosen.get("client", "")),
        client_secret=secret,
        label=str(chosen.get("label", "single sign-on"))[:60],
        scopes=str(chosen.get("scopes", "openid profile email groups")),
        groups_claim=str(chosen.get("groups_claim", "groups")),
        groups=tuple(parse_group(str(text), roles) for text in chosen.get("group", ())),
        create=bool(chosen.get("create", False)),
        domain=str(chosen.get("domain", "")).lstrip("@"),
        session_s=_session_s(session),
    )
    return check_settings(settings)


def _session_s(text: object) -> float:
    if text is None:
        return 12 * 3600.0
    found = span(click.get_current_context(), click.Option(["--oidc-session"]), str(text)) or 0.0
    if not 60 <= found <= 14 * 86_400:
        raise InvalidError(f"--oidc-session {text!r} is not between a minute and 14 days", hint="write it like 12h")
    return found


_KNOWN = {
    "issuer", "client", "client_secret", "label", "scopes", "groups_claim", "group", "create", "domain", "session",
}  # fmt: skip


def _from_file(path: Path) -> dict[str, Any]:
    try:
        found = tomllib.loads(_private_text(path, "--oidc-file"))
    except tomllib.TOMLDecodeError as error:
        raise InvalidError(f"--oidc-file {path}: {error}", hint='lines like issuer = "https://…"') from error
    if unknown := set(found) - _KNOWN:
        raise InvalidError(
            f"--oidc-file {path} has {sorted(unknown)}", hint=f"it may have: {', '.join(sorted(_KNOWN))}"
        )
    if not isinstance(found.get("group", []), list):
        raise InvalidError(f"--oidc-file {path}: group is no list", hint='group = ["ml-admins=admin"]')
    return found


def _private_text(path: Path, option: str) -> str:
    """The text of a file that nobody else may read: it holds a secret. Raises: InvalidError."""
    try:
        with open(path, encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(64 << 10)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidError(f"{option} {path} cannot be read: {error}") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise InvalidError(
            f"{option} {path} can be read by others: its mode is {stat.S_IMODE(mode):04o}", hint=f"chmod 600 {path}"
        )
    return text
