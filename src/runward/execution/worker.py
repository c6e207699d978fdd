"""The process of one task: ``python -m runward.execution.worker SPEC``.

It stands before the user's first line, so it imports next to nothing. It reads the spec, makes the
interpreter look like the driver's (``sys.path``, working folder, arguments, seed), calls the function
and leaves ``result.json`` (and ``value.pkl`` where the value is not plain data) beside the spec.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

RESULT_FILE = "result.json"
VALUE_FILE = "value.pkl"
_NOT_STARTED = 120


def main(spec_path: str) -> int:
    """Run the task of a spec file. Returns the exit code of the process."""
    with open(spec_path, encoding="utf-8") as file:
        spec = json.load(file)
    folder = os.path.dirname(os.path.abspath(spec_path))
    _imitate_driver(spec)
    try:
        call = _load(spec, folder)
    except BaseException as error:  # noqa: BLE001  border to the user's imports
        why = f"the function {spec['function']} is not found on the executor: {type(error).__name__}: {error}"
        sys.stderr.write(f"{why}\n")
        return _fail(folder, error, why, _NOT_STARTED)
    try:
        value = call()
    except SystemExit as error:
        return _leave(folder, error)
    except BaseException as error:  # noqa: BLE001  border to the user's code
        return _fail(folder, error, f"{type(error).__name__}: {error}", 1)
    _write_result(folder, _keep_value(folder, value))
    return 0


def _imitate_driver(spec: dict[str, Any]) -> None:
    if spec["sys_path"] is not None:
        sys.path[:] = spec["sys_path"]
    sys.argv[:] = spec["argv"]
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    if spec["cwd"] is not None:
        os.chdir(spec["cwd"])
    if spec["seed"] is not None:
        from runward.core.seeding import seed_everything

        seed_everything(spec["seed"])


def _load(spec: dict[str, Any], folder: str) -> Any:
    given = {name: read_value(where) for name, where in spec["upstream"].items()}
    if spec["target"] is None:
        import pickle

        with open(os.path.join(folder, spec["payload"]), "rb") as file:
            fn = pickle.load(file)
        return lambda: fn(**given)
    module, name = spec["target"]
    __import__(module)
    fn = sys.modules[module]
    for part in name.split("."):
        fn = getattr(fn, part)
    return lambda: fn(**{**spec["arguments"], **given})


def _leave(folder: str, request: SystemExit) -> int:
    code = request.code
    if code is None or code == 0:
        _write_result(folder, {"value": None, "metrics": {}})
        return 0
    if not isinstance(code, int):
        sys.stderr.write(f"{code}\n")
        code = 1
    _write_result(folder, {"error": {"type": "SystemExit", "message": str(request.code), "traceback": ""}})
    return code & 0xFF


def _fail(folder: str, error: BaseException, message: str, exit_code: int) -> int:
    import traceback

    shown = error.__traceback__
    while shown is not None and shown.tb_frame.f_code.co_filename == __file__:
        shown = shown.tb_next
    text = "".join(traceback.format_exception(type(error), error, shown))
    sys.stderr.write(text)
    _write_result(folder, {"error": {"type": type(error).__name__, "message": message, "traceback": text}})
    return exit_code


def _keep_value(folder: str, value: Any) -> dict[str, Any]:
    kept: dict[str, Any] = {"metrics": metrics_of(value)}
    if is_json(value):
        return kept | {"value": value}
    try:
        data = _pickle(value)
    except Exception as error:  # noqa: BLE001  pickling runs the user's code
        sys.stderr.write(f"the result cannot be kept: {type(error).__name__}: {error}\n")
        return kept | {"value_error": f"{type(error).__name__}: {error}"}
    with open(os.path.join(folder, VALUE_FILE), "wb") as file:
        file.write(data)
    return kept | {"pickled": True}


def _pickle(value: Any) -> bytes:
    import pickle

    try:
        return pickle.dumps(value)
    except Exception:  # noqa: BLE001  a class of the driver's main script, a lambda: cloudpickle's cases
        import cloudpickle

        return bytes(cloudpickle.dumps(value))


def _write_result(folder: str, result: dict[str, Any]) -> None:
    sys.stdout.flush()
    path = os.path.join(folder, RESULT_FILE)
    with open(path + ".tmp", "w", encoding="utf-8") as file:
        json.dump(result, file)
    os.replace(path + ".tmp", path)


def read_value(folder: str) -> Any:
    """The value that the task of this folder returned.

    Raises:
        ValueError: The task left no value, or its value could not be kept.
        OSError: The files are gone.
    """
    with open(os.path.join(folder, RESULT_FILE), encoding="utf-8") as file:
        result = json.load(file)
    if result.get("pickled"):
        import pickle

        with open(os.path.join(folder, VALUE_FILE), "rb") as stored:
            return pickle.load(stored)
    if "value_error" in result:
        raise ValueError(f"the value in {folder} could not be kept: {result['value_error']}")
    return result.get("value")


def is_json(value: Any) -> bool:
    """Whether JSON gives back exactly this value: plain types only, text keys, no tuples."""
    if value is None or type(value) in (bool, int, float, str):
        return True
    try:
        if type(value) is list:
            return all(map(is_json, value))
        return type(value) is dict and all(type(key) is str and is_json(item) for key, item in value.items())
    except RecursionError:
        return False


def metrics_of(value: Any, prefix: str = "") -> dict[str, float]:
    """The numbers in a returned dict, by dotted name; booleans are no metrics."""
    found: dict[str, float] = {}
    if not isinstance(value, dict):
        return found
    for key, item in value.items():
        if isinstance(item, dict):
            found.update(metrics_of(item, f"{prefix}{key}."))
        elif _is_number(item):
            found[f"{prefix}{key}"] = float(item)
    return found


def _is_number(item: Any) -> bool:
    if isinstance(item, bool | str | bytes):
        return False
    if isinstance(item, float):
        return True
    if isinstance(item, int):
        return abs(item) < 2**1023
    # numpy scalars and tensors of one number
    return getattr(item, "shape", None) == () and str(getattr(item, "dtype", "")).removeprefix(
        "torch."
    ).startswith(("int", "uint", "float", "bfloat", "half"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
