"""Writes with trackio, Sacred or Comet itself; trackio also tells what it then reads."""

import contextlib
import json
import os
import sys
from pathlib import Path

VALUES = [0.1, float("nan"), float("inf"), float("-inf"), -0.0, 5e-324, 3]
SECRET = "sk-abcdefghijklmnopqrstuvwx"


def trackio() -> None:
    import numpy
    import trackio
    from trackio.sqlite_storage import SQLiteStorage

    trackio.init(
        project="digits", name="first", group="seeds", config={"lr": 0.1, "opt": {"name": "adam"}, "key": SECRET}
    )
    for step, value in enumerate(VALUES):
        trackio.log({"loss": value, "deep": {"er": step}, "word": "text"})
    trackio.log({"late": 1.5}, step=1000)
    picture = numpy.zeros((2, 3, 3), dtype=numpy.uint8)
    trackio.log({"picture": trackio.Image(picture), "spread": trackio.Histogram([1, 2, 2, 3])}, step=1001)
    trackio.finish()
    found = SQLiteStorage.get_logs("digits", "first")
    sys.stdout.write("\n" + json.dumps([[row["step"], repr(row.get("loss"))] for row in found]))


def sacred() -> None:
    from sacred import Experiment
    from sacred.observers import FileStorageObserver

    experiment = Experiment("digits", save_git_info=False)
    experiment.capture_mode = "sys"  # By "fd", Sacred drops output on a machine that is busy.
    experiment.observers.append(FileStorageObserver("runs"))
    experiment.add_config(lr=0.1, opt={"name": "adam"}, seed=7, password="hush")

    @experiment.main
    def train(_run, fail=False):  # type: ignore[no-untyped-def]
        for step, value in enumerate(VALUES):
            _run.log_scalar("loss", value, step)
        Path("weights.txt").write_text("weights")
        experiment.add_artifact("weights.txt")
        sys.stdout.write("hello from the run\n")
        sys.stdout.flush()
        if fail:
            raise ValueError("it broke")
        return 0.5

    experiment.run()
    with contextlib.suppress(ValueError):
        experiment.run(config_updates={"fail": True})


def comet() -> None:
    import comet_ml
    import numpy

    experiment = comet_ml.OfflineExperiment(
        project_name="digits",
        workspace="ann",
        offline_directory="archives",
        auto_output_logging="simple",
        log_git_metadata=False,
        log_git_patch=False,
        log_env_gpu=False,
    )
    experiment.set_name("first")
    experiment.add_tags(["fast", "b"])
    experiment.log_parameters({"lr": 0.1, "opt": {"name": "adam"}, "on": True, "api_key": SECRET})
    experiment.log_other("note", "kept")
    for step, value in enumerate(VALUES):
        experiment.log_metric("loss", value, step=step)
    Path("weights.txt").write_text("weights")
    experiment.log_asset("weights.txt")
    experiment.log_text("a text", step=2)
    experiment.log_image(numpy.ones((4, 4, 3)), name="picture", step=3)
    sys.stdout.write("hello from the run\n")
    experiment.end()


if __name__ == "__main__":
    os.environ.setdefault("TRACKIO_DIR", str(Path("home").absolute()))
    {"trackio": trackio, "sacred": sacred, "comet": comet}[sys.argv[1]]()
