"""Environment, machine and process, and the capture that holds them all."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from runward.core.hashing import digest_bytes
from runward.tracking.capture import environment as environment_module
from runward.tracking.capture.background import Background
from runward.tracking.capture.environment import (
    capture_environment,
    captured_variables,
    environment_digest,
    normalised_name,
    scan_packages,
)
from runward.tracking.capture.machine import capture_machine, capture_threads, cpu_level, parse_gpus
from runward.tracking.capture.model import Capture, License, Package
from runward.tracking.capture.process import capture_process
from runward.tracking.capture.snapshot import start_capture
from tests.capture.stores import MemoryBlobs, Repository


def install(site: Path, name: str, version: str, origin: object = None, files: dict[str, str] | None = None) -> Path:
    """Lay out a distribution as an installer does."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "INSTALLER").write_text("uv\n")
    rows = "".join(f"{path},,\n" for path in (files or {}))
    (info / "RECORD").write_text(f"{info.name}/RECORD,,\n{rows}")
    for path, content in (files or {}).items():
        (site / path).write_text(content)
    if origin is not None:
        (info / "direct_url.json").write_text(json.dumps(origin))
    return info


def test_scan_agrees_with_importlib() -> None:
    """Same names and versions as the slow way."""
    slow = {normalised_name(item.metadata["Name"]): item.version for item in importlib.metadata.distributions()}
    assert {item.name: item.version for item in scan_packages(sys.path)} == slow


def test_origins(tmp_path: Path) -> None:
    """PEP 610: editable, local folder, archive and repository; credentials in a URL do not stay."""
    install(tmp_path, "plain", "1.0")
    install(
        tmp_path,
        "dir_ed",
        "2",
        {"url": "file:///w/ed", "dir_info": {"editable": True}},
        {"_ed.pth": "/w/ed/src\n"},
    )
    install(tmp_path, "local", "3", {"url": "file:///w/x.whl", "archive_info": {"hashes": {"sha256": "ab"}}})
    install(tmp_path, "remote", "4", {"url": "https://e.org/x.whl", "archive_info": {"hash": "sha256=cd"}})
    vcs = {"vcs": "git", "commit_id": "c0ffee"}
    install(tmp_path, "repo", "5", {"url": "https://u:pw@e.org/r.git", "vcs_info": vcs, "subdirectory": "py"})
    install(tmp_path, "broken", "6", "not an object")
    found = {item.name: item for item in scan_packages([str(tmp_path)])}
    record = (tmp_path / "plain-1.0.dist-info" / "RECORD").read_bytes()
    assert found["plain"] == Package(
        name="plain", version="1.0", installer="uv", record=digest_bytes(record), license=License()
    )
    assert (found["dir-ed"].source, found["dir-ed"].paths) == ("editable", ["/w/ed/src"])
    assert (found["local"].source, found["local"].sha256) == ("local", "ab")
    assert (found["remote"].source, found["remote"].sha256) == ("archive", "cd")
    repo = found["repo"]
    assert (repo.source, repo.url, repo.commit, repo.subdirectory) == (
        "vcs",
        "git+https://e.org/r.git",
        "c0ffee",
        "py",
    )
    assert found["broken"].source == "index"


def test_first_on_the_import_path_wins(tmp_path: Path) -> None:
    """As on import."""
    install(tmp_path / "a", "Some_Pkg", "1")
    install(tmp_path / "b", "some.pkg", "2")
    (package,) = scan_packages([str(tmp_path / "a"), str(tmp_path / "b"), str(tmp_path / "none")])
    assert (package.name, package.version) == ("some-pkg", "1")


def _aged(site: Path) -> None:
    """As if everything had been installed an hour ago."""
    for info in site.glob("*.dist-info"):
        for path in (*info.iterdir(), info):
            os.utime(path, (time.time() - 3600,) * 2)


def test_an_unchanged_package_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of packages cost two stats each; one that was installed anew, or was put beside them, is read."""
    site, cache = tmp_path / "site", tmp_path / "cache"
    plain = install(site, "plain", "1.0")
    install(site, "ed", "2", {"url": "file:///w/ed", "dir_info": {"editable": True}}, {"_ed.pth": "/w/ed/src\n"})
    _aged(site)
    monkeypatch.setattr("runward.tracking.capture.installed._SETTLED_NS", -(10**10))
    first = scan_packages([str(site)], cache)
    assert first == scan_packages([str(site)])
    read = list[str]()
    original = environment_module._package

    def reading(info: Path) -> Package:
        read.extend([info.name] if info.parent == site else [])  # Another run's capture may be under way.
        return original(info)

    monkeypatch.setattr(environment_module, "_package", reading)
    assert scan_packages([str(site)], cache) == first
    assert read == ["ed-2.dist-info"]

    (plain / "RECORD").write_text("plain.py,,\n")
    install(site, "young", "1")
    changed = scan_packages([str(site)], cache)
    assert changed == scan_packages([str(site)])
    assert [package.name for package in changed] == ["ed", "plain", "young"]

    (plain / "direct_url.json").write_text(json.dumps({"url": "https://e.org/x.whl", "archive_info": {}}))
    assert [item.source for item in scan_packages([str(site)], cache)] == ["editable", "archive", "index"]
    for path in cache.iterdir():
        path.write_bytes(b"damaged")
    assert scan_packages([str(site)], cache) == scan_packages([str(site)])


def test_what_was_just_installed_is_read_again(tmp_path: Path) -> None:
    """A RECORD that is written twice within a tick of the clock keeps its times."""
    install(tmp_path / "site", "plain", "1.0")
    scan_packages([str(tmp_path / "site")], tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_digest_is_about_what_would_be_installed() -> None:
    """Not about the order or who installed it."""
    one, two = Package(name="a", version="1"), Package(name="b", version="1")
    assert environment_digest("3.11.7", [one, two]) == environment_digest("3.11.7", [two, one])
    by_pip = msgspec.structs.replace(one, installer="pip")
    assert environment_digest("3.11.7", [one]) == environment_digest("3.11.7", [by_pip])
    newer = msgspec.structs.replace(one, version="2")
    assert environment_digest("3.11.7", [one]) != environment_digest("3.11.7", [newer])
    assert environment_digest("3.11.7", [one]) != environment_digest("3.11.8", [one])


def test_variables_are_an_allow_list() -> None:
    """What changes results is kept; the rest, and secrets among the rest, never."""
    given = {
        "OMP_NUM_THREADS": "2", "CUDA_VISIBLE_DEVICES": "0", "PYTHONHASHSEED": "0", "LANG": "C", "TZ": "UTC",
        "TF_DETERMINISTIC_OPS": "1", "SLURM_JOB_ID": "7", "ATEN_CPU_CAPABILITY": "avx2",
    }  # fmt: skip
    others = {
        "AWS_SECRET_ACCESS_KEY": "x",
        "HOME": "/root",
        "MY_PASSWORD": "x",
        "TF_TOKEN_app": "x",
        "TF_VAR_key": "x",
    }
    masked = {"JAX_API_KEY": "abc"}
    found = captured_variables({**given, **others, **masked})
    assert found == {**given, "JAX_API_KEY": "[redacted:variable]"}


def test_environment_of_this_process() -> None:
    """Version, exact list and digest fit together."""
    snapshot = capture_environment()
    assert snapshot.python == ".".join(map(str, sys.version_info[:3]))
    assert f"msgspec=={msgspec.__version__}" in snapshot.exact()
    assert snapshot.digest == environment_digest(snapshot.python, snapshot.packages)
    if sys.platform == "linux":
        assert any(name.startswith("libc.so") for name in snapshot.libraries)


def test_machine() -> None:
    """What the operating system says, with the threads that were set."""
    machine = capture_machine({"OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "many"})
    assert machine.threads["OMP_NUM_THREADS"] == 3
    assert "MKL_NUM_THREADS" not in machine.threads
    assert machine.cpus >= machine.usable_cpus >= 1
    assert machine.memory_bytes > 1 << 20


def test_threads_of_a_loaded_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked only if the run imported it."""

    class Torch:
        @staticmethod
        def get_num_threads() -> int:
            return 5

    monkeypatch.setitem(sys.modules, "torch", Torch)
    assert capture_threads({}) == {"torch": 5}


@pytest.mark.parametrize(
    ("flags", "level"),
    [
        ("fpu sse4_2 avx avx2 avx512f", "avx512"),
        ("avx avx2", "avx2"),
        ("avx", "avx"),
        ("asimd fp", "neon"),
        ("", ""),
    ],
)
def test_cpu_level(flags: str, level: str) -> None:
    """The widest wins."""
    assert cpu_level(flags) == level


def test_gpu_table() -> None:
    """As nvidia-smi prints it; a line of another shape is skipped."""
    first, second = parse_gpus("NVIDIA H100, 81559, 550.54\nTesla T4, [N/A], 535.1\nFailed to initialize\n")
    assert (first.name, first.memory_bytes, first.driver) == ("NVIDIA H100", 81559 << 20, "550.54")
    assert second.memory_bytes == 0


@pytest.mark.parametrize(
    ("argv", "entry", "flags"),
    [
        (["python", "train.py", "--lr", "1"], "train.py", []),
        (["/usr/bin/python3", "-X", "utf8", "-O", "sub/train.py"], "sub/train.py", ["-X", "utf8", "-O"]),
        (["python", "-m", "pkg.train", "-v"], "-m pkg.train", []),
        (["python", "-c", "print()"], "", []),
        (["python"], "", []),
        (["./train.sh"], "", []),
        ([], "", []),
    ],
)
def test_entry(argv: list[str], entry: str, flags: list[str]) -> None:
    """The script or module that a command starts, and the interpreter's own options."""
    process = capture_process(Path("/work"), argv)
    assert (process.entry, process.flags, process.argv) == (entry, flags, argv)


def test_command_line_secrets_are_masked() -> None:
    """Before anything is kept."""
    process = capture_process(Path("/work"), ["python", "train.py", "--password", "hunter2"])
    assert process.argv[-1] == "[redacted:argument]"


def test_whole_capture(tmp_path: Path) -> None:
    """Head at once, everything at the end, and it survives JSON."""
    repository = Repository(tmp_path / "repo")
    repository.write("train.py")
    repository.write(".gitignore", b"data/\n")
    data = repository.write("data/x.csv", b"1,2\n")
    os.utime(data, (1_000_000_000, 1_000_000_000))
    commit = repository.commit()
    pending = start_capture(repository.root, MemoryBlobs(), tmp_path / "cache")
    assert pending.head is not None
    assert pending.head.commit == commit
    data.read_text()
    capture = pending.finish({"python": 7}, timeout_s=60)
    assert capture.code.commit == commit
    assert [read.relative for read in capture.reads] == ["data/x.csv"]
    assert capture.seeds == {"python": 7}
    assert {"caller", "environment", "machine", "reads"} <= capture.durations_ms.keys()
    assert msgspec.json.decode(msgspec.json.encode(capture), type=Capture) == capture


def test_finishing_in_time_or_saying_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A capture that cannot finish does not block the run for ever."""
    import threading

    gate = threading.Event()
    monkeypatch.setattr("runward.tracking.capture.snapshot.capture_machine", lambda variables: gate.wait(30))
    pending = start_capture(tmp_path, MemoryBlobs())
    with pytest.raises(TimeoutError, match="not done"):
        pending.finish(timeout_s=0.01)
    gate.set()


def test_a_failed_background_job_is_told_to_whoever_asks() -> None:
    """Not swallowed, not printed."""
    job = Background(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        job.result(30)


def test_capturing_loads_nothing_heavy() -> None:
    """Neither the package metadata machinery nor an array library."""
    program = "import sys, runward.tracking.capture.snapshot; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert not {"numpy", "importlib.metadata", "sqlite3", "sqlalchemy"} & set(done.stdout.split())
