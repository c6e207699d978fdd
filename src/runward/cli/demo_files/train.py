"""Three small model families on handwritten digits, trained epoch by epoch.

Example:
    >>> train("mlp", seed=1, epochs=3)["accuracy"] > 0.5
    True
"""

from __future__ import annotations

import io
import time

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import confusion_matrix, log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import runward as run

FAMILIES = ("logistic", "hinge", "mlp")


def make_model(family: str, seed: int | None, learning_rate: float) -> SGDClassifier | MLPClassifier:
    """A model that learns in steps.

    Args:
        family: One of FAMILIES.
        seed: For its random generator; None leaves it to chance.
        learning_rate: Size of a step.
    """
    if family not in FAMILIES:
        raise ValueError(f"family {family!r} is not one of {', '.join(FAMILIES)}")
    if learning_rate <= 0:
        raise ValueError(f"learning_rate = {learning_rate} must be positive")
    if family == "mlp":
        return MLPClassifier((48,), learning_rate_init=learning_rate, random_state=seed)
    loss = "log_loss" if family == "logistic" else "modified_huber"
    return SGDClassifier(loss=loss, learning_rate="constant", eta0=learning_rate, random_state=seed)


def picture(matrix: np.ndarray) -> bytes:
    """A confusion matrix as a PNG: the darker, the more.

    Args:
        matrix: Counts, true digit by row, predicted digit by column.
    """
    share = matrix / matrix.sum(axis=1, keepdims=True)
    pixels = (255 * (1 - np.sqrt(share))).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(np.kron(pixels, np.ones((24, 24), np.uint8)), "L").save(buffer, "PNG")
    return buffer.getvalue()


def train(family: str, seed: int | None, epochs: int = 8, learning_rate: float = 0.002) -> dict[str, float]:
    """Train one model and log its curve, its confusion matrix and its weights.

    Args:
        family: One of FAMILIES.
        seed: For the order of the data and the model; None leaves both to chance.
        epochs: Passes over the training data.
        learning_rate: Size of a step.
    """
    begun = time.perf_counter()
    features, labels = load_digits(return_X_y=True)
    split = train_test_split(features / 16.0, labels, test_size=0.3, random_state=0, stratify=labels)
    x_train, x_test, y_train, y_test = split
    model = make_model(family, seed, learning_rate)
    order = np.random.default_rng(seed)
    for epoch in range(epochs):
        for batch in np.array_split(order.permutation(len(x_train)), 20):
            model.partial_fit(x_train[batch], y_train[batch], classes=np.arange(10))
        probabilities = np.clip(model.predict_proba(x_test), 1e-9, 1)
        accuracy, loss = float(model.score(x_test, y_test)), float(log_loss(y_test, probabilities))
        run.log_metrics({"accuracy": accuracy, "loss": loss}, step=epoch)
    active = run.active_run()
    active.log_bytes(picture(confusion_matrix(y_test, model.predict(x_test))), "confusion.png")
    weights = model.coefs_ if family == "mlp" else [model.coef_]
    buffer = io.BytesIO()
    np.savez(buffer, *weights)
    active.log_bytes(buffer.getvalue(), "model.npz")
    print(f"{family}: accuracy {accuracy:.4f}, loss {loss:.4f}")
    return {"accuracy": accuracy, "loss": loss, "training_time": time.perf_counter() - begun}
