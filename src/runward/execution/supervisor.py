"""The process of a detached experiment: ``python -m runward.execution.supervisor FOLDER``."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from runward.execution.handle import keep_results, load_job
from runward.execution.local import LocalExecutor
from runward.execution.runner import Runner


def main(folder: str) -> int:
    """Run the experiment of a folder. Returns the exit code: 0 if every task succeeded."""
    job = load_job(Path(folder))
    executor = LocalExecutor(job.slots)
    signal.signal(signal.SIGTERM, lambda _number, _frame: executor.cancel())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    runner = Runner(job.name, job.experiment_id, job.tasks, backend=job.factory(), executor=executor, seed=job.seed)
    results = runner.run()
    keep_results(Path(folder), results)
    return 0 if results.succeeded else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
