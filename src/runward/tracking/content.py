"""The digest of a run's content: what evidence (gates, approvals, certificates) is bound to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runward.core.hashing import digest_value
from runward.core.ids import Digest
from runward.store.database import Tx
from runward.tracking import repository as sql
from runward.tracking.model import RunDetail


def content_of(detail: RunDetail) -> dict[str, Any]:
    """The parts of a run that a result stands on: params, metrics, artifacts, captures, seed, end.

    Name, purpose and tags are left out: describing a result better does not make it another one.
    """
    run = detail.run
    return {
        "run": run.id,
        "status": run.status,
        "seed": run.seed,
        "params": run.params,
        "metrics": {
            key: [m.n, m.last, m.last_special, m.last_step, m.min, m.max] for key, m in sorted(run.metrics.items())
        },
        "artifacts": {item.path: item.digest for item in detail.artifacts},
        "captures": {part.kind: part.digest for part in detail.captures},
    }


def digest_of(detail: RunDetail) -> Digest:
    """The digest of :func:`content_of`: it changes as soon as any of these parts does."""
    return digest_value(content_of(detail))


def detail_of(tx: Tx, run_id: str) -> RunDetail:
    """What of a run its content is made of."""
    return sql.run_detail(tx, run_id)


def details_of(tx: Tx, ids: Sequence[str]) -> dict[str, RunDetail]:
    """:func:`detail_of` for several runs, by their ids."""
    return sql.run_details(tx, ids)


def content_digest(tx: Tx, run_id: str) -> Digest:
    """:func:`digest_of` for a run by id."""
    return digest_of(detail_of(tx, run_id))
