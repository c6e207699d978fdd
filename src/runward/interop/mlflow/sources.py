"""Where a model version says that its files lie, checked with MLflow's texts."""

from __future__ import annotations

import re
from urllib.parse import unquote_plus, urlparse

from runward.interop.mlflow.errors import MlflowError, invalid


def check_source(source: str, key: str, *, prompt: bool) -> None:
    """Refuse a folder of some machine and a path that climbs. ``key`` is what the request names as its origin.

    Raises: MlflowError.
    """
    scheme, colon, _ = source.partition(":")
    has_scheme = bool(colon) and len(scheme) > 1
    if scheme.lower() == "file" or (not has_scheme and (not prompt or source.startswith("/"))):
        raise _local(source, key, prompt)
    plain = _unquoted(source)
    if has_scheme and (".." in re.split(r"[/\\]", plain) or "\0" in plain or "/./" in urlparse(plain).path):
        raise invalid(
            f"Invalid model version source: '{source}'. If supplying a source as an http, https, local file path, ftp, "
            "objectstore, or mlflow-artifacts uri, an absolute path must be provided without relative path references "
            "present. Please provide an absolute path."
        )


def _local(source: str, key: str, prompt: bool) -> MlflowError:
    if prompt:
        return invalid(f"Invalid prompt source: '{source}'. Local source paths are not allowed for prompts.")
    return invalid(
        f"Invalid model version source: '{source}'. To use a local path as a model version source, the {key} request "
        "parameter has to be specified and the local path has to be contained within the artifact directory of the "
        f"run specified by the {key}."
    )


def _unquoted(text: str) -> str:
    """Text without any level of percent signs."""
    while (plain := unquote_plus(text)) != text:
        text = plain
    return text
