"""The team's shared configurations in code and in files: take a version, publish one, bring one's own copy up to date."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from runward.config.buildable import is_buildable
from runward.config.serialise import to_plain
from runward.config.settings import Settings, library_tags
from runward.config.threeway import Merged, merge3
from runward.config.yaml12 import dump, load
from runward.errors import InvalidError, NotFoundError, RunwardError
from runward.face import current_workspace
from runward.knowledge.libraries_model import Kind, NewRelease, Release
from runward.knowledge.semver import newest_of, parse_version
from runward.tracking.client import open_runs
from runward.workspace import Workspace

_HEAD = re.compile(r"# runward library (\S+) (\d+\.\d+\.\d+)")


def use_library(name: str, wish: str = "", **changes: Any) -> Settings:
    """A shared configuration in the newest version that a wish allows, as parameters that know where they came from.

    ::

        model = run.use_library("team/transformer-base", "^1.2", dropout=0.2)
        run.start(params={"model": model, "lr": 0.1})

    A run whose params, or a task whose configuration has it inside, records the version, and counts as a use of it. So does
    a run that is open here when this is called. Nothing is imported: a component's ``_target_`` is resolved when it is run.
    What was used once can be used again while the server is away.

    Args:
        name: Such as ``team/transformer-base``.
        wish: ``1.2.0``, ``1.2``, ``^1.2`` (below 2.0.0), ``~1.2.0`` (below 1.3.0); the newest of all by default.
        changes: Values of your own; they count as given to the run.

    Raises:
        NotFoundError: There is no such item or version.
        InvalidError: The wish is not understood, or the item is a template.
    """
    release = _find(current_workspace(), name, wish)
    if release.kind == "template":
        raise InvalidError(f"{name} is a template", hint=f"write its files: runward new NAME --template {name}")
    settings = _settings(release.document, release)
    settings.update(changes)
    for active in open_runs()[-1:]:
        for key, version in library_tags(settings).items():
            active.set_tag(key, version)
    return settings


def publish_library(
    name: str, config: Any, version: str, *, docs: str = "", notes: str = "", kind: Kind = "config", team: str = ""
) -> Release:
    """Publish a version of a shared configuration; the first one makes the item.

    Args:
        name: Lower-case words with ``/``.
        config: A mapping, a dataclass such as SharedModelConfig, or a Config or Partial, which becomes a component.
        version: ``MAJOR.MINOR.PATCH``; it has to follow one that is there.
        docs: What it is for, in Markdown.
        notes: What is new.
        kind: ``config``, ``component`` or ``template``.
        team: Whose; your first one by default.

    Raises:
        InvalidError: The number does not follow, or the configuration has no plain form.
        AlreadyExistsError: The version is there: it never changes.
        ForbiddenError: You are neither its owner nor a maintainer of its team.
    """
    if is_buildable(config):
        kind = "component"
    elif is_dataclass(config) and not isinstance(config, type):
        config = asdict(config)
    document = to_plain(dict(config) if isinstance(config, Mapping) else config)
    if not isinstance(document, dict):
        raise InvalidError(f"a shared configuration is a mapping, got {config!r:.80}")
    new = NewRelease(name=name, version=version, document=document, docs=docs, notes=notes, kind=kind, team=team)
    return current_workspace().libraries.publish(new)


def _find(space: Workspace, name: str, wish: str) -> Release:
    """The release, from the server or, while that is away, from those that were used here before."""
    folder = space.state_dir / "cache" / "libraries" / name.replace("/", ":")
    try:
        release = space.libraries.get_release(name, wish)
    except RunwardError as error:
        kept = {parse_version(path.stem): path for path in folder.glob("*.json")} if error.retryable else {}
        if not kept:
            raise
        return msgspec.json.decode(kept[newest_of(kept, wish, name)].read_bytes(), type=Release)
    if space.is_remote:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{release.version}.json").write_bytes(msgspec.json.encode(release))
    return release


def _settings(values: Mapping[str, Any], release: Release) -> Settings:
    said = f"library {release.name} {release.version}"
    return Settings(values, dict.fromkeys(Settings(values, {}).origins, said), {release.name: release.version})


# copies in files -------------------------------------------------------------------------------------------------------


class Copy(NamedTuple):
    """One's own copy of a shared configuration, and what it was copied from."""

    name: str
    version: str
    values: dict[str, Any]


def write_copy(path: Path, release: Release, values: Mapping[str, Any]) -> None:
    """Write a copy as YAML; its first line says which version it comes from."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"# runward library {release.name} {release.version}\n{dump(dict(values))}", encoding="utf-8")


def read_copy(path: Path) -> Copy:
    """Read a copy. Raises: NotFoundError (no file), InvalidError (its first line names no library, or it is no mapping)."""
    if not path.is_file():
        raise NotFoundError(f"there is no file {str(path)!r}")
    text = path.read_text(encoding="utf-8")
    match, values = _HEAD.match(text), load(text)
    if match is None or not isinstance(values, dict):
        raise InvalidError(
            f"{path} is no copy of a shared configuration",
            hint="its first line would be '# runward library NAME VERSION'; `runward library use` writes one",
        )
    return Copy(match[1], match[2], values)


def load_settings(path: str | Path) -> Settings:
    """Parameters of a YAML file that `runward library use` wrote, with what was changed in it told from what is shared.

    Raises:
        NotFoundError: There is no such file or version.
        InvalidError: The file is no such copy.
    """
    copy = read_copy(Path(path))
    release = _find(current_workspace(), copy.name, copy.version)
    shared = _settings(release.document, release)
    shared.clear()
    shared.update(copy.values)
    changed = f"file {Path(path).name}"
    origins = {key: changed if origin == "run" else origin for key, origin in shared.origins.items()}
    return Settings(copy.values, origins, {copy.name: copy.version})


class Upgraded(msgspec.Struct, frozen=True):
    """What bringing a copy up to date did, or would do."""

    name: str
    before: str
    after: str
    merged: Merged
    written: bool


def upgrade_copy(path: Path, wish: str = "", prefer: Literal["", "mine", "new"] = "") -> Upgraded:
    """Bring a copy to a newer version by three-way merge of the version it came from, the copy, and the new version.

    With conflicts nothing is written, unless they are decided by ``prefer``.

    Raises:
        NotFoundError: There is no such file or version.
        InvalidError: The file is no copy.
    """
    copy, libraries = read_copy(path), current_workspace().libraries
    base, new = libraries.get_release(copy.name, copy.version), libraries.get_release(copy.name, wish)
    merged = merge3(base.document, copy.values, new.document, prefer)
    if written := not merged.conflicts and new.version != copy.version:
        write_copy(path, new, merged.values)
    return Upgraded(copy.name, copy.version, new.version, merged, written)


def template_files(folder: Path) -> Iterator[tuple[str, str]]:
    """(path, text) of a folder's files, for a template. Raises: InvalidError (no text, or no files)."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and ".git" not in path.parts]
    if not found:
        raise InvalidError(f"{folder} has no files", hint="give a folder with the template's files")
    for path in found:
        try:
            yield path.relative_to(folder).as_posix(), path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise InvalidError(f"{path} is no UTF-8 text", hint="templates have text files only") from error
