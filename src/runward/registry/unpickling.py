"""What a pickle would import when it is loaded, read from its opcodes. Nothing is imported and nothing is loaded."""

from __future__ import annotations

import pickletools
import re
from typing import Any, BinaryIO, NamedTuple

MAX_BYTES = 64 << 20
"""So much of a pickle is looked at."""
MAX_OPCODES = 1_000_000
"""So many instructions: about a second."""
MAX_NAMES = 200
_MAX_PICKLES = 6
"""PyTorch's older format is five pickles, one after the other, with raw bytes behind them."""
_PUSHES_TEXT = frozenset({"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE", "STRING", "SHORT_BINSTRING"})
_REMEMBERS = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
_RECALLS = frozenset({"GET", "BINGET", "LONG_BINGET"})
_PASSED_OVER = frozenset({"PROTO", "FRAME", "MARK"})
_NAMED = re.compile(rb"c([A-Za-z_][\w.]{0,99})\n([A-Za-z_][\w.]{0,99})\n")
_PUSHED = re.compile(rb"\x8c(.)([A-Za-z_][\w.]{0,99})\x94?\x8c(.)([A-Za-z_][\w.]{0,99})\x94?\x93", re.DOTALL)
"""The two forms in which the usual picklers write a name."""

_MODULES = frozenset(
    [
        "os",
        "posix",
        "nt",
        "subprocess",
        "sys",
        "shutil",
        "socket",
        "ssl",
        "urllib",
        "http",
        "ftplib",
        "smtplib",
        "telnetlib",
        "requests",
        "httpx",
        "aiohttp",
        "webbrowser",
        "importlib",
        "imp",
        "runpy",
        "pkgutil",
        "pty",
        "pdb",
        "bdb",
        "code",
        "codeop",
        "ctypes",
        "cffi",
        "multiprocessing",
        "signal",
        "pickle",
        "_pickle",
        "dill",
        "marshal",
        "tempfile",
        "asyncio",
        "timeit",
        "trace",
        "profile",
        "cProfile",
        "doctest",
        "distutils",
        "setuptools",
        "pip",
        "ensurepip",
        "venv",
        "zipimport",
        "antigravity",
        "platform",
        "commands",
        "popen2",
        "linecache",
        "logging.config",
        "pydoc",
        "idlelib",
        "lib2to3",
        "sqlite3",
        "torch.hub",
        "torch.serialization",
        "torch.utils.cpp_extension",
        "numpy.testing",
        "numpy.distutils",
        "numpy.f2py",
        "torch._inductor",
        "torch.jit",
    ]
)
_NAMES = frozenset(
    [
        "builtins.eval",
        "builtins.exec",
        "builtins.compile",
        "builtins.open",
        "builtins.__import__",
        "builtins.getattr",
        "builtins.setattr",
        "builtins.delattr",
        "builtins.breakpoint",
        "builtins.input",
        "builtins.globals",
        "builtins.locals",
        "builtins.vars",
        "builtins.apply",
        "builtins.execfile",
        "io.open",
        "io.FileIO",
        "_io.open",
        "_io.FileIO",
        "operator.attrgetter",
        "operator.methodcaller",
        "types.FunctionType",
        "types.CodeType",
        "functools.partial",
        "functools.reduce",
        "torch.load",
        "numpy.load",
        "joblib.load",
        "joblib.numpy_pickle.load",
        "cloudpickle.load",
        "cloudpickle.loads",
        "pandas.read_pickle",
        "pandas.eval",
        "pathlib.Path.write_text",
        "pathlib.Path.write_bytes",
    ]
)


class Names(NamedTuple):
    """What a pickle names."""

    imports: list[str]
    """``module.name``, in the order of their first appearance."""
    complete: bool
    """Whether it could be read to its end: False where raw bytes lie inside, it is broken, or it is too long."""


def is_dangerous(name: str) -> bool:
    """Whether an imported name can start programs, run code or touch files, whatever it is called with."""
    name = name.replace("__builtin__.", "builtins.", 1) if name.startswith("__builtin__.") else name
    parts = name.split(".")
    if "?" in parts or name.startswith("copyreg.extension_"):
        return True  # It cannot be told what it is.
    return name in _NAMES or any(".".join(parts[:end]) in _MODULES for end in range(1, len(parts) + 1))


def scan(file: BinaryIO) -> Names:
    """The names that the pickles at the beginning of a file import."""
    data = file.read(MAX_BYTES + 1)
    found: dict[str, None] = {}
    at, left, complete = 0, MAX_OPCODES, len(data) <= MAX_BYTES
    for number in range(_MAX_PICKLES):
        end, left = _walk(data, at, left, found)
        if end is None:
            # The first pickle is what is loaded; what follows it may be an older format's raw bytes.
            complete = complete and number > 0
            break
        at = end
        if at >= len(data):
            break
    if not complete:
        _search(data, found)
    return Names(list(found)[:MAX_NAMES], complete and len(found) <= MAX_NAMES)


def _walk(data: bytes, start: int, left: int, found: dict[str, None]) -> tuple[int | None, int]:
    """(the place behind the pickle that starts here, instructions left); None where it cannot be read to its end."""
    last: list[str] = []
    memo: dict[int, str] = {}
    # Bytes are cut, not copied piece by piece: genops reads from a file object made of them.
    view = data[start:] if start else data
    end = None
    try:
        for opcode, argument, place in pickletools.genops(view):
            left -= 1
            if left <= 0:
                return None, 0
            if opcode.name == "STOP":
                end = start + int(place or 0) + 1
            else:
                _step(opcode.name, argument, last, memo, found)
    except (ValueError, UnicodeDecodeError, IndexError, OverflowError, AttributeError):
        return None, left
    return end, left


def _step(name: str, argument: Any, last: list[str], memo: dict[int, str], found: dict[str, None]) -> None:
    """Follow one instruction. ``last`` holds the newest values on the stack, text as it is and others as a blank."""
    if name in _PUSHES_TEXT:
        last.append(str(argument))
    elif name in _RECALLS:
        last.append(memo.get(int(argument), ""))
    elif name == "MEMOIZE":
        memo[len(memo)] = last[-1] if last else ""
    elif name in _REMEMBERS:
        memo[int(argument)] = last[-1] if last else ""
    elif name in ("GLOBAL", "INST"):
        found[str(argument).replace(" ", ".", 1)] = None
        last.append("")
    elif name == "STACK_GLOBAL":
        module, attribute = ([*["", ""], *last])[-2:]
        found[f"{module or '?'}.{attribute or '?'}"] = None
        last.append("")
    elif name in ("EXT1", "EXT2", "EXT4"):
        found[f"copyreg.extension_{argument}"] = None
        last.append("")
    elif name not in _PASSED_OVER:
        last.append("")
    del last[:-2]


def _search(data: bytes, found: dict[str, None]) -> None:
    """Names in what could not be followed, by the bytes that picklers write them with."""
    for match in _NAMED.finditer(data):
        found[f"{match[1].decode()}.{match[2].decode()}"] = None
    for match in _PUSHED.finditer(data):
        if match[1][0] == len(match[2]) and match[3][0] == len(match[4]):
            found[f"{match[2].decode()}.{match[4].decode()}"] = None
