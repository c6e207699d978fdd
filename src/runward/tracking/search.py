"""The search language: parsed into a tree, compiled to SQL with parameters, never concatenated.

::

    metrics.loss < 0.3 and params.lr in (0.1, 0.01) and tags.team = "vision" order by -metrics.acc.max

Fields are ``metrics.KEY`` (its last value) or ``metrics.KEY.min|max|best|last|n``, ``params.KEY``, ``tags.KEY``,
``metadata.KEY`` (of the experiment), ``packages.NAME`` (the version that was installed), ``locks.NAME`` (those that the
run's lock files name) and the run's own: see :data:`FIELDS`. A key with other characters than letters,
digits, ``_ - /`` and ``.`` stands in backticks: ``metrics.`val loss```. Times are ISO 8601, or back from now as
``-7d`` (units ``s m h d w``): ``created_at > -12h``.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol

from runward.config.standards import better_value
from runward.core.clock import to_us, utc_now
from runward.core.usage import Usage
from runward.errors import InvalidError
from runward.governance.scopes import Clause
from runward.tracking.capture.environment import normalised_name
from runward.tracking.locks.versions import version_key
from runward.tracking.model import RunStatus
from runward.tracking.packages import KINDS, Kind, rows_of, with_package
from runward.tracking.searchwords import Given, Token, misplaced, tokenise

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
    **{name: f"r.{name}" for name in Usage.__struct_fields__},
}
"""The run's own fields and their SQL."""
_TIMES = {"created_at", "started_at", "ended_at"}
_NUMBERS = {"seed", "duration_s", *Usage.__struct_fields__, *_TIMES}
_GROUPS = ("metrics", "params", "tags", "metadata", "marks", "packages", "locks")
_STATS = {"last": "last", "min": "minimum", "max": "maximum", "n": "n"}
_MAX_TERMS = 200
_MAX_SORT = 10
STATUSES = tuple(status.value for status in RunStatus)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
PREFIX = 100
"""Indexes hold this many characters of a text value: PostgreSQL refuses index entries longer than 2.7 kB."""


class Keys(Protocol):
    """The keys that a query may name."""

    def has(self, group: str, key: str) -> bool:
        """Whether a run here has ``metrics``, ``params`` or ``tags`` of that key."""
        ...

    def offered(self, group: str) -> list[str]:
        """The keys that exist, for a hint."""
        ...


class Condition(NamedTuple):
    """A condition on runs, and what of it can be looked up instead of tested.

    Every run that matches ``clause`` is in ``source`` (a subquery of run ids from an index) and matches ``rest``; the
    lower the rank, the fewer runs a source usually has.
    """

    clause: Clause
    source: Clause | None = None
    rest: Clause = Clause("TRUE", ())
    rank: int = 9
    key: tuple[str, str] | None = None
    """The table and the key whose values the source looks up, where it is one of those that projects know."""


class SortTerm(NamedTuple):
    """One value to sort by: its SQL, and the join that brings it (empty for the run's own)."""

    column: str
    descending: bool
    join: Clause
    walk: str | None
    """The table, where it has an index in the order of its values."""


class Query(NamedTuple):
    """A search, compiled."""

    condition: Condition
    terms: list[SortTerm]


_SORT_TERM = re.compile(r"([+-]?)\s*((?:[^\s`]|`[^`]*`)+)\s*(asc|desc|)", re.IGNORECASE)


class _Parser:
    """Recursive descent over the tokens, straight into SQL."""

    def __init__(self, query: str, keys: Keys) -> None:
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
        return misplaced(self.query, token.at, len(token.text), problem, hint)

    def parse(self) -> tuple[Condition, str]:
        """The condition, and the text after ``order by``."""
        ordered = self.ordered()
        found = Condition(Clause("TRUE", ())) if ordered or self.next.kind == "end" else self.either()
        if ordered or self.ordered():
            start = self.next.at
            if self.next.kind == "end":
                raise self.fail(self.next, "after 'order by' comes a field", "for example: order by -metrics.acc")
            return found, self.query[start:]
        if self.next.kind != "end":
            raise self.fail(self.next, f"{self.next.text!r} was not expected here", "join conditions by 'and' or 'or'")
        return found, ""

    def ordered(self) -> bool:
        """Take ``order by``, if it is next."""
        following = self.tokens[self.position + 1] if self.next.kind != "end" else self.next
        if self.next.text.lower() == "order" and following.text.lower() == "by":
            self.position += 2
            return True
        return False

    def either(self) -> Condition:
        parts = [self.both()]
        while self.word("or"):
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else Condition(_join([part.clause for part in parts], " OR "))

    def both(self) -> Condition:
        parts = [self.negated()]
        while self.word("and"):
            parts.append(self.negated())
        return parts[0] if len(parts) == 1 else _all_of(parts)

    def negated(self) -> Condition:
        if self.word("not"):
            inner = self.negated().clause
            return Condition(Clause(f"NOT COALESCE({inner.sql}, FALSE)", inner.params))
        if self.next.text == "(":
            self.take()
            found = self.either()
            if self.take().text != ")":
                raise self.fail(self.tokens[self.position - 1], "a ')' is missing")
            return found._replace(clause=Clause(f"({found.clause.sql})", found.clause.params))
        return self.comparison()

    def comparison(self) -> Condition:
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

    def values(self) -> list[Given]:
        if self.take().text != "(":
            raise self.fail(self.tokens[self.position - 1], "after 'in' comes a list in parentheses")
        found = [self.value()]
        while self.next.text == ",":
            self.take()
            found.append(self.value())
        if self.take().text != ")":
            raise self.fail(self.tokens[self.position - 1], "a ')' is missing")
        return found

    def value(self) -> Given:
        token = self.take()
        return Given(self._meant(token), token)

    def _meant(self, token: Token) -> Any:
        if token.kind == "string":
            return re.sub(r"\\(.)", r"\1", token.text[1:-1])
        if token.kind == "number":
            number = float(token.text)
            # As it is written: from 2^53 on a float would be another number.
            if token.text.lstrip("+-").isdecimal() and abs(number) < 2**63:
                return int(token.text)
            return int(number) if number.is_integer() and abs(number) < 2**53 and "." not in token.text else number
        if token.kind == "ago":
            return utc_now() - timedelta(seconds=float(token.text[1:-1]) * _UNITS[token.text[-1]])
        if token.kind == "word":
            return {"true": True, "false": False}.get(token.text.lower(), token.text)
        raise self.fail(token, "a value is missing here", 'write text in quotes: name = "my run"')


class Table(NamedTuple):
    """Where a keyed value lies: one row of ``name`` for each owner and key."""

    name: str
    owner: str
    outer: str
    key_column: str
    key: str


class Field(NamedTuple):
    """A field of the language: how to compare and to sort by it."""

    token: Token
    query: str
    table: Table | None
    """None for the run's own fields."""
    number: str
    """SQL of the value as a number; ``x`` is the table."""
    text: str
    numeric: bool
    is_time: bool = False
    packages: Kind | None = None
    """Which packages' versions it compares, if any."""

    def _fail(self, problem: str, hint: str = "", at: Token | None = None) -> InvalidError:
        at = at or self.token
        return misplaced(self.query, at.at, len(at.text), problem, hint)

    def wrap(self, condition: str, params: Sequence[object], rank: int = 2) -> Condition:
        """The condition as one that is true for matching runs."""
        table = self.table
        if table is None:
            return Condition(Clause(condition, tuple(params)))
        rows = f"SELECT x.{table.owner} AS run_id FROM {table.name} x WHERE x.{table.key_column} = ? AND {condition}"
        given = (table.key, *params)
        tested = Clause(f"EXISTS ({rows} AND x.{table.owner} = {table.outer})", given)
        if self.packages:
            rows = with_package(self.packages, condition)
            tested = Clause(f"{table.outer} IN ({rows})", given)
        # A run may have several lock files that name a package: looked up, it would be found as often.
        if table.owner != "run_id" or self.packages == "locks":
            return Condition(tested)
        key = (table.name, table.key) if table.name in ("metrics", "params", "tags") else None
        return Condition(tested, Clause(f"({rows})", given), Clause("TRUE", ()), rank, key)

    def is_null(self, negated: bool) -> Condition:
        """Whether the run lacks (or has) the value."""
        if self.table is None:
            value = self.text if self.numeric else f"NULLIF({self.text}, '')"  # nobody gave a text that is empty
            return Condition(Clause(f"{value} IS {'NOT ' if negated else ''}NULL", ()))
        found = self.wrap("TRUE", (), 3)
        return found if negated else Condition(Clause(f"NOT {found.clause.sql}", found.clause.params))

    def compare(self, operator: str, values: list[Given]) -> Condition:
        """The comparison as SQL."""
        if operator == "like":
            return self._like(str(values[0].value))
        parts = [self._one("=" if operator == "in" else operator, value) for value in values]
        found = _join(parts, " OR ", parentheses=True)
        # Of a package most runs have one of few versions, so nearly anything else finds fewer runs.
        return self.wrap(found.sql, found.params, 4 if self.packages else 1 if operator in ("=", "in") else 2)

    def _one(self, operator: str, given: Given) -> Clause:
        if self._is_nan(given.value):
            return self._of_nan(operator, given)
        value = self._typed(given)
        if self.packages:
            return Clause(f"{self.number} {operator} ?", (version_key(value),))
        # Equality is tested on the canonical text, so that 1 and 1.0 and "1" stay three values; order on the number.
        has_number = self.numeric or self.number != self.text
        if has_number and isinstance(value, int | float) and not isinstance(value, bool) and not self._is_long(value):
            return Clause(f"{self.number} {operator} ?", (value,))
        text = self._as_text(value)
        if operator == "=" and self.table is not None and self.table.name in ("params", "tags"):
            begins = f"substr({self.text}, 1, {PREFIX}) = ?"
            if len(text) < PREFIX:
                return Clause(begins, (text,))
            # Not `value = ?`: SQLite would then put the parameter into the other condition and not see the index.
            return Clause(f"({begins} AND {self.text} || '' = ?)", (text[:PREFIX], text))
        return Clause(f"{self.text} {operator} ?", (text,))

    def _is_nan(self, value: Any) -> bool:
        of_metric = self.table is not None and self.table.name == "metrics"
        return of_metric and isinstance(value, str) and value.lower() == "nan"

    def _of_nan(self, operator: str, given: Given) -> Clause:
        """A value that is NaN is a row without a number."""
        if operator not in ("=", "!="):
            raise self._fail("NaN is neither less nor greater than anything", "one of: = != in", given.token)
        return Clause(f"{self.number} IS {'NOT ' if operator == '!=' else ''}NULL", ())

    def _is_long(self, value: int | float) -> bool:
        """Whether a param's number is kept exactly in its text alone."""
        return isinstance(value, int) and abs(value) >= 2**53 and self._is_json

    def _like(self, pattern: str) -> Condition:
        if self.numeric:
            raise self._fail(f"{self.token.text} is a number; 'like' compares text", "one of: = != < <= > >= in")
        # Params and metadata are kept as JSON, so their text stands in quotes.
        text = f"TRIM({self.text}, '\"')" if self._is_json else self.text
        return self.wrap(f"LOWER({text}) LIKE LOWER(?)", [pattern])

    def sort_term(self, alias: str, descending: bool) -> SortTerm:
        """The field as something to sort by."""
        table = self.table
        if table is None:
            return SortTerm(self.number, descending, Clause("", ()), None)
        column = self.number.replace("x.", f"{alias}.")
        on = f"{alias}.{table.owner} = {table.outer} AND {alias}.{table.key_column} = ?"
        join = Clause(f" LEFT JOIN {table.name} {alias} ON {on}", (table.key,))
        # Only these have an index in the order of their values.
        walks = column.endswith((".last", ".number")) and table.owner == "run_id"
        return SortTerm(column, descending, join, table.name if walks else None)

    @property
    def _is_json(self) -> bool:
        return self.table is not None and self.token.text.startswith(("params.", "metadata."))

    def _as_text(self, value: Any) -> str:
        if self._is_json:
            return json.dumps(value, ensure_ascii=False)
        return str(value)

    def _typed(self, given: Given) -> Any:
        value, at = given
        if self.is_time:
            return self._time(value, at)
        if self.packages and not isinstance(value, str):
            raise self._fail(f"{self.token.text} is a version", 'write it in quotes: packages.numpy >= "2.10"', at)
        if isinstance(value, datetime):
            hint = "a time such as -7d goes with created_at or ended_at"
            raise self._fail(f"{self.token.text} is no time", hint, at)
        if self.numeric and isinstance(value, str | bool):
            raise self._fail(f"{self.token.text} is a number; {value!r} is not", "", at)
        if self.number == FIELDS["status"] and value not in STATUSES:
            raise self._fail(f"there is no status {value!r}", f"there are: {', '.join(STATUSES)}", at)
        return value

    def _time(self, value: Any, at: Token) -> int:
        if isinstance(value, datetime):
            return to_us(value)
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            hint = 'write it like "2026-11-20", "2026-11-20T12:00Z" or -7d (units s m h d w)'
            raise self._fail(f"{at.text} is not a time", hint, at) from None
        return to_us(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _all_of(parts: list[Condition]) -> Condition:
    """All conditions: the one that fewest runs are likely to match is looked up, the others are tested on those."""
    best = min(range(len(parts)), key=lambda i: parts[i].rank)
    clause = _join([part.clause for part in parts], " AND ")
    if parts[best].source is None:
        return Condition(clause)
    rest = [parts[best].rest, *(part.clause for i, part in enumerate(parts) if i != best)]
    return parts[best]._replace(clause=clause, rest=_join(rest, " AND "))


def _join(parts: list[Clause], word: str, *, parentheses: bool = False) -> Clause:
    if len(parts) == 1:
        return parts[0]
    sql = word.join(f"({part.sql})" if parentheses or word == " OR " else part.sql for part in parts)
    return Clause(f"({sql})", tuple(p for part in parts for p in part.params))


def resolve_field(query: str, token: Token, keys: Keys) -> Field:
    """What a word of the query names. Raises: InvalidError with the fields or keys that come closest."""
    group, _, key = token.text.partition(".")
    if not key and token.text in FIELDS:
        column = FIELDS[token.text]
        return Field(token, query, None, column, column, token.text in _NUMBERS, is_time=token.text in _TIMES)
    if group not in _GROUPS or not key:
        names = [*FIELDS, *(f"{g}.KEY" for g in _GROUPS)]
        close = difflib.get_close_matches(token.text, [*FIELDS, *_GROUPS], 3)
        raise misplaced(
            query,
            token.at,
            len(token.text),
            f"there is no field {token.text!r}",
            f"did you mean {', '.join(close)}?" if close else f"fields: {', '.join(names)}",
        )
    return _keyed_field(query, token, group, key, keys)


def _keyed_field(query: str, token: Token, group: str, key: str, keys: Keys) -> Field:
    stat = "last"
    if group == "metrics":
        head, _, tail = key.rpartition(".")
        if tail in (*_STATS, "best") and head and not keys.has(group, key.replace("`", "")):
            key, stat = head, tail
    key = key.replace("`", "")
    key = normalised_name(key) if group == "packages" else key
    if group in ("metrics", "params", "tags", *KINDS) and not keys.has(group, key):
        offered = keys.offered(group)
        close = difflib.get_close_matches(key, offered, 3) or offered[:8]
        hint = f"there are: {', '.join(f'{group}.{name}' for name in close)}" if close else f"no run has {group} yet"
        raise misplaced(query, token.at, len(token.text), f"no run here has {group}.{key}", hint)
    if stat == "best":
        stat = {"higher": "max", "lower": "min", "": ""}[better_value(key)]
        if not stat:
            problem = f"the name of {key!r} does not say whether higher or lower is better"
            raise misplaced(query, token.at, len(token.text), problem, f"say metrics.{key}.max or metrics.{key}.min")
    if group == "metadata":
        return Field(
            token,
            query,
            Table("metadata_values", "experiment_id", "r.experiment_id", "key", key),
            "x.number",
            "x.value",
            numeric=False,
        )
    if group == "marks":
        return Field(token, query, Table("marks", "run_id", "r.id", "kind", key), "x.label", "x.label", numeric=False)
    if group in KINDS:
        table = Table(rows_of(group), "run_id", "r.id", "key", key)
        return Field(token, query, table, "x.place", "x.value", numeric=False, packages=group)
    text = f"x.{_STATS[stat]}" if group == "metrics" else "x.value"
    number = "x.number" if group == "params" else text
    return Field(token, query, Table(group, "run_id", "r.id", "key", key), number, text, numeric=group == "metrics")


def compile_query(where: str, sort: str, keys: Keys) -> Query:
    """A search as SQL. An empty condition matches all; newest first where no order is asked, missing values last.

    Raises: InvalidError pointing at the word that is wrong.
    """
    condition, ordered = _compile_where(where, keys)
    if ordered and sort:
        raise InvalidError("the order is given twice, in the query ('order by') and beside it", hint="leave one out")
    return Query(condition, _compile_sort(sort or ordered, keys))


def _compile_where(query: str, keys: Keys) -> tuple[Condition, str]:
    if len(query) > 20_000:
        hint = "give the runs a tag (`runward runs edit … --tag`) and search for that"
        raise InvalidError(f"the query has {len(query):,} characters, at most 20,000 are read", hint=hint)
    try:
        return _Parser(query, keys).parse()
    except RecursionError:
        raise InvalidError("the query is nested too deeply") from None


def _compile_sort(sort: str, keys: Keys) -> list[SortTerm]:
    words = [word for part in re.findall(r"(?:`[^`]*`|[^,`])+", sort) if (word := part.strip())]
    if len(words) > _MAX_SORT:
        raise InvalidError(f"the order has {len(words):,} fields, at most {_MAX_SORT} are taken", hint="leave some out")
    terms = list[SortTerm]()
    for word in words:
        match = _SORT_TERM.fullmatch(word)
        if match is None:
            raise misplaced(
                sort, sort.index(word), len(word), f"{word!r} is no order", "write it like -metrics.acc, name"
            )
        sign, name, direction = match.groups()
        descending = direction.lower() == "desc" if direction else sign == "-"
        field = resolve_field(sort, Token("word", name, sort.index(name)), keys)
        if field.packages == "locks":
            raise misplaced(
                sort, sort.index(word), len(word), "a run's locks may name several versions", "sort by packages"
            )
        terms.append(field.sort_term(f"s{len(terms)}", descending))
    return terms
