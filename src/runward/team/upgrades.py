"""Experiments that were made from a template, brought to a newer version of it by a three-way merge of each file."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Literal

import msgspec

from runward.errors import InvalidError, NotFoundError
from runward.face import current_workspace
from runward.team.templates import BUILT_IN, OLDER, Made, Template, identifier_of, made_in, note_made

What = Literal["merged", "conflict", "added", "kept", "removed"]


class FileUpgrade(msgspec.Struct, frozen=True):
    """What happened to a file."""

    path: str
    what: What
    """``conflict``: both sides changed the same lines, which are marked in it; ``kept``: it is not there any more, or the
    template no longer has it and it was changed here."""


class Upgrade(msgspec.Struct, frozen=True):
    """What happened to an experiment."""

    name: str
    template: str
    before: str
    after: str
    files: list[FileUpgrade]


def find_template(name: str, wish: str = "") -> Template:
    """A template of the team's library, or the built-in one, in the newest version that a wish allows.

    Raises:
        NotFoundError: There is no such item or version.
        InvalidError: The item is no template.
    """
    if name == BUILT_IN.name:
        known = {template.version: template for template in [*OLDER, BUILT_IN]}
        if wish and wish not in known:
            raise NotFoundError(f"{name} has no version {wish!r}", hint=f"there are {', '.join(known)}")
        return known[wish or BUILT_IN.version]
    release = current_workspace().libraries.get_release(name, wish)
    if release.kind != "template":
        raise InvalidError(f"{name} is a {release.kind}, not a template", hint=f"runward library use {name}")
    return Template(name, release.version, release.document["files"])


def upgrade_experiments(folder: Path, name: str = "", wish: str = "") -> list[Upgrade]:
    """Bring experiments of a folder to a newer version of their template.

    Lines that only the template changed are taken, lines that only you changed stay; where both did, the file has both,
    marked as git marks a conflict.

    Args:
        folder: Where ``.runward-new.yaml`` is.
        name: One experiment; all by default.
        wish: The template's version; the newest by default.

    Raises:
        NotFoundError: Nothing was made here, or a template or version is not there.
        InvalidError: git is not installed.
    """
    made = made_in(folder)
    wanted = {identifier_of(name)} if name else set(made)
    if not made or wanted - set(made):
        raise NotFoundError(
            f"{folder} has no experiment {name!r} that was made from a template"
            if name
            else f"nothing was made in {folder}",
            hint=f"made here: {', '.join(made) or 'nothing'}; `runward new NAME` makes one",
        )
    return [_upgrade(folder, one, find_template(one.template, wish)) for key, one in made.items() if key in wanted]


def _upgrade(folder: Path, made: Made, new: Template) -> Upgrade:
    result = Upgrade(made.name, made.template, made.version, new.version, [])
    if made.version == new.version:
        return result
    old = find_template(made.template, made.version).filled(made.name, made.author, made.date)
    fresh = new.filled(made.name, made.author, made.date)
    for path in [*fresh, *(path for path in old if path not in fresh)]:
        what = _bring(folder / path, old.get(path), fresh.get(path))
        if what is not None:
            result.files.append(FileUpgrade(path, what))
    note_made(folder, made._replace(version=new.version))
    return result


def _bring(path: Path, old: str | None, new: str | None) -> What | None:
    """Bring one file up to date; None where nothing was to be done."""
    mine = path.read_text(encoding="utf-8") if path.is_file() else None
    if new in (old, mine):
        return None
    if mine is None:
        if old is not None:
            return "kept"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(new or "", encoding="utf-8")
        return "added"
    if new is None:
        if mine != old:
            return "kept"
        path.unlink()
        return "removed"
    merged, conflicts = merge_text(old or "", mine, new)
    path.write_text(merged, encoding="utf-8")
    return "conflict" if conflicts else "merged"


def merge_text(base: str, mine: str, new: str) -> tuple[str, int]:
    """Three texts made one, line by line, and how many conflicts are marked in it.

    Raises:
        InvalidError: git, which merges, is not installed.
    """
    git = shutil.which("git")
    if git is None:
        raise InvalidError("git is not installed, and it merges the files", hint="install git")
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("mine", "base", "new")]
        for path, text in zip(paths, (mine, base, new), strict=True):
            path.write_text(text, encoding="utf-8", newline="")
        labels = [word for label in ("yours", "template before", "template now") for word in ("-L", label)]
        command = [git, "merge-file", "-p", "--diff3", *labels, *map(str, paths)]
        done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    # The exit code is the number of conflicts, or above 127 for an error.
    if done.returncode > 127:
        raise InvalidError(f"git merge-file: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode(), done.returncode
