# A data set that one run writes and another one uses.
import csv
import json
import os

import wandb


def load_and_log():
    with wandb.init(project="artifacts-example", job_type="load-data") as run:
        raw_data = wandb.Artifact("mnist-raw", type="dataset", description="Raw rows", metadata={"sizes": [8, 2]})
        for name, count in {"training": 8, "test": 2}.items():
            with raw_data.new_file(name + ".csv", mode="w") as file:
                csv.writer(file).writerows([row, row % 2] for row in range(count))
        os.makedirs("notes", exist_ok=True)
        with open("notes/about.txt", "w") as file:
            file.write("made up")
        raw_data.add_dir("notes", name="notes")
        run.log_artifact(raw_data, aliases=["first"])


def train():
    with wandb.init(project="artifacts-example", job_type="train", config={"depth": 2}) as run:
        data = run.use_artifact("mnist-raw:latest")
        folder = data.download()
        with open(os.path.join(folder, "training.csv")) as file:
            rows = list(csv.reader(file))
        run.log({"rows": len(rows)})
        with open("model.json", "w") as file:
            json.dump({"depth": run.config.depth, "rows": len(rows)}, file)
        model = wandb.Artifact("tree", type="model", metadata=dict(run.config))
        model.add_file("model.json")
        run.log_artifact(model)


if os.environ.get("WANDB_MODE") != "offline":
    load_and_log()
    train()
