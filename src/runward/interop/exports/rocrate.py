"""Runs as a Process Run Crate: who ran what on which inputs, with what outcome, for anybody to keep and read.

The profile is https://w3id.org/ro/wfrun/process/0.5 on RO-Crate 1.1 (S. Leo et al., "Recording provenance of workflow runs
with RO-Crate", PLoS ONE 19(9), 2024).
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from runward._version import __version__
from runward.core.clock import utc_now
from runward.errors import ConflictError, NotFoundError
from runward.interop.exports.model import Whole
from runward.tracking.capture.model import EnvironmentSnapshot, FileRead, ProcessSnapshot
from runward.tracking.model import RunStatus

Entity = dict[str, Any]
_METADATA = "ro-crate-metadata.json"
_PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_FAILED = {RunStatus.FAILED, RunStatus.CANCELLED, RunStatus.TIMED_OUT}


class RoCrateWriter:
    """Writes a folder: files of the runs, their captured documents and certificates, and what they are to each other.

    Args:
        folder: Where it goes; empty or not there yet.

    Raises: ConflictError (something is there already).
    """

    format = "rocrate"

    def __init__(self, folder: Path) -> None:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ConflictError(f"{folder} is not an empty folder", hint="name one that is empty or not there yet")
        folder.mkdir(parents=True, exist_ok=True)
        self.target, self.lost = str(folder), Counter[str]()
        self._folder = folder
        self._graph: dict[str, Entity] = {}
        self._actions: list[str] = []
        self._parts: list[str] = []

    def write(self, whole: Whole) -> bool:
        """See :class:`Writer`."""
        run = whole.run
        outcome = [self._artifact(whole, artifact.path) for artifact in whole.detail.artifacts]
        outcome += [self._value(run.id, "metric", key, _shown(metric)) for key, metric in run.metrics.items()]
        given = [self._value(run.id, "param", key, value) for key, value in run.params.items()]
        action: Entity = {
            "@id": f"#run-{run.id}",
            "@type": "CreateAction",
            "name": run.name,
            "description": run.purpose,
            "instrument": {"@id": self._command(whole)},
            "agent": {"@id": self._add(f"#person-{quote(run.created_by)}", "Person", name=run.created_by)},
            "object": [*given, *self._inputs(whole)],
            "result": outcome,
            "startTime": run.started_at.isoformat(),
            "actionStatus": f"http://schema.org/{'Failed' if run.status in _FAILED else 'Completed'}ActionStatus",
            "subjectOf": self._evidence(whole),
        }
        if run.ended_at is not None:
            action["endTime"] = run.ended_at.isoformat()
        else:
            action["actionStatus"] = "http://schema.org/ActiveActionStatus"
        if run.error:
            action["error"] = run.error
        self._graph[action["@id"]] = action
        self._actions.append(action["@id"])
        if points := sum(metric.n > 1 for metric in run.metrics.values()):
            self.lost["series (the last value of each is there)"] += points
        return True

    def _add(self, place: str, kind: str, **facts: Any) -> str:
        self._graph.setdefault(place, {"@id": place, "@type": kind, **facts})
        return place

    def _value(self, run_id: str, kind: str, key: str, value: Any) -> Entity:
        place = f"#{kind}-{run_id}-{quote(key, safe='')}"
        shown = value if isinstance(value, str | int | float | bool) else json.dumps(value)
        return {"@id": self._add(place, "PropertyValue", name=key, value=shown)}

    def _file(self, path: str, data: bytes, **facts: Any) -> Entity:
        place = self._folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        return self._part(path, contentSize=str(len(data)), **facts)

    def _part(self, path: str, **facts: Any) -> Entity:
        place = self._add(quote(path), "File", name=path.rpartition("/")[2], **facts)
        self._parts.append(place)
        return {"@id": place}

    def _artifact(self, whole: Whole, path: str) -> Entity:
        found = next(artifact for artifact in whole.detail.artifacts if artifact.path == path)
        target = f"runs/{whole.run.id}/artifacts/{path}"
        whole.save(found, self._folder / target)
        facts = {"encodingFormat": found.media_type, "identifier": f"blake3:{found.digest}"}
        return self._part(target, contentSize=str(found.size), **facts)

    def _document(self, whole: Whole, kind: str, as_type: Any) -> Any:
        with contextlib.suppress(NotFoundError):
            return msgspec.json.decode(whole.space.files.capture(whole.run.id, kind), type=as_type)
        return None

    def _command(self, whole: Whole) -> str:
        """The program that ran, with the packages that it ran with."""
        run = whole.run
        process: ProcessSnapshot | None = self._document(whole, "process", ProcessSnapshot)
        environment: EnvironmentSnapshot | None = self._document(whole, "environment", EnvironmentSnapshot)
        facts: Entity = {"name": (process.entry or " ".join(process.argv)) if process else run.name}
        if run.commit:
            facts["softwareVersion"] = run.commit
        if environment is not None:
            facts["softwareRequirements"] = [
                {"@id": self._package(name, version)}
                for name, version in [
                    (environment.implementation, environment.python),
                    *((package.name, package.version) for package in environment.packages),
                ]
            ]
        return self._add(f"#program-{run.id}", "SoftwareApplication", **facts)

    def _package(self, name: str, version: str) -> str:
        return self._add(
            f"#package-{quote(name)}-{quote(version)}", "SoftwareApplication", name=name, softwareVersion=version
        )

    def _inputs(self, whole: Whole) -> list[Entity]:
        reads: dict[str, Any] = self._document(whole, "reads", dict[str, Any]) or {}
        return [
            {
                "@id": self._add(
                    f"#read-{read.digest or quote(read.path)}",
                    "DigitalDocument",
                    name=read.relative or read.path,
                    identifier=f"blake3:{read.digest}",
                )
            }
            for read in msgspec.convert(reads.get("reads", []), list[FileRead])
        ]

    def _evidence(self, whole: Whole) -> list[Entity]:
        """The captured documents, and the certificates that were signed for the run."""
        run_id, space = whole.run.id, whole.space
        about = {"about": {"@id": f"#run-{run_id}"}}
        found = [
            self._file(
                f"runs/{run_id}/captured/{part.kind}.json",
                space.files.capture(run_id, part.kind),
                encodingFormat="application/json",
                **about,
            )
            for part in whole.detail.captures
        ]
        for verification in space.repro.list_verifications(run_id=run_id):
            certificate = space.repro.get_verification(verification.id).certificate
            if certificate is not None:
                path = f"runs/{run_id}/certificates/{verification.id}.json"
                words = f"level {verification.level}: {verification.reason}"
                found.append(
                    self._file(
                        path,
                        msgspec.json.encode(certificate),
                        encodingFormat="application/vnd.in-toto+json",
                        description=words,
                        **about,
                    )
                )
        return found

    def close(self) -> None:
        """See :class:`Writer`."""
        profile = {
            "@id": _PROFILE,
            "@type": "CreativeWork",
            "name": "Process Run Crate",
            "version": "0.5",
        }
        described: Entity = {
            "@id": _METADATA,
            "@type": "CreativeWork",
            "about": {"@id": "./"},
            "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
        }
        root: Entity = {
            "@id": "./",
            "@type": "Dataset",
            "name": f"{len(self._actions)} runs" if len(self._actions) != 1 else "A run",
            "description": f"Written by Runward {__version__}.",
            "datePublished": utc_now().date().isoformat(),
            "license": "No licence was stated for these files.",
            "conformsTo": {"@id": _PROFILE},
            "mentions": [{"@id": action} for action in self._actions],
            "hasPart": [{"@id": part} for part in self._parts],
        }
        document = {
            "@context": "https://w3id.org/ro/crate/1.1/context",
            "@graph": [described, root, profile, *self._graph.values()],
        }
        text = json.dumps(document, indent=1, ensure_ascii=False)
        (self._folder / _METADATA).write_text(text, encoding="utf-8")


def _shown(metric: Any) -> Any:
    return metric.last_special or metric.last
