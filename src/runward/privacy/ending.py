"""The end of an erasure: everything searched, the key destroyed, the space overwritten, and a certificate of it."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import msgspec

from runward._version import __version__
from runward.core.clock import from_us, utc_now
from runward.core.hashing import digest_value
from runward.errors import KeyMissingError, MissingExtraError, StoreError
from runward.governance.checkpoints import signing_key
from runward.governance.dispatch import Dispatcher
from runward.knowledge.sources import forget_index
from runward.privacy import ledger, proofs
from runward.privacy.inventory import TABLES
from runward.privacy.proofs import Searched
from runward.privacy.repository import Row
from runward.privacy.words import Words
from runward.repro import certificate


class NamedStillError(StoreError):
    """Something that names the person came in between: the rows are gone through again."""


def end(dispatcher: Dispatcher, row: Row, words: Words | None) -> str:
    """Finish an erasure; returns its certificate as JSON, empty where nothing can be signed here.

    Without words (they were forgotten before an interruption) nothing can be searched for, and the certificate says so.

    Raises: NamedStillError, StoreError (somebody reads all the time: the space cannot be overwritten now).
    """
    kept = {digest for digest, one in row.decisions.items() if one.action == "keep"}
    searched = list[Searched]()
    if words is not None:
        with dispatcher.database.snapshot() as tx:
            searched.append(proofs.search_rows(tx, words))
        searched.append(proofs.search_blobs(dispatcher, words, kept))
        if searched[0].hits and row.counts.get("rounds", 0) < 1:
            raise NamedStillError(
                "rows that name the person were written meanwhile", hint="they are gone through again"
            )
    ledger.add(dispatcher.folder, ledger.Entry(row.id, row.member_id, row.pseudonym, sorted(kept)))
    forget_index(dispatcher)
    with dispatcher.database.transaction(write=True) as tx:
        tx.execute("UPDATE erasures SET words = '' WHERE id = ?", (row.id,))
    with contextlib.suppress(KeyMissingError):
        # Of a backup that was put back without the keys of then: what they sealed is unreadable already.
        dispatcher.keyring.destroy_person(row.member_id)
    said = [dispatcher.database.scrub(_touched(row)), dispatcher.blobs.scrub()]
    if words is not None:
        searched += proofs.search_files(dispatcher, words, kept)
    return _certified(dispatcher, row, searched, [one for one in said if one])


def _touched(row: Row) -> list[str]:
    """The tables in which something was changed or removed."""
    named = {key.removeprefix("removed:").partition(".")[0] for key, count in row.counts.items() if count}
    owned = {name for name, table in TABLES.items() if table.owner}
    always = {
        "erasures",
        "erasure_moves",
        "members",
        "audit_events",
        "runs",
        "run_cards",
        "blobs",
        "events",
        "verifications",
    }
    return sorted((named | owned | always) & TABLES.keys())


def _certified(dispatcher: Dispatcher, row: Row, searched: list[Searched], said: list[str]) -> str:
    ends = [key.expires_at for key in dispatcher.keyring.people.all() if key.expires_at is not None]
    removed = {key.removeprefix("removed:"): count for key, count in row.counts.items() if key.startswith("removed:")}
    replaced = {key: count for key, count in row.counts.items() if count and ":" not in key}
    predicate: dict[str, Any] = {
        "erasure": row.id,
        "member": row.member_id,
        "pseudonym": row.pseudonym,
        "control": row.control,
        "requested_by": row.requested_by,
        "requested_at": from_us(row.requested_at).isoformat(),
        "confirmed_by": row.confirmed_by,
        "confirmed_at": from_us(row.confirmed_at).isoformat() if row.confirmed_at else None,
        "done_at": utc_now().isoformat(),
        "reason": f"{row.pseudonym}: {sum(replaced.values()):,} places replaced, {sum(removed.values()):,} rows removed, "
        + _found(searched),
        "replaced": replaced,
        "removed": removed,
        "bytes": {key: count for key, count in row.counts.items() if ":" in key and not key.startswith("removed:")},
        "kept": {digest: one.reason for digest, one in row.decisions.items() if one.action == "keep"},
        "searched": [msgspec.to_builtins(one) for one in searched],
        "encodings": ["UTF-8", "UTF-16", "JSON escapes", "base64"],
        "overwritten": said,
        # Until then a backup of the database from before, with the keys of then, can still be read.
        "backups_until": max((one.isoformat() for one in ends), default=None),
        "tool": {"name": "runward", "version": __version__},
    }
    subject = certificate.Subject("erasure", {"blake3": digest_value([row.id, row.member_id, row.pseudonym])})
    statement = certificate.Statement([subject], predicate, certificate.ERASURE_TYPE)
    with contextlib.suppress(MissingExtraError):
        return json.dumps(msgspec.to_builtins(certificate.sign(statement, signing_key(dispatcher.folder))))
    return ""


def _found(searched: list[Searched]) -> str:
    if not searched:
        return "not searched again"
    size, hits = sum(one.bytes for one in searched), sum(one.hits for one in searched)
    return f"{hits:,} hits in {size:,} bytes that were searched"
