"""Journals that dead processes left behind: stored as they are, and their runs ended where nobody ended them."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

from runward.errors import CorruptedError, NotFoundError, RunwardError
from runward.tracking.journal import is_abandoned, is_empty, journals_in
from runward.tracking.model import RESUMED_TAG, RunEnd, RunPatch, RunStatus
from runward.tracking.uploader import Destination, JournalUpload

log = logging.getLogger("runward.upload")


def adopt(folder: Path, destination: Destination) -> tuple[int, list[str]]:
    """Upload journals that a dead process left behind; a run whose process is gone is ended as failed.

    Returns: how many journals are stored now, and what is in the way of the others.
    """
    paths = journals_in(folder) if folder.exists() else []
    stored, problems = 0, list[str]()
    for run_folder in dict.fromkeys(path.parent for path in paths):
        count, found = _adopt_run([path for path in paths if path.parent == run_folder], destination)
        stored, problems = stored + count, problems + found
    return stored, problems


def _adopt_run(paths: list[Path], destination: Destination) -> tuple[int, list[str]]:
    """All journals of one run together: only then is it known whether one of them has the run's end."""
    uploads, problems = list[JournalUpload](), list[str]()
    for path in paths:
        try:
            if is_abandoned(path) and is_empty(path):
                path.unlink(missing_ok=True)
                continue
            uploads.append(JournalUpload(path, destination))
        except (CorruptedError, OSError) as error:
            problems.append(f"{path}: {error}")
    done = False
    if uploads and all(upload.reader.writer_is_gone() for upload in uploads):
        try:
            _push_whole_run(uploads, destination)
            done = True
        except RunwardError as error:
            problems.append(f"{paths[0].parent}: {error.message}")
    for upload in uploads:
        upload.close(remove=done)
    return len(uploads) if done else 0, problems


def _push_whole_run(uploads: list[JournalUpload], destination: Destination) -> None:
    for upload in uploads:
        upload.create_if_asked()
    for upload in uploads:
        while upload.push():
            pass
        _note_torn(upload, destination)
    resumed = any(upload.resumed for upload in uploads)
    newer = set(journals_in(uploads[0].path.parent)) - {upload.path for upload in uploads}
    if not newer and (resumed or not any(upload.ended for upload in uploads)):
        _end_orphan(uploads[0], destination, resumed)


def _note_torn(upload: JournalUpload, destination: Destination) -> None:
    """Say on the run that its journal ended in an entry that was not whole; everything before it is stored."""
    if upload.reader.torn:
        kept = upload.reader.next_frame
        log.warning("the journal of run %s ends in a broken entry; %s entries are stored", upload.reader.run_id, kept)
        patch = RunPatch(tags={"runward.torn": f"the journal broke off after {kept} entries"})
        with contextlib.suppress(RunwardError):
            destination.tracking.update_run(upload.reader.run_id, patch)


def _end_orphan(upload: JournalUpload, destination: Destination, resumed: bool) -> None:
    try:
        run = destination.tracking.get_run(upload.reader.run_id).run
    except NotFoundError:
        return
    # What was taken up again on another machine is not over because its first process is gone.
    if not run.status.is_terminal and (resumed or RESUMED_TAG not in run.tags):
        error = "the process ended without finishing the run"
        destination.tracking.end_run(run.id, RunEnd(RunStatus.FAILED, None, error))
