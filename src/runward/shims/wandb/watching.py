"""``wandb.watch``: histograms of a PyTorch model's gradients and weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from runward.interop.frameworks.session import quietly
from runward.shims.wandb.media import Histogram
from runward.shims.wandb.told import once

if TYPE_CHECKING:
    from runward.shims.wandb.runs import Run


def watch(run: Run, models: Any, log: str | None, every: int, first: int) -> list[list[Any]]:
    """Hook into models: every so many batches ``gradients/…`` and ``parameters/…`` join the next step that is logged.

    Args:
        run: Where the histograms go.
        models: One or several of ``torch.nn.Module``.
        log: ``gradients``, ``parameters``, ``all``, or None for nothing.
        every: Batches from one histogram to the next.
        first: How many models were watched before; from the second on, their names begin ``graph_<n>``.

    Returns: Each model's hooks; a hook has ``remove()``.
    """
    return [
        _hooks(run, model, log, every, f"graph_{number}" if number else "")
        for number, model in enumerate(models if isinstance(models, list | tuple) else [models], first)
    ]


def _hooks(run: Run, model: Any, log: str | None, every: int, prefix: str) -> list[Any]:
    if not hasattr(model, "register_forward_hook"):
        once(f"watching a {type(model).__name__}", "torch.nn.Module is watched; log histograms with wandb.Histogram")
        return []
    handles = []
    if log in ("gradients", "all"):
        handles += [
            parameter.register_hook(_every(every, _note(run, f"gradients/{prefix}{name}")))
            for name, parameter in model.named_parameters()
            if parameter.requires_grad
        ]
    if log in ("parameters", "all"):
        handles.append(model.register_forward_hook(_every(every, _weights(run, f"parameters/{prefix}"))))
    return handles


def _every(times: int, act: Callable[..., None]) -> Callable[..., None]:
    count = 0

    def called(*args: Any) -> None:
        nonlocal count
        count += 1
        if count % times == 0:
            act(*args)

    return called


def _note(run: Run, key: str) -> Callable[[Any], None]:
    def note(tensor: Any) -> None:
        with quietly("a watched model"):
            dense = tensor.detach().to_dense() if tensor.is_sparse else tensor.detach()
            run.log({key: Histogram(dense.float().cpu().numpy())}, commit=False)

    return note


def _weights(run: Run, prefix: str) -> Callable[..., None]:
    def note(model: Any, *_: Any) -> None:
        for name, parameter in model.named_parameters():
            _note(run, f"{prefix}{name}")(parameter.data)

    return note
