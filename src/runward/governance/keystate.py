"""What may be told of a workspace's keys."""

from __future__ import annotations

from runward.core.clock import from_us
from runward.errors import RunwardError
from runward.governance import repository as sql
from runward.governance.calling import Call
from runward.governance.model import TeamKey, WorkspaceKeys
from runward.store.sealed import SEALED_SINCE


def keys_of(call: Call) -> WorkspaceKeys:
    """The state of the keys; no secrets. Raises: StoreError."""
    ring, where, problem = call.dispatcher.keyring, "", ""
    since = sql.workspace_info(call.tx).get(SEALED_SINCE)
    try:
        where = ring.where
        ring.check(tx=call.tx)
    except RunwardError as error:
        problem = error.message
    keys = ring.all_keys(tx=call.tx)
    names = sql.team_names(call.tx)
    newest = {key.owner_id: key for key in keys if key.kind == "team" and key.owner_id in names}
    periods = [key.created_at for key in keys if key.kind == "people" and key.destroyed_at is None]
    destroyed = {key.owner_id for key in keys if key.kind == "person" and key.destroyed_at is not None}
    return WorkspaceKeys(
        encrypted_since=from_us(int(since)) if since else None,
        root_key=ring.present_root(tx=call.tx),
        where=where,
        problem=problem,
        teams=sorted(
            (TeamKey(names[key.owner_id], key.version, key.created_at) for key in newest.values()),
            key=lambda one: one.team,
        ),
        people=len({key.owner_id for key in keys if key.kind == "person"} - destroyed),
        destroyed=len(destroyed),
        people_key_since=periods[0] if periods else None,
        backup_days=ring.backup_days,
    )
