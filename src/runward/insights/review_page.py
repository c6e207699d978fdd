"""A review's report as Markdown and as one HTML document. Pure: the same report, the same bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

from runward.insights.markdown import to_html
from runward.insights.page import document, grid, written_time
from runward.review.model import CheckResult, EvidenceItem, Vote
from runward.review.report import Issue, ReportSubject, ReviewReport

_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~])")
_SPAN = re.compile(r"\\(?P<escaped>[\\`*_\[\]<>|#~])|`(?P<code>[^`]*)`|\*\*(?P<strong>[^*]*)\*\*")
_STYLE = """
.v{display:inline-block;min-width:86px;font-size:12.5px;font-weight:600}.v.pass{color:#00704f}.v.fail{color:#b3261e}.v.warn,.v.undecided,.v.needs_person{color:var(--amber)}
@media(prefers-color-scheme:dark){.v.pass{color:#4cc79b}.v.fail{color:#ff8a80}}
dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 18px;margin:12px 0}dt{color:var(--muted)}dd{margin:0}
.score{font-size:30px;line-height:1.1;font-variant-numeric:tabular-nums}ol,ul{padding-left:22px}li{margin:3px 0}td code{white-space:nowrap}.v{white-space:nowrap}
@media(max-width:640px){table,tbody,tr,td{display:block}thead{display:none}td{border:0;padding:1px 0}tr{border-bottom:1px solid var(--line);padding:7px 0}td:nth-child(2){font-weight:600}dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:6px}}
"""


def markdown_of(report: ReviewReport) -> str:
    """The report as Markdown; what people wrote is text in it, never markup."""
    score = report.score
    parts = [
        f"# Review #{report.number}: {_plain(report.title)}\n",
        *(f"- {name}: {value}" for name, value in _facts(report)),
        f"\n## Score: {score.value:g} of 100\n",
        f"{score.formula}, from {_counted(report)}.",
        *_list("Issues", [f"{_verdict(i.verdict)}{'' if i.required else ' (waived)' if i.waived else ' (informs)'} {_plain(i.check)}: "
                          f"{_plain(i.message)}{_code(_place(i))}" for i in report.issues], "Nothing stands against it."),
        *_list("Recommendations", [_plain(text) for text in report.recommendations], "None."),
        *_list("Decisions", [_vote(vote) for vote in report.votes], "Nobody has decided yet."),
        *_list("Gates", [_check(check) for check in report.gates], "None ran on this revision."),
        *_list("Checks", [_check(check) for check in report.checks], "None ran on this revision."),
        *_list("Conversation", [f"{_plain(c.author)}{_code(c.anchor)}: {_plain(c.body)}" for c in report.comments], "None."),
        f"\nDigest of all that is shown: `{report.inputs}`\n",
    ]  # fmt: skip
    return "\n".join(parts)


def _list(title: str, lines: Iterable[str], empty: str) -> list[str]:
    return [f"\n## {title}\n", *([f"- {line}" for line in lines] or [empty])]


def _plain(text: str) -> str:
    """A text on one line in which nothing is markup."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _code(text: str) -> str:
    shown = " ".join(text.replace("`", "'").split())
    return f" `{shown}`" if shown else ""


def _verdict(verdict: str) -> str:
    return f"**{verdict.replace('_', ' ')}**"


def _place(item: Issue | EvidenceItem) -> str:
    return f"{item.file}:{item.line}" if item.file else item.metric or item.verification


def _counted(report: ReviewReport) -> str:
    s = report.score
    named = [("passed", s.passed), ("warned", s.warned), ("failed", s.failed), ("undecided", s.undecided),
             ("in need of a person", s.needs_person)]  # fmt: skip
    return (
        f"{s.checks} checks: " + ", ".join(f"{count} {name}" for name, count in named if count)
        if s.checks
        else "no check"
    )


def _facts(report: ReviewReport) -> list[tuple[str, str]]:
    subject = report.subject
    asked = f"{report.approvals} of {report.approvals_needed} approvals"
    found = [
        ("State", f"**{report.state.replace('_', ' ')}**, {asked}{', not reviewed' if report.overridden else ''}"),
        ("Because", _plain(report.ending)),
        ("Proposal", f"{subject.proposes} of {_plain(subject.project)}" if subject.proposes else ""),
        ("Run", _run_words(subject)),
        ("With", _plain(", ".join(subject.also))),
        ("Version", f"{_plain(subject.model)} {subject.version} for {_plain(subject.alias)}" if subject.model else ""),
        ("Asked by", f"{_plain(report.author)}, {written_time(report.created_at)}"),
        ("Of", _plain(", ".join(report.reviewers))),
        ("Commit", f"`{subject.commit}`{_code(subject.branch)}" if subject.commit else ""),
        ("Not committed", "".join(_code(path) for path in subject.uncommitted).strip()),
        ("Revision", f"`{report.revision}`"),
        ("Verified", report.verification or "no level"),
        ("Last change", written_time(report.updated_at)),
    ]  # fmt: skip
    return [(name, value) for name, value in found if value]


def _vote(vote: Vote) -> str:
    state = "" if vote.counts else (", outdated" if vote.outdated else ", does not count")
    said = f": {_plain(vote.comment)}" if vote.comment else ""
    return (
        f"{_plain(vote.reviewer)} {'approved' if vote.verdict == 'approve' else 'asked for changes'} "
        f"on {written_time(vote.at)}, revision `{vote.revision[:12]}`{state}{said}"
    )


def _check(check: CheckResult) -> str:
    places = dict.fromkeys(_place(item) for item in check.evidence if _place(item))
    return f"{_verdict(check.verdict)} {_plain(check.name)}: {_plain(check.message)}{''.join(map(_code, places))}"


def review_page_of(report: ReviewReport) -> str:
    """The report as one HTML document: no script, no network; whatever people wrote is escaped."""
    facts = "".join(f"<dt>{name}</dt><dd>{_inline(value)}</dd>" for name, value in _facts(report))
    score = report.score
    body = [
        f"<dl>{facts}</dl>",
        to_html(report.description),
        f"<h2>Score</h2><p><span class='score'>{score.value:g}</span> of 100</p>"
        f"<p class='muted'>{escape(score.formula)}, from {_counted(report)}.</p>",
        _section("Issues", [[_badge(i.verdict), escape(i.check), escape(i.message), _where([i])] for i in report.issues],
                 ["verdict", "check", "what", "where"], "Nothing stands against it."),
        "<h2>Recommendations</h2>" + _items([escape(text) for text in report.recommendations], "None."),
        "<h2>Decisions</h2>" + _items([_inline(_vote(vote)) for vote in report.votes], "Nobody has decided yet."),
        _checks("Gates", report.gates),
        _checks("Checks", report.checks),
        "<h2>Conversation</h2>"
        + "".join(
            f"<h3>{escape(c.author)} <span class='muted small'>{escape(c.anchor)} {written_time(c.at)}</span></h3>{to_html(c.body)}"
            for c in report.comments
        ) if report.comments else "",
    ]  # fmt: skip
    footer = f"Written with Runward. Digest of all that is shown: <span class='digest'>{report.inputs}</span>"
    header = f"<p class='muted'>Review #{report.number} · {escape(report.state.replace('_', ' '))}</p>"
    return document(report.title or f"Review #{report.number}", header, "\n".join(body), footer, _STYLE)


def _inline(markdown: str) -> str:
    """A line of our own Markdown, in which what people wrote is escaped, as HTML."""
    found, at = [], 0
    for match in _SPAN.finditer(markdown):
        tag = next(name for name, value in match.groupdict().items() if value is not None)
        text = escape(match[tag])
        found += [escape(markdown[at : match.start()]), text if tag == "escaped" else f"<{tag}>{text}</{tag}>"]
        at = match.end()
    return "".join(found) + escape(markdown[at:])


def _badge(verdict: str) -> str:
    return f"<span class='v {verdict}'>{verdict.replace('_', ' ')}</span>"


def _where(items: Sequence[Issue | EvidenceItem]) -> str:
    places = dict.fromkeys(_place(item) for item in items if _place(item))
    return "<br>".join(f"<code>{escape(place)}</code>" for place in places)


def _section(title: str, rows: Sequence[Sequence[str]], head: Sequence[str], empty: str) -> str:
    shown = [f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows]
    return f"<h2>{title}</h2>" + (grid(head, shown) if shown else f"<p class='muted'>{empty}</p>")


def _checks(title: str, checks: Sequence[CheckResult]) -> str:
    rows = [[_badge(c.verdict), escape(c.name), escape(c.message), _where(c.evidence)] for c in checks]
    return _section(title, rows, ["verdict", "check", "what", "evidence"], "None ran on this revision.")


def _items(items: Sequence[str], empty: str) -> str:
    return f"<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>" if items else f"<p class='muted'>{empty}</p>"


def _run_words(subject: ReportSubject) -> str:
    if not subject.run_id:
        return ""
    return (
        f"{_plain(subject.run_name)} ({subject.run_id}) in {_plain(subject.project)}, by {_plain(subject.created_by)}"
    )
