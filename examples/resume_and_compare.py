"""Go on from a checkpoint in a new run that names the old one, then compare the two side by side."""

import json
import tempfile
from pathlib import Path

import runward as run


def train(checkpoint: Path, steps: int, rate: float) -> None:
    """Take steps from the checkpoint, or from the start where there is none, and leave a new checkpoint."""
    state = json.loads(checkpoint.read_text()) if checkpoint.exists() else {"step": 0, "weight": 3.0}
    for _ in range(steps):
        state["weight"] -= rate * 2 * state["weight"]
        run.log_metric("loss", state["weight"] ** 2, step=state["step"])
        state["step"] += 1
    checkpoint.write_text(json.dumps(state))
    run.log_artifact(checkpoint)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "checkpoint.json"
        with run.start("first half", params={"rate": 0.05}) as first:
            train(checkpoint, steps=5, rate=0.05)
        with run.start("second half", params={"rate": 0.2}, tags={"resumed_from": first.id}) as second:
            train(checkpoint, steps=5, rate=0.2)

    tracking = run.current_workspace().tracking
    for active in (first, second):
        found = tracking.get_run(active.id).run
        loss = found.metrics["loss"]
        print(f"{found.name}: rate {found.params['rate']}, step {loss.last_step}, loss {loss.last:.4f}")
    [resumed] = tracking.search_runs(where=f'tags.resumed_from = "{first.id}"').runs
    compared = tracking.compare([first.id, second.id])
    print(f"resumed by {resumed.name}; compared: {[item.name for item in compared.runs]}")


if __name__ == "__main__":
    main()
