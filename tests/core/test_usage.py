"""What a process and those below it use is measured from outside."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from runward.core import nvml
from runward.core.nvml import Gpus
from runward.core.sizes import bytes_of, in_words
from runward.core.usage import Meter, Usage, tree_of, wait
from runward.core.witness import torch_gpu_bytes
from runward.errors import InvalidError

MIB = 1 << 20
FILL = "x = bytearray({} << 20)\nfor i in range(0, len(x), 4096): x[i] = 1\n"


def measured(code: str) -> tuple[int, Usage]:
    """By a small process: what a child is said to have used is at least what its parent did."""
    program = (
        "import subprocess, sys\nimport msgspec\nfrom runward.core.usage import Meter, wait\n"
        f"child = subprocess.Popen([sys.executable, '-c', {code!r}])\nmeter = Meter(child.pid)\n"
        "exit_code, used = wait(child)\nprint(msgspec.json.encode([exit_code, meter.stop(used)]).decode())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return msgspec.json.decode(done.stdout, type=tuple[int, Usage])


def test_a_child_is_measured_to_its_peak() -> None:
    """Also when it let go of the memory long before its end."""
    code, usage = measured(FILL.format(150) + "del x\nsum(range(3_000_000))\nraise SystemExit(3)")
    assert code == 3
    assert usage.peak_memory_bytes is not None
    assert 150 * MIB < usage.peak_memory_bytes < 250 * MIB
    assert usage.cpu_s is not None
    assert usage.cpu_s > 0.01
    assert (usage.peak_gpu_memory_bytes, usage.gpu_percent) == (None, None)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="processes are added up from /proc")
def test_processes_count_together() -> None:
    """Two of 100 MiB at the same time are 200; the greatest one alone would be said elsewhere."""
    child = FILL.format(100) + "print(flush=True)\ninput()"
    code = (
        "import subprocess, sys, time\n"
        f"both = [subprocess.Popen([sys.executable, '-c', {child!r}], stdin=-1, stdout=-1) for _ in range(2)]\n"
        "[one.stdout.readline() for one in both]\n"
        "print('ready', flush=True)\ninput()\n"
        "[one.communicate(b'\\n') for one in both]\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.readline()
    assert len(list(tree_of(process.pid))) == 3
    looked = threading.Event()
    meter = Meter(process.pid)
    look = meter._look

    def noting(*, gpus: bool) -> None:
        look(gpus=gpus)
        looked.set()

    meter._look = noting  # type: ignore[method-assign]
    assert looked.wait(30)
    process.stdin.write(b"\n")
    process.stdin.close()
    _, used = wait(process)
    process.stdout.close()
    usage = meter.stop(used)
    assert usage.peak_memory_bytes is not None
    assert usage.peak_memory_bytes > 200 * MIB


def test_the_memory_of_a_large_parent_is_not_its_childs() -> None:
    """Linux says of every child at least what its parent had; one that was looked at for a while is known better.

    Of a short one too much is said rather than too little: its peak may have been between two looks.
    """
    code = (
        FILL.format(300)
        + "import subprocess, sys\nfrom runward.core.usage import Meter, wait\n"
        + "p = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)\nm = Meter(p.pid)\n"
        + "m._look(gpus=False)\np.stdin.close()\nm._begun -= {}\nprint(m.stop(wait(p)[1]).peak_memory_bytes)"
    )
    long, short = (
        int(subprocess.run([sys.executable, "-c", code.format(s)], capture_output=True, text=True, check=True).stdout)
        for s in (60, 0)
    )
    assert long < 150 * MIB
    assert short > 150 * MIB


def test_this_process_is_measured_from_now_on() -> None:
    """Its processor time; its memory, of which only the peak is known, from its beginning."""
    before = time.process_time()
    meter = Meter(os.getpid())
    sum(range(2_000_000))
    usage = meter.stop()
    assert usage.cpu_s is not None
    assert 0 < usage.cpu_s <= time.process_time() - before + 0.1
    assert usage.peak_memory_bytes is not None
    assert usage.peak_memory_bytes > 10 * MIB


def test_who_was_told_of_an_end_first_does_not_hinder() -> None:
    """``poll`` may have taken the end of a child; then its code is known and no more."""
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.read()
    process.stdout.close()
    process.wait()
    assert wait(process) == (7, None)


def test_pytorch_says_what_it_reserved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over all devices, and only where it is in use."""
    cuda = SimpleNamespace(
        is_initialized=lambda: True, device_count=lambda: 2, max_memory_reserved=lambda i: 100 * (i + 1)
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    assert torch_gpu_bytes() == 300
    cuda.is_initialized = lambda: False
    assert torch_gpu_bytes() == 0
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace())
    assert torch_gpu_bytes() == 0


def test_gpus_are_those_of_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The greatest sum over devices, and how busy those were that the processes used."""
    gpus = Gpus()
    monkeypatch.setattr(gpus, "_devices", ["a", "b"])
    held = {"a": [(7, 100), (8, 900)], "b": [(7, 50), (9, (1 << 64) - 1)]}
    monkeypatch.setattr(Gpus, "_sizes", lambda self, device: held[device])
    monkeypatch.setattr(Gpus, "_busy", lambda self, device: {"a": 80.0, "b": 20.0}[device])
    gpus.look([7])
    held["b"] = []
    gpus.look([7])
    assert (gpus.peak_bytes, gpus.percent(used=False)) == (150, 60.0)


def test_gpus_of_others_are_nobodys_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless it is known otherwise that a GPU was used, as in a container, where the numbers of processes differ."""
    gpus = Gpus()
    monkeypatch.setattr(gpus, "_devices", ["a"])
    monkeypatch.setattr(Gpus, "_sizes", lambda self, device: [(8, 900)])
    monkeypatch.setattr(Gpus, "_busy", lambda self, device: 80.0)
    gpus.look([7])
    assert (gpus.peak_bytes, gpus.percent(used=False), gpus.percent(used=True)) == (0, None, 80.0)


@pytest.mark.parametrize(
    ("chosen", "words"), [(None, ["0", "1"]), ("1", ["1"]), ("", []), ("GPU-ab, 0", ["GPU-ab", "0"])]
)
def test_only_visible_gpus_count(monkeypatch: pytest.MonkeyPatch, chosen: str | None, words: list[str]) -> None:
    """As ``CUDA_VISIBLE_DEVICES`` names them, by number or by id."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if chosen is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", chosen)
    assert nvml._visible(2) == words


@pytest.mark.parametrize(
    ("text", "size"),
    [("8 GiB", 8 << 30), ("8GB", 8_000_000_000), ("1.5 kib", 1536), ("1024", 1024), (" .5 MB ", 500_000), ("7 b", 7)],
)
def test_sizes_are_written_in_words(text: str, size: int) -> None:
    """With the units of 1000 and of 1024."""
    assert bytes_of(text, "max") == size


@pytest.mark.parametrize("text", ["", "GiB", "8 Gi B", "-1 GB", "nan", "0 GB", "1e3"])
def test_what_is_no_size_is_refused(text: str) -> None:
    """With the field that holds it."""
    with pytest.raises(InvalidError, match="max_x"):
        bytes_of(text, "max_x")


def test_sizes_are_read_by_people() -> None:
    """In units of 1024, three figures."""
    assert [in_words(size) for size in (7, 1536, 8 << 30, 3 << 40)] == ["7 bytes", "1.5 KiB", "8 GiB", "3.0 TiB"]
