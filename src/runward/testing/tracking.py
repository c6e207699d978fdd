"""What every backend does with projects, experiments, runs and what belongs to them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from runward.core.hashing import digest_bytes
from runward.core.ids import Digest, new_id
from runward.errors import (
    AlreadyExistsError,
    ForbiddenError,
    InvalidError,
    InvalidTransitionError,
    NotFoundError,
    StaleVersionError,
)
from runward.testing.worlds import BAD_NAMES, World, batch, name_of
from runward.tracking.model import (
    CapturePart,
    NewArtifact,
    NewExperiment,
    NewProject,
    NewRun,
    RunEnd,
    RunParam,
    RunPatch,
    RunStatus,
)
from runward.workspace import Workspace

BAD_PATHS = [
    "../up",
    "a/../b",
    "/etc/passwd",
    "a//b",
    "./a",
    "a/",
    "a\\b",
    "C:/x",
    "",
    "a\0b",
    "a\nb",
    "\u202eb",
    "x" * 2000,
]


def _code(space: Workspace, project: str, files: dict[str, str], **more: object) -> CapturePart:
    entries = [
        {"path": path, "digest": space.files.put_bytes(project, text.encode()), "size": len(text), "mode": "file"}
        for path, text in files.items()
    ]
    document = {"files": entries, "changed": [], "untracked": [], **more}
    digest = space.files.put_bytes(project, msgspec.json.encode(document))
    return CapturePart("code", digest, {"commit": "c0ffee", "branch": "main", "dirty": True})


class TrackingSuite:
    """Projects, experiments, runs, artifacts, captures, comparison."""

    # projects -------------------------------------------------------------------------------------------------------

    def test_a_project_is_made_with_its_parents(self, world: World) -> None:
        """The path is its full name; in a URL ``:`` stands for ``/``."""
        space = world.member()
        top = f"top-{new_id()}"
        made = space.tracking.create_project(NewProject(path=f"{top}/mid/leaf", team=world.team, description="d"))
        assert (made.path, made.name, made.team, made.description) == (f"{top}/mid/leaf", "leaf", world.team, "d")
        parent = space.tracking.get_project(f"{top}/mid")
        assert made.parent_id == parent.id
        assert parent.description == ""
        assert space.tracking.get_project(f"{top}:mid:leaf") == made
        assert space.tracking.get_project(made.id) == made
        assert made.created_by == name_of(space)

    def test_a_project_that_exists_is_only_taken_on_request(self, world: World) -> None:
        """``exist_ok`` gives the one that is there."""
        space = world.member()
        with pytest.raises(AlreadyExistsError) as caught:
            space.tracking.create_project(NewProject(path=world.project, team=world.team))
        assert caught.value.code == "already_exists"
        assert world.project in caught.value.message
        taken = space.tracking.create_project(NewProject(path=world.project, team=world.team, exist_ok=True))
        assert taken.path == world.project

    def test_bad_project_names_are_refused(self, world: World) -> None:
        """Every part of the path is a name, and the message quotes it."""
        space = world.member()
        for name in [*BAD_NAMES, "a:b", "/".join("x" * 40), "a//b", "/a", "a/"]:
            with pytest.raises(InvalidError, match="project path"):
                space.tracking.create_project(NewProject(path=name, team=world.team))

    def test_lists_show_only_what_one_may_see(self, world: World) -> None:
        """By path, with the number of runs; a member of another team sees none of it."""
        space = world.member("viewer")
        other = world.new_project()
        world.run(world.member())
        found = space.tracking.list_projects()
        assert [(p.path, p.runs) for p in found] == sorted([(world.project, 1), (other, 0)])
        assert world.outsider().tracking.list_projects() == []

    def test_nobody_builds_below_a_project_that_they_may_not_change(self, world: World) -> None:
        """Being a contributor elsewhere does not help, neither for a stranger nor for a viewer."""
        stranger = world.outsider("maintainer")
        with pytest.raises(AlreadyExistsError):
            stranger.tracking.create_project(NewProject(path=f"{world.project}/sub"))
        visitor = world.outsider("maintainer")
        world.owner.governance.grant(name_of(visitor), "project", world.project, "viewer")
        with pytest.raises(ForbiddenError):
            visitor.tracking.create_project(NewProject(path=f"{world.project}/sub"))

    def test_a_role_on_a_project_alone_is_enough_to_work_there(self, world: World) -> None:
        """Who may write runs in a project may also take it and make projects below it."""
        guest = world.outsider("viewer")
        world.owner.governance.grant(name_of(guest), "project", world.project, "contributor")
        assert guest.tracking.create_project(NewProject(path=world.project, exist_ok=True)).path == world.project
        made = guest.tracking.create_project(NewProject(path=f"{world.project}/below"))
        assert made.team == world.team

    def test_viewers_create_nothing(self, world: World) -> None:
        """And an unknown team does not exist."""
        viewer = world.member("viewer")
        with pytest.raises(ForbiddenError) as caught:
            viewer.tracking.create_project(NewProject(path=f"v-{new_id()}", team=world.team))
        assert "contributor" in caught.value.message
        for call in (
            lambda: viewer.tracking.create_run(NewRun(project=world.project)),
            lambda: viewer.tracking.create_experiment(NewExperiment(world.project, "e")),
            lambda: viewer.files.put_bytes(world.project, b"x"),
            lambda: viewer.tracking.missing_blobs(world.project, []),
        ):
            with pytest.raises(ForbiddenError):
                call()
        with pytest.raises(NotFoundError):
            viewer.tracking.create_project(NewProject(path=f"v-{new_id()}", team="no such team"))

    # experiments ----------------------------------------------------------------------------------------------------

    def test_an_experiment_keeps_every_version_of_its_metadata(self, world: World) -> None:
        """A change of an older version than the present one is refused."""
        space = world.member()
        made = space.tracking.create_experiment(NewExperiment(world.project, "e", "why", {"a": 1}, {"tasks": [1, 2]}))
        assert (made.metadata, made.metadata_version, made.plan) == ({"a": 1}, 1, {"tasks": [1, 2]})
        changed = space.tracking.set_metadata(made.id, {"a": 2, "b": [None, 1.5]}, version=1)
        assert changed.metadata_version == 2
        assert space.tracking.set_metadata(made.id, {"a": 2, "b": [None, 1.5]}).metadata_version == 2
        with pytest.raises(StaleVersionError) as caught:
            space.tracking.set_metadata(made.id, {"a": 3}, version=1)
        assert caught.value.code == "stale_version"
        assert space.tracking.get_experiment(made.id).metadata == {"a": 2, "b": [None, 1.5]}

    def test_an_experiment_ends(self, world: World) -> None:
        """Its runs are counted; saying the same end again changes nothing."""
        space = world.member()
        made = space.tracking.create_experiment(NewExperiment(world.project, "e"))
        space.tracking.create_run(NewRun(project=world.project, experiment_id=made.id))
        ended = space.tracking.end_experiment(made.id, RunStatus.FINISHED)
        assert (ended.status, ended.runs) == (RunStatus.FINISHED, 1)
        assert space.tracking.end_experiment(made.id, RunStatus.FINISHED).ended_at == ended.ended_at
        assert [e.id for e in space.tracking.list_experiments(world.project)] == [made.id]
        assert world.outsider().tracking.list_experiments() == []

    def test_bad_experiment_and_run_names_are_refused(self, world: World) -> None:
        """The message names the field and shows the beginning of the value; an empty run name gets one made."""
        space = world.member()
        for name in BAD_NAMES:
            with pytest.raises(InvalidError, match="experiment's name"):
                space.tracking.create_experiment(NewExperiment(world.project, name))
            if name:
                with pytest.raises(InvalidError, match="run's name"):
                    space.tracking.create_run(NewRun(project=world.project, name=name))
            run = world.run(space)
            assert run.name
            with pytest.raises(InvalidError, match="run's name"):
                space.tracking.update_run(run.id, RunPatch(name=name))
            for new in (
                NewRun(project=world.project, params=[RunParam(name, 1)]),
                NewRun(project=world.project, tags={name: "v"}),
            ):
                with pytest.raises(InvalidError, match=r"(param|tag) key"):
                    space.tracking.create_run(new)

    def test_an_experiment_of_another_project_is_not_found(self, world: World) -> None:
        """A run belongs to one project with its experiment."""
        space = world.member()
        made = space.tracking.create_experiment(NewExperiment(world.new_project(), "e"))
        with pytest.raises(NotFoundError, match="experiment"):
            space.tracking.create_run(NewRun(project=world.project, experiment_id=made.id))

    # runs -----------------------------------------------------------------------------------------------------------

    def test_a_run_carries_what_it_was_started_with(self, world: World) -> None:
        """Values keep their types, also nested; each param says where it came from."""
        space = world.member()
        values = {"i": 1, "f": 1.0, "s": "1", "t": True, "n": None, "l": [1, {"x": [2.5]}], "big": 2**63 - 1}
        params = [RunParam(key, value, "user") for key, value in values.items()]
        started = datetime(2024, 2, 29, 23, 59, 59, 123456, tzinfo=UTC)
        new = NewRun(
            project=world.project, name="n", params=params, tags={"k": "v"}, seed=3, purpose="p", started_at=started
        )
        run = space.tracking.create_run(new)
        assert run.status is RunStatus.RUNNING
        assert run.params == values
        assert {key: type(value) for key, value in run.params.items()} == {k: type(v) for k, v in values.items()}
        assert (run.name, run.tags, run.seed, run.purpose) == ("n", {"k": "v"}, 3, "p")
        assert run.started_at == started
        assert {p.origin for p in space.tracking.get_run(run.id).params} == {"user"}

    def test_starting_a_run_may_be_repeated(self, world: World) -> None:
        """With an id of the client's the call is safe to repeat; somebody else's id is taken."""
        space, other = world.member(), world.member()
        new = NewRun(project=world.project, id=new_id(), name="once")
        assert space.tracking.create_run(new) == space.tracking.create_run(new)
        assert space.tracking.search_runs(world.project).total == 1
        with pytest.raises(AlreadyExistsError):
            other.tracking.create_run(new)

    def test_a_run_is_described_better_later(self, world: World) -> None:
        """What is left out of a patch stays; None takes a tag away."""
        space = world.member()
        run = world.run(space, "old", tags={"a": "1", "b": "2"})
        found = space.tracking.update_run(run.id, RunPatch(tags={"a": None, "c": "3"}))
        assert (found.name, found.tags) == ("old", {"b": "2", "c": "3"})
        found = space.tracking.update_run(run.id, RunPatch(name="new", purpose="because"))
        assert (found.name, found.purpose, found.tags) == ("new", "because", {"b": "2", "c": "3"})
        assert found.revision > run.revision

    def test_a_run_ends_once(self, world: World) -> None:
        """The same end again changes nothing, another one is refused, and ``running`` is no end."""
        space = world.member()
        run = world.run(space)
        with pytest.raises(InvalidError, match="running"):
            space.tracking.end_run(run.id, RunEnd(RunStatus.RUNNING))
        ended = space.tracking.end_run(run.id, RunEnd(RunStatus.FAILED, 3, "boom\0"))
        assert (ended.status, ended.exit_code, ended.error) == (RunStatus.FAILED, 3, "boom␀")
        assert ended.duration_s is not None
        assert ended.duration_s >= 0
        assert space.tracking.end_run(run.id, RunEnd(RunStatus.FAILED)).ended_at == ended.ended_at
        with pytest.raises(InvalidTransitionError) as caught:
            space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED))
        assert caught.value.code == "invalid_transition"

    def test_a_run_that_is_over_is_taken_up_again(self, world: World) -> None:
        """It runs, says so in a tag and in its history, and ends anew; a running one stays as it is."""
        space = world.member()
        run = world.run(space)
        assert space.tracking.resume_run(run.id).tags == {}
        space.tracking.end_run(run.id, RunEnd(RunStatus.FAILED, 3, "boom"))
        again = space.tracking.resume_run(run.id)
        assert (again.status, again.exit_code, again.error, again.ended_at) == (RunStatus.RUNNING, None, "", None)
        assert datetime.fromisoformat(again.tags["runward.resumed"]) >= run.started_at
        assert space.tracking.resume_run(run.id) == again
        assert [entry.kind for entry in space.tracking.history(run.id)].count("run.resumed") == 1
        assert space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED, 0)).status is RunStatus.FINISHED

    def test_what_arrives_late_neither_opens_nor_ends_a_run(self, world: World) -> None:
        """A journal of before the end does not open it; an end of before the resumption does not end it."""
        space = world.member()
        run = world.run(space)
        noon = run.started_at + timedelta(hours=1)
        space.tracking.end_run(run.id, RunEnd(RunStatus.FAILED, ended_at=noon))
        assert space.tracking.resume_run(run.id, noon).status is RunStatus.FAILED
        assert space.tracking.resume_run(run.id, noon + timedelta(hours=2)).status is RunStatus.RUNNING
        late = RunEnd(RunStatus.FINISHED, ended_at=noon + timedelta(hours=1))
        assert space.tracking.end_run(run.id, late).status is RunStatus.RUNNING
        space.tracking.update_run(run.id, RunPatch(tags={"runward.resumed": "whenever"}))
        assert space.tracking.end_run(run.id, late).status is RunStatus.FINISHED

    def test_only_who_may_write_takes_a_run_up_again(self, world: World) -> None:
        """A viewer is refused; to an outsider the run is not there."""
        run = world.run(world.member())
        with pytest.raises(ForbiddenError):
            world.member("viewer").tracking.resume_run(run.id)
        with pytest.raises(NotFoundError):
            world.outsider().tracking.resume_run(run.id)

    @pytest.mark.parametrize("run_id", ["../x", "a/b", "a\\b", ".hidden", " x", "c:x", "x\ny"])
    def test_an_id_never_leads_out_of_a_folder(self, world: World, run_id: str) -> None:
        """Exports and tables name folders after runs."""
        space = world.member()
        with pytest.raises(InvalidError, match="the run's id"):
            space.tracking.create_run(NewRun(project=world.project, id=run_id))

    def test_the_id_of_a_deleted_run_stays_taken(self, world: World) -> None:
        """Nothing is written to what is out of sight; the way back is named."""
        space = world.member("maintainer")
        run = world.run(space)
        space.tracking.delete_run(run.id)
        with pytest.raises(AlreadyExistsError, match="was deleted") as caught:
            space.tracking.create_run(NewRun(project=world.project, id=run.id))
        assert "restore" in caught.value.hint

    def test_times_without_a_zone_are_refused_or_taken_as_utc(self, world: World) -> None:
        """They are no reason for the store to fail."""
        space = world.member()
        run = world.run(space)
        moment = datetime(2100, 1, 2)
        ended = space.tracking.end_run(run.id, RunEnd(RunStatus.FINISHED, ended_at=moment))
        assert ended.ended_at == moment.replace(tzinfo=UTC)

    def test_a_deleted_run_is_gone_for_everybody(self, world: World) -> None:
        """Only maintainers delete; afterwards the run does not exist."""
        maintainer, space = world.member("maintainer"), world.member()
        run = world.run(space)
        with pytest.raises(ForbiddenError):
            space.tracking.delete_run(run.id)
        maintainer.tracking.delete_run(run.id)
        for call in (
            lambda: space.tracking.get_run(run.id),
            lambda: maintainer.tracking.delete_run(run.id),
            lambda: space.tracking.append(run.id, batch(0)),
        ):
            with pytest.raises(NotFoundError):
                call()
        assert space.tracking.search_runs(world.project).total == 0

    def test_history_tells_what_happened(self, world: World) -> None:
        """Oldest first, with who did it."""
        space = world.member()
        run = world.run(space, end=RunStatus.FINISHED)
        kinds = [(entry.kind, entry.actor) for entry in space.tracking.history(run.id)]
        assert kinds[0] == ("run.started", name_of(space))
        assert "run.ended" in [kind for kind, _ in kinds]

    def test_strangers_learn_nothing_of_a_run(self, world: World) -> None:
        """Every way to it says that it does not exist, in the same words as for an id that nobody has."""
        stranger = world.outsider()
        run = world.run(world.member())
        for call in (
            stranger.tracking.get_run,
            stranger.tracking.history,
            stranger.tracking.output,
            stranger.tracking.uncommitted,
            stranger.tracking.delete_run,
            lambda run_id: stranger.tracking.series(run_id, ["x"]),
            lambda run_id: stranger.tracking.compare([run_id]),
            lambda run_id: stranger.tracking.update_run(run_id, RunPatch(name="mine")),
            lambda run_id: stranger.tracking.put_captures(run_id, []),
            lambda run_id: stranger.files.capture(run_id, "code"),
        ):
            with pytest.raises(NotFoundError) as there:
                call(run.id)
            with pytest.raises(NotFoundError) as nowhere:
                call("nosuchrun123")
            assert there.value.message.replace(run.id, "ID") == nowhere.value.message.replace("nosuchrun123", "ID")

    # bytes ----------------------------------------------------------------------------------------------------------

    def test_an_artifact_is_a_name_for_bytes(self, world: World) -> None:
        """Attached by digest, read back whole; a later file of the same name replaces it."""
        space = world.member()
        run = world.run(space)
        data = bytes(range(256)) * 5000
        for content, name in ((b"old", "plots/a b%ü.png"), (data, "plots/a b%ü.png")):
            digest = space.files.put_bytes(world.project, content)
            made = space.tracking.add_artifact(run.id, NewArtifact(name, digest))
        assert (made.size, made.media_type, made.digest) == (len(data), "image/png", digest_bytes(data))
        assert [a.path for a in space.tracking.get_run(run.id).artifacts] == ["plots/a b%ü.png"]
        assert b"".join(space.files.artifact(run.id, "plots/a b%ü.png")) == data
        assert space.files.read(run.id, digest) == data

    def test_many_files_at_once(self, world: World, tmp_path: Path) -> None:
        """Uploaded and attached together, some of them there already; one that is refused keeps all out."""
        space = world.member()
        run = world.run(space)
        contents = [
            b"",
            b"same",
            b"same",
            *(f"{world.team} {n}".encode() * n * 50 for n in range(1, 30)),
            b"z" * 300_000,
        ]
        digests, given = [digest_bytes(data) for data in contents], dict[Digest, bytes | Path]()
        for number, data in enumerate(contents):
            (tmp_path / str(number)).write_bytes(data)
            given[digests[number]] = data if number % 3 == 0 else tmp_path / str(number)
        space.files.put_bytes(world.project, contents[5])
        wanted = [NewArtifact(f"many/{number}.bin", digest) for number, digest in enumerate(digests)]
        with pytest.raises(NotFoundError, match="uploaded"):
            space.tracking.add_artifacts(run.id, wanted)
        space.files.put_files(world.project, given)
        with pytest.raises(InvalidError, match="artifact"):
            space.tracking.add_artifacts(run.id, [*wanted, NewArtifact("../x", digests[0])])
        assert space.tracking.get_run(run.id).artifacts == []
        made = space.tracking.add_artifacts(run.id, wanted)
        assert [(a.path, a.size) for a in made] == [(w.path, len(c)) for w, c in zip(wanted, contents, strict=True)]
        for artifact, data in zip(made, contents, strict=True):
            assert b"".join(space.files.artifact(run.id, artifact.path)) == data
        assert space.tracking.add_artifacts(run.id, []) == []

    def test_files_must_be_what_was_announced(self, world: World, tmp_path: Path) -> None:
        """One wrong digest among many: no file of the call can be attached."""
        space = world.member()
        (tmp_path / "a").write_bytes(world.team.encode())
        (tmp_path / "b").write_bytes(b"other")
        good, wrong = digest_bytes(world.team.encode()), Digest("1" * 64)
        with pytest.raises(InvalidError, match="announced"):
            space.files.put_files(world.project, {good: tmp_path / "a", wrong: tmp_path / "b"})
        assert space.tracking.missing_blobs(world.project, [good, wrong]) == [good, wrong]

    def test_an_artifact_stays_inside_its_run(self, world: World) -> None:
        """Absolute paths, ``..`` and what cannot be shown are refused."""
        space = world.member()
        run = world.run(space)
        digest = space.files.put_bytes(world.project, b"x")
        for path in BAD_PATHS:
            with pytest.raises(InvalidError, match="artifact"):
                space.tracking.add_artifact(run.id, NewArtifact(path, digest))

    def test_only_what_was_uploaded_to_the_project_can_be_attached(self, world: World) -> None:
        """Knowing the digest of another team's bytes gives nobody those bytes."""
        space, stranger = world.member(), world.outsider()
        secret = space.files.put_bytes(world.project, f"secret {world.team}".encode())
        theirs = stranger.tracking.create_project(NewProject(path=f"s-{new_id()}")).path
        run = stranger.tracking.create_run(NewRun(project=theirs))
        assert stranger.tracking.missing_blobs(theirs, [secret, secret]) == [secret]
        assert space.tracking.missing_blobs(world.project, [secret]) == []
        with pytest.raises(NotFoundError, match="uploaded"):
            stranger.tracking.add_artifact(run.id, NewArtifact("x", secret))
        with pytest.raises(NotFoundError):
            stranger.tracking.put_captures(run.id, [CapturePart("code", secret)])
        with pytest.raises(NotFoundError):
            stranger.files.read(run.id, secret)
        with pytest.raises(InvalidError, match="digest"):
            space.tracking.add_artifact(world.run(space).id, NewArtifact("x", "../../etc/passwd"))

    def test_captures_are_documents_and_a_few_facts(self, world: World) -> None:
        """The code's commit and branch show in lists; the document comes back as it was stored."""
        space = world.member()
        run = world.run(space)
        part = _code(space, world.project, {"train.py": "x = 1\n"})
        space.tracking.put_captures(run.id, [part])
        found = space.tracking.get_run(run.id)
        assert found.captures == [part]
        assert (found.run.commit, found.run.branch, found.run.dirty) == ("c0ffee", "main", True)
        assert digest_bytes(space.files.capture(run.id, "code")) == part.digest
        with pytest.raises(NotFoundError):
            space.files.capture(run.id, "machine")

    # comparison -----------------------------------------------------------------------------------------------------

    def test_runs_are_compared_key_by_key_and_line_by_line(self, world: World) -> None:
        """Params, metrics, environment of all; the code of the first two as a diff."""
        space = world.member()
        runs = [
            world.run(space, name, params={"lr": lr, "same": 1}, metrics={"acc": lr})
            for name, lr in (("a", 0.1), ("b", 0.2))
        ]
        facts = space.files.put_bytes(world.project, b"{}")
        for run, text in zip(runs, ("x = 1\n", "x = 2\n"), strict=True):
            environment = CapturePart("environment", facts, {"python": "3.11", "packages": {"numpy": text[4]}})
            space.tracking.put_captures(run.id, [_code(space, world.project, {"t.py": text, "u.py": ""}), environment])
        found = space.tracking.compare([runs[0].id, "b"])
        assert [run.name for run in found.runs] == ["a", "b"]
        assert {row.key: (row.values, row.differs) for row in found.params} == {
            "lr": ([0.1, 0.2], True),
            "same": ([1, 1], False),
        }
        assert [(row.key, row.values) for row in found.metrics] == [("acc", [0.1, 0.2])]
        assert {row.key: row.differs for row in found.environment} == {"packages.numpy": True, "python": False}
        assert [(change.path, change.change) for change in found.code] == [("t.py", "modified")]
        assert "-x = 1" in found.code[0].diff
        assert "+x = 2" in found.code[0].diff

    def test_what_cannot_be_compared_is_refused(self, world: World) -> None:
        """Nothing, too much, and what does not exist."""
        space = world.member()
        run = world.run(space)
        too_many: list[list[str]] = [[], [run.id] * 201]
        for refs in too_many:
            with pytest.raises(InvalidError):
                space.tracking.compare(refs)
        with pytest.raises(NotFoundError, match="nobody"):
            space.tracking.compare([run.id, "nobody"])

    def test_uncommitted_changes_are_shown(self, world: World) -> None:
        """A run without captured code has none."""
        space = world.member()
        run = world.run(space)
        assert space.tracking.uncommitted(run.id) == []

    def test_bytes_must_be_what_was_announced(self, world: World) -> None:
        """An upload under a wrong digest is refused and leaves nothing behind."""
        space = world.member()
        wrong = Digest("0" * 64)
        with pytest.raises(InvalidError, match="digest"):
            space.files._put(world.project, wrong, [b"other"])  # type: ignore[attr-defined]
        assert space.tracking.missing_blobs(world.project, [wrong]) == [wrong]
