# Predictions in a table, with the pictures in its cells.
import numpy as np
import wandb

rng = np.random.default_rng(0)
with wandb.init(project="table-quickstart", config={"epochs": 2}) as run:
    for epoch in range(run.config.epochs):
        table = wandb.Table(columns=["id", "image", "guess", "truth"])
        for number in range(3):
            image = wandb.Image(rng.integers(0, 256, (8, 8), dtype=np.uint8))
            table.add_data(f"img_{number}", image, int(rng.integers(10)), number)
        table.add_column("right", [row[2] == row[3] for _, row in table.iterrows()])
        run.log({"test_predictions": table, "accuracy": sum(table.get_column("right")) / 3})
    xs = list(range(5))
    run.log(
        {
            "curves": wandb.plot.line_series(xs, [[x**2 for x in xs], [x**3 for x in xs]], keys=["square", "cube"]),
            "points": wandb.plot.scatter(wandb.Table(data=[[x, -x] for x in xs], columns=["x", "y"]), "x", "y"),
        }
    )
