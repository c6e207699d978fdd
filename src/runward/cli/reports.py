"""``runward reports``: text, tables, curves and media over runs, live or pinned."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec
import yaml

from runward.cli.output import Output, pass_output, with_json
from runward.core.etag import tag
from runward.core.operation import matching
from runward.errors import InvalidError
from runward.face import current_workspace
from runward.insights.model import Block, NewReport, Report, ReportChange

_ANY = 0


class _Written(msgspec.Struct, forbid_unknown_fields=True):
    """A report's file."""

    title: str
    version: int = _ANY
    """Of the report that the file was made from: it is not written over a later one. Without it, it is."""
    blocks: list[Block] = []


def _read(path: Path) -> _Written:
    """A report from YAML or JSON. Raises: InvalidError."""
    try:
        return msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), _Written)
    except (yaml.YAMLError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise InvalidError(f"{path} is no report: {error}", hint="`runward reports show REPORT` prints one") from error


def _state(report: Report) -> str:
    if report.pin is None:
        return "live"
    return f"pinned {report.pin.at:%Y-%m-%d %H:%M}{', edited since' if report.pin.outdated else ''}"


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def reports() -> None:
    """Write, pin, share and export reports. A report's file is YAML or JSON with a title and blocks."""


@reports.command("list")
@click.argument("project")
@with_json
@pass_output
def list_reports(output: Output, project: str) -> None:
    """The reports of a project and those below it."""
    found = current_workspace().reports.list_reports(project)
    rows = [[r.id, r.title, r.project, _state(r), r.updated_by, f"{r.updated_at:%Y-%m-%d %H:%M}"] for r in found]
    output.table(found, ["id", "title", "project", "state", "edited by", "edited"], rows)


@reports.command("show")
@click.argument("report_id", metavar="REPORT")
@click.option("--live", is_flag=True, help="A pinned report as it would be now.")
@with_json
@pass_output
def show(output: Output, report_id: str, live: bool) -> None:
    """A report's file; with --json also all that it shows."""
    detail = current_workspace().reports.get_report(report_id, live)
    written = _Written(detail.report.title, detail.report.version, detail.blocks)
    lines = msgspec.to_builtins(written)
    lines["blocks"] = [{k: v for k, v in block.items() if v not in ("", [], None)} for block in lines["blocks"]]
    output.result(detail, yaml.safe_dump(lines, sort_keys=False, allow_unicode=True).rstrip())


@reports.command("create")
@click.argument("file", type=_FILE)
@click.option("--project", "-p", required=True, help="Path of the project.")
@with_json
@pass_output
def create(output: Output, file: Path, project: str) -> None:
    """Write a report from a file."""
    written = _read(file)
    made = current_workspace().reports.create_report(NewReport(project, written.title, written.blocks))
    output.result(made, f"report {made.id}: /reports/{made.id} in the web")


@reports.command("update")
@click.argument("report_id", metavar="REPORT")
@click.argument("file", type=_FILE)
@with_json
@pass_output
def update(output: Output, report_id: str, file: Path) -> None:
    """Replace a report's title and blocks by those of a file; refused where its version is no longer the newest."""
    space, written = current_workspace(), _read(file)
    room = space.reports if written.version == _ANY else matching(space.reports, tag([written.version]))
    made = room.update_report(report_id, ReportChange(written.title, written.blocks))
    output.result(made, f"report {made.id} is at version {made.version} ({_state(made)})")


@reports.command("pin")
@click.argument("report_id", metavar="REPORT")
@click.option("--undo", is_flag=True, help="Show the present again.")
@with_json
@pass_output
def pin(output: Output, report_id: str, undo: bool) -> None:
    """Keep every value that a report shows now."""
    made = current_workspace().reports.pin_report(report_id, not undo)
    output.result(made, f"report {made.id} is {_state(made)}{f', digest {made.pin.digest}' if made.pin else ''}")


@reports.command("share")
@click.argument("report_id", metavar="REPORT")
@click.option("--days", default=30, show_default=True, help="How long the link holds.")
@with_json
@pass_output
def share(output: Output, report_id: str, days: int) -> None:
    """A link that shows the report, and nothing else, to whoever has it."""
    space = current_workspace()
    made = space.reports.share_report(report_id, days)
    output.result(made, f"{space.place if space.is_remote else ''}{made.path}")
    output.hint(f"until {made.link.expires_at:%Y-%m-%d}; `runward reports revoke {made.link.id}` ends it")


@reports.command("links")
@click.argument("report_id", metavar="REPORT")
@with_json
@pass_output
def links(output: Output, report_id: str) -> None:
    """A report's links."""
    found = current_workspace().reports.report_links(report_id)
    rows = [[x.id, x.author, f"{x.expires_at:%Y-%m-%d %H:%M}", "revoked" if x.revoked_at else ""] for x in found]
    output.table(found, ["id", "by", "until", ""], rows)


@reports.command("revoke")
@click.argument("link_id", metavar="LINK")
@with_json
@pass_output
def revoke(output: Output, link_id: str) -> None:
    """End a link at once."""
    current_workspace().reports.revoke_report_link(link_id)
    output.result({"revoked": link_id}, f"link {link_id} is revoked")


@reports.command("export")
@click.argument("report_id", metavar="REPORT")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@with_json
@pass_output
def export(output: Output, report_id: str, file: Path) -> None:
    """Write a report as one HTML file that needs nothing else."""
    data = current_workspace().reports.report_page(report_id).encode()
    file.write_bytes(data)
    output.result({"file": str(file), "bytes": len(data)}, f"{file}: {len(data):,} bytes")


@reports.command("delete")
@click.argument("report_id", metavar="REPORT")
@click.option("--undo", is_flag=True, help="Bring it back.")
@with_json
@pass_output
def delete(output: Output, report_id: str, undo: bool) -> None:
    """Put a report out of sight and end its links."""
    if undo:
        output.result(current_workspace().reports.restore_report(report_id), f"report {report_id} is back")
        return
    current_workspace().reports.delete_report(report_id)
    output.result({"deleted": report_id}, f"deleted; `runward reports delete --undo {report_id}` brings it back")
