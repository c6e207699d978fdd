"""Shared model configurations: named presets that experiments build on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from runward.config.buildable import Config
from runward.config.targets import did_you_mean
from runward.errors import AlreadyExistsError, InvalidError

_TRANSFORMERS = {"small": (6, 512), "base": (12, 768), "large": (24, 1024)}
"""Layers and hidden size of each preset."""


@dataclass
class SharedModelConfig:
    """A model's configuration that a team shares.

    Attributes:
        model_type: Such as ``transformer``, ``cnn`` or ``mlp``.
        hidden_sizes: Width of each layer.
        dropout_rate: Share of units left out in training, 0 to 1.
        activation: Name of the activation function.
        options: Anything else that the model's constructor takes.

    Raises:
        InvalidError: A width is no positive whole number, or the dropout rate is not from 0 to below 1.
    """

    model_type: str
    hidden_sizes: list[int]
    dropout_rate: float = 0.1
    activation: str = "relu"
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for size in self.hidden_sizes:
            _positive("hidden_sizes", size)
        if not 0 <= self.dropout_rate < 1:
            raise InvalidError(f"dropout_rate must be from 0 to below 1, got {self.dropout_rate!r}")

    def to_config(self, create_model: Callable[..., Any]) -> Config:
        """The configuration of a call ``create_model(model_type=…, hidden_sizes=…, …)``.

        Raises:
            InvalidError: The function does not take these parameters.
        """
        fields = asdict(self)
        return Config(create_model, **{**fields.pop("options"), **fields})


def _positive(what: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidError(f"{what} must be whole numbers of at least 1, got {value!r}")
    return value


class TeamConfigLibrary:
    """Presets for the usual models, and room for the team's own."""

    def __init__(self) -> None:
        self._registered: dict[str, SharedModelConfig] = {}

    def register(self, name: str, config: SharedModelConfig) -> None:
        """Add a configuration of the team under a name.

        Raises:
            AlreadyExistsError: The name is taken.
        """
        if name in self._registered:
            raise AlreadyExistsError(f"the library has a configuration {name!r} already", hint="choose another name")
        self._registered[name] = config

    def get(self, name: str) -> SharedModelConfig:
        """A registered configuration.

        Raises:
            InvalidError: There is none of that name.
        """
        if name not in self._registered:
            raise InvalidError(f"unknown configuration: {name!r}", hint=did_you_mean(name, self._registered))
        return self._registered[name]

    def list_configs(self) -> list[str]:
        """Names of the registered configurations, sorted."""
        return sorted(self._registered)

    @staticmethod
    def get_transformer_config(
        model_size: str = "base", num_layers: int | None = None, hidden_size: int | None = None
    ) -> SharedModelConfig:
        """A transformer: ``small`` (6 layers of 512), ``base`` (12 of 768) or ``large`` (24 of 1024).

        Args:
            model_size: The preset.
            num_layers: Another number of layers than the preset's.
            hidden_size: Another width than the preset's.

        Raises:
            InvalidError: An unknown preset, or a number below 1.
        """
        if model_size not in _TRANSFORMERS:
            raise InvalidError(f"Unknown model size: {model_size!r}", hint=f"sizes are {', '.join(_TRANSFORMERS)}")
        layers, width = _TRANSFORMERS[model_size]
        layers = layers if num_layers is None else _positive("num_layers", num_layers)
        return SharedModelConfig("transformer", [width if hidden_size is None else hidden_size] * layers)

    @staticmethod
    def get_cnn_config(input_channels: int = 3, num_classes: int = 10) -> SharedModelConfig:
        """A convolutional network of four blocks; channels and classes go to the model as options."""
        options = {"input_channels": input_channels, "num_classes": num_classes}
        return SharedModelConfig("cnn", [64, 128, 256, 512], 0.2, options=options)

    @staticmethod
    def get_mlp_config(input_size: int, output_size: int, hidden_sizes: list[int] | None = None) -> SharedModelConfig:
        """A multilayer perceptron, 512-256-128 unless other widths are given; its ends go to the model as options."""
        options = {"input_size": input_size, "output_size": output_size}
        return SharedModelConfig("mlp", hidden_sizes or [512, 256, 128], options=options)
