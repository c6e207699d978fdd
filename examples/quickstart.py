"""Track a run: parameters, a metric in every step, a file. Then look at what was kept.

Run it anywhere: `python examples/quickstart.py`, then `runward runs list`.
"""

import json
import random
import tempfile
from pathlib import Path

import runward as run


def main() -> None:
    with run.start("quickstart", params={"rate": 0.1, "steps": 20}, seed=7, purpose="To see a run") as active:
        weight = random.uniform(2, 4)
        for step in range(20):
            weight -= 0.1 * 2 * weight
            run.log_metric("loss", weight**2, step=step)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.json"
            path.write_text(json.dumps({"weight": weight}))
            run.log_artifact(path)

    kept = run.current_workspace().tracking.get_run(active.id)
    loss = kept.run.metrics["loss"]
    print(f"{kept.run.name}: {loss.n} losses from {loss.max:.3f} down to {loss.min:.6f}")
    print(f"files: {[artifact.path for artifact in kept.artifacts]}, status: {kept.run.status}")


if __name__ == "__main__":
    main()
