"""Curves and histograms as SVG: exact, without a script, readable in light and dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from runward.insights.model import Block, ReportCurve

COLORS = 8
WIDTH, HEIGHT = 720, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 10, 8, 24
_DASHES = ("", "6 4", "2 3", "10 3 2 3")


class Look(NamedTuple):
    """How a run is drawn: a place in the palette, and a dash where another run has the same colour."""

    color: int
    dash: str


def looks_of(run_ids: Sequence[str]) -> dict[str, Look]:
    """The look of each run; its colour is the one that it has in the web app, where that is free."""
    looks: dict[str, Look] = {}
    times = [0] * COLORS
    for run_id in run_ids:
        own = _own(run_id)
        color = next((c for c in ((own + i) % COLORS for i in range(COLORS)) if not times[c]), own)
        looks[run_id] = Look(color, _DASHES[times[color] % len(_DASHES)])
        times[color] += 1
    return looks


def _own(run_id: str) -> int:
    """The run's own colour (FNV-1a over UTF-16, as in the web app)."""
    value = 2166136261
    units = run_id.encode("utf-16-le")
    for i in range(0, len(units), 2):
        value = ((value ^ int.from_bytes(units[i : i + 2], "little")) * 16777619) & 0xFFFFFFFF
    return value % COLORS


class _Line(NamedTuple):
    run_id: str
    x: list[float]
    y: list[float]
    raw: list[float] | None


class _Scale(NamedTuple):
    low: float
    high: float
    log: bool
    start: float
    length: float

    def place(self, value: float) -> float:
        """Where a value lies, in pixels."""
        return self.start + (self.read(value) - self.low) / ((self.high - self.low) or 1.0) * self.length

    def read(self, value: float) -> float:
        return math.log10(value) if self.log else value


def chart(key: str, curves: Sequence[ReportCurve], block: Block, looks: dict[str, Look]) -> str:
    """One metric of several runs as an SVG picture."""
    lines = [_line(curve, block) for curve in curves if curve.series.key == key]
    shown = [(x, y) for line in lines for x, y in zip(line.x, line.y, strict=True) if _fits(y, block.log)]
    if not shown:
        return '<p class="muted">no finite value</p>'
    across = _scale([x for x, _ in shown], False, _LEFT, WIDTH - _LEFT - _RIGHT, 0.0)
    up = _scale([y for _, y in shown], block.log, HEIGHT - _BOTTOM, -(HEIGHT - _TOP - _BOTTOM), 0.06)
    parts = [_axes(across, up, block.axis)]
    for line in lines:
        look = looks[line.run_id]
        if line.raw is not None:
            parts.append(_path(line.x, line.raw, across, up, f'class="s{look.color} raw"'))
        dash = f' stroke-dasharray="{look.dash}"' if look.dash else ""
        parts.append(_path(line.x, line.y, across, up, f'class="s{look.color}"{dash}'))
    said = f"{key} of {len(lines)} runs by {block.axis}"
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(said)}">{"".join(parts)}</svg>'


def _fits(value: float, log: bool) -> bool:
    return math.isfinite(value) and (value > 0 or not log)


def values_of(curve: ReportCurve) -> list[float]:
    """A series' values with what is not finite as gaps."""
    return [math.nan if value is None else value for value in curve.series.values]


def _line(curve: ReportCurve, block: Block) -> _Line:
    series, values = curve.series, values_of(curve)
    start = min(series.times, default=0.0) if block.axis == "relative" else 0.0
    x = [float(step) for step in series.steps] if block.axis == "step" else [time - start for time in series.times]
    return _Line(curve.run_id, x, smoothed(values, block.smooth), values if block.smooth > 0 else None)


def smoothed(values: Sequence[float], weight: float) -> list[float]:
    """Exponential moving average without the pull towards zero at the start; gaps stay gaps."""
    if weight <= 0:
        return list(values)
    average = mass = 0.0
    found = []
    for value in values:
        if not math.isfinite(value):
            found.append(math.nan)
            continue
        average, mass = average * weight + (1 - weight) * value, mass * weight + (1 - weight)
        found.append(average / mass)
    return found


def _scale(values: list[float], log: bool, start: float, length: float, air: float) -> _Scale:
    read = [math.log10(value) for value in values] if log else values
    low, high = min(read), max(read)
    if low == high:
        low, high = low - (abs(low) * 0.1 or 0.5), high + (abs(high) * 0.1 or 0.5)
    room = (high - low) * air
    return _Scale(low - room, high + room, log, start, length)


def _ticks(scale: _Scale, count: int) -> list[float]:
    """Round numbers within a scale."""
    if scale.log and scale.high - scale.low >= 1:
        return [10.0**power for power in range(math.ceil(scale.low), math.floor(scale.high) + 1)]
    low, high = (10**scale.low, 10**scale.high) if scale.log else (scale.low, scale.high)
    rough = (high - low) / count
    size = 10.0 ** math.floor(math.log10(rough))
    unit = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= rough)
    return [round(n * unit, 12) for n in range(math.ceil(low / unit), math.floor(high / unit) + 1)]


def _axes(across: _Scale, up: _Scale, axis: str) -> str:
    parts = []
    for tick in _ticks(up, 5):
        y = up.place(tick)
        parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{number(tick)}</text>')
    unit = " s" if axis == "relative" else ""
    for tick in _ticks(across, 6) if axis != "wall" else []:
        x = across.place(tick)
        parts.append(f'<path class="grid" d="M{x:.1f} {_TOP}V{HEIGHT - _BOTTOM}"/>')
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 6}" text-anchor="middle">{number(tick)}{unit}</text>')
    return "".join(parts)


def _path(xs: Sequence[float], ys: Sequence[float], across: _Scale, up: _Scale, look: str) -> str:
    steps, open_ = [], False
    for x, y in zip(xs, ys, strict=True):
        if not _fits(y, up.log):
            open_ = False
            continue
        steps.append(f"{'L' if open_ else 'M'}{across.place(x):.1f} {up.place(y):.1f}")
        open_ = True
    if len(steps) == 1:
        at = steps[0][1:].split(" ")
        return f'<circle {look} cx="{at[0]}" cy="{at[1]}" r="3"/>'
    return f'<path {look} d="{"".join(steps)}"/>'


def number(value: float) -> str:
    """A figure with up to six digits."""
    return f"{value:.6g}"


def bars(edges: Sequence[float], counts: Sequence[float]) -> str:
    """A histogram as an SVG picture."""
    most, width = max(counts, default=0) or 1, 360
    low, high = edges[0], edges[-1]
    parts = []
    for i, count in enumerate(counts):
        x = (edges[i] - low) / (high - low) * width
        wide = max((edges[i + 1] - edges[i]) / (high - low) * width - 1, 0.5)
        tall = count / most * 90
        parts.append(f'<rect x="{x:.1f}" y="{90 - tall:.1f}" width="{wide:.1f}" height="{tall:.1f}"/>')
    said = f"Histogram from {number(low)} to {number(high)}"
    return f'<svg class="bars" viewBox="0 0 {width} 90" role="img" aria-label="{said}">{"".join(parts)}</svg>'
