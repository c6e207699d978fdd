"""What every backend answers when runs are searched, paged and named."""

from __future__ import annotations

import math
import re

import pytest

from runward.errors import InvalidError, NotFoundError
from runward.testing.worlds import World, batch
from runward.tracking.model import NewExperiment, NewRun, RunEnd, RunParam, RunPatch, RunStatus
from runward.tracking.organise_model import BulkEdit
from runward.workspace import Workspace

_QUERIES = {
    "metrics.loss < 0.3": "b",
    "metrics.loss <= 0.25": "b",
    "metrics.loss > 0.5": "c inf",
    "metrics.loss >= 0.5": "a c inf",
    "metrics.loss = 0.25": "b",
    "metrics.loss == 0.25": "b",
    "metrics.loss != 0.25": "a c inf",
    "metrics.loss in (0.25, 0.5)": "a b",
    "metrics.loss < inf": "a b c",
    "metrics.loss = nan": "nan",
    "metrics.loss in ('NaN', 0.25)": "b nan",
    "metrics.loss != NaN": "a b c inf",
    "seed = 7 and metrics.loss = nan": "",
    "params.long = 9007199254740993": "a",
    "params.long = 9007199254740992": "b",
    "params.long != 9007199254740993": "b",
    "params.long in (9007199254740993, 1)": "a",
    "metrics.loss.min < 0.3": "b",
    "metrics.loss.best < 0.3": "b",
    "metrics.`val loss`.best < 1": "a",
    "metrics.loss.n = 1": "a b c inf nan",
    "metrics.loss is null": "bare",
    "metrics.loss is not null": "a b c inf nan",
    "params.lr = 0.1": "a b",
    "params.lr = 1e-1": "a b",
    "params.lr > 0.05 and metrics.loss < 0.3": "b",
    "params.lr = 0.01 or metrics.loss = 0.25": "b c",
    "params.optimizer = 'adam'": "a c",
    "params.optimizer like 'ad%'": "a c",
    "params.optimizer like '%M'": "a c",
    "params.optimizer in ('sgd', 'lion')": "b",
    "params.flag = true": "a",
    "params.flag = false": "b",
    'tags.team = "vision"': "a b",
    "tags.team like 'VIS%'": "a b",
    "not tags.team = 'vision'": "c inf nan bare",
    "not (tags.team = 'vision' or metrics.loss > 0.5)": "nan bare",
    "status = 'failed'": "c",
    "name in ('a', 'bare')": "a bare",
    "name like 'n%'": "nan",
    "name != 'a' and name != 'b'": "c inf nan bare",
    "seed = 7": "b",
    "seed is null": "a c inf nan bare",
    "experiment = 'sweep one'": "a",
    "metadata.stage.name = 'tune'": "a",
    "metrics.`val loss` < 1": "a",
    "created_at > '2001-01-01'": "a b c inf nan bare",
    'created_at < "2001-01-01T12:00Z"': "",
    "ended_at is not null": "c",
    "duration_s >= 0": "c",
    "purpose = 'to see, \"quoted\"'": "a",
    "purpose is null": "b c inf nan bare",
    "purpose is not null": "a",
    "branch is null": "a b c inf nan bare",
    "experiment is null": "b c inf nan bare",
    "": "a b c inf nan bare",
}


def _fill(world: World, space: Workspace) -> None:
    experiment = space.tracking.create_experiment(
        NewExperiment(world.project, "sweep one", metadata={"stage": {"name": "tune"}})
    )
    runs: dict[str, tuple[dict[str, float], dict[str, object], dict[str, str]]] = {
        "a": (
            {"loss": 0.5, "val loss": 0.6, "depth": 3.0},
            {"lr": 0.1, "optimizer": "adam", "flag": True, "long": 2**53 + 1},
            {"team": "vision"},
        ),
        "b": ({"loss": 0.25}, {"lr": 0.1, "optimizer": "sgd", "flag": False, "long": 2**53}, {"team": "vision"}),
        "c": ({"loss": 0.75}, {"lr": 0.01, "optimizer": "adam"}, {"team": "speech"}),
        "inf": ({"loss": math.inf}, {}, {}),
        "nan": ({"loss": math.nan}, {}, {}),
        "bare": ({}, {}, {}),
    }
    for name, (metrics, params, tags) in runs.items():
        run = space.tracking.create_run(
            NewRun(
                project=world.project,
                name=name,
                params=[RunParam(key, value) for key, value in params.items()],
                tags=tags,
                seed=7 if name == "b" else None,
                experiment_id=experiment.id if name == "a" else None,
                purpose='to see, "quoted"' if name == "a" else "",
            )
        )
        space.tracking.append(run.id, batch(0, {key: [(0, value)] for key, value in metrics.items()}))
        if name == "c":
            space.tracking.end_run(run.id, RunEnd(RunStatus.FAILED))


def _names(space: Workspace, where: str = "", sort: str = "", project: str = "") -> list[str]:
    return [run.name for run in space.tracking.search_runs(project, where, sort).runs]


class SearchSuite:
    """``search_runs``, ``resolve_run``, ``known_keys``."""

    def test_every_operator_finds_what_it_says(self, world: World) -> None:
        """Each query against six runs; a run without the value matches neither a comparison nor its opposite."""
        space = world.member()
        _fill(world, space)
        found = {where: " ".join(sorted(_names(space, where))) for where in _QUERIES}
        assert found == {where: " ".join(sorted(names.split())) for where, names in _QUERIES.items()}

    def test_sorting_by_any_field_puts_missing_values_last(self, world: World) -> None:
        """In both directions; equal values stay newest first."""
        space = world.member()
        _fill(world, space)
        assert _names(space, sort="metrics.loss")[:4] == ["b", "a", "c", "inf"]
        assert _names(space, sort="-metrics.loss")[:4] == ["inf", "c", "a", "b"]
        assert _names(space, sort="-params.lr, metrics.loss")[:3] == ["b", "a", "c"]
        assert _names(space, sort="name") == ["a", "b", "bare", "c", "inf", "nan"]
        assert _names(space) == ["bare", "nan", "inf", "c", "b", "a"]

    @pytest.mark.parametrize(
        ("where", "pointed", "hint"),
        [
            ("metrics.los < 1", "metrics.los", "metrics.loss"),
            ("params.learning = 1", "params.learning", "params.lr"),
            ("stauts = 'failed'", "stauts", "status"),
            ("metrics.depth.best > 1", "metrics.depth.best", "metrics.depth.max"),
            ("metrics.loss", "", "one of"),
            ("metrics.loss < ", "", "quotes"),
            ("metrics.loss < 1 metrics.loss > 0", "metrics.loss", "'and'"),
            ("seed = 'x'", "'x'", ""),
            ("seed = true", "true", ""),
            ("metrics.loss in (1, abc)", "abc", ""),
            ("metrics.loss < nan", "nan", "!="),
            ("status = 'runing'", "'runing'", "running, finished"),
            ("seed like '7%'", "seed", ""),
            ("metrics.loss like '0%'", "metrics.loss", ""),
            ("created_at > 'yesterday'", "'yesterday'", "2026"),
            ("metrics.loss < 1 ; drop table runs", ";", ""),
            ("name = 'open", "'", "close it"),
            ("(name = 'a'", "", ""),
            ("name in 'a'", "'a'", ""),
            ("name is 5", "5", ""),
        ],
    )
    def test_an_error_points_at_the_word_that_is_wrong(self, world: World, where: str, pointed: str, hint: str) -> None:
        """The message repeats the query with a mark under the word, and the hint offers what exists."""
        space = world.member()
        _fill(world, space)
        with pytest.raises(InvalidError) as caught:
            space.tracking.search_runs(where=where)
        assert caught.value.code == "invalid"
        _, query, pointer = caught.value.message.split("\n")
        assert query.strip() == where.strip()
        marked = where[len(pointer) - len(pointer.lstrip()) - 2 :][: pointer.count("^")]
        assert marked == pointed if pointed else pointer.count("^") == 1
        assert hint in caught.value.hint

    @pytest.mark.parametrize(
        "where",
        [
            "order by " + "name, " * 11,
            "(" * 5000,
            "not " * 3000 + "name = 'a'",
            " and ".join(["name = 'a'"] * 500),
            "x" * 30_000,
        ],
    )
    def test_queries_without_measure_are_refused(self, world: World, where: str) -> None:
        """Neither the parser nor the database is brought down by a long query."""
        with pytest.raises(InvalidError):
            world.member().tracking.search_runs(where=where)

    def test_values_are_never_sql(self, world: World) -> None:
        """Quotes, percent signs and question marks in a value are only text."""
        space = world.member()
        for name in ("it's", "100%", "a?b", 'say "hi"', "x'; DROP TABLE runs; --"):
            world.run(space, name)
            quoted = name.replace("\\", "\\\\").replace('"', '\\"')
            assert _names(space, f'name = "{quoted}"') == [name]

    def test_paging_visits_every_run_once_with_an_exact_total(self, world: World) -> None:
        """Also when a page is the last one exactly."""
        space = world.member()
        made = {world.run(space, f"r{i}").id for i in range(7)}
        seen: list[str] = []
        cursor = None
        while True:
            page = space.tracking.search_runs(world.project, sort="name", limit=3, cursor=cursor)
            assert page.total == 7
            seen += [run.id for run in page.runs]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert len(seen) == 7
        assert set(seen) == made
        assert space.tracking.search_runs(world.project, limit=7).next_cursor is None

    def test_pages_stay_in_step_while_runs_arrive(self, world: World) -> None:
        """A cursor names a row: what comes in before it is not seen twice, also among equal and missing values."""
        space = world.member()
        for number in range(9):
            run = world.run(space, f"r{number}")
            if number % 3:
                space.tracking.append(run.id, batch(0, {"loss": [(0, number % 2)]}))
        for sort in ("metrics.loss", "-metrics.loss", "", "-created_by, name"):
            first = space.tracking.search_runs(world.project, "not name = 'late'", sort, limit=2)
            world.run(space, "late")
            seen, cursor = [run.name for run in first.runs], first.next_cursor
            while cursor:
                page = space.tracking.search_runs(world.project, "not name = 'late'", sort, limit=2, cursor=cursor)
                assert page.total == 9
                seen += [run.name for run in page.runs]
                cursor = page.next_cursor
            whole = space.tracking.search_runs(world.project, "not name = 'late'", sort)
            assert seen == [run.name for run in whole.runs]

    def test_short_pages_of_many_matches_are_the_long_page_in_pieces(self, world: World) -> None:
        """Among many matches a short page is looked for at the head of the order; equal and missing values included."""
        space = world.member()
        for number in range(64):
            run = world.run(space, f"r{number:02d}", params={"keep": number % 4})
            if number % 16:
                space.tracking.append(run.id, batch(0, {"loss": [(0, number % 5)], "late": [(0, number)]}))
        for where in ("params.keep >= 1", "metrics.late >= 20", "metrics.loss > 2 and params.keep < 3"):
            for sort in ("metrics.loss", "-metrics.loss", "-metrics.late", "metrics.late, name"):
                whole = space.tracking.search_runs(world.project, where, sort)
                seen, cursor = list[str](), None
                while len(seen) < whole.total:
                    page = space.tracking.search_runs(world.project, where, sort, limit=1, cursor=cursor)
                    assert page.total == whole.total
                    seen += [run.name for run in page.runs]
                    cursor = page.next_cursor
                assert seen == [run.name for run in whole.runs]

    def test_totals_leave_out_what_is_out_of_sight(self, world: World) -> None:
        """Deleted and archived runs, and those of other projects with the same keys, count nowhere."""
        space, other = world.owner, world.new_project(world.project)
        runs = [world.run(space, f"r{i:02d}", params={"keep": i % 2}, metrics={"loss": i}) for i in range(48)]
        shown = {run.name for run in runs if run.params["keep"]}

        def check(project: str = world.project) -> None:
            for where in ("params.keep = 1", "metrics.loss >= 0 and params.keep = 1"):
                for sort in ("-metrics.loss", "name", ""):
                    page = space.tracking.search_runs(project, where, sort, limit=1)
                    whole = space.tracking.search_runs(project, where, sort)
                    assert (page.total, whole.total) == (len(shown), len(shown))
                    assert {run.name for run in whole.runs} == shown
                    assert page.runs == whole.runs[:1]

        check()
        space.tracking.delete_run(runs[1].id)
        space.organise.edit_runs(world.project, BulkEdit(run_ids=[runs[3].id, runs[5].id], archive=True))
        shown -= {"r01", "r03", "r05"}
        check()
        space.organise.edit_runs(world.project, BulkEdit(run_ids=[runs[7].id, runs[9].id], move_to=other))
        check()
        space.organise.archive_project(other)
        shown -= {"r07", "r09"}
        check()
        shown = {"r07", "r09"}
        check(other)

    def test_the_order_may_stand_in_the_query(self, world: World) -> None:
        """`order by` takes what the sort takes, alone or after a condition; twice is refused."""
        space = world.member()
        _fill(world, space)
        assert _names(space, "metrics.loss < 1 order by -metrics.loss") == ["c", "a", "b"]
        assert _names(space, "metrics.loss < 1 ORDER BY params.lr desc, metrics.loss") == ["b", "a", "c"]
        assert _names(space, "order by metrics.`val loss` asc, name")[0] == "a"
        with pytest.raises(InvalidError, match="twice"):
            space.tracking.search_runs(where="order by name", sort="name")
        for wrong in ("order by", "name = 'a' order by", "order by name sideways", "order by nothing"):
            with pytest.raises(InvalidError):
                space.tracking.search_runs(where=wrong)

    def test_times_may_be_given_back_from_now(self, world: World) -> None:
        """`-7d` is seven days ago; it is a time and nothing else."""
        space = world.member()
        world.run(space, "now")
        assert _names(space, "created_at > -1h") == ["now"]
        assert _names(space, "created_at < -1h or created_at > -2w") == ["now"]
        assert _names(space, "created_at < -0.5d") == []
        with pytest.raises(InvalidError, match="time"):
            space.tracking.search_runs(where="seed > -7d")

    def test_values_of_any_length_are_told_apart(self, world: World) -> None:
        """Indexes hold their beginning only."""
        space = world.member()
        for end in "ab":
            run = world.run(space, end)
            value = "".join(chr(0x4E00 + (i * 7919) % 20_000) for i in range(5000)) + end
            space.tracking.update_run(run.id, RunPatch(tags={"long": value, "edge": "x" * 99 + end}))
        assert _names(space, f"tags.long = '{value}'") == ["b"]
        assert _names(space, f"tags.edge = '{'x' * 99}a'") == ["a"]
        assert _names(space, f"tags.edge in ('{'x' * 99}', '{'x' * 100}')") == []

    def test_a_cursor_belongs_to_its_search(self, world: World) -> None:
        """With another order it would mean another row."""
        space = world.member()
        for number in range(3):
            world.run(space, f"r{number}")
        cursor = space.tracking.search_runs(world.project, sort="name", limit=1).next_cursor
        assert cursor is not None
        with pytest.raises(InvalidError, match="cursor"):
            space.tracking.search_runs(world.project, sort="-name", limit=1, cursor=cursor)

    def test_a_cursor_that_no_page_gave_is_refused(self, world: World) -> None:
        """The message shows it and says how to begin again."""
        space = world.member()
        for cursor in ["x", "-1", "1.5", "9" * 30, "²"]:
            with pytest.raises(InvalidError, match=re.escape(cursor[:20])) as caught:
                space.tracking.search_runs(cursor=cursor)
            assert "without a cursor" in caught.value.hint

    def test_a_project_counts_what_is_below_it(self, world: World) -> None:
        """A search in a project finds the runs of its children, a search in a child only its own."""
        space = world.member()
        child = world.new_project(world.project)
        world.run(space, "above")
        world.run(space, "below", project=child)
        assert _names(space, project=world.project) == ["below", "above"]
        assert _names(space, project=child) == ["below"]
        with pytest.raises(NotFoundError):
            space.tracking.search_runs("no/such/project")

    def test_strangers_find_nothing(self, world: World) -> None:
        """Lists are filtered, totals with them, and a foreign project does not exist."""
        space, stranger = world.member(), world.outsider()
        run = world.run(space, "secret")
        assert stranger.tracking.search_runs().total == 0
        for ref in (run.id, run.id[:8], "secret"):
            with pytest.raises(NotFoundError):
                stranger.tracking.resolve_run(ref)
        with pytest.raises(NotFoundError):
            stranger.tracking.search_runs(world.project)

    def test_a_run_is_found_by_id_prefix_name_and_last(self, world: World) -> None:
        """A name means the newest run of that name; what is deleted is not found."""
        space = world.member()
        old, new = world.run(space, "twin"), world.run(space, "twin")
        assert space.tracking.resolve_run(old.id).id == old.id
        assert space.tracking.resolve_run(old.id[:11]).id == old.id
        assert space.tracking.resolve_run("twin").id == new.id
        assert space.tracking.resolve_run("@last").id == new.id
        world.owner.tracking.delete_run(new.id)
        assert space.tracking.resolve_run("twin").id == old.id
        assert space.tracking.resolve_run("@last").id == old.id

    def test_a_prefix_may_end_in_any_letter(self, world: World) -> None:
        """Whatever order the database's locale gives to letters."""
        space = world.member()
        for end in "z9a0":
            run_id = f"q{world.team[-8:]}{end}xy"
            space.tracking.create_run(NewRun(project=world.project, id=run_id))
            assert space.tracking.resolve_run(run_id[:-2]).id == run_id

    def test_a_prefix_that_fits_several_runs_is_refused_with_their_ids(self, world: World) -> None:
        """Nothing is guessed."""
        space = world.member()
        ids = [f"w{world.team[-8:]}{end}" for end in "abc"]
        for run_id in ids:
            space.tracking.create_run(NewRun(project=world.project, id=run_id))
        with pytest.raises(InvalidError) as caught:
            space.tracking.resolve_run(ids[0][:-1])
        assert all(run_id in caught.value.message for run_id in ids)

    def test_what_does_not_exist_is_not_found(self, world: World) -> None:
        """The hint says what can be given."""
        space = world.member()
        for ref in ["nothing-like-it", "", "%", "_", "\U0010ffff", "a\0b"]:
            world.run(space)
            with pytest.raises((NotFoundError, InvalidError)) as caught:
                space.tracking.resolve_run(ref)
            assert caught.value.status in (404, 422)

    def test_keys_that_exist_can_be_asked_for(self, world: World) -> None:
        """For completion in a search field."""
        space = world.member()
        _fill(world, space)
        keys = space.tracking.known_keys(world.project)
        assert keys.metrics == ["depth", "loss", "val loss"]
        assert sorted(keys.params) == ["flag", "long", "lr", "optimizer"]
        assert keys.tags == ["team"]
