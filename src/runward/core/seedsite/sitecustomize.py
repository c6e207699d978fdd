"""Seeds the generators of a command that Runward started, then gives way to the environment's own ``sitecustomize``.

Python imports the first module of this name that it finds; `runward run --seed` puts this folder first.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys

_here = os.path.dirname(os.path.abspath(__file__))
_parent = os.path.dirname(os.path.dirname(os.path.dirname(_here)))
sys.path[:] = [path for path in sys.path if os.path.abspath(path) != _here]

if os.environ.get("RUNWARD_SEED", "").isdigit():
    sys.path.append(_parent)
    try:
        from runward.core.seeding import seed_everything

        seed_everything(int(os.environ["RUNWARD_SEED"]))
    finally:
        sys.path.remove(_parent)

_spec = importlib.machinery.PathFinder.find_spec("sitecustomize", sys.path)
if _spec is not None and _spec.loader is not None:
    _spec.loader.exec_module(importlib.util.module_from_spec(_spec))
