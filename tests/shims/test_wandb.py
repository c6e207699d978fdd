"""W&B's interface piece by piece: what it does, and what it says of what it does not do."""

from __future__ import annotations

import argparse
import builtins
import importlib
import math
import sys
import warnings
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import msgspec
import pytest

from runward import face, shims
from runward.errors import ConflictError, InvalidError, NotFoundError, RunwardError, RunwardWarning
from runward.shims import wandb
from runward.tracking import client
from runward.tracking.model import RunDetail, RunStatus
from runward.workspace import FolderWorkspace
from tests.extras import needs
from tests.tracking.test_media import decode_png


@pytest.fixture(autouse=True)
def space(wandb_space: FolderWorkspace, monkeypatch: pytest.MonkeyPatch) -> FolderWorkspace:
    monkeypatch.setenv("WANDB_PROJECT", "p")
    return wandb_space


def stored(space: FolderWorkspace, run: Any) -> RunDetail:
    run.finish()
    return space.tracking.get_run(run.id)


def points(space: FolderWorkspace, run: Any, key: str) -> list[tuple[int, float | None]]:
    found = space.tracking.series(run.id, [key]).series[0]
    return list(zip(found.steps, found.values, strict=True))


# init ---------------------------------------------------------------------------------------------------------------


def test_arguments_and_environment_say_what_a_run_is(space: FolderWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in {
        "NAME": "n",
        "NOTES": "why",
        "TAGS": "a,b",
        "RUN_GROUP": "g",
        "JOB_TYPE": "j",
        "RUN_ID": "i",
    }.items():
        monkeypatch.setenv(f"WANDB_{key}", value)
    run = wandb.init()
    found = stored(space, run).run
    assert (found.project, found.name, found.purpose, found.id) == ("p", "n", "why", "i")
    assert found.tags == {"a": "", "b": "", "wandb.group": "g", "wandb.job_type": "j"}
    assert (run.project, run.name, run.tags, run.group, run.job_type) == ("p", "n", ("a", "b"), "g", "j")
    assert (run.path, run.url, run.get_url(), run.entity) == ("p/i", space.place, space.place, "")
    wandb.init(name="other", id="x", tags=[], project="q").finish()
    assert space.tracking.get_run("x").run.name == "other"


def test_a_second_init_gives_the_open_run_back() -> None:
    """Or ends it, or leaves it open, as it is told; in a notebook it ends it."""
    first = wandb.init()
    assert wandb.init() is first
    assert wandb.init(reinit="return_previous") is first
    second = wandb.init(reinit=True)
    assert second is not first
    third = wandb.init(reinit="create_new")
    assert client.open_runs() == [second._active, third._active]
    wandb.finish()
    assert getattr(wandb, "run") is second  # noqa: B009
    wandb.finish()
    assert getattr(wandb, "run") is None  # noqa: B009
    wandb.finish()


def test_in_a_notebook_a_cell_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builtins, "__IPYTHON__", True, raising=False)
    first = wandb.init(config={"a": 1})
    first.config.a = 2
    second = wandb.init()
    assert client.open_runs() == [second._active]


def test_resume_as_it_is_told(space: FolderWorkspace) -> None:
    run = wandb.init(id="r1", resume="allow")
    assert (run.resumed, run.step, run.starting_step) == (False, 0, 0)
    run.log({"loss": 1.0}, step=4)
    run.finish()
    with pytest.raises(InvalidError, match="is there already"):
        wandb.init(id="r1", resume="never")
    run = wandb.init(id="r1", resume="must")
    assert (run.resumed, run.step) == (True, 5)
    run.log({"loss": 0.5})
    run.finish()
    assert points(space, run, "loss") == [(4, 1.0), (5, 0.5)]
    with pytest.raises(NotFoundError):
        wandb.init(id="r2", resume="must")


@pytest.mark.parametrize(
    "arguments",
    [
        {"mode": "sideways"},
        {"id": "a/b"},
        {"fork_from": "x"},
        {"resume_from": "x"},
        {"config_include_keys": ["a"], "config_exclude_keys": ["b"]},
        {"config": 7},
    ],
)
def test_what_init_cannot_do_is_refused_by_name(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidError):
        wandb.init(**arguments)
    assert wandb.run is None


def test_what_has_no_effect_says_so_once() -> None:
    with pytest.warns(RunwardWarning, match="sync_tensorboard"):
        run = wandb.init(sync_tensorboard=True)
    with pytest.warns(RunwardWarning, match=r"watching a object is not covered.*Histogram"):
        wandb.watch(object())
    run.watch(object(), log="all")
    wandb.unwatch()
    assert wandb.login(key="x") is True
    assert wandb.setup() is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize("name", ["controller", "Object3D", "plots", "link_model"])
def test_names_that_are_not_covered_tell_the_way_out(name: str) -> None:
    with pytest.raises(AttributeError, match=rf"wandb\.{name} is not covered"):
        getattr(wandb, name)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = wandb.nonsense


def test_without_a_run_the_way_to_one_is_told() -> None:
    for call in (lambda: wandb.log({}), lambda: wandb.config, lambda: wandb.summary, lambda: wandb.save("x")):
        with pytest.raises(wandb.Error, match=r"wandb\.init"):
            call()


def test_disabled_takes_everything_and_keeps_nothing(space: FolderWorkspace, tmp_path: Path) -> None:
    with wandb.init(mode="disabled", config={"a": 1}) as run:
        run.log({"loss": 1.0, "image": wandb.Table(["a"], [[1]])})
        run.alert("t", "x")
        run.log_artifact(wandb.Artifact("a", "t"))
        assert (run.config.a, run.summary["loss"], run.id, run.url) == (1, 1.0, "disabled", "")
        assert run.save(str(tmp_path / "*")) == [str(tmp_path / "workspace")]
    assert space.tracking.search_runs().total == 0


def test_an_exception_ends_the_run_as_failed(space: FolderWorkspace) -> None:
    with pytest.raises(ValueError, match="boom"), wandb.init() as run:
        raise ValueError("boom")
    assert space.tracking.get_run(run.id).run.status is RunStatus.FAILED
    other = wandb.init()
    other.finish(exit_code=3)
    assert space.tracking.get_run(other.id).run.exit_code == 3
    run.finish()
    run.join()


# config and summary -------------------------------------------------------------------------------------------------


def test_config_is_a_dict_with_attributes(space: FolderWorkspace) -> None:
    run = wandb.init(config={"lr": 0.1, "skip": 1, "opt": {"name": "sgd"}}, config_exclude_keys=["skip"])
    config = run.config
    config.depth = 3
    config["width"] = 4
    config.update(argparse.Namespace(lr=0.1, seed=7))
    config.update({"--flag": True}, more=1)
    config.setdefaults({"lr": 9, "late": "x"})
    opt = config.as_dict().pop("opt")
    rest = {key: value for key, value in config.items() if key != "opt"}
    assert stored(space, run).run.params == {**rest, "opt.name": opt["name"]}
    assert rest == {"lr": 0.1, "depth": 3, "width": 4, "seed": 7, "flag": True, "more": 1, "late": "x"}
    assert ("lr" in config, config.get("none", 5), len(config), config.depth) == (True, 5, 8, 3)
    with pytest.raises(AttributeError, match="config has no 'nothing'"):
        _ = config.nothing


def test_a_config_value_is_set_once_unless_it_may_change() -> None:
    config = wandb.init(config={"lr": 0.1}).config
    config.lr = 0.1
    with pytest.raises(InvalidError, match=r"'lr' is 0\.1 and would become 0\.2"):
        config.lr = 0.2
    config.update({"lr": 0.2}, allow_val_change=True)
    with pytest.raises(InvalidError, match="cannot be removed"):
        del config["lr"]
    assert config["lr"] == 0.2
    assert wandb.init(reinit=True, config={"a": 1}, allow_val_change=True).config.update({"a": 2}) is None  # type: ignore[func-returns-value]


def test_a_config_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("lr:\n  value: 0.1\n  desc: rate\nnames: [a, b]\n")
    assert wandb.init(config=str(tmp_path / "c.yaml")).config.as_dict() == {"lr": 0.1, "names": ["a", "b"]}


def test_absl_flags_are_a_config() -> None:
    flags = SimpleNamespace(flag_values_dict=lambda: {"batch": 3})
    assert wandb.init(config=flags).config.batch == 3


def test_a_summary_is_the_last_value_or_what_is_defined(space: FolderWorkspace) -> None:
    run = wandb.init()
    run.define_metric("loss", summary="min,mean,first")
    run.define_metric("acc*", summary="best", goal="maximize")
    run.define_metric("hidden", summary="none")
    for value in (3.0, 1.0, 2.0):
        run.log({"loss": value, "acc/val": value, "hidden": value, "plain": value, "a": {"b": {"c": value}}})
    summary = run.summary
    assert summary["loss"] == {"min": 1.0, "mean": 2.0, "first": 3.0}
    assert (summary["acc/val"], summary.plain, summary["a"]["b"]["c"]) == ({"max": 3.0}, 2.0, 2.0)
    assert "hidden" not in summary
    with pytest.raises(KeyError):
        summary["nothing"]
    with pytest.raises(AttributeError, match="no 'nothing'"):
        _ = summary.nothing
    summary.best = 0.5
    summary.update({"words": "many", "deep": {"er": 2}})
    del summary["plain"]
    assert set(summary) == {"loss", "acc/val", "a.b.c", "best", "words", "deep"}
    detail = stored(space, run)
    assert {key: metric.last for key, metric in detail.run.metrics.items() if key in ("best", "deep.er")} == {
        "best": 0.5,
        "deep.er": 2.0,
    }
    assert detail.run.tags["summary.words"] == "many"


# log ----------------------------------------------------------------------------------------------------------------


def test_steps_are_those_of_wandb(space: FolderWorkspace) -> None:
    """They count calls; ``commit=False`` waits; a given one stays until it is committed; none goes back."""
    run = wandb.init()
    run.log({"a": 1})
    run.log({"a": 2}, commit=False)
    run.log({"b": 2})
    run.log({"a": 3}, step=10)
    run.log({"b": 3}, step=10)
    run.log({"a": 4}, step=11, commit=True)
    with pytest.warns(RunwardWarning, match="step=5"):
        run.log({"a": 99}, step=5)
    run.log({"a": 5})
    run.finish()
    assert points(space, run, "a") == [(0, 1.0), (1, 2.0), (10, 3.0), (11, 4.0), (12, 5.0)]
    assert points(space, run, "b") == [(1, 2.0), (10, 3.0)]


def test_numbers_of_all_kinds_are_metrics(space: FolderWorkspace) -> None:
    class Tensor:
        ndim, shape = 1, (1,)

        def item(self) -> float:
            return 2.5

    run = wandb.init()
    run.log({"t": Tensor(), "b": True, "nan": math.nan, "nested": {"x": 1, "y": {"z": 2}}, "none": None, "empty": []})
    detail = stored(space, run)
    assert {key: metric.last for key, metric in detail.run.metrics.items() if key != "nan"} == {
        "t": 2.5,
        "b": 1.0,
        "nested.x": 1.0,
        "nested.y.z": 2.0,
    }
    assert detail.run.metrics["nan"].last_special == "NaN"
    assert detail.artifacts == []


@pytest.mark.parametrize("data", ["x", [1], {1: 2}])
def test_what_is_no_dict_is_refused(data: Any) -> None:
    run = wandb.init()
    with pytest.raises(InvalidError, match="takes a dict"):
        run.log(data)


def test_an_x_of_ones_own_counts_where_it_is_whole(space: FolderWorkspace) -> None:
    run = wandb.init()
    epoch = wandb.define_metric("epoch")
    run.define_metric("val/*", step_metric=epoch)
    run.log({"val/loss": 1.0, "epoch": 7})
    run.log({"val/loss": 2.0, "epoch": 7.5})
    run.log({"val/loss": 3.0})
    run.finish()
    assert points(space, run, "val/loss") == [(1, 2.0), (2, 3.0), (7, 1.0)]


def test_lists_texts_and_strangers(space: FolderWorkspace) -> None:
    run = wandb.init()
    with pytest.warns(RunwardWarning, match="logging a object"):
        run.log({"list": [1, 2], "text": "hello", "what": object()})
    detail = stored(space, run)
    assert [artifact.path for artifact in detail.artifacts] == ["media/list/0.json", "media/text/0.txt"]
    assert run.summary["text"] == "hello"


def test_arrays_frames_and_figures_are_known_by_their_shape(space: FolderWorkspace) -> None:
    numpy, pandas = needs("numpy"), needs("pandas")
    figure = needs("matplotlib.figure").Figure()
    image = needs("PIL.Image").new("RGB", (2, 2))
    run = wandb.init()
    run.log({
        "array": numpy.arange(5.0), "frame": pandas.DataFrame({"a": [1]}), "figure": figure, "axis": figure.subplots(),
        "image": image, "scalar": numpy.float32(1.5), "bool": numpy.bool_(True),
    })  # fmt: skip
    detail = stored(space, run)
    assert {artifact.path: artifact.media_type.rpartition("/")[2] for artifact in detail.artifacts} == {
        "media/array/0.json": "vnd.runward.histogram+json", "media/frame/0.json": "vnd.runward.table+json",
        "media/figure/0.png": "png", "media/axis/0.png": "png", "media/image/0.png": "png",
    }  # fmt: skip
    assert {key: metric.last for key, metric in detail.run.metrics.items()} == {"scalar": 1.5, "bool": 1.0}


def test_media_that_are_broken_cost_one_warning(space: FolderWorkspace) -> None:
    run = wandb.init()
    with pytest.warns(RunwardWarning, match="'img' could not be logged"):
        run.log({"img": wandb.Image("nothing.png"), "good": 1})
    assert stored(space, run).run.metrics["good"].last == 1.0


# media --------------------------------------------------------------------------------------------------------------


def test_levels_of_pictures_are_taken_as_wandb_takes_them() -> None:
    numpy = needs("numpy")
    for pixels, wanted in (
        ([[0.0, 0.5, 1.0]], [0, 128, 255]),
        ([[-1.0, 0.0, 1.0]], [0, 128, 255]),
        ([[0.0, 127.0, 255.0]], [0, 127, 255]),
    ):
        assert list(decode_png(wandb.Image(numpy.array(pixels)).medium().data)[3]) == wanted
    again = wandb.Image(wandb.Image(numpy.array([[1.0]])))
    assert decode_png(again.medium().data)[:2] == (1, 1)
    with pytest.warns(RunwardWarning, match="boxes="):
        wandb.Image(numpy.array([[1.0]]), boxes={"x": 1})


def test_frames_become_an_animated_picture() -> None:
    """Each frame once, in order, with its time; the numbers of the chunks rise without a gap."""
    numpy = needs("numpy")
    frames = numpy.random.default_rng(0).integers(0, 256, (3, 3, 2, 4), "uint8")
    data = wandb.Video(frames, fps=5).medium().data
    image = needs("PIL.Image").open(__import__("io").BytesIO(data))
    assert (image.n_frames, image.size, image.info["duration"]) == (3, (4, 2), 200.0)
    for number in range(3):
        image.seek(number)
        assert (numpy.asarray(image.convert("RGB")) == frames[number].transpose(1, 2, 0)).all()
    with pytest.raises(InvalidError, match="no video"):
        wandb.Video(frames[0]).medium()


def test_files_and_bytes_are_taken_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "clip.gif").write_bytes(b"GIF89a")
    (tmp_path / "page.html").write_text("<p>x</p>")
    assert wandb.Video(str(tmp_path / "clip.gif")).medium() == (b"GIF89a", "image/gif")
    with open(tmp_path / "movie.mp4", "w+b") as movie:
        movie.write(b"....ftypisom")
        movie.seek(0)
        assert wandb.Video(movie).medium().media_type == "video/mp4"
    assert wandb.Html(str(tmp_path / "page.html")).html == "<p>x</p>"
    with open(tmp_path / "page.html") as page:
        assert wandb.Html(page).html == "<p>x</p>"
    assert wandb.Html("no file.html").html == "no file.html"
    with pytest.raises(InvalidError, match="needs numbers"):
        wandb.Histogram()


def test_a_table_knows_its_shape() -> None:
    table = wandb.Table(columns=["a", "b"], data=[[1, 2]])
    with pytest.raises(InvalidError, match="3 cells for 2 columns"):
        table.add_data(1, 2, 3)
    table.add_row(3, 4)
    with pytest.raises(InvalidError, match="1 cells for 2 rows"):
        table.add_column("c", [1])
    table.add_column("c", [5, 6])
    assert list(table.iterrows()) == [(0, [1, 2, 5]), (1, [3, 4, 6])]
    assert table.get_column("c") == [5, 6]
    with pytest.raises(InvalidError, match="no column 'd'"):
        table.get_column("d")
    empty = wandb.Table(columns=[])
    empty.add_column("x", [1, 2])
    assert (empty.columns, empty.data) == (["x"], [[1], [2]])
    pandas = needs("pandas")
    frame = pandas.DataFrame({"a": [1, 3], "b": [2, 4]})
    assert wandb.Table(dataframe=frame).data == wandb.Table(data=frame).data == [[1, 2], [3, 4]]
    assert wandb.Table(dataframe=frame).get_dataframe().equals(frame)
    assert wandb.Table(dataframe=frame).get_column("a", convert_to="numpy").sum() == 4


# charts -------------------------------------------------------------------------------------------------------------


def test_the_numbers_of_charts_are_scikit_learns() -> None:
    numpy, metrics = needs("numpy"), needs("sklearn.metrics")
    rng = numpy.random.default_rng(3)
    truth = rng.integers(0, 2, 60)
    scores = numpy.round(numpy.clip(truth * 0.3 + rng.random(60) * 0.7, 0, 1), 1)
    probabilities = numpy.stack([1 - scores, scores], 1)
    roc = wandb.plot.roc_curve(truth, probabilities, classes_to_plot=[1])
    fpr, tpr, _ = metrics.roc_curve(truth, scores, drop_intermediate=False)
    assert numpy.allclose([row[1:] for row in roc.data], list(zip(fpr, tpr, strict=True)))
    precision, recall, _ = metrics.precision_recall_curve(truth, scores)
    pr = wandb.plot.pr_curve(truth, probabilities, classes_to_plot=[1], labels=["no", "yes"])
    ours = [row[1:] for row in pr.data]
    assert {row[0] for row in pr.data} == {"yes"}
    assert numpy.allclose(ours, list(zip(recall, precision, strict=True))[::-1])
    said = (scores > 0.5).astype(int)
    matrix = wandb.plot.confusion_matrix(y_true=truth.tolist(), preds=said.tolist(), class_names=["no", "yes"])
    assert [row[2] for row in matrix.data] == metrics.confusion_matrix(truth, said).ravel().tolist()
    by_probability = wandb.plot.confusion_matrix(y_true=truth.tolist(), probs=probabilities.tolist())
    assert sum(row[2] for row in by_probability.data) == 60


def test_charts_of_tables_and_lines() -> None:
    table = wandb.Table(columns=["x", "y", "who"], data=[[1, 2, "a"], [3, 4, "b"]])
    assert wandb.plot.line(table, "x", "y", stroke="who").data == [[1, 2, "a"], [3, 4, "b"]]
    assert wandb.plot.histogram(table, "y").data == [[2], [4]]
    assert wandb.plot.line_series([[0, 1], [5]], [[1, 2], [3]]).data == [
        [0, "line_0", 1], [1, "line_0", 2], [5, "line_1", 3]
    ]  # fmt: skip
    with pytest.raises(InvalidError, match="y_true"):
        wandb.plot.confusion_matrix(preds=[1])


# artifacts ----------------------------------------------------------------------------------------------------------


def _logged(run: Any, text: str, *aliases: str, name: str = "data") -> wandb.Artifact:
    artifact = wandb.Artifact(name, type="dataset", metadata={"text": text})
    with artifact.new_file("a/b.txt", mode="w") as file:
        file.write(text)
    found: wandb.Artifact = run.log_artifact(artifact, aliases=list(aliases))
    return found


def test_versions_count_over_runs_and_aliases_point(tmp_path: Path) -> None:
    """In one run twice, in another once; the newest is latest; an alias points at the last that has it."""
    with wandb.init() as run:
        first = _logged(run, "one", "best")
        second = _logged(run, "two")
        assert (first.wait().version, second.version, second.name) == ("v0", "v1", "data:v1")
    with wandb.init() as run:
        _logged(run, "three", "best")
    with wandb.init() as run:
        texts = {}
        for wanted in ("data", "data:latest", "data:v0", "data:v1", "data:best", "team/p/data:v0"):
            found = run.use_artifact(wanted)
            texts[wanted] = found.metadata["text"]
            assert Path(found.download(tmp_path / wanted), "a/b.txt").read_text() == found.metadata["text"]
        assert texts == {
            "data": "three", "data:latest": "three", "data:v0": "one", "data:v1": "two", "data:best": "three",
            "team/p/data:v0": "one",
        }  # fmt: skip
        for wanted in ("data:v7", "data:nothing", "nothing", "q/data"):
            with pytest.raises(NotFoundError):
                run.use_artifact(wanted)
        assert found.size == 3
        assert [entry.name for entry in found.files()] == ["a/b.txt"]
        assert Path(found.file()).read_text() == "one"
        with pytest.raises(NotFoundError, match="no file 'c'"):
            found.get_path("c")


def test_media_and_folders_in_artifacts(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "w.bin").write_bytes(b"weights")
    with wandb.init() as run:
        artifact = wandb.Artifact("mixed", "dataset")
        artifact.add(wandb.Table(columns=["a"], data=[[1]]), "table")
        artifact.add(wandb.Html("<p>"), "page")
        artifact.add_file(str(tmp_path / "model" / "w.bin"), name="copy.bin")
        artifact.remove("copy.bin")
        with pytest.warns(RunwardWarning, match="add_reference"):
            artifact.add_reference("s3://bucket/key")
        with pytest.raises(InvalidError, match="no folder"):
            artifact.add_dir("nowhere")
        with pytest.raises(InvalidError, match="no file"):
            artifact.add_file("nowhere")
        wandb.log_artifact(artifact)
        with pytest.raises(InvalidError, match="cannot change"):
            artifact.add_dir(tmp_path / "model")
        used = wandb.use_artifact("mixed:latest", type="dataset")
        table = used.get("table")
        assert table is not None
        assert (table.columns, table.data) == (["a"], [[1]])
        assert used.get("nothing") is None
        assert used.metadata == {"references": ["s3://bucket/key"]}
        with pytest.raises(InvalidError, match="2 files"):
            used.file()
        model = run.log_model(tmp_path / "model", "net")
        assert model.type == "model"
        assert Path(run.use_model("net:latest"), "w.bin").read_bytes() == b"weights"
        assert run.use_artifact(model) is model
        assert wandb.log_artifact(str(tmp_path / "model" / "w.bin"), name="single", type="t").size == 7


def test_a_bad_artifact_name_is_refused() -> None:
    with pytest.raises(InvalidError, match="artifact name"):
        wandb.Artifact("a/b", "t")


# the rest -----------------------------------------------------------------------------------------------------------


def test_what_is_stored_is_read_back(space: FolderWorkspace, tmp_path: Path) -> None:
    run = wandb.init(config={"lr": 0.1}, group="g", notes="why")
    for step in range(3):
        run.log({"loss": [1.0, math.inf, 0.5][step]} | ({"acc": 1.0} if step == 1 else {}))
    run.summary["words"] = "many"
    (tmp_path / "f.txt").write_text("text")
    assert wandb.save("*.txt", policy="now") == ["f.txt"]
    _logged(run, "one")
    run.finish()
    other = wandb.init(reinit=True)
    other.finish(exit_code=1)
    api = wandb.Api()
    found = api.run(f"who/p/{run.id}")
    assert (found.state, found.config, found.group, found.notes) == ("finished", {"lr": 0.1}, "g", "why")
    assert found.summary == {"words": "many", "loss": 0.5, "acc": 1.0}
    assert found.history(pandas=False) == [
        {"_step": 0, "loss": 1.0}, {"_step": 1, "loss": math.inf, "acc": 1.0}, {"_step": 2, "loss": 0.5}
    ]  # fmt: skip
    assert list(found.scan_history(["loss", "acc"])) == [{"_step": 1, "loss": math.inf, "acc": 1.0}]
    assert len(needs("pandas") and found.history()) == 3
    assert "f.txt" in [file.name for file in found.files()]
    with found.file("f.txt").download(str(tmp_path / "out")) as file:
        assert file.read() == "text"
    with pytest.raises(FileExistsError):
        found.file("f.txt").download(str(tmp_path / "out"))
    found.file("f.txt").download(str(tmp_path / "out"), exist_ok=True).close()
    found.file("f.txt").download(str(tmp_path / "out"), replace=True).close()
    assert [one.name for one in found.logged_artifacts()] == ["data:v0"]
    assert api.artifact("p/data:v0").metadata == {"text": "one"}
    assert [one.state for one in api.runs("who/p", order="+created_at")] == ["finished", "failed"]
    assert [one.id for one in api.runs("p", filters={"config.lr": {"$lt": 0.5}, "state": "finished"})] == [run.id]
    assert (found.summary._json_dict, found.lastHistoryStep) == (dict(found.summary), 2)
    assert found.url == space.place


def test_lines_and_alerts_are_output(space: FolderWorkspace) -> None:
    run = wandb.init()
    wandb.termlog("a line")
    wandb.alert("Title", "text", level=wandb.AlertLevel.ERROR)
    run.log_code(".")
    run.mark_preempting()
    detail = stored(space, run)
    assert detail.run.tags["alert"] == "Title: text"
    assert "".join(chunk.text for chunk in space.tracking.output(run.id).chunks) == "a line\nALERT ERROR Title: text\n"
    wandb.termlog("nobody hears it")


def test_nothing_here_raises_a_strange_error() -> None:
    """Scripts catch ``wandb.Error`` and its kin."""
    assert issubclass(wandb.UsageError, wandb.Error)
    assert issubclass(wandb.errors.CommError, wandb.Error)
    assert wandb.Error is RunwardError
    assert len({wandb.util.generate_id() for _ in range(50)}) == 50


def test_the_name_can_be_taken_and_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "wandb", raising=False)
    if importlib.util.find_spec("wandb") is None:
        shims.install("wandb")
        shims.install("wandb")
        assert importlib.import_module("wandb").Table is wandb.Table
        assert shims.install() is None  # type: ignore[func-returns-value]
        shims.uninstall()
        shims.uninstall("wandb")
        assert "wandb" not in sys.modules
    monkeypatch.setitem(sys.modules, "wandb", ModuleType("wandb"))
    with pytest.raises(ConflictError, match="the real wandb is imported"):
        shims.install("wandb")
    shims.install("wandb", force=True)
    assert sys.modules["wandb"] is wandb
    with pytest.raises(InvalidError, match="no face for 'aim'"):
        shims.install("aim")


def test_every_promised_name_is_there_and_explained() -> None:
    for name in wandb.__all__:
        found = getattr(wandb, name)
        assert found.__doc__, name
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert msgspec.json.encode(sorted(wandb.__all__))


# charts and callbacks of frameworks ---------------------------------------------------------------------------------


def test_charts_for_scikit_learn_are_tables(space: FolderWorkspace) -> None:
    """All of a classifier, a regressor and a clusterer; the scores are scikit-learn's."""
    datasets, metrics = needs("sklearn.datasets"), needs("sklearn.metrics")
    linear, trees, cluster = needs("sklearn.linear_model"), needs("sklearn.tree"), needs("sklearn.cluster")
    x, y = datasets.load_breast_cancer(return_X_y=True)
    model = trees.DecisionTreeClassifier(max_depth=2, random_state=0).fit(x[:400], y[:400])
    said, names = model.predict(x[400:]), ["bad", "good"]
    run = wandb.init()
    charts: Any = wandb.sklearn
    charts.plot_classifier(
        model, x[:400], x[400:], y[:400], y[400:], said, model.predict_proba(x[400:]), names, is_binary=True,
        log_learning_curve=True,
    )  # fmt: skip
    charts.plot_regressor(linear.Ridge().fit(x[:400], y[:400]), x[:400], x[400:], y[:400], y[400:])
    labels = cluster.KMeans(2, n_init=1, random_state=0).fit_predict(x)
    charts.plot_clusterer(cluster.KMeans(2, n_init=1, random_state=0), x, labels, None, "KMeans")
    detail = stored(space, run)
    assert {artifact.path.split("/")[1] for artifact in detail.artifacts} == {
        "calibration_curve", "class_proportions", "confusion_matrix", "elbow_curve", "feature_importances",
        "learning_curve", "outlier_candidates", "precision_recall", "residuals", "roc", "silhouette_plot",
    }  # fmt: skip
    assert run.summary["accuracy_score"] == metrics.accuracy_score(y[400:], said)
    assert run.summary["silhouette_score"] == pytest.approx(metrics.silhouette_score(x, labels))
    matrix = msgspec.json.decode(b"".join(space.files.artifact(run.id, "media/confusion_matrix/0.json")))
    assert [row[2] for row in matrix["data"]] == metrics.confusion_matrix(y[400:], said).ravel().tolist()
    assert detail.run.params["model_name"] == "KMeans"


def test_outliers_are_by_cooks_distance() -> None:
    """One sample far off the line has the greatest."""
    numpy, linear = needs("numpy"), needs("sklearn.linear_model")
    x = numpy.linspace(1, 2, 20).reshape(20, 1)
    y = 3 * x[:, 0]
    y[7] += 5
    charts = needs("runward.shims.wandb.sklearn")
    run = wandb.init()
    charts.plot_outlier_candidates(linear.LinearRegression(), x, y)
    run.finish()
    table = msgspec.json.decode(
        b"".join(face.current_workspace().files.artifact(run.id, "media/outlier_candidates/0.json"))
    )
    assert max(table["data"], key=lambda row: row[1])[0] == 7


def test_what_a_chart_cannot_be_drawn_of_costs_a_warning(space: FolderWorkspace) -> None:
    trees = needs("sklearn.tree")
    model = trees.DecisionTreeClassifier().fit([[0], [1]], [0, 1])
    run = wandb.init()
    # Both curves need a third column of probabilities.
    with pytest.warns(RunwardWarning, match="could not be logged") as caught:
        wandb.sklearn.plot_classifier(
            model, [[0], [1]], [[0], [1], [0]], [0, 1], [0, 1, 2], [0, 1, 0], [[1.0, 0.0]] * 3, None
        )
    assert [str(one.message).partition(" could")[0] for one in caught] == [
        "the ROC curve", "the precision-recall curve"
    ]  # fmt: skip
    assert "media/confusion_matrix/0.json" in [artifact.path for artifact in stored(space, run).artifacts]


def test_callbacks_of_boosting_log_as_wandbs(space: FolderWorkspace) -> None:
    xgboost, lightgbm = needs("xgboost"), needs("lightgbm")
    x, y = needs("sklearn.datasets").load_breast_cancer(return_X_y=True)
    run, told_by = wandb.init(), dict[str, Any]()
    matrix = xgboost.DMatrix(x, y)
    ours: Any = wandb.xgboost
    xgboost.train(
        {"objective": "binary:logistic"}, matrix, 3, evals=[(matrix, "train")], evals_result=told_by, verbose_eval=False,
        early_stopping_rounds=2, callbacks=[ours.WandbCallback(log_model=True)],
    )  # fmt: skip
    detail = stored(space, run)
    assert [value for _, value in points(space, run, "train-logloss")] == told_by["train"]["logloss"]
    assert detail.run.metrics["epoch"].last == 2.0
    assert run.summary["best_iteration"] == 2
    assert {artifact.path for artifact in detail.artifacts} == {
        f"{run.id}_model.json", "media/Feature Importance/0.json"
    }  # fmt: skip
    run = wandb.init(reinit=True)
    callbacks: Any = wandb.lightgbm
    data = lightgbm.Dataset(x, y)
    model = lightgbm.train(
        {"objective": "binary", "verbose": -1}, data, 3, valid_sets=[data], callbacks=[callbacks.wandb_callback()]
    )
    callbacks.log_summary(model, save_model_checkpoint=True)
    detail = stored(space, run)
    assert (len(points(space, run, "training_binary_logloss")), detail.run.params["objective"]) == (3, "binary")
    assert f"model_{run.id}.txt" in [artifact.path for artifact in detail.artifacts]


def test_integrations_lie_where_scripts_look_for_them() -> None:
    needs("xgboost")
    from_integration = importlib.import_module("runward.shims.wandb.integration.xgboost")
    assert from_integration.WandbCallback is wandb.xgboost.WandbCallback


def test_an_artifact_may_be_saved_and_described_later() -> None:
    with wandb.init() as run:
        artifact = wandb.Artifact("late", "model")
        table = wandb.Table(columns=["a"], data=[[1], [2]])
        table.add_computed_columns(lambda number, row: {"double": row["a"] * 2, "n": number})
        artifact.add(table, "t")
        artifact.save()
        found = run.use_artifact("late:latest")
        found.metadata["score"] = 0.5
        found.save()
        versions = wandb.Api().artifact_versions("model", "p/late")
        assert [(one.version, one.metadata) for one in versions] == [("v0", {"score": 0.5})]
        read = versions[0].get("t")
        assert read is not None
        assert read.data == [[1, 2, 0], [2, 4, 1]]


def test_older_ways_to_say_it(space: FolderWorkspace) -> None:
    """``wandb.log()`` commits, ``wandb.join()`` ends; there are no sweeps to name."""
    run = wandb.init()
    wandb.log({"a": 1}, commit=False)
    wandb.log()
    wandb.log({"a": 2})
    assert (run.sweep_id, run.get_sweep_url(), run.get_project_url(), run.save()) == ("", "", space.place, [])
    wandb.join()
    assert points(space, run, "a") == [(0, 1.0), (1, 2.0)]


# watching a model ---------------------------------------------------------------------------------------------------


class _Hooked:
    """Something that is hooked into, as PyTorch's tensors and modules are."""

    requires_grad, is_sparse = True, False

    def __init__(self, data: Any = None, children: tuple[tuple[str, Any], ...] = ()) -> None:
        self.data, self.children, self.hooks = self if data is None else data, children, list[Any]()

    def register_hook(self, hook: Any) -> Any:
        self.hooks.append(hook)
        return SimpleNamespace(remove=lambda: self.hooks.remove(hook))

    register_forward_hook = register_hook

    def named_parameters(self) -> Any:
        return self.children

    def fire(self, *args: Any) -> None:
        for hook in self.hooks:
            hook(*args)


class _Tensor(_Hooked):
    def __init__(self, numbers: Any) -> None:
        super().__init__()
        self.numbers = numbers

    def detach(self) -> _Tensor:
        return self

    float = cpu = detach

    def numpy(self) -> Any:
        return self.numbers


def test_a_watched_model_logs_histograms_every_so_many_batches(space: FolderWorkspace) -> None:
    """Gradients and weights join the step that is logged next; after unwatch nothing more is logged."""
    weight = _Tensor([1.0, 2.0])
    models = [_Hooked(children=(("w", weight),)), _Hooked(children=(("w", _Tensor([5.0])),))]
    run = wandb.init()
    wandb.watch(models, log="all", log_freq=2)
    for step in range(4):
        models[0].fire(models[0], "input", "output")
        weight.fire(_Tensor([step, step + 1.0]))
        wandb.log({"loss": step})
    wandb.unwatch()
    weight.fire(_Tensor([9.0]))
    weight.fire(_Tensor([9.0]))
    assert sorted(artifact.path for artifact in stored(space, run).artifacts) == [
        f"media/{kind}/w/{step}.json" for kind in ("gradients", "parameters") for step in (1, 3)
    ]


def test_what_is_no_model_is_not_watched() -> None:
    wandb.init()
    with pytest.warns(RunwardWarning, match="watching a int"):
        wandb.watch([1])
    with pytest.warns(RunwardWarning, match="log_graph"):
        wandb.watch([], log_graph=True)


def test_names_that_frameworks_look_for() -> None:
    """Lightning's and Transformers' own loggers for W&B import these."""
    for name, attribute in (
        ("sdk.lib", "RunDisabled"), ("sdk.lib.config_util", "ConfigError"), ("wandb_run", "Run"),
        ("sdk.wandb_run", "Run"), ("data_types", "Table"),
    ):  # fmt: skip
        assert hasattr(importlib.import_module(f"runward.shims.wandb.{name}"), attribute)
    assert wandb.require("service") is None  # type: ignore[func-returns-value]


def test_settings_and_configs_of_many_kinds() -> None:
    """Settings as a dict; a config that has attributes."""
    run = wandb.init(settings={"mode": "disabled"}, config=SimpleNamespace(lr=0.1))
    assert (run.disabled, run.config.lr) == (True, 0.1)
    run.finish()
    with pytest.raises(InvalidError, match="config is a int"):
        wandb.init(config=3)
