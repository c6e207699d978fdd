"""PyTorch Lightning, Keras and Hugging Face's Trainer, trained for real where torch is installed (docs/frameworks.md)."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import runward
from runward import shims
from runward.testing.postgres import free_port
from runward.tracking.model import RunStatus
from runward.workspace import FolderWorkspace
from tests.extras import needs_torch
from tests.frameworks.looking import only_run, paths, values

os.environ.setdefault("KERAS_BACKEND", "torch")
# Their own warnings are not ours; ours are asserted on.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.filterwarnings("error::UserWarning:runward"),
]


@pytest.fixture(autouse=True)
def quiet_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of the test's own for what the frameworks write, and no search for accelerators or hubs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


# Lightning ----------------------------------------------------------------------------------------------------------


def _module(lightning: Any, torch: Any, fail_at: int = -1) -> Any:
    class Line(lightning.LightningModule):
        def __init__(self, lr: float = 0.1, layers: int = 1) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.layer = torch.nn.Linear(1, 1)

        def training_step(self, batch: Any, index: int) -> Any:
            if index == fail_at:
                raise ValueError("diverged")
            loss = ((self.layer(batch) - 2 * batch) ** 2).mean()
            self.log("loss", loss)
            return loss

        def validation_step(self, batch: Any, index: int) -> None:
            self.log("val_loss", ((self.layer(batch) - 2 * batch) ** 2).mean())

        test_step = validation_step

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.01)

    return Line()


def _loader(torch: Any) -> Any:
    return torch.utils.data.DataLoader(torch.linspace(0, 1, 32).reshape(32, 1), batch_size=4)


_QUIET = {"enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}


def test_lightning_logs_what_a_module_logs(space: FolderWorkspace) -> None:
    """At the trainer's steps, with its hyperparameters, beside the trainer's own loggers; a test goes on in the run."""
    lightning, torch = needs_torch("lightning.pytorch"), needs_torch("torch")
    runward.autolog(log_models=True)
    trainer = lightning.Trainer(max_epochs=2, log_every_n_steps=1, **_QUIET)
    module = _module(lightning, torch)
    trainer.fit(module, _loader(torch), _loader(torch))
    fitted = only_run(space)
    assert (fitted.run.name, fitted.run.status) == ("lightning", RunStatus.FINISHED)
    assert {"lr": 0.1, "layers": 1}.items() <= fitted.run.params.items()
    assert len(values(space, fitted, "loss")) == 16
    assert len(values(space, fitted, "val_loss")) == 2
    assert [path.startswith("models/") for path in paths(fitted)] == [True]
    trainer.test(module, _loader(torch), verbose=False)
    tested = only_run(space)
    assert tested.run.status is RunStatus.FINISHED
    assert len(values(space, tested, "val_loss")) == 3


def test_the_logger_of_lightning_alone(space: FolderWorkspace) -> None:
    """Into the active run, once beside autolog."""
    lightning, torch = needs_torch("lightning.pytorch"), needs_torch("torch")
    ours: Any = importlib.import_module("runward.interop.frameworks.lightning")
    runward.autolog()
    with runward.start("mine", capture=False):
        trainer = lightning.Trainer(max_epochs=1, log_every_n_steps=2, logger=ours.RunwardLogger(), **_QUIET)
        trainer.fit(_module(lightning, torch), _loader(torch))
    detail = only_run(space)
    assert detail.run.name == "mine"
    assert len(values(space, detail, "loss")) == 4


def test_a_training_of_lightning_that_fails(space: FolderWorkspace) -> None:
    lightning, torch = needs_torch("lightning.pytorch"), needs_torch("torch")
    runward.autolog()
    trainer = lightning.Trainer(max_epochs=1, log_every_n_steps=1, **_QUIET)
    with pytest.raises(ValueError, match="diverged"):
        trainer.fit(_module(lightning, torch, fail_at=3), _loader(torch))
    detail = only_run(space)
    assert detail.run.status is RunStatus.FAILED
    assert len(values(space, detail, "loss")) == 3


# Keras --------------------------------------------------------------------------------------------------------------


def _model(keras: Any) -> Any:
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse", metrics=["mae"])
    return model


def test_keras_logs_each_epoch(space: FolderWorkspace) -> None:
    """What its own history says; the optimizer's parameters; the model."""
    numpy, keras = needs_torch("numpy"), needs_torch("keras")
    runward.autolog(log_models=True)
    x = numpy.linspace(0, 1, 16).reshape(16, 1)
    history = _model(keras).fit(x, 2 * x, validation_data=(x, 2 * x), epochs=3, verbose=0).history
    detail = only_run(space)
    assert (detail.run.name, detail.run.status) == ("keras", RunStatus.FINISHED)
    for key in ("loss", "mae", "val_loss"):
        assert values(space, detail, key) == pytest.approx(history[key])
    assert detail.run.params["epochs"] == 3
    assert detail.run.params["parameters"] == 2
    assert detail.run.params["optimizer.learning_rate"] == pytest.approx(0.01)
    assert paths(detail) == {"models/model.keras"}


def test_the_callback_of_keras_alone(space: FolderWorkspace) -> None:
    """Evaluation too; once beside autolog; autolog off gives fit back."""
    numpy, keras = needs_torch("numpy"), needs_torch("keras")
    fit = keras.Model.fit
    runward.autolog()
    ours: Any = importlib.import_module("runward.interop.frameworks.keras")
    x = numpy.linspace(0, 1, 16).reshape(16, 1)
    model, callback = _model(keras), ours.RunwardCallback()
    with runward.start("mine", capture=False):
        model.fit(x, x, epochs=2, verbose=0, callbacks=[callback])
        model.evaluate(x, x, verbose=0, callbacks=[callback])
    detail = only_run(space)
    assert len(values(space, detail, "loss")) == 2
    assert len(values(space, detail, "test_loss")) == 1
    runward.autolog(disable=True)
    assert keras.Model.fit is fit


def test_a_training_of_keras_that_fails(space: FolderWorkspace) -> None:
    numpy, keras = needs_torch("numpy"), needs_torch("keras")
    runward.autolog()

    base: Any = keras.callbacks.Callback

    class Bad(base):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            raise ValueError("diverged")

    x = numpy.zeros((4, 1))
    with pytest.raises(ValueError, match="diverged"):
        _model(keras).fit(x, x, epochs=2, verbose=0, callbacks=[Bad()])
    assert only_run(space).run.status is RunStatus.FAILED


# Hugging Face -------------------------------------------------------------------------------------------------------


def _trainer(transformers: Any, torch: Any, folder: Path, report_to: str = "none", **more: Any) -> Any:
    config = transformers.BertConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8
    )
    torch.manual_seed(0)
    rows = [{"input_ids": torch.tensor([1, 2, 3]), "labels": torch.tensor(i % 2)} for i in range(16)]
    arguments = transformers.TrainingArguments(
        output_dir=str(folder / "out"),
        max_steps=6,
        logging_steps=2,
        report_to=report_to,
        use_cpu=True,
        disable_tqdm=True,
        save_strategy="no",
        per_device_train_batch_size=4,
    )
    model = transformers.BertForSequenceClassification(config)
    return transformers.Trainer(model, arguments, train_dataset=rows, eval_dataset=rows, **more)


def test_the_trainer_logs_what_it_logs(space: FolderWorkspace, tmp_path: Path) -> None:
    """At its global step; arguments; the model; an evaluation later goes on in the run."""
    transformers, torch = needs_torch("transformers"), needs_torch("torch")
    runward.autolog(log_models=True)
    trainer = _trainer(transformers, torch, tmp_path)
    trainer.train()
    told = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    detail = only_run(space)
    assert (detail.run.name, detail.run.status) == ("transformers", RunStatus.FINISHED)
    assert values(space, detail, "loss") == told
    assert detail.run.metrics["loss"].last_step == 6
    assert detail.run.params["max_steps"] == 6
    assert "models/transformers/model.safetensors" in paths(detail)
    trainer.evaluate()
    assert only_run(space).run.metrics["eval_loss"].n == 1
    assert only_run(space).run.status is RunStatus.FINISHED


def test_the_callback_of_the_trainer_alone(space: FolderWorkspace, tmp_path: Path) -> None:
    """Into the active run, once beside autolog."""
    transformers, torch = needs_torch("transformers"), needs_torch("torch")
    ours: Any = importlib.import_module("runward.interop.frameworks.transformers")
    runward.autolog()
    with runward.start("mine", capture=False):
        _trainer(transformers, torch, tmp_path, callbacks=[ours.RunwardCallback()]).train()
    assert len(values(space, only_run(space), "loss")) == 3
    assert only_run(space).run.name == "mine"


def test_a_training_by_the_trainer_that_fails(space: FolderWorkspace, tmp_path: Path) -> None:
    transformers, torch = needs_torch("transformers"), needs_torch("torch")
    runward.autolog()

    base: Any = transformers.TrainerCallback

    class Bad(base):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            raise ValueError("diverged")

    with pytest.raises(ValueError, match="diverged"):
        _trainer(transformers, torch, tmp_path, callbacks=[Bad()]).train()
    assert only_run(space).run.status is RunStatus.FAILED


# W&B's callbacks for Keras ------------------------------------------------------------------------------------------


def test_wandbs_callbacks_for_keras(space: FolderWorkspace, tmp_path: Path) -> None:
    """Epochs, batches, and checkpoints as versions of an artifact."""
    numpy, keras = needs_torch("numpy"), needs_torch("keras")
    wandb: Any = importlib.import_module("runward.shims.wandb")
    callbacks: Any = importlib.import_module("runward.shims.wandb.integration.keras")
    x = numpy.linspace(0, 1, 16).reshape(16, 1)
    run = wandb.init(project="p", save_code=False)
    checkpoint = callbacks.WandbModelCheckpoint(str(tmp_path / "m.keras"), monitor="loss")
    _model(keras).fit(
        x, x, epochs=2, batch_size=4, verbose=0,
        callbacks=[callbacks.WandbMetricsLogger(log_freq=2), callbacks.WandbCallback(), checkpoint],
    )  # fmt: skip
    run.finish()
    detail = only_run(space)
    assert len(values(space, detail, "epoch/loss")) == 2
    assert len(values(space, detail, "batch/loss")) == 4
    assert len(values(space, detail, "loss")) == 2
    assert paths(detail) == {f"artifacts/run_{run.id}_model/{number}/m.keras" for number in (0, 1)}


# frameworks' own loggers for W&B ------------------------------------------------------------------------------------


@pytest.fixture
def as_wandb(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Our face under W&B's name."""
    shims.install("wandb", force=True)
    yield importlib.import_module("runward.shims.wandb")
    shims.uninstall("wandb")
    for name in [name for name in sys.modules if name.startswith("wandb.")]:
        del sys.modules[name]


def test_lightnings_logger_for_wandb(space: FolderWorkspace, tmp_path: Path, as_wandb: Any) -> None:
    """Metrics, parameters, checkpoints, tables and a watched model, by Lightning's own logger."""
    lightning, torch = needs_torch("lightning.pytorch"), needs_torch("torch")
    needs_torch("wandb")  # Lightning asks which version is installed.
    loggers: Any = importlib.import_module("lightning.pytorch.loggers")
    logger = loggers.WandbLogger(project="p", log_model="all", save_code=False)
    module = _module(lightning, torch)
    logger.watch(module, log="all", log_freq=2, log_graph=False)
    options = {**_QUIET, "enable_checkpointing": True, "logger": logger}
    trainer = lightning.Trainer(max_epochs=1, log_every_n_steps=1, **options)
    trainer.fit(module, _loader(torch))
    logger.log_table("table", columns=["a"], data=[[1]])
    as_wandb.finish()
    detail = only_run(space)
    assert {"loss", "trainer/global_step", "epoch"} <= set(detail.run.metrics)
    assert any(path.endswith("model.ckpt") for path in paths(detail))
    assert any(path.startswith("media/gradients/") for path in paths(detail))


def test_transformers_report_to_wandb(space: FolderWorkspace, tmp_path: Path, as_wandb: Any) -> None:
    """``report_to="wandb"`` is all that a script says."""
    transformers, torch = needs_torch("transformers"), needs_torch("torch")
    _trainer(transformers, torch, tmp_path, report_to="wandb").train()
    as_wandb.finish()
    detail = only_run(space)
    assert {"train/loss", "train/global_step"} <= set(detail.run.metrics)
    assert len(detail.run.params) > 20


# ranks --------------------------------------------------------------------------------------------------------------

_RANK = """
import torch
import torch.distributed as dist
import runward as run

dist.init_process_group("gloo")
rank = dist.get_rank()
active = run.start(project="p")
model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(1, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(20):
    x = torch.full((4, 1), float(rank + 1))
    loss = ((model(x) - 2 * x) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    run.log_metric(f"loss/rank{rank}", loss.item(), step)
run.finish()
dist.destroy_process_group()
"""


def test_ranks_of_torchrun_are_one_run(space: FolderWorkspace, tmp_path: Path) -> None:
    """Three processes of DistributedDataParallel, one id: every point of each, one capture, one end."""
    needs_torch("torch")
    (tmp_path / "train.py").write_text(_RANK)
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "3", "--master-port", str(free_port()), "train.py"],
        cwd=tmp_path,
        env={**os.environ, "RUNWARD_RUN_ID": "ddp-1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    detail = only_run(space)
    assert (detail.run.id, detail.run.status) == ("ddp-1", RunStatus.FINISHED)
    assert [len(values(space, detail, f"loss/rank{rank}")) for rank in range(3)] == [20] * 3
    assert "code" in {part.kind for part in detail.captures}
