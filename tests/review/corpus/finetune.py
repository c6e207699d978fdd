"""Fine-tunes a model with adapters."""

import math
from pathlib import Path
from typing import Literal

import torch
from jsonargparse import CLI


def setup(
    checkpoint_dir: Path,
    out_dir: Path = Path("out/finetune"),
    precision: Literal["bf16-true", "32-true"] = "32-true",
    devices: int = 1,
    max_steps: int = 100,
    micro_batch_size: int = 1,
    accumulate: int = 8,
    learning_rate: float = 3e-4,
) -> None:
    """Fine-tune a checkpoint.

    Arguments:
        checkpoint_dir: The checkpoint to start from.
        out_dir: Where to save.
        precision: Of the weights.
        devices: How many to use.
        max_steps: Steps of the optimizer.
        micro_batch_size: Sequences in a step of one device.
        accumulate: Steps between two updates.
        learning_rate: At its highest.

    Example:
        $ python finetune.py checkpoints/small --devices 2
    """
    if not (checkpoint_dir / "model.pth").is_file():
        raise FileNotFoundError(f"{checkpoint_dir} has no model.pth; download it first")
    if max_steps <= 0:
        raise ValueError(f"max_steps is {max_steps}; it has to be positive")
    try:
        weights = torch.load(checkpoint_dir / "model.pth", weights_only=True, mmap=True)
    except RuntimeError as error:
        raise ValueError(f"{checkpoint_dir} holds no weights") from error
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    fit(weights, device, max_steps, accumulate, learning_rate)
    torch.save(weights, out_dir / "final.pth")


def fit(weights: dict, device: torch.device, max_steps: int, accumulate: int, learning_rate: float) -> float:
    """Take the steps; the last loss is returned."""
    loss = math.inf
    optimizer = torch.optim.AdamW(weights.values(), lr=learning_rate)
    for step in range(max_steps):
        with torch.autocast(device_type=device.type):
            value = sum(weight.to(device).mean() for weight in weights.values())
        value.backward()
        if step % accumulate == 0:
            optimizer.step()
            optimizer.zero_grad()
            loss = value.item()
    return loss


if __name__ == "__main__":
    CLI(setup)
