"""Which family reads handwritten digits best? Three families, four seeds each, and two runs to learn from."""

from __future__ import annotations

import sys

from train import FAMILIES, train

import runward as run

RATES = {"logistic": 0.02, "hinge": 0.01, "mlp": 0.004}


def main(epochs: int) -> None:
    """Launch all runs, in parallel within the machine's slots."""
    experiment = run.Experiment("digits-families", project="vision/digits", description="Three families, four seeds.")
    experiment.metadata.update(
        {"question": "which family reads digits best?", "team": "vision", "data": "sklearn digits"}
    )
    for family in FAMILIES:
        for seed in (1, 2, 3, 4):
            call = run.Partial(train, family=family, seed=seed, epochs=epochs, learning_rate=RATES[family])
            experiment.add(run.Task(f"{family}-seed-{seed}", call, seed=seed))
    wild = run.Partial(train, family="mlp", seed=1, epochs=epochs, learning_rate=2.0)
    experiment.add(run.Task("mlp-wild-rate", wild, seed=1))
    chance = run.Partial(train, family="mlp", seed=None, epochs=epochs, learning_rate=RATES["mlp"])
    experiment.add(run.Task("mlp-no-seed", chance))
    print(experiment.plan())
    results = experiment.run()
    print(f"{results.status}: {len(results.tasks)} runs, experiment {results.experiment_id}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8)
