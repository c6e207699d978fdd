"""The pack that an auditor of a model asks for: what is known of a version, in one folder or ZIP, and what it is evidence of."""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from runward.core.clock import utc_now
from runward.core.hashing import digest_bytes
from runward.data.model import Lineage
from runward.errors import AlreadyExistsError, RunwardError
from runward.governance.calling import PURPOSE, RESTRICTED
from runward.governance.model import AuditEvent
from runward.interop.compliance import RULES
from runward.interop.packing import BundleFile, open_sink, pretty, put
from runward.interop.runlock import lock_of_run
from runward.registry.version_model import VersionDetail
from runward.workspace import Workspace

FORMAT = "runward.evidence/1"
MANIFEST = "manifest.json"
_MOST_EVENTS = 20_000
_EMPTY = (b"[]", b"{}")
_CAPTURES = ("code", "environment", "machine")


class Pack(msgspec.Struct, frozen=True, kw_only=True):
    """A pack that was written."""

    format: str
    model: str
    version: int
    made_at: datetime
    made_by: str
    absent: dict[str, str]
    """What is not in it, and why."""
    empty: list[str] = []
    """Files that say that nothing of their kind is recorded: nobody reviewed it, nobody got it."""
    files: list[BundleFile]


def write_evidence(space: Workspace, model: str, version: int, target: Path, *, offline: bool = False) -> Pack:
    """Write all that is known of a version: card, run, data, reviews, reruns, labels, who did and read what.

    What the caller may not see is named as absent, with the reason; nothing else is left out in silence.

    Args:
        space: The workspace that has the model.
        model: Name.
        version: The version.
        target: A new folder, or a new file with the ending ``.zip``.
        offline: Ask no package index for the hashes of the lock.

    Raises: NotFoundError (there is no such version), AlreadyExistsError (the target is there), OSError.
    """
    found = space.registry.get_version(model, version)
    if target.exists():
        raise AlreadyExistsError(f"{target} is there already", hint="choose a new folder or file")
    gathering = _Gathering(space, found, offline)
    gathering.all()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".evidence-", dir=target.parent) as folder:
        draft = Path(folder) / "pack"
        with open_sink(draft, as_zip=target.suffix == ".zip") as sink:
            listed = [put(sink, path, [data]) for path, data in sorted(gathering.files.items())]
            made = Pack(
                format=FORMAT,
                model=found.version.model,
                version=found.version.version,
                made_at=utc_now(),
                made_by=space.governance.whoami().name,
                absent=gathering.absent,
                empty=sorted(path for path, data in gathering.files.items() if data.strip() in _EMPTY),
                files=listed,
            )
            put(sink, MANIFEST, [pretty(made)])
            put(sink, "README.md", [readme(made).encode()])
        os.replace(draft, target)
    return made


class _Gathering:
    """The files of a pack, and what could not be had."""

    def __init__(self, space: Workspace, found: VersionDetail, offline: bool) -> None:
        self._space, self._found, self._offline = space, found, offline
        self._model, self._run = found.version.model, found.evidence.run_id
        self._datasets: dict[str, set[str]] = {}
        """The versions of each dataset that led to the model, by its id."""
        self._runs: list[str] = [self._run] if self._run else []
        self.files: dict[str, bytes] = {}
        self.absent: dict[str, str] = {}

    def all(self) -> None:
        """Gather everything; what lineage tells comes first, because the rest follows it."""
        space, model, version = self._space, self._model, self._found.version.version
        self._take("lineage.json", self._lineage)
        self._take("model.json", lambda: {
            "model": space.registry.get_model(model), "version": self._found,
            "versions": space.registry.list_versions(model), "alias_moves": space.registry.alias_history(model),
            "card_changes": space.registry.card_history(model, version),
        })  # fmt: skip
        self._take("MODEL_CARD.md", lambda: space.registry.get_card(model, version).markdown)
        self._take("deployments.json", lambda: space.registry.list_deployments(model, limit=1000))
        self._take("handoffs.json", lambda: space.registry.list_handoffs(model))
        self._take("datasets.json", lambda: [self._dataset(one) for one in sorted(self._datasets)])
        self._take("labels.json", self._labels)
        self._take("reviews.json", self._reviews)
        self._take("access.json", self._access)
        self._take("trail.json", space.governance.prove_audit)
        self._take("roles.json", self._roles)
        if self._run:
            self._of_run(self._run)
        else:
            self.absent |= dict.fromkeys(("run.json", "verifications.json", "gates.json"), "the version names no run")

    def _of_run(self, run_id: str) -> None:
        space = self._space
        self._take("run.json", lambda: space.tracking.get_run(run_id))
        for kind in _CAPTURES:
            self._take(f"{kind}.json", functools.partial(self._captured, run_id, kind))
        self._take("pylock.toml", lambda: lock_of_run(space, run_id, offline=self._offline).text)
        self._take("gates.json", lambda: space.review.gates(run_id))
        self._take("scan.json", lambda: space.policy.scan(f"run:{run_id}"))
        self._take("verifications.json", lambda: self._verifications(run_id))

    def _captured(self, run_id: str, kind: str) -> Any:
        return msgspec.json.decode(self._space.files.capture(run_id, kind))

    def _take(self, path: str, find: Callable[[], Any]) -> None:
        try:
            value = find()
        except RunwardError as error:
            self.absent[path] = error.message
            return
        self.files[path] = value.encode() if isinstance(value, str) else pretty(value)

    def _lineage(self) -> Lineage:
        node = f"model:{self._model}/{self._found.version.version}"
        found = self._space.data.lineage(self._found.project.replace("/", ":"), node)
        # Only what led to the model: what else came of the same data is not its evidence.
        sources: dict[str, list[str]] = {}
        for edge in found.edges:
            sources.setdefault(edge.target, []).append(edge.source)
        led, ahead = {node}, [node]
        while ahead:
            for source in sources.get(ahead.pop(), []):
                if source not in led:
                    led.add(source)
                    ahead.append(source)
        for one in led:
            kind, _, name = one.partition(":")
            if kind == "run" and name not in self._runs:
                self._runs.append(name)
            elif kind == "dataset":
                dataset, _, digest = name.partition("@")
                self._datasets.setdefault(dataset, set()).add(digest)
        return msgspec.structs.replace(
            found,
            nodes=[item for item in found.nodes if item.id in led],
            edges=[edge for edge in found.edges if {edge.source, edge.target} <= led],
        )

    def _dataset(self, dataset: str) -> dict[str, Any]:
        data = self._space.data
        return {
            "dataset": data.get_dataset(dataset),
            "terms": self._space.policy.get_label(f"dataset:{dataset}").terms,
            "versions": [data.get_version(dataset, digest) for digest in sorted(self._datasets[dataset])],
        }

    def _labels(self) -> list[Any]:
        things = [
            f"model:{self._model}",
            *(f"run:{one}" for one in self._runs),
            *(f"dataset:{one}" for one in sorted(self._datasets)),
        ]
        return [self._space.policy.get_label(thing) for thing in things]

    def _verifications(self, run_id: str) -> list[Any]:
        details = [
            self._space.repro.get_verification(one.id) for one in self._space.repro.list_verifications(run_id=run_id)
        ]
        certified = [one for one in details if one.certificate is not None]
        for one in certified:
            self.files[f"certificates/{one.verification.id}.json"] = pretty(one.certificate)
        if certified:
            self.files["certificates/signing-key.pem"] = self._space.repro.signing_key().public_key.encode()
        return details

    def _reviews(self) -> list[Any]:
        listed = self._space.review.list_reviews(project=self._found.project, limit=1000)
        mine = [one for one in listed if one.model == self._model or (one.run_id and one.run_id in self._runs)]
        return [self._space.review.get_review(one.id) for one in mine]

    def _access(self) -> list[AuditEvent]:
        model = self._space.registry.get_model(self._model)
        found: dict[int, AuditEvent] = {}
        # An event has what its caller called the object: an id, or a name.
        paths = [self._space.data.get_dataset(one).path.replace("/", ":") for one in self._datasets]
        for one in (model.id, self._model, *self._runs, *self._datasets, *paths):
            found |= {event.id: event for event in self._events(one)}
        # For what restricted data were read stands beside the reading: by the same person, at the same moment.
        read = {(event.actor, event.at) for event in found.values() if event.operation == RESTRICTED}
        for purpose in {" ".join(one.split()) for one in self._purposes()}:
            told = (event for event in self._events(purpose) if (event.actor, event.at) in read)
            found |= {event.id: event for event in told if event.operation == PURPOSE}
        return [found[number] for number in sorted(found)]

    def _purposes(self) -> Iterator[str]:
        for dataset in self._datasets:
            terms = self._space.policy.get_label(f"dataset:{dataset}").terms
            yield from terms.purposes if terms else []

    def _roles(self) -> dict[str, Any]:
        """Who may do what now, where the model, its runs and its data lie."""
        data, governance = self._space.data, self._space.governance
        places = {self._found.project, *(data.get_dataset(one).project for one in self._datasets)}
        places |= {self._space.tracking.get_run(one).run.project for one in self._runs}
        team = self._space.registry.get_model(self._model).team
        return {
            "team": governance.team_access(team),
            "projects": {place: governance.project_access(place) for place in sorted(places - {""})},
        }

    def _events(self, object_id: str) -> Iterable[AuditEvent]:
        before, count = None, 0
        while count < _MOST_EVENTS:
            page = self._space.governance.audit(before=before, object_id=object_id, limit=1000)
            yield from page.events
            count += len(page.events)
            before = page.next_before
            if before is None:
                return
        self.absent[f"access.json: {object_id}"] = f"events before the newest {_MOST_EVENTS:,}"


def readme(pack: Pack) -> str:
    """The pack's first page: what each rule asks, what shows it, what is missing."""
    present = {file.path for file in pack.files} | {file.path.partition("/")[0] for file in pack.files} | {MANIFEST}
    empty = set(pack.empty)
    lines = [
        f"# Evidence on {pack.model}, version {pack.version}",
        "",
        f"Written {pack.made_at:%Y-%m-%d %H:%M} UTC by {pack.made_by}. `{MANIFEST}` has the digest of every file.",
        "This pack shows what was recorded. It is no statement that any rule is met: the last column is for the organisation to add.",
    ]
    for name, rows in RULES:
        lines += [
            "",
            f"## {name}",
            "",
            "| | what is asked | what this pack shows | what the organisation must add |",
            "|---|---|---|---|",
        ]
        for row in rows:
            here = ", ".join(f"[{file}]({file})" for file in row.files if file in present - empty)
            none = ", ".join(f"none is recorded in [{file}]({file})" for file in row.files if file in empty)
            gone = ", ".join(f"{file} is absent" for file in row.files if file not in present)
            shown = (
                "; ".join(part for part in (f"{row.shows}: {here}" if here else "", none, gone) if part) or "nothing"
            )
            lines.append(f"| {row.ref} | {row.heading} | {shown} | {row.adds} |")
    if pack.absent:
        lines += ["", "## What is not here", "", *(f"- `{path}`: {why}" for path, why in sorted(pack.absent.items()))]
    lines += [
        "",
        "## Files",
        "",
        *(f"- [{file.path}]({file.path}): {file.size:,} bytes, SHA-256 `{file.sha256}`" for file in pack.files),
        "",
    ]
    return "\n".join(lines)


def digest_of(pack: Pack) -> str:
    """What names a pack: the digest of its manifest, which names the digests of everything else."""
    return digest_bytes(pretty(pack))
