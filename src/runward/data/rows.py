"""What changed between two tables, row by row, by Polars."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from runward.data.tables import polars, scan_table
from runward.errors import InvalidError

_INDEX, _COUNT, _OTHER = "\0row", "\0count", "\0new"
_SHOWN = 200


class RowChange(msgspec.Struct, frozen=True, kw_only=True):
    """One row that differs; values as text."""

    kind: str
    """``added``, ``removed`` or ``changed``."""
    row: int
    """Its number from 1: in the new table, or in the old one if it was removed."""
    before: dict[str, str | None] = {}
    """Of a changed row only the key and the columns that differ."""
    after: dict[str, str | None] = {}


class RowDiff(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of two tables over the columns that both have."""

    added: int
    removed: int
    changed: int
    same: int
    key: list[str]
    """What rows were found by; empty: by their whole content, and by their place where both tables have as many."""
    columns: dict[str, int] = {}
    """Changed values by column."""
    sample: list[RowChange] = []


def compare_rows(
    before: str | Path, after: str | Path, form: str, *, key: tuple[str, ...] = (), sample: int = 5
) -> RowDiff:
    """Compare two table files. Without a key it is the first column whose values are unique in both.

    Raises: MissingExtraError, InvalidError (not such a table, or a key that is none).
    """
    pl = polars()
    try:
        old, new = (scan_table(place, form).collect() for place in (before, after))
        shared = [name for name in old.columns if name in new.columns]
        _check_key(old, new, key)
        for name in shared:
            if old.schema[name] != new.schema[name]:
                numbers = all(frame.schema[name].is_numeric() for frame in (old, new))
                old, new = (frame.with_columns(_alike(pl, frame, name, numbers)) for frame in (old, new))
        chosen = list(key) or _natural_key(pl, old, new, shared)
        old, new = (frame.select(shared).with_row_index(_INDEX, 1) for frame in (old, new))
        if chosen:
            return _by_key(pl, old, new, chosen, shared, sample)
        return _by_content(pl, old, new, shared, sample)
    except pl.exceptions.PolarsError as error:
        raise InvalidError(f"{after} cannot be compared as {form}: {error}") from error


def _alike(pl: Any, frame: Any, name: str, numbers: bool) -> Any:
    """A column that has another type in the other table: compared as a number if both are, else by what it says."""
    if numbers:
        return pl.col(name).cast(pl.Float64)
    if frame.schema[name].is_nested():
        return pl.col(name).map_elements(repr, return_dtype=pl.String)
    return pl.col(name).cast(pl.String)


def _check_key(old: Any, new: Any, key: tuple[str, ...]) -> None:
    for name in key:
        if name not in old.columns or name not in new.columns:
            raise InvalidError(
                f"key {name!r} is no column of both tables", hint=f"one of: {', '.join(new.columns[:20])}"
            )
    for frame, which in ((old, "old"), (new, "new")):
        if key and frame.select(key).n_unique() != frame.height:
            raise InvalidError(f"key {', '.join(key)} is not unique in the {which} table", hint="name more columns")


def _natural_key(pl: Any, old: Any, new: Any, shared: list[str]) -> list[str]:
    for name in shared:
        kind = old.schema[name]
        unique = (kind.is_integer() or kind == pl.String) and old.height and new.height
        if unique and all(f[name].null_count() == 0 and f[name].n_unique() == f.height for f in (old, new)):
            return [name]
    return []


def _by_key(pl: Any, old: Any, new: Any, key: list[str], shared: list[str], sample: int) -> RowDiff:
    removed = old.join(new, on=key, how="anti", nulls_equal=True)
    added = new.join(old, on=key, how="anti", nulls_equal=True)
    both = new.join(old, on=key, how="inner", suffix=_OTHER, nulls_equal=True, maintain_order="left")
    values = [name for name in shared if name not in key]
    return _result(pl, added, removed, _differing(pl, both, values), both.height, key, values, sample)


def _by_content(pl: Any, old: Any, new: Any, shared: list[str], sample: int) -> RowDiff:
    """Rows as wholes, each as often as it occurs; what is left and stands in the same place was changed there."""
    if not shared:
        return RowDiff(added=new.height, removed=old.height, changed=0, same=0, key=[])
    old, new = (f.with_columns(pl.int_range(pl.len()).over(shared).alias(_COUNT)) for f in (old, new))
    removed = old.join(new, on=[*shared, _COUNT], how="anti", nulls_equal=True).drop(_COUNT)
    added = new.join(old, on=[*shared, _COUNT], how="anti", nulls_equal=True).drop(_COUNT)
    same, changed = old.height - removed.height, added.clear()
    if old.height == new.height:
        changed = added.join(removed, on=_INDEX, how="inner", suffix=_OTHER).with_columns(
            pl.col(_INDEX).alias(_INDEX + _OTHER)
        )
        added, removed = (f.join(changed, on=_INDEX, how="anti") for f in (added, removed))
    return _result(pl, added, removed, changed, same + changed.height, [], shared, sample)


def _differing(pl: Any, both: Any, values: list[str]) -> Any:
    if not values:
        return both.clear()
    return both.filter(pl.any_horizontal(pl.col(name).ne_missing(pl.col(name + _OTHER)) for name in values))


def _result(
    pl: Any, added: Any, removed: Any, changed: Any, matched: int, key: list[str], values: list[str], sample: int
) -> RowDiff:
    columns = dict[str, int]()
    if changed.height:
        counts = changed.select(pl.col(n).ne_missing(pl.col(n + _OTHER)).sum().alias(n) for n in values)
        columns = {name: count for name, count in counts.row(0, named=True).items() if count}
    shown = [
        *(_changed_row(row, key, values) for row in changed.head(sample).iter_rows(named=True)),
        *(
            RowChange(kind="added", row=row[_INDEX], after=_text(row))
            for row in added.head(sample).iter_rows(named=True)
        ),
        *(
            RowChange(kind="removed", row=row[_INDEX], before=_text(row))
            for row in removed.head(sample).iter_rows(named=True)
        ),
    ]
    return RowDiff(
        added=added.height,
        removed=removed.height,
        changed=changed.height,
        same=matched - changed.height,
        key=key,
        columns=columns,
        sample=shown,
    )


def _changed_row(row: dict[str, Any], key: list[str], values: list[str]) -> RowChange:
    names = [name for name in values if _differ(row[name], row[name + _OTHER])]
    same = {name: row[name] for name in key}
    return RowChange(
        kind="changed",
        row=row[_INDEX],
        before=_text({**same, **{name: row[name + _OTHER] for name in names}}),
        after=_text({**same, **{name: row[name] for name in names}}),
    )


def _differ(one: Any, other: Any) -> bool:
    return bool(one != other) and not (one != one and other != other)  # noqa: PLR0124 - NaN is NaN here


def _text(row: dict[str, Any]) -> dict[str, str | None]:
    return {
        name: None if value is None else str(value)[:_SHOWN] for name, value in row.items() if not name.startswith("\0")
    }
