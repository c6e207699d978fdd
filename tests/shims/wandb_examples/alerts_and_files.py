# An alert, files that are kept, texts, and a run that is only sometimes wanted.
import os

import wandb
from wandb import AlertLevel

run = wandb.init(project="alerts", mode=os.environ.get("MY_MODE"), settings=wandb.Settings(silent=True))
with open(os.path.join(run.dir, "hello.txt"), "w") as file:
    file.write("kept when the run ends")
with open("checkpoint.txt", "w") as file:
    file.write("epoch 0")
wandb.save("checkpoint.txt")

for epoch in range(3):
    acc = 0.2 + epoch / 10
    with open("checkpoint.txt", "w") as file:
        file.write(f"epoch {epoch}")
    run.log({"acc": acc, "sample": f"text of epoch {epoch}"}, step=epoch)
    if acc < 0.3:
        wandb.alert(title="Low accuracy", text=f"Accuracy {acc} is below the threshold", level=AlertLevel.WARN)
wandb.run.summary.update({"final_acc": acc})
wandb.finish(exit_code=0)
