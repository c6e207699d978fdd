"""Workers that a scheduler starts: verifications as jobs of a real Slurm cluster."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from runward.governance.model import NewToken
from runward.repro.jobs_model import JobOptions, JobState, NewVerificationJob
from runward.server.run import LOOPBACK, RunningServer, listen
from runward.testing.plugin import missing
from tests.repro import slurm
from tests.repro.test_rerun import gone
from tests.repro.test_worker import Bench

pytestmark = pytest.mark.slow
NEW = NewVerificationJob("basic", "cluster", JobOptions(sandbox=False))


def _until(there: Callable[[], object], log: Path) -> None:
    deadline = time.monotonic() + 90
    while not there():
        assert time.monotonic() < deadline, log.read_text() if log.exists() else "no output"
        time.sleep(0.1)


def test_slurm_is_an_executor(tmp_path: Path) -> None:
    """``sbatch`` a worker: the job is done on a node; ``scancel`` gives it back and leaves nothing running."""
    if reason := slurm.why_not():
        missing(reason)
    bench, log = Bench(tmp_path), tmp_path / "slurm.out"
    jobs = bench.space.jobs
    token = bench.space.governance.create_token(NewToken("cluster")).secret
    with slurm.slurm() as env, RunningServer(bench.space.dispatcher, listen("127.0.0.1", 0), LOOPBACK) as server:
        env |= {"RUNWARD_URL": server.url, "RUNWARD_TOKEN": token}
        command = f"{sys.executable} -m runward worker --once --unsandboxed --pool cluster --name slurm-$SLURM_JOB_ID-$SLURMD_NODENAME"

        def submit() -> str:
            asked = ["sbatch", "--parsable", "-o", str(log), "--wrap", command]
            return subprocess.run(
                asked, env=env, cwd=tmp_path, check=True, capture_output=True, text=True
            ).stdout.strip()

        job = jobs.request_verification(bench.run_id, NEW)
        number = submit()
        _until(lambda: jobs.get_verification_job(job.id).state.is_terminal, log)
        done = jobs.get_verification_job(job.id)
        assert (done.state, done.verdict) == (JobState.DONE, "reproduced"), done.reason
        assert done.worker in (f"slurm-{number}-n1", f"slurm-{number}-n2")

        bench.flag.touch()
        job = jobs.request_verification(bench.run_id, NEW)
        number = submit()
        pids = bench.begun()
        subprocess.run(["scancel", number], env=env, check=True)
        _until(lambda: jobs.get_verification_job(job.id).state is not JobState.RUNNING, log)
        assert jobs.get_verification_job(job.id).state is JobState.QUEUED
        assert all(gone(pid) for pid in pids)
    bench.space.close()
