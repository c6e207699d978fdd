"""What a report's page is made of: Markdown that does no harm, curves that are exact."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runward.core.ids import RunId
from runward.insights import page
from runward.insights.drawing import chart, looks_of, smoothed
from runward.insights.markdown import to_html
from runward.insights.model import Block, ReportCurve, ReportPart, ReportRun, ReportTable
from runward.tracking.analysis_model import GroupMetric, GroupTest, RunGroup, RunGroups
from runward.tracking.model import Series


def _curve(values: list[float], run_id: str = "a") -> ReportCurve:
    special = {i: "NaN" for i, value in enumerate(values) if math.isnan(value)}
    shown: list[float | None] = [None if math.isnan(value) else value for value in values]
    steps = list(range(len(values)))
    return ReportCurve(
        RunId(run_id), Series("loss", len(values), steps, [1.0 * s for s in steps], shown, special, False)
    )


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("# A *b*", "<h3>A <em>b</em></h3>"),
        ("a\nb\n\nc", "<p>a b</p>\n<p>c</p>"),
        ("- a\n  more\n- b", "<ul><li>a more</li><li>b</li></ul>"),
        ("1. a", "<ol><li>a</li></ol>"),
        ("```py\n<b>\n```", "<pre><code>&lt;b&gt;</code></pre>"),
        ("> a\n> > b", "<blockquote><p>a</p>\n<blockquote><p>b</p></blockquote></blockquote>"),
        ("|a|b|\n|-|-|\n|1|`2`|", "<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td><code>2</code></td></tr></tbody></table>"),
        ("---", "<hr>"),
        ("[x](https://a.b/?c&d)", '<p><a href="https://a.b/?c&amp;d" rel="noreferrer nofollow noopener">x</a></p>'),
        ("[x](javascript:1) [y](/runs/1)", "<p>[x](javascript:1) [y](/runs/1)</p>"),
    ],
)  # fmt: skip
def test_markdown(text: str, html: str) -> None:
    assert to_html(text) == html


_TAGS = {"p", "h3", "h4", "h5", "h6", "em", "strong", "code", "pre", "ul", "ol", "li", "blockquote", "hr", "a", "table"}
_TAGS |= {"thead", "tbody", "tr", "th", "td"}


@given(st.text(alphabet="<>\"'&#*_`[]()!|-\n :/abhtpsxjirc=", max_size=200))
def test_no_text_makes_other_elements(text: str) -> None:
    """Every element in the answer is one of Markdown's, and links are the only ones with attributes."""
    for tag, attributes in re.findall(r"</?([a-z0-9]+)([^>]*)>", to_html(text)):
        assert tag in _TAGS
        assert not attributes or tag == "a"
        assert " on" not in attributes


def test_a_gap_stays_a_gap_and_ends_are_exact() -> None:
    """NaN is left out of the line, which goes on after it."""
    html = chart("loss", [_curve([1.0, math.nan, 3.0, 2.0])], Block("curves", keys=["loss"]), looks_of(["a"]))
    (path,) = re.findall(r'<path class="s\d" d="([^"]+)"', html)
    assert path.count("M") == 2
    assert path.count("L") == 1
    assert "<circle" in chart("loss", [_curve([1.0])], Block("curves", keys=["loss"]), looks_of(["a"]))
    assert "no finite value" in chart("loss", [_curve([math.nan])], Block("curves", keys=["loss"]), looks_of(["a"]))


def test_a_logarithmic_axis_leaves_out_what_it_cannot_show() -> None:
    """Zero and less have no place on it; the ticks are powers of ten."""
    block = Block("curves", keys=["loss"], log=True)
    html = chart("loss", [_curve([0.0, 0.001, 10.0])], block, looks_of(["a"]))
    assert re.findall(r'text-anchor="end">([^<]+)<', html) == ["0.001", "0.01", "0.1", "1", "10"]
    assert html.count("M62") >= 1


def test_looks_are_the_web_apps() -> None:
    """The same colour for the same id everywhere; nine runs need a dash."""
    assert looks_of(["a5"])["a5"].color == looks_of(["a5", "zz"])["a5"].color
    looks = looks_of([f"b{i}" for i in range(20)])
    assert len(set(looks.values())) == 20


def test_smoothing_starts_at_the_first_value() -> None:
    first, gap, last = smoothed([4.0, math.nan, 8.0], 0.5)
    assert first == 4
    assert math.isnan(gap)
    assert last == pytest.approx((4 * 0.25 + 8 * 0.5) / 0.75)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.25, "250 ms"), (9.96, "10.0 s"), (75, "1 min 15 s"), (69_300, "19 h 15 min"), (180_000, "2 d 2 h")],
)
def test_columns_are_named_and_written_as_people_say_them(seconds: float, said: str) -> None:
    """Without a search's backticks; figures, and what stands above them, on the right."""
    columns = ["params.lr", "metrics.`val/acc`", "duration_s", "tags.team"]
    run = ReportRun(RunId("a"), "first", "p", "finished", "ann", datetime(2026, 1, 1, tzinfo=UTC))
    part = ReportPart(Block("runs"), [run], 1, ReportTable(columns, [[0.1, 0.5, seconds, "vision"]]))
    html = page._runs(part, looks_of([run.id]), _no_files())
    heads = re.findall(r"<th( class=num)?>([^<]*)</th>", html)
    assert heads == [
        ("", "run"), ("", "status"), (" class=num", "lr"), (" class=num", "val/acc"), (" class=num", "duration"), ("", "team")
    ]  # fmt: skip
    assert f">{said}</td><td>vision</td>" in html


@pytest.mark.parametrize("tested", [True, False])
def test_groups_claim_a_test_only_where_there_was_one(tested: bool) -> None:
    test = GroupTest(0.1, -0.1, 0.3, 0.4, "not distinguishable") if tested else None
    groups = [
        RunGroup([width], 3, 3, [], "", [GroupMetric("metrics.loss", 3, 0.4, 0.3, 0.5, 0.3, 0.5, found)], found is None)
        for width, found in ((64, None), (128, test))
    ]
    part = ReportPart(Block("groups"), groups=RunGroups(["params.width"], groups, 2, 6, "best", []))
    html = page._groups(part, {}, _no_files())
    assert ("Welch" in html) is ("not distinguishable" in html) is tested
    assert "<th class=num>width</th><th class=num>n</th><th class=num>loss</th>" in html


def _no_files() -> Any:
    return None
