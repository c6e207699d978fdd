"""``runward server``: serve a workspace to a team."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any, Literal

import click

from runward.cli.oidc import read_settings, with_oidc
from runward.cli.output import Output, pass_output, span, with_json
from runward.errors import InvalidError
from runward.interop.parquet import arrow
from runward.workspace import find_folder

log = logging.getLogger("runward.server")


@click.command()
@click.option("--dir", "folder", type=click.Path(path_type=Path), default=None, help="The workspace's folder.")
@click.option("--database", default="", help="postgresql://… instead of SQLite in the folder.")
@click.option(
    "--blobs",
    default="",
    help="Folder or s3://bucket/prefix (gs://…, az://…) for artifacts and captured code; default: inside --dir.",
)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=4747, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes that serve.")
@click.option(
    "--tables-after",
    "tables_after_s",
    callback=span,
    help="Write points as Parquet beside the bytes when their run has been over for so long: 1h, 30m.",
)
@click.option("--url", default="", help="Where people reach this server; what is sent to others links to it.")
@click.option(
    "--hook-network",
    "hook_networks",
    multiple=True,
    metavar="CIDR",
    help="A network that is not public but that web hooks and forges may be in: 10.1.0.0/16.",
)
@click.option(
    "--behind-proxy", is_flag=True, help="A TLS proxy on this machine stands in front; what it forwards is believed."
)
@click.option(
    "--proxy",
    "proxies",
    multiple=True,
    metavar="ADDRESS",
    help="A TLS proxy at this address or network stands in front; only what it forwards is believed.",
)
@click.option("--tls-cert", type=click.Path(path_type=Path), default=None, help="Serve TLS: certificate chain (PEM).")
@click.option("--tls-key", type=click.Path(path_type=Path), default=None, help="The certificate's key (PEM).")
@click.option(
    "--log-format",
    type=click.Choice(["json", "text"]),
    default=None,
    help="Write each request and all warnings to standard error, as JSON lines or as text.",
)
@with_oidc
@with_json
@pass_output
def server(
    output: Output,
    /,
    folder: Path | None,
    database: str,
    blobs: str,
    host: str,
    port: int,
    workers: int,
    tables_after_s: float | None,
    url: str,
    hook_networks: tuple[str, ...],
    behind_proxy: bool,
    proxies: tuple[str, ...],
    tls_cert: Path | None,
    tls_key: Path | None,
    log_format: Literal["json", "text"] | None,
    **oidc: Any,
) -> None:
    """Serve a workspace until Ctrl-C. The first start prints a one-time link; there is no default password."""
    from runward.governance.identities import check_teams
    from runward.server.access import declare
    from runward.server.logs import configure
    from runward.server.metrics import shared
    from runward.server.run import RunningServer, Serving, first_link, listen, note_address, open_store
    from runward.server.workers import Workers

    access = declare(
        host,
        url=url,
        behind_proxy=behind_proxy,
        proxies=proxies,
        certificate=tls_cert,
        key=tls_key,
        oidc=read_settings(oidc),
    )
    if log_format is not None:
        configure(log_format)
    bound = listen(host, port)
    folder = (folder or find_folder()).absolute()
    dispatcher = open_store(folder, database, blobs)
    if tables_after_s is not None:
        if dispatcher.blobs.is_sealed:
            raise InvalidError(
                "--tables-after is given, and this workspace is encrypted",
                hint="leave it out: tables are for programs that have no key",
            )
        arrow()
    if url:
        note_address(dispatcher, url)
    if access.oidc:
        check_teams(dispatcher.database, access.oidc)
    running = RunningServer(dispatcher, bound, access, tables_after_s, hook_networks)
    link = first_link(dispatcher)
    place = access.url or running.url
    if output.json:
        output.result({"url": running.url, "first_sign_in": place + link if link else None})
        sys.stdout.flush()
    if log_format is None:
        output.say(f"Runward serves {dispatcher.database.url.rpartition('@')[2]} at {running.url}")
        if link:
            output.say(f"first sign-in (once, within the hour): {place}{link}")
        output.say("Ctrl-C stops it")
    elif link:
        # A log is kept and read by many: the link is for one person.
        log.warning("nobody can sign in yet: `runward member invite admin` prints a one-time link")
    if workers == 1:
        running.serve()
    else:
        dispatcher.database.close()
        serving = Serving(folder, database, blobs, access, tables_after_s, hook_networks, log_format)
        with shared() as ended:
            sys.exit(Workers(workers, bound, serving, ended).run())
