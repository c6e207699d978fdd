"""What a change touches, in words that can be looked up: so that a similar one is found without reading all of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from runward.governance.calling import Call
from runward.review.captured import touched_files
from runward.tracking.api import Tracking
from runward.tracking.organise_api import Organise

LEAST = 0.5
"""Changes that share at least this part of all that they touch are called similar."""
MOST_TRAITS = 200
_COMPARED = 5


def traits_of_run(call: Call, run_id: str) -> list[str]:
    """The touched files, each as it is, and the params that the project's baseline does not have (else all of them)."""
    tracking, deltas = call.use(Tracking), call.use(Organise).deltas(run_id)
    run = tracking.get_run(run_id).run
    others = [other for other in deltas.baseline_runs if other != run_id][:_COMPARED]
    known = {trait for other in others for trait in _params(tracking.get_run(other).run.params)}
    found = [trait for trait in _params(run.params) if trait not in known]
    for path, digest in sorted(touched_files(call, run_id).items()):
        found += [f"path {path}", f"file {path} {digest[:16]}"]
    return [trait[:300] for trait in found[:MOST_TRAITS]]


def _params(params: Mapping[str, Any]) -> Iterable[str]:
    """Seeds are left out: another seed makes no other change."""
    return [
        f"param {key} = {json.dumps(value, sort_keys=True, default=str)}"
        for key, value in sorted(params.items())
        if "seed" not in key.lower()
    ]


def similarity(one: Iterable[str], other: Iterable[str]) -> float:
    """Shared traits by all traits of both (Jaccard), from 0 to 1."""
    left, right = set(one), set(other)
    return len(left & right) / len(left | right) if left | right else 0.0


def shown(traits: Iterable[str]) -> list[str]:
    """Traits for people: a file of the same content once."""
    found = sorted(traits)
    same = {trait.split(" ")[1] for trait in found if trait.startswith("file ")}
    paths = [f"{path} (same content)" if path in same else path for path in _paths(found)]
    return [*paths, *(trait.removeprefix("param ") for trait in found if trait.startswith("param "))]


def _paths(traits: Iterable[str]) -> list[str]:
    return [trait.removeprefix("path ") for trait in traits if trait.startswith("path ")]
