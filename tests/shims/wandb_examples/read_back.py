# What was logged, read back by the public API.
import os

import wandb

with wandb.init(project="api-demo", config={"lr": 0.1}, tags=["kept"]) as run:
    for step in range(5):
        run.log({"loss": 1.0 / (step + 1), "acc": step / 5})
    run_id = run.id

if os.environ.get("WANDB_MODE") != "offline":
    api = wandb.Api()
    stored = api.run(f"my-team/api-demo/{run_id}")
    assert stored.state == "finished" and stored.config["lr"] == 0.1 and "kept" in stored.tags
    history = list(stored.scan_history(keys=["loss"]))
    assert [row["loss"] for row in history] == [1.0 / (step + 1) for step in range(5)]
    assert stored.summary["acc"] == 0.8
    assert [r.id for r in api.runs("my-team/api-demo")] == [run_id]
