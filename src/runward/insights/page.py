"""A report as one HTML document: no script, no network, pictures inside, light and dark."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

import msgspec

from runward.core.ids import Digest
from runward.errors import NotFoundError
from runward.insights.drawing import Look, bars, chart, looks_of, number
from runward.insights.markdown import to_html
from runward.insights.model import Report, ReportContent, ReportMedium, ReportPart, ReportRun
from runward.store.blobs import Blobs
from runward.tracking.analysis_model import GroupMetric
from runward.tracking.media import HISTOGRAM_TYPE, TABLE_TYPE

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:; base-uri 'none'; form-action 'none'"
)
_DURATION = "duration_s"
MAX_FILE_BYTES = 4 << 20
MAX_FILES_BYTES = 32 << 20
_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml")
_LIGHT = ("#0072b2", "#c2570c", "#00805c", "#a94a86", "#8a6d00", "#2f8fc4", "#6a51a3", "#4d5559")
_DARK = ("#56b4e9", "#e69f00", "#2fbf95", "#dd8fc0", "#f0e442", "#4f93d8", "#ab9be6", "#b9c2c5")
_STYLE = """
:root{color-scheme:light dark;--paper:#fbfaf7;--ink:#1b2226;--muted:#58636a;--line:#e4e2db;--accent:#0b5f66;--sunken:#f3f2ed;--amber:#7f4f00;LIGHT}
@media(prefers-color-scheme:dark){:root{--paper:#14181a;--ink:#e6e9e8;--muted:#9fabae;--line:#2a3134;--accent:#66c4c8;--sunken:#101416;--amber:#e3ae54;DARK}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:960px;padding:32px 20px 60px;background:var(--paper);color:var(--ink);font:15px/1.55 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:26px;line-height:1.25;margin:0 0 4px}h2{font-size:18px;margin:36px 0 8px;padding-bottom:4px;border-bottom:1px solid var(--line)}h3,h4,h5,h6{font-size:15px;margin:20px 0 6px}
a{color:var(--accent)}code,pre,.num,svg text,.digest{font-family:ui-monospace,Menlo,Consolas,monospace}code{font-size:.92em;background:var(--sunken);padding:1px 4px;border-radius:3px}
pre{background:var(--sunken);padding:10px 12px;overflow:auto;border-radius:4px}pre code{padding:0;background:none}blockquote{margin:0;padding-left:14px;border-left:3px solid var(--line);color:var(--muted)}
.scroll{overflow:auto}.scroll table{overflow-wrap:normal}.scroll svg{min-width:560px}table{border-collapse:collapse;font-size:13.5px}th,td{text-align:left;padding:5px 14px 5px 0;border-bottom:1px solid var(--line);vertical-align:top}thead th{color:var(--muted);font-weight:600}
td.run{min-width:12em}td.num,th.num{text-align:right;font-variant-numeric:tabular-nums}.muted{color:var(--muted)}.small{font-size:12.5px}.problem{color:var(--amber)}
svg{display:block;width:100%;height:auto}svg text{font-size:11px;fill:var(--muted)}svg path{fill:none;stroke:currentColor;stroke-width:1.6;stroke-linejoin:round}svg path.grid{stroke:var(--line);stroke-width:1}svg path.raw{opacity:.28;stroke-width:1}svg circle{fill:currentColor}
svg.bars{max-width:360px;color:var(--c0)}svg.bars rect{fill:currentColor}
.legend{display:flex;flex-wrap:wrap;gap:2px 16px;margin:2px 0 0;padding:0;list-style:none;font-size:12.5px}i{display:inline-block;width:14px;border-top:3px solid;margin-right:6px;vertical-align:middle}
.media{display:flex;flex-wrap:wrap;gap:16px}.media figure{margin:0;max-width:100%}.media img{max-width:min(100%,420px);min-width:64px;display:block;image-rendering:auto}figcaption{font-size:12.5px;color:var(--muted)}
footer{margin-top:48px;padding-top:10px;border-top:1px solid var(--line);font-size:12.5px;color:var(--muted)}
"""


def page_of(report: Report, content: ReportContent, blobs: Blobs, may_show: Callable[[ReportMedium], bool]) -> str:
    """The whole document of what a report shows.

    Args:
        report: Says whether and when it was pinned.
        content: What it shows.
        blobs: Where the media's bytes are; those over 4 MiB, and those beyond 32 MiB in all, are only named.
        may_show: Whether a medium's bytes may be in a document that is handed on.
    """
    files = _Files(blobs, may_show)
    parts = "\n".join(_part(part, files) for part in content.parts)
    header = f"<p class='muted'>{escape(content.project)} · {_state(report, content)}</p>"
    footer = (
        f"Written by {escape(report.author)} with Runward. {_state(report, content)} "
        f"Digest of all that is shown: <span class='digest'>{content.digest}</span>"
    )
    return document(content.title, header, parts, footer)


def document(title: str, header: str, body: str, footer: str, style: str = "") -> str:
    """A whole page without scripts that loads nothing.

    Args:
        title: As text.
        header: HTML below the title.
        body: HTML of the page.
        footer: HTML at its end.
        style: Rules beside those that all pages have.
    """
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer">'
        f'<meta name="robots" content="noindex"><title>{escape(title)}</title><style>{_style()}{style}</style></head><body>'
        f"<header><h1>{escape(title)}</h1>{header}</header>"
        f"<main>\n{body}\n</main><footer>{footer}</footer></body></html>\n"
    )


def _style() -> str:
    light, dark = (";".join(f"--c{i}:{c}" for i, c in enumerate(colors)) for colors in (_LIGHT, _DARK))
    lines = "".join(f".s{i}{{color:var(--c{i})}}" for i in range(len(_LIGHT)))
    return _STYLE.replace("LIGHT", light).replace("DARK", dark) + lines


def written_time(at: datetime) -> str:
    """A time as pages write it."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _state(report: Report, content: ReportContent) -> str:
    if report.pin is None:
        return f"Live: the values of {written_time(content.at)}."
    return f"Pinned on {written_time(content.at)} by {escape(report.pin.by)}."


def _part(part: ReportPart, files: _Files) -> str:
    looks = looks_of([run.id for run in part.runs])
    body = _BODIES[part.block.kind](part, looks, files)
    title = f"<h2>{escape(part.block.title)}</h2>" if part.block.title else ""
    problem = f"<p class='problem'>⚠ {escape(part.problem)}</p>" if part.problem else ""
    return f"<section>{title}{to_html(part.block.text)}{body}{problem}</section>"


def _shown(value: Any) -> str:
    """A value in a cell."""
    if value is None:
        return "<td class='muted'>–</td>"
    if isinstance(value, float | int) and not isinstance(value, bool):
        return f"<td class='num' title='{value}'>{number(value)}</td>"
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return f"<td>{escape(text)}</td>"


def grid(head: Sequence[str], rows: Sequence[str], figures: Sequence[int] = ()) -> str:
    """A table of rows in HTML that may be wider than the page.

    Args:
        head: What stands above the columns.
        rows: Their cells.
        figures: Which columns hold figures, whose heads stand above them on the right.
    """
    columns = "".join(f"<th{' class=num' if i in figures else ''}>{escape(name)}</th>" for i, name in enumerate(head))
    return f"<div class='scroll'><table><thead><tr>{columns}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"


def _titled(column: str) -> str:
    """A column's name as people say it: without its kind, and without the backticks that a search needs."""
    return "duration" if column == _DURATION else re.sub(r"^(metrics|params|tags)\.", "", column).replace("`", "")


def _lasted(seconds: float) -> str:
    """A duration as the web app writes it."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"


def _cell(column: str, value: Any) -> str:
    if column == _DURATION and isinstance(value, float | int):
        return f"<td class='num' title='{value} s'>{_lasted(value)}</td>"
    return _shown(value)


def _figures(rows: Sequence[Sequence[Any]], first: int) -> list[int]:
    """The columns of figures, counted from ``first`` on."""
    return [
        first + i
        for i, cells in enumerate(zip(*rows, strict=True))
        if all(cell is None or (isinstance(cell, float | int) and not isinstance(cell, bool)) for cell in cells)
    ]


def _name(run: ReportRun) -> str:
    return run.name or run.id


def _count(part: ReportPart) -> str:
    runs, more = len(part.runs), part.total - len(part.runs)
    return f"<p class='muted small'>{runs} of {part.total:,} runs</p>" if more > 0 else ""


def _runs(part: ReportPart, looks: dict[str, Look], files: _Files) -> str:
    if part.table is None:
        return ""
    rows = [
        f"<tr><td class='run'><i class='s{looks[run.id].color}'></i>{escape(_name(run))}</td><td>{run.status}</td>"
        f"{''.join(map(_cell, part.table.columns, values))}</tr>"
        for run, values in zip(part.runs, part.table.rows, strict=True)
    ]
    head = ["run", "status", *map(_titled, part.table.columns)]
    return grid(head, rows, _figures(part.table.rows, 2)) + _count(part)


def _params(part: ReportPart, looks: dict[str, Look], files: _Files) -> str:
    if part.table is None:
        return ""
    if not part.table.rows:
        return "<p class='muted'>No param differs.</p>"
    rows = [f"<tr>{''.join(map(_shown, row))}</tr>" for row in part.table.rows]
    return grid(part.table.columns, rows, _figures(part.table.rows, 0)) + _count(part)


def _curves(part: ReportPart, looks: dict[str, Look], files: _Files) -> str:
    legend = "".join(f"<li><i class='s{looks[run.id].color}'></i>{escape(_name(run))}</li>" for run in part.runs)
    charts = []
    for key in (key.removeprefix("metrics.") for key in part.block.keys):
        odd = sum(len(curve.series.special) for curve in part.curves if curve.series.key == key)
        note = f"<p class='problem small'>{odd} values are not finite</p>" if odd else ""
        charts.append(
            f"<h3>{escape(key)}</h3><div class='scroll'>{chart(key, part.curves, part.block, looks)}</div>{note}"
        )
    return f"{''.join(charts)}<ul class='legend'>{legend}</ul>{_count(part)}"


def _interval(metric: GroupMetric) -> str:
    if metric.mean is None:
        return "<td class='muted'>–</td>"
    spread = "" if metric.low is None or metric.high is None else f" [{number(metric.low)}, {number(metric.high)}]"
    test = "" if metric.test is None else f"<br><span class='muted small'>{escape(metric.test.verdict)}</span>"
    return f"<td class='num'>{number(metric.mean)}{spread}{test}</td>"


def _groups(part: ReportPart, looks: dict[str, Look], files: _Files) -> str:
    if part.groups is None:
        return ""
    rows = [
        f"<tr>{''.join(map(_shown, group.values))}<td class='num'>{group.n}</td>"
        f"{''.join(_interval(metric) for metric in group.metrics)}</tr>"
        for group in part.groups.groups
    ]
    metrics = [metric.key for metric in part.groups.groups[0].metrics] if part.groups.groups else []
    head = [*map(_titled, part.groups.by), "n", *map(_titled, metrics)]
    by = len(part.groups.by)
    values = _figures([group.values for group in part.groups.groups], 0)
    tested = any(metric.test for group in part.groups.groups for metric in group.metrics)
    said = "Welch’s test against the first group" if tested else "not tested, since no metric orders the groups"
    note = f"<p class='muted small'>Mean and 95 % interval; {said}.</p>"
    return grid(head, rows, [*values, *range(by, len(head))]) + note


def _media(part: ReportPart, looks: dict[str, Look], files: _Files) -> str:
    names = {run.id: _name(run) for run in part.runs}
    figures = [
        f"<figure>{_medium(medium, files)}<figcaption>{escape(medium.key)} at step {medium.step}, "
        f"<i class='s{looks[medium.run_id].color}'></i>{escape(names[medium.run_id])}</figcaption></figure>"
        for medium in part.media
    ]
    return f"<div class='media'>{''.join(figures)}</div>" if figures else "<p class='muted'>No media.</p>"


class _Files:
    """Bytes of media, up to what one document should hold."""

    def __init__(self, blobs: Blobs, may_show: Callable[[ReportMedium], bool]) -> None:
        self._blobs, self._may_show, self._left = blobs, may_show, MAX_FILES_BYTES

    def read(self, medium: ReportMedium) -> bytes | None:
        if medium.size > min(MAX_FILE_BYTES, self._left) or not self._may_show(medium):
            return None
        try:
            data = self._blobs.read(Digest(medium.digest))
        except NotFoundError:
            return None
        self._left -= len(data)
        return data


def _medium(medium: ReportMedium, files: _Files) -> str:
    """A medium as what it is. What comes from a run is data: pictures are pictures, all else is text or named."""
    kind = medium.media_type
    is_sound = kind.startswith("audio/")
    if kind not in (*_PICTURES, TABLE_TYPE, HISTOGRAM_TYPE, "text/plain") and not is_sound:
        return f"<p class='muted'>{escape(kind)}, {medium.size:,} bytes</p>"
    data = files.read(medium)
    if data is None:
        return f"<p class='muted'>{escape(kind)}, {medium.size:,} bytes: not in this document</p>"
    if kind in _PICTURES or is_sound:
        source = f"data:{escape(kind)};base64,{base64.b64encode(data).decode()}"
        return (
            f"<audio controls src='{source}'></audio>"
            if is_sound
            else f"<img alt='{escape(medium.key)}' src='{source}'>"
        )
    try:
        return _READ.get(kind, _text)(data)
    except (msgspec.DecodeError, RecursionError, ValueError, KeyError, TypeError, IndexError, ZeroDivisionError):
        return _text(data)


def _text(data: bytes) -> str:
    return f"<pre>{escape(data.decode(errors='replace')[:20_000])}</pre>"


def _table(data: bytes) -> str:
    found = msgspec.json.decode(data)
    return grid(
        [str(name) for name in found["columns"]],
        [f"<tr>{''.join(map(_shown, row))}</tr>" for row in found["data"][:100]],
    )


def _histogram(data: bytes) -> str:
    found = msgspec.json.decode(data)
    return bars([float(edge) for edge in found["edges"]], [float(count) for count in found["counts"]])


_READ: dict[str, Callable[[bytes], str]] = {TABLE_TYPE: _table, HISTOGRAM_TYPE: _histogram}
_BODIES: dict[str, Callable[[ReportPart, dict[str, Look], _Files], str]] = {
    "text": lambda part, looks, files: "",
    "runs": _runs,
    "curves": _curves,
    "groups": _groups,
    "params": _params,
    "media": _media,
}
