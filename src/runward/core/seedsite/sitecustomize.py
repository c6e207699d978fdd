"""Looks after a command that Runward started, then gives way to the environment's own ``sitecustomize``.

Python imports the first module of this name that it finds; ``runward run`` puts this folder first. It seeds the
generators where a seed is asked for, and notes which files the command reads.
"""

from __future__ import annotations

import atexit
import importlib.machinery
import importlib.util
import os
import sys

_here = os.path.dirname(os.path.abspath(__file__))
_parent = os.path.dirname(os.path.dirname(os.path.dirname(_here)))
sys.path[:] = [path for path in sys.path if os.path.abspath(path) != _here]

sys.path.append(_parent)
try:
    if os.environ.get("RUNWARD_SEED", "").isdigit():
        from runward.core.seeding import seed_everything

        seed_everything(int(os.environ["RUNWARD_SEED"]))
    if _reads := os.environ.get("RUNWARD_READS"):
        from runward.core.opens import BEFORE_START

        def _leave_reads(folder: str, pid: int) -> None:
            import json

            if os.getpid() == pid:
                with open(os.path.join(folder, f"{pid}.reads"), "w", encoding="utf-8") as file:
                    json.dump(list(BEFORE_START.stop().items()), file)

        BEFORE_START.start()
        atexit.register(_leave_reads, _reads, os.getpid())
finally:
    sys.path.remove(_parent)

_spec = importlib.machinery.PathFinder.find_spec("sitecustomize", sys.path)
if _spec is not None and _spec.loader is not None:
    _spec.loader.exec_module(importlib.util.module_from_spec(_spec))
