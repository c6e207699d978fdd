"""Parts that several experiments share; their dependencies decide the order and carry the values."""

import runward as run


def load(size: int) -> list[float]:
    return [float(index) for index in range(size)]


def scale(load: list[float]) -> list[float]:
    top = max(load)
    return [value / top for value in load]


def evaluate(scale: list[float]) -> dict[str, float]:
    return {"mean": sum(scale) / len(scale)}


def main() -> None:
    builder = run.TeamExperimentBuilder()
    builder.register_component(
        run.ExperimentComponent("load", load).set_parameters({"size": 101}).set_description("Read the data")
    )
    builder.register_component(run.ExperimentComponent("scale", scale, ["load"]).set_description("Scale to 0..1"))
    builder.register_component(run.ExperimentComponent("evaluate", evaluate, ["scale"]).set_description("Measure"))
    for name, description in builder.list_components().items():
        print(f"{name}: {description}")

    experiment = builder.create_experiment(["evaluate"], name="shared parts")
    print(experiment.plan())
    print(f"mean = {experiment.run().metrics['mean']}")


if __name__ == "__main__":
    main()
