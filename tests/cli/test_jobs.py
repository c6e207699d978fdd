"""Verifications that others carry out, as people ask for them and as workers run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from runward.repro.jobs_model import JobState
from runward.workspace import FolderWorkspace, open_folder
from tests.cli.conftest import Cli


@pytest.fixture
def space(folder: Path, tmp_path: Path, cli: Cli) -> FolderWorkspace:
    """A workspace with the captured run ``one`` of a command that ends at once, or never where ``flag`` is there."""
    code = "import os, time; print('begun', flush=True); os.path.exists('{0}') and (open('{1}', 'w').close(), time.sleep(600))"
    command = code.format(tmp_path / "flag", tmp_path / "begun")
    assert cli("run", "-n", "one", "-p", "p", "--", sys.executable, "-c", command).code == 0
    return open_folder(folder)


def _worker(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "runward", "worker", "--unsandboxed", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ})


def _until(there: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not there():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_verification_is_queued_listed_carried_out_and_shown(cli: Cli, space: FolderWorkspace) -> None:
    """Asked twice it is a conflict, which names the job."""
    asked = cli.json("verify", "one", "--queue", "--on", "gpu", "--level", "basic", "-m", "stdout=0.5")
    assert (asked["state"], asked["pool"], asked["options"]["margins"]) == ("queued", "gpu", {"stdout": 0.5})
    again = cli("verify", "one", "--queue", "--on", "gpu", "--level", "basic")
    assert again.code == 2
    assert asked["id"] in again.err
    assert cli.json("worker", "--unsandboxed", "--once") == []
    (done,) = cli.json("worker", "--unsandboxed", "--once", "--pool", "gpu", "--name", "w1")
    assert (done["id"], done["state"], done["verdict"], done["worker"]) == (asked["id"], "done", "reproduced", "w1")
    assert cli.json("verifications", "list", "--run", "one", "--state", "done") == [done]
    assert cli.json("verifications", "list", "--project", "p", "--state", "open") == []
    assert cli.json("verifications", "show", done["id"]) == done
    said = cli("verifications", "show", done["id"])
    assert f"verification {done['verification_id']}: reproduced" in said.out
    assert "w1" in cli("verifications", "list").out


def test_waiting_for_a_pool_gives_what_a_local_verification_gives(cli: Cli, space: FolderWorkspace) -> None:
    """The same document and exit code; the talk says who did it."""
    options = ("--level", "basic", "--no-sandbox", "--json")
    here = cli("verify", "one", "--on", "local", *options)
    worker = _worker("--pool", "gpu", "--once", "--idle-exit", "60s", "--name", "w1")
    there = cli("verify", "one", "--on", "gpu", *options)
    worker.communicate(timeout=60)
    assert (there.code, worker.returncode) == (here.code, 0) == (0, 0)
    for document in (local := here.json, elsewhere := there.json):
        document["result"].pop("verification")
        document.pop("certificate")
    assert elsewhere == local
    assert "w1 on " in there.err


def test_what_could_not_be_checked_is_named(folder: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under the verdict too, not as a number alone: nobody else can say what the rerun lacked."""
    monkeypatch.setenv("WALK_BIAS", "7")
    command = "import os; print(os.environ.get('WALK_BIAS'), flush=True)"
    assert cli("run", "-n", "biased", "-p", "p", "--", sys.executable, "-c", command).code == 0
    said = cli("verify", "biased", "--level", "basic", "--no-sandbox")
    assert said.code == 1
    assert "  not checked: variable WALK_BIAS" in said.out.splitlines()


def test_the_certificate_of_an_earned_level_is_written_or_its_lack_is_told(
    cli: Cli, space: FolderWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("cryptography", reason="the extra `sign` is not installed")
    options = ("verify", "one", "--level", "basic", "--no-sandbox")
    assert "--save FILE" in cli(*options).out
    told = cli(*options, "--save", str(tmp_path / "c.json"))
    assert f"certificate: {tmp_path / 'c.json'}" in told.out
    (tmp_path / "key.pem").write_text(cli("key").out)
    assert cli("verify", "--certificate", str(tmp_path / "c.json"), "--key", str(tmp_path / "key.pem")).code == 0
    refused = cli(*options, "--save", str(tmp_path / "nowhere" / "c.json"))
    assert (refused.code, "--save" in refused.err) == (2, True)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "no certificate: the workspace's installation cannot sign" in cli(*options).out


def test_a_job_without_a_result_could_not_be_decided(cli: Cli, space: FolderWorkspace) -> None:
    """Exit code 3 and the reason, as one document."""
    worker = _worker("--once", "--idle-exit", "60s")
    said = cli("verify", "one", "--on", "any", "--level", "statistical", "--metric", "nosuch", "--json")
    worker.communicate(timeout=60)
    assert said.code == 3
    assert "nosuch" in said.json["detail"]


def test_ctrl_c_cancels_what_one_waits_for(cli: Cli, space: FolderWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def pressed(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("runward.cli.jobs.time.sleep", pressed)
    assert cli("verify", "one", "--on", "gpu").code == 130
    (job,) = space.jobs.list_verification_jobs()
    assert (job.state, job.reason) == (JobState.CANCELLED, "cancelled by who waited for it")


def test_a_waiting_job_is_cancelled_by_its_id(cli: Cli, space: FolderWorkspace) -> None:
    asked = cli.json("verify", "one", "--queue")
    found = cli.json("verifications", "cancel", asked["id"], "--reason", "not needed")
    assert (found["state"], found["reason"]) == ("cancelled", "not needed")
    assert cli("verifications", "cancel", asked["id"]).code == 2
    assert cli("verifications", "cancel", "nosuch").code == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_worker_that_is_told_to_end_gives_its_job_back(
    cli: Cli, space: FolderWorkspace, tmp_path: Path, number: signal.Signals
) -> None:
    """And ends well, with the rerun ended."""
    (tmp_path / "flag").touch()
    asked = cli.json("verify", "one", "--queue", "--level", "basic", "--no-sandbox")
    worker = _worker("--json")
    _until((tmp_path / "begun").exists)
    begun = time.monotonic()
    worker.send_signal(number)
    out, err = worker.communicate(timeout=60)
    assert time.monotonic() - begun < 10
    assert (worker.returncode, out) == (0, "[]\n"), err
    assert "goes back to the queue" in err
    job = space.jobs.get_verification_job(asked["id"])
    assert (job.state, job.attempts) == (JobState.QUEUED, 0)


def test_a_policy_verifies_what_finishes(cli: Cli, space: FolderWorkspace) -> None:
    """Set, shown, carried out, taken away."""
    assert cli.json("verifications", "policy", "p") is None
    found = cli.json("verifications", "policy", "p", "--level", "basic", "--on", "gpu", "-m", "loss=0.1")
    assert found["policy"] == {"level": "basic", "pool": "gpu", "margins": {"loss": 0.1}}
    assert "level basic" in cli("verifications", "policy", "p").out
    assert cli("verifications", "policy", "p", "--on", "gpu").code == 2
    for name, code in (("two", 0), ("three", 1)):
        cli("run", "-n", name, "-p", "p", "--", sys.executable, "-c", f"raise SystemExit({code})")
    (job,) = cli.json("verifications", "list", "--project", "p")
    assert (job["run_name"], job["trigger"], job["pool"]) == ("two", "policy", "gpu")
    assert "nothing" in cli("verifications", "policy", "p", "--clear").out
