"""Labels: whatever is made of what, replaced, deleted and labelled in whichever order, what may be read is what a model says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from runward.core.call import Intent
from runward.core.hashing import digest_bytes
from runward.core.ids import new_id
from runward.errors import ForbiddenError, RunwardError
from runward.policy.model import LABELS, LabelName, Terms
from runward.testing.data import read_by, store
from runward.testing.worlds import World
from runward.tracking.model import NewArtifact, NewRun, RunEnd, RunStatus
from runward.tracking.organise_model import Collect
from tests.machines.conftest import Drive

_INTERNAL, _RESTRICTED = 1, 2
_PURPOSE = Intent("care")
_CONTENT = st.integers(0, 3)
_WHICH = st.integers(0, 2)
_WHO = st.sampled_from(["reader", "maker", "keeper"])
_LABEL = st.sampled_from(["public", "internal", "restricted", "personal"])


class Thing:
    """What the machine did to a run or a dataset."""

    def __init__(self, ref: str) -> None:
        self.ref = ref
        self.own, self.released, self.gone = _INTERNAL, False, False
        self.holds: dict[str, int] = {}
        """Contents by path; of a dataset, those of any of its versions by number."""
        self.reads: set[int] = set()
        self.ended = False


class Labels(RuleBasedStateMachine):
    """Three runs in the order of their making, three datasets, four contents that go through them; three people."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world, self.folder = world, Path(world.owner.place) / new_id()
        self.folder.mkdir()
        self.people = {
            "reader": world.member("viewer"),
            "maker": world.member(),
            "keeper": world.member("maintainer"),
        }
        self.contents = [f"{number} {new_id()}".encode() for number in range(4)]
        self.digests = [digest_bytes(content) for content in self.contents]
        self.people["maker"].files.put_files(world.project, dict(zip(self.digests, self.contents, strict=True)))
        # Everybody works for the one purpose that all datasets are for: which fit is the matter of another test.
        new = NewRun(project=world.project, purpose=_PURPOSE.purpose)
        self.runs = [Thing(f"run:{self.people['maker'].tracking.create_run(new).id}") for _ in range(3)]
        self.sets = [Thing("") for _ in range(3)]
        self.kept: dict[int, int] = {}
        """Labels of contents that left what restricted them."""
        # Where it goes wrong there is something that led to something: it would take long to come about by chance.
        self.version(0, {0})
        self.read(0, {0})
        self.attach(0, 1, "a")
        self.version(1, {1})
        self.read(1, {1})
        self.attach(1, 2, "a")
        self.sets[0].own = LABELS.index(self.people["maker"].policy.set_label(self.sets[0].ref, "restricted").label)

    # the model ------------------------------------------------------------------------------------------------------

    def _made_of(self, thing: Thing) -> list[Thing]:
        held = set(thing.holds.values())
        if thing in self.sets:
            return [run for run in self.runs if held & set(run.holds.values())]
        before = self.runs[: self.runs.index(thing)]
        return [
            *(one for one in self.sets if thing.reads & set(one.holds.values())),
            *(run for run in before if thing.reads & set(run.holds.values())),
        ]

    def _label(self, thing: Thing) -> int:
        """Its own, and the highest of all that led to it."""
        if thing.released:
            return thing.own
        seen, level, found = {thing.ref}, [thing], [thing.own]
        while level:
            further: list[Thing] = []
            for one in level:
                known = set(one.holds.values()) if one in self.sets else one.reads
                found += [self.kept[content] for content in known if content in self.kept]
                further += [made for made in self._made_of(one) if made.ref not in seen]
            seen |= {one.ref for one in further}
            found += [one.own for one in further]
            level = [one for one in further if not one.released]
        return max(found)

    def _let_go(self, thing: Thing, contents: set[int]) -> None:
        if (label := self._label(thing)) >= _RESTRICTED:
            self.kept |= {content: max(label, self.kept.get(content, 0)) for content in contents}

    def _may_name(self, content: int) -> bool:
        """Whether bytes may be had by their digest, under whatever name."""
        holders = [one for one in [*self.runs, *self.sets] if not one.gone and content in one.holds.values()]
        return content not in self.kept and all(self._label(one) < _RESTRICTED for one in holders)

    # what people do -------------------------------------------------------------------------------------------------

    def _id(self, thing: Thing) -> str:
        return thing.ref.partition(":")[2]

    @rule(which=_WHICH, content=_CONTENT, path=st.sampled_from(["a", "b"]))
    def attach(self, which: int, content: int, path: str) -> None:
        run = self.runs[which]
        if run.gone:
            return
        self.people["maker"].tracking.add_artifact(self._id(run), NewArtifact(path, self.digests[content]))
        if path in run.holds:
            self._let_go(run, {run.holds[path]})
        run.holds[path] = content

    @rule(which=_WHICH, contents=st.sets(_CONTENT, max_size=2))
    def read(self, which: int, contents: set[int]) -> None:
        """What is told anew adds to what was told before."""
        run = self.runs[which]
        if run.gone:
            return
        space = self.people["maker"]
        read_by(space, self._id(run), self.world.project, *(self.contents[content] for content in contents))
        run.reads |= contents

    @rule(which=_WHICH, contents=st.sets(_CONTENT, min_size=1, max_size=2))
    def version(self, which: int, contents: set[int]) -> None:
        one, space = self.sets[which], self.people["maker"]
        if one.gone:
            return
        files = {f"{content}": self.contents[content] for content in contents}
        made = store(space, self.world.project, f"d{which}", files)
        if not one.ref:
            one.ref = f"dataset:{space.data.get_dataset(made.dataset.replace('/', ':')).id}"
            self.people["keeper"].policy.set_terms(self._id(one), Terms(purposes=[_PURPOSE.purpose]))
        one.holds |= {f"{made.digest} {content}": content for content in contents}

    @rule(which=_WHICH, data=st.data())
    def delete_version(self, which: int, data: st.DataObject) -> None:
        one = self.sets[which]
        # In the order of their making: digests are others each time.
        versions = list(dict.fromkeys(key.partition(" ")[0] for key in one.holds))
        if one.gone or len(versions) < 2:
            return
        digest = data.draw(st.sampled_from(versions))
        left = {key: content for key, content in one.holds.items() if not key.startswith(digest)}
        self.people["keeper"].data.delete_version(self._id(one), digest)
        # Its label is looked at while what it holds is still there.
        self._let_go(one, set(one.holds.values()) - set(left.values()))
        one.holds = left

    @rule(which=_WHICH)
    def delete_dataset(self, which: int) -> None:
        one = self.sets[which]
        if one.gone or not one.ref:
            return
        self.people["keeper"].data.delete_dataset(self._id(one))
        self._let_go(one, set(one.holds.values()))
        one.gone, one.holds, one.own = True, {}, _INTERNAL

    @rule(which=_WHICH)
    def set_aside(self, which: int) -> None:
        """By a rule of retention, from all runs that are over."""
        over = self.runs[which]
        if not (over.ended or over.gone):
            self.world.owner.tracking.end_run(self._id(over), RunEnd(RunStatus.FINISHED))
            over.ended = True
        keeper = self.people["keeper"]
        keeper.privacy.set_retention(self.world.project, "artifacts", 0)
        self.world.owner.privacy.apply_retention()
        keeper.privacy.remove_retention(self.world.project, "artifacts")
        for run in self.runs:
            if run.ended and not run.gone:
                self._let_go(run, set(run.holds.values()))
        for run in self.runs:
            run.holds = {} if run.ended else run.holds

    @rule(which=_WHICH)
    def collect(self, which: int) -> None:
        run = self.runs[which]
        if run.gone:
            return
        self.people["keeper"].tracking.delete_run(self._id(run))
        while self.world.owner.organise.collect_garbage(Collect(grace_days=0)).more:
            pass
        self._let_go(run, set(run.holds.values()))
        run.gone, run.holds, run.reads, run.own, run.released = True, {}, set(), _INTERNAL, False

    @rule(data=st.data(), who=_WHO, label=_LABEL, reason=st.booleans(), release=st.booleans())
    def label(self, data: st.DataObject, who: str, label: LabelName, reason: bool, release: bool) -> None:
        there = [one for one in [*self.runs, *self.sets] if one.ref and not one.gone]
        if not there:
            return
        thing = data.draw(st.sampled_from(there))
        number = LABELS.index(label)
        needs_more = number < thing.own or release
        allowed = who == "keeper" or (who == "maker" and not needs_more)
        try:
            self.people[who].policy.set_label(thing.ref, label, "because" if reason else "", release=release)
        except RunwardError:
            assert not allowed or (needs_more and not reason)
            return
        assert allowed
        assert reason or not needs_more
        thing.own, thing.released = number, release

    # what holds -----------------------------------------------------------------------------------------------------

    @invariant()
    def each_label_is_the_highest_of_what_led_to_it(self) -> None:
        for thing in [*self.runs, *self.sets]:
            if thing.ref and not thing.gone:
                assert self.people["reader"].policy.get_label(thing.ref).label == LABELS[self._label(thing)]

    @invariant()
    def who_only_reads_reads_what_is_not_restricted(self) -> None:
        self._compare("reader")

    @rule(who=_WHO)
    def what_may_be_read_is_what_can_be_read(self, who: str) -> None:
        self._compare(who)

    def _compare(self, who: str) -> None:
        space, may = self.people[who], who == "keeper"
        alive = [run for run in self.runs if not run.gone]
        for run in alive:
            for path, content in run.holds.items():
                found = _is_read(lambda of, at: b"".join(space.files.artifact(of, at)), self._id(run), path)
                assert found == (may or (self._label(run) < _RESTRICTED and self._may_name(content)))
        for content, digest in enumerate(self.digests):
            if alive:
                assert _is_read(space.files.read, self._id(alive[0]), digest) == (may or self._may_name(content))
        for one in self.sets:
            for content in sorted(set(one.holds.values())):
                wanted = [(self.digests[content], self.folder / new_id())]
                found = _is_read(space.data_files.fetch, self._id(one), wanted, "copy", _PURPOSE)
                assert found == (may or self._label(one) < _RESTRICTED)


def _is_read(read: Callable[..., object], *arguments: object) -> bool:
    try:
        read(*arguments)
    except ForbiddenError:
        return False
    return True


def test_labels(drive: Drive) -> None:
    """Made, read, replaced, versions deleted, set aside, collected, labelled by three people, released."""
    drive(Labels)
