"""Which reader is meant by a tool's name and a path or URL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from runward.errors import InvalidError, NotFoundError
from runward.interop.imports.aim import AimRepository
from runward.interop.imports.comet import CometArchives
from runward.interop.imports.mlflow import MlflowDatabase
from runward.interop.imports.mlflow_files import MlflowFolder
from runward.interop.imports.mlflow_rest import MlflowServer
from runward.interop.imports.model import Source
from runward.interop.imports.neptune import NeptuneFolder
from runward.interop.imports.parquet import ParquetFolder
from runward.interop.imports.sacred import SacredFolder
from runward.interop.imports.tensorboard import TensorboardFolder
from runward.interop.imports.trackio import TrackioFiles
from runward.interop.imports.wandb import WandbFolder

_READERS: dict[str, Callable[[Path], Source]] = {
    "wandb": WandbFolder,
    "tensorboard": TensorboardFolder,
    "trackio": TrackioFiles,
    "sacred": SacredFolder,
    "comet": CometArchives,
    "aim": AimRepository,
    "parquet": ParquetFolder,
}
TOOLS = ("mlflow", "neptune", *_READERS)
"""The tools whose data can be imported."""


def open_source(tool: str, where: str, artifacts: Path | None = None) -> Source:
    """The reader for a tool's data.

    Args:
        tool: One of :data:`TOOLS`.
        where: Path, or URL where the tool has servers.
        artifacts: Where MLflow's artifacts or Neptune's files lie on this machine, if not where the source says.

    Raises: InvalidError (unknown tool; not that tool's data), NotFoundError (no such path), MissingExtraError.
    """
    if tool not in TOOLS:
        raise InvalidError(f"tool {tool!r} is not known", hint=f"one of {', '.join(TOOLS)}")
    if tool == "mlflow" and where.startswith(("http://", "https://")):
        return MlflowServer(where)
    path = Path(where.removeprefix("sqlite:///").removeprefix("file://")).absolute()
    if not path.exists():
        raise NotFoundError(f"there is nothing at {path}", hint="give the file or folder that the tool wrote")
    if tool == "neptune":
        return NeptuneFolder(path, artifacts)
    return _mlflow(path, artifacts) if tool == "mlflow" else _READERS[tool](path)


def _mlflow(path: Path, artifacts: Path | None) -> Source:
    if path.is_file():
        return MlflowDatabase(path, artifacts)
    if not any(path.glob("*/meta.yaml")):
        for name in ("mlruns", "mlflow.db"):
            if (path / name).exists():
                return _mlflow(path / name, artifacts)
    return MlflowFolder(path, artifacts)
