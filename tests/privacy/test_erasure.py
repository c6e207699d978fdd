"""A person is forgotten: not one byte names them, and what was decided still stands."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runward.core.signing import public_key_of
from runward.errors import ConflictError, ForbiddenError, InvalidError, InvalidTransitionError, NotFoundError
from runward.governance.checkpoints import signing_key
from runward.governance.dispatch import Dispatcher
from runward.governance.model import NewMember
from runward.privacy import job
from runward.privacy.job import PHASES, advance_due, carry_out
from runward.privacy.model import Erasure, FileDecision, NewErasure
from runward.privacy.proofs import search_files
from runward.privacy.words import Words
from runward.repro.certificate import Envelope, Statement, verify
from runward.store.database import SqliteDatabase
from runward.tracking.compaction import compact_due
from runward.tracking.model import NewProject
from runward.workspace import FolderWorkspace, open_folder
from tests.privacy.conftest import Place, traces
from tests.privacy.planted import LOGIN, NAME, WORDS, Planted, enter, plant

REPLACE, DELETE = FileDecision("replace"), FileDecision("delete")


def ask(planted: Planted) -> Erasure:
    return planted.owner.privacy.request_erasure(NewErasure(NAME, f"{NAME} asked for it", [LOGIN]))


def erase(planted: Planted) -> Erasure:
    """From the request to the certificate; what cannot be written anew is deleted."""
    asked = ask(planted)
    files = {planted.files[name]: DELETE for name in ("model", "picture")}
    planted.second.privacy.confirm_erasure(asked.id, files, REPLACE)
    carry_out(planted.owner.dispatcher, asked.id)
    return planted.owner.privacy.get_erasure(asked.id)


def stated(folder: Path, certificate: dict[str, Any] | None) -> Statement:
    """What a certificate says, checked with the workspace's public key."""
    assert certificate is not None
    return verify(msgspec.convert(certificate, Envelope), public_key_of(signing_key(folder)))


def nothing_is_left(place: Place) -> None:
    everything = place.everything()
    assert {name: found for name, data in everything.items() if (found := traces(WORDS, data))} == {}


def all_stands(planted: Planted, done: Erasure) -> None:
    """The approval counts, the verification is of what is there, points and files are read, and the trail holds."""
    owner, name = planted.owner, done.pseudonym
    run = owner.tracking.get_run(planted.run)
    assert (run.run.created_by, run.run.name, run.run.tags[f"of/{name}"]) == (name, f"try of {name}", "1")
    assert owner.tracking.series(planted.run, [f"{name}/loss", "acc"]).series[0].values == [1.0, 0.5]
    review = owner.review.get_review(planted.review)
    assert [(vote.reviewer, vote.outdated) for vote in review.votes] == [("second", False)]
    (found,) = owner.repro.list_verifications(run_id=planted.run)
    assert (found.by, found.outdated) == (name, False)
    statement = stated(owner.dispatcher.folder, owner.repro.get_verification(found.id).certificate)
    assert statement.predicate["reissued"]["erasure"] == done.id
    named = {one.name: one.digest["blake3"] for one in statement.subject}
    assert {one.path for one in run.artifacts} == {"out/notes", "out/config", "out/windows"}
    assert {name for name in named if name != "run"} == {item.path for item in run.artifacts}
    assert all(named[item.path] == item.digest for item in run.artifacts)
    assert statement.predicate["reissued"]["removed"] == ["out/model", "out/picture"]
    assert owner.tracking.history(planted.run)[-1].kind == "run.pseudonymised"
    assert name in owner.files.read(planted.run, run.artifacts[0].digest).decode()
    assert name in owner.tracking.code_file(planted.run, "train.py").text
    manifest = owner.data.get_manifest("vision/d", owner.data.list_versions("vision/d")[0].digest)
    assert [item.path for item in manifest.files] == [f"{name}/table.csv"]
    (report,) = owner.reports.list_reports("vision")
    assert name in owner.reports.report_page(report.id)
    assert name in {
        hit.title.removeprefix("How ").removesuffix(" does it") for hit in owner.knowledge.search("How does").hits
    }
    proof = owner.governance.prove_audit()
    assert (proof.holds, proof.forgotten > 5, proof.redacted > 0) == (True, True, True)
    member = next(one for one in owner.governance.list_members() if one.id == planted.member_id)
    assert (member.name, member.display_name, member.email, member.disabled) == (name, name, "", True)


def certified(planted: Planted, done: Erasure) -> None:
    """The certificate holds offline, says what was done and that nothing was found, and names nobody."""
    statement = stated(planted.owner.dispatcher.folder, done.certificate)
    told = statement.predicate
    assert (told["pseudonym"], told["control"], told["erasure"]) == (done.pseudonym, "dual", done.id)
    assert told["removed"]["tokens"] == 1
    assert told["replaced"]["runs.created_by"] >= 1
    assert {one["place"]: one["hits"] for one in told["searched"]} == dict.fromkeys(
        [one["place"] for one in told["searched"]], 0
    )
    assert {"rows", "blobs"} <= {one["place"] for one in told["searched"]}
    assert traces(WORDS, msgspec.json.encode(statement)) == []


def test_not_one_byte_is_left_on_sqlite_and_a_folder(sqlite_place: Place) -> None:
    """Plain, UTF-16, JSON escapes and base64, in database, log, free pages, bytes, index and keys."""
    planted = plant(sqlite_place.owner.dispatcher, sqlite_place.owner)
    before = sqlite_place.everything()
    assert {word for word in WORDS if any(traces([word], data) for data in before.values())} == set(WORDS)
    done = erase(planted)
    assert done.state == "done"
    nothing_is_left(sqlite_place)
    all_stands(planted, done)
    certified(planted, done)
    # What was looked at afterwards brought nothing back.
    nothing_is_left(sqlite_place)


def test_the_search_leaves_the_locks_of_the_database_alone(sqlite_place: Place) -> None:
    """A program that comes and goes afterwards does not remove the log that this process goes on writing to."""
    owner = sqlite_place.owner
    owner.tracking.create_project(NewProject(path="before"))
    database = owner.dispatcher.database
    assert isinstance(database, SqliteDatabase)
    search_files(owner.dispatcher, Words(["somebody else"], "erased-x"), set())
    come_and_go = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); print(*c.execute({!r})); c.close()"
    ask = "SELECT path FROM projects ORDER BY path"
    for made in ("one", "two"):
        owner.tracking.create_project(NewProject(path=made))
        command = [sys.executable, "-c", come_and_go.format(ask), str(database.path)]
        assert f"('{made}',)" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_not_one_byte_is_left_in_encrypted_files(sealed_place: Place) -> None:
    """Each team's files lie under names of their own, and are written anew for those teams that have them."""
    planted = plant(sealed_place.owner.dispatcher, sealed_place.owner)
    assert sealed_place.owner.dispatcher.blobs.is_sealed
    before = sealed_place.everything()
    assert {word for word in WORDS if any(traces([word], data) for data in before.values())} == set(WORDS)
    done = erase(planted)
    assert done.state == "done"
    nothing_is_left(sealed_place)
    all_stands(planted, done)
    certified(planted, done)


@pytest.mark.slow
def test_not_one_byte_is_left_on_postgresql_and_object_storage(postgres_place: Place) -> None:
    """The server's whole data folder, with its log and what its planner keeps of frequent values."""
    planted = plant(postgres_place.owner.dispatcher, postgres_place.owner)
    done = erase(planted)
    assert done.state == "done"
    nothing_is_left(postgres_place)
    all_stands(planted, done)
    certified(planted, done)


def test_points_in_blocks_follow_too(sqlite_place: Place) -> None:
    """A run whose points were folded is read under the new name of its metric."""
    planted = plant(sqlite_place.owner.dispatcher, sqlite_place.owner)
    with planted.owner.dispatcher.database.transaction(write=True) as tx:
        # Long runs are folded; this one is told to be long.
        tx.execute("UPDATE runs SET tail = 1000 WHERE id = ?", (planted.run,))
    compact_due(planted.owner.dispatcher.database)
    done = erase(planted)
    key = f"{done.pseudonym}/loss"
    assert planted.owner.tracking.series(planted.run, [key]).series[0].values == [1.0, 0.5]


@pytest.mark.parametrize("broken", [phase for phase in PHASES if phase != "done"])
def test_an_interrupted_erasure_goes_on(sqlite_place: Place, broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it was doing when it died: the next one begins with that step again."""
    planted = plant(sqlite_place.owner.dispatcher, sqlite_place.owner)
    asked = ask(planted)
    planted.second.privacy.confirm_erasure(asked.id, None, DELETE)
    whole = job._PHASES[broken]

    def dies(step: Any) -> None:
        whole(step)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setitem(job._PHASES, broken, dies)
        with contextlib.suppress(KeyboardInterrupt):
            carry_out(planted.owner.dispatcher, asked.id)
    while advance_due(planted.owner.dispatcher):
        pass
    assert planted.owner.privacy.get_erasure(asked.id).state == "done"
    nothing_is_left(sqlite_place)
    assert planted.owner.governance.prove_audit().holds


def test_files_wait_for_a_decision(sqlite_place: Place) -> None:
    """What cannot be written anew is decided one by one; a reason is needed to keep it, and is in the certificate."""
    planted = plant(sqlite_place.owner.dispatcher, sqlite_place.owner)
    asked, model, picture = ask(planted), planted.files["model"], planted.files["picture"]
    privacy = planted.second.privacy
    privacy.confirm_erasure(asked.id, None, REPLACE)
    carry_out(planted.owner.dispatcher, asked.id)
    waiting = privacy.get_erasure(asked.id)
    assert (waiting.state, {one.digest: one.replaceable for one in waiting.waits_for}) == (
        "waiting", {model: False, picture: False},
    )  # fmt: skip
    assert all(NAME not in place for one in waiting.waits_for for place in one.places)
    with pytest.raises(InvalidError, match="without a reason"):
        privacy.decide_files(asked.id, {model: FileDecision("keep")})
    with pytest.raises(InvalidError, match="one by one"):
        privacy.decide_files(asked.id, None, FileDecision("keep", "all"))
    with pytest.raises(ForbiddenError, match="does not decide"):
        planted.owner.privacy.decide_files(asked.id, {model: DELETE})
    privacy.decide_files(asked.id, {model: FileDecision("keep", f"evidence against {NAME}"), picture: DELETE})
    carry_out(planted.owner.dispatcher, asked.id)
    done = privacy.get_erasure(asked.id)
    told = stated(planted.owner.dispatcher.folder, done.certificate).predicate
    assert told["kept"] == {model: f"evidence against {done.pseudonym}"}
    left = [name for name, data in sqlite_place.everything().items() if traces(WORDS, data)]
    assert [name for name in left if model[2:] not in name] == []
    assert len(left) == 1


# who may ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def people(sqlite_place: Place) -> Planted:
    return plant(sqlite_place.owner.dispatcher, sqlite_place.owner)


def test_nobody_erases_alone(people: Planted) -> None:
    """Who asks does not confirm, nor does the person; and what was confirmed is not confirmed again."""
    owner = enter(people.owner, "owner")
    asked = owner.privacy.request_erasure(NewErasure(NAME, "they left"))
    with pytest.raises(ForbiddenError, match="does not confirm"):
        owner.privacy.confirm_erasure(asked.id)
    with pytest.raises(ConflictError, match="under way"):
        people.second.privacy.request_erasure(NewErasure(NAME, "too"))
    people.owner.governance.grant(NAME, "workspace", "", "admin")
    with pytest.raises(ForbiddenError, match="their own erasure"):
        people.person.privacy.confirm_erasure(asked.id)
    people.second.privacy.confirm_erasure(asked.id)
    with pytest.raises(InvalidTransitionError, match="is running"):
        people.second.privacy.confirm_erasure(asked.id)
    with pytest.raises(InvalidTransitionError, match="is running"):
        people.second.privacy.withdraw_erasure(asked.id)


def test_a_request_can_be_withdrawn(people: Planted) -> None:
    """And leaves no words behind."""
    asked = ask(people)
    assert people.owner.privacy.withdraw_erasure(asked.id).state == "withdrawn"
    with people.owner.dispatcher.database.transaction(write=False) as tx:
        assert tx.scalar("SELECT words FROM erasures WHERE id = ?", (asked.id,)) == ""
    assert ask(people).state == "requested"


def test_members_without_the_permission_erase_nobody(people: Planted) -> None:
    for attempt in (
        lambda: people.person.privacy.request_erasure(NewErasure("ben", "no")),
        lambda: people.person.privacy.survey_person("ben"),
        lambda: people.person.privacy.export_person("ben"),
        people.person.privacy.list_erasures,
    ):
        with pytest.raises(ForbiddenError):
            attempt()
    with pytest.raises(NotFoundError, match="no member"):
        people.owner.privacy.request_erasure(NewErasure("nobody", "x"))


def test_the_last_admin_stays(folder_workspace: FolderWorkspace) -> None:
    """Alone in a folder one erases others by oneself, which the certificate says, and never oneself."""
    with pytest.raises(ConflictError, match="only admin"):
        folder_workspace.privacy.request_erasure(NewErasure("owner", "all"))
    folder_workspace.governance.create_member(NewMember("quentin-test"))
    asked = folder_workspace.privacy.request_erasure(NewErasure("quentin-test", "left"))
    assert folder_workspace.privacy.confirm_erasure(asked.id).control == "single"
    carry_out(folder_workspace.dispatcher, asked.id)
    assert folder_workspace.privacy.get_erasure(asked.id).state == "done"


def test_a_survey_counts_what_an_erasure_then_finds(people: Planted) -> None:
    """By table and column, with the files; and changes nothing."""
    privacy, place, rows, files, removed = people.owner.privacy, "", dict[str, int](), set[str](), dict[str, int]()
    while not removed or place:
        part = privacy.survey_person(NAME, [LOGIN], place)
        removed = removed or part.removed
        rows = {key: rows.get(key, 0) + part.rows.get(key, 0) for key in rows.keys() | part.rows.keys()}
        files |= {one.digest for one in part.files}
        place = part.place
    assert files >= set(people.files.values())
    done = erase(people)
    assert {key for key, count in done.counts.items() if "." in key and count} - rows.keys() <= {
        "audit_events.object_id",
        "segments.data",
    }
    assert removed["tokens"] == done.counts["removed:tokens"]
    with pytest.raises(InvalidError, match="never given"):
        privacy.survey_person("ben", None, "elsewhere")


def test_others_who_share_a_part_of_the_name_stay(sqlite_place: Place) -> None:
    """Erasing *ann* leaves *ann-lee*, *joanna* and planning alone."""
    space = sqlite_place.owner
    for name in ("ann", "ann-lee", "joanna", "second"):
        space.governance.create_member(NewMember(name, role="admin", team="*"))
    ann, lee = enter(space, "ann"), enter(space, "ann-lee")
    page = "planning by ann, ann-lee and joanna; @ann: /home/ann/x"
    from runward.knowledge.model import NewPage

    made = lee.knowledge.publish(NewPage(title="t", body=page))
    ann.knowledge.publish(NewPage(title="u", body="x"))
    asked = space.privacy.request_erasure(NewErasure("ann", "left"))
    enter(space, "second").privacy.confirm_erasure(asked.id, None, REPLACE)
    carry_out(space.dispatcher, asked.id)
    name = space.privacy.get_erasure(asked.id).pseudonym
    found = space.knowledge.get_page(made.id)
    assert found.body == f"planning by {name}, ann-lee and joanna; @{name}: /home/{name}/x"
    assert found.owner == "ann-lee"


def test_a_folder_is_opened_again_after_it(tmp_path: Path) -> None:
    """Nothing of the erasure is in the way of what comes next."""
    with contextlib.closing(open_folder(tmp_path, "owner")) as space:
        planted = plant(space.dispatcher, space)
        erase(planted)
    with contextlib.closing(open_folder(tmp_path, "owner")) as space:
        assert space.governance.prove_audit().holds
        assert isinstance(space.dispatcher, Dispatcher)
