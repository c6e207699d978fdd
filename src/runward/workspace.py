"""Composition root: puts the rooms together for a folder, a database, or a server's URL."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any, cast

from runward.coordination.api import Coordination
from runward.coordination.hooks_api import Hooks
from runward.core.call import Rooms
from runward.core.loading import load
from runward.core.operation import ANY, Operation, Precondition, make_proxy
from runward.data.api import Data
from runward.data.client import Datasets
from runward.data.files import DataFiles, FolderDataFiles, RemoteDataFiles
from runward.data.spans import find_due
from runward.errors import InvalidError, RunwardError, StoreError
from runward.governance.api import Governance
from runward.governance.dispatch import Dispatcher
from runward.governance.model import Actor
from runward.governance.signin import folder_actor, prepare_workspace
from runward.insights.api import Reports
from runward.insights.health_api import WorkspaceHealth
from runward.insights.reviewed_api import Reviewed
from runward.knowledge.api import Knowledge
from runward.knowledge.libraries_api import Libraries
from runward.policy.api import Policy
from runward.privacy.api import Privacy
from runward.registry.api import Registry
from runward.repro.api import Repro
from runward.repro.findings_api import Findings
from runward.repro.jobs_api import Jobs
from runward.review.api import Reviews
from runward.review.feedback_api import Feedback
from runward.review.forges.api import Forges
from runward.review.standards_api import StandardsDesk
from runward.store.blobs import LocalBlobs, Shelf
from runward.store.database import Database, open_database
from runward.store.folder import FolderBlobs
from runward.store.keys import Keyring
from runward.store.migrations import check_schema
from runward.store.sealed import LOCAL, SEALED_SINCE, SealedBlobs
from runward.tracking.analysis_api import Analysis
from runward.tracking.api import Tracking
from runward.tracking.cards import make_cards
from runward.tracking.compaction import compact_due
from runward.tracking.environments_api import Environments
from runward.tracking.files import Files, FolderFiles, RemoteFiles
from runward.tracking.intake_api import Intake
from runward.tracking.organise_api import Organise

ROOMS = Rooms(
    {
        "governance": "runward.governance.service:ROOM",
        "tracking": "runward.tracking.service:ROOM",
        "analysis": "runward.tracking.analysis:ROOM",
        "environments": "runward.tracking.environments:ROOM",
        "organise": "runward.tracking.organise:ROOM",
        "intake": "runward.tracking.intake:ROOM",
        "registry": "runward.registry.service:ROOM",
        "data": "runward.data.service:ROOM",
        "policy": "runward.policy.service:ROOM",
        "repro": "runward.repro.service:ROOM",
        "jobs": "runward.repro.jobs:ROOM",
        "findings": "runward.repro.findings:ROOM",
        "knowledge": "runward.knowledge.service:ROOM",
        "libraries": "runward.knowledge.libraries:ROOM",
        "coordination": "runward.coordination.service:ROOM",
        "hooks": "runward.coordination.hooks:ROOM",
        "review": "runward.review.service:ROOM",
        "feedback": "runward.review.feedback:ROOM",
        "forges": "runward.review.forges.service:ROOM",
        "standards": "runward.review.standards:ROOM",
        "reports": "runward.insights.service:ROOM",
        "reviewed": "runward.insights.reviewed:ROOM",
        "health": "runward.insights.health:ROOM",
        "privacy": "runward.privacy.service:ROOM",
    }
)
"""Every room of the house. The server's routes, its OpenAPI document and every client follow from this."""

FOLDER = ".runward"


class Workspace:
    """One member's hold on a workspace. Thread-safe; the same for a folder and a server."""

    def __init__(
        self,
        invoke: Any,
        files: Files,
        data_files: DataFiles,
        place: str,
        state_dir: Path,
        local_blobs: LocalBlobs,
    ) -> None:
        self.local_blobs = local_blobs
        """Where captured bytes are put first; for a folder it is the workspace's own store."""
        self.place = place
        """The folder or the URL, as a person would write it."""
        self.state_dir = state_dir
        """Where this client keeps journals and caches."""
        self.files = files
        self.data_files = data_files
        """Bytes of datasets."""
        self.governance = cast(Governance, make_proxy(Governance, invoke))
        self.tracking = cast(Tracking, make_proxy(Tracking, invoke))
        self.analysis = cast(Analysis, make_proxy(Analysis, invoke))
        self.environments = cast(Environments, make_proxy(Environments, invoke))
        self.organise = cast(Organise, make_proxy(Organise, invoke))
        self.intake = cast(Intake, make_proxy(Intake, invoke))
        self.data = cast(Data, make_proxy(Data, invoke))
        self.registry = cast(Registry, make_proxy(Registry, invoke))
        self.policy = cast(Policy, make_proxy(Policy, invoke))
        self.repro = cast(Repro, make_proxy(Repro, invoke))
        self.jobs = cast(Jobs, make_proxy(Jobs, invoke))
        self.findings = cast(Findings, make_proxy(Findings, invoke))
        self.knowledge = cast(Knowledge, make_proxy(Knowledge, invoke))
        self.libraries = cast(Libraries, make_proxy(Libraries, invoke))
        self.coordination = cast(Coordination, make_proxy(Coordination, invoke))
        self.hooks = cast(Hooks, make_proxy(Hooks, invoke))
        self.review = cast(Reviews, make_proxy(Reviews, invoke))
        self.feedback = cast(Feedback, make_proxy(Feedback, invoke))
        self.forges = cast(Forges, make_proxy(Forges, invoke))
        self.standards = cast(StandardsDesk, make_proxy(StandardsDesk, invoke))
        self.reports = cast(Reports, make_proxy(Reports, invoke))
        self.reviewed = cast(Reviewed, make_proxy(Reviewed, invoke))
        self.health = cast(WorkspaceHealth, make_proxy(WorkspaceHealth, invoke))
        self.privacy = cast(Privacy, make_proxy(Privacy, invoke))

    @property
    def datasets(self) -> Datasets:
        """Folders of this machine as versions of datasets, and back."""
        return Datasets(self.data, self.tracking, self.files, self.data_files, self._own_blobs(), self.state_dir)

    def _own_blobs(self) -> FolderBlobs | None:
        """The workspace's own store of bytes, where it is on this machine."""
        return None

    @property
    def is_remote(self) -> bool:
        """Whether calls travel to a server."""
        return "://" in self.place

    def tidy(self) -> None:
        """Fold the points of runs that are over into blocks, their values into cards; a server does so by itself."""


class FolderWorkspace(Workspace):
    """A workspace in a folder, or in a database and a folder of blobs, in this process."""

    def __init__(self, dispatcher: Dispatcher, place: str, state_dir: Path, actor: Actor) -> None:
        self.dispatcher, self.actor = dispatcher, actor

        def invoke(op: Operation, arguments: dict[str, Any], match: Precondition = ANY) -> Any:
            return dispatcher.call(op, actor, arguments, match)

        blobs = dispatcher.blobs
        local: LocalBlobs
        if isinstance(blobs, SealedBlobs):
            local = blobs.of(LOCAL)
        else:
            local = blobs if isinstance(blobs, FolderBlobs) else FolderBlobs(state_dir / "blobs")
        files, data_files = FolderFiles(dispatcher, actor, local), FolderDataFiles(dispatcher, actor)
        super().__init__(invoke, files, data_files, place, state_dir, local)

    def tidy(self) -> None:
        """See :meth:`Workspace.tidy`."""
        compact_due(self.dispatcher.database)
        make_cards(self.dispatcher.database)
        load("runward.tracking.listing:list_locks")(self.dispatcher.database, self.dispatcher.blobs)
        find_due(self.dispatcher.database, self.dispatcher.blobs)
        load("runward.privacy.job:advance_due")(self.dispatcher)

    def _own_blobs(self) -> FolderBlobs | None:
        """See :class:`Workspace`."""
        blobs = self.dispatcher.blobs
        return blobs if isinstance(blobs, FolderBlobs) else None

    def as_member(self, actor: Actor) -> FolderWorkspace:
        """The same workspace in the hands of another member."""
        return FolderWorkspace(self.dispatcher, self.place, self.state_dir, actor)

    def close(self) -> None:
        """Close the database and the store of bytes."""
        self.dispatcher.database.close()
        self.dispatcher.blobs.close()


def open_dispatcher(database: Database, blobs: Shelf, folder: Path) -> Dispatcher:
    """The rooms over a database, whose tables are made where missing.

    Args:
        database: What is shared by all who serve this workspace.
        blobs: So are these; of an encrypted workspace, what its bytes lie in.
        folder: This node's own files. A new workspace is named after it.

    Raises: StoreError, MigrationNeededError.
    """
    check_schema(database)
    with database.transaction(write=False) as tx:
        ready = tx.scalar("SELECT count(*) FROM workspace WHERE key = 'id'")
        sealed = tx.scalar("SELECT count(*) FROM workspace WHERE key = ?", (SEALED_SINCE,))
    if not ready:
        with database.transaction(write=True) as tx:
            prepare_workspace(tx, folder.parent.name if folder.name == FOLDER else folder.name)
    return Dispatcher(database, seal_blobs(database, blobs, folder) if sealed else blobs, folder, ROOMS)


def seal_blobs(database: Database, blobs: Shelf, folder: Path) -> SealedBlobs:
    """A store over a workspace's bytes that encrypts what is put."""
    # Bytes are read and written in the middle of others' transactions: the keys come over connections of their own.
    own = open_database(database.url)
    return SealedBlobs(blobs, Keyring(own, folder), own.close)


def open_folder(path: str | Path, member: str = "") -> FolderWorkspace:
    """The workspace in a folder (``…/.runward`` or any folder), made where missing.

    Raises: StoreError (read-only, disk full), MigrationNeededError (made by a newer Runward).
    """
    folder = Path(path).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"the workspace folder {folder} cannot be made: {error.strerror}",
            hint="set RUNWARD_DIR to a folder that you may write to",
        ) from error
    # A workspace inside a repository must not show up in it, nor in what is captured of it.
    with contextlib.suppress(OSError):
        if not (folder / ".gitignore").exists():
            (folder / ".gitignore").write_text("*\n")
    database = open_database(f"sqlite:///{folder / 'runward.db'}")
    dispatcher = open_dispatcher(database, FolderBlobs(folder / "blobs"), folder)
    # What cannot be done now is done the next time.
    with contextlib.suppress(RunwardError, OSError):
        dispatcher.keyring.tend()
    return FolderWorkspace(dispatcher, str(folder), folder, folder_actor(database, member))


def open_url(url: str, token: str = "") -> Workspace:
    """The workspace of a server; without a token with the one that `runward login` kept. No request is made yet.

    Raises: InvalidError.
    """
    # A folder needs no HTTP, whose modules cost as much to load as a small command takes.
    http = load("runward.core.remote:HttpClient")(url, token or load("runward.core.credentials:token_for")(url))
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "runward"
    place = state / http.url.replace("://", "_").replace("/", "_").replace(":", "_")
    local = FolderBlobs(place / "blobs")
    files = RemoteFiles(http, cast(Tracking, make_proxy(Tracking, http.invoke)), local)
    return Workspace(http.invoke, files, RemoteDataFiles(http), http.url, place, local)


def find_folder(start: Path | None = None) -> Path:
    """``RUNWARD_DIR``, else the nearest ``.runward`` or folder of a server upwards, else ``.runward`` in the present folder."""
    if configured := os.environ.get("RUNWARD_DIR"):
        return Path(configured)
    here = (start or Path.cwd()).absolute()
    for folder in (here, *here.parents):
        if (folder / FOLDER).is_dir():
            return folder / FOLDER
        if (folder / "runward.db").is_file():
            return folder
    return here / FOLDER


def connect(url: str = "", token: str = "") -> Workspace:
    """The workspace that is meant: a URL, else ``RUNWARD_URL`` with ``RUNWARD_TOKEN``, else a folder.

    Where no token is given, the one that `runward login` kept for the server counts.

    Raises: InvalidError, StoreError.
    """
    url = url or os.environ.get("RUNWARD_URL", "")
    if url:
        if not url.startswith(("http://", "https://")):
            raise InvalidError(f"server URL {url!r} is not understood", hint="write it like http://host:4747")
        return open_url(url, token or os.environ.get("RUNWARD_TOKEN", ""))
    return open_folder(find_folder())
