"""What every backend promises about reports."""

from __future__ import annotations

import urllib.error
import urllib.request

import msgspec
import pytest

from runward.core.etag import tag_of
from runward.core.operation import matching
from runward.errors import EditedMeanwhileError, ForbiddenError, InvalidError, NotFoundError
from runward.insights.api import Reports
from runward.insights.model import Block, NewReport, Report, ReportChange
from runward.testing.worlds import World, batch, name_of
from runward.tracking.model import NewArtifact, Run, RunStatus
from runward.workspace import Workspace


def _runs(world: World, space: Workspace) -> list[Run]:
    """Four runs of two rates, with a curve that ends in NaN."""
    made = []
    for lr in (0.1, 0.2):
        for seed in (0, 1):
            run = world.run(space, f"lr{lr}-{seed}", params={"lr": lr, "seed": seed})
            points = [(0, 1.0 + seed), (1, lr + seed / 100), (2, float("nan"))]
            space.tracking.append(run.id, batch(0, {"loss": points, "acc": [(0, 1 - lr)]}))
            made.append(run)
    return made


def _write(world: World, space: Workspace, *blocks: Block) -> Report:
    return space.reports.create_report(NewReport(world.project, "What we found", list(blocks)))


class ReportsSuite:
    """``create_report``, ``get_report``, ``pin_report``, ``share_report`` and the page."""

    def test_a_report_shows_what_its_blocks_ask_for(self, world: World) -> None:
        """Each kind of block, with exact values; NaN has its name."""
        space = world.member()
        runs = _runs(world, space)
        ids: list[str] = [runs[2].id, runs[0].id]
        made = _write(
            world,
            space,
            Block("text", text="# Hello"),
            Block(
                "runs", where="params.lr = 0.1", sort="name", keys=["metrics.loss", "metrics.loss.min", "params.seed"]
            ),
            Block("curves", run_ids=ids, keys=["loss"]),
            Block("groups", by=["params.lr"], keys=["metrics.acc"]),
            Block("params", run_ids=ids),
            Block("media", run_ids=ids),
        )
        detail = space.reports.get_report(made.id)
        text, table, curves, groups, params, media = detail.content.parts
        assert (text.block.text, detail.blocks[0].text) == ("# Hello", "# Hello")
        assert table.table is not None
        assert table.table.rows == [["NaN", 0.1, 0], ["NaN", 0.11, 1]]
        assert (table.total, [run.name for run in table.runs]) == (2, ["lr0.1-0", "lr0.1-1"])
        assert [curve.run_id for curve in curves.curves] == ids
        assert curves.curves[0].series.special == {2: "NaN"}
        assert groups.groups is not None
        assert [group.n for group in groups.groups.groups] == [2, 2]
        assert params.table is not None
        assert params.table.rows == [["lr", 0.2, 0.1]]
        assert media.media == []

    def test_a_live_report_moves_and_a_pinned_one_does_not(self, world: World) -> None:
        """Its digest says of what; an edit since is told; let go, it shows the present again."""
        space = world.member()
        run = _runs(world, space)[0]
        block = Block("runs", run_ids=[run.id], keys=["metrics.acc"])
        made = _write(world, space, block)
        pinned = space.reports.pin_report(made.id)
        assert pinned.pin is not None
        assert (pinned.pin.by, pinned.pin.outdated) == (name_of(space), False)
        space.tracking.append(run.id, batch(1, {"acc": [(1, 0.5)]}))
        shown = space.reports.get_report(made.id).content
        assert shown.parts[0].table is not None
        assert (shown.parts[0].table.rows, shown.digest) == ([[0.9]], pinned.pin.digest)
        now = space.reports.get_report(made.id, live=True).content
        assert now.parts[0].table is not None
        assert now.parts[0].table.rows == [[0.5]]
        assert now.digest != shown.digest
        edited = space.reports.update_report(made.id, ReportChange("New", [block]))
        assert edited.pin is not None
        assert edited.pin.outdated
        assert space.reports.get_report(made.id).content.title == "What we found"
        assert space.reports.pin_report(made.id, pinned=False).pin is None
        assert space.reports.get_report(made.id).content.title == "New"

    def test_nothing_of_other_projects_is_shown(self, world: World) -> None:
        """Not by search and not by id, even where the author may read it."""
        space = world.member()
        elsewhere = world.run(space, "secret", project=world.new_project(), metrics={"acc": 1.0})
        made = _write(world, space, Block("runs", run_ids=[elsewhere.id]), Block("runs", where="name = 'secret'"))
        by_id, by_search = space.reports.get_report(made.id).content.parts
        assert (by_id.runs, by_search.runs) == ([], [])
        assert by_id.problem == "not here any more: 1 of 1 runs"

    def test_reports_are_listed_changed_deleted_and_restored(self, world: World) -> None:
        """By whoever may write; only the version that was read is changed."""
        space, other, boss = world.member(), world.member(), world.member("maintainer")
        reader, stranger = world.member("viewer"), world.outsider()
        made = _write(world, space, Block("text", text="one"))
        assert [report.id for report in reader.reports.list_reports(world.project)] == [made.id]
        seen = tag_of(Reports.get_report, space.reports.get_report(made.id))
        changed = other.reports.update_report(made.id, ReportChange("Two", []))
        assert (changed.version, changed.updated_by, changed.author) == (2, name_of(other), name_of(space))
        late = matching(space.reports, seen)
        with pytest.raises(EditedMeanwhileError, match=f"changed by {name_of(other)} at") as caught:
            late.update_report(made.id, ReportChange("Three", []))
        assert (caught.value.details["fields"], caught.value.details["etag"]) == (["version"], "2")
        for act in (late.pin_report, late.delete_report):
            with pytest.raises(EditedMeanwhileError):
                act(made.id)
        with pytest.raises(ForbiddenError):
            reader.reports.update_report(made.id, ReportChange("Three", []))
        with pytest.raises(ForbiddenError):
            other.reports.delete_report(made.id)
        with pytest.raises(NotFoundError):
            stranger.reports.get_report(made.id)
        boss.reports.delete_report(made.id)
        assert space.reports.list_reports(world.project) == []
        with pytest.raises(NotFoundError):
            space.reports.get_report(made.id)
        assert space.reports.restore_report(made.id).title == "Two"
        assert [report.id for report in reader.reports.list_reports(world.project)] == [made.id]

    @pytest.mark.parametrize(
        "block",
        [
            Block("runs", where="metrics."),
            Block("runs", limit=0),
            Block("curves"),
            Block("groups", keys=["loss"]),
            Block("curves", keys=["loss"], smooth=1.0),
            Block("text", text="x" * 60_000),
        ],
        ids=lambda block: block.kind,
    )
    def test_what_cannot_be_shown_is_refused(self, world: World, block: Block) -> None:
        """When it is written; a preview says so in its place."""
        space = world.member()
        with pytest.raises(InvalidError):
            _write(world, space, block)
        if block.kind != "text":
            shown = space.reports.preview_report(NewReport(world.project, "x", [Block("text", text="y"), block]))
            assert shown.parts[1].problem

    def test_the_page_needs_nothing_else_and_runs_nothing(self, world: World) -> None:
        """Whatever is in names, texts and media stays text; pictures are inside."""
        space = world.member()
        evil = "<script>alert(1)</script>"
        run = world.run(space, f"a{evil}", params={"x": evil}, metrics={"loss": 1.0})
        png = space.files.put_bytes(world.project, b"\x89PNG")
        page = space.files.put_bytes(world.project, evil.encode())
        space.tracking.add_artifact(run.id, NewArtifact("media/shot/0.png", png, "image/png"))
        space.tracking.add_artifact(run.id, NewArtifact("media/page/0.html", page, "text/html"))
        space.tracking.add_artifact(run.id, NewArtifact("media/said/0.txt", page, "text/plain"))
        made = _write(
            world,
            space,
            Block("text", text=f"{evil} [x](javascript:alert(1)) [y](https://example.org/'\">) **b**", title=evil),
            Block("runs", keys=["params.x", "metrics.loss"]),
            Block("curves", keys=["loss"]),
            Block("params"),
            Block("media"),
        )
        html = space.reports.report_page(made.id)
        assert "<script" not in html
        assert 'href="javascript' not in html
        assert "data:image/png;base64,iVBORw==" in html
        assert "<strong>b</strong>" in html
        assert "src='http" not in html
        assert html.count("&lt;script&gt;") >= 5

    def test_a_pin_keeps_the_files_that_it_shows(self, world: World) -> None:
        """The page of a pinned report shows the picture even after the run was deleted."""
        space, boss = world.member(), world.member("maintainer")
        run = world.run(space, metrics={"loss": 1.0})
        png = space.files.put_bytes(world.project, b"\x89PNG pinned")
        space.tracking.add_artifact(run.id, NewArtifact("media/shot/0.png", png, "image/png"))
        made = _write(world, space, Block("media", run_ids=[run.id]))
        space.reports.pin_report(made.id)
        boss.tracking.delete_run(run.id)
        assert "data:image/png;base64," in space.reports.report_page(made.id)
        live = space.reports.get_report(made.id, live=True).content.parts[0]
        assert live.problem

    def test_links_are_made_seen_and_ended_by_maintainers(self, world: World) -> None:
        """The path is told once; only its author's list has no secret."""
        space, boss = world.member(), world.member("maintainer")
        made = _write(world, space, Block("text", text="for everybody"))
        with pytest.raises(ForbiddenError):
            space.reports.share_report(made.id)
        for days in (0, 366):
            with pytest.raises(InvalidError):
                boss.reports.share_report(made.id, days)
        shared = boss.reports.share_report(made.id, 1)
        secret = shared.path.removeprefix("/shared/")
        assert len(secret) >= 43
        (listed,) = boss.reports.report_links(made.id)
        assert listed == shared.link
        assert secret not in msgspec.json.encode(listed).decode()
        with pytest.raises(ForbiddenError):
            space.reports.revoke_report_link(listed.id)
        boss.reports.revoke_report_link(listed.id)
        assert boss.reports.report_links(made.id)[0].revoked_at is not None

    def test_a_link_shows_one_report_to_whoever_has_it(self, world: World) -> None:
        """Until it is revoked, the report is deleted, or its author may not read it any more."""
        boss = world.member("maintainer")
        run = world.run(boss, metrics={"acc": 0.5}, end=RunStatus.FINISHED)
        made = _write(world, boss, Block("text", text="for everybody"), Block("runs", keys=["metrics.acc"]))
        if not boss.is_remote:
            return  # Links are seen through a server.

        def seen(path: str) -> str:
            try:
                with urllib.request.urlopen(f"{boss.place}{path}", timeout=10) as answer:
                    assert answer.headers["referrer-policy"] == "no-referrer"
                    assert answer.headers["cache-control"] == "no-store"
                    assert "sandbox" in answer.headers["content-security-policy"]
                    return str(answer.read().decode())
            except urllib.error.HTTPError as error:
                with error:
                    return "" if error.code == 404 else f"{error.code}"

        paths = [boss.reports.share_report(made.id).path for _ in range(3)]
        assert "for everybody" in seen(paths[0])
        assert run.name in seen(paths[0])
        assert seen("/shared/nothing") == ""
        boss.reports.revoke_report_link(boss.reports.report_links(made.id)[-1].id)
        assert [bool(seen(path)) for path in paths].count(True) == 2
        me = name_of(boss)
        world.owner.governance.grant(me, "team", world.team, None)
        assert not any(seen(path) for path in paths)
        world.owner.governance.grant(me, "team", world.team, "maintainer")
        assert any(seen(path) for path in paths)
        boss.reports.delete_report(made.id)
        boss.reports.restore_report(made.id)
        assert not any(seen(path) for path in paths)
