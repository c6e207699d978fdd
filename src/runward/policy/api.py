"""The contract of labels and terms."""

from __future__ import annotations

from typing import ClassVar, Protocol

from runward.core.operation import operation
from runward.policy.model import Labelled, LabelName, Scan, Terms


class Policy(Protocol):
    """Thread-safe. A thing is ``dataset:PROJECT:NAME``, ``run:ID``, ``model:NAME`` or ``page:ID``; ids do for names."""

    room: ClassVar[str] = "policy"

    @operation(
        "GET",
        "/labels/{thing}",
        may="label.read",
        on="thing",
        state=("own", "released", "reason", "terms"),
        signed=("set_by", "set_at"),
    )
    def get_label(self, thing: str) -> Labelled:
        """A thing's label, and where it comes from. Raises: NotFoundError."""
        ...

    @operation("PUT", "/labels/{thing}", may="label.write", on="thing", revises="get_label")
    def set_label(self, thing: str, label: LabelName, reason: str = "", release: bool = False) -> Labelled:
        """Label a thing. What is made of it carries the label from now on, and what was made of it already.

        Args:
            thing: What.
            label: Its own label.
            reason: Why; needed for a lower label than it has of its own, and for a release.
            release: It carries nothing of what it was made of: sums that say nothing of any person, say.

        Raises: NotFoundError, InvalidError (no reason), ForbiddenError (a lower label, or a release, without the permission to
            read what is restricted).
        """
        ...

    @operation(
        "PUT",
        "/datasets/{dataset}/terms",
        may="data.read_restricted",
        on="dataset",
        revises="get_label",
        revised={"thing": "dataset:{dataset}"},
    )
    def set_terms(self, dataset: str, terms: Terms) -> Labelled:
        """Say for what a dataset may be used. Raises: NotFoundError, InvalidError."""
        ...

    @operation("GET", "/scans/{thing}", may="label.read", on="thing")
    def scan(self, thing: str) -> Scan:
        """Look for obvious personal data and secrets: a run's name, params, tags, error, output and tables; a dataset's tables.

        Who may not read what a restricted thing holds sees what was found there, and no example.

        Raises: NotFoundError, InvalidError (a model or a page).
        """
        ...
