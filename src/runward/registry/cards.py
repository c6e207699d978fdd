"""Model cards: what a person has to say of a version, what counts as said, and the card as a Hugging Face hub reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import yaml

from runward.core.said import is_said
from runward.errors import InvalidError
from runward.registry.model import AliasEvidence
from runward.registry.version_model import CardField
from runward.tracking.model import MetricSummary, RunParam
from runward.tracking.slices_model import SliceReport, slice_tables

FIELDS: tuple[CardField, ...] = (
    CardField("summary", "Summary", "What does the model do, in two sentences?", True),
    CardField("intended_use", "Intended use", "Who is meant to use the model, and for what?", True),
    CardField("out_of_scope", "Out-of-scope use", "For what must it not be used?", False),
    CardField("training_data", "Training data", "On what data was it trained, from where, with what rights?", True),
    CardField("evaluation", "Evaluation", "On what data and how was it evaluated, and why so?", True),
    CardField("limitations", "Limitations", "Where does it fail, and for whom does it work worse?", True),
    CardField(
        "ethical_considerations", "Ethical considerations", "Who may be harmed, and what was done about it?", True
    ),
    CardField("caveats", "Caveats and recommendations", "What else should its users know and do?", False),
    CardField("owner", "Owner", "Who answers for the model, and how are they reached?", True),
    CardField("licence", "Licence", "Under which licence is it given away, such as apache-2.0?", True),
    CardField("task", "", "What does it do in the hub's words, such as image-classification?", False),
    CardField("dataset", "", "What are the data called that the metrics were measured on?", False),
    CardField("language", "", "Of what languages is it, such as en, de?", False),
    CardField("tags", "", "What words find it, parted by commas?", False),
)
"""In the order of the card. The required ones follow Mitchell et al., Model Cards for Model Reporting, 2019."""

_BY_KEY = {field.key: field for field in FIELDS}
_BY_TITLE = {field.title.casefold(): field.key for field in FIELDS if field.title} | {"license": "licence"}
_FRONT = {
    "license": "licence",
    "license_name": "licence",
    "pipeline_tag": "task",
    "language": "language",
    "tags": "tags",
}
_GENERATED = {"origin", "metrics", "parameters", "by group", "still to be written"}
_MAX_TEXT = 20_000
_LICENCE = re.compile(r"[a-z0-9][a-z0-9.\-]{0,60}")


class CardFacts(NamedTuple):
    """What a card says that nobody has to write."""

    model: str
    version: int
    registered: str
    files: list[str]
    evidence: AliasEvidence
    environment: str
    data: Sequence[str]
    """Versions of datasets that its run read, in words."""
    params: Sequence[RunParam]
    metrics: Sequence[MetricSummary]
    slices: Sequence[SliceReport]


def check_fields(fields: Mapping[str, str]) -> dict[str, str]:
    """Fields that a card has, without space around them. Raises: InvalidError."""
    for key, text in fields.items():
        if key not in _BY_KEY:
            raise InvalidError(f"a model card has no field {key[:60]!r}", hint=f"it has: {', '.join(_BY_KEY)}")
        if len(text) > _MAX_TEXT or "\0" in text:
            raise InvalidError(
                f"{key} has {len(text):,} characters; at most {_MAX_TEXT:,} are kept, and no NUL",
                hint="put what is longer into a page and link it",
            )
    return {key: text.strip() for key, text in fields.items()}


def missing_of(fields: Mapping[str, str]) -> list[str]:
    """Required fields that nobody has answered."""
    return [field.key for field in FIELDS if field.required and not is_said(fields.get(field.key, ""), field.template)]


def render(facts: CardFacts, fields: Mapping[str, str]) -> str:
    """The card as Markdown with front matter."""
    said = {field.key: fields[field.key] for field in FIELDS if is_said(fields.get(field.key, ""), field.template)}
    front = yaml.safe_dump(_front(facts, said), sort_keys=False, allow_unicode=True, width=1000)
    sections = [
        (field.title, _demoted(said.get(field.key, "")) or f"*{field.template}*")
        for field in FIELDS
        if field.title and (field.required or field.key in said)
    ]
    parts = [f"# {facts.model} {facts.version}", *(f"## {title}\n\n{text}" for title, text in sections)]
    parts += [f"## {title}\n\n{text}" for title, text in _generated(facts) if text]
    return f"---\n{front}---\n\n" + "\n\n".join(parts) + "\n"


def _demoted(text: str) -> str:
    """Headings inside an answer stay below the heading of its field."""
    return re.sub(r"^#{1,3} ", "#### ", text, flags=re.MULTILINE)


def _front(facts: CardFacts, said: Mapping[str, str]) -> dict[str, Any]:
    licence = " ".join(said.get("licence", "").split())
    known = _LICENCE.fullmatch(licence.lower()) is not None
    front: dict[str, Any] = {}
    if licence:
        front = {"license": licence.lower()} if known else {"license": "other", "license_name": licence}
    if languages := _listed(said.get("language", "")):
        front["language"] = languages
    if "task" in said:
        front["pipeline_tag"] = " ".join(said["task"].split())
    front["tags"] = list(dict.fromkeys(["runward", *_listed(said.get("tags", ""))]))
    if results := _results(facts, said):
        front["model-index"] = [{"name": facts.model, "results": results}]
    return front


def _listed(text: str) -> list[str]:
    return [part for part in (" ".join(piece.split()) for piece in text.split(",")) if part]


def _results(facts: CardFacts, said: Mapping[str, str]) -> list[dict[str, Any]]:
    """Metrics as the hub's index of results has them. What is not finite is no result."""
    metrics = [
        {"type": metric.key.rpartition("/")[2], "value": metric.last, "name": metric.key}
        for metric in facts.metrics
        if metric.last is not None and not _of_slices(metric.key)
    ]
    if not metrics:
        return []
    task, dataset = (" ".join(said.get(key, "").split()) for key in ("task", "dataset"))
    named = {"type": re.sub(r"\W+", "-", dataset.lower()).strip("-") or "other", "name": dataset or "not named"}
    return [{"task": {"type": task or "other"}, "dataset": named, "metrics": metrics}]


def _of_slices(key: str) -> bool:
    return key.startswith(("slices/", "gaps/"))


def _generated(facts: CardFacts) -> Iterator[tuple[str, str]]:
    yield "Origin", "\n".join(f"- {line}" for line in _origin(facts))
    yield "Parameters", table(["parameter", "value"], [[one.key, str(one.value)] for one in facts.params[:100]])
    rows = [
        [metric.key, _number(metric), str(metric.last_step)] for metric in facts.metrics if not _of_slices(metric.key)
    ]
    yield "Metrics", table(["metric", "last value", "step"], rows[:100])
    yield (
        "By group",
        "\n\n".join(table(head, rows, title) for report in facts.slices for title, head, rows in slice_tables(report)),
    )


def _origin(facts: CardFacts) -> Iterator[str]:
    evidence = facts.evidence
    yield facts.registered
    if not evidence.run_id:
        yield "made by no run that is known"
        return
    yield f"made by run {evidence.run_name} ({evidence.run_id}), content {evidence.revision[:12]}"
    yield f"commit {evidence.commit}" if evidence.commit else "no commit is known"
    if facts.environment:
        yield facts.environment
    yield from facts.data
    yield f"reproduced, level {evidence.level}" if evidence.level else "not verified by a rerun"
    yield from facts.files


def _number(metric: MetricSummary) -> str:
    return metric.last_special or f"{metric.last:.6g}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> str:
    """A Markdown table; empty for no rows."""
    if not rows:
        return ""
    lines = [head, ["---"] * len(head), *rows]
    drawn = "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)
    return f"**{title}**\n\n{drawn}" if title else drawn


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


class Parsed(NamedTuple):
    """What a file says of a card."""

    fields: dict[str, str]
    unknown: list[str]
    """Headings that the card does not have."""


def parse(text: str) -> Parsed:
    """Fields from a card in Markdown, or from a YAML or JSON mapping of fields. Raises: InvalidError."""
    front, body = _split(text)
    if body is None:
        return Parsed(check_fields(_mapping(text)), [])
    fields = {_FRONT[key]: _front_text(value) for key, value in front.items() if key in _FRONT and value}
    if fields.get("licence") == "other":
        del fields["licence"]
    if "tags" in fields:
        fields["tags"] = ", ".join(tag for tag in _listed(fields["tags"]) if tag != "runward")
    unknown = []
    for title, section in _sections(body):
        key = _BY_TITLE.get(title.casefold())
        if key is not None:
            fields[key] = section.strip()
        elif title.casefold() not in _GENERATED:
            unknown.append(title)
    said = {key: text for key, text in fields.items() if is_said(text, _BY_KEY[key].template)}
    return Parsed(check_fields(said), unknown)


def _split(text: str) -> tuple[dict[str, Any], str | None]:
    """Front matter and body of Markdown; None for a body where the text is a mapping."""
    match = re.match(r"\s*---[\r\n]+(.*?)[\r\n]+---(?:\s*[\r\n]|\s*$)", text, re.DOTALL)
    if match:
        found = _loaded(match[1])
        return (found if isinstance(found, dict) else {}), text[match.end() :]
    return ({}, text) if re.search(r"^## ", text, re.MULTILINE) else ({}, None)


def _mapping(text: str) -> dict[str, str]:
    found = _loaded(text)
    if not isinstance(found, dict):
        raise InvalidError("the card is neither Markdown with headings (##) nor a mapping of fields", hint="key: text")
    return {str(key): _front_text(value) for key, value in found.items()}


def _loaded(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidError(f"the card's YAML cannot be read: {error}") from None


def _front_text(value: Any) -> str:
    return ", ".join(str(item) for item in value) if isinstance(value, list) else str(value)


def _sections(body: str) -> Iterator[tuple[str, str]]:
    parts = re.split(r"^## +(.+?)\s*$", body, flags=re.MULTILINE)
    yield from zip(parts[1::2], parts[2::2], strict=True)
