"""Importable functions for tasks to call."""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple


class Scale:
    def __init__(self, by: float) -> None:
        self.by = by
        self.pid = os.getpid()


class Pair(NamedTuple):
    left: int
    right: int


def value(x: Any = 1) -> Any:
    return x


def scaled(scale: Scale, x: float = 2.0) -> dict[str, Any]:
    return {"result": scale.by * x, "built_in_task": scale.pid == os.getpid(), "pid": os.getpid()}


def add_one(first: int) -> int:
    return first + 1


def total(**parts: int) -> int:
    return sum(parts.values())


def fail(message: str = "no luck") -> None:
    print("about to fail")
    raise RuntimeError(message)


def leave(code: Any) -> None:
    sys.exit(code)


def die(code: int = 0) -> None:
    os._exit(code)


def fail_until(path: str, times: int) -> int:
    done = len(Path(path).read_text()) if Path(path).exists() else 0
    with Path(path).open("a") as file:
        file.write("x")
    if done < times:
        raise RuntimeError(f"attempt {done + 1}")
    return done + 1


def hang(mark: str = "") -> None:
    if mark:
        Path(mark).write_text(str(os.getpid()))
    time.sleep(60)


def ignore_sigterm(mark: str) -> None:
    import signal

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    hang(mark)


def world() -> dict[str, Any]:
    return {
        "executable": sys.executable,
        "cwd": os.getcwd(),
        "argv": sys.argv,
        "path": sys.path,
        "color": os.environ.get("COLOR"),
        "run": os.environ.get("RUNWARD_RUN_ID"),
        "hash": hash("runward"),
        "random": random.random(),
    }


def meet(mine: str, other: str) -> bool:
    """Wait until another task is here too: only possible if both run at the same time."""
    Path(mine).write_text("here")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if Path(other).exists():
            return True
        time.sleep(0.005)
    return False


def note(path: str, word: str) -> None:
    with Path(path).open("a") as file:
        file.write(f"+{word} ")
    with Path(path).open("a") as file:
        file.write(f"-{word} ")


def check_loss(results: Any, limit: float = 1.0) -> dict[str, Any]:
    return {"passed": results.metrics["loss"] <= limit, "seen": sorted(results.tasks)}


check_loss.__runward_check__ = True  # type: ignore[attr-defined]


def check_by_exit(results: Any) -> None:
    sys.exit(0)


def check_interrupted(results: Any) -> None:
    raise KeyboardInterrupt


def unmarked_check(results: Any) -> bool:
    return bool(results.metrics)


check_by_exit.__runward_check__ = True  # type: ignore[attr-defined]
check_interrupted.__runward_check__ = True  # type: ignore[attr-defined]


def report(loss: float, accuracy: float = 0.5) -> dict[str, Any]:
    print(f"loss {loss}")
    return {"loss": loss, "accuracy": accuracy, "deep": {"f1": 0.1, "ok": True}, "note": "text"}
