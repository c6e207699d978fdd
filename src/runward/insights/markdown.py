"""Markdown as HTML that can do no harm: the same dialect as the web app's, HTML in it stays text."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape

_ITEM = re.compile(r"\s*(?:([-*+])|(\d+)[.)])\s+(.*)")
_HEADING = re.compile(r"(#{1,6})\s+(.*)")
_RULE = re.compile(r"\s*([-*_])(?:\s*\1){2,}\s*$")
# Possessive, because two runs of spaces side by side are tried in every division otherwise.
_TABLE_LINE = re.compile(r"\s*+\|?+(?:\s*+:?-++:?\s*+\|)++\s*+:?-*+:?\s*+$")
_FENCE = re.compile(r"\s*(```+|~~~+)\s*(\S*)")
_SAFE_LINK = re.compile(r"(https?://|mailto:)", re.IGNORECASE)
# Every repetition is bounded or stops at its own opening sign, so that no text makes matching slow.
_SPAN = re.compile(
    r"(?P<tick>`{1,3})(?P<code>.{1,1000}?)(?P=tick)|\*\*(?P<bold>.{1,1000}?)\*\*|\*(?!\s)(?P<em>.{1,500}?)\*"
    r"|\[(?P<label>[^\[\]]{1,500})\]\((?P<href>[^()\s]{1,2000})\)|(?P<bare>https?://[^\s<>()]{1,2000}(?<![.,;:!?]))",
    re.DOTALL,
)
_DEEPEST_QUOTE = 8

Taken = tuple[str, int]
"""(HTML, the line after it)."""


def to_html(text: str, depth: int = 0) -> str:
    """The HTML of a Markdown text. Links lead only to http(s) and mail."""
    lines, at, found = text.replace("\r\n", "\n").split("\n"), 0, []
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        taken = _take(lines, at, depth)
        if taken is None:
            end = at + 1
            while end < len(lines) and lines[end].strip() and _take(lines, end, depth) is None:
                end += 1
            taken = f"<p>{_inline(' '.join(lines[at:end]))}</p>", end
        html, at = taken
        found.append(html)
    return "\n".join(found)


def _take(lines: list[str], at: int, depth: int) -> Taken | None:
    for taker in (_code, _line, _quote, _table, _list):
        if (taken := taker(lines, at, depth)) is not None:
            return taken
    return None


def _code(lines: list[str], at: int, depth: int) -> Taken | None:
    fence = _FENCE.match(lines[at])
    if fence is None:
        return None
    end = _while(lines, at + 1, lambda line: not line.lstrip().startswith(fence[1]))
    return f"<pre><code>{escape(chr(10).join(lines[at + 1 : end]))}</code></pre>", end + 1


def _line(lines: list[str], at: int, depth: int) -> Taken | None:
    if heading := _HEADING.match(lines[at]):
        level = min(len(heading[1]) + 2, 6)
        return f"<h{level}>{_inline(heading[2].rstrip('#').rstrip())}</h{level}>", at + 1
    return ("<hr>", at + 1) if _RULE.match(lines[at]) else None


def _quote(lines: list[str], at: int, depth: int) -> Taken | None:
    end = _while(lines, at, lambda line: line.startswith(">"))
    if end == at or depth >= _DEEPEST_QUOTE:
        return None
    inner = "\n".join(re.sub("^> ?", "", line) for line in lines[at:end])
    return f"<blockquote>{to_html(inner, depth + 1)}</blockquote>", end


def _cells(line: str, tag: str) -> str:
    found = line.strip().removeprefix("|").removesuffix("|").split("|")
    return f"<tr>{''.join(f'<{tag}>{_inline(cell.strip())}</{tag}>' for cell in found)}</tr>"


def _table(lines: list[str], at: int, depth: int) -> Taken | None:
    if "|" not in lines[at] or at + 1 >= len(lines) or not _TABLE_LINE.match(lines[at + 1]):
        return None
    end = _while(lines, at + 2, lambda line: "|" in line)
    rows = "".join(_cells(line, "td") for line in lines[at + 2 : end])
    return f"<table><thead>{_cells(lines[at], 'th')}</thead><tbody>{rows}</tbody></table>", end


def _list(lines: list[str], at: int, depth: int) -> Taken | None:
    first = _ITEM.match(lines[at])
    if first is None:
        return None
    items: list[str] = []
    for end in range(at, len(lines)):
        if item := _ITEM.match(lines[end]):
            items.append(item[3])
        elif re.match(r"\s+\S", lines[end]):
            items[-1] += f" {lines[end].strip()}"
        else:
            break
    else:
        end = len(lines)
    tag = "ol" if first[2] else "ul"
    return f"<{tag}>{''.join(f'<li>{_inline(item)}</li>' for item in items)}</{tag}>", end


def _while(lines: list[str], at: int, holds: Callable[[str], bool]) -> int:
    while at < len(lines) and holds(lines[at]):
        at += 1
    return at


def _inline(text: str) -> str:
    found, at = [], 0
    for match in _SPAN.finditer(text):
        found += [escape(text[at : match.start()]), _span(match)]
        at = match.end()
    return "".join(found) + escape(text[at:])


def _span(match: re.Match[str]) -> str:
    if match["code"] is not None:
        return f"<code>{escape(match['code'])}</code>"
    if match["bold"] is not None:
        return f"<strong>{_inline(match['bold'])}</strong>"
    if match["em"] is not None:
        return f"<em>{_inline(match['em'])}</em>"
    href = match["bare"] or match["href"]
    if not _SAFE_LINK.match(href):
        return escape(match[0])
    return f'<a href="{escape(href)}" rel="noreferrer nofollow noopener">{escape(match["label"] or href)}</a>'
