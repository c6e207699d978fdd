"""A training that forks while its run is active: both processes log and say so, without end, or until the parent is told."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading

import runward as run

over = threading.Event()


def log(who: str) -> None:
    """Points of one of the two, each said once it is logged."""
    step = 0
    while not over.is_set():
        active.log_metric(who, float(step), step)
        # One write a line: the other process writes to the same pipe.
        os.write(1, f"{who} {step}\n".encode())
        step += 1


def told() -> None:
    """Ends the logging once there is a line on stdin."""
    sys.stdin.readline()
    over.set()


active = run.start("train", project="p", capture=False)
print(active.id, flush=True)
if sys.argv[1] == "multiprocessing":
    process = multiprocessing.get_context("fork").Process(target=log, args=("child",))
    process.start()
    pid = process.pid or 0
elif (pid := os.fork()) == 0:
    log("child")
os.write(1, f"{pid}\n".encode())
threading.Thread(target=told, daemon=True).start()
log("parent")
active.finish()
os._exit(0)
