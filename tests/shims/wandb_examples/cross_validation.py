# A run for each fold, in one group, and one for the whole.
import random
import uuid

import wandb

random.seed(7)
FOLDS = 3


def train_fold(fold, group):
    run = wandb.init(
        project="cross-validation",
        group=group,
        job_type="fold",
        name=f"{group}-{fold}",
        config={"fold": fold},
        reinit=True,
    )
    accuracy = 0.9 + random.random() / 20
    run.summary["val_accuracy"] = accuracy
    wandb.log({"val_accuracy": accuracy})
    wandb.finish()
    return accuracy


group = "cv-" + uuid.uuid4().hex[:8]
accuracies = [train_fold(fold, group) for fold in range(FOLDS)]
run = wandb.init(project="cross-validation", group=group, job_type="sweep", name=group, reinit="finish_previous")
wandb.log({"mean_accuracy": sum(accuracies) / FOLDS})
wandb.finish()
