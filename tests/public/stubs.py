"""What the documents leave to their readers: models, data, training, and the function behind a dict of parameters."""

from __future__ import annotations

from typing import Any


def create_model(model_type: str, hidden_sizes: list[int], dropout_rate: float, activation: str) -> dict[str, Any]:
    return {"type": model_type, "layers": len(hidden_sizes), "dropout": dropout_rate, "activation": activation}


def train_model(model: Any, config: dict[str, Any]) -> dict[str, Any]:
    return {"loss": 1.0 / config["epochs"], "layers": model["layers"] if isinstance(model, dict) else 0}


def load_dataset(dataset_path: str) -> list[int]:
    return [len(dataset_path), 2, 3]


def preprocess_data(data: list[int]) -> list[int]:
    return [2 * item for item in data]


def entry(**parameters: Any) -> dict[str, Any]:
    """A training run that reports what the documents' teams require."""
    metrics = {"accuracy": 0.96, "loss": 0.1, "training_time": 1200.0}
    wanted = parameters.get("evaluation_metrics", [])
    return {**metrics, **dict.fromkeys(wanted, 0.5), **metrics, "learning_rate": parameters.get("learning_rate", 0.0)}
