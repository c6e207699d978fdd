"""The search language: parsed into a tree, compiled to SQL with parameters, never concatenated.

::

    metrics.loss < 0.3 and params.lr in (0.1, 0.01) and tags.team = "vision" and not status = "failed"

Fields are ``metrics.KEY`` (its last value) or ``metrics.KEY.min|max|last|n``, ``params.KEY``, ``tags.KEY``,
``metadata.KEY`` (of the experiment) and the run's own: see :data:`FIELDS`. A key with other characters than letters,
digits, ``_ - /`` and ``.`` stands in backticks: ``metrics.`val loss```.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from runward.core.clock import to_us
from runward.errors import InvalidError
from runward.governance.scopes import Clause
from runward.tracking.model import KnownKeys

FIELDS: dict[str, str] = {
    "id": "r.id",
    "name": "r.name",
    "status": "r.status",
    "experiment": "e.name",
    "project": "p.path",
    "created_by": "r.created_by",
    "purpose": "r.purpose",
    "seed": "r.seed",
    "branch": "r.git_branch",
    "commit": "r.git_commit",
    "created_at": "r.created_at",
    "started_at": "r.started_at",
    "ended_at": "r.ended_at",
    "duration_s": "((r.ended_at - r.started_at) / 1000000.0)",
}
"""The run's own fields and their SQL."""
_TIMES = {"created_at", "started_at", "ended_at"}
_NUMBERS = {"seed", "duration_s", *_TIMES}
_GROUPS = ("metrics", "params", "tags", "metadata", "marks")
_STATS = {"last": "last", "min": "minimum", "max": "maximum", "n": "n"}
_MAX_TERMS = 200

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<number>[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|inf\b))
    |(?P<word>[A-Za-z_](?:[\w\-/.]|`[^`]*`)*)
    |(?P<op><=|>=|!=|==|=|<|>)
    |(?P<punct>[(),]))""",
    re.VERBOSE,
)


class Token(NamedTuple):
    """A word of the query and where it stands."""

    kind: str
    text: str
    at: int


def _fail(query: str, at: int, length: int, problem: str, hint: str = "") -> InvalidError:
    pointer = " " * at + "^" * max(length, 1)
    message = f"{problem}\n  {query}\n  {pointer}" if len(query) <= 200 else f"{problem} (at character {at})"
    return InvalidError(message, hint=hint, at=at, length=length)


def tokenise(query: str) -> list[Token]:
    """The query's words. Raises: InvalidError pointing at a character that fits nowhere."""
    tokens, at = list[Token](), 0
    while at < len(query.rstrip()):
        match = _TOKEN.match(query, at)
        if match is None or match.lastgroup is None:
            start = at + len(query[at:]) - len(query[at:].lstrip())
            raise _fail(query, start, 1, f"{query[start]!r} was not expected here")
        tokens.append(Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup)))
        at = match.end()
    return tokens


class _Parser:
    """Recursive descent over the tokens, straight into SQL."""

    def __init__(self, query: str, keys: Callable[[], KnownKeys]) -> None:
        self.query, self.keys = query, keys
        self.tokens = [*tokenise(query), Token("end", "", len(query.rstrip()))]
        self.position, self.terms = 0, 0

    @property
    def next(self) -> Token:
        return self.tokens[self.position]

    def take(self) -> Token:
        token = self.next
        self.position += 1
        return token

    def word(self, *words: str) -> bool:
        if self.next.kind == "word" and self.next.text.lower() in words:
            self.position += 1
            return True
        return False

    def fail(self, token: Token, problem: str, hint: str = "") -> InvalidError:
        return _fail(self.query, token.at, len(token.text), problem, hint)

    def parse(self) -> Clause:
        found = self.either()
        if self.next.kind != "end":
            raise self.fail(self.next, f"{self.next.text!r} was not expected here", "join conditions by 'and' or 'or'")
        return found

    def either(self) -> Clause:
        parts = [self.both()]
        while self.word("or"):
            parts.append(self.both())
        return _join(parts, " OR ")

    def both(self) -> Clause:
        parts = [self.negated()]
        while self.word("and"):
            parts.append(self.negated())
        return _join(parts, " AND ")

    def negated(self) -> Clause:
        if self.word("not"):
            inner = self.negated()
            return Clause(f"NOT COALESCE({inner.sql}, FALSE)", inner.params)
        if self.next.text == "(":
            self.take()
            inner = self.either()
            if self.take().text != ")":
                raise self.fail(self.tokens[self.position - 1], "a ')' is missing")
            return Clause(f"({inner.sql})", inner.params)
        return self.comparison()

    def comparison(self) -> Clause:
        self.terms += 1
        field = self.take()
        if self.terms > _MAX_TERMS:
            raise self.fail(field, f"the query has more than {_MAX_TERMS} conditions")
        if field.kind != "word":
            raise self.fail(field, "a field such as metrics.loss or params.lr is missing here")
        target = resolve_field(self.query, field, self.keys)
        if self.word("is"):
            negated = self.word("not")
            if not self.word("null"):
                raise self.fail(self.next, "after 'is' comes 'null' or 'not null'")
            return target.is_null(negated)
        if self.word("in"):
            return target.compare("in", self.values())
        if self.word("like"):
            return target.compare("like", [self.value()])
        operator = self.take()
        if operator.kind != "op":
            raise self.fail(operator, "a comparison is missing here", "one of: = != < <= > >= in like is")
        return target.compare({"==": "="}.get(operator.text, operator.text), [self.value()])

    def values(self) -> list[Any]:
        if self.take().text != "(":
            raise self.fail(self.tokens[self.position - 1], "after 'in' comes a list in parentheses")
        found = [self.value()]
        while self.next.text == ",":
            self.take()
            found.append(self.value())
        if self.take().text != ")":
            raise self.fail(self.tokens[self.position - 1], "a ')' is missing")
        return found

    def value(self) -> Any:
        token = self.take()
        if token.kind == "string":
            return re.sub(r"\\(.)", r"\1", token.text[1:-1])
        if token.kind == "number":
            number = float(token.text)
            return int(number) if number.is_integer() and abs(number) < 2**53 and "." not in token.text else number
        if token.kind == "word":
            lowered = token.text.lower()
            return {"true": True, "false": False}.get(lowered, token.text)
        raise self.fail(token, "a value is missing here", 'write text in quotes: name = "my run"')


class Field(NamedTuple):
    """A field of the language: how to compare and to sort by it."""

    token: Token
    query: str
    column: str
    """SQL of the value, for sorting; a scalar subquery for keyed values."""
    params: tuple[object, ...]
    exists: str
    """``EXISTS (… {condition})`` around the condition for keyed values; empty for the run's own fields."""
    number: str
    text: str
    numeric: bool
    is_time: bool

    def _fail(self, problem: str, hint: str = "") -> InvalidError:
        return _fail(self.query, self.token.at, len(self.token.text), problem, hint)

    def wrap(self, condition: str, params: Sequence[object]) -> Clause:
        """The condition as one that is true for matching runs."""
        if not self.exists:
            return Clause(condition, tuple(params))
        return Clause(self.exists.replace("{condition}", condition), (*self.params, *params))

    def is_null(self, negated: bool) -> Clause:
        """Whether the run lacks (or has) the value."""
        if self.exists:
            found = self.wrap("TRUE", ())
            return found if negated else Clause(f"NOT {found.sql}", found.params)
        return Clause(f"{self.column} IS {'NOT ' if negated else ''}NULL", ())

    def compare(self, operator: str, values: list[Any]) -> Clause:
        """The comparison as SQL."""
        if operator == "like":
            return self._like(str(values[0]))
        if operator == "in":
            parts = [self.compare("=", [value]) for value in values]
            return _join(parts, " OR ", parentheses=True)
        value = self._typed(values[0])
        # Equality is tested on the canonical text, so that 1 and 1.0 and "1" stay three values; order on the number.
        has_number = self.numeric or self.number != self.text
        if has_number and isinstance(value, int | float) and not isinstance(value, bool):
            return self.wrap(f"{self.number} {operator} ?", [value])
        return self.wrap(f"{self.text} {operator} ?", [self._as_text(value)])

    def _like(self, pattern: str) -> Clause:
        if self.numeric:
            raise self._fail(f"{self.token.text} is a number; 'like' compares text", "one of: = != < <= > >= in")
        # Params and metadata are kept as JSON, so their text stands in quotes.
        text = f"TRIM({self.text}, '\"')" if self._is_json else self.text
        return self.wrap(f"LOWER({text}) LIKE LOWER(?)", [pattern])

    @property
    def _is_json(self) -> bool:
        return bool(self.exists) and self.token.text.startswith(("params.", "metadata."))

    def _as_text(self, value: Any) -> str:
        if self._is_json:
            return json.dumps(value, ensure_ascii=False)
        return str(value)

    def _typed(self, value: Any) -> Any:
        if self.is_time:
            return self._time(value)
        if self.numeric and isinstance(value, str | bool):
            raise self._fail(f"{self.token.text} is a number; {value!r} is not")
        return value

    def _time(self, value: Any) -> int:
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            raise self._fail(f"{value!r} is not a time", 'write it like "2026-11-20" or "2026-11-20T12:00Z"') from None
        return to_us(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _join(parts: list[Clause], word: str, *, parentheses: bool = False) -> Clause:
    if len(parts) == 1:
        return parts[0]
    sql = word.join(f"({part.sql})" if parentheses or word == " OR " else part.sql for part in parts)
    return Clause(f"({sql})", tuple(p for part in parts for p in part.params))


def resolve_field(query: str, token: Token, keys: Callable[[], KnownKeys]) -> Field:
    """What a word of the query names. Raises: InvalidError with the fields or keys that come closest."""
    group, _, key = token.text.partition(".")
    if not key and token.text in FIELDS:
        column = FIELDS[token.text]
        return Field(token, query, column, (), "", column, column, token.text in _NUMBERS, is_time=token.text in _TIMES)
    if group not in _GROUPS or not key:
        names = [*FIELDS, *(f"{g}.KEY" for g in _GROUPS)]
        close = difflib.get_close_matches(token.text, [*FIELDS, *_GROUPS], 3)
        raise _fail(
            query,
            token.at,
            len(token.text),
            f"there is no field {token.text!r}",
            f"did you mean {', '.join(close)}?" if close else f"fields: {', '.join(names)}",
        )
    return _keyed_field(query, token, group, key, keys)


def _keyed_field(query: str, token: Token, group: str, key: str, keys: Callable[[], KnownKeys]) -> Field:
    stat = "last"
    known = keys()
    if group == "metrics":
        head, _, tail = key.rpartition(".")
        if tail in _STATS and head and key not in known.metrics:
            key, stat = head, tail
    key = key.replace("`", "")
    offered = {"metrics": known.metrics, "params": known.params, "tags": known.tags}.get(group)
    if offered is not None and key not in offered:
        close = difflib.get_close_matches(key, offered, 3) or offered[:8]
        hint = f"there are: {', '.join(f'{group}.{name}' for name in close)}" if close else f"no run has {group} yet"
        raise _fail(query, token.at, len(token.text), f"no run here has {group}.{key}", hint)
    column = _STATS[stat] if group == "metrics" else "value"
    table, owner = ("metadata_values", "experiment_id") if group == "metadata" else (group, "run_id")
    outer = "r.experiment_id" if group == "metadata" else "r.id"
    number = f"x.{column}" if group == "metrics" else ("x.number" if group in ("params", "metadata") else "x.value")
    text, key_column = ("x.label", "kind") if group == "marks" else (f"x.{column}", "key")
    if group == "marks":
        number, column = "x.label", "label"
    return Field(
        token,
        query,
        f"(SELECT {number} FROM {table} x WHERE x.{owner} = {outer} AND x.{key_column} = ?)",
        (key,),
        f"EXISTS (SELECT 1 FROM {table} x WHERE x.{owner} = {outer} AND x.{key_column} = ? AND {{condition}})",
        number if group not in ("tags", "marks") else text,
        text,
        group == "metrics",
        is_time=False,
    )


def compile_where(query: str, keys: Callable[[], KnownKeys]) -> Clause:
    """A condition on runs as SQL; an empty query matches all. Raises: InvalidError."""
    if len(query) > 20_000:
        raise InvalidError(f"the query has {len(query):,} characters, at most 20,000 are read")
    if not query.strip():
        return Clause("TRUE", ())
    try:
        return _Parser(query, keys).parse()
    except RecursionError:
        raise InvalidError("the query is nested too deeply") from None


def compile_sort(sort: str, keys: Callable[[], KnownKeys]) -> Clause:
    """An ORDER BY list; newest first where nothing is asked. Missing values come last. Raises: InvalidError."""
    pieces, params = list[str](), list[object]()
    for word in filter(None, (part.strip() for part in sort.split(","))):
        name = word.lstrip("+-")
        field = resolve_field(sort, Token("word", name, sort.index(name)), keys)
        direction = "DESC" if word.startswith("-") else "ASC"
        pieces.append(f"{field.column} {direction} NULLS LAST")
        params.extend(field.params)
    pieces += ["r.created_at DESC", "r.id"]
    return Clause(", ".join(pieces), tuple(params))
