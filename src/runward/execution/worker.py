"""The process of one task: ``python worker.py SPEC``, or ``python -m runward.execution.worker SPEC``.

It stands before the user's first line, so it imports next to nothing. It reads the spec, makes the
interpreter look like the driver's (``sys.path``, working folder, arguments, seed), calls the function
and leaves ``result.bin`` (and ``value.pkl`` where the value is not plain data) beside the spec.

Both files are in ``marshal`` form: it is built in, while ``json`` and ``typing`` together would double the
time to the user's first line. Whatever else is needed is imported where it is used, for the same reason.
"""

from __future__ import annotations

import marshal
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RESULT_FILE = "result.bin"
VALUE_FILE = "value.pkl"
READS_FILE = "reads.bin"
GPU_FILE = "gpu.bin"
"""The GPU memory that PyTorch reserved, where the task used it."""
MOVED_SUFFIX = ".moved"
"""A verification writes beside a spec where things are now; it never reads the captured spec itself."""
OTHER_SUFFIX = ".other"
"""The spec of another run, from which a rerun that looks for a cause takes something."""
WHOLE_FUNCTION = ""
"""Among what is taken: the function with all that it needs, instead of an argument by name."""
_NOT_STARTED = 120
_DEEPEST = 200
_MOST_OPENED = 100_000


def main(spec_path: str) -> int:
    """Run the task of a spec file. Returns the exit code of the process."""
    spec = read_plain(spec_path)
    if os.path.exists(spec_path + MOVED_SUFFIX):
        spec |= read_plain(spec_path + MOVED_SUFFIX)
        if "taken" in spec:
            spec["packed"] = _mixed(spec["packed"], read_plain(spec_path + OTHER_SUFFIX)["packed"], spec["taken"])
    folder = os.path.dirname(os.path.abspath(spec_path))
    _imitate_driver(spec)
    opened = record_opens() if "RUNWARD_JOURNAL" in os.environ else None
    try:
        return _run(spec, folder)
    finally:
        if opened is not None:
            write_plain(os.path.join(folder, READS_FILE), list(opened.items()))
            if "torch" in sys.modules:
                write_plain(os.path.join(folder, GPU_FILE), _of_core("witness").torch_gpu_bytes())


def _mixed(own: dict[str, Any], other: dict[str, Any], taken: list[str]) -> dict[str, Any]:
    """A packed call with some arguments of another one, or with its function."""
    base = other if WHOLE_FUNCTION in taken else own
    arguments = dict(own["arguments"])
    for name in taken:
        arguments.pop(name, None)
        if name in other["arguments"]:
            arguments[name] = other["arguments"][name]
    return {**base, "arguments": arguments}


def record_opens() -> dict[str, bool]:
    """Note which files are opened from here on, and whether the first opening writes; who asks sorts them later."""
    opened: dict[str, bool] = {}
    writing = os.O_WRONLY | os.O_RDWR

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        # No I/O and no exception may happen here: it runs inside of every open of the process.
        if event == "open" and type(arguments[0]) is str:
            path, mode, flags = arguments
            if path not in opened and len(opened) < _MOST_OPENED:
                opened[path] = mode[:1] in "wxa" if mode else bool((flags or 0) & writing)
        elif event == "sqlite3.connect" and type(arguments[0]) is str:
            opened.setdefault(arguments[0], False)

    sys.addaudithook(note)
    return opened


def _run(spec: dict[str, Any], folder: str) -> int:
    try:
        call = _load(spec, folder)
    except BaseException as error:  # noqa: BLE001  border to the user's imports
        why = f"the function {spec['function']} is not found on the executor: {type(error).__name__}: {error}"
        sys.stderr.write(f"{why}\n")
        return _fail(folder, error, why, _NOT_STARTED)
    try:
        value = _finish(call())
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
    # A verification that makes replicates gives another seed than the captured one.
    seed = os.environ.get("RUNWARD_OTHER_SEED") or spec["seed"]
    if seed is not None:
        _of_core("lazyseed").seed_when_needed(int(seed))


def _of_core(name: str) -> Any:
    # By path: importing the package would take longer than everything else that is done here.
    from importlib.machinery import SourceFileLoader

    # This file runs from a copy, but its code remembers where it was written.
    core = os.path.join(os.path.dirname(os.path.dirname(main.__code__.co_filename)), "core")
    module: Any = type(sys)(f"_runward_{name}")
    SourceFileLoader(module.__name__, os.path.join(core, f"{name}.py")).exec_module(module)
    return module


def _load(spec: dict[str, Any], folder: str) -> Any:
    given = {name: read_value(where) for name, where in spec["upstream"].items()}
    if spec["packed"] is None:
        import pickle

        with open(os.path.join(folder, spec["payload"]), "rb") as file:
            fn = pickle.load(file)
        return lambda: fn(**given)
    call = unpack(spec["packed"])
    return lambda: call(**given)


def _import(module: str, path: str) -> Any:
    __import__(module)
    found = sys.modules[module]
    for part in path.split("."):
        found = getattr(found, part)
    return found


def unpack(packed: dict[str, Any]) -> Any:
    """The call that ``packing.pack`` took apart; it takes further arguments by name.

    Functions sent by value get a world of their own.

    Raises:
        ImportError: A module that a function names is not there.
        AttributeError: Something in such a module is not there.
    """
    world: dict[str, Any] = {"__builtins__": __builtins__}
    function: Any = type(main)
    made = {key: function(parts[0], world, parts[1]) for key, parts in packed["functions"].items()}
    value = _Values(made)
    world |= {name: value(item) for name, item in packed["globals"].items()}
    for key, (_code, _name, qualname, defaults, named, notes) in packed["functions"].items():
        fn = made[key]
        fn.__module__, fn.__qualname__ = world["__name__"], qualname
        fn.__defaults__ = tuple(map(value, defaults)) or None
        fn.__kwdefaults__ = {name: value(item) for name, item in named.items()} or None
        fn.__annotations__ = {name: value(item) for name, item in notes.items()}
    entry, arguments = value(packed["entry"]), packed["arguments"]
    return lambda **given: entry(**{name: value(item) for name, item in arguments.items()}, **given)


class _Values:
    """Makes the values of a packed call; calls happen here, each once."""

    def __init__(self, functions: dict[int, Any]) -> None:
        self._functions = functions
        self._called: dict[int, Any] = {}

    def __call__(self, item: tuple[Any, ...]) -> Any:
        kind, first, *rest = item
        if kind == "plain":
            return first
        if kind == "function":
            return self._functions[first]
        if kind == "object":
            return _import(first, *rest)
        if kind == "module":
            for name in (first, *rest):
                __import__(name)
            return sys.modules[first]
        if kind == "dict":
            return {key: self(part) for key, part in first}
        if kind == "call":
            return self._call(first, *rest)
        parts = [self(part) for part in first]
        return tuple(parts) if kind == "tuple" else parts

    def _call(self, key: int, *call: Any) -> Any:
        if key not in self._called:
            fn, args, kwargs = call
            named = {name: self(part) for name, part in kwargs.items()}
            self._called[key] = self(fn)(*map(self, args), **named)
        return self._called[key]


def _finish(value: Any) -> Any:
    """Run what a call only prepared: the body of an async function. A generator would do nothing unseen."""
    kind = type(value).__name__
    if kind == "coroutine":
        import asyncio

        return asyncio.run(value)
    if kind in ("generator", "async_generator"):
        raise TypeError(f"the function returned a {kind}, so nothing of it has run; return a value, or list(...) of it")
    return value


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
    while shown is not None and shown.tb_frame.f_code.co_filename == main.__code__.co_filename:
        shown = shown.tb_next
    text = "".join(traceback.format_exception(type(error), error, shown))
    sys.stderr.write(text)
    _write_result(folder, {"error": {"type": type(error).__name__, "message": message, "traceback": text}})
    return exit_code


def _keep_value(folder: str, value: Any) -> dict[str, Any]:
    kept: dict[str, Any] = {"metrics": metrics_of(value)}
    if is_plain(value):
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
    write_plain(os.path.join(folder, RESULT_FILE), result)


def write_plain(path: str, value: Any) -> None:
    """Write plain data; a reader sees the whole file or none."""
    with open(path + ".tmp", "wb") as file:
        marshal.dump(value, file)
    os.replace(path + ".tmp", path)


def read_plain(path: str) -> Any:
    """Read what :func:`write_plain` wrote.

    Raises:
        OSError: It is not there.
    """
    with open(path, "rb") as file:
        return marshal.load(file)


def read_value(folder: str) -> Any:
    """The value that the task of this folder returned.

    Raises:
        ValueError: The task left no value, or its value could not be kept.
        OSError: The files are gone.
    """
    result = read_plain(os.path.join(folder, RESULT_FILE))
    if result.get("pickled"):
        import pickle

        with open(os.path.join(folder, VALUE_FILE), "rb") as stored:
            return pickle.load(stored)
    if "value_error" in result:
        raise ValueError(f"the value in {folder} could not be kept: {result['value_error']}")
    return result.get("value")


def is_plain(value: Any, depth: int = 0) -> bool:
    """Whether the value consists of exactly None, bool, int, float, str, bytes, list, tuple and dict."""
    if value is None or type(value) in (bool, int, float, str, bytes):
        return True
    if depth > _DEEPEST:
        return False
    if type(value) in (list, tuple):
        return all(is_plain(item, depth + 1) for item in value)
    return type(value) is dict and all(is_plain(pair, depth + 1) for pair in value.items())


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
    return getattr(item, "shape", None) == () and str(getattr(item, "dtype", "")).removeprefix("torch.").startswith(
        ("int", "uint", "float", "bfloat", "half")
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
