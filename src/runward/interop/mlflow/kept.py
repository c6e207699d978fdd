"""Documents of projects that MLflow's clients keep: found as far as the member may see them, changed as a whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from runward.governance.calling import Call
from runward.interop.mlflow.caller import Caller
from runward.interop.mlflow.errors import MlflowError
from runward.interop.mlflow.experiments import visible
from runward.interop.mlflow.filters import Language, Lookup, parse_filter, parse_order, select
from runward.registry import documents
from runward.registry.model import Document

Json = dict[str, Any]


def found(caller: Caller, kind: str, document_id: str, otherwise: MlflowError) -> Document:
    """A document that the member may see. Raises: MlflowError (the one given)."""
    with caller.on_list() as call:
        item = documents.get(call, kind, document_id)
        if item is None or not visible(call, [item.project_id]):
            raise otherwise
        return item


def changed(caller: Caller, item: Document, audit: str, change: Callable[[Call, Json], Json]) -> Json:
    """Give a document the body that ``change`` makes of it, in one transaction; returns that."""
    with caller.on_project(item.project_id, "run.write", write=True, audit=audit) as call:
        present = documents.get(call, item.kind, item.id) or item
        body = change(call, dict(present.body))
        documents.put(call, msgspec.structs.replace(present, body=body))
    return body


def page(
    caller: Caller, items: list[Json], lookup: Callable[[Json], Lookup], language: Language, answer: str, most: int
) -> Json:
    """The page of some documents that a request's filter, order and page token ask for. Raises: MlflowError."""
    size, offset = caller.args.page(most, 50_000)
    conditions = parse_filter(caller.args.text("filter_string"), language)
    shown = select(items, lookup, conditions, parse_order(caller.args.texts("order_by"), language))
    token = str(offset + size) if offset + size < len(shown) else ""
    return {answer: shown[offset : offset + size], "next_page_token": token}
