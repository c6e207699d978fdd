"""The power fails, the disk errs or fills up: nothing that was acknowledged is lost, doubled or torn.

A power cut is the server's file system as the disk had it at one moment: its image is copied while the server stands
still, so what was only in the system's memory is not in it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runward.testing.plugin import missing
from runward.workspace import open_folder
from tests.durability.conftest import Told
from tests.durability.site import ServerProcess, Traffic, Verdict, times, wait_for

pytestmark = pytest.mark.slow


@contextlib.contextmanager
def _mounted(image: Path, at: Path) -> Iterator[Path]:
    at.mkdir()
    subprocess.run(["mount", "-o", "loop", str(image), str(at)], check=True, capture_output=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", str(at)], check=True, capture_output=True)
        at.rmdir()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An empty ext4 file system in a file."""
    if os.geteuid() != 0 or shutil.which("mkfs.ext4") is None:
        missing("mounting a file-system image needs root and mkfs.ext4")
    made = tmp_path / "disk.img"
    with made.open("wb") as file:
        file.truncate(512 << 20)
    subprocess.run(["mkfs.ext4", "-q", str(made)], check=True, capture_output=True)
    try:
        with _mounted(made, tmp_path / "try"):
            pass
    except subprocess.CalledProcessError as error:
        missing(f"a file-system image cannot be mounted here: {error.stderr.decode().strip()}")
    return made


@pytest.mark.parametrize("turn", range(times(2, 20)))
def test_power_cuts(image: Path, tmp_path: Path, told: Told, turn: int) -> None:
    """Every other turn is of an encrypted workspace: its keys are on the same disk."""
    verdicts, encrypted = list[Verdict](), turn % 2 == 1
    with _mounted(image, tmp_path / "disk") as disk:
        server = ServerProcess(disk / "ws", encrypted=encrypted)
        server.start()
        try:
            traffic = Traffic(server)
            with traffic.running():
                for cut in range(times(3, 10)):
                    traffic.wait_for_more(10 + 3 * cut)
                    verdicts.append(_cut(server, traffic, image, tmp_path))
        finally:
            server.kill()
    told("power cut" + ", encrypted" * encrypted, len(verdicts), verdicts[-1])
    assert verdicts[-1].points > 1000
    assert verdicts[-1].artifacts > 10
    assert [verdict for verdict in verdicts if not verdict.is_good] == []


def _cut(server: ServerProcess, traffic: Traffic, image: Path, folder: Path) -> Verdict:
    assert server.process is not None
    server.process.send_signal(signal.SIGSTOP)
    try:
        # The answers that are on their way have been sent: their clients may take them in before or after this line.
        acknowledged = traffic.acknowledged()
        subprocess.run(["cp", "--sparse=always", str(image), str(folder / "cut.img")], check=True)
    finally:
        server.process.send_signal(signal.SIGCONT)
    with (
        _mounted(folder / "cut.img", folder / "cut") as disk,
        contextlib.closing(open_folder(disk / "ws", "owner")) as space,
    ):
        return acknowledged.judge(space)


@pytest.mark.parametrize("turn", range(times(1, 4)))
@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EROFS], ids=["EIO", "ENOSPC", "EROFS"])
def test_a_disk_that_errs_for_a_while(faults: Path, tmp_path: Path, code: int, told: Told, turn: int) -> None:
    """The server refuses meanwhile, keeps what it had, and goes on by itself when the disk is well again."""
    spells = times(3, 10)
    switch = tmp_path / "switch"
    env = {"LD_PRELOAD": str(faults), "FAULT_SWITCH": str(switch), "FAULT_BELOW": str(tmp_path / "ws")}
    server = ServerProcess(tmp_path / "ws", env)
    server.start()
    try:
        traffic = Traffic(server)
        with traffic.running():
            for _ in range(spells):
                traffic.wait_for_more(10)
                switch.write_text(str(code))
                still = _settled(traffic)
                assert traffic.frames == still
                switch.unlink()
                traffic.wait_for_more(5)
        verdict = traffic.acknowledged().judge(server.connect())
        server.kill()
        with contextlib.closing(open_folder(tmp_path / "ws", "owner")) as space:
            after = traffic.acknowledged().judge(space)
    finally:
        server.kill()
    told(f"disk with {errno.errorcode[code]}", spells, after)
    assert verdict.is_good
    assert after.is_good
    assert after.points > 300
    assert list((tmp_path / "ws" / "blobs").glob(".new-*")) == []


def _settled(traffic: Traffic) -> dict[str, int]:
    """The acknowledgements once none arrive any more."""
    last = [dict(traffic.frames)]

    def quiet() -> bool:
        before, last[0] = last[0], dict(traffic.frames)
        return before == last[0]

    # Two looks that see the same, with more than a commit's time between them.
    wait_for(lambda: quiet() and _pause_and(quiet), "the server to refuse")
    return last[0]


def _pause_and(look: Callable[[], bool]) -> bool:
    wait = [0]

    def tick() -> bool:
        wait[0] += 1
        return wait[0] > 15

    wait_for(tick, "a moment")
    return look()
