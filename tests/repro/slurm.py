"""A Slurm cluster of two nodes on this machine, gone when the test is."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from runward.testing.postgres import free_port

_CONFIG = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
ReturnToService=2
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SelectType=select/cons_tres
MailProg=/bin/true
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={first} CPUs=1
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={second} CPUs=1
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
"""
_NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "scancel", "sinfo")


def why_not() -> str:
    """What keeps a cluster from being started here; empty when nothing does."""
    lacking = [name for name in _NEEDED if shutil.which(name, path=_path()) is None]
    return f"no Slurm: {', '.join(lacking)} not found (Debian: slurm-wlm, munge)" if lacking else ""


def _path() -> str:
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])


@contextlib.contextmanager
def slurm() -> Iterator[dict[str, str]]:
    """The environment variables with which its commands are run."""
    # The socket's folder may be written by nobody else, and its path has to be short.
    folder = Path(tempfile.mkdtemp(prefix="rw-slurm-", dir="/tmp"))
    folder.chmod(0o755)
    (folder / "state").mkdir()
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o600)
    ports = {name: free_port() for name in ("port", "first", "second")}
    host = socket.gethostname().split(".")[0]
    config = folder / "slurm.conf"
    config.write_text(_CONFIG.format(host=host, user=getpass.getuser(), folder=folder, **ports))
    env = {**os.environ, "PATH": _path(), "SLURM_CONF": str(config)}
    own = {"key-file": key, "socket": folder / "munge.sock", "pid-file": folder / "munge.pid"}
    own |= {"log-file": folder / "munge.out", "seed-file": folder / "munge.seed"}
    commands = [
        ["munged", "--force", "--foreground", *(f"--{name}={path}" for name, path in own.items())],
        ["slurmctld", "-D"],
        ["slurmd", "-D", "-N", "n1"],
        ["slurmd", "-D", "-N", "n2"],
    ]
    running = list[subprocess.Popen[bytes]]()
    try:
        for number, command in enumerate(commands):
            with open(folder / f"{number}.log", "wb") as log:
                running.append(subprocess.Popen(command, env=env, stdout=log, stderr=log))
            _until_there(folder / "munge.sock")
        _until_idle(env, folder)
        yield env
    finally:
        for process in reversed(running):
            process.terminate()
        for process in running:
            process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _until_there(path: Path) -> None:
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} is missing"
        time.sleep(0.05)


def _until_idle(env: dict[str, str], folder: Path) -> None:
    deadline = time.monotonic() + 60
    command = ["sinfo", "-h", "-t", "idle", "-o", "%D"]
    while subprocess.run(command, env=env, capture_output=True, text=True).stdout.strip() != "2":
        assert time.monotonic() < deadline, "\n".join(path.read_text()[-2000:] for path in folder.glob("*.log"))
        time.sleep(0.2)
