"""Whether restricted data may be used for something: a purpose has to be one of theirs, on a day before their terms end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from runward.core.clock import from_us
from runward.policy import repository as sql
from runward.policy.carrying import MAX_FOLLOWED, governing
from runward.policy.model import LABELS, RESTRICTED, LabelName, Terms
from runward.store.database import Tx


class Use(NamedTuple):
    """A restricted dataset that a run read, or what it read was made of."""

    dataset_id: str
    """Empty where too much led to what it read for all to be found."""
    dataset: str
    """As it may be said to all who see the run."""
    label: LabelName
    problem: str
    """Why the run may not use it; empty where it may."""


class Fit(NamedTuple):
    """How a purpose fits some terms."""

    purpose: str
    """The one of the terms that it is, in their words; empty where it is none."""
    problem: str
    """Why it does not fit; empty where it does."""


def _plain(purpose: str) -> str:
    return " ".join(purpose.split()).casefold()


def fit(terms: Terms | None, given: str, who: str, on: date) -> Fit:
    """Whether a purpose is one for which a dataset may be used.

    Args:
        terms: The dataset's; None where nobody said any.
        given: The purpose, in any case of letters.
        who: Whose purpose that is, for the message.
        on: The day on which the data are used.
    """
    if terms is not None and terms.expires_on is not None and on > terms.expires_on:
        return Fit("", f"its terms ended on {terms.expires_on}")
    if terms is None or not terms.purposes:
        return Fit("", "it names no purpose for which it may be used: runward data terms DATASET --purpose …")
    for purpose in terms.purposes:
        if _plain(purpose) == _plain(given):
            return Fit(" ".join(purpose.split()), "")
    said = f"{who}'s purpose is {given.strip()[:80]!r}" if given.strip() else f"{who} gives no purpose"
    return Fit("", f"{said}; it may be used for: {'; '.join(terms.purposes)}")


def uses_of(tx: Tx, run_id: str) -> list[Use]:
    """The restricted datasets that a run read from, by name, along all that led to what it read; none where nothing is restricted."""
    found = governing(tx, ("run", run_id))
    said = sql.run_said(tx, run_id) if found.datasets or found.is_cut else None
    if said is None:
        return []
    day = from_us(said.began_at).date()
    terms, names = sql.terms_of(tx, found.datasets), named(tx, said.team_id, found.datasets)
    labels = sql.own_labels(tx, "dataset", found.datasets)
    uses = [
        Use(one, names[one], LABELS[labels[one].label], fit(terms.get(one), said.purpose, "the run", day).problem)
        for one in found.datasets
    ]
    if found.is_cut:
        problem = f"more than {MAX_FOLLOWED:,} things led to what the run read: not all of them were followed"
        uses.append(Use("", "what it read", LABELS[RESTRICTED], problem))
    return sorted(uses, key=lambda use: use.dataset)


def purposes_of(tx: Tx, dataset_id: str) -> list[str] | None:
    """The purposes that fit all restricted datasets whose terms hold for a dataset's bytes; None where none names any."""
    found = governing(tx, ("dataset", dataset_id)).datasets
    terms = sql.terms_of(tx, found)
    # Its own words first, where it has some.
    ordered = [terms[one] for one in sorted(found, key=lambda one: one != dataset_id) if one in terms]
    asked = [{_plain(one): " ".join(one.split()) for one in of.purposes} for of in ordered if of.purposes]
    if not asked:
        return None
    return [words for plain, words in asked[0].items() if all(plain in of for of in asked)]


def named(tx: Tx, team_id: str, ids: Sequence[str]) -> dict[str, str]:
    """What datasets are called among the members of a team: those of other teams are not named to them."""
    own = sql.datasets_of_team(tx, team_id, ids)
    return {one: sql.name_of(tx, ("dataset", one)) if one in own else f"dataset {one} of another team" for one in ids}
