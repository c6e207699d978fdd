"""The engine for all tools: batches, resume, dry run, cleaning; acts on a source that lies in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runward.core.clock import from_us
from runward.core.hashing import digest_file
from runward.core.ids import Digest
from runward.errors import NotFoundError, StoreError
from runward.interop.imports import engine
from runward.interop.imports.engine import Options, import_runs
from runward.interop.imports.model import Broken, Distant, File, Foreign, Head, Report, version_of
from runward.interop.imports.opening import open_source
from runward.tracking.intake_model import ForeignRun, Taken
from runward.tracking.model import NewProject, NewRun, RunPatch, RunStatus
from runward.tracking.organise_model import BulkEdit
from runward.workspace import FolderWorkspace, Workspace
from tests.interop.imports.conftest import by_name, points


class Memory:
    """A source whose runs are given; counts what is read."""

    tool = "memory"
    where = "memory:"

    def __init__(self, *runs: Foreign | Broken) -> None:
        self.runs, self.lost, self.reads = list(runs), Counter[str](), 0

    def heads(self) -> Iterator[Head | Broken]:
        yield from (run.head if isinstance(run, Foreign) else run for run in self.runs)

    def read(self, heads: Sequence[Head]) -> Iterator[Foreign | Broken]:
        self.reads += len(heads)
        yield from (run for run in self.runs if run.head in heads)


def foreign(name: str, *values: float, place: str = "p", key: str = "loss", **more: Any) -> Foreign:
    more.setdefault("series", {})
    run = Foreign(
        head=Head(name, name, place, version_of(name, repr(values), repr(more))),
        name=name,
        status=RunStatus.FINISHED,
        started_at=from_us(1_000_000),
        ended_at=from_us(2_000_000),
        **more,
    )
    for step, value in enumerate(values):
        run.add(key, step, 1.5, value)
    return run


def counts(report: Report) -> tuple[int, int, int]:
    return report.created, report.updated, report.unchanged


class Flaky:
    """A workspace whose intake breaks off at a call."""

    def __init__(self, space: Workspace, at: int) -> None:
        self._space, self._left, self.intake = space, at, self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._space if hasattr(self._space, name) else self._space.intake, name)

    def import_runs(self, project: str, runs: list[ForeignRun]) -> list[Taken]:
        self._left -= 1
        if self._left < 0:
            raise StoreError("the server is away")
        return self._space.intake.import_runs(project, runs)


def test_an_interrupted_import_continues(space: FolderWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was stored is not read again."""
    monkeypatch.setattr(engine, "BATCH_RUNS", 3)
    source = Memory(*(foreign(f"r{n}", 1.0) for n in range(10)))
    with pytest.raises(StoreError):
        import_runs(Flaky(space, 2), source, Options())  # type: ignore[arg-type]
    assert len(by_name(space)) == 6
    source.reads = 0
    assert counts(import_runs(space, source, Options())) == (4, 0, 6)
    assert (source.reads, len(by_name(space))) == (4, 10)


def test_a_run_with_many_points_goes_in_pieces(space: FolderWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """And counts as imported with the last one: an interrupted one is taken anew, without a point twice."""
    monkeypatch.setattr(engine, "BATCH_POINTS", 100)
    run = foreign("big", *map(float, range(250)))
    for step in range(30):
        run.add("acc", step, 1.5, -1.0)
    calls: list[int] = []
    append = space.tracking.append

    def breaking(run_id: str, batch: Any) -> Any:
        calls.append(batch.first)
        if calls == [1, 2]:
            raise StoreError("away")
        return append(run_id, batch)

    monkeypatch.setattr(space.tracking, "append", breaking, raising=False)
    with pytest.raises(StoreError):
        import_runs(space, Memory(run), Options())
    assert by_name(space)["big"].metrics["loss"].n < 250
    assert counts(import_runs(space, Memory(run), Options())) == (0, 1, 0)
    found = by_name(space)["big"]
    assert [bits[0] for bits in points(space, found.id, "loss")] == list(range(250))
    assert (found.metrics["loss"].n, found.metrics["acc"].n) == (250, 30)
    assert counts(import_runs(space, Memory(run), Options())) == (0, 0, 1)


def test_a_run_that_was_moved_or_deleted_here_is_found(space: FolderWorkspace) -> None:
    """A moved run is updated where it is; a deleted one stays deleted."""
    import_runs(space, Memory(foreign("a", 1.0), foreign("b", 1.0)), Options())
    space.tracking.create_project(NewProject(path="elsewhere"))
    runs = by_name(space)
    space.organise.edit_runs("p", BulkEdit(run_ids=[runs["a"].id], move_to="elsewhere"))
    space.tracking.delete_run(runs["b"].id)
    report = import_runs(space, Memory(foreign("a", 1.0, 2.0), foreign("b", 1.0, 2.0)), Options())
    assert (counts(report), report.deleted) == ((0, 1, 0), 1)
    assert {name: (run.project, run.metrics["loss"].n) for name, run in by_name(space).items()} == {
        "a": ("elsewhere", 2)
    }


def test_two_destinations_are_two_imports(space: FolderWorkspace) -> None:
    """The destination is part of a run's identity, also after its project got another name."""
    source = Memory(foreign("a", 1.0))
    assert counts(import_runs(space, source, Options("one"))) == (1, 0, 0)
    assert counts(import_runs(space, source, Options("two"))) == (1, 0, 0)
    space.organise.move_project("one", "first")
    assert counts(import_runs(space, source, Options("first"))) == (0, 0, 1)
    assert sorted(run.project for run in space.tracking.search_runs().runs) == ["first/p", "two/p"]


def test_an_id_that_began_its_life_here_is_left_alone(space: FolderWorkspace) -> None:
    """A store of MLflow may hold runs that were recorded here: they come as other runs."""
    run_id = "0123456789abcdef" * 2
    space.tracking.create_project(NewProject(path="p"))
    space.tracking.create_run(NewRun(project="p", id=run_id, name="native"))
    source = Memory(foreign(run_id, 1.0))
    source.tool = "mlflow"
    assert counts(import_runs(space, source, Options())) == (1, 0, 0)
    assert counts(import_runs(space, source, Options())) == (0, 0, 1)
    assert space.tracking.get_run(run_id).run.metrics == {}


def test_a_dry_run_knows_what_is_there(space: FolderWorkspace) -> None:
    one, two = foreign("a", 1.0), foreign("b", 1.0, 2.0, files=[File("x", b"123")])
    import_runs(space, Memory(one), Options("here"))
    report = import_runs(space, Memory(one, two, Broken(Head("c", "", "", ""), "cut")), Options("here", dry_run=True))
    assert (counts(report), report.points, report.files, report.bytes) == ((1, 0, 1), 2, 1, 3)
    assert [problem.run for problem in report.problems] == ["c"]
    assert list(by_name(space)) == ["a"]
    assert counts(import_runs(space, Memory(one), Options("nowhere", dry_run=True))) == (1, 0, 0)
    with pytest.raises(NotFoundError):
        space.tracking.get_project("nowhere")


def test_secrets_and_impossible_names(space: FolderWorkspace) -> None:
    """Secrets are masked in params, tags and output; names that cannot be stored are changed, and both are counted."""
    token = "ghp_" + "a1B2" * 9
    run = foreign(
        "bad\u202ename",
        1.0,
        key="lo\nss",
        place="/Users/x:y/../z",
        params={
            "token": "hush",
            "note": f"uses {token}",
            "max_tokens": 5,
            "deep": {"password": "hush", "n": [1, "\0"]},
        },
        tags={"url": "https://ann:secret@host/", "empty": ""},
        files=[File("../../etc/passwd", b"x"), File("a\\b:c", b"y")],
        error="half \ud800 pair",
    )
    report = import_runs(space, Memory(run), Options())
    assert report.problems == []
    (found,) = space.tracking.search_runs().runs
    assert (found.name, found.project, list(found.metrics)) == (
        "bad�name",
        "Users/x-y/z",
        ["lo�ss"],
    )
    assert found.params == {
        "token": "[redacted:param]",
        "note": "uses [redacted:github-token]",
        "max_tokens": 5,
        "deep": {"password": "[redacted:param]", "n": [1, "␀"]},
    }
    assert found.tags["url"] == "https://[redacted:url-password]@host/"
    assert (report.redacted, report.renamed > 0, found.error) == (4, True, "half ? pair")
    assert {a.path for a in space.tracking.get_run(found.id).artifacts} == {"etc/passwd", "a/b:c"}


def test_a_file_that_vanished_costs_only_its_run(space: FolderWorkspace, tmp_path: Path) -> None:
    gone = foreign("gone", 1.0, files=[File("x", tmp_path / "nothing")])
    distant = foreign("distant", 1.0, files=[File("y", Distant(3, lambda: iter([b"1", b"23"])))])
    report = import_runs(space, Memory(gone, distant), Options())
    assert (report.created, [problem.run for problem in report.problems]) == (1, ["gone"])
    run = by_name(space)["distant"]
    assert b"".join(space.files.artifact(run.id, "y")) == b"123"


def test_a_file_that_changes_meanwhile_costs_only_its_run(
    space: FolderWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes that are stored are those whose digest was taken, or the run says so."""
    for name in ("still", "busy"):
        (tmp_path / name).write_text(name)

    def digest_then_change(path: Path) -> Digest:
        found = digest_file(path)
        if path.name == "busy":
            path.write_text(f"{path.read_text()} and more")
        return found

    monkeypatch.setattr(engine, "digest_file", digest_then_change)
    runs = [foreign(name, 1.0, files=[File("x", tmp_path / name)]) for name in ("still", "busy")]
    report = import_runs(space, Memory(*runs, foreign("gone", 1.0, files=[File("x", tmp_path / "none")])), Options())
    problems = {problem.run: problem.message for problem in report.problems}
    assert problems.keys() == {"busy", "gone"}
    assert "changed while they were read" in problems["busy"]
    assert set(by_name(space)) == {"still"}


def test_what_was_added_here_stays(space: FolderWorkspace) -> None:
    import_runs(space, Memory(foreign("a", 1.0, tags={"theirs": "1"})), Options())
    run = by_name(space)["a"]
    space.tracking.update_run(run.id, RunPatch(tags={"mine": "1"}, purpose="ours"))
    import_runs(space, Memory(foreign("a", 2.0, tags={"theirs": "2"})), Options())
    found = by_name(space)["a"]
    assert (found.tags["mine"], found.tags["theirs"]) == ("1", "2")


def test_an_archived_project_takes_no_imports(space: FolderWorkspace) -> None:
    space.tracking.create_project(NewProject(path="p"))
    space.organise.archive_project("p")
    with pytest.raises(Exception, match="archived"):
        import_runs(space, Memory(foreign("a", 1.0)), Options())


def test_unknown_tools_and_places_are_said(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there is nothing at"):
        open_source("mlflow", str(tmp_path / "no.db"))
    with pytest.raises(ValueError, match="tool 'excel' is not known"):
        open_source("excel", str(tmp_path))


def test_reports_are_plain_data(space: FolderWorkspace) -> None:
    """The command prints them as JSON."""
    report = import_runs(space, Memory(foreign("a", 1.0)), Options())
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report
