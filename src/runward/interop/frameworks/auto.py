"""``runward.autolog()``: trainings of known frameworks log by themselves."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

from runward.errors import InvalidError
from runward.interop.frameworks.patching import ImportWatch, Patches
from runward.interop.frameworks.session import quietly

_MODULES = {
    "sklearn": ("sklearn.base",),
    "xgboost": ("xgboost",),
    "lightgbm": ("lightgbm",),
    "keras": ("keras",),
    "lightning": ("lightning.pytorch", "pytorch_lightning"),
    "transformers": ("transformers.trainer",),
}
"""By framework: the modules after whose import its functions can be wrapped."""

_patches = Patches()
_watch = ImportWatch()


def autolog(*, frameworks: Sequence[str] = (), log_models: bool = False, disable: bool = False) -> None:
    """Let trainings of scikit-learn, XGBoost, LightGBM, Keras, PyTorch Lightning and Hugging Face log by themselves.

    It may be called before or after the frameworks are imported; none is imported for it. A training logs to the active
    run; where there is none, to one of its own that ends with it. Nothing that fails in here reaches the training.
    Calling it again changes only the settings.

    Args:
        frameworks: Which ones (``sklearn``, ``xgboost``, ``lightgbm``, ``keras``, ``lightning``, ``transformers``); by
            default all.
        log_models: Whether the trained model is kept as an artifact.
        disable: Give everything back as it was.

    Raises: InvalidError (a framework that is not known).
    """
    if unknown := sorted(set(frameworks) - set(_MODULES)):
        raise InvalidError(f"frameworks {unknown} are not known", hint=f"one of {', '.join(_MODULES)}")
    _watch.stop()
    _patches.undo()
    if disable:
        return
    for framework in frameworks or _MODULES:
        for module in _MODULES[framework]:
            _watch.on(module, _installer(framework, module, log_models))


def _installer(framework: str, module: str, log_models: bool) -> Callable[[], None]:
    def install() -> None:
        with quietly(f"a training by {framework}"):
            # The one place that knows them all; each needs its framework, so it is loaded with it.
            ours: Any = importlib.import_module(f"runward.interop.frameworks.{framework}")
            ours.install(_patches, module, log_models)

    return install
