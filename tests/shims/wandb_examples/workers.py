# Folds in processes of their own, each with a run; the parent's run has the mean.
import multiprocessing

import wandb


def fold(tasks, results):
    group, number, config = tasks.get()
    run = wandb.init(group=group, job_type="fold", name="fold-{}".format(number), config=config)
    run.log(dict(val_accuracy=0.5 + number / 10))
    wandb.join()
    results.put(0.5 + number / 10)


if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    workers = []
    for _ in range(3):
        tasks = context.Queue()
        process = context.Process(target=fold, kwargs=dict(tasks=tasks, results=results))
        process.start()
        workers.append((tasks, process))

    parent = wandb.init(config={"alpha": 0.5})
    parent.notes = "the mean of {}".format(parent.url)
    parent.save()
    found = []
    for number, (tasks, process) in enumerate(workers):
        tasks.put((parent.sweep_id or parent.id, number, dict(parent.config)))
        found.append(results.get())
        process.join()
    parent.log(dict(val_accuracy=sum(found) / len(found)))
    wandb.join()
