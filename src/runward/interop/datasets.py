"""Versions of datasets carried from one workspace to another."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import msgspec

from runward.core.call import Intent
from runward.core.ids import Digest
from runward.data.model import DatasetVersion, NewDatasetVersion
from runward.errors import ConflictError, ForbiddenError, NotFoundError
from runward.policy.model import LABELS
from runward.tracking.model import NewProject
from runward.workspace import Workspace


def copy_version(
    source: Workspace, version: DatasetVersion, target: Workspace, project: str = "", *, purpose: str = ""
) -> tuple[DatasetVersion, int]:
    """(the version in the other workspace, bytes sent). It is the same version there: its digest is its content's.

    Its names come along where they are free, and so does what is said of its columns. Of a restricted one it is said for
    which ``purpose``.

    Raises: NotFoundError, ForbiddenError, PurposeError, ConflictError (a number that another version bears there), StoreError.
    """
    path, _, name = version.dataset.rpartition("/")
    project = project or path
    reference = f"{project}:{name}".replace("/", ":")
    target.tracking.create_project(NewProject(path=project, exist_ok=True))
    manifest = source.data.get_manifest(version.dataset_id, version.digest)
    sizes = {item.digest: item.size for item in manifest.files}
    missing = target.tracking.missing_blobs(project, list(sizes))
    intent = Intent(purpose) if purpose else None
    with tempfile.TemporaryDirectory(prefix="runward-data-") as folder:
        places = {Digest(digest): Path(folder, digest) for digest in missing}
        source.data_files.fetch(version.dataset_id, [(d, p) for d, p in places.items() if sizes[d]], "auto", intent)
        for digest, place in places.items():
            if not sizes[digest]:
                place.touch()
        target.files.put_files(project, {**places, manifest.digest: manifest.encoded()})
    parent = version.parent if version.parent and _has(target, reference, version.parent) else ""
    new = NewDatasetVersion(project=project, dataset=name, manifest=version.digest, parent=parent, note=version.note)
    target.data.add_version(msgspec.structs.replace(new, summary=version.summary))
    _carry_label(source, version.dataset_id, target, reference)
    if version.dictionary:
        target.data.set_dictionary(reference, version.digest, version.dictionary)
    for given in version.names:
        there = target.data.get_dataset(reference).names
        if there.get(given, version.digest) != version.digest:
            raise ConflictError(
                f"{given} of {reference!r} is version {there[given][:12]} in {target.place}",
                hint=f"the bytes are there as {version.digest[:12]}; give them another name",
            )
        target.data.set_name(reference, given, version.digest)
    return target.data.get_version(reference, version.digest), sum(sizes[digest] for digest in missing)


def _carry_label(source: Workspace, dataset_id: str, target: Workspace, reference: str) -> None:
    """What is restricted in one workspace is restricted in the other, for the same purposes where the caller may say so."""
    found = source.policy.get_label(f"dataset:{dataset_id}")
    there = target.policy.get_label(f"dataset:{reference}")
    if LABELS.index(found.label) > max(LABELS.index(there.label), LABELS.index("internal")):
        target.policy.set_label(f"dataset:{reference}", found.label, "as where it was copied from")
    if found.terms is not None and there.terms is None:
        # Without terms no run there may use it: to say for what is up to who may read restricted data there.
        with contextlib.suppress(ForbiddenError):
            target.policy.set_terms(reference, found.terms)


def _has(space: Workspace, reference: str, version: str) -> bool:
    try:
        space.data.get_version(reference, version)
    except NotFoundError:
        return False
    return True
