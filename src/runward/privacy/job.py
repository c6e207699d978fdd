"""Carrying out erasures: in steps, each of which can be repeated, so that whoever is interrupted is simply continued.

The order matters. The person is locked out first. Bytes come before the documents that name them, those before the runs that they
are a part of, all other rows after. Everything is searched before the words themselves are forgotten, and then the space in which
they stood is overwritten.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from runward.core.call import Event
from runward.core.clock import to_us, utc_now
from runward.core.ids import Digest, MemberId
from runward.core.zstd import compress, decompress
from runward.errors import NotFoundError, RunwardError
from runward.governance.calling import Call
from runward.governance.dispatch import Dispatcher
from runward.governance.model import Actor
from runward.governance.trail import append, forget_member, redact
from runward.insights.content import sealed_again
from runward.privacy import content, files, ledger
from runward.privacy import repository as sql
from runward.privacy.content import Move, Moves
from runward.privacy.ending import NamedStillError, end
from runward.privacy.inventory import TABLES
from runward.privacy.model import FileDecision
from runward.privacy.repository import OTHERS, Row
from runward.privacy.rows import APART, forget, hits, named_in, reader_of, remove_owned, removed_with
from runward.privacy.words import Words
from runward.review.following import follow, revisions
from runward.store.database import Database, Tx

STEP_S: Final = 2.0
"""A step that reads bytes takes about so long."""
RESTORED: Final = "ledger"
"""The control of an erasure that is done again in a restored backup: it was decided on when it was done first."""
MOST_SHOWN = 200
"""So many undecided files are named at a time."""
_TRAIL = 5_000
_GENERAL = [name for name in TABLES if name not in APART and name not in content.CONTENT]


def advance_due(dispatcher: Dispatcher) -> int:
    """Carry every erasure that was confirmed one step further; returns how many there are."""
    with dispatcher.database.transaction(write=False) as tx:
        due = sql.erasures(tx, "running")
    for row in due:
        advance(dispatcher, row)
    return len(due)


def carry_out(dispatcher: Dispatcher, erasure_id: str) -> Row:
    """Go on with an erasure until it is done or waits for somebody. Raises: StoreError, NotFoundError."""
    while True:
        with dispatcher.database.transaction(write=False) as tx:
            row = sql.erasure(tx, erasure_id)
        if row is None:
            raise NotFoundError(f"there is no erasure {erasure_id!r}", hint="runward person erasures")
        if row.state != "running":
            return row
        advance(dispatcher, row)


def advance(dispatcher: Dispatcher, row: Row) -> None:
    """One step of an erasure. Two processes may try: one of them changes something."""
    step = _PHASES[row.phase]
    step(_Step(dispatcher, row))


def follow_ledger(dispatcher: Dispatcher, also: Sequence[str] = ()) -> list[str]:
    """Erase again, in a backup that was put back, whom the ledger beside the keys says was erased; the pseudonyms.

    The ledger has ids and pseudonyms only: the names are the backup's, and ``also`` are further texts that name somebody.

    Files that cannot be written anew are deleted, but for those that were kept. Raises: StoreError.
    """
    done = []
    for entry in ledger.entries(dispatcher.folder):
        with dispatcher.database.transaction(write=True) as tx:
            person = sql.person(tx, entry.member)
            if person is None or person.name == entry.pseudonym:
                continue
            tx.execute("DELETE FROM erasure_moves WHERE erasure_id = ?", (entry.erasure,))
            tx.execute("DELETE FROM erasures WHERE id = ? OR member_id = ?", (entry.erasure, entry.member))
            keep = FileDecision("keep", "kept when they were erased")
            row = sql.again(entry, sql.plain_words([*person.words, *also]), to_us(utc_now()))
            decisions = {**dict.fromkeys(entry.kept, keep), OTHERS: FileDecision("replace")}
            sql.insert(tx, row._replace(control=RESTORED, decisions=decisions))
        carry_out(dispatcher, entry.erasure)
        done.append(entry.pseudonym)
    return done


class _Step:
    """A step under way: what it knows, and how it ends."""

    def __init__(self, dispatcher: Dispatcher, row: Row) -> None:
        self.dispatcher, self.row = dispatcher, row
        self.database: Database = dispatcher.database
        self.until = time.monotonic() + STEP_S

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.until

    def words(self, tx: Tx) -> Words:
        """What the erasure looks for."""
        return Words(self.listed(tx), self.row.pseudonym, sql.other_names(tx, self.row.member_id))

    def listed(self, tx: Tx) -> list[str]:
        """The same as it was asked for, the member's name first."""
        return sql.open_words(self.dispatcher.keyring, tx, self.row)

    def call(self, tx: Tx) -> Call:
        """The house in the hands of who confirmed."""
        name = str(tx.scalar("SELECT name FROM members WHERE id = ?", (self.row.confirmed_by,)) or "")
        return Call(self.dispatcher, tx, Actor(MemberId(self.row.confirmed_by), name, True, "system"))

    def done(
        self,
        tx: Tx,
        phase: str = "",
        place: str = "",
        counts: Mapping[str, int] | None = None,
        **more: Any,
    ) -> bool:
        """Note how far it is; False where another process was faster, and all of this is to be undone."""
        after = self.row._replace(
            phase=phase or self.row.phase, place=place, counts=sql.counted(self.row.counts, counts or {}), **more
        )
        return sql.update(tx, self.row, after)

    def why(self) -> dict[str, Any]:
        return {"reason": "a person was erased", "erasure": self.row.id}


class _SlowerError(Exception):
    """Another process did this step."""


def _in_one(step: _Step, change: Callable[[Tx], bool]) -> None:
    with contextlib.suppress(_SlowerError), step.database.transaction(write=True) as tx:
        if not change(tx):
            raise _SlowerError


# the person -----------------------------------------------------------------------------------------------------------


def _access(step: _Step) -> None:
    def change(tx: Tx) -> bool:
        row = step.row
        removed = {f"removed:{table}": count for table, count in removed_with(tx, row.member_id).items()}
        remove_owned(tx, row.member_id)
        sql.rename_member(tx, row.member_id, row.pseudonym, to_us(utc_now()))
        return step.done(tx, "files", counts={**removed, "members": 1})

    _in_one(step, change)


# bytes ----------------------------------------------------------------------------------------------------------------


def decision_on(decisions: Mapping[str, FileDecision], digest: str) -> FileDecision | None:
    """What was decided on a file."""
    return decisions.get(digest) or decisions.get(OTHERS)


def _files(step: _Step) -> None:
    blobs = step.dispatcher.blobs
    with step.database.transaction(write=False) as tx:
        words, listed = step.words(tx), files.files(tx, blobs, step.row.place)
    found, last = list[tuple[Digest, int]](), step.row.place
    for digest, count in files.named_files(words, blobs, listed):
        last = digest
        if count:
            found.append((digest, count))
        if step.is_over:
            break
    is_end = not listed or last == listed[-1]

    def change(tx: Tx) -> bool:
        counts = {"files:searched": sum(1 for digest in listed if digest <= last)}
        waits = list(step.row.waits_for)
        for digest, count in found:
            done = _decided(step, tx, words, digest)
            if done is None:
                waits.append(files.found_file(tx, words, blobs, digest, count))
                done = "files:undecided"
            counts[done] = counts.get(done, 0) + 1
        if not is_end:
            return step.done(tx, place=last, counts=counts, waits_for=waits[:MOST_SHOWN])
        if waits:
            return step.done(tx, place="", counts=counts, waits_for=waits[:MOST_SHOWN], state="waiting")
        return step.done(tx, "documents", counts=counts)

    _in_one(step, change)


def _decided(step: _Step, tx: Tx, words: Words, digest: Digest) -> str | None:
    """Do with a file what was decided, and say what; None where nobody decided, or it cannot be done."""
    decision, blobs = decision_on(step.row.decisions, digest), step.dispatcher.blobs
    if decision is None:
        return None
    if decision.action == "keep":
        return "files:kept"
    new = files.replaceable(words, blobs, digest, blobs.size(digest)) if decision.action == "replace" else None
    if new is None and decision.action == "replace" and step.row.control != RESTORED:
        return None
    sql.add_move(tx, step.row.id, digest, files.keep_moved(tx, blobs, digest, new, to_us(utc_now())))
    return "files:deleted" if new is None else "files:replaced"


def _documents(step: _Step) -> None:
    blobs = step.dispatcher.blobs
    with step.database.transaction(write=False) as tx:
        words, roots, moves = step.words(tx), sorted(files.documents(tx)), sql.moves(tx, step.row.id)
    left = [digest for digest in roots if digest > step.row.place]
    instead = _instead(step, moves)
    changed, last = list[tuple[str, bytes]](), step.row.place
    for digest in left:
        last = digest
        with contextlib.suppress(NotFoundError):
            data = blobs.read(Digest(digest))
            new = files.rewritten(words, data, moves, instead)
            if new != data:
                changed.append((digest, new))
        if step.is_over:
            break
    is_end = not left or last == left[-1]

    def change(tx: Tx) -> bool:
        for digest, new in changed:
            sql.add_move(tx, step.row.id, digest, files.keep_moved(tx, blobs, digest, new, to_us(utc_now())))
        counts = {"documents:searched": sum(1 for one in left if one <= last), "documents:replaced": len(changed)}
        return step.done(tx, "runs" if is_end else "documents", "" if is_end else last, counts)

    _in_one(step, change)


def _instead(step: _Step, moves: Moves) -> Move:
    """What documents name in the place of removed bytes, noted for every project whose bytes were removed."""
    removed = [old for old, move in moves.items() if not move.new]
    if not removed:
        return Move("", 0)
    with step.database.transaction(write=True) as tx:
        digest = files.put(tx, step.dispatcher.blobs, removed, files.INSTEAD)
        tx.execute(
            """INSERT INTO blobs (project_id, digest, size, created_at) SELECT DISTINCT b.project_id, ?, ?, ? FROM blobs b
               JOIN erasure_moves m ON m.old = b.digest WHERE m.erasure_id = ? AND m.new = ''
               ON CONFLICT (project_id, digest) DO NOTHING""",
            (digest, len(files.INSTEAD), to_us(utc_now()), step.row.id),
        )
    return Move(digest, len(files.INSTEAD))


# rows -----------------------------------------------------------------------------------------------------------------


def _runs(step: _Step) -> None:
    """Runs whose content names the person, each in a transaction of its own with all that is bound to it."""
    with step.database.transaction(write=False) as tx:
        words, moves = step.words(tx), sql.moves(tx, step.row.id)
        affected = _affected(tx, words, moves)
    for run_id in affected:

        def change(tx: Tx, run_id: str = run_id) -> bool:
            done = content.rewrite_run(step.call(tx), words, run_id, moves, step.why())
            counts = {**done.rows, "runs": 1, "reviews": done.reviews}
            counts |= {"certificates:restated": done.certificates, "certificates:lost": done.lost}
            return step.done(tx, place=step.row.place, counts=counts)

        _in_one(step, change)
        if step.is_over:
            return
        with step.database.transaction(write=False) as tx:
            fresh = sql.erasure(tx, step.row.id)
        if fresh is None or fresh.phase != "runs":
            return
        step.row = fresh
    _in_one(step, lambda tx: _after_runs(step, tx, moves))


def _affected(tx: Tx, words: Words, moves: Moves) -> list[str]:
    found = set[str]()
    for table in content.CONTENT:
        reader = reader_of(tx, table)
        at = reader.key.index("run_id")
        for page, _ in hits(tx, words, "", reader):
            found |= {hit.key[at] for hit in page}
    for old in moves:
        rows = tx.all("SELECT run_id FROM artifacts WHERE digest = ? UNION SELECT run_id FROM captures WHERE digest = ?",
                      (old, old))  # fmt: skip
        found |= {row[0] for row in rows}
    return sorted(found)


def _after_runs(step: _Step, tx: Tx, moves: Moves) -> bool:
    instead = Move("", 0)
    if removed := [old for old, move in moves.items() if not move.new]:
        instead = Move(files.put(tx, step.dispatcher.blobs, removed, files.INSTEAD), len(files.INSTEAD))
    for old, move in moves.items():
        files.follow(tx, old, move, instead)
    return step.done(tx, "certificates")


def _certificates(step: _Step) -> None:
    """Certificates that name the person, of runs whose content does not."""

    def change(tx: Tx) -> bool:
        words, call = step.words(tx), step.call(tx)
        again = lost = 0
        rows = tx.all("SELECT run_id, certificate FROM verifications WHERE certificate IS NOT NULL")
        for run_id in sorted({run_id for run_id, text in rows if words.count(text)}):
            done = content.restate(call, words, run_id, {}, step.why())
            again, lost = again + done[0], lost + done[1]
        return step.done(tx, "proposals", counts={"certificates:restated": again, "certificates:lost": lost})

    _in_one(step, change)


def _proposals(step: _Step) -> None:
    """Reviews of texts: what is proposed and what stands now change together with what was decided on them."""

    def change(tx: Tx) -> bool:
        words, call, counts = step.words(tx), step.call(tx), dict[str, int]()
        rows = tx.all("SELECT id, proposes, object_id, proposal FROM reviews WHERE proposes <> ''")
        for review_id, _, _, _ in rows:
            before = revisions(call, [review_id])
            table = {row[0]: row[1] for row in rows}[review_id]
            object_id = {row[0]: row[2] for row in rows}[review_id]
            named = _forget_where(tx, words, "reviews", "id = ?", (review_id,))
            named += _forget_where(tx, words, *_present(table, object_id))
            if named:
                counts["reviews"] = counts.get("reviews", 0) + follow(call, before, revisions(call, [review_id]))
        return step.done(tx, "rows", counts=counts)

    _in_one(step, change)


def _present(proposes: str, object_id: str) -> tuple[str, str, tuple[str, ...]]:
    if proposes == "standards":
        return "standards", "project_id = ?", (object_id,)
    return "pages", "id = ?", (object_id,)


def _forget_where(tx: Tx, words: Words, table: str, where: str, params: tuple[str, ...]) -> int:
    reader, changed = reader_of(tx, table), 0
    columns = ", ".join([*reader.key, *reader.names, *reader.text])
    for row in tx.all(f"SELECT {columns} FROM {table} WHERE {where}", params):
        hit = named_in(words, "", reader, row)
        if hit:
            forget(tx, words, reader, hit)
            changed += 1
    return changed


def _rows(step: _Step) -> None:
    """All other tables, a page at a time."""
    table, after = _GENERAL[0], list[Any]()
    if step.row.place:
        table, after = json.loads(step.row.place)

    def change(tx: Tx) -> bool:
        words, counts, last = step.words(tx), dict[str, int](), None
        name = step.listed(tx)[0]
        reader = reader_of(tx, table)
        for page, last in hits(tx, words, name, reader, after):
            for hit in page:
                forget(tx, words, reader, hit)
                for column, count in hit.found.items():
                    counts[f"{table}.{column}"] = counts.get(f"{table}.{column}", 0) + count
            if step.is_over:
                return step.done(tx, place=json.dumps([table, last]), counts=counts)
        following = _GENERAL[_GENERAL.index(table) + 1 :]
        if following:
            return step.done(tx, place=json.dumps([following[0], []]), counts=counts)
        return step.done(tx, "packed", counts=counts)

    _in_one(step, change)


def _packed(step: _Step) -> None:
    """What pinned reports show."""

    def change(tx: Tx) -> bool:
        words, moves, changed = step.words(tx), sql.moves(tx, step.row.id), 0
        for report_id, data, named in tx.all("SELECT report_id, content, files FROM report_pins"):
            raw = decompress(bytes(data))
            new, files_now = words.replace_bytes(raw), named
            for old, move in moves.items():
                new = new.replace(old.encode(), move.new.encode())
                files_now = files_now.replace(old, move.new)
            if new != raw or files_now != named:
                changed += 1
                pinned, digest = sealed_again(new)
                tx.execute(
                    "UPDATE report_pins SET content = ?, files = ? WHERE report_id = ?",
                    (compress(pinned), files_now, report_id),
                )
                tx.execute("UPDATE reports SET digest = ? WHERE id = ?", (digest, report_id))
        return step.done(tx, "trail", counts={"report_pins": changed})

    _in_one(step, change)


def _trail(step: _Step) -> None:
    """The audit trail: names and addresses go, the chains stay."""

    def change(tx: Tx) -> bool:
        row, key = step.row, step.dispatcher.audit_key
        if count := forget_member(tx, row.member_id, row.pseudonym, _TRAIL):
            return step.done(tx, place=step.row.place, counts={"audit_events": count})
        words, redactions, last = step.words(tx), 0, None
        reader = reader_of(tx, "audit_events")._replace(names=("actor",))
        for page, last in hits(tx, words, step.listed(tx)[0], reader, json.loads(row.place) if row.place else ()):
            for hit in page:
                if "object_id" in hit.found:
                    redact(tx, key, hit.key[0], words.replace(hit.row["object_id"]))
                    redactions += 1
            if step.is_over:
                return step.done(tx, place=json.dumps(last), counts={"audit_events.object_id": redactions})
        return step.done(tx, "bytes", counts={"audit_events.object_id": redactions})

    _in_one(step, change)


def _bytes(step: _Step) -> None:
    """What was written anew goes from the store."""

    def change(tx: Tx) -> bool:
        moved = [Digest(old) for old in sql.moves(tx, step.row.id)]
        gone = files.remove(tx, step.dispatcher.blobs, moved)
        return step.done(tx, "end", counts={"bytes:removed": gone})

    _in_one(step, change)


def _end(step: _Step) -> None:
    """The search, the key, the ledger, the space, the certificate: see :mod:`runward.privacy.ending`."""
    with step.database.transaction(write=False) as tx:
        words = step.words(tx) if step.row.words else None
    try:
        ended = end(step.dispatcher, step.row, words)
    except NamedStillError:
        _in_one(step, lambda tx: step.done(tx, "runs", counts={"rounds": 1}))
        return

    def change(tx: Tx) -> bool:
        call = step.call(tx)
        with contextlib.suppress(RunwardError):
            call.publish(Event("person.erased", "member", step.row.member_id, data={"title": step.row.pseudonym}))
        call.note("privacy.erase_person", "member", step.row.member_id)
        append(tx, step.dispatcher.audit_key, call.noted)
        current = sql.erasure(tx, step.row.id)
        if current is None or current.phase != "end" or current.state != "running":
            return False
        step.row = current
        return step.done(tx, "done", state="done", ended_at=to_us(utc_now()), certificate=ended, words="")

    _in_one(step, change)


def _nothing(step: _Step) -> None:
    """An erasure that is not under way."""


_PHASES: Final[dict[str, Callable[[_Step], None]]] = {
    "access": _access,
    "files": _files,
    "documents": _documents,
    "runs": _runs,
    "certificates": _certificates,
    "proposals": _proposals,
    "rows": _rows,
    "packed": _packed,
    "trail": _trail,
    "bytes": _bytes,
    "end": _end,
    "done": _nothing,
}
PHASES: Final = tuple(_PHASES)
"""The phases in their order."""
