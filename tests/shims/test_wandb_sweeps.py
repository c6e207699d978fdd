"""Sweeps in one process, and what public examples set and ask of a run beside logging to it."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import pytest

from runward import face
from runward.errors import InvalidError, NotFoundError, RunwardWarning
from runward.shims import wandb
from runward.shims.wandb import sweeps
from runward.shims.wandb.filters import search_of
from runward.tracking.model import Run, RunStatus
from runward.workspace import FolderWorkspace


@pytest.fixture(autouse=True)
def space(wandb_space: FolderWorkspace) -> FolderWorkspace:
    return wandb_space


def runs(space: FolderWorkspace, project: str = "") -> list[Run]:
    """All runs, oldest first."""
    face.uploader_of(space).push()
    return space.tracking.search_runs(project, "", "created_at").runs


GRID = {
    "method": "grid",
    "parameters": {
        "lr": {"values": [0.1, 0.2]},
        "layers": {"min": 1, "max": 2},
        "model": {"parameters": {"depth": {"value": 3}}},
    },
}


def test_a_grid_is_tried_once_and_each_run_says_so(space: FolderWorkspace) -> None:
    seen = []

    def train() -> None:
        with wandb.init(project="elsewhere", config={"lr": 9, "epochs": 5}) as run:
            wandb.config.update({"lr": 8})  # What a sweep has drawn stays, as W&B keeps it.
            seen.append((wandb.config.lr, run.config["layers"], run.config.model["depth"], run.config.epochs))
            run.log({"loss": wandb.config.lr})
            assert (run.sweep_id, "wandb.sweep" in run.sweep_url) == (sweep_id, True)

    sweep_id = wandb.sweep(sweep=GRID, project="tuning")
    wandb.agent(sweep_id, function=train, count=1)
    wandb.agent(f"entity/tuning/{sweep_id}", train)
    wandb.agent(sweep_id, train)
    assert seen == [(0.1, 1, 3, 5), (0.1, 2, 3, 5), (0.2, 1, 3, 5), (0.2, 2, 3, 5)]
    found = runs(space, "tuning")
    assert [(run.params["lr"], run.params["layers"], run.params["model.depth"]) for run in found] == [
        (0.1, 1, 3), (0.1, 2, 3), (0.2, 1, 3), (0.2, 2, 3)
    ]  # fmt: skip
    assert {run.tags["wandb.sweep"] for run in found} == {sweep_id}
    assert wandb.init(project="tuning").sweep_id == ""


@pytest.mark.parametrize(
    ("said", "holds"),
    [
        ({"value": "adam"}, lambda v: v == "adam"),
        ({"values": [1, 2], "probabilities": [0.0, 1.0]}, lambda v: v == 2),
        ({"min": 3, "max": 5}, lambda v: v in (3, 4, 5)),
        ({"min": 0.1, "max": 0.9}, lambda v: 0.1 <= v <= 0.9),
        ({"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-1}, lambda v: 1e-5 <= v <= 1e-1),
        ({"distribution": "inv_log_uniform_values", "min": 2, "max": 8}, lambda v: 2 <= v <= 8),
        ({"distribution": "inv_log_uniform", "min": 0, "max": 1}, lambda v: math.exp(-1) <= v <= 1),
        ({"distribution": "log_uniform", "min": 0, "max": 1}, lambda v: 1 <= v <= math.e),
        (
            {"distribution": "q_log_uniform_values", "q": 8, "min": 32, "max": 256},
            lambda v: v % 8 == 0 and 32 <= v <= 256,
        ),
        ({"distribution": "q_uniform", "q": 0.5, "min": 0, "max": 4}, lambda v: v * 2 == int(v * 2)),
        ({"distribution": "normal", "mu": 5, "sigma": 0.1}, lambda v: 3 < v < 7),
        ({"distribution": "log_normal", "mu": 0, "sigma": 0.1}, lambda v: 0 < v < 3),
        ({"distribution": "beta", "a": 2, "b": 2}, lambda v: 0 <= v <= 1),
        ({"distribution": "int_uniform", "min": 1, "max": 1}, lambda v: v == 1),
    ],
)
def test_values_are_drawn_as_they_are_said(said: dict[str, Any], holds: Any) -> None:
    drawn = sweeps._random({"x": said})
    assert all(holds(next(drawn)["x"]) for _ in range(200))


def test_a_training_that_seeds_itself_gets_other_values(space: FolderWorkspace) -> None:
    seen = []

    def train() -> None:
        random.seed(0)
        wandb.init(project="p")
        seen.append(wandb.config.lr)

    wandb.agent(wandb.sweep({"method": "random", "parameters": {"lr": {"min": 0.0, "max": 1.0}}}), train, count=4)
    assert len(set(seen)) == 4
    assert [run.status for run in runs(space)] == [RunStatus.FINISHED] * 4


def test_a_failed_run_is_told_and_three_end_the_agent(
    space: FolderWorkspace, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = []

    def train() -> None:
        calls.append(1)
        wandb.init(project="p")
        if len(calls) != 2:
            raise ValueError("diverged")

    wandb.agent(wandb.sweep({"parameters": {"lr": {"min": 0.0, "max": 1.0}}}), train)
    assert [run.status for run in runs(space)] == [
        RunStatus.FAILED, RunStatus.FINISHED, RunStatus.FAILED, RunStatus.FAILED, RunStatus.FAILED
    ]  # fmt: skip
    said = capsys.readouterr().err
    assert "ValueError: diverged" in said
    assert "3 runs in a row failed" in said


def test_what_a_sweep_cannot_do_is_said() -> None:
    with pytest.warns(RunwardWarning, match="bayes.*at random"):
        wandb.sweep({"method": "bayes", "parameters": {"x": {"value": 1}}})
    with pytest.warns(RunwardWarning, match="early_terminate"):
        wandb.sweep({"parameters": {"x": {"value": 1}}, "early_terminate": {"type": "hyperband"}})
    for wrong, words in (
        ({"method": "grid", "parameters": {"x": {"min": 0.0, "max": 1.0}}}, "parameter 'x' of the grid has no list"),
        ({"parameters": {"x": {"distribution": "cauchy"}}}, r"parameter 'x' of the sweep .* 'cauchy'"),
        ({"parameters": {"x": {"min": 1.0}}}, "cannot be drawn"),
        ({"method": "tpe", "parameters": {}}, "method is 'tpe'"),
        ("sweep.yaml", "a sweep is a dict"),
    ):
        with pytest.raises(InvalidError, match=words):
            wandb.sweep(wrong)
    with pytest.raises(NotFoundError, match="this process made no sweep 'elsewhere'"):
        wandb.agent("elsewhere", lambda: None)
    with pytest.raises(InvalidError, match="needs a function"):
        wandb.agent(wandb.sweep(GRID))


def test_a_run_is_renamed_while_it_is_open(space: FolderWorkspace) -> None:
    run = wandb.init(project="p", name="before", tags=["a"])
    run.name, run.notes = "after", "why"
    run.tags += ("b",)
    run.finish()
    found = space.tracking.get_run(run.id).run
    assert (found.name, found.purpose, sorted(found.tags)) == ("after", "why", ["a", "b"])
    assert (run.name, run.notes, run.tags, run.project_name(), run.offline) == ("after", "why", ("a", "b"), "p", False)


def test_a_run_that_is_nowhere_yet_cannot_be_renamed_and_says_so() -> None:
    run = wandb.init(project="p", mode="offline")
    with pytest.warns(RunwardWarning, match=r"setting run.name now.*wandb.init\(name=…\)"):
        run.name = "later"


def test_settings_count_where_init_has_an_argument(space: FolderWorkspace) -> None:
    settings = wandb.Settings(run_name="n", run_group="g", run_job_type="j", run_tags=["t"], project="q", console="off")
    run = wandb.init(settings=settings)
    run.finish()
    found = space.tracking.get_run(run.id).run
    assert (found.name, found.project) == ("n", "q")
    assert found.tags == {"t": "", "wandb.group": "g", "wandb.job_type": "j"}
    assert settings.console == "off"


def test_parts_that_are_not_covered_tell_the_way_out(tmp_path: Path) -> None:
    run = wandb.init(project="p")
    (tmp_path / "f.txt").write_text("text")
    artifact = run.log_artifact("f.txt", "data", "d")
    for of, name, words in (
        (run, "link_model", r"wandb.Run.link_model is not covered.*registry"),
        (artifact, "logged_by", r"wandb.Artifact.logged_by is not covered.*source"),
        (wandb.Api(), "sweep", "not covered"),
        (wandb.Settings(), "nonsense", "wandb.Settings.nonsense is not covered"),
    ):
        with pytest.raises(AttributeError, match=words):
            getattr(of, name)
        assert not hasattr(of, "_private")
    run.finish()
    stored = wandb.Api().run(run.id)
    with pytest.raises(AttributeError, match="fact about it"):
        stored.update()
    with pytest.warns(RunwardWarning, match="summary of a stored run"):
        stored.summary["acc"] = 1
    stored.summary.update({"acc": 2})
    assert stored.summary["acc"] == 2


def test_an_artifact_knows_its_project_and_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "f.txt").write_text("text")
    digests = []
    for project, text in (("one", "text"), ("two", "text"), ("two", "other")):
        (tmp_path / "f.txt").write_text(text)
        with wandb.init(project=project) as run:
            artifact = run.log_artifact("f.txt", "data", "d")
            digests.append(artifact.digest)
            # Versions count in the project, not over all that have the name.
            assert artifact.version == ("v1" if text == "other" else "v0")
            assert (artifact.project, artifact.file_count) == (project, 1)
            assert artifact.qualified_name == f"{project}/data:{artifact.version}"
    assert digests[0] == digests[1] != digests[2]


def test_a_checkpoint_is_restored(tmp_path: Path) -> None:
    with wandb.init(project="p", id="first") as run:
        Path(run.dir, "checkpoint.txt").write_text("epoch 3")
    with wandb.init(project="p", id="first", resume="must") as run, wandb.restore("checkpoint.txt") as file:
        assert (file.read(), Path(file.name).parent) == ("epoch 3", Path(run.dir))
    with wandb.restore("checkpoint.txt", run_path="who/p/first", root=str(tmp_path / "x")) as file:
        assert file.read() == "epoch 3"
    with pytest.raises(NotFoundError):
        wandb.restore("nothing.txt", "first")
    with pytest.raises(wandb.Error, match=r"wandb\.init"):
        wandb.restore("checkpoint.txt")


def test_a_chart_of_ones_own_is_its_table(space: FolderWorkspace) -> None:
    with wandb.init(project="p") as run:
        table = wandb.Table(columns=["height"], data=[[1.0], [2.0]])
        run.log({"chart": wandb.plot_table("me/chart", table, {"value": "height"}, {"title": "Heights"})})
    assert "media/chart/0.json" in [one.path for one in space.tracking.get_run(run.id).artifacts]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"state": "finished"}, ["a", "b"]),
        ({"state": {"$ne": "crashed"}}, ["a", "b"]),
        ({"config.lr": 0.1}, ["a"]),
        ({"config.lr.value": {"$gt": 0.1, "$lte": 0.3}}, ["b"]),
        ({"$or": [{"display_name": "a"}, {"summary_metrics.loss": {"$gte": 2}}]}, ["a", "c"]),
        ({"$and": [{"config.on": True}, {"group": "g"}]}, ["a"]),
        ({"config.name": {"$in": ['x "y" \\', "z"]}}, ["a"]),
        ({"config.name": {"$nin": ["q"]}, "tags": "odd tag"}, ["b"]),
        ({"tags": {"$in": ["one", "odd tag"]}}, ["a", "b"]),
        ({"tags": {"$all": ["one", "odd tag"]}}, []),
        ({"display_name": {"$regex": "^a$"}}, ["a"]),
        ({"config.name": {"$exists": False}}, ["c"]),
        ({"group": None}, ["b", "c"]),
        ({}, ["a", "b", "c"]),
    ],
)
def test_filters_find_what_they_say(filters: dict[str, Any], expected: list[str]) -> None:
    for name, lr, config, tag, code in (
        ("a", 0.1, {"on": True, "name": 'x "y" \\'}, "one", 0), ("b", 0.2, {"name": "p"}, "odd tag", 0), ("c", 0.9, {}, "t", 1),
    ):  # fmt: skip
        group = "g" if name == "a" else None
        run = wandb.init(project="p", name=name, config={"lr": lr, **config}, tags=[tag], group=group)
        run.log({"loss": lr * 3})
        run.finish(exit_code=code)
    assert sorted(run.name for run in wandb.Api().runs("who/p", filters=filters)) == expected


@pytest.mark.parametrize("filters", [{"host": "x"}, {"config.a": {"$where": 1}}, {"tags": {"$size": 1}}])
def test_filters_that_are_not_covered_find_nothing_by_mistake(filters: dict[str, Any]) -> None:
    with pytest.raises(InvalidError, match="not covered"):
        search_of(filters)
