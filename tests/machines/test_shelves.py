"""Datasets and pages against models of them: versions are never lost, never changed, never made twice."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from runward.core.ids import PageId
from runward.errors import NotFoundError, RunwardError
from runward.knowledge.model import NewPage
from runward.testing.data import store
from runward.testing.worlds import World
from tests.machines.conftest import Drive

_CONTENTS = st.dictionaries(st.sampled_from(["a.csv", "sub/b", "ü"]), st.sampled_from([b"", b"1", b"two"]), min_size=1)


class Datasets(RuleBasedStateMachine):
    """One dataset: contents come and go, names move."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world, self.space = world, world.member("maintainer")
        self.ref = f"{world.project}/d".replace("/", ":")
        self.versions: dict[str, dict[str, bytes]] = {}
        self.names: dict[str, str] = {}

    @rule(contents=_CONTENTS)
    def add(self, contents: dict[str, bytes]) -> None:
        found = store(self.space, self.world.project, "d", contents).digest
        assert self.versions.setdefault(found, contents) == contents
        assert [have for have in self.versions.values() if have == contents] == [contents], "the same bytes twice"

    @rule(data=st.data(), name=st.sampled_from(["gold", "train"]))
    def point(self, data: st.DataObject, name: str) -> None:
        if not self.versions:
            return
        digest = data.draw(st.sampled_from(sorted(self.versions)))
        self.space.data.set_name(self.ref, name, digest)
        self.names[name] = digest

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        if not self.versions:
            return
        digest = data.draw(st.sampled_from(sorted(self.versions)))
        try:
            self.space.data.delete_version(self.ref, digest)
        except RunwardError:
            assert digest in self.names.values() or len(self.versions) == 1
            return
        del self.versions[digest]
        self.names = {name: at for name, at in self.names.items() if at != digest}

    @invariant()
    def what_is_told_is_what_is(self) -> None:
        try:
            listed = {version.digest for version in self.space.data.list_versions(self.ref)}
        except NotFoundError:
            listed = set()
        assert listed == set(self.versions)
        for digest, contents in self.versions.items():
            files = self.space.data.get_manifest(self.ref, digest).files
            assert {file.path: file.size for file in files} == {path: len(data) for path, data in contents.items()}
        for name, digest in self.names.items():
            assert self.space.data.get_version(self.ref, name).digest == digest


class Pages(RuleBasedStateMachine):
    """Some titles in two collections, written by two members."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.people = [world.member(), world.member()]
        self.known: dict[tuple[str, str], list[str]] = {}
        self.ids: dict[tuple[str, str], PageId] = {}

    @rule(
        who=st.integers(0, 1),
        title=st.sampled_from(["Warm-up", "warm-up", "Größe"]),
        place=st.sampled_from(["", "kb/x"]),
        body=st.sampled_from(["", "Small rates.", "Ω" * 50]),
    )
    def publish(self, who: int, title: str, place: str, body: str) -> None:
        page = self.people[who].knowledge.publish(
            NewPage(team=self.world.team, title=title, repository=place, body=body)
        )
        at = (place, title)
        assert self.ids.setdefault(at, page.id) == page.id
        bodies = self.known.setdefault(at, [])
        if bodies[-1:] != [body]:
            # The same once more is no version.
            bodies.append(body)
        assert page.version == len(self.known[at])

    @invariant()
    def every_version_is_there(self) -> None:
        pages = {
            page.id: page for page in self.people[0].knowledge.list_pages(limit=1000) if page.team == self.world.team
        }
        assert set(pages) == set(self.ids.values())
        for at, bodies in self.known.items():
            assert pages[self.ids[at]].body == bodies[-1]
            told = sorted(self.people[1].knowledge.page_versions(self.ids[at]), key=lambda one: one.version)
            assert [(one.version, one.body) for one in told] == list(enumerate(bodies, 1))


def test_datasets(drive: Drive) -> None:
    """Versions added, named, deleted."""
    drive(Datasets)


def test_pages(drive: Drive) -> None:
    """Published again and again by two."""
    drive(Pages)
