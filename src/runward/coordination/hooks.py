"""Web hooks: which events go where, signed with what."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from typing import Any, ClassVar

from runward.coordination import queue
from runward.coordination.hooks_api import Hooks
from runward.coordination.hooks_model import EVENTS, TEST, Delivery, Hook, HookSecret, NewHook
from runward.core.call import Event, Room, Scope
from runward.core.clock import from_us
from runward.core.ids import new_id
from runward.core.outbound import Outgoing, check_url
from runward.errors import InvalidError, NotFoundError
from runward.governance.calling import Call
from runward.governance.scopes import Clause, project_scope
from runward.store.database import Tx, placeholders

_PREFIX = "whsec_"
_MAX_HOOKS = 50
_MAX_TEXT = 10_000
_HOOKS = frozenset({"web_hooks"})
_PRIVATE = frozenset({"author_id", "participants", "mentioned", "tell"})
_HOOK = """SELECT h.id, h.url, h.events, t.name, COALESCE(p.path, ''), h.active, h.author, h.created_at,
  (SELECT count(*) FROM deliveries d WHERE d.target_id = h.id AND d.state = 'waiting'),
  (SELECT count(*) FROM deliveries d WHERE d.target_id = h.id AND d.state = 'given_up')
  FROM web_hooks h JOIN teams t ON t.id = h.team_id LEFT JOIN projects p ON p.id = h.project_id WHERE """


class HookService(Hooks):
    """See :class:`Hooks`."""

    room: ClassVar[str] = "hooks"

    def __init__(self, call: Call) -> None:
        self.call, self.tx = call, call.tx

    def list_project_hooks(self, project: str) -> list[Hook]:
        """See the contract."""
        return self._hooks(Clause("h.project_id = ?", (self.call.project(project).id,)))

    def list_team_hooks(self, team: str) -> list[Hook]:
        """See the contract."""
        return self._hooks(Clause("h.team_id = ? AND h.project_id = ''", (self._team(team),)))

    def create_project_hook(self, project: str, new: NewHook) -> HookSecret:
        """See the contract."""
        found = self.call.project(project)
        return self._create(found.team_id, found.id, new)

    def create_team_hook(self, team: str, new: NewHook) -> HookSecret:
        """See the contract."""
        return self._create(self._team(team), "", new)

    def _team(self, team: str) -> str:
        return str(self.tx.scalar("SELECT id FROM teams WHERE name = ? OR id = ?", (team, team)))

    def _hooks(self, where: Clause) -> list[Hook]:
        rows = self.tx.all(f"{_HOOK}{where.sql} ORDER BY h.created_at DESC, h.id", where.params)
        return [
            Hook(row[0], row[1], json.loads(row[2]), row[3], row[4], bool(row[5]), row[6], from_us(row[7]), *row[8:])
            for row in rows
        ]

    def _create(self, team_id: str, project_id: str, new: NewHook) -> HookSecret:
        check_url(new.url, "url")
        known = self.tx.scalar(
            "SELECT count(*) FROM web_hooks WHERE team_id = ? AND project_id = ?", (team_id, project_id)
        )
        if known >= _MAX_HOOKS:
            raise InvalidError(f"there are {known} web hooks here already", hint="remove one: runward hook remove")
        hook_id, secret = new_id(), _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
        place = {"id": hook_id, "team_id": team_id, "project_id": project_id, "url": new.url, "secret": secret}
        made = {"active": 1, "author": self.call.actor.name, "created_at": self.call.now_us}
        self.tx.insert("web_hooks", {**place, **made, "events": json.dumps(_check_events(new.events))})
        return HookSecret(self._hooks(Clause("h.id = ?", (hook_id,)))[0], secret)

    def delete_hook(self, hook_id: str) -> None:
        """See the contract."""
        self.tx.execute("DELETE FROM deliveries WHERE target_id = ? AND target = 'hook'", (hook_id,))
        self.tx.execute("DELETE FROM web_hooks WHERE id = ?", (hook_id,))

    def send_test(self, hook_id: str) -> Delivery:
        """See the contract."""
        self.tx.execute("UPDATE web_hooks SET active = 1 WHERE id = ?", (hook_id,))
        team_id, project_id = self.tx.all("SELECT team_id, project_id FROM web_hooks WHERE id = ?", (hook_id,))[0]
        body = body_of(self.call, Event(TEST, "hook", hook_id, project_id, team_id))
        return self.get_delivery(queue.enqueue(self.tx, "hook", hook_id, TEST, body, self.call.now_us))

    def list_deliveries(self, hook_id: str, limit: int = 50) -> list[Delivery]:
        """See the contract."""
        return queue.deliveries(self.tx, Clause("target_id = ?", (hook_id,)), min(max(limit, 1), 1000))

    def get_delivery(self, delivery_id: str) -> Delivery:
        """See the contract."""
        return queue.deliveries(self.tx, Clause("id = ?", (delivery_id,)), 1)[0]

    def deliver_again(self, delivery_id: str) -> Delivery:
        """See the contract."""
        queue.again(self.tx, delivery_id, self.call.now_us)
        return self.get_delivery(delivery_id)


def _check_events(events: list[str]) -> list[str]:
    nouns = {kind.partition(".")[0] for kind in EVENTS}
    known = {*EVENTS, "*", *(f"{noun}.*" for noun in nouns)}
    if not events:
        raise InvalidError("events is empty", hint='["*"] means all of them')
    for kind in events:
        if kind not in known:
            raise InvalidError(f"events: there is no event {kind!r:.100}", hint=f"there are {', '.join(sorted(known))}")
    return list(dict.fromkeys(events))


def _hears(events: list[str], kind: str) -> bool:
    return not {"*", kind, f"{kind.partition('.')[0]}.*"}.isdisjoint(events)


def body_of(call: Call, event: Event) -> str:
    """What a receiver is told of an event: type, time, who, what, where, and a link where the server's address is known."""
    project = call.tx.scalar("SELECT path FROM projects WHERE id = ?", (event.project_id,)) if event.project_id else ""
    data = {key: _short(value) for key, value in event.data.items() if key not in _PRIVATE}
    about = {"kind": event.object_kind, "id": event.object_id, "url": link_to(call.tx, event)}
    told = {"actor": call.actor.name, "project": project or "", "object": about, **data}
    return json.dumps({"type": event.kind, "timestamp": call.now.isoformat(), "data": told}, separators=(",", ":"))


def _short(value: Any) -> Any:
    return f"{value[:_MAX_TEXT]}…" if isinstance(value, str) and len(value) > _MAX_TEXT else value


_PAGES = {"run": "runs", "review": "reviews", "page": "knowledge", "verification": "reproductions"}


def link_to(tx: Tx, event: Event) -> str:
    """The page of what an event is about; empty where the server's address or the page is not known."""
    base = tx.scalar("SELECT value FROM workspace WHERE key = 'url'")
    return f"{base}/{_PAGES[event.object_kind]}/{event.object_id}" if base and event.object_kind in _PAGES else ""


def _on_event(call: Call, event: Event) -> None:
    """Queue a delivery for each web hook that hears of this, in this very transaction."""
    scope = project_scope(call.tx, event.project_id) if event.project_id else None
    places = ["", *(scope.projects if scope else ())]
    query = (
        f"SELECT id, events FROM web_hooks WHERE team_id = ? AND active = 1 AND project_id IN ({placeholders(places)})"
    )
    params = (event.team_id, *places)
    listening = call.tx.once(_HOOKS, ("listening", params), lambda: call.tx.all(query, params))
    if hearing := [hook_id for hook_id, events in listening if _hears(json.loads(events), event.kind)]:
        body = body_of(call, event)
        for hook_id in hearing:
            queue.enqueue(call.tx, "hook", hook_id, event.kind, body, call.now_us)


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of ``webhook-signature``: HMAC-SHA256 over ``id.timestamp.body``, as the Standard Webhooks say it."""
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    signed = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(signed).decode()}"


def hook_request(tx: Tx, held: queue.Claimed, now: int) -> Outgoing:
    """The request of a delivery to a web hook. Raises: NotFoundError (there is no such web hook any more)."""
    row = tx.one("SELECT url, secret FROM web_hooks WHERE id = ? AND active = 1", (held.target_id,))
    if row is None:
        raise NotFoundError("the web hook was removed or turned off")
    timestamp, body = now // queue.SECOND, held.body.encode()
    headers = {
        "Content-Type": "application/json",
        "webhook-id": held.id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(row[1], held.id, timestamp, body),
    }
    return Outgoing(row[0], headers, body)


def turn_off(tx: Tx, hook_id: str) -> None:
    """Send nothing more to a web hook until somebody tests it."""
    tx.execute("UPDATE web_hooks SET active = 0 WHERE id = ?", (hook_id,))


def _hook(call: Call, hook_id: str) -> Scope | None:
    row = call.tx.one("SELECT project_id, team_id FROM web_hooks WHERE id = ?", (hook_id,))
    if row is None:
        return None
    return project_scope(call.tx, row[0]) if row[0] else Scope((), row[1])


def _delivery(call: Call, delivery_id: str) -> Scope | None:
    row = call.tx.one("SELECT target, target_id FROM deliveries WHERE id = ?", (delivery_id,))
    if row is None:
        return None
    return _hook(call, row[1]) if row[0] == "hook" else project_scope(call.tx, row[1])


ROOM = Room(Hooks, HookService, {"hook": _hook, "delivery": _delivery}, dict.fromkeys(EVENTS, (_on_event,)))
