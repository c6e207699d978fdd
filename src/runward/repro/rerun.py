"""Running a command again in a clean place: no network, a read-only system, one writable folder."""

from __future__ import annotations

import contextlib
import functools
import glob
import os
import selectors
import shutil
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from runward.errors import InvalidError, SourceMissingError
from runward.repro.model import SandboxKind
from runward.repro.stop import LOOK_S, MARKER, check_stop, dying_with_parent, kill_group, kill_marked, stop_asked

_OUTPUT_BYTES = 64 << 20
_DRAIN_S = 2.0
_KEPT_FREE = 1 << 30
"""Bytes of the disk that a rerun leaves free."""
_NOTHING: Mapping[Path, Path] = {}


class _Watch:
    """Says when a rerun is to be ended from outside."""

    def __init__(self, deadline: float, output_bytes: int, place: Path) -> None:
        self.deadline, self.output_bytes, self._place = deadline, output_bytes, place
        self._reserve = min(_KEPT_FREE, shutil.disk_usage(place).free // 2)
        self.out_of_space = False

    def ends(self) -> bool:
        """Whether somebody asked it to stop, or its disk is nearly full."""
        self.out_of_space |= shutil.disk_usage(self._place).free < self._reserve
        return self.out_of_space or stop_asked()


class RerunOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a rerun went."""

    exit_code: int
    """Negative where a signal ended it."""
    timed_out: bool
    stdout_path: Path
    stderr_path: Path
    truncated: bool
    """More was printed than is kept."""
    out_of_space: bool = False
    """It was ended because it was about to fill the disk."""
    wall_s: float
    sandbox: SandboxKind
    sandbox_note: str
    """What the isolation was, or why there was none."""


def rerun(
    argv: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    timeout_s: float,
    *,
    writable: Path,
    output_dir: Path,
    sandbox: bool = True,
    network: bool = False,
    over: Mapping[Path, Path] = _NOTHING,
    output_bytes: int = _OUTPUT_BYTES,
) -> RerunOutcome:
    """Run a command to its end, or kill it and all it started at the time limit, or before it fills the disk.

    Args:
        argv: The command.
        cwd: Where it runs; below ``writable``.
        env: Its whole environment, such as ``command.clean_environment`` makes.
        timeout_s: Seconds until it is killed.
        writable: The one folder that it may change.
        output_dir: Receives ``stdout`` and ``stderr``.
        sandbox: Isolate with bubblewrap where that works; False or absent, the outcome says that it did not.
        network: Let it use the network, isolated or not.
        over: Files of this machine, and the copies that it is to see in their place.
        output_bytes: How much of each stream is kept.

    Raises:
        InvalidError: The command is empty, or ``cwd`` is not below ``writable``.
        SourceMissingError: Without isolation no file can lie over another one.
        StoppedError: The verification was told to stop; nothing is left running.
    """
    check_stop()
    if not argv or not cwd.is_relative_to(writable):
        raise InvalidError(f"cwd: {cwd} is not below {writable}, or the command is empty", hint="Run inside the tree.")
    kind, note = _isolation(sandbox, network)
    if over and kind == "none":
        raise SourceMissingError(
            f"data {', '.join(map(str, over))} changed since or is gone, lies outside of the run's folder and can be put "
            "back only in an isolated rerun",
            hint="install bubblewrap, or put the data back by hand",
        )
    # With the folder in it, by which the next verification finds what a killed one left running.
    mark = f"{writable}/{uuid.uuid4().hex}"
    before = _bubblewrap(cwd, writable, network, over) if kind == "bubblewrap" else dying_with_parent()
    command = [*before, *argv]
    output_dir.mkdir(parents=True, exist_ok=True)
    paths = output_dir / "stdout", output_dir / "stderr"
    begun = time.monotonic()
    watch = _Watch(begun + timeout_s, output_bytes, writable)
    try:
        with open(paths[0], "wb") as out, open(paths[1], "wb") as err:
            exit_code, timed_out, truncated = _run(command, cwd, {**env, MARKER: mark}, (out, err), watch)
    finally:
        kill_marked(mark)
    check_stop()
    return RerunOutcome(
        exit_code=exit_code,
        timed_out=timed_out,
        stdout_path=paths[0],
        stderr_path=paths[1],
        truncated=truncated,
        out_of_space=watch.out_of_space,
        wall_s=time.monotonic() - begun,
        sandbox=kind,
        sandbox_note=note,
    )


@functools.cache
def probe_bubblewrap() -> str:
    """Try bubblewrap once: an empty string if it isolates here, else why not."""
    program = shutil.which("bwrap")
    if not program:
        return "bubblewrap is not installed"
    command = [program, *_ISOLATE, "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "true"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap does not start: {error}"
    return "" if done.returncode == 0 else f"bubblewrap does not work here: {done.stderr.strip()[-200:]}"


_ISOLATE = (
    "--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent", "--new-session",
)  # fmt: skip


def _isolation(wanted: bool, network: bool) -> tuple[SandboxKind, str]:
    if not wanted:
        return "none", "NOT ISOLATED: switched off; the rerun had the network and could change files"
    if reason := probe_bubblewrap():
        return "none", f"NOT ISOLATED: {reason}; the rerun had the network and could change files"
    reach = "the network, as asked" if network else "no network"
    return "bubblewrap", f"{reach}, read-only system, one writable folder, own processes"


def _bubblewrap(cwd: Path, writable: Path, network: bool, over: Mapping[Path, Path]) -> list[str]:
    isolate = [word for word in _ISOLATE if not (network and word == "--unshare-net")]
    devices = [word for device in sorted(glob.glob("/dev/nvidia*")) for word in ("--dev-bind", device, device)]
    rooms = sorted({_room_of(path) for path in over if not os.path.lexists(path)})
    opened = [word for room in rooms for word in _opened(room)]
    whole = [] if Path("/") in rooms else ["--ro-bind", "/", "/"]
    copies = [word for path, copy in over.items() for word in ("--ro-bind", str(copy), str(path))]
    closed = [word for room in rooms for word in ("--remount-ro", str(room))]
    return [
        shutil.which("bwrap") or "bwrap", *isolate, *whole, *opened, "--dev", "/dev", *devices, "--proc", "/proc",
        *copies, "--bind", str(writable), str(writable), *closed, "--chdir", str(cwd), "--",
    ]  # fmt: skip


def _room_of(path: Path) -> Path:
    """The folder in which a file that is not there can be made to appear: the nearest one above it."""
    return next(folder for folder in path.parents if folder.is_dir())


def _opened(room: Path) -> list[str]:
    """What lets a folder of a read-only system take another file: one in memory that shows all that is in it."""
    words = [] if room == Path("/") else ["--tmpfs", str(room)]
    with os.scandir(room) as entries:
        for entry in sorted(entries, key=lambda one: one.name):
            if entry.is_symlink():
                words += ["--symlink", os.readlink(entry.path), entry.path]
            elif entry.path not in ("/dev", "/proc"):
                words += ["--ro-bind-try", entry.path, entry.path]
    return words


def _run(
    command: list[str], cwd: Path, env: dict[str, str], files: tuple[BinaryIO, BinaryIO], watch: _Watch
) -> tuple[int, bool, bool]:
    null, pipe = subprocess.DEVNULL, subprocess.PIPE
    try:
        process = subprocess.Popen(
            command, cwd=cwd, env=env, stdin=null, stdout=pipe, stderr=pipe, start_new_session=True
        )
    except OSError as error:
        files[1].write(f"{command[0]}: {error}\n".encode())
        return 127, False, False
    with process:
        try:
            truncated = _copy_output(process, files, watch)
            timed_out = process.poll() is None and not watch.out_of_space
        finally:
            kill_group(process)
        return process.wait(), timed_out, truncated


def _copy_output(process: subprocess.Popen[bytes], files: tuple[BinaryIO, BinaryIO], watch: _Watch) -> bool:
    """Copy both streams until they end, time is up, or the command is gone and only orphans hold them."""
    truncated, deadline = False, watch.deadline
    with selectors.DefaultSelector() as selector:
        for stream, file in zip((process.stdout, process.stderr), files, strict=True):
            if stream:
                selector.register(stream, selectors.EVENT_READ, file)
        while selector.get_map() and time.monotonic() < deadline and not watch.ends():
            for key, _ in selector.select(timeout=max(0.0, min(LOOK_S, deadline - time.monotonic()))):
                data = os.read(key.fd, 1 << 16)
                if not data:
                    selector.unregister(key.fileobj)
                truncated |= _keep(data, key.data, watch.output_bytes)
            if process.poll() is not None:
                deadline = min(deadline, time.monotonic() + _DRAIN_S)
    _wait(process, watch)
    return truncated


def _keep(data: bytes, file: BinaryIO, limit: int) -> bool:
    room = limit - file.tell()
    file.write(data[: max(0, room)])
    return len(data) > room


def _wait(process: subprocess.Popen[bytes], watch: _Watch) -> None:
    while (left := watch.deadline - time.monotonic()) > 0 and not watch.ends():
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(min(LOOK_S, left))
            return
