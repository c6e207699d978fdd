"""The file that tells a worker process what to call."""

from __future__ import annotations

import functools
import importlib.util
import inspect
import marshal
import os
import re
import sys
from collections.abc import Iterable, Mapping
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

import cloudpickle

from runward.config.buildable import Buildable, holds_buildable
from runward.config.identity import source_of
from runward.config.targets import display_name, is_importable, signature_of
from runward.errors import SubmitError
from runward.execution import worker
from runward.execution.packing import pack
from runward.execution.worker import write_plain

SPEC_FILE = "spec.bin"
PAYLOAD_FILE = "call.pkl"
SOURCE_FILE = "source.py"


def given_name(parameter: str, file: str) -> str:
    """What a file of another task's value is kept as, beside a spec: ``given/PARAMETER/FILE``."""
    return f"given/{parameter}/{file}"


def worker_command(folder: Path) -> list[str]:
    """The command line of a worker process for a folder with a spec; the driver's own interpreter.

    The worker's compiled file lies beside the task folders and is started directly: neither runpy nor the
    package is imported, and nothing is compiled again, even where Python may not write bytecode.
    """
    program = folder.parent / "worker.pyc"
    if not program.exists():
        draft = program.with_suffix(".tmp")
        draft.write_bytes(_compiled_worker())
        draft.replace(program)
    return [sys.executable, "-P", str(program), str(folder / SPEC_FILE)]


@functools.cache
def _compiled_worker() -> bytes:
    code = SourceFileLoader(worker.__name__, worker.__file__).get_code(worker.__name__)
    return importlib.util.MAGIC_NUMBER + bytes(12) + marshal.dumps(code)


def write_spec(folder: Path, call: Buildable, upstream: Mapping[str, Path], seed: int | None) -> None:
    """Write the spec of a call, and the pickled call where an import path and plain arguments are not enough.

    A callable that a fresh interpreter cannot import as this very object (main script, notebook, lambda,
    local function, bound method) goes by value, so the driver's script is never executed again.

    Args:
        folder: An existing folder of this attempt.
        call: What to call.
        upstream: Parameter name to the folder of the finished task whose value it gets.
        seed: For :func:`runward.core.seeding.seed_everything`, or ``None``.

    Raises:
        SubmitError: The call holds something that cannot be pickled.
    """
    simple = _takes_keywords(call)
    packed = pack(call) if simple else None
    if packed is None:
        # What needs no building goes as a plain function: its process then need not load the builder.
        ready = call.build()
        if simple and not holds_buildable(call.fn) and not holds_buildable(call.arguments):
            ready = functools.partial(call.fn, **call.arguments)
        (folder / PAYLOAD_FILE).write_bytes(pickle_by_value(ready, call.fn))
    spec = {
        "function": display_name(call.fn),
        "packed": packed,
        "payload": PAYLOAD_FILE,
        "upstream": {name: str(where) for name, where in upstream.items()},
        "seed": seed,
        "cwd": os.getcwd(),
        "sys_path": [entry or os.getcwd() for entry in sys.path],
        "argv": sys.argv or [""],
    }
    write_plain(str(folder / SPEC_FILE), spec)


def write_source(folder: Path, call: Buildable) -> None:
    """Keep the function's source text beside the spec, where Python has it."""
    source = source_of(call.fn)
    if source:
        (folder / SOURCE_FILE).write_text(source, encoding="utf-8")


def _takes_keywords(call: Buildable) -> bool:
    signature = signature_of(call.fn)
    kinds = [] if signature is None else [parameter.kind for parameter in signature.parameters.values()]
    return not call.__positional__ and inspect.Parameter.POSITIONAL_ONLY not in kinds


def pickle_by_value(value: Any, *functions: Any) -> bytes:
    """Pickle a value; what a fresh interpreter cannot import goes by value, the functions' modules included.

    Raises:
        SubmitError: Something cannot be pickled.
    """
    shipped = {module.__name__: module for fn in functions if (module := _module_to_ship(fn)) is not None}
    for module in shipped.values():
        cloudpickle.register_pickle_by_value(module)
    try:
        return bytes(cloudpickle.dumps(value))
    except Exception as error:
        names = ", ".join(map(display_name, functions))
        raise SubmitError(
            f"{names} cannot be sent to its process: {type(error).__name__}: {error}",
            hint="open files, locks, connections and generators stay behind: make them inside the function",
        ) from error
    finally:
        for module in shipped.values():
            cloudpickle.unregister_pickle_by_value(module)


def _module_to_ship(fn: Any) -> Any:
    module = sys.modules.get(getattr(fn, "__module__", None) or "")
    # cloudpickle ships __main__ by value on its own.
    if module is None or module.__name__ == "__main__" or is_importable(module):
        return None
    return module


def upstream_parameters(call: Buildable, dependencies: Iterable[str]) -> dict[str, str]:
    """Parameter name to dependency whose value it gets: named like it, not given, and known."""
    signature = signature_of(call.fn)
    free = set() if signature is None else set(signature.parameters) - set(call.arguments)
    named = {re.sub(r"\W", "_", dependency): dependency for dependency in dependencies}
    return {name: dependency for name, dependency in named.items() if name in free}
