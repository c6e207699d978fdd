"""How objects of the house become documents of the search index."""

from __future__ import annotations

import json
import threading
import weakref
from typing import Any

from runward.core.clock import to_us
from runward.governance.dispatch import Call, Dispatcher
from runward.governance.scopes import find_project
from runward.knowledge import repository as sql
from runward.knowledge.index import Document, SearchIndex
from runward.tracking.api import Tracking

_indexes: weakref.WeakKeyDictionary[Dispatcher, SearchIndex] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def search_index(call: Call) -> SearchIndex:
    """The workspace's index on this node."""
    with _lock:
        found = _indexes.get(call.dispatcher)
        if found is None:
            found = _indexes[call.dispatcher] = SearchIndex(call.dispatcher.folder / "search.db")
        return found


def forget_index(dispatcher: Dispatcher) -> None:
    """Remove the index of this node; the next search makes it anew of what is stored then."""
    with _lock:
        found = _indexes.get(dispatcher)
    (found or SearchIndex(dispatcher.folder / "search.db")).remove()


def load_document(call: Call, kind: str, object_id: str) -> Document | None:
    """An object as it is found; None where it is gone."""
    if kind == "page":
        return _page(call, object_id)
    if kind == "run":
        return _run(call, object_id)
    if kind == "experiment":
        return _experiment(call, object_id)
    return _from_event(call, kind, object_id)


def _page(call: Call, page_id: str) -> Document | None:
    found = sql.page(call.tx, page_id)
    if found is None:
        return None
    # Who finds a page by a word has read that word: of a restricted one only title and tags can be found.
    (page,) = sql.shown(call.tx, [found])
    team_id = str(call.tx.scalar("SELECT team_id FROM pages WHERE id = ?", (page_id,)))
    body = f"{page.body}\n{page.code_example}\n{_text(page.data)}"
    return Document(page.kind, page_id, "", team_id, page.title, body, " ".join(page.tags), to_us(page.updated_at))


def _run(call: Call, run_id: str) -> Document | None:
    if call.tx.scalar("SELECT id FROM runs WHERE id = ? AND deleted_at IS NULL", (run_id,)) is None:
        return None
    run = call.use(Tracking).get_run(run_id).run
    project = find_project(call.tx, run.project_id)
    body = f"{run.purpose} {run.experiment or ''} {_text(run.params)} {' '.join(run.metrics)} {run.created_by}"
    tags = " ".join(f"{key} {value}" for key, value in run.tags.items())
    team_id = project.team_id if project else ""
    return Document("run", run_id, run.project_id, team_id, run.name, body, tags, to_us(run.created_at))


def _experiment(call: Call, experiment_id: str) -> Document | None:
    found = call.use(Tracking).get_experiment(experiment_id)
    project = find_project(call.tx, found.project_id)
    body = f"{found.description} {_text(found.metadata)}"
    team_id = project.team_id if project else ""
    return Document("experiment", found.id, found.project_id, team_id, found.name, body, "", to_us(found.created_at))


def _from_event(call: Call, kind: str, object_id: str) -> Document | None:
    row = call.tx.one(
        "SELECT project_id, team_id, data, at FROM events WHERE object_id = ? ORDER BY id DESC LIMIT 1", (object_id,)
    )
    if row is None:
        return None
    data: dict[str, Any] = json.loads(row[2])
    return Document(kind, object_id, row[0], row[1], str(data.get("title", "")), _text(data), "", row[3])


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key} {_text(item)}" for key, item in value.items())
    if isinstance(value, list):
        return " ".join(_text(item) for item in value)
    return str(value).replace("_", " ")
