"""Public scripts that use W&B, run unchanged from a folder of clones: ``RUNWARD_WANDB_SCRIPTS``.

The folder holds clones by their names: ``git clone https://github.com/wandb/examples`` and
``https://github.com/karpathy/nanoGPT``. Nothing of them is kept here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from runward.tracking.model import RunDetail, RunStatus
from runward.workspace import open_folder
from tests.extras import needs, needs_torch
from tests.shims import public_data

CLONES = os.environ.get("RUNWARD_WANDB_SCRIPTS", "")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CLONES, reason="RUNWARD_WANDB_SCRIPTS names no folder with clones of public scripts"),
]

RUN = """
import os, runpy, sys, types
import runward.shims
runward.shims.install("wandb", force=True)
import requests
requests.get = lambda url: types.SimpleNamespace(content=open(os.environ["STAND_INS"] + "/" + url.split("/")[-1], "rb").read())
sys.argv = sys.argv[1:]
sys.path[0] = os.getcwd()
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""What ``python SCRIPT`` does, with our face under W&B's name, and files where a script would fetch them."""


class Script(NamedTuple):
    """A script, how it is called, and what its runs must have."""

    path: str
    arguments: str = ""
    metrics: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    runs: int = 1
    module: str = "numpy"

    @property
    def needs_torch(self) -> bool:
        return self.module.startswith("torch") or self.module == "ignite"


_API = "examples/examples/api-examples"
_SKLEARN = "examples/examples/scikit"
_CLASSIFIER = ("media/class_proportions/0.json", "media/confusion_matrix/0.json", "media/roc/0.json")
SCRIPTS = [
    Script("examples/examples/wandb-log/sqrt.py", "40", metrics=("Approx. Sqrt40",)),
    Script("examples/examples/wandb-sweeps/sweeps-boolean-parameters/train-bool.py", metrics=("metric",)),
    Script(
        "examples/examples/wandb-sweeps/sweeps-cross-validation/train-cross-validation.py",
        metrics=("val_accuracy",),
        runs=6,
    ),
    Script(f"{_API}/group-and-resume/train.py", "--group_id g1", metrics=("train/acc",)),
    Script(f"{_API}/metrics-at-different-steps/train.py", "--max_epochs 20", metrics=("val_acc",)),
    Script(
        f"{_API}/plotly/run.py", files=("media/contour/0.html", "media/mpl/0.png", "media/scatter/0.html"), module="plotly"
    ),
    Script("examples/examples/machine-learning/matplotlib/mpl.py", files=("media/scatter-with-histos/0.png",), module="matplotlib"),
    Script("examples/examples/machine-learning/numpy-housing/train.py", metrics=("Loss",), files=("weights.npy",)),
    Script(f"{_SKLEARN}/scikit-tests/test.py", metrics=("accuracy_score", "f1_score"), files=_CLASSIFIER, module="sklearn"),
    Script(f"{_SKLEARN}/scikit-iris/train.py", metrics=("Test Accuracy",), files=("media/Data/1.png",), module="sklearn"),
    Script(f"{_SKLEARN}/scikit-iris/binary_classification.py", files=("media/learning_curve/0.json",), module="sklearn"),
    Script(f"{_SKLEARN}/scikit-iris/clustering.py", files=("media/elbow_curve/0.json",), module="sklearn"),
    Script(f"{_SKLEARN}/scikit-clustering/train.py", metrics=("silhouette_score",), module="sklearn"),
    Script(f"{_SKLEARN}/scikit-classification/train.py", metrics=("accuracy_score",), files=_CLASSIFIER, module="sklearn"),
    Script(f"{_SKLEARN}/scikit-tweets/classifier.py", files=_CLASSIFIER[1:], module="sklearn"),
    Script(f"{_SKLEARN}/scikit-housing/sklearn_regression.py", files=("media/residuals/0.json",), module="sklearn"),
    Script(
        "examples/examples/boosting-algorithms/xgboost-dermatology/train.py",
        metrics=("Error Rate", "train-mlogloss"),
        files=("media/Feature Importance/0.json",),
        module="xgboost",
    ),
    Script("examples/examples/boosting-algorithms/lightgbm-regression/train.py", metrics=("validation_rmse",), module="lightgbm"),
    Script(
        "examples/examples/pytorch/pytorch-cnn-mnist/main.py",
        "--epochs 2",
        metrics=("Test Accuracy",),
        files=("media/Examples/1.png",),
        module="torchvision",
    ),
    Script("examples/examples/pytorch-ignite/train.py", "--epochs 1", metrics=("training/loss",), module="ignite"),
    Script(
        "nanoGPT/train.py",
        "--dataset=tiny --device=cpu --compile=False --eval_iters=2 --eval_interval=5 --log_interval=1 --block_size=32"
        " --batch_size=4 --n_layer=2 --n_head=2 --n_embd=32 --max_iters=12 --dtype=float32 --wandb_log=True",
        metrics=("train/loss", "val/loss"),
        module="torch",
    ),
]  # fmt: skip


def run_script(script: Script, folder: Path) -> list[RunDetail]:
    """Run a copy of the script's folder with stand-ins for what it would download; the runs that it leaves."""
    there = folder / "src"
    shutil.copytree(Path(CLONES, script.path).parent, there, ignore=shutil.ignore_patterns(".git"))
    public_data.houses(folder / "home")
    public_data.digits(folder / "data")
    shutil.copytree(folder / "data", there, dirs_exist_ok=True)
    public_data.words(there / "data")
    public_data.regression(folder)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
    told: dict[str, Any] = {
        "HOME": str(folder / "home"), "RUNWARD_DIR": str(folder / "ws"), "STAND_INS": str(folder), "MPLBACKEND": "agg",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", RUN, Path(script.path).name, *script.arguments.split()],
        cwd=there, env={**environment, **told}, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "not covered" not in done.stderr
    space = open_folder(folder / "ws", "owner")
    return [space.tracking.get_run(run.id) for run in space.tracking.search_runs().runs]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.path)
def test_a_public_script_runs_unchanged(script: Script, tmp_path: Path) -> None:
    """It ends well, says of nothing that it is not covered, and its runs have its metrics and files."""
    (needs_torch if script.needs_torch else needs)(script.module)
    needs("requests")
    details = run_script(script, tmp_path)
    assert len(details) == script.runs
    for detail in details:
        assert detail.run.status is RunStatus.FINISHED
        assert set(script.metrics) <= set(detail.run.metrics)
        assert set(script.files) <= {artifact.path for artifact in detail.artifacts}
