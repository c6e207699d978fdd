"""Verifications as records: stored, signed, shown on the run they speak of."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec

from runward._version import __version__
from runward.core.call import Event, Room, Scope
from runward.core.clock import from_us
from runward.core.ids import VerificationId, new_id
from runward.core.signing import key_id, public_key_of
from runward.errors import InvalidError, NotFoundError
from runward.governance.calling import Call
from runward.governance.checkpoints import signing_key
from runward.governance.scopes import project_scope
from runward.repro import certificate
from runward.repro.api import Repro
from runward.repro.evidence import check_evidence, group_of
from runward.repro.records import (
    NewVerification,
    ReplicateGroup,
    SigningKey,
    Verification,
    VerificationDetail,
    standing,
)
from runward.store.database import Row
from runward.tracking.captured import document_of
from runward.tracking.content import content_digest, content_of, detail_of
from runward.tracking.files import find_capture
from runward.tracking.marks import OUTDATED, publish_on_run, set_mark
from runward.tracking.replicates import replicates_of

_VERDICTS = ("reproduced", "not_reproduced", "undecided")
_LEVELS = ("none", "basic", "environment", "statistical", "conceptual")
_LATEST = 200
"""So many verifications of one run are looked at, the newest first."""
_COLUMNS = """v.id, v.run_id, r.name, p.path, v.verdict, v.level, v.reason, v.author, v.host, v.at, v.duration_s, v.digest,
  v.attempted
  FROM verifications v JOIN runs r ON r.id = v.run_id JOIN projects p ON p.id = r.project_id"""


class ReproService(Repro):
    """See :class:`Repro`."""

    room: ClassVar[str] = "repro"

    def __init__(self, call: Call) -> None:
        self.call, self.tx = call, call.tx

    def record(self, run_id: str, new: NewVerification) -> VerificationDetail:
        """See the contract."""
        _check(new)
        check_evidence(self.call, run_id, new)
        verification_id, digest = VerificationId(new_id()), content_digest(self.tx, run_id)
        envelope = self._certificate(run_id, new) if new.level != "none" else None
        self.tx.execute(
            """INSERT INTO verifications (id, run_id, digest, verdict, level, reason, report, certificate, author, host,
               at, duration_s, attempted) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            (
                verification_id,
                run_id,
                digest,
                new.verdict,
                new.level,
                new.reason,
                json.dumps(new.report),
                json.dumps(envelope) if envelope else None,
                self.call.actor.name,
                new.host,
                self.call.now_us,
                new.duration_s,
                _attempted(new),
            ),
        )
        _note_standing(self.call, run_id)
        data: dict[str, object] = {"level": new.level, "verdict": new.verdict, "title": f"Verification: {new.reason}"}
        publish_on_run(self.call, "verification.recorded", "verification", verification_id, run_id, data)
        return self.get_verification(verification_id)

    def _certificate(self, run_id: str, new: NewVerification) -> dict[str, Any] | None:
        """A signed statement; None where this installation cannot sign (the extra ``sign`` is missing)."""
        if importlib.util.find_spec("cryptography") is None:
            return None
        content = content_of(detail_of(self.tx, run_id))
        predicate = {
            "run": run_id,
            "verdict": new.verdict,
            "level": new.level,
            "reason": new.reason,
            "conditions": new.report.get("conditions", {}),
            "inputs": content["captures"],
            "data": self._data(run_id),
            "different": new.report.get("cause", []),
            "varied": {name: new.report[name] for name in ("variation", "statistics", "other") if new.report.get(name)},
            "unchecked": new.report.get("unchecked", []),
            "by": self.call.actor.name,
            "host": new.host,
            "at": self.call.now.isoformat(),
            "tool": {"name": "runward", "version": __version__},
        }
        outputs = {"run": content_digest(self.tx, run_id), **content["artifacts"]}
        subjects = [certificate.Subject(name, {"blake3": digest}) for name, digest in sorted(outputs.items())]
        envelope = certificate.sign(
            certificate.Statement(subject=subjects, predicate=predicate), signing_key(self.call.dispatcher.folder)
        )
        found: dict[str, Any] = msgspec.to_builtins(envelope)
        return found

    def _data(self, run_id: str) -> dict[str, str]:
        """Digests of the files that the run read, by name; of one that changed meanwhile none is known."""
        try:
            told = self.call.blobs.read(find_capture(self.call, run_id, "reads").digest)
        except NotFoundError:
            return {}
        reads = [
            read
            for read in document_of("reads", told).get("reads", [])
            if read.get("digest") and not read.get("changed")
        ]
        return {read.get("relative") or read.get("path", ""): read["digest"] for read in reads}

    def signing_key(self) -> SigningKey:
        """See the contract."""
        public = public_key_of(signing_key(self.call.dispatcher.folder))
        return SigningKey(key_id(public), public.decode())

    def replicates(self, run_id: str) -> ReplicateGroup:
        """See the contract."""
        return group_of(replicates_of(self.call, run_id))

    def list_verifications(
        self,
        project: str = "",
        run_id: str = "",
        verdict: str = "",
        level: str = "",
        before: str = "",
        limit: int = 200,
    ) -> list[Verification]:
        """See the contract."""
        visible = self.call.visible_projects(project)
        condition, params = f"r.deleted_at IS NULL AND r.project_id IN {visible.sql}", list(visible.params)
        for column, wanted in (("v.run_id", run_id), ("v.verdict", verdict), ("v.attempted", level)):
            if wanted:
                condition, params = f"{condition} AND {column} = ?", [*params, wanted]
        if before:
            condition += " AND (v.at, v.id) < (SELECT b.at, b.id FROM verifications b WHERE b.id = ?)"
            params.append(before)
        rows = self.tx.all(
            f"SELECT {_COLUMNS} WHERE {condition} ORDER BY v.at DESC, v.id DESC LIMIT ?",
            [*params, min(max(limit, 1), 1000)],
        )
        digests = {run: content_digest(self.tx, run) for run in {row[1] for row in rows}}
        return [_verification(row, digests[row[1]]) for row in rows]

    def get_verification(self, verification_id: str) -> VerificationDetail:
        """See the contract."""
        row = self.tx.one(f"SELECT {_COLUMNS} WHERE v.id = ?", (verification_id,))
        texts = self.tx.one("SELECT report, certificate FROM verifications WHERE id = ?", (verification_id,))
        assert row is not None
        assert texts is not None
        return VerificationDetail(
            verification=_verification(row, content_digest(self.tx, row[1])),
            report=json.loads(texts[0]),
            certificate=json.loads(texts[1]) if texts[1] else None,
        )


def _check(new: NewVerification) -> None:
    if new.verdict not in _VERDICTS:
        raise InvalidError(f"verdict {new.verdict!r} is not known", hint=f"one of: {', '.join(_VERDICTS)}")
    if new.level not in _LEVELS:
        raise InvalidError(f"level {new.level!r} cannot be recorded", hint=f"one of: {', '.join(_LEVELS)}")
    if new.attempted not in ("", *_LEVELS[1:]):
        raise InvalidError(f"attempted {new.attempted!r} is no level", hint=f"one of: {', '.join(_LEVELS[1:])}")
    if new.level != "none" and new.verdict != "reproduced":
        raise InvalidError(f"level {new.level!r} does not go with the verdict {new.verdict!r}")


def _attempted(new: NewVerification) -> str:
    """The level that was asked for, as far as the verification tells."""
    if new.attempted:
        return new.attempted
    return new.level if new.level != "none" else "statistical" if new.report.get("statistics") else ""


def _verification(row: Row, digest: str) -> Verification:
    return Verification(
        id=row[0],
        run_id=row[1],
        run_name=row[2],
        project=row[3],
        verdict=row[4],
        level=row[5],
        reason=row[6],
        by=row[7],
        host=row[8],
        at=from_us(row[9]),
        duration_s=row[10],
        outdated=row[11] != digest,
        attempted=row[12],
    )


def _label(verdict: str, level: str) -> str:
    """The word for a run that was verified: the level, or what came of it without one."""
    return level if level != "none" else {"not_reproduced": "differs"}.get(verdict, verdict)


def _on_changed(call: Call, event: Event) -> None:
    _note_standing(call, event.object_id)


def _on_ended(call: Call, event: Event) -> None:
    call.at_end(_note_ended, event.object_id)


def _note_ended(ended: Sequence[tuple[Call, str]]) -> None:
    """Of all runs that end in one transaction, few were verified before."""
    ids = [run_id for _, run_id in ended]
    verified = {
        row[0] for row in ended[0][0].tx.listed("SELECT DISTINCT run_id FROM verifications WHERE run_id IN ({})", ids)
    }
    for call, run_id in ended:
        if run_id in verified:
            _note_standing(call, run_id)


def _note_standing(call: Call, run_id: str) -> None:
    """The run wears the verification that stands; without one the newest, which may speak of content that it no longer has."""
    digest = content_digest(call.tx, run_id)
    rows = call.tx.all(f"SELECT {_COLUMNS} WHERE v.run_id = ? ORDER BY v.at DESC, v.id DESC LIMIT ?", (run_id, _LATEST))
    found = [_verification(row, digest) for row in rows]
    if shown := standing(found) or next(iter(found), None):
        label = OUTDATED if shown.outdated else _label(shown.verdict, shown.level)
        set_mark(call, run_id, "verification", label, shown.id)


def _scope(call: Call, verification_id: str) -> Scope | None:
    row = call.tx.one(
        "SELECT r.project_id FROM verifications v JOIN runs r ON r.id = v.run_id WHERE v.id = ?", (verification_id,)
    )
    return project_scope(call.tx, row[0]) if row else None


ROOM = Room(
    Repro,
    ReproService,
    {"verification": _scope},
    # A run that was taken up again is running, and its content is another one, until it ends as it was or otherwise.
    {**dict.fromkeys(("run.changed", "run.resumed"), (_on_changed,)), "run.ended": (_on_ended,)},
)
