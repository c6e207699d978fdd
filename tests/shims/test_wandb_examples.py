"""Scripts written for W&B's client, in the style of its examples, unchanged but for the import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from runward.tracking.model import RunDetail, RunStatus
from runward.workspace import FolderWorkspace, open_folder
from tests.extras import needs

EXAMPLES = Path(__file__).parent / "wandb_examples"
_NEEDS = {
    "mnist_softmax": "numpy",
    "sklearn_iris": "sklearn",
    "media": "numpy",
    "tables": "numpy",
    "classifier": "sklearn",
}


def run_program(program: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """In a fresh interpreter and an empty folder; a warning that something is not covered is an error."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
    return subprocess.run(
        [sys.executable, "-W", "error::UserWarning:runward", "-c", program],
        cwd=folder,
        env={**environment, "RUNWARD_DIR": str(folder / "ws"), **more},
        capture_output=True,
        text=True,
        timeout=120,
    )


def example(name: str) -> str:
    """An example's program."""
    if name in _NEEDS:
        needs(_NEEDS[name])
    return (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")


def logged(tmp_path: Path, name: str) -> tuple[FolderWorkspace, list[RunDetail]]:
    """The runs that an example leaves, oldest first."""
    program = (
        example(name)
        .replace("import wandb\n", "import runward.shims.wandb as wandb\n")
        .replace("from wandb import", "from runward.shims.wandb import")
    )
    assert "import wandb" not in program
    done = run_program(program, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "not covered" not in done.stderr
    space = open_folder(tmp_path / "ws", "owner")
    return space, [space.tracking.get_run(run.id) for run in reversed(space.tracking.search_runs().runs)]


def steps(space: FolderWorkspace, detail: RunDetail, key: str) -> list[tuple[int, float | None]]:
    found = space.tracking.series(detail.run.id, [key]).series[0]
    return list(zip(found.steps, found.values, strict=True))


def paths(detail: RunDetail) -> list[str]:
    return sorted(artifact.path for artifact in detail.artifacts)


def document(space: FolderWorkspace, detail: RunDetail, path: str) -> Any:
    return msgspec.json.decode(b"".join(space.files.artifact(detail.run.id, path)))


def test_there_are_ten() -> None:
    assert len(list(EXAMPLES.glob("*.py"))) >= 10


def test_quickstart(tmp_path: Path) -> None:
    space, (detail,) = logged(tmp_path, "quickstart")
    assert detail.run.project == "my-awesome-project"
    assert detail.run.params == {"learning_rate": 0.02, "architecture": "CNN", "dataset": "CIFAR-100", "epochs": 10}
    assert detail.run.status is RunStatus.FINISHED
    assert [step for step, _ in steps(space, detail, "acc")] == list(range(8))
    assert {part.kind for part in detail.captures} >= {"code", "environment"}


def test_mnist_softmax(tmp_path: Path) -> None:
    """Steps of one's own, then one without; pictures with captions; a file that is kept."""
    space, (detail,) = logged(tmp_path, "mnist_softmax")
    assert [step for step, _ in steps(space, detail, "loss")] == list(range(32, 577, 32))
    assert steps(space, detail, "test_accuracy")[0][1] == 1.0
    assert [path for path in paths(detail) if "caption" not in path] == [
        "media/examples/576-2.png",
        "media/examples/576-3.png",
        "media/examples/576-4.png",
        "media/examples/576.png",
        "model.npy",
    ]
    caption = b"".join(space.files.artifact(detail.run.id, "media/examples/caption/576.txt"))
    assert caption.startswith(b"Pred: ")


def test_sklearn_iris(tmp_path: Path) -> None:
    """The charts' numbers are those of scikit-learn."""
    space, (detail,) = logged(tmp_path, "sklearn_iris")
    assert detail.run.params["n_estimators"] == 10
    assert detail.run.params["train_len"] == 105
    matrix = document(space, detail, "media/conf_mat/0.json")
    assert sum(row[2] for row in matrix["data"]) == 45
    assert len(document(space, detail, "media/feature_importance/1.json")["data"]) == 4
    for key in ("roc", "pr"):
        assert {row[0] for row in document(space, detail, f"media/{key}/0.json")["data"]} == {
            "setosa",
            "versicolor",
            "virginica",
        }


def test_argparse_config(tmp_path: Path) -> None:
    """Parameters in three ways, nested keys, an x of one's own."""
    space, (detail,) = logged(tmp_path, "argparse_config")
    assert detail.run.params == {"epochs": 10, "lr": 0.1, "freeze": False, "optimizer": "sgd", "batch_size": 64}
    assert (detail.run.name, detail.run.purpose) == ("parsed", "from the command line")
    assert detail.run.tags == {"baseline": "", "cli": "", "summary.verdict": "good enough"}
    assert [step for step, _ in steps(space, detail, "train.loss")] == list(range(10))
    assert [step for step, _ in steps(space, detail, "validation/loss")] == [i**2 for i in range(10)]
    assert steps(space, detail, "best_epoch") == [(10, 4.0)]


def test_artifacts(tmp_path: Path) -> None:
    space, (load, train) = logged(tmp_path, "artifacts")
    assert paths(load) == [f"artifacts/mnist-raw/0/{name}" for name in ("notes/about.txt", "test.csv", "training.csv")]
    assert (load.run.tags["wandb.job_type"], train.run.tags["wandb.job_type"]) == ("load-data", "train")
    assert train.run.tags["used.mnist-raw"] == f"{load.run.id}:0"
    assert steps(space, train, "rows") == [(0, 8.0)]
    assert document(space, train, "artifacts/tree/0/model.json") == {"depth": 2, "rows": 8}


def test_resume(tmp_path: Path) -> None:
    space, (detail,) = logged(tmp_path, "resume")
    assert detail.run.status is RunStatus.FINISHED
    assert steps(space, detail, "epoch") == [(step, float(step)) for step in range(6)]


def test_media(tmp_path: Path) -> None:
    _, (detail,) = logged(tmp_path, "media")
    kinds = {artifact.path: artifact.media_type for artifact in detail.artifacts}
    assert {
        path.removeprefix("media/"): kind for path, kind in kinds.items() if "/1" in path and "caption" not in path
    } == {
        "random/image/1.png": "image/png",
        "random/several/1.png": "image/png",
        "random/several/1-2.png": "image/png",
        "random/several/1-3.png": "image/png",
        "random/signed/1.png": "image/png",
        "weights/1.json": "application/vnd.runward.histogram+json",
        "counted/1.json": "application/vnd.runward.histogram+json",
        "raw/1.json": "application/vnd.runward.histogram+json",
        "sine/1.wav": "audio/wav",
        "page/1.html": "text/html",
    }


def test_tables(tmp_path: Path) -> None:
    """A cell with a picture names the picture's file."""
    space, (detail,) = logged(tmp_path, "tables")
    table = document(space, detail, "media/test_predictions/1.json")
    assert table["columns"] == ["id", "image", "guess", "truth", "right"]
    assert [row[1] for row in table["data"]] == [f"media/test_predictions/image/1{n}.png" for n in ("", "-2", "-3")]
    assert {row[1] for row in table["data"]} <= set(paths(detail))
    curves = document(space, detail, "media/curves/2.json")
    assert curves["data"][-1] == [4, "cube", 64]
    assert document(space, detail, "media/points/2.json")["data"][3] == [3, -3]


def test_cross_validation(tmp_path: Path) -> None:
    space, details = logged(tmp_path, "cross_validation")
    assert [detail.run.tags["wandb.job_type"] for detail in details] == ["fold", "fold", "fold", "sweep"]
    assert len({detail.run.tags["wandb.group"] for detail in details}) == 1
    assert all(detail.run.status is RunStatus.FINISHED for detail in details)
    accuracies = [detail.run.metrics["val_accuracy"].last or 0.0 for detail in details[:3]]
    assert steps(space, details[3], "mean_accuracy")[0][1] == pytest.approx(sum(accuracies) / 3)


def test_workers(tmp_path: Path) -> None:
    """Processes that were forked before the parent's run, each with a run of its group."""
    space, details = logged(tmp_path, "workers")
    assert [detail.run.status for detail in details] == [RunStatus.FINISHED] * 4
    (parent,) = (detail for detail in details if "wandb.group" not in detail.run.tags)
    children = [detail for detail in details if detail is not parent]
    assert {detail.run.tags["wandb.group"] for detail in children} == {parent.run.id}
    assert {detail.run.name for detail in children} == {"fold-0", "fold-1", "fold-2"}
    assert [detail.run.params["alpha"] for detail in children] == [0.5] * 3
    assert parent.run.metrics["val_accuracy"].last == pytest.approx(0.6)


def test_classifier(tmp_path: Path) -> None:
    """All charts of a classifier, a clusterer and a regressor in one call each; three runs, one after the other."""
    _, details = logged(tmp_path, "classifier")
    assert [detail.run.name for detail in details] == ["forest", "kmeans", "ridge"]
    forest, kmeans, ridge = ({path.split("/")[1] for path in paths(detail)} for detail in details)
    assert forest >= {"class_proportions", "confusion_matrix", "feature_importances", "precision_recall", "roc"}
    assert kmeans == {"elbow_curve", "silhouette_plot"}
    assert ridge >= {"learning_curve", "outlier_candidates", "residuals"}
    assert details[0].run.metrics["accuracy_score"].last == pytest.approx(1.0, abs=0.2)


def test_alerts_and_files(tmp_path: Path) -> None:
    """A file that is saved is kept as it is at the end; texts are media; an alert is on the run."""
    space, (detail,) = logged(tmp_path, "alerts_and_files")
    assert paths(detail) == ["checkpoint.txt", "hello.txt", *(f"media/sample/{step}.txt" for step in range(3))]
    assert b"".join(space.files.artifact(detail.run.id, "checkpoint.txt")) == b"epoch 2"
    assert detail.run.tags["alert"] == "Low accuracy: Accuracy 0.2 is below the threshold"
    assert detail.run.metrics["final_acc"].last == pytest.approx(0.4)


def test_read_back(tmp_path: Path) -> None:
    _, (detail,) = logged(tmp_path, "read_back")
    assert detail.run.tags == {"kept": ""}


def test_offline_and_disabled(tmp_path: Path) -> None:
    """Offline a run is kept on disk until it is synchronised; disabled nothing is kept."""
    program = example("quickstart").replace("import wandb\n", "import runward.shims.wandb as wandb\n")
    for mode in ("offline", "disabled"):
        done = run_program(program, tmp_path, WANDB_MODE=mode)
        assert done.returncode == 0, done.stderr
        space = open_folder(tmp_path / "ws", "owner")
        assert space.tracking.search_runs().total == 0
        space.close()
    journals = list((tmp_path / "ws" / "journals").glob("*/*.journal"))
    assert len(journals) == 1
    done = run_program("import runward; assert runward.sync() == (1, [])", tmp_path)
    assert done.returncode == 0, done.stderr
    assert open_folder(tmp_path / "ws", "owner").tracking.search_runs().total == 1


def test_the_name_itself(tmp_path: Path) -> None:
    """After install, a script needs no change at all."""
    program = "import runward.shims\nrunward.shims.install('wandb', force=True)\n" + example("alerts_and_files")
    done = run_program(program, tmp_path)
    assert done.returncode == 0, done.stderr
    assert open_folder(tmp_path / "ws", "owner").tracking.search_runs().total == 1
