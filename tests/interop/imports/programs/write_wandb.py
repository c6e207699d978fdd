"""Writes offline runs with wandb itself."""

import os
import sys
from pathlib import Path

import numpy
import wandb

VALUES = [0.1, float("nan"), float("inf"), float("-inf"), -0.0, 5e-324, 1]


def main() -> None:
    first = wandb.init(
        project="digits",
        name="first",
        id="first001",
        config={"lr": 0.1, "opt": {"name": "adam", "betas": [0.9, 0.999]}, "wandb_token": "not-for-you"},
        tags=["fast", "b"],
        notes="why it runs",
        group="seeds",
        job_type="train",
    )
    for step, value in enumerate(VALUES):
        wandb.log({"loss": value, "deep": {"er": step}, "word": "text", "ok": step % 2 == 0})
    wandb.log({"late": 1.5}, step=2**40)
    picture = numpy.zeros((2, 3, 3), dtype=numpy.uint8)
    wandb.log({"picture": wandb.Image(picture), "pictures": [wandb.Image(picture), wandb.Image(picture + 1)]})
    wandb.log({"spread": wandb.Histogram(np_histogram=([1, 2, 4], [0.0, 0.5, 1.0, 1.5]))})
    wandb.log({"table": wandb.Table(columns=["a", "b"], data=[[1, "x"], [2, "y"]])})
    first.summary["best"] = 0.125
    Path("weights.txt").write_text("weights")
    artifact = wandb.Artifact("model", "model")
    artifact.add_file("weights.txt")
    first.log_artifact(artifact)
    sys.stdout.write("hello from the run\n")
    wandb.finish()
    second = wandb.init(project="letters", name="second", id="second02", config={"lr": 1})
    second.log({"loss": 3.0})
    wandb.finish(exit_code=3)


if __name__ == "__main__":
    os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true")
    main()
