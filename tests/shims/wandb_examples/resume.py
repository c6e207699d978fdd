# Training that goes on where it was cut off.
import os
import uuid

import wandb

run_id = uuid.uuid4().hex[:8]
for session in range(2):
    run = wandb.init(project="resume-demo", id=run_id, resume="allow", config={"epochs": 6})
    start = run.step if run.resumed else 0
    for epoch in range(start, start + 3):
        run.log({"epoch": epoch, "loss": 1 / (epoch + 1)})
    run.finish()
    if os.environ.get("WANDB_MODE") == "offline":
        break
else:
    assert start == 3, start
