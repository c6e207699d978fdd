"""An experiment by a team's standards: what is required is checked, and a bad result does not pass."""

import runward as run

TEAM = run.TeamConfig(
    team_name="Digits",
    project_name="digits",
    default_hyperparameters={"rate": 0.1, "epochs": 3},
    required_metrics=["accuracy", "loss"],
    performance_thresholds={"accuracy": ">=0.9"},
)


def train(rate: float, epochs: int) -> dict[str, float]:
    """Pretend to learn.

    Args:
        rate: Step size, above 0.
        epochs: How often.

    Raises:
        ValueError: The rate is not above 0.
    """
    if rate <= 0:
        raise ValueError(f"rate must be above 0, got {rate}")
    accuracy = 1 - (1 - rate) ** (2 * epochs)
    return {"accuracy": accuracy, "loss": 1 - accuracy}


def main() -> None:
    for mine in ({}, {"rate": 0.5}):
        with run.Experiment(f"rate_{mine.get('rate', 'default')}", description="Which rate is enough?") as exp:
            settings = run.merge_team_config(run=mine, team=TEAM)
            exp.add(run.Partial(train, **settings.values), name="train")
            exp.add(run.Config(run.quality_check, standards=TEAM), name="quality")
            exp.add(run.code_quality_config, name="code")
            exp.add(run.documentation_config, name="documentation")
            results = exp.run()
        print(f"{exp.name} {settings.values}: accuracy {results.metrics['accuracy']:.2f}")
        for name in ("quality", "code", "documentation"):
            print(f"  {results.gates[name]}")
        status = run.determine_approval_status(results)
        print(f"  score {run.calculate_review_score(results)}, {status}")


if __name__ == "__main__":
    main()
