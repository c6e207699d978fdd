# Parameters from the command line, and a metric of one's own as the x axis.
import argparse

import wandb


def main(args):
    run = wandb.init(project="argparse-demo", name="parsed", tags=["baseline", "cli"], notes="from the command line")
    run.config.update(args)
    run.config.setdefaults({"optimizer": "sgd", "lr": 5.0})
    run.config["batch_size"] = 64
    run.define_metric("custom_step")
    run.define_metric("validation/*", step_metric="custom_step")
    run.define_metric("error", summary="min")

    for i in range(10):
        run.log({"train": {"loss": (i - 4) ** 2 + wandb.config.lr, "accuracy": i / 10}}, commit=False)
        run.log({"validation/loss": 1 / (i + 1), "custom_step": i**2, "error": abs(i - 4)})
    assert run.summary["train"]["loss"] == 25 + args.lr
    assert run.summary["error"]["min"] == 0
    run.summary["best_epoch"] = 4
    run.summary["verdict"] = "good enough"
    run.finish()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("-e", "--epochs", type=int, default=10, help="number of epochs")
    parser.add_argument("--lr", type=float, default=0.1, help="learning rate")
    parser.add_argument("--freeze", action="store_true")
    main(parser.parse_args([]))
