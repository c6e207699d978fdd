"""MLflow's filter and order syntax: parsed into comparisons, which become SQL or are asked of a value in memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from runward.interop.mlflow.errors import MlflowError, invalid

_TOKEN = re.compile(
    r"""\s*(?:(?P<list>\(\s*(?:'[^']*'|"[^"]*"|[^\s(),'"]+)(?:\s*,\s*(?:'[^']*'|"[^"]*"|[^\s(),'"]+))*\s*,?\s*\))
    |(?P<string>'[^']*'|"[^"]*"(?!\s*\.))
    |(?P<number>[+-]?(?:\d++\.?+\d*+|\.\d++)(?:[eE][+-]?\d++)?+(?![\w.]))
    |(?P<word>(?:[A-Za-z_][\w\-]*|`[^`]+`)(?:\.(?:`[^`]*`|"[^"]*"|[\w\-/]+))*)
    |(?P<op><=|>=|!=|<|>|=))""",
    re.VERBOSE,
)
_ITEM = re.compile(r"""'[^']*'|"[^"]*"|[^\s(),'"]+""")
_KINDS = {
    "metric": "metric",
    "metrics": "metric",
    "parameter": "parameter",
    "parameters": "parameter",
    "param": "parameter",
    "params": "parameter",
    "tag": "tag",
    "tags": "tag",
    "attribute": "attribute",
    "attributes": "attribute",
    "attr": "attribute",
    "run": "attribute",
    "trace": "attribute",
    "dataset": "dataset",
    "datasets": "dataset",
    "metadata": "metadata",
    "request_metadata": "metadata",
    "span": "span",
    "feedback": "feedback",
    "expectation": "expectation",
}
_SHOWN = ["metric", "parameter", "tag", "attribute", "dataset"]
_NUMERIC = {">", ">=", "!=", "=", "<", "<="}
_TEXT = {"=", "!=", "LIKE", "ILIKE", "RLIKE", "IN", "NOT IN", "IS NULL", "IS NOT NULL"}
MAX_TERMS = 200


class Comparison(NamedTuple):
    """One condition: what, how, with what."""

    kind: str
    """``metric``, ``parameter``, ``tag``, ``attribute``, ``dataset`` or ``metadata``."""
    key: str
    op: str
    value: Any


class Ordering(NamedTuple):
    """One key of an order."""

    kind: str
    key: str
    down: bool


class Language(NamedTuple):
    """What a search may name."""

    attributes: frozenset[str]
    numbers: frozenset[str]
    kinds: frozenset[str] = frozenset({"attribute", "tag"})


def _unquoted(text: str) -> str:
    quoted = len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"`"
    return text[1:-1] if quoted else text


def _tokens(text: str) -> list[tuple[str, str]]:
    found, at = list[tuple[str, str]](), 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise invalid(f"Invalid clause(s) in filter string: {text[at : at + 80].strip()!r}")
        found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found


class _Reader:
    def __init__(self, text: str, language: Language) -> None:
        self.text, self.language = text, language
        self.tokens = _tokens(text)
        self.at = 0

    def fail(self) -> MlflowError:
        rest = " ".join(token for _, token in self.tokens[max(self.at - 1, 0) :])
        return invalid(f"Invalid clause(s) in filter string: {rest[:200]!r}")

    def take(self) -> tuple[str, str]:
        if self.at >= len(self.tokens):
            raise self.fail()
        self.at += 1
        return self.tokens[self.at - 1]

    def word(self, *words: str) -> bool:
        here = self.tokens[self.at : self.at + len(words)]
        if [text.upper() for _, text in here] == list(words):
            self.at += len(words)
            return True
        return False

    def comparisons(self) -> list[Comparison]:
        found = [self.comparison()]
        while self.at < len(self.tokens):
            if not self.word("AND"):
                raise self.fail()
            found.append(self.comparison())
        if len(found) > MAX_TERMS:
            raise invalid(f"The filter has {len(found)} conditions, at most {MAX_TERMS} are read.")
        return found

    def comparison(self) -> Comparison:
        shape, text = self.take()
        if shape != "word":
            raise self.fail()
        kind, key = identifier(text, self.language)
        op = self.operator()
        if op in ("IS NULL", "IS NOT NULL"):
            value: Any = None
        else:
            value = self.value(kind, key, op)
        numeric = kind == "metric" or (kind == "attribute" and key in self.language.numbers)
        allowed = _NUMERIC if numeric else _TEXT
        if op not in allowed:
            raise invalid(f"Invalid comparator '{op}' for {kind} '{key}': not one of {sorted(allowed)}")
        return Comparison(kind, key, op, value)

    def operator(self) -> str:
        for words in (("IS", "NOT", "NULL"), ("IS", "NULL"), ("NOT", "IN"), ("IN",), ("LIKE",), ("ILIKE",), ("RLIKE",)):
            if self.word(*words):
                return " ".join(words)
        shape, text = self.take()
        if shape != "op":
            raise self.fail()
        return text

    def value(self, kind: str, key: str, op: str) -> Any:
        shape, text = self.take()
        if op in ("IN", "NOT IN"):
            if shape != "list":
                raise invalid(f"Expected a list of quoted string values for {key!r}. Got value {text}")
            return [_unquoted(item) for item in _ITEM.findall(text)]
        if kind == "metric" or (kind == "attribute" and key in self.language.numbers):
            if shape != "number":
                what = "metric" if kind == "metric" else f"numeric attribute: {key}"
                raise invalid(f"Expected numeric value type for {what}. Found {text}")
            return _number(text)
        if shape != "string":
            if kind == "attribute":
                raise invalid(f"Expected a quoted string value for attributes. Got value {text}")
            raise invalid(f"Expected a quoted string value for {kind} (e.g. 'my-value'). Got value {text}")
        return _unquoted(text)


def _number(text: str) -> float | int:
    number = float(text)
    exact = number.is_integer() and abs(number) < 2**53 and not set(text) & set(".eE")
    return int(text) if exact else number


def identifier(text: str, language: Language) -> tuple[str, str]:
    """(kind, key) of a field. Raises: MlflowError naming what may stand there."""
    head, _, key = text.partition(".")
    head = _unquoted(head)
    kind = _KINDS.get(head) if key else "attribute"
    if key and (kind is None or kind not in language.kinds):
        raise invalid(f"Invalid entity type '{head}'. Valid values are {[k for k in _SHOWN if k in language.kinds]}")
    key = _unquoted(key if key else head)
    if kind == "attribute" and key not in language.attributes:
        raise invalid(f"Invalid attribute key '{key}' specified. Valid keys are '{sorted(language.attributes)}'")
    assert kind is not None
    return kind, key


def parse_filter(text: str, language: Language) -> list[Comparison]:
    """The conditions of a filter, all of which must hold. Raises: MlflowError."""
    if len(text) > 20_000:
        raise invalid(f"The filter has {len(text)} characters, at most 20000 are read.")
    return _Reader(text, language).comparisons() if text.strip() else []


def parse_order(clauses: Sequence[str], language: Language) -> list[Ordering]:
    """The keys of an order. Raises: MlflowError."""
    found = []
    for clause in clauses:
        field, _, direction = clause.strip().rpartition(" ")
        if direction.upper() not in ("ASC", "DESC"):
            field, direction = clause.strip(), "ASC"
        field = field.strip()
        if not field or not _TOKEN.fullmatch(field):
            raise invalid(f"Invalid order_by clause '{clause}'. Could not be parsed.")
        found.append(Ordering(*identifier(field, language), direction.upper() == "DESC"))
    return found


# asked of values in memory ----------------------------------------

Lookup = Callable[[str, str], Any]
"""(kind, key) -> the value, None where there is none."""


def _like(pattern: str, text: str, flags: int) -> bool:
    # The parts between two % are taken where they first fit, for good: tried again elsewhere they would fit no better, and
    # a dozen of % would be tried in more ways than there is time for.
    first, *later = ["".join("." if c == "_" else re.escape(c) for c in part) for part in pattern.split("%")]
    if not later:
        return re.fullmatch(first, text, flags | re.DOTALL) is not None
    middle = "".join(f"(?>.*?{part})" for part in later[:-1] if part)
    # The last part ends the text, so of it alone the latest place counts.
    return re.fullmatch(f"{first}{middle}.*{later[-1]}", text, flags | re.DOTALL) is not None


def holds(condition: Comparison, value: Any) -> bool:
    """Whether a value, or one of a list of them, meets a condition; a missing one meets only ``IS NULL``."""
    if isinstance(value, list):
        return any(holds(condition, one) for one in value)
    op, wanted = condition.op, condition.value
    if op in ("IS NULL", "IS NOT NULL"):
        return (value is None) == (op == "IS NULL")
    if value is None:
        return False
    if op in ("LIKE", "ILIKE"):
        return _like(wanted, str(value), re.IGNORECASE if op == "ILIKE" else 0)
    if op == "RLIKE":
        return wanted in str(value)
    if op in ("IN", "NOT IN"):
        return (str(value) in wanted) == (op == "IN")
    tests: dict[str, bool] = {"=": value == wanted, "!=": value != wanted}
    if op in tests:
        return tests[op]
    return bool({">": value > wanted, ">=": value >= wanted, "<": value < wanted, "<=": value <= wanted}[op])


def select(
    items: Sequence[Any], lookup: Callable[[Any], Lookup], conditions: Sequence[Comparison], order: Sequence[Ordering]
) -> list[Any]:
    """The items that meet all conditions, in order; missing values come last."""
    found = [item for item in items if all(holds(c, lookup(item)(c.kind, c.key)) for c in conditions)]
    for key in reversed(order):
        there = [item for item in found if lookup(item)(key.kind, key.key) is not None]
        rest = [item for item in found if lookup(item)(key.kind, key.key) is None]
        there.sort(key=lambda item, k=key: lookup(item)(k.kind, k.key), reverse=key.down)  # type: ignore[misc]
        found = [*there, *rest]
    return found


def by_mapping(attributes: Mapping[str, Any], tags: Mapping[str, str], **others: Mapping[str, Any]) -> Lookup:
    """A lookup over mappings by kind."""
    tables: dict[str, Mapping[str, Any]] = {"attribute": attributes, "tag": tags, **others}
    return lambda kind, key: tables.get(kind, {}).get(key)
