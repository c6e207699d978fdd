"""Whether a run may use the restricted data that it read: its purpose has to be one of theirs."""

from __future__ import annotations

from typing import NamedTuple

from runward.core.clock import from_us
from runward.policy import repository as sql
from runward.policy.model import LABELS
from runward.store.database import Tx


class Use(NamedTuple):
    """A restricted dataset that a run read."""

    dataset: str
    label: str
    problem: str
    """Why the run may not use it; empty where it may."""


def uses_of(tx: Tx, run_id: str) -> list[Use]:
    """The restricted datasets that a run read, by name; none where nothing is restricted."""
    if not sql.restricts_anything(tx) or not (ids := sql.restricted_reads(tx, run_id)):
        return []
    purpose, started = tx.one("SELECT purpose, started_at FROM runs WHERE id = ?", (run_id,)) or ("", 0)
    terms, labels = sql.terms_of(tx, ids), sql.own_labels(tx, "dataset", ids)
    found = []
    for one in ids:
        of = terms.get(one)
        said = [text.strip().casefold() for text in of.purposes] if of else []
        if of is not None and of.expires_on is not None and from_us(started).date() > of.expires_on:
            problem = f"its terms ended on {of.expires_on}"
        elif not said:
            problem = "it names no purpose for which it may be used: runward data terms DATASET --purpose …"
        elif purpose.strip().casefold() not in said:
            allowed = "; ".join(of.purposes) if of else ""
            given = f"the run's purpose is {purpose[:80]!r}" if purpose.strip() else "the run gives no purpose"
            problem = f"{given}; it may be used for: {allowed}"
        else:
            problem = ""
        found.append(Use(sql.name_of(tx, ("dataset", one)), LABELS[labels[one].label], problem))
    return found
