"""``wandb.Artifact``: a named set of files in versions.

The files lie in the run that logged them, below ``artifacts/<name>/<number>/``; the run's tag ``artifact.<name>`` says
what they are. The version is counted over the runs of a project, in order of their start.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from runward import face
from runward.errors import InvalidError, NotFoundError, RunwardError
from runward.shims.wandb.media import Media, Table
from runward.shims.wandb.opened import need
from runward.shims.wandb.told import missing, once
from runward.tracking.media import extension_of, plain
from runward.tracking.model import Artifact as Kept
from runward.tracking.model import RunPatch

TAG = "artifact."
_NAME = re.compile(r"[\w.-]{1,128}")


class Artifact:
    """A named set of files. Raises: InvalidError (the name)."""

    def __init__(
        self,
        name: str,
        type: str,
        description: str | None = None,
        metadata: dict[str, Any] | None = None,
        incremental: bool = False,
        use_as: str | None = None,
    ) -> None:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InvalidError(f"artifact name {name!r:.80} has more than letters, digits, '.', '_' and '-'")
        self.base_name, self.type, self.description = name, type, description
        self.metadata = dict(metadata or {})
        self.aliases: list[str] = []
        self.source = ""
        """``run:number`` once it is logged."""
        self._project, self._version = "", -1
        self._files: dict[str, Path] = {}
        self._scratch: tempfile.TemporaryDirectory[str] | None = None

    # what is in it --------------------------------------------------------------------------------------------------

    def _own(self, name: str) -> Path:
        if self._scratch is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="runward-artifact-")
        path = Path(self._scratch.name) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def add_file(self, local_path: Any, name: str | None = None, **_: Any) -> Entry:
        """Add a file, as it is when the artifact is logged. Raises: InvalidError (there is none)."""
        path = Path(local_path)
        if not path.is_file():
            raise InvalidError(f"there is no file {str(path)!r}", hint="add_dir adds a folder")
        return self._add(name or path.name, path)

    def add_dir(self, local_path: Any, name: str | None = None, **_: Any) -> None:
        """Add the files of a folder. Raises: InvalidError (there is none)."""
        folder = Path(local_path)
        if not folder.is_dir():
            raise InvalidError(f"there is no folder {str(folder)!r}", hint="add_file adds a file")
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            inside = path.relative_to(folder).as_posix()
            self._add(f"{name}/{inside}" if name else inside, path)

    @contextlib.contextmanager
    def new_file(self, name: str, mode: str = "x", encoding: str | None = None) -> Iterator[IO[Any]]:
        """Write a new file into it."""
        path = self._own(name)
        with open(path, mode, encoding=encoding if "b" in mode else encoding or "utf-8") as file:
            yield file
        self._add(name, path)

    def add(self, obj: Media, name: str, overwrite: bool = False) -> Entry:
        """Add a table or another medium."""
        medium = obj.medium()
        path = self._own(
            f"{name}.table.json" if isinstance(obj, Table) else f"{name}.{extension_of(medium.media_type)}"
        )
        path.write_bytes(medium.data)
        return self._add(path.relative_to(Path(self._scratch.name)).as_posix() if self._scratch else name, path)

    def add_reference(
        self, uri: Any, name: str | None = None, checksum: bool = True, max_objects: int | None = None
    ) -> None:
        """Note where something else lies; it is not fetched, and this is said once."""
        once("Artifact.add_reference", "the address is kept in the metadata, its content is not checked")
        self.metadata.setdefault("references", []).append(str(uri))

    def _add(self, name: str, path: Path) -> Entry:
        if self.source:
            raise InvalidError(
                f"artifact {self.name} is logged, it cannot change", hint="log a new one of the same name"
            )
        self._files[name] = path
        return Entry(self, name)

    def remove(self, item: Any) -> None:
        """Take a file out again."""
        self._files.pop(str(getattr(item, "path", item)), None)

    # what it is -----------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Its name, with the version once it is logged and stored."""
        return f"{self.base_name}:{self.version}" if self.source and self._version >= 0 else self.base_name

    @property
    def version(self) -> str:
        """Such as ``v0``; asked for before it is stored, it is stored first. Raises: NotFoundError."""
        if self._version < 0 and self.source:
            self.wait()
        return f"v{max(self._version, 0)}"

    @property
    def size(self) -> int:
        """Bytes."""
        if self._files:
            return sum(path.stat().st_size for path in self._files.values())
        return sum(size for _, size in self._stored())

    def save(self, **options: Any) -> None:
        """Log it to the run that is open; of a stored one, store what was changed in metadata, description and aliases."""
        if not self.source:
            need("Artifact.save()").log_artifact(self)
            return
        run_id, _, number = self.source.partition(":")
        tags: dict[str, str | None] = {f"{TAG}{self.base_name}:{number}": self._about()}
        patch = RunPatch(tags=tags)
        face.current_workspace().tracking.update_run(run_id, patch)

    def _about(self) -> str:
        found: dict[str, Any] = {"type": self.type, "aliases": self.aliases, "description": self.description}
        return json.dumps({**found, "metadata": plain(self.metadata)})

    def wait(self, timeout: int | None = None) -> Artifact:
        """Until it is stored. Raises: NotFoundError (the workspace is away)."""
        space = face.current_workspace()
        face.uploader_of(space).push()
        self._version = next(
            i for i, one in enumerate(versions(self.base_name, self._project)) if one[0] == self.source
        )
        return self

    @property
    def digest(self) -> str:
        """SHA-256 over the names and digests of its files, once it is stored. Raises: NotFoundError."""
        self.wait()
        prefix = self._prefix()
        lines = sorted(f"{one.path.removeprefix(prefix)}:{one.digest}\n" for one in self._kept())
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    @property
    def project(self) -> str:
        """The project whose runs count its versions."""
        return self._project

    @property
    def qualified_name(self) -> str:
        """Project and name with the version."""
        return f"{self._project}/{self.name}"

    @property
    def file_count(self) -> int:
        """How many files it has."""
        return len(self.files())

    def __getattr__(self, name: str) -> Any:
        raise missing("Artifact", name)

    # what comes back ------------------------------------------------------------------------------------------------

    def _prefix(self) -> str:
        return f"artifacts/{self.base_name}/{self.source.rpartition(':')[2]}/"

    def _kept(self) -> list[Kept]:
        found = face.current_workspace().tracking.get_run(self.source.partition(":")[0]).artifacts
        return [artifact for artifact in found if artifact.path.startswith(self._prefix())]

    def _stored(self) -> list[tuple[str, int]]:
        return [(artifact.path.removeprefix(self._prefix()), artifact.size) for artifact in self._kept()]

    def files(self, names: Any = None, per_page: int = 50) -> list[Entry]:
        """Its files."""
        stored = [name for name, _ in self._stored()] if self.source else list(self._files)
        return [Entry(self, name) for name in stored]

    def download(self, root: Any = None, **_: Any) -> str:
        """Write its files into a folder (``artifacts/<name>``); returns the folder."""
        folder = Path(root) if root is not None else Path("artifacts") / self.name.replace(":", "-")
        for entry in self.files():
            entry.download(folder)
        return str(folder)

    def file(self, root: Any = None) -> str:
        """The path of its only file, downloaded. Raises: InvalidError (there are several)."""
        found = self.files()
        if len(found) != 1:
            raise InvalidError(f"artifact {self.name} has {len(found)} files", hint="download() gets all")
        return found[0].download(root)

    def get_entry(self, name: str) -> Entry:
        """One of its files. Raises: NotFoundError."""
        found = next((entry for entry in self.files() if entry.path == str(name)), None)
        if found is None:
            raise NotFoundError(f"artifact {self.name} has no file {name!r}")
        return found

    get_path = get_entry

    def get(self, name: str) -> Table | None:
        """A table that was added; None if there is none of this name."""
        with contextlib.suppress(NotFoundError):
            read = json.loads(Path(self.get_entry(f"{name}.table.json").download()).read_text(encoding="utf-8"))
            return Table(read["columns"], read["data"])
        return None


class Entry:
    """A file of an artifact."""

    def __init__(self, artifact: Artifact, name: str) -> None:
        self._artifact, self.path = artifact, name

    @property
    def name(self) -> str:
        """Its path in the artifact."""
        return self.path

    def download(self, root: Any = None) -> str:
        """Write it into a folder; returns its path there."""
        of = self._artifact
        folder = Path(root) if root is not None else Path("artifacts") / of.name.replace(":", "-")
        target = folder / self.path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not of.source:
            shutil.copyfile(of._files[self.path], target)
            return str(target)
        run_id, _, number = of.source.partition(":")
        with open(target, "wb") as file:
            for piece in face.current_workspace().files.artifact(
                run_id, f"artifacts/{of.base_name}/{number}/{self.path}"
            ):
                file.write(piece)
        return str(target)


def as_artifact(given: Any, name: str, kind: str) -> Artifact:
    """An artifact as it is, or one made of a file or a folder."""
    if isinstance(given, Artifact):
        return given
    made = Artifact(name, kind)
    if Path(given).is_dir():
        made.add_dir(given)
    else:
        made.add_file(given)
    return made


def log(run: Any, artifact: Artifact, number: int, aliases: list[str]) -> None:
    """Put an artifact's files and its description into a run."""
    for name, path in artifact._files.items():
        run.log_artifact(path, f"artifacts/{artifact.base_name}/{number}/{name}")
    artifact.aliases = list(dict.fromkeys([*artifact.aliases, *aliases, "latest"]))
    run.set_tag(f"{TAG}{artifact.base_name}:{number}", artifact._about())
    run.set_tag(f"{TAG}{artifact.base_name}", artifact.type)
    artifact.source = f"{run.id}:{number}"


def versions(name: str, project: str) -> list[tuple[str, dict[str, Any]]]:
    """All versions of a name, oldest first: (source, what its tag says)."""
    space, cursor = face.current_workspace(), None
    found: list[tuple[str, dict[str, Any]]] = []
    while True:
        try:
            page = space.tracking.search_runs(
                project, f"tags.`{TAG}{name}` is not null", "created_at", limit=1000, cursor=cursor
            )
        except InvalidError:  # No run has the tag.
            return found
        for run in page.runs:
            numbers = [tag.removeprefix(f"{TAG}{name}:") for tag in run.tags if tag.startswith(f"{TAG}{name}:")]
            found += [(f"{run.id}:{n}", json.loads(run.tags[f"{TAG}{name}:{n}"])) for n in sorted(numbers, key=int)]
        cursor = page.next_cursor
        if cursor is None:
            return found


def find(reference: str, project: str) -> Artifact:
    """The artifact that ``[entity/][project/]name[:version or alias]`` means. Raises: NotFoundError."""
    place, _, rest = str(reference).rpartition("/")
    name, _, wanted = rest.partition(":")
    wanted, project = wanted or "latest", place.rpartition("/")[2] or project
    with contextlib.suppress(RunwardError):
        face.uploader_of(face.current_workspace()).push()
    known = versions(name, project)
    for number in reversed(range(len(known))):
        source, about = known[number]
        newest = wanted == "latest" and number == len(known) - 1
        if newest or wanted == f"v{number}" or (wanted != "latest" and wanted in about["aliases"]):
            found = Artifact(name, about["type"], about["description"], about["metadata"])
            found.source, found._project, found._version, found.aliases = source, project, number, about["aliases"]
            return found
    raise NotFoundError(
        f"project {project!r} has no artifact {rest!r}",
        hint=f"{name} has {len(known)} versions" if known else "log_artifact stores one",
    )
