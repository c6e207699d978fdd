"""What every backend does with labels, terms, and the look for personal data."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest

from runward.core.call import Intent
from runward.core.clock import utc_now
from runward.core.hashing import digest_bytes
from runward.core.ids import new_id
from runward.data.model import ColumnDoc
from runward.errors import ForbiddenError, InvalidError, NotFoundError
from runward.insights.model import Block, NewReport
from runward.knowledge.model import NewPage, Situation
from runward.policy.model import LabelName, Terms
from runward.policy.tablescan import MAX_FILE
from runward.registry.model import NewModel, NewVersion
from runward.review.model import Proposal
from runward.testing.data import read_by, store
from runward.testing.worlds import World
from runward.tracking.model import (
    Batch,
    CapturePart,
    NewArtifact,
    NewRun,
    OutputChunk,
    RunEnd,
    RunParam,
    RunStatus,
)
from runward.tracking.organise_model import Collect
from runward.workspace import Workspace


def _dataset(world: World, space: Workspace, content: bytes, label: LabelName = "restricted") -> str:
    """A labelled dataset of one file; its id."""
    made = store(space, world.project, f"d-{new_id()}", {"a.csv": content})
    found = space.data.get_dataset(made.dataset.replace("/", ":"))
    space.policy.set_label(f"dataset:{found.id}", label)
    return found.id


def _reader(world: World, space: Workspace, content: bytes, purpose: str = "") -> str:
    """A run that read a content and made an artifact, which is returned with its id before it."""
    run = space.tracking.create_run(NewRun(project=world.project, purpose=purpose))
    read_by(space, run.id, world.project, content)
    return run.id


def _made(world: World, space: Workspace, run_id: str, content: bytes) -> None:
    digest = space.files.put_bytes(world.project, content)
    space.tracking.add_artifact(
        run_id, NewArtifact(path="out.bin", digest=digest, media_type="application/octet-stream")
    )


class PolicySuite:
    """Labels along lineage, what is restricted, purposes, scans."""

    def test_a_thing_is_internal_until_somebody_says_otherwise(self, world: World) -> None:
        """Each kind of thing by its id; who only reads sees the label and sets none."""
        space = world.member()
        run = world.run(space)
        model = space.registry.create_model(NewModel(name=f"m-{new_id()}", team=world.team))
        page = space.knowledge.publish(NewPage(title=f"t {new_id()}", body="text", team=world.team))
        for thing in (f"run:{run.id}", f"model:{model.name}", f"page:{page.id}"):
            found = space.policy.get_label(thing)
            assert (found.label, found.own, found.because) == ("internal", None, [])
        labelled = space.policy.set_label(f"run:{run.id}", "restricted", "salaries in its plots")
        assert (labelled.label, labelled.own, labelled.reason) == ("restricted", "restricted", "salaries in its plots")
        assert labelled.set_at is not None
        viewer = world.member("viewer")
        assert viewer.policy.get_label(f"run:{run.id}").label == "restricted"
        with pytest.raises(ForbiddenError):
            viewer.policy.set_label(f"run:{run.id}", "public")
        for wrong in ("run:nosuchrun0000", "dataset:no:such", "team:x", "run", "run:", ""):
            with pytest.raises((NotFoundError, InvalidError)):
                space.policy.get_label(wrong or "x")
        with pytest.raises(NotFoundError):
            world.outsider().policy.get_label(f"run:{run.id}")

    def test_what_is_made_of_something_carries_its_label(self, world: World) -> None:
        """Over runs, their artifacts, datasets made of those, and models; what was made before too, and nothing else."""
        space, first, second = world.member(), new_id().encode(), new_id().encode()
        run = _reader(world, space, first)
        _made(world, space, run, second)
        follower = _reader(world, space, second)
        model = space.registry.create_model(NewModel(name=f"m-{new_id()}", team=world.team))
        space.registry.create_version(model.name, NewVersion(run_id=follower, source=f"runs:/{follower}/model"))
        derived = store(space, world.project, f"d-{new_id()}", {"b": second})
        aside = _reader(world, space, new_id().encode())
        dataset = _dataset(world, space, first, "personal")
        things = [
            f"run:{run}",
            f"run:{follower}",
            f"model:{model.name}",
            f"dataset:{derived.dataset.replace('/', ':')}",
        ]
        for thing in things:
            found = space.policy.get_label(thing)
            assert (found.label, found.own) == ("personal", None)
            assert [(source.kind, source.id, source.label) for source in found.because] == [
                ("dataset", dataset, "personal")
            ]
        assert space.policy.get_label(f"run:{aside}").label == "internal"
        with pytest.raises(InvalidError, match="reason is empty"):
            world.owner.policy.set_label(f"run:{run}", "internal", release=True)
        with pytest.raises(ForbiddenError):
            space.policy.set_label(f"run:{run}", "internal", "sums only", release=True)
        released = world.owner.policy.set_label(f"run:{run}", "internal", "sums only", release=True)
        assert (released.label, released.released) == ("internal", True)
        # What came of it comes of nothing restricted any more.
        assert space.policy.get_label(f"run:{follower}").label == "internal"
        assert space.policy.get_label(f"model:{model.name}").label == "internal"

    def test_a_lower_label_needs_a_reason_and_the_right(self, world: World) -> None:
        """A higher one needs neither."""
        space = world.member()
        thing = f"run:{world.run(space).id}"
        space.policy.set_label(thing, "restricted")
        with pytest.raises(InvalidError, match="reason"):
            space.policy.set_label(thing, "internal")
        with pytest.raises(ForbiddenError):
            space.policy.set_label(thing, "internal", "no more")
        assert world.member("maintainer").policy.set_label(thing, "internal", "no more").label == "internal"
        with pytest.raises(InvalidError, match="reason"):
            space.policy.set_label(thing, "public")

    def test_what_is_restricted_is_read_by_who_may_and_noted(self, world: World, tmp_path: Path) -> None:
        """A dataset's bytes, a run's artifacts, also by digest through another run; pages; refusals are noted too."""
        space, content, made = world.member(), new_id().encode(), new_id().encode()
        dataset = _dataset(world, space, content)
        run = _reader(world, space, content)
        _made(world, space, run, made)
        other = world.run(space).id
        page = space.knowledge.publish(NewPage(title=f"t {new_id()}", body="secret body", team=world.team))
        space.policy.set_label(f"page:{page.id}", "restricted")
        wanted = [(digest_bytes(content), tmp_path / "a")]
        with pytest.raises(ForbiddenError, match="restricted"):
            space.data_files.fetch(dataset, wanted, "copy")
        with pytest.raises(ForbiddenError, match="made of dataset"):
            b"".join(space.files.artifact(run, "out.bin"))
        with pytest.raises(ForbiddenError):
            space.files.read(other, digest_bytes(made))
        with pytest.raises(ForbiddenError, match="made of dataset"):
            space.tracking.output(run)
        with pytest.raises(ForbiddenError):
            space.knowledge.get_page(page.id)
        maintainer = world.member("maintainer")
        maintainer.data_files.fetch(dataset, wanted, "copy")
        assert (tmp_path / "a").read_bytes() == content
        assert b"".join(maintainer.files.artifact(run, "out.bin")) == made
        assert maintainer.tracking.output(run).chunks == []
        assert maintainer.knowledge.get_page(page.id).body == "secret body"
        shown = world.owner.governance.audit(operation="data.read_restricted", limit=1000).events
        noted = {(event.actor, event.object_id, event.outcome) for event in shown}
        mine, theirs = space.governance.whoami().name, maintainer.governance.whoami().name
        assert noted >= {(mine, dataset, "forbidden"), (mine, run, "forbidden"), (mine, page.id, "forbidden")}
        assert noted >= {(theirs, dataset, "ok"), (theirs, run, "ok"), (theirs, page.id, "ok")}

    def test_restricted_bytes_are_not_had_under_another_name(self, world: World) -> None:
        """As a file or a captured document of a run of one's own, however many runs name them."""
        space, thief = world.member("maintainer"), world.member()
        content, made = new_id().encode(), b'{"files": ["%s"]}' % new_id().encode()
        dataset = _dataset(world, space, content)
        run = _reader(world, space, content)
        _made(world, space, run, made)
        for data in (content, made):
            digest = digest_bytes(data)
            own = thief.tracking.create_run(NewRun(project=world.project)).id
            thief.tracking.add_artifact(own, NewArtifact("mine", digest))
            with pytest.raises(ForbiddenError, match="restricted"):
                b"".join(thief.files.artifact(own, "mine"))
            with pytest.raises(ForbiddenError, match="restricted"):
                thief.files.read(own, digest)
        thief.tracking.put_captures(own, [CapturePart("machine", digest_bytes(made), {})])
        with pytest.raises(ForbiddenError, match="restricted"):
            thief.files.capture(own, "machine")
        for _ in range(220):
            more = thief.tracking.create_run(NewRun(project=world.project)).id
            thief.tracking.add_artifact(more, NewArtifact("mine", digest_bytes(made)))
        with pytest.raises(ForbiddenError, match="restricted"):
            thief.files.read(more, digest_bytes(made))
        assert space.files.read(more, digest_bytes(made)) == made
        assert space.policy.get_label(f"dataset:{dataset}").label == "restricted"

    def test_code_that_is_shown_is_none_that_is_restricted(self, world: World) -> None:
        """A captured document names bytes, and anybody who works in the project writes one."""
        space, thief, content = world.member("maintainer"), world.member(), b"rows = %s" % new_id().encode()
        dataset = _dataset(world, space, content, "internal")
        entry = {"path": "a.py", "digest": digest_bytes(content), "mode": "file", "size": len(content)}
        code = thief.files.put_bytes(world.project, msgspec.json.encode({"files": [entry], "untracked": ["a.py"]}))
        own = thief.tracking.create_run(NewRun(project=world.project)).id
        thief.tracking.put_captures(own, [CapturePart("code", code, {})])
        assert content.decode() in str(thief.tracking.code_file(own, "a.py"))
        assert content.decode() in str(thief.tracking.uncommitted(own))
        space.policy.set_label(f"dataset:{dataset}", "restricted")
        assert content.decode() not in str(thief.tracking.code_file(own, "a.py"))
        assert content.decode() not in str(thief.tracking.uncommitted(own))

    def test_who_changes_what_was_made_of_what_frees_nothing(self, world: World, tmp_path: Path) -> None:
        """Files that are replaced, reads that are told anew: what was restricted by them stays so."""
        space, thief = world.member("maintainer"), world.member()
        content, made = new_id().encode(), new_id().encode()
        dataset = _dataset(world, space, content, "personal")
        run = _reader(world, space, content)
        _made(world, space, run, made)
        derived = store(space, world.project, f"d-{new_id()}", {"b": made}).dataset.replace("/", ":")
        read_by(thief, run, world.project)
        with pytest.raises(ForbiddenError, match="made of dataset"):
            b"".join(thief.files.artifact(run, "out.bin"))
        _made(world, thief, run, b"harmless")
        with pytest.raises(ForbiddenError, match=f"made of run {space.tracking.get_run(run).run.name}"):
            thief.data_files.fetch(derived, [(digest_bytes(made), tmp_path / "a")], "copy")
        with pytest.raises(ForbiddenError, match="personal"):
            thief.files.read(world.run(thief).id, digest_bytes(made))
        found = space.policy.get_label(f"dataset:{derived}")
        assert [(one.kind, one.id, one.label) for one in found.because] == [("run", run, "personal")]
        assert dataset in {one.id for one in space.policy.get_label(f"run:{run}").because}

    def test_what_was_made_of_something_that_is_gone_stays_restricted(self, world: World, tmp_path: Path) -> None:
        """Deleted datasets, versions and runs, collected and set aside: only a release ends what they were."""
        space, reader = world.member("maintainer"), world.member()
        content, newer, made, other = (new_id().encode() for _ in range(4))
        name = f"d-{new_id()}"
        gone = store(space, world.project, name, {"a": content}).digest
        store(space, world.project, name, {"a": newer})
        dataset = f"{world.project}/{name}".replace("/", ":")
        space.policy.set_label(f"dataset:{dataset}", "restricted")
        space.policy.set_terms(dataset, Terms(purposes=["care"]))
        first, second = _reader(world, space, content), _reader(world, space, newer)
        _made(world, space, first, made)
        _made(world, space, second, other)
        derived = store(space, world.project, f"d-{new_id()}", {"b": made}).dataset.replace("/", ":")

        def is_closed() -> bool:
            wanted = [(digest_bytes(made), tmp_path / new_id())]
            with pytest.raises(ForbiddenError, match="restricted"):
                reader.data_files.fetch(derived, wanted, "copy")
            with pytest.raises(ForbiddenError, match="restricted"):
                b"".join(reader.files.artifact(second, "out.bin"))
            return True

        space.data.delete_version(dataset, gone)
        assert is_closed()
        space.data.delete_dataset(dataset)
        assert is_closed()
        space.tracking.end_run(first, RunEnd(RunStatus.FINISHED))
        space.privacy.set_retention(world.project, "artifacts", 0)
        world.owner.privacy.apply_retention()
        space.privacy.remove_retention(world.project, "artifacts")
        assert is_closed()
        space.tracking.delete_run(first)
        while world.owner.organise.collect_garbage(Collect(grace_days=0)).more:
            pass
        assert is_closed()
        space.policy.set_label(f"dataset:{derived}", "internal", "sums only", release=True)
        reader.data_files.fetch(derived, [(digest_bytes(made), tmp_path / "b")], "copy")

    def test_a_page_that_is_handed_on_leaves_restricted_pictures_out(self, world: World) -> None:
        """A report is seen by all who see its project, and its link by anybody."""
        space, reader, word = world.member("maintainer"), world.member("viewer"), new_id()
        run = world.run(space)
        digest = space.files.put_bytes(world.project, word.encode())
        space.tracking.add_artifact(run.id, NewArtifact("media/note/0.txt", digest, "text/plain"))
        blocks = [Block("media", run_ids=[run.id])]
        report = space.reports.create_report(NewReport(project=world.project, title=f"t {new_id()}", blocks=blocks))
        assert word in reader.reports.report_page(report.id)
        space.policy.set_label(f"run:{run.id}", "restricted")
        for asker in (reader, space):
            assert word not in asker.reports.report_page(report.id)

    def test_an_example_of_a_model_is_no_way_to_restricted_bytes(self, world: World) -> None:
        """What a version's files say of it is told to all who see the model."""
        space, thief, row = world.member("maintainer"), world.member(), f'{{"row": "{new_id()}"}}'.encode()
        _dataset(world, space, row)
        own = thief.tracking.create_run(NewRun(project=world.project)).id
        said = thief.files.put_bytes(
            world.project, b"saved_input_example_info:\n  artifact_path: e.json\nsignature:\n  inputs: '[]'\n"
        )
        files = [NewArtifact("model/MLmodel", said), NewArtifact("model/e.json", digest_bytes(row))]
        thief.tracking.add_artifacts(own, files)
        model = thief.registry.create_model(NewModel(name=f"m-{new_id()}", team=world.team)).name
        thief.registry.create_version(model, NewVersion(run_id=own, source=f"runs:/{own}/model"))
        assert row.decode()[9:-2] not in str(thief.registry.get_version(model, 1))

    def test_a_restricted_page_is_found_by_its_title_only(self, world: World) -> None:
        """Neither lists nor advice nor the search tell its words, to nobody; all of it is there again once it may be."""
        space, maintainer, word = world.member(), world.member("maintainer"), f"w{new_id()}"
        title = f"Salaries {new_id()}"
        new = NewPage(title=title, body=f"They are {word} high", tags=["pay"], code_example="x = 1", team=world.team)
        page = space.knowledge.publish(new)
        assert [hit.id for hit in space.knowledge.search(word).hits] == [page.id]
        space.policy.set_label(f"page:{page.id}", "personal")
        for reader in (space, maintainer):
            assert reader.knowledge.search(word).hits == []
            (hit,) = reader.knowledge.search(title).hits
            assert word not in hit.snippet
            (listed,) = [one for one in reader.knowledge.list_pages(limit=1000) if one.id == page.id]
            assert (listed.title, listed.body, listed.code_example, listed.withheld) == (title, "", "", True)
            advised = reader.knowledge.recommend(Situation(text=title, limit=50))
            assert word not in str(advised)
        proposed = maintainer.review.propose(
            world.project, Proposal(page=msgspec.structs.replace(new, body="Now otherwise"))
        )
        assert word not in str(space.review.get_review(proposed.review.id))
        maintainer.policy.set_label(f"page:{page.id}", "internal", "counts only")
        assert [hit.id for hit in space.knowledge.search(word).hits] == [page.id]

    def test_a_run_on_restricted_data_needs_a_matching_purpose(self, world: World) -> None:
        """In any case of letters; without terms nothing fits. The gate asks whatever the project's standards say."""
        space, content = world.member(), new_id().encode()
        dataset = _dataset(world, space, content)
        runs = {purpose: _reader(world, space, content, purpose) for purpose in ("", "Fraud detection", "advertising")}

        def verdicts() -> dict[str, str]:
            found = {}
            for purpose, run_id in runs.items():
                report = space.review.evaluate_gates(run_id)
                (gate,) = [one for one in report.results if one.name == "data use"]
                found[purpose] = f"{gate.verdict}: {' '.join(item.message for item in gate.evidence)}"
            return found

        assert all(said.startswith("fail") and "names no purpose" in said for said in verdicts().values())
        terms = Terms(
            purposes=["fraud  detection", "fraud detection "], legal_basis="contract", expires_on=date(2999, 1, 1)
        )
        with pytest.raises(ForbiddenError):
            space.policy.set_terms(dataset, terms)
        assert world.owner.policy.set_terms(dataset, terms).terms == terms
        found = verdicts()
        assert found["Fraud detection"] == "pass: "
        assert found[""].startswith("fail: ")
        assert "gives no purpose" in found[""]
        assert found["advertising"].startswith("fail: ")
        assert "'advertising'" in found["advertising"]
        plain = space.review.evaluate_gates(world.run(space).id)
        assert "data use" not in [one.name for one in plain.results]

    def test_terms_that_ended_end_the_reading(self, world: World, tmp_path: Path) -> None:
        """For everybody, until who may read restricted data renews them."""
        space, content = world.owner, new_id().encode()
        dataset = _dataset(world, space, content)
        yesterday = utc_now().date() - timedelta(days=1)
        space.policy.set_terms(dataset, Terms(purposes=["x"], expires_on=yesterday))
        with pytest.raises(ForbiddenError, match="terms have ended"):
            space.data_files.fetch(dataset, [(digest_bytes(content), tmp_path / "a")], "copy")
        run = _reader(world, space, content, "x")
        (gate,) = [one for one in space.review.evaluate_gates(run).results if one.name == "data use"]
        assert "ended" in gate.evidence[0].message
        space.policy.set_terms(dataset, Terms(purposes=["x"], expires_on=utc_now().date() + timedelta(days=1)))
        space.data_files.fetch(dataset, [(digest_bytes(content), tmp_path / "a")], "copy", Intent("x"))
        events = world.owner.governance.audit(object_id=dataset, operation="data.read_restricted").events
        assert [event.outcome for event in events] == ["ok", "forbidden"]

    @pytest.mark.parametrize(
        "wrong",
        [Terms(purposes=[""]), Terms(purposes=["x" * 3000]), Terms(purposes=["x"] * 51), Terms(legal_basis="x" * 3000)],
    )
    def test_wrong_terms_are_refused(self, world: World, wrong: Terms) -> None:
        """And change nothing."""
        dataset = _dataset(world, world.owner, new_id().encode())
        with pytest.raises(InvalidError):
            world.owner.policy.set_terms(dataset, wrong)
        assert world.owner.policy.get_label(f"dataset:{dataset}").terms is None

    def test_obvious_personal_data_are_found(self, world: World) -> None:
        """In params, tags, output and a dataset's columns; examples are masked, and ordinary numbers are left alone."""
        space = world.member()
        params = [RunParam("owner", "ann.lee@example.org"), RunParam("lr", 0.001), RunParam("seed", "4111111111111112")]
        run = space.tracking.create_run(
            NewRun(project=world.project, params=params, tags={"iban": "DE89 3704 0044 0532 0130 00"})
        )
        text = "card 4111 1111 1111 1111, ip 8.8.8.8 and 10.0.0.1, ssn 123-45-6789, call +49 30 1234567\nstep 1234567890123 loss 0.31\n"
        batch = Batch("c", 0, 1, output=[OutputChunk("stdout", text, 1.7e9)], end=RunEnd(RunStatus.FINISHED))
        space.tracking.append(run.id, batch)
        found = space.policy.scan(f"run:{run.id}")
        kinds = {(one.place, one.kind): one for one in found.findings}
        assert set(kinds) == {
            ("param owner", "email"), ("tag iban", "iban"), ("output", "card"), ("output", "ip"),
            ("output", "national id"), ("output", "phone"),
        }  # fmt: skip
        assert kinds["param owner", "email"].example == "an…rg"
        assert "ann.lee" not in str(found)
        made = store(space, world.project, f"d-{new_id()}", {"a.csv": b"email\nx\n"})
        name = made.dataset.replace("/", ":")
        columns = [
            ColumnDoc(table="a.csv", column="mail", pii="email"),
            ColumnDoc(table="a.csv", column="n", description="to bob@example.org"),
        ]
        space.data.set_dictionary(name, made.digest, columns)
        listed = {(one.place, one.kind) for one in space.policy.scan(f"dataset:{name}").findings}
        assert listed == {("column a.csv:mail", "email"), ("column a.csv:n", "email")}
        model = space.registry.create_model(NewModel(name=f"m-{new_id()}", team=world.team))
        with pytest.raises(InvalidError, match="only runs and datasets"):
            space.policy.scan(f"model:{model.name}")

    def test_tables_are_looked_through(self, world: World) -> None:
        """Of a dataset and among a run's artifacts: by column, without being described first; ids are no cards by chance."""
        space = world.member()
        rows = [f"{4000000000000000 + n * 7919},row {n},x" for n in range(200)]
        text = "id,note,contact\n" + "\n".join(rows) + '\n1,"two\nlines",zoe@example.org\n'
        lines = '{"ip": "8.8.8.8", "n": 1}\nnot json\n[1]\n{"ip": "9.9.9.9", "card": "4111 1111 1111 1111"}\n'
        contents = {"a.csv": text.encode(), "b.jsonl": lines.encode(), "c.parquet": b"PAR1", "d.txt": b"e@example.org"}
        contents["empty.csv"] = b""
        made = store(space, world.project, f"d-{new_id()}", contents)
        name = made.dataset.replace("/", ":")
        found = space.policy.scan(f"dataset:{name}")
        assert {(one.place, one.kind, one.count) for one in found.findings} == {
            ("column a.csv:contact", "email", 1),
            ("column b.jsonl:card", "card", 1),
            ("column b.jsonl:ip", "ip", 2),
        }
        read = sum(len(contents[path]) for path in ("a.csv", "b.jsonl"))
        assert found.looked_at[-1] == f"{read:,} bytes of 3 table(s); 1 table(s) were not read, one is c.parquet"
        run = world.run(space)
        digest = space.files.put_bytes(world.project, text.encode())
        space.tracking.add_artifact(run.id, NewArtifact(path="people.csv", digest=digest, media_type="text/csv"))
        (one,) = space.policy.scan(f"run:{run.id}").findings
        assert (one.place, one.kind, one.example) == ("column people.csv:contact", "email", "zo…rg")

    def test_a_look_shows_nothing_of_what_is_restricted(self, world: World) -> None:
        """That something is there is told to everybody who sees the thing; an example to who may read it."""
        space, maintainer = world.member(), world.member("maintainer")
        made = store(space, world.project, f"d-{new_id()}", {"a.csv": b"contact\nzoe@example.org\n"})
        name = f"dataset:{made.dataset.replace('/', ':')}"
        space.policy.set_label(name, "personal")
        assert [(one.kind, one.example) for one in space.policy.scan(name).findings] == [("email", "withheld")]
        assert [(one.kind, one.example) for one in maintainer.policy.scan(name).findings] == [("email", "zo…rg")]

    def test_a_look_ends(self, world: World) -> None:
        """At the beginning of a large table, whose last line may be half of one."""
        space = world.member()
        line = b"nobody here,1\n"
        large = b"who,n\n" + line * (MAX_FILE // len(line)) + b"late@example.org,1\n"
        made = store(space, world.project, f"d-{new_id()}", {"a.csv": large})
        found = space.policy.scan(f"dataset:{made.dataset.replace('/', ':')}")
        assert found.findings == []
        assert found.looked_at[-1] == f"{MAX_FILE:,} bytes of 1 table(s)"
