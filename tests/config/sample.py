"""Importable things for configurations to point at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

built: list[str] = []


@dataclass
class Optimizer:
    lr: float = 0.1
    name: str = "sgd"
    betas: tuple[float, float] = (0.9, 0.999)


@dataclass
class Model:
    width: int
    optimizer: Any = None
    layers: list[Any] = field(default_factory=list)
    mode: Literal["train", "eval"] = "train"


class Noisy:
    def __init__(self, tag: str) -> None:
        built.append(tag)
        self.tag = tag


def train(model: Any, epochs: int = 1, *, seed: int | None = None) -> Any:
    return model, epochs, seed


def positional_only(first: int, /, second: int) -> tuple[int, int]:
    return first, second


def variadic(first: int, *rest: int, **named: int) -> tuple[Any, ...]:
    return first, rest, named


def activation(x: float) -> float:
    return x
