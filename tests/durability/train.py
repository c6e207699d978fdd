"""A training process: logs points and says so, until it is killed or has logged as many as it was told."""

from __future__ import annotations

import sys
import threading

import runward as run

wanted, project = int(sys.argv[1]), sys.argv[2]
active = run.start("train", project=project, capture=False)
print(active.id, flush=True)
for step in range(wanted):
    active.log_metrics({"loss": 1.0 / (step + 1), "step": step}, step)
    print(step, flush=True)
if len(sys.argv) > 3:
    threading.Event().wait()
active.finish()
