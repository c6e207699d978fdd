"""The rules of shared libraries."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, ClassVar

import msgspec

from runward.config.merge import ValueChange
from runward.config.threeway import difference
from runward.core.call import Event, Room, Scope
from runward.core.ids import new_id
from runward.core.permissions import PERMISSIONS
from runward.errors import AlreadyExistsError, ForbiddenError, InvalidError, NotFoundError
from runward.governance.calling import Call
from runward.governance.scopes import Clause, home_team, readable_teams
from runward.knowledge import libraries_repository as sql
from runward.knowledge.libraries_api import Libraries
from runward.knowledge.libraries_model import LibraryItem, LibraryUse, NewRelease, Release
from runward.knowledge.semver import Version, check_follows, newest_of, parse_version

_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*(?:/[a-z0-9]+(?:[._-][a-z0-9]+)*)*")
_MAX_NAME, _MAX_TEXT, _MAX_DOCUMENT, _MAX_DEPTH = 120, 200_000, 1_000_000, 40


class LibrariesService(Libraries):
    """See :class:`Libraries`."""

    room: ClassVar[str] = "libraries"

    def __init__(self, call: Call) -> None:
        self.call, self.tx = call, call.tx

    def list_items(self) -> list[LibraryItem]:
        """See the contract."""
        teams = readable_teams(self.call.actor)
        return sql.items(self.tx, Clause(f"i.team_id IN {teams.sql}", teams.params), self.call.visible_projects())

    def publish(self, new: NewRelease) -> Release:
        """See the contract."""
        version = _checked(new)
        place = sql.item_place(self.tx, new.name)
        item_id = self._made(new) if place is None else place[0]
        sql.lock_item(self.tx, item_id)
        if place is not None:
            self._check_may_publish(new, place)
        before = check_follows(version, sql.versions(self.tx, item_id), new.name)
        if before is not None and not version.breaks(before):
            self._check_keeps(new, item_id, before)
        sql.insert_version(self.tx, item_id, version, new, self.call.actor.name, self.call.now_us)
        team_id = self.tx.scalar("SELECT team_id FROM library_items WHERE id = ?", (item_id,))
        data = {"title": f"{new.name} {version}", "notes": new.notes[:500]}
        self.call.publish(Event("library.published", "library", item_id, "", team_id, data))
        return sql.releases(self.tx, item_id, self.call.visible_projects(), version)[0]

    def _made(self, new: NewRelease) -> str:
        team_id = home_team(self.tx, self.call.actor, new.team)
        assert team_id is not None
        actor, item_id = self.call.actor, new_id()
        sql.insert_item(self.tx, item_id, team_id, new, (actor.member_id, actor.name), self.call.now_us)
        return item_id

    def _check_may_publish(self, new: NewRelease, place: tuple[str, str, str, str]) -> None:
        item_id, team_id, kind, owner_id = place
        role = self.call.role_on("library", item_id)
        if role is None or (new.team and home_team(self.tx, self.call.actor, new.team) != team_id):
            raise AlreadyExistsError(f"the name {new.name!r} is taken", hint="choose another name")
        if kind != new.kind:
            raise AlreadyExistsError(f"{new.name} is a {kind}, not a {new.kind}", hint="choose another name")
        if owner_id != self.call.actor.member_id and role < PERMISSIONS["library.manage"]:
            owner = self.get_item(item_id).owner
            raise ForbiddenError(
                f"{new.name} belongs to {owner}", hint=f"{owner} or a maintainer of the team publishes its versions"
            )

    def _check_keeps(self, new: NewRelease, item_id: str, before: Version) -> None:
        """What may be taken without looking must not lack what its users rely on."""
        if new.kind == "template":
            return
        old = sql.releases(self.tx, item_id, self.call.visible_projects(), before)[0].document
        if gone := [change.key for change in difference(old, new.document) if change.how == "removed"]:
            raise InvalidError(
                f"{new.name} {new.version} takes away {gone[0]!r}, on which users of {before} may rely",
                hint=f"publish it as {before.follows[1 if before.major == 0 else 2]}",
                field="version",
            )

    def _id(self, library: str) -> str:
        place = sql.item_place(self.tx, library)
        if place is None:
            raise NotFoundError(f"there is no library item {library!r}", hint="`runward library list` shows yours")
        return place[0]

    def get_item(self, library: str) -> LibraryItem:
        """See the contract."""
        where = Clause("i.id = ?", (self._id(library),))
        return sql.items(self.tx, where, self.call.visible_projects())[0]

    def list_releases(self, library: str) -> list[Release]:
        """See the contract."""
        return sql.releases(self.tx, self._id(library), self.call.visible_projects())

    def get_release(self, library: str, wish: str = "") -> Release:
        """See the contract."""
        item_id = self._id(library)
        # In an address the slashes of a name are colons; people know it with slashes.
        version = newest_of(sql.versions(self.tx, item_id), wish, library.replace(":", "/"))
        return sql.releases(self.tx, item_id, self.call.visible_projects(), version)[0]

    def compare(self, library: str, before: str, after: str) -> list[ValueChange]:
        """See the contract."""
        return difference(*(self.get_release(library, version).document for version in (before, after)))

    def uses(self, library: str, version: str = "", limit: int = 100) -> list[LibraryUse]:
        """See the contract."""
        name = self.get_item(library).name
        return sql.using(self.tx, name, version, self.call.visible_projects(), min(max(limit, 1), 1000))


def _checked(new: NewRelease) -> Version:
    if not _NAME.fullmatch(new.name) or len(new.name) > _MAX_NAME:
        raise InvalidError(
            f"the name {new.name!r:.140} is not lower-case words joined by '-', '_', '.' and '/'",
            hint="for example team/transformer-base",
            field="name",
        )
    if max(len(new.docs), len(new.notes)) > _MAX_TEXT:
        raise InvalidError(f"docs and notes have at most {_MAX_TEXT:,} characters", field="docs")
    if len(msgspec.json.encode(new.document)) > _MAX_DOCUMENT or _depth(new.document) > _MAX_DEPTH:
        raise InvalidError(
            f"the document is larger than {_MAX_DOCUMENT:,} bytes or deeper than {_MAX_DEPTH}", field="document"
        )
    if problem := _problem(new):
        raise InvalidError(problem[0], hint=problem[1], field="document")
    return parse_version(new.version)


def _depth(value: Any) -> int:
    """How deep mappings and lists are nested; JSON that came in is a tree."""
    deepest, level = 0, [value]
    while level:
        deepest += 1
        level = [part for item in level for part in _inside(item)]
    return deepest


def _inside(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _problem(new: NewRelease) -> tuple[str, str] | None:
    if not new.document:
        return "the document is empty", "give the values to share"
    if new.kind == "component" and not isinstance(new.document.get("_target_"), str):
        return "a component has no _target_", 'say what it calls: {"_target_": "package.module.function", …}'
    if new.kind == "template":
        return _template_problem(new.document.get("files"))
    return None


def _template_problem(files: Any) -> tuple[str, str] | None:
    if not isinstance(files, Mapping) or not files or not all(isinstance(text, str) for text in files.values()):
        return "a template has no files", 'give {"files": {"path": "text", …}}'
    for path in files:
        place = PurePosixPath(path)
        if place.is_absolute() or ".." in place.parts or "\\" in path or not place.parts or ".git" in place.parts:
            return f"the template's path {path!r} leads out of the folder", "use relative paths with '/'"
    return None


def _scope(call: Call, library: str) -> Scope | None:
    place = sql.item_place(call.tx, library)
    return Scope((), place[1]) if place else None


ROOM = Room(Libraries, LibrariesService, {"library": _scope}, {})
