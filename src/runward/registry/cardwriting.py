"""Cards as they are stored: every writing is kept, the newest counts."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from runward.core.clock import from_us
from runward.errors import CorruptedError, NotFoundError
from runward.governance.calling import Call
from runward.registry import repository as sql
from runward.registry.aliases import evidence_of
from runward.registry.cards import FIELDS, CardFacts, check_fields, missing_of, render
from runward.registry.contents import files_of
from runward.registry.model import ModelVersion
from runward.registry.version_model import Card, CardChange, CardState, ModelFile
from runward.tracking.content import detail_of
from runward.tracking.foreign import params_of
from runward.tracking.model import RunDetail
from runward.tracking.slices_model import FOLDER, SLICES_TYPE, SliceReport

_MAX_REPORT, _MAX_REPORTS = 1 << 20, 20


def card_state(call: Call, model_id: str, version: int) -> CardState:
    """Whether a card is written, and what it lacks."""
    found = sql.cards(call.tx, model_id, version)
    if not found:
        return CardState(number=0, missing=missing_of({}))
    newest = found[0]
    return CardState(
        number=newest.number, missing=missing_of(newest.fields), author=newest.author, at=from_us(newest.at_us)
    )


def card_of(call: Call, model_id: str, version: ModelVersion, number: int = 0) -> Card:
    """See :meth:`runward.registry.api.Registry.get_card`."""
    found = sql.cards(call.tx, model_id, version.version, number or None)
    if number and not found:
        raise NotFoundError(f"the card of {version.model} {version.version} was never written for the {number}. time")
    newest = found[0] if found else sql.CardRow(0, {}, "", 0)
    return Card(
        model=version.model,
        version=version.version,
        number=newest.number,
        fields=newest.fields,
        missing=missing_of(newest.fields),
        asked=list(FIELDS),
        markdown=render(_facts(call, model_id, version), newest.fields),
        author=newest.author,
        at=from_us(newest.at_us) if newest.number else None,
    )


def write_card(call: Call, model_id: str, version: int, fields: dict[str, str]) -> list[str]:
    """Store fields beside those that stay; returns which changed. Raises: InvalidError."""
    found = sql.cards(call.tx, model_id, version)
    number, before = (found[0].number, found[0].fields) if found else (0, {})
    after = {key: text for key, text in {**before, **check_fields(fields)}.items() if text}
    changed = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
    if changed:
        values = {"number": number + 1, "fields": json.dumps(after, ensure_ascii=False)}
        sql.add_card(call.tx, model_id, version, {**values, "author": call.actor.name, "at": call.now_us})
    return changed


def card_history(call: Call, model_id: str, version: int) -> list[CardChange]:
    """See :meth:`runward.registry.api.Registry.card_history`."""
    found = sql.cards(call.tx, model_id, version)
    earlier = [*(row.fields for row in found[1:]), {}]
    return [
        CardChange(
            row.number,
            row.author,
            from_us(row.at_us),
            sorted(key for key in {*row.fields, *before} if row.fields.get(key) != before.get(key)),
        )
        # Of a card that nobody wrote yet nothing is found, and nothing was earlier.
        for row, before in zip(found, earlier, strict=False)
    ]


def _facts(call: Call, model_id: str, version: ModelVersion) -> CardFacts:
    evidence = evidence_of(call, version.run_id)
    run = detail_of(call.tx, evidence.run_id) if evidence.run_id else None
    files, _ = files_of(call, model_id, version)
    return CardFacts(
        model=version.model,
        version=version.version,
        registered=f"registered {version.created_at:%Y-%m-%d} by {version.created_by}",
        files=[_file(file) for file in files[:50]],
        evidence=evidence,
        environment=_environment(run),
        data=call.data_read(evidence.run_id)[:50] if evidence.run_id else [],
        params=params_of(call, evidence.run_id) if evidence.run_id else [],
        metrics=sorted(run.run.metrics.values(), key=lambda metric: metric.key) if run else [],
        slices=slice_reports(call, run),
    )


def _file(file: ModelFile) -> str:
    unsafe = ", runs code on loading" if file.format.safety == "unsafe" else ""
    return f"`{file.path}`: {file.format.name}{unsafe}, {file.size:,} bytes, blake3 `{file.digest}`"


def _environment(run: RunDetail | None) -> str:
    summary: dict[str, Any] = (
        next((part.summary for part in run.captures if part.kind == "environment"), {}) if run else {}
    )
    packages = summary.get("packages")
    counted = f", {len(packages)} packages" if isinstance(packages, dict) else ""
    return (
        f"Python {summary['python']} on {summary.get('platform', 'a system not named')}{counted}"
        if "python" in summary
        else ""
    )


def slice_reports(call: Call, run: RunDetail | None) -> list[SliceReport]:
    """What ``runward.slices`` attached to a run; what is no such report is passed over."""
    found = []
    for item in run.artifacts if run else ():
        if item.media_type == SLICES_TYPE and item.path.startswith(f"{FOLDER}/") and item.size <= _MAX_REPORT:
            try:
                found.append(msgspec.json.decode(call.blobs.read(item.digest), type=SliceReport))
            except (msgspec.DecodeError, RecursionError, NotFoundError, CorruptedError):
                continue
    return found[:_MAX_REPORTS]
